"""One execution on a clock that jumps."""

from __future__ import annotations

import time

import pytest

from hakobune.core.workflows.build import compile_source
from hakobune.core.workflows.effects import AwaitCallback, HttpRequest, HttpResponse, NoResponse, Trouble, WriteLog
from hakobune.core.workflows.events import CancelRequested, Command
from hakobune.core.workflows.limits import RunLimits
from hakobune.core.workflows.machine import Cancelled, Failed, Succeeded, resume
from hakobune.testing.workflows.virtual_run import START_S, Reply, VirtualRun


class Silence:
    """A world in which nothing happens by itself."""

    def reply(self, command: Command, now_s: float) -> Reply | None:
        return None


class Slow:
    """Every request is answered by its method, after as many seconds as its address says."""

    def reply(self, command: Command, now_s: float) -> Reply | None:
        effect = command.effect
        if not isinstance(effect, HttpRequest):
            return None
        answer = HttpResponse(code=200, headers=(), body=effect.url.encode())
        return Reply(answer=answer, after_s=float(effect.url.rpartition("/")[2]))


def a_run(source: str, world=None, **options) -> VirtualRun:
    return VirtualRun(compile_source(source), world or Silence(), **options)


def test_given_a_wait_of_nearly_a_year_when_run_then_it_takes_no_time() -> None:
    began_s = time.monotonic()
    run = a_run("- wait: {call: sys.sleep, args: {seconds: 31535000}}\n- done: {return: '${sys.now()}'}")
    assert run.finish() == Succeeded(result=str(int(START_S) + 31_535_000))
    assert run.elapsed_s == 31_535_000
    assert time.monotonic() - began_s < 1.0


def test_given_a_wait_of_a_whole_year_then_it_is_over_before_the_execution_is() -> None:
    assert a_run("- wait: {call: sys.sleep, args: {seconds: 31536000}}").finish() == Succeeded(result="null")


def test_given_a_run_longer_than_a_year_then_it_ends_as_the_service_ends_it() -> None:
    wait = "{call: sys.sleep, args: {seconds: 20000000}}"
    outcome = a_run(f"- one: {wait}\n- two: {wait}").finish()
    assert isinstance(outcome, Failed)
    assert "TimeoutError" in outcome.error.payload


def test_given_answers_of_different_speed_then_they_arrive_in_the_order_of_their_instants() -> None:
    run = a_run(
        """
main:
  steps:
    - init: {assign: [{order: []}]}
    - fan:
        parallel:
          shared: [order]
          branches:
            - slow:
                steps:
                  - a: {call: http.get, args: {url: "http://x/9"}}
                  - a_done: {assign: [{order: '${list.concat(order, "slow")}'}]}
            - fast:
                steps:
                  - b: {call: http.get, args: {url: "http://x/2"}}
                  - b_done: {assign: [{order: '${list.concat(order, "fast")}'}]}
            - sleeper:
                steps:
                  - c: {call: sys.sleep, args: {seconds: 5}}
                  - c_done: {assign: [{order: '${list.concat(order, "sleeper")}'}]}
    - done: {return: '${order}'}
""",
        Slow(),
    )
    assert run.finish() == Succeeded(result='["fast","sleeper","slow"]')
    assert run.elapsed_s == pytest.approx(9)


@pytest.mark.parametrize(("after_s", "is_answered"), [(4.999, True), (5, False), (90, False)])
def test_given_a_timeout_when_the_answer_comes_later_then_there_is_none(after_s: float, is_answered: bool) -> None:
    source = f"- get: {{call: http.get, args: {{url: 'http://x/{after_s}', timeout: 5}}}}"
    run = a_run(source, Slow())
    outcome = run.finish()
    if is_answered:
        assert isinstance(outcome, Succeeded)
    else:
        assert isinstance(outcome, Failed)
        assert "TimeoutError" in outcome.error.payload
        assert run.elapsed_s == pytest.approx(5)


def test_given_a_cancel_that_is_scheduled_then_the_run_ends_then() -> None:
    run = a_run("- wait: {call: sys.sleep, args: {seconds: 100}}")
    run.schedule(40, lambda _: CancelRequested())
    assert run.finish() == Cancelled()
    assert run.elapsed_s == 40


def test_given_a_callback_that_nobody_sends_then_its_wait_times_out() -> None:
    source = """
- make: {call: events.create_callback_endpoint, args: {http_callback_method: POST}, result: c}
- wait: {call: events.await_callback, args: {callback: '${c}', timeout: 60}}
"""
    run = a_run(source)
    outcome = run.finish()
    assert isinstance(outcome, Failed)
    assert run.elapsed_s == pytest.approx(60)
    assert isinstance(run.issued[-1].command.effect, AwaitCallback)


def test_given_a_log_that_cannot_be_written_then_the_step_fails() -> None:
    class Full:
        def reply(self, command: Command, now_s: float) -> Reply | None:
            assert isinstance(command.effect, WriteLog)
            return Reply(answer=NoResponse(trouble=Trouble.SYSTEM, detail="the disk is full"))

    outcome = a_run("- log: {call: sys.log, args: {text: hello}}", Full()).finish()
    assert isinstance(outcome, Failed)
    assert "the disk is full" in outcome.error.payload


def test_given_the_same_seed_then_the_run_is_the_same_and_with_another_one_it_is_not() -> None:
    source = "- id: {return: '${uuid.generate()}'}"
    assert a_run(source, seed=1).finish() == a_run(source, seed=1).finish()
    assert a_run(source, seed=1).finish() != a_run(source, seed=2).finish()


def test_the_journal_of_a_run_gives_the_same_outcome_when_it_is_folded() -> None:
    source = "- get: {call: http.get, args: {url: 'http://x/1'}, result: r}\n- done: {return: '${r.body}'}"
    run = a_run(source, Slow())
    outcome = run.finish()
    assert resume(compile_source(source), run.journal, RunLimits()).outcome == outcome


def test_a_log_is_written_at_once() -> None:
    run = a_run("- log: {call: sys.log, args: {text: hello}}")
    assert run.finish() == Succeeded(result="null")
    assert run.elapsed_s == 0
