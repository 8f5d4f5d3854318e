"""Executions that compute share the loop: what the store and the requests want comes in between."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import anyio
import pytest
from workflow_world import World, a_flow

from hakobune.core.workflows.build import compile_source
from hakobune.core.workflows.events import Stamped, Started
from hakobune.core.workflows.limits import NO_LIMITS
from hakobune.core.workflows.machine import Machine
from hakobune.core.workflows.meter import SLICE_NS
from hakobune.core.workflows.model import ExecutionState
from hakobune.runtime.workflow_slices import Slices

pytestmark = pytest.mark.anyio

HEAVY = a_flow(
    "assign: [{s: aaaa}, {n: 0}]",
    "assign: [{s: '${s + s}'}, {n: '${n + 1}'}]",
    "switch: [{condition: '${n < 12}', next: s1}]",
    "assign: [{k: '${text.split(s, \"a\")}'}]\nnext: s3",
)
ROUNDS = 12  # of the loop, that a request needs


@pytest.fixture
def anyio_backend(virtual_backend: Any) -> Any:
    return virtual_backend


@dataclass
class Traffic:
    """What the store does."""

    under_way: int = 0


@dataclass
class Computing:
    """Executions that compute without end, and what happened in which order."""

    traffic: Traffic = field(default_factory=Traffic)
    seen: list[str] = field(default_factory=list[str])
    is_over: bool = False
    went_on: anyio.Event = field(default_factory=anyio.Event)

    def __post_init__(self) -> None:
        self.slices = Slices(self.traffic)

    async def compute(self, name: str) -> None:
        machine = Machine(compile_source(HEAVY), limits=NO_LIMITS)
        started = Started(argument=None, environment={}, execution="e", base_url="http://127.0.0.1:1")
        machine.feed(Stamped(event=started, at_s=1.0, seed=1))
        while not self.is_over:
            await self.slices.advance(machine)
            self.seen.append(name)
            self.went_on.set()


async def rounds(count: int) -> None:
    for _ in range(count):
        await anyio.lowlevel.checkpoint()


async def test_given_ten_that_compute_when_a_request_comes_then_it_waits_for_few_slices_and_not_for_all() -> None:
    computing = Computing()
    async with anyio.create_task_group() as group:
        for number in range(10):
            group.start_soon(computing.compute, str(number))
        await rounds(200)
        before = len(computing.seen)
        await rounds(ROUNDS)
        during = len(computing.seen) - before
        computing.is_over = True
    assert during <= 4  # and not ten in each round


async def test_given_ten_that_compute_then_each_has_its_turn() -> None:
    computing = Computing()
    async with anyio.create_task_group() as group:
        for number in range(10):
            group.start_soon(computing.compute, str(number))
        await rounds(450)
        computing.is_over = True
    assert len(computing.seen) > 40
    last = computing.seen[-30:]
    assert {last.count(str(number)) for number in range(10)} == {3}


async def test_given_a_read_under_way_then_nothing_is_computed_until_it_is_done() -> None:
    computing = Computing()
    async with anyio.create_task_group() as group:
        group.start_soon(computing.compute, "x")
        await rounds(100)
        computing.traffic.under_way = 1
        await rounds(50)
        before = len(computing.seen)
        await rounds(50)
        assert len(computing.seen) == before
        computing.traffic.under_way = 0
        computing.went_on = anyio.Event()
        await computing.went_on.wait()
        computing.is_over = True


async def test_given_a_store_that_is_never_idle_then_executions_go_on_all_the_same() -> None:
    computing = Computing(Traffic(under_way=1))
    async with anyio.create_task_group() as group:
        group.start_soon(computing.compute, "x")
        await anyio.sleep(1.0)
        assert len(computing.seen) > 10
        computing.is_over = True


async def test_given_little_work_then_it_is_not_counted_and_waits_for_nobody() -> None:
    slices = Slices(Traffic(under_way=1))
    plan = compile_source(a_flow("assign: [{x: 1}]"))
    for _ in range(200):
        machine = Machine(plan, limits=NO_LIMITS)
        started = Started(argument=None, environment={}, execution="e", base_url="http://127.0.0.1:1")
        machine.feed(Stamped(event=started, at_s=1.0, seed=1))
        with anyio.move_on_after(0) as scope:
            assert await slices.advance(machine)
        assert not scope.cancelled_caught


async def test_given_an_execution_that_computes_when_cancelled_then_it_does_no_more_than_the_slice_under_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World()
    begun: list[int] = []
    real = Machine.advance

    def advance(machine: Machine, budget_steps: int) -> bool:
        is_done = real(machine, budget_steps)
        begun.append(machine.slice_ns)
        return is_done

    monkeypatch.setattr(Machine, "advance", advance)
    async with world.up():
        await world.deploy(HEAVY)
        execution = await world.run()
        await rounds(500)
        before = len(begun)
        assert before > 3
        assert (await world.room.cancel(execution.name)).state is ExecutionState.CANCELLED
        assert len(begun) - before <= 6
    assert max(begun) < 3 * SLICE_NS
