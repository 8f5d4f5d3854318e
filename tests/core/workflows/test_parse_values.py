"""Expressions in values: where they begin and end, how long they may be, where their errors are."""

import pytest
from test_parse import constant, errors_of, program_of, step_of, warnings_of

from hakobune.core.workflows import limits
from hakobune.core.workflows.expr.nodes import Binary, Literal
from hakobune.core.workflows.limits import Strictness
from hakobune.core.workflows.parse import parse_source
from hakobune.core.workflows.syntax import Evaluated, Return, Template


def returned(text: str) -> Template:
    body = step_of(f"- a:\n    return: {text}\n").body
    assert isinstance(body, Return)
    return body.value


@pytest.mark.parametrize(
    ("text", "inner"),
    [
        ("${x}", "x"),
        ('"${x}"', "x"),
        ("'${x}'", "x"),
        ('"  ${x}\\n"', "x"),
        ("|\n      ${x +\n        y}\n", "x +\n  y"),
        (">\n      ${x +\n      y}\n", "x + y"),
        ("${ x }", " x "),
        ('${"}"}', '"}"'),
        ("${{}}", "{}"),
        ('${if(a, {"k": 1}, 2)}', 'if(a, {"k": 1}, 2)'),
        ('${"a: " + b + " # c"}', '"a: " + b + " # c"'),
        ("'${''it''}'", "'it'"),
    ],
)
def test_given_a_value_that_is_one_expression_when_parsed_then_it_is_evaluated(text: str, inner: str) -> None:
    value = returned(text)
    assert isinstance(value, Evaluated)
    assert value.text == inner


def test_given_an_expression_when_parsed_then_it_has_its_tree_and_its_place() -> None:
    value = returned("${1 + 2} # sum")
    assert isinstance(value, Evaluated)
    assert isinstance(value.expression, Binary)
    assert isinstance(value.expression.left, Literal)
    assert (value.position.line, value.position.column, value.position.length) == (2, 13, 8)


@pytest.mark.parametrize("text", ["$", "$x", "{x}", "x}", "'$x {x}'"])
def test_given_a_text_without_expression_when_parsed_then_it_is_text(text: str) -> None:
    if text == "{x}":
        text = "'{x}'"
    assert constant(returned(text)) == text.strip("'")


@pytest.mark.parametrize("text", ["https://x/${id}", "${a} b", "x ${", "${a", '${"abc', "a${b}"])
def test_given_a_text_that_holds_an_expression_when_parsed_then_it_stays_text_with_a_warning(text: str) -> None:
    source = f"- a:\n    return: {text}\n"
    [problem] = warnings_of(source)
    assert (problem.rule, problem.position.line, problem.position.column) == ("embedded-expression", 2, 13)
    assert "${" in problem.remedy
    program, _ = parse_source(source)
    assert program is not None
    body = program.routines[0].steps[0].body
    assert isinstance(body, Return)
    assert constant(body.value) == text


def test_given_a_key_that_holds_an_expression_when_parsed_then_there_is_a_warning() -> None:
    [problem] = warnings_of("- a:\n    return:\n      x${k}: 1\n")
    assert (problem.rule, problem.position.line) == ("embedded-expression", 3)


@pytest.mark.parametrize(
    ("text", "column", "words"),
    [
        ("${a}${b}", 17, "behind the '}'"),
        ("${a} + ${b}", 17, "behind the '}'"),
        ("${a}}", 17, "behind the '}'"),
        ("'${\"abc}'", 16, ""),
        ("${}", 15, "empty expression"),
        ("${ }", 15, "empty expression"),
        ("${1 +}", 18, "the end of the expression"),
        ("'${1 + ''a'' b}'", 26, ""),
        ("${a b}", 17, "b"),
    ],
)
def test_given_a_wrong_expression_when_parsed_then_the_place_in_it_is_told(text: str, column: int, words: str) -> None:
    [problem] = errors_of(f"- a:\n    return: {text}\n")
    assert (problem.rule, problem.position.line, problem.position.column) == ("syntax", 2, column)
    assert problem.message.startswith("error in step a: error evaluating return value: ")
    assert words in problem.message


def test_given_a_wrong_expression_over_several_lines_when_parsed_then_its_line_is_told() -> None:
    [problem] = errors_of("- a:\n    return: ${1 +\n      2 +\n      }\n")
    assert problem.position.line in (3, 4)
    [problem] = errors_of("- a:\n    return: |\n      ${1 +\n      2 3}\n")
    assert (problem.position.line, problem.position.column) == (4, 9)


def test_given_an_expression_when_it_is_longer_than_the_limit_then_it_is_refused() -> None:
    def source(count: int) -> str:
        return f'- a: {{return: ${{"{"é" * (count - 2)}"}}}}'

    program_of(source(limits.EXPRESSION_CHARACTERS))
    [problem] = errors_of(source(limits.EXPRESSION_CHARACTERS + 1))
    assert problem.rule == "limit"
    assert "401 characters in an expression, the limit is 400" in problem.message
    program, problems = parse_source(source(limits.EXPRESSION_CHARACTERS + 1), Strictness.OFF)
    assert program is not None
    assert problems == []


def test_given_a_long_wrong_text_when_it_is_told_then_it_is_cut() -> None:
    [problem] = errors_of(f"- a: {{assign: [{{'1{'x' * 300}': 1}}]}}")
    assert "..." in problem.message
    assert len(problem.message) < 300
