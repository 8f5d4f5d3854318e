"""The lag of a consumer group of Kafka, read with aiokafka (the extra `hakobune[kafka]`)."""

from __future__ import annotations

import importlib
from typing import Any

import anyio

from hakobune.core.errors import FailedPrecondition, Unavailable
from hakobune.core.services.autoscaling import KafkaSource, Measure

_WITHIN_S = 10.0


async def measure(source: KafkaSource) -> Measure:
    """What the group has not consumed yet, over all partitions of its topics. Raises FailedPrecondition (the extra is
    not installed), Unavailable (the cluster does not answer)."""
    try:
        kafka: Any = importlib.import_module("aiokafka")
    except ImportError as error:
        raise FailedPrecondition(
            "Scaling on the lag of Kafka needs aiokafka: pip install 'hakobune[kafka]'."
        ) from error
    try:
        with anyio.fail_after(_WITHIN_S):
            return await _measure(source, kafka)
    except (kafka.errors.KafkaError, OSError, TimeoutError) as error:
        raise Unavailable(f"Kafka at {','.join(source.servers)} does not answer: {error!r}.") from error


async def _measure(source: KafkaSource, kafka: Any) -> Measure:
    """Asks as a member of the group could, and never joins it."""
    consumer = kafka.AIOKafkaConsumer(
        bootstrap_servers=list(source.servers), group_id=source.group, enable_auto_commit=False
    )
    try:
        await consumer.start()
        known = await consumer.topics()  # brings their metadata
        by_topic = {
            topic: [kafka.TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic) or ()]
            for topic in source.topics
            if topic in known
        }
        partitions = [partition for found in by_topic.values() for partition in found]
        consumer.assign(partitions)
        ends: dict[Any, int] = await consumer.end_offsets(partitions) if partitions else {}
        begins: dict[Any, int] = await consumer.beginning_offsets(partitions) if partitions else {}
        lag = 0
        for partition in partitions:
            committed: int | None = await consumer.committed(partition)
            lag += max(0, ends[partition] - max(committed or 0, begins[partition]))
    finally:
        await consumer.stop()
    return Measure(backlog=lag, target=source.target, most=max(map(len, by_topic.values()), default=None))
