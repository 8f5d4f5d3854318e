"""What an argument of a library function must be. Each check gives the argument back with its type, or raises Failure.

Booleans are no numbers here, though Python thinks so. An optional argument that is null counts as not given: the
documentation of `sys.log` passes over a positional argument that way, and there is no other way to do it.
Source: https://cloud.google.com/workflows/docs/reference/stdlib/sys/log ("Log as text", `argsList`).
"""

from __future__ import annotations

from hakobune.core.workflows.failures import Failure, type_error
from hakobune.core.workflows.stdlib.registry import MISSING, Missing
from hakobune.core.workflows.stdlib.sizes import check_result
from hakobune.core.workflows.values import Value, type_name


def given(value: Value | Missing, default: Value = None) -> Value:
    """The argument, or `default` where it is absent or null."""
    return default if value is None or isinstance(value, Missing) else value


def is_given(value: Value | Missing) -> bool:
    """Whether an optional argument says something."""
    return value is not None and value is not MISSING


def text(function: str, name: str, value: Value | Missing) -> str:
    """A string. Raises Failure (TypeError; ResourceLimitError for one whose result could not be afforded)."""
    if isinstance(value, str):
        check_result(function, len(value))  # bytes decoded, and texts of texts, grow on the way from call to call
        return value
    raise _wrong(function, name, "str", value)


def octets(function: str, name: str, value: Value | Missing) -> bytes:
    """Bytes. Raises Failure (TypeError; ResourceLimitError as for a string)."""
    if isinstance(value, bytes):
        check_result(function, len(value))
        return value
    raise _wrong(function, name, "bytes", value)


def flag(function: str, name: str, value: Value | Missing) -> bool:
    """A boolean. Raises Failure (TypeError)."""
    if isinstance(value, bool):
        return value
    raise _wrong(function, name, "bool", value)


def whole(function: str, name: str, value: Value | Missing) -> int:
    """An integer. Raises Failure (TypeError)."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise _wrong(function, name, "int", value)


def number(function: str, name: str, value: Value | Missing) -> int | float:
    """An integer or a double. Raises Failure (TypeError)."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    raise _wrong(function, name, "a number", value)


def mapping(function: str, name: str, value: Value | Missing) -> dict[str, Value]:
    """A map; not to be changed. Raises Failure (TypeError)."""
    if isinstance(value, dict):
        return value
    raise _wrong(function, name, "dict", value)


def sequence(function: str, name: str, value: Value | Missing) -> list[Value]:
    """A list; not to be changed. Raises Failure (TypeError)."""
    if isinstance(value, list):
        return value
    raise _wrong(function, name, "list", value)


def unsupported(function: str, value: Value) -> Failure:
    """The error of a helper with one operand, in the words seen in published logs of the service."""
    return type_error(f"unsupported operand type for {function}(): '{type_name(value)}'")


def _wrong(function: str, name: str, wanted: str, value: Value | Missing) -> Failure:
    found = "nothing" if isinstance(value, Missing) else f"'{type_name(value)}'"
    article = wanted if wanted.startswith("a ") else f"'{wanted}'"
    return type_error(f"{function}: argument '{name}' must be {article}, not {found}")
