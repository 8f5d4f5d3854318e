"""Numbers that rise for ever: of messages, of lanes; and the last instant of a publish."""

from __future__ import annotations

import sqlite3
from math import floor

from hakobune.store.queries import queries

_MESSAGE, _LANE, _PUBLISHED = "message", "lane", "published_s"


def _get(connection: sqlite3.Connection, name: str, first: float) -> float:
    row = connection.execute(queries("pubsub")["counter"], (name,)).fetchone()
    return first if row is None else row[0]


def _set(connection: sqlite3.Connection, name: str, value: float) -> None:
    connection.execute(queries("pubsub")["set_counter"], (name, value))


def next_message(connection: sqlite3.Connection) -> int:
    """The id of the next message of any topic."""
    return int(_get(connection, _MESSAGE, 1))


def take_messages(connection: sqlite3.Connection, count: int, now_s: float) -> tuple[int, float]:
    """(first id, publish instant) of the next `count` messages. Instants never fall: ids tell which was first, also
    when the clock was set back."""
    first = next_message(connection)
    # Whole microseconds: what is shown of an instant finds it again in a seek.
    publish_s = max(floor(now_s * 1e6) / 1e6, _get(connection, _PUBLISHED, 0.0))
    _set(connection, _MESSAGE, first + count)
    _set(connection, _PUBLISHED, publish_s)
    return first, publish_s


def next_lane(connection: sqlite3.Connection) -> int:
    """A lane that nobody has had."""
    lane = int(_get(connection, _LANE, 1))
    _set(connection, _LANE, lane + 1)
    return lane
