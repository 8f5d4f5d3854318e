"""`math.*`."""

from __future__ import annotations

import math

import pytest
from library_calls import call, refused

from hakobune.core.workflows.values import Value


def exactly(value: Value) -> tuple[type, Value]:
    return type(value), value


@pytest.mark.parametrize(("x", "value"), [(-3, 3), (3, 3), (-2.5, 2.5), (0, 0), (-(2**63) + 1, 2**63 - 1)])
def test_abs_keeps_the_type(x: Value, value: Value) -> None:
    assert exactly(call("math.abs", x)) == exactly(value)


def test_abs_of_the_smallest_integer_overflows() -> None:
    assert refused("math.abs", -(2**63)) == "ValueError: integer overflow"
    assert call("math.abs", -(2.0**63)) == 2.0**63


@pytest.mark.parametrize(
    ("x", "y", "most", "least"), [(1, 2, 2, 1), (2, 1.5, 2, 1.5), (1, 1.0, 1, 1), (1.0, 1, 1.0, 1.0), (-1, -2, -1, -2)]
)
def test_max_and_min_keep_the_type_and_take_the_first_of_equals(x: Value, y: Value, most: Value, least: Value) -> None:
    assert exactly(call("math.max", x, y)) == exactly(most)
    assert exactly(call("math.min", x, y)) == exactly(least)


@pytest.mark.parametrize(("x", "value"), [(2.7, 2), (-2.1, -3), (5, 5), (-0.0, 0)])
def test_floor_is_an_integer(x: Value, value: int) -> None:
    assert exactly(call("math.floor", x)) == exactly(value)


@pytest.mark.parametrize("x", [math.nan, math.inf, 1e30, -1e19])
def test_floor_out_of_range(x: float) -> None:
    assert refused("math.floor", x).startswith("ValueError: math.floor: ")


@pytest.mark.parametrize("x", [True, "1", None, [], b""])
def test_only_numbers(x: Value) -> None:
    for name in ("math.abs", "math.floor"):
        assert refused(name, x).startswith(f"TypeError: {name}: argument 'x' must be a number")
    for name in ("math.max", "math.min"):
        assert refused(name, x, 1).startswith(f"TypeError: {name}: argument 'x'")
        assert refused(name, 1, x).startswith(f"TypeError: {name}: argument 'y'")


def test_max_takes_two_arguments() -> None:
    assert refused("math.max", 1).startswith("TypeError: math.max: missing argument y")
    assert refused("math.max", 1, 2, 3) == "TypeError: math.max takes 2 arguments, got 3"
