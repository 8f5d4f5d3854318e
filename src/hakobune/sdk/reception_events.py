"""A receipt's changes as server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html).

Each event is named `receipt`, its data is the receipt, and its id is the receipt's revision: who comes again with
Last-Event-ID gets only what is newer, and never a state older than one it has seen. After the final one the stream
ends.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator

from hakobune.sdk import log
from hakobune.sdk.receipts import Receipt
from hakobune.sdk.reception import Reception

RETRY_MS = 2_000  # how long a browser waits before it comes again
KEEP_ALIVE_S = 15.0  # proxies cut connections that are silent: 60 s is usual


async def events(
    reception: Reception, receipt: Receipt, after: int, *, keep_alive_s: float = KEEP_ALIVE_S
) -> AsyncGenerator[str, None]:
    """The texts of a stream that begins with `receipt` and leaves out revisions up to `after`."""
    yield f"retry: {RETRY_MS}\n\n"
    sent_at = time.monotonic()
    while True:
        if receipt.revision > after:
            yield message(receipt)
            after, sent_at = receipt.revision, time.monotonic()
        if receipt.is_final:
            return
        if time.monotonic() - sent_at >= keep_alive_s:
            yield ": keep-alive\n\n"
            sent_at = time.monotonic()
        await asyncio.sleep(min(reception.poll_s, keep_alive_s))
        receipt = await _newer(reception, receipt)


async def _newer(reception: Reception, receipt: Receipt) -> Receipt:
    try:
        found = await asyncio.to_thread(reception.receipt, receipt.id)
    except Exception as error:  # noqa: BLE001 - a store that is away for a moment ends no stream
        log.warning("a receipt could not be read", receipt=receipt.id, error=repr(error))
        return receipt
    return receipt if found is None else found


def message(receipt: Receipt) -> str:
    """One event."""
    data = json.dumps(receipt.to_json(), ensure_ascii=False)
    return f"id: {receipt.revision}\nevent: receipt\ndata: {data}\n\n"


def last_revision(last_event_id: str | None) -> int:
    """The revision that a caller has seen; 0 if none, or if its id is none of ours."""
    if last_event_id is None or not (last_event_id.isascii() and last_event_id.isdigit() and len(last_event_id) < 16):
        return 0
    return int(last_event_id)
