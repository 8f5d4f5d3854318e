"""Executions of workflows on virtual time: they wait, rest, end, and survive crashes at every commit."""

from __future__ import annotations

import itertools
import logging
import random
from collections import Counter
from typing import Any

import anyio
import pytest
from workflow_world import NAME, OK, UNAVAILABLE, Nth, World, a_flow, a_get, a_sleep

from hakobune.core.errors import CorruptJournal, FailedPrecondition, NotFound, ResourceExhausted, Unavailable
from hakobune.core.names import WorkflowName
from hakobune.core.workflows.drafts import ExecutionDraft
from hakobune.core.workflows.effects import CallbackRequest, Done, HttpRequest, HttpResponse
from hakobune.core.workflows.events import (
    Answered,
    CallbackArrived,
    CallId,
    CancelRequested,
    Moved,
    Stamped,
    Started,
)
from hakobune.core.workflows.limits import EXECUTION_S_MAX, RETENTION_S, Strictness
from hakobune.core.workflows.machine import Machine
from hakobune.core.workflows.model import ExecutionState
from hakobune.runtime import workflows
from hakobune.runtime.interceptors import NoInterceptor
from hakobune.runtime.rooms import TRIES
from hakobune.runtime.settings import Settings
from hakobune.runtime.workflow_driver import DRIVE, ROOM
from hakobune.runtime.workflow_executions import WorkflowExecutions
from hakobune.store.api import CommitInfo, OutboxCommand, Page
from hakobune.store.workflows_api import ExecutionOrder

pytestmark = pytest.mark.anyio

YEAR_S = 31_536_000.0
ORDER = ExecutionOrder()
PAGE = Page(limit=100)
FOREVER = a_flow(
    "call: events.create_callback_endpoint\nargs: {http_callback_method: POST}\nresult: c",
    """
try:
  call: events.await_callback
  args: {callback: '${c}', timeout: 3600}
  result: got
except:
  as: e
  steps:
  - over: {return: '${e.tags[0]}'}""",
    "return: '${got.http_request.body}'",
)


@pytest.fixture
def anyio_backend(virtual_backend: Any) -> Any:
    return virtual_backend


async def hang(request: HttpRequest, times: int) -> HttpResponse:
    await anyio.sleep_forever()
    raise AssertionError


# -- waits ----------------------------------------------------------------------------------------------------------


async def test_given_steps_without_calls_when_executed_then_two_commits_hold_all_of_it() -> None:
    world = World()
    async with world.up():
        await world.deploy(a_flow("assign: [{x: '${input.n * 2}'}]", "return: '${x}'"))
        before = await world.store.read(lambda tx: tx.seq)
        execution = await world.ended(await world.run('{"n": 21}'))
        after = await world.store.read(lambda tx: tx.seq)
    assert (execution.state, execution.result) == (ExecutionState.SUCCEEDED, "42")
    assert after - before == 2
    assert len(await world.journal(execution)) == 1


async def test_given_an_end_without_a_new_event_when_it_comes_late_then_its_instant_is_that_of_the_end() -> None:
    class Late(NoInterceptor):
        async def before_perform(self, command: OutboxCommand) -> None:
            await anyio.sleep(2)

    world = World()
    async with world.up(watch=Late()):
        await world.deploy(a_flow("return: ok"))
        execution = await world.ended(await world.run())
    assert execution.start_s is not None
    assert execution.end_s == pytest.approx(execution.start_s + 2, abs=0.5)


@pytest.mark.parametrize("seconds", [3.0, 50.0, YEAR_S - 10.0])
async def test_given_a_sleep_when_its_instant_comes_then_it_goes_on_within_a_second(seconds: float) -> None:
    world = World()
    async with world.up():
        await world.deploy(a_flow(a_sleep(seconds), "return: ok"))
        began = await world.run()
        if seconds > 100:
            await world.at_rest(began)
            world.pass_time(seconds - 60)
            await anyio.sleep(40)
            assert (await world.look(began)).state is ExecutionState.ACTIVE
        execution = await world.ended(began)
    assert execution.result == '"ok"'
    assert execution.end_s is not None
    assert seconds <= execution.end_s - began.create_s < seconds + 1.0
    answers = [stamped.event for stamped in (await world.journal(execution))[1:]]
    assert answers == [Answered(call=CallId("0#1"), answer=Done())]


async def test_given_resting_executions_when_all_wait_then_memory_holds_nothing_of_them() -> None:
    world = World()
    async with world.up():
        await world.deploy(a_flow(a_sleep(3600), "return: ok"))
        executions = [await world.run() for _ in range(20)]
        await anyio.sleep(10)
        assert world.executions._seats == {}
        assert (world.wheel._queues, world.wheel._held) == ({}, {})
        assert await world.timers() == 20
        shown = await world.look(executions[0])
        assert [(step.routine, step.step) for step in shown.current_steps] == [("main", "s0")]
    # A start with resting executions looks at none of them.
    world.begin()
    await world.wheel.recover()
    assert world.wheel._queues == {}


async def test_given_many_waits_that_end_at_once_when_woken_then_their_timers_share_commits() -> None:
    world = World()
    async with world.up():
        await world.deploy(a_flow("call: sys.sleep_until\nargs: {time: '${input.at}'}", "return: ok"))
        executions = [await world.run('{"at": "2027-01-15T09:00:00Z"}') for _ in range(50)]
        for execution in executions:
            await world.at_rest(execution)
        wakes: list[int] = []

        class Watch(NoInterceptor):
            async def before_perform(self, command: OutboxCommand) -> None:
                wakes.append(command.id >> 20)

        world.wheel._interceptor = Watch()
        for execution in executions:
            assert (await world.ended(execution, within_s=7_200)).result == '"ok"'
    assert len(wakes) == 50
    assert len(set(wakes)) < 10


async def test_given_a_wait_that_was_moved_when_an_old_timer_fires_then_the_newer_wait_is_not_lost() -> None:
    """The timer of the first wait is still set when a callback ends it, and fires while the second wait is on."""
    world = World()
    source = a_flow(
        "call: events.create_callback_endpoint\nargs: {http_callback_method: POST}\nresult: c",
        "call: events.await_callback\nargs: {callback: '${c}', timeout: 10}",
        a_get("http://slow"),
        a_sleep(100),
        "return: ok",
    )

    async def slow(request: HttpRequest, times: int) -> HttpResponse:
        await anyio.sleep(30)
        return OK

    world.calls.answer = slow
    async with world.up():
        await world.deploy(source)
        execution = await world.run()
        await world.at_rest(execution)
        await world.call_back(execution.name)
        found = await world.ended(execution, within_s=200)
    assert found.result == '"ok"'
    assert found.end_s is not None
    assert 130 <= found.end_s - execution.create_s < 136
    assert len(world.calls.made) == 1


async def test_given_a_clock_that_jumps_ahead_when_waits_are_passed_then_each_ends_once_within_half_a_minute() -> None:
    world = World()
    world.calls.answer = hang
    source = a_flow("""
parallel:
  branches:
  - one: {steps: [{a: {call: http.get, args: {url: 'http://never', timeout: 1800}}}]}
  - two: {steps: [{b: {call: sys.sleep, args: {seconds: 600}}}, {b2: {call: sys.log, args: {text: woke}}}]}""")
    async with world.up():
        await world.deploy(source)
        await world.run()
        await anyio.sleep(1)
        world.clock.jump(3600.0)
        await anyio.sleep(31)
        assert world.calls.texts == ["woke"]
        await anyio.sleep(700)
        assert world.calls.texts == ["woke"]


async def test_given_a_clock_that_is_set_back_when_events_come_then_instants_of_the_journal_still_rise() -> None:
    world = World()
    async with world.up():
        await world.deploy(a_flow(a_get("http://a"), a_sleep(2), a_get("http://b"), "return: ok"))

        async def answer(request: HttpRequest, times: int) -> HttpResponse:
            world.clock.jump(-3600.0)
            return OK

        world.calls.answer = answer
        execution = await world.ended(await world.run(), within_s=20_000)
    assert execution.result == '"ok"'
    instants = [stamped.at_s for stamped in await world.journal(execution)]
    assert instants == sorted(set(instants))
    assert [made.url for made in world.calls.made] == ["http://a/", "http://b/"]


async def test_given_a_retry_block_when_calls_fail_then_they_are_tried_after_1_2_4_and_8_seconds() -> None:
    world = World()
    source = a_flow(
        """
try:
  call: http.get
  args: {url: 'http://shaky'}
  result: r
retry:
  predicate: '${http.default_retry_predicate}'
  max_retries: 6
  backoff: {initial_delay: 1, max_delay: 60, multiplier: 2}""",
        "return: '${r.body}'",
    )

    async def shaky(request: HttpRequest, times: int) -> HttpResponse:
        return UNAVAILABLE if times < 4 else OK

    world.calls.answer = shaky
    async with world.up():
        await world.deploy(source)
        execution = await world.ended(await world.run())
    assert execution.result == '"ok"'
    instants = [made.at_s for made in world.calls.made]
    gaps = [round(later - sooner, 1) for sooner, later in itertools.pairwise(instants)]
    assert gaps == [1.0, 2.0, 4.0, 8.0]
    assert len({made.key for made in world.calls.made}) == 5  # each try is a call of its own


async def test_given_a_year_when_an_execution_still_waits_then_it_fails_with_a_timeout() -> None:
    world = World()
    async with world.up():
        await world.deploy(a_flow(a_sleep(YEAR_S / 2 - 10), a_sleep(YEAR_S - 10), "return: ok"))
        began = await world.run()
        for _ in range(2):
            await world.at_rest(began)
            world.pass_time(YEAR_S / 2)
            await anyio.sleep(60)
        execution = await world.ended(began)
    assert execution.state is ExecutionState.FAILED
    assert execution.error is not None
    assert "TimeoutError" in execution.error.payload
    assert execution.end_s is not None
    assert execution.end_s - execution.create_s == pytest.approx(EXECUTION_S_MAX, abs=130)


# -- callbacks and letters ------------------------------------------------------------------------------------------


async def test_given_a_resting_execution_when_called_back_then_it_goes_on_with_the_request() -> None:
    world = World()
    async with world.up():
        await world.deploy(FOREVER)
        execution = await world.run()
        await world.at_rest(execution)
        await world.call_back(execution.name, b'{"answer": 42}')
        found = await world.ended(execution)
    assert found.state is ExecutionState.SUCCEEDED
    assert found.result is not None
    assert "42" in found.result
    assert world.executions._seats == {}


async def test_given_no_callback_when_the_timeout_comes_then_a_timeout_error_is_raised() -> None:
    world = World()
    async with world.up():
        await world.deploy(FOREVER)
        execution = await world.ended(await world.run(), within_s=3_700)
    assert execution.result == '"TimeoutError"'


async def test_given_many_callbacks_at_once_when_one_slot_is_free_then_each_sender_gets_an_answer() -> None:
    world = World()
    answers: Counter[str] = Counter()
    async with world.up():
        await world.deploy(FOREVER)
        execution = await world.run()
        await world.at_rest(execution)
        (identifier,) = await world.room.questions.list_callbacks(execution.name)

        async def send() -> None:
            request = CallbackRequest(method="POST", url="/", query=(), headers=(), body=b"{}", received_s=0.0)
            try:
                await world.room.deliver_callback(execution.name, identifier, request)
                answers["taken"] += 1
            except (NotFound, ResourceExhausted) as refusal:
                answers[type(refusal).__name__] += 1

        async with anyio.create_task_group() as senders:
            for _ in range(20):
                senders.start_soon(send)
        assert (await world.ended(execution)).state is ExecutionState.SUCCEEDED
        await anyio.sleep(5)
        assert world.executions._seats == {}
    assert answers == {"taken": 1, "NotFound": 19}
    arrived = [entry for entry in await world.journal(execution) if isinstance(entry.event, CallbackArrived)]
    assert len(arrived) == 1


async def test_given_a_callback_of_another_method_or_name_when_sent_then_it_is_refused_and_not_journaled() -> None:
    world = World()
    async with world.up():
        await world.deploy(FOREVER)
        execution = await world.run()
        await world.at_rest(execution)
        with pytest.raises(Exception, match="takes POST only"):
            await world.call_back(execution.name, method="PUT")
        request = CallbackRequest(method="POST", url="/", query=(), headers=(), body=b"{}", received_s=0.0)
        with pytest.raises(NotFound, match="nothing-like-it"):
            await world.room.deliver_callback(execution.name, "nothing-like-it", request)
        await world.at_rest(execution)
        assert len(await world.journal(execution)) == 1


async def test_given_letters_at_every_moment_of_a_driver_when_it_rests_and_wakes_then_none_waits_for_ever() -> None:
    """Senders at all phases of rest, commit and wake; each must be answered soon."""
    world = World()
    source = a_flow(
        "call: events.create_callback_endpoint\nargs: {http_callback_method: POST}\nresult: c",
        "assign: [{n: 0}]",
        """
for:
  value: i
  range: [1, 40]
  steps:
  - await:
      call: events.await_callback
      args: {callback: '${c}', timeout: 3600}
  - count: {assign: [{n: '${n + 1}'}]}
  - nap: {call: sys.sleep, args: {seconds: '${if(i % 2 == 0, 0.01, 7)}'}}""",
        "return: '${n}'",
    )
    taken = 0
    async with world.up():
        await world.deploy(source)
        execution = await world.run()
        await world.at_rest(execution)
        (identifier,) = await world.room.questions.list_callbacks(execution.name)
        rng = random.Random(5)

        async def send() -> None:
            nonlocal taken
            request = CallbackRequest(method="POST", url="/", query=(), headers=(), body=b"{}", received_s=0.0)
            while (await world.look(execution)).state is ExecutionState.ACTIVE:
                try:
                    with anyio.fail_after(20):
                        await world.room.deliver_callback(execution.name, identifier, request)
                    taken += 1
                except (NotFound, ResourceExhausted):
                    await anyio.sleep(rng.choice((0.0, 0.001, 0.3, 2.0)))

        async with anyio.create_task_group() as senders:
            for _ in range(4):
                senders.start_soon(send)
        found = await world.ended(execution)
    assert found.result == "40"
    assert 40 <= taken <= 41  # one may be kept for an await that never came


async def test_given_a_disk_that_is_full_when_a_letter_is_posted_then_its_sender_is_told_and_nothing_is_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World()
    async with world.up():
        await world.deploy(FOREVER)
        execution = await world.run()
        await world.at_rest(execution)
        (identifier,) = await world.room.questions.list_callbacks(execution.name)
        real = world.store.write

        async def full(unit: Any) -> Any:
            raise ResourceExhausted("full")

        monkeypatch.setattr(world.store, "write", full)
        request = CallbackRequest(method="POST", url="/", query=(), headers=(), body=b"1", received_s=0.0)
        with pytest.raises(ResourceExhausted, match="full"):
            await world.room.deliver_callback(execution.name, identifier, request)
        assert world.executions._seats == {}
        monkeypatch.setattr(world.store, "write", real)
        await world.call_back(execution.name, b'"second"')
        found = await world.ended(execution)
    assert found.result is not None
    assert "second" in found.result


async def test_given_a_runtime_that_stops_when_a_letter_waits_then_its_sender_is_told_to_try_again() -> None:
    world = World()
    refusals: list[Exception] = []

    async def cancel(execution: Any) -> None:
        try:
            await world.room.cancel(execution.name)
        except Unavailable as refusal:
            refusals.append(refusal)

    async with anyio.create_task_group() as callers, world.up():
        await world.deploy(a_flow(a_sleep(3600), "return: ok"))
        execution = await world.run()
        await world.at_rest(execution)

        async def stuck(*_: Any, **__: Any) -> None:
            await anyio.sleep_forever()

        world.executions._load = stuck  # type: ignore[method-assign, assignment]  # it is stopped while it loads
        callers.start_soon(cancel, execution)
        await anyio.sleep(1)
    assert len(refusals) == 1
    async with world.up():
        assert (await world.look(execution)).state is ExecutionState.ACTIVE


class _Cursed:
    """The first drives fail, whatever they are for."""

    def __init__(self, failures: int) -> None:
        self.left = failures

    async def before_perform(self, command: OutboxCommand) -> None:
        if self.left and command.kind == DRIVE:
            self.left -= 1
            raise KeyError("cursed")

    async def after_perform(self, command: OutboxCommand) -> None:
        del command


async def test_given_a_drive_that_is_given_up_when_it_is_cancelled_then_a_later_drive_does_not_run_it() -> None:
    world = World()
    async with world.up(watch=_Cursed(TRIES)):
        await world.deploy(a_flow(a_get("https://example.com/never"), "return: ok"))
        execution = await world.run()
        found = await world.room.cancel(execution.name)
        assert found.state is ExecutionState.CANCELLED
        await anyio.sleep(10)
        assert world.calls.made == []
        assert (await world.look(execution)).state is ExecutionState.CANCELLED


async def test_given_a_letter_that_arrives_while_the_execution_comes_to_rest_when_posted_then_it_is_taken() -> None:
    world = World()
    posted: list[str] = []

    class Watch(Nth):
        def after_commit(self, info: CommitInfo) -> None:
            row = world.disk.execute("SELECT count(*) FROM timers").fetchone()
            if row[0] and not posted:  # it rests, and nobody knows yet
                posted.append("begun")
                callers.start_soon(post)

    async def post() -> None:
        await world.executions.post(execution, CancelRequested(), None)
        posted.append("taken")

    async with anyio.create_task_group() as callers, world.up(interceptor=Watch(lambda _: "")):
        await world.deploy(a_flow(a_sleep(3600), "return: ok"))
        execution = await world.run()
        assert (await world.ended(execution)).state is ExecutionState.CANCELLED
        await anyio.sleep(1)
    assert posted == ["begun", "taken"]


async def test_given_a_callback_and_its_timeout_at_once_when_the_callback_is_first_then_only_that_is_journaled() -> (
    None
):
    world = World()
    async with world.up():
        await world.deploy(
            FOREVER.replace("3600", "4").replace(
                "return: '${got", "call: sys.sleep\n      args: {seconds: 1}\n  - last:\n      return: '${got"
            )
        )
        execution = await world.run()
        await anyio.sleep(1)
        world.pass_time(10)
        await world.call_back(execution.name, b'"in time"')
        found = await world.ended(execution)
    assert found.result == '"in time"'
    assert [type(entry.event) for entry in await world.journal(execution)] == [Started, CallbackArrived, Answered]


async def test_given_an_execution_that_ends_while_it_is_cancelled_when_the_letter_comes_late_then_it_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World()
    real = WorkflowExecutions.post

    async def late(self: WorkflowExecutions, execution: Any, event: Any, check: Any) -> None:
        await world.ended(execution)
        await real(self, execution, event, check)

    monkeypatch.setattr(WorkflowExecutions, "post", late)
    async with world.up():
        await world.deploy(a_flow(a_sleep(3), "return: ok"))
        execution = await world.run()
        with pytest.raises(FailedPrecondition, match="has ended: SUCCEEDED"), anyio.fail_after(30):
            await world.room.cancel(execution.name)


async def test_given_a_start_with_many_executions_under_way_when_loaded_then_few_journals_are_read_at_once() -> None:
    world = World()
    world.calls.answer = hang
    async with world.up():
        await world.deploy(a_flow(a_get("http://a"), "return: ok"))
        for _ in range(200):
            await world.run()
        await anyio.sleep(1)
    world.begin()
    at_once = [0, 0]
    real = world.store.read

    async def read(unit: Any) -> Any:
        at_once[0] += 1
        at_once[1] = max(at_once)
        await anyio.sleep(0.01)
        found = await real(unit)
        at_once[0] -= 1
        return found

    world.store.read = read  # type: ignore[method-assign, assignment]
    await world.wheel.recover()
    async with anyio.create_task_group() as group:
        await group.start(world.wheel.run)
        await anyio.sleep(10)
        assert world.calls.under_way == 200
        group.cancel_scope.cancel()
    assert 2 <= at_once[1] <= 20


# -- cancelling and deleting ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("phase", ["calling", "resting", "soon", "queued"])
async def test_given_an_execution_in_any_phase_when_cancelled_then_it_is_over_and_its_calls_are_given_up(
    phase: str,
) -> None:
    world = World()
    world.calls.answer = hang
    step = {"resting": a_sleep(3600), "soon": a_sleep(4)}.get(phase, a_get("http://never"))
    if phase == "queued":
        world.settings = Settings(directory=world.settings.directory, project="p", workflow_executions_max=0)
    async with world.up():
        await world.deploy(a_flow(step, "return: ok"))
        execution = await world.run()
        await anyio.sleep(1)
        found = await world.room.cancel(execution.name)
        assert found.state is ExecutionState.CANCELLED
        assert found.end_s is not None
        await anyio.sleep(0.1)
        assert world.calls.under_way == 0
        assert world.calls.given_up == (1 if phase == "calling" else 0)
        with pytest.raises(FailedPrecondition, match="has ended: CANCELLED"):
            await world.room.cancel(execution.name)
        assert await world.timers() == 0
        await anyio.sleep(5_000)
        assert (await world.look(execution)).state is ExecutionState.CANCELLED
        assert world.executions._seats == {}


async def test_given_a_cancel_and_an_end_that_race_when_both_come_then_one_wins_and_the_other_is_told() -> None:
    outcomes: Counter[str] = Counter()
    for delay_s in (0.0, 0.5, 0.999, 1.0, 1.001, 1.5):
        world = World()

        async def later(request: HttpRequest, times: int) -> HttpResponse:
            await anyio.sleep(1.0)
            return OK

        world.calls.answer = later
        async with world.up():
            await world.deploy(a_flow(a_get("http://a"), "return: ok"))
            execution = await world.run()
            await anyio.sleep(delay_s)
            try:
                told = (await world.room.cancel(execution.name)).state
            except FailedPrecondition:
                told = ExecutionState.SUCCEEDED
            assert (await world.look(execution)).state is told
            outcomes[told] += 1
    assert set(outcomes) == {ExecutionState.CANCELLED, ExecutionState.SUCCEEDED}


@pytest.mark.parametrize("phase", ["calling", "resting", "loading"])
async def test_given_a_workflow_that_is_deleted_when_its_executions_live_then_they_stop_and_leave_nothing(
    phase: str,
) -> None:
    world = World()
    world.calls.answer = hang
    async with world.up():
        await world.deploy(a_flow(a_sleep(3600) if phase == "resting" else a_get("http://never"), "return: ok"))
        execution = await world.run()
        if phase != "loading":
            await anyio.sleep(1)
        await world.room.changes.delete(NAME)
        await anyio.sleep(1)
        assert world.calls.under_way == 0
        assert world.executions._seats == {}
        assert await world.timers() == 0
        with pytest.raises(NotFound):
            await world.look(execution)
        assert await world.load() == {}
    assert world.disk.execute("SELECT count(*) FROM workflow_journal").fetchone()[0] == 0
    assert world.disk.execute("SELECT count(*) FROM workflow_executions").fetchone()[0] == 0


async def test_given_an_endless_loop_without_limits_when_its_workflow_is_deleted_then_it_stops_and_others_go_on() -> (
    None
):
    world = World()
    world.settings = Settings(directory=world.settings.directory, project="p", limits=Strictness.OFF)
    other = WorkflowName(project="p", location="tokyo", workflow="other")
    async with world.up():
        await world.deploy("main:\n  steps:\n  - a: {assign: [{x: 1}]}\n  - b: {next: a}")
        await world.deploy(a_flow(a_get("http://a"), "return: ok"), other)
        await world.run()
        for _ in range(20):
            await anyio.lowlevel.checkpoint()
        assert (await world.ended(await world.run(name=other))).result == '"ok"'
        await world.room.changes.delete(NAME)
        await anyio.sleep(1)
        assert world.executions._seats == {}


# -- what cannot go on ----------------------------------------------------------------------------------------------


async def test_given_a_journal_that_cannot_be_read_when_loaded_then_it_waits_as_unavailable_and_others_go_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.CRITICAL, "hakobune.workflows")
    world = World()
    async with world.up():
        await world.deploy(a_flow(a_sleep(100), "return: ok"))
        bad, good = await world.run(), await world.run()
        await world.at_rest(bad)
        await world.at_rest(good)
    with world.disk:
        world.disk.execute(
            "UPDATE workflow_journal SET entry = CAST(replace(entry, '\"v\":1,', '\"v\":99,') AS BLOB) WHERE execution_id = "
            "(SELECT id FROM workflow_executions WHERE uid = ?)",
            (bad.uid,),
        )
    async with world.up():
        assert (await world.ended(good, within_s=200)).result == '"ok"'
        stuck = await world.look(bad)
        assert stuck.state is ExecutionState.UNAVAILABLE
        assert "version 99" in stuck.state_detail
        assert await world.load() == {ExecutionState.UNAVAILABLE: 1, ExecutionState.SUCCEEDED: 1}
        assert await world.timers() == 0
    # A version that can read it goes on at its start.
    with world.disk:
        world.disk.execute("UPDATE workflow_journal SET entry = CAST(replace(entry, '\"v\":99,', '\"v\":1,') AS BLOB)")
    async with world.up():
        found = await world.ended(bad)
    assert (found.state, found.result, found.state_detail) == (ExecutionState.SUCCEEDED, '"ok"', "")


async def test_given_a_bug_in_a_call_when_it_raises_then_letters_are_answered_and_the_execution_can_be_cancelled(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.CRITICAL, "hakobune.workflows")
    world = World()

    async def bug(request: HttpRequest, times: int) -> HttpResponse:
        await anyio.sleep(1)
        raise RuntimeError("a bug of ours")

    world.calls.answer = bug
    async with world.up():
        await world.deploy(a_flow(a_get("http://a"), "return: ok"))
        execution = await world.run()
        found = await world.until(execution, lambda found: found.state is ExecutionState.UNAVAILABLE)
        assert "a bug of ours" in found.state_detail
        assert "ExceptionGroup" not in found.state_detail
        assert (await world.room.cancel(execution.name)).state is ExecutionState.CANCELLED
        assert world.executions._seats == {}


async def test_given_a_bug_in_the_machine_when_a_letter_meets_it_then_its_sender_does_not_wait_for_ever(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "hakobune.workflows")
    world = World()
    async with world.up():
        await world.deploy(FOREVER)
        execution = await world.run()
        await world.at_rest(execution)
        real = Machine.feed

        def feed(self: Machine, stamped: Stamped) -> None:
            if isinstance(stamped.event, CallbackArrived):
                raise CorruptJournal("a bug")
            real(self, stamped)

        monkeypatch.setattr(Machine, "feed", feed)
        with pytest.raises(Unavailable), anyio.fail_after(10):
            await world.call_back(execution.name)
        assert (await world.look(execution)).state is ExecutionState.UNAVAILABLE
        assert len(await world.journal(execution)) == 1


async def test_given_a_lost_revision_when_loaded_or_promoted_then_only_that_execution_waits(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.CRITICAL, "hakobune.workflows")
    world = World()
    world.settings = Settings(directory=world.settings.directory, project="p", workflow_executions_max=1)
    other = WorkflowName(project="p", location="tokyo", workflow="other")
    async with world.up():
        await world.deploy(a_flow(a_sleep(50), "return: ok"))
        await world.deploy(a_flow("return: fine"), other)
        active = await world.run()
        queued, last = await world.run(), await world.run(name=other)
        await world.at_rest(active)
        uid = (await world.room.questions.get(NAME)).uid
    with world.disk:
        world.disk.execute("DELETE FROM workflow_revisions WHERE workflow_uid = ?", (uid,))
    async with world.up():
        assert (await world.ended(last, within_s=100)).result == '"fine"'
        states = [(await world.look(execution)).state for execution in (active, queued)]
    assert states == [ExecutionState.UNAVAILABLE] * 2


async def test_given_an_entry_that_is_written_already_when_appended_then_the_execution_is_set_aside(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.CRITICAL, "hakobune.workflows")
    world = World()

    async def answer(request: HttpRequest, times: int) -> HttpResponse:
        with world.disk:
            world.disk.execute("INSERT INTO workflow_journal (execution_id, seq, entry) VALUES (1, 1, x'00')")
        return OK

    world.calls.answer = answer
    async with world.up():
        await world.deploy(a_flow(a_get("http://a"), "return: ok"))
        execution = await world.run()
        found = await world.until(execution, lambda found: found.state is ExecutionState.UNAVAILABLE)
        assert "written already" in found.state_detail
        assert ROOM not in world.wheel.rooms.stopped


# -- quota ----------------------------------------------------------------------------------------------------------


async def test_given_a_quota_when_it_is_used_up_then_others_queue_and_begin_in_their_order() -> None:
    world = World()
    world.settings = Settings(directory=world.settings.directory, project="p", workflow_executions_max=2)

    async def slow(request: HttpRequest, times: int) -> HttpResponse:
        await anyio.sleep(10)
        return OK

    world.calls.answer = slow
    async with world.up():
        await world.deploy(a_flow(a_get("http://a"), "return: '${input}'"))
        executions = [await world.run(str(number)) for number in range(7)]
        assert [execution.state for execution in executions] == [
            *[ExecutionState.ACTIVE] * 2,
            *[ExecutionState.QUEUED] * 5,
        ]
        with pytest.raises(ResourceExhausted, match="quota of 2"):
            await world.run("8", disable_buffering=True)
        await anyio.sleep(5)
        assert await world.load() == {ExecutionState.ACTIVE: 2, ExecutionState.QUEUED: 5}
    assert world.calls.under_way == 0
    async with world.up():  # after a crash the counts are what they were
        assert await world.load() == {ExecutionState.ACTIVE: 2, ExecutionState.QUEUED: 5}
        ended = [await world.ended(execution, within_s=200) for execution in executions]
        assert await world.load() == {ExecutionState.SUCCEEDED: 7}
    starts = [execution.start_s or 0.0 for execution in ended]
    assert starts == sorted(starts)
    assert max(starts) - min(starts) >= 30.0


async def test_given_a_full_backlog_when_an_execution_is_asked_for_then_it_is_refused() -> None:
    world = World()
    world.settings = Settings(
        directory=world.settings.directory, project="p", workflow_executions_max=1, workflow_backlog_max=1
    )
    async with world.up():
        await world.deploy(a_flow(a_sleep(1000)))
        await world.run()
        await world.run()
        with pytest.raises(ResourceExhausted, match="backlog"):
            await world.run()


async def test_given_a_raised_quota_when_started_again_then_all_that_has_room_begins() -> None:
    world = World()
    world.settings = Settings(directory=world.settings.directory, project="p", workflow_executions_max=1)
    async with world.up():
        await world.deploy(a_flow(a_sleep(1000)))
        for _ in range(450):
            await world.run()
        assert await world.load() == {ExecutionState.ACTIVE: 1, ExecutionState.QUEUED: 449}
    world.settings = Settings(directory=world.settings.directory, project="p", workflow_executions_max=420)
    async with world.up():
        await anyio.sleep(1)
        assert await world.load() == {ExecutionState.ACTIVE: 420, ExecutionState.QUEUED: 30}


async def test_given_room_beside_a_queue_when_another_comes_then_those_before_it_begin_first() -> None:
    world = World()
    world.settings = Settings(directory=world.settings.directory, project="p", workflow_executions_max=1)
    async with world.up():
        await world.deploy(a_flow(a_sleep(100)))
        executions = [await world.run() for _ in range(3)]
        world.executions.quota._settings = Settings(
            directory=world.settings.directory, project="p", workflow_executions_max=3
        )
        executions.append(await world.run())
        states = [(await world.look(execution)).state for execution in executions]
        assert states == [ExecutionState.ACTIVE] * 3 + [ExecutionState.QUEUED]
        executions = [await world.ended(execution, within_s=500) for execution in executions]
    assert {execution.state for execution in executions} == {ExecutionState.SUCCEEDED}


async def test_given_a_deleted_workflow_when_its_executions_held_the_quota_then_the_queue_goes_on() -> None:
    world = World()
    world.settings = Settings(directory=world.settings.directory, project="p", workflow_executions_max=1)
    other = WorkflowName(project="p", location="tokyo", workflow="other")
    async with world.up():
        await world.deploy(a_flow(a_sleep(100_000)))
        await world.deploy(a_flow("return: ok"), other)
        await world.run()
        queued = await world.run(name=other)
        assert queued.state is ExecutionState.QUEUED
        await world.room.changes.delete(NAME)
        assert (await world.ended(queued)).result == '"ok"'


# -- other lives ----------------------------------------------------------------------------------------------------


async def test_given_another_port_when_started_again_then_the_journal_says_so_once() -> None:
    world = World()
    source = a_flow(
        a_sleep(60),
        "call: events.create_callback_endpoint\nargs: {http_callback_method: POST}\nresult: c",
        "return: '${c.url}'",
    )
    async with world.up():
        await world.deploy(source)
        execution = await world.run()
        await world.at_rest(execution)
    world.settings = Settings(directory=world.settings.directory, project="p", port=9_999)
    async with world.up():
        found = await world.ended(execution, within_s=100)
    assert found.result is not None
    assert found.result.startswith('"http://127.0.0.1:9999/v1/projects/p/')
    moved = [entry.event for entry in await world.journal(execution) if isinstance(entry.event, Moved)]
    assert moved == [Moved(base_url="http://127.0.0.1:9999")]


async def test_given_executions_that_ended_long_ago_when_swept_then_they_go_and_younger_ones_stay(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(workflows, "_SWEPT_AT_ONCE", 2)
    world = World()
    async with world.up():
        await world.deploy(a_flow("return: ok"))
        old = [await world.ended(await world.run()) for _ in range(7)]
        keyed = await world.room.execute(NAME, ExecutionDraft(), key="k")
        await world.ended(keyed)
        world.pass_time(RETENTION_S - 1_800)
        young = await world.ended(await world.run())
        await anyio.sleep(7_300)
        for execution in (*old, keyed):
            with pytest.raises(NotFound):
                await world.look(execution)
        assert (await world.look(young)).result == '"ok"'
        assert (await world.room.execute(NAME, ExecutionDraft(), key="k")).uid != keyed.uid


PARALLEL = a_flow(
    "assign: [{n: '${int(input.n)}'}, {total: 0}]",
    """
parallel:
  shared: [total]
  for:
    value: i
    range: [1, 3]
    steps:
    - get:
        try:
          call: http.get
          args: {url: '${"http://host/" + string(n) + "/" + string(i)}'}
          result: r
        retry: '${http.default_retry}'
    - nap: {call: sys.sleep, args: {seconds: '${if(n % 3 == 0, 8, 1)}'}}
    - add: {assign: [{total: '${total + r.body}'}]}""",
    "call: sys.log\nargs: {text: '${\"total \" + string(total)}'}",
    "return: {n: '${n}', total: '${total}'}",
)


def is_shaky(n: str) -> bool:
    """Whether the first to ask for this one gets a 503: then how often it is asked depends on the crashes."""
    return int(n) % 7 == 0


async def counted(request: HttpRequest, times: int) -> HttpResponse:
    """The same answer for the same URL; slow ones, and now and then a 503 for the first to ask."""
    _, _, _, n, i = request.url.split("/")
    await anyio.sleep(0.1 * (int(n) % 5))
    if is_shaky(n) and times == 0:
        return UNAVAILABLE
    return HttpResponse(code=200, headers=(("Content-Type", "application/json"),), body=f"{int(n) * int(i)}".encode())


async def test_given_a_crash_at_each_commit_when_started_again_then_result_and_keys_are_the_same() -> None:
    async def run(seed: int, is_fatal: Any) -> tuple[Any, set[str], int]:
        world = World(seed)
        world.calls.answer = counted
        begun: list[Any] = []

        async def work() -> None:
            if not await world.store.read(lambda tx: tx.workflows.find_workflow(NAME)):
                await world.deploy(PARALLEL)
            if not begun:
                found, _ = await world.room.questions.list_executions(NAME, ORDER, None, PAGE, is_full=False)
                begun.extend(found or [await world.run('{"n": 3}')])
            await world.ended(begun[0])

        commits = 0

        def watch(commit: int) -> str:
            nonlocal commits
            commits += 1
            return is_fatal(commits)

        await world.live(work, watch)
        world.begin()
        execution = await world.look(begun[0])
        keys = {made.key.partition("/executions/")[2].partition("/")[2] for made in world.calls.made}
        return (execution.state, execution.result, execution.steps), keys, commits

    expected = await run(1, lambda _: "")
    assert expected[0][1] == '{"n":3,"total":18}'
    assert expected[1] == {"0.1.0#1", "0.1.1#1", "0.1.2#1"}
    for at in range(1, expected[2] // 2 + 1):
        for place, side in ((2 * at - 1, "before"), (2 * at, "after")):
            outcome, keys, _ = await run(1, lambda commit, place=place, side=side: side if commit == place else "")
            assert (outcome, keys) == expected[:2], (at, side)


async def test_given_a_hundred_executions_when_the_runtime_dies_again_and_again_then_results_and_keys_are_the_same() -> (
    None
):
    async def run(chance: float) -> tuple[dict[str, str | None], set[str], int, str]:
        world = World(3)
        world.calls.answer = counted
        rng = random.Random(11)
        names: dict[str, Any] = {}

        async def work() -> None:
            if not await world.store.read(lambda tx: tx.workflows.find_workflow(NAME)):
                await world.deploy(PARALLEL)
            for number in range(100):
                key = f"key-{number}"
                names[key] = await world.room.execute(NAME, ExecutionDraft(argument=f'{{"n": {number}}}'), key=key)
            for execution in names.values():
                await world.ended(execution, within_s=600)

        lives = await world.live(work, lambda _: rng.choice(("before", "after")) if rng.random() < chance else "")
        world.begin()
        results = {key: (await world.look(execution)).result for key, execution in names.items()}
        order = {str(execution.name): key for key, execution in names.items()}
        keys = set()
        for made in world.calls.made:
            name, _, call = made.key.rpartition("/")
            if not is_shaky(order[name].partition("-")[2]):
                keys.add(f"{order[name]}/{call}")
        assert await world.load() == {ExecutionState.SUCCEEDED: 100}
        return results, keys, lives, await world.store.read(lambda tx: tx.digest("p"))

    calm = await run(0.0)
    stormy = await run(0.01)
    assert calm[2] == 1
    assert stormy[2] > 5
    assert stormy[0] == calm[0]
    assert stormy[0]["key-10"] == '{"n":10,"total":60}'
    assert stormy[1] == calm[1]
    assert len(calm[1]) == 85 * 3


async def test_given_an_answer_that_was_on_its_way_when_the_runtime_stops_then_the_call_is_made_again_under_its_key() -> (
    None
):
    world = World()
    world.calls.answer = hang
    async with world.up():
        await world.deploy(a_flow(a_get("http://a"), "return: '${r.body}'"))
        execution = await world.run()
        await anyio.sleep(1)
    async with world.up():
        await anyio.sleep(1)
    world.calls.answer = counted_ok
    async with world.up():
        assert (await world.ended(execution)).result == '"ok"'
    assert [made.key for made in world.calls.made] == [f"{execution.name}/0#1"] * 3
    assert world.calls.given_up == 2


async def counted_ok(request: HttpRequest, times: int) -> HttpResponse:
    return OK


async def test_given_a_clock_that_is_set_back_when_an_execution_ends_then_its_end_is_behind_its_last_event() -> None:
    world = World()

    async def answer(request: HttpRequest, times: int) -> HttpResponse:
        world.clock.jump(-3_600)
        return OK

    world.calls.answer = answer
    async with world.up():
        await world.deploy(a_flow(a_get("http://a"), "return: ok"))
        execution = await world.ended(await world.run())
        last = (await world.journal(execution))[-1]
    assert execution.end_s is not None
    assert last.at_s < execution.end_s < last.at_s + 0.000_01
