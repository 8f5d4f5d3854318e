"""How an execution ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from hakobune.core.workflows.failures import resource_limit
from hakobune.core.workflows.model import ExecutionError
from hakobune.core.workflows.values import Value, to_json, utf8_length


@dataclass(frozen=True, slots=True, kw_only=True)
class Succeeded:
    """The execution is over; `result` is JSON text."""

    result: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """An error was not handled, or a limit was reached."""

    error: ExecutionError


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancelled:
    """Somebody cancelled the execution."""


Outcome: TypeAlias = Succeeded | Failed | Cancelled


def result_text(value: Value, bytes_max: int) -> str:
    """What an execution gives, as JSON text. Raises Failure (ValueError: no JSON; ResourceLimitError)."""
    result = to_json(value)
    if utf8_length(result) > bytes_max:
        raise resource_limit(f"the result is longer than {bytes_max} bytes")
    return result
