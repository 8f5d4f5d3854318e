"""The event types that the house knows, with the attributes that triggers may filter by.

Source: https://cloud.google.com/eventarc/docs/reference/supported-events, and the schemas in
https://github.com/googleapis/google-cloudevents.
"""

from __future__ import annotations

from dataclasses import dataclass

FINALIZED = "google.cloud.storage.object.v1.finalized"
DELETED = "google.cloud.storage.object.v1.deleted"
ARCHIVED = "google.cloud.storage.object.v1.archived"
METADATA_UPDATED = "google.cloud.storage.object.v1.metadataUpdated"
MESSAGE_PUBLISHED = "google.cloud.pubsub.topic.v1.messagePublished"
AUDIT_LOG = "google.cloud.audit.log.v1.written"

_SCHEMAS = "https://raw.githubusercontent.com/googleapis/google-cloudevents/main/proto/google/events/cloud"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribute:
    """An attribute that a trigger may filter by, beside `type`."""

    name: str
    description: str
    is_required: bool = True
    takes_pattern: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class EventType:
    """One type of events."""

    type: str
    description: str
    schema_uri: str
    attributes: tuple[Attribute, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """Who emits events."""

    id: str
    display_name: str
    types: tuple[EventType, ...]


_BUCKET = (Attribute(name="bucket", description="The bucket of the object."),)
_AUDIT = (
    Attribute(name="serviceName", description="The API that was called: run.googleapis.com, for example."),
    Attribute(name="methodName", description="Its method: storage.objects.create, for example."),
    Attribute(
        name="resourceName",
        description="The full name of what was changed.",
        is_required=False,
        takes_pattern=True,
    ),
)


def _object(name: str, description: str) -> EventType:
    return EventType(
        type=name, description=description, schema_uri=f"{_SCHEMAS}/storage/v1/data.proto", attributes=_BUCKET
    )


PROVIDERS: tuple[Provider, ...] = (
    Provider(
        id="cloudaudit.googleapis.com",
        display_name="Cloud Audit Logs",
        types=(
            EventType(
                type=AUDIT_LOG,
                description="A call has changed something.",
                schema_uri=f"{_SCHEMAS}/audit/v1/data.proto",
                attributes=_AUDIT,
            ),
        ),
    ),
    Provider(
        id="pubsub.googleapis.com",
        display_name="Cloud Pub/Sub",
        types=(
            EventType(
                type=MESSAGE_PUBLISHED,
                description="A message is published to the topic of the trigger's transport.",
                schema_uri=f"{_SCHEMAS}/pubsub/v1/data.proto",
            ),
        ),
    ),
    Provider(
        id="storage.googleapis.com",
        display_name="Cloud Storage",
        types=(
            _object(ARCHIVED, "The live version of an object has become noncurrent."),
            _object(DELETED, "An object is deleted, or overwritten in a bucket without versioning."),
            _object(FINALIZED, "A new object, or a new generation of one, is there."),
            _object(METADATA_UPDATED, "The metadata of an object has changed."),
        ),
    ),
)

EVENT_TYPES = {one.type: one for provider in PROVIDERS for one in provider.types}
