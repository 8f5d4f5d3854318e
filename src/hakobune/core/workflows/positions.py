"""Places in a workflow's source, and what is wrong there."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Position:
    """Line and column from 1, in characters; `length` in bytes of UTF-8 (as `Execution.error.stackTrace` counts it)."""

    line: int
    column: int
    length: int = 0


class Severity(StrEnum):
    """Whether a deployment is refused."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong with a definition.

    `message` is the service's own wording where it is known (`error in step NAME: error evaluating WHAT: DETAIL`);
    `remedy` says what to write instead; `rule` is stable (`syntax`, `unknown-symbol`, `duplicate-step`, …).
    """

    rule: str
    message: str
    position: Position
    remedy: str = ""
    severity: Severity = Severity.ERROR
    routine: str = ""
    step: str = ""
