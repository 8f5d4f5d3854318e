"""Setting an element: what is created, what is refused, and that nothing old changes."""

from __future__ import annotations

import copy
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hakobune.core.workflows.elements import set_element
from hakobune.core.workflows.failures import Failure
from hakobune.core.workflows.meter import Meter
from hakobune.core.workflows.values import Value


@pytest.mark.parametrize(
    ("base", "keys", "expected"),
    [
        ({}, ["a"], {"a": 9}),
        ({"a": 1, "b": 2}, ["a"], {"a": 9, "b": 2}),
        ({"x": {"y": 1}}, ["x", "z"], {"x": {"y": 1, "z": 9}}),
        ({}, ["a", "b", "c"], {"a": {"b": {"c": 9}}}),
        ({}, [1], {"1": 9}),
        ({"1": {"2": 0}}, [1, 2], {"1": {"2": 9}}),
        ([1, 2], [0], [9, 2]),
        ([1, 2], [1], [1, 9]),
        ([[1, 2], [3, 4]], [0, 1], [[1, 9], [3, 4]]),
        ({"l": [{"x": 1}]}, ["l", 0, "x"], {"l": [{"x": 9}]}),
        ([{}], [0, "new", "newer"], [{"new": {"newer": 9}}]),
    ],
)
def test_given_a_path_when_set_then_a_new_container_has_the_element(
    base: Value, keys: list[Value], expected: Value
) -> None:
    before = copy.deepcopy(base)
    assert set_element(base, keys, 9, Meter()) == expected
    assert base == before


@pytest.mark.parametrize(
    ("base", "keys", "message"),
    [
        (None, ["a"], "TypeError: 'NoneType' object is not a list or map: it has no elements"),
        ("text", [0], "TypeError: 'str' object is not a list or map: it has no elements"),
        (5, ["a"], "TypeError: 'int' object is not a list or map: it has no elements"),
        (b"raw", [0], "TypeError: 'bytes' object is not a list or map: it has no elements"),
        ({"a": None}, ["a", "b"], "TypeError: 'NoneType' object is not a list or map: it has no elements"),
        ({"a": 1}, ["a", "b"], "TypeError: 'int' object is not a list or map: it has no elements"),
        ([1], [1], "IndexError: list index out of range: 1 (length 1)"),
        ([1], [-1], "IndexError: list index out of range: -1 (length 1)"),
        ([], [0], "IndexError: list index out of range: 0 (length 0)"),
        ([[1]], [1, 0], "IndexError: list index out of range: 1 (length 1)"),
        ([1], ["0"], "TypeError: list indices must be integers, not 'str'"),
        ([[1]], ["0", 0], "TypeError: list indices must be integers, not 'str'"),
        ([1], [True], "TypeError: list indices must be integers, not 'bool'"),
        ([1], [0.0], "TypeError: list indices must be integers, not 'float'"),
        ({}, [None], "TypeError: map keys must be strings, not 'NoneType'"),
        ({}, [1.5], "TypeError: map keys must be strings, not 'float'"),
        ({}, [False], "TypeError: map keys must be strings, not 'bool'"),
        ({}, [None, "a"], "TypeError: map keys must be strings, not 'NoneType'"),
    ],
)
def test_given_a_path_that_cannot_be_when_set_then_it_raises_and_nothing_changes(
    base: Value, keys: list[Value], message: str
) -> None:
    before = copy.deepcopy(base)
    with pytest.raises(Failure) as raised:
        set_element(base, keys, 9, Meter())
    assert isinstance(raised.value.value, dict)
    assert raised.value.value["message"] == message
    assert base == before


def test_given_an_element_set_when_other_parts_are_looked_at_then_they_are_shared_not_copied() -> None:
    untouched: Value = {"big": [1, 2, 3]}
    base: dict[str, Value] = {"a": {"x": 1}, "b": untouched}
    changed = set_element(base, ["a", "x"], 2, Meter())
    assert isinstance(changed, dict)
    assert changed["b"] is untouched
    assert changed["a"] is not base["a"]


KEYS = st.one_of(st.integers(-1, 2), st.sampled_from(["a", "b", "c"]))
CONTAINERS: st.SearchStrategy[Value] = st.recursive(
    st.one_of(st.none(), st.integers(0, 3)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(["a", "b"]), inner)),
    max_leaves=10,
)


@given(CONTAINERS, st.lists(KEYS, min_size=1, max_size=4))
def test_given_any_container_and_path_when_set_then_the_old_one_never_changes(base: Value, keys: list[Value]) -> None:
    before = copy.deepcopy(base)
    with suppress(Failure):
        set_element(base, keys, "new", Meter())
    assert base == before
