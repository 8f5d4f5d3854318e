"""What happens to messages by itself: dead letters of leases that ran out, removal of what nobody needs, less room for
what waits, expiry."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

import anyio

from hakobune.core.errors import HakobuneError
from hakobune.core.pubsub.names import SubscriptionName
from hakobune.runtime.pubsub_signals import Signals
from hakobune.runtime.pubsub_traffic import Traffic
from hakobune.runtime.wheel import Turn, Wheel
from hakobune.store.pubsub_api import Joined

_CLEANING_PAUSE_S = 1.0  # after a change: what is acknowledged meanwhile goes with it
_CLEANING_ROUND_S = 60.0  # retention ends without a change
_STRETCHES = 10  # of a topic that are looked at before the next topic has its turn
_DEAD_LETTER_ROUND_S = 60.0
_EXPIRY_ROUND_S = 600.0

_log = logging.getLogger("hakobune.pubsub")


class Cleaning:
    """Loops of the room."""

    def __init__(self, wheel: Wheel, signals: Signals, traffic: Traffic) -> None:
        self._wheel = wheel
        self._signals = signals
        self._traffic = traffic
        self._since_s = wheel.clock.now_s()
        self._next_round_s = 0.0
        self._places: dict[int, int] = {}  # topics: where the next look begins
        self._joined: dict[int, int] = {}  # topics: up to where messages were put together
        self._unjoined: set[int] = set()  # topics that have more to be put together

    async def run(self) -> None:
        """Until cancelled."""
        async with anyio.create_task_group() as group:
            group.start_soon(self._clean_loop)
            group.start_soon(self._bury_loop)
            group.start_soon(self._expire_loop)

    async def _attempt(self, work: Callable[[], Awaitable[None]]) -> None:
        """What goes wrong here must not stop the runtime; the next round tries again."""
        try:
            await work()
        except HakobuneError as error:
            _log.error("messages cannot be looked after now: %s", error.message, exc_info=error)

    # -- removal ------------------------------------------------------------------------------------------------

    async def _clean_loop(self) -> None:
        while True:
            self._signals.leavings.arm()
            await self._attempt(self._clean_some)
            await self._signals.leavings.wait(_CLEANING_ROUND_S)
            await anyio.sleep(_CLEANING_PAUSE_S)

    async def _clean_some(self) -> None:
        """Look at topics of which messages were acknowledged, and now and then at all of them."""
        now_s = anyio.current_time()
        if now_s >= self._next_round_s:
            self._next_round_s = now_s + _CLEANING_ROUND_S
            topics = await self._topics()
            self._signals.dirty.update(topics)
            self._joined = {topic_id: self._joined.get(topic_id, 0) for topic_id in topics}
            self._unjoined.update(topics)
        await self._clean_leavings()
        dirty, self._signals.dirty = self._signals.dirty, set()
        for topic_id in sorted(dirty):
            await self._clean_topic(topic_id, _STRETCHES)
        unjoined, self._unjoined = self._unjoined, set()
        for topic_id in sorted(unjoined):
            await self._join(topic_id, _STRETCHES)

    async def clean(self) -> None:
        """Remove all that nobody needs any more, and put the rest together."""
        await self._clean_leavings()
        for topic_id in await self._topics():
            self._places.pop(topic_id, None)
            while not await self._clean_topic(topic_id, _STRETCHES):
                pass
            while not await self._join(topic_id, _STRETCHES):
                pass

    async def _topics(self) -> list[int]:
        return await self._wheel.persist(lambda turn: turn.tx.messages.topics_with_messages())

    async def _clean_leavings(self) -> None:
        while await self._wheel.persist(lambda turn: turn.tx.messages.clean_leavings()):
            pass

    async def _clean_topic(self, topic_id: int, stretches: int) -> bool:
        """Look at some stretches of a topic, from where the last look ended. True: that was the end of it."""
        after: int | None = self._places.pop(topic_id, 0)
        for _ in range(stretches):
            after = await self._wheel.persist(_stretch(topic_id, after or 0))
            if after is None:
                return True
        self._places[topic_id] = after or 0
        self._signals.acknowledged(topic_id)  # the rest in the next round
        return False

    # -- less room ----------------------------------------------------------------------------------------------

    async def _join(self, topic_id: int, stretches: int) -> bool:
        """Put some messages of a topic together, from where the last look ended. True: that was the end of it."""
        for _ in range(stretches):
            joined = await self._wheel.persist(_joining(topic_id, self._joined.get(topic_id, 0)))
            self._joined[topic_id] = joined.place
            if not joined.may_have_more:
                return True
        self._unjoined.add(topic_id)
        self._signals.leavings.wake()  # the rest in the next round
        return False

    # -- dead letters -------------------------------------------------------------------------------------------

    async def _bury_loop(self) -> None:
        while True:
            self._signals.leases.arm()
            wait_s = _DEAD_LETTER_ROUND_S
            try:
                wait_s = await self.bury()
            except HakobuneError as error:
                _log.error("dead letters cannot be sent now: %s", error.message, exc_info=error)
            await anyio.sleep(min(wait_s, _CLEANING_PAUSE_S))
            await self._signals.leases.wait(wait_s - _CLEANING_PAUSE_S)

    async def bury(self) -> float:
        """Send what is due to dead letter topics; seconds until the next lease ends."""
        now_s = self._wheel.clock.now_s()
        next_s = now_s + _DEAD_LETTER_ROUND_S
        for name, due_s in await self._wheel.store.read(lambda tx: tx.pubsub.dead_letter_dues()):
            if due_s > now_s:
                next_s = min(next_s, due_s)
                continue
            for topic_id in await self._wheel.persist(_overdue(name)):
                self._signals.published(topic_id, 1)
        return next_s - now_s

    # -- expiry -------------------------------------------------------------------------------------------------

    async def _expire_loop(self) -> None:
        while True:
            await self._attempt(self.expire)
            await anyio.sleep(_EXPIRY_ROUND_S)

    async def expire(self) -> None:
        """Note which subscriptions are in use; remove those, and snapshots, whose time is over."""
        used, self._traffic.used = self._traffic.used, set()

        def unit(turn: Turn) -> list[SubscriptionName]:
            turn.tx.pubsub.touch(sorted(used), turn.now_s)
            return turn.tx.pubsub.expire(turn.now_s, self._since_s)

        gone = await self._wheel.persist(unit)
        for name in gone:
            _log.info("subscription %s has expired: nobody used it", name)
        if gone:
            self._signals.all_changed()


def _stretch(topic_id: int, after: int) -> Callable[[Turn], int | None]:
    return lambda turn: turn.tx.messages.clean_topic(topic_id, after, turn.now_s)


def _joining(topic_id: int, after: int) -> Callable[[Turn], Joined]:
    return lambda turn: turn.tx.messages.join_messages(topic_id, after)


def _overdue(name: SubscriptionName) -> Callable[[Turn], list[int]]:
    def unit(turn: Turn) -> list[int]:
        if turn.tx.pubsub.find_subscription(name) is None:
            return []
        return list(turn.tx.messages.settle_overdue(name, turn.now_s))

    return unit
