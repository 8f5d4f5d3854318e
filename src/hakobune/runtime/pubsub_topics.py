"""Topics: made, changed, listed, removed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hakobune.core.errors import FieldViolation, InvalidArgument, NotFound, ResourceExhausted
from hakobune.core.pubsub import limits
from hakobune.core.pubsub.model import SchemaSettings, Topic
from hakobune.core.pubsub.names import SchemaName, SnapshotName, SubscriptionName, TopicName
from hakobune.runtime.pubsub_signals import Signals
from hakobune.runtime.wheel import Turn, Wheel
from hakobune.store.api import Page, ReadTx
from hakobune.store.pubsub_api import PubsubRead


def topic_of(pubsub: PubsubRead, name: TopicName) -> Topic:
    """Raises NotFound."""
    found = pubsub.find_topic(name)
    if found is None:
        raise NotFound(f"Topic not found: {name}.")
    return found


class Topics:
    """The desk of topics."""

    def __init__(self, wheel: Wheel, signals: Signals) -> None:
        self._wheel = wheel
        self._signals = signals

    async def create(self, topic: Topic) -> Topic:
        """Raises AlreadyExists, NotFound (its schema), ResourceExhausted (too many)."""

        def unit(turn: Turn) -> Topic:
            pubsub = turn.tx.pubsub
            if pubsub.count_topics(topic.name.project) >= limits.TOPICS:
                raise ResourceExhausted(f"A project has at most {limits.TOPICS} topics.")
            _check_schema(pubsub, topic.schema_settings)
            pubsub.add_topic(topic)
            return topic

        made = await self._wheel.turn(unit)
        self._signals.use.wake()
        return made

    async def get(self, name: TopicName) -> Topic:
        """Raises NotFound."""
        return await self._wheel.store.read(lambda tx: topic_of(tx.pubsub, name))

    async def list(self, project: str, page: Page) -> list[Topic]:
        """By id."""
        return await self._wheel.store.read(lambda tx: tx.pubsub.list_topics(project, page))

    async def patch(self, wanted: Topic, fields: frozenset[str]) -> Topic:
        """Change the fields of `Topic` that are named; the new topic. Raises NotFound (it, or its schema)."""

        def unit(turn: Turn) -> Topic:
            old = topic_of(turn.tx.pubsub, wanted.name)
            new = replace(old, **{field: getattr(wanted, field) for field in fields})
            if "schema_settings" in fields:
                _check_schema(turn.tx.pubsub, new.schema_settings)
            if new != old:
                turn.tx.pubsub.replace_topic(new)
            return new

        found = await self._wheel.turn(unit)
        self._signals.all_changed()
        return found

    async def delete(self, name: TopicName) -> None:
        """Its subscriptions stay, with what they have. Raises NotFound."""

        def unit(turn: Turn) -> None:
            if not turn.tx.pubsub.remove_topic(name):
                raise NotFound(f"Topic not found: {name}.")

        await self._wheel.turn(unit)
        self._signals.all_changed()

    async def subscriptions(self, name: TopicName, page: Page) -> Sequence[SubscriptionName]:
        """Those that are attached. `after` of the page is `project/id`. Raises NotFound."""

        def unit(tx: ReadTx) -> Sequence[SubscriptionName]:
            return tx.pubsub.list_topic_subscriptions(name, page)

        return await self._wheel.store.read(unit)

    async def snapshots(self, name: TopicName, page: Page) -> Sequence[SnapshotName]:
        """`after` of the page is `project/id`. Raises NotFound."""

        def unit(tx: ReadTx) -> Sequence[SnapshotName]:
            return tx.pubsub.list_topic_snapshots(name, page)

        return await self._wheel.store.read(unit)


def _check_schema(pubsub: PubsubRead, settings: SchemaSettings | None) -> None:
    if settings is None:
        return
    name = SchemaName.parse(settings.schema, field="topic.schema_settings.schema")
    if pubsub.find_schema(name) is None:
        raise NotFound(f"Schema does not exist: {name}.")
    for field in ("first_revision_id", "last_revision_id"):
        revision = getattr(settings, field)
        if revision and pubsub.find_schema(name, revision) is None:
            text = f"the schema has no revision {revision!r}"
            violation = FieldViolation(field=f"topic.schema_settings.{field}", description=text)
            raise InvalidArgument(f"topic.schema_settings.{field}: {text}.", violations=[violation])
