"""The operators of the language as functions of values. Source: spec of the language, "Expressions and data types".

The common case comes first in each: two integers. A boolean is no number, although Python's is an int: hence
`type(…) is int`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NoReturn

from hakobune.core.workflows.expr.nodes import Operator
from hakobune.core.workflows.failures import type_error, value_error, zero_division
from hakobune.core.workflows.kinds import INT64_MAX, INT64_MIN, Value, type_name
from hakobune.core.workflows.meter import LIGHT, Meter
from hakobune.core.workflows.stdlib.sizes import check_result
from hakobune.core.workflows.values import deep_equal, number_text


def bounded(number: int) -> int:
    """The integer, if it fits into 64 bits. Raises Failure (ValueError)."""
    if INT64_MIN <= number <= INT64_MAX:
        return number
    raise value_error("integer overflow")


def refuse(operator: str, left: Value, right: Value) -> NoReturn:
    """Raises Failure (TypeError): the operator does not know these types."""
    raise type_error(f"unsupported operand types for {operator}: '{type_name(left)}' and '{type_name(right)}'")


def _numbers(operator: str, left: Value, right: Value) -> tuple[float, float]:
    """Both operands as they are, of which at least one is a double. Raises Failure (TypeError) if one is no number."""
    if (type(left) is float or type(left) is int) and (type(right) is float or type(right) is int):
        return left, right
    return refuse(operator, left, right)


# -- arithmetic -------------------------------------------------------------------------------------------------


def add(left: Value, right: Value) -> Value:
    """`left + right`. Beside a string, a number or a boolean becomes text."""
    if type(left) is int and type(right) is int:
        return bounded(left + right)
    if isinstance(left, str):
        return _concatenated(left, _joined(left, right, right))
    if isinstance(right, str):
        return _concatenated(_joined(left, right, left), right)
    a, b = _numbers("+", left, right)
    return a + b


def _concatenated(left: str, right: str) -> str:
    """Raises Failure (ResourceLimitError) before the text grows beyond what can be afforded."""
    check_result("+", len(left) + len(right))
    return left + right


def _joined(left: Value, right: Value, part: Value) -> str:
    """The text of the operand `part` of a concatenation."""
    if isinstance(part, str):
        return part
    if isinstance(part, bool):
        return "true" if part else "false"
    if isinstance(part, int | float):
        return number_text(part)
    return refuse("+", left, right)


def subtract(left: Value, right: Value) -> Value:
    """`left - right`."""
    if type(left) is int and type(right) is int:
        return bounded(left - right)
    a, b = _numbers("-", left, right)
    return a - b


def multiply(left: Value, right: Value) -> Value:
    """`left * right`."""
    if type(left) is int and type(right) is int:
        return bounded(left * right)
    a, b = _numbers("*", left, right)
    return a * b


def divide(left: Value, right: Value) -> Value:
    """`left / right`: always a double."""
    a, b = _numbers("/", left, right)
    if b == 0:
        raise zero_division()
    return a / b


def floor_divide(left: Value, right: Value) -> Value:
    """`left // right`, rounded towards minus infinity."""
    a, b = _numbers("//", left, right)
    if b == 0:
        raise zero_division()
    if isinstance(a, int) and isinstance(b, int):
        return bounded(a // b)
    return a // b


def remainder(left: Value, right: Value) -> Value:
    """`left % right`, with the sign of the divisor."""
    a, b = _numbers("%", left, right)
    if b == 0:
        raise zero_division()
    return a % b


def negative(operand: Value) -> Value:
    """`-operand`."""
    if type(operand) is int:
        return bounded(-operand)
    if isinstance(operand, float):
        return -operand
    raise type_error(f"unsupported operand type for unary -: '{type_name(operand)}'")


def positive(operand: Value) -> Value:
    """`+operand`."""
    if type(operand) is int or isinstance(operand, float):
        return operand
    raise type_error(f"unsupported operand type for unary +: '{type_name(operand)}'")


# -- comparison -------------------------------------------------------------------------------------------------


def equal(left: Value, right: Value) -> bool:
    """`left == right`: any two values; different kinds differ, but for integers and doubles."""
    if type(left) is int and type(right) is int:
        return left == right
    if isinstance(left, str) and isinstance(right, str):
        return left == right
    return deep_equal(left, right)


def not_equal(left: Value, right: Value) -> bool:
    """`left != right`."""
    return not equal(left, right)


def less(left: Value, right: Value) -> bool:
    """`left < right`: numbers, or strings by their code points."""
    if type(left) is int and type(right) is int:
        return left < right
    if isinstance(left, str) and isinstance(right, str):
        return left < right
    a, b = _numbers("<", left, right)
    return a < b


def less_equal(left: Value, right: Value) -> bool:
    """`left <= right`."""
    if type(left) is int and type(right) is int:
        return left <= right
    if isinstance(left, str) and isinstance(right, str):
        return left <= right
    a, b = _numbers("<=", left, right)
    return a <= b


def greater(left: Value, right: Value) -> bool:
    """`left > right`."""
    if type(left) is int and type(right) is int:
        return left > right
    if isinstance(left, str) and isinstance(right, str):
        return left > right
    a, b = _numbers(">", left, right)
    return a > b


def greater_equal(left: Value, right: Value) -> bool:
    """`left >= right`."""
    if type(left) is int and type(right) is int:
        return left >= right
    if isinstance(left, str) and isinstance(right, str):
        return left >= right
    a, b = _numbers(">=", left, right)
    return a >= b


def contains(left: Value, right: Value) -> bool:
    """`left in right`: an equal element of a list, or a key of a map. There is no search in strings."""
    if isinstance(right, dict):
        return isinstance(left, str) and left in right
    if isinstance(right, list):
        if isinstance(left, str):  # strings equal strings only: the fast search is right
            return left in right
        return any(deep_equal(left, element) for element in right)
    return refuse("in", left, right)


# -- logic ------------------------------------------------------------------------------------------------------


def truth(operator: str, operand: Value) -> bool:
    """The operand of `and`, `or`, `not`, a boolean. Raises Failure (TypeError)."""
    if isinstance(operand, bool):
        return operand
    raise type_error(f"unsupported operand type for {operator}: '{type_name(operand)}'")


FUNCTIONS: Final[dict[Operator, Callable[[Value, Value], Value]]] = {
    Operator.ADD: add,
    Operator.SUBTRACT: subtract,
    Operator.MULTIPLY: multiply,
    Operator.DIVIDE: divide,
    Operator.FLOOR_DIVIDE: floor_divide,
    Operator.REMAINDER: remainder,
    Operator.EQUAL: equal,
    Operator.NOT_EQUAL: not_equal,
    Operator.LESS: less,
    Operator.LESS_EQUAL: less_equal,
    Operator.GREATER: greater,
    Operator.GREATER_EQUAL: greater_equal,
    Operator.IN: contains,
}


# -- work -------------------------------------------------------------------------------------------------------

_TEXT_NS: Final = 1  # for each character that is copied
_PAIR_NS: Final = 500  # for each pair of elements that is compared


def charged_add(left: Value, right: Value, meter: Meter) -> Value:
    """`left + right`, and the work of copying text."""
    value = add(left, right)
    if type(value) is str and len(value) > LIGHT:
        meter.spend(len(value) * _TEXT_NS)
    return value


def charged_equal(left: Value, right: Value, meter: Meter) -> bool:
    """`left == right`, and the work of comparing containers."""
    if isinstance(left, list | dict):
        return deep_equal(left, right, lambda pairs: meter.spend(pairs * _PAIR_NS))
    return equal(left, right)


def charged_contains(left: Value, right: Value, meter: Meter) -> bool:
    """`left in right`, and the work of searching a list."""
    if isinstance(right, list):
        meter.spend(len(right) * _PAIR_NS)
        if isinstance(left, list | dict):
            return any(charged_equal(left, element, meter) for element in right)
    return contains(left, right)


CHARGED: Final[dict[Operator, Callable[[Value, Value, Meter], Value]]] = {
    Operator.ADD: charged_add,
    Operator.EQUAL: charged_equal,
    Operator.NOT_EQUAL: lambda left, right, meter: not charged_equal(left, right, meter),
    Operator.IN: charged_contains,
}
"""The operators whose work depends on the sizes of their operands, with where it is charged."""
