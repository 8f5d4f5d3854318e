"""The lag of a consumer group of Kafka, read with aiokafka (the extra `hakobune[kafka]`)."""

from __future__ import annotations

import importlib
from typing import Any

import anyio

from hakobune.core.errors import FailedPrecondition, Unavailable
from hakobune.core.services.autoscaling import KafkaSource, Measure

_WITHIN_S = 10.0
_TOO_OLD = -1  # the offset of a partition of which the group has committed none


async def measure(source: KafkaSource) -> Measure:
    """What the group has not consumed yet, over all partitions of its topics. Raises FailedPrecondition (the extra is
    not installed), Unavailable (the cluster does not answer)."""
    try:
        kafka: Any = importlib.import_module("aiokafka")
        admin: Any = importlib.import_module("aiokafka.admin")
    except ImportError as error:
        raise FailedPrecondition("Scaling on the lag of Kafka needs aiokafka: pip install 'hakobune[kafka]'.") from error
    try:
        with anyio.fail_after(_WITHIN_S):
            return await _measure(source, kafka, admin)
    except (kafka.errors.KafkaError, OSError, TimeoutError) as error:
        raise Unavailable(f"Kafka at {','.join(source.servers)} does not answer: {error!r}.") from error


async def _measure(source: KafkaSource, kafka: Any, admin: Any) -> Measure:
    servers = list(source.servers)
    client = admin.AIOKafkaAdminClient(bootstrap_servers=servers)
    await client.start()
    try:
        committed = await client.list_consumer_group_offsets(source.group)
    finally:
        await client.close()
    consumer = kafka.AIOKafkaConsumer(bootstrap_servers=servers, enable_auto_commit=False)
    await consumer.start()
    try:
        partitions = await _partitions(source, kafka, consumer, {found.topic for found in committed})
        ends = await consumer.end_offsets(partitions) if partitions else {}
        begins = await consumer.beginning_offsets(partitions) if partitions else {}
    finally:
        await consumer.stop()
    lag, by_topic = 0, dict[str, int]()
    for partition in partitions:
        by_topic[partition.topic] = by_topic.get(partition.topic, 0) + 1
        offset = committed[partition].offset if partition in committed else _TOO_OLD
        lag += max(0, ends[partition] - max(offset, begins[partition]))
    return Measure(backlog=lag, target=source.target, most=max(by_topic.values(), default=None))


async def _partitions(source: KafkaSource, kafka: Any, consumer: Any, used: set[str]) -> list[Any]:
    """Those of the declared topics, else of the topics that the group uses."""
    topics = source.topics or tuple(sorted(used))
    known = await consumer.topics()  # brings their metadata
    found: list[Any] = []
    for topic in topics:
        if topic in known:
            found += [kafka.TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic) or ()]
    return found
