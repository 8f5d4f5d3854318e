"""How SQLite answers our queries: by an index, and at the same cost whatever has piled up."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from store_builders import NOW_S, a_job, an_execution, begin, end

from hakobune.store.api import Page
from hakobune.store.queries import queries
from hakobune.store.sqlite.database import SqliteStore
from hakobune.store.sqlite.schema import migrate

pytestmark = pytest.mark.anyio
HERE = Path(__file__).parent
ALL = Page(limit=1_000)


# -- plans ----------------------------------------------------------------------------------------------------------

# Partial indexes of what is under way, and reads of bounded tables: never history.
BOUNDED = (
    "SCAN CONSTANT",
    "INDEX executions_under_way",
    "INDEX tasks_with_engine",
    "INDEX workflow_executions_stuck",
    "INDEX workflow_executions_hidden",
    "INDEX contents_unused",
)
WALKS = {
    ("outbox", "expired"),
    ("outbox", "release"),
    ("outbox", "take_over"),
    ("outbox", "depth"),
    ("jobs", "totals_by_state"),
    ("changes", "next_leaving"),
    ("jobs", "ready_tasks"),  # walks the results of its two arms
    ("workflows", "totals"),  # a row for each place and state
    ("workflows", "queued_places"),
}


def test_given_every_query_when_planned_then_none_walks_a_whole_table() -> None:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrate(connection)
    walks: list[str] = []
    for room in ("jobs", "operations", "outbox", "changes", "workflows", "objects"):
        for name, statement in queries(room).items():
            marks = statement.count("?")
            parameters: Any = [None] * marks if marks else _Anything()
            plan = connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters).fetchall()
            steps = [row[3] for row in plan]
            bad = [step for step in steps if step.startswith("SCAN") and "VIRTUAL TABLE" not in step]
            bad = [step for step in bad if not any(word in step for word in BOUNDED)]
            if bad and (room, name) not in WALKS:
                walks.append(f"{room}.{name}: {bad}")
    connection.close()
    assert walks == []


def test_given_the_pages_of_lists_when_planned_then_none_sorts_a_whole_list() -> None:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrate(connection)
    lists = [
        ("jobs", "list_jobs"),
        ("jobs", "list_executions"),
        ("jobs", "tasks_from"),
        ("jobs", "ended_attempts"),
        ("jobs", "ended_attempts_of_task"),
        ("jobs", "changed_jobs"),
        ("jobs", "changed_executions"),
        ("jobs", "changed_tasks"),
        ("changes", "buried"),
        ("operations", "newest"),
        ("outbox", "due_timers"),
        ("outbox", "expired"),
        ("workflows", "list_workflows"),
        ("workflows", "list_revisions"),
        ("workflows", "newest_executions"),
        ("workflows", "changed_workflows"),
        ("workflows", "changed_executions"),
        ("workflows", "first_queued"),
        ("workflows", "ended_before"),
        ("workflows", "journal"),
        ("objects", "live_from"),
        ("objects", "versions_from"),
        ("objects", "soft_deleted_from"),
        ("objects", "list_buckets"),
        ("objects", "changed_objects"),
        ("objects", "after_id"),
        ("objects", "hard_due"),
        ("objects", "list_parts"),
        ("objects", "list_multiparts"),
    ]
    sorted_lists = [
        name
        for room, name in lists
        for row in connection.execute(f"EXPLAIN QUERY PLAN {queries(room)[name]}", _Anything()).fetchall()
        if "USE TEMP B-TREE" in row[3]
    ]
    connection.close()
    assert sorted_lists == []


class _Anything(dict[str, object]):
    """A value for every parameter."""

    def __missing__(self, key: str) -> object:
        return 1


async def test_given_ten_thousand_tasks_when_reports_come_in_then_a_turn_costs_the_same_as_with_few(
    tmp_path: Path,
) -> None:
    """Counts the rows that SQLite touches, not seconds."""
    steps: dict[int, int] = {}
    for tasks in (200, 10_000):
        connection = sqlite3.connect(":memory:", isolation_level=None)
        store = SqliteStore.inline(connection)
        job = a_job()
        execution = an_execution(job, tasks=tasks, parallelism=8)
        await store.write(lambda tx, job=job: tx.jobs.add_job(job))
        attempts = await store.write(lambda tx, execution=execution: begin(tx, execution))
        count = 0

        def tick() -> int:
            nonlocal count
            count += 1
            return 0

        connection.set_progress_handler(tick, 10)
        await store.write(lambda tx, attempts=attempts: end(tx, attempts[:30], at_s=NOW_S + 5))
        connection.set_progress_handler(None, 10)
        steps[tasks] = count
        connection.close()
    assert steps[10_000] < steps[200] * 1.2
