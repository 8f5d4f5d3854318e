"""`for`, `parallel`, `try`: each shape that is right, each that is wrong."""

import pytest
from test_parse import constant, errors_of, program_of, step_of, warnings_of

from hakobune.core.workflows import limits
from hakobune.core.workflows.expr.nodes import Member
from hakobune.core.workflows.syntax import (
    Branch,
    Call,
    Evaluated,
    For,
    Group,
    ListTemplate,
    Parallel,
    Range,
    RetryBlock,
    Try,
)

STEPS = "steps: [{s: {next: end}}]"


@pytest.mark.parametrize(
    ("body", "rule", "words"),
    [
        # for
        ("for: ", "wrong-type", "for must be a map, it is empty"),
        ("for: [1]", "wrong-type", "for must be a map, it is a list"),
        (f"for: {{in: [], {STEPS}}}", "missing-key", "for needs 'value'"),
        ("for: {value: v, in: []}", "missing-key", "for needs 'steps'"),
        ("for: {value: v, in: [], steps: []}", "steps-shape", "for has no steps"),
        (f"for: {{value: v, {STEPS}}}", "for", "it has none of them"),
        (f"for: {{value: v, in: [], range: [1, 2], {STEPS}}}", "for", "it has both of them"),
        (f"for: {{value: v, range: [1], {STEPS}}}", "for", "it is a list of 1"),
        (f"for: {{value: v, range: [1, 2, 3], {STEPS}}}", "for", "it is a list of 3"),
        (f"for: {{value: v, range: 5, {STEPS}}}", "for", "it is a number"),
        (f"for: {{value: v, range: {{a: 1}}, {STEPS}}}", "for", "it is a map"),
        (f"for: {{value: v, range: '${{1 +}}', {STEPS}}}", "syntax", "error evaluating range"),
        (f"for: {{value: v, range: [1, '${{1 +}}'], {STEPS}}}", "syntax", "error evaluating range"),
        (f"for: {{value: v, in: '${{1 +}}', {STEPS}}}", "syntax", "error evaluating for"),
        (f"for: {{value: v.x, in: [], {STEPS}}}", "variable-name", "of an element"),
        (f"for: {{value: , in: [], {STEPS}}}", "wrong-type", "value must be a text"),
        (f"for: {{value: 1v, in: [], {STEPS}}}", "variable-name", "'1v'"),
        (f"for: {{value: v, index: '${{i}}', in: [], {STEPS}}}", "variable-name", "is an expression"),
        (f"for: {{value: v, index: v, in: [], {STEPS}}}", "for", "the same variable 'v'"),
        (f"for: {{value: v, vale: 1, in: [], {STEPS}}}", "unknown-key", "'vale' in for"),
        # parallel
        ("parallel: ", "wrong-type", "parallel must be a map"),
        ("parallel: {}", "parallel", "it has none of them"),
        (f"parallel: {{for: {{value: v, in: [], {STEPS}}}, branches: [{{b: {{steps: [{{t: {{next: end}}}}]}}}}]}}", "parallel", "both of them"),
        (f"parallel: {{exception_policy: failFast, for: {{value: v, in: [], {STEPS}}}}}", "parallel", "exception_policy must be continueAll"),
        (f"parallel: {{exception_policy: '${{p}}', for: {{value: v, in: [], {STEPS}}}}}", "parallel", "exception_policy must be continueAll"),
        (f"parallel: {{concurrency_limit: 0, for: {{value: v, in: [], {STEPS}}}}}", "parallel", "at least 1"),
        (f"parallel: {{concurrency_limit: -2, for: {{value: v, in: [], {STEPS}}}}}", "parallel", "at least 1"),
        (f"parallel: {{concurrency_limit: true, for: {{value: v, in: [], {STEPS}}}}}", "parallel", "at least 1"),
        (f"parallel: {{concurrency_limit: 1.5, for: {{value: v, in: [], {STEPS}}}}}", "parallel", "at least 1"),
        (f"parallel: {{concurrency_limit: two, for: {{value: v, in: [], {STEPS}}}}}", "parallel", "at least 1"),
        (f"parallel: {{concurrency_limit: , for: {{value: v, in: [], {STEPS}}}}}", "parallel", "at least 1"),
        (f"parallel: {{concurrency_limit: '${{1 +}}', for: {{value: v, in: [], {STEPS}}}}}", "syntax", "concurrency_limit"),
        (f"parallel: {{shared: x, for: {{value: v, in: [], {STEPS}}}}}", "parallel", "shared must be a list"),
        (f"parallel: {{shared: ['${{x}}'], for: {{value: v, in: [], {STEPS}}}}}", "variable-name", "is an expression"),
        (f"parallel: {{shared: [x.y], for: {{value: v, in: [], {STEPS}}}}}", "variable-name", "of an element"),
        (f"parallel: {{shard: [x], for: {{value: v, in: [], {STEPS}}}}}", "unknown-key", "'shard' in parallel"),
        ("parallel: {for: []}", "wrong-type", "for must be a map"),
        ("parallel: {branches: }", "parallel", "branches must be a list"),
        ("parallel: {branches: []}", "parallel", "at least one branch"),
        (f"parallel: {{branches: {{b: {{{STEPS}}}}}}}", "parallel", "it is a map"),
        ("parallel: {branches: [b]}", "parallel", "a branch must be a map of one name, it is text"),
        ("parallel: {branches: [{b: 1, c: 2}]}", "parallel", "a branch must be a map of one name"),
        ("parallel: {branches: [{b: [1]}]}", "wrong-type", "a branch must be a map, it is a list"),
        ("parallel: {branches: [{b: {}}]}", "missing-key", "a branch needs 'steps'"),
        (f"parallel: {{branches: [{{b: {{{STEPS}, next: end}}}}]}}", "unknown-key", "'next' in a branch"),
        (f"parallel: {{branches: [{{end: {{{STEPS}}}}}]}}", "step-name", "'end' is a target"),
        # try
        ("try: {call: f}", "try", "try needs 'retry' or 'except'"),
        ("try: text\n    retry: ${r}", "try", "try must be a map"),
        ("try: \n    retry: ${r}", "try", "it is empty"),
        ("try: {}\n    retry: ${r}", "missing-key", "a try needs one of"),
        ("try: []\n    retry: ${r}", "steps-shape", "try has no steps"),
        ("try: {call: f, next: end}\n    retry: ${r}", "unknown-key", "'next' in a try"),
        ("try: {next: end}\n    retry: ${r}", "unknown-key", "'next' in a try"),
        ("try: {call: f, assign: [{x: 1}]}\n    retry: ${r}", "conflicting-keys", "a try does one thing"),
        ("try: {call: f, retry: ${r}}\n    retry: ${r}", "conflicting-keys", "'retry' belongs to 'try'"),
        ("try: {call: f}\n    retry: http.default_retry", "retry", "retry must be a map or one expression, it is text"),
        ("try: {call: f}\n    retry: ", "retry", "it is empty"),
        ("try: {call: f}\n    retry: ${1 +}", "syntax", "error evaluating retry policy"),
        ("try: {call: f}\n    retry: {max_retries: 1}", "missing-key", "retry needs 'predicate'"),
        ("try: {call: f}\n    retry: {predicate: '${p}'}", "missing-key", "retry needs 'max_retries'"),
        ("try: {call: f}\n    retry: {predicate: p, max_retries: 1}", "retry", "predicate must be an expression"),
        ("try: {call: f}\n    retry: {predicate: '${1 +}', max_retries: 1}", "syntax", "retry predicate"),
        ("try: {call: f}\n    retry: {predicate: '${p}', max_retries: many}", "retry", "max_retries must be a whole number"),
        ("try: {call: f}\n    retry: {predicate: '${p}', max_retries: 1.5}", "retry", "max_retries must be a whole number"),
        ("try: {call: f}\n    retry: {predicate: '${p}', max_retries: true}", "retry", "it is a boolean"),
        ("try: {call: f}\n    retry: {predicate: '${p}', max_retries: 1, back: 1}", "unknown-key", "'back' in retry"),
        ("try: {call: f}\n    retry: {predicate: '${p}', max_retries: 1, backoff: 1}", "retry", "backoff must be a map"),
        ("try: {call: f}\n    retry: {predicate: '${p}', max_retries: 1, backoff: '${1 +}'}", "syntax", "backoff"),
        ("try: {call: f}\n    retry: {predicate: '${p}', max_retries: 1, backoff: {initial_delay: 1, max_delay: 2}}", "missing-key", "backoff needs 'multiplier'"),
        ("try: {call: f}\n    retry: {predicate: '${p}', max_retries: 1, backoff: {initial_delay: x, max_delay: 2, multiplier: 2}}", "retry", "initial_delay must be a number"),
        ("try: {call: f}\n    retry: {predicate: '${p}', max_retries: 1, backoff: {initial_delay: 1, max_delay: 2, multiplier: 2, x: 1}}", "unknown-key", "'x' in backoff"),
        ("try: {call: f}\n    except: ", "wrong-type", "except must be a map"),
        ("try: {call: f}\n    except: [{s: {next: end}}]", "wrong-type", "except must be a map, it is a list"),
        ("try: {call: f}\n    except: {as: e}", "missing-key", "except needs 'steps'"),
        (f"try: {{call: f}}\n    except: {{as: '${{e}}', {STEPS}}}", "variable-name", "is an expression"),
        (f"try: {{call: f}}\n    except: {{as: , {STEPS}}}", "wrong-type", "as must be a text"),
        (f"try: {{call: f}}\n    except: {{is: e, {STEPS}}}", "unknown-key", "'is' in except"),
    ],
)  # fmt: skip
def test_given_a_wrong_block_when_parsed_then_the_problem_names_it(body: str, rule: str, words: str) -> None:
    errors = errors_of(f"- a:\n    {body}\n")
    [problem] = [found for found in errors if found.rule == rule]
    assert words in problem.message
    assert problem.routine == "main"
    assert problem.position.line in (2, 3)


# -- for --------------------------------------------------------------------------------------------------------------


def test_given_a_loop_over_a_list_when_parsed_then_its_parts_are_known() -> None:
    step = step_of(
        "- a:\n    for:\n      value: v\n      index: i\n      in: [1, ${x}]\n      steps: [{s: {next: a}}]\n"
    )
    assert isinstance(step.body, For)
    assert (step.body.value, step.body.index, step.body.value_position.line) == ("v", "i", 3)
    assert isinstance(step.body.over, ListTemplate)
    assert [inner.name for inner in step.body.steps] == ["s"]
    assert (step.body.position.line, step.body.position.column) == (2, 5)


@pytest.mark.parametrize("over", ["in: []", "in: ${keys(m)}"])
def test_given_a_loop_when_its_list_is_a_list_or_an_expression_then_it_is_fine(over: str) -> None:
    step = step_of(f"- a: {{for: {{value: v, {over}, {STEPS}}}}}")
    assert isinstance(step.body, For)
    assert step.body.index is None


@pytest.mark.parametrize("over", ["5", "text", "{a: 1}", ""])
def test_given_a_loop_over_what_is_never_a_list_when_parsed_then_there_is_a_warning(over: str) -> None:
    [problem] = warnings_of(f"- a: {{for: {{value: v, in: {over}, {STEPS}}}}}")
    assert "TypeError" in problem.message


@pytest.mark.parametrize(
    ("bounds", "is_dynamic"), [("[1, 9]", False), ("[${a}, 2.5]", False), ('[1, "${x}"]', False), ("${[a, b]}", True)]
)
def test_given_a_range_when_parsed_then_it_has_two_bounds_or_one_expression(bounds: str, is_dynamic: bool) -> None:
    step = step_of(f"- a: {{for: {{value: v, range: {bounds}, {STEPS}}}}}")
    assert isinstance(step.body, For)
    assert isinstance(step.body.over, Range)
    assert isinstance(step.body.over.bounds, Evaluated) is is_dynamic


# -- parallel ---------------------------------------------------------------------------------------------------------


def test_given_branches_when_parsed_then_each_has_name_and_block() -> None:
    source = """\
- a:
    parallel:
      exception_policy: continueAll
      shared: [x, y]
      concurrency_limit: ${n}
      branches:
        - b:
            steps:
              - c: {next: end}
        - d:
            steps:
              - e: {next: end}
"""
    step = step_of(source)
    assert isinstance(step.body, Parallel)
    assert [(name, position.line) for name, position in step.body.shared] == [("x", 4), ("y", 4)]
    assert isinstance(step.body.concurrency_limit, Evaluated)
    assert isinstance(step.body.work, tuple)
    assert [(branch.name, branch.position.line) for branch in step.body.work] == [("b", 7), ("d", 10)]
    assert all(isinstance(branch, Branch) for branch in step.body.work)


def test_given_one_branch_or_a_loop_when_parsed_then_it_is_fine() -> None:
    one = step_of(f"- a: {{parallel: {{branches: [{{b: {{{STEPS}}}}}]}}}}").body
    assert isinstance(one, Parallel)
    assert (one.shared, one.concurrency_limit) == ((), None)
    loop = step_of(f"- a: {{parallel: {{concurrency_limit: 3, for: {{value: v, in: ${{x}}, {STEPS}}}}}}}").body
    assert isinstance(loop, Parallel)
    assert constant(loop.concurrency_limit) == 3
    assert isinstance(loop.work, For)


def test_given_a_shared_name_twice_when_parsed_then_there_is_a_warning_and_one_name() -> None:
    [problem] = warnings_of(f"- a: {{parallel: {{shared: [x, x], for: {{value: v, in: [], {STEPS}}}}}}}")
    assert "'x' twice" in problem.message


def test_given_branches_when_they_are_more_than_the_limit_then_it_is_refused() -> None:
    def source(count: int) -> str:
        branches = ", ".join(f"{{b{n}: {{steps: [{{s{n}: {{next: end}}}}]}}}}" for n in range(count))
        return f"- a: {{parallel: {{branches: [{branches}]}}}}"

    program_of(source(limits.BRANCHES_PER_STEP))
    [problem] = errors_of(source(limits.BRANCHES_PER_STEP + 1))
    assert (problem.rule, "11 branches in one step, the limit is 10" in problem.message) == ("limit", True)


def test_given_a_problem_in_a_branch_when_parsed_then_it_names_the_branch() -> None:
    [problem] = errors_of("- a: {parallel: {branches: [{b: {}}]}}")
    assert problem.step == "b"


# -- try --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        "{call: f, args: {a: 1}, result: r}",
        "{steps: [{t: {call: f}}]}",
        "{assign: [{x: 1}]}",
        f"{{for: {{value: v, in: [], {STEPS}}}}}",
        "{raise: x}",
        "[{t: {call: f}}]",
    ],
)
@pytest.mark.parametrize("rest", ["retry: ${http.default_retry}", "except: {as: e, steps: [{u: {next: end}}]}"])
def test_given_a_try_when_parsed_then_it_holds_a_body_and_what_helps(body: str, rest: str) -> None:
    step = step_of(f"- a:\n    try: {body}\n    {rest}\n    next: a\n")
    assert isinstance(step.body, Try)
    assert (step.body.retry is not None) is rest.startswith("retry")
    assert (step.body.handler is not None) is rest.startswith("except")
    assert step.next is not None
    assert isinstance(step.body.body, Group) is ("steps: [{t" in body or body.startswith("["))


def test_given_retry_and_except_when_parsed_then_both_are_known() -> None:
    source = """\
- a:
    try: {call: http.get}
    retry:
      predicate: ${http.default_retry_predicate}
      max_retries: 5
      backoff: {initial_delay: 1, max_delay: ${m}, multiplier: 1.5}
    except:
      as: e
      steps:
        - b: {raise: ${e}}
"""
    step = step_of(source)
    assert isinstance(step.body, Try)
    assert isinstance(step.body.body, Call)
    retry, handler = step.body.retry, step.body.handler
    assert isinstance(retry, RetryBlock)
    assert (constant(retry.max_retries), constant(retry.initial_delay), constant(retry.multiplier)) == (5, 1, 1.5)
    assert isinstance(retry.max_delay, Evaluated)
    assert retry.position.line == 3
    assert handler is not None
    assert (handler.name, handler.position.line, [inner.name for inner in handler.steps]) == ("e", 7, ["b"])


def test_given_a_retry_without_backoff_when_parsed_then_its_fields_are_none() -> None:
    step = step_of("- a: {try: {call: f}, retry: {predicate: ${p}, max_retries: ${n}}}")
    assert isinstance(step.body, Try)
    assert isinstance(step.body.retry, RetryBlock)
    assert (step.body.retry.initial_delay, step.body.retry.max_delay, step.body.retry.multiplier) == (None, None, None)


def test_given_a_backoff_that_is_one_expression_when_parsed_then_its_fields_are_members_of_it() -> None:
    step = step_of("- a: {try: {call: f}, retry: {predicate: ${p}, max_retries: 1, backoff: ${retry.default_backoff}}}")
    assert isinstance(step.body, Try)
    retry = step.body.retry
    assert isinstance(retry, RetryBlock)
    members = [
        field.expression
        for field in (retry.initial_delay, retry.max_delay, retry.multiplier)
        if isinstance(field, Evaluated)
    ]
    assert [member.key for member in members if isinstance(member, Member)] == [
        "initial_delay",
        "max_delay",
        "multiplier",
    ]


def test_given_an_except_without_as_when_parsed_then_it_has_no_name() -> None:
    step = step_of(f"- a: {{try: {{call: f}}, except: {{{STEPS}}}}}")
    assert isinstance(step.body, Try)
    assert step.body.handler is not None
    assert step.body.handler.name is None
