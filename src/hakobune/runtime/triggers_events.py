"""Events become deliveries, and deliveries are tried until they are over: the wheel's room of triggers.

What happens in a turn is told in its own transaction: the event, one delivery for each trigger that wants it, and the
command of each first attempt are durable with the change itself, or not at all. Each attempt is one command of the
outbox, with the delivery as its subject; a delivery that waits has one timer of the wheel. A crash repeats an attempt
that was not answered, with the same event id.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from hakobune.core.errors import InvalidArgument, NotFound, ResourceExhausted, Unavailable
from hakobune.core.instants import timestamp_to_text
from hakobune.core.objects.model import EventType, ObjectEvent, ObjectVersion
from hakobune.core.pubsub.names import DELETED_TOPIC, SubscriptionName
from hakobune.core.triggers import deliveries
from hakobune.core.triggers.deliveries import Attempted, Delivery, DeliveryRules
from hakobune.core.triggers.event_types import ARCHIVED, DELETED, FINALIZED, METADATA_UPDATED
from hakobune.core.triggers.events import CloudEvent
from hakobune.core.triggers.limits import BACKOFF_MAX_S, BACKOFF_MIN_S
from hakobune.core.triggers.model import Trigger
from hakobune.core.triggers.states import DeliveryState
from hakobune.runtime.outlet import Publishes
from hakobune.runtime.triggers_attempts import TriggerAttempts, shown_destination
from hakobune.runtime.triggers_book import TriggerBook
from hakobune.runtime.wheel import Turn, Wheel
from hakobune.store.api import OutboxCommand, ReadTx, WriteTx

ROOM = "triggers"
_ATTEMPT = "ATTEMPT"
_DEAD_LETTER = "DEAD_LETTER"
_WOKEN_AT_ONCE = 500  # waits that are over, in one turn
_ATTRIBUTE_BYTES = 1_024  # of a message: Pub/Sub's bound

_OBJECT_TYPES = {
    EventType.FINALIZE: FINALIZED,
    EventType.DELETE: DELETED,
    EventType.ARCHIVE: ARCHIVED,
    EventType.METADATA_UPDATE: METADATA_UPDATED,
}
# The data of an event about an object: the wire floor's work. Pure.
ObjectToData = Callable[[ObjectVersion], bytes]

_log = logging.getLogger("hakobune.triggers")


class TriggerEvents:
    """The wheel's room of triggers."""

    def __init__(self, wheel: Wheel, book: TriggerBook, attempts: TriggerAttempts, publisher: Publishes) -> None:
        self._wheel = wheel
        self._book = book
        self._attempts = attempts
        self._publisher = publisher
        self._object_data: ObjectToData | None = None
        wheel.listeners[ObjectEvent] = self._on_object

    def connect(self, object_data: ObjectToData) -> None:
        """How the data of events about objects is made."""
        self._object_data = object_data

    # -- events ---------------------------------------------------------------------------------------------------

    def _on_object(self, turn: Turn, event: object) -> None:
        """An object has changed in this turn."""
        assert isinstance(event, ObjectEvent)
        version, event_type = event.version, _OBJECT_TYPES[event.type]
        index = self._book.index(turn.tx)
        if not index.may_want(event_type, "bucket", version.bucket):
            return
        if self._object_data is None:
            raise Unavailable("No events are made yet: try again.")
        self.happened(
            turn,
            CloudEvent(
                id="",
                source=f"//storage.googleapis.com/projects/_/buckets/{version.bucket}",
                type=event_type,
                subject=f"objects/{version.name}",
                time=timestamp_to_text(event.at_s),
                extensions={"bucket": version.bucket},
                data=self._object_data(version),
            ),
        )

    def happened(self, turn: Turn, event: CloudEvent, *, channel: str = "") -> int:
        """Leave the deliveries of an event to all triggers that want it: how many those are."""
        found = self._book.index(turn.tx).matching(event, channel=channel)
        self.deliver(turn, event, found)
        return len(found)

    def deliver(self, turn: Turn, event: CloudEvent, wanted_by: Sequence[Trigger]) -> None:
        """Leave the deliveries of an event to these triggers. Without an id it gets one."""
        if not wanted_by:
            return
        triggers = turn.tx.triggers
        number = triggers.next_event(turn.now_s)
        triggers.add_event(number, event if event.id else replace(event, id=str(number)))
        for trigger in wanted_by:
            for delivery in deliveries.planned(number, trigger.uid, trigger.mischief, turn.now_s):
                triggers.save_delivery(delivery)
                follow(turn, delivery)

    # -- what the wheel asks --------------------------------------------------------------------------------------

    async def wake(self, subject: str) -> None:
        """The wait before an attempt is over. All that are due are begun in one turn."""

        def unit(turn: Turn) -> None:
            for timer in turn.tx.timers.due(turn.now_s, _WOKEN_AT_ONCE):
                if timer.room != ROOM:
                    continue
                turn.tx.timers.clear(ROOM, timer.subject)
                delivery = turn.tx.triggers.find_delivery(timer.subject)
                if delivery is not None and delivery.try_s is not None:
                    due = deliveries.again(delivery)
                    turn.tx.triggers.save_delivery(due)
                    follow(turn, due)

        del subject  # it is due: if it is not among the first, the wheel asks again
        await self._wheel.turn(unit)

    async def perform(self, command: OutboxCommand) -> None:
        """Try a delivery, or tell the dead letter topic of one that was given up. Raises Unavailable: not now."""

        def unit(tx: ReadTx) -> tuple[Delivery, Trigger, CloudEvent, DeliveryRules] | None:
            delivery = tx.triggers.find_delivery(command.subject)
            trigger = None if delivery is None else tx.triggers.trigger_by_uid(delivery.trigger_uid)
            event = None if delivery is None else tx.triggers.find_event(delivery.event)
            if delivery is None or trigger is None or event is None:
                return None
            return delivery, trigger, event, rules_of(tx, trigger)

        found = await self._wheel.store.read(unit)
        if found is None:
            return  # deleted meanwhile
        delivery, trigger, event, rules = found
        if command.kind == _DEAD_LETTER:
            await self._tell_dead_letter(command.payload, delivery, trigger, event)
        elif _is_awaited(delivery, command):
            await self._settle(command, await self._attempts.make(trigger, event, delivery, rules))

    async def give_up(self, command: OutboxCommand, reason: str) -> bool:
        """An attempt that cannot be made has failed. A dead letter that cannot be told is tried again."""
        if command.kind == _DEAD_LETTER:
            return False
        await self._settle(command, Attempted(is_accepted=False, message=reason))
        return True

    async def _settle(self, command: OutboxCommand, attempted: Attempted) -> None:
        def unit(turn: Turn) -> None:
            delivery = turn.tx.triggers.find_delivery(command.subject)
            trigger = None if delivery is None else turn.tx.triggers.trigger_by_uid(delivery.trigger_uid)
            if delivery is None or trigger is None or not _is_awaited(delivery, command):
                return
            rules = rules_of(turn.tx, trigger)
            after = deliveries.answered(delivery, attempted, rules, turn.now_s)
            turn.tx.triggers.save_delivery(after)
            follow(turn, after)
            if after.state is DeliveryState.DEAD_LETTERED:
                turn.emit(ROOM, after.uid, _DEAD_LETTER, rules.dead_letter_topic)
            _note(trigger, after)

        await self._wheel.persist(unit)

    async def _tell_dead_letter(self, topic: str, delivery: Delivery, trigger: Trigger, event: CloudEvent) -> None:
        try:
            await self._publisher.publish(topic, event.data, _dead_letter_attributes(delivery, trigger, event))
        except (NotFound, InvalidArgument) as error:
            _log.warning("a dead letter of trigger '%s' is dropped: %s", trigger.name.id, error.message)
        except ResourceExhausted as error:
            raise Unavailable(error.message) from error


def follow(turn: Turn, delivery: Delivery) -> None:
    """Do what the state of a delivery asks for: an attempt now, or later."""
    if delivery.state is not DeliveryState.PENDING:
        return
    if delivery.try_s is None:
        turn.emit(ROOM, delivery.uid, _ATTEMPT, _ticket(delivery))
    else:
        turn.wake_at(ROOM, delivery.uid, delivery.try_s)


def drop(turn: Turn, delivery_uids: Iterable[str]) -> None:
    """These deliveries are no more."""
    for uid in delivery_uids:
        turn.tx.timers.clear(ROOM, uid)


def rules_of(tx: ReadTx | WriteTx, trigger: Trigger) -> DeliveryRules:
    """The settings of the trigger's subscription rule. Source: https://cloud.google.com/eventarc/docs/retry-events."""
    subscription = None
    if trigger.subscription:
        subscription = tx.pubsub.find_subscription(SubscriptionName.parse(trigger.subscription))
    if subscription is None:
        return DeliveryRules(attempts_max=trigger.max_attempts)
    letter, retry = subscription.dead_letter, subscription.retry
    topic = "" if letter is None or letter.topic == DELETED_TOPIC else letter.topic
    return DeliveryRules(
        ack_deadline_s=float(subscription.ack_deadline_s),
        backoff_min_s=BACKOFF_MIN_S if retry is None else retry.minimum_backoff_s,
        backoff_max_s=BACKOFF_MAX_S if retry is None else retry.maximum_backoff_s,
        retention_s=subscription.message_retention_s,
        attempts_max=trigger.max_attempts or (letter.max_delivery_attempts if letter is not None and topic else 0),
        dead_letter_topic=topic,
    )


def _ticket(delivery: Delivery) -> str:
    """What an attempt must show to be the one that is waited for: a user may ask for another while it is under way."""
    return f"{delivery.attempts}/{delivery.since_s!r}"


def _is_awaited(delivery: Delivery, command: OutboxCommand) -> bool:
    is_open = delivery.state is DeliveryState.PENDING and delivery.try_s is None
    return is_open and command.payload == _ticket(delivery)


def _note(trigger: Trigger, delivery: Delivery) -> None:
    """Say when a delivery fails for the first time, and when it is given up."""
    if delivery.last is None or delivery.last.is_accepted:
        return
    what = {DeliveryState.DEAD_LETTERED: "became a dead letter", DeliveryState.DROPPED: "is dropped"}
    if delivery.failures == 1 or delivery.state in what:
        text = what.get(delivery.state, "failed and is tried again")
        _log.warning(
            "a delivery of trigger '%s' to %s %s: %s",
            trigger.name.id,
            shown_destination(trigger),
            text,
            delivery.last.message,
        )


def _dead_letter_attributes(delivery: Delivery, trigger: Trigger, event: CloudEvent) -> dict[str, str]:
    """The attributes of the event, and what Pub/Sub adds to dead letters. Values that a message cannot have are cut."""
    found = {f"ce-{name}": value for name, value in event.attributes()}
    if event.data_content_type:
        found["Content-Type"] = event.data_content_type
    found["CloudPubSubDeadLetterSourceDeliveryCount"] = str(delivery.attempts)
    if trigger.subscription:
        name = SubscriptionName.parse(trigger.subscription)
        found["CloudPubSubDeadLetterSourceSubscription"] = name.id
        found["CloudPubSubDeadLetterSourceSubscriptionProject"] = name.project
    return {name: value.encode()[:_ATTRIBUTE_BYTES].decode("utf-8", "ignore") for name, value in found.items() if value}
