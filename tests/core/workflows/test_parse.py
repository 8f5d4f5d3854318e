"""A definition as a program: routines and parameters, and all problems at once."""

import json
from dataclasses import fields, is_dataclass

import pytest

from hakobune.core.workflows.limits import Strictness
from hakobune.core.workflows.parse import LIBRARY_MODULES, parse_source
from hakobune.core.workflows.positions import Position, Problem, Severity
from hakobune.core.workflows.syntax import Constant, Program, Step, Template


def program_of(source: str) -> Program:
    """A program without any problem."""
    program, problems = parse_source(source)
    assert problems == []
    assert program is not None
    return program


def step_of(source: str) -> Step:
    """The only step of a list of steps."""
    [routine] = program_of(source).routines
    [step] = routine.steps
    return step


def errors_of(source: str) -> list[Problem]:
    """What is wrong with a source that cannot be deployed."""
    program, problems = parse_source(source)
    assert program is None
    errors = [problem for problem in problems if problem.severity is Severity.ERROR]
    assert errors
    assert all(problem.message and problem.rule for problem in problems)
    return errors


def warnings_of(source: str) -> list[Problem]:
    """What is doubtful in a source that can be deployed."""
    program, problems = parse_source(source)
    assert program is not None
    assert all(problem.severity is Severity.WARNING for problem in problems)
    return problems


def shape(node: object) -> object:
    """A syntax tree without places, as tuples."""
    if isinstance(node, Position):
        return None
    if is_dataclass(node):
        return (
            type(node).__name__,
            *(
                shape(getattr(node, field.name))
                for field in fields(node)
                if field.name not in ("position", "places", "at")
            ),
        )
    if isinstance(node, tuple | list):
        return tuple(shape(item) for item in node)
    if isinstance(node, dict):
        return tuple((key, shape(value)) for key, value in node.items())
    return type(node).__name__, str(node)


def constant(template: Template | None) -> object:
    assert isinstance(template, Constant)
    return template.value


# -- top level --------------------------------------------------------------------------------------------------------


def test_given_a_list_of_steps_when_parsed_then_it_is_main_without_parameters() -> None:
    [main] = program_of("- a: {return: 1}\n- b: {return: 2}\n").routines
    assert (main.name, main.parameters, [step.name for step in main.steps]) == ("main", (), ["a", "b"])
    assert (main.position.line, main.position.column) == (1, 1)


def test_given_a_map_of_routines_when_parsed_then_each_is_one_and_main_may_stand_anywhere() -> None:
    program = program_of("sub:\n  steps: [{a: {return: 1}}]\nmain:\n  params: [x]\n  steps:\n    - a: {return: 2}\n")
    assert [routine.name for routine in program.routines] == ["sub", "main"]
    main = program.routine("main")
    assert main is not None
    assert (main.position.line, main.position.column, main.position.length) == (3, 1, 4)
    assert [parameter.name for parameter in main.parameters] == ["x"]
    assert program.routine("other") is None


def test_given_steps_when_parsed_then_they_have_the_place_of_their_names() -> None:
    [main] = program_of("main:\n  steps:\n  - first:\n      return: 1\n  - 'second':\n      return: 2\n").routines
    places = [(step.position.line, step.position.column, step.position.length) for step in main.steps]
    assert places == [(3, 5, 5), (5, 5, 8)]


@pytest.mark.parametrize(
    ("source", "rule", "line", "words"),
    [
        ("hello", "top-level", 1, "a list of steps or a map of routines, it is text"),
        ("12", "top-level", 1, "it is a number"),
        ("# only a comment", "top-level", 1, "it is empty"),
        ("${a}", "top-level", 1, "it is text"),
        ("[]", "steps-shape", 1, "has no steps"),
        ("{}", "missing-main", 1, "no 'main'"),
        ("sub:\n  steps: [{a: {return: 1}}]\n", "missing-main", 1, "no 'main'"),
        ("main:\n", "routine-shape", 1, "it is empty"),
        ("main: 5\n", "routine-shape", 1, "it is a number"),
        ("main: [{a: {return: 1}}]\n", "routine-shape", 1, "it is a list"),
        ("main: {}\n", "missing-key", 1, "needs 'steps'"),
        ("main: {params: [x]}\n", "missing-key", 1, "needs 'steps'"),
        ("main:\n  steps:\n", "steps-shape", 2, "it is empty"),
        ("main:\n  steps: []\n", "steps-shape", 2, "has no steps"),
        ("main:\n  steps: {a: {return: 1}}\n", "steps-shape", 2, "it is a map"),
        ("main:\n  steps: none\n", "steps-shape", 2, "it is text"),
        ("main:\n  steps: [{a: {return: 1}}]\n  stepss: 1\n", "unknown-key", 3, "'stepss' in a routine"),
        ("main:\n  steps: [{a: {return: 1}}]\nmain:\n  steps: [{b: {return: 1}}]\n", "duplicate-key", 3, "twice"),
        ("main:\n  steps: [{a: {return: 1}}]\na b:\n  steps: [{b: {return: 1}}]\n", "routine-name", 3, "'a b'"),
        ("main:\n  steps: [{a: {return: 1}}]\n1a:\n  steps: [{b: {return: 1}}]\n", "routine-name", 3, "'1a'"),
        ("main:\n  steps: [{a: {return: 1}}]\nhttp:\n  steps: [{b: {return: 1}}]\n", "routine-name", 3, "library"),
        ("main:\n\tsteps: []\n", "yaml", 2, "tab"),
        ('{"main": {"steps": [{"a": {"return": 1}}]}', "json", 1, "'{' is never closed"),
    ],
)
def test_given_a_wrong_top_level_when_parsed_then_the_problem_names_it(
    source: str, rule: str, line: int, words: str
) -> None:
    [problem] = [found for found in errors_of(source) if found.rule == rule]
    assert words in problem.message
    assert problem.position.line == line
    assert problem.remedy


def test_given_every_module_of_the_library_when_a_routine_has_its_name_then_it_is_refused() -> None:
    for module in LIBRARY_MODULES:
        source = f"main: {{steps: [{{a: {{return: 1}}}}]}}\n{module}: {{steps: [{{a: {{return: 1}}}}]}}\n"
        assert [problem.rule for problem in errors_of(source)] == ["routine-name"]


def test_given_steps_on_the_top_level_when_parsed_then_the_remedy_is_main() -> None:
    errors = errors_of("steps:\n  - a: {return: 1}\n")
    assert any("write 'main:' above" in problem.remedy for problem in errors)


def test_given_many_mistakes_when_parsed_then_all_are_told_in_the_order_of_the_text() -> None:
    source = """\
main:
  params: [a, b]
  steps:
    - one:
        cal: http.get
    - one:
        return: ${1 +}
    - two:
        assign: [{1x: 2}]
        result: r
sub:
  step: []
"""
    errors = errors_of(source)
    assert [(problem.position.line, problem.rule) for problem in errors] == [
        (2, "params"),
        (5, "unknown-key"),
        (6, "duplicate-step"),
        (7, "syntax"),
        (9, "variable-name"),
        (10, "conflicting-keys"),
        (12, "unknown-key"),
        (12, "steps-shape"),
    ]
    assert [problem.routine for problem in errors] == ["main"] * 6 + ["sub"] * 2
    assert [problem.step for problem in errors] == ["", "one", "one", "one", "two", "two", "", ""]
    assert errors[3].message.startswith("error in step one: error evaluating return value: ")
    assert errors[1].remedy == "did you mean 'call'?"
    assert errors[6].remedy == "did you mean 'steps'?"


def test_given_blocks_when_parsed_then_each_has_a_number_of_its_own() -> None:
    source = """\
main:
  steps:
    - a:
        for:
          value: v
          in: []
          steps:
            - b:
                parallel:
                  branches:
                    - c: {steps: [{d: {return: 1}}]}
                    - e: {steps: [{f: {try: {call: x}, except: {steps: [{g: {return: 1}}]}}}]}
sub:
  steps:
    - a: {parallel: {for: {value: v, in: [], steps: [{b: {return: 1}}]}}}
"""

    def blocks(node: object) -> list[int]:
        if is_dataclass(node):
            own = [node.block] if hasattr(node, "block") else []
            return own + [block for field in fields(node) for block in blocks(getattr(node, field.name))]
        if isinstance(node, tuple):
            return [block for item in node for block in blocks(item)]
        return []

    found = blocks(program_of(source))
    assert len(found) == 7
    assert len(set(found)) == 7


def test_given_an_alias_of_steps_when_parsed_then_its_blocks_are_new_ones() -> None:
    source = """\
main: {steps: &s [{a: {for: {value: v, in: [], steps: [{b: {return: 1}}]}}}]}
sub: {steps: *s}
"""
    first, second = program_of(source).routines
    assert shape(first.steps[0].next) == shape(second.steps[0].next)
    assert first.steps[0].body.block != second.steps[0].body.block  # type: ignore[union-attr]


def test_given_the_same_definition_in_json_when_parsed_then_it_is_the_same_program() -> None:
    data = {
        "main": {
            "params": ["args"],
            "steps": [
                {"a": {"call": "sub", "args": {"n": '${"Hello " + args.name}'}, "result": "r"}},
                {"b": {"return": "${r}"}},
            ],
        },
        "sub": {"params": ["n", {"greeting": "x"}], "steps": [{"c": {"return": "${n}"}}]},
    }
    yaml_source = """\
main:
  params: [args]
  steps:
    - a: {call: sub, args: {n: ${"Hello " + args.name}}, result: r}
    - b:
        return: ${r}
sub:
  params: [n, greeting: x]
  steps:
    - c:
        return: ${n}
"""
    assert shape(program_of(json.dumps(data))) == shape(program_of(yaml_source))


# -- parameters -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ("[]", []),
        ("", []),
        ("[a]", [("a", None)]),
        ("[a, b: 1, c]", [("a", None), ("b", 1), ("c", None)]),
        ("[{a: null}, {b: 'x'}]", [("a", Constant), ("b", "x")]),
        ("[_a1, A]", [("_a1", None), ("A", None)]),
    ],
)
def test_given_parameters_when_parsed_then_names_and_defaults_are_known(
    params: str, expected: list[tuple[str, object]]
) -> None:
    source = f"main: {{steps: [{{a: {{return: 1}}}}]}}\nsub:\n  params: {params}\n  steps: [{{a: {{return: 1}}}}]\n"
    sub = program_of(source).routine("sub")
    assert sub is not None
    assert [parameter.name for parameter in sub.parameters] == [name for name, _ in expected]
    for parameter, (_, default) in zip(sub.parameters, expected, strict=True):
        if default is None:
            assert parameter.default is None
        elif default is Constant:
            assert constant(parameter.default) is None
        else:
            assert constant(parameter.default) == default


def test_given_a_default_for_the_parameter_of_main_when_parsed_then_it_is_taken() -> None:
    [main] = program_of("main:\n  params: [args: {a: 1}]\n  steps: [{s: {return: 1}}]\n").routines
    assert main.parameters[0].default is not None


@pytest.mark.parametrize(
    ("routine", "params", "rule", "words"),
    [
        ("main", "[a, b]", "params", "main takes one parameter"),
        ("sub", "a", "params", "must be a list of names, it is text"),
        ("sub", "{a: 1}", "params", "it is a map"),
        ("sub", "[a, a]", "params", "'a' is named twice"),
        ("sub", "[a, a: 1]", "params", "'a' is named twice"),
        ("sub", "[{a: 1, b: 2}]", "params", "a map of 2 keys"),
        ("sub", "[[a]]", "params", "it is a list"),
        ("sub", "[1]", "variable-name", "'1' is not a variable"),
        ("sub", "[a b]", "variable-name", "'a b'"),
        ("sub", "[a-b: 1]", "variable-name", "'a-b'"),
        ("sub", "[a.b]", "variable-name", "of an element"),
        ("sub", "[null]", "wrong-type", "must be a text"),
        ("sub", "[true]", "variable-name", "word of the language"),
        ("sub", "['${a}']", "variable-name", "is an expression"),
        ("sub", "[a: '${1 +}']", "syntax", "error evaluating parameter default"),
        ("sub", "[p1, p2, p3, p4, p5, p6, p7, p8, p9, p10, p11]", "limit", "11 parameters, the limit is 10"),
    ],
)
def test_given_wrong_parameters_when_parsed_then_the_problem_names_them(
    routine: str, params: str, rule: str, words: str
) -> None:
    source = f"{routine}:\n  params: {params}\n  steps: [{{a: {{return: 1}}}}]\n"
    if routine != "main":
        source += "main: {steps: [{a: {return: 1}}]}\n"
    [problem] = errors_of(source)
    assert (problem.rule, problem.routine, problem.step, problem.position.line) == (rule, routine, "", 2)
    assert words in problem.message
    assert problem.remedy or rule in ("wrong-type", "syntax")


@pytest.mark.parametrize(
    ("strictness", "severity"),
    [(Strictness.STRICT, Severity.ERROR), (Strictness.WARN, Severity.WARNING), (Strictness.OFF, None)],
)
def test_given_a_count_above_a_limit_when_parsed_then_the_strictness_decides(
    strictness: Strictness, severity: Severity | None
) -> None:
    names = ", ".join(f"p{index}" for index in range(11))
    source = f"main: {{steps: [{{a: {{return: 1}}}}]}}\nsub: {{params: [{names}], steps: [{{a: {{return: 1}}}}]}}\n"
    program, problems = parse_source(source, strictness)
    assert (program is None) is (severity is Severity.ERROR)
    assert [problem.severity for problem in problems] == ([] if severity is None else [severity])


def test_given_expressions_that_other_tools_cannot_read_when_warnings_are_wanted_then_they_are_told() -> None:
    program, problems = parse_source("- a: {return: ${1}}", warns_plain_yaml=True)
    assert program is not None
    assert [problem.rule for problem in problems] == ["plain-yaml"]
