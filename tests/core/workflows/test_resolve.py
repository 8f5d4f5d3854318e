"""What all checks of a program have in common: order, places, wording, severity, bounds."""

import time

import pytest

from hakobune.core.workflows.jumps import JumpRule
from hakobune.core.workflows.parse import parse_source
from hakobune.core.workflows.positions import Position, Problem, Severity
from hakobune.core.workflows.resolve import RULES, resolve
from hakobune.core.workflows.resolve_findings import Rule


def problems_of(text: str) -> list[Problem]:
    program, parsed = parse_source(text)
    assert program is not None, parsed
    return resolve(program)


def told(text: str) -> list[str]:
    """Each problem as `line:column rule`."""
    return [f"{p.position.line}:{p.position.column} {p.rule}" for p in problems_of(text)]


def the_problem(text: str) -> Problem:
    [problem] = problems_of(text)
    return problem


def test_given_the_documented_example_when_it_is_checked_then_the_message_is_the_documented_one() -> None:
    problem = the_problem(
        """
- step1:
    assign:
      - varA: "Hello"
      - varB: "World"
- step2:
    return: ${varC + varB}
"""
    )
    assert problem.message == (
        "error in step step2: error evaluating return value: symbol 'varC' is neither a variable nor a sub-workflow name"
    )
    assert (problem.rule, problem.severity) == ("unknown-symbol", Severity.ERROR)
    assert (problem.routine, problem.step) == ("main", "step2")
    assert problem.position == Position(7, 15, 4)
    assert problem.remedy == "did you mean 'varB'?"


def test_given_many_errors_when_a_program_is_checked_then_all_are_told_in_the_order_of_the_source() -> None:
    assert told(
        """
main:
  steps:
    - a:
        call: http.gett
        args: {url: "${nothing}"}
        next: nowhere
    - b:
        switch:
          - condition: ${missing}
            next: break
    - c:
        call: sub
sub:
  params: [p, q: "${r}"]
  steps:
    - a:
        return: ${sys.sleep(p)}
"""
    ) == [
        "5:15 unknown-function",
        "6:24 unknown-symbol",
        "7:15 unknown-target",
        "10:26 unknown-symbol",
        "11:19 forbidden-jump",
        "13:15 missing-argument",
        "15:21 unknown-symbol",
        "18:19 blocking-in-expression",
    ]


@pytest.mark.parametrize(
    ("body", "what"),
    [
        ("return: [1, {k: [VALUE]}]", "return value"),
        ("return: {VALUE: 1}", "return value"),
        ("raise: {message: VALUE}", "raise value"),
        ("assign: [{v: VALUE}]", "assignment"),
        ("switch: [{condition: VALUE, next: end}]", "condition"),
        ("switch: [{condition: true, steps: [{inner: {return: 1}}]}, {condition: VALUE, next: end}]", "condition"),
        ("call: sys.log\n    args: {text: VALUE}", "args"),
        ("call: sys.log\n    args: [VALUE]", "args"),
        ("call: sys.log\n    args: VALUE", "args"),
        ("for: {value: v, in: VALUE, steps: [{s: {assign: [{w: 1}]}}]}", "for"),
        ("for: {value: v, range: [1, VALUE], steps: [{s: {assign: [{w: 1}]}}]}", "range"),
        ("for: {value: v, range: VALUE, steps: [{s: {assign: [{w: 1}]}}]}", "range"),
        (
            "parallel: {concurrency_limit: VALUE, for: {value: v, in: [1], steps: [{s: {assign: [{w: 1}]}}]}}",
            "concurrency_limit",
        ),
        ("try: {call: sys.now}\n    retry: VALUE", "retry policy"),
        ("try: {call: sys.now}\n    retry: {predicate: VALUE, max_retries: 1}", "retry predicate"),
        ("try: {call: sys.now}\n    retry: {predicate: '${retry.always}', max_retries: VALUE}", "max_retries"),
        ("try: {call: sys.now}\n    retry: {predicate: '${retry.always}', max_retries: 1, backoff: VALUE}", "backoff"),
    ],
)
def test_given_an_unknown_name_wherever_a_value_stands_when_it_is_checked_then_the_message_says_where(
    body: str, what: str
) -> None:
    text = "- here:\n    " + body.replace("VALUE", "'${absent.a[0]}'") + "\n"
    problem = the_problem(text)
    assert problem.message == (
        f"error in step here: error evaluating {what}: symbol 'absent' is neither a variable nor a sub-workflow name"
    )
    lines = text.splitlines()
    assert lines[problem.position.line - 1][problem.position.column - 1 :].startswith("absent")
    assert problem.position.length == len("absent")


def test_given_an_unknown_name_in_a_default_when_it_is_checked_then_the_routine_is_named() -> None:
    problem = the_problem(
        "main: {steps: [{a: {call: sub, args: [1]}}]}\nsub: {params: [p: '${x + p}'], steps: [{a: {return: 1}}]}"
    )
    assert problem.message == (
        "error in routine sub: error evaluating parameter default: "
        "symbol 'x' is neither a variable nor a sub-workflow name"
    )
    assert (problem.routine, problem.step) == ("sub", "")


@pytest.mark.parametrize(
    ("value", "column"),
    [
        ("${1 + x}", 21),
        ("'${1 + x}'", 22),
        ('"${1 + x}"', 22),
        ("${'é' + x}", 23),  # columns count characters
        ("${-x.y}", 18),
        ("'${''é'' + x}'", 26),  # escapes
        ('"${\\"é\\" + x}"', 26),
        ('"${\\u0022é\\u0022 + x}"', 34),
    ],
)
def test_given_a_symbol_in_an_expression_when_it_is_told_then_its_own_place_is_given_where_it_can_be_known(
    value: str, column: int
) -> None:
    assert told(f"- t:\n      return: {value}\n") == [f"2:{column} unknown-symbol"]


@pytest.mark.parametrize(
    ("value", "place"),
    [
        ("${1 +\n        x}", "3:9"),
        ("'${1 +\n\n         x}'", "4:10"),
        ('"${1 + \\\n        \\x78}"', "3:9"),
        ("|\n        ${1 +\n           2 + x}", "4:16"),
        ('>-  # a comment with an x\n        ${"x" +\n        x\n        }', "4:9"),
        ("!!str &anchor '${1 +\n        x}'", "3:9"),
        ('|\n        ${"é\\\\" + x}', "3:19"),
    ],
)
def test_given_an_expression_of_several_lines_when_a_symbol_in_it_is_told_then_its_own_line_is_given(
    value: str, place: str
) -> None:
    assert told(f"- t:\n      return: {value}\n") == [f"{place} unknown-symbol"]


def test_given_the_same_unknown_name_several_times_in_a_value_when_it_is_checked_then_it_is_told_once() -> None:
    assert told("- a: {return: '${x + x * x}'}\n- b: {return: '${x}'}") == [
        "1:18 unknown-symbol",
        "2:18 unknown-symbol",
    ]


def test_given_the_same_mistake_in_two_calls_of_a_step_when_it_is_checked_then_each_place_is_told() -> None:
    assert told("- a: {return: '${len() + len()}'}") == ["1:18 missing-argument", "1:26 missing-argument"]


def test_given_code_that_cannot_be_reached_or_is_never_read_when_it_is_checked_then_nothing_is_told() -> None:
    assert (
        told("- a: {assign: [{unread: 1}]}\n- b: {return: 1}\n- c: {return: '${1 / 0}'}\n- d: {return: '${true + 1}'}")
        == []
    )


def test_given_a_literal_condition_that_is_no_boolean_when_it_is_checked_then_it_is_left_to_the_execution() -> None:
    assert told("- a:\n    switch:\n      - condition: 5\n        next: end\n") == []


def test_given_a_routine_with_the_name_of_a_function_when_it_is_checked_then_there_is_a_warning() -> None:
    problem = the_problem("main: {steps: [{a: {return: 1}}]}\nlen: {steps: [{a: {return: 1}}]}")
    assert (problem.rule, problem.severity) == ("hidden-function", Severity.WARNING)
    assert problem.message == "error in routine len: subworkflow 'len' hides the function of this name"


def test_every_rule_is_explained_in_a_sentence() -> None:
    assert set(RULES) == {*Rule, *JumpRule}
    assert all(text.endswith(".") for text in RULES.values())


def test_only_the_depth_of_parallel_steps_is_a_limit_that_can_be_lifted() -> None:
    assert [rule for rule in RULES if rule.startswith("limit")] == ["limit-parallel-depth"]


def test_given_a_source_as_large_as_allowed_when_it_is_checked_then_it_takes_no_time_that_anyone_notices() -> None:
    steps = [
        f"""- c{number}:
    call: http.get
    args: {{url: '${{"https://example.com/" + string(a)}}'}}
    result: r{number}
- f{number}:
    for:
      value: v
      in: ${{keys(m)}}
      steps:
        - b{number}: {{assign: [{{x: "${{r{number}.body.x + v * 2 - a // 3}}"}}]}}
"""
        for number in range(500)
    ]
    program, parsed = parse_source("- i: {assign: [{a: 1}, {m: {}}]}\n" + "".join(steps))
    assert program is not None, parsed
    began = time.process_time()
    assert resolve(program) == []
    assert time.process_time() - began < 1.0  # about 0.01 s; a walk that is not linear takes far longer


def test_given_thousands_of_unknown_names_beside_thousands_of_blocks_when_it_is_checked_then_it_ends_soon() -> None:
    loops = "".join(
        f"- f{n}: {{for: {{value: v{n}, in: [], steps: [{{g{n}: {{return: '${{w{n}}}'}}}}]}}}}\n" for n in range(1500)
    )
    program, parsed = parse_source(loops)
    assert program is not None, parsed
    began = time.process_time()
    assert len(resolve(program)) == 1500
    assert time.process_time() - began < 5.0
