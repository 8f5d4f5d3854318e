"""What values hold together that share parts."""

from __future__ import annotations

from hakobune.core.workflows.holdings import Holdings
from hakobune.core.workflows.values import Value


def size_of(*values: Value) -> int:
    holdings = Holdings()
    for value in values:
        holdings.add(value)
    return holdings.size_bytes


def test_given_numbers_then_they_hold_nothing() -> None:
    assert size_of(1, 2.5, True, None) == 0


def test_given_texts_bytes_lists_and_maps_then_they_hold_what_they_are_made_of() -> None:
    assert size_of("a" * 1_000) == 1_064
    assert size_of("é" * 1_000) == 4_064
    assert size_of(b"a" * 1_000) == 1_064
    assert size_of([1] * 1_000) == 8_064
    assert size_of({"a": 1, "b": "c" * 10}) == 264 + 74


def test_given_values_that_share_parts_then_each_part_is_held_once() -> None:
    text: Value = "a" * 10_000
    old: list[Value] = [text, [1, 2]]
    new: list[Value] = [*old, 3]
    assert size_of(old, old, text) == size_of(old)
    assert size_of(old, new) == size_of(old) + 64 + 3 * 8


def test_given_deep_nesting_then_it_is_counted_all_the_same() -> None:
    value: Value = []
    for _ in range(10_000):
        value = [value]
    assert size_of(value) == 10_000 * 72 + 64
