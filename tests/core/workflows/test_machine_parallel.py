"""parallel: branches, iterations, what they share, how many run at once, and their errors."""

from __future__ import annotations

import pytest
from stage import START_S, begin, go_on, play

from hakobune.core.workflows.effects import Done, Wait
from hakobune.core.workflows.events import Answered, CallId, Command
from hakobune.core.workflows.limits import RunLimits
from hakobune.core.workflows.values import Value

NAP = "{call: sys.sleep, args: {seconds: 1}}"


RESULTS: list[tuple[str, str, Value]] = [
    (
        "branches write what they share",
        "- i: {assign: [{a: 0}, {b: 0}]}\n- p: {parallel: {shared: [a, b], branches: [{x: {steps: [{s: {assign: [{a: 1}]}}]}}, {y: {steps: [{t: {assign: [{b: 2}]}}]}}]}}\n- r: {return: ['${a}', '${b}']}",
        [1, 2],
    ),
    (
        "a sum over iterations",
        "- i: {assign: [{t: 0}]}\n- p: {parallel: {shared: [t], for: {value: v, in: [1, 2, 3], steps: [{s: {assign: [{t: '${t + v}'}]}}]}}}\n- r: {return: '${t}'}",
        6,
    ),
    (
        "a sum over iterations that wait",
        f"- i: {{assign: [{{t: 0}}]}}\n- p: {{parallel: {{shared: [t], for: {{value: v, range: [1, 50], steps: [{{w: {NAP}}}, {{s: {{assign: [{{t: '${{t + v}}'}}]}}}}]}}}}}}\n- r: {{return: '${{t}}'}}",
        1275,
    ),
    (
        "elements by index",
        "- i: {assign: [{o: [0, 0, 0]}]}\n- p: {parallel: {shared: [o], for: {value: v, index: n, in: [5, 6, 7], steps: [{s: {assign: [{'o[n]': '${v * 2}'}]}}]}}}\n- r: {return: '${o}'}",
        [10, 12, 14],
    ),
    (
        "a result is a write",
        "- p: {parallel: {shared: [t], branches: [{x: {steps: [{s: {call: text.to_upper, args: [a], result: t}}]}}]}}\n- r: {return: '${t}'}",
        "A",
    ),
    (
        "a shared name that nobody assigned is null after the step",
        "- p: {parallel: {shared: [t], for: {value: v, in: [], steps: [{s: {assign: [{t: 1}]}}]}}}\n- r: {return: '${t}'}",
        None,
    ),
    (
        "branches read what is around them",
        "- i: {assign: [{a: 3}]}\n- p: {parallel: {shared: [t], branches: [{x: {steps: [{s: {assign: [{t: '${a}'}]}}]}}]}}\n- r: {return: '${t}'}",
        3,
    ),
    (
        "names of a branch are its own",
        "- i: {assign: [{a: 0}, {b: 0}]}\n- p: {parallel: {shared: [a, b], branches: [{x: {steps: [{s: {assign: [{n: 1}, {a: '${n}'}]}}]}}, {y: {steps: [{t: {assign: [{n: 2}, {b: '${n}'}]}}]}}]}}\n- r: {return: ['${a}', '${b}']}",
        [1, 2],
    ),
    (
        "iterations do not see each other's names",
        "- p: {parallel: {for: {value: v, range: [1, 2], steps: [{w: {switch: [{condition: '${v == 2}', next: u}]}}, {s: {assign: [{x: 1}]}}, {u: {try: {assign: [{y: '${x}'}]}, except: {as: e, steps: [{z: {next: continue}}]}}}]}}}\n- r: {return: done}",
        "done",
    ),
    (
        "next: end ends the branch only",
        "- i: {assign: [{a: 0}]}\n- p: {parallel: {shared: [a], branches: [{x: {steps: [{s: {next: end}}, {t: {assign: [{a: 1}]}}]}}]}}\n- r: {return: '${a}'}",
        0,
    ),
    (
        "continue ends the iteration",
        "- i: {assign: [{a: 0}]}\n- p: {parallel: {shared: [a], for: {value: v, range: [1, 3], steps: [{s: {switch: [{condition: '${v == 2}', next: continue}]}}, {t: {assign: [{a: '${a + v}'}]}}]}}}\n- r: {return: '${a}'}",
        4,
    ),
    (
        "break and continue in a loop in a branch",
        "- i: {assign: [{a: 0}]}\n- p: {parallel: {shared: [a], branches: [{x: {steps: [{l: {for: {value: v, range: [1, 9], steps: [{s: {switch: [{condition: '${v == 2}', next: continue}, {condition: '${v == 4}', next: break}]}}, {t: {assign: [{a: '${a + v}'}]}}]}}}]}}]}}\n- r: {return: '${a}'}",
        4,
    ),
    (
        "nested",
        "- i: {assign: [{a: 0}]}\n- p: {parallel: {shared: [a], for: {value: v, range: [1, 3], steps: [{q: {parallel: {shared: [a], for: {value: w, range: [1, 3], steps: [{s: {assign: [{a: '${a + v * w}'}]}}]}}}}]}}}\n- r: {return: '${a}'}",
        36,
    ),
    (
        "a call inside",
        "main: {steps: [{i: {assign: [{a: 0}]}}, {p: {parallel: {shared: [a], for: {value: v, range: [1, 3], steps: [{s: {assign: [{a: '${a + sub(v)}'}]}}]}}}}, {r: {return: '${a}'}}]}\nsub: {params: [n], steps: [{t: {return: '${n * 10}'}}]}",
        60,
    ),
    (
        "inside a call",
        "main: {steps: [{r: {return: '${sub(3)}'}}]}\nsub: {params: [n], steps: [{i: {assign: [{a: 0}]}}, {p: {parallel: {shared: [a], for: {value: v, range: [1, '${n}'], steps: [{s: {assign: [{a: '${a + v}'}]}}]}}}}, {t: {return: '${a}'}}]}",
        6,
    ),
    (
        "in a loop: each time it begins anew",
        "- i: {assign: [{a: 0}]}\n- l: {for: {value: k, range: [1, 2], steps: [{p: {parallel: {shared: [a], branches: [{x: {steps: [{s: {assign: [{a: '${a + k}'}]}}]}}]}}}]}}\n- r: {return: '${a}'}",
        3,
    ),
    (
        "an error in one branch does not stop the others",
        "- i: {assign: [{a: 0}]}\n- t: {try: {parallel: {shared: [a], branches: [{x: {steps: [{s: {raise: no}}]}}, {y: {steps: [{u: {assign: [{a: 1}]}}]}}]}}, except: {as: e, steps: [{v: {return: ['${a}', '${e.tags}']}}]}}",
        [1, ["UnhandledBranchError", "RuntimeError"]],
    ),
    (
        "an error caught in its branch is no error",
        "- p: {parallel: {branches: [{x: {steps: [{s: {try: {raise: no}, except: {as: e, steps: [{c: {next: end}}]}}}]}}]}}\n- r: {return: 1}",
        1,
    ),
    (
        "the step's next",
        "- p: {parallel: {branches: [{x: {steps: [{s: {assign: [{a: 1}]}}]}}]}, next: r}\n- q: {return: 0}\n- r: {return: 1}",
        1,
    ),
]


@pytest.mark.parametrize(("steps", "result"), [case[1:] for case in RESULTS], ids=[case[0] for case in RESULTS])
def test_given_parallel_steps_when_they_ran_then_this_is_the_result(steps: str, result: Value) -> None:
    assert play(steps).result == result


def test_given_branches_that_fail_when_all_have_ended_then_the_error_has_this_shape() -> None:
    source = """main:
  steps:
    - fan:
        parallel:
          for:
            value: v
            range: [0, 2]
            steps:
              - checkEven:
                  switch:
                    - condition: ${v % 2 == 1}
                      raise: how odd!
"""
    error = play(source).error
    assert error.payload == (
        '{"branches":[{"error":{"context":"RuntimeError: \\"how odd!\\"\\nin step \\"checkEven\\", routine \\"main\\", line: 9",'
        '"payload":"\\"how odd!\\""},"id":"1"}],'
        '"message":"UnhandledBranchError: One or more branches or iterations encountered an unhandled runtime error",'
        '"tags":["UnhandledBranchError","RuntimeError"],"truncated":false}'
    )
    assert error.context == (
        "UnhandledBranchError: One or more branches or iterations encountered an unhandled runtime error\n"
        'in step "fan", routine "main", line: 3'
    )


def test_given_named_branches_that_fail_then_their_names_are_the_ids_in_the_order_of_the_text() -> None:
    steps = f"- t: {{try: {{parallel: {{branches: [{{one: {{steps: [{{a: {NAP}}}, {{b: {{raise: 1}}}}]}}}}, {{two: {{steps: [{{c: {{raise: 2}}}}]}}}}]}}}}, except: {{as: e, steps: [{{r: {{return: '${{[e.branches[0].id, e.branches[1].id]}}'}}}}]}}}}"
    assert play(steps).result == ["one", "two"]


def test_given_nested_branches_that_fail_then_the_inner_error_is_the_payload_of_the_outer() -> None:
    steps = "- p: {parallel: {branches: [{o: {steps: [{q: {parallel: {branches: [{i: {steps: [{s: {raise: deep}}]}}]}}}]}}]}}"
    payload = play(steps).payload
    assert isinstance(payload, dict)
    inner = payload["branches"][0]["error"]["payload"]  # type: ignore[index,call-overload]
    assert isinstance(inner, str)
    assert '"payload":"\\"deep\\""' in inner


def test_given_a_call_in_a_branch_when_it_fails_then_the_context_has_a_line_for_each_call() -> None:
    source = "main: {steps: [{m: {call: sub}}]}\nsub: {steps: [{p: {parallel: {branches: [{b: {steps: [{c: {call: bad}}]}}]}}}]}\nbad: {steps: [{x: {raise: no}}]}"
    payload = play(source).payload
    assert isinstance(payload, dict)
    context = payload["branches"][0]["error"]["context"]  # type: ignore[index,call-overload]
    assert isinstance(context, str)
    assert [line.split('"')[1] for line in context.splitlines()[1:]] == ["x", "c", "m"]


def test_given_many_large_errors_then_the_list_is_truncated() -> None:
    steps = '- t: {try: {parallel: {for: {value: v, range: [1, 20], steps: [{s: {raise: \'${text.replace_all("xxxxxxxxxx", "x", "0123456789012345678901234567890123456789012345678901234567890123456789") + "0123456789" }\'}}]}}}, except: {as: e, steps: [{r: {return: [\'${e.truncated}\', \'${len(e.branches)}\']}}]}}'
    assert play(steps).result == [False, 20]
    big = (
        "- g: {assign: [{b: xxxxxxxxxxxxxxxx}]}\n- l: {for: {value: v, range: [1, 8], steps: [{d: {assign: [{b: '${b + b}'}]}}]}}\n"
        + steps.replace("raise: '${text", "raise: '${b + text")
    )
    assert play(big).result == [True, 6]


# -- how many at once -------------------------------------------------------------------------------------------


def waves(source: str, limits: RunLimits | None = None) -> list[list[str]]:
    """The calls that wait at the same time, when each answer comes after all of them were asked for."""
    played = begin(source, limits=limits or RunLimits())
    found: list[list[str]] = []
    while played.machine.outcome is None:
        waiting = list(played.machine.waiting)
        found.append(list(waiting))
        for call in waiting:
            played.event(Answered(call=call, answer=Done()))
    assert played.result == "done"
    return found


def loop(number: int, limit: str = "", body: str = f"[{{s: {NAP}}}]") -> str:
    return (
        f"- p: {{parallel: {{{limit} for: {{value: v, range: [1, {number}], steps: {body}}}}}}}\n- r: {{return: done}}"
    )


def test_given_a_concurrency_limit_then_no_more_run_at_once() -> None:
    assert waves(loop(5, "concurrency_limit: 2,")) == [["0.1.0#1", "0.1.1#1"], ["0.1.2#1", "0.1.3#1"], ["0.1.4#1"]]
    assert [len(wave) for wave in waves(loop(5, "concurrency_limit: '${1 + 2}',"))] == [3, 2]


def test_given_more_than_twenty_iterations_then_twenty_run_at_once() -> None:
    assert [len(wave) for wave in waves(loop(45))] == [20, 20, 5]


def test_given_nested_steps_then_twenty_run_at_once_in_all_and_none_waits_for_ever() -> None:
    inner = f"[{{q: {{parallel: {{for: {{value: w, range: [1, 3], steps: [{{s: {NAP}}}]}}}}}}}}]"
    sizes = [len(wave) for wave in waves(loop(30, body=inner))]
    assert max(sizes) == 20
    assert sum(sizes) == 90


def test_given_one_at_a_time_when_steps_are_nested_then_they_still_end() -> None:
    inner = f"[{{q: {{parallel: {{for: {{value: w, range: [1, 2], steps: [{{s: {NAP}}}]}}}}}}}}, {{t: {NAP}}}]"
    assert [len(wave) for wave in waves(loop(2, body=inner), RunLimits(concurrent_branches=1))] == [1] * 6


@pytest.mark.parametrize("limit", ["0", "'${-1}'", "'${1.5}'", "'${true}'", "'${\"2\"}'", "'${null}'"])
def test_given_a_limit_that_is_no_positive_integer_then_it_is_a_value_error(limit: str) -> None:
    payload = play(f"- i: {{assign: [{{n: {limit}}}]}}\n" + loop(2, "concurrency_limit: '${n}',")).payload
    assert isinstance(payload, dict)
    assert payload["message"] == "ValueError: concurrency_limit must be a positive integer"


def test_given_three_levels_also_through_a_call_then_it_is_a_parallel_nesting_error() -> None:
    source = """
main: {steps: [{p: {try: {call: two}, except: {as: e, steps: [{r: {return: "${e.tags}"}}]}}}, {z: {return: fine}}]}
two: {steps: [{a: {parallel: {for: {value: v, in: [1], steps: [{b: {parallel: {for: {value: w, in: [1], steps: [{c: {call: %s}}]}}}}]}}}}]}
three: {steps: [{d: {parallel: {for: {value: x, in: [1], steps: [{f: {assign: [{y: 1}]}}]}}}}]}
none: {steps: [{d: {assign: [{y: 1}]}}]}
"""
    assert play(source % "none").result == "fine"
    played = play(
        source.replace(
            'call: two}, except: {as: e, steps: [{r: {return: "${e.tags}"}}]}',
            'call: two}, except: {as: e, steps: [{r: {return: "${json.encode_to_string(e)}"}}]}',
        )
        % "three"
    )
    assert isinstance(played.result, str)
    assert "ParallelNestingError" in played.result


def test_given_a_hundred_unhandled_errors_then_the_execution_goes_on_and_with_one_more_it_fails() -> None:
    source = "- t: {try: {parallel: {for: {value: v, range: [1, %d], steps: [{s: {raise: '${v}'}}]}}}, except: {as: e, steps: [{r: {return: '${len(e.branches)}'}}]}}"
    assert play(source % 100).result == 100
    payload = play(source % 101).payload
    assert isinstance(payload, dict)
    assert payload["tags"] == ["ResourceLimitError"]


# -- order ------------------------------------------------------------------------------------------------------


def test_given_branches_then_they_run_in_their_order_each_until_it_waits() -> None:
    played = begin(
        f"- i: {{assign: [{{o: ''}}]}}\n- p: {{parallel: {{shared: [o], for: {{value: v, in: [a, b], steps: [{{s: {{assign: [{{o: '${{o + v}}'}}]}}}}, {{n: {NAP}}}, {{u: {{assign: [{{o: '${{o + v + v}}'}}]}}}}]}}}}}}\n- r: {{return: '${{o}}'}}"
    )
    assert [(command.call, command.step) for command in played.commands()] == [("0.1.0#1", "n"), ("0.1.1#1", "n")]
    assert [step.step for step in played.machine.current_steps] == ["n", "n"]
    played.event(Answered(call=CallId("0.1.1#1"), answer=Done()))
    played.event(Answered(call=CallId("0.1.0#1"), answer=Done()))
    assert played.result == "abbbaa"


def test_given_two_sleeps_side_by_side_then_they_overlap() -> None:
    played = play(
        f"- p: {{parallel: {{branches: [{{x: {{steps: [{{s: {NAP}}}]}}}}, {{y: {{steps: [{{t: {NAP}}}]}}}}]}}}}"
    )
    assert [command.effect for command in played.commands()] == [
        Wait(until_s=START_S + 1),
        Wait(until_s=pytest.approx(START_S + 1, abs=1e-5)),
    ]
    assert played.now_s < START_S + 1.1


def test_given_an_error_nobody_may_catch_in_a_branch_then_the_execution_ends_at_once() -> None:
    def answers(command: Command) -> None:
        return None

    played = go_on(
        begin(
            f"- t: {{try: {{parallel: {{branches: [{{x: {{steps: [{{s: {NAP}}}]}}}}, {{y: {{steps: [{{l: {{for: {{value: v, range: [1, 99], steps: [{{z: {{assign: [{{q: 1}}]}}}}]}}}}}}]}}}}]}}}}, except: {{steps: [{{r: {{return: wrong}}}}]}}}}",
            limits=RunLimits(steps=50),
        ),
        answers,
    )
    assert "ResourceLimitError" in played.error.context
    assert not played.machine.waiting
