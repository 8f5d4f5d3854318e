"""Messages on their way: publish, pull, acknowledge, new deadlines. Each is one turn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf

import anyio

from hakobune.core.errors import Aborted, FieldViolation, InvalidArgument
from hakobune.core.pubsub import limits
from hakobune.core.pubsub.failures import AckFailure
from hakobune.core.pubsub.messages import check_request
from hakobune.core.pubsub.model import Delivery, NewMessage, SchemaSettings, Subscription
from hakobune.core.pubsub.names import SubscriptionName, TopicName
from hakobune.runtime.pubsub_schemas import Schemas
from hakobune.runtime.pubsub_signals import Signals
from hakobune.runtime.wheel import Turn, Wheel
from hakobune.store.api import Store
from hakobune.store.pubsub_api import Published, Pulled, PullWish, Settled

# Hears which deliveries end so many seconds from now; 0: they are over.
SettledWatch = Callable[[Sequence[str], int], None]

# Takes messages over, in the turn that acknowledges them.
Taker = Callable[[Turn, Sequence[Delivery]], None]

_SCHEMA_TRIES = 5  # of a publish whose topic gets another schema meanwhile


class Traffic:
    """The hot methods of the room."""

    def __init__(self, wheel: Wheel, signals: Signals, schemas: Schemas) -> None:
        self._wheel = wheel
        self._store: Store = wheel.store
        self._signals = signals
        self._schemas = schemas
        self.used: set[SubscriptionName] = set()  # since somebody took note of it
        self.settled_watches: list[SettledWatch] = []

    # -- publishing ---------------------------------------------------------------------------------------------

    async def publish(self, topic: TopicName, messages: Sequence[NewMessage]) -> list[str]:
        """See PubsubRoom."""
        check_request(messages)
        schema: SchemaSettings | None = None
        fitting = messages
        for _ in range(_SCHEMA_TRIES):
            outcome = await self._published(topic, fitting, schema)
            if isinstance(outcome, Published):
                self._signals.published(outcome.topic_id, len(messages))
                return [str(number) for number in range(outcome.first, outcome.first + len(messages))]
            schema = outcome
            fitting = await self._schemas.fitted(schema, messages)
        raise Aborted(f"The schema of {topic} changes too fast: try again.")

    async def _published(
        self, topic: TopicName, messages: Sequence[NewMessage], schema: SchemaSettings | None
    ) -> Published | SchemaSettings:
        return await self._wheel.turn(lambda turn: turn.tx.messages.publish(topic, messages, schema, turn.now_s))

    # -- pulling ------------------------------------------------------------------------------------------------

    async def pull(
        self,
        name: SubscriptionName,
        limit: int,
        *,
        wait_s: float = 0.0,
        lease_s: float | None = None,
        limit_bytes: int | None = None,
        known: Subscription | None = None,
        taker: Taker | None = None,
    ) -> list[Delivery]:
        """See PubsubRoom. Raises Aborted, too: the subscription is not as it is `known`."""
        if limit < 1:
            raise _wrong("max_messages", "must be 1 or more")
        wish = PullWish(limit=limit, limit_bytes=limit_bytes or limits.PULL_BYTES, lease_s=lease_s, known=known)
        self.used.add(name)
        self._signals.use.wake()
        pulled = await self._pulled(name, wish, taker)
        if pulled.deliveries or wait_s <= 0:
            return pulled.deliveries
        end_s = anyio.current_time() + wait_s
        with self._signals.watch(pulled.topic_id, pulled.subscription_id) as watch:
            while True:
                watch.arm()
                pulled = await self._pulled(name, wish, taker)
                left_s = end_s - anyio.current_time()
                if pulled.deliveries or left_s <= 0:
                    return pulled.deliveries
                watch.due_s = inf if pulled.next_due_s is None else pulled.next_due_s
                await watch.wait(min(left_s, watch.due_s - self._wheel.clock.now_s()))

    async def _pulled(self, name: SubscriptionName, wish: PullWish, taker: Taker | None) -> Pulled:
        def unit(turn: Turn) -> tuple[Pulled, Settled | None]:
            pulled = turn.tx.messages.pull(name, wish, turn.now_s)
            if taker is None or not pulled.deliveries:
                return pulled, None
            taker(turn, pulled.deliveries)
            ack_ids = [delivery.ack_id for delivery in pulled.deliveries]
            return pulled, turn.tx.messages.acknowledge(name, ack_ids, turn.now_s)

        while True:
            pulled, settled = await self._wheel.turn(unit)
            if settled is not None:
                self._settle(settled, len(pulled.deliveries))
                self._signals.acknowledged(settled.topic_id)
            for topic_id in pulled.woken_topics:
                self._signals.published(topic_id, 1)
            if pulled.deliveries and pulled.deliveries[0].attempt:
                self._signals.leases.wake()
            if pulled.deliveries or not pulled.may_have_more:
                return pulled

    # -- settling -----------------------------------------------------------------------------------------------

    async def acknowledge(self, name: SubscriptionName, ack_ids: Sequence[str]) -> None:
        """See PubsubRoom."""
        _check_ack_ids(ack_ids)
        self.used.add(name)
        settled = await self._wheel.turn(lambda turn: turn.tx.messages.acknowledge(name, ack_ids, turn.now_s))
        self._settle(settled, len(ack_ids))
        self._tell_settled(ack_ids, 0)
        self._signals.acknowledged(settled.topic_id)

    async def modify_ack_deadline(self, name: SubscriptionName, ack_ids: Sequence[str], deadline_s: int) -> None:
        """See PubsubRoom."""
        _check_ack_ids(ack_ids)
        if not 0 <= deadline_s <= limits.ACK_DEADLINE_MAX_S:
            raise _wrong("ack_deadline_seconds", f"must be 0 to {limits.ACK_DEADLINE_MAX_S}")
        self.used.add(name)
        settled = await self._wheel.turn(
            lambda turn: turn.tx.messages.modify_deadlines(name, ack_ids, deadline_s, turn.now_s)
        )
        self._settle(settled, len(ack_ids))
        self._tell_settled(ack_ids, deadline_s)

    def _tell_settled(self, ack_ids: Sequence[str], deadline_s: int) -> None:
        for watch in self.settled_watches:
            watch(ack_ids, deadline_s)

    def _settle(self, settled: Settled, count: int) -> None:
        for topic_id in settled.woken_topics:
            self._signals.published(topic_id, 1)
        if settled.may_free:
            self._signals.freed(settled.subscription_id, count)
        self._signals.sooner(settled.subscription_id, settled.next_due_s)
        if settled.failures:
            raise AckFailure(settled.failures)


def _check_ack_ids(ack_ids: Sequence[str]) -> None:
    if not ack_ids:
        raise _wrong("ack_ids", "at least one ack id is needed")
    if len(ack_ids) > limits.ACK_IDS:
        raise _wrong("ack_ids", f"at most {limits.ACK_IDS} ack ids are accepted at once")


def _wrong(field: str, text: str) -> InvalidArgument:
    return InvalidArgument(f"{field}: {text}.", violations=[FieldViolation(field=field, description=text)])
