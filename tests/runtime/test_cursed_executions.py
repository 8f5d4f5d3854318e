"""Executions whose command cannot be performed now: they stay, can be cancelled, and what asks for them leaves one
command."""

from __future__ import annotations

import logging
from typing import Any

import anyio
import pytest
from workflow_world import World, a_flow, a_sleep

from hakobune.core.errors import FailedPrecondition, Unavailable
from hakobune.core.workflows.model import ExecutionState
from hakobune.runtime.interceptors import NoInterceptor
from hakobune.runtime.workflow_driver import DRIVE, ROOM
from hakobune.store.api import OutboxCommand

pytestmark = pytest.mark.anyio

WAITING = a_flow(
    "call: events.create_callback_endpoint\nargs: {http_callback_method: POST}\nresult: c",
    "call: events.await_callback\nargs: {callback: '${c}', timeout: 3600}",
    "return: ok",
)


@pytest.fixture
def anyio_backend(virtual_backend: Any) -> Any:
    return virtual_backend


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    for name in ("hakobune.wheel", "hakobune.workflows"):
        caplog.set_level(logging.CRITICAL, name)


class Curse(NoInterceptor):
    """Performing anything raises while it is on."""

    def __init__(self) -> None:
        self.is_on = False

    async def before_perform(self, command: OutboxCommand) -> None:
        if self.is_on:
            raise KeyError("cursed")


async def test_given_a_drive_that_cannot_be_performed_for_a_while_then_the_execution_goes_on_after_that() -> None:
    world, curse = World(), Curse()
    async with world.up(watch=curse):
        await world.deploy(a_flow("return: ok"))
        curse.is_on = True
        execution = await world.run()
        await anyio.sleep(600)
        assert (await world.look(execution)).state is ExecutionState.ACTIVE
        assert len(world.wheel.unperformed(ROOM, DRIVE)) == 1
        curse.is_on = False
        assert (await world.ended(execution, within_s=61)).state is ExecutionState.SUCCEEDED


async def test_given_a_drive_that_cannot_be_performed_when_called_back_then_it_is_told_to_come_again() -> None:
    world, curse = World(), Curse()
    async with world.up(watch=curse):
        await world.deploy(WAITING)
        execution = await world.run()
        await world.at_rest(execution)
        curse.is_on = True
        with anyio.fail_after(10), pytest.raises(Unavailable, match="cannot take this now: Internal error"):
            await world.call_back(execution.name)
        curse.is_on = False
        await world.call_back(execution.name)
        assert (await world.ended(execution)).state is ExecutionState.SUCCEEDED


async def test_given_a_drive_that_cannot_be_performed_when_cancelled_again_and_again_then_there_is_one_command() -> (
    None
):
    world, curse = World(), Curse()
    answers: list[str] = []
    async with world.up(watch=curse):
        await world.deploy(a_flow(a_sleep(3_600), "return: ok"))
        execution = await world.run()
        await world.at_rest(execution)
        curse.is_on = True

        async def cancel() -> None:
            try:
                answers.append((await world.room.cancel(execution.name)).state)
            except FailedPrecondition as refusal:
                answers.append(refusal.message)

        async with anyio.create_task_group() as group:
            for _ in range(10):
                group.start_soon(cancel)
            await anyio.sleep(0.2)
            assert len(world.wheel.unperformed(ROOM, DRIVE)) == 1
        assert answers == ["CANCELLED"] * 10
        assert world.wheel.unperformed(ROOM, DRIVE) == []
        curse.is_on = False
