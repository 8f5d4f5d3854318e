"""Executions during whose loading the runtime dies: they fail in the end, and all others go on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import anyio
import pytest
from workflow_world import NAME, OK, Nth, World, a_flow, a_get, a_sleep

from hakobune.core.workflows.effects import HttpRequest, HttpResponse
from hakobune.core.workflows.events import Answered, Stamped, Started
from hakobune.core.workflows.machine import Machine
from hakobune.core.workflows.model import ExecutionState, WorkflowExecution
from hakobune.runtime.workflow_driver import ROOM
from hakobune.testing.faults import Crash

pytestmark = pytest.mark.anyio

_POISON = "poison"
_SOUND = replace(NAME, workflow="sound")
SLEEPER = a_flow(a_sleep(50), a_get("http://a"), "return: ok")


@pytest.fixture
def anyio_backend(virtual_backend: Any) -> Any:
    return virtual_backend


class Reaper:
    """Ends a life while an execution is loaded. `loaded` are the journals that were read, of all lives."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.deadly = ""
        self.loaded: list[str] = []
        self.poisoned = 0  # answers that ended a life
        self.life = Nth(lambda commit: "")
        real = Machine.feed

        def feed(machine: Machine, stamped: Stamped) -> None:
            if isinstance(stamped.event, Started):
                uid = stamped.event.execution.rpartition("/")[2]
                self.loaded.append(uid)
                if uid == self.deadly:
                    self.life.is_over = True
                    raise Crash("out of memory")
            if isinstance(stamped.event, Answered) and _POISON in str(stamped.event.answer):
                self.poisoned += 1
                self.life.is_over = True
                raise Crash("out of memory")
            real(machine, stamped)

        monkeypatch.setattr(Machine, "feed", feed)

    async def live(self, world: World, work: Callable[[], Any]) -> bool:
        """One life of a runtime; False if it died."""
        self.life = Nth(lambda commit: "")
        try:
            async with world.up(interceptor=self.life):
                await work()
        except BaseExceptionGroup as group:
            if group.split(Crash)[1] is not None:
                raise
            if world.disk.in_transaction:
                world.disk.rollback()
            return False
        return True


async def test_given_an_execution_that_kills_the_runtime_when_loaded_then_it_fails_after_some_starts_and_others_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world, reaper = World(), Reaper(monkeypatch)
    executions: list[WorkflowExecution] = []

    async def begin() -> None:
        await world.deploy(SLEEPER)
        executions.extend([await world.run() for _ in range(40)])
        for execution in executions:
            await world.at_rest(execution)

    async def end() -> None:
        for execution in executions:
            await world.ended(execution)

    assert await reaper.live(world, begin)
    reaper.deadly = executions[20].uid
    world.pass_time(50)
    lives = 1
    while not await reaper.live(world, end):
        lives += 1
        assert lives < 20
    async with world.up():
        found = [await world.look(execution) for execution in executions]
    assert [execution.uid for execution in found if execution.state is ExecutionState.FAILED] == [reaper.deadly]
    assert {execution.result for execution in found} == {'"ok"', None}
    error = found[20].error
    assert error is not None
    assert error.context.startswith("ResourceLimitError: the runtime has died 5 times while it loaded this execution")
    # It died once while it ran, once at the next start, and five times with nobody else to blame.
    assert (lives, reaper.loaded.count(reaper.deadly)) == (8, 1 + 7)


PARALLEL = """
main:
  steps:
    - both:
        parallel:
          branches:
            - bad: {steps: [{get_bad: {call: http.get, args: {url: "http://bad"}}}]}
            - good:
                steps:
                  - rounds:
                      for:
                        value: n
                        range: [1, 200]
                        steps: [{get: {call: http.get, args: {url: '${"http://good/" + string(n)}'}}}]
    - done: {return: ok}
"""


async def test_given_an_answer_that_kills_the_runtime_when_worked_on_then_its_execution_fails_and_others_go_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also where the execution itself goes on in each life, before it ends the runtime."""
    world, reaper = World(), Reaper(monkeypatch)
    executions: list[WorkflowExecution] = []
    is_deadly = False

    async def answer(request: HttpRequest, times: int) -> HttpResponse:
        if request.url.startswith("http://bad"):
            await anyio.sleep(1)
            return HttpResponse(code=200, headers=(), body=_POISON.encode()) if is_deadly else OK
        await anyio.sleep(0.3 if is_deadly else 100)
        return OK

    world.calls.answer = answer

    async def begin() -> None:
        await world.deploy(PARALLEL)
        await world.deploy(a_flow(*[a_get(f"http://good/{number}") for number in range(60)], "return: ok"), _SOUND)
        executions.append(await world.run())
        executions.extend([await world.run(name=_SOUND) for _ in range(5)])
        await anyio.sleep(0.5)

    async def end() -> None:
        for execution in executions:
            await world.ended(execution, within_s=200)

    is_deadly = True
    lives = 0
    assert await reaper.live(world, begin)
    while not await reaper.live(world, end):
        lives += 1
        assert lives < 20
    async with world.up():
        found = [await world.look(execution) for execution in executions]
    assert [execution.state for execution in found] == [ExecutionState.FAILED, *[ExecutionState.SUCCEEDED] * 5]
    error = found[0].error
    assert error is not None
    assert "died 5 times while it loaded this execution, or worked on an answer for it" in error.context
    assert reaper.poisoned == lives == 1 + 5  # at the first start nobody is watched yet


async def test_given_a_runtime_that_is_killed_again_and_again_when_a_call_is_answered_then_nothing_is_held_against_it() -> (
    None
):
    world = World()
    is_open = False

    async def answer(request: HttpRequest, times: int) -> HttpResponse:
        while not is_open:  # noqa: ASYNC110 - virtual time
            await anyio.sleep(1)
        if request.url.endswith("/2"):
            await anyio.sleep_forever()
        return OK

    world.calls.answer = answer
    async with world.up(interceptor=Nth(lambda commit: "")):
        await world.deploy(a_flow(a_get("http://a/1"), a_get("http://a/2"), "return: ok"))
        await world.run()
        await anyio.sleep(2)
    for _ in range(3):
        async with world.up(interceptor=Nth(lambda commit: "")):
            await anyio.sleep(2)
    is_open = True
    async with world.up(interceptor=Nth(lambda commit: "")):
        await anyio.sleep(5)
        [command] = world.wheel.unperformed(ROOM, "drive")
        assert (command.crashes, command.deaths) == (4, 0)
    world.begin()
    await world.wheel.recover()
    [command] = world.wheel.unperformed(ROOM, "drive")
    assert (command.crashes, command.deaths) == (1, 0)


async def test_given_a_runtime_that_is_killed_again_and_again_when_nothing_was_being_loaded_then_nobody_is_to_blame(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world, reaper = World(), Reaper(monkeypatch)
    executions: list[WorkflowExecution] = []
    is_open = False

    async def answer(request: HttpRequest, times: int) -> HttpResponse:
        while not is_open:  # noqa: ASYNC110 - virtual time
            await anyio.sleep(1)
        return OK

    world.calls.answer = answer

    async def begin() -> None:
        await world.deploy(a_flow(a_get("http://a"), "return: ok"))
        executions.append(await world.run())
        await anyio.sleep(2)

    async def wait() -> None:
        await anyio.sleep(2)

    assert await reaper.live(world, begin)
    for _ in range(12):
        assert await reaper.live(world, wait)
    is_open = True

    async def end() -> None:
        assert (await world.ended(executions[0])).state is ExecutionState.SUCCEEDED

    assert await reaper.live(world, end)


async def test_given_an_execution_when_it_is_driven_then_no_commit_is_made_for_the_counting() -> None:
    """Nor at the start after a crash: what was loaded is noted together with what happens next."""
    world = World()
    first, second = Nth(lambda commit: ""), Nth(lambda commit: "")
    hold = True

    async def answer(request: HttpRequest, times: int) -> HttpResponse:
        if hold:
            await anyio.sleep_forever()
        return OK

    world.calls.answer = answer
    async with world.up(interceptor=first):
        await world.deploy(a_flow(a_get("http://a"), "return: ok"))
        before = first.commits
        execution = await world.run()
        await anyio.sleep(2)
        assert first.commits - before == 1
    hold = False
    async with world.up(interceptor=second):
        await world.ended(execution)
        await anyio.sleep(1)
        # It is taken over; its end is written; its command is done.
        assert second.commits == 3


async def test_given_commands_under_way_when_the_runtime_stops_in_order_then_the_next_start_is_the_first() -> None:
    world = World()

    async def answer(request: HttpRequest, times: int) -> HttpResponse:
        await anyio.sleep_forever()
        return OK

    world.calls.answer = answer
    async with world.up():
        await world.deploy(a_flow(a_get("http://a"), "return: ok"))
        await world.run()
        await anyio.sleep(1)
    for _ in range(3):
        world.begin()
        await world.wheel.recover()
        [command] = world.wheel.unperformed(ROOM, "drive")
        assert (command.starts, command.deaths) == (1, 0)
        await world.wheel.begin_alone(command)
        await world.wheel.release()
