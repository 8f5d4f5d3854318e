"""`list.*` and `map.*`."""

from __future__ import annotations

import pytest
from library_calls import call, refused

from hakobune.core.workflows.values import Value


def test_concat_and_prepend_add_one_element_and_leave_the_list_alone() -> None:
    before: list[Value] = [1, 2]
    assert call("list.concat", before, 3) == [1, 2, 3]
    assert call("list.concat", before, [3]) == [1, 2, [3]]
    assert call("list.prepend", before, [0]) == [[0], 1, 2]
    assert call("list.concat", [], None) == [None]
    assert before == [1, 2]


@pytest.mark.parametrize("objs", [None, "ab", {}, 1, b"ab"])
def test_concat_and_prepend_take_a_list(objs: Value) -> None:
    assert refused("list.concat", objs, 1).startswith("TypeError: list.concat: argument 'objs' must be 'list'")
    assert refused("list.prepend", objs, 1).startswith("TypeError: list.prepend: argument 'objs' must be 'list'")


@pytest.mark.parametrize(
    ("source", "keys", "value"),
    [
        ({"a": 1}, "a", 1),
        ({"a": 1}, "b", None),
        ({"a": {"b": {"c": 2}}}, ["a", "b", "c"], 2),
        ({"a": {"b": 1}}, ["a", "b", "c"], None),
        ({"a": {"b": 1}}, ["x", "b"], None),
        ({"a": [1]}, ["a", "0"], None),
        ({"a.b": 1}, "a.b", 1),
        ({"a": 1}, [], {"a": 1}),
        (None, "a", None),
        ([1], "a", None),
        ("text", [], None),
    ],
)
def test_get_gives_null_for_what_is_not_there(source: Value, keys: Value, value: Value) -> None:
    assert call("map.get", source, keys) == value


@pytest.mark.parametrize("keys", [None, 1, True, {}, [1], ["a", None]])
def test_get_takes_strings_as_keys(keys: Value) -> None:
    assert refused("map.get", {"a": {"b": 1}}, keys).startswith("TypeError: map.get: argument 'keys'")


def test_get_has_no_default_argument() -> None:
    assert refused("map.get", {}, "a", 1) == "TypeError: map.get takes 2 arguments, got 3"


def test_delete_gives_a_copy_without_the_key() -> None:
    before: dict[str, Value] = {"a": 1, "b": 2}
    assert call("map.delete", before, "a") == {"b": 2}
    assert call("map.delete", before, "x") == before
    assert before == {"a": 1, "b": 2}
    assert refused("map.delete", [], "a").startswith("TypeError: map.delete: argument 'map' must be 'dict'")
    assert refused("map.delete", {}, 1).startswith("TypeError: map.delete: argument 'key' must be 'str'")


def test_merge_is_shallow_and_the_second_wins() -> None:
    first: dict[str, Value] = {"a": {"x": 1}, "b": 1}
    assert call("map.merge", first, {"a": {"y": 2}, "c": 3}) == {"a": {"y": 2}, "b": 1, "c": 3}
    assert first == {"a": {"x": 1}, "b": 1}


def test_merge_nested_goes_down_and_changes_no_argument() -> None:
    first: dict[str, Value] = {"a": {"x": 1, "m": {"p": 1}}, "b": {"z": 1}, "c": 1}
    second: dict[str, Value] = {"a": {"y": 2, "m": {"q": 2}}, "b": 5, "c": {"n": 1}}
    assert call("map.merge_nested", first, second) == {
        "a": {"x": 1, "y": 2, "m": {"p": 1, "q": 2}},
        "b": 5,
        "c": {"n": 1},
    }
    assert first == {"a": {"x": 1, "m": {"p": 1}}, "b": {"z": 1}, "c": 1}
    assert second == {"a": {"y": 2, "m": {"q": 2}}, "b": 5, "c": {"n": 1}}


def test_merge_nested_needs_no_stack_for_deep_maps() -> None:
    deep: Value = {}
    for _ in range(5000):
        deep = {"k": deep}
    merged = call("map.merge_nested", deep, deep)
    for _ in range(5000):
        assert isinstance(merged, dict)
        merged = merged["k"]
    assert merged == {}


@pytest.mark.parametrize("name", ["map.merge", "map.merge_nested"])
def test_merging_takes_maps(name: str) -> None:
    assert refused(name, None, {}) == f"TypeError: {name}: argument 'first' must be 'dict', not 'NoneType'"
    assert refused(name, {}, [1]) == f"TypeError: {name}: argument 'second' must be 'dict', not 'list'"
