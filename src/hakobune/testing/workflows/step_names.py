"""The steps that a test names, against those that the workflow has: a name with a slip would test nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from hakobune.core.workflows.positions import Position
from hakobune.core.workflows.syntax import Program
from hakobune.testing.workflows.watching import named_steps

_NAMES_TOLD = 12  # of the steps that there are, where none is like the one that was named


@dataclass(frozen=True, slots=True, kw_only=True)
class StepName:
    """A step as a file names it: `pay`, or `main.pay`; `what` names it: a mock, an entry of `steps`."""

    name: str
    what: str
    position: Position


class StepNames:
    """The names by which the steps of a program are known."""

    def __init__(self, program: Program) -> None:
        self._steps: dict[str, None] = {}  # in the order of the source
        self._whole: dict[str, None] = {}
        for routine, step in named_steps(program):
            self._steps[step.name] = None
            self._whole[f"{routine}.{step.name}"] = None

    def has(self, name: str) -> bool:
        """Whether there is a step of this name."""
        return name in self._steps or name in self._whole

    def unknown(self, names: Iterable[StepName]) -> list[StepName]:
        """Those that no step has."""
        return [one for one in names if not self.has(one.name)]

    def remedy(self, name: str) -> str:
        """What may have been meant."""
        known: Sequence[str] = [*self._steps, *self._whole] if "." in name else [*self._steps]
        near = get_close_matches(name, known, n=1)
        if near:
            return f"did you mean '{near[0]}'?"
        told = list(self._steps)[:_NAMES_TOLD]
        return f"the steps are {', '.join(told)}{', …' if len(self._steps) > len(told) else ''}"
