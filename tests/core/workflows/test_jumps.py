"""Jumps: which steps `next` may go to, and which borders it may cross."""

import pytest
from test_resolve import the_problem, told

from hakobune.core.workflows.jumps import Jumps, RegionKind
from hakobune.core.workflows.parse import parse_source

BODIES = {
    "for": "{for: {value: v, in: [], steps: [STEPS]}}",
    "parallel for": "{parallel: {for: {value: v, in: [], steps: [STEPS]}}}",
    "branch": "{parallel: {branches: [{br: {steps: [STEPS]}}]}}",
    "try": "{try: {steps: [STEPS]}, except: {steps: [{h: {raise: 1}}]}}",
    "except": "{try: {call: sys.now}, except: {steps: [STEPS]}}",
    "switch": "{switch: [{condition: true, steps: [STEPS]}]}",
    "steps": "{steps: [STEPS]}",
}
"""A block of step `block`, with STEPS inside."""

CLOSED = ["for", "parallel for", "branch"]
LEFT_ONLY = ["try", "except", "switch"]


def block(kind: str, steps: str, name: str = "block") -> str:
    return f"- {name}: {BODIES[kind].replace('STEPS', steps).replace('br:', f'br_{name}:').replace('{h:', f'{{h_{name}:')}\n"


GOTO = "{go: {assign: [{x: 1}], next: there}}"
STEP = "{there: {assign: [{y: 1}]}}"
OUTER_GOTO = "- go: {assign: [{outer_x: 1}], next: there}\n"
OUTER_STEP = "- there: {assign: [{outer_y: 1}]}\n"


# -- out of, into, within ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [*LEFT_ONLY, "steps"])
def test_given_a_block_that_may_be_left_when_a_jump_leaves_it_then_nothing_is_told(kind: str) -> None:
    assert told(block(kind, GOTO) + OUTER_STEP) == []


@pytest.mark.parametrize(
    ("kind", "where", "remedy"),
    [
        ("for", "the 'for' of step 'block'", "write 'next: break'"),
        ("parallel for", "the parallel 'for' of step 'block'", "'next: continue' ends this iteration"),
        ("branch", "branch 'br_block' of step 'block'", "'next: end' ends this branch"),
    ],
)
def test_given_a_block_with_a_closed_border_when_a_jump_leaves_it_then_it_is_refused(
    kind: str, where: str, remedy: str
) -> None:
    problem = the_problem(block(kind, GOTO) + OUTER_STEP)
    assert (problem.rule, problem.step) == ("forbidden-jump", "go")
    assert problem.message == f"error in step go: step 'there' stands outside {where}: no jump leaves it"
    assert problem.remedy.startswith(remedy)


@pytest.mark.parametrize("kind", [*CLOSED, *LEFT_ONLY])
def test_given_a_block_with_a_border_when_a_jump_enters_it_then_it_is_refused(kind: str) -> None:
    problem = the_problem(OUTER_GOTO + block(kind, STEP))
    assert problem.rule == "forbidden-jump"
    assert problem.message.startswith("error in step go: step 'there' stands in ")
    assert problem.message.endswith(": no jump enters it")
    assert problem.remedy == "go to step 'block'"


def test_given_steps_within_a_step_when_a_jump_enters_them_then_nothing_is_told() -> None:
    assert told(OUTER_GOTO + block("steps", STEP)) == []


@pytest.mark.parametrize("kind", BODIES)
def test_given_any_block_when_a_jump_stays_within_then_nothing_is_told(kind: str) -> None:
    assert told(block(kind, f"{GOTO}, {STEP}")) == []
    assert told(block(kind, f"{STEP}, {GOTO}")) == []
    inner = "{inner: {switch: [{condition: true, steps: [" + GOTO + "]}]}}"
    assert told(block(kind, f"{inner}, {STEP}")) == []


@pytest.mark.parametrize("source", [*CLOSED, *LEFT_ONLY, "steps"])
@pytest.mark.parametrize("target", [*CLOSED, *LEFT_ONLY])
def test_given_two_blocks_when_a_jump_goes_from_one_into_the_other_then_it_is_refused(source: str, target: str) -> None:
    problem = the_problem(block(source, GOTO, "one") + block(target, STEP, "two"))
    assert problem.rule == "forbidden-jump"
    assert "of step 'two'" in problem.message
    assert ("of step 'one'" in problem.message) == (source in CLOSED)


@pytest.mark.parametrize("name", ["block", "go"])
def test_given_a_jump_to_its_own_step_or_the_step_around_when_it_is_in_an_open_block_then_nothing_is_told(
    name: str,
) -> None:
    assert told(block("switch", "{go: {assign: [{x: 1}], next: NAME}}".replace("NAME", name))) == []


def test_given_a_loop_when_a_step_of_it_goes_to_the_step_of_the_loop_then_it_is_refused() -> None:
    text = block("for", "{go: {next: block}}")
    assert told(text) == [f"1:{text.index('block}') + 1} forbidden-jump"]


def test_given_an_except_block_when_a_jump_goes_into_its_try_then_it_is_refused() -> None:
    problem = the_problem(
        "- a: {try: {steps: [{there: {call: sys.now}}]}, except: {steps: [{go: {assign: [{x: 1}], next: there}}]}}"
    )
    assert problem.message == "error in step go: step 'there' stands in the 'try' of step 'a': no jump enters it"


def test_given_two_entries_of_a_switch_when_a_jump_goes_from_one_to_the_other_then_it_is_refused() -> None:
    assert told(
        "- a: {switch: [{condition: true, steps: [{go: {next: there}}]}, {condition: true, steps: [{there: {return: 1}}]}]}"
    ) == ["1:54 forbidden-jump"]


def test_given_two_branches_when_a_jump_goes_from_one_to_the_other_then_it_is_refused() -> None:
    problem = the_problem(
        "- a: {parallel: {branches: [{one: {steps: [{go: {next: there}}]}}, {two: {steps: [{there: {call: sys.now}}]}}]}}"
    )
    assert problem.message == (
        "error in step go: no jump leaves branch 'one' of step 'a', and step 'there' stands in branch 'two' of step 'a'"
    )


def test_given_nested_loops_when_the_inner_one_jumps_to_a_step_of_the_outer_then_it_is_refused() -> None:
    inner = "{inner: {for: {value: w, in: [], steps: [" + GOTO + "]}}}"
    problem = the_problem(block("for", f"{inner}, {STEP}"))
    assert "stands outside the 'for' of step 'inner'" in problem.message


# -- every place of a jump --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "- a: {next: NAME}",
        "- a: {assign: [{x: 1}], next: NAME}",
        "- a: {switch: [{condition: true, next: NAME}]}",
        "- a: {switch: [{condition: true, assign: [{x: 1}], next: NAME}]}",
        "- a: {switch: [{condition: false, next: end}], next: NAME}",
        "- a: {try: {call: sys.now}, retry: '${http.default_retry}', next: NAME}",
        "- a: {for: {value: v, in: [], steps: [{b: {assign: [{x: 1}]}}]}, next: NAME}",
        "- a: {parallel: {for: {value: v, in: [], steps: [{b: {assign: [{x: 1}]}}]}}, next: NAME}",
        "- a: {steps: [{b: {call: sys.now, next: NAME}}]}",
    ],
)
def test_given_a_jump_anywhere_when_its_target_is_missing_then_it_is_told_and_when_it_exists_it_is_not(
    text: str,
) -> None:
    assert told(text.replace("NAME", "last") + "\n- last: {return: 1}") == []
    problem = the_problem(text.replace("NAME", "lasst") + "\n- last: {return: 1}")
    assert problem.rule == "unknown-target"
    assert problem.message.endswith(": step 'lasst' not found")
    assert problem.remedy == "did you mean 'last'?"
    assert problem.position.column == text.index("NAME") + 1


@pytest.mark.parametrize(
    ("target", "remedy"),
    [
        ("sub", "'sub' is a subworkflow: write 'call: sub' in a step"),
        ("brake", "name a step of routine 'main', or 'end'"),  # `break` means nothing without a loop
        ("elsewhere", "name a step of routine 'main', or 'end'"),
    ],
)
def test_given_a_target_that_is_no_step_of_the_routine_when_it_is_checked_then_it_is_told_what_to_write(
    target: str, remedy: str
) -> None:
    text = f"main: {{steps: [{{a: {{next: {target}}}}}]}}\nsub: {{steps: [{{elsewhere: {{return: 1}}}}]}}"
    problem = the_problem(text)
    assert (problem.rule, problem.remedy) == ("unknown-target", remedy)


def test_given_a_misspelt_break_in_a_routine_with_a_loop_when_it_is_checked_then_break_is_suggested() -> None:
    text = "- l: {for: {value: v, in: [1], steps: [{a: {next: brake}}]}}"
    problem = the_problem(text)
    assert (problem.rule, problem.remedy) == ("unknown-target", "did you mean 'break'?")


def test_given_the_name_of_a_branch_when_a_jump_names_it_then_it_is_told_where_to_go() -> None:
    problem = the_problem(block("branch", STEP) + "- go: {next: br_block}")
    assert problem.rule == "forbidden-jump"
    assert problem.message == "error in step go: 'br_block' is branch 'br_block' of step 'block', not a step"
    assert problem.remedy == "go to step 'block', which starts all of its branches"


# -- end, break, continue ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", BODIES)
def test_given_any_block_when_a_jump_goes_to_the_end_then_nothing_is_told(kind: str) -> None:
    assert told(block(kind, "{go: {assign: [{x: 1}], next: end}}")) == []


@pytest.mark.parametrize("target", ["break", "continue"])
@pytest.mark.parametrize(
    "around",
    [
        "STEP",
        "{s: {switch: [{condition: true, steps: [STEP]}]}}",
        "{s: {switch: [{condition: true, next: TARGET}]}}",
        "{s: {try: {steps: [STEP]}, except: {steps: [{h: {next: TARGET}}]}}}",
        "{s: {steps: [STEP]}}",
    ],
)
def test_given_a_loop_when_it_is_left_or_continued_from_anywhere_inside_then_nothing_is_told(
    around: str, target: str
) -> None:
    steps = around.replace("STEP", "{go: {next: TARGET}}").replace("TARGET", target)
    assert told(block("for", steps)) == []


@pytest.mark.parametrize("target", ["break", "continue"])
@pytest.mark.parametrize("kind", ["try", "except", "switch", "steps"])
def test_given_no_loop_when_one_is_left_or_continued_then_it_is_refused(kind: str, target: str) -> None:
    problem = the_problem(block(kind, "{go: {next: TARGET}}".replace("TARGET", target)))
    assert problem.rule == "forbidden-jump"
    assert problem.message == f"error in step go: '{target}' stands in no 'for'"


def test_given_a_loop_when_the_step_of_the_loop_itself_breaks_then_it_is_refused() -> None:
    assert told("- a: {for: {value: v, in: [], steps: [{b: {assign: [{x: 1}]}}]}, next: break}") == [
        "1:72 forbidden-jump"
    ]


def test_given_a_parallel_loop_when_an_iteration_continues_then_nothing_is_told_and_when_it_breaks_it_is_refused() -> (
    None
):
    assert told(block("parallel for", "{go: {next: continue}}")) == []
    problem = the_problem(block("parallel for", "{go: {next: break}}"))
    assert problem.message == "error in step go: 'break' is not allowed in the parallel 'for' of step 'block'"
    assert problem.remedy.startswith("'next: continue' ends this iteration alone")


@pytest.mark.parametrize("target", ["break", "continue"])
def test_given_a_branch_inside_a_loop_when_it_breaks_or_continues_then_it_is_refused(target: str) -> None:
    inner = "{fan: {parallel: {branches: [{one: {steps: [{go: {next: TARGET}}]}}]}}}".replace("TARGET", target)
    problem = the_problem(block("for", inner))
    assert problem.message == f"error in step go: '{target}' stands in no 'for' within branch 'one' of step 'fan'"


def test_given_a_loop_inside_a_branch_when_it_breaks_then_nothing_is_told() -> None:
    inner = "{l: {for: {value: w, in: [], steps: [{go: {next: break}}]}}}"
    assert told(block("branch", inner)) == []
    assert told(block("parallel for", inner)) == []


# -- return -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["for", "try", "except", "switch", "steps"])
def test_given_a_block_that_is_not_parallel_when_it_returns_then_nothing_is_told(kind: str) -> None:
    assert told(block(kind, "{go: {return: 1}}")) == []


@pytest.mark.parametrize(
    "steps",
    [
        "{go: {return: 1}}",
        "{go: {switch: [{condition: true, return: 1}]}}",
        "{l: {for: {value: w, in: [], steps: [{go: {return: 1}}]}}}",
        "{t: {try: {call: sys.now}, except: {steps: [{go: {return: 1}}]}}}",
    ],
)
@pytest.mark.parametrize("kind", ["parallel for", "branch"])
def test_given_a_parallel_branch_when_it_returns_then_it_is_refused(kind: str, steps: str) -> None:
    problem = the_problem(block(kind, steps))
    assert (problem.rule, problem.step) == ("return-in-parallel", "go")
    assert problem.message == "error in step go: return is not allowed in a parallel branch"
    assert "of step 'block'" in problem.remedy


# -- what a plan can ask ----------------------------------------------------------------------------------------


def test_given_a_routine_when_its_jumps_are_read_then_each_step_and_each_block_has_its_region() -> None:
    program, problems = parse_source(block("for", STEP) + block("except", "{last: {call: sys.now}}", "saved"))
    assert program is not None, problems
    routine = program.routines[0]
    jumps = Jumps(routine)
    assert {name: region.kind for name, region in jumps.steps.items()} == {
        "block": RegionKind.ROUTINE,
        "there": RegionKind.LOOP,
        "saved": RegionKind.ROUTINE,
        "last": RegionKind.EXCEPT,
    }
    assert [region.described for region in jumps.blocks.values()] == [
        "routine 'main'",
        "the 'for' of step 'block'",
        "the 'except' of step 'saved'",
    ]
    assert jumps.blocks[routine.block].outer is None
    assert jumps.refused() == []
