"""How an execution ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from hakobune.core.workflows.model import ExecutionError


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
