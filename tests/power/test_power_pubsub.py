"""Power cuts under messages: what was accepted is there until it is acknowledged, and never after."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from disk import Kind
from recording import Cut, Recording, check_complete, cuts, each, record

from hakobune.store.sqlite.pubsub_blocks import Block

SUBSCRIPTIONS = ("plain", "ordered", "seeking", "held")


@pytest.fixture(scope="module")
def recording(recorder: Path, tmp_path_factory: pytest.TempPathFactory) -> Recording:
    return record(recorder, tmp_path_factory.mktemp("pubsub"), "drive_pubsub.py", "power")


def deliverable(connection: sqlite3.Connection, subscription: str) -> set[int]:
    """The messages that a subscription has still to deliver, with their bodies."""
    row = connection.execute(
        "SELECT lane, frontier FROM pubsub_subscriptions WHERE subscription = ?", (subscription,)
    ).fetchone()
    if row is None:
        return set()
    lane, frontier = row
    delivered = connection.execute("SELECT message_id FROM pubsub_deliveries WHERE lane = ?", (lane,)).fetchall()
    blocks = connection.execute("SELECT id, last_id, publish_s, heads, bodies FROM pubsub_blocks").fetchall()
    here = {number for block in blocks for number in Block.from_row(block).ids}
    return {number for number in here if number >= frontier} | {number for (number,) in delivered if number in here}


def wrong(cut: Cut) -> list[str]:
    """Promises that the reopened store does not keep. Raises if it is damaged."""
    path = cut.directory / "data" / "state.sqlite3"
    if not path.exists():
        return [mark for mark in cut.marks if mark]
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        has_tables = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'pubsub_blocks'").fetchone()
        if has_tables is None:
            return [mark for mark in cut.marks if mark]
        here = {name: deliverable(connection, name) for name in SUBSCRIPTIONS}
        leases = dict(connection.execute(LEASES).fetchall())
    words = [mark.split() for mark in cut.marks]
    published = {int(word[1]) for word in words if word[0] == "published"}
    problems: list[str] = []
    for name in ("plain", "ordered", "held"):
        problems += broken(name, here[name], published, acks_of(words, name))
    if all(broken("seeking", here["seeking"], published, acks) for acks in seeking_acks(words)):
        problems += broken("seeking", here["seeking"], published, seeking_acks(words)[0])
    until_s = {int(word[1]): float(word[2]) for word in words if word[0] == "extended"}
    problems += [f"the time of {number} is lost" for number in until_s if leases.get(number, 0.0) < until_s[number]]
    return problems


LEASES = """
SELECT d.message_id, d.due_s FROM pubsub_deliveries d JOIN pubsub_subscriptions s ON s.lane = d.lane
WHERE s.subscription = 'held' AND d.is_leased = 1
"""
Acks = tuple[frozenset[int], frozenset[int]]  # begun, answered


def broken(name: str, here: set[int], published: set[int], acks: Acks) -> list[str]:
    """What a subscription has lost, or would give again."""
    begun, acked = acks
    lost = [f"{name}: {number} is lost" for number in sorted(published - begun - here)]
    return lost + [f"{name}: {number} would come again" for number in sorted(acked & here)]


def acks_of(words: list[list[str]], name: str) -> Acks:
    """The acknowledgements of a subscription."""

    def ids(kind: str) -> frozenset[int]:
        return frozenset(int(word[2]) for word in words if word[:2] == [kind, name])

    return ids("acking"), ids("acked")


def seeking_acks(words: list[list[str]]) -> list[Acks]:
    """What may count as acknowledged by the one that seeks: before and after a seek that was not answered."""
    now: Acks = (frozenset(), frozenset())
    kept, sought = now, None
    published: frozenset[int] = frozenset()
    for word in words:
        match word:
            case ["published", number]:
                published |= {int(number)}
            case ["acking", "seeking", number]:
                now = (now[0] | {int(number)}, now[1])
            case ["acked", "seeking", number]:
                now = (now[0], now[1] | {int(number)})
            case ["keeping"]:
                kept = now
            case ["returning"]:
                sought = kept
            case ["purging"]:
                sought = (published, published)
            case ["returned"] | ["purged"]:
                assert sought is not None
                now, sought = sought, None
            case _:
                continue
    return [now] if sought is None else [now, sought]


def test_given_the_recorder_when_messages_pass_under_it_then_it_sees_every_change(
    recording: Recording, tmp_path: Path
) -> None:
    check_complete(recording, tmp_path)
    assert recording.count(Kind.MARK) > 250
    assert recording.count(Kind.SYNC) > 20


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_given_messages_when_power_is_cut_at_any_instant_then_none_is_lost_and_none_comes_after_its_ack(
    recording: Recording, seed: int
) -> None:
    def check(cut: Cut) -> None:
        assert wrong(cut) == []

    each(recording, seed, check)


def test_given_a_store_that_does_not_sync_when_power_is_cut_then_this_test_sees_it(
    recorder: Path, tmp_path: Path
) -> None:
    weaker = record(recorder, tmp_path, "drive_pubsub.py", "process")
    assert [cut.story for cut in cuts(weaker, 1) if wrong(cut)]
