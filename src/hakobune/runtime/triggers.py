"""The triggers room: what callers ask of it. Events and their deliveries: `triggers_events`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import anyio

from hakobune.core.errors import Aborted, AlreadyExists, NotFound, ResourceExhausted
from hakobune.core.names import OperationName
from hakobune.core.operations import EventarcOperation, Verb
from hakobune.core.triggers import limits
from hakobune.core.triggers.audit import AuditedCall, audit_event, bucket_of, project_of
from hakobune.core.triggers.deliveries import Delivery, redelivered
from hakobune.core.triggers.event_types import MESSAGE_PUBLISHED
from hakobune.core.triggers.events import CloudEvent
from hakobune.core.triggers.model import Channel, ChannelName, Condition, Trigger, TriggerName
from hakobune.runtime.clock import Identifiers
from hakobune.runtime.pubsub import PubsubRoom
from hakobune.runtime.settings import Settings
from hakobune.runtime.triggers_book import TriggerBook
from hakobune.runtime.triggers_conditions import conditions_of
from hakobune.runtime.triggers_events import TriggerEvents, drop, follow
from hakobune.runtime.triggers_intake import TriggerIntake
from hakobune.runtime.triggers_transport import add_transport, named, remove_transport
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
                self._book.changed(turn, self._identifiers.uid(), new)
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
                remove_transport(turn, old)
                self._book.changed(turn, self._identifiers.uid(), old)
            return self._operation(turn, Verb.DELETE, name, trigger=old)

        return await self._change(unit)

    async def _change(self, unit: Callable[[Turn], EventarcOperation]) -> EventarcOperation:
        operation = await self._wheel.turn(unit)
        self._pubsub.changed()
        trigger = operation.trigger
        if trigger is not None and (operation.verb is Verb.UPDATE or trigger.event_type == MESSAGE_PUBLISHED):
            self.intake.look()
        return operation

    def _create(self, turn: Turn, name: TriggerName, make: MakeTrigger, *, validate_only: bool) -> EventarcOperation:
        if turn.tx.triggers.find_trigger(name) is not None:
            raise AlreadyExists(f"Resource '{name}' already exists.")
        if turn.tx.triggers.count_triggers(name.project) >= limits.TRIGGERS:
            raise ResourceExhausted(f"A project has at most {limits.TRIGGERS} triggers.")
        made = replace(make(self._identifiers.uid()), create_s=turn.now_s, update_s=turn.now_s)
        self._check(turn, made)
        made = named(turn, made)
        if not validate_only:
            add_transport(turn, made)
            turn.tx.triggers.add_trigger(made)
            self._book.changed(turn, self._identifiers.uid(), made)
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
            drop(turn, [delivery.uid])
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
