"""Topics, subscriptions, snapshots, schemas and messages: what is stored and shown.

Source: Pub/Sub API v1. Lengths are seconds, instants seconds since the epoch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from hakobune.core.pubsub.limits import ACK_DEADLINE_DEFAULT_S, ATTEMPTS_DEFAULT, EXPIRATION_DEFAULT_S
from hakobune.core.pubsub.limits import RETENTION_DEFAULT_S as _RETENTION_DEFAULT_S
from hakobune.core.pubsub.names import SchemaName, SnapshotName, SubscriptionName, TopicName

# -- messages -------------------------------------------------------------------------------------------------------
# Tuples, and bodies as bytes: a hundred of them pass in a call, and none is looked into on its way.


class NewMessage(NamedTuple):
    """A message to publish. `body` is `google.pubsub.v1.PubsubMessage` in protobuf's binary form with nothing but
    `data` and `attributes` (`core.pubsub.messages` makes and reads it)."""

    body: bytes
    ordering_key: str = ""


class Delivery(NamedTuple):
    """A message on its way to a subscriber, under the ack id of this delivery. `attempt` counts from 1; it is 0 where
    the subscription has no dead letter policy."""

    ack_id: str
    message_id: int  # shown in decimal
    publish_s: float
    ordering_key: str
    body: bytes  # as in NewMessage
    attempt: int


# -- topics ---------------------------------------------------------------------------------------------------------


class Encoding(StrEnum):
    """How messages of a topic with a schema are written."""

    UNSPECIFIED = "ENCODING_UNSPECIFIED"
    JSON = "JSON"
    BINARY = "BINARY"


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaSettings:
    """What messages of a topic must be like. `schema` is a full name, or `_deleted-schema_`."""

    schema: str
    encoding: Encoding = Encoding.UNSPECIFIED
    first_revision_id: str = ""
    last_revision_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """A topic. `message_retention_s` None: acknowledged messages are not kept."""

    name: TopicName
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    allowed_regions: tuple[str, ...] | None = None  # of the message storage policy; None: none was given
    enforce_in_transit: bool = False
    kms_key_name: str = ""
    schema_settings: SchemaSettings | None = None
    message_retention_s: float | None = None


# -- subscriptions --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class OidcToken:
    """Push requests carry an ID token of this account. `audience` "": the endpoint."""

    service_account_email: str
    audience: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PushConfig:
    """Where messages are pushed to. `wrapper` None: as an envelope, without `pubsubWrapper` being shown."""

    endpoint: str
    attributes: Mapping[str, str] = field(default_factory=dict[str, str])
    oidc_token: OidcToken | None = None
    is_wrapped: bool = True
    shows_wrapper: bool = False  # `pubsubWrapper` was given, so it is shown
    write_metadata: bool = False  # of unwrapped messages: headers tell the rest


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetterPolicy:
    """Where messages go that could not be delivered. `topic` is a full name, or `_deleted-topic_`."""

    topic: str
    max_delivery_attempts: int = ATTEMPTS_DEFAULT


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """The wait before a message is delivered again."""

    minimum_backoff_s: float
    maximum_backoff_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """A subscription. `topic` None: it is deleted. `expiration_s` None: never."""

    name: SubscriptionName
    topic: TopicName | None
    push: PushConfig | None = None
    ack_deadline_s: int = ACK_DEADLINE_DEFAULT_S
    retain_acked_messages: bool = False
    message_retention_s: float = _RETENTION_DEFAULT_S
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    enable_message_ordering: bool = False
    expiration_s: float | None = EXPIRATION_DEFAULT_S
    filter: str = ""
    dead_letter: DeadLetterPolicy | None = None
    retry: RetryPolicy | None = None
    detached: bool = False
    enable_exactly_once_delivery: bool = False
    topic_message_retention_s: float | None = None  # that of its topic, when it was read


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What a subscription had not acknowledged at an instant."""

    name: SnapshotName
    topic: TopicName | None
    expire_s: float
    labels: Mapping[str, str] = field(default_factory=dict[str, str])


# -- schemas --------------------------------------------------------------------------------------------------------


class SchemaType(StrEnum):
    """The language of a schema."""

    UNSPECIFIED = "TYPE_UNSPECIFIED"
    PROTOCOL_BUFFER = "PROTOCOL_BUFFER"
    AVRO = "AVRO"


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """One revision of a schema. `revision_id` has eight hexadecimal digits."""

    name: SchemaName
    type: SchemaType
    definition: str
    revision_id: str
    revision_create_s: float
