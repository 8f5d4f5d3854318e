"""Who is woken by what."""

from __future__ import annotations

from contextlib import ExitStack

import anyio
import pytest
from pubsub_world import SUB, World, texts_of

from hakobune.runtime.pubsub_signals import Signals

pytestmark = pytest.mark.anyio
TOPIC, ONE, TWO = 1, 11, 12


@pytest.fixture
def anyio_backend(virtual_backend: tuple[str, dict[str, object]]) -> tuple[str, dict[str, object]]:
    return virtual_backend


async def test_given_waiters_of_two_subscriptions_when_messages_come_then_as_many_of_each_are_woken_in_turn() -> None:
    signals = Signals()
    with ExitStack() as stack:
        ones = [stack.enter_context(signals.watch(TOPIC, ONE)) for _ in range(3)]
        two = stack.enter_context(signals.watch(TOPIC, TWO))
        other = stack.enter_context(signals.watch(2, 21))
        signals.published(TOPIC, 1)
        assert [watch.is_woken for watch in ones] == [True, False, False]
        assert (two.is_woken, other.is_woken) == (True, False)
        ones[0].arm()
        signals.published(TOPIC, 1)
        assert [watch.is_woken for watch in ones] == [False, True, False]
        signals.freed(ONE, 5)
        assert all(watch.is_woken for watch in ones)


async def test_given_a_waiter_that_leaves_while_it_is_woken_then_the_next_one_is_woken() -> None:
    signals = Signals()
    with signals.watch(TOPIC, ONE) as stays:
        with signals.watch(TOPIC, ONE) as leaves:
            stays.wake()
            signals.published(TOPIC, 1)
            assert leaves.is_woken
            stays.arm()
        assert stays.is_woken
    signals.published(TOPIC, 1)  # nobody is left


async def test_given_a_lease_that_ends_sooner_then_only_those_who_would_sleep_longer_are_woken() -> None:
    signals = Signals()
    with signals.watch(TOPIC, ONE) as long, signals.watch(TOPIC, ONE) as short:
        long.due_s, short.due_s = 200.0, 100.0
        signals.sooner(ONE, 150.0)
        assert (long.is_woken, short.is_woken) == (True, False)
        signals.sooner(ONE, None)
        assert not short.is_woken
        signals.all_changed()
        assert short.is_woken


async def test_given_many_waiting_pulls_when_messages_come_one_by_one_then_each_goes_to_one_of_them() -> None:
    world = World()
    async with world.up():
        await world.make()
        found: list[str] = []

        async def wait() -> None:
            found.extend(texts_of(await world.pull(1, wait_s=100)))

        async with anyio.create_task_group() as group:
            for _ in range(20):
                group.start_soon(wait)
            await anyio.sleep(1)
            for number in range(20):
                await world.publish(str(number))
                await anyio.sleep(0.01)
        assert sorted(found, key=int) == [str(number) for number in range(20)]
        assert anyio.current_time() < 50


async def test_given_a_deadline_that_is_made_shorter_when_it_ends_then_a_waiting_pull_gets_the_message() -> None:
    world = World()
    async with world.up():
        await world.make(ack_deadline_s=600)
        await world.publish("a")
        held = await world.pull()
        started_s = anyio.current_time()
        async with anyio.create_task_group() as group:

            async def shorten() -> None:
                await anyio.sleep(1)
                await world.room.modify_ack_deadline(SUB, [held[0].ack_id], 10)

            group.start_soon(shorten)
            assert texts_of(await world.pull(wait_s=500)) == ["a"]
        assert anyio.current_time() - started_s == pytest.approx(11, abs=0.1)
