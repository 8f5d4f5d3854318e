"""From the text of a definition to a plan, or to all that is wrong with it at once."""

import pytest

from hakobune.core.workflows import limits
from hakobune.core.workflows.assembly import Plan
from hakobune.core.workflows.build import InvalidDefinition, check_source, compile_source
from hakobune.core.workflows.limits import Strictness
from hakobune.core.workflows.positions import Severity

UNKNOWN = "symbol '{}' is neither a variable nor a sub-workflow name"
TWICE = "error in step a: step name 'a' is used twice in routine 'main': in line 1 and in line 2"


def told(source: str, strictness: Strictness = Strictness.STRICT) -> list[str]:
    """All that is wrong with a source, as `line:column rule`."""
    _, problems = check_source(source, strictness=strictness)
    return [f"{problem.position.line}:{problem.position.column} {problem.rule}" for problem in problems]


def message_of(source: str) -> list[str]:
    """The lines of the message that refuses a deployment."""
    with pytest.raises(InvalidDefinition) as refused:
        compile_source(source)
    return str(refused.value).splitlines()


# -- all at once ------------------------------------------------------------------------------------------------------


def test_given_a_right_definition_when_compiled_then_there_is_a_plan() -> None:
    assert isinstance(compile_source("- a: {return: 1}"), Plan)
    program, problems = check_source("- a: {return: 1}")
    assert program is not None
    assert problems == []


def test_given_mistakes_of_form_and_of_names_when_checked_then_all_are_told_in_the_order_of_the_text() -> None:
    source = """\
main:
  steps:
    - a: {return: "${nope}"}
    - a: {next: nowhere}
    - b:
        call: helper
        args: {y: "${1 +}"}
    - c: {asign: [{z: 1}], next: d}
helper:
  params: [x]
  steps:
    - s: {call: no.such}
"""
    assert told(source) == [
        "3:22 unknown-symbol",
        "4:7 duplicate-step",
        "4:17 unknown-target",
        "6:15 missing-argument",
        "7:16 unknown-argument",
        "7:25 syntax",
        "8:11 unknown-key",
        "8:34 unknown-target",
        "12:17 unknown-function",
    ]


def test_given_warnings_alone_when_checked_then_there_is_a_program_and_they_are_told() -> None:
    program, problems = check_source("- a: {return: 'x ${y}'}\n- b: {raise: x, next: a}")
    assert program is not None
    assert [(problem.rule, problem.severity) for problem in problems] == [
        ("embedded-expression", Severity.WARNING),
        ("unreachable-next", Severity.WARNING),
    ]


def test_given_errors_and_warnings_when_refused_then_the_message_has_the_errors_and_the_error_has_all() -> None:
    with pytest.raises(InvalidDefinition) as refused:
        compile_source("- a: {return: 'x ${y}'}\n- b: {return: '${z}'}")
    assert [problem.rule for problem in refused.value.problems] == ["embedded-expression", "unknown-symbol"]
    assert "embedded" not in str(refused.value)
    assert refused.value.reason == "INVALID_DEFINITION"


def test_given_a_part_that_an_alias_repeats_when_it_is_wrong_then_it_is_told_once() -> None:
    source = "main:\n  steps: &s\n    - a: {return: '${nope}'}\n    - b: {return: [&w '${nope + no}', *w]}\n"
    assert told(source) == ["3:22 unknown-symbol", "4:26 unknown-symbol", "4:33 unknown-symbol"]


@pytest.mark.parametrize(
    ("strictness", "severities"),
    [
        (Strictness.STRICT, [Severity.ERROR, Severity.ERROR]),
        (Strictness.WARN, [Severity.WARNING, Severity.WARNING]),
        (Strictness.OFF, []),
    ],
)
def test_given_limits_that_are_passed_when_checked_then_the_strictness_says_what_they_are(
    strictness: Strictness, severities: list[Severity]
) -> None:
    nested = "{s: {assign: [{x: 1}]}}"
    for depth in range(3):
        nested = f"{{p{depth}: {{parallel: {{branches: [{{b{depth}: {{steps: [{nested}]}}}}]}}}}}}"
    many = ", ".join("{y: 1}" for _ in range(limits.ASSIGNMENTS_PER_STEP + 1))
    program, problems = check_source(f"- {nested}\n- a: {{assign: [{many}]}}\n", strictness=strictness)
    assert [problem.severity for problem in problems] == severities
    assert all(problem.rule.startswith("limit") for problem in problems)
    assert (program is None) is (Severity.ERROR in severities)


@pytest.mark.parametrize("source", ["", "  \n", "# nothing", "a: [", "just words", "{", "\x00", "- *x"])
def test_given_what_is_no_definition_when_compiled_then_it_is_refused_with_its_place(source: str) -> None:
    first, second = message_of(source)[:2]
    assert first.startswith("failed to build: ")
    assert second.startswith("line ")


# -- the message ------------------------------------------------------------------------------------------------------


def test_given_one_problem_when_refused_then_the_message_is_said_once_and_shows_the_place_and_the_remedy() -> None:
    assert message_of("- init: {assign: [{count: 1}]}\n- end1:\n    return: ${cuont + 1}\n") == [
        f"failed to build: error in step end1: error evaluating return value: {UNKNOWN.format('cuont')}",
        "line 3:15 [unknown-symbol]",
        "        return: ${cuont + 1}",
        "                  ^",
        "  did you mean 'count'?",
    ]


def test_given_several_problems_when_refused_then_the_first_is_the_title_and_each_has_its_place() -> None:
    assert message_of("- a: {return: 1}\n- a: {return: '${nope}'}\n") == [
        f"failed to build: {TWICE}",
        "There are 2 problems:",
        f"line 2:3: {TWICE} [duplicate-step]",
        "    - a: {return: '${nope}'}",
        "      ^",
        "  names of steps and branches are unique in a routine, also in nested blocks: rename one",
        f"line 2:18: error in step a: error evaluating return value: {UNKNOWN.format('nope')} [unknown-symbol]",
        "    - a: {return: '${nope}'}",
        "                     ^",
        "  assign a value to 'nope' in this routine, or write \"nope\" if it is a text",
    ]


def test_given_very_many_problems_when_refused_then_fifty_are_shown_and_the_others_counted() -> None:
    lines = message_of("".join(f"- s{number}: {{return: '${{x{number}}}'}}\n" for number in range(60)))
    assert lines[1] == "There are 60 problems:"
    assert len([line for line in lines if line.startswith("line ")]) == 50
    assert lines[-1] == "… and 10 more."
