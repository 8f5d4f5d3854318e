"""The helper functions without a module."""

from __future__ import annotations

import math

import pytest
from library_calls import call, refused

from hakobune.core.workflows.values import FunctionValue, Value

NOT_A_NUMBER: list[Value] = [True, None, [], {}, b"1", FunctionValue("retry.always")]


@pytest.mark.parametrize(
    ("x", "value"),
    [("2.5", 2.5), ("-7", -7.0), ("1e3", 1000.0), (".5", 0.5), ("5.", 5.0), ("+1.0E-2", 0.01), (3, 3.0), (1.25, 1.25)],
)
def test_double_of_texts_and_numbers(x: Value, value: float) -> None:
    result = call("double", x)
    assert isinstance(result, float)
    assert result == value


@pytest.mark.parametrize("x", ["", " 1", "1 ", "1_0", "abc", "nan", "inf", "1e999", "0x10", "１"])
def test_double_of_a_text_that_is_no_number(x: str) -> None:
    assert refused("double", x).startswith("ValueError: ")


@pytest.mark.parametrize("x", NOT_A_NUMBER)
def test_double_of_another_type(x: Value) -> None:
    assert refused("double", x).startswith("TypeError: unsupported operand type for double(): ")


@pytest.mark.parametrize(
    ("x", "value"),
    [
        (2.7, 2),
        (-2.7, -2),
        ("12", 12),
        ("-12", -12),
        ("+3", 3),
        ("007", 7),
        (5, 5),
        ("9223372036854775807", 2**63 - 1),
        ("-9223372036854775808", -(2**63)),
        ("0" * 5000 + "1", 1),
    ],
)
def test_int_of_texts_and_numbers(x: Value, value: int) -> None:
    result = call("int", x)
    assert type(result) is int
    assert result == value


@pytest.mark.parametrize(
    "x",
    ["2.7", "", " 1", "1 ", "1_0", "x", "--1", "9223372036854775808", "9" * 5000, math.nan, math.inf, -math.inf, 1e19],
)
def test_int_of_what_is_no_64_bit_integer(x: Value) -> None:
    assert refused("int", x).startswith("ValueError: ")


@pytest.mark.parametrize("x", NOT_A_NUMBER)
def test_int_of_another_type(x: Value) -> None:
    assert refused("int", x).startswith("TypeError: unsupported operand type for int(): ")


@pytest.mark.parametrize(
    ("x", "value"),
    [(27, "27"), (1.7, "1.7"), (2.0, "2"), (True, "true"), (False, "false"), ("a", "a"), (1e21, "1e+21")],
)
def test_string_of_scalars(x: Value, value: str) -> None:
    assert call("string", x) == value


@pytest.mark.parametrize(("x", "name"), [({}, "dict"), ([], "list"), (None, "NoneType"), (b"", "bytes")])
def test_string_of_another_type_has_the_observed_message(x: Value, name: str) -> None:
    assert refused("string", x) == f"TypeError: unsupported operand type for string(): '{name}'"


def test_keys_are_sorted_by_code_point() -> None:
    assert call("keys", {"b": 1, "a": 2, "B": 3, "日": 4}) == ["B", "a", "b", "日"]
    assert call("keys", {}) == []
    assert refused("keys", []) == "TypeError: unsupported operand type for keys(): 'list'"


@pytest.mark.parametrize(("x", "length"), [("", 0), ("日本語", 3), ("😀", 1), ([1, [2, 3]], 2), ({"a": 1}, 1)])
def test_len_counts_characters_elements_entries(x: Value, length: int) -> None:
    assert call("len", x) == length


@pytest.mark.parametrize("x", [1, 1.0, True, None, b"abc"])
def test_len_of_another_type(x: Value) -> None:
    assert refused("len", x).startswith("TypeError: ")


def test_default_replaces_null_only() -> None:
    assert call("default", None, 1) == 1
    assert call("default", False, 1) is False
    assert call("default", "", 1) == ""
    assert call("default", None, None) is None


def test_if_takes_null_as_false_and_no_other_type() -> None:
    assert call("if", True, 1, 2) == 1
    assert call("if", False, 1, 2) == 2
    assert call("if", None, 1, 2) == 2
    assert refused("if", 1, 1, 2) == "TypeError: unsupported operand type for if(): 'int'"
    assert refused("if", "true", 1, 2).startswith("TypeError: ")


@pytest.mark.parametrize(
    ("x", "name"),
    [
        (1, "integer"),
        (1.0, "double"),
        ("", "string"),
        (True, "boolean"),
        (None, "null"),
        ([], "list"),
        ({}, "map"),
        (b"", "bytes"),
        (FunctionValue("retry.always"), "callable"),
    ],
)
def test_get_type(x: Value, name: str) -> None:
    assert call("get_type", x) == name
