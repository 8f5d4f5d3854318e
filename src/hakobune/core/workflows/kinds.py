"""The kinds of values that the language knows, and their names.

Values are never changed in place once a variable, an argument or an answer holds them: whoever changes an element
copies the containers on the way to it. So an assignment copies nothing, and a copy can never see a later change.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

INT64_MIN: Final = -(2**63)
INT64_MAX: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class FunctionValue:
    """A routine or library function that is named without being called: a retry predicate. JSON cannot hold it."""

    name: str


Value: TypeAlias = bool | int | float | str | bytes | list["Value"] | dict[str, "Value"] | FunctionValue | None

# What `get_type` gives, and what error messages say (Python's names, as the service's messages do).
_KINDS: Final[dict[type, tuple[str, str]]] = {
    bool: ("boolean", "bool"),
    int: ("integer", "int"),
    float: ("double", "float"),
    str: ("string", "str"),
    bytes: ("bytes", "bytes"),
    list: ("list", "list"),
    dict: ("map", "dict"),
    FunctionValue: ("callable", "function"),
    type(None): ("null", "NoneType"),
}


def kind_name(value: Value) -> str:
    """The name of the value's type in the language, as `get_type` gives it: `integer`, `map`, …"""
    return _KINDS[type(value)][0]


def type_name(value: Value) -> str:
    """The name of the value's type in error messages: `int`, `dict`, `NoneType`, …"""
    return _KINDS[type(value)][1]
