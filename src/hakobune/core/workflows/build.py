"""From the text of a definition to a plan that can run, or to all that is wrong with it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from hakobune.core.errors import InvalidArgument
from hakobune.core.workflows.limits import Strictness
from hakobune.core.workflows.parse import parse_partly
from hakobune.core.workflows.plan import Plan, make_plan
from hakobune.core.workflows.positions import Problem, Severity
from hakobune.core.workflows.problem_texts import place_text, problem_text, source_lines
from hakobune.core.workflows.resolve import resolve
from hakobune.core.workflows.syntax import Program

__all__ = ["InvalidDefinition", "check_source", "compile_source", "problem_text"]

_LIMIT_RULE: Final = "limit"
"""Problems of rules that begin so are bounds of the service: `--limits` decides whether they count."""

_SHOWN: Final = 50
"""Problems told in one message: more are not read at once, and the message stands in the database."""


class InvalidDefinition(InvalidArgument):
    """A definition that cannot be deployed. `problems` has all of them, warnings too, in the order of the source."""

    reason = "INVALID_DEFINITION"

    def __init__(self, problems: Sequence[Problem], source: str) -> None:
        errors = [problem for problem in problems if problem.severity is Severity.ERROR]
        super().__init__(_message(errors, source))
        self.problems = tuple(problems)


def check_source(source: str, *, strictness: Strictness = Strictness.STRICT) -> tuple[Program | None, list[Problem]]:
    """The program, if it can run, and all that is wrong with it, warnings too, in the order of the source.

    What is wrong with its form hides nothing: names, calls and jumps are judged as well, wherever that is sure.
    """
    parsed = parse_partly(source, strictness)
    problems = parsed.problems
    if parsed.program is not None:
        problems = [*problems, *resolve(parsed.program, parsed.gaps)]
    problems = _in_order(_weighed(problems, strictness))
    if any(problem.severity is Severity.ERROR for problem in problems):
        return None, problems
    return parsed.program, problems


def compile_source(source: str, *, strictness: Strictness = Strictness.STRICT) -> Plan:
    """The plan of a definition. Raises InvalidDefinition."""
    program, problems = check_source(source, strictness=strictness)
    if program is None:
        raise InvalidDefinition(problems, source)
    return make_plan(program)


def _in_order(problems: Iterable[Problem]) -> list[Problem]:
    """In the order of the source, each once: an aliased part of it is read as often as it is used."""
    return sorted(dict.fromkeys(problems), key=lambda problem: (problem.position.line, problem.position.column))


def _weighed(problems: Iterable[Problem], strictness: Strictness) -> Iterator[Problem]:
    """The problems, with those of limits as strict as limits are kept."""
    for problem in problems:
        if strictness is Strictness.STRICT or not problem.rule.startswith(_LIMIT_RULE):
            yield problem
        elif strictness is Strictness.WARN:
            yield replace(problem, severity=Severity.WARNING)


def _message(errors: Sequence[Problem], source: str) -> str:
    """The first error as the service words it, then all of them, each with its place, its line and what to do.

    Source of the form of the first line: troubleshooting page of the service.
    """
    lines = source_lines(source)
    told = [f"failed to build: {errors[0].message}"]
    if len(errors) == 1:
        return "\n".join([*told, place_text(errors[0], lines)])
    told.append(f"There are {len(errors)} problems:")
    told += [problem_text(problem, lines) for problem in errors[:_SHOWN]]
    if len(errors) > _SHOWN:
        told.append(f"… and {len(errors) - _SHOWN} more.")
    return "\n".join(told)
