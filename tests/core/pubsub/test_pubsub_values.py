"""Names, bodies of messages, ack ids, waits, windows."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hakobune.core.errors import CorruptStore, InvalidArgument
from hakobune.core.pubsub import limits
from hakobune.core.pubsub.ack_ids import AckId, ack_id_prefix, ack_id_rest, parse_ack_ids
from hakobune.core.pubsub.deliveries import (
    backoff_s,
    dead_letter_attributes,
    is_dead,
    replayed_s,
    retained_s,
)
from hakobune.core.pubsub.messages import (
    attributes_of,
    check_request,
    decode_body,
    encode_body,
    new_message,
)
from hakobune.core.pubsub.model import (
    DeadLetterPolicy,
    Delivery,
    NewMessage,
    PushConfig,
    RetryPolicy,
    Subscription,
)
from hakobune.core.pubsub.names import SchemaName, SnapshotName, SubscriptionName, TopicName
from hakobune.core.pubsub.pushing import push_content, window_after

NAME = SubscriptionName(project="p", id="sub")
PUSH = PushConfig(endpoint="https://a.example/hook")


def a_subscription(**changes: object) -> Subscription:
    return Subscription(name=NAME, topic=TopicName(project="p", id="top"), **changes)  # type: ignore[arg-type]


# -- names ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name_id", ["abc", "A-b_c.d~e+f%20", "a" * 255])
def test_given_a_good_id_when_parsed_then_the_name_prints_as_it_was(name_id: str) -> None:
    assert str(TopicName.parse(f"projects/p/topics/{name_id}")) == f"projects/p/topics/{name_id}"


@pytest.mark.parametrize(
    "name_id", ["", "ab", "1abc", "-abc", "a" * 256, "a/b", "a b", "goog", "Google", "ab\0", "äbc", "abc\n"]
)
def test_given_a_bad_id_when_parsed_then_it_is_refused(name_id: str) -> None:
    with pytest.raises(InvalidArgument, match=r"Invalid \[subscriptions\] name"):
        SubscriptionName.make("p", name_id)


@pytest.mark.parametrize(
    "text",
    ["", "abc", "projects/p/topics", "projects/p/subscriptions/abc", "projects//topics/abc", "projects/p/topics/abc/x"],
)
def test_given_a_text_of_another_form_when_parsed_as_a_topic_then_it_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgument):
        TopicName.parse(text)


def test_given_names_of_each_kind_when_printed_then_their_collections_differ() -> None:
    kinds = (TopicName, SubscriptionName, SnapshotName, SchemaName)
    assert [str(kind(project="p", id="abc")).split("/")[2] for kind in kinds] == [
        "topics",
        "subscriptions",
        "snapshots",
        "schemas",
    ]


# -- bodies ---------------------------------------------------------------------------------------------------------


@given(st.binary(max_size=300), st.dictionaries(st.text(min_size=1, max_size=200), st.text(max_size=200), max_size=5))
def test_given_any_message_when_written_and_read_then_it_is_the_same(data: bytes, attributes: dict[str, str]) -> None:
    body = encode_body(data, attributes)
    assert decode_body(body) == (data, attributes)
    assert attributes_of(body) == attributes


def test_given_a_body_when_protobuf_reads_it_then_it_is_its_own_form() -> None:
    types = pytest.importorskip("google.protobuf.descriptor_pb2")
    pool = pytest.importorskip("google.protobuf.descriptor_pool").DescriptorPool()
    factory = pytest.importorskip("google.protobuf.message_factory")
    file = types.FileDescriptorProto(name="m.proto", syntax="proto3")
    message = file.message_type.add(name="M")
    message.field.add(name="data", number=1, label=1, type=12)
    entry = message.nested_type.add(name="AttributesEntry")
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, label=1, type=9)
    entry.field.add(name="value", number=2, label=1, type=9)
    message.field.add(name="attributes", number=2, label=3, type=11, type_name=".M.AttributesEntry")
    pool.Add(file)
    kind = factory.GetMessageClass(pool.FindMessageTypeByName("M"))
    found = kind.FromString(encode_body(b"x" * 300, {"k": "v" * 200, "": ""}))
    assert found.data == b"x" * 300
    assert dict(found.attributes) == {"k": "v" * 200, "": ""}
    assert decode_body(found.SerializeToString()) == (b"x" * 300, {"k": "v" * 200, "": ""})


@pytest.mark.parametrize(
    "body", [b"\x0a", b"\x0a\x05abc", b"\x0b", b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"]
)
def test_given_a_broken_body_when_read_then_the_store_is_corrupt(body: bytes) -> None:
    with pytest.raises(CorruptStore):
        decode_body(body)


def test_given_fields_of_later_versions_when_read_then_they_are_passed_by() -> None:
    assert decode_body(b"\x30\x05" + b"\x39" + b"8" * 8 + b"\x3d" + b"4" * 4 + b"\x0a\x01x") == (b"x", {})


@pytest.mark.parametrize(
    ("data", "attributes", "key", "reason"),
    [
        (b"", {}, "", "Some messages are empty"),
        (b"", {}, "key", "Some messages are empty"),
        (b"x", {str(n): "" for n in range(101)}, "", "at most 100 attributes"),
        (b"x", {"": "v"}, "", "1 to 256 bytes"),
        (b"x", {"k" * 257: "v"}, "", "1 to 256 bytes"),
        (b"x", {"é" * 129: "v"}, "", "1 to 256 bytes"),
        (b"x", {"k": "v" * 1025}, "", "at most 1024 bytes"),
        (b"x", {}, "k" * 1025, "at most 1024 bytes"),
        (b"x" * 10_000_001, {}, "", "at most 10000000 bytes"),
    ],
)
def test_given_a_message_beyond_a_bound_when_made_then_it_is_refused(
    data: bytes, attributes: dict[str, str], key: str, reason: str
) -> None:
    with pytest.raises(InvalidArgument, match=reason):
        new_message(data, attributes, key)


def test_given_messages_at_the_bounds_when_made_then_they_pass() -> None:
    check_request([new_message(b"x" * 10_000_000, {})])
    new_message(b"", {str(n): "v" for n in range(100)})
    new_message(b"", {"k" * 256: "v" * 1024}, "k" * 1024)
    check_request([NewMessage(b"x")] * 1_000)


@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        ([], "at least one"),
        ([NewMessage(b"x")] * 1_001, "at most 1000"),
        ([NewMessage(b"x" * 6_000_000)] * 2, "bytes together"),
    ],
)
def test_given_a_publish_beyond_a_bound_when_checked_then_it_is_refused(
    messages: list[NewMessage], reason: str
) -> None:
    with pytest.raises(InvalidArgument, match=reason):
        check_request(messages)


# -- ack ids --------------------------------------------------------------------------------------------------------


@given(st.integers(1, 2**50), st.integers(1, 2**50), st.integers(1, 2**50), st.integers(1, 2**30))
def test_given_an_ack_id_when_parsed_then_it_says_which_delivery_it_is(
    sub: int, era: int, message: int, attempt: int
) -> None:
    text = ack_id_prefix(sub, era) + ack_id_rest(message, attempt)
    assert parse_ack_ids([text], sub) == [AckId(era, message, attempt)]
    assert len(text) <= 64


@pytest.mark.parametrize(
    "text",
    ["", "x", "1-1-1", "1-1-1-1-1", "1-1-1-g", "1-1-1-1\n", "-1-1-1-1", "1-1-1-" + "1" * 16, "2-1-1-1", "１-1-1-1"],
)
def test_given_a_text_that_is_no_ack_id_of_the_subscription_when_parsed_then_it_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgument, match="Invalid ack id"):
        parse_ack_ids(["1-1-1-1", text], 1)


# -- deliveries -----------------------------------------------------------------------------------------------------


def test_given_no_policy_when_a_delivery_fails_then_the_next_follows_at_once() -> None:
    assert backoff_s(a_subscription(), 3) == 0.0


@pytest.mark.parametrize(("attempts", "wait_s"), [(1, 10), (2, 20), (3, 40), (7, 600), (1_000_000, 600)])
def test_given_a_retry_policy_when_deliveries_fail_then_the_wait_doubles_up_to_its_bound(
    attempts: int, wait_s: float
) -> None:
    policy = RetryPolicy(minimum_backoff_s=10, maximum_backoff_s=600)
    assert backoff_s(a_subscription(retry=policy), attempts) == wait_s
    assert backoff_s(a_subscription(retry=policy, push=PUSH), attempts) == wait_s


@pytest.mark.parametrize(("attempts", "wait_s"), [(1, 0.1), (2, 0.2), (10, 51.2), (11, 60), (99, 60)])
def test_given_a_push_subscription_when_pushes_fail_then_it_waits_100_ms_to_60_s(attempts: int, wait_s: float) -> None:
    assert backoff_s(a_subscription(push=PUSH), attempts) == pytest.approx(wait_s)


def test_given_a_dead_letter_policy_when_the_last_delivery_failed_then_the_message_is_dead() -> None:
    policy = DeadLetterPolicy(topic="projects/p/topics/dead", max_delivery_attempts=5)
    assert [is_dead(a_subscription(dead_letter=policy), attempts) for attempts in (4, 5, 6)] == [False, True, True]
    assert not is_dead(a_subscription(), 1_000)


def test_given_a_dead_letter_then_its_attributes_tell_where_it_came_from() -> None:
    assert dead_letter_attributes(a_subscription(), 1_763_909_264.1776, 5) == {
        "CloudPubSubDeadLetterSourceSubscription": "sub",
        "CloudPubSubDeadLetterSourceSubscriptionProject": "p",
        "CloudPubSubDeadLetterSourceTopicPublishTime": "2025-11-23T14:47:44.177Z",
        "CloudPubSubDeadLetterSourceDeliveryCount": "5",
    }


def test_given_a_topic_that_keeps_messages_longer_then_its_time_counts() -> None:
    assert retained_s(a_subscription(message_retention_s=700.0)) == 700
    assert retained_s(a_subscription(message_retention_s=700.0, topic_message_retention_s=800.0)) == 800
    assert replayed_s(a_subscription(message_retention_s=700.0)) == 0
    assert replayed_s(a_subscription(message_retention_s=700.0, retain_acked_messages=True)) == 700
    assert replayed_s(a_subscription(topic_message_retention_s=650.0)) == 650


# -- pushing --------------------------------------------------------------------------------------------------------


def a_delivery(data: bytes = b"hello", attempt: int = 0, key: str = "", **attributes: str) -> Delivery:
    return Delivery("1-1-1-1", 7, 1_763_909_141.737, key, encode_body(data, attributes), attempt)


def test_given_a_wrapped_push_when_made_then_the_envelope_is_the_documented_one() -> None:
    headers, body = push_content(a_subscription(), PUSH, a_delivery(kind="a"))
    assert headers == (("Content-Type", "application/json"), ("User-Agent", "CloudPubSub-Google"))
    assert json.loads(body) == {
        "subscription": "projects/p/subscriptions/sub",
        "message": {
            "data": "aGVsbG8=",
            "attributes": {"kind": "a"},
            "messageId": "7",
            "message_id": "7",
            "publishTime": "2025-11-23T14:45:41.737Z",
            "publish_time": "2025-11-23T14:45:41.737Z",
        },
    }


def test_given_a_key_and_a_dead_letter_policy_when_pushed_then_key_and_attempt_are_told() -> None:
    envelope = json.loads(push_content(a_subscription(), PUSH, a_delivery(b"", 3, "key", k="v"))[1])
    assert (envelope["deliveryAttempt"], envelope["message"]["orderingKey"]) == (3, "key")
    assert "data" not in envelope["message"]


def test_given_an_unwrapped_push_when_made_then_the_body_is_the_data() -> None:
    push = PushConfig(endpoint=PUSH.endpoint, is_wrapped=False)
    assert push_content(a_subscription(), push, a_delivery(b"\x00raw", kind="a")) == (
        (("User-Agent", "CloudPubSub-Google"),),
        b"\x00raw",
    )


def test_given_write_metadata_when_pushed_unwrapped_then_headers_tell_the_rest_but_for_what_no_header_can() -> None:
    push = PushConfig(endpoint=PUSH.endpoint, is_wrapped=False, write_metadata=True)
    bad = {
        "with space": "x",
        "line": "a\r\nInjected: b",
        "Authorization": "Bearer stolen",
        "Host": "x",
        "content-length": "1",
    }
    headers, _ = push_content(a_subscription(), push, a_delivery(b"x", 2, "key", kind="a", **bad))
    assert headers == (
        ("User-Agent", "CloudPubSub-Google"),
        ("x-goog-pubsub-subscription-name", "projects/p/subscriptions/sub"),
        ("x-goog-pubsub-message-id", "7"),
        ("x-goog-pubsub-publish-time", "2025-11-23T14:45:41.737Z"),
        ("x-goog-pubsub-ordering-key", "key"),
        ("x-goog-pubsub-delivery-attempt", "2"),
        ("kind", "a"),
    )


def test_given_successes_and_failures_then_the_window_grows_to_its_bound_and_never_closes() -> None:
    window = 1
    for _ in range(200):
        window = window_after(window, is_acked=True)
    assert window == limits.PUSHED_AT_ONCE
    for _ in range(20):
        window = window_after(window, is_acked=False)
    assert window == 1
