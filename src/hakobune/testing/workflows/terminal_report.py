"""What is told in a terminal: each case, what went wrong, how much of the workflows was reached, what a run costs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from hakobune.core.workflows.prices import Prices, estimate
from hakobune.testing.workflows.durations import length_text
from hakobune.testing.workflows.results import CaseResult, Session
from hakobune.testing.workflows.runs import Coverage, Workflow
from hakobune.testing.workflows.watching import PointKind

RUNS_A_MONTH: Final = 10_000  # for which the price is told: a round number that is beyond the free steps

_BRANCH_KINDS: Final = (PointKind.CONDITION, PointKind.OTHERWISE, PointKind.ITERATION, PointKind.BRANCH)
_EXCEPT_KINDS: Final = (PointKind.EXCEPT, PointKind.RETRY)
_MISSED: Final = 20  # points that are named for each workflow


def case_text(result: CaseResult) -> str:
    """A line for a case: good or bad, and how long the virtual clock ran."""
    mark = "ok  " if result.is_good else "FAIL"
    clock = "" if result.run is None else f" ({length_text(result.run.elapsed_s)}, {_steps_text(result)})"
    return f"{mark} {result.file.name}: {result.case.name}{clock}"


def _steps_text(result: CaseResult) -> str:
    assert result.run is not None
    counts = result.run.counts
    return f"{counts.internal} internal + {counts.external} external steps"


def failures_text(results: Sequence[CaseResult]) -> str:
    """The failures, each with its place and the trace."""
    told: list[str] = []
    for result in results:
        if not result.is_good:
            told.append(f"\n{result.file}:{result.case.line}: {result.case.name}")
            told += [f"    {line}" for line in result.message().splitlines()]
    return "\n".join(told)


def summary_text(session: Session) -> str:
    """How many cases were good."""
    bad = sum(not result.is_good for result in session.results)
    good = len(session.results) - bad
    return f"{good} passed, {bad} failed" if bad else f"{good} passed"


def coverage_text(workflow: Workflow) -> str:
    """Steps, branches and `except` paths that were reached, and the names of those that were not."""
    coverage = workflow.coverage
    steps = _share(coverage, PointKind.STEP)
    branches, handlers = _share(coverage, *_BRANCH_KINDS), _share(coverage, *_EXCEPT_KINDS)
    told = [f"coverage of {workflow.name}: steps {steps}, branches {branches}, except and retry {handlers}"]
    missed = coverage.missed
    told += [f"  not reached: line {point.position.line}: {point.describe()}" for point in missed[:_MISSED]]
    if len(missed) > _MISSED:
        told.append(f"  … and {len(missed) - _MISSED} more")
    return "\n".join(told)


def _share(coverage: Coverage, *kinds: PointKind) -> str:
    reached, of = coverage.share(*kinds)
    return f"{reached}/{of} ({percent(reached, of)} %)" if of else "none"


def percent(reached: int, of: int) -> int:
    """Whole percent, rounded down; nothing to reach is reached in whole."""
    return 100 * reached // of if of else 100


def prices_text(session: Session, prices: Prices) -> str:
    """What the dearest run of each workflow costs."""
    told: list[str] = []
    for path, workflow in session.workflows.items():
        runs = [result.run for result in session.results if result.run is not None and result.workflow == path]
        if runs:
            dearest = max(runs, key=lambda run: estimate(run.counts, prices=prices).run_usd)
            of = estimate(dearest.counts, runs=RUNS_A_MONTH, prices=prices)
            told.append(f"price of {workflow.name}, its longest case: {of.describe()}")
    return "\n".join(told)
