"""Rules about loops made of jumps, and about what loops collect."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from hakobune.core.workflows import limits
from hakobune.core.workflows.expr.nodes import Member
from hakobune.core.workflows.expr.walk import nodes
from hakobune.core.workflows.lint_findings import Finding, Level, LintRule, found
from hakobune.core.workflows.lint_sites import (
    HTTP,
    Site,
    argument,
    assigned,
    evaluated,
    literal,
    names_in,
    step_lists,
    steps_sites,
    templates,
)
from hakobune.core.workflows.model import StepCounts
from hakobune.core.workflows.prices import PRICES, estimate
from hakobune.core.workflows.syntax import Call, Goto, Program, Raise, Return, Routine, Step, Switch

_DAY_S: Final = 86_400.0
_ASKS: Final = (HTTP, "googleapis.")
_WAITS: Final = frozenset({"sys.sleep", "sys.sleep_until", "events.await_callback"})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Round:
    """Steps that a jump backwards runs again: from its target to the step that jumps."""

    routine: Routine
    sites: Sequence[Site]

    def calls(self) -> Iterator[tuple[Site, Call]]:
        """Every call in a round."""
        return ((site, site.body) for site in self.sites if isinstance(site.body, Call))

    @property
    def steps(self) -> int:
        """How many steps a round has, where every one is run once."""
        return sum(1 for site in self.sites if site.body is site.step.body)


def loop_findings(program: Program, sites: Sequence[Site]) -> Iterator[Finding]:
    """What the rules of this chapter find."""
    for routine in program.routines:
        for one in _rounds(routine):
            yield from _check_polling(one)
        yield from _unreachable(routine)
    for site in sites:
        if site.loops:
            yield from _check_growth(site)


# -- jumps ------------------------------------------------------------------------------------------------------


def _rounds(routine: Routine) -> Iterator[_Round]:
    for steps in step_lists(routine):
        places = {step.name: index for index, step in enumerate(steps)}
        ways = [
            _ways(step, index, {places[name] for name in _targets(routine, step) if name in places})
            for index, step in enumerate(steps)
        ]
        ends: dict[int, int] = {}  # of the rounds that begin at a step: the last step that jumps back there
        for index, targets in enumerate(ways):
            ends.update((target, index) for target in targets if target <= index)
        for begin, end in ends.items():
            if _leads(ways, begin, end):
                yield _Round(routine=routine, sites=list(steps_sites(routine, steps[begin : end + 1])))


def _ways(step: Step, index: int, targets: set[int]) -> set[int]:
    """Where control may go from a step of a list: where it jumps to, and on, unless it always goes elsewhere."""
    is_left = step.next is not None or isinstance(step.body, Return | Raise | Goto)
    return targets if is_left else targets | {index + 1}


def _leads(ways: Sequence[set[int]], start: int, end: int) -> bool:
    """Whether control that is at `start` can come to `end`."""
    seen: set[int] = set()
    waiting = [start]
    while waiting:
        place = waiting.pop()
        if place == end:
            return True
        if place not in seen and place < len(ways):
            seen.add(place)
            waiting.extend(ways[place])
    return False


def _targets(routine: Routine, step: Step) -> set[str]:
    """Where a step, or something inside it, jumps to."""
    names: set[str] = set()
    for site in steps_sites(routine, [step]):
        if site.step.next is not None:
            names.add(site.step.next.target)
        if isinstance(site.body, Switch):
            names.update(case.next.target for case in site.body.cases if case.next is not None)
    return names


def _unreachable(routine: Routine) -> Iterator[Finding]:
    jumped = {name for step in routine.steps for name in _targets(routine, step)}
    for steps in step_lists(routine):
        for before, step in pairwise(steps):
            if (before.next is not None or isinstance(before.body, Return | Raise | Goto)) and step.name not in jumped:
                yield found(
                    LintRule.UNREACHABLE_STEP,
                    f"no way leads here: step '{before.name}' goes elsewhere, and nothing jumps to '{step.name}'",
                    step.position,
                    remedy="remove the step, or jump to it",
                    routine=routine.name,
                    step=step.name,
                )


# -- polling ----------------------------------------------------------------------------------------------------


def _check_polling(one: _Round) -> Iterator[Finding]:
    asking = next(((site, call) for site, call in one.calls() if call.function.startswith(_ASKS)), None)
    if asking is None:
        return
    site, call = asking
    waits = [inner for _, inner in one.calls() if inner.function in _WAITS]
    if not waits and _asks_the_same(one, call):
        yield found(
            LintRule.BUSY_LOOP,
            f"{call.function} is asked the same again and again, without a wait between",
            call.function_position,
            remedy="put a sys.sleep into the loop, or wait for a callback",
            routine=one.routine.name,
            step=site.step.name,
        )
    interval_s = _interval_s(waits)
    if interval_s:
        yield _cost(one, site, call, interval_s)


def _asks_the_same(one: _Round, call: Call) -> bool:
    """Whether nothing that the loop assigns goes into the request: the pages of a list are not the same."""
    changed = {target.name for site in one.sites for target, _ in assigned(site.body)}
    if call.result is not None:
        changed.discard(call.result.name)
    return not any(names_in(template) & changed for template in templates(call))


def _interval_s(waits: Sequence[Call]) -> float:
    """The seconds of a round's `sys.sleep`; 0 where they are not written in the source."""
    lengths = [literal(argument(call, "seconds")) for call in waits if call.function == "sys.sleep"]
    known = [float(length) for length in lengths if isinstance(length, int | float) and not isinstance(length, bool)]
    return sum(known) if len(known) == len(waits) else 0.0


def _cost(one: _Round, site: Site, call: Call, interval_s: float) -> Finding:
    a_day = round(one.steps * _DAY_S / interval_s)
    usd = estimate(StepCounts(internal=a_day), prices=PRICES).run_usd
    until_s = limits.RunLimits().steps / one.steps * interval_s
    message = (
        f"asks every {interval_s:g} s, {one.steps} steps a round: {a_day:,} steps (${usd:.2f}) a day, "
        f"and the limit of {limits.RunLimits().steps:,} steps after {until_s / _DAY_S:.3g} days"
    )
    return found(
        LintRule.POLLING_COST,
        message,
        call.function_position,
        remedy="wait longer each time, use a connector that waits by itself, or a callback",
        routine=one.routine.name,
        step=site.step.name,
        level=Level.WARNING if until_s < _DAY_S else None,
    )


# -- memory -----------------------------------------------------------------------------------------------------


def _check_growth(site: Site) -> Iterator[Finding]:
    for target, value in assigned(site.body):
        if value is None or target.path or target.name not in names_in(value):
            continue
        keys = (node.key for part in evaluated(value) for node in nodes(part.expression) if isinstance(node, Member))
        if "body" in keys:
            kibibytes = limits.RunLimits().memory_bytes // 1024
            yield found(
                LintRule.GROWING_VARIABLE,
                f"'{target.name}' collects whole answers, and all variables together may have {kibibytes} KiB",
                target.position,
                remedy="keep only the fields that are needed, or write them to a bucket or a table",
                routine=site.routine.name,
                step=site.step.name,
            )
