"""The helper functions without a module: `double`, `int`, `string`, `keys`, `len`, `default`, `if`, `get_type`.

Source: https://cloud.google.com/workflows/docs/reference/stdlib/expression-helpers
"""

from __future__ import annotations

import math
import re

from hakobune.core.workflows.failures import value_error
from hakobune.core.workflows.stdlib.arguments import unsupported
from hakobune.core.workflows.stdlib.registry import Kind, LibraryFunction, LibraryParameter
from hakobune.core.workflows.values import INT64_MAX, INT64_MIN, FunctionValue, Value, number_text

_INTEGER = re.compile(r"[+-]?[0-9]+", re.ASCII)
_DOUBLE = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?", re.ASCII)
_INTEGER_DIGITS_MAX = 19  # of the largest 64-bit integer


def to_double(x: Value) -> Value:
    """The double that a string or an integer says. Raises Failure (TypeError, ValueError)."""
    if isinstance(x, bool):
        raise unsupported("double", x)
    if isinstance(x, int | float):
        return float(x)
    if not isinstance(x, str):
        raise unsupported("double", x)
    value = float(x) if _DOUBLE.fullmatch(x) else math.inf
    if not math.isfinite(value):
        raise value_error(f"could not convert string to double: {_quoted(x)}")
    return value


def to_int(x: Value) -> Value:
    """The integer that a string says, or a double without its fraction. Raises Failure (TypeError, ValueError)."""
    if isinstance(x, bool):
        raise unsupported("int", x)
    if isinstance(x, int):
        return x
    if isinstance(x, float):
        return _truncated(x)
    if not isinstance(x, str):
        raise unsupported("int", x)
    if not _INTEGER.fullmatch(x):
        raise value_error(f"could not convert string to int: {_quoted(x)}")
    # Python refuses to read very long texts of digits, leading zeros too.
    digits = x.lstrip("+-").lstrip("0") or "0"
    size = int(digits) if len(digits) <= _INTEGER_DIGITS_MAX else INT64_MAX + 2
    value = -size if x.startswith("-") else size
    if not INT64_MIN <= value <= INT64_MAX:
        raise value_error(f"integer out of range: {_quoted(x)}")
    return value


def _truncated(x: float) -> int:
    if not math.isfinite(x) or not INT64_MIN <= int(x) <= INT64_MAX:
        raise value_error(f"could not convert double to int: {number_text(x)}")
    return int(x)


def to_string(x: Value) -> Value:
    """The text of a number, boolean or string. Raises Failure (TypeError)."""
    if isinstance(x, str):
        return x
    if isinstance(x, bool):
        return "true" if x else "false"
    if isinstance(x, int | float):
        return number_text(x)
    raise unsupported("string", x)


def keys(m: Value) -> Value:
    """The keys of a map, ascending by code point. Raises Failure (TypeError)."""
    if not isinstance(m, dict):
        raise unsupported("keys", m)
    return list[Value](sorted(m))


def length(x: Value) -> Value:
    """Characters of a string, elements of a list, entries of a map. Raises Failure (TypeError)."""
    if isinstance(x, str | list | dict):
        return len(x)
    raise unsupported("len", x)


def default(val: Value, d: Value) -> Value:
    """`val`, or `d` where it is null."""
    return d if val is None else val


def choose(condition: Value, then: Value, otherwise: Value) -> Value:
    """`then` if the condition is true, `otherwise` if it is false or null. Raises Failure (TypeError)."""
    if condition is None:
        return otherwise
    if not isinstance(condition, bool):
        raise unsupported("if", condition)
    return then if condition else otherwise


def get_type(x: Value) -> Value:
    """The language's name of the type. "callable" for a function that is only named is inferred."""
    match x:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "double"
        case str():
            return "string"
        case bytes():
            return "bytes"
        case list():
            return "list"
        case dict():
            return "map"
        case FunctionValue():
            return "callable"


def _quoted(text: str) -> str:
    shown = text if len(text) <= 60 else f"{text[:60]}…"
    return f'"{shown}"'


_X = (LibraryParameter("x"),)

FUNCTIONS = (
    LibraryFunction(name="double", parameters=_X, kind=Kind.PURE, run=to_double, ns=2),
    LibraryFunction(name="int", parameters=_X, kind=Kind.PURE, run=to_int, ns=5),
    LibraryFunction(name="string", parameters=_X, kind=Kind.PURE, run=to_string),
    LibraryFunction(name="keys", parameters=(LibraryParameter("m"),), kind=Kind.PURE, run=keys, ns=20),
    LibraryFunction(name="len", parameters=_X, kind=Kind.PURE, run=length),
    LibraryFunction(
        name="default",
        parameters=(LibraryParameter("val"), LibraryParameter("d")),
        kind=Kind.PURE,
        run=default,
    ),
    LibraryFunction(
        name="if",
        parameters=(LibraryParameter("cond"), LibraryParameter("a"), LibraryParameter("b")),
        kind=Kind.PURE,
        run=choose,
    ),
    LibraryFunction(name="get_type", parameters=_X, kind=Kind.PURE, run=get_type),
)
