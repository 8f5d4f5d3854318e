"""Loops, parallel steps and retries: what is checked of them beyond names."""

import pytest
from test_resolve import the_problem, told

from hakobune.core.workflows.build import check_source
from hakobune.core.workflows.limits import Strictness
from hakobune.core.workflows.positions import Severity

# -- loops ------------------------------------------------------------------------------------------------------


def nested(outer: str, inner: str, around: str = "INNER") -> str:
    loop = f"l2: {{for: {{{inner}, in: [], steps: [{{s: {{assign: [{{w: 1}}]}}}}]}}}}"
    return f"- l1: {{for: {{{outer}, in: [], steps: [{{{around.replace('INNER', loop)}}}]}}}}"


@pytest.mark.parametrize(
    ("outer", "inner"),
    [("value: v", "value: v"), ("value: v, index: i", "value: i"), ("value: v", "value: w, index: v")],
)
@pytest.mark.parametrize(
    "around",
    [
        "INNER",
        "g: {steps: [{INNER}]}",
        "t: {try: {steps: [{INNER}]}, except: {steps: [{e: {return: 1}}]}}",
        "p: {parallel: {branches: [{b: {steps: [{INNER}]}}]}}",
        "l3: {for: {value: other, in: [], steps: [{INNER}]}}",
    ],
)
def test_given_a_loop_inside_a_loop_when_both_have_the_same_variable_then_it_is_refused(
    outer: str, inner: str, around: str
) -> None:
    problem = the_problem(nested(outer, inner, around))
    assert problem.rule == "loop-variable"
    assert problem.step == "l2"
    assert "is the variable of a loop around this one" in problem.message


def test_given_loops_with_variables_of_their_own_when_they_are_nested_then_nothing_is_told() -> None:
    assert told(nested("value: v, index: i", "value: x, index: j")) == []


def test_given_loops_one_after_the_other_when_they_have_the_same_variable_then_nothing_is_told() -> None:
    loop = "{for: {value: v, in: [], steps: [{s%d: {assign: [{w: '${v}'}]}}]}}"
    assert told(f"- a: {loop % 1}\n- b: {loop % 2}") == []


@pytest.mark.parametrize("bounds", ["[1, 9]", "[1.5, -2]", "['${1}', 2]", "['${x}', '${x}']", "'${[1, x]}'"])
def test_given_a_range_of_numbers_or_expressions_when_it_is_checked_then_nothing_is_told(bounds: str) -> None:
    assert (
        told(f"- i: {{assign: [{{x: 1}}]}}\n- l: {{for: {{value: v, range: {bounds}, steps: [{{s: {{return: 1}}}}]}}}}")
        == []
    )


@pytest.mark.parametrize("bound", ["'9'", "true", "null", "[1]", "{a: 1}", "[]"])
def test_given_a_range_that_can_never_be_one_when_it_is_checked_then_there_is_a_warning(bound: str) -> None:
    problem = the_problem(f"- l: {{for: {{value: v, range: [1, {bound}], steps: [{{s: {{return: 1}}}}]}}}}")
    assert (problem.rule, problem.severity) == ("range-type", Severity.WARNING)
    assert (problem.position.line, problem.position.column) == (1, 34)


# -- parallel ---------------------------------------------------------------------------------------------------


def parallels(depth: int, *, is_loop: bool = False) -> str:
    body = "{assign: [{w: 1}]}"
    for level in range(depth, 0, -1):
        steps = f"steps: [{{p{level + 1}: {body}}}]"
        work = f"for: {{value: v{level}, in: [], {steps}}}" if is_loop else f"branches: [{{b{level}: {{{steps}}}}}]"
        body = f"{{parallel: {{{work}}}}}"
    return f"- p1: {body}"


@pytest.mark.parametrize("is_loop", [False, True])
def test_given_parallel_steps_that_are_nested_too_deep_when_they_are_checked_then_the_first_too_deep_is_told(
    is_loop: bool,
) -> None:
    assert told(parallels(2, is_loop=is_loop)) == []
    for depth in (3, 4):
        problem = the_problem(parallels(depth, is_loop=is_loop))
        assert (problem.rule, problem.step) == ("limit-parallel-depth", "p3")
        assert problem.message == "error in step p3: parallel steps are nested 3 levels deep, the limit is 2"
        assert problem.position.column == parallels(depth, is_loop=is_loop).index("p3") + 1


def test_given_parallel_steps_that_are_nested_too_deep_when_limits_only_warn_then_the_program_runs() -> None:
    assert check_source(parallels(3))[0] is None
    program, problems = check_source(parallels(3), strictness=Strictness.WARN)
    assert program is not None
    assert [problem.severity for problem in problems] == [Severity.WARNING]


def test_given_parallel_steps_one_after_the_other_when_they_are_checked_then_depth_is_not_added_up() -> None:
    assert (
        told(
            "\n".join(
                f"- s{n}: {{parallel: {{branches: [{{b{n}: {{steps: [{{w{n}: {{assign: [{{w: 1}}]}}}}]}}}}]}}}}"
                for n in range(4)
            )
        )
        == []
    )


def test_given_a_parallel_step_in_a_switch_behind_nested_steps_when_it_is_too_deep_then_its_own_step_is_told() -> None:
    inner = "parallel: {branches: [{b3: {steps: [{z: {assign: [{inner: 1}]}}]}}]}"
    switch = f"choose: {{switch: [{{condition: true, steps: [{{deep: {{assign: [{{w: 1}}]}}}}]}}, {{condition: true, {inner}}}]}}"
    text = f"- p1: {{parallel: {{branches: [{{b1: {{steps: [{{p2: {{parallel: {{branches: [{{b2: {{steps: [{{{switch}}}]}}}}]}}}}}}]}}}}]}}}}"
    problem = the_problem(text)
    assert (problem.rule, problem.step) == ("limit-parallel-depth", "choose")
    assert problem.position.column == text.index("choose") + 1


# -- retries ----------------------------------------------------------------------------------------------------

ROUTINES = """
good: {params: [e], steps: [{s: {return: true}}]}
nothing: {steps: [{s: {return: true}}]}
two: {params: [e, f: 1], steps: [{s: {return: true}}]}
"""


def attempt(retry: str) -> str:
    return (
        f"main:\n  params: [p]\n  steps:\n    - a:\n        try: {{call: sys.now}}\n        retry: {retry}\n{ROUTINES}"
    )


def with_predicate(predicate: str) -> str:
    return attempt(f'{{predicate: "${{{predicate}}}", max_retries: 1}}')


@pytest.mark.parametrize(
    "predicate",
    [
        "good",
        "http.default_retry_predicate",
        "http.default_retry_predicate_non_idempotent",
        "retry.always",
        "retry.never",
        "p",
        "p.predicate",
        "p[0]",
        "default(p, good)",
    ],
)
def test_given_a_predicate_that_may_be_one_when_it_is_checked_then_nothing_is_told(predicate: str) -> None:
    assert told(with_predicate(predicate)) == []


@pytest.mark.parametrize(
    ("predicate", "detail"),
    [
        ("nothing", "subworkflow 'nothing' is called with one argument, the error; it has 0 parameters"),
        ("two", "it has 2 parameters"),
        ("http.default_retry", "'http.default_retry' is no retry predicate"),
        ("retry.default_backoff", "'retry.default_backoff' is no retry predicate"),
        ("len", "'len' is no retry predicate"),
        ("http.get", "'http.get' is no retry predicate"),
        ("true", "a retry predicate must name a function"),
        ("not(p)", "a retry predicate must name a function"),
        ("p == 1", "a retry predicate must name a function"),
        ("retry.always(p)", "'retry.always' is called here"),
    ],
)
def test_given_a_predicate_that_can_never_be_one_when_it_is_checked_then_it_is_refused(
    predicate: str, detail: str
) -> None:
    problem = the_problem(with_predicate(predicate))
    assert problem.rule == "retry-predicate"
    assert problem.message.startswith("error in step a: error evaluating retry predicate: ")
    assert detail in problem.message
    assert problem.remedy


@pytest.mark.parametrize(
    "policy",
    [
        "http.default_retry",
        "http.default_retry_non_idempotent",
        "p",
        "p.policy",
        "default(p, p)",
        "{'predicate': good}",
    ],
)
def test_given_a_policy_that_may_be_one_when_it_is_checked_then_nothing_is_told(policy: str) -> None:
    assert told(attempt(f'"${{{policy}}}"')) == []


@pytest.mark.parametrize(
    "policy", ["http.default_retry_predicate", "retry.default_backoff", "retry.always", "good", "len"]
)
def test_given_a_policy_that_can_never_be_one_when_it_is_checked_then_it_is_refused(policy: str) -> None:
    problem = the_problem(attempt(f'"${{{policy}}}"'))
    assert problem.rule == "retry-policy"
    assert problem.message == f"error in step a: error evaluating retry policy: '{policy}' is no retry policy"


@pytest.mark.parametrize(
    ("predicate", "policy"),
    [
        ("http.default_retry_predicate", "http.default_retry"),
        ("http.default_retry_predicate_non_idempotent", "http.default_retry_non_idempotent"),
    ],
)
def test_given_a_predicate_in_the_place_of_a_policy_when_it_is_checked_then_its_policy_is_named(
    predicate: str, policy: str
) -> None:
    assert f"'retry: ${{{policy}}}'" in the_problem(attempt(f'"${{{predicate}}}"')).remedy


@pytest.mark.parametrize("retry", ['"${htpp.default_retry}"', '{predicate: "${goood}", max_retries: 1}'])
def test_given_a_name_in_a_retry_that_is_nothing_when_it_is_checked_then_only_the_symbol_is_told(retry: str) -> None:
    assert the_problem(attempt(retry)).rule == "unknown-symbol"
