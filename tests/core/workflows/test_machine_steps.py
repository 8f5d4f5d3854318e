"""assign, switch, for, steps, next, return: what a run gives."""

from __future__ import annotations

import pytest
from stage import play

from hakobune.core.workflows.values import Value


def main(steps: str, params: str = "[]") -> str:
    return f"main:\n  params: {params}\n  steps:\n{steps}"


RESULTS: list[tuple[str, str, Value]] = [
    ("a list of steps is main", "- a: {assign: [{x: 1}]}\n- b: {return: '${x}'}", 1),
    ("no return gives null", "- a: {assign: [{x: 1}]}", None),
    ("an empty return gives null", "- a: {return: }", None),
    (
        "entries see earlier ones",
        "- a: {assign: [{x: 1}, {y: '${x + 1}'}, {x: '${y + 1}'}]}\n- b: {return: ['${x}', '${y}']}",
        [3, 2],
    ),
    (
        "elements are assigned, maps on the way are made",
        "- a: {assign: [{m: {}}, {m.a.b: 1}, {'m[\"c d\"]': 2}]}\n- b: {return: '${m}'}",
        {"a": {"b": 1}, "c d": 2},
    ),
    (
        "an assignment copies",
        "- a: {assign: [{a: [1]}, {b: '${a}'}, {'b[0]': 9}]}\n- b: {return: ['${a}', '${b}']}",
        [[1], [9]],
    ),
    (
        "a literal is built anew each time",
        "- l: {for: {value: v, range: [1, 2], steps: [{a: {assign: [{m: {}}, {'m[string(v)]': 1}, {n: '${m}'}]}}]}}\n- b: {assign: [{m: {}}]}\n- c: {return: '${m}'}",
        {},
    ),
    ("next jumps forward", "- a: {assign: [{x: 1}], next: c}\n- b: {assign: [{x: 2}]}\n- c: {return: '${x}'}", 1),
    (
        "next jumps back",
        "- a: {assign: [{x: 0}]}\n- b: {assign: [{x: '${x + 1}'}]}\n- c: {switch: [{condition: '${x < 5}', next: b}]}\n- d: {return: '${x}'}",
        5,
    ),
    ("a bare next jumps", "- a: {next: c}\n- b: {return: 1}\n- c: {return: 2}", 2),
    ("next: end ends with null", "- a: {assign: [{x: 1}], next: end}\n- b: {return: 2}", None),
    (
        "a group goes on after itself",
        "- g: {steps: [{a: {assign: [{x: 1}]}}, {b: {assign: [{y: 2}]}}], next: d}\n- c: {return: 0}\n- d: {return: '${x + y}'}",
        3,
    ),
    (
        "a jump leads into a group",
        "- a: {next: inner}\n- g: {steps: [{first: {return: 1}}, {inner: {assign: [{x: 7}]}}]}\n- c: {return: '${x}'}",
        7,
    ),
    (
        "a jump leads out of a group",
        "- g: {steps: [{a: {next: c}}, {b: {return: 1}}]}\n- b2: {return: 2}\n- c: {return: 3}",
        3,
    ),
    (
        "the first true condition wins",
        "- s: {switch: [{condition: false, return: 1}, {condition: true, return: 2}, {condition: '${1 / 0 == 1}', return: 3}]}",
        2,
    ),
    (
        "without a match the step's next counts",
        "- s: {switch: [{condition: false, return: 1}], next: c}\n- b: {return: 2}\n- c: {return: 3}",
        3,
    ),
    (
        "without a match and next the following step",
        "- s: {switch: [{condition: false, return: 1}]}\n- b: {return: 2}",
        2,
    ),
    (
        "a match without next goes to the step's next",
        "- s: {switch: [{condition: true, assign: [{x: 5}]}], next: c}\n- b: {return: 0}\n- c: {return: '${x}'}",
        5,
    ),
    (
        "a match's next wins",
        "- s: {switch: [{condition: true, assign: [{x: 5}], next: d}], next: c}\n- c: {return: 0}\n- d: {return: '${x}'}",
        5,
    ),
    ("a bare condition does nothing", "- s: {switch: [{condition: true}]}\n- c: {return: 4}", 4),
    (
        "a case with steps",
        "- s: {switch: [{condition: true, steps: [{a: {assign: [{x: 1}]}}, {b: {assign: [{y: 2}]}}]}]}\n- c: {return: '${x + y}'}",
        3,
    ),
    (
        "a case with a loop",
        "- i: {assign: [{x: 0}]}\n- s: {switch: [{condition: true, for: {value: v, in: [1, 2], steps: [{a: {assign: [{x: '${x + v}'}]}}]}}]}\n- c: {return: '${x}'}",
        3,
    ),
    (
        "a switch in a case",
        "- s: {switch: [{condition: true, switch: [{condition: false}, {condition: true, return: 8}]}]}",
        8,
    ),
    (
        "for over a list with index",
        "- i: {assign: [{o: []}]}\n- l: {for: {value: v, index: n, in: [a, b], steps: [{s: {assign: [{o: '${list.concat(o, [n, v])}'}]}}]}}\n- r: {return: '${o}'}",
        [[0, "a"], [1, "b"]],
    ),
    (
        "for over sorted keys",
        "- i: {assign: [{m: {b: 1, a: 2}}, {o: ''}]}\n- l: {for: {value: k, in: '${keys(m)}', steps: [{s: {assign: [{o: '${o + k}'}]}}]}}\n- r: {return: '${o}'}",
        "ab",
    ),
    (
        "a range is inclusive",
        "- i: {assign: [{o: []}]}\n- l: {for: {value: v, range: [2, 4], steps: [{s: {assign: [{o: '${list.concat(o, v)}'}]}}]}}\n- r: {return: '${o}'}",
        [2, 3, 4],
    ),
    (
        "a range of expressions",
        "- i: {assign: [{n: 2}, {o: 0}]}\n- l: {for: {value: v, range: [1, '${n}'], steps: [{s: {assign: [{o: '${o + v}'}]}}]}}\n- r: {return: '${o}'}",
        3,
    ),
    (
        "a range of one expression",
        "- i: {assign: [{n: 2}, {o: 0}]}\n- l: {for: {value: v, range: '${[n, n + 1]}', steps: [{s: {assign: [{o: '${o + v}'}]}}]}}\n- r: {return: '${o}'}",
        5,
    ),
    (
        "a range backwards is empty",
        "- i: {assign: [{o: 0}]}\n- l: {for: {value: v, range: [3, 1], steps: [{s: {assign: [{o: 1}]}}]}}\n- r: {return: '${o}'}",
        0,
    ),
    (
        "a range of doubles",
        "- i: {assign: [{o: []}]}\n- l: {for: {value: v, range: [0.5, 3], steps: [{s: {assign: [{o: '${list.concat(o, v)}'}]}}]}}\n- r: {return: '${o}'}",
        [0.5, 1.5, 2.5],
    ),
    (
        "an integer range up to a double",
        "- i: {assign: [{o: []}]}\n- l: {for: {value: v, range: [1, 2.9], steps: [{s: {assign: [{o: '${list.concat(o, v)}'}]}}]}}\n- r: {return: '${o}'}",
        [1, 2],
    ),
    ("an empty list runs no body", "- l: {for: {value: v, in: [], steps: [{s: {return: 1}}]}}\n- r: {return: 2}", 2),
    (
        "break leaves, continue goes on",
        "- i: {assign: [{o: []}]}\n- l:\n    for:\n      value: v\n      range: [1, 9]\n      steps:\n        - w: {switch: [{condition: '${v == 2}', next: continue}, {condition: '${v == 5}', next: break}]}\n        - s: {assign: [{o: '${list.concat(o, v)}'}]}\n    next: r\n- x: {return: 0}\n- r: {return: '${o}'}",
        [1, 3, 4],
    ),
    (
        "break is of the inner loop",
        "- i: {assign: [{o: 0}]}\n- l: {for: {value: v, range: [1, 3], steps: [{m: {for: {value: w, range: [1, 3], steps: [{b: {next: break}}]}}}, {s: {assign: [{o: '${o + 1}'}]}}]}}\n- r: {return: '${o}'}",
        3,
    ),
    ("return leaves a loop", "- l: {for: {value: v, range: [1, 3], steps: [{b: {return: '${v}'}}]}}", 1),
    (
        "the list is iterated as it was",
        "- i: {assign: [{l: [1, 2]}, {n: 0}]}\n- f: {for: {value: v, in: '${l}', steps: [{s: {assign: [{l: '${list.concat(l, 3)}'}, {n: '${n + 1}'}]}}]}}\n- r: {return: ['${n}', '${len(l)}']}",
        [2, 4],
    ),
    (
        "two loops use one variable's name",
        "- i: {assign: [{o: 0}]}\n- a: {for: {value: v, range: [1, 2], steps: [{s: {assign: [{o: '${o + v}'}]}}]}}\n- b: {for: {value: v, range: [1, 2], steps: [{t: {assign: [{o: '${o + v}'}]}}]}}\n- r: {return: '${o}'}",
        6,
    ),
    (
        "the loop variable may be overwritten",
        "- i: {assign: [{o: []}]}\n- a: {for: {value: v, index: n, range: [1, 2], steps: [{s: {assign: [{v: 9}, {n: 9}]}}, {t: {assign: [{o: '${list.concat(o, v)}'}]}}]}}\n- r: {return: '${o}'}",
        [9, 9],
    ),
    (
        "a name in a loop and one after it are two",
        "- a: {for: {value: v, range: [1, 2], steps: [{s: {assign: [{x: '${v}'}]}}]}}\n- b: {assign: [{x: 5}]}\n- r: {return: '${x}'}",
        5,
    ),
    (
        "keys of a returned map may be expressions",
        "- a: {assign: [{k: b}]}\n- r: {return: {'${k}': 1, c: ['${k}']}}",
        {"b": 1, "c": ["b"]},
    ),
]


@pytest.mark.parametrize(("steps", "result"), [case[1:] for case in RESULTS], ids=[case[0] for case in RESULTS])
def test_given_steps_when_they_run_then_this_is_the_result(steps: str, result: Value) -> None:
    assert play(steps).result == result


ERRORS: list[tuple[str, str, str]] = [
    (
        "a condition is no boolean",
        "- s: {switch: [{condition: 1}]}",
        "TypeError: a condition must be a boolean, not 'int'",
    ),
    (
        "a condition is null",
        "- s: {switch: [{condition: null}]}",
        "TypeError: a condition must be a boolean, not 'NoneType'",
    ),
    (
        "in is a map",
        "- l: {for: {value: v, in: '${{\"a\": 1}}', steps: [{s: {next: continue}}]}}",
        "TypeError: for: 'in' must be a list, not 'dict'",
    ),
    (
        "range of text",
        "- l: {for: {value: v, range: ['a', 2], steps: [{s: {next: continue}}]}}",
        "TypeError: for: 'range' must be of numbers, not 'str'",
    ),
    (
        "range of booleans",
        "- l: {for: {value: v, range: '${[true, 2]}', steps: [{s: {next: continue}}]}}",
        "TypeError: for: 'range' must be of numbers, not 'bool'",
    ),
    (
        "range is no list",
        "- l: {for: {value: v, range: '${1}', steps: [{s: {next: continue}}]}}",
        "TypeError: for: 'range' must be a list of two numbers, not 'int'",
    ),
    (
        "range of three",
        "- l: {for: {value: v, range: '${[1, 2, 3]}', steps: [{s: {next: continue}}]}}",
        "ValueError: for: 'range' must be a list of two numbers, not of 3",
    ),
    (
        "range without an end",
        "- l: {for: {value: v, range: '${[1, 1e308 * 10]}', steps: [{s: {next: continue}}]}}",
        "ValueError: for: 'range' must be of finite numbers",
    ),
    (
        "a variable read before it is set",
        "- a: {next: c}\n- b: {assign: [{x: 1}]}\n- c: {return: '${x}'}",
        "ValueError: variable not initialized: x",
    ),
    (
        "an element set before its variable",
        "- a: {next: c}\n- b: {assign: [{x: {}}]}\n- c: {assign: [{x.y: 1}]}",
        "ValueError: variable not initialized: x",
    ),
    (
        "an element of null",
        "- a: {assign: [{x: null}, {x.y: 1}]}",
        "TypeError: 'NoneType' object is not a list or map: it has no elements",
    ),
    (
        "an index out of range",
        "- a: {assign: [{x: [1]}, {'x[1]': 1}]}",
        "IndexError: list index out of range: 1 (length 1)",
    ),
    (
        "a loop's variable is reset at each iteration",
        "- l: {for: {value: v, range: [1, 2], steps: [{w: {switch: [{condition: '${v == 2}', next: u}]}}, {s: {assign: [{x: 1}]}}, {u: {assign: [{y: '${x}'}]}}]}}",
        "ValueError: variable not initialized: x",
    ),
]


@pytest.mark.parametrize(("steps", "message"), [case[1:] for case in ERRORS], ids=[case[0] for case in ERRORS])
def test_given_a_wrong_step_when_it_runs_then_the_execution_fails_with(steps: str, message: str) -> None:
    payload = play(steps).payload
    assert isinstance(payload, dict)
    assert payload["message"] == message
    assert payload["tags"][0] == message.split(":", maxsplit=1)[0]  # type: ignore[index]


ARGUMENTS: list[tuple[str, str, Value, Value]] = [
    ("the argument is main's parameter", "[a]", {"x": [1]}, {"x": [1]}),
    ("no argument is null", "[a]", None, None),
    ("a default stands for no argument", "[a: 5]", None, 5),
    ("an argument wins over the default", "[a: 5]", 6, 6),
]


@pytest.mark.parametrize(
    ("params", "argument", "result"), [case[1:] for case in ARGUMENTS], ids=[case[0] for case in ARGUMENTS]
)
def test_given_an_argument_when_main_starts_then(params: str, argument: Value, result: Value) -> None:
    assert play(main("    - r: {return: '${a}'}", params), argument).result == result


def test_given_main_without_parameters_when_an_argument_comes_then_it_is_ignored() -> None:
    assert play("- r: {return: 1}", {"x": 1}).result == 1


def test_given_steps_when_they_ran_then_each_is_counted_and_the_last_one_is_current() -> None:
    played = play(
        "- a: {assign: [{x: 1}]}\n- g: {steps: [{b: {assign: [{x: 1}]}}]}\n- s: {switch: [{condition: true}]}\n- r: {return: 1}"
    )
    assert played.machine.steps.internal == 5
    assert played.machine.steps.external == 0
    assert [step.step for step in played.machine.current_steps] == ["r"]
