"""Steps and their bodies: each shape that is right, each that is wrong."""

import pytest
from test_parse import constant, errors_of, program_of, step_of, warnings_of

from hakobune.core.workflows import limits
from hakobune.core.workflows.parse import parse_source
from hakobune.core.workflows.positions import Position
from hakobune.core.workflows.syntax import (
    Arguments,
    Assign,
    Call,
    Evaluated,
    Goto,
    Group,
    Jump,
    ListTemplate,
    MapTemplate,
    Raise,
    Return,
    Switch,
)

# -- names ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a", "A_1", "a-b", "1", "0x10", "yes", "main", "return", "call"])
def test_given_a_usual_name_when_parsed_then_the_step_has_it(name: str) -> None:
    step = step_of(f"- {name}: {{return: 1}}")
    assert step.name == ("16" if name == "0x10" else name)


@pytest.mark.parametrize("name", ["a b", "é", "${a}", "a.b", "a/b"])
def test_given_an_unusual_name_when_parsed_then_there_is_a_warning(name: str) -> None:
    [problem] = warnings_of(f"- {name}: {{return: 1}}")
    assert problem.rule == "step-name"
    assert problem.message.startswith(f"in step {name}: ")


@pytest.mark.parametrize("name", ["end", "break", "continue", '""', '"a\\nb"', '"\\u0007"'])
def test_given_a_name_that_no_step_can_have_when_parsed_then_it_is_refused(name: str) -> None:
    [problem] = errors_of(f"- {name}: {{return: 1}}")
    assert problem.rule == "step-name"


@pytest.mark.parametrize(
    "second",
    [
        "a: {return: 1}",
        "b: {steps: [{a: {return: 1}}]}",
        "b: {for: {value: v, in: [], steps: [{a: {return: 1}}]}}",
        "b: {switch: [{condition: true, steps: [{a: {return: 1}}]}]}",
        "b: {try: {steps: [{a: {return: 1}}]}, except: {steps: [{c: {return: 1}}]}}",
        "b: {try: {call: f}, except: {steps: [{a: {return: 1}}]}}",
        "b: {parallel: {branches: [{a: {steps: [{c: {return: 1}}]}}]}}",
        "b: {parallel: {branches: [{c: {steps: [{a: {return: 1}}]}}]}}",
    ],
)
def test_given_a_name_used_twice_in_a_routine_when_parsed_then_both_lines_are_named(second: str) -> None:
    [problem] = errors_of(f"- a: {{return: 1}}\n- {second}\n")
    assert (problem.rule, problem.step, problem.routine) == ("duplicate-step", "a", "main")
    assert "in line 1 and in line 2" in problem.message


def test_given_a_name_used_in_two_routines_when_parsed_then_that_is_fine() -> None:
    program_of("main: {steps: [{a: {return: 1}}]}\nsub: {steps: [{a: {return: 1}}]}\n")


# -- shapes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("item", "words", "remedy"),
    [
        ("text", "it is text", "- name:"),
        ("a:call", "it is text", "space behind the colon"),
        ("", "it is empty", "- name:"),
        ("1", "it is a number", "- name:"),
        ("[]", "it is an empty list", "- name:"),
        ("{}", "it is empty", "- name:"),
        ("{a: {return: 1}, b: {return: 2}}", "it has 2 keys", "begin each step with '- '"),
        ("a:\n  call: f\n", "it has 2 keys", "indent the lines of its body"),
        ("a:", "it is empty", "- name:"),
        ("a: text", "it is text", "- name:"),
        ("a: call:f", "it is text", "space behind the colon"),
        ("a: [{call: f}]", "it is a list", "- name:"),
    ],
)
def test_given_something_that_is_no_step_when_parsed_then_the_problem_says_what_it_is(
    item: str, words: str, remedy: str
) -> None:
    [problem] = errors_of(f"- {item}\n")
    assert problem.rule == "step-shape"
    assert words in problem.message
    assert remedy in problem.remedy


@pytest.mark.parametrize(
    ("body", "rule", "words"),
    [
        ("{}", "missing-key", "a step needs one of assign, call, for, parallel, raise, return, steps, switch, try or next"),
        ("{wheel: 4}", "unknown-key", "'wheel'"),
        ("{assign: [{x: 1}], wheel: 4}", "unknown-key", "'wheel'"),
        ("{condition: true, return: 1}", "unknown-key", "'condition'"),
        ("{assign: [{x: 1}], call: f}", "conflicting-keys", "both 'assign' and 'call'"),
        ("{return: 1, raise: 2}", "conflicting-keys", "both 'return' and 'raise'"),
        ("{assign: [{x: 1}], args: {}}", "conflicting-keys", "'args' belongs to 'call', not to 'assign'"),
        ("{assign: [{x: 1}], result: r}", "conflicting-keys", "'result' belongs to 'call'"),
        ("{call: f, retry: '${http.default_retry}'}", "conflicting-keys", "'retry' belongs to 'try'"),
        ("{return: 1, except: {steps: []}}", "conflicting-keys", "'except' belongs to 'try'"),
        ("{args: {}, next: end}", "conflicting-keys", "'args' belongs to 'call'"),
        ("{next: }", "wrong-type", "next must be a text, it is empty"),
        ("{next: []}", "wrong-type", "it is an empty list"),
        ("{next: ''}", "wrong-type", "next must be a text"),
        ("{next: '${a}'}", "next", "cannot be an expression"),
        # assign
        ("{assign: }", "assign-shape", "it is empty"),
        ("{assign: []}", "assign-shape", "at least one"),
        ("{assign: {x: 1}}", "assign-shape", "it is a map"),
        ("{assign: '${x}'}", "assign-shape", "it is text"),
        ("{assign: [x]}", "assign-shape", "it is text"),
        ("{assign: [{x: 1, y: 2}]}", "assign-shape", "a map of 2 keys"),
        ("{assign: [{}]}", "assign-shape", "a map of 0 keys"),
        ("{assign: [{1x: 1}]}", "variable-name", "'1x'"),
        ("{assign: [{x-y: 1}]}", "variable-name", "'x-y'"),
        ("{assign: [{'x[': 1}]}", "variable-name", "'x['"),
        ("{assign: [{'x.': 1}]}", "variable-name", "'x.'"),
        ("{assign: [{'f()': 1}]}", "variable-name", "'f()'"),
        ("{assign: [{'${x}': 1}]}", "variable-name", "is an expression"),
        ("{assign: [{true: 1}]}", "variable-name", "'true'"),
        ("{assign: [{'': 1}]}", "variable-name", "''"),
        ("{assign: [{x: '${1 +}'}]}", "syntax", "error evaluating assignment: "),
        # call
        ("{call: }", "wrong-type", "call must be a text, it is empty"),
        ("{call: {http: get}}", "wrong-type", "it is a map"),
        ("{call: ''}", "wrong-type", "call must be a text"),
        ("{call: '${f}'}", "call", "'${f}' is not the name"),
        ("{call: f(1)}", "call", "'f(1)'"),
        ("{call: http.}", "call", "'http.'"),
        ("{call: 12}", "call", "'12'"),
        ("{call: f, args: text}", "args", "it is text"),
        ("{call: f, args: 5}", "args", "it is a number"),
        ("{call: f, args: {'${k}': 1}}", "args", "name of an argument"),
        ("{call: f, args: {a: {b: ['${1 +}']}}}", "syntax", "error evaluating args: "),
        ("{call: f, args: '${1 +}'}", "syntax", "error evaluating args: "),
        ("{call: f, result: }", "wrong-type", "result must be a text"),
        ("{call: f, result: [r]}", "wrong-type", "it is a list"),
        ("{call: f, result: '${r}'}", "variable-name", "is an expression"),
        ("{call: f, result: r r}", "variable-name", "'r r'"),
        # switch
        ("{switch: }", "switch-shape", "it is empty"),
        ("{switch: []}", "switch-shape", "at least one"),
        ("{switch: {condition: true}}", "switch-shape", "it is a map"),
        ("{switch: [true]}", "switch-shape", "it is a boolean"),
        ("{switch: [{next: end}]}", "missing-key", "needs 'condition'"),
        ("{switch: [{condition: '${1 +}', next: end}]}", "syntax", "error evaluating condition: "),
        ("{switch: [{condition: true, wheel: 1}]}", "unknown-key", "'wheel' in a switch entry"),
        ("{switch: [{condition: true, return: 1, raise: 2}]}", "conflicting-keys", "a switch entry does one thing"),
        ("{switch: [{condition: true, args: {}}]}", "conflicting-keys", "'args' belongs to 'call'"),
        ("{switch: [{condition: true, steps: []}]}", "steps-shape", "has no steps"),
        # raise, return, steps
        ("{raise: '${1 +}'}", "syntax", "error evaluating raise value: "),
        ("{return: {a: ['${1 +}']}}", "syntax", "error evaluating return value: "),
        ("{return: {'${1 +}': 1}}", "syntax", "error evaluating return value: "),
        ("{steps: }", "steps-shape", "it is empty"),
        ("{steps: [{b: {}}]}", "missing-key", "a step needs"),
    ],
)  # fmt: skip
def test_given_a_wrong_body_when_parsed_then_the_problem_names_it(body: str, rule: str, words: str) -> None:
    errors = errors_of(f"# first line\n- a: {body}\n")
    problem = next(found for found in errors if found.rule == rule)
    assert words in problem.message
    assert problem.message.startswith(f"error in step {problem.step}: ")
    assert (problem.routine, problem.position.line) == ("main", 2)
    assert problem.step in ("a", "b")
    assert len([found for found in errors if found.rule != "missing-key"]) <= 1 or rule == "unknown-key"


# -- bodies that are right --------------------------------------------------------------------------------------------


def test_given_assignments_when_parsed_then_their_targets_have_paths() -> None:
    step = step_of('- a:\n    assign:\n      - x: 1\n      - m.x["k"][i + 1].z: ${y}\n      - n:\n    next: a\n')
    assert isinstance(step.body, Assign)
    assert step.next == Jump("a", Position(6, 11, 1))
    targets = [(entry.target.name, len(entry.target.path), entry.target.text) for entry in step.body.entries]
    assert targets == [("x", 0, "x"), ("m", 4, 'm.x["k"][i + 1].z'), ("n", 0, "n")]
    assert isinstance(step.body.entries[1].value, Evaluated)
    assert constant(step.body.entries[2].value) is None
    assert [entry.position.line for entry in step.body.entries] == [3, 4, 5]


@pytest.mark.parametrize(
    ("args", "kind"),
    [
        ("", "none"),
        ("args: ", "none"),
        ("args: {}", "named"),
        ("args: {a: 1, b: ${x}}", "named"),
        ("args: []", "positional"),
        ('args: [${x}, "ERROR"]', "positional"),
        ("args: ${x}", "dynamic"),
    ],
)
def test_given_a_call_when_parsed_then_its_arguments_have_one_of_three_forms(args: str, kind: str) -> None:
    step = step_of(f"- a:\n    call: sys.log\n    {args}\n    result: r.x\n")
    assert isinstance(step.body, Call)
    assert (step.body.function, step.body.function_position) == ("sys.log", Position(2, 11, 7))
    assert step.body.result is not None
    assert (step.body.result.name, len(step.body.result.path)) == ("r", 1)
    arguments = step.body.arguments
    given = {"named": arguments.named, "positional": arguments.positional, "dynamic": arguments.dynamic}
    assert [name for name, value in given.items() if value is not None] == ([] if kind == "none" else [kind])


def test_given_named_arguments_when_parsed_then_they_keep_their_order() -> None:
    step = step_of("- a: {call: f, args: {b: 1, a: [2], 1: {c: 3}}}")
    assert isinstance(step.body, Call)
    assert step.body.arguments.named is not None
    assert [name for name, _ in step.body.arguments.named] == ["b", "a", "1"]
    assert step.body.result is None
    assert step_of("- a: {call: f}").body == Call("f", Position(1, 13, 1), Arguments(), None)


def test_given_a_switch_when_parsed_then_each_entry_has_what_it_does() -> None:
    source = """\
- a:
    switch:
      - condition: ${x < 10}
        next: small
      - condition: ${x < 100}
        assign: [{size: mid}]
        next: a
      - condition: ${x < 1000}
        steps: [{s1: {return: 1}}]
      - condition: true
        raise: too large
      - condition: false
      - condition: ${x}
        return:
      - {condition: ${x}, call: f, args: {a: 1}, result: r}
      - {condition: ${x}, switch: [{condition: true}]}
      - {condition: ${x}, for: {value: v, in: [], steps: [{s2: {next: end}}]}}
      - {condition: ${x}, parallel: {for: {value: v, in: [], steps: [{s3: {next: end}}]}}}
      - {condition: ${x}, try: {call: f}, retry: ${http.default_retry}}
    next: after
"""
    step = step_of(source)
    assert isinstance(step.body, Switch)
    kinds = [None if case.body is None else type(case.body).__name__ for case in step.body.cases]
    assert kinds == [None, "Assign", "Group", "Raise", None, "Return", "Call", "Switch", "For", "Parallel", "Try"]
    assert [case.next.target if case.next else None for case in step.body.cases[:3]] == ["small", "a", None]
    assert step.next is not None
    assert step.next.target == "after"
    assert (step.body.cases[0].position.line, step.body.cases[0].position.column) == (3, 9)


@pytest.mark.parametrize("condition", ["x == 1", "1", "", "[true]", "'true'", "yes"])
def test_given_a_condition_that_is_never_a_boolean_when_parsed_then_there_is_a_warning(condition: str) -> None:
    [problem] = warnings_of(f"- a:\n    switch:\n      - condition: {condition}\n        next: a\n")
    assert problem.rule == "condition"
    assert "TypeError" in problem.message


@pytest.mark.parametrize("target", ["a", "end", "break", "continue", "some step", "1", "true"])
def test_given_a_step_of_next_alone_when_parsed_then_it_is_a_jump(target: str) -> None:
    step = step_of(f"- a: {{next: {target}}}")
    assert step.body == Goto()
    assert step.next is not None
    assert step.next.target == target


def test_given_values_when_parsed_then_lists_and_maps_are_templates() -> None:
    step = step_of("- a: {return: {a: [1, ${x}], ${k}: {}, b: [], 1: null}}")
    assert isinstance(step.body, Return)
    value = step.body.value
    assert isinstance(value, MapTemplate)
    keys = [key.text if isinstance(key, Evaluated) else key.value for key, _ in value.entries]
    assert keys == ["a", "k", "b", "1"]
    values = [template for _, template in value.entries]
    assert isinstance(values[0], ListTemplate)
    assert [constant(template) for template in values[1:]] == [{}, [], None]


def test_given_raise_and_groups_when_parsed_then_they_hold_their_values() -> None:
    raised = step_of("- a: {raise: {code: 5}}").body
    assert isinstance(raised, Raise)
    group = step_of("- a: {steps: [{b: {next: end}}, {c: {next: b}}], next: b}")
    assert isinstance(group.body, Group)
    assert [step.name for step in group.body.steps] == ["b", "c"]


@pytest.mark.parametrize("main", ["return: 1", "raise: x"])
def test_given_next_beside_a_step_that_ends_when_parsed_then_there_is_a_warning(main: str) -> None:
    [problem] = warnings_of(f"- a:\n    {main}\n    next: end\n")
    assert (problem.rule, problem.position.line) == ("unreachable-next", 3)


# -- counts -----------------------------------------------------------------------------------------------------------


def assignments(count: int) -> str:
    return f"- a: {{assign: [{', '.join('{x: 1}' for _ in range(count))}]}}"


def conditions(count: int) -> str:
    return f"- a: {{switch: [{', '.join('{condition: true}' for _ in range(count))}]}}"


@pytest.mark.parametrize(
    ("source", "limit", "words"),
    [
        (assignments, limits.ASSIGNMENTS_PER_STEP, "51 assignments in one step, the limit is 50"),
        (conditions, limits.CONDITIONS_PER_SWITCH, "51 conditions in one switch, the limit is 50"),
    ],
)
def test_given_a_count_when_it_is_above_the_limit_then_it_is_refused(source, limit: int, words: str) -> None:
    program_of(source(limit))
    [problem] = errors_of(source(limit + 1))
    assert problem.rule == "limit"
    assert words in problem.message


def test_given_a_problem_in_a_nested_step_when_parsed_then_later_ones_are_in_the_outer_step() -> None:
    source = "- a:\n    steps:\n      - b: {next: '${x}'}\n    wheel: 1\n- c: {wheel: 2, return: 1}\n"
    _, problems = parse_source(source)
    assert [(problem.step, problem.rule) for problem in problems] == [
        ("b", "next"),
        ("a", "unknown-key"),
        ("c", "unknown-key"),
    ]
