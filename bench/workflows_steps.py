"""How many `assign` steps a second does the interpreter run in memory, beside Python's own `eval`?

Both add up the same numbers: the rival evaluates a compiled code object in a dictionary, once for each number, and
keeps no rules; ours has all of the language: 64-bit range, types, limits of steps and memory, and a place to resume at
between any two steps. Nothing is written: steps between two calls never are.
"""

from __future__ import annotations

import time
from pathlib import Path

from bench.report import Report, at_least, middle
from hakobune.core.workflows.build import compile_source
from hakobune.core.workflows.events import Stamped, Started
from hakobune.core.workflows.limits import RunLimits
from hakobune.core.workflows.machine import Machine, Succeeded
from hakobune.core.workflows.plan import Plan

ROUNDS = 15
STEPS = 99_000  # the limit is 100,000 steps of an execution
_SLICE_STEPS = 2_000  # as the runtime takes them
_SOURCE = f"""\
main:
  steps:
    - begin:
        assign:
          - sum: 0
    - all:
        for:
          value: number
          range: [1, {STEPS}]
          steps:
            - add:
                assign:
                  - sum: ${{sum + number}}
    - out:
        return: ${{sum}}
"""


def _interpreted(plan: Plan) -> float:
    """Steps a second."""
    machine = Machine(plan, limits=RunLimits())
    started = Started(argument=None, environment={}, execution="e", base_url="http://127.0.0.1")
    machine.feed(Stamped(event=started, at_s=1.0, seed=1))
    started_s = time.perf_counter()
    while not machine.advance(_SLICE_STEPS):
        pass
    took_s = time.perf_counter() - started_s
    if machine.outcome != Succeeded(result=str(STEPS * (STEPS + 1) // 2)):
        raise RuntimeError(f"a wrong sum: {machine.outcome}")
    return STEPS / took_s


def _evaluated() -> float:
    """Evaluations a second."""
    code = compile("sum + number", "rival", "eval")
    names = {"sum": 0, "number": 0}
    nothing: dict[str, object] = {}
    started_s = time.perf_counter()
    for number in range(1, STEPS + 1):
        names["number"] = number
        names["sum"] = eval(code, nothing, names)
    return STEPS / (time.perf_counter() - started_s)


def measure(directory: Path, *, is_quick: bool) -> Report:
    """Alternate the interpreter and `eval`."""
    report = Report("workflows_steps", directory, durability="none: in memory", is_quick=is_quick)
    plan = compile_source(_SOURCE)
    rates: list[tuple[float, float]] = [(_interpreted(plan), _evaluated()) for _ in range(3 if is_quick else ROUNDS)]
    ours = report.sample("assign steps", [rate for rate, _ in rates], "steps/s")
    report.sample("eval of a code object", [rate for _, rate in rates], "evals/s")
    ratio = middle([rate / rival for rate, rival in rates])
    report.figure("assign steps", ratio, "x eval", target=at_least(0.15, "x eval of a code object"))
    report.figure("assign steps", ours, "steps/s", target=at_least(500_000, "steps/s"))
    return report
