"""Errors that a workflow can meet: a value that `except` binds, or the end of the execution."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hakobune.core.workflows.kinds import Value


class Failure(Exception):
    """A run-time error of the language, on its way to the nearest `except`. Not a bug of ours.

    `value` is what `except … as e` binds: a map with `message` and `tags` for errors of the engine and the library, or
    whatever was raised. An error that is not catchable ends the execution at once.
    """

    def __init__(self, value: Value, *, is_catchable: bool = True) -> None:
        super().__init__(value)
        self.value = value
        self.is_catchable = is_catchable


def failure(
    tags: Sequence[str], message: str, *, is_catchable: bool = True, extra: Mapping[str, Value] | None = None
) -> Failure:
    """An error of the engine or the library: `{"message": …, "tags": […]}` and what else belongs to its kind."""
    value: dict[str, Value] = {"message": message, "tags": list(tags)}
    if extra:
        value.update(extra)
    return Failure(value, is_catchable=is_catchable)


def type_error(detail: str) -> Failure:
    """An operation on a value of the wrong type."""
    return failure(["TypeError"], f"TypeError: {detail}")


def value_error(detail: str) -> Failure:
    """The right type, and a value that cannot be."""
    return failure(["ValueError"], f"ValueError: {detail}")


def key_error(key: str) -> Failure:
    """A map without this key. Text and tags as observed in published logs of the service."""
    return failure(["KeyError", "LookupError"], f"KeyError: key not found: {key}")


def index_error(detail: str) -> Failure:
    """A list without this index."""
    return failure(["IndexError", "LookupError"], f"IndexError: {detail}")


def zero_division() -> Failure:
    """The second operand of `/`, `//` or `%` is zero."""
    return failure(["ZeroDivisionError", "ArithmeticError"], "ZeroDivisionError: division by zero")


def resource_limit(detail: str) -> Failure:
    """A limit of the runtime is reached: nobody can catch it."""
    return failure(["ResourceLimitError"], f"ResourceLimitError: {detail}", is_catchable=False)


def timeout_error(detail: str) -> Failure:
    """A wait took longer than it may."""
    return failure(["TimeoutError"], f"TimeoutError: {detail}")


def system_error(detail: str) -> Failure:
    """The interpreter cannot go on: a part of the language that is not supported here."""
    return failure(["SystemError"], f"SystemError: {detail}")
