"""Step entries: what the history tells, and that it never tells another time."""

from __future__ import annotations

import pytest
from stage import START_S, Played, begin, go_on

from hakobune.core.workflows.events import CancelRequested
from hakobune.core.workflows.history import ProgressType, StepEntry, StepState, fold_history
from hakobune.core.workflows.limits import RunLimits
from hakobune.core.workflows.machine import resume
from hakobune.core.workflows.marks import StepType
from hakobune.core.workflows.model import HistoryLevel

SLEEP = "call: sys.sleep, args: {seconds: 1}"


def told(source: str, level: HistoryLevel = HistoryLevel.BASIC, limits: RunLimits | None = None) -> list[StepEntry]:
    """The entries of an execution at its end, after its history was looked at after each event."""
    played = go_on(begin(source, limits=limits or RunLimits()))
    return entries(played, level)


def entries(played: Played, level: HistoryLevel = HistoryLevel.BASIC) -> list[StepEntry]:
    seen: dict[int, StepEntry] = {}
    found: list[StepEntry] = []
    for count in range(1, len(played.journal) + 1):
        found = fold_history(played.plan, played.journal[:count], level, played.limits)
        assert [entry.entry_id for entry in found] == list(range(1, len(found) + 1))
        for entry in found:
            before = seen.get(entry.entry_id)
            if before is not None:
                assert entry.create_s == before.create_s
                if before.state is not StepState.IN_PROGRESS:
                    assert (entry.state, entry.update_s, entry.variables) == (
                        before.state,
                        before.update_s,
                        before.variables,
                    )
            seen[entry.entry_id] = entry
            check_links(entry, found)
    assert resume(played.plan, played.journal, played.limits).outcome == played.machine.outcome
    return found


def check_links(entry: StepEntry, found: list[StepEntry]) -> None:
    if entry.parent:
        assert entry.entry_id in found[entry.parent - 1].children
    if entry.next:
        assert found[entry.next - 1].previous == entry.entry_id
        assert found[entry.next - 1].parent == entry.parent


def lines(found: list[StepEntry]) -> list[str]:
    """`parent> step TYPE STATE number` of each entry."""
    return [
        f"{entry.parent}> {entry.step} {entry.type.removeprefix('STEP_')} {entry.state.removeprefix('STATE_')}"
        + (f" {entry.number}" if entry.number else "")
        for entry in found
    ]


def test_given_steps_one_after_the_other_then_each_has_an_entry_and_knows_its_neighbours() -> None:
    found = told(f"- a: {{assign: [{{x: 1}}]}}\n- s: {{{SLEEP}}}\n- r: {{return: 1}}")
    assert lines(found) == ["0> a ASSIGN SUCCEEDED", "0> s STD_LIB_CALL SUCCEEDED", "0> r RETURN SUCCEEDED"]
    assert [(entry.previous, entry.next) for entry in found] == [(0, 2), (1, 3), (2, 0)]
    assert [(entry.create_s, entry.update_s) for entry in found] == [
        (START_S, START_S),
        (START_S, START_S + 1),
        (START_S + 1, START_S + 1),
    ]
    assert found[0].routine == "main"
    assert found[0].variables is None


def test_given_a_step_that_waits_then_it_is_in_progress() -> None:
    played = begin(f"- s: {{{SLEEP}}}")
    assert lines(entries(played)) == ["0> s STD_LIB_CALL IN_PROGRESS"]
    played.event(CancelRequested())
    assert lines(entries(played)) == ["0> s STD_LIB_CALL CANCELLED"]


def test_given_a_loop_then_each_iteration_is_a_block_with_its_number() -> None:
    found = told(
        "- l: {for: {value: v, range: [7, 8], steps: [{a: {assign: [{x: '${v}'}]}}]}}\n- r: {return: 1}",
        HistoryLevel.DETAILED,
    )
    assert lines(found) == [
        "0> l FOR SUCCEEDED",
        "1> l FOR_ITERATION SUCCEEDED 1",
        "2> a ASSIGN SUCCEEDED",
        "1> l FOR_ITERATION SUCCEEDED 2",
        "4> a ASSIGN SUCCEEDED",
        "0> r RETURN SUCCEEDED",
    ]
    assert found[1].progress is ProgressType.FOR
    assert [entry.expected for entry in found] == [0, 2, 0, 2, 0, 0]
    assert [entry.variables for entry in found] == [
        {},
        {"v": 7, "x": 7},
        {"v": 7, "x": 7},
        {"v": 8, "x": 8},
        {"v": 8, "x": 8},
        {},
    ]


def test_given_the_basic_level_then_expected_numbers_and_variables_are_not_told() -> None:
    for level in (HistoryLevel.BASIC, HistoryLevel.UNSPECIFIED):
        found = told("- l: {for: {value: v, range: [7, 8], steps: [{a: {assign: [{x: '${v}'}]}}]}}", level)
        assert {entry.expected for entry in found} == {0}
        assert {entry.variables for entry in found} == {None}


def test_given_a_switch_then_the_condition_that_held_is_a_block() -> None:
    found = told(
        "- s: {switch: [{condition: false}, {condition: true, steps: [{a: {assign: [{x: 1}]}}]}]}\n- n: {switch: [{condition: false}]}"
    )
    assert lines(found) == [
        "0> s SWITCH SUCCEEDED",
        "1> s CONDITION SUCCEEDED 2",
        "2> a ASSIGN SUCCEEDED",
        "0> n SWITCH SUCCEEDED",
    ]
    assert found[1].progress is ProgressType.SWITCH


def test_given_a_call_of_a_subworkflow_then_its_steps_stand_below_the_call() -> None:
    found = told(
        "main: {steps: [{c: {call: sub, args: [1], result: r}}, {x: {return: '${sub(2)}'}}]}\nsub: {params: [n], steps: [{a: {assign: [{m: '${n}'}]}}, {b: {return: '${m}'}}]}"
    )
    assert lines(found) == [
        "0> c SUBWORKFLOW_CALL SUCCEEDED",
        "1> a ASSIGN SUCCEEDED",
        "1> b RETURN SUCCEEDED",
        "0> x RETURN SUCCEEDED",
        "4> a ASSIGN SUCCEEDED",
        "4> b RETURN SUCCEEDED",
    ]
    assert found[1].routine == "sub"


def test_given_an_error_that_is_caught_then_what_it_left_has_failed_and_except_is_a_block() -> None:
    found = told(
        "- t: {try: {steps: [{g: {steps: [{a: {raise: boom}}]}}]}, except: {as: e, steps: [{x: {assign: [{y: 1}]}}]}}\n- r: {return: 1}",
        HistoryLevel.DETAILED,
    )
    assert lines(found) == [
        "0> t TRY_RETRY_EXCEPT SUCCEEDED",
        "1> t TRY FAILED",
        "2> g TYPE_UNSPECIFIED FAILED",
        "3> a RAISE FAILED",
        "1> t EXCEPT SUCCEEDED",
        "5> x ASSIGN SUCCEEDED",
        "0> r RETURN SUCCEEDED",
    ]
    assert [entry.exception for entry in found] == [None, '"boom"', '"boom"', '"boom"', None, None, None]
    assert found[5].variables == {"e": "boom", "y": 1}


def test_given_an_inline_body_then_it_has_an_entry_of_the_steps_name() -> None:
    found = told(f"- t: {{try: {{{SLEEP}}}, except: {{steps: [{{x: {{next: end}}}}]}}}}")
    assert lines(found) == ["0> t TRY_RETRY_EXCEPT SUCCEEDED", "1> t TRY SUCCEEDED", "2> t STD_LIB_CALL SUCCEEDED"]


def test_given_retries_then_each_is_a_block_with_its_number_and_the_body_is_tried_below_the_step() -> None:
    found = told(
        "- t: {try: {raise: x}, retry: {predicate: '${retry.always}', max_retries: 2}, except: {steps: [{x: {next: end}}]}}"
    )
    assert lines(found) == [
        "0> t TRY_RETRY_EXCEPT SUCCEEDED",
        "1> t TRY FAILED",
        "2> t RAISE FAILED",
        "1> t RETRY SUCCEEDED 1",
        "1> t TRY FAILED",
        "5> t RAISE FAILED",
        "1> t RETRY SUCCEEDED 2",
        "1> t TRY FAILED",
        "8> t RAISE FAILED",
        "1> t EXCEPT SUCCEEDED",
        "10> x GOTO SUCCEEDED",
    ]
    assert found[3].progress is ProgressType.RETRY
    assert (found[3].create_s, found[3].update_s) == (START_S, START_S + 1)


def test_given_an_error_below_a_call_then_the_call_has_failed_too() -> None:
    found = told(
        "main: {steps: [{t: {try: {steps: [{c: {call: sub}}]}, except: {steps: [{x: {next: end}}]}}}]}\nsub: {steps: [{a: {raise: no}}]}"
    )
    assert lines(found)[1:4] == ["1> t TRY FAILED", "2> c SUBWORKFLOW_CALL FAILED", "3> a RAISE FAILED"]


def test_given_an_error_that_nobody_catches_then_all_that_is_open_has_failed() -> None:
    found = told("- g: {steps: [{a: {raise: no}}]}")
    assert lines(found) == ["0> g TYPE_UNSPECIFIED FAILED", "1> a RAISE FAILED"]
    assert found[1].exception == '"no"'


def test_given_parallel_branches_then_each_is_a_thread() -> None:
    found = told(
        f"- p: {{parallel: {{branches: [{{x: {{steps: [{{s: {{{SLEEP}}}}}]}}}}, {{y: {{steps: [{{t: {{raise: no}}}}]}}}}]}}}}"
    )
    assert lines(found) == [
        "0> p PARALLEL_BRANCH FAILED",
        "1> x PARALLEL_BRANCH_ENTRY SUCCEEDED 1",
        "1> y PARALLEL_BRANCH_ENTRY FAILED 2",
        "2> s STD_LIB_CALL SUCCEEDED",
        "3> t RAISE FAILED",
    ]
    assert [entry.thread for entry in found] == ["", "x", "y", "x", "y"]
    assert found[1].progress is ProgressType.PARALLEL_BRANCH
    assert (found[1].next, found[2].previous) == (0, 0)


def test_given_parallel_iterations_then_each_is_a_thread_with_its_number() -> None:
    found = told(
        "- p: {parallel: {shared: [n], for: {value: v, in: [5, 6], steps: [{s: {assign: [{n: '${v}'}, {m: 1}]}}]}}}\n- r: {return: 1}",
        HistoryLevel.DETAILED,
    )
    assert lines(found) == [
        "0> p PARALLEL_FOR SUCCEEDED",
        "1> p FOR_ITERATION SUCCEEDED 1",
        "1> p FOR_ITERATION SUCCEEDED 2",
        "2> s ASSIGN SUCCEEDED",
        "3> s ASSIGN SUCCEEDED",
        "0> r RETURN SUCCEEDED",
    ]
    assert found[1].progress is ProgressType.PARALLEL_FOR
    assert found[1].expected == 2
    assert found[3].variables == {"v": 5, "m": 1, "n": 5}
    assert [entry.thread for entry in found] == ["", "0", "1", "0", "1", ""]


def test_given_a_limit_that_is_reached_in_a_branch_then_what_is_open_around_it_has_failed_and_the_rest_was_cut_off() -> (
    None
):
    source = f"- p: {{parallel: {{branches: [{{x: {{steps: [{{s: {{{SLEEP}}}}}]}}}}, {{y: {{steps: [{{a: {{assign: [{{q: 1}}]}}}}, {{b: {{next: a}}}}]}}}}]}}}}"
    found = told(source, limits=RunLimits(steps=5))
    states = {entry.step: entry.state for entry in found}
    assert states["p"] is StepState.FAILED
    assert states["y"] is StepState.FAILED
    assert states["x"] is StepState.CANCELLED


def test_given_a_jump_into_a_group_then_the_group_is_entered_too() -> None:
    found = told("- a: {next: inner}\n- g: {steps: [{x: {assign: [{y: 1}]}}, {inner: {assign: [{y: 2}]}}]}")
    assert lines(found) == ["0> a GOTO SUCCEEDED", "0> g TYPE_UNSPECIFIED SUCCEEDED", "2> inner ASSIGN SUCCEEDED"]


def test_given_a_jump_out_of_blocks_then_they_are_over() -> None:
    found = told(
        "- l: {for: {value: v, range: [1, 3], steps: [{t: {try: {steps: [{b: {next: break}}]}, except: {steps: [{x: {next: end}}]}}}]}}\n- r: {return: 1}"
    )
    assert lines(found) == [
        "0> l FOR SUCCEEDED",
        "1> l FOR_ITERATION SUCCEEDED 1",
        "2> t TRY_RETRY_EXCEPT SUCCEEDED",
        "3> t TRY SUCCEEDED",
        "4> b GOTO SUCCEEDED",
        "0> r RETURN SUCCEEDED",
    ]


@pytest.mark.parametrize(
    ("step", "kind"),
    [
        ("{assign: [{x: 1}]}", StepType.ASSIGN),
        ("{call: text.to_upper, args: [a]}", StepType.STD_LIB_CALL),
        ("{call: googleapis.run.v2.nosuch}", StepType.CONNECTOR_CALL),
        ("{next: end}", StepType.GOTO),
        ("{raise: x}", StepType.RAISE),
        ("{steps: [{b: {next: end}}]}", StepType.UNSPECIFIED),
    ],
)
def test_given_a_step_then_this_is_its_type(step: str, kind: StepType) -> None:
    assert told(f"- a: {step}")[0].type is kind
