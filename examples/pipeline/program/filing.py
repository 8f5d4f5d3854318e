"""The worker pool's program: files each report once, then tells whoever waits for it.

A message says where a report is, and the address at which the workflow behind the receipt waits. Messages come at least
once: the ledger's mark and the rows are in one transaction, and only what is committed is told and acknowledged.
"""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from typing import Any

import google.auth
from google.api_core.exceptions import Aborted, DeadlineExceeded, ServerError
from google.auth.exceptions import TransportError
from google.auth.transport.requests import AuthorizedSession
from google.cloud import pubsub_v1, storage
from requests.exceptions import RequestException

from hakobune.sdk import Ledger, log, shutdown, worker

CALL_S = 10.0
PAUSE_S = 1.0  # after the service was not there
GONE = 404  # nobody waits any more: it was told before


def file_report(archive: sqlite3.Connection, receipt: str, place: str, report: dict[str, Any]) -> object:
    """The rows of a report, once. What the receipt shall say of it."""
    with archive:
        with Ledger(archive, name="reports").once(receipt) as filing:
            if not filing.is_done:
                rows = [(receipt, m["id"], m["at"], m["telop"], m["speech"]) for m in report["mistakes"]]
                archive.executemany("INSERT INTO mistakes VALUES (?, ?, ?, ?, ?)", rows)
                filing.result = {"segments": report["segments"], "mistakes": len(rows), "report": place}
        return filing.result


def handle(archive: sqlite3.Connection, reports: storage.Client, session: AuthorizedSession, data: bytes) -> None:
    """What is to be done for a message."""
    notice = json.loads(data)
    report = json.loads(storage.Blob.from_string(notice["report"], reports).download_as_bytes(retry=None))
    filed = file_report(archive, notice["receipt"], notice["report"], report)
    answer = session.post(notice["callback"], json=filed, timeout=CALL_S)
    if answer.status_code != GONE:
        answer.raise_for_status()


def main() -> None:
    subscription = os.environ["SUBSCRIPTION"]
    shutdown.install()  # SIGTERM ends the loop after the report in hand
    credentials, _ = google.auth.default(scopes=["https://www.googleapis.com/auth/cloud-platform"])
    with (
        closing(sqlite3.connect(os.environ["ARCHIVE"], timeout=60)) as archive,
        pubsub_v1.SubscriberClient() as subscriber,
        AuthorizedSession(credentials) as session,
    ):
        reports = storage.Client()
        archive.execute("PRAGMA journal_mode = WAL")
        archive.execute("CREATE TABLE IF NOT EXISTS mistakes (receipt TEXT, id INT, at TEXT, telop TEXT, speech TEXT)")
        log.info("ready", subscription=subscription)
        while not worker.stopping():
            try:
                # No retries within a call: the loop tries again, and ends when SIGTERM comes while the service is away.
                answer = subscriber.pull(subscription=subscription, max_messages=1, timeout=CALL_S, retry=None)
                for received in answer.received_messages:
                    with worker.busy():  # from here on nobody stops this instance
                        handle(archive, reports, session, received.message.data)
                        ack_ids = [received.ack_id]
                        subscriber.acknowledge(subscription=subscription, ack_ids=ack_ids, timeout=CALL_S, retry=None)
            except DeadlineExceeded:  # nothing came
                continue
            except (Aborted, ServerError, TransportError, RequestException) as error:
                log.warning("the platform is not there; the message comes again", error=error)
                shutdown.wait(PAUSE_S)


if __name__ == "__main__":
    main()
