"""A resident worker that drains a Pub/Sub subscription. Each message's effect happens once, whatever is killed when.

    SUBSCRIPTION=projects/P/subscriptions/S EFFECTS=effects.db python worker.py

Messages come at least once. The ledger's mark and the effect (a row) are in one transaction, so that both stay or
neither; only then is the message acknowledged.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing

from google.api_core.exceptions import Aborted, DeadlineExceeded, ServiceUnavailable, Unknown
from google.cloud import pubsub_v1
from google.cloud.pubsub_v1.types import ReceivedMessage

from hakobune.sdk import Ledger, log, shutdown, worker

BATCH = int(os.environ.get("BATCH", "50"))  # done within the acknowledgement deadline of the subscription
WORK_S = float(os.environ.get("WORK_S", "0"))  # stands for what your own work takes
CALL_S = 5.0  # an idle instance ends so long after SIGTERM at the latest: 10 s after it comes SIGKILL
PAUSE_S = 1.0  # after the service was not there


def handle(effects: sqlite3.Connection, received: Sequence[ReceivedMessage]) -> None:
    """The effects of some messages, in one transaction."""
    with effects:
        ledger = Ledger(effects, name="messages")
        for one in received:
            message = one.message
            with ledger.once(message.message_id) as effect:
                if not effect.is_done:
                    time.sleep(WORK_S)
                    effects.execute("INSERT INTO effects VALUES (?, ?)", (message.message_id, message.data.decode()))


def take_batch(subscriber: pubsub_v1.SubscriberClient, subscription: str, effects: sqlite3.Connection) -> None:
    """Pull, handle, acknowledge. The loop tries again; the library's own retries would not end on SIGTERM."""
    answer = subscriber.pull(subscription=subscription, max_messages=BATCH, timeout=CALL_S, retry=None)
    if not answer.received_messages:
        return
    with worker.busy():
        handle(effects, answer.received_messages)
        ack_ids = [one.ack_id for one in answer.received_messages]
        subscriber.acknowledge(subscription=subscription, ack_ids=ack_ids, timeout=CALL_S, retry=None)


def main() -> None:
    subscription = os.environ["SUBSCRIPTION"]
    shutdown.install()  # SIGTERM ends the loop after the batch in hand
    with (
        closing(sqlite3.connect(os.environ["EFFECTS"], timeout=60)) as effects,
        pubsub_v1.SubscriberClient() as subscriber,
    ):
        effects.execute("PRAGMA journal_mode = WAL")
        effects.execute("CREATE TABLE IF NOT EXISTS effects (message TEXT, text TEXT)")
        log.info("ready", subscription=subscription)
        while not worker.stopping():
            try:
                take_batch(subscriber, subscription, effects)
            except DeadlineExceeded:  # nothing came
                continue
            except (Aborted, ServiceUnavailable, Unknown) as error:  # what was not acknowledged comes again
                log.warning("the service is not there", error=error)
                shutdown.wait(PAUSE_S)


if __name__ == "__main__":
    main()
