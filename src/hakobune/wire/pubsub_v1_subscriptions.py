"""Subscriptions of the Pub/Sub API v1 as JSON, both ways."""

from __future__ import annotations

from dataclasses import dataclass

from hakobune.core.errors import InvalidArgument
from hakobune.core.instants import duration_to_text, timestamp_from_text
from hakobune.core.pubsub import limits
from hakobune.core.pubsub.filters import filter_from_text
from hakobune.core.pubsub.model import DeadLetterPolicy, OidcToken, PushConfig, RetryPolicy, Subscription
from hakobune.core.pubsub.names import DELETED_TOPIC, SnapshotName, SubscriptionName, TopicName
from hakobune.wire.pubsub_v1_rules import (
    check_labels,
    check_same,
    duration_of,
    masked_fields,
    part_of,
    refuse_unsupported,
)
from hakobune.wire.pubsub_v1_schema import DETACH, MODIFY_PUSH_CONFIG, SEEK, SUBSCRIPTION
from hakobune.wire.schema import Json, Message, Reader, Scalar
from hakobune.wire.violations import Violations
from hakobune.wire.web_urls import is_web_url

_PATCHABLE = frozenset(
    {
        "push",
        "ack_deadline_s",
        "retain_acked_messages",
        "message_retention_s",
        "labels",
        "expiration_s",
        "dead_letter",
        "retry",
        "enable_exactly_once_delivery",
    }
)
_OWN_NAMES = {
    "pushConfig": "push",
    "ackDeadlineSeconds": "ack_deadline_s",
    "messageRetentionDuration": "message_retention_s",
    "expirationPolicy": "expiration_s",
    "deadLetterPolicy": "dead_letter",
    "retryPolicy": "retry",
}
_UNSUPPORTED = {
    "bigqueryConfig": "Pub/Sub subscriptions that write to BigQuery",
    "cloudStorageConfig": "Pub/Sub subscriptions that write to Cloud Storage",
    "bigtableConfig": "Pub/Sub subscriptions that write to Bigtable",
    "messageTransforms": "Pub/Sub message transforms",
}
_VERSION = "x-goog-version"
_VERSIONS = frozenset({"v1", "v1beta1", "v1beta2"})
_MAX_TTL_S = 3_650 * 86_400.0  # ours: ten years are as good as never


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionPatch:
    """What `subscriptions.patch` was asked: the subscription, and the names of its fields that count."""

    subscription: Subscription
    fields: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class SeekWish:
    """What `subscriptions.seek` was asked: one of the two."""

    at_s: float | None
    snapshot: SnapshotName | None


# -- out ------------------------------------------------------------------------------------------------------------


def subscription_to_json(subscription: Subscription) -> Json:
    """A subscription as the service shows it."""
    tree: Json = {
        "name": str(subscription.name),
        "topic": DELETED_TOPIC if subscription.topic is None else str(subscription.topic),
        "pushConfig": {} if subscription.push is None else _push_to_json(subscription.push),
        "ackDeadlineSeconds": subscription.ack_deadline_s,
        "messageRetentionDuration": duration_to_text(subscription.message_retention_s),
        "expirationPolicy": {}
        if subscription.expiration_s is None
        else {"ttl": duration_to_text(subscription.expiration_s)},
        "state": "ACTIVE",
    }
    if subscription.labels:
        tree["labels"] = dict(subscription.labels)
    if subscription.filter:
        tree["filter"] = subscription.filter
    for field in ("retainAckedMessages", "enableMessageOrdering", "detached", "enableExactlyOnceDelivery"):
        if getattr(subscription, _FLAGS[field]):
            tree[field] = True
    if subscription.dead_letter is not None:
        policy = subscription.dead_letter
        tree["deadLetterPolicy"] = {
            "deadLetterTopic": policy.topic,
            "maxDeliveryAttempts": policy.max_delivery_attempts,
        }
    if subscription.retry is not None:
        tree["retryPolicy"] = {
            "minimumBackoff": duration_to_text(subscription.retry.minimum_backoff_s),
            "maximumBackoff": duration_to_text(subscription.retry.maximum_backoff_s),
        }
    if subscription.topic_message_retention_s is not None:
        tree["topicMessageRetentionDuration"] = duration_to_text(subscription.topic_message_retention_s)
    return tree


_FLAGS = {
    "retainAckedMessages": "retain_acked_messages",
    "enableMessageOrdering": "enable_message_ordering",
    "detached": "detached",
    "enableExactlyOnceDelivery": "enable_exactly_once_delivery",
}


def _push_to_json(push: PushConfig) -> Json:
    tree: Json = {"pushEndpoint": push.endpoint}
    if push.attributes:
        tree["attributes"] = dict(push.attributes)
    if push.oidc_token is not None:
        token: Json = {"serviceAccountEmail": push.oidc_token.service_account_email}
        tree["oidcToken"] = token | ({"audience": push.oidc_token.audience} if push.oidc_token.audience else {})
    if not push.is_wrapped:
        tree["noWrapper"] = {"writeMetadata": True} if push.write_metadata else {}
    elif push.shows_wrapper:
        tree["pubsubWrapper"] = {}
    return tree


# -- in -------------------------------------------------------------------------------------------------------------


def subscription_from_json(value: object, name: SubscriptionName) -> Subscription:
    """The body of `subscriptions.create`. Raises InvalidArgument with all that is wrong, Unimplemented."""
    refuse_unsupported(value, _UNSUPPORTED)
    found = Violations()
    tree = Reader(found=found).message(SUBSCRIPTION, value, "")
    subscription = _subscription(tree, name, "", found)
    if not tree.get("topic"):
        found.add_missing("topic")
    found.check()
    return subscription


def subscription_patch_from_json(value: object, name: SubscriptionName) -> SubscriptionPatch:
    """The body of `subscriptions.patch`. Raises InvalidArgument with all that is wrong, Unimplemented."""
    refuse_unsupported(part_of(value, "subscription"), _UNSUPPORTED)
    found = Violations()
    kind = Message(
        type_name="type.googleapis.com/google.pubsub.v1.UpdateSubscriptionRequest",
        fields={"subscription": SUBSCRIPTION, "updateMask": Scalar.TEXT},
    )
    tree = Reader(found=found).message(kind, value, "")
    fields = masked_fields(tree.get("updateMask"), SUBSCRIPTION, _OWN_NAMES, _PATCHABLE, found)
    subscription = _subscription(tree.get("subscription", {}), name, "subscription.", found)
    found.check()
    return SubscriptionPatch(subscription=subscription, fields=fields)


def push_config_from_json(value: object, name: SubscriptionName) -> PushConfig | None:
    """The body of `subscriptions.modifyPushConfig`. Raises InvalidArgument."""
    found = Violations()
    tree = Reader(found=found).message(MODIFY_PUSH_CONFIG, value, "")
    check_same(tree, "subscription", str(name), found)
    if "pushConfig" not in tree:
        found.add("push_config", "must be given; an empty one ends the pushing")
    push = _push(tree.get("pushConfig"), "push_config", found)
    found.check()
    return push


def seek_from_json(value: object, name: SubscriptionName) -> SeekWish:
    """The body of `subscriptions.seek`. Raises InvalidArgument."""
    found = Violations()
    tree = Reader(found=found).message(SEEK, value, "")
    check_same(tree, "subscription", str(name), found)
    if not tree.get("time") and not tree.get("snapshot"):
        found.add("target", "needs a time or a snapshot")
    found.check()
    if tree.get("snapshot"):
        return SeekWish(at_s=None, snapshot=SnapshotName.parse(tree["snapshot"], field="snapshot"))
    return SeekWish(at_s=timestamp_from_text(tree["time"]), snapshot=None)


def check_detach(value: object, name: SubscriptionName) -> None:
    """The body of `subscriptions.detach`. Raises InvalidArgument."""
    found = Violations()
    check_same(Reader(found=found).message(DETACH, value, ""), "subscription", str(name), found)
    found.check()


def _subscription(tree: Json, name: SubscriptionName, path: str, found: Violations) -> Subscription:
    check_same(tree, "name", str(name), found)
    labels = tree.get("labels", {})
    check_labels(labels, f"{path}labels", found)
    retention_s = duration_of(
        tree,
        "messageRetentionDuration",
        f"{path}message_retention_duration",
        found,
        least_s=limits.RETENTION_MIN_S,
        most_s=limits.RETENTION_MAX_S,
    )
    return Subscription(
        name=name,
        topic=_topic(tree.get("topic", ""), f"{path}topic", found),
        push=_push(tree.get("pushConfig"), f"{path}push_config", found),
        ack_deadline_s=_deadline(tree, f"{path}ack_deadline_seconds", found),
        retain_acked_messages=tree.get("retainAckedMessages", False),
        message_retention_s=limits.RETENTION_DEFAULT_S if retention_s is None else retention_s,
        labels=labels,
        enable_message_ordering=tree.get("enableMessageOrdering", False),
        expiration_s=_expiration(tree.get("expirationPolicy"), f"{path}expiration_policy.ttl", found),
        filter=_filter(tree.get("filter", ""), f"{path}filter", found),
        dead_letter=_dead_letter(tree.get("deadLetterPolicy"), f"{path}dead_letter_policy", found),
        retry=_retry(tree.get("retryPolicy"), f"{path}retry_policy", found),
        enable_exactly_once_delivery=tree.get("enableExactlyOnceDelivery", False),
    )


def _topic(text: str, path: str, found: Violations) -> TopicName | None:
    if not text or text == DELETED_TOPIC:
        return None
    try:
        return TopicName.parse(text, field=path)
    except InvalidArgument as error:
        found.add_all(error)
        return None


def _deadline(tree: Json, path: str, found: Violations) -> int:
    deadline_s = int(tree.get("ackDeadlineSeconds", 0)) or limits.ACK_DEADLINE_DEFAULT_S
    if not limits.ACK_DEADLINE_MIN_S <= deadline_s <= limits.ACK_DEADLINE_MAX_S:
        found.add(path, f"must be {limits.ACK_DEADLINE_MIN_S} to {limits.ACK_DEADLINE_MAX_S}")
    return deadline_s


def _expiration(tree: Json | None, path: str, found: Violations) -> float | None:
    """Without a policy the default; a policy without a length is never."""
    if tree is None:
        return limits.EXPIRATION_DEFAULT_S
    return duration_of(tree, "ttl", path, found, least_s=limits.EXPIRATION_MIN_S, most_s=_MAX_TTL_S)


def _filter(text: str, path: str, found: Violations) -> str:
    try:
        if text:
            filter_from_text(text)
    except InvalidArgument as error:
        found.add_line(path, error.message, error.message)
    return text


def _dead_letter(tree: Json | None, path: str, found: Violations) -> DeadLetterPolicy | None:
    if not tree:
        return None
    attempts = tree.get("maxDeliveryAttempts", 0) or limits.ATTEMPTS_DEFAULT
    if not limits.ATTEMPTS_MIN <= attempts <= limits.ATTEMPTS_MAX:
        found.add(f"{path}.max_delivery_attempts", f"must be {limits.ATTEMPTS_MIN} to {limits.ATTEMPTS_MAX}")
    topic = tree.get("deadLetterTopic", "")
    if topic != DELETED_TOPIC:
        try:
            TopicName.parse(topic, field=f"{path}.dead_letter_topic")
        except InvalidArgument as error:
            found.add_all(error)
    return DeadLetterPolicy(topic=topic, max_delivery_attempts=attempts)


def _retry(tree: Json | None, path: str, found: Violations) -> RetryPolicy | None:
    if tree is None:
        return None
    most_s = limits.BACKOFF_MAX_S
    least = duration_of(tree, "minimumBackoff", f"{path}.minimum_backoff", found, least_s=0.0, most_s=most_s)
    most = duration_of(tree, "maximumBackoff", f"{path}.maximum_backoff", found, least_s=0.0, most_s=most_s)
    minimum_s = limits.BACKOFF_MIN_S if least is None else least
    maximum_s = limits.BACKOFF_MAX_S if most is None else most
    if minimum_s > maximum_s:
        found.add(f"{path}.maximum_backoff", "must not be less than minimum_backoff")
    return RetryPolicy(minimum_backoff_s=minimum_s, maximum_backoff_s=maximum_s)


def _push(tree: Json | None, path: str, found: Violations) -> PushConfig | None:
    if not tree or not tree.get("pushEndpoint"):
        if tree and ("oidcToken" in tree or "noWrapper" in tree):
            found.add_missing(f"{path}.push_endpoint")
        return None
    endpoint = tree["pushEndpoint"]
    if len(endpoint) > limits.ENDPOINT_CHARACTERS or not is_web_url(endpoint):
        found.add(f"{path}.push_endpoint", "must be a URL that begins with https:// or http://")
    attributes = tree.get("attributes", {})
    for key, value in attributes.items():
        if key != _VERSION or value not in _VERSIONS:
            found.add(f"{path}.attributes", f"only {_VERSION} is known, with one of {', '.join(sorted(_VERSIONS))}")
            break
    token: Json | None = tree.get("oidcToken")
    if token is not None and not token.get("serviceAccountEmail"):
        found.add_missing(f"{path}.oidc_token.service_account_email")
    return PushConfig(
        endpoint=endpoint,
        attributes=attributes,
        oidc_token=None
        if token is None
        else OidcToken(service_account_email=token.get("serviceAccountEmail", ""), audience=token.get("audience", "")),
        is_wrapped="noWrapper" not in tree,
        shows_wrapper="pubsubWrapper" in tree,
        write_metadata=tree.get("noWrapper", {}).get("writeMetadata", False),
    )
