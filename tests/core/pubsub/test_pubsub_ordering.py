"""Rows of one key: which of them may be delivered."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hakobune.core.pubsub.ordering import WAITING_S, Row, may_be_delivered, settled

NOW_S = 100.0


def leased(number: int, due_s: float = 110.0) -> Row:
    return Row(number, due_s, True)


def waiting(number: int) -> Row:
    return Row(number, WAITING_S, False)


def free(number: int, due_s: float = NOW_S) -> Row:
    return Row(number, due_s, False)


def test_given_a_batch_under_way_when_settled_then_nothing_changes_and_nothing_may_be_delivered() -> None:
    rows = [leased(1), leased(2), waiting(3)]
    assert settled(rows, NOW_S) == rows
    assert not may_be_delivered(rows, NOW_S)


def test_given_the_whole_batch_acknowledged_when_settled_then_the_next_message_is_free() -> None:
    assert settled([waiting(3), waiting(4)], NOW_S) == [free(3), waiting(4)]


def test_given_the_first_failed_when_settled_then_the_later_ones_come_back_behind_it() -> None:
    rows = settled([free(1), leased(2), leased(3), waiting(4)], NOW_S)
    assert rows == [free(1), waiting(2), waiting(3), waiting(4)]
    assert may_be_delivered(rows, NOW_S)


def test_given_a_later_one_failed_when_settled_then_it_waits_for_those_before_it() -> None:
    rows = settled([leased(1), free(2), leased(3)], NOW_S)
    assert rows == [leased(1), waiting(2), waiting(3)]


def test_given_a_lease_that_ran_out_when_settled_then_it_counts_as_failed() -> None:
    rows = settled([leased(1, NOW_S), leased(2)], NOW_S)
    assert rows == [Row(1, NOW_S, False), waiting(2)]


def test_given_a_failed_one_with_a_backoff_when_settled_then_the_key_waits_for_its_instant() -> None:
    rows = settled([free(1, NOW_S + 10), leased(2)], NOW_S)
    assert rows == [free(1, NOW_S + 10), waiting(2)]
    assert not may_be_delivered(rows, NOW_S)
    assert may_be_delivered(rows, NOW_S + 10)


def test_given_no_rows_then_there_is_nothing_to_deliver() -> None:
    assert settled([], NOW_S) == []
    assert not may_be_delivered([], NOW_S)


ROWS = st.lists(st.tuples(st.sampled_from([90.0, 100.0, 110.0, WAITING_S]), st.booleans()), max_size=8).map(
    lambda found: [Row(n, due_s, is_leased and due_s < WAITING_S) for n, (due_s, is_leased) in enumerate(found)]
)


@given(ROWS)
def test_given_any_rows_when_settled_then_at_most_the_first_is_free_and_no_lease_lives_behind_it(
    rows: list[Row],
) -> None:
    found = settled(rows, NOW_S)
    assert [row.message_id for row in found] == [row.message_id for row in rows]
    free_rows = [place for place, row in enumerate(found) if not row.is_leased and row.due_s < WAITING_S]
    assert free_rows in ([], [0])
    alive = [row for row in found if row.is_leased]
    assert all(row in rows and row.due_s > NOW_S for row in alive)  # no lease is made, none is prolonged
    assert bool(found) == bool(alive or free_rows)  # a key with messages never stands still
    assert settled(found, NOW_S) == found
