"""A resident worker of a Kafka consumer group. Each record's effect happens once, whatever is killed when.

    BOOTSTRAP=127.0.0.1:9092 TOPIC=orders GROUP=billing EFFECTS=effects.db python worker.py

A record may come again: after a crash before its offset was committed, and after the group has shared out its
partitions anew. The ledger's mark and the effect (a row) are in one transaction, so that both stay or neither; only
then is the offset committed.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing

from aiokafka import AIOKafkaConsumer, ConsumerRecord
from aiokafka.errors import CommitFailedError, IllegalStateError

from hakobune.sdk import Ledger, log, shutdown, worker

BATCH = int(os.environ.get("BATCH", "100"))
WORK_S = float(os.environ.get("WORK_S", "0"))  # stands for what your own work takes
POLL_MS = 250
SESSION_MS = int(os.environ.get("SESSION_MS", "10000"))  # so long after a kill its partitions wait for another member


def handle(effects: sqlite3.Connection, records: Sequence[ConsumerRecord]) -> None:
    """The effects of some records, in one transaction."""
    with effects:
        ledger = Ledger(effects, name="records")
        for record in records:
            key = f"{record.topic}/{record.partition}/{record.offset}"
            with ledger.once(key) as effect:
                if not effect.is_done:
                    time.sleep(WORK_S)
                    effects.execute("INSERT INTO effects VALUES (?, ?)", (key, (record.value or b"").decode()))


async def consume(consumer: AIOKafkaConsumer, effects: sqlite3.Connection) -> None:
    """Take batches until SIGTERM."""
    while not worker.stopping():
        batches = await consumer.getmany(timeout_ms=POLL_MS, max_records=BATCH)
        if not batches:
            continue
        async with worker.busy():
            records = [record for batch in batches.values() for record in batch]
            await asyncio.to_thread(handle, effects, records)  # heartbeats go on meanwhile
            try:
                await consumer.commit()
            except (CommitFailedError, IllegalStateError) as error:
                # The partitions are another member's now. It gets these records again, and finds them done.
                log.warning("offsets were not committed", error=error)


async def main() -> None:
    shutdown.install()  # SIGTERM ends the loop after the batch in hand
    consumer = AIOKafkaConsumer(
        os.environ["TOPIC"],
        bootstrap_servers=os.environ["BOOTSTRAP"],
        group_id=os.environ["GROUP"],
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        session_timeout_ms=SESSION_MS,
        heartbeat_interval_ms=SESSION_MS // 3,
    )
    # One connection, used by one thread at a time.
    with closing(sqlite3.connect(os.environ["EFFECTS"], timeout=60, check_same_thread=False)) as effects:
        effects.execute("PRAGMA journal_mode = WAL")
        effects.execute("CREATE TABLE IF NOT EXISTS effects (record TEXT, text TEXT)")
        await consumer.start()
        try:
            log.info("ready", topic=os.environ["TOPIC"], group=os.environ["GROUP"])
            await consume(consumer, effects)
        finally:
            await consumer.stop()  # leaves the group, so that the others need not wait for the session to end


if __name__ == "__main__":
    asyncio.run(main())
