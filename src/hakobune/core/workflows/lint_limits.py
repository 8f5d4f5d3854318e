"""The rule about limits of the service that are near: what is added next may not be deployed, or not run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hakobune.core.workflows import limits
from hakobune.core.workflows.lint_findings import NEAR, Finding, LintRule, found
from hakobune.core.workflows.lint_sites import Site, evaluated, literal, templates
from hakobune.core.workflows.positions import Position
from hakobune.core.workflows.syntax import Assign, For, Parallel, Program, Range, Switch
from hakobune.core.workflows.values import utf8_length


def limit_findings(source: str, program: Program, sites: Sequence[Site]) -> Iterator[Finding]:
    """What the rule finds. Limits that are passed are the business of deployment."""
    size_bytes = utf8_length(source)
    if _is_near(size_bytes, limits.SOURCE_BYTES):
        message = f"the source has {size_bytes:,} bytes of {limits.SOURCE_BYTES:,}"
        remedy = "move parts of it to a workflow of its own and call that"
        yield found(LintRule.NEAR_LIMIT, message, Position(1, 1), remedy=remedy, routine="", step="")
    for routine in program.routines:
        count = len(routine.parameters)
        if _is_near(count, limits.PARAMETERS_PER_ROUTINE):
            message = f"routine {routine.name} has {count} parameters of {limits.PARAMETERS_PER_ROUTINE}"
            remedy = "pass a map"
            yield found(LintRule.NEAR_LIMIT, message, routine.position, remedy=remedy, routine=routine.name, step="")
    for site in sites:
        yield from _check(site)


def _check(site: Site) -> Iterator[Finding]:
    body = site.body
    match body:
        case Assign():
            yield from _near(site, len(body.entries), limits.ASSIGNMENTS_PER_STEP, "assignments in a step", "split it")
        case Switch():
            yield from _near(site, len(body.cases), limits.CONDITIONS_PER_SWITCH, "conditions in a switch", "split it")
        case Parallel(work=tuple() as branches):
            remedy = "use a parallel for, or a subworkflow"
            yield from _near(site, len(branches), limits.BRANCHES_PER_STEP, "branches in a parallel step", remedy)
        case For():
            yield from _near_steps(site, body)
        case _:
            pass
    for template in templates(body):
        for part in evaluated(template):
            length = len(part.text)
            if _is_near(length, limits.EXPRESSION_CHARACTERS):
                message = f"an expression has {length} characters of {limits.EXPRESSION_CHARACTERS}"
                remedy = "assign a part of it to a variable first"
                yield _finding(site, message, part.position, remedy)


def _near_steps(site: Site, loop: For) -> Iterator[Finding]:
    """A range that is written in the source and uses up the steps of an execution."""
    if not isinstance(loop.over, Range) or not isinstance(loop.over.bounds, tuple):
        return
    first, last = (literal(bound) for bound in loop.over.bounds)
    if isinstance(first, int) and isinstance(last, int):
        steps = max(0, last - first + 1) * len(loop.steps)
        most = limits.RunLimits().steps
        if steps >= NEAR * most:
            message = f"the loop runs {steps:,} steps, an execution may have {most:,}"
            yield _finding(site, message, loop.position, "start executions of their own for parts of the range")


def _near(site: Site, count: int, most: int, what: str, remedy: str) -> Iterator[Finding]:
    if _is_near(count, most):
        yield _finding(site, f"{count} {what}, the limit is {most}", site.step.position, remedy)


def _is_near(count: int, most: int) -> bool:
    return NEAR * most <= count <= most


def _finding(site: Site, message: str, position: Position, remedy: str) -> Finding:
    return found(LintRule.NEAR_LIMIT, message, position, remedy=remedy, routine=site.routine.name, step=site.step.name)
