"""Values: names of types, equality, text of numbers, JSON out and in, size."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hakobune.core.workflows.failures import Failure
from hakobune.core.workflows.values import (
    FunctionValue,
    Value,
    deep_equal,
    from_json,
    kind_name,
    measured_size,
    number_text,
    to_json,
    type_name,
    utf8_length,
)

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(-(2.0**53), 2.0**53),  # beyond, the shortest text may be that of another integer
    st.text(st.characters(codec="utf-8"), max_size=8),
)
VALUES: st.SearchStrategy[Value] = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=4), inner, max_size=4),
    ),
    max_leaves=12,
)


def nested(levels: int) -> Value:
    value: Value = 1
    for level in range(levels):
        value = [value] if level % 2 else {"k": value}
    return value


def message_of(failure: pytest.ExceptionInfo[Failure]) -> str:
    value = failure.value.value
    assert isinstance(value, dict)
    return str(value["message"])


@pytest.mark.parametrize(
    ("value", "kind", "name"),
    [
        (1, "integer", "int"),
        (1.5, "double", "float"),
        ("a", "string", "str"),
        (True, "boolean", "bool"),
        (None, "null", "NoneType"),
        ([], "list", "list"),
        ({}, "map", "dict"),
        (b"", "bytes", "bytes"),
        (FunctionValue("f"), "callable", "function"),
    ],
)
def test_given_a_value_when_named_then_its_type_is_told(value: Value, kind: str, name: str) -> None:
    assert (kind_name(value), type_name(value)) == (kind, name)


@pytest.mark.parametrize(
    ("left", "right", "is_equal"),
    [
        (1, 1.0, True),
        (1, True, False),
        (0.0, False, False),
        (2**53 + 1, float(2**53), False),
        (0.0, -0.0, True),
        (math.nan, math.nan, False),
        ([math.nan], [math.nan], False),
        (b"a", b"a", True),
        (b"a", "a", False),
        (FunctionValue("f"), FunctionValue("f"), True),
        (FunctionValue("f"), FunctionValue("g"), False),
        ([], {}, False),
        ([], [], True),
        ([1, [2.0]], [1.0, [2]], True),
        ([1, 2], [1], False),
        ({"a": [True]}, {"a": [1]}, False),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
        ({"a": 1}, {"a": 1, "b": 2}, False),
    ],
)
def test_given_two_values_when_compared_then_kinds_stay_apart(left: Value, right: Value, is_equal: bool) -> None:
    assert deep_equal(left, right) is is_equal
    assert deep_equal(right, left) is is_equal


@given(VALUES)
def test_given_any_value_when_compared_with_itself_or_its_copy_then_it_is_equal(value: Value) -> None:
    assert deep_equal(value, value)
    assert deep_equal(value, from_json(to_json(value)))


def test_given_values_deeper_than_the_stack_when_compared_then_there_is_an_answer() -> None:
    assert deep_equal(nested(5_000), nested(5_000))
    assert not deep_equal(nested(5_000), nested(5_002))


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (27, "27"),
        (-5, "-5"),
        (1.7, "1.7"),
        (80.6, "80.6"),
        (2.0, "2"),
        (0.0, "0"),
        (-0.0, "-0"),
        (1715169660.0, "1715169660"),
        (0.1 + 0.2, "0.30000000000000004"),
        (1e15, "1000000000000000"),
        (1e16, "10000000000000000"),
        (123456789012345678.0, "123456789012345680"),
        (1.2345678901234567e20, "123456789012345670000"),
        (-1e20, "-100000000000000000000"),
        (1e21, "1e+21"),
        (1.5e300, "1.5e+300"),
        (0.0001, "0.0001"),
        (0.00001, "0.00001"),
        (-0.0000015, "-0.0000015"),
        (0.000001, "0.000001"),
        (0.0000001, "1e-7"),
        (-1.25e-10, "-1.25e-10"),
        (5e-324, "5e-324"),
        (math.inf, "+Inf"),
        (-math.inf, "-Inf"),
        (math.nan, "NaN"),
    ],
)
def test_given_a_number_when_written_then_its_text_is_that_of_gos_encoder(number: float, text: str) -> None:
    assert number_text(number) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_given_any_double_when_written_then_its_text_gives_it_again(number: float) -> None:
    assert float(number_text(number)) == number


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (False, "false"),
        (12, "12"),
        (2.0, "2"),
        ('é\n"<&>', '"é\\n\\"<&>"'),
        ([], "[]"),
        ({}, "{}"),
        ([1, [True, None], "x"], '[1,[true,null],"x"]'),
        ({"b": 1, "a": {"d": 2, "c": 3}}, '{"a":{"c":3,"d":2},"b":1}'),
        ({"b": 2.0, "a": [1e21, True, 3, "é"]}, '{"a":[1e+21,true,3,"é"],"b":2}'),
        ({'é"': 0.5}, '{"é\\"":0.5}'),
    ],
)
def test_given_a_value_when_it_becomes_json_then_keys_are_sorted_and_numbers_short(value: Value, text: str) -> None:
    assert to_json(value) == text


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (b"x", "ValueError: a value of type 'bytes' cannot be written as JSON"),
        ({"a": [b"x"]}, "ValueError: a value of type 'bytes' cannot be written as JSON"),
        ([1.5, b"x"], "ValueError: a value of type 'bytes' cannot be written as JSON"),
        (FunctionValue("f"), "ValueError: a value of type 'function' cannot be written as JSON"),
        ([FunctionValue("f")], "ValueError: a value of type 'function' cannot be written as JSON"),
        (math.nan, "ValueError: NaN cannot be written as JSON"),
        ([math.inf], "ValueError: +Inf cannot be written as JSON"),
        ({"a": -math.inf}, "ValueError: -Inf cannot be written as JSON"),
        (nested(101), "ValueError: lists and maps are nested more than 100 levels deep"),
        (nested(5_000), "ValueError: lists and maps are nested more than 100 levels deep"),
    ],
)
def test_given_what_json_cannot_hold_when_written_then_it_raises(value: Value, message: str) -> None:
    with pytest.raises(Failure) as raised:
        to_json(value)
    assert raised.value.value == {"message": message, "tags": ["ValueError"]}


@given(VALUES)
def test_given_any_value_when_written_and_read_then_it_is_the_same_and_other_readers_agree(value: Value) -> None:
    text = to_json(value)
    assert deep_equal(from_json(text), value)
    assert deep_equal(json.loads(text), value)
    assert deep_equal(from_json(text.encode()), value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("-0", 0),
        ("9223372036854775807", 2**63 - 1),
        ("-9223372036854775808", -(2**63)),
        ("9223372036854775808", 9223372036854775808.0),
        ("-9223372036854775809", -9223372036854775808.0),
        ("1.0", 1.0),
        ("1e2", 100.0),
        ("1E400000", None),
        ('{"a": 1, "a": 2}', {"a": 2}),
        (' [1, {"b": null}] \n', [1, {"b": None}]),
        (r'"\ud83d\ude00"', "😀"),
        (r'["\ud83d", {"\ude00": "a\ud83dz", "n": 1}]', ["\ufffd", {"\ufffd": "a\ufffdz", "n": 1}]),
        (r'"\\ud83d"', r"\ud83d"),
        (b'"\xc3\xa9"', "é"),
    ],
)
def test_given_json_when_read_then_numbers_and_characters_are_right(text: str | bytes, value: Value) -> None:
    if value is None:
        with pytest.raises(Failure, match="too large for a double"):
            from_json(text)
    else:
        found = from_json(text)
        assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "ValueError: invalid JSON: Expecting value (line 1, column 1)"),
        ('{"a":\n }', "ValueError: invalid JSON: Expecting value (line 2, column 2)"),
        ("[1] 2", "ValueError: invalid JSON: Extra data (line 1, column 5)"),
        ("NaN", "ValueError: invalid JSON: NaN is not a value"),
        ("[-Infinity]", "ValueError: invalid JSON: -Infinity is not a value"),
        ('"\x01"', "ValueError: invalid JSON: Invalid control character at (line 1, column 2)"),
        ("1" * 400, f"ValueError: invalid JSON: the number {'1' * 24} is too large for a double"),
        (b"[1, \xff]", "ValueError: invalid JSON: not UTF-8 at byte 4"),
        ("[" * 101 + "]" * 101, "ValueError: invalid JSON: lists and maps are nested more than 100 levels deep"),
        (
            "[" * 100_000 + "]" * 100_000,
            "ValueError: invalid JSON: lists and maps are nested more than 100 levels deep",
        ),
    ],
)
def test_given_what_is_no_json_when_read_then_it_raises(text: str | bytes, message: str) -> None:
    with pytest.raises(Failure) as raised:
        from_json(text)
    assert raised.value.value == {"message": message, "tags": ["ValueError"]}


def test_given_a_double_beyond_the_exact_integers_when_read_again_then_it_is_the_integer_of_its_text() -> None:
    assert from_json(to_json(4.962703967783013e16)) == 49627039677830130


def test_given_as_many_levels_as_allowed_when_written_and_read_then_they_are_the_same() -> None:
    assert from_json(to_json(nested(100))) == nested(100)
    assert from_json(json.dumps([[]] * 200)) == [[]] * 200


@pytest.mark.parametrize(
    ("value", "size"),
    [
        (None, 4),
        (True, 4),
        (False, 5),
        (-12, 3),
        (2.0, 1),
        (80.6, 4),
        ("abc", 5),
        ("é", 4),
        ("\n", 4),
        (b"abc", 3),
        (b"", 0),
        (FunctionValue("f"), 0),
        ([], 2),
        ({}, 2),
        ([1, 2], 5),
        ({"a": "é"}, 10),
        ([b"abc", b"", FunctionValue("f")], 7),
        ({"k": b"12345"}, 11),
        ([True, None, 1.5], 15),
    ],
)
def test_given_a_value_when_measured_then_it_counts_as_its_json_text(value: Value, size: int) -> None:
    assert measured_size(value) == size


@given(VALUES)
def test_given_any_value_when_measured_then_only_the_spelling_of_doubles_differs(value: Value) -> None:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    if not isinstance(value, float):
        assert measured_size(value) == len(text.encode())


@pytest.mark.parametrize("levels", [101, 5_000])
def test_given_too_many_levels_when_measured_then_nobody_can_catch_the_error(levels: int) -> None:
    with pytest.raises(Failure) as raised:
        measured_size(nested(levels))
    assert message_of(raised) == "ResourceLimitError: lists and maps are nested more than 100 levels deep"
    assert not raised.value.is_catchable


def test_given_a_string_when_its_bytes_are_counted_then_it_is_utf8() -> None:
    assert [utf8_length(text) for text in ("abc", "é", "日本", "😀")] == [3, 2, 6, 4]


@pytest.mark.parametrize("text", ["[" + "[]," * 600_000 + "1]", " \n[" + '{"a":[]},' * 200_000 + "1]"])
def test_given_more_lists_and_maps_than_an_execution_can_hold_then_json_is_refused_before_it_is_read(text: str) -> None:
    with pytest.raises(Failure, match="lists and maps, the limit is 200000") as raised:
        from_json(text + "and this is no JSON")
    assert not raised.value.is_catchable


def test_given_as_many_containers_as_fit_or_brackets_in_a_text_alone_then_json_is_read() -> None:
    assert len(from_json("[" + "[]," * 174_000 + "1]")) == 174_001  # type: ignore[arg-type]
    assert from_json(json.dumps("[" * 300_000)) == "[" * 300_000
