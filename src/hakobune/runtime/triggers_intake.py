"""Messages of Pub/Sub become events: a loop for each trigger that is told of messages.

A message is taken from the trigger's own subscription, and acknowledged in the turn that leaves its delivery: it is
never in both places, and never in none.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import partial

import anyio
from anyio.abc import TaskGroup

from hakobune.core.errors import HakobuneError, NotFound, ResourceExhausted, Unavailable
from hakobune.core.pubsub.deliveries import milliseconds_text
from hakobune.core.pubsub.model import Delivery, PushConfig, Subscription
from hakobune.core.pubsub.names import SubscriptionName
from hakobune.core.pubsub.pushing import push_content
from hakobune.core.triggers.event_types import MESSAGE_PUBLISHED
from hakobune.core.triggers.events import CloudEvent
from hakobune.core.triggers.model import Trigger
from hakobune.runtime.pubsub import PubsubRoom
from hakobune.runtime.triggers_events import TriggerEvents
from hakobune.runtime.wheel import Turn, Wheel
from hakobune.store.api import ReadTx

_PULL_WAIT_S = 60.0
_AT_ONCE = 100  # messages of a turn
_RETRY_S = 1.0
_LOOK_S = 300.0  # at least so often triggers are looked at

_log = logging.getLogger("hakobune.triggers")


class TriggerIntake:
    """Keeps the loops."""

    def __init__(self, wheel: Wheel, pubsub: PubsubRoom, events: TriggerEvents) -> None:
        self._wheel = wheel
        self._pubsub = pubsub
        self._events = events
        self._looping: dict[str, anyio.CancelScope] = {}  # by the uid of the trigger
        self._is_changed = anyio.Event()

    def look(self) -> None:
        """Triggers have changed."""
        self._is_changed.set()

    async def run(self) -> None:
        """Until cancelled."""
        async with anyio.create_task_group() as group:
            while True:
                self._is_changed = anyio.Event()
                try:
                    await self._match_loops(group)
                except HakobuneError as error:
                    _log.error("triggers of topics cannot be looked at now: %s", error.message)
                with anyio.move_on_after(_LOOK_S):
                    await self._is_changed.wait()

    async def _match_loops(self, group: TaskGroup) -> None:
        """One loop for each trigger that is told of messages, and none for others."""
        wanted = await self._wheel.store.read(_told_of_messages)
        for uid, scope in list(self._looping.items()):
            if uid not in wanted:
                scope.cancel()
        for uid, name in wanted.items():
            if uid not in self._looping:
                self._looping[uid] = anyio.CancelScope()
                group.start_soon(self._loop, uid, name, self._looping[uid])

    async def _loop(self, trigger_uid: str, name: SubscriptionName, scope: anyio.CancelScope) -> None:
        try:
            with scope:
                while True:
                    try:
                        await self._take(trigger_uid, name)
                    except (Unavailable, ResourceExhausted):
                        await anyio.sleep(_RETRY_S)
        except HakobuneError as error:
            _log.info("no messages are taken from %s any more: %s", name, error.message)
        finally:
            del self._looping[trigger_uid]

    async def _take(self, trigger_uid: str, name: SubscriptionName) -> None:
        """Take what is there, or what comes first. Raises HakobuneError."""
        await self._pubsub.take(name, _AT_ONCE, partial(self._deliver, trigger_uid, name), wait_s=_PULL_WAIT_S)

    def _deliver(self, trigger_uid: str, name: SubscriptionName, turn: Turn, found: Sequence[Delivery]) -> None:
        trigger = turn.tx.triggers.trigger_by_uid(trigger_uid)
        subscription = turn.tx.pubsub.find_subscription(name)
        if trigger is None or subscription is None:
            raise NotFound(f"The trigger of {name} was deleted.")
        for delivery in found:
            self._events.deliver(turn, message_event(trigger, subscription, delivery), [trigger])


def message_event(trigger: Trigger, subscription: Subscription, delivery: Delivery) -> CloudEvent:
    """The event that tells of a message. Source: https://cloud.google.com/eventarc/docs/cloudevents."""
    _, data = push_content(subscription, PushConfig(endpoint=""), delivery)
    return CloudEvent(
        id=str(delivery.message_id),
        source=f"//pubsub.googleapis.com/{trigger.topic}",
        type=MESSAGE_PUBLISHED,
        time=milliseconds_text(delivery.publish_s),
        data=data,
    )


def _told_of_messages(tx: ReadTx) -> dict[str, SubscriptionName]:
    return {
        one.uid: SubscriptionName.parse(one.subscription)
        for one in tx.triggers.all_triggers()
        if one.event_type == MESSAGE_PUBLISHED and not one.channel
    }
