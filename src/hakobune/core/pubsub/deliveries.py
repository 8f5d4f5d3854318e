"""What becomes of deliveries: waits before the next one, the last one, and what a dead letter tells."""

from __future__ import annotations

from datetime import UTC, datetime

from hakobune.core.pubsub.limits import PUSH_BACKOFF_MAX_S, PUSH_BACKOFF_MIN_S
from hakobune.core.pubsub.model import Subscription

_DOUBLINGS_MAX = 20  # beyond, every wait is the longest one


def backoff_s(subscription: Subscription, attempts: int) -> float:
    """Seconds before a message is delivered again whose `attempts`-th (≥ 1) delivery failed: by a nack or because its
    time was over.

    minimum × 2^(attempts-1), at most the maximum of the retry policy; without one at once, and for push subscriptions
    100 ms to 60 s. Inferred: the formula, and no jitter.
    Source: references of RetryPolicy; https://cloud.google.com/pubsub/docs/push, "push backoff".
    """
    if subscription.retry is not None:
        first_s, most_s = subscription.retry.minimum_backoff_s, subscription.retry.maximum_backoff_s
    elif subscription.push is not None:
        first_s, most_s = PUSH_BACKOFF_MIN_S, PUSH_BACKOFF_MAX_S
    else:
        return 0.0
    return float(min(most_s, first_s * 2 ** min(attempts - 1, _DOUBLINGS_MAX)))


def is_dead(subscription: Subscription, attempts: int) -> bool:
    """Whether a message that was delivered so often, each time in vain, is not delivered again."""
    policy = subscription.dead_letter
    return policy is not None and attempts >= policy.max_delivery_attempts


def dead_letter_attributes(subscription: Subscription, publish_s: float, attempts: int) -> dict[str, str]:
    """What is added to the attributes of a dead letter.
    Source: https://cloud.google.com/pubsub/docs/dead-letter-topics, "track delivery attempts"."""
    return {
        "CloudPubSubDeadLetterSourceSubscription": subscription.name.id,
        "CloudPubSubDeadLetterSourceSubscriptionProject": subscription.name.project,
        "CloudPubSubDeadLetterSourceTopicPublishTime": milliseconds_text(publish_s),
        "CloudPubSubDeadLetterSourceDeliveryCount": str(attempts),
    }


def retained_s(subscription: Subscription) -> float:
    """Seconds for which a message that is not acknowledged is kept: the topic's retention, if it is longer."""
    return max(subscription.message_retention_s, subscription.topic_message_retention_s or 0.0)


def replayed_s(subscription: Subscription) -> float:
    """Seconds for which an acknowledged message can be sought back to; 0: none can."""
    own_s = subscription.message_retention_s if subscription.retain_acked_messages else 0.0
    return max(own_s, subscription.topic_message_retention_s or 0.0)


def milliseconds_text(instant_s: float) -> str:
    """`2026-11-23T14:47:44.177Z`: an instant as pushes and dead letters spell it."""
    instant = datetime.fromtimestamp(instant_s, UTC)
    return f"{instant:%Y-%m-%dT%H:%M:%S}.{instant.microsecond // 1000:03d}Z"
