"""Plans: flat, complete, and refused for programs that were not checked."""

from __future__ import annotations

import pytest
from stage import a_plan

from hakobune.core.workflows.assembly import Plan
from hakobune.core.workflows.branches import HALT, Halted
from hakobune.core.workflows.expr.compile import Unresolved
from hakobune.core.workflows.plan import make_plan
from hakobune.core.workflows.syntax import Program

EVERYTHING = """
main:
  params: [a: "${sub(1)}"]
  steps:
    - one: {assign: [{x: 1}, {y: "${sub(2)}"}], next: three}
    - two: {call: sys.log, args: {data: hi}}
    - three: {switch: [{condition: "${x == 1}", steps: [{four: {next: two}}]}]}
    - five: {for: {value: v, index: i, in: [1], steps: [{six: {next: break}}]}}
    - seven:
        try: {call: sub, args: [1], result: z}
        retry: {predicate: "${retry.always}", max_retries: 1}
        except: {as: e, steps: [{eight: {raise: "${e}"}}]}
    - nine: {parallel: {shared: [x], branches: [{ten: {steps: [{eleven: {assign: [{x: 2}]}}]}}]}}
    - twelve: {steps: [{thirteen: {return: "${x}"}}]}
sub:
  params: [n]
  steps:
    - fourteen: {return: "${n}"}
"""


@pytest.fixture(name="plan")
def _plan() -> Plan:
    return a_plan(EVERYTHING)


def test_given_a_plan_then_each_step_begins_at_one_address(plan: Plan) -> None:
    begun = [mark.step for mark, count in zip(plan.marks, plan.counts, strict=True) if mark is not None and count]
    assert sorted(begun) == sorted(
        [
            "one",
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "eleven",
            "twelve",
            "thirteen",
            "fourteen",
        ]
    )


def test_given_a_plan_then_each_op_of_a_step_knows_its_step(plan: Plan) -> None:
    assert len(plan.ops) == len(plan.counts) == len(plan.marks) == len(plan.sources)
    for mark, source, count in zip(plan.marks, plan.sources, plan.counts, strict=True):
        if mark is not None and count:
            assert source is not None
            assert (source.step, source.routine, source.position) == (mark.step, mark.routine, mark.position)


def test_given_the_halting_address_then_its_op_halts_and_counts_nothing(plan: Plan) -> None:
    assert plan.counts[HALT] == 0
    assert plan.marks[HALT] is None
    with pytest.raises(Halted):
        plan.ops[HALT](None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "source",
    [
        "- a: {next: nowhere}",
        "- a: {next: break}",
        "- a: {return: '${nothing}'}",
        "- a: {return: '${nothing()}'}",
        "- a: {assign: [{x.y: 1}]}",
        "- i: {assign: [{x: 1}]}\n- p: {parallel: {for: {value: v, in: [1], steps: [{s: {assign: [{x: 1}]}}]}}}",
        "- p: {parallel: {for: {value: v, in: [1], steps: [{s: {next: break}}]}}}",
    ],
)
def test_given_a_program_that_was_not_checked_then_there_is_no_plan(source: str) -> None:
    with pytest.raises(Unresolved):
        a_plan(source)


def test_given_no_main_then_there_is_no_plan() -> None:
    with pytest.raises(Unresolved, match="main"):
        make_plan(Program(routines=()))
