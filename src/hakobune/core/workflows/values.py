"""How values compare, measure and become JSON."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NoReturn

from hakobune.core.workflows import limits
from hakobune.core.workflows.failures import resource_limit, value_error
from hakobune.core.workflows.kinds import INT64_MAX, INT64_MIN, FunctionValue, Value, kind_name, type_name

__all__ = [
    "INT64_MAX",
    "INT64_MIN",
    "FunctionValue",
    "Value",
    "check_extent",
    "deep_equal",
    "from_json",
    "kind_name",
    "measured_size",
    "number_text",
    "to_json",
    "type_name",
    "utf8_length",
]


def _for_free(_pairs: int) -> None:
    """Nobody counts the work."""


def deep_equal(left: Value, right: Value, spend: Callable[[int], None] = _for_free) -> bool:
    """Whether `left == right` in the language: numbers by value, containers element by element, kinds apart.

    NaN equals nothing. A boolean is no number: `true == 1` is false. `spend` is told how many pairs of elements are
    about to be compared; what it raises is passed on.
    """
    waiting: list[tuple[Value, Value]] = [(left, right)]
    while waiting:
        a, b = waiting.pop()
        kind = type(a)
        if kind is not type(b):
            if not _are_equal_numbers(a, b):
                return False
        elif isinstance(a, list) and isinstance(b, list):
            if len(a) != len(b):
                return False
            spend(len(a))
            waiting.extend(zip(a, b, strict=True))
        elif isinstance(a, dict) and isinstance(b, dict):
            if a.keys() != b.keys():
                return False
            spend(len(a))
            waiting.extend((element, b[key]) for key, element in a.items())
        elif a != b:
            return False
    return True


def _are_equal_numbers(a: Value, b: Value) -> bool:
    """An integer and a double of the same value (compared exactly, not after rounding)."""
    if isinstance(a, bool) or isinstance(b, bool):
        return False
    return isinstance(a, int | float) and isinstance(b, int | float) and a == b


_EXPONENT_FROM: Final = 1e21  # where Go's encoding/json, as ECMAScript, begins to write exponents
_EXPONENT_BELOW: Final = 1e-6
_EXACT_BELOW: Final = 1e15  # all digits of an integral double are its own below 2**53


def number_text(number: float) -> str:
    """The text of a number, as Go's JSON encoder writes it: the shortest decimal that gives the number again.

    `80.6` for 80.6, `2` for 2.0, `1e+21`, `1e-7`; exponents only from 1e21 and below 1e-6. `NaN`, `+Inf` and `-Inf`
    have a text too, though not in JSON.
    """
    if isinstance(number, int):
        return str(number)
    if number.is_integer() and abs(number) < _EXACT_BELOW:
        return str(int(number)) if number or math.copysign(1.0, number) > 0 else "-0"
    if not math.isfinite(number):
        return "NaN" if math.isnan(number) else "+Inf" if number > 0 else "-Inf"
    mantissa, _, exponent = repr(number).partition("e")
    size = abs(number)
    if size >= _EXPONENT_FROM or size < _EXPONENT_BELOW:
        return f"{mantissa}e{exponent[0]}{exponent[1:].lstrip('0')}"
    if not exponent:
        return mantissa.removesuffix(".0")
    return _without_exponent(mantissa, int(exponent))


def _without_exponent(mantissa: str, exponent: int) -> str:
    """`1.5` and 16 → the digits with as many zeros as it takes."""
    sign = "-" if mantissa.startswith("-") else ""
    whole, _, fraction = mantissa.removeprefix("-").partition(".")
    digits = whole + fraction
    if exponent < 0:
        return f"{sign}0.{'0' * (-exponent - 1)}{digits}"
    return sign + digits.ljust(exponent + 1, "0")


# -- JSON out ---------------------------------------------------------------------------------------------------


def _refuse(value: Value) -> NoReturn:
    raise value_error(f"a value of type '{type_name(value)}' cannot be written as JSON")


_WRITER: Final = json.JSONEncoder(
    ensure_ascii=False, check_circular=False, sort_keys=True, separators=(",", ":"), default=_refuse
)


def to_json(value: Value) -> str:
    """Compact JSON text with sorted keys. Raises Failure (ValueError) for bytes, functions, NaN and infinities, and
    for more than NESTING_DEPTH levels; (ResourceLimitError) for a text that cannot be afforded.
    """
    check_extent(value)
    if isinstance(value, list | dict):
        levels, has_double = _shape(value)
        if levels > limits.NESTING_DEPTH:
            raise value_error(_TOO_DEEP)
        if not has_double:
            return _WRITER.encode(value)
    return _written(value)


@dataclass(frozen=True, slots=True)
class Extent:
    """How much there is in a value at all levels: characters of its text at least, and elements of lists and maps."""

    characters: int
    elements: int


def check_extent(value: Value) -> Extent:
    """The extent of a value. Refuses one whose text cannot be afforded: a list that holds another one a thousand times
    is small in memory, and its text is not. Raises Failure (ResourceLimitError).
    """
    if isinstance(value, str):
        if len(value) > limits.CEILING_CHARACTERS:
            raise resource_limit(_TOO_LARGE)
        return Extent(len(value), 0)
    level = [value] if isinstance(value, list | dict) else []
    left = limits.CEILING_CHARACTERS
    count = 0
    while level:
        below: list[list[Value] | dict[str, Value]] = []
        for container in level:
            elements = container.values() if isinstance(container, dict) else container
            count += len(elements)
            left -= len(elements) + (sum(map(len, container)) if isinstance(container, dict) else 0)
            kinds = set(map(type, elements))
            if str in kinds:
                left -= sum(len(element) for element in elements if isinstance(element, str))
            if list in kinds or dict in kinds:
                below += [element for element in elements if isinstance(element, list | dict)]
                left -= len(below)
            if left < 0:
                raise resource_limit(_TOO_LARGE)
        level = below
    return Extent(limits.CEILING_CHARACTERS - left, count)


_TOO_LARGE: Final = f"a value has more than {limits.CEILING_CHARACTERS} characters as text"
_TOO_DEEP: Final = f"lists and maps are nested more than {limits.NESTING_DEPTH} levels deep"


def _shape(value: list[Value] | dict[str, Value]) -> tuple[int, bool]:
    """Levels of lists and maps (an empty list has one), and whether a double is among the elements."""
    levels = 0
    has_double = False
    level = [value]
    while level:
        levels += 1
        below: list[list[Value] | dict[str, Value]] = []
        for container in level:
            for element in container.values() if isinstance(container, dict) else container:
                if isinstance(element, list | dict):
                    below.append(element)
                elif isinstance(element, float):
                    has_double = True
        level = below
    return levels, has_double


def _written(value: Value) -> str:
    """JSON text, where the encoder of the standard library would spell doubles in Python's way."""
    if isinstance(value, float):
        if not math.isfinite(value):
            raise value_error(f"{number_text(value)} cannot be written as JSON")
        return number_text(value)
    if isinstance(value, list):
        return f"[{','.join([_written(element) for element in value])}]"
    if isinstance(value, dict):
        entries = [f"{_WRITER.encode(key)}:{_written(value[key])}" for key in sorted(value)]
        return f"{{{','.join(entries)}}}"
    return _WRITER.encode(value)


# -- JSON in ----------------------------------------------------------------------------------------------------


def _no_constant(token: str) -> NoReturn:
    raise value_error(f"invalid JSON: {token} is not a value")


def _integer(digits: str) -> int | float:
    """An integer of 64 bits, or the nearest double."""
    if len(digits) <= _INT64_CHARACTERS:
        number = int(digits)
        if INT64_MIN <= number <= INT64_MAX:
            return number
    return _double(digits)


_INT64_CHARACTERS: Final = 20  # of the longest one, with its minus


def _double(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise value_error(f"invalid JSON: the number {digits[:24]} is too large for a double")
    return number


# The plain reader is the fastest one. It would take integers of any size, and turn too large doubles into Infinity.
_PLAIN_READER: Final = json.JSONDecoder(parse_constant=_no_constant)
_CAREFUL_READER: Final = json.JSONDecoder(parse_constant=_no_constant, parse_int=_integer, parse_float=_double)
_UNUSUAL_NUMBER: Final = re.compile("[0-9]{19}|[0-9][eE]")
_SURROGATE: Final = re.compile(r"\\u[dD][89a-fA-F]")


def from_json(text: str | bytes) -> Value:
    """The value of a JSON document (bytes: in UTF-8).

    Integers of 64 bits stay integers, other numbers are doubles; of equal keys the last one wins; half of a surrogate
    pair becomes U+FFFD, as Go's decoder has it. Raises Failure (ValueError), and (ResourceLimitError) before it is read
    where it would be so many lists and maps that no execution can hold them.
    """
    if isinstance(text, bytes):
        try:
            text = text.decode()
        except UnicodeDecodeError as error:
            raise value_error(f"invalid JSON: not UTF-8 at byte {error.start}") from error
    containers = _brackets(text)
    if containers > limits.JSON_CONTAINERS and text.lstrip()[:1] in ("[", "{"):
        raise resource_limit(f"JSON text has {containers} lists and maps, the limit is {limits.JSON_CONTAINERS}")
    reader = _CAREFUL_READER if _UNUSUAL_NUMBER.search(text) else _PLAIN_READER
    try:
        value: Value = reader.decode(text)
    except json.JSONDecodeError as error:
        raise value_error(f"invalid JSON: {error.msg} (line {error.lineno}, column {error.colno})") from error
    except RecursionError as error:
        raise value_error(f"invalid JSON: {_TOO_DEEP}") from error
    if containers > limits.NESTING_DEPTH and isinstance(value, list | dict) and _shape(value)[0] > limits.NESTING_DEPTH:
        raise value_error(f"invalid JSON: {_TOO_DEEP}")
    return _whole_characters(value) if _SURROGATE.search(text) else value


def _brackets(text: str) -> int:
    """A quick look: there are no more lists and maps than this, nor levels."""
    return text.count("[") + text.count("{")


def _whole_characters(value: Value) -> Value:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_whole_characters(element) for element in value]
    if isinstance(value, dict):
        return {str(_whole_characters(key)): _whole_characters(element) for key, element in value.items()}
    return value


# -- size -------------------------------------------------------------------------------------------------------


class _Uncounted:
    """Counts what JSON cannot hold, while the encoder writes a 0 in its place."""

    def __init__(self) -> None:
        self.size = 0

    def replaced(self, value: Value) -> int:
        """The 0, after its difference to the true size was noted."""
        self.size += (len(value) if isinstance(value, bytes) else 0) - 1
        return 0


def measured_size(value: Value, at_most: int = limits.CEILING_BYTES) -> int:
    """Bytes that a value counts against the memory limit: its compact JSON text in UTF-8; bytes as they are; functions
    nothing. (A double inside a container counts as Python spells it: `2.0` is one or two bytes longer than in JSON.)
    Of a container that has more than `at_most` for sure, anything above `at_most`: it is not worth the measuring.

    Raises Failure (ResourceLimitError) for more than NESTING_DEPTH levels, and for what cannot be afforded.
    """
    kind = type(value)
    if kind is int:
        return len(str(value))
    if value is None or value is True:
        return 4
    if value is False:
        return 5
    if isinstance(value, str):
        return utf8_length(_WRITER.encode(value))
    if isinstance(value, float):
        return len(number_text(value))
    if isinstance(value, bytes):
        return len(value)
    if isinstance(value, FunctionValue):
        return 0
    return _container_size(value, at_most)


def utf8_length(text: str) -> int:
    """Bytes of a string in UTF-8."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def _container_size(value: Value, at_most: int) -> int:
    if check_extent(value).characters > at_most:
        return at_most + 1
    uncounted = _Uncounted()
    meter = json.JSONEncoder(
        ensure_ascii=False, check_circular=False, separators=(",", ":"), default=uncounted.replaced
    )
    try:
        text = meter.encode(value)
    except RecursionError as error:
        raise resource_limit(_TOO_DEEP) from error
    may_be_deep = _brackets(text) > limits.NESTING_DEPTH
    if may_be_deep and isinstance(value, list | dict) and _shape(value)[0] > limits.NESTING_DEPTH:
        raise resource_limit(_TOO_DEEP)
    return utf8_length(text) + uncounted.size
