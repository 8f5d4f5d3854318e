"""The unmodified google-cloud-pubsub, as PUBSUB_EMULATOR_HOST points it here."""

from __future__ import annotations

import base64
import http.server
import json
import queue
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from datetime import UTC, datetime
from typing import Any

import grpc
import pytest
from google.api_core import exceptions
from google.auth.transport.requests import Request
from google.cloud import pubsub_v1
from google.cloud.pubsub_v1.subscriber import exceptions as subscriber_exceptions
from google.oauth2 import id_token
from google.pubsub_v1 import SchemaServiceClient
from google.pubsub_v1.types import Encoding, Schema

from runtime_process import PROJECT, RuntimeProcess

WITHIN_S = 30.0
BASE = f"projects/{PROJECT}"


@pytest.fixture(autouse=True)
def _emulator(runtime: RuntimeProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", f"127.0.0.1:{runtime.grpc_port}")


@pytest.fixture
def publisher(_emulator: None) -> Iterator[Any]:
    options = pubsub_v1.types.PublisherOptions(enable_message_ordering=True)
    found = pubsub_v1.PublisherClient(publisher_options=options)
    yield found
    found.stop()
    found.transport.close()


@pytest.fixture
def subscriber(_emulator: None) -> Iterator[Any]:
    with pubsub_v1.SubscriberClient() as found:
        yield found


@pytest.fixture
def topic(publisher: Any) -> str:
    name = f"{BASE}/topics/t-{uuid.uuid4().hex[:8]}"
    publisher.create_topic(name=name)
    return name


def subscribed(subscriber: Any, topic: str, **fields: Any) -> str:
    name = f"{BASE}/subscriptions/s-{uuid.uuid4().hex[:8]}"
    subscriber.create_subscription(request={"name": name, "topic": topic, **fields})
    return name


def publish(publisher: Any, topic: str, *texts: str, **fields: str) -> list[str]:
    futures = [publisher.publish(topic, text.encode(), **fields) for text in texts]
    return [future.result(WITHIN_S) for future in futures]


def pull(subscriber: Any, subscription: str, limit: int = 100) -> list[Any]:
    """What one pull brings; it waits for about two seconds at most."""
    return list(subscriber.pull(subscription=subscription, max_messages=limit, timeout=WITHIN_S).received_messages)


def texts(received: list[Any]) -> list[str]:
    return [found.message.data.decode() for found in received]


def pulled(subscriber: Any, subscription: str, count: int) -> list[Any]:
    """So many deliveries, by as many pulls as it takes."""
    found: list[Any] = []
    end_s = time.monotonic() + WITHIN_S
    while len(found) < count:
        assert time.monotonic() < end_s, f"{len(found)} of {count}"
        found += pull(subscriber, subscription)
    return found


class Callback:
    """Takes messages of a stream; `act` says what becomes of each."""

    def __init__(self, act: Callable[[Any], object]) -> None:
        self._act = act
        self._changed = threading.Condition()
        self.messages: list[Any] = []

    def __call__(self, message: Any) -> None:
        with self._changed:
            self.messages.append(message)
            self._changed.notify_all()
        self._act(message)

    def wait(self, count: int) -> list[str]:
        """The texts, when there are so many."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.messages) >= count, WITHIN_S), self.messages
        return [message.data.decode() for message in self.messages]


@pytest.fixture
def stream(subscriber: Any) -> Iterator[Callable[..., Any]]:
    """`stream(subscription, callback)` opens a stream, which the test's end closes."""
    opened: list[Any] = []

    def open_one(subscription: str, callback: Callable[[Any], None], **options: Any) -> Any:
        opened.append(subscriber.subscribe(subscription, callback, **options))
        return opened[-1]

    yield open_one
    for future in opened:
        future.cancel()
        future.result(WITHIN_S)


def acked(message: Any) -> None:
    message.ack()


# -- publish and pull ---------------------------------------------------------------------------------------------


def test_given_many_messages_when_they_are_published_in_batches_then_each_has_an_id_and_comes(
    publisher: Any, subscriber: Any, topic: str
) -> None:
    subscription = subscribed(subscriber, topic)
    ids = publish(publisher, topic, *(f"m{number}" for number in range(500)), kind="a")
    assert len(set(ids)) == 500
    received = pulled(subscriber, subscription, 500)
    assert sorted(found.message.message_id for found in received) == sorted(ids)
    assert dict(received[0].message.attributes) == {"kind": "a"}
    assert abs((received[0].message.publish_time - datetime.now(UTC)).total_seconds()) < 60
    assert received[0].delivery_attempt == 0


def test_given_an_acknowledged_message_then_it_never_comes_again(publisher: Any, subscriber: Any, topic: str) -> None:
    subscription = subscribed(subscriber, topic)
    publish(publisher, topic, "one", "two")
    received = pulled(subscriber, subscription, 2)
    subscriber.acknowledge(subscription=subscription, ack_ids=[received[0].ack_id])
    subscriber.modify_ack_deadline(
        subscription=subscription, ack_ids=[found.ack_id for found in received], ack_deadline_seconds=0
    )
    assert texts(pull(subscriber, subscription)) == texts(received[1:])


def test_given_no_message_when_it_is_pulled_then_the_answer_is_empty_before_the_client_gives_up(
    subscriber: Any, topic: str
) -> None:
    subscription = subscribed(subscriber, topic)
    begun_s = time.monotonic()
    answer = subscriber.pull(subscription=subscription, max_messages=1, timeout=1.0, retry=None)
    assert not answer.received_messages
    with pytest.warns(DeprecationWarning, match="return_immediately"):
        answer = subscriber.pull(
            request={"subscription": subscription, "max_messages": 1, "return_immediately": True}, timeout=WITHIN_S
        )
    assert not answer.received_messages
    assert time.monotonic() - begun_s < 10


def test_given_a_message_that_comes_while_a_pull_waits_then_the_pull_brings_it(
    publisher: Any, subscriber: Any, topic: str
) -> None:
    subscription = subscribed(subscriber, topic)
    answers: list[list[str]] = []
    waiting = threading.Thread(target=lambda: answers.append(texts(pull(subscriber, subscription))))
    waiting.start()
    publish(publisher, topic, "late")
    waiting.join(WITHIN_S)
    assert answers == [["late"]]


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda p, s, t: p.publish(f"{BASE}/topics/gone", b"x").result(WITHIN_S), exceptions.NotFound, "Topic"),
        (lambda p, s, t: p.create_topic(name=t), exceptions.AlreadyExists, "Topic already exists"),
        (lambda p, s, t: p.create_topic(name=f"{BASE}/topics/t1"), exceptions.InvalidArgument, "Invalid .topics. name"),
        (lambda p, s, t: subscribed(s, f"{BASE}/topics/gone"), exceptions.NotFound, "topic does not exist"),
        (lambda p, s, t: subscribed(s, t, filter='attributes.a == "b"'), exceptions.InvalidArgument, "filter"),
        (lambda p, s, t: pull(s, f"{BASE}/subscriptions/gone"), exceptions.NotFound, "Subscription"),
        (lambda p, s, t: pull(s, subscribed(s, t), 0), exceptions.InvalidArgument, "max_messages"),
        (
            lambda p, s, t: s.acknowledge(subscription=subscribed(s, t), ack_ids=["x"]),
            exceptions.InvalidArgument,
            "ack",
        ),
        (
            lambda p, s, t: s.modify_ack_deadline(
                subscription=subscribed(s, t), ack_ids=["x"], ack_deadline_seconds=601
            ),
            exceptions.InvalidArgument,
            "ack_deadline_seconds",
        ),
        (
            lambda p, s, t: p.publish(t, b"x", **{"k" * 257: "v"}).result(WITHIN_S),
            exceptions.InvalidArgument,
            "256 bytes",
        ),
    ],
)
def test_given_what_cannot_be_then_the_client_s_own_error_says_why(
    publisher: Any, subscriber: Any, topic: str, call: Callable[[Any, Any, str], Any], error: Any, text: str
) -> None:
    with pytest.raises(error, match=text):
        call(publisher, subscriber, topic)


def test_given_a_message_of_almost_ten_megabytes_then_it_is_taken(publisher: Any, topic: str) -> None:
    assert publisher.publish(topic, b"x" * 9_900_000).result(WITHIN_S)


# -- streams ------------------------------------------------------------------------------------------------------


def test_given_a_stream_when_messages_are_published_then_they_come_and_are_gone_when_acknowledged(
    publisher: Any, subscriber: Any, topic: str, stream: Callable[..., Any]
) -> None:
    subscription = subscribed(subscriber, topic)
    callback = Callback(acked)
    future = stream(subscription, callback)
    publish(publisher, topic, *(f"m{number}" for number in range(300)))
    assert sorted(callback.wait(300)) == sorted(f"m{number}" for number in range(300))
    future.cancel()
    future.result(WITHIN_S)
    assert not pull(subscriber, subscription)


def test_given_a_nack_then_the_message_comes_again_at_once(
    publisher: Any, subscriber: Any, topic: str, stream: Callable[..., Any]
) -> None:
    subscription = subscribed(subscriber, topic)
    refused: list[str] = []

    def refuse_once(message: Any) -> None:
        if message.message_id in refused:
            message.ack()
        else:
            refused.append(message.message_id)
            message.nack()

    callback = Callback(refuse_once)
    stream(subscription, callback)
    publish(publisher, topic, "again")
    assert callback.wait(2) == ["again", "again"]
    assert callback.messages[0].ack_id != callback.messages[1].ack_id


def test_given_a_small_flow_control_then_no_more_come_than_are_allowed_until_some_are_done(
    publisher: Any, subscriber: Any, topic: str, stream: Callable[..., Any]
) -> None:
    subscription = subscribed(subscriber, topic)
    publish(publisher, topic, *(f"m{number}" for number in range(40)))
    held: list[Any] = []
    callback = Callback(held.append)
    stream(subscription, callback, flow_control=pubsub_v1.types.FlowControl(max_messages=5))
    callback.wait(5)
    others = pulled(subscriber, subscription, 35)  # what the stream was not given is there for others
    assert len(callback.messages) == 5
    subscriber.acknowledge(subscription=subscription, ack_ids=[found.ack_id for found in others])
    publish(publisher, topic, "next")
    for message in held[:5]:
        message.ack()
    assert callback.wait(6)[5] == "next"


def test_given_two_streams_of_a_subscription_then_each_gets_a_part(
    publisher: Any, subscriber: Any, topic: str, stream: Callable[..., Any]
) -> None:
    subscription = subscribed(subscriber, topic)
    shares = [Callback(acked), Callback(acked)]
    for share in shares:
        stream(subscription, share)
    published = 0
    end_s = time.monotonic() + WITHIN_S
    while not all(share.messages for share in shares):
        assert time.monotonic() < end_s, [len(share.messages) for share in shares]
        publish(publisher, topic, f"m{published}")
        published += 1
    while sum(len(share.messages) for share in shares) < published:
        assert time.monotonic() < end_s
        time.sleep(0.01)
    found = [message.message_id for share in shares for message in share.messages]
    assert len(set(found)) == published


def test_given_a_subscription_that_is_deleted_then_its_stream_ends(
    subscriber: Any, topic: str, stream: Callable[..., Any]
) -> None:
    subscription = subscribed(subscriber, topic)
    future = subscriber.subscribe(subscription, Callback(acked))
    subscriber.delete_subscription(subscription=subscription)
    with pytest.raises(exceptions.NotFound):
        future.result(WITHIN_S)


def test_given_a_restart_then_the_client_comes_again_and_nothing_is_lost(
    own_runtime: RuntimeProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    own_runtime.start()
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", f"127.0.0.1:{own_runtime.grpc_port}")
    publisher = pubsub_v1.PublisherClient()
    topic = f"{BASE}/topics/restarted"
    publisher.create_topic(name=topic)
    with pubsub_v1.SubscriberClient() as subscriber:
        subscription = subscribed(subscriber, topic)
        callback = Callback(acked)
        future = subscriber.subscribe(subscription, callback)
        publish(publisher, topic, "before")
        callback.wait(1)
        assert own_runtime.stop() == 0
        own_runtime.start()
        publish(publisher, topic, "after")
        end_s = time.monotonic() + WITHIN_S
        while "after" not in [message.data.decode() for message in callback.messages]:
            assert time.monotonic() < end_s
            time.sleep(0.02)
        future.cancel()
        future.result(WITHIN_S)
    publisher.transport.close()
    assert "Traceback" not in own_runtime.log


# -- ordering, filters, dead letters, exactly once ----------------------------------------------------------------


def test_given_ordering_keys_then_each_key_comes_in_order(
    publisher: Any, subscriber: Any, topic: str, stream: Callable[..., Any]
) -> None:
    subscription = subscribed(subscriber, topic, enable_message_ordering=True)
    futures: list[Future[str]] = [
        publisher.publish(topic, f"{number}".encode(), ordering_key=key) for number in range(40) for key in "ab"
    ]
    for future in futures:
        future.result(WITHIN_S)
    callback = Callback(acked)
    stream(subscription, callback)
    callback.wait(80)
    for key in "ab":
        found = [int(message.data) for message in callback.messages if message.ordering_key == key]
        assert found == list(range(40))


def test_given_a_key_that_is_being_delivered_then_no_other_pull_gets_its_messages(
    publisher: Any, subscriber: Any, topic: str
) -> None:
    subscription = subscribed(subscriber, topic, enable_message_ordering=True)
    publish(publisher, topic, "0", "1", "2", "3", ordering_key="k")
    first = pull(subscriber, subscription, 2)
    assert texts(first) == ["0", "1"]
    assert not pull(subscriber, subscription, 2)
    subscriber.modify_ack_deadline(subscription=subscription, ack_ids=[first[0].ack_id], ack_deadline_seconds=0)
    assert texts(pull(subscriber, subscription, 4))[0] == "0"


def test_given_a_filter_then_only_what_matches_comes(publisher: Any, subscriber: Any, topic: str) -> None:
    subscription = subscribed(subscriber, topic, filter='attributes.kind = "a"')
    publish(publisher, topic, "other", kind="b")
    publish(publisher, topic, "mine", kind="a")
    publish(publisher, topic, "none")
    assert texts(pull(subscriber, subscription)) == ["mine"]


def test_given_a_message_that_fails_as_often_as_is_allowed_then_it_is_a_dead_letter(
    publisher: Any, subscriber: Any, topic: str
) -> None:
    dead_topic = f"{topic}-dead"
    publisher.create_topic(name=dead_topic)
    dead = subscribed(subscriber, dead_topic)
    policy = {"dead_letter_topic": dead_topic, "max_delivery_attempts": 5}
    subscription = subscribed(subscriber, topic, dead_letter_policy=policy)
    publish(publisher, topic, "poison", kind="a")
    attempts: list[int] = []
    while len(attempts) < 5:
        (found,) = pull(subscriber, subscription)
        attempts.append(found.delivery_attempt)
        subscriber.modify_ack_deadline(subscription=subscription, ack_ids=[found.ack_id], ack_deadline_seconds=0)
    assert attempts == [1, 2, 3, 4, 5]
    (letter,) = pulled(subscriber, dead, 1)
    assert letter.message.data == b"poison"
    attributes = dict(letter.message.attributes)
    assert attributes["kind"] == "a"
    assert attributes["CloudPubSubDeadLetterSourceSubscription"] == subscription.rpartition("/")[2]
    assert attributes["CloudPubSubDeadLetterSourceDeliveryCount"] == "5"
    assert not pull(subscriber, subscription)


def test_given_exactly_once_when_a_stream_acknowledges_then_the_client_hears_that_it_is_so(
    publisher: Any, subscriber: Any, topic: str, stream: Callable[..., Any]
) -> None:
    subscription = subscribed(subscriber, topic, enable_exactly_once_delivery=True)
    answers: list[Any] = []
    callback = Callback(lambda message: answers.append(message.ack_with_response()))
    stream(subscription, callback)
    publish(publisher, topic, "one", "two", "three")
    callback.wait(3)
    success = subscriber_exceptions.AcknowledgeStatus.SUCCESS
    assert [answer.result(WITHIN_S) for answer in list(answers)] == [success] * 3


def test_given_exactly_once_when_an_ack_id_is_not_the_newest_then_the_client_hears_of_it(
    publisher: Any, subscriber: Any, topic: str
) -> None:
    subscription = subscribed(subscriber, topic, enable_exactly_once_delivery=True)
    publish(publisher, topic, "one")
    (old,) = pull(subscriber, subscription)
    subscriber.modify_ack_deadline(subscription=subscription, ack_ids=[old.ack_id], ack_deadline_seconds=0)
    (new,) = pull(subscriber, subscription)
    with pytest.raises(exceptions.GoogleAPICallError) as caught:
        subscriber.acknowledge(subscription=subscription, ack_ids=[old.ack_id, new.ack_id])
    info = caught.value.details[0]
    assert info.metadata[old.ack_id] == "PERMANENT_FAILURE_INVALID_ACK_ID"
    assert info.metadata[new.ack_id].startswith("TRANSIENT_")  # the client sends it again
    assert "EXACTLY_ONCE" in info.reason  # gcloud looks for it


# -- seek, snapshots, schemas -------------------------------------------------------------------------------------


def test_given_acknowledged_messages_when_it_is_sought_to_before_them_then_they_come_again(
    publisher: Any, subscriber: Any, topic: str
) -> None:
    subscription = subscribed(subscriber, topic, retain_acked_messages=True)
    publish(publisher, topic, "one", "two")
    received = pulled(subscriber, subscription, 2)
    subscriber.acknowledge(subscription=subscription, ack_ids=[found.ack_id for found in received])
    subscriber.seek(request={"subscription": subscription, "time": datetime(2020, 1, 1, tzinfo=UTC)})
    assert sorted(texts(pulled(subscriber, subscription, 2))) == ["one", "two"]
    subscriber.seek(request={"subscription": subscription, "time": datetime(2100, 1, 1, tzinfo=UTC)})
    assert not pull(subscriber, subscription)


def test_given_a_snapshot_when_it_is_sought_to_then_what_was_not_acknowledged_comes_again(
    publisher: Any, subscriber: Any, topic: str
) -> None:
    subscription = subscribed(subscriber, topic)
    publish(publisher, topic, "one")
    snapshot = f"{BASE}/snapshots/n-{uuid.uuid4().hex[:8]}"
    made = subscriber.create_snapshot(name=snapshot, subscription=subscription)
    assert (made.name, made.topic) == (snapshot, topic)
    received = pulled(subscriber, subscription, 1)
    subscriber.acknowledge(subscription=subscription, ack_ids=[received[0].ack_id])
    subscriber.seek(request={"subscription": subscription, "snapshot": snapshot})
    assert texts(pulled(subscriber, subscription, 1)) == ["one"]
    assert snapshot in [found.name for found in subscriber.list_snapshots(project=BASE)]
    assert list(publisher.list_topic_snapshots(request={"topic": topic})) == [snapshot]
    changed = subscriber.update_snapshot(
        snapshot={"name": snapshot, "labels": {"a": "b"}}, update_mask={"paths": ["labels"]}
    )
    assert dict(changed.labels) == {"a": "b"}
    subscriber.delete_snapshot(snapshot=snapshot)
    with pytest.raises(exceptions.NotFound):
        subscriber.get_snapshot(snapshot=snapshot)


@pytest.fixture
def schemas(runtime: RuntimeProcess) -> Iterator[Any]:
    with grpc.insecure_channel(f"127.0.0.1:{runtime.grpc_port}") as channel:
        transport = SchemaServiceClient.get_transport_class("grpc")(channel=channel)
        yield SchemaServiceClient(transport=transport)


AVRO = '{"type": "record", "name": "A", "fields": [{"name": "k", "type": "string"}]}'
AVRO_2 = AVRO.replace("}]", '}, {"name": "z", "type": "string", "default": ""}]')


def test_given_a_schema_then_its_topic_takes_only_what_keeps_to_it(
    publisher: Any, subscriber: Any, schemas: Any
) -> None:
    schema_id = f"a-{uuid.uuid4().hex[:8]}"
    schema = schemas.create_schema(parent=BASE, schema_id=schema_id, schema={"type_": "AVRO", "definition": AVRO})
    assert (schema.type_, len(schema.revision_id)) == (Schema.Type.AVRO, 8)
    topic = f"{BASE}/topics/{schema_id}"
    publisher.create_topic(request={"name": topic, "schema_settings": {"schema": schema.name, "encoding": "JSON"}})
    subscription = subscribed(subscriber, topic)
    publish(publisher, topic, '{"k": "v"}')
    with pytest.raises(exceptions.InvalidArgument):
        publish(publisher, topic, '{"k": 5}')
    (received,) = pulled(subscriber, subscription, 1)
    assert dict(received.message.attributes) == {
        "googclient_schemaname": schema.name,
        "googclient_schemaencoding": "JSON",
        "googclient_schemarevisionid": schema.revision_id,
    }


PROTO = 'syntax = "proto3"; message A { string k = 1; int32 n = 2; }'


@pytest.mark.parametrize(
    ("definition", "kind", "encoding", "good", "bad"),
    [
        (AVRO, "AVRO", "BINARY", b"\x02v", b"\x09"),
        (PROTO, "PROTOCOL_BUFFER", "JSON", b'{"k": "v", "n": 5}', b'{"n": "five"}'),
        (PROTO, "PROTOCOL_BUFFER", "BINARY", b"\x0a\x01v\x10\x05", b"\x0a\x09v"),
    ],
    ids=["avro-binary", "proto-json", "proto-binary"],
)
def test_given_a_language_and_an_encoding_then_messages_are_held_to_both(
    publisher: Any, schemas: Any, definition: str, kind: str, encoding: str, good: bytes, bad: bytes
) -> None:
    schema_id = f"e-{uuid.uuid4().hex[:8]}"
    schema = schemas.create_schema(parent=BASE, schema_id=schema_id, schema={"type_": kind, "definition": definition})
    topic = f"{BASE}/topics/{schema_id}"
    publisher.create_topic(request={"name": topic, "schema_settings": {"schema": schema.name, "encoding": encoding}})
    assert publisher.publish(topic, good).result(WITHIN_S)
    with pytest.raises(exceptions.InvalidArgument):
        publisher.publish(topic, bad).result(WITHIN_S)


def test_given_an_endpoint_then_messages_are_pushed_with_a_token_that_google_s_library_verifies(
    runtime: RuntimeProcess, publisher: Any, subscriber: Any, topic: str
) -> None:
    received: queue.Queue[tuple[str, Any]] = queue.Queue()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            received.put((self.headers["Authorization"], body))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    account = f"pusher@{PROJECT}.iam.gserviceaccount.com"
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever).start()
        try:
            token = {"service_account_email": account, "audience": "https://svc.example"}
            url = f"http://127.0.0.1:{server.server_address[1]}/hook"
            subscription = subscribed(subscriber, topic, push_config={"push_endpoint": url, "oidc_token": token})
            publish(publisher, topic, "pushed", kind="a")
            authorization, body = received.get(timeout=WITHIN_S)
        finally:
            server.shutdown()
    claims = id_token.verify_token(
        authorization.removeprefix("Bearer "), Request(), audience="https://svc.example",
        certs_url=f"{runtime.url}/oauth2/v1/certs",
    )  # fmt: skip
    assert (claims["email"], claims["iss"]) == (account, "https://accounts.google.com")
    assert (body["subscription"], body["message"]["attributes"]) == (subscription, {"kind": "a"})
    assert base64.b64decode(body["message"]["data"]) == b"pushed"


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"bigquery_config": {"table": "p.d.t"}}, "BigQuery"),
        ({"cloud_storage_config": {"bucket": "b"}}, "Cloud Storage"),
        (
            {"message_transforms": [{"javascript_udf": {"function_name": "f", "code": "function f(m) {}"}}]},
            "transforms",
        ),
    ],
)
def test_given_what_is_not_offered_then_it_is_refused_by_name(
    subscriber: Any, topic: str, fields: dict[str, Any], name: str
) -> None:
    with pytest.raises(exceptions.MethodNotImplemented, match=name):
        subscribed(subscriber, topic, **fields)


def test_given_a_schema_when_it_is_revised_then_its_revisions_are_kept_and_can_be_gone_back_to(schemas: Any) -> None:
    schema_id = f"r-{uuid.uuid4().hex[:8]}"
    first = schemas.create_schema(parent=BASE, schema_id=schema_id, schema={"type_": "AVRO", "definition": AVRO})
    second = schemas.commit_schema(name=first.name, schema={"name": first.name, "type_": "AVRO", "definition": AVRO_2})
    back = schemas.rollback_schema(name=first.name, revision_id=first.revision_id)
    listed = [found.revision_id for found in schemas.list_schema_revisions(name=first.name)]
    assert listed == [back.revision_id, second.revision_id, first.revision_id]
    schemas.delete_schema_revision(name=f"{first.name}@{second.revision_id}")
    assert schemas.get_schema(name=first.name).definition == AVRO
    schemas.validate_schema(parent=BASE, schema={"type_": "AVRO", "definition": AVRO})
    request = {"parent": BASE, "name": first.name, "message": b'{"k": "v"}', "encoding": Encoding.JSON}
    schemas.validate_message(request=request)
    with pytest.raises(exceptions.InvalidArgument):
        schemas.validate_message(request={**request, "message": b"{}"})
    schemas.delete_schema(name=first.name)
    assert first.name not in [found.name for found in schemas.list_schemas(parent=BASE)]


# -- the rest of the methods --------------------------------------------------------------------------------------


def test_given_a_topic_when_it_is_changed_then_only_what_the_mask_names_changes(publisher: Any, topic: str) -> None:
    changed = publisher.update_topic(
        topic={"name": topic, "labels": {"a": "b"}, "message_retention_duration": {"seconds": 3600}},
        update_mask={"paths": ["labels", "message_retention_duration"]},
    )
    assert dict(changed.labels) == {"a": "b"}
    changed = publisher.update_topic(topic={"name": topic}, update_mask={"paths": ["labels"]})
    assert (dict(changed.labels), changed.message_retention_duration.total_seconds()) == ({}, 3600)
    assert publisher.get_topic(topic=topic) == changed
    assert topic in [found.name for found in publisher.list_topics(project=BASE)]
    publisher.delete_topic(topic=topic)
    with pytest.raises(exceptions.NotFound):
        publisher.get_topic(topic=topic)


def test_given_a_subscription_when_it_is_changed_and_detached_then_it_says_so(
    publisher: Any, subscriber: Any, topic: str
) -> None:
    subscription = subscribed(subscriber, topic, retry_policy={}, expiration_policy={}, labels={"a": "b"})
    found = subscriber.get_subscription(subscription=subscription)
    assert (found.ack_deadline_seconds, found.message_retention_duration.total_seconds()) == (10, 604_800)
    assert "expiration_policy" in found
    assert not found.expiration_policy.ttl
    changed = subscriber.update_subscription(
        subscription={"name": subscription, "ack_deadline_seconds": 33, "labels": {"c": "d"}},
        update_mask={"paths": ["ack_deadline_seconds"]},
    )
    assert (changed.ack_deadline_seconds, dict(changed.labels)) == (33, {"a": "b"})
    subscriber.modify_push_config(subscription=subscription, push_config={"push_endpoint": "http://127.0.0.1:9/x"})
    subscriber.modify_push_config(subscription=subscription, push_config={})
    assert list(publisher.list_topic_subscriptions(topic=topic)) == [subscription]
    publisher.detach_subscription(request={"subscription": subscription})
    assert subscriber.get_subscription(subscription=subscription).detached
    with pytest.raises(exceptions.FailedPrecondition):
        pull(subscriber, subscription)
    assert subscription in [found.name for found in subscriber.list_subscriptions(project=BASE)]
    subscriber.delete_subscription(subscription=subscription)


def test_given_a_topic_s_policy_when_it_is_set_then_it_is_read_again(publisher: Any, topic: str) -> None:
    binding = {"role": "roles/pubsub.publisher", "members": ["user:me@example.com"]}
    publisher.set_iam_policy(request={"resource": topic, "policy": {"bindings": [binding]}})
    found = publisher.get_iam_policy(request={"resource": topic})
    assert [(bound.role, list(bound.members)) for bound in found.bindings] == [
        ("roles/pubsub.publisher", ["user:me@example.com"])
    ]
    asked = {"resource": topic, "permissions": ["pubsub.topics.publish"]}
    assert list(publisher.test_iam_permissions(request=asked).permissions) == ["pubsub.topics.publish"]
