"""When a resident says that its instances crash, and when no longer."""

from __future__ import annotations

from resident_builders import a_pool, a_service

from hakobune.core.conditions import ConditionState
from hakobune.core.services.conditions import resident_conditions
from hakobune.core.services.crashes import crash_loop
from hakobune.core.services.model import CrashLoop, Instance, InstanceState

DETAIL = "Container called exit(3)."
LOOP = CrashLoop(since_s=50.0, detail=DETAIL, failures=2, restart_s=102.0)
SERVING = {"r"}


def place(state: InstanceState, failures: int, *, index: int = 0, revision: str = "r", **fields: float) -> Instance:
    return Instance(
        uid=f"{revision}.{index}",
        resident_uid="u",
        revision_uid=revision,
        index=index,
        state=state,
        create_time_s=90.0,
        ready_time_s=fields.get("ready_time_s"),
        restart_s=fields.get("restart_s"),
        failures=failures,
        detail=DETAIL if state is not InstanceState.READY else "",
    )


def resting(failures: int, restart_s: float, *, index: int = 0, revision: str = "r") -> Instance:
    return place(InstanceState.RESTING, failures, index=index, revision=revision, restart_s=restart_s)


def test_given_ends_when_they_are_two_in_a_row_then_the_last_and_the_next_start_are_told() -> None:
    assert crash_loop(a_pool(), SERVING, [resting(1, 101.0)], 100.0) is None
    found = crash_loop(a_pool(), SERVING, [resting(2, 102.0)], 100.0)
    assert found == CrashLoop(since_s=100.0, detail=DETAIL, failures=2, restart_s=102.0)
    found = crash_loop(a_pool(crash_loop=LOOP), SERVING, [resting(3, 110.0)], 106.0)
    assert found == CrashLoop(since_s=50.0, detail=DETAIL, failures=3, restart_s=110.0)


def test_given_a_next_start_when_it_has_not_lived_yet_then_it_is_told_as_before() -> None:
    pool = a_pool(crash_loop=LOOP)
    assert crash_loop(pool, SERVING, [place(InstanceState.STARTING, 2)], 102.0) == LOOP
    ready = place(InstanceState.READY, 2, ready_time_s=102.0)
    assert crash_loop(pool, SERVING, [ready], 103.9) == LOOP
    assert crash_loop(pool, SERVING, [ready], 104.0) is None


def test_given_another_place_that_lives_then_it_is_no_loop() -> None:
    lives = place(InstanceState.READY, 0, index=1, ready_time_s=99.0)
    assert crash_loop(a_pool(), SERVING, [resting(5, 116.0), lives], 100.0) is None


def test_given_a_revision_that_is_not_to_run_then_its_ends_do_not_count() -> None:
    assert crash_loop(a_pool(crash_loop=LOOP), SERVING, [resting(5, 116.0, revision="old")], 100.0) is None


def test_given_a_loop_then_the_condition_is_of_it_until_something_newer_is_told() -> None:
    ready, _, routes = resident_conditions(a_service(crash_loop=LOOP, latest_ready="web-00001-abc"))
    assert (ready.state, ready.reason, ready.since_s) == (ConditionState.FAILED, "REVISION_FAILED", 50.0)
    assert (
        f"2 times in a row by now. The last one: {DETAIL} The next one starts at 1970-01-01T00:01:42" in ready.message
    )
    assert routes.state is ConditionState.SUCCEEDED
    (deploying,) = resident_conditions(a_pool(crash_loop=LOOP, is_reconciling=True))
    assert deploying.state is ConditionState.RECONCILING
    (failed,) = resident_conditions(a_pool(crash_loop=LOOP, ready_reason="REVISION_FAILED", ready_message="no"))
    assert failed.message == "no"
