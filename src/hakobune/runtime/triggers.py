"""The triggers room: what callers ask of it. Events and their deliveries: `triggers_events`."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Container, Sequence
from dataclasses import replace

import anyio

from hakobune.core.errors import Aborted, AlreadyExists, Code, NotFound, ResourceExhausted
from hakobune.core.names import JobName, OperationName, WorkflowName
from hakobune.core.operations import EventarcOperation, Verb
from hakobune.core.pubsub.model import RetryPolicy, Subscription, Topic
from hakobune.core.pubsub.names import SubscriptionName, TopicName
from hakobune.core.services.names import Kind, ResidentName
from hakobune.core.triggers import limits
from hakobune.core.triggers.audit import AuditedCall, audit_event, bucket_of, project_of
from hakobune.core.triggers.deliveries import Delivery, redelivered
from hakobune.core.triggers.events import CloudEvent
from hakobune.core.triggers.model import Channel, ChannelName, Condition, DestinationKind, Trigger, TriggerName
from hakobune.runtime.clock import Identifiers
from hakobune.runtime.pubsub import PubsubRoom
from hakobune.runtime.settings import Settings
from hakobune.runtime.triggers_book import TriggerBook
from hakobune.runtime.triggers_events import TriggerEvents, drop, follow
from hakobune.runtime.triggers_intake import TriggerIntake
from hakobune.runtime.wheel import Turn, Wheel
from hakobune.store.api import Page, ReadTx, WriteTx
from hakobune.store.triggers_api import DeliveryQuery

_SWEEP_S = 600.0
_SWEPT_AT_ONCE = 1_000

MakeTrigger = Callable[[str], Trigger]
Change = Callable[[Trigger], Trigger]


class TriggersRoom:
    """Triggers and channels of all projects."""

    def __init__(
        self,
        wheel: Wheel,
        identifiers: Identifiers,
        pubsub: PubsubRoom,
        events: TriggerEvents,
        book: TriggerBook,
        settings: Settings,
    ) -> None:
        self._wheel = wheel
        self._identifiers = identifiers
        self._pubsub = pubsub
        self._book = book
        self._settings = settings
        self.events = events
        self.intake = TriggerIntake(wheel, pubsub, events)

    @property
    def wants_audit(self) -> bool:
        """Whether any trigger wants to hear of calls."""
        return self._book.wants_audit

    # -- triggers -------------------------------------------------------------------------------------------------

    async def create(self, name: TriggerName, make: MakeTrigger, *, validate_only: bool = False) -> EventarcOperation:
        """A new trigger, with its subscription, and with a topic unless it names one. Raises AlreadyExists, NotFound
        (its topic, its channel), ResourceExhausted."""
        return await self._change(lambda turn: self._create(turn, name, make, validate_only=validate_only))

    async def get(self, name: TriggerName) -> tuple[Trigger, Sequence[Condition]]:
        """A trigger, and why it does not do what it should. Raises NotFound."""

        def unit(tx: ReadTx) -> tuple[Trigger, Sequence[Condition]]:
            trigger = _found(tx, name)
            return trigger, conditions_of(tx, trigger, self._settings.service_urls)

        return await self._wheel.store.read(unit)

    async def list_triggers(
        self, project: str, location: str | None, page: Page
    ) -> list[tuple[Trigger, Sequence[Condition]]]:
        """By id, each as `get` gives it."""

        def unit(tx: ReadTx) -> list[tuple[Trigger, Sequence[Condition]]]:
            found = tx.triggers.list_triggers(project, location, page)
            return [(one, conditions_of(tx, one, self._settings.service_urls)) for one in found]

        return await self._wheel.store.read(unit)

    async def patch(
        self, name: TriggerName, change: Change, *, make: MakeTrigger | None, etag: str, validate_only: bool
    ) -> EventarcOperation:
        """Change a trigger; `make` makes one should there be none. Events that it has keep their deliveries. Raises
        NotFound, Aborted (it has another etag), and what `change` raises."""

        def unit(turn: Turn) -> EventarcOperation:
            old = turn.tx.triggers.find_trigger(name)
            if old is None and make is not None:
                return self._create(turn, name, make, validate_only=validate_only)
            if old is None:
                raise missing(name)
            _check_etag(old, etag)
            new = replace(change(old), update_s=turn.now_s, revision=old.revision + 1)
            self._check(turn, new)
            if not validate_only:
                turn.tx.triggers.save_trigger(new)
                self._book.changed(turn, self._identifiers.uid())
            return self._operation(turn, Verb.UPDATE, name, trigger=new)

        return await self._change(unit)

    async def delete(
        self, name: TriggerName, *, etag: str, allow_missing: bool, validate_only: bool
    ) -> EventarcOperation:
        """A trigger goes with its subscription, with a topic that was made for it, and with what it has not delivered.
        Raises NotFound, Aborted (it has another etag)."""

        def unit(turn: Turn) -> EventarcOperation:
            old = turn.tx.triggers.find_trigger(name)
            if old is None and allow_missing:
                return self._operation(turn, Verb.DELETE, name)
            if old is None:
                raise missing(name)
            _check_etag(old, etag)
            if not validate_only:
                drop(turn, turn.tx.triggers.remove_trigger(old.uid))
                _remove_transport(turn, old)
                self._book.changed(turn, self._identifiers.uid())
            return self._operation(turn, Verb.DELETE, name, trigger=old)

        return await self._change(unit)

    async def _change(self, unit: Callable[[Turn], EventarcOperation]) -> EventarcOperation:
        operation = await self._wheel.turn(unit)
        self._pubsub.changed()
        self.intake.look()
        return operation

    def _create(self, turn: Turn, name: TriggerName, make: MakeTrigger, *, validate_only: bool) -> EventarcOperation:
        if turn.tx.triggers.find_trigger(name) is not None:
            raise AlreadyExists(f"Resource '{name}' already exists.")
        if turn.tx.triggers.count_triggers(name.project) >= limits.TRIGGERS:
            raise ResourceExhausted(f"A project has at most {limits.TRIGGERS} triggers.")
        made = replace(make(self._identifiers.uid()), create_s=turn.now_s, update_s=turn.now_s)
        self._check(turn, made)
        made = _named(turn, made)
        if not validate_only:
            _add_transport(turn, made)
            turn.tx.triggers.add_trigger(made)
            self._book.changed(turn, self._identifiers.uid())
        return self._operation(turn, Verb.CREATE, name, trigger=made)

    def _check(self, turn: Turn, trigger: Trigger) -> None:
        """What it names must be there: but for its destination, so that the order of deployment is free."""
        if trigger.channel:
            name = ChannelName.parse(trigger.channel)
            if turn.tx.triggers.find_channel(name) is None:
                raise NotFound(f"trigger.channel: channel '{name}' does not exist: create it first.")

    # -- channels -------------------------------------------------------------------------------------------------

    async def create_channel(
        self, name: ChannelName, make: Callable[[str], Channel], *, validate_only: bool = False
    ) -> EventarcOperation:
        """A new channel. Raises AlreadyExists."""

        def unit(turn: Turn) -> EventarcOperation:
            made = replace(make(self._identifiers.uid()), create_s=turn.now_s, update_s=turn.now_s)
            if turn.tx.triggers.find_channel(name) is not None:
                raise AlreadyExists(f"Resource '{name}' already exists.")
            if not validate_only:
                turn.tx.triggers.add_channel(made)
            return self._operation(turn, Verb.CREATE, name, channel=made)

        return await self._wheel.turn(unit)

    async def get_channel(self, name: ChannelName) -> Channel:
        """Raises NotFound."""
        return await self._wheel.store.read(lambda tx: _channel(tx, name))

    async def list_channels(self, project: str, location: str | None, page: Page) -> list[Channel]:
        """By id."""
        return await self._wheel.store.read(lambda tx: tx.triggers.list_channels(project, location, page))

    async def patch_channel(
        self, name: ChannelName, change: Callable[[Channel], Channel], *, validate_only: bool
    ) -> EventarcOperation:
        """Raises NotFound."""

        def unit(turn: Turn) -> EventarcOperation:
            new = replace(change(_channel(turn.tx, name)), update_s=turn.now_s)
            if not validate_only:
                turn.tx.triggers.save_channel(new)
            return self._operation(turn, Verb.UPDATE, name, channel=new)

        return await self._wheel.turn(unit)

    async def delete_channel(self, name: ChannelName, *, validate_only: bool) -> EventarcOperation:
        """Its triggers stay, and hear nothing more. Raises NotFound."""

        def unit(turn: Turn) -> EventarcOperation:
            channel = _channel(turn.tx, name)
            if not validate_only:
                turn.tx.triggers.remove_channel(channel.uid)
            return self._operation(turn, Verb.DELETE, name, channel=channel)

        return await self._wheel.turn(unit)

    async def publish(self, name: ChannelName, events: Sequence[CloudEvent]) -> None:
        """Tell the triggers of a channel; durable when it returns. Raises NotFound."""

        def unit(turn: Turn) -> None:
            _channel(turn.tx, name)
            for event in events:
                self.events.happened(turn, event, channel=str(name))

        await self._wheel.turn(unit)

    async def audit(self, call: AuditedCall) -> None:
        """Tell the triggers of a call that has changed something; durable when it returns."""
        uid = self._identifiers.uid()

        def unit(turn: Turn) -> None:
            project = project_of(call)
            if not project and (bucket := turn.tx.objects.find_bucket(bucket_of(call))) is not None:
                project = bucket.project
            self.events.happened(turn, audit_event(call, project or self._settings.project, uid, turn.now_s))

        await self._wheel.persist(unit)

    # -- deliveries -----------------------------------------------------------------------------------------------

    async def list_deliveries(
        self, query: DeliveryQuery, trigger: TriggerName | None, page: Page
    ) -> list[tuple[Delivery, Trigger, CloudEvent]]:
        """The newest first, of one trigger or of all in the location. Raises NotFound (the trigger)."""

        def unit(tx: ReadTx) -> list[tuple[Delivery, Trigger, CloudEvent]]:
            wanted = query if trigger is None else replace(query, trigger_uid=_found(tx, trigger).uid)
            return [
                (delivery, of, event)
                for delivery, of in tx.triggers.list_deliveries(wanted, page)
                if (event := tx.triggers.find_event(delivery.event)) is not None
            ]

        return await self._wheel.store.read(unit)

    async def redeliver(
        self, name: TriggerName, delivery_uid: str, *, is_anew: bool
    ) -> tuple[Delivery, Trigger, CloudEvent]:
        """Deliver an event once more, whatever became of it. `is_anew`: a workflow or a job is started though this
        event has started one before. Raises NotFound."""

        def unit(turn: Turn) -> tuple[Delivery, Trigger, CloudEvent]:
            triggers = turn.tx.triggers
            trigger, delivery = _found(turn.tx, name), triggers.find_delivery(delivery_uid)
            event = None if delivery is None else triggers.find_event(delivery.event)
            if delivery is None or event is None or delivery.trigger_uid != trigger.uid:
                raise NotFound(f"Trigger '{name.id}' has no event delivery '{delivery_uid[:120]}' that is kept.")
            turn.tx.timers.clear("triggers", delivery.uid)
            after = redelivered(delivery, turn.now_s, is_anew=is_anew)
            triggers.save_delivery(after)
            follow(turn, after)
            return after, trigger, event

        return await self._wheel.turn(unit)

    # -- loops ----------------------------------------------------------------------------------------------------

    async def prepare(self) -> None:
        """Before the first request: the index."""
        await self._wheel.store.read(self._book.index)

    async def run(self) -> None:
        """Take messages of triggers' topics; forget deliveries that are long over; until cancelled."""
        async with anyio.create_task_group() as group:
            group.start_soon(self.intake.run)
            while True:
                await anyio.sleep(_SWEEP_S)
                while await self._sweep() == _SWEPT_AT_ONCE:
                    pass

    async def _sweep(self) -> int:
        before_s = self._wheel.clock.now_s() - limits.SETTLED_KEPT_S
        if not await self._wheel.store.read(lambda tx: tx.triggers.has_settled(before_s, limits.SETTLED_KEPT)):
            return 0

        def unit(turn: Turn) -> int:
            return len(turn.tx.triggers.forget_settled(before_s, limits.SETTLED_KEPT, _SWEPT_AT_ONCE))

        return await self._wheel.persist(unit)

    def _operation(
        self,
        turn: Turn,
        verb: Verb,
        target: TriggerName | ChannelName,
        *,
        trigger: Trigger | None = None,
        channel: Channel | None = None,
    ) -> EventarcOperation:
        name = OperationName(project=target.project, location=target.location, operation=self._identifiers.uid())
        operation = EventarcOperation(
            name=name, verb=verb, target=str(target), create_time_s=turn.now_s, trigger=trigger, channel=channel
        )
        turn.tx.operations.add_eventarc_operation(operation)
        return operation


# -- transport ------------------------------------------------------------------------------------------------------


def _named(turn: Turn, trigger: Trigger) -> Trigger:
    """With the names of its subscription, and of a topic if it names none. Raises NotFound (its topic)."""
    pubsub, name = turn.tx.pubsub, trigger.name
    if trigger.topic and pubsub.find_topic(TopicName.parse(trigger.topic)) is None:
        raise NotFound(
            f"trigger.transport.pubsub.topic: topic '{trigger.topic}' does not exist: create it first, or leave it out."
        )
    number = 100 + zlib.crc32(trigger.uid.encode()) % 900
    while True:
        stem = f"eventarc-{name.location}-{name.id}"
        topic = TopicName(project=name.project, id=f"{stem}-{number}")
        subscription = SubscriptionName(project=name.project, id=f"{stem}-sub-{number}")
        if pubsub.find_topic(topic) is None and pubsub.find_subscription(subscription) is None:
            break
        number += 1
    return replace(
        trigger,
        topic=trigger.topic or str(topic),
        owns_topic=not trigger.topic,
        subscription=str(subscription),
    )


def _add_transport(turn: Turn, trigger: Trigger) -> None:
    topic = TopicName.parse(trigger.topic)
    if trigger.owns_topic:
        turn.tx.pubsub.add_topic(Topic(name=topic))
    subscription = Subscription(
        name=SubscriptionName.parse(trigger.subscription),
        topic=topic,
        ack_deadline_s=int(limits.ACK_DEADLINE_DEFAULT_S),
        message_retention_s=limits.RETENTION_S,
        expiration_s=None,
        retry=RetryPolicy(minimum_backoff_s=limits.BACKOFF_MIN_S, maximum_backoff_s=limits.BACKOFF_MAX_S),
    )
    turn.tx.pubsub.add_subscription(subscription, turn.now_s)


def _remove_transport(turn: Turn, trigger: Trigger) -> None:
    """What its user removed already is not missed."""
    turn.tx.pubsub.remove_subscription(SubscriptionName.parse(trigger.subscription))
    if trigger.owns_topic:
        turn.tx.pubsub.remove_topic(TopicName.parse(trigger.topic))


# -- questions ------------------------------------------------------------------------------------------------------


def missing(name: TriggerName | ChannelName) -> NotFound:
    """There is no such trigger or channel."""
    return NotFound(f"Resource '{name}' was not found")


def _found(tx: ReadTx | WriteTx, name: TriggerName) -> Trigger:
    trigger = tx.triggers.find_trigger(name)
    if trigger is None:
        raise missing(name)
    return trigger


def _channel(tx: ReadTx | WriteTx, name: ChannelName) -> Channel:
    channel = tx.triggers.find_channel(name)
    if channel is None:
        raise missing(name)
    return channel


def _check_etag(trigger: Trigger, etag: str) -> None:
    if etag and etag != trigger.etag:
        raise Aborted("The trigger was changed since it was read (its etag differs): read it again.")


def conditions_of(tx: ReadTx, trigger: Trigger, static_services: Container[str]) -> list[Condition]:
    """Why a trigger does not do what it should: what it names is not there, or does not take its events.
    `static_services`: ids of services that run elsewhere."""
    found: list[Condition] = []
    gone = _gone(tx, trigger, static_services)
    if gone:
        found.append(Condition(reason="DESTINATION_NOT_FOUND", code=Code.NOT_FOUND, message=gone))
    if tx.pubsub.find_subscription(SubscriptionName.parse(trigger.subscription)) is None:
        text = f"The subscription {trigger.subscription} of the trigger was deleted: create the trigger again."
        found.append(Condition(reason="TRANSPORT_NOT_FOUND", code=Code.NOT_FOUND, message=text))
    failing = tx.triggers.failing(trigger.uid)
    if failing is not None and failing.last is not None:
        text = f"A delivery has failed {failing.failures} times; the last time: {failing.last.message}"
        found.append(Condition(reason="DELIVERY_FAILED", code=Code.UNAVAILABLE, message=text))
    return found


def _gone(tx: ReadTx, trigger: Trigger, static_services: Container[str]) -> str:
    destination = trigger.destination
    if destination.service is not None and destination.service.service not in static_services:
        service = ResidentName(
            kind=Kind.SERVICE,
            project=trigger.name.project,
            location=destination.service.region,
            id=destination.service.service,
        )
        if tx.services.find_resident(service) is None:
            return f"Service {service} does not exist: deploy it. Events wait for it for a day."
    if destination.kind is DestinationKind.WORKFLOW:
        parts = destination.workflow.split("/")
        name = WorkflowName(project=parts[1], location=parts[3], workflow=parts[5])
        if tx.workflows.find_workflow(name) is None:
            return f"Workflow {name} does not exist: deploy it. Events wait for it for a day."
    if destination.kind is DestinationKind.JOB:
        parts = destination.job.split("/")
        job = JobName(project=parts[1], location=parts[3], job=parts[5])
        if tx.jobs.find_job(job) is None:
            return f"Job {job} does not exist: deploy it. Events wait for it for a day."
    return ""
