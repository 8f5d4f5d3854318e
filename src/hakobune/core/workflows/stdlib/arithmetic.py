"""`math.*`. Source: https://cloud.google.com/workflows/docs/reference/stdlib/math/abs, …/math/max, …/math/min."""

from __future__ import annotations

import math

from hakobune.core.workflows.failures import value_error
from hakobune.core.workflows.stdlib.arguments import number
from hakobune.core.workflows.stdlib.registry import Kind, LibraryFunction, LibraryParameter
from hakobune.core.workflows.values import INT64_MAX, INT64_MIN, Value, number_text


def absolute(x: Value) -> Value:
    """The number without its sign. Raises Failure (TypeError; ValueError for the smallest integer)."""
    operand = number("math.abs", "x", x)
    if operand == INT64_MIN and isinstance(operand, int):
        raise value_error("integer overflow")
    return abs(operand)


def largest(x: Value, y: Value) -> Value:
    """The larger number, with its type; of equal ones the first. Raises Failure (TypeError)."""
    first, second = number("math.max", "x", x), number("math.max", "y", y)
    return max(first, second)


def smallest(x: Value, y: Value) -> Value:
    """The smaller number, with its type; of equal ones the first. Raises Failure (TypeError)."""
    first, second = number("math.min", "x", x), number("math.min", "y", y)
    return min(first, second)


def floor(x: Value) -> Value:
    """The largest integer that is not larger: an extension, the documentation has no such function.

    Raises Failure (TypeError, ValueError).
    """
    operand = number("math.floor", "x", x)
    if not math.isfinite(operand) or not INT64_MIN <= math.floor(operand) <= INT64_MAX:
        raise value_error(f"math.floor: out of the range of integers: {number_text(operand)}")
    return math.floor(operand)


_X = (LibraryParameter("x"),)
_XY = (LibraryParameter("x"), LibraryParameter("y"))

FUNCTIONS = (
    LibraryFunction(name="math.abs", parameters=_X, kind=Kind.PURE, run=absolute),
    LibraryFunction(name="math.max", parameters=_XY, kind=Kind.PURE, run=largest),
    LibraryFunction(name="math.min", parameters=_XY, kind=Kind.PURE, run=smallest),
    LibraryFunction(name="math.floor", parameters=_X, kind=Kind.PURE, run=floor),
)
