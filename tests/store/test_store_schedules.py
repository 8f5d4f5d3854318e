"""Schedules and their runs, in every store."""

from __future__ import annotations

from dataclasses import replace

import pytest
from store_factories import Stores

from hakobune.core.errors import AlreadyExists, Code
from hakobune.core.schedules.model import (
    Extension,
    HttpMethod,
    HttpTarget,
    OidcToken,
    Outcome,
    Overlap,
    PubsubTarget,
    RetryConfig,
    Run,
    Schedule,
    ScheduleName,
    ScheduleState,
)
from hakobune.store.api import Page, Store

pytestmark = pytest.mark.anyio


def a_schedule(job: str = "j", location: str = "tokyo", project: str = "p") -> Schedule:
    name = ScheduleName.make(project, location, job)
    return Schedule(
        name=name,
        uid=f"uid-{name}",
        schedule="* * * * *",
        time_zone="Etc/UTC",
        http=HttpTarget(uri="http://127.0.0.1/"),
    )


def a_run(uid: str, schedule: Schedule, *, is_forced: bool = False) -> Run:
    return Run(uid=uid, schedule_uid=schedule.uid, slot_s=60.0, is_forced=is_forced, begun_s=60.5)


async def test_given_a_schedule_when_it_is_stored_and_changed_then_all_of_it_is_found_again(
    store_factory: Stores,
) -> None:
    store = await store_factory.open()
    schedule = replace(
        a_schedule(),
        http=HttpTarget(
            uri="http://127.0.0.1/",
            method=HttpMethod.PUT,
            headers={"A": "早"},
            body=b"\x00\xff",
            oidc=OidcToken(service_account_email="a@b.c", audience="me"),
        ),
        retry=RetryConfig(retry_count=3, max_retry_duration_s=1.5),
        extension=Extension(overlap=Overlap.QUEUE, catch_up_window_s=0.0, jitter_s=2.0),
    )
    await store.write(lambda tx: tx.schedules.add_schedule(schedule))
    changed = replace(
        schedule,
        state=ScheduleState.PAUSED,
        outcome=Outcome(code=Code.UNAVAILABLE, message="no"),
        last_attempt_s=61.25,
        waiting_s=60.0,
        executions=("projects/p/locations/l/jobs/j/executions/e",),
    )
    await store.write(lambda tx: tx.schedules.save_schedule(changed))
    await store.close()
    again = await store_factory.open()
    assert await again.read(lambda tx: tx.schedules.find_schedule(schedule.name)) == changed
    assert await again.read(lambda tx: tx.schedules.schedule_by_uid(schedule.uid)) == changed
    assert await again.read(lambda tx: tx.schedules.schedule_by_uid("other")) is None
    await again.close()


async def test_given_a_name_that_is_taken_when_a_schedule_is_added_then_it_is_refused(store: Store) -> None:
    await store.write(lambda tx: tx.schedules.add_schedule(a_schedule()))
    other = replace(a_schedule(), uid="other", http=None, pubsub=PubsubTarget(topic="projects/p/topics/ttt"))
    with pytest.raises(AlreadyExists, match="jobs/j already exists"):
        await store.write(lambda tx: tx.schedules.add_schedule(other))


async def test_given_schedules_when_they_are_listed_then_they_come_in_order_page_by_page(store: Store) -> None:
    for job, location in (("b", "tokyo"), ("a", "tokyo"), ("b", "osaka"), ("c", "tokyo")):
        schedule = a_schedule(job, location)
        await store.write(lambda tx, schedule=schedule: tx.schedules.add_schedule(schedule))
    await store.write(lambda tx: tx.schedules.add_schedule(a_schedule("a", project="other")))

    async def listed(location: str | None, limit: int, after: str = "") -> list[str]:
        page = Page(limit=limit, after=after)
        found = await store.read(lambda tx: tx.schedules.list_schedules("p", location, page))
        return [f"{one.name.job}/{one.name.location}" for one in found]

    assert await listed("tokyo", 10) == ["a/tokyo", "b/tokyo", "c/tokyo"]
    assert await listed("tokyo", 1, "a/tokyo") == ["b/tokyo"]
    assert await listed(None, 3) == ["a/tokyo", "b/osaka", "b/tokyo"]
    assert await listed(None, 3, "b/osaka") == ["b/tokyo", "c/tokyo"]


async def test_given_runs_when_one_ends_or_its_schedule_goes_then_they_are_gone(store: Store) -> None:
    schedule, other = a_schedule(), a_schedule("other")
    due, forced, elsewhere = a_run("1", schedule), a_run("2", schedule, is_forced=True), a_run("3", other)
    for one in (schedule, other):
        await store.write(lambda tx, one=one: tx.schedules.add_schedule(one))
    for run in (due, forced, elsewhere):
        await store.write(lambda tx, run=run: tx.schedules.save_run(run))
    assert await store.read(lambda tx: tx.schedules.open_run(schedule.uid)) == due
    assert await store.read(lambda tx: tx.schedules.runs_of(schedule.uid)) == [due, forced]
    retried = replace(due, attempts=1, retry_s=70.0, is_held=True)
    await store.write(lambda tx: tx.schedules.save_run(retried))
    assert await store.read(lambda tx: tx.schedules.find_run("1")) == retried
    await store.write(lambda tx: tx.schedules.remove_run("1"))
    assert await store.read(lambda tx: tx.schedules.open_run(schedule.uid)) is None
    await store.write(lambda tx: tx.schedules.remove_schedule(schedule.uid))
    assert await store.read(lambda tx: tx.schedules.find_run("2")) is None
    assert await store.read(lambda tx: tx.schedules.find_run("3")) == elsewhere
