"""Who publishes and pulls in `pubsub_grpc`: the same work for Hakobune, Redis streams and a bare gRPC echo. Each client
has a process of its own, and is made once."""

from __future__ import annotations

import time
from functools import cache
from typing import Any, NamedTuple, Protocol

PAYLOAD = b"x" * 1_000
TOPIC = "projects/bench-project/topics/bench"
SUBSCRIPTION = "projects/bench-project/subscriptions/bench"
STREAM, GROUP = "bench", "workers"
ECHO = "/bench.Echo/Echo"


class Client(Protocol):
    """One client of one server."""

    def publish(self, count: int) -> None:
        """So many messages by one call."""

    def take(self, count: int) -> int:
        """Pull so many, and acknowledge them; how many there were."""


class Hakobune:
    """The plain client of google-cloud-pubsub, a call a batch."""

    def __init__(self, address: str) -> None:
        import grpc
        from google import pubsub_v1

        channel = grpc.insecure_channel(address)
        self._messages = pubsub_v1.PubsubMessage
        publisher, subscriber = pubsub_v1.PublisherClient, pubsub_v1.SubscriberClient
        self._publisher = publisher(transport=publisher.get_transport_class("grpc")(channel=channel))
        self._subscriber = subscriber(transport=subscriber.get_transport_class("grpc")(channel=channel))

    def publish(self, count: int) -> None:
        self._publisher.publish(topic=TOPIC, messages=[self._messages(data=PAYLOAD) for _ in range(count)])

    def take(self, count: int) -> int:
        received = self._subscriber.pull(subscription=SUBSCRIPTION, max_messages=count).received_messages
        if received:
            self._subscriber.acknowledge(subscription=SUBSCRIPTION, ack_ids=[found.ack_id for found in received])
        return len(received)


class Redis:
    """redis-py: one transaction a batch. An acknowledged entry stays in the stream, which is less work than ours."""

    def __init__(self, address: str) -> None:
        import os

        import redis

        self._redis: Any = redis.Redis(unix_socket_path=address)
        self._name = str(os.getpid())

    def publish(self, count: int) -> None:
        with self._redis.pipeline(transaction=True) as pipeline:
            for _ in range(count):
                pipeline.xadd(STREAM, {"data": PAYLOAD})
            pipeline.execute()

    def take(self, count: int) -> int:
        found = self._redis.xreadgroup(GROUP, self._name, {STREAM: ">"}, count=count)
        entries = found[0][1] if found else []
        if entries:
            self._redis.xack(STREAM, GROUP, *(entry for entry, _ in entries))
        return len(entries)


class Echo:
    """Calls of the same sizes, with the same messages packed and unpacked, to a server that does nothing."""

    def __init__(self, address: str) -> None:
        import grpc
        from google.pubsub_v1 import types

        self._types = types
        self._call: Any = grpc.insecure_channel(address).unary_unary(ECHO)

    def publish(self, count: int) -> None:
        messages = [self._types.PubsubMessage(data=PAYLOAD) for _ in range(count)]
        self._call(self._types.PublishRequest.serialize(self._types.PublishRequest(topic=TOPIC, messages=messages)))

    def take(self, count: int) -> int:
        answer = self._types.PullResponse.deserialize(self._call(b"%d" % count))
        ack_ids = [found.ack_id for found in answer.received_messages]
        request = self._types.AcknowledgeRequest(subscription=SUBSCRIPTION, ack_ids=ack_ids)
        self._call(self._types.AcknowledgeRequest.serialize(request))
        return len(ack_ids)


KINDS: dict[str, type[Hakobune | Redis | Echo]] = {"hakobune": Hakobune, "redis": Redis, "echo": Echo}


@cache
def client(kind: str, address: str) -> Client:
    """The client of this process."""
    return KINDS[kind](address)


class Done(NamedTuple):
    """What a client did."""

    messages: int
    wall_s: float
    cpu_s: float  # of the client


def publish_for(kind: str, address: str, count: int, seconds: float) -> Done:
    """Publish batches for a while."""
    one = client(kind, address)
    done, started_s, started_cpu_s = 0, time.perf_counter(), time.process_time()
    while time.perf_counter() < started_s + seconds:
        one.publish(count)
        done += count
    return Done(done, time.perf_counter() - started_s, time.process_time() - started_cpu_s)


def take_for(kind: str, address: str, count: int, seconds: float) -> Done:
    """Pull and acknowledge for a while, or until nothing is left."""
    one = client(kind, address)
    done, started_s, started_cpu_s = 0, time.perf_counter(), time.process_time()
    while time.perf_counter() < started_s + seconds:
        found = one.take(count)
        if not found:
            break
        done += found
    return Done(done, time.perf_counter() - started_s, time.process_time() - started_cpu_s)
