"""From the text of a definition to a plan that can run, or to all that is wrong with it."""

from __future__ import annotations

from collections.abc import Sequence

from hakobune.core.errors import InvalidArgument
from hakobune.core.workflows.limits import Strictness
from hakobune.core.workflows.parse import parse_source
from hakobune.core.workflows.plan import Plan, make_plan
from hakobune.core.workflows.positions import Problem, Severity
from hakobune.core.workflows.resolve import resolve
from hakobune.core.workflows.syntax import Program

# Problems of these rules are bounds of the service: `--limits` decides whether they count.
_LIMIT_RULE = "limit"
_SHOWN = 50  # problems told in one message
_LINE_CHARACTERS = 160


class InvalidDefinition(InvalidArgument):
    """A definition that cannot be deployed. `problems` has all of them, errors first."""

    reason = "INVALID_DEFINITION"

    def __init__(self, problems: Sequence[Problem], source: str) -> None:
        errors = [problem for problem in problems if problem.severity is Severity.ERROR]
        super().__init__(_message(errors, source))
        self.problems = tuple(problems)


def check_source(source: str, *, strictness: Strictness = Strictness.STRICT) -> tuple[Program | None, list[Problem]]:
    """The program, if it can run, and all that is wrong with it, warnings too, in the order of the source."""
    program, problems = parse_source(source, strictness)
    if program is not None:
        problems = [*problems, *resolve(program)]
    problems = [_weighed(problem, strictness) for problem in problems]
    problems.sort(key=lambda problem: (problem.position.line, problem.position.column))
    if any(problem.severity is Severity.ERROR for problem in problems):
        return None, problems
    return program, problems


def compile_source(source: str, *, strictness: Strictness = Strictness.STRICT) -> Plan:
    """The plan of a definition. Raises InvalidDefinition."""
    program, problems = check_source(source, strictness=strictness)
    if program is None:
        raise InvalidDefinition(problems, source)
    return make_plan(program)


def _weighed(problem: Problem, strictness: Strictness) -> Problem:
    if problem.rule.startswith(_LIMIT_RULE) and strictness is not Strictness.STRICT:
        return Problem(
            rule=problem.rule,
            message=problem.message,
            position=problem.position,
            remedy=problem.remedy,
            severity=Severity.WARNING,
            routine=problem.routine,
            step=problem.step,
        )
    return problem


def _message(errors: Sequence[Problem], source: str) -> str:
    """The first error in the service's form, then each with its place, its line and what to do."""
    if not errors:
        return "failed to build: the definition is empty"
    lines = source.splitlines()
    told = [f"failed to build: {errors[0].message}"]
    told += [problem_text(problem, lines) for problem in errors[:_SHOWN]]
    if len(errors) > _SHOWN:
        told.append(f"… and {len(errors) - _SHOWN} more.")
    return "\n".join(told)


def problem_text(problem: Problem, lines: Sequence[str], *, name: str = "") -> str:
    """A problem for people: place, message, the line with a mark under it, the remedy."""
    position = problem.position
    place = f"{name}:" if name else "line "
    told = [f"{place}{position.line}:{position.column}: {problem.message} [{problem.rule}]"]
    if 0 < position.line <= len(lines):
        line = lines[position.line - 1]
        start = max(0, position.column - 1 - _LINE_CHARACTERS // 2)
        told.append(f"    {line[start : start + _LINE_CHARACTERS]}".replace("\t", " "))
        told.append("    " + " " * max(0, position.column - 1 - start) + "^")
    if problem.remedy:
        told.append(f"  {problem.remedy}")
    return "\n".join(told)
