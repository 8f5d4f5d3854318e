"""Who is told of changes: notification configs, and the commands that tell their topics.

A change leaves its commands in its own transaction, so a topic is told exactly of what happened, at least once. The
commands of one object are carried out in the order of its changes.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Protocol

from hakobune.core.errors import InvalidArgument, NotFound, ResourceExhausted, Unavailable
from hakobune.core.objects.contents import check_notification
from hakobune.core.objects.failures import InvalidRequest, NothingFound, no_bucket
from hakobune.core.objects.limits import CONFIGS_OF_AN_EVENT, NOTIFICATION_CONFIGS
from hakobune.core.objects.model import EventType, Notice, NotificationConfig
from hakobune.runtime.wheel import Turn, Wheel
from hakobune.store.api import OutboxCommand, ReadTx
from hakobune.store.documents import from_document, to_document
from hakobune.store.objects_api import ObjectsRead

ROOM = "objects"
_NOTIFY = "notify"

_log = logging.getLogger("hakobune.objects")


class Notifier(Protocol):
    """Turns a notice into a message: the wire floor's work. Pure."""

    def __call__(self, notice: Notice) -> tuple[bytes, Mapping[str, str]]:
        """(data, attributes) of the message, custom attributes included."""
        ...


class Publisher(Protocol):
    """How messages reach topics: the messages room, or whoever stands in for it."""

    async def publish(self, topic: str, data: bytes, attributes: Mapping[str, str]) -> None:
        """Returns when the message is accepted. `topic` is `projects/P/topics/T`. Raises Unavailable or
        ResourceExhausted to be asked again; NotFound or InvalidArgument of core.errors if the topic will never take it:
        the notice is dropped then."""
        ...


def notices_of(turn: Turn, notice: Notice) -> None:
    """Leave the command of a notice, if its config wants it."""
    config, event = notice.config, notice.event
    is_wanted = not config.event_types or event.type in config.event_types
    if is_wanted and event.version.name.startswith(config.object_name_prefix):
        turn.emit(ROOM, f"{event.version.bucket}/{event.version.name}", _NOTIFY, to_document(notice))


class Notifications:
    """The notification configs of buckets."""

    def __init__(self, wheel: Wheel) -> None:
        self._wheel = wheel

    async def create(self, bucket: str, config: NotificationConfig) -> NotificationConfig:
        """Add a config; its `id` is given here, whatever it was. Raises NothingFound, InvalidRequest."""
        check_notification(config)

        def unit(turn: Turn) -> NotificationConfig:
            held = _configs(turn.tx.objects, bucket)
            if len(held) >= NOTIFICATION_CONFIGS:
                raise InvalidRequest(f"A bucket has at most {NOTIFICATION_CONFIGS} notification configs.")
            for event in config.event_types or EventType:
                if sum(not other.event_types or event in other.event_types for other in held) >= CONFIGS_OF_AN_EVENT:
                    raise InvalidRequest(
                        f"At most {CONFIGS_OF_AN_EVENT} notification configs of a bucket tell {event}."
                    )
            return turn.tx.objects.add_config(bucket, config)

        return await self._wheel.turn(unit)

    async def get(self, bucket: str, config_id: str) -> NotificationConfig:
        """Raises NothingFound."""
        for config in await self.list(bucket):
            if config.id == config_id:
                return config
        raise _no_config(bucket, config_id)

    async def list(self, bucket: str) -> tuple[NotificationConfig, ...]:
        """All of a bucket, oldest first. Raises NothingFound."""

        def unit(tx: ReadTx) -> tuple[NotificationConfig, ...]:
            return _configs(tx.objects, bucket)

        return await self._wheel.store.read(unit)

    async def delete(self, bucket: str, config_id: str) -> None:
        """Raises NothingFound."""

        def unit(turn: Turn) -> None:
            _configs(turn.tx.objects, bucket)
            if not turn.tx.objects.remove_config(bucket, config_id):
                raise _no_config(bucket, config_id)

        await self._wheel.turn(unit)


def _configs(objects: ObjectsRead, bucket: str) -> tuple[NotificationConfig, ...]:
    if objects.find_bucket(bucket) is None:
        raise no_bucket()
    return tuple(objects.list_configs(bucket))


def _no_config(bucket: str, config_id: str) -> NothingFound:
    return NothingFound(f"The specified notification config does not exist: {bucket}/{config_id[:80]}")


class Notices:
    """Performs the room's commands: each is one message to one topic, sent at least once."""

    def __init__(self) -> None:
        self._notifier: Notifier | None = None
        self._publisher: Publisher | None = None

    def connect(self, notifier: Notifier, publisher: Publisher) -> None:
        """From now on messages are made and sent; until then they wait in the outbox."""
        self._notifier = notifier
        self._publisher = publisher

    async def perform(self, command: OutboxCommand) -> None:
        """Send one message. A topic that is gone, or refuses such a message (its schema), is not told: it would hold up
        all that becomes of this object. Inferred: the service drops them as well. Raises Unavailable: not now."""
        if self._notifier is None or self._publisher is None:
            raise Unavailable("No messages are taken yet.")
        notice = from_document(Notice, command.payload)
        data, attributes = self._notifier(notice)
        try:
            await self._publisher.publish(notice.config.topic, data, attributes)
        except (NotFound, InvalidArgument) as error:
            _log.warning("a notification of bucket '%s' is dropped: %s", notice.event.version.bucket, error.message)
        except ResourceExhausted as error:
            raise Unavailable(error.message) from error

    async def wake(self, subject: str) -> None:
        """The room sets no timers."""
        del subject
