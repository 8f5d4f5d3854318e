"""Errors: raise, try, except, retry, and what an execution shows that nobody saved."""

from __future__ import annotations

from itertools import pairwise

import pytest
from stage import START_S, Answers, begin, go_on, ok, play

from hakobune.core.workflows.effects import Answer, Done, HttpResponse, Wait
from hakobune.core.workflows.events import Command
from hakobune.core.workflows.outcomes import Failed
from hakobune.core.workflows.plan_tries import make_policy
from hakobune.core.workflows.values import FunctionValue, Value

RESULTS: list[tuple[str, str, Value]] = [
    (
        "a string is caught as it is",
        "- t: {try: {raise: boom}, except: {as: e, steps: [{r: {return: '${e}'}}]}}",
        "boom",
    ),
    (
        "a map is caught as it is",
        "- t: {try: {raise: {code: 5}}, except: {as: e, steps: [{r: {return: '${e}'}}]}}",
        {"code": 5},
    ),
    (
        "any value can be raised",
        "- t: {try: {raise: [1, null]}, except: {as: e, steps: [{r: {return: '${e}'}}]}}",
        [1, None],
    ),
    (
        "an error of the engine has message and tags",
        "- t: {try: {assign: [{x: '${1 / 0}'}]}, except: {as: e, steps: [{r: {return: '${e}'}}]}}",
        {"message": "ZeroDivisionError: division by zero", "tags": ["ZeroDivisionError", "ArithmeticError"]},
    ),
    ("without as", "- t: {try: {raise: boom}, except: {steps: [{r: {return: 1}}]}}", 1),
    (
        "after except the step is done",
        "- t: {try: {raise: boom}, except: {as: e, steps: [{s: {assign: [{x: 1}]}}]}, next: c}\n- b: {return: 0}\n- c: {return: 2}",
        2,
    ),
    (
        "after try the step is done",
        "- t: {try: {assign: [{x: 1}]}, except: {as: e, steps: [{s: {return: 0}}]}, next: c}\n- b: {return: 0}\n- c: {return: '${x}'}",
        1,
    ),
    (
        "steps after the error are skipped",
        "- i: {assign: [{x: 0}]}\n- t: {try: {steps: [{a: {raise: no}}, {b: {assign: [{x: 1}]}}]}, except: {as: e, steps: [{s: {return: '${x}'}}]}}",
        0,
    ),
    (
        "an error in except goes outwards",
        "- t: {try: {steps: [{u: {try: {raise: one}, except: {as: e, steps: [{s: {raise: '${e + \"!\"}'}}]}}}]}, except: {as: e, steps: [{r: {return: '${e}'}}]}}",
        "one!",
    ),
    (
        "an inner try comes first",
        "- t: {try: {steps: [{u: {try: {raise: one}, except: {as: e, steps: [{s: {return: inner}}]}}}]}, except: {as: e, steps: [{r: {return: outer}}]}}",
        "inner",
    ),
    (
        "a jump out of try leaves its protection",
        "- t: {try: {steps: [{a: {next: z}}]}, except: {as: e, steps: [{r: {return: wrong}}]}}\n- y: {return: 0}\n- z: {try: {raise: x}, except: {as: e, steps: [{w: {return: '${\"right\" + e}'}}]}}",
        "rightx",
    ),
    (
        "a jump out of two tries",
        "- o: {try: {steps: [{t: {try: {steps: [{u: {try: {steps: [{k: {next: m}}]}, except: {steps: [{n: {return: wrong}}]}}}]}, except: {steps: [{v: {return: wrong}}]}}}, {m: {raise: x}}]}, except: {as: e, steps: [{r: {return: '${e}'}}]}}",
        "x",
    ),
    (
        "a jump out of except",
        "- t: {try: {raise: x}, except: {as: e, steps: [{a: {switch: [{condition: true, next: z}]}}]}}\n- y: {return: 0}\n- z: {return: 3}",
        3,
    ),
    (
        "break leaves a try in a loop",
        "- l: {for: {value: v, range: [1, 3], steps: [{t: {try: {steps: [{b: {next: break}}]}, except: {as: e, steps: [{r: {return: wrong}}]}}}]}}\n- z: {try: {raise: y}, except: {as: e, steps: [{w: {return: '${e}'}}]}}",
        "y",
    ),
    (
        "continue leaves a try in a loop",
        "- i: {assign: [{n: 0}]}\n- l: {for: {value: v, range: [1, 3], steps: [{t: {try: {steps: [{c: {assign: [{n: '${n + 1}'}], next: continue}}]}, except: {as: e, steps: [{r: {return: wrong}}]}}}]}}\n- z: {return: '${n}'}",
        3,
    ),
    (
        "an error leaves a loop",
        "- i: {assign: [{n: 0}]}\n- t: {try: {for: {value: v, range: [1, 9], steps: [{a: {assign: [{n: '${v}'}]}}, {b: {switch: [{condition: '${v == 3}', raise: enough}]}}]}}, except: {as: e, steps: [{r: {return: ['${e}', '${n}']}}]}}",
        ["enough", 3],
    ),
    (
        "a loop can be entered again after an error",
        "- i: {assign: [{n: 0}, {k: 0}]}\n- t: {try: {for: {value: v, range: [1, 2], steps: [{a: {assign: [{n: '${n + v}'}]}}, {b: {switch: [{condition: '${k == 0}', raise: x}]}}]}}, except: {as: e, steps: [{r: {assign: [{k: 1}], next: t}}]}}\n- z: {return: '${n}'}",
        4,
    ),
    (
        "variables of the try body stay",
        "- t: {try: {steps: [{a: {assign: [{x: 7}]}}, {b: {raise: no}}]}, except: {as: e, steps: [{s: {next: z}}]}}\n- z: {return: '${x}'}",
        7,
    ),
    (
        "the result that cannot be one is an error of the return",
        "- t: {try: {return: '${text.encode(\"x\")}'}, except: {as: e, steps: [{r: {return: '${e.tags}'}}]}}",
        ["ValueError"],
    ),
    (
        "not a number is no result either",
        "- t: {try: {return: '${1e308 * 10}'}, except: {as: e, steps: [{r: {return: '${e.tags}'}}]}}",
        ["ValueError"],
    ),
    (
        "a function is no result either",
        "- t: {try: {return: '${retry.always}'}, except: {as: e, steps: [{r: {return: '${e.tags}'}}]}}",
        ["ValueError"],
    ),
]


@pytest.mark.parametrize(("steps", "result"), [case[1:] for case in RESULTS], ids=[case[0] for case in RESULTS])
def test_given_try_and_except_when_they_run_then_this_is_the_result(steps: str, result: Value) -> None:
    assert play(steps).result == result


def test_given_an_error_below_two_calls_when_it_is_caught_above_then_the_stack_is_that_of_the_try() -> None:
    source = """
main: {steps: [{a: {try: {call: one, args: [1], result: r}, except: {as: e, steps: [{b: {return: ["${e}", "${two(5)}"]}}]}}}]}
one: {params: [n], steps: [{a: {return: "${two(n) + fail(n)}"}}]}
two: {params: [n], steps: [{a: {return: "${n * 2}"}}]}
fail: {params: [n], steps: [{a: {try: {raise: inner}, retry: "${http.default_retry}"}}]}
"""
    assert play(source).result == ["inner", 10]


# -- what an execution shows ------------------------------------------------------------------------------------


def test_given_a_string_when_nobody_catches_it_then_context_and_payload_are_as_observed() -> None:
    error = play("main:\n  steps:\n    - checkEven:\n        raise: how odd!\n").error
    assert error.payload == '"how odd!"'
    assert error.context == 'RuntimeError: "how odd!"\nin step "checkEven", routine "main", line: 3'
    (frame,) = error.stack_trace
    assert (frame.step, frame.routine, frame.position.line) == ("checkEven", "main", 3)


def test_given_an_error_of_the_engine_when_nobody_catches_it_then_its_message_comes_first_and_each_call_has_a_line() -> (
    None
):
    source = """main:
  steps:
    - first:
        steps:
          - inner:
              call: sub
              args: {m: {}}
sub:
  params: [m]
  steps:
    - look:
        return: ${m.results}
"""
    error = play(source).error
    assert error.payload == '{"message":"KeyError: key not found: results","tags":["KeyError","LookupError"]}'
    assert error.context == (
        'KeyError: key not found: results\nin step "look", routine "sub", line: 11\nin step "inner", routine "main", line: 5'
    )
    assert [frame.step for frame in error.stack_trace] == ["look", "inner"]


def test_given_a_raised_map_when_nobody_catches_it_then_the_context_has_its_json() -> None:
    error = play("- a: {raise: {message: m, code: 55}}").error
    assert error.payload == '{"code":55,"message":"m"}'
    assert error.context.splitlines()[0] == 'RuntimeError: {"code":55,"message":"m"}'


def test_given_an_error_that_is_raised_again_when_nobody_catches_it_then_it_reads_as_before() -> None:
    error = play("- t: {try: {assign: [{x: '${1 // 0}'}]}, except: {as: e, steps: [{again: {raise: '${e}'}}]}}").error
    assert error.context == 'ZeroDivisionError: division by zero\nin step "again", routine "main", line: 1'


def test_given_an_http_error_when_nobody_catches_it_then_its_keys_are_sorted() -> None:
    response = HttpResponse(code=503, headers=(("Content-Type", "text/plain"),), body=b"no")
    error = play("- a: {call: http.get, args: {url: http://127.0.0.1/}}", answers=lambda _: response).error
    assert error.payload == (
        '{"body":"no","code":503,"headers":{"Content-Type":"text/plain"},'
        '"message":"HTTP server responded with error code 503","tags":["HttpError"]}'
    )
    assert error.context.splitlines()[0] == "HTTP server responded with error code 503"


def test_given_a_raised_value_with_bytes_when_nobody_catches_it_then_the_execution_says_why_it_shows_something_else() -> (
    None
):
    error = play("- a: {raise: {b: '${text.encode(\"x\")}'}}").error
    assert "ValueError" in error.payload
    assert error.context.startswith("ValueError: ")


def test_given_a_default_that_fails_when_it_is_evaluated_then_the_trace_begins_with_the_caller() -> None:
    error = play('main: {steps: [{a: {call: sub}}]}\nsub: {params: [x: "${1 / 0}"], steps: [{b: {return: 1}}]}').error
    assert [frame.step for frame in error.stack_trace] == ["a"]


# -- retry ------------------------------------------------------------------------------------------------------


def retrying(retry: str, *, handler: str = "", subs: str = "") -> str:
    return f"""
main:
  steps:
    - t:
        try: {{call: http.get, args: {{url: "http://127.0.0.1/"}}, result: r}}
        retry: {retry}
{handler}
    - out: {{return: "${{r.body}}"}}
{subs}
"""


CAUGHT = '        except: {as: e, steps: [{x: {return: "${e.code}"}}]}'


def failing(times: int, code: int = 503) -> Answers:
    """An answer of this status so many times, then 200."""
    seen: set[str] = set()

    def answer(command: Command) -> Answer:
        if isinstance(command.effect, Wait):
            return Done()
        seen.add(command.call)
        return ok("fine") if len(seen) > times else HttpResponse(code=code, headers=(), body=b"")

    return answer


def waits(commands: list[Command]) -> list[float]:
    """The lengths of the waits, where nothing else takes time."""
    until = [START_S, *(command.effect.until_s for command in commands if isinstance(command.effect, Wait))]
    return [round(later - earlier, 3) for earlier, later in pairwise(until)]


def test_given_the_documented_policy_when_all_fails_then_nine_attempts_wait_1_2_4_8_16_32_60_60() -> None:
    policy = "{predicate: '${retry.always}', max_retries: 8, backoff: {initial_delay: 1, max_delay: 60, multiplier: 2}}"
    played = play(retrying(policy, handler=CAUGHT), answers=failing(99))
    assert played.result == 503
    commands = played.commands()
    assert waits(commands) == [1, 2, 4, 8, 16, 32, 60, 60]
    calls = [command.call for command in commands if not isinstance(command.effect, Wait)]
    assert len(calls) == len(set(calls)) == 9
    assert played.machine.steps.external == 9  # each attempt is a step of its own
    assert played.machine.steps.internal == 1  # the handler's


@pytest.mark.parametrize(
    ("retry", "subs", "fails", "code", "result"),
    [
        ("'${http.default_retry}'", "", 2, 503, "fine"),
        ("'${http.default_retry}'", "", 5, 503, "fine"),
        ("'${http.default_retry}'", "", 6, 503, 503),
        ("'${http.default_retry}'", "", 1, 404, 404),
        ("'${http.default_retry_non_idempotent}'", "", 1, 502, 502),
        ("{predicate: '${retry.always}', max_retries: 0}", "", 1, 503, 503),
        ("{predicate: '${retry.never}', max_retries: 5}", "", 1, 503, 503),
        (
            "{predicate: '${http.default_retry_predicate}', max_retries: '${1 + 1}', backoff: {initial_delay: 0, max_delay: 0, multiplier: 0}}",
            "",
            2,
            503,
            "fine",
        ),
        (
            "{predicate: '${mine}', max_retries: 3}",
            "mine: {params: [e], steps: [{s: {return: '${e.code == 404}'}}]}",
            3,
            404,
            "fine",
        ),
        (
            "{predicate: '${mine}', max_retries: 3}",
            "mine: {params: [e], steps: [{s: {return: '${e.code == 404}'}}]}",
            1,
            403,
            403,
        ),
        (
            "{predicate: '${mine}', max_retries: 3}",
            "mine: {params: [e], steps: [{s: {call: sys.sleep, args: {seconds: 3}}}, {t: {return: true}}]}",
            2,
            500,
            "fine",
        ),
        (
            "{predicate: '${mine}', max_retries: 3}",
            "mine: {params: [e], steps: [{s: {return: '${e.nosuch}'}}]}",
            1,
            500,
            500,
        ),
        (
            "{predicate: '${mine}', max_retries: 3}",
            "mine: {params: [e], steps: [{s: {try: {raise: x}, except: {steps: [{t: {raise: y}}]}}}]}",
            1,
            500,
            500,
        ),
        (
            "'${policy(4)}'",
            "policy: {params: [n], steps: [{s: {return: {predicate: '${retry.always}', max_retries: '${n}', backoff: {initial_delay: 1, max_delay: 2, multiplier: 2}}}}]}",
            4,
            500,
            "fine",
        ),
    ],
)
def test_given_a_policy_when_calls_fail_then(retry: str, subs: str, fails: int, code: int, result: Value) -> None:
    assert play(retrying(retry, handler=CAUGHT, subs=subs), answers=failing(fails, code)).result == result


@pytest.mark.parametrize(
    ("retry", "message"),
    [
        ("{predicate: '${retry.always}', max_retries: '${-1}'}", "ValueError: retry: max_retries must not be negative"),
        (
            "{predicate: '${retry.always}', max_retries: '${1.5}'}",
            "TypeError: retry: max_retries must be an integer, not 'float'",
        ),
        (
            "{predicate: '${1 == 1}', max_retries: 1}",
            "TypeError: retry: predicate must name a function or subworkflow, not 'bool'",
        ),
        ("{predicate: '${sys.sleep}', max_retries: 1}", "TypeError: retry: sys.sleep cannot be a predicate"),
        (
            "{predicate: '${retry.always}', max_retries: 1, backoff: {initial_delay: '${\"x\"}', max_delay: 1, multiplier: 1}}",
            "TypeError: retry: initial_delay must be a number, not 'str'",
        ),
        (
            "{predicate: '${retry.always}', max_retries: 1, backoff: {initial_delay: '${-1}', max_delay: 1, multiplier: 1}}",
            "ValueError: retry: initial_delay must be a finite number of at least 0",
        ),
        ("'${{\"max_retries\": 1}}'", "ValueError: retry: predicate is missing"),
        ("'${{\"predicate\": retry.always}}'", "ValueError: retry: max_retries is missing"),
        (
            '\'${{"predicate": retry.always, "max_retries": 1, "backoff": 1}}\'',
            "TypeError: retry: backoff must be a map, not 'int'",
        ),
        ("'${1 + 1}'", "TypeError: retry: a policy must be a map, not 'int'"),
        ("{predicate: '${mine}', max_retries: 1}", "TypeError: retry: the predicate must give a boolean, not 'str'"),
    ],
)
def test_given_a_policy_that_cannot_be_when_it_is_needed_then_its_error_takes_the_place_of_the_first(
    retry: str, message: str
) -> None:
    handler = '        except: {as: e, steps: [{x: {return: "${e.message}"}}]}'
    subs = "mine: {params: [e], steps: [{s: {return: 'yes'}}]}"
    assert play(retrying(retry, handler=handler, subs=subs), answers=failing(9)).result == message
    assert play(retrying(retry, subs=subs), answers=failing(0)).result == "fine"


def test_given_retry_without_except_when_it_gives_up_then_the_error_is_the_last_ones() -> None:
    played = play(retrying("{predicate: '${retry.always}', max_retries: 1}"), answers=failing(9))
    assert isinstance(played.outcome, Failed)
    assert played.error.context == 'HTTP server responded with error code 503\nin step "t", routine "main", line: 4'


def test_given_a_body_of_steps_when_it_is_tried_again_then_it_runs_from_its_first_step_and_keeps_its_variables() -> (
    None
):
    source = """
- i: {assign: [{n: 0}, {tries: []}]}
- t:
    try:
      steps:
        - a: {assign: [{n: "${n + 1}"}, {tries: "${list.concat(tries, n)}"}]}
        - b: {switch: [{condition: "${n < 3}", raise: "again"}]}
    retry: {predicate: "${retry.always}", max_retries: 5}
- o: {return: "${tries}"}
"""
    played = play(source)
    assert played.result == [1, 2, 3]
    assert played.machine.steps.internal == 1 + 1 + 2 * 3 + 1
    assert waits(played.commands()) == [1, 1.25]


def test_given_a_try_in_a_loop_then_each_entry_has_all_its_retries() -> None:
    source = """
- l:
    for:
      value: v
      range: [1, 2]
      steps:
        - t:
            try: {raise: "x"}
            retry: {predicate: "${retry.always}", max_retries: 1}
            except: {as: e, steps: [{s: {next: continue}}]}
"""
    assert len(play(source).commands()) == 2


def test_given_a_backoff_when_the_machine_rests_then_it_waits_for_one_timer() -> None:
    played = begin("- t: {try: {raise: x}, retry: {predicate: '${retry.always}', max_retries: 1}}")
    (command,) = played.machine.waiting.values()
    assert command.effect == Wait(until_s=START_S + 1)
    assert go_on(played).error.payload == '"x"'


def test_given_a_multiplier_beyond_all_numbers_then_the_delay_is_the_longest_one() -> None:
    policy = make_policy(
        {
            "predicate": FunctionValue("retry.always"),
            "max_retries": 3,
            "initial_delay": 1,
            "max_delay": 60,
            "multiplier": 1e300,
        }
    )
    assert [policy.delay_s(retry) for retry in (1, 2, 3)] == [1, 60, 60]
    nothing = make_policy(
        {
            "predicate": FunctionValue("retry.always"),
            "max_retries": 3,
            "initial_delay": 0,
            "max_delay": 60,
            "multiplier": 1e300,
        }
    )
    assert nothing.delay_s(3) == 0
