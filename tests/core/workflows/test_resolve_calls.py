"""Calls: what can be called, from where, and with which arguments."""

import pytest
from test_resolve import problems_of, the_problem, told

from hakobune.core.workflows.positions import Severity
from hakobune.core.workflows.stdlib import library
from hakobune.core.workflows.stdlib.registry import Kind

SUB = "\nsub: {params: [a, b: 2], steps: [{s: {return: 1}}]}\nnone: {steps: [{s: {return: 1}}]}\n"


def main(step: str) -> str:
    return f"main:\n  params: [x]\n  steps:\n    - go:\n        {step}\n    - m:\n        assign: [{{v: 1}}]{SUB}"


@pytest.mark.parametrize(
    "step",
    [
        "call: sub\n        args: {a: 1}",
        "call: sub\n        args: {b: 1, a: 1}",
        "call: sub\n        args: [1]",
        "call: sub\n        args: [1, 2]",
        "call: sub\n        args: ${x}",
        "call: none",
        "call: none\n        args: {}",
        "call: none\n        args: []",
        "call: http.get\n        args: {url: u, timeout: 3}",
        "call: http.post\n        args: [u, 3, {}]",
        "call: sys.log\n        args: [data, ERROR]",
        "call: sys.now",
        "call: text.split\n        args: ${x}",
        "return: ${sub(1)}",
        "return: ${sub(1, sub(2)) + none()}",
        "return: ${len(text.split(x, sys.get_env('a', none())))}",
        "return: ${events.create_callback_endpoint('POST')}",
        "return: ${if(x, uuid.generate(), time.format(sys.now()))}",
        "assign: [{'v[len(x)]': 1}]",
    ],
)
def test_given_a_call_with_the_arguments_it_takes_when_it_is_checked_then_nothing_is_told(step: str) -> None:
    assert told(main(step)) == []


@pytest.mark.parametrize(
    ("step", "rule", "detail", "remedy"),
    [
        (
            "call: sub",
            "missing-argument",
            "error evaluating args: 'sub' needs the argument 'a'",
            "it takes sub(a, [b])",
        ),
        ("call: sub\n        args: {b: 1}", "missing-argument", "'sub' needs the argument 'a'", "it takes"),
        ("call: sub\n        args: []", "missing-argument", "'sub' needs the argument 'a'", "it takes"),
        (
            "call: http.get",
            "missing-argument",
            "'http.get' needs the argument 'url'",
            "it takes http.get(url, [timeout]",
        ),
        ("return: ${sub()}", "missing-argument", "error evaluating return value: 'sub' needs the argument 'a'", "it"),
        ("return: ${text.substring('a', 1)}", "missing-argument", "'text.substring' needs the argument 'end'", "it"),
        (
            "call: sub\n        args: {a: 1, c: 1}",
            "unknown-argument",
            "error evaluating args: 'sub' has no argument 'c'",
            "it takes sub(a, [b])",
        ),
        (
            "call: http.post\n        args: {url: u, header: {}}",
            "unknown-argument",
            "'http.post' has no argument 'header'",
            "did you mean 'headers'?",
        ),
        ("call: none\n        args: {a: 1}", "unknown-argument", "'none' has no argument 'a'", "it takes none()"),
        (
            "call: sub\n        args: [1, 2, 3]",
            "too-many-arguments",
            "error evaluating args: 'sub' takes 2 arguments, not 3",
            "it takes sub(a, [b])",
        ),
        ("return: ${none(1)}", "too-many-arguments", "'none' takes no arguments, not 1", "it takes none()"),
        ("return: ${len(x, 1)}", "too-many-arguments", "'len' takes 1 argument, not 2", "it takes len("),
        ("return: ${map.get(x, 'k', 1)}", "too-many-arguments", "'map.get' takes 2 arguments, not 3", "it takes"),
    ],
)
def test_given_arguments_that_do_not_fit_when_a_call_is_checked_then_it_is_told_what_it_takes(
    step: str, rule: str, detail: str, remedy: str
) -> None:
    problem = the_problem(main(step))
    assert problem.rule == rule
    assert detail in problem.message
    assert problem.remedy.startswith(remedy)


def test_given_several_arguments_that_do_not_fit_when_a_call_is_checked_then_each_has_its_place() -> None:
    assert told(main("call: gke.create_job\n        args: {projekt: 1, job: 2, zone: 3}")) == [
        "5:15 missing-argument",
        "5:15 missing-argument",
        "5:15 missing-argument",
        "5:15 missing-argument",
        "6:16 unknown-argument",
        "6:36 unknown-argument",
    ]
    assert told(main("call: none\n        args: [1, 2]")) == ["6:16 too-many-arguments"]
    assert told(main("return: ${none(1, 2)}")) == ["5:24 too-many-arguments"]


@pytest.mark.parametrize(
    ("step", "symbol", "remedy"),
    [
        ("call: http.gett", "http.gett", "did you mean 'http.get'?"),
        ("call: subb", "subb", "did you mean 'sub'?"),
        ("call: text.lower", "text.lower", "did you mean 'text.to_lower'?"),
        ("call: sys.reboot_everything", "sys.reboot_everything", "the library has no such function in 'sys'"),
        ("call: absolutely.nothing", "absolutely.nothing", "the library has nothing that begins with 'absolutely'"),
        ("call: x.f", "x.f", "'x' is a variable and holds no function"),
        ("return: ${type(x)}", "type", "did you mean"),
        ("return: ${x(1)}", "x", "'x' is a variable and holds no function"),
        ("return: ${v.f(1)}", "v.f", "'v' is a variable and holds no function"),
        ("return: ${zzzzzz(1)}", "zzzzzz", "add a subworkflow 'zzzzzz' to this source"),
        ("call: text", "text", ""),
    ],
)
def test_given_a_function_that_does_not_exist_when_it_is_called_then_it_is_told_what_may_be_meant(
    step: str, symbol: str, remedy: str
) -> None:
    problem = the_problem(main(step))
    assert (problem.rule, problem.severity) == ("unknown-function", Severity.ERROR)
    assert problem.message.endswith(f"symbol '{symbol}' not found")
    assert problem.remedy.startswith(remedy)


def test_given_an_unknown_function_in_a_call_step_when_it_is_checked_then_the_wording_is_that_of_the_service() -> None:
    assert the_problem("- create_callback: {call: evnts}").message == (
        "error in step create_callback: symbol 'evnts' not found"
    )


def test_given_an_unknown_function_when_its_arguments_are_wrong_too_then_both_are_told() -> None:
    assert told(main("return: ${nofunction(nothing)}")) == ["5:19 unknown-function", "5:30 unknown-symbol"]


BLOCKING = sorted(
    name for name in library.names() if (found := library.find(name)) is not None and found.kind is Kind.BLOCKING
)


@pytest.mark.parametrize("name", BLOCKING)
def test_given_a_function_that_waits_when_it_is_called_inside_an_expression_then_it_is_refused(name: str) -> None:
    function = library.find(name)
    assert function is not None
    arguments = ", ".join("x" for parameter in function.parameters if parameter.is_required)
    problem = the_problem(main(f"return: ${{[{name}({arguments})]}}"))
    assert problem.rule == "blocking-in-expression"
    assert problem.message == (
        f"error in step go: error evaluating return value: '{name}' waits and cannot be called inside an expression"
    )
    assert problem.remedy.startswith(f"write a step with 'call: {name}'")


def test_the_functions_that_wait_are_those_of_the_specification() -> None:
    assert {"http.get", "http.request", "sys.log", "sys.sleep", "sys.sleep_until", "events.await_callback"} <= set(
        BLOCKING
    )
    assert "events.create_callback_endpoint" not in BLOCKING


@pytest.mark.parametrize("step", ["call: main", "return: ${main(1)}", "assign: [{'v[main(1)]': 1}]"])
def test_given_main_when_it_is_called_then_it_is_refused(step: str) -> None:
    problem = the_problem(
        "main: {params: [a: 1], steps: [{s: {call: sub}}]}\n"
        f"sub:\n  steps:\n    - i: {{assign: [{{v: []}}]}}\n    - go:\n        {step}\n"
    )
    assert problem.rule == "call-of-main"


def test_given_a_routine_that_calls_itself_when_it_is_checked_then_nothing_is_told() -> None:
    assert (
        told(
            "main: {steps: [{a: {call: sub, args: [3]}}]}\nsub: {params: [n], steps: [{r: {return: '${sub(n - 1)}'}}]}"
        )
        == []
    )


def test_given_a_routine_with_the_name_of_a_function_when_it_is_called_then_its_own_arguments_count() -> None:
    errors = [
        problem.rule
        for problem in problems_of(
            "main: {steps: [{a: {return: '${len(1, 2)}'}}]}\nlen: {params: [a, b], steps: [{r: {return: 1}}]}"
        )
        if problem.severity is Severity.ERROR
    ]
    assert errors == []


def test_given_a_variable_with_the_name_of_a_module_when_a_function_of_it_is_called_then_the_library_is_meant() -> None:
    assert told("- a: {assign: [{map: {}}]}\n- b: {return: '${map.get(map, map.k)}'}") == []
    assert told("- a: {assign: [{len: {}}]}\n- b: {return: '${len(len)}'}") == []


# -- connectors -------------------------------------------------------------------------------------------------

ACCESS = "googleapis.secretmanager.v1.projects.secrets.versions.accessString"
RUN = "googleapis.run.v2.projects.locations.jobs.run"


@pytest.mark.parametrize(
    "step",
    [
        f"call: {RUN}\n        args: {{name: j, body: {{}}, connector_params: {{timeout: 60}}}}",
        f"call: {RUN}\n        args: {{name: j}}",
        f"return: ${{{ACCESS}('s', 'latest', 'p')}}",
    ],
)
def test_given_a_connector_when_it_is_called_where_it_may_be_then_nothing_is_told(step: str) -> None:
    assert told(main(step)) == []


def test_given_a_long_running_connector_when_it_is_called_inside_an_expression_then_it_is_refused() -> None:
    assert the_problem(main(f"return: ${{{RUN}('j')}}")).rule == "blocking-in-expression"


def test_given_a_connector_when_a_required_argument_is_missing_then_it_is_refused() -> None:
    problem = the_problem(main(f"call: {RUN}"))
    assert problem.message == f"error in step go: error evaluating args: '{RUN}' needs the argument 'name'"


def test_given_a_connector_when_it_is_given_more_than_its_description_tells_then_there_is_a_warning() -> None:
    problem = the_problem(main(f"call: {RUN}\n        args: {{name: j, location: here}}"))
    assert (problem.rule, problem.severity) == ("unknown-argument", Severity.WARNING)


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("googleapis.run.v2.projects.locations.jobs.runn", f"did you mean '{RUN}'?"),
        ("googleapis.nothing.like.this", "call its API by http.request"),
        ("googleapis.x", "call its API by http.request"),
    ],
)
@pytest.mark.parametrize("is_step", [True, False])
def test_given_a_connector_that_is_not_known_when_it_is_called_then_it_is_refused(
    name: str, remedy: str, is_step: bool
) -> None:
    problem = the_problem(main(f"call: {name}" if is_step else f"return: ${{{name}()}}"))
    assert (problem.rule, problem.severity) == ("unknown-connector", Severity.ERROR)
    assert problem.message.endswith(f"symbol '{name}' not found")
    assert problem.remedy.startswith(remedy)
