"""What an attempt does over gRPC is on record as what it does over HTTP: its environment leads clients of both kinds to
its own listener."""

from __future__ import annotations

import sys
import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from runtime_process import BASE, LOCATION, PROJECT, RuntimeProcess

pubsub_v1 = pytest.importorskip("google.cloud.pubsub_v1")

ALL = ["started", "applied", "answered"]
WITHIN_S = 60.0
# As users write it: Google's own clients, which are led here by their environment.
PROLOGUE = """
import os, time
from google.cloud import pubsub_v1
name = os.environ["NAME"]
topic = f"projects/{os.environ['GOOGLE_CLOUD_PROJECT']}/topics/{name}"
subscription = topic.replace("topics", "subscriptions")
"""
CALLS = """
publisher, subscriber = pubsub_v1.PublisherClient(), pubsub_v1.SubscriberClient()
publisher.publish(topic, b"one").result(30)
received = subscriber.pull(subscription=subscription, max_messages=1).received_messages
ids = [found.ack_id for found in received]
subscriber.modify_ack_deadline(subscription=subscription, ack_ids=ids, ack_deadline_seconds=60)
subscriber.acknowledge(subscription=subscription, ack_ids=ids)
subscriber.get_subscription(subscription=subscription)
publisher.create_topic(name=topic + "-made")
try:
    publisher.publish(topic + "-not-there", b"one").result(30)
except Exception as error:
    assert type(error).__name__ == "NotFound", error
else:
    raise AssertionError("it was taken")
"""
STREAM = """
import threading
got = threading.Event()
subscriber = pubsub_v1.SubscriberClient()
def take(message):
    message.ack_with_response().result(30) if name.startswith("once") else message.ack()
    got.set()
future = subscriber.subscribe(subscription, take)
assert got.wait(30)
time.sleep(0.5)  # the client sends acks in batches
future.cancel()
future.result(30)
"""
RUN = """
import grpc
from google.cloud import run_v2
from google.cloud.run_v2.services.jobs.transports import JobsGrpcTransport
channel = grpc.insecure_channel(os.environ["HAKOBUNE_URL"].removeprefix("http://"))
jobs = run_v2.JobsClient(transport=JobsGrpcTransport(channel=channel))
jobs.run_job(name=os.environ["JOB"], metadata=[("idempotency-key", "from-a-task")])
jobs.get_job(name=os.environ["JOB"])
"""
Effect = tuple[str, str, list[str]]  # target, key, phases


def effects_of(runtime: RuntimeProcess, execution: str) -> list[Effect]:
    """Of each call of the first attempt."""
    place = f"/hakobune/v1/projects/{PROJECT}/locations/{LOCATION}/executions/{execution.rpartition('/')[2]}"
    (attempt,) = runtime.call("GET", f"{place}/attempts?index=0").json["attempts"]
    calls: dict[str, list[Any]] = {}
    for effect in attempt["effects"]:
        calls.setdefault(effect["call"], []).append(effect)
    return [(found[0]["target"], found[0]["key"], [one["phase"] for one in found]) for found in calls.values()]


def started(runtime: RuntimeProcess, program: str, **environ: str) -> str:
    """The execution of a task that does so."""
    job = f"effects-{uuid.uuid4().hex[:8]}"
    command = [sys.executable, "-c", PROLOGUE + program]
    env = [{"name": name, "value": value} for name, value in environ.items()]
    assert runtime.create(job, command, maxRetries=0, env=env).status == 200
    return runtime.run(job)


def effects(runtime: RuntimeProcess, program: str, **environ: str) -> list[Effect]:
    """What a task does that ends well."""
    execution = started(runtime, program, **environ)
    assert runtime.wait(execution)["succeededCount"] == 1, runtime.entries("severity>=ERROR")[-3:]
    return effects_of(runtime, execution)


def a_topic(runtime: RuntimeProcess, prefix: str = "effects", **fields: object) -> str:
    """The id of a topic and of its one subscription."""
    name = f"{prefix}-{uuid.uuid4().hex[:8]}"
    root = f"/v1/projects/{PROJECT}"
    assert runtime.call("PUT", f"{root}/topics/{name}", {}).status == 200
    body = {"topic": f"projects/{PROJECT}/topics/{name}", **fields}
    assert runtime.call("PUT", f"{root}/subscriptions/{name}", body).status == 200
    return name


def pulled(runtime: RuntimeProcess, name: str) -> int:
    """How many messages wait for somebody, who has them from now on."""
    path = f"/v1/projects/{PROJECT}/subscriptions/{name}:pull"
    answer = runtime.call("POST", path, {"maxMessages": 100, "returnImmediately": True})
    assert answer.status == 200, answer.body
    return len(answer.json.get("receivedMessages", []))


def post(collection: str, name: str, verb: str) -> str:
    return f"POST /v1/projects/{PROJECT}/{collection}/{name}:{verb}"


def test_given_a_task_with_google_s_client_then_what_it_does_to_messages_is_on_record(runtime: RuntimeProcess) -> None:
    name = a_topic(runtime)
    assert effects(runtime, CALLS, NAME=name) == [
        (post("topics", name, "publish"), "", ALL),
        (post("subscriptions", name, "pull"), "", ALL),
        (post("subscriptions", name, "modifyAckDeadline"), "", ALL),
        (post("subscriptions", name, "acknowledge"), "", ALL),
        (f"PUT /v1/projects/{PROJECT}/topics/{name}-made", "", ALL),
        (post("topics", f"{name}-not-there", "publish"), "", ["started", "answered"]),
    ]


@pytest.mark.parametrize("is_exactly_once", [False, True])
def test_given_a_task_that_takes_messages_from_a_stream_then_its_acks_are_on_record(
    runtime: RuntimeProcess, is_exactly_once: bool
) -> None:
    name = a_topic(runtime, "once" if is_exactly_once else "effects", enableExactlyOnceDelivery=is_exactly_once)
    body = {"messages": [{"data": "eA=="}]}
    assert runtime.call("POST", f"/v1/projects/{PROJECT}/topics/{name}:publish", body).status == 200
    found = effects(runtime, STREAM, NAME=name)
    assert found[-1] == (post("subscriptions", name, "acknowledge"), "", ALL)
    # The client asks for more time first.
    assert set(map(str, found[:-1])) <= {str((post("subscriptions", name, "modifyAckDeadline"), "", ALL))}


def test_given_a_task_that_runs_a_job_over_grpc_then_it_is_on_record_with_its_key(runtime: RuntimeProcess) -> None:
    pytest.importorskip("google.cloud.run_v2")
    runtime.create("grpc-target", ["/bin/true"])
    job = f"projects/{PROJECT}/locations/{LOCATION}/jobs/grpc-target"
    assert effects(runtime, RUN, NAME="x", JOB=job) == [(f"POST {BASE}/jobs/grpc-target:run", "from-a-task", ALL)]


SECURE = """
import grpc
from google.pubsub_v1 import PublisherClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
os.environ["grpc_proxy"] = os.environ["HAKOBUNE_URL"]
with open(os.environ["CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE"], "rb") as file:
    credentials = grpc.ssl_channel_credentials(file.read())
channel = grpc.secure_channel("pubsub.googleapis.com:443", credentials)
client = PublisherClient(transport=PublisherGrpcTransport(channel=channel))
client.publish(topic=topic, messages=[{"data": b"x"}], timeout=30)
"""


def test_given_a_task_that_speaks_tls_through_its_proxy_then_it_is_on_record(runtime: RuntimeProcess) -> None:
    name = a_topic(runtime)
    assert runtime.call("GET", "/hakobune/v1/env").status == 200  # the file of authorities is there then
    assert effects(runtime, SECURE, NAME=name) == [(post("topics", name, "publish"), "", ALL)]


BUSY = """
import threading
from concurrent import futures
clients = [(pubsub_v1.PublisherClient(), pubsub_v1.SubscriberClient()) for _ in range(4)]
got, are_all = set(), threading.Event()
def take(message):
    assert len(message.data) == 2_000_000, len(message.data)
    message.ack()
    got.add(message.message_id)
    if len(got) == 16:
        are_all.set()
flow = pubsub_v1.types.FlowControl(max_messages=2)
streams = [subscriber.subscribe(subscription, take, flow_control=flow) for _, subscriber in clients for _ in range(4)]
sent = [publisher.publish(topic, bytes([65 + number]) * 2_000_000)
        for number in range(4) for publisher, _ in clients]
assert len({future.result(60) for future in sent}) == 16
assert are_all.wait(60), got
time.sleep(0.5)  # the client sends acks in batches
for stream in streams:
    stream.cancel()
    stream.result(30)
"""


def test_given_many_streams_and_large_messages_of_a_task_then_all_arrive_and_all_acks_are_on_record(
    runtime: RuntimeProcess,
) -> None:
    name = a_topic(runtime)
    found = effects(runtime, BUSY, NAME=name)
    targets = {target for target, _, _ in found}
    assert {post("topics", name, "publish"), post("subscriptions", name, "acknowledge")} <= targets
    assert all(sorted(phases) == sorted(ALL) for _, _, phases in found)
    assert pulled(runtime, name) == 0


@pytest.fixture
def outside(runtime: RuntimeProcess, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", f"127.0.0.1:{runtime.grpc_port}")
    found = pubsub_v1.PublisherClient()
    yield found
    found.transport.close()


WAITER = """
import json
publisher, subscriber = pubsub_v1.PublisherClient(), pubsub_v1.SubscriberClient()
publisher.publish(topic, name.encode()).result(30)
print(json.dumps({"message": "pid of " + name, "pid": os.getpid()}), flush=True)
end = time.monotonic() + 60
while time.monotonic() < end:
    try:
        subscriber.get_subscription(subscription=subscription + "-end", timeout=5)
    except Exception:
        time.sleep(0.02)
    else:
        break
publisher.publish(topic, name.encode()).result(30)
"""


def published_by(runtime: RuntimeProcess, execution: str, name: str, count: int) -> None:
    """Wait until so many publishes are on record."""
    end_s = time.monotonic() + WITHIN_S
    while effects_of(runtime, execution) != [(post("topics", name, "publish"), "", ALL)] * count:
        assert time.monotonic() < end_s, effects_of(runtime, execution)
        time.sleep(0.05)


def test_given_tasks_and_others_that_call_at_once_then_each_task_has_its_own_calls_and_nobody_those_of_others(
    runtime: RuntimeProcess, outside: Any
) -> None:
    names = [a_topic(runtime) for _ in range(3)]
    executions = [started(runtime, WAITER, NAME=name) for name in names]
    for execution, name in zip(executions, names, strict=True):
        published_by(runtime, execution, name, 1)
    for name in names:  # while the ways of all of them are open
        outside.publish(f"projects/{PROJECT}/topics/{name}", b"from outside").result(WITHIN_S)
        end = {"topic": f"projects/{PROJECT}/topics/{name}"}
        assert runtime.call("PUT", f"/v1/projects/{PROJECT}/subscriptions/{name}-end", end).status == 200
    for execution, name in zip(executions, names, strict=True):
        assert runtime.wait(execution)["succeededCount"] == 1
        assert effects_of(runtime, execution) == [(post("topics", name, "publish"), "", ALL)] * 2


def test_given_a_runtime_that_dies_when_it_is_there_again_then_a_task_goes_on_and_is_known_still(
    own_runtime: RuntimeProcess,
) -> None:
    runtime = own_runtime.start()
    name = a_topic(runtime)
    execution = started(runtime, WAITER, NAME=name)
    published_by(runtime, execution, name, 1)
    runtime.kill()
    runtime.start()
    end = {"topic": f"projects/{PROJECT}/topics/{name}"}
    assert runtime.call("PUT", f"/v1/projects/{PROJECT}/subscriptions/{name}-end", end).status == 200
    assert runtime.wait(execution)["succeededCount"] == 1
    assert effects_of(runtime, execution) == [(post("topics", name, "publish"), "", ALL)] * 2


def test_given_a_runtime_that_keeps_no_record_then_tasks_work_and_nothing_is_on_it(
    own_runtime: RuntimeProcess,
) -> None:
    own_runtime.arguments = ("--effects", "off")
    runtime = own_runtime.start()
    assert effects(runtime, CALLS, NAME=a_topic(runtime)) == []


KILLED = """
import signal
publisher = pubsub_v1.PublisherClient(pubsub_v1.types.BatchSettings(max_messages=1))
for number in range(20):
    publisher.publish(topic, str(number).encode())
    time.sleep(0.004)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_given_a_task_that_dies_amid_its_calls_then_each_message_that_came_is_on_its_record(
    runtime: RuntimeProcess,
) -> None:
    for _ in range(3):
        name = a_topic(runtime)
        execution = started(runtime, KILLED, NAME=name)
        assert runtime.wait(execution)["failedCount"] == 1
        came = 0
        end_s = time.monotonic() + WITHIN_S
        while True:  # the last calls may be on their way when the task is over
            came += pulled(runtime, name)
            found = effects_of(runtime, execution)
            if len([phases for _, _, phases in found if "applied" in phases]) == came > 0:
                break
            assert time.monotonic() < end_s, (came, found)
            time.sleep(0.05)
        assert all(target == post("topics", name, "publish") for target, _, _ in found)
