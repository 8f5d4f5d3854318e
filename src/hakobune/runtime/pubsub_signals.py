"""Who waits for messages, and what wakes them. In memory: signals follow commits, and whoever waits looks again.

A signal wakes as many waiters as there are messages, and no more: a thousand idle pulls must not all ask the store
because one message came. A waiter that leaves while it is woken hands that on.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Generator
from contextlib import contextmanager
from math import inf

import anyio


class Watch:
    """One waiter. `arm`, look, then `wait`: what happens between is not missed."""

    def __init__(self) -> None:
        self._event = anyio.Event()
        self.due_s = inf  # the instant at which it looks again by itself, by the clock of the house

    @property
    def is_woken(self) -> bool:
        """Whether there was a signal since `arm`."""
        return self._event.is_set()

    def arm(self) -> None:
        """From now on signals count."""
        self._event = anyio.Event()
        self.due_s = inf

    def wake(self) -> None:
        """Something may be there."""
        self._event.set()

    async def wait(self, timeout_s: float) -> None:
        """Until a signal since `arm`, or the end of the time."""
        with anyio.move_on_after(max(0.0, timeout_s)):
            await self._event.wait()


_Watches = dict[Watch, None]  # in the order in which they are woken


class Signals:
    """Tells waiters of topics and subscriptions, by their numbers in the store."""

    def __init__(self) -> None:
        self._by_subscription: defaultdict[int, _Watches] = defaultdict(dict)
        self._watched_of_topic: defaultdict[int, set[int]] = defaultdict(set)
        self.use = Watch()  # somebody uses the room
        self.settings = Watch()  # subscriptions came, went or changed
        self.leases = Watch()  # a lease was given that may end as a dead letter
        self.leavings = Watch()  # there may be something to remove
        self.dirty: set[int] = set()  # topics of which some messages may not be needed any more

    @contextmanager
    def watch(self, topic_id: int, subscription_id: int) -> Generator[Watch, None, None]:
        """A waiter for what is published to a topic, and for what happens to a subscription."""
        watch = Watch()
        watches = self._by_subscription[subscription_id]
        watches[watch] = None
        self._watched_of_topic[topic_id].add(subscription_id)
        try:
            yield watch
        finally:
            watches.pop(watch)
            if watch.is_woken:
                _wake(watches, 1)
            if not watches:
                self._by_subscription.pop(subscription_id, None)
                self._watched_of_topic[topic_id].discard(subscription_id)
                if not self._watched_of_topic[topic_id]:
                    del self._watched_of_topic[topic_id]

    def published(self, topic_id: int, count: int) -> None:
        """A topic has so many new messages."""
        for subscription_id in self._watched_of_topic.get(topic_id, ()):
            _wake(self._by_subscription[subscription_id], count)

    def freed(self, subscription_id: int, count: int) -> None:
        """About so many messages of a subscription may come again."""
        _wake(self._by_subscription.get(subscription_id, {}), count)

    def sooner(self, subscription_id: int, due_s: float | None) -> None:
        """The next lease of a subscription ends at this instant: those who would sleep longer look again."""
        for watch in self._by_subscription.get(subscription_id, ()):
            if due_s is not None and watch.due_s > due_s:
                watch.wake()

    def acknowledged(self, topic_id: int) -> None:
        """Messages of a topic may not be needed any more."""
        self.dirty.add(topic_id)
        self.leavings.wake()

    def all_changed(self) -> None:
        """Subscriptions came, went or changed."""
        self.use.wake()
        self.settings.wake()
        self.leavings.wake()
        for watches in self._by_subscription.values():
            for watch in watches:
                watch.wake()


def _wake(watches: _Watches, count: int) -> None:
    """Wake so many that sleep; next time others have their turn."""
    sleeping = [watch for watch in watches if not watch.is_woken]
    for watch in sleeping[:count]:
        watch.wake()
        watches[watch] = watches.pop(watch)
