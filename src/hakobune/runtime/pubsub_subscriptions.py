"""Subscriptions: made, changed, listed, sought, detached, removed."""

from __future__ import annotations

from dataclasses import replace

from hakobune.core.errors import NotFound, ResourceExhausted
from hakobune.core.pubsub import limits
from hakobune.core.pubsub.model import PushConfig, Subscription
from hakobune.core.pubsub.names import SnapshotName, SubscriptionName
from hakobune.runtime.pubsub_signals import Signals
from hakobune.runtime.wheel import Turn, Wheel
from hakobune.store.api import Page
from hakobune.store.pubsub_api import PubsubRead

_ALL = 1 << 30  # waiters: of a seek nobody knows how many messages it brings


def subscription_of(pubsub: PubsubRead, name: SubscriptionName) -> Subscription:
    """Raises NotFound."""
    found = pubsub.find_subscription(name)
    if found is None:
        raise NotFound(f"Subscription does not exist: {name}.")
    return found


class Subscriptions:
    """The desk of subscriptions."""

    def __init__(self, wheel: Wheel, signals: Signals) -> None:
        self._wheel = wheel
        self._signals = signals

    async def create(self, subscription: Subscription) -> Subscription:
        """It gets what is published from now on. Raises AlreadyExists, NotFound (its topic), ResourceExhausted."""

        def unit(turn: Turn) -> Subscription:
            pubsub = turn.tx.pubsub
            if pubsub.count_subscriptions(subscription.name.project) >= limits.SUBSCRIPTIONS:
                raise ResourceExhausted(f"A project has at most {limits.SUBSCRIPTIONS} subscriptions.")
            topic = subscription.topic
            has_topic = topic is not None and pubsub.find_topic(topic) is not None
            if topic is not None and has_topic and pubsub.count_topic_subscriptions(topic) >= limits.SUBSCRIPTIONS:
                raise ResourceExhausted(f"A topic has at most {limits.SUBSCRIPTIONS} subscriptions.")
            pubsub.add_subscription(subscription, turn.now_s)
            return subscription_of(pubsub, subscription.name)

        found = await self._wheel.turn(unit)
        self._signals.all_changed()
        return found

    async def get(self, name: SubscriptionName) -> Subscription:
        """Raises NotFound."""
        return await self._wheel.store.read(lambda tx: subscription_of(tx.pubsub, name))

    async def list(self, project: str, page: Page) -> list[Subscription]:
        """By id."""
        return await self._wheel.store.read(lambda tx: tx.pubsub.list_subscriptions(project, page))

    async def patch(self, wanted: Subscription, fields: frozenset[str]) -> Subscription:
        """Change the fields of `Subscription` that are named; the new subscription. Raises NotFound."""

        def unit(turn: Turn) -> Subscription:
            old = subscription_of(turn.tx.pubsub, wanted.name)
            new = replace(old, **{field: getattr(wanted, field) for field in fields})
            if new != old:
                turn.tx.pubsub.replace_subscription(new)
            turn.tx.pubsub.touch([wanted.name], turn.now_s)
            return new

        found = await self._wheel.turn(unit)
        self._signals.all_changed()
        return found

    async def modify_push_config(self, name: SubscriptionName, push: PushConfig | None) -> None:
        """Push to another place, or (None) wait to be pulled. Raises NotFound."""

        def unit(turn: Turn) -> None:
            found = subscription_of(turn.tx.pubsub, name)
            turn.tx.pubsub.replace_subscription(replace(found, push=push))

        await self._wheel.turn(unit)
        self._signals.all_changed()

    async def detach(self, name: SubscriptionName) -> None:
        """From now on it gets nothing, and what it had is dropped. Raises NotFound."""

        def unit(turn: Turn) -> None:
            found = subscription_of(turn.tx.pubsub, name)
            if not found.detached:
                turn.tx.pubsub.replace_subscription(replace(found, detached=True))

        await self._wheel.turn(unit)
        self._signals.all_changed()

    async def delete(self, name: SubscriptionName) -> None:
        """Raises NotFound."""

        def unit(turn: Turn) -> None:
            if not turn.tx.pubsub.remove_subscription(name):
                raise NotFound(f"Subscription does not exist: {name}.")

        await self._wheel.turn(unit)
        self._signals.all_changed()

    async def seek_to_time(self, name: SubscriptionName, at_s: float) -> None:
        """Messages published before are acknowledged, later ones are not, as far as they are kept.
        Raises NotFound, FailedPrecondition (detached)."""
        number = await self._wheel.turn(lambda turn: turn.tx.messages.seek_to_time(name, at_s, turn.now_s))
        self._signals.freed(number, _ALL)
        self._signals.leavings.wake()

    async def seek_to_snapshot(self, name: SubscriptionName, snapshot: SnapshotName) -> None:
        """What was not acknowledged then is not now.
        Raises NotFound, FailedPrecondition (detached, of another topic)."""
        number = await self._wheel.turn(lambda turn: turn.tx.messages.seek_to_snapshot(name, snapshot, turn.now_s))
        self._signals.freed(number, _ALL)
        self._signals.leavings.wake()
