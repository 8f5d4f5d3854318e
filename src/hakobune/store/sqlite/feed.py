"""The change feed: what changed after a commit number, each resource once, in its newest picture.

There is no log of changes beside the state: every row carries the number of the commit that last changed it, so the
feed costs a column and can never disagree with what lists show. What is gone leaves a tombstone; the newest
`TOMBSTONES_KEPT` are kept, and a reader that stopped before the oldest of them is told to list again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

from hakobune.core.errors import OutOfRange
from hakobune.core.names import ExecutionName
from hakobune.core.pubsub.names import SubscriptionName, TopicName
from hakobune.store.api import Change, ChangeKind
from hakobune.store.queries import queries
from hakobune.store.sqlite import rows
from hakobune.store.sqlite.jobs import Declarations
from hakobune.store.sqlite.object_rows import bucket_name, object_name
from hakobune.store.sqlite.workflow_rows import execution_from_row, workflow_from_row

TOMBSTONES_KEPT = 10_000
_HORIZON = "feed_horizon"  # the newest commit number of which a tombstone was dropped
_FOR_EVER = (1 << 63) - 1
_ALL = frozenset(ChangeKind)
# Within one commit: a name that went and came back is told in that order.
_ORDER = {
    ChangeKind.REMOVED: 0,
    ChangeKind.JOB: 1,
    ChangeKind.EXECUTION: 2,
    ChangeKind.TASK: 3,
    ChangeKind.WORKFLOW: 4,
    ChangeKind.WORKFLOW_EXECUTION: 5,
    ChangeKind.BUCKET: 6,
    ChangeKind.OBJECT: 7,
    ChangeKind.TOPIC: 8,
    ChangeKind.SUBSCRIPTION: 9,
}


def bury(connection: sqlite3.Connection, seq: int, project: str, name: str) -> None:
    """Leave a tombstone, and drop the one that is too many."""
    sql = queries("changes")
    connection.execute(sql["bury"], {"seq": seq, "project": project, "name": name})
    beyond = connection.execute(sql["tombstone_beyond"], {"keep": TOMBSTONES_KEPT}).fetchone()
    if beyond is not None:
        connection.execute(sql["forget_tombstones"], {"id": beyond["id"]})
        connection.execute(sql["set_meta"], {"key": _HORIZON, "value": str(beyond["seq"])})


def changes(
    connection: sqlite3.Connection,
    declarations: Declarations,
    *,
    since: int,
    limit: int,
    project: str | None,
    kinds: frozenset[ChangeKind] | None,
) -> list[Change]:
    """At most `limit` changes, by commit number. A commit is never cut in two, so a reader that goes on from the last
    number it saw misses nothing; one that is larger than `limit` is given whole."""
    kinds = _ALL if kinds is None else kinds
    if ChangeKind.REMOVED in kinds:
        horizon = connection.execute(queries("changes")["get_meta"], {"key": _HORIZON}).fetchone()
        if horizon is not None and since < int(horizon[0]):
            raise OutOfRange(f"Changes after {since} are no longer kept. List again, and go on from the list's number.")
    reader = _Reader(connection, declarations, project, kinds)
    found = reader.between(since, _FOR_EVER, limit + 1)
    if len(found) <= limit:
        return found
    cut = found[limit].seq
    whole = [change for change in found if change.seq < cut]
    return whole or reader.between(cut - 1, cut, -1)


class _Reader:
    """Reads the changes of some kinds, of one project or of all."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        declarations: Declarations,
        project: str | None,
        kinds: frozenset[ChangeKind],
    ) -> None:
        self._connection = connection
        self._declarations = declarations
        self._project = project
        by_kind = {
            ChangeKind.REMOVED: self._removed,
            ChangeKind.JOB: self._jobs,
            ChangeKind.EXECUTION: self._executions,
            ChangeKind.TASK: self._tasks,
            ChangeKind.WORKFLOW: self._workflows,
            ChangeKind.WORKFLOW_EXECUTION: self._workflow_executions,
            ChangeKind.BUCKET: self._buckets,
            ChangeKind.OBJECT: self._objects,
            ChangeKind.TOPIC: self._topics,
            ChangeKind.SUBSCRIPTION: self._subscriptions,
        }
        self._arms = [read for kind, read in by_kind.items() if kind in kinds]

    def between(self, since: int, until: int, limit: int) -> list[Change]:
        """Changes of the commits after `since` up to `until`: the first `limit` of each kind (-1: all)."""
        parameters = {"since": since, "until": until, "limit": limit, "project": self._project}
        found = [change for read in self._arms for change in read(parameters)]
        return sorted(found, key=lambda change: (change.seq, _ORDER[change.kind], change.name))

    def _rows(self, room: str, name: str, parameters: Mapping[str, object]) -> list[sqlite3.Row]:
        return self._connection.execute(queries(room)[name], parameters).fetchall()

    def _removed(self, parameters: Mapping[str, object]) -> list[Change]:
        found = self._rows("changes", "buried", parameters)
        return [Change(seq=row["seq"], kind=ChangeKind.REMOVED, name=row["name"]) for row in found]

    def _jobs(self, parameters: Mapping[str, object]) -> list[Change]:
        found: list[Change] = []
        for row in self._rows("jobs", "changed_jobs", parameters):
            job = rows.job_from_row(row)
            found.append(Change(seq=row["changed_seq"], kind=ChangeKind.JOB, name=str(job.name), job=job))
        return found

    def _executions(self, parameters: Mapping[str, object]) -> list[Change]:
        found: list[Change] = []
        for row in self._rows("jobs", "changed_executions", parameters):
            fixed = self._declarations.find(self._connection, row["uid"], row["id"])
            execution = rows.execution_from_row(row, fixed)
            name = str(execution.name)
            found.append(Change(seq=row["changed_seq"], kind=ChangeKind.EXECUTION, name=name, execution=execution))
        return found

    def _tasks(self, parameters: Mapping[str, object]) -> list[Change]:
        found: list[Change] = []
        for row in self._rows("jobs", "changed_tasks", parameters):
            name = ExecutionName(
                project=row["e_project"], location=row["e_location"], job=row["e_job"], execution=row["e_execution"]
            )
            task = rows.task_from_row(row, row["e_uid"])
            found.append(Change(seq=row["changed_seq"], kind=ChangeKind.TASK, name=name.task(task.index), task=task))
        return found

    def _workflows(self, parameters: Mapping[str, object]) -> list[Change]:
        found: list[Change] = []
        for row in self._rows("workflows", "changed_workflows", parameters):
            workflow = workflow_from_row(row)
            name = str(workflow.name)
            found.append(Change(seq=row["changed_seq"], kind=ChangeKind.WORKFLOW, name=name, workflow=workflow))
        return found

    def _workflow_executions(self, parameters: Mapping[str, object]) -> list[Change]:
        found: list[Change] = []
        for row in self._rows("workflows", "changed_executions", parameters):
            execution = execution_from_row(row)
            found.append(
                Change(
                    seq=row["changed_seq"],
                    kind=ChangeKind.WORKFLOW_EXECUTION,
                    name=str(execution.name),
                    workflow_execution=execution,
                )
            )
        return found

    def _buckets(self, parameters: Mapping[str, object]) -> list[Change]:
        return [
            Change(seq=row["changed_seq"], kind=ChangeKind.BUCKET, name=bucket_name(row["bucket"]))
            for row in self._rows("objects", "changed_buckets", parameters)
        ]

    def _objects(self, parameters: Mapping[str, object]) -> list[Change]:
        return [
            Change(seq=row["changed_seq"], kind=ChangeKind.OBJECT, name=object_name(row["bucket"], row["name"]))
            for row in self._rows("objects", "changed_objects", parameters)
        ]

    def _topics(self, parameters: Mapping[str, object]) -> list[Change]:
        return [
            Change(
                seq=row["changed_seq"],
                kind=ChangeKind.TOPIC,
                name=str(TopicName(project=row["project"], id=row["topic"])),
            )
            for row in self._rows("pubsub", "changed_topics", parameters)
        ]

    def _subscriptions(self, parameters: Mapping[str, object]) -> list[Change]:
        return [
            Change(
                seq=row["changed_seq"],
                kind=ChangeKind.SUBSCRIPTION,
                name=str(SubscriptionName(project=row["project"], id=row["subscription"])),
            )
            for row in self._rows("pubsub", "changed_subscriptions", parameters)
        ]
