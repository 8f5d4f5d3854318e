"""Executions that take too much: time, memory, journal. Each can be ended, and none keeps the others from going on."""

from __future__ import annotations

import logging
from typing import Any

import anyio
import pytest
from workflow_world import NAME, OK, World, a_flow, a_get, a_sleep

from hakobune.core.errors import ResourceExhausted
from hakobune.core.workflows.effects import HttpRequest, HttpResponse
from hakobune.core.workflows.limits import Strictness
from hakobune.core.workflows.machine import Machine
from hakobune.core.workflows.model import ExecutionState
from hakobune.runtime.settings import Settings

pytestmark = pytest.mark.anyio

ENDLESS = a_flow("assign: [{x: 1}]", "assign: [{x: 2}]\nnext: s0")
OPEN = a_flow(
    "call: events.create_callback_endpoint\nargs: {http_callback_method: POST}\nresult: c",
    "call: events.await_callback\nargs: {callback: '${c}', timeout: 3600}\nresult: got",
    "return: '${len(got.http_request.body)}'",
)


@pytest.fixture
def anyio_backend(virtual_backend: Any) -> Any:
    return virtual_backend


def without_limits() -> World:
    world = World()
    world.settings = Settings(directory=world.settings.directory, project="p", limits=Strictness.OFF)
    return world


async def turns(count: int) -> None:
    """Let others have their turns: a busy loop leaves no virtual time to sleep."""
    for _ in range(count):
        await anyio.lowlevel.checkpoint()


async def test_given_a_loop_without_end_when_cancelled_then_it_ends_though_it_never_waits() -> None:
    world = without_limits()
    async with world.up():
        await world.deploy(ENDLESS)
        execution = await world.run()
        await turns(50)
        cancelled = await world.room.cancel(execution.name)
        assert cancelled.state is ExecutionState.CANCELLED
        assert await world.load() == {ExecutionState.CANCELLED: 1}


async def test_given_a_loop_without_end_when_folded_after_a_start_then_it_can_be_cancelled_and_stays_so() -> None:
    world = without_limits()
    async with world.up():
        await world.deploy(ENDLESS)
        execution = await world.run()
        await turns(50)
    async with world.up():
        await turns(50)
        assert (await world.look(execution)).state is ExecutionState.ACTIVE
        assert (await world.room.cancel(execution.name)).state is ExecutionState.CANCELLED
    async with world.up():
        assert (await world.look(execution)).state is ExecutionState.CANCELLED


async def test_given_a_loop_without_end_when_its_workflow_is_deleted_while_it_is_folded_then_it_leaves_memory() -> None:
    world = without_limits()
    async with world.up():
        await world.deploy(ENDLESS)
        execution = await world.run()
        await turns(50)
    async with world.up():
        await turns(50)
        assert not world.is_forgotten(execution.uid)
        await world.room.changes.delete(NAME)
        await anyio.sleep(1)
        assert world.is_forgotten(execution.uid)


def with_small_journals() -> World:
    world = World()
    world.settings = Settings(directory=world.settings.directory, project="p", workflow_journal_bytes_max=5_000)
    return world


async def test_given_a_journal_that_is_full_when_an_answer_comes_then_the_execution_fails_and_says_why() -> None:
    world = with_small_journals()

    async def large(request: HttpRequest, times: int) -> HttpResponse:
        return HttpResponse(code=200, headers=(), body=b"x" * 1_000)

    world.calls.answer = large
    async with world.up():
        await world.deploy(a_flow(*[a_get(f"http://a{number}") for number in range(9)], "return: ok"))
        execution = await world.ended(await world.run())
    assert execution.state is ExecutionState.FAILED
    assert execution.error is not None
    assert execution.error.context == (
        "ResourceLimitError: the journal of the execution would have more than 5000 bytes"
    )
    assert len(world.calls.made) < 9


async def test_given_a_journal_that_is_full_when_called_back_then_that_is_refused_and_a_cancellation_is_not() -> None:
    world = with_small_journals()
    async with world.up():
        await world.deploy(OPEN)
        execution = await world.run()
        await world.at_rest(execution)
        with pytest.raises(ResourceExhausted, match="more than 5000 bytes"):
            await world.call_back(execution.name, body=b"x" * 5_000)
        assert (await world.look(execution)).state is ExecutionState.ACTIVE
        assert (await world.room.cancel(execution.name)).state is ExecutionState.CANCELLED


async def test_given_an_execution_that_does_not_fit_into_memory_when_loaded_or_driven_then_that_is_its_end(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "hakobune.workflows")
    world = World()
    real = Machine.feed

    def feed(self: Machine, stamped: Any) -> None:
        if len(world.calls.made) > 0:
            raise MemoryError
        real(self, stamped)

    async with world.up():
        await world.deploy(a_flow(a_sleep(50), a_get("http://a"), "return: ok"))
        first, second = await world.run(), await world.run()
        await world.at_rest(second)
        monkeypatch.setattr(Machine, "feed", feed)
        found = [await world.ended(execution) for execution in (first, second)]
    assert {execution.state for execution in found} == {ExecutionState.FAILED}
    assert found[0].error is not None
    assert "needs more memory than this machine has" in found[0].error.context


async def test_given_a_journal_of_many_parts_when_it_is_folded_again_then_the_execution_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("hakobune.runtime.workflow_loading.PART_BYTES", 500)
    world = World()
    gets = [a_get(f"http://a{number}") for number in range(12)]
    async with world.up():
        await world.deploy(a_flow(*gets, a_sleep(3_000), a_get("http://b"), "return: '${r.body}'"))
        execution = await world.run()
        await world.at_rest(execution)
    async with world.up():
        world.pass_time(3_000)
        found = await world.ended(execution)
    assert (found.result, len(world.calls.made)) == ('"ok"', 13)
    assert OK.body == b'"ok"'
