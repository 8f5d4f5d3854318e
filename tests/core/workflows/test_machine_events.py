"""Events: answers, cancellation, the end of time, the clock, dice, callbacks, limits."""

from __future__ import annotations

import re

import pytest
from stage import BASE_URL, EXECUTION, LIMITS, START_S, a_plan, begin, cancelled, explore, go_on, play

from hakobune.core.errors import CorruptJournal
from hakobune.core.workflows.effects import AwaitCallback, CallbackRequest, Done, HttpResponse
from hakobune.core.workflows.events import (
    Answered,
    CallbackArrived,
    CallId,
    CancelRequested,
    Event,
    Expired,
    Moved,
    Stamped,
    Started,
)
from hakobune.core.workflows.limits import RunLimits
from hakobune.core.workflows.machine import Machine, resume
from hakobune.core.workflows.outcomes import Cancelled

SLEEPING = "- s: {call: sys.sleep, args: {seconds: 5}}\n- r: {return: '${sys.now()}'}"


# -- answers ----------------------------------------------------------------------------------------------------


def test_given_an_answer_nobody_waits_for_then_nothing_changes() -> None:
    played = begin(SLEEPING)
    assert played.event(Answered(call=CallId("0#7"), answer=Done())) == []
    assert list(played.machine.waiting) == ["0#1"]
    go_on(played)
    played.event(Answered(call=CallId("0#1"), answer=Done()))
    assert played.result == START_S + 5
    explore(played)


def test_given_an_answer_of_the_wrong_kind_then_the_journal_does_not_fit() -> None:
    played = begin(SLEEPING)
    with pytest.raises(CorruptJournal, match="0#1 is Wait, its answer HttpResponse"):
        played.event(Answered(call=CallId("0#1"), answer=HttpResponse(code=200, headers=(), body=b"")))


def stamped(event: Event, at_s: float = START_S, seed: int = 1) -> Stamped:
    return Stamped(event=event, at_s=at_s, seed=seed)


STARTED = Started(argument=None, environment={}, execution=EXECUTION, base_url=BASE_URL)


def test_given_a_journal_that_does_not_begin_with_started_then_it_does_not_fit() -> None:
    plan = a_plan(SLEEPING)
    with pytest.raises(CorruptJournal):
        resume(plan, [stamped(CancelRequested())], LIMITS)
    with pytest.raises(CorruptJournal):
        resume(plan, [stamped(STARTED), stamped(STARTED)], LIMITS)
    assert resume(plan, [], LIMITS).outcome is None


def test_given_events_that_are_fed_while_work_is_left_then_they_are_handled_after_it() -> None:
    plan = a_plan(
        "- l: {for: {value: v, range: [1, 100], steps: [{a: {assign: [{x: 1}]}}]}}\n- s: {call: sys.sleep, args: {seconds: 5}}"
    )
    machine = Machine(plan, limits=LIMITS)
    machine.feed(stamped(STARTED))
    assert not machine.advance(10)
    machine.feed(stamped(Answered(call=CallId("0#1"), answer=Done())))
    assert machine.advance(1_000)
    assert machine.outcome is not None
    assert machine.take_commands() == []  # what is answered, or needed by nobody any more, is not asked for


# -- the end ----------------------------------------------------------------------------------------------------


def test_given_a_cancellation_when_it_waits_then_it_ends_and_asks_for_nothing_more() -> None:
    played = begin(SLEEPING)
    assert cancelled(played)
    assert not played.machine.waiting
    assert [step.step for step in played.machine.current_steps] == ["s"]
    played.event(Answered(call=CallId("0#1"), answer=Done()))
    assert isinstance(played.outcome, Cancelled)
    explore(played)


def test_given_a_cancellation_then_nothing_catches_it() -> None:
    played = begin(
        f"- t: {{try: {{steps: [{SLEEPING[2:].splitlines()[0]}]}}, except: {{steps: [{{r: {{return: wrong}}}}]}}}}".replace(
            "[s: ", "[{s: "
        ).replace("5}}]", "5}}}]")
    )
    assert cancelled(played)


def test_given_an_execution_that_lasted_too_long_then_it_fails_with_a_timeout() -> None:
    played = begin("- t: {try: {call: sys.sleep, args: {seconds: 5}}, except: {steps: [{r: {return: wrong}}]}}")
    played.event(Expired())
    assert played.error.context.startswith("TimeoutError: ")
    assert [frame.step for frame in played.error.stack_trace] == ["t"]
    explore(played)


# -- clock and dice ---------------------------------------------------------------------------------------------


def test_given_the_clock_then_it_is_the_events_and_a_microsecond_later_at_each_read() -> None:
    assert play("- r: {return: '${[sys.now(), sys.now()]}'}").result == [START_S, START_S + 1e-6]


def test_given_a_clock_that_was_set_back_then_time_does_not_go_backwards() -> None:
    played = begin(
        "- a: {assign: [{x: '${sys.now()}'}]}\n- s: {call: sys.sleep, args: {seconds: 5}}\n- r: {return: '${sys.now() > x}'}"
    )
    played.now_s = START_S - 1000
    played.event(Answered(call=CallId("0#1"), answer=Done()))
    assert played.result is True


def test_given_uuids_then_they_differ_and_have_version_4() -> None:
    ids = play("- r: {return: '${[uuid.generate(), uuid.generate()]}'}").result
    assert isinstance(ids, list)
    assert ids[0] != ids[1]
    assert all(
        re.fullmatch("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", str(one)) for one in ids
    )


def test_given_another_seed_then_the_uuid_is_another() -> None:
    plan = a_plan("- r: {return: '${uuid.generate()}'}")
    results = {resume(plan, [stamped(STARTED, seed=seed)], LIMITS).outcome for seed in (1, 2, 1)}
    assert len(results) == 2


def test_given_environment_variables_then_they_are_there() -> None:
    assert play("- r: {return: '${sys.get_env(\"A\")}'}", environment={"A": "b"}).result == "b"


# -- callbacks --------------------------------------------------------------------------------------------------

CALLBACK = """
- c: {call: events.create_callback_endpoint, args: {http_callback_method: POST}, result: cb}
- s: {call: sys.sleep, args: {seconds: 1}}
- a: {try: {call: events.await_callback, args: {callback: "${cb}", timeout: 60}, result: one}, except: {as: e, steps: [{t: {return: "${e.tags}"}}]}}
- b: {call: events.await_callback, args: {callback: "${cb}", timeout: 60}, result: two}
- r: {return: ["${one.http_request.body}", "${two.http_request.body}", "${cb.url}"]}
"""


def request(body: str) -> CallbackRequest:
    return CallbackRequest(
        method="POST",
        url="/x",
        query=(),
        headers=(("Content-Type", "text/plain"),),
        body=body.encode(),
        received_s=START_S,
    )


def test_given_a_callback_when_requests_come_before_and_after_the_wait_then_each_is_taken_once() -> None:
    played = begin(CALLBACK)
    (callback,) = played.machine.callbacks.values()
    assert (callback.method, callback.pending, callback.waiters) == ("POST", None, [])
    assert callback.path == f"/v1/{EXECUTION}/callbacks/{callback.id}"
    assert len(callback.id) >= 32
    played.event(CallbackArrived(callback=callback.id, request=request("first")))
    assert callback.pending == request("first")
    (command,) = played.event(Answered(call=CallId("0#1"), answer=Done()))
    assert callback.pending is None
    assert command.effect == AwaitCallback(callback=callback.id, until_s=pytest.approx(START_S + 60, abs=1e-3))
    assert callback.waiters == [command.call]
    played.event(CallbackArrived(callback=callback.id, request=request("second")))
    assert played.result == ["first", "second", BASE_URL + callback.path]
    assert played.machine.steps.external == 2
    explore(played)


def test_given_a_callback_when_its_time_is_over_then_it_is_a_timeout_and_no_waiter_is_left() -> None:
    played = begin(CALLBACK)
    played.event(Answered(call=CallId("0#1"), answer=Done()))
    played.event(Answered(call=CallId("0#2"), answer=Done()))
    assert played.result == ["TimeoutError"]
    (callback,) = played.machine.callbacks.values()
    assert callback.waiters == []
    explore(played)


def test_given_two_branches_that_await_one_callback_then_each_gets_a_request_the_first_first() -> None:
    played = begin("""
- c: {call: events.create_callback_endpoint, result: cb}
- i: {assign: [{o: []}]}
- p: {parallel: {shared: [o], for: {value: v, range: [1, 2], steps: [
    {a: {call: events.await_callback, args: {callback: "${cb}"}, result: q}}, {s: {assign: [{o: "${list.concat(o, [v, q.http_request.body])}"}]}}]}}}
- r: {return: "${o}"}
""")
    (callback,) = played.machine.callbacks.values()
    assert len(callback.waiters) == 2
    played.event(CallbackArrived(callback=callback.id, request=request("x")))
    played.event(CallbackArrived(callback=callback.id, request=request("y")))
    assert played.result == [[1, "x"], [2, "y"]]
    explore(played)


def test_given_a_callback_of_nobody_then_to_await_it_is_a_value_error_and_a_request_to_it_does_not_fit() -> None:
    source = (
        f"- a: {{call: events.await_callback, args: {{callback: {{url: '{BASE_URL}/v1/{EXECUTION}/callbacks/abc'}}}}}}"
    )
    assert play(source).error.context.startswith("ValueError: ")
    with pytest.raises(CorruptJournal):
        begin(SLEEPING).event(CallbackArrived(callback="abc", request=request("x")))


def test_given_a_server_that_moved_then_new_urls_begin_with_its_new_address() -> None:
    played = begin(
        "- s: {call: sys.sleep, args: {seconds: 1}}\n- c: {call: events.create_callback_endpoint, result: cb}\n- r: {return: '${cb.url}'}"
    )
    played.event(Moved(base_url="http://10.0.0.1:1"))
    go_on(played)
    assert str(played.result).startswith("http://10.0.0.1:1/v1/")
    explore(played)


# -- limits -----------------------------------------------------------------------------------------------------

FOREVER = "- a: {assign: [{x: 1}]}\n- b: {next: a}"
TRIED = "- t: {{try: {{steps: [{steps}]}}, except: {{steps: [{{z: {{return: wrong}}}}]}}}}"


def test_given_as_many_steps_as_are_allowed_then_it_succeeds_and_with_one_more_it_fails() -> None:
    source = "- l: {for: {value: v, range: [1, %d], steps: [{a: {assign: [{x: 1}]}}]}}\n- r: {return: fine}"
    assert play(source % 8, limits=RunLimits(steps=10)).result == "fine"
    played = play(source % 9, limits=RunLimits(steps=10))
    assert (
        played.error.context
        == 'ResourceLimitError: more than 10 steps were executed\nin step "r", routine "main", line: 2'
    )
    assert played.machine.steps.internal == 10


def test_given_a_loop_without_end_then_the_step_limit_ends_it_and_nothing_catches_that() -> None:
    played = play(
        "- t: {try: {steps: [{a: {assign: [{x: 1}]}}, {b: {next: a}}]}, except: {steps: [{z: {return: wrong}}]}}",
        limits=RunLimits(steps=1_000),
    )
    assert "ResourceLimitError" in played.error.context


def test_given_a_retry_without_end_then_its_attempts_are_steps() -> None:
    played = play(
        "- t: {try: {raise: x}, retry: {predicate: '${retry.always}', max_retries: 1000000, backoff: {initial_delay: 0, max_delay: 0, multiplier: 1}}}",
        limits=RunLimits(steps=20),
    )
    assert len(played.commands()) == 20
    assert "ResourceLimitError" in played.error.context


GROW = "- i: {assign: [{s: '0123456789'}, {l: []}]}\n- g: {for: {value: v, range: [1, %d], steps: [{a: {assign: [{s: '${s + s}'}]}}]}}\n"


def test_given_a_string_above_its_limit_then_the_execution_fails() -> None:
    limits = RunLimits(string_bytes=1_300)
    assert play(GROW % 7 + "- r: {return: '${len(s)}'}", limits=limits).result == 1_280
    played = play(GROW % 8 + "- r: {return: '${len(s)}'}", limits=limits)
    assert "ResourceLimitError: string of 2560 bytes" in played.error.context


def test_given_a_string_above_its_limit_inside_a_list_or_a_key_then_the_execution_fails() -> None:
    limits = RunLimits(string_bytes=100)
    for value in (
        "['${text.replace_all(s, \"1\", s)}']",
        "{a: ['${text.replace_all(s, \"1\", s + s + s + s + s + s + s + s + s + s)}']}",
    ):
        played = play(
            f"- i: {{assign: [{{s: '0123456789'}}]}}\n- a: {{assign: [{{l: {value}}}]}}\n- r: {{return: '${{l}}'}}",
            limits=limits,
        )
        if value.startswith("["):
            assert played.result == ["0012345678923456789"]
        else:
            assert "ResourceLimitError: string of" in played.error.context


def test_given_variables_above_the_limit_then_the_execution_fails_and_nothing_catches_that() -> None:
    steps = "- t: {try: {steps: [{i: {assign: [{l: []}]}}, {g: {for: {value: v, range: [1, 1000], steps: [{a: {assign: [{l: '${list.concat(l, v)}'}]}}]}}}]}, except: {steps: [{z: {return: wrong}}]}}\n- r: {return: '${len(l)}'}"
    assert play(steps, limits=RunLimits(memory_bytes=5_000)).result == 1_000
    played = play(steps, limits=RunLimits(memory_bytes=3_000))
    assert played.error.context.startswith("ResourceLimitError: Memory usage limit exceeded\nin step")


def test_given_values_that_are_given_up_again_then_they_do_not_count() -> None:
    steps = (
        GROW % 6
        + "- m: {for: {value: w, range: [1, 200], steps: [{b: {assign: [{t: '${s + string(w)}'}]}}, {c: {assign: [{t: null}]}}]}}\n- r: {return: fine}"
    )
    assert play(steps, limits=RunLimits(memory_bytes=1_600)).result == "fine"


def test_given_a_list_and_its_copy_then_both_count() -> None:
    steps = GROW % 6 + "- m: {assign: [{t: '${s}'}, {u: '${s}'}]}\n- r: {return: fine}"
    assert play(steps, limits=RunLimits(memory_bytes=2_000)).result == "fine"
    assert "Memory usage" in play(steps, limits=RunLimits(memory_bytes=1_700)).error.context


def test_given_elements_that_are_added_then_they_count() -> None:
    steps = "- i: {assign: [{m: {}}]}\n- g: {for: {value: v, range: [1, 100], steps: [{a: {assign: [{'m[\"key\" + string(v)]': '${v}'}]}}]}}\n- r: {return: '${len(m)}'}"
    assert play(steps, limits=RunLimits(memory_bytes=1_500)).result == 100
    assert "Memory usage" in play(steps, limits=RunLimits(memory_bytes=1_000)).error.context


def test_given_an_argument_above_the_limit_then_the_execution_fails() -> None:
    played = play("main: {params: [a], steps: [{r: {return: 1}}]}", "x" * 300, limits=RunLimits(memory_bytes=200))
    assert "Memory usage" in played.error.context


def test_given_arguments_of_calls_then_each_frame_counts_and_ended_calls_do_not() -> None:
    source = "main: {params: [a], steps: [{l: {for: {value: v, range: [1, 50], steps: [{c: {call: sub, args: ['${a}']}}]}}}, {r: {return: fine}}]}\nsub: {params: [b], steps: [{s: {assign: [{c: 1}]}}]}"
    assert play(source, "x" * 300, limits=RunLimits(memory_bytes=700)).result == "fine"
    assert "Memory usage" in play(source, "x" * 300, limits=RunLimits(memory_bytes=500)).error.context


def test_given_a_result_above_its_limit_then_the_execution_fails() -> None:
    assert play("- r: {return: abc}", limits=RunLimits(result_bytes=5)).result == "abc"
    assert "ResourceLimitError" in play("- r: {return: abcd}", limits=RunLimits(result_bytes=5)).error.context


def test_given_lists_in_lists_without_end_then_the_execution_fails_with_a_limit() -> None:
    steps = (
        "- i: {assign: [{l: []}]}\n- g: {for: {value: v, range: [1, 5000], steps: [{a: {assign: [{l: ['${l}']}]}}]}}"
    )
    assert "ResourceLimitError" in play(steps).error.context
