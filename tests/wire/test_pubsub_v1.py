"""The Pub/Sub API v1 as JSON: both ways, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hakobune.core.errors import InvalidArgument, Unimplemented
from hakobune.core.pubsub.failures import AckFailure
from hakobune.core.pubsub.messages import decode_body, encode_body
from hakobune.core.pubsub.model import (
    DeadLetterPolicy,
    Delivery,
    Encoding,
    OidcToken,
    PushConfig,
    RetryPolicy,
    Schema,
    SchemaSettings,
    SchemaType,
    Snapshot,
    Subscription,
    Topic,
)
from hakobune.core.pubsub.names import SchemaName, SnapshotName, SubscriptionName, TopicName
from hakobune.wire import pubsub_v1 as wire
from hakobune.wire import pubsub_v1_messages as messages
from hakobune.wire import pubsub_v1_subscriptions as subscriptions
from hakobune.wire.errors import error_to_json

TOPIC = TopicName(project="p", id="topic")
SUB = SubscriptionName(project="p", id="sub")
SNAP = SnapshotName(project="p", id="snap")
SCHEMA = SchemaName(project="p", id="schema")
AT_S = 1_763_909_141.5


# -- topics ---------------------------------------------------------------------------------------------------------

TOPICS = [
    Topic(name=TOPIC),
    Topic(name=TOPIC, labels={"a": "b"}, kms_key_name="k", message_retention_s=600.0),
    Topic(name=TOPIC, allowed_regions=("asia-northeast1",)),
    Topic(name=TOPIC, allowed_regions=(), enforce_in_transit=True),
    Topic(name=TOPIC, schema_settings=SchemaSettings(schema=str(SCHEMA), encoding=Encoding.BINARY)),
    Topic(
        name=TOPIC,
        schema_settings=SchemaSettings(
            schema=str(SCHEMA), encoding=Encoding.JSON, first_revision_id="1", last_revision_id="2"
        ),
    ),
]


@pytest.mark.parametrize("topic", TOPICS)
def test_given_a_topic_when_written_and_read_then_it_is_the_same(topic: Topic) -> None:
    assert wire.topic_from_json(wire.topic_to_json(topic), TOPIC) == topic


def test_given_a_patch_of_a_topic_when_read_then_the_mask_names_fields_of_ours() -> None:
    body = {"topic": {"labels": {"a": "b"}}, "updateMask": "labels, message_storage_policy,messageRetentionDuration"}
    patch = wire.topic_patch_from_json(body, TOPIC)
    assert patch.fields == {"labels", "allowed_regions", "enforce_in_transit", "message_retention_s"}
    assert patch.topic == Topic(name=TOPIC, labels={"a": "b"})
    assert "schema_settings" in wire.topic_patch_from_json({"topic": {}, "updateMask": "*"}, TOPIC).fields


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"topic": {}, "updateMask": "  "},
        {"topic": {}, "updateMask": "name"},
        {"topic": {}, "updateMask": "labels.a"},
        {"topic": {}, "updateMask": ",".join(["labels"] * 101)},
        {"topic": {"name": "projects/p/topics/other"}, "updateMask": "labels"},
        {"topic": 5, "updateMask": "labels"},
        "text",
    ],
)
def test_given_a_wrong_patch_of_a_topic_when_read_then_it_is_refused(body: object) -> None:
    with pytest.raises(InvalidArgument):
        wire.topic_patch_from_json(body, TOPIC)


@pytest.mark.parametrize(
    "body",
    [
        {"labels": {"": "x"}},
        {"labels": {"1a": "x"}},
        {"labels": {"a": "UPPER"}},
        {"labels": {"a" * 64: "x"}},
        {"labels": {"a": "x" * 64}},
        {"labels": {f"l{n}": "" for n in range(65)}},
        {"messageRetentionDuration": "1s"},
        {"schemaSettings": {"schema": "nope", "encoding": "JSON"}},
        {"schemaSettings": {"schema": str(SCHEMA)}},
    ],
)
def test_given_a_wrong_topic_when_read_then_it_is_refused(body: object) -> None:
    with pytest.raises(InvalidArgument) as refused:
        wire.topic_from_json(body, TOPIC)
    assert refused.value.violations


def test_given_labels_of_any_script_when_read_then_they_pass() -> None:
    labels = {"é-x_1": "ü", "日本": ""}
    assert wire.topic_from_json({"labels": labels}, TOPIC).labels == labels


@pytest.mark.parametrize("field", ["ingestionDataSourceSettings", "messageTransforms", "message_transforms"])
def test_given_what_is_not_supported_when_read_then_it_is_named(field: str) -> None:
    with pytest.raises(Unimplemented, match="Pub/Sub"):
        wire.topic_from_json({field: {"x": 1}}, TOPIC)
    with pytest.raises(Unimplemented, match="Pub/Sub"):
        wire.topic_patch_from_json({"topic": {field: [1]}, "updateMask": "labels"}, TOPIC)
    assert wire.topic_from_json({field: None}, TOPIC) == Topic(name=TOPIC)


# -- subscriptions --------------------------------------------------------------------------------------------------

PUSH = PushConfig(endpoint="https://a.example/x")
SUBSCRIPTIONS = [
    Subscription(name=SUB, topic=TOPIC),
    Subscription(
        name=SUB,
        topic=TOPIC,
        ack_deadline_s=600,
        retain_acked_messages=True,
        message_retention_s=600.0,
        labels={"a": "b"},
        enable_message_ordering=True,
        expiration_s=None,
        filter="attributes:a",
        dead_letter=DeadLetterPolicy(topic="projects/p/topics/dead", max_delivery_attempts=100),
        retry=RetryPolicy(minimum_backoff_s=0.0, maximum_backoff_s=1.5),
        enable_exactly_once_delivery=True,
    ),
    Subscription(name=SUB, topic=TOPIC, push=PUSH),
    Subscription(name=SUB, topic=TOPIC, push=replace(PUSH, shows_wrapper=True, attributes={"x-goog-version": "v1"})),
    Subscription(name=SUB, topic=TOPIC, push=replace(PUSH, is_wrapped=False)),
    Subscription(name=SUB, topic=TOPIC, push=replace(PUSH, is_wrapped=False, write_metadata=True)),
    Subscription(name=SUB, topic=TOPIC, push=replace(PUSH, oidc_token=OidcToken(service_account_email="a@b"))),
    Subscription(
        name=SUB, topic=TOPIC, push=replace(PUSH, oidc_token=OidcToken(service_account_email="a@b", audience="c"))
    ),
]


@pytest.mark.parametrize("subscription", SUBSCRIPTIONS)
def test_given_a_subscription_when_written_and_read_then_it_is_the_same(subscription: Subscription) -> None:
    tree = subscriptions.subscription_to_json(subscription)
    assert subscriptions.subscription_from_json(tree, SUB) == subscription


def test_given_what_only_the_service_says_when_written_then_it_is_shown_and_when_read_passed_by() -> None:
    found = Subscription(name=SUB, topic=None, detached=True, topic_message_retention_s=700.0)
    tree = subscriptions.subscription_to_json(found)
    assert (tree["topic"], tree["detached"], tree["topicMessageRetentionDuration"]) == ("_deleted-topic_", True, "700s")
    assert subscriptions.subscription_from_json(tree, SUB) == Subscription(name=SUB, topic=None)


def test_given_policies_without_numbers_when_read_then_they_have_their_defaults() -> None:
    body = {"topic": str(TOPIC), "retryPolicy": {}, "deadLetterPolicy": {"deadLetterTopic": "_deleted-topic_"}}
    found = subscriptions.subscription_from_json(body, SUB)
    assert found.retry == RetryPolicy(minimum_backoff_s=10.0, maximum_backoff_s=600.0)
    assert found.dead_letter == DeadLetterPolicy(topic="_deleted-topic_", max_delivery_attempts=5)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"ackDeadlineSeconds": -1}, "10 to 600"),
        ({"messageRetentionDuration": "2678401s"}, "600s to"),
        ({"expirationPolicy": {"ttl": "1s"}}, "86400s to"),
        ({"filter": "nope"}, "filter is invalid"),
        ({"deadLetterPolicy": {"maxDeliveryAttempts": 7}}, "topics"),
        ({"deadLetterPolicy": {"deadLetterTopic": "projects/p/topics/dead", "maxDeliveryAttempts": 1}}, "5 to 100"),
        ({"retryPolicy": {"maximumBackoff": "601s"}}, "0s to 600s"),
        ({"retryPolicy": {"minimumBackoff": "5s", "maximumBackoff": "1s"}}, "not be less"),
        ({"pushConfig": {"pushEndpoint": "nope"}}, "https://"),
        ({"pushConfig": {"pushEndpoint": "https://"}}, "https://"),
        ({"pushConfig": {"pushEndpoint": "https://[x"}}, "https://"),
        ({"pushConfig": {"pushEndpoint": "https://a:0/"}}, "https://"),
        ({"pushConfig": {"pushEndpoint": "https://a/" + "x" * 2_100}}, "https://"),
        ({"pushConfig": {"noWrapper": {}}}, "push_endpoint"),
        ({"pushConfig": {"pushEndpoint": "https://a", "oidcToken": {"audience": "x"}}}, "service_account_email"),
        ({"pushConfig": {"pushEndpoint": "https://a", "attributes": {"x-goog-version": "v9"}}}, "x-goog-version"),
        ({"topic": "projects/p/topics/x"}, "topics"),
        ({"topic": None}, "must not be empty"),
    ],
)
def test_given_a_wrong_subscription_when_read_then_it_is_refused(body: dict[str, object], words: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        subscriptions.subscription_from_json({"topic": str(TOPIC), **body}, SUB)
    assert words in refused.value.message


def test_given_a_patch_of_a_subscription_when_read_then_the_mask_names_fields_of_ours() -> None:
    body = {"subscription": {"ackDeadlineSeconds": 20}, "updateMask": "ack_deadline_seconds,pushConfig,retryPolicy"}
    patch = subscriptions.subscription_patch_from_json(body, SUB)
    assert patch.fields == {"ack_deadline_s", "push", "retry"}
    assert patch.subscription.ack_deadline_s == 20
    with pytest.raises(InvalidArgument, match="cannot be changed"):
        subscriptions.subscription_patch_from_json({"subscription": {}, "updateMask": "filter"}, SUB)
    with pytest.raises(InvalidArgument, match="is no field"):
        subscriptions.subscription_patch_from_json({"subscription": {}, "updateMask": "nope"}, SUB)
    with pytest.raises(Unimplemented, match="BigQuery"):
        subscriptions.subscription_patch_from_json(
            {"subscription": {"bigqueryConfig": {"table": "t"}}, "updateMask": "bigqueryConfig"}, SUB
        )


def test_given_requests_about_a_subscription_when_read_then_they_say_what_is_wanted() -> None:
    assert subscriptions.push_config_from_json({"pushConfig": {}}, SUB) is None
    assert subscriptions.push_config_from_json({"pushConfig": {"pushEndpoint": PUSH.endpoint}}, SUB) == PUSH
    assert subscriptions.seek_from_json({"snapshot": str(SNAP)}, SUB).snapshot == SNAP
    assert subscriptions.seek_from_json({"time": "2025-11-23T14:45:41.5Z"}, SUB).at_s == AT_S
    subscriptions.check_detach({"subscription": str(SUB)}, SUB)
    for work in (
        lambda: subscriptions.push_config_from_json({}, SUB),
        lambda: subscriptions.seek_from_json({}, SUB),
        lambda: subscriptions.seek_from_json({"snapshot": "nope"}, SUB),
        lambda: subscriptions.check_detach({"subscription": "projects/p/subscriptions/other"}, SUB),
    ):
        with pytest.raises(InvalidArgument):
            work()


# -- snapshots ------------------------------------------------------------------------------------------------------


def test_given_a_snapshot_when_written_then_it_is_as_the_service_shows_it() -> None:
    found = Snapshot(name=SNAP, topic=TOPIC, expire_s=AT_S, labels={"a": "b"})
    assert wire.snapshot_to_json(found) == {
        "name": str(SNAP),
        "topic": str(TOPIC),
        "expireTime": "2025-11-23T14:45:41.500000Z",
        "labels": {"a": "b"},
    }
    assert wire.snapshot_to_json(replace(found, topic=None, labels={}))["topic"] == "_deleted-topic_"


def test_given_requests_about_a_snapshot_when_read_then_they_say_what_is_wanted() -> None:
    wish = wire.snapshot_wish_from_json({"subscription": str(SUB), "labels": {"a": "b"}}, str(SNAP))
    assert (wish.subscription, wish.labels) == (SUB, {"a": "b"})
    patch = wire.snapshot_patch_from_json(
        {"snapshot": {"expireTime": "2025-11-23T14:45:41.5Z"}, "updateMask": "expireTime"}, SNAP
    )
    assert (patch.fields, patch.snapshot.expire_s) == ({"expire_s"}, AT_S)
    assert wire.snapshot_patch_from_json({"snapshot": {}, "updateMask": "labels"}, SNAP).snapshot.labels == {}
    for body in ({}, {"subscription": "x"}, {"subscription": str(SUB), "name": "projects/p/snapshots/other"}):
        with pytest.raises(InvalidArgument):
            wire.snapshot_wish_from_json(body, str(SNAP))
    for patch_body in ({"snapshot": {}, "updateMask": "expireTime"}, {"snapshot": {}, "updateMask": "topic"}):
        with pytest.raises(InvalidArgument):
            wire.snapshot_patch_from_json(patch_body, SNAP)


# -- messages -------------------------------------------------------------------------------------------------------


def test_given_a_publish_when_read_then_each_message_has_its_body_and_key() -> None:
    body = {
        "topic": str(TOPIC),
        "messages": [
            {"data": "_-8", "attributes": {"k": "v"}, "orderingKey": "key", "messageId": "9", "publishTime": None},
            {"attributes": {"k": ""}},
        ],
    }
    found = messages.messages_from_json(body, TOPIC)
    assert [(decode_body(message.body), message.ordering_key) for message in found] == [
        ((b"\xff\xef", {"k": "v"}), "key"),
        ((b"", {"k": ""}), ""),
    ]
    assert messages.message_ids_to_json(["1", "2"]) == {"messageIds": ["1", "2"]}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"messages": [{"data": "YQ=="}, {"data": "###"}]}, "messages[1].data"),
        ({"messages": [{}]}, "Some messages are empty"),
        ({"messages": [{"data": "YQ=="}], "topic": "projects/p/topics/other"}, "contradicts"),
        ({"messages": [{"data": "YQ==", "nope": 1}]}, "Cannot find field"),
        ({"messages": {}}, "list"),
    ],
)
def test_given_a_wrong_publish_when_read_then_it_is_refused(body: object, words: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        messages.messages_from_json(body, TOPIC)
    assert words in refused.value.message


def test_given_deliveries_when_written_then_empty_parts_are_left_out() -> None:
    full = Delivery("1-1-7-3", 7, AT_S, "key", encode_body(b"x", {"k": "v"}), 3)
    bare = Delivery("1-1-8-1", 8, AT_S, "", encode_body(b"x", {}), 0)
    assert messages.deliveries_to_json([]) == {}
    assert messages.deliveries_to_json([full, bare]) == {
        "receivedMessages": [
            {
                "ackId": "1-1-7-3",
                "message": {
                    "data": "eA==",
                    "attributes": {"k": "v"},
                    "messageId": "7",
                    "publishTime": "2025-11-23T14:45:41.500000Z",
                    "orderingKey": "key",
                },
                "deliveryAttempt": 3,
            },
            {
                "ackId": "1-1-8-1",
                "message": {"data": "eA==", "messageId": "8", "publishTime": "2025-11-23T14:45:41.500000Z"},
            },
        ]
    }
    assert "data" not in messages.message_to_json(bare._replace(body=encode_body(b"", {"k": "v"})))


def test_given_requests_of_subscribers_when_read_then_they_say_what_is_wanted() -> None:
    wish = messages.pull_from_json({"maxMessages": "5", "returnImmediately": True}, SUB)
    assert (wish.max_messages, wish.return_immediately) == (5, True)
    assert messages.ack_ids_from_json({"ackIds": ["a", "b"]}, SUB) == ["a", "b"]
    deadline = messages.deadline_from_json({"ackIds": ["a"], "ackDeadlineSeconds": 0}, SUB)
    assert (deadline.ack_ids, deadline.deadline_s) == (["a"], 0)
    for work in (
        lambda: messages.pull_from_json({}, SUB),
        lambda: messages.pull_from_json({"maxMessages": 1, "subscription": "projects/p/subscriptions/x"}, SUB),
        lambda: messages.ack_ids_from_json({"ackIds": "a"}, SUB),
        lambda: messages.deadline_from_json({"ackDeadlineSeconds": 0.5}, SUB),
    ):
        with pytest.raises(InvalidArgument):
            work()


def test_given_ack_ids_that_failed_when_told_then_the_metadata_names_them() -> None:
    status, body = error_to_json(AckFailure({"1-1-1-1": "PERMANENT_FAILURE_INVALID_ACK_ID"}))
    assert status == 400
    assert body["error"]["details"][0]["metadata"] == {"1-1-1-1": "PERMANENT_FAILURE_INVALID_ACK_ID"}  # type: ignore[index]


# -- schemas --------------------------------------------------------------------------------------------------------


def test_given_a_schema_when_written_then_views_and_revisions_show() -> None:
    found = Schema(name=SCHEMA, type=SchemaType.AVRO, definition="d", revision_id="0a1b2c3d", revision_create_s=AT_S)
    basic = wire.schema_to_json(found, is_full=False)
    assert basic == {
        "name": str(SCHEMA),
        "type": "AVRO",
        "revisionId": "0a1b2c3d",
        "revisionCreateTime": "2025-11-23T14:45:41.500000Z",
    }
    full = wire.schema_to_json(found, is_full=True, shows_revision=True)
    assert (full["name"], full["definition"]) == (f"{SCHEMA}@0a1b2c3d", "d")
    assert wire.schema_name_and_revision("schema@0a", "p") == (SCHEMA, "0a")
    assert wire.schema_name_and_revision("schema", "p") == (SCHEMA, "")
    with pytest.raises(InvalidArgument):
        wire.schema_name_and_revision("schema@", "p")


def test_given_requests_about_schemas_when_read_then_they_say_what_is_wanted() -> None:
    tree = {"type": "AVRO", "definition": "d", "name": str(SCHEMA)}
    assert wire.schema_from_json(tree, str(SCHEMA)) == (SchemaType.AVRO, "d")
    assert wire.commit_from_json({"schema": tree}, str(SCHEMA)) == (SchemaType.AVRO, "d")
    assert wire.validation_from_json({"schema": {"type": 1, "definition": "d"}}) == (SchemaType.PROTOCOL_BUFFER, "d")
    assert wire.rollback_from_json({"revisionId": "1"}, str(SCHEMA)) == "1"
    trial = wire.trial_from_json({"schema": tree, "message": "YQ==", "encoding": "JSON"})
    assert (trial.type, trial.message, trial.encoding) == (SchemaType.AVRO, b"a", Encoding.JSON)
    for work in (
        lambda: wire.schema_from_json({"definition": "d"}, ""),
        lambda: wire.schema_from_json({"type": "AVRO"}, ""),
        lambda: wire.schema_from_json({**tree, "name": "other"}, str(SCHEMA)),
        lambda: wire.commit_from_json({"schema": tree, "name": "other"}, str(SCHEMA)),
        lambda: wire.rollback_from_json({}, str(SCHEMA)),
        lambda: wire.trial_from_json({"message": "YQ=="}),
        lambda: wire.trial_from_json({"name": str(SCHEMA), "message": "###"}),
        lambda: wire.trial_from_json({"name": str(SCHEMA), "schema": tree}),
    ):
        with pytest.raises(InvalidArgument):
            work()
