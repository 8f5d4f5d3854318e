"""Notification configs as JSON, and the messages that they lead to.

Sources: https://cloud.google.com/storage/docs/json_api/v1/notifications; documentation, "Pub/Sub notifications".
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

from hakobune.core.objects.failures import InvalidRequest
from hakobune.core.objects.model import EventType, Notice, NotificationConfig, PayloadFormat
from hakobune.wire.storage_v1_objects import object_to_json
from hakobune.wire.storage_v1_reading import Fields, Json
from hakobune.wire.storage_v1_times import exact_time_to_text

_TOPIC = re.compile(r"(?://pubsub\.googleapis\.com/)?(projects/[^/]+/topics/[^/]+)\Z")


def config_from_json(body: Mapping[str, object]) -> NotificationConfig:
    """A config without an id. Raises InvalidRequest."""
    fields = Fields(body)
    topic = _TOPIC.match(fields.text("topic"))
    if topic is None:
        raise InvalidRequest(
            f"Invalid Google Cloud Pub/Sub topic: {fields.text('topic')[:200]!r}; it looks like "
            "//pubsub.googleapis.com/projects/PROJECT/topics/TOPIC."
        )
    try:
        payload_format = PayloadFormat(fields.text("payload_format") or PayloadFormat.JSON_API_V1.value)
        event_types = tuple(EventType(name) for name in fields.names("event_types"))
    except ValueError as error:
        raise InvalidRequest(f"Invalid notification config: {error}.") from error
    return NotificationConfig(
        id="",
        topic=topic.group(1),
        payload_format=payload_format,
        event_types=event_types,
        object_name_prefix=fields.text("object_name_prefix"),
        custom_attributes=fields.texts("custom_attributes"),
    )


def config_to_json(config: NotificationConfig, bucket: str, root: str) -> Json:
    """A config. Its names are written with underscores, unlike all others of this API."""
    found: Json = {
        "kind": "storage#notification",
        "id": config.id,
        "selfLink": f"{root}/storage/v1/b/{bucket}/notificationConfigs/{config.id}",
        "etag": config.id,
        "topic": f"//pubsub.googleapis.com/{config.topic}",
        "payload_format": config.payload_format.value,
    }
    if config.event_types:
        found["event_types"] = [event.value for event in config.event_types]
    if config.object_name_prefix:
        found["object_name_prefix"] = config.object_name_prefix
    if config.custom_attributes:
        found["custom_attributes"] = dict(config.custom_attributes)
    return found


def configs_to_json(configs: Sequence[NotificationConfig], bucket: str, root: str) -> Json:
    """All of a bucket."""
    found: Json = {"kind": "storage#notifications"}
    if configs:
        found["items"] = [config_to_json(config, bucket, root) for config in configs]
    return found


def notice_to_message(notice: Notice, root: str) -> tuple[bytes, dict[str, str]]:
    """(data, attributes) of the message that tells of a change. `root`: scheme and host of the object's links."""
    config, event = notice.config, notice.event
    version = event.version
    attributes = {
        **config.custom_attributes,
        "notificationConfig": f"projects/_/buckets/{version.bucket}/notificationConfigs/{config.id}",
        "eventType": event.type.value,
        "payloadFormat": config.payload_format.value,
        "bucketId": version.bucket,
        "objectId": version.name,
        "objectGeneration": str(version.generation),
        "eventTime": exact_time_to_text(event.at_s),
    }
    if event.overwrote_generation is not None:
        attributes["overwroteGeneration"] = str(event.overwrote_generation)
    if event.overwritten_by_generation is not None:
        attributes["overwrittenByGeneration"] = str(event.overwritten_by_generation)
    if config.payload_format is PayloadFormat.NONE:
        return b"", attributes
    return json.dumps(object_to_json(version, root), ensure_ascii=False, indent=2).encode(), attributes
