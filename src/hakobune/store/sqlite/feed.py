"""The change feed: what changed after a commit number, each resource once, in its newest picture.

There is no log of changes beside the state: every row carries the number of the commit that last changed it, so the
feed costs a column and can never disagree with what lists show. What is gone leaves a tombstone.
"""

from __future__ import annotations

import sqlite3

from hakobune.core.names import ExecutionName
from hakobune.store.api import Change, ChangeKind
from hakobune.store.queries import queries
from hakobune.store.sqlite import rows


def changes(connection: sqlite3.Connection, *, since: int, limit: int, project: str | None) -> list[Change]:
    """At most `limit` changes, by commit number. A commit is never cut in two: a reader that goes on from the last
    number it saw misses nothing."""
    parameters = {"since": since, "limit": limit + 1, "project": project}
    jobs = queries("jobs")
    found: list[Change] = []
    for row in connection.execute(jobs["changed_jobs"], parameters).fetchall():
        job = rows.job_from_row(row)
        found.append(Change(seq=row["changed_seq"], kind=ChangeKind.JOB, name=str(job.name), job=job))
    for row in connection.execute(jobs["changed_executions"], parameters).fetchall():
        execution = rows.execution_from_row(row)
        found.append(
            Change(
                seq=row["changed_seq"], kind=ChangeKind.EXECUTION, name=str(execution.name), execution=execution
            )
        )
    for row in connection.execute(jobs["changed_tasks"], parameters).fetchall():
        name = ExecutionName(
            project=row["e_project"], location=row["e_location"], job=row["e_job"], execution=row["e_execution"]
        )
        task = rows.task_from_row(row, row["e_uid"])
        found.append(
            Change(seq=row["changed_seq"], kind=ChangeKind.TASK, name=name.task(task.index), task=task)
        )
    prefix = None if project is None else f"projects/{project}/%"
    buried = connection.execute(queries("changes")["buried"], {"since": since, "prefix": prefix, "limit": limit + 1})
    found += [Change(seq=row["seq"], kind=ChangeKind.REMOVED, name=row["name"]) for row in buried.fetchall()]
    found.sort(key=lambda change: (change.seq, change.kind.value, change.name))
    return _whole_commits(found, limit)


def _whole_commits(found: list[Change], limit: int) -> list[Change]:
    if len(found) <= limit:
        return found
    cut = found[limit].seq
    whole = [change for change in found if change.seq < cut]
    # One commit larger than the limit is given whole: nothing is dropped silently.
    return whole or [change for change in found if change.seq == cut]
