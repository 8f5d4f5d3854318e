"""What a push request looks like, which answers acknowledge, and how many go out at once."""

from __future__ import annotations

import base64
import json
import re

from hakobune.core.pubsub.deliveries import milliseconds_text
from hakobune.core.pubsub.limits import PUSHED_AT_ONCE
from hakobune.core.pubsub.messages import decode_body
from hakobune.core.pubsub.model import Delivery, PushConfig, Subscription

# Source: https://cloud.google.com/pubsub/docs/push, "receive push messages".
ACK_STATUSES = frozenset({102, 200, 201, 202, 204})

_AGENT = ("User-Agent", "CloudPubSub-Google")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z", re.ASCII)  # RFC 9110 section 5.6.2
_VALUE = re.compile(r"[^\x00-\x1f\x7f]*\Z")
# Attributes that must not become headers: they are the connection's, or would take the place of our own.
_OWN_HEADERS = frozenset(
    {
        "authorization",
        "connection",
        "content-encoding",
        "content-length",
        "expect",
        "host",
        "keep-alive",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "user-agent",
    }
)

Headers = tuple[tuple[str, str], ...]


def push_content(subscription: Subscription, push: PushConfig, delivery: Delivery) -> tuple[Headers, bytes]:
    """Headers and body of a push request.

    Wrapped: the envelope, whose message has both spellings of id and instant, as the service sends it. Unwrapped: the
    data, and with `write_metadata` headers for the rest; attributes that cannot be headers are left out.
    """
    data, attributes = decode_body(delivery.body)
    if push.is_wrapped:
        return (("Content-Type", "application/json"), _AGENT), _envelope(subscription, delivery, data, attributes)
    if not push.write_metadata:
        return (_AGENT,), data
    headers: list[tuple[str, str]] = [
        _AGENT,
        ("x-goog-pubsub-subscription-name", str(subscription.name)),
        ("x-goog-pubsub-message-id", str(delivery.message_id)),
        ("x-goog-pubsub-publish-time", milliseconds_text(delivery.publish_s)),
    ]
    if delivery.ordering_key and _VALUE.match(delivery.ordering_key):
        headers.append(("x-goog-pubsub-ordering-key", delivery.ordering_key))
    if delivery.attempt:
        headers.append(("x-goog-pubsub-delivery-attempt", str(delivery.attempt)))
    headers += [
        (key, value)
        for key, value in attributes.items()
        if _TOKEN.match(key) and _VALUE.match(value) and key.lower() not in _OWN_HEADERS
    ]
    return tuple(headers), data


def _envelope(subscription: Subscription, delivery: Delivery, data: bytes, attributes: dict[str, str]) -> bytes:
    instant, message_id = milliseconds_text(delivery.publish_s), str(delivery.message_id)
    message: dict[str, object] = {}
    if data:
        message["data"] = base64.b64encode(data).decode("ascii")
    if attributes:
        message["attributes"] = attributes
    message |= {"messageId": message_id, "message_id": message_id, "publishTime": instant, "publish_time": instant}
    if delivery.ordering_key:
        message["orderingKey"] = delivery.ordering_key
    envelope: dict[str, object] = {"message": message, "subscription": str(subscription.name)}
    if delivery.attempt:
        envelope["deliveryAttempt"] = delivery.attempt
    return json.dumps(envelope, ensure_ascii=False, separators=(",", ":")).encode()


def window_after(window: int, *, is_acked: bool) -> int:
    """How many requests may be under way after one of them ended: doubled by a window of successes, halved by each
    failure. Source: https://cloud.google.com/pubsub/docs/push, "delivery rate"; the numbers are ours."""
    return min(PUSHED_AT_ONCE, window + 1) if is_acked else max(1, window // 2)
