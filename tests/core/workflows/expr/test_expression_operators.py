"""The tables of the operators, one row a pair of types."""

from __future__ import annotations

import itertools
import math

import pytest
from expression_world import error_of, evaluated
from hypothesis import given
from hypothesis import strategies as st

from hakobune.core.workflows.values import FunctionValue, Value

SAMPLES: dict[str, Value] = {
    "int": 7,
    "float": 2.5,
    "str": "s",
    "bool": True,
    "NoneType": None,
    "list": [1],
    "dict": {"k": 1},
    "bytes": b"b",
    "function": FunctionValue("f"),
}
NUMBERS = {"int", "float"}
PAIRS = list(itertools.product(SAMPLES, SAMPLES))


def is_exactly(value: Value, expected: Value) -> bool:
    return value == expected and type(value) is type(expected)


@pytest.mark.parametrize(("left", "right"), PAIRS)
def test_given_two_types_when_added_then_the_documented_table_holds(left: str, right: str) -> None:
    texts = {"int": "7", "float": "2.5", "str": "s", "bool": "true"}
    a, b = SAMPLES[left], SAMPLES[right]
    if left in NUMBERS and right in NUMBERS:
        assert is_exactly(evaluated("a + b", a=a, b=b), a + b)  # type: ignore[operator]
    elif "str" in (left, right) and {left, right} <= texts.keys():
        assert evaluated("a + b", a=a, b=b) == texts[left] + texts[right]
    else:
        expected = f"TypeError: unsupported operand types for +: '{left}' and '{right}'"
        assert error_of("a + b", a=a, b=b) == (expected, ["TypeError"])


@pytest.mark.parametrize("operator", ["-", "*", "/", "//", "%"])
@pytest.mark.parametrize(("left", "right"), PAIRS)
def test_given_two_types_when_calculated_then_only_numbers_are_taken(operator: str, left: str, right: str) -> None:
    a, b = SAMPLES[left], SAMPLES[right]
    if left in NUMBERS and right in NUMBERS:
        value = evaluated(f"a {operator} b", a=a, b=b)
        is_double = operator == "/" or "float" in (left, right)
        assert type(value) is (float if is_double else int)
    else:
        expected = f"TypeError: unsupported operand types for {operator}: '{left}' and '{right}'"
        assert error_of(f"a {operator} b", a=a, b=b) == (expected, ["TypeError"])


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 + 2", 3),
        ("1 + 2.5", 3.5),
        ("1.5 - 1", 0.5),
        ("2 * 3", 6),
        ("2 * 1.5", 3.0),
        ("4 / 2", 2.0),
        ("7 / 2", 3.5),
        ("20 * 9 / 5 + 32", 68.0),
        ("7 // 2", 3),
        ("-7 // 2", -4),
        ("7 // -2", -4),
        ("-7.5 // 2", -4.0),
        ("7 // 2.0", 3.0),
        ("7 % 3", 1),
        ("-7 % 3", 2),
        ("7 % -3", -2),
        ("-7.5 % 2", 0.5),
        ("-(3)", -3),
        ("-2.5", -2.5),
        ("+3", 3),
        ("+2.5", 2.5),
        ("1e308 * 10", math.inf),
        ("1e308 / 1e-308", math.inf),
        ("-1e308 * 10", -math.inf),
        ('"a" + 5', "a5"),
        ('5 + "a"', "5a"),
        ('"a" + 2.0', "a2"),
        ('1.25 + "a"', "1.25a"),
        ('"a" + true', "atrue"),
        ('false + "a"', "falsea"),
        ('"a" + "b" + 1 + 2', "ab12"),
        ('1 + 2 + "a"', "3a"),
        ('"n" + 1e21', "n1e+21"),
        ('"n" + 0.0000001', "n1e-7"),
    ],
)
def test_given_numbers_and_strings_when_calculated_then_value_and_type_are_right(text: str, value: Value) -> None:
    assert is_exactly(evaluated(text), value)


@pytest.mark.parametrize("operator", ["/", "//", "%"])
@pytest.mark.parametrize("left", ["1", "1.5", "0"])
@pytest.mark.parametrize("zero", ["0", "0.0", "-0.0"])
def test_given_a_zero_when_divided_by_then_it_raises(operator: str, left: str, zero: str) -> None:
    expected = ("ZeroDivisionError: division by zero", ["ZeroDivisionError", "ArithmeticError"])
    assert error_of(f"{left} {operator} {zero}") == expected
    assert error_of(f"x {operator} {zero}", x=1) == expected


@pytest.mark.parametrize(
    "text",
    [
        "9223372036854775807 + 1",
        "-9223372036854775808 - 1",
        "9223372036854775807 * 2",
        "-9223372036854775808 // -1",
        "-(-9223372036854775808)",
    ],
)
def test_given_integers_when_the_result_does_not_fit_into_64_bits_then_it_raises(text: str) -> None:
    assert error_of(text) == ("ValueError: integer overflow", ["ValueError"])


@given(st.integers(-(2**63), 2**63 - 1), st.integers(-(2**63), 2**63 - 1))
def test_given_integers_when_divided_then_quotient_and_remainder_belong_together(a: int, b: int) -> None:
    if b != 0 and (a, b) != (-(2**63), -1):
        quotient, remainder = evaluated("a // b", a=a, b=b), evaluated("a % b", a=a, b=b)
        assert isinstance(quotient, int)
        assert isinstance(remainder, int)
        assert quotient * b + remainder == a
        assert remainder == 0 or (remainder < 0) == (b < 0)


@pytest.mark.parametrize("sign", ["-", "+"])
@pytest.mark.parametrize("kind", sorted(SAMPLES.keys() - NUMBERS))
def test_given_no_number_when_it_gets_a_sign_then_it_raises(sign: str, kind: str) -> None:
    expected = f"TypeError: unsupported operand type for unary {sign}: '{kind}'"
    assert error_of(f"{sign}x", x=SAMPLES[kind]) == (expected, ["TypeError"])


@pytest.mark.parametrize(("left", "right"), PAIRS)
def test_given_two_kinds_when_compared_for_equality_then_only_equal_kinds_can_be_equal(left: str, right: str) -> None:
    a, b = SAMPLES[left], SAMPLES[right]
    assert evaluated("a == b", a=a, b=b) is (left == right)
    assert evaluated("a != b", a=a, b=b) is (left != right)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 == 1.0", True),
        ("true == 1", False),
        ("false == 0", False),
        ("true == 1.0", False),
        ("null == null", True),
        ("null == false", False),
        ('"" == null', False),
        ('"1" == 1', False),
        ("[1, [2]] == [1.0, [2]]", True),
        ("[1, 2] == [2, 1]", False),
        ("[1] == [1, 1]", False),
        ("[true] == [1]", False),
        ('{"a": 1, "b": null} == {"b": null, "a": 1.0}', True),
        ('{"a": 1} == {"b": 1}', False),
        ('{"a": {"x": [1]}} == {"a": {"x": [2]}}', False),
        ("9007199254740993 == 9007199254740992.0", False),
        ("1 < 2", True),
        ("2 < 1", False),
        ("1 <= 1", True),
        ("2 > 1", True),
        ("1 >= 2", False),
        ("1 < 1.5", True),
        ("1.5 <= 1.5", True),
        ("1.5 > 2", False),
        ("2.5 >= 2", True),
        ('"a" < "b"', True),
        ('"Z" < "a"', True),
        ('"a" <= "a"', True),
        ('"b" > "a"', True),
        ('"a" >= "b"', False),
        ('"é" > "z"', True),
        ("1 in [1, 2]", True),
        ("1.0 in [1, 2]", True),
        ("true in [1, 2]", False),
        ("null in [null]", True),
        ('"a" in ["a"]', True),
        ('"a" in ["ab"]', False),
        ("[1] in [[1.0]]", True),
        ("1 in []", False),
        ('"a" in {"a": null}', True),
        ('"b" in {"a": 1}', False),
        ('1 in {"1": 1}', False),
        ('null in {"a": 1}', False),
    ],
)
def test_given_values_when_compared_then_the_answer_is_a_boolean(text: str, value: bool) -> None:
    assert evaluated(text) is value


@pytest.mark.parametrize("operator", ["<", "<=", ">", ">="])
@pytest.mark.parametrize(("left", "right"), PAIRS)
def test_given_two_types_when_ordered_then_numbers_and_strings_only(operator: str, left: str, right: str) -> None:
    a, b = SAMPLES[left], SAMPLES[right]
    if {left, right} <= NUMBERS or left == right == "str":
        assert isinstance(evaluated(f"a {operator} b", a=a, b=b), bool)
    else:
        expected = f"TypeError: unsupported operand types for {operator}: '{left}' and '{right}'"
        assert error_of(f"a {operator} b", a=a, b=b) == (expected, ["TypeError"])


def test_given_a_chain_of_comparisons_when_evaluated_then_a_boolean_has_no_order() -> None:
    assert error_of("1 < 2 < 3") == ("TypeError: unsupported operand types for <: 'bool' and 'int'", ["TypeError"])


@pytest.mark.parametrize("kind", sorted(SAMPLES.keys() - {"list", "dict"}))
def test_given_no_container_when_searched_then_it_raises(kind: str) -> None:
    expected = f"TypeError: unsupported operand types for in: 'str' and '{kind}'"
    assert error_of('"s" in x', x=SAMPLES[kind]) == (expected, ["TypeError"])


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true and true", True),
        ("true and false", False),
        ("false or true", True),
        ("false or false", False),
        ("not true", False),
        ("not false", True),
        ("not(1 == 2)", True),
        ("true or false and false", True),
        ("false and missing.key", False),
        ("true or missing.key", True),
        ('"pageToken" in page and page.pageToken != ""', False),
    ],
)
def test_given_booleans_when_combined_then_the_right_side_is_evaluated_only_if_needed(text: str, value: bool) -> None:
    assert evaluated(text, missing=None, page={}) is value


@pytest.mark.parametrize("kind", sorted(SAMPLES.keys() - {"bool"}))
@pytest.mark.parametrize(
    ("text", "operator"),
    [("x and true", "and"), ("true and x", "and"), ("x or true", "or"), ("false or x", "or"), ("not x", "not")],
)
def test_given_no_boolean_when_combined_then_it_raises(text: str, operator: str, kind: str) -> None:
    expected = f"TypeError: unsupported operand type for {operator}: '{kind}'"
    assert error_of(text, x=SAMPLES[kind]) == (expected, ["TypeError"])
