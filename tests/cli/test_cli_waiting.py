"""How long the command line sleeps between two looks at the runtime."""

from __future__ import annotations

import itertools

from hakobune.cli.waiting import Pauses


def test_given_a_wait_of_any_length_when_it_ends_then_it_is_seen_soon_and_few_looks_were_taken() -> None:
    waited_s, looks = 0.0, 0
    pauses = Pauses()
    while waited_s < 600.0:
        pause_s = pauses.next_s()
        assert 0.0 < pause_s <= min(1.0, 0.0051 + 0.3001 * waited_s)
        waited_s += pause_s
        looks += 1
    assert looks < 620


def test_given_two_waits_when_the_second_begins_then_it_is_quick_again() -> None:
    first = Pauses()
    longest_s = max(itertools.islice(iter(first.next_s, None), 40))
    assert longest_s == 1.0
    assert Pauses().next_s() < 0.01
