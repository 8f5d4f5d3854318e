"""The Pub/Sub API over REST, against a real runtime."""

from __future__ import annotations

import json
import threading
import time

import pytest
from pubsub_calls import Pubsub, b64, text_of

from runtime_process import PROJECT, RuntimeProcess


@pytest.fixture
def pubsub(runtime: RuntimeProcess) -> Pubsub:
    return Pubsub(runtime)


# -- topics ---------------------------------------------------------------------------------------------------------


def test_given_a_topic_when_made_then_it_is_shown_listed_changed_and_removed(pubsub: Pubsub) -> None:
    name = pubsub.name("life")
    full = pubsub.full("topics", name)
    fields = {
        "labels": {"team": "video"},
        "messageRetentionDuration": "600s",
        "messageStoragePolicy": {"allowedPersistenceRegions": ["asia-northeast1"], "enforceInTransit": True},
        "kmsKeyName": "projects/p/locations/l/keyRings/r/cryptoKeys/k",
    }
    assert pubsub.ok("PUT", f"topics/{name}", fields) == {"name": full, **fields}
    assert pubsub.ok("GET", f"topics/{name}") == {"name": full, **fields}
    assert pubsub.refused("PUT", f"topics/{name}", {})[:2] == (409, "ALREADY_EXISTS")
    patch = {"topic": {"name": full, "labels": {"team": "audio"}}, "updateMask": "labels,messageRetentionDuration"}
    changed = pubsub.ok("PATCH", f"topics/{name}", patch)
    kept = {field: fields[field] for field in ("messageStoragePolicy", "kmsKeyName")}
    assert changed == {"name": full, **kept, "labels": {"team": "audio"}}
    assert full in [topic["name"] for topic in pubsub.ok("GET", "topics?pageSize=1000")["topics"]]
    assert pubsub.ok("DELETE", f"topics/{name}") == {}
    assert pubsub.refused("GET", f"topics/{name}") == (404, "NOT_FOUND", f"Topic not found: {full}.")
    assert pubsub.refused("DELETE", f"topics/{name}")[0] == 404


def test_given_topics_when_listed_by_pages_then_each_comes_once(runtime: RuntimeProcess) -> None:
    pubsub = Pubsub(runtime, project="paged-topics")
    names = sorted(pubsub.topic() for _ in range(5))
    found: list[str] = []
    token = ""
    while True:
        page = pubsub.ok("GET", f"topics?pageSize=2&pageToken={token}")
        found += [topic["name"].rpartition("/")[2] for topic in page["topics"]]
        token = page.get("nextPageToken", "")
        if not token:
            break
    assert found == names
    assert pubsub.refused("GET", "topics?pageSize=-1")[0] == 400
    assert pubsub.refused("GET", "topics?pageToken=nonsense")[0] == 400


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"nope": 1}, "Cannot find field"),
        ({"labels": {"Upper": "x"}}, "lower-case"),
        ({"labels": {str(n) + "x": "" for n in range(65)}}, "at most 64"),
        ({"messageRetentionDuration": "599s"}, "600s to"),
        ({"messageRetentionDuration": "2678401s"}, "600s to"),
        ({"name": f"projects/{PROJECT}/topics/another"}, "contradicts"),
        ({"schemaSettings": {"schema": "x", "encoding": "JSON"}}, "schemas"),
        ({"schemaSettings": {"schema": f"projects/{PROJECT}/schemas/some-schema"}}, "JSON or BINARY"),
        ([], "Root element"),
    ],
)
def test_given_a_wrong_topic_when_made_then_it_is_refused_with_the_field(
    pubsub: Pubsub, body: object, words: str
) -> None:
    status, code, message = pubsub.refused("PUT", f"topics/{pubsub.name('wrong')}", body)
    assert (status, code) == (400, "INVALID_ARGUMENT")
    assert words in message


@pytest.mark.parametrize("name", ["t1", "1abc", "goog-topic", "a" * 256, "a%20b", "a%00b"])
def test_given_an_id_that_none_can_have_when_made_then_it_is_refused(pubsub: Pubsub, name: str) -> None:
    assert pubsub.refused("PUT", f"topics/{name}", {})[0] == 400


@pytest.mark.parametrize("mask", [None, "", "nope", "name", "kmsKeyName"])
def test_given_a_mask_of_no_field_that_can_change_when_patched_then_it_is_refused(
    pubsub: Pubsub, mask: str | None
) -> None:
    body = {"topic": {"labels": {}}} | ({} if mask is None else {"updateMask": mask})
    assert pubsub.refused("PATCH", f"topics/{pubsub.topic()}", body)[:2] == (400, "INVALID_ARGUMENT")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("topics", {"ingestionDataSourceSettings": {"awsKinesis": {}}}),
        ("topics", {"messageTransforms": [{"javascriptUdf": {}}]}),
        ("subscriptions", {"topic": "projects/p/topics/abc", "bigqueryConfig": {"table": "t"}}),
        ("subscriptions", {"topic": "projects/p/topics/abc", "cloud_storage_config": {"bucket": "b"}}),
    ],
)
def test_given_what_is_not_supported_when_asked_for_then_the_answer_names_it(
    pubsub: Pubsub, path: str, body: object
) -> None:
    status, code, message = pubsub.refused("PUT", f"{path}/{pubsub.name('missing')}", body)
    assert (status, code) == (501, "UNIMPLEMENTED")
    assert "Pub/Sub" in message


# -- subscriptions --------------------------------------------------------------------------------------------------


def test_given_a_bare_subscription_when_made_then_its_defaults_are_the_documented_ones(pubsub: Pubsub) -> None:
    topic = pubsub.topic(messageRetentionDuration="700s")
    name = pubsub.subscription(topic)
    expected = {
        "name": pubsub.full("subscriptions", name),
        "topic": pubsub.full("topics", topic),
        "pushConfig": {},
        "ackDeadlineSeconds": 10,
        "messageRetentionDuration": "604800s",
        "expirationPolicy": {"ttl": "2678400s"},
        "state": "ACTIVE",
        "topicMessageRetentionDuration": "700s",
    }
    assert pubsub.ok("GET", f"subscriptions/{name}") == expected
    assert pubsub.ok("GET", f"topics/{topic}/subscriptions") == {"subscriptions": [expected["name"]]}
    assert expected in pubsub.ok("GET", "subscriptions?pageSize=1000")["subscriptions"]
    assert pubsub.ok("DELETE", f"subscriptions/{name}") == {}
    assert pubsub.refused("GET", f"subscriptions/{name}")[1] == "NOT_FOUND"
    assert pubsub.ok("GET", f"topics/{topic}/subscriptions") == {}


def test_given_all_fields_when_made_and_patched_then_they_are_shown(pubsub: Pubsub) -> None:
    topic = pubsub.topic()
    dead = pubsub.full("topics", pubsub.topic())
    fields = {
        "ackDeadlineSeconds": 600,
        "retainAckedMessages": True,
        "messageRetentionDuration": "600s",
        "labels": {"a": "b"},
        "enableMessageOrdering": True,
        "expirationPolicy": {},
        "filter": 'attributes.kind = "a"',
        "deadLetterPolicy": {"deadLetterTopic": dead, "maxDeliveryAttempts": 7},
        "retryPolicy": {"minimumBackoff": "0s", "maximumBackoff": "1.5s"},
        "enableExactlyOnceDelivery": True,
    }
    name = pubsub.subscription(topic, **fields)
    shown = pubsub.ok("GET", f"subscriptions/{name}")
    assert {field: shown[field] for field in fields} == fields
    patch = {
        "subscription": {"ackDeadlineSeconds": 20, "expirationPolicy": {"ttl": "86400s"}},
        "updateMask": "ackDeadlineSeconds,expiration_policy,deadLetterPolicy,retryPolicy,labels",
    }
    changed = pubsub.ok("PATCH", f"subscriptions/{name}", patch)
    assert (changed["ackDeadlineSeconds"], changed["expirationPolicy"]) == (20, {"ttl": "86400s"})
    assert not {"deadLetterPolicy", "retryPolicy", "labels"} & set(changed)
    assert changed["filter"] == fields["filter"]
    for field in ("filter", "enableMessageOrdering", "topic", "detached"):
        body = {"subscription": {}, "updateMask": field}
        assert pubsub.refused("PATCH", f"subscriptions/{name}", body)[0] == 400


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"ackDeadlineSeconds": 9}, "10 to 600"),
        ({"ackDeadlineSeconds": 601}, "10 to 600"),
        ({"ackDeadlineSeconds": True}, "TYPE_INT32"),
        ({"messageRetentionDuration": "60s"}, "600s to"),
        ({"expirationPolicy": {"ttl": "60s"}}, "86400s to"),
        ({"filter": 'attributes.kind == "a"'}, "filter is invalid"),
        ({"filter": "x" * 300}, "256 bytes"),
        ({"deadLetterPolicy": {"deadLetterTopic": "nope"}}, "topics"),
        ({"deadLetterPolicy": {"deadLetterTopic": "projects/p/topics/dead", "maxDeliveryAttempts": 4}}, "5 to 100"),
        ({"deadLetterPolicy": {"deadLetterTopic": "projects/p/topics/dead", "maxDeliveryAttempts": 101}}, "5 to 100"),
        ({"retryPolicy": {"minimumBackoff": "601s"}}, "0s to 600s"),
        ({"retryPolicy": {"minimumBackoff": "20s", "maximumBackoff": "10s"}}, "must not be less"),
        ({"pushConfig": {"pushEndpoint": "ftp://x"}}, "https://"),
        ({"pushConfig": {"oidcToken": {"serviceAccountEmail": "a@b"}}}, "push_endpoint"),
        ({"pushConfig": {"pushEndpoint": "https://x", "oidcToken": {}}}, "service_account_email"),
        ({"pushConfig": {"pushEndpoint": "https://x", "attributes": {"x": "y"}}}, "x-goog-version"),
        ({"pushConfig": {"pushEndpoint": "https://x", "noWrapper": {}, "pubsubWrapper": {}}}, "oneof"),
        ({"topic": "nope"}, "topics"),
        ({"topic": ""}, "must not be empty"),
        ({"nope": 1}, "Cannot find field"),
    ],
)
def test_given_a_wrong_subscription_when_made_then_it_is_refused_with_the_field(
    pubsub: Pubsub, fields: dict[str, object], words: str
) -> None:
    body = {"topic": f"projects/{PROJECT}/topics/some-topic", **fields}
    status, code, message = pubsub.refused("PUT", f"subscriptions/{pubsub.name('wrong')}", body)
    assert (status, code) == (400, "INVALID_ARGUMENT")
    assert words in message


def test_given_no_such_topic_when_a_subscription_is_made_then_it_is_not_found(pubsub: Pubsub) -> None:
    body = {"topic": "projects/p/topics/nowhere"}
    status, code, message = pubsub.refused("PUT", f"subscriptions/{pubsub.name('sub')}", body)
    assert (status, code) == (404, "NOT_FOUND")
    assert message.startswith("Subscription topic does not exist")
    name = pubsub.subscription(pubsub.topic())
    topic = pubsub.full("topics", pubsub.topic())
    assert pubsub.refused("PUT", f"subscriptions/{name}", {"topic": topic})[1] == "ALREADY_EXISTS"


def test_given_a_topic_that_goes_then_its_subscription_says_so_and_gives_what_it_has(pubsub: Pubsub) -> None:
    topic = pubsub.topic()
    name = pubsub.subscription(topic)
    pubsub.publish(topic, "a")
    pubsub.ok("DELETE", f"topics/{topic}")
    assert pubsub.ok("GET", f"subscriptions/{name}")["topic"] == "_deleted-topic_"
    assert [text_of(one) for one in pubsub.pull(name)] == ["a"]


def test_given_a_detached_subscription_when_pulled_then_it_is_a_failed_precondition(pubsub: Pubsub) -> None:
    topic = pubsub.topic()
    name = pubsub.subscription(topic)
    assert pubsub.ok("POST", f"subscriptions/{name}:detach", {}) == {}
    assert pubsub.ok("GET", f"subscriptions/{name}")["detached"] is True
    assert pubsub.refused("POST", f"subscriptions/{name}:pull", {"maxMessages": 1})[:2] == (400, "FAILED_PRECONDITION")
    assert pubsub.ok("GET", f"topics/{topic}/subscriptions") == {}


# -- messages -------------------------------------------------------------------------------------------------------


def test_given_messages_when_pulled_then_they_are_as_they_were_published(pubsub: Pubsub) -> None:
    topic = pubsub.topic()
    name = pubsub.subscription(topic)
    messages = [{"data": b64(b"\x00\xff")}, {"attributes": {"k": "é"}}, {"data": "_-8", "orderingKey": "key"}]
    ids = pubsub.ok("POST", f"topics/{topic}:publish", {"messages": messages})["messageIds"]
    assert all(number.isdigit() for number in ids)
    found = pubsub.pull(name)
    assert [one["message"]["messageId"] for one in found] == ids
    assert found[0]["message"]["data"] == b64(b"\x00\xff")
    assert "attributes" not in found[0]["message"]
    assert found[1]["message"]["attributes"] == {"k": "é"}
    assert "data" not in found[1]["message"]
    assert (found[2]["message"]["data"], found[2]["message"]["orderingKey"]) == ("/+8=", "key")
    assert all("deliveryAttempt" not in one for one in found)
    assert found[0]["message"]["publishTime"].endswith("Z")
    pubsub.ack(name, found)
    assert pubsub.pull(name) == []


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "at least one message"),
        ({"messages": []}, "at least one message"),
        ({"messages": [{}]}, "Some messages are empty"),
        ({"messages": [{"data": "###"}]}, "base64"),
        ({"messages": [{"data": 5}]}, "TYPE_STRING"),
        ({"messages": [{"data": "YQ==", "nope": 1}]}, "Cannot find field"),
        ({"messages": [{"attributes": {"a": 1}}]}, "TYPE_STRING"),
        ({"messages": [{"attributes": {"a" * 257: ""}}]}, "256 bytes"),
        ({"messages": [{"data": "YQ=="}] * 1001}, "at most 1000"),
        ({"messages": [{"data": "YQ==", "orderingKey": "k" * 1025}]}, "1024 bytes"),
    ],
)
def test_given_a_wrong_publish_when_sent_then_nothing_is_stored(pubsub: Pubsub, body: object, words: str) -> None:
    topic = pubsub.topic()
    name = pubsub.subscription(topic)
    status, _, message = pubsub.refused("POST", f"topics/{topic}:publish", body)
    assert status == 400
    assert words in message
    assert pubsub.pull(name) == []


def test_given_a_message_of_the_largest_size_when_published_then_it_passes_and_a_larger_one_does_not(
    pubsub: Pubsub,
) -> None:
    topic = pubsub.topic()
    name = pubsub.subscription(topic)
    pubsub.publish(topic, "x" * 10_000_000)
    body = {"messages": [{"data": b64("x" * 10_000_001)}]}
    assert pubsub.refused("POST", f"topics/{topic}:publish", body)[0] == 400
    assert pubsub.call("POST", f"topics/{topic}:publish", b"x" * 14_000_001).status == 413
    assert len(text_of(pubsub.pull(name)[0])) == 10_000_000


@pytest.mark.parametrize(
    ("method", "body", "words"),
    [
        ("pull", {}, "max_messages"),
        ("pull", {"maxMessages": 0}, "max_messages"),
        ("pull", {"maxMessages": -1}, "max_messages"),
        ("acknowledge", {}, "ack_ids"),
        ("acknowledge", {"ackIds": ["nonsense"]}, "Invalid ack id"),
        ("modifyAckDeadline", {"ackIds": ["nonsense"], "ackDeadlineSeconds": 10}, "Invalid ack id"),
        ("modifyAckDeadline", {"ackIds": ["1-1-1-1"], "ackDeadlineSeconds": 601}, "0 to 600"),
        ("modifyAckDeadline", {"ackIds": ["1-1-1-1"], "ackDeadlineSeconds": -1}, "0 to 600"),
        ("seek", {}, "target"),
        ("seek", {"time": "yesterday"}, "Timestamp"),
        ("seek", {"time": "2026-01-01T00:00:00Z", "snapshot": "projects/p/snapshots/abc"}, "oneof"),
        ("modifyPushConfig", {}, "push_config"),
    ],
)
def test_given_a_wrong_call_of_a_subscription_when_sent_then_it_is_refused(
    pubsub: Pubsub, method: str, body: object, words: str
) -> None:
    name = pubsub.subscription(pubsub.topic())
    status, code, message = pubsub.refused("POST", f"subscriptions/{name}:{method}", body)
    assert (status, code) == (400, "INVALID_ARGUMENT")
    assert words in message


def test_given_an_empty_subscription_when_pulled_then_it_waits_about_2_s_or_until_a_message_comes(
    pubsub: Pubsub,
) -> None:
    topic = pubsub.topic()
    name = pubsub.subscription(topic)
    started_s = time.monotonic()
    assert pubsub.pull(name) == []
    assert time.monotonic() - started_s < 1.5
    started_s = time.monotonic()
    assert pubsub.pull(name, waits=True) == []
    assert 1.0 < time.monotonic() - started_s < 8
    publisher = threading.Timer(0.3, pubsub.publish, (topic, "late"))
    publisher.start()
    assert [text_of(one) for one in pubsub.pull(name, waits=True)] == ["late"]
    publisher.join()


def test_given_a_filter_when_pulled_then_the_others_do_not_come(pubsub: Pubsub) -> None:
    topic = pubsub.topic()
    name = pubsub.subscription(topic, filter='attributes.kind = "a" AND NOT attributes:skip')
    pubsub.publish(topic, "1", kind="a")
    pubsub.publish(topic, "2", kind="b")
    pubsub.publish(topic, "3", kind="a", skip="")
    pubsub.publish(topic, "4", kind="a")
    assert [text_of(one) for one in pubsub.pull(name)] == ["1", "4"]


def test_given_an_ordered_subscription_when_a_message_fails_then_order_begins_again_there(pubsub: Pubsub) -> None:
    topic = pubsub.topic()
    name = pubsub.subscription(topic, enableMessageOrdering=True)
    pubsub.publish(topic, "0", "1", "2", "3", key="k")
    first = pubsub.pull(name, 2)
    assert pubsub.pull(name) == []
    pubsub.nack(name, first[1:])
    pubsub.ack(name, first[:1])
    assert [text_of(one) for one in pubsub.pull(name)] == ["1", "2", "3"]


def test_given_five_failures_when_pulled_then_the_message_is_in_the_dead_letter_topic(pubsub: Pubsub) -> None:
    topic, dead = pubsub.topic(), pubsub.topic()
    letters = pubsub.subscription(dead)
    policy = {"deadLetterTopic": pubsub.full("topics", dead), "maxDeliveryAttempts": 5}
    name = pubsub.subscription(topic, deadLetterPolicy=policy)
    pubsub.publish(topic, "a", kind="x")
    attempts: list[int] = []
    while found := pubsub.pull(name):
        attempts.append(found[0]["deliveryAttempt"])
        pubsub.nack(name, found)
    assert attempts == [1, 2, 3, 4, 5]
    letter = pubsub.pull(letters)[0]
    assert text_of(letter) == "a"
    instant = letter["message"]["attributes"].pop("CloudPubSubDeadLetterSourceTopicPublishTime")
    assert len(instant) == len("2026-11-23T14:47:44.177Z")
    assert letter["message"]["attributes"] == {
        "kind": "x",
        "CloudPubSubDeadLetterSourceSubscription": name,
        "CloudPubSubDeadLetterSourceSubscriptionProject": PROJECT,
        "CloudPubSubDeadLetterSourceDeliveryCount": "5",
    }


def test_given_exactly_once_when_an_ack_id_is_used_twice_then_the_error_names_it(pubsub: Pubsub) -> None:
    topic = pubsub.topic()
    name = pubsub.subscription(topic, enableExactlyOnceDelivery=True)
    pubsub.publish(topic, "a")
    found = pubsub.pull(name)
    pubsub.ack(name, found)
    answer = pubsub.call("POST", f"subscriptions/{name}:acknowledge", {"ackIds": [found[0]["ackId"]]})
    assert (answer.status, answer.json["error"]["status"]) == (400, "FAILED_PRECONDITION")
    info = answer.json["error"]["details"][0]
    assert info["@type"] == "type.googleapis.com/google.rpc.ErrorInfo"
    assert info["metadata"] == {found[0]["ackId"]: "PERMANENT_FAILURE_INVALID_ACK_ID"}


# -- seeks and snapshots --------------------------------------------------------------------------------------------


def test_given_a_snapshot_when_sought_to_then_messages_come_again(pubsub: Pubsub) -> None:
    topic = pubsub.topic()
    name = pubsub.subscription(topic)
    pubsub.publish(topic, "a", "b")
    snapshot = pubsub.name("snap")
    body = {"subscription": pubsub.full("subscriptions", name), "labels": {"a": "b"}}
    made = pubsub.ok("PUT", f"snapshots/{snapshot}", body)
    assert made["topic"] == pubsub.full("topics", topic)
    assert made == pubsub.ok("GET", f"snapshots/{snapshot}")
    assert made in pubsub.ok("GET", "snapshots")["snapshots"]
    assert pubsub.ok("GET", f"topics/{topic}/snapshots") == {"snapshots": [made["name"]]}
    pubsub.ack(name, pubsub.pull(name))
    pubsub.ok("POST", f"subscriptions/{name}:seek", {"snapshot": made["name"]})
    assert [text_of(one) for one in pubsub.pull(name)] == ["a", "b"]
    patch = {"snapshot": {"labels": {"c": "d"}}, "updateMask": "labels"}
    assert pubsub.ok("PATCH", f"snapshots/{snapshot}", patch)["labels"] == {"c": "d"}
    assert pubsub.refused("PATCH", f"snapshots/{snapshot}", {"snapshot": {}, "updateMask": "topic"})[0] == 400
    assert pubsub.refused("PUT", f"snapshots/{snapshot}", body)[1] == "ALREADY_EXISTS"
    assert pubsub.ok("DELETE", f"snapshots/{snapshot}") == {}
    assert pubsub.refused("POST", f"subscriptions/{name}:seek", {"snapshot": made["name"]})[1] == "NOT_FOUND"
    assert pubsub.ok("PUT", "snapshots/_", {"subscription": pubsub.full("subscriptions", name)})["name"]


def test_given_a_time_when_sought_to_then_messages_before_it_are_acknowledged(pubsub: Pubsub) -> None:
    topic = pubsub.topic()
    name = pubsub.subscription(topic, retainAckedMessages=True)
    pubsub.publish(topic, "a")
    pubsub.publish(topic, "b")
    found = pubsub.pull(name)
    pubsub.ack(name, found)
    pubsub.ok("POST", f"subscriptions/{name}:seek", {"time": found[1]["message"]["publishTime"]})
    assert [text_of(one) for one in pubsub.pull(name)] == ["b"]
    pubsub.ok("POST", f"subscriptions/{name}:seek", {"time": "2001-01-01T00:00:00Z"})
    assert [text_of(one) for one in pubsub.pull(name)] == ["a", "b"]


# -- the rest -------------------------------------------------------------------------------------------------------


def test_given_messages_when_the_runtime_is_killed_then_they_and_their_acks_are_there_again(
    own_runtime: RuntimeProcess,
) -> None:
    pubsub = Pubsub(own_runtime.start())
    topic = pubsub.topic()
    name = pubsub.subscription(topic)
    pubsub.publish(topic, "a", "b", "c")
    found = pubsub.pull(name, 2)
    pubsub.ack(name, found[:1])
    own_runtime.kill()
    own_runtime.start()
    assert [text_of(one) for one in pubsub.pull(name)] == ["c"]
    pubsub.nack(name, found[1:])
    assert [text_of(one) for one in pubsub.pull(name)] == ["b"]
    assert own_runtime.stop() == 0


@pytest.mark.parametrize("collection", ["topics", "subscriptions", "snapshots", "schemas"])
def test_given_a_resource_that_is_not_there_when_its_policy_is_asked_for_then_it_is_not_found(
    pubsub: Pubsub, collection: str
) -> None:
    assert pubsub.refused("GET", f"{collection}/not-there:getIamPolicy")[0] == 404


def test_given_a_topic_when_its_policy_is_set_then_it_is_kept_until_the_topic_goes(pubsub: Pubsub) -> None:
    topic = pubsub.topic()
    policy = {"bindings": [{"role": "roles/pubsub.publisher", "members": ["user:a@b.example"]}]}
    pubsub.ok("POST", f"topics/{topic}:setIamPolicy", {"policy": policy})
    assert pubsub.ok("GET", f"topics/{topic}:getIamPolicy")["bindings"] == policy["bindings"]
    pubsub.ok("DELETE", f"topics/{topic}")
    pubsub.ok("PUT", f"topics/{topic}", {})
    assert "bindings" not in pubsub.ok("GET", f"topics/{topic}:getIamPolicy")


@pytest.mark.parametrize("body", [b"{", b"\xff", b'{"a":' * 200, json.dumps({"x": "\0"}).encode()])
def test_given_a_body_that_is_no_request_when_sent_then_it_is_a_400(pubsub: Pubsub, body: bytes) -> None:
    for path in ("topics/some-topic", "subscriptions/some-sub"):
        assert pubsub.call("PUT", path, body).status == 400
    assert pubsub.call("POST", "topics/some-topic:publish", body).status == 400
