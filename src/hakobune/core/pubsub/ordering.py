"""Keys in order: which messages of one key may be delivered now.

A subscription that orders has a row for each message of a key that was delivered and not acknowledged, or was passed
because its key was being delivered. A row is *leased* (until `due_s`), *due* (free from `due_s` on) or *waiting*
(`due_s` is WAITING_S) for those before it. At most one row of a key is due: the first.

* As long as a lease of a key lives, nothing more of the key is delivered.
* A message that failed, or whose lease ended, takes the later ones of its key back with it.
* What is free is delivered from the first row on, in order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

WAITING_S = 1e12  # an instant that never comes


class Row(NamedTuple):
    """A message of a key, by its id."""

    message_id: int
    due_s: float
    is_leased: bool


def settled(rows: Sequence[Row], now_s: float) -> list[Row]:
    """The rows of one key, by id, as they must be after some of them were acknowledged, failed or ran out. The caller
    has given the failed ones the instant from which on they may come again."""
    failed = next((row for row in rows if not _is_alive(row, now_s) and row.due_s < WAITING_S), None)
    alive = [row for row in rows if _is_alive(row, now_s) and (failed is None or row.message_id < failed.message_id)]
    if alive:
        kept = {row.message_id for row in alive}
        return [row if row.message_id in kept else _waiting(row) for row in rows]
    found: list[Row] = []
    for place, row in enumerate(rows):
        if place:
            found.append(_waiting(row))
        elif row.due_s < WAITING_S:
            found.append(Row(row.message_id, row.due_s, False))
        else:
            # The failed one comes again at its instant; what waits before it must not come later than now.
            found.append(Row(row.message_id, now_s, False))
    return found


def may_be_delivered(rows: Sequence[Row], now_s: float) -> bool:
    """Whether the rows of a key, settled, may be delivered from the first on."""
    return bool(rows) and not rows[0].is_leased and rows[0].due_s <= now_s


def _is_alive(row: Row, now_s: float) -> bool:
    return row.is_leased and now_s < row.due_s < WAITING_S


def _waiting(row: Row) -> Row:
    return Row(row.message_id, WAITING_S, False)
