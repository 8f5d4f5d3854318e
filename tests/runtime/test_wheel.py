"""The wheel: turns, performers, timers and leases, on virtual time over a real store."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from functools import partial
from typing import Any

import anyio
import pytest

from hakobune.core.errors import ResourceExhausted, Unavailable
from hakobune.runtime.interceptors import NoInterceptor
from hakobune.runtime.wheel import LEASE_S, Turn, Wheel
from hakobune.store.api import OutboxCommand
from hakobune.store.sqlite.database import SqliteStore
from hakobune.testing.clock import VirtualClock

pytestmark = pytest.mark.anyio

ROOM = "room"


@pytest.fixture
def anyio_backend(virtual_backend: Any) -> Any:
    return virtual_backend


class Disk:
    """A store whose reads may be slow, and whose writes may be refused."""

    def __init__(self, real: SqliteStore) -> None:
        self._real = real
        self.read_delay_s = 0.0
        self.write_delay_s = 0.0
        self.refusal: Exception | None = None
        self.read_refusal: Exception | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    async def read(self, unit: Callable[[Any], Any]) -> Any:
        if self.read_refusal is not None:
            raise self.read_refusal
        found = await self._real.read(unit)
        await anyio.sleep(self.read_delay_s)  # what was seen is old when it is told
        return found

    async def write(self, unit: Callable[[Any], Any]) -> Any:
        if self.refusal is not None:
            raise self.refusal
        await anyio.sleep(self.write_delay_s)
        return await self._real.write(unit)


class Room:
    """Notes what it performs, and when it is woken."""

    def __init__(self, wheel: Wheel) -> None:
        self.wheel = wheel
        self.performed: list[str] = []
        self.woken: list[tuple[str, float]] = []
        self.waits: dict[str, anyio.Event] = {}
        self.refusals: dict[str, int] = {}

    async def perform(self, command: OutboxCommand) -> None:
        self.performed.append(command.payload)
        if self.refusals.get(command.payload, 0):
            self.refusals[command.payload] -= 1
            raise Unavailable("not now")
        if command.payload in self.waits:
            await self.waits[command.payload].wait()

    async def wake(self, subject: str) -> None:
        self.woken.append((subject, anyio.current_time()))
        await self.wheel.persist(lambda turn: turn.tx.timers.clear(ROOM, subject))


class World:
    def __init__(self, interceptor: Any = None) -> None:
        self.connection = sqlite3.connect(":memory:", check_same_thread=False)
        self.clock = VirtualClock()
        self.interceptor = interceptor
        self.new_wheel("first")

    def new_wheel(self, owner: str) -> None:
        self.disk = Disk(SqliteStore.inline(self.connection))
        self.wheel = Wheel(self.disk, self.clock, owner=owner, interceptor=self.interceptor)  # type: ignore[arg-type]
        self.room = Room(self.wheel)
        self.wheel.add_room(ROOM, self.room)

    async def emit(self, *payloads: str, subject: str = "one") -> None:
        def unit(turn: Turn) -> None:
            for payload in payloads:
                turn.emit(ROOM, subject, "kind", payload)

        await self.wheel.turn(unit)

    async def wake_after(self, subject: str, delay_s: float) -> None:
        await self.wheel.turn(lambda turn: turn.wake_at(ROOM, subject, turn.now_s + delay_s))

    async def depth(self) -> int:
        return await self.disk.write(lambda tx: tx.outbox.depth())


# -- performing ---------------------------------------------------------------------------------------------------


async def test_given_commands_of_one_subject_when_performed_then_in_order_and_others_do_not_wait() -> None:
    world = World()
    world.room.waits["a1"] = anyio.Event()
    async with anyio.create_task_group() as group:
        await group.start(world.wheel.run)
        await world.emit("a1", "a2", subject="a")
        await world.emit("b1", subject="b")
        await anyio.sleep(1)
        assert world.room.performed == ["a1", "b1"]
        world.room.waits["a1"].set()
        await anyio.sleep(1)
        assert world.room.performed == ["a1", "b1", "a2"]
        assert await world.depth() == 0
        group.cancel_scope.cancel()


async def test_given_a_refusal_when_performed_then_it_is_asked_for_again_and_marked_as_a_repeat() -> None:
    seen: list[bool] = []

    class Watch(NoInterceptor):
        async def before_perform(self, command: OutboxCommand) -> None:
            seen.append(command.is_repeat)

    world = World(Watch())
    world.room.refusals["x"] = 2
    async with anyio.create_task_group() as group:
        await group.start(world.wheel.run)
        await world.emit("x")
        await anyio.sleep(5)
        group.cancel_scope.cancel()
    assert world.room.performed == ["x", "x", "x"]
    assert seen == [False, True, True]


async def test_given_a_lost_answer_when_intercepted_then_the_command_is_performed_again() -> None:
    class Forgetful(NoInterceptor):
        losses = 1

        async def after_perform(self, command: OutboxCommand) -> None:
            if self.losses:
                self.losses -= 1
                raise Unavailable("the answer was lost")

    world = World(Forgetful())
    async with anyio.create_task_group() as group:
        await group.start(world.wheel.run)
        await world.emit("x")
        await anyio.sleep(1)
        group.cancel_scope.cancel()
    assert world.room.performed == ["x", "x"]


async def test_given_a_runtime_that_died_when_another_starts_then_it_performs_what_was_left() -> None:
    world = World()
    await world.emit("a", "b")
    world.new_wheel("second")
    await world.wheel.recover()
    async with anyio.create_task_group() as group:
        await group.start(world.wheel.run)
        await anyio.sleep(1)
        assert world.room.performed == ["a", "b"]
        assert await world.depth() == 0
        group.cancel_scope.cancel()


async def test_given_a_command_that_takes_longer_than_its_lease_when_renewed_then_it_is_performed_once() -> None:
    world = World()
    world.room.waits["slow"] = anyio.Event()
    async with anyio.create_task_group() as group:
        await group.start(world.wheel.run)
        await world.emit("slow")
        await anyio.sleep(LEASE_S * 3)
        world.clock.jump(3600.0)
        await anyio.sleep(LEASE_S)
        world.room.waits["slow"].set()
        await anyio.sleep(LEASE_S * 3)
        assert world.room.performed == ["slow"]
        assert await world.depth() == 0
        group.cancel_scope.cancel()


async def test_given_a_wheel_that_stopped_when_a_turn_is_committed_late_then_its_commands_wait_for_the_next() -> None:
    world = World()
    async with anyio.create_task_group() as group:
        await group.start(world.wheel.run)
        group.cancel_scope.cancel()
    await world.emit("late")
    assert world.room.performed == []
    world.new_wheel("second")
    await world.wheel.recover()
    async with anyio.create_task_group() as group:
        await group.start(world.wheel.run)
        await anyio.sleep(1)
        group.cancel_scope.cancel()
    assert world.room.performed == ["late"]


async def test_given_a_commit_under_way_when_the_wheel_is_stopped_then_it_stops_and_nothing_new_begins() -> None:
    world = World()
    async with anyio.create_task_group() as callers, anyio.create_task_group() as group:
        await group.start(world.wheel.run)
        await anyio.sleep(1)
        world.room.waits["held"] = anyio.Event()
        await world.emit("held", subject="a")
        world.disk.write_delay_s = 0.0005
        callers.start_soon(partial(world.emit, "late", subject="b"))
        await anyio.sleep(0.0001)
        with anyio.fail_after(1):
            group.cancel_scope.cancel()
            with anyio.CancelScope(shield=True):
                await anyio.sleep(0.001)
    assert world.room.performed == ["held"]
    assert await world.depth() == 2


async def test_given_a_long_life_when_all_is_done_then_nothing_is_kept_in_memory() -> None:
    world = World()
    async with anyio.create_task_group() as group:
        await group.start(world.wheel.run)
        for number in range(50):
            await world.emit("x", subject=f"subject-{number}")
        await anyio.sleep(1)
        wheel = world.wheel
        assert (wheel._queues, wheel._held, wheel._performed) == ({}, {}, [])
        group.cancel_scope.cancel()


# -- timers -------------------------------------------------------------------------------------------------------


async def test_given_timers_when_their_instants_come_then_rooms_are_woken_in_time() -> None:
    world = World()
    async with anyio.create_task_group() as group:
        await group.start(world.wheel.run)
        began_s = anyio.current_time()
        await world.wake_after("late", 20.0)
        await world.wake_after("soon", 2.0)
        await anyio.sleep(40)
        group.cancel_scope.cancel()
    assert [(subject, round(at_s - began_s)) for subject, at_s in world.room.woken] == [("soon", 2), ("late", 20)]


async def test_given_a_timer_that_is_set_while_the_wheel_looks_when_it_is_due_then_it_is_not_slept_through() -> None:
    world = World()
    world.disk.read_delay_s = 0.5
    async with anyio.create_task_group() as group:
        await group.start(world.wheel.run)
        await anyio.sleep(2)
        await world.wake_after("first", 1.0)
        # For half a second after the first is cleared, what the wheel reads is older than this one.
        while not world.room.woken:  # noqa: ASYNC110 - time is virtual
            await anyio.sleep(0.05)
        await anyio.sleep(0.1)
        began_s = anyio.current_time()
        await world.wake_after("second", 3.0)
        await anyio.sleep(20)
        group.cancel_scope.cancel()
    subject, at_s = world.room.woken[-1]
    assert (subject, at_s - began_s < 5.0) == ("second", True)


async def test_given_a_clock_that_jumps_ahead_when_a_timer_is_passed_then_it_is_seen_within_half_a_minute() -> None:
    world = World()
    async with anyio.create_task_group() as group:
        await group.start(world.wheel.run)
        await world.wake_after("one", 3000.0)
        await anyio.sleep(1)
        world.clock.jump(3600.0)
        await anyio.sleep(31)
        group.cancel_scope.cancel()
    assert [subject for subject, _ in world.room.woken] == ["one"]


async def test_given_a_store_that_cannot_be_read_when_the_wheel_looks_then_it_looks_again() -> None:
    world = World()
    async with anyio.create_task_group() as group:
        await group.start(world.wheel.run)
        world.disk.read_refusal = Unavailable("no file descriptor is left")
        await world.wake_after("one", 1.0)
        await anyio.sleep(60)
        world.disk.read_refusal = None
        await anyio.sleep(31)
        group.cancel_scope.cancel()
    assert [subject for subject, _ in world.room.woken] == ["one"]


# -- a full disk --------------------------------------------------------------------------------------------------


async def test_given_a_full_disk_when_a_turn_must_happen_then_it_happens_once_there_is_room() -> None:
    world = World()
    world.disk.refusal = ResourceExhausted("full")
    done: list[float] = []

    async def persist() -> None:
        await world.wheel.persist(lambda turn: turn.tx.set_meta("fact", "kept"))
        done.append(anyio.current_time())

    async with anyio.create_task_group() as group:
        group.start_soon(persist)
        await anyio.sleep(300)
        assert done == []
        world.disk.refusal = None
    assert await world.disk.read(lambda tx: tx.meta("fact")) == "kept"


async def test_given_a_full_disk_when_a_caller_asks_then_he_hears_of_it_and_performed_commands_are_not_forgotten() -> (
    None
):
    world = World()
    async with anyio.create_task_group() as group:
        await group.start(world.wheel.run)
        await world.emit("x")
        world.disk.refusal = ResourceExhausted("full")
        await anyio.sleep(1)
        with pytest.raises(ResourceExhausted):
            await world.emit("refused")
        world.disk.refusal = None
        await anyio.sleep(10)
        assert world.room.performed == ["x"]
        assert await world.depth() == 0
        group.cancel_scope.cancel()


async def test_given_a_full_disk_when_the_runtime_stops_in_order_then_it_stops() -> None:
    world = World()
    async with anyio.create_task_group() as group:
        await group.start(world.wheel.run)
        await world.emit("x")
        world.disk.refusal = ResourceExhausted("full")
        await anyio.sleep(0.05)
        group.cancel_scope.cancel()
    world.wheel.is_closing = True
    with anyio.fail_after(1):
        await world.wheel.release()
    world.disk.refusal = None
    assert await world.depth() == 1  # the next start performs it again
