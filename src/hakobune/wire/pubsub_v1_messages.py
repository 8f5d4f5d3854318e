"""Messages of the Pub/Sub API v1 as JSON, both ways: publish, pull, acknowledge."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from hakobune.core.errors import InvalidArgument
from hakobune.core.instants import timestamp_to_text
from hakobune.core.pubsub.messages import decode_body, new_message
from hakobune.core.pubsub.model import Delivery, NewMessage
from hakobune.core.pubsub.names import SubscriptionName, TopicName
from hakobune.wire.octets import octets_from_text
from hakobune.wire.pubsub_v1_rules import check_same
from hakobune.wire.pubsub_v1_schema import ACKNOWLEDGE, MODIFY_ACK_DEADLINE, PUBLISH, PULL
from hakobune.wire.schema import Json, Reader
from hakobune.wire.violations import Violations


@dataclass(frozen=True, slots=True, kw_only=True)
class PullRequest:
    """What `subscriptions.pull` was asked."""

    max_messages: int
    return_immediately: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadlineRequest:
    """What `subscriptions.modifyAckDeadline` was asked."""

    ack_ids: list[str]
    deadline_s: int


def messages_from_json(value: object, topic: TopicName) -> list[NewMessage]:
    """The body of `topics.publish`. Raises InvalidArgument."""
    found = Violations()
    tree = Reader(found=found).message(PUBLISH, value, "")
    check_same(tree, "topic", str(topic), found)
    found.check()
    messages: list[NewMessage] = []
    for place, message in enumerate(cast("list[Json]", tree.get("messages", []))):
        try:
            data = octets_from_text(message.get("data", ""))
            messages.append(new_message(data, message.get("attributes", {}), message.get("orderingKey", "")))
        except InvalidArgument as error:
            found.add_all(error)
        except ValueError as error:
            found.add(f"messages[{place}].data", str(error))
    found.check()
    return messages


def message_ids_to_json(ids: Sequence[str]) -> Json:
    """The answer of `topics.publish`."""
    return {"messageIds": list(ids)}


def pull_from_json(value: object, name: SubscriptionName) -> PullRequest:
    """The body of `subscriptions.pull`. Raises InvalidArgument."""
    found = Violations()
    tree = Reader(found=found).message(PULL, value, "")
    check_same(tree, "subscription", str(name), found)
    if tree.get("maxMessages", 0) < 1:
        found.add("max_messages", "must be 1 or more")
    found.check()
    return PullRequest(max_messages=tree["maxMessages"], return_immediately=tree.get("returnImmediately", False))


def deliveries_to_json(deliveries: Sequence[Delivery]) -> Json:
    """The answer of `subscriptions.pull`."""
    return {"receivedMessages": [_delivery(delivery) for delivery in deliveries]} if deliveries else {}


def _delivery(delivery: Delivery) -> Json:
    received: Json = {"ackId": delivery.ack_id, "message": message_to_json(delivery)}
    if delivery.attempt:
        received["deliveryAttempt"] = delivery.attempt
    return received


def message_to_json(delivery: Delivery) -> Json:
    """A message as subscribers see it."""
    data, attributes = decode_body(delivery.body)
    message: Json = {}
    if data:
        message["data"] = base64.b64encode(data).decode("ascii")
    if attributes:
        message["attributes"] = attributes
    message["messageId"] = str(delivery.message_id)
    message["publishTime"] = timestamp_to_text(delivery.publish_s)
    if delivery.ordering_key:
        message["orderingKey"] = delivery.ordering_key
    return message


def ack_ids_from_json(value: object, name: SubscriptionName) -> list[str]:
    """The body of `subscriptions.acknowledge`. Raises InvalidArgument."""
    found = Violations()
    tree = Reader(found=found).message(ACKNOWLEDGE, value, "")
    check_same(tree, "subscription", str(name), found)
    found.check()
    return cast("list[str]", tree.get("ackIds", []))


def deadline_from_json(value: object, name: SubscriptionName) -> DeadlineRequest:
    """The body of `subscriptions.modifyAckDeadline`. Raises InvalidArgument."""
    found = Violations()
    tree = Reader(found=found).message(MODIFY_ACK_DEADLINE, value, "")
    check_same(tree, "subscription", str(name), found)
    found.check()
    return DeadlineRequest(ack_ids=tree.get("ackIds", []), deadline_s=tree.get("ackDeadlineSeconds", 0))
