"""What passes through the hot methods of Pub/Sub, between protobuf's binary form and our types.

A stored body is a PubsubMessage in binary form already (`core.pubsub.messages`), so an answer takes it over as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, cast

from google.protobuf.message import DecodeError, Message

from hakobune.core.errors import InvalidArgument
from hakobune.core.pubsub.messages import check_message
from hakobune.core.pubsub.model import Delivery, NewMessage
from hakobune.servers.grpc.pool import message_class

_PACKAGE = "google.pubsub.v1"
_NANOS = 1_000_000_000
_MICROS = 1_000_000  # instants are kept to the microsecond


# -- what protobuf's classes look like, made as they are at run time --------------------------------------------------


class _Instant(Protocol):
    seconds: int
    nanos: int


class _PubsubMessage(Protocol):
    data: bytes
    message_id: str
    ordering_key: str

    @property
    def attributes(self) -> Mapping[str, str]: ...
    @property
    def publish_time(self) -> _Instant: ...
    def ClearField(self, name: str) -> None: ...  # noqa: N802 - protobuf's name
    def HasField(self, name: str) -> bool: ...  # noqa: N802
    def MergeFromString(self, content: bytes) -> int: ...  # noqa: N802
    def SerializeToString(self) -> bytes: ...  # noqa: N802


class _PublishRequest(Protocol):
    topic: str

    @property
    def messages(self) -> Sequence[_PubsubMessage]: ...
    def DiscardUnknownFields(self) -> None: ...  # noqa: N802


class _PullRequest(Protocol):
    subscription: str
    return_immediately: bool
    max_messages: int


class _AckRequest(Protocol):
    subscription: str
    ack_deadline_seconds: int  # of ModifyAckDeadlineRequest

    @property
    def ack_ids(self) -> Iterable[str]: ...


class _StreamRequest(Protocol):
    subscription: str
    stream_ack_deadline_seconds: int
    max_outstanding_messages: int
    max_outstanding_bytes: int
    protocol_version: int

    @property
    def ack_ids(self) -> Iterable[str]: ...
    @property
    def modify_deadline_ack_ids(self) -> Iterable[str]: ...
    @property
    def modify_deadline_seconds(self) -> Iterable[int]: ...


class _Received(Protocol):
    delivery_attempt: int

    @property
    def message(self) -> _PubsubMessage: ...


class _ReceivedList(Protocol):
    def add(self, *, ack_id: str) -> _Received: ...


class _PullResponse(Protocol):
    @property
    def received_messages(self) -> _ReceivedList: ...


# -- requests -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Pull:
    """A pull as it was sent."""

    subscription: str
    limit: int
    is_immediate: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamRequest:
    """One message of the client on a stream."""

    subscription: str
    ack_ids: tuple[str, ...]
    deadlines: tuple[tuple[str, int], ...]  # (ack id, seconds)
    ack_deadline_s: int
    messages_max: int
    bytes_max: int
    protocol_version: int

    @property
    def is_beat(self) -> bool:
        """Whether it says nothing but that the client is there."""
        return not (self.ack_ids or self.deadlines or self.ack_deadline_s)


def publish_of(content: bytes) -> tuple[str, list[NewMessage]]:
    """(topic, messages). Raises InvalidArgument."""
    request = cast("_PublishRequest", _parsed("PublishRequest", content))
    request.DiscardUnknownFields()
    return request.topic, [_new_message(message) for message in request.messages]


def _new_message(message: _PubsubMessage) -> NewMessage:
    """A message of a publisher: what is ours to say (id, instant) is left out, as the real service does."""
    key = message.ordering_key
    check_message(message.data, message.attributes, key)
    if key:
        message.ClearField("ordering_key")
    if message.message_id:
        message.ClearField("message_id")
    if message.HasField("publish_time"):
        message.ClearField("publish_time")
    return NewMessage(message.SerializeToString(), key)


def pull_of(content: bytes) -> Pull:
    """A pull. Raises InvalidArgument."""
    request = cast("_PullRequest", _parsed("PullRequest", content))
    return Pull(subscription=request.subscription, limit=request.max_messages, is_immediate=request.return_immediately)


def acknowledge_of(content: bytes) -> tuple[str, list[str]]:
    """(subscription, ack ids). Raises InvalidArgument."""
    request = cast("_AckRequest", _parsed("AcknowledgeRequest", content))
    return request.subscription, list(request.ack_ids)


def modify_deadline_of(content: bytes) -> tuple[str, list[str], int]:
    """(subscription, ack ids, seconds). Raises InvalidArgument."""
    request = cast("_AckRequest", _parsed("ModifyAckDeadlineRequest", content))
    return request.subscription, list(request.ack_ids), request.ack_deadline_seconds


def stream_request_of(content: bytes) -> StreamRequest:
    """A message of a stream. Raises InvalidArgument."""
    request = cast("_StreamRequest", _parsed("StreamingPullRequest", content))
    names, seconds = tuple(request.modify_deadline_ack_ids), tuple(request.modify_deadline_seconds)
    if len(names) != len(seconds):
        raise InvalidArgument(
            "modify_deadline_ack_ids and modify_deadline_seconds must be of one length: "
            f"there are {len(names)} ack ids and {len(seconds)} deadlines."
        )
    return StreamRequest(
        subscription=request.subscription,
        ack_ids=tuple(request.ack_ids),
        deadlines=tuple(zip(names, seconds, strict=True)),
        ack_deadline_s=request.stream_ack_deadline_seconds,
        messages_max=request.max_outstanding_messages,
        bytes_max=request.max_outstanding_bytes,
        protocol_version=request.protocol_version,
    )


def _parsed(name: str, content: bytes) -> Message:
    try:
        return message_class(f"{_PACKAGE}.{name}").FromString(content)
    except DecodeError as error:
        raise InvalidArgument(f"The request is no {_PACKAGE}.{name}: {error}") from error


# -- answers --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmation:
    """What became of ack ids on a stream with exactly-once delivery."""

    good: Sequence[str]
    invalid: Sequence[str]
    failed: Sequence[str]  # for now: they may be sent again


def published(message_ids: Sequence[str]) -> bytes:
    """The answer to a publish."""
    return message_class(f"{_PACKAGE}.PublishResponse")(message_ids=message_ids).SerializeToString()


def pulled(deliveries: Sequence[Delivery]) -> bytes:
    """The answer to a pull."""
    answer = message_class(f"{_PACKAGE}.PullResponse")()
    _add(cast("_PullResponse", answer), deliveries)
    return answer.SerializeToString()


def streamed(
    deliveries: Sequence[Delivery] = (),
    *,
    is_exactly_once: bool,
    is_ordered: bool,
    acknowledged: Confirmation | None = None,
    modified: Confirmation | None = None,
) -> bytes:
    """One message of a stream. Every one says how the subscription is, for clients take what is absent for false."""
    kind = message_class(f"{_PACKAGE}.StreamingPullResponse")
    answer = kind(
        subscription_properties={
            "exactly_once_delivery_enabled": is_exactly_once,
            "message_ordering_enabled": is_ordered,
        },
        acknowledge_confirmation=_confirmation(acknowledged),
        modify_ack_deadline_confirmation=_confirmation(modified),
    )
    _add(cast("_PullResponse", answer), deliveries)
    return answer.SerializeToString()


def _confirmation(found: Confirmation | None) -> Mapping[str, Sequence[str]] | None:
    if found is None:
        return None
    return {"ack_ids": found.good, "invalid_ack_ids": found.invalid, "temporary_failed_ack_ids": found.failed}


def _add(answer: _PullResponse, deliveries: Sequence[Delivery]) -> None:
    add = answer.received_messages.add
    for ack_id, message_id, publish_s, ordering_key, body, attempt in deliveries:
        received = add(ack_id=ack_id)
        if attempt:
            received.delivery_attempt = attempt
        message = received.message
        message.MergeFromString(body)
        message.message_id = str(message_id)
        seconds, micros = divmod(round(publish_s * _MICROS), _MICROS)
        instant = message.publish_time
        instant.seconds = seconds
        instant.nanos = micros * (_NANOS // _MICROS)
        if ordering_key:
            message.ordering_key = ordering_key
