"""StreamingPull as any client may speak it: bounds, errors, its own acks, readers that do not read, the end."""

from __future__ import annotations

import queue
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runtime_process import PROJECT, RuntimeProcess

grpc = pytest.importorskip("grpc")
pubsub_v1 = pytest.importorskip("google.pubsub_v1")

WITHIN_S = 30.0
STREAM = "/google.pubsub.v1.Subscriber/StreamingPull"
Request = pubsub_v1.StreamingPullRequest


class Stream:
    """A stream of a client: `say` sends, `read` waits for an answer."""

    def __init__(self, channel: Any, first: dict[str, Any], **options: Any) -> None:
        self._requests: queue.Queue[Any] = queue.Queue()
        call = channel.stream_stream(
            STREAM,
            request_serializer=Request.serialize,
            response_deserializer=pubsub_v1.StreamingPullResponse.deserialize,
        )
        self.call = call(iter(self._requests.get, None), timeout=WITHIN_S, **options)
        self.say(**first)

    def say(self, **fields: Any) -> None:
        self._requests.put(Request(**fields))

    def done(self) -> None:
        """Say that nothing follows."""
        self._requests.put(None)

    def read(self) -> Any:
        return next(self.call)

    def messages(self, count: int) -> list[Any]:
        found: list[Any] = []
        while len(found) < count:
            found += self.read().received_messages
        return found

    def code(self) -> tuple[str, str]:
        """How the stream ends."""
        for _ in self.unread():
            pass
        self._requests.put(None)
        return self.call.code().name, self.call.details()

    def unread(self) -> Iterator[Any]:
        try:
            yield from self.call
        except grpc.RpcError:
            return


@pytest.fixture
def channel(runtime: RuntimeProcess) -> Iterator[Any]:
    with grpc.insecure_channel(f"127.0.0.1:{runtime.grpc_port}") as found:
        yield found


def made(runtime: RuntimeProcess, **fields: object) -> str:
    """A topic and a subscription of one id; the id."""
    name = f"n-{uuid.uuid4().hex[:8]}"
    topic = f"projects/{PROJECT}/topics/{name}"
    assert runtime.call("PUT", f"/v1/{topic}", {}).status == 200
    answer = runtime.call("PUT", f"/v1/{subscription(name)}", {"topic": topic, **fields})
    assert answer.status == 200, answer.body
    return name


def subscription(name: str) -> str:
    return f"projects/{PROJECT}/subscriptions/{name}"


def publish(runtime: RuntimeProcess, name: str, count: int, size: int = 4) -> None:
    body = {"messages": [{"data": "eHh4" * (size // 3 + 1)} for _ in range(count)]}
    answer = runtime.call("POST", f"/v1/projects/{PROJECT}/topics/{name}:publish", body)
    assert answer.status == 200, answer.body


def first(name: str, **fields: Any) -> dict[str, Any]:
    return {"subscription": subscription(name), "stream_ack_deadline_seconds": 60, **fields}


# -- what clients say ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("opening", "code", "text"),
    [
        ({"subscription": "bad", "stream_ack_deadline_seconds": 10}, "INVALID_ARGUMENT", "Invalid [subscriptions]"),
        ({"subscription": subscription("gone-away")}, "INVALID_ARGUMENT", "from 10 to 600, not 0"),
        (
            {"subscription": subscription("gone-away"), "stream_ack_deadline_seconds": 601},
            "INVALID_ARGUMENT",
            "not 601",
        ),
        ({"subscription": subscription("gone-away"), "stream_ack_deadline_seconds": 60}, "NOT_FOUND", "gone-away"),
    ],
)
def test_given_an_opening_that_cannot_be_then_the_stream_ends_with_the_reason(
    channel: Any, opening: dict[str, Any], code: str, text: str
) -> None:
    found, details = Stream(channel, opening).code()
    assert (found, text in details) == (code, True), details


@pytest.mark.parametrize(
    ("later", "text"),
    [
        ({"subscription": "projects/p/subscriptions/s"}, "subscription is for the first message"),
        ({"max_outstanding_messages": 5}, "max_outstanding_messages is for the first message"),
        ({"max_outstanding_bytes": 5}, "max_outstanding_bytes is for the first message"),
        ({"stream_ack_deadline_seconds": 5}, "from 10 to 600, not 5"),
        ({"modify_deadline_ack_ids": ["a"]}, "of one length"),
        ({"ack_ids": ["nonsense"]}, "Invalid ack id"),
    ],
)
def test_given_a_later_message_that_cannot_be_then_the_stream_ends_with_the_reason(
    runtime: RuntimeProcess, channel: Any, later: dict[str, Any], text: str
) -> None:
    stream = Stream(channel, first(made(runtime)))
    stream.say(**later)
    code, details = stream.code()
    assert (code, text in details) == ("INVALID_ARGUMENT", True), details


def test_given_bytes_that_are_no_message_then_the_stream_ends_with_the_reason(channel: Any) -> None:
    call = channel.stream_stream(STREAM)(iter([b"\xff\xff"]), timeout=WITHIN_S)
    assert call.code().name == "INVALID_ARGUMENT"
    assert "StreamingPullRequest" in call.details()


def test_given_a_client_that_is_done_then_the_stream_ends_well(runtime: RuntimeProcess, channel: Any) -> None:
    stream = Stream(channel, first(made(runtime)))
    stream.done()
    assert stream.code()[0] == "OK"


def test_given_a_client_that_says_it_listens_for_answers_then_each_beat_is_answered(
    runtime: RuntimeProcess, channel: Any
) -> None:
    stream = Stream(channel, first(made(runtime), protocol_version=1))
    stream.say()
    assert not stream.read().received_messages
    stream.call.cancel()


# -- what they are sent -------------------------------------------------------------------------------------------


def test_given_bounds_then_no_more_is_outstanding_until_acks_come_on_the_stream_by_call_or_by_rest(
    runtime: RuntimeProcess, channel: Any
) -> None:
    name = made(runtime)
    publish(runtime, name, 20)
    stream = Stream(channel, first(name, max_outstanding_messages=6))
    held = [found.ack_id for found in stream.messages(6)]
    assert len(held) == 6
    stream.say(ack_ids=held[:2])
    assert len(stream.messages(2)) == 2
    acknowledge = channel.unary_unary("/google.pubsub.v1.Subscriber/Acknowledge")
    request = pubsub_v1.AcknowledgeRequest(subscription=subscription(name), ack_ids=held[2:4])
    acknowledge(pubsub_v1.AcknowledgeRequest.serialize(request), timeout=WITHIN_S)
    assert len(stream.messages(2)) == 2
    answer = runtime.call("POST", f"/v1/{subscription(name)}:acknowledge", {"ackIds": held[4:]})
    assert answer.status == 200
    assert len(stream.messages(2)) == 2
    stream.call.cancel()


def test_given_a_bound_of_bytes_then_a_message_that_is_larger_comes_alone(
    runtime: RuntimeProcess, channel: Any
) -> None:
    name = made(runtime)
    publish(runtime, name, 2, size=5_000)
    stream = Stream(channel, first(name, max_outstanding_bytes=100))
    (only,) = stream.read().received_messages
    stream.say(modify_deadline_ack_ids=[only.ack_id], modify_deadline_seconds=[0])
    assert len(stream.read().received_messages) == 1
    stream.call.cancel()


def test_given_a_nack_on_the_stream_then_the_message_comes_again(runtime: RuntimeProcess, channel: Any) -> None:
    name = made(runtime)
    publish(runtime, name, 1)
    stream = Stream(channel, first(name))
    (once,) = stream.messages(1)
    stream.say(modify_deadline_ack_ids=[once.ack_id], modify_deadline_seconds=[0])
    (again,) = stream.messages(1)
    assert once.message == again.message
    assert once.ack_id != again.ack_id
    stream.call.cancel()


def test_given_exactly_once_then_acks_on_the_stream_are_confirmed(runtime: RuntimeProcess, channel: Any) -> None:
    name = made(runtime, enableExactlyOnceDelivery=True, enableMessageOrdering=True)
    publish(runtime, name, 2)
    stream = Stream(channel, first(name))
    answer = stream.read()
    properties = answer.subscription_properties
    assert (properties.exactly_once_delivery_enabled, properties.message_ordering_enabled) == (True, True)
    one, *more = answer.received_messages
    two = more[0] if more else stream.messages(1)[0]
    stream.say(modify_deadline_ack_ids=[two.ack_id], modify_deadline_seconds=[0])
    confirmed, found = None, []
    while confirmed is None or not found:
        answer = stream.read()
        found += answer.received_messages
        if "modify_ack_deadline_confirmation" in answer:
            confirmed = answer.modify_ack_deadline_confirmation
    assert list(confirmed.ack_ids) == [two.ack_id]
    stream.say(ack_ids=[one.ack_id])
    assert list(stream.read().acknowledge_confirmation.ack_ids) == [one.ack_id]
    stream.say(ack_ids=[two.ack_id])  # not the newest any more
    assert list(stream.read().acknowledge_confirmation.invalid_ack_ids) == [two.ack_id]
    stream.call.cancel()


def test_given_messages_of_one_key_then_one_stream_at_a_time_gets_them(runtime: RuntimeProcess, channel: Any) -> None:
    name = made(runtime, enableMessageOrdering=True)
    streams = [Stream(channel, first(name, max_outstanding_messages=1)) for _ in range(2)]
    body = {"messages": [{"data": "eA==", "orderingKey": "k"} for _ in range(4)]}
    assert runtime.call("POST", f"/v1/projects/{PROJECT}/topics/{name}:publish", body).status == 200
    answers: queue.Queue[tuple[Stream, Any]] = queue.Queue()
    readers = [_Reader(stream, answers) for stream in streams]
    ids: list[int] = []
    for _ in range(4):
        stream, received = answers.get(timeout=WITHIN_S)
        assert answers.empty()
        ids.append(int(received.message.message_id))
        stream.say(ack_ids=[received.ack_id])
    assert ids == sorted(ids)
    for reader in readers:
        reader.close()


class _Reader:
    """Reads a stream in a thread, message by message."""

    def __init__(self, stream: Stream, answers: queue.Queue[tuple[Stream, Any]]) -> None:
        import threading

        self._stream = stream
        self._answers = answers
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        for answer in self._stream.unread():
            for received in answer.received_messages:
                self._answers.put((self._stream, received))

    def close(self) -> None:
        self._stream.call.cancel()
        self._thread.join(WITHIN_S)


# -- load, and the end --------------------------------------------------------------------------------------------


def memory_kib(pid: int) -> int:
    """Resident memory of a process. Source: proc(5), /proc/pid/statm, in pages."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4


def test_given_clients_that_do_not_read_then_memory_stays_and_others_are_served(
    runtime: RuntimeProcess, channel: Any
) -> None:
    name = made(runtime)
    for _ in range(30):
        publish(runtime, name, 10, size=100_000)
    assert runtime.process is not None
    before = memory_kib(runtime.process.pid)
    silent = [Stream(channel, first(name)) for _ in range(4)]
    for stream in silent:
        stream.call.initial_metadata()
    other = made(runtime)
    reader = Stream(channel, first(other))
    for _ in range(20):
        publish(runtime, other, 1)
        (found,) = reader.messages(1)
        reader.say(ack_ids=[found.ack_id])
    assert memory_kib(runtime.process.pid) - before < 60_000
    for stream in [*silent, reader]:
        stream.call.cancel()


def test_given_many_idle_streams_then_they_cost_little_and_hear_of_the_stop(own_runtime: RuntimeProcess) -> None:
    own_runtime.start()
    name = made(own_runtime)
    assert own_runtime.process is not None
    before = memory_kib(own_runtime.process.pid)
    with grpc.insecure_channel(f"127.0.0.1:{own_runtime.grpc_port}") as channel:
        idle = [Stream(channel, first(name)) for _ in range(400)]
        for stream in idle:
            stream.call.initial_metadata()
        assert memory_kib(own_runtime.process.pid) - before < 400 * 100
        assert own_runtime.call("GET", "/healthz").status == 200
        assert own_runtime.stop() == 0
        assert {stream.code()[0] for stream in idle} == {"UNAVAILABLE"}
    assert "Traceback" not in own_runtime.log


def test_given_auth_by_token_then_a_stream_and_a_call_need_one(own_runtime: RuntimeProcess) -> None:
    own_runtime.arguments = ("--auth=token",)
    own_runtime.start()
    with grpc.insecure_channel(f"127.0.0.1:{own_runtime.grpc_port}") as channel:
        assert Stream(channel, first("any-one")).code()[0] == "UNAUTHENTICATED"
        pull = channel.unary_unary("/google.pubsub.v1.Subscriber/Pull")
        with pytest.raises(grpc.RpcError) as caught:
            pull(b"", timeout=WITHIN_S)
        assert caught.value.code().name == "UNAUTHENTICATED"  # type: ignore[attr-defined]
        assert own_runtime.call("GET", "/hakobune/v1/env").status == 200  # the file is there when this is answered
        token = (own_runtime.directory / "identity" / "access-token").read_text().strip()
        metadata = (("authorization", f"Bearer {token}"),)
        assert Stream(channel, first("any-one"), metadata=metadata).code()[0] == "NOT_FOUND"
