"""The topic and the subscription that belong to a trigger, made and removed in its own turns."""

from __future__ import annotations

import zlib
from dataclasses import replace

from hakobune.core.errors import NotFound
from hakobune.core.pubsub.model import RetryPolicy, Subscription, Topic
from hakobune.core.pubsub.names import SubscriptionName, TopicName
from hakobune.core.triggers import limits
from hakobune.core.triggers.model import Trigger
from hakobune.runtime.wheel import Turn


def named(turn: Turn, trigger: Trigger) -> Trigger:
    """With the names of its subscription, and of a topic if it names none. Raises NotFound (its topic)."""
    pubsub, name = turn.tx.pubsub, trigger.name
    if trigger.topic and pubsub.find_topic(TopicName.parse(trigger.topic)) is None:
        raise NotFound(
            f"trigger.transport.pubsub.topic: topic '{trigger.topic}' does not exist: create it first, or leave it out."
        )
    number = 100 + zlib.crc32(trigger.uid.encode()) % 900
    while True:
        stem = f"eventarc-{name.location}-{name.id}"
        topic = TopicName(project=name.project, id=f"{stem}-{number}")
        subscription = SubscriptionName(project=name.project, id=f"{stem}-sub-{number}")
        if pubsub.find_topic(topic) is None and pubsub.find_subscription(subscription) is None:
            break
        number += 1
    return replace(
        trigger,
        topic=trigger.topic or str(topic),
        owns_topic=not trigger.topic,
        subscription=str(subscription),
    )


def add_transport(turn: Turn, trigger: Trigger) -> None:
    """Make its subscription, with the settings that Eventarc gives one, and its topic unless it names one."""
    topic = TopicName.parse(trigger.topic)
    if trigger.owns_topic:
        turn.tx.pubsub.add_topic(Topic(name=topic))
    subscription = Subscription(
        name=SubscriptionName.parse(trigger.subscription),
        topic=topic,
        ack_deadline_s=int(limits.ACK_DEADLINE_DEFAULT_S),
        message_retention_s=limits.RETENTION_S,
        expiration_s=None,
        retry=RetryPolicy(minimum_backoff_s=limits.BACKOFF_MIN_S, maximum_backoff_s=limits.BACKOFF_MAX_S),
    )
    turn.tx.pubsub.add_subscription(subscription, turn.now_s)


def remove_transport(turn: Turn, trigger: Trigger) -> None:
    """What its user removed already is not missed."""
    turn.tx.pubsub.remove_subscription(SubscriptionName.parse(trigger.subscription))
    if trigger.owns_topic:
        turn.tx.pubsub.remove_topic(TopicName.parse(trigger.topic))
