"""Calls: of routines, of the library, in steps and inside expressions."""

from __future__ import annotations

import pytest
from stage import BASE_URL, START_S, begin, go_on, ok, play

from hakobune.core.workflows.effects import Answer, Done, HttpRequest, Wait, WriteLog
from hakobune.core.workflows.events import Command
from hakobune.core.workflows.limits import RunLimits
from hakobune.core.workflows.values import Value

SUBS = """
twice: {params: [n], steps: [{r: {return: "${n * 2}"}}]}
pair: {params: [a, b: "${a + 1}", c: "${b + 1}"], steps: [{r: {return: ["${a}", "${b}", "${c}"]}}]}
nothing: {steps: [{a: {assign: [{x: 1}]}}]}
slow: {params: [n], steps: [{s: {call: sys.sleep, args: {seconds: 1}}}, {r: {return: "${n}"}}]}
fail: {params: [n], steps: [{r: {raise: "${n}"}}]}
yes: {params: [n], steps: [{s: {call: sys.log, args: {data: "${n}"}}}, {r: {return: true}}]}
no: {params: [n], steps: [{s: {call: sys.log, args: {data: "${n}"}}}, {r: {return: false}}]}
"""


def program(steps: str) -> str:
    return f"main:\n  steps:\n{steps}\n{SUBS}"


RESULTS: list[tuple[str, str, Value]] = [
    ("named", "    - a: {call: twice, args: {n: 4}, result: r}\n    - b: {return: '${r}'}", 8),
    ("positional", "    - a: {call: twice, args: [4], result: r}\n    - b: {return: '${r}'}", 8),
    (
        "a map known at run time",
        "    - i: {assign: [{m: {n: 5}}]}\n    - a: {call: twice, args: '${m}', result: r}\n    - b: {return: '${r}'}",
        10,
    ),
    (
        "defaults are evaluated in the callee, left to right",
        "    - a: {call: pair, args: {a: 1}, result: r}\n    - b: {return: '${r}'}",
        [1, 2, 3],
    ),
    (
        "null is an argument",
        "    - a: {call: pair, args: {a: 1, b: null, c: 0}, result: r}\n    - b: {return: '${r}'}",
        [1, None, 0],
    ),
    (
        "defaults with positional arguments",
        "    - a: {call: pair, args: [1, 5], result: r}\n    - b: {return: '${r}'}",
        [1, 5, 6],
    ),
    ("falling off the end gives null", "    - a: {call: nothing, result: r}\n    - b: {return: '${r}'}", None),
    ("a result may be dropped", "    - a: {call: twice, args: [1]}\n    - b: {return: 1}", 1),
    (
        "a result may be an element",
        "    - i: {assign: [{m: {}}]}\n    - a: {call: twice, args: [1], result: 'm[\"x\"]'}\n    - b: {return: '${m}'}",
        {"x": 2},
    ),
    (
        "a call's next",
        "    - a: {call: twice, args: [1], result: r, next: c}\n    - b: {return: 0}\n    - c: {return: '${r}'}",
        2,
    ),
    ("in an expression", "    - b: {return: '${twice(4) + twice(5)}'}", 18),
    ("within each other", "    - b: {return: '${twice(twice(twice(1)))}'}", 8),
    (
        "in lists, maps and keys",
        "    - b: {return: ['${twice(1)}', {'${string(twice(2))}': '${[twice(3), {\"k\": twice(4)}]}'}]}",
        [2, {"4": [6, {"k": 8}]}],
    ),
    (
        "in an index and a member",
        "    - i: {assign: [{l: [5, 6, 7]}]}\n    - b: {return: '${l[twice(1)] + pair(1)[0]}'}",
        8,
    ),
    ("as an argument of the library", "    - b: {return: '${len(pair(1)) + int(string(twice(4)))}'}", 11),
    ("under signs", "    - b: {return: '${-twice(2)}'}", -4),
    (
        "in a condition",
        "    - s: {switch: [{condition: '${twice(1) == 3}', return: 1}, {condition: '${twice(1) == 2}', return: 2}]}",
        2,
    ),
    ("in args", "    - a: {call: twice, args: {n: '${twice(3)}'}, result: r}\n    - b: {return: '${r}'}", 12),
    (
        "in a loop's list",
        "    - i: {assign: [{o: 0}]}\n    - l: {for: {value: v, in: '${pair(1)}', steps: [{s: {assign: [{o: '${o + v}'}]}}]}}\n    - b: {return: '${o}'}",
        6,
    ),
    (
        "in a range",
        "    - i: {assign: [{o: 0}]}\n    - l: {for: {value: v, range: [1, '${twice(2)}'], steps: [{s: {assign: [{o: '${o + v}'}]}}]}}\n    - b: {return: '${o}'}",
        10,
    ),
    (
        "in a key on the left side",
        "    - i: {assign: [{l: [1, 2, 3]}, {'l[twice(1)]': 9}]}\n    - b: {return: '${l}'}",
        [1, 2, 9],
    ),
    (
        "several in one assign",
        "    - i: {assign: [{a: '${twice(1)}'}, {b: '${a + twice(a)}'}, {c: '${a + b}'}]}\n    - b: {return: ['${a}', '${b}', '${c}']}",
        [2, 6, 8],
    ),
    ("in a sub's default", "    - b: {return: '${pair(twice(1))}'}", [2, 3, 4]),
    ("left to right with a slow one", "    - b: {return: '${[sys.now(), slow(1), sys.now()][1]}'}", 1),
    (
        "caught when it fails",
        "    - t: {try: {assign: [{x: '${1 + fail(7)}'}]}, except: {as: e, steps: [{r: {return: '${e}'}}]}}",
        7,
    ),
]


@pytest.mark.parametrize(("steps", "result"), [case[1:] for case in RESULTS], ids=[case[0] for case in RESULTS])
def test_given_a_call_when_it_ran_then_this_is_the_result(steps: str, result: Value) -> None:
    assert play(program(steps)).result == result


LOGIC: list[tuple[str, Value, list[str]]] = [
    ("${yes(1) and yes(2)}", True, ["1", "2"]),
    ("${no(1) and yes(2)}", False, ["1"]),
    ("${no(1) or yes(2)}", True, ["1", "2"]),
    ("${yes(1) or no(2)}", True, ["1"]),
    ("${false and yes(2)}", False, []),
    ("${(no(1) or yes(2)) and not(no(3))}", True, ["1", "2", "3"]),
    ("${true and (yes(1) or yes(2)) and no(3)}", False, ["1", "3"]),
]


@pytest.mark.parametrize(("expression", "result", "logged"), LOGIC)
def test_given_and_or_when_a_side_calls_then_it_is_called_only_if_it_decides(
    expression: str, result: Value, logged: list[str]
) -> None:
    played = play(program(f"    - r: {{return: '{expression}'}}"))
    assert played.result is result
    assert [command.effect.text for command in played.commands() if isinstance(command.effect, WriteLog)] == logged


def test_given_a_left_side_that_fails_when_the_right_side_calls_then_nothing_is_called() -> None:
    played = play(program("    - r: {return: '${1 / 0 + int(yes(1))}'}"))
    assert played.commands() == []
    assert "ZeroDivisionError" in played.error.context


def test_given_logic_on_something_else_when_a_side_calls_then_it_is_a_type_error() -> None:
    assert "TypeError" in play(program("    - r: {return: '${twice(1) and true}'}")).error.context
    assert "TypeError" in play(program("    - r: {return: '${true and twice(1)}'}")).error.context


ERRORS: list[tuple[str, str, str]] = [
    (
        "unknown name in a map",
        "    - i: {assign: [{m: {x: 5, n: 1}}]}\n    - a: {call: twice, args: '${m}'}",
        "TypeError: twice: unknown argument x",
    ),
    (
        "missing in a map",
        "    - i: {assign: [{m: {}}]}\n    - a: {call: twice, args: '${m}'}",
        "TypeError: twice: missing argument n",
    ),
    (
        "args is text",
        "    - i: {assign: [{m: x}]}\n    - a: {call: twice, args: '${m}'}",
        "TypeError: args of twice must be a map or a list, not 'str'",
    ),
    ("too many", "    - r: {return: '${twice(1, 2)}'}", "TypeError: twice takes 1 arguments, got 2"),
    ("too few", "    - r: {return: '${twice()}'}", "TypeError: twice: missing argument n"),
    (
        "unknown name for the library",
        "    - i: {assign: [{m: {x: 5}}]}\n    - a: {call: sys.sleep, args: '${m}'}",
        "TypeError: sys.sleep: missing argument seconds",
    ),
]


@pytest.mark.parametrize(("steps", "message"), [case[1:] for case in ERRORS], ids=[case[0] for case in ERRORS])
def test_given_wrong_arguments_when_it_is_called_then_it_fails(steps: str, message: str) -> None:
    payload = play(program(steps)).payload
    assert isinstance(payload, dict)
    assert payload["message"] == message


def test_given_a_subworkflow_then_it_does_not_see_the_callers_variables_and_cannot_change_arguments() -> None:
    source = """
main:
  steps:
    - a: {assign: [{l: [1]}]}
    - b: {call: change, args: {l: "${l}"}, result: r}
    - c: {return: ["${l}", "${r}"]}
change: {params: [l], steps: [{a: {assign: [{"l[0]": 9}]}}, {b: {return: "${l}"}}]}
"""
    assert play(source).result == [[1], [9]]


def test_given_recursion_when_it_is_deeper_than_the_limit_then_it_is_a_recursion_error() -> None:
    source = """
main: {params: [n], steps: [{a: {try: {call: down, args: ["${n}"], result: r}, except: {as: e, steps: [{x: {return: "${e.tags}"}}]}}}, {b: {return: "${r}"}}]}
down: {params: [n], steps: [{a: {switch: [{condition: "${n == 0}", return: 0}]}}, {b: {call: down, args: ["${n - 1}"], result: r}}, {c: {return: "${r + 1}"}}]}
"""
    assert play(source, 18).result == 18
    assert play(source, 19).result == ["RecursionError"]


def test_given_a_call_that_waits_when_its_answer_comes_then_the_value_is_there() -> None:
    source = "- a: {call: http.get, args: {url: https://example.com/x}, result: r}\n- b: {return: '${r.body}'}"
    played = begin(source)
    (command,) = played.commands()
    assert (command.call, command.step, command.routine) == ("0#1", "a", "main")
    assert isinstance(command.effect, HttpRequest)
    assert [step.step for step in played.machine.current_steps] == ["a"]
    assert go_on(played, lambda _: ok([1])).result == [1]


def test_given_calls_one_after_the_other_then_each_has_an_id_of_its_own() -> None:
    played = play("- l: {for: {value: v, range: [1, 3], steps: [{s: {call: sys.sleep, args: {seconds: '${v}'}}}]}}")
    assert [command.call for command in played.commands()] == ["0#1", "0#2", "0#3"]
    assert [command.effect for command in played.commands()] == [
        Wait(until_s=START_S + 1),
        Wait(until_s=START_S + 3),
        Wait(until_s=START_S + 6),
    ]


def test_given_hosts_then_calls_to_foreign_ones_are_external_steps() -> None:
    steps = "\n".join(
        f"- s{at}: {{call: http.get, args: {{url: '{url}'}}}}"
        for at, url in enumerate(
            [
                "https://example.com/",
                "https://run.googleapis.com/x",
                "https://a-b.a.run.app",
                f"{BASE_URL}/x",
                "https://googleapis.com.example.org",
            ]
        )
    )
    played = play(steps, answers=lambda _: ok())
    assert (played.machine.steps.internal, played.machine.steps.external) == (2, 3)


def test_given_a_depth_of_one_when_anything_is_called_then_it_fails() -> None:
    played = play(program("    - r: {return: '${twice(1)}'}"), limits=RunLimits(call_depth=1))
    assert "RecursionError" in played.error.context


def test_given_a_function_that_is_not_there_when_it_is_called_then_it_is_a_system_error() -> None:
    payload = play("- a: {call: nosuch.function}").payload
    assert isinstance(payload, dict)
    assert payload["message"] == "SystemError: nosuch.function is not supported"


def test_given_a_connector_inside_an_expression_then_the_expression_waits_for_it() -> None:
    source = '- a: {return: \'${1 + len(googleapis.secretmanager.v1.projects.secrets.versions.accessString("s", "1", "p"))}\'}'
    played = begin(source)
    (command,) = played.commands()
    assert isinstance(command.effect, HttpRequest)
    assert command.step == "a"
    assert go_on(played, lambda _: ok({"payload": {"data": "aGVsbG8="}})).result == 6


def test_given_a_connector_that_polls_then_each_poll_is_a_step() -> None:
    source = "- a: {call: googleapis.run.v2.projects.locations.jobs.run, args: {name: projects/p/locations/l/jobs/j}, result: r}\n- b: {return: '${r.name}'}"
    name = "projects/p/locations/l/operations/o"
    polls = iter([False, False, True])

    def answers(command: Command) -> Answer:
        if isinstance(command.effect, Wait):
            return Done()
        assert isinstance(command.effect, HttpRequest)
        if command.effect.method == "POST":
            return ok({"name": name, "done": False, "metadata": {}})
        if next(polls):
            return ok({"name": name, "done": True, "response": {"name": "execution"}})
        return ok({"name": name, "done": False})

    played = play(source, answers=answers)
    assert played.result == "execution"
    assert (played.machine.steps.internal, played.machine.steps.external) == (2 + 3, 0)
