"""One call of the command, and what it left behind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass
class Outcome:
    """What one call left behind."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        """The lines of stdout, without trailing spaces."""
        return [line.rstrip() for line in self.out.splitlines()]


Call = Callable[..., Outcome]
