"""Every check of a program that needs more than its syntax: names, scopes, calls, arguments, jumps. All errors at once.

The chapters: `jumps.py` knows where `next` may go, `resolve_symbols.py` which variables are visible and may be written,
`resolve_calls.py` what can be called and with which arguments, `resolve_expressions.py` walks through values,
`resolve_retries.py` sees to policies and predicates, `resolve_findings.py` collects what they find.

Not an error: a step that no jump reaches, a variable that nobody reads, a literal condition that is no boolean (a
TypeError of the execution), an expression of literals that cannot be evaluated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import assert_never

from hakobune.core.workflows.gaps import ANY_NAME, Gaps
from hakobune.core.workflows.jumps import Jumps
from hakobune.core.workflows.limits import RunLimits
from hakobune.core.workflows.positions import Problem, Severity
from hakobune.core.workflows.resolve_calls import Calls
from hakobune.core.workflows.resolve_expressions import Expressions
from hakobune.core.workflows.resolve_findings import RULES, Findings, Rule
from hakobune.core.workflows.resolve_retries import Retries
from hakobune.core.workflows.resolve_symbols import Symbols
from hakobune.core.workflows.scopes import RoutineScopes, Scope, build_scopes
from hakobune.core.workflows.stdlib import library
from hakobune.core.workflows.syntax import (
    Arguments,
    Assign,
    Body,
    Call,
    Constant,
    Evaluated,
    For,
    Goto,
    Group,
    Parallel,
    Program,
    Raise,
    Range,
    RetryBlock,
    Return,
    Routine,
    Step,
    Switch,
    Try,
)

__all__ = ["RULES", "resolve"]

_PARALLEL_DEPTH = RunLimits().parallel_depth
_LOOP_JUMPS = frozenset({"break", "continue"})


def resolve(program: Program, gaps: Gaps | None = None) -> list[Problem]:
    """Everything that is wrong with a program that was parsed, in the order of the source. Never raises.

    `gaps`: what of the source could not be read; nothing is told that may come from there alone.
    Source of the rules: troubleshooting page and syntax reference of the service; the specification tells which are
    inferred.
    """
    findings = Findings(gaps or Gaps())
    routines: dict[str, Routine] = {}
    for routine in program.routines:
        routines.setdefault(routine.name, routine)
    calls = Calls(findings, routines)
    for routine in program.routines:
        findings.routine = routine.name
        findings.step = ""
        _RoutineCheck(findings, routines, calls, routine).run()
    return findings.in_order()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Around:
    """What a step stands in. `loop_names` are the variables of the loops around it."""

    scope: Scope
    loop_names: frozenset[str] = frozenset()
    parallel_depth: int = 0


class _RoutineCheck:
    """Walks through one routine."""

    def __init__(self, findings: Findings, routines: Mapping[str, Routine], calls: Calls, routine: Routine) -> None:
        self._findings = findings
        self._routines = routines
        self._calls = calls
        self._routine = routine
        self._at = routine.position  # of the step being checked
        self._jumps = Jumps(routine)
        self._scopes: RoutineScopes = build_scopes(routine)
        self._symbols = Symbols(findings, routines, self._scopes, self._jumps)
        self._expressions = Expressions(self._symbols, calls)
        self._retries = Retries(findings, routines)

    def run(self) -> None:
        """All checks of this routine."""
        self._check_name()
        scope = self._scopes.scope(self._routine.block)
        for parameter in self._routine.parameters:
            self._symbols.declare(parameter.name, self._routine.block)
            if parameter.default is not None:
                self._expressions.check_template(parameter.default, "parameter default", scope)
        self._steps(self._routine.steps, _Around(scope=scope))
        self._symbols.check_shared()
        self._check_jumps()

    def _check_name(self) -> None:
        if library.find(self._routine.name) is not None:
            self._findings.add(
                Rule.HIDDEN_FUNCTION,
                f"subworkflow '{self._routine.name}' hides the function of this name",
                self._routine.position,
                remedy="choose another name, if the function is needed in this source",
                severity=Severity.WARNING,
            )

    def _check_jumps(self) -> None:
        for refused in self._jumps.refused():
            if self._is_unsure(refused.target):
                continue
            self._findings.step = refused.step
            self._findings.add(
                refused.rule,
                refused.detail,
                refused.position,
                remedy=refused.remedy or self._meant(refused.target),
            )

    def _is_unsure(self, target: str) -> bool:
        """Whether a step of this name may stand elsewhere, in a part that could not be read or as the second one."""
        if target in _LOOP_JUMPS:
            return False
        return self._findings.is_lost(target) or self._findings.gaps.is_step_twice(self._routine.name, target)

    def _meant(self, target: str) -> str:
        loop_jumps = sorted(_LOOP_JUMPS) if self._jumps.has_loop else ()
        near = self._findings.guess(target, [*self._jumps.steps, "end", *loop_jumps])
        if near:
            return f"did you mean '{near}'?"
        if target in self._routines:
            return f"'{target}' is a subworkflow: write 'call: {target}' in a step"
        return f"name a step of routine '{self._routine.name}', or 'end'"

    # -- steps --------------------------------------------------------------------------------------------------

    def _steps(self, steps: Sequence[Step], around: _Around) -> None:
        outer = self._findings.step, self._at
        for step in steps:
            self._findings.step, self._at = step.name, step.position
            self._body(step.body, around)
        self._findings.step, self._at = outer

    def _body(self, body: Body, around: _Around) -> None:
        scope = around.scope
        match body:
            case Assign():
                for entry in body.entries:
                    self._expressions.check_target(entry.target, "assignment", scope)
                    self._expressions.check_template(entry.value, "assignment", scope)
            case Call():
                self._call(body, scope)
            case Switch():
                for case in body.cases:
                    self._expressions.check_template(case.condition, "condition", scope)
                    if case.body is not None:
                        self._body(case.body, around)
            case For():
                self._loop(body, around)
            case Parallel():
                self._parallel(body, around)
            case Try():
                self._try(body, around)
            case Raise():
                self._expressions.check_template(body.value, "raise value", scope)
            case Return():
                self._expressions.check_template(body.value, "return value", scope)
            case Group():
                self._steps(body.steps, around)
            case Goto():
                pass
            case _:
                assert_never(body)

    def _call(self, call: Call, scope: Scope) -> None:
        self._calls.check_step(call, scope)
        self._arguments(call.arguments, scope)
        if call.result is not None:
            self._expressions.check_target(call.result, "result", scope)

    def _arguments(self, arguments: Arguments, scope: Scope) -> None:
        for _, value in arguments.named or ():
            self._expressions.check_template(value, "args", scope)
        for value in arguments.positional or ():
            self._expressions.check_template(value, "args", scope)
        if arguments.dynamic is not None:
            self._expressions.check_template(arguments.dynamic, "args", scope)

    # -- blocks -------------------------------------------------------------------------------------------------

    def _loop(self, loop: For, around: _Around) -> None:
        if isinstance(loop.over, Range):
            self._range(loop.over, around.scope)
        else:
            self._expressions.check_template(loop.over, "for", around.scope)
        names = [loop.value] if loop.index is None else [loop.value, loop.index]
        for name in names:
            self._symbols.declare(name, loop.block)
            if name in around.loop_names and name != ANY_NAME:
                self._findings.add(
                    Rule.LOOP_VARIABLE,
                    f"loop variable '{name}' is the variable of a loop around this one",
                    loop.value_position,
                    remedy="choose another name for the variable of the inner loop",
                )
        scope = self._scopes.scope(loop.block)
        self._steps(loop.steps, replace(around, scope=scope, loop_names=around.loop_names.union(names)))

    def _range(self, bounds: Range, scope: Scope) -> None:
        if isinstance(bounds.bounds, Evaluated):
            self._expressions.check_template(bounds.bounds, "range", scope)
            return
        for bound in bounds.bounds:
            self._expressions.check_template(bound, "range", scope)
            is_number = (
                isinstance(bound, Constant)
                and isinstance(bound.value, int | float)
                and not isinstance(bound.value, bool)
            )
            if not is_number and not isinstance(bound, Evaluated):
                self._findings.add(
                    Rule.RANGE_TYPE,
                    "an end of the range is never a number: it will raise a TypeError",
                    bound.position,
                    remedy="write a number without quotes, or an expression",
                    severity=Severity.WARNING,
                )

    def _parallel(self, parallel: Parallel, around: _Around) -> None:
        depth = around.parallel_depth + 1
        if depth == _PARALLEL_DEPTH + 1:
            self._findings.add(
                Rule.PARALLEL_DEPTH,
                f"parallel steps are nested {depth} levels deep, the limit is {_PARALLEL_DEPTH}",
                self._at,
                remedy="make one parallel step of two of them, or start a workflow of its own",
            )
        if parallel.concurrency_limit is not None:
            self._expressions.check_template(parallel.concurrency_limit, "concurrency_limit", around.scope)
        self._symbols.expect_assignments(parallel, around.scope)
        inside = replace(around, parallel_depth=depth)
        if isinstance(parallel.work, For):
            self._loop(parallel.work, inside)
            return
        for branch in parallel.work:
            self._steps(branch.steps, replace(inside, scope=self._scopes.scope(branch.block)))

    def _try(self, body: Try, around: _Around) -> None:
        self._body(body.body, around)
        if body.retry is not None:
            self._retry(body.retry, around.scope)
        if body.handler is not None:
            if body.handler.name is not None:
                self._symbols.declare(body.handler.name, body.handler.block)
            self._steps(body.handler.steps, replace(around, scope=self._scopes.scope(body.handler.block)))

    def _retry(self, retry: RetryBlock | Evaluated, scope: Scope) -> None:
        self._retries.check(retry, scope)
        if isinstance(retry, Evaluated):
            self._expressions.check_template(retry, "retry policy", scope)
            return
        self._expressions.check_template(retry.predicate, "retry predicate", scope)
        self._expressions.check_template(retry.max_retries, "max_retries", scope)
        for field in (retry.initial_delay, retry.max_delay, retry.multiplier):
            if field is not None:
                self._expressions.check_template(field, "backoff", scope)
