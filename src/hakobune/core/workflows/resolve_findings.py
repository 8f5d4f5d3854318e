"""What the checks of a program found, and the rules they go by."""

from __future__ import annotations

import bisect
import difflib
from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Final

from hakobune.core.workflows.gaps import Gaps
from hakobune.core.workflows.jumps import JumpRule
from hakobune.core.workflows.positions import Position, Problem, Severity
from hakobune.core.workflows.syntax import Evaluated, Target
from hakobune.core.workflows.values import utf8_length


class Rule(StrEnum):
    """The rules of names, calls and blocks. Stable: tools and people refer to them."""

    UNKNOWN_SYMBOL = "unknown-symbol"
    OUT_OF_SCOPE = "out-of-scope"
    NOT_SHARED = "not-shared"
    UNASSIGNED_SHARED = "unassigned-shared"
    UNKNOWN_FUNCTION = "unknown-function"
    UNKNOWN_CONNECTOR = "unknown-connector"
    CALL_OF_MAIN = "call-of-main"
    HIDDEN_FUNCTION = "hidden-function"
    MISSING_ARGUMENT = "missing-argument"
    UNKNOWN_ARGUMENT = "unknown-argument"
    TOO_MANY_ARGUMENTS = "too-many-arguments"
    BLOCKING_IN_EXPRESSION = "blocking-in-expression"
    RETRY_PREDICATE = "retry-predicate"
    RETRY_POLICY = "retry-policy"
    LOOP_VARIABLE = "loop-variable"
    RANGE_TYPE = "range-type"
    PARALLEL_DEPTH = "limit-parallel-depth"  # `--limits` decides about rules that begin with "limit"


RULES: Final[dict[str, str]] = {
    Rule.UNKNOWN_SYMBOL: "Every name in an expression is a variable, a subworkflow or a part of the library.",
    Rule.OUT_OF_SCOPE: "Variables of a loop, an except block or a parallel branch exist only inside it.",
    Rule.NOT_SHARED: "A parallel branch writes a variable of the code around it only if 'shared' lists it.",
    Rule.UNASSIGNED_SHARED: "Each variable that 'shared' lists is assigned somewhere, before the step or in it.",
    Rule.UNKNOWN_FUNCTION: "Only functions of the library and subworkflows of the same source can be called.",
    Rule.UNKNOWN_CONNECTOR: "Connectors are methods of the services whose APIs are known here.",
    Rule.CALL_OF_MAIN: "The routine 'main' is where an execution starts; it cannot be called.",
    Rule.HIDDEN_FUNCTION: "A subworkflow with the name of a library function takes its place in the whole source.",
    Rule.MISSING_ARGUMENT: "A call gives all arguments that its function or subworkflow requires.",
    Rule.UNKNOWN_ARGUMENT: "A call names only arguments that its function or subworkflow has.",
    Rule.TOO_MANY_ARGUMENTS: "A call gives no more arguments than its function or subworkflow takes.",
    Rule.BLOCKING_IN_EXPRESSION: "Functions that wait are called by a 'call' step, never inside an expression.",
    Rule.RETRY_PREDICATE: "A predicate names, and does not call, a subworkflow of one parameter or one of the library.",
    Rule.RETRY_POLICY: "A retry expression gives a policy: a map with predicate, max_retries and backoff.",
    Rule.LOOP_VARIABLE: "A loop inside another one has a loop variable of another name.",
    Rule.RANGE_TYPE: "The two ends of a range are numbers.",
    Rule.PARALLEL_DEPTH: "Parallel steps are not nested deeper than the service runs them.",
    JumpRule.UNKNOWN_TARGET: "A jump names a step of the same routine, or end, break or continue.",
    JumpRule.FORBIDDEN_JUMP: "A jump neither enters nor leaves a loop or a parallel branch, nor enters a block.",
    JumpRule.RETURN_IN_PARALLEL: "A parallel branch cannot return from its routine.",
}
"""What each rule asks for, in a sentence."""

# A symbol that is wrong is told once for a value, however often it stands there.
_TOLD_ONCE: Final = frozenset({Rule.UNKNOWN_SYMBOL, Rule.OUT_OF_SCOPE})
_GUESSES: Final = 50  # names to guess for: more problems than that are not read, and each costs time
_CANDIDATES: Final = 2_000  # names to compare with, for each
_LENGTH_DIFFERENCE: Final = 4
_GUESSED_FROM: Final = 3  # characters: a shorter name is near to everything
_NEAR: Final = 0.6  # how alike two names are that may be mistaken: what difflib takes
_NEAR_PATH: Final = 0.75  # for dotted names, of which the first part is the same already
_TWO_QUOTES: Final = 2


class Findings:
    """Collects problems. `routine` and `step` say where the walk is, `gaps` what of the source could not be read."""

    def __init__(self, gaps: Gaps) -> None:
        self.gaps = gaps
        self.routine = ""
        self.step = ""
        self._problems: list[Problem] = []
        self._told: set[tuple[str, str, str, Position | None]] = set()
        self._guesses: dict[tuple[str, str, str], str] = {}

    def add(
        self,
        rule: Rule | JumpRule,
        detail: str,
        position: Position,
        *,
        remedy: str,
        what: str = "",
        severity: Severity = Severity.ERROR,
    ) -> None:
        """Note a problem; `what` is what could not be evaluated: "return value", "args", …

        Source of the wording: troubleshooting page ("error in step …: error evaluating return value: symbol … is
        neither a variable nor a sub-workflow name").
        """
        message = f"error evaluating {what}: {detail}" if what else detail
        place = f"step {self.step}" if self.step else f"routine {self.routine}"
        message = f"error in {place}: {message}"
        key = (rule.value, message, self.routine, None if rule in _TOLD_ONCE else position)
        if key in self._told:
            return
        self._told.add(key)
        self._problems.append(
            Problem(
                rule=rule.value,
                message=message,
                position=position,
                remedy=remedy,
                severity=severity,
                routine=self.routine,
                step=self.step,
            )
        )

    def is_lost(self, word: str) -> bool:
        """Whether a part of this routine that could not be read has a word: what it means is not known then."""
        return self.gaps.may_have(self.routine, word)

    def in_order(self) -> list[Problem]:
        """All problems in the order of the source."""
        return sorted(self._problems, key=lambda problem: (problem.position.line, problem.position.column))

    def guess(self, name: str, known: Iterable[str]) -> str:
        """The known name that may have been meant at this step, or ""."""
        if len(name) < _GUESSED_FROM:
            return ""
        return self.guess_by(name, lambda word: _nearest(word, known))

    def guess_by(self, name: str, search: Callable[[str], str | None]) -> str:
        """What a search finds for a name that is wrong at this step, or "". Only the first names are searched for."""
        place = (self.routine, self.step, name)
        if place not in self._guesses:
            if len(self._guesses) >= _GUESSES:
                return ""
            self._guesses[place] = search(name) or ""
        return self._guesses[place]


def _nearest(name: str, known: Iterable[str]) -> str | None:
    candidates = [word for word in known if abs(len(word) - len(name)) <= _LENGTH_DIFFERENCE]
    cutoff = _NEAR_PATH if "." in name else _NEAR
    return next(iter(difflib.get_close_matches(name, candidates[:_CANDIDATES], n=1, cutoff=cutoff)), None)


def position_in(origin: Evaluated | Target, at: int, symbol: str) -> Position:
    """The place of a symbol that begins at character `at` of an expression, or of the left side of an assignment.

    Exact for expressions; for left sides where the text stands in the source as it is, else where it begins.
    """
    if isinstance(origin, Evaluated):
        if origin.places:
            return _placed(origin.places, at, symbol)
        text, at = f"${{{origin.text}}}", at + 2
    else:
        text = origin.text
    start = origin.position
    around = start.length - utf8_length(text)
    if around not in (0, _TWO_QUOTES):
        return start
    return Position(start.line, start.column + around // 2 + at, utf8_length(symbol))


def _placed(places: tuple[tuple[int, Position], ...], at: int, symbol: str) -> Position:
    """The place in the last stretch that begins at `at` or before."""
    begin, place = places[max(bisect.bisect_right(places, at, key=lambda stretch: stretch[0]) - 1, 0)]
    return Position(place.line, place.column + at - begin, utf8_length(symbol))
