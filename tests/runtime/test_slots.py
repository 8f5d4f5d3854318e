"""Listeners of attempts: opened when needed, stored, bound and offered again, and never in the way."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import anyio
import pytest

from hakobune.core.errors import Unavailable
from hakobune.engines.api import Ended, EndKind, Known, Slot, Started
from hakobune.runtime.slots import SLOTS_MAX, Slots
from hakobune.runtime.wheel import Wheel
from hakobune.store.sqlite.database import SqliteStore
from hakobune.testing.clock import VirtualClock
from hakobune.testing.engine import FakeEngine, Fate, Mischief

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend(virtual_backend: Any) -> Any:
    return virtual_backend


class Engine(FakeEngine):
    """Notes what it is offered, and may be lost."""

    offered: list[int]
    holders: dict[int, str]
    is_lost = False

    async def offer_slots(self, slots: Sequence[Slot]) -> None:
        self._check()
        self.offered = [int(slot.env["PORT"]) for slot in slots]

    async def slot_holder(self, number: int) -> str | None:
        self._check()
        return self.holders.get(number)

    def _check(self) -> None:
        if self.is_lost:
            raise Unavailable("lost")


class Ports:
    """Listens on numbers; some are taken."""

    def __init__(self, first: int = 5000) -> None:
        self.next = first
        self.taken: set[int] = set()
        self.open_max = 1000
        self.listening: dict[int, int] = {}

    async def listen(self, slot: int, port: int) -> int:
        if port in self.taken or slot >= self.open_max:
            raise OSError("taken")
        self.next += 1
        self.listening[slot] = port or self.next
        return self.listening[slot]


class World:
    def __init__(self, group: Any) -> None:
        clock = VirtualClock()
        self.engine = Engine(group, lambda *_: Fate(duration_s=1), random.Random(1), Mischief(), clock.now_s)
        self.engine.offered, self.engine.holders = [], {}
        import sqlite3

        store = SqliteStore.inline(sqlite3.connect(":memory:", check_same_thread=False))
        self.wheel = Wheel(store, clock, owner="me")

    def slots(self) -> Slots:
        return Slots(self.wheel, self.engine, lambda port: {"PORT": str(port)})


def wide(width: int, lane: str = "lane") -> tuple[str, int, list[str]]:
    """So many attempts of a lane, all at once."""
    return lane, width, [f"{lane}.{index}.0" for index in range(width)]


async def test_given_a_width_when_slots_are_ensured_then_as_many_are_open_and_offered_at_most_the_bound() -> None:
    async with anyio.create_task_group() as group:
        world, ports = World(group), Ports()
        slots = world.slots()
        await slots.bind(ports.listen)
        await slots.ensure(*wide(3))
        assert world.engine.offered == [5001, 5002, 5003]
        await slots.ensure(*wide(10_000))
        assert len(world.engine.offered) == SLOTS_MAX


async def test_given_several_executions_at_once_then_each_of_their_attempts_could_have_a_slot() -> None:
    async with anyio.create_task_group() as group:
        world, ports = World(group), Ports()
        slots = world.slots()
        await slots.bind(ports.listen)
        await slots.ensure(*wide(1, "one"))
        assert len(world.engine.offered) == 1
        await slots.ensure(*wide(1, "one"))  # a command that is performed again
        assert len(world.engine.offered) == 1
        await slots.ensure(*wide(2, "two"))
        assert len(world.engine.offered) == 3
        for lane, uid in (("one", "one.0.0"), ("two", "two.0.0"), ("two", "two.1.0")):
            slots.ended(Ended(attempt_uid=uid, lane_uid=lane, at_s=1, kind=EndKind.EXITED, exit_code=0))
        await slots.ensure(*wide(3, "three"))
        assert len(world.engine.offered) == 3
        slots.opened([Known(uid="one.0.0", slot=0), Known(uid="two.0.0", slot=1)])
        await slots.ensure(*wide(2, "three"))
        assert len(world.engine.offered) == 6  # twice as many: growing is a commit that attempts wait for


async def test_given_many_attempts_of_which_few_run_at_once_then_as_many_slots_are_open() -> None:
    async with anyio.create_task_group() as group:
        world = World(group)
        slots = world.slots()
        await slots.bind(Ports().listen)
        lane, _, uids = wide(100)
        await slots.ensure(lane, 2, uids)
        assert len(world.engine.offered) == 2


async def test_given_stored_ports_when_the_runtime_starts_again_then_they_are_bound_and_offered_again() -> None:
    async with anyio.create_task_group() as group:
        world = World(group)
        first = world.slots()
        await first.bind(Ports().listen)
        await first.ensure(*wide(4))
        world.engine.offered = []
        again, ports = world.slots(), Ports(9000)
        await again.bind(ports.listen)
        assert list(ports.listening.values()) == [5001, 5002, 5003, 5004]
        await again.ensure(*wide(1))
        assert world.engine.offered == [5001, 5002, 5003, 5004]


async def test_given_a_stored_port_that_is_taken_when_bound_then_another_is_used_and_it_is_told() -> None:
    async with anyio.create_task_group() as group:
        world = World(group)
        first = world.slots()
        await first.bind(Ports().listen)
        await first.ensure(*wide(2))
        again, ports = world.slots(), Ports(9000)
        ports.taken = {5001}
        await again.bind(ports.listen)
        assert again.refused == [5001]
        assert [int(slot.env["PORT"]) for slot in again.slots()] == [9001, 5002]


async def test_given_no_more_listeners_when_ensured_then_the_attempts_run_with_those_there_are() -> None:
    async with anyio.create_task_group() as group:
        world, ports = World(group), Ports()
        ports.open_max = 2
        slots = world.slots()
        await slots.bind(ports.listen)
        await slots.ensure(*wide(8))
        assert len(world.engine.offered) == 2


async def test_given_an_offer_that_was_lost_when_ensured_again_then_it_is_made_again() -> None:
    async with anyio.create_task_group() as group:
        world = World(group)
        slots = world.slots()
        await slots.bind(Ports().listen)
        world.engine.is_lost = True
        with pytest.raises(Unavailable):
            await slots.ensure(*wide(2))
        world.engine.is_lost = False
        await slots.ensure(*wide(2))
        assert len(world.engine.offered) == 2


async def test_given_a_slot_that_changed_hands_when_asked_then_the_engine_knows_best() -> None:
    async with anyio.create_task_group() as group:
        world = World(group)
        slots = world.slots()
        slots.opened([Known(uid="old", slot=0)])
        world.engine.holders = {0: "new"}  # its report is still on the way
        assert await slots.holder(0) == "new"
        world.engine.is_lost = True
        assert await slots.holder(0) == "old"
        slots.ended(Ended(attempt_uid="old", lane_uid="l", at_s=1, kind=EndKind.EXITED, exit_code=0))
        slots.started(Started(attempt_uid="new", lane_uid="l", at_s=1, pid=1, slot=0))
        assert await slots.holder(0) == "new"
        assert await slots.holder(1) is None


async def test_given_no_listeners_when_a_runtime_has_none_then_nothing_is_offered() -> None:
    async with anyio.create_task_group() as group:
        world = World(group)
        await world.slots().ensure(*wide(5))
        assert world.engine.offered == []
