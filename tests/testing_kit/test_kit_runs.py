"""Workflows run from Python: mocks, callbacks, coverage, the trace and the counts."""

from __future__ import annotations

import pytest

from hakobune.core.workflows.build import InvalidDefinition
from hakobune.core.workflows.limits import Strictness
from hakobune.testing.workflows import CallbackCall, Mock, Request, Response, Scripted, Trouble, Workflow
from hakobune.testing.workflows.watching import PointKind

GET = "- get: {call: http.get, args: {url: 'https://a.example/items?page=1'}, result: r}\n- done: {return: '${r.body}'}"


def a_workflow(source: str = GET) -> Workflow:
    return Workflow(source)


# -- mocks ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "chosen",
    [
        {"step": "get"},
        {"step": "main.get"},
        {"url": "https://a.example/items?page=1"},
        {"url": "https://a.example/items"},
        {"url": "https://*/items"},
        {"url": "*", "method": "get"},
        {"step": "get", "url": "https://a.example/*", "method": "GET"},
    ],
)
def test_given_a_mock_that_fits_then_it_answers(chosen: dict) -> None:
    run = a_workflow().run(mocks=[Mock(**chosen, answers=[Response(json=[1])])])
    assert run.result == [1]


@pytest.mark.parametrize(
    "chosen",
    [
        {"step": "done"},
        {"step": "main.done"},
        {"url": "https://a.example/items?page=2"},
        {"url": "https://a.example"},
        {"url": "*", "method": "POST"},
        {"step": "get", "url": "https://b.example/*"},
    ],
)
def test_given_no_mock_that_fits_then_the_run_ends_and_says_so(chosen: dict) -> None:
    run = a_workflow().run(mocks=[Mock(**chosen, answers=[Response()])])
    assert run.outcome is None
    assert "no mock answers GET https://a.example/items?page=1 (step get of routine main)" in run.trouble
    assert "does not fit" in run.trouble
    with pytest.raises(AssertionError, match="no mock answers"):
        _ = run.result
    with pytest.raises(AssertionError, match="no mock answers"):
        _ = run.error


@pytest.mark.parametrize("step", ["gett", "other.get"])
def test_given_a_mock_of_a_step_that_is_not_there_then_it_is_refused(step: str) -> None:
    with pytest.raises(ValueError, match=f"a mock names the step '{step}', which workflow does not have"):
        a_workflow().run(mocks=[Mock(step=step, answers=[Response()])])


@pytest.mark.parametrize(
    ("name", "identifier"),
    [("order.yaml", "order"), ("a/7 large_order-2.yml", "large_order-2"), ("7.yaml", "workflow")],
)
def test_a_workflow_sees_the_name_of_its_file(name: str, identifier: str) -> None:
    source = "- done: {return: '${sys.get_env(\"GOOGLE_CLOUD_WORKFLOW_ID\")}'}"
    assert Workflow(source, name=name).run().result == identifier


def test_given_several_answers_then_each_is_given_once_and_the_last_one_stays() -> None:
    source = """
- one: {call: http.get, args: {url: "https://a.example"}, result: a}
- two: {call: http.get, args: {url: "https://a.example"}, result: b}
- three: {call: http.get, args: {url: "https://a.example"}, result: c}
- done: {return: '${[a.body, b.body, c.body]}'}
"""
    run = a_workflow(source).run(mocks=[Mock(url="*", answers=[Response(json=1), Response(json=2)])])
    assert run.result == [1, 2, 2]


def test_given_an_answer_that_is_used_up_then_the_next_mock_answers() -> None:
    source = """
- one: {call: http.get, args: {url: "https://a.example"}, result: a}
- two: {call: http.get, args: {url: "https://a.example"}, result: b}
- done: {return: '${[a.body, b.body]}'}
"""
    first = Mock(step="one", answers=[Scripted(answer=Response(json="first"), times=1)])
    run = a_workflow(source).run(mocks=[first, Mock(url="*", answers=[Response(text="other")])])
    assert run.result == ["first", "other"]
    only = Mock(url="*", answers=[Scripted(answer=Response(json=1), times=1)])
    assert "used up" in a_workflow(source).run(mocks=[only]).trouble


def test_given_a_function_then_it_sees_the_request_and_counts_the_attempts() -> None:
    source = """
- post:
    try:
      call: http.post
      args: {url: "https://a.example/x", query: {q: 7}, headers: {X-A: b}, body: {n: 1}}
      result: r
    retry: {predicate: "${http.default_retry_predicate}", max_retries: 2, backoff: {initial_delay: 1, max_delay: 9, multiplier: 2}}
- done: {return: '${r.body}'}
"""
    seen: list[Request] = []

    def answer(request: Request) -> object:
        seen.append(request)
        return Response(status=503) if request.attempt == 1 else {"attempt": request.attempt}

    run = a_workflow(source).run(mocks=[Mock(step="post", answers=[answer])])
    assert run.result == {"attempt": 2}
    assert [request.attempt for request in seen] == [1, 2]
    first = seen[0]
    assert (first.method, first.url, first.step, first.routine) == ("POST", "https://a.example/x?q=7", "post", "main")
    assert (first.query, first.body, first.headers["X-A"]) == ({"q": "7"}, {"n": 1}, "b")
    assert run.waits == [1.0]


@pytest.mark.parametrize("trouble", [Trouble.CONNECTION, Trouble.CONNECTION_FAILED, Trouble.AUTH])
def test_given_an_error_then_the_step_meets_it(trouble: Trouble) -> None:
    run = a_workflow().run(mocks=[Mock(step="get", answers=[Response(error=trouble, detail="gone")])])
    assert run.error == {"message": f"{trouble}: gone", "tags": [trouble.value]}


def test_given_a_result_for_a_connector_that_waits_then_its_operation_is_done() -> None:
    source = """
- job:
    call: googleapis.run.v2.projects.locations.jobs.run
    args: {name: projects/p/locations/l/jobs/j}
    result: r
- done: {return: '${r}'}
"""
    run = a_workflow(source).run(mocks=[Mock(step="job", answers=[Response(result={"succeededCount": 3})])])
    assert run.result == {"succeededCount": 3}
    assert len(run.calls) == 1


def test_given_a_result_for_a_child_workflow_then_the_call_gives_it() -> None:
    source = """
- child:
    call: googleapis.workflowexecutions.v1.projects.locations.workflows.executions.run
    args: {workflow_id: other, argument: {n: 1}}
    result: r
- done: {return: '${r}'}
"""
    run = a_workflow(source).run(mocks=[Mock(step="child", answers=[Response(result={"n": 2})])])
    assert run.result == {"n": 2}


def test_given_an_operation_that_goes_on_then_it_is_polled_in_virtual_time() -> None:
    source = """
- job:
    call: googleapis.run.v2.projects.locations.jobs.run
    args: {name: projects/p/locations/l/jobs/j}
    result: r
- done: {return: '${r}'}
"""
    going = Response(json={"name": "operations/1", "done": False})
    ended = Response(json={"name": "operations/1", "done": True, "response": {"ok": True}})
    run = a_workflow(source).run(mocks=[Mock(step="job", answers=[going, going, ended])])
    assert run.result == {"ok": True}
    assert [method for method, _ in run.calls] == ["POST", "GET", "GET"]
    assert run.elapsed_s > 0


# -- callbacks and cancelling -----------------------------------------------------------------------------------

CALLBACK = """
- make: {call: events.create_callback_endpoint, args: {http_callback_method: POST}, result: c}
- wait: {call: events.await_callback, args: {callback: '${c}', timeout: 3600}, result: got}
- done: {return: '${got.http_request.body}'}
"""


def test_given_a_callback_then_it_arrives_at_its_instant() -> None:
    run = a_workflow(CALLBACK).run(callbacks=[CallbackCall(after_s=600, response=Response(json={"yes": True}))])
    assert run.result == {"yes": True}
    assert run.elapsed_s == 600


def test_given_a_mock_for_the_waiting_step_then_it_is_the_callback() -> None:
    run = a_workflow(CALLBACK).run(mocks=[Mock(step="wait", answers=[Response(result=5, delay_s=30)])])
    assert run.result == 5
    assert run.elapsed_s == pytest.approx(30)


def test_given_a_callback_that_is_too_late_then_the_wait_times_out() -> None:
    run = a_workflow(CALLBACK).run(callbacks=[CallbackCall(after_s=7200, response=Response(json=1))])
    assert "TimeoutError" in str(run.error)
    assert run.requests == []


def test_given_a_second_callback_while_the_first_one_waits_then_it_is_refused() -> None:
    source = CALLBACK.replace("- wait:", "- nap: {call: sys.sleep, args: {seconds: 10}}\n- wait:")
    calls = [CallbackCall(after_s=after_s, response=Response(json=after_s)) for after_s in (1, 2)]
    assert a_workflow(source).run(callbacks=calls).result == 1


def test_given_a_callback_before_its_endpoint_then_the_run_says_so() -> None:
    source = "- nap: {call: sys.sleep, args: {seconds: 10}}" + CALLBACK
    run = a_workflow(source).run(callbacks=[CallbackCall(after_s=5, response=Response())])
    assert "endpoint 0 after 5 seconds, the workflow had created 0" in run.trouble


def test_given_a_cancel_then_the_run_is_cancelled() -> None:
    run = a_workflow("- nap: {call: sys.sleep, args: {seconds: 10}}").run(cancel_after_s=3)
    assert run.ending() == "cancelled"


# -- what a run tells -------------------------------------------------------------------------------------------


def test_the_argument_and_the_environment_reach_the_workflow() -> None:
    source = "main: {params: [a], steps: [{done: {return: '${a.n + sys.get_env(\"WHERE\")}'}}]}"
    assert a_workflow(source).run({"n": "in "}, env={"WHERE": "tokyo"}).result == "in tokyo"


def test_logs_are_kept() -> None:
    source = "- a: {call: sys.log, args: {text: hi, severity: INFO}}\n- b: {call: sys.log, args: {json: {n: 1}}}"
    run = a_workflow(source).run()
    assert [(log.severity, log.text, log.json) for log in run.logs] == [
        ("INFO", "hi", None),
        ("DEFAULT", None, {"n": 1}),
    ]


def test_each_assignment_is_a_billed_step() -> None:
    run = a_workflow("- a: {assign: [{x: 1}, {y: 2}, {z: 3}]}\n- b: {return: 1}").run()
    assert (run.counts.internal, run.counts.external) == (4, 0)


def test_calls_of_other_hosts_are_external_steps() -> None:
    run = a_workflow().run(mocks=[Mock(step="get", answers=[Response()])])
    assert (run.counts.internal, run.counts.external) == (1, 1)


def test_the_story_has_steps_requests_waits_and_errors_with_their_instants() -> None:
    source = """
- get:
    try: {call: http.get, args: {url: "https://a.example"}}
    retry: {predicate: "${http.default_retry_predicate}", max_retries: 1, backoff: {initial_delay: 2, max_delay: 9, multiplier: 2}}
    except: {as: e, steps: [{tell: {call: sys.log, args: {text: bad}}}]}
"""
    run = a_workflow(source).run(mocks=[Mock(step="get", answers=[Response(status=503, delay_s=1)])])
    assert [line.split(" s  ", 1)[1].strip() for line in run.story().splitlines()[1:]] == [
        "main.get",
        "GET https://a.example/ → 503 after 1 s",
        "error: HTTP server responded with error code 503",
        "get: retry 1 of 1",
        "waits 2 s",
        "GET https://a.example/ → 503 after 1 s",
        "error: HTTP server responded with error code 503",
        "get: except",
        "main.tell",
        "logs DEFAULT: bad",
    ]
    assert "  … 8 lines before" in run.story(2)


def test_the_story_has_steps_that_repeat_at_the_same_instant() -> None:
    source = """
- loop: {for: {value: v, range: [1, 3], steps: [{turn: {call: http.get, args: {url: "https://a.example"}}}]}}
- spin: {for: {value: v, in: [1, 2], steps: [{same: {assign: [{x: 1}]}}]}}
"""
    run = a_workflow(source).run(mocks=[Mock(step="turn", answers=[Response()])])
    told = [line.split(" s  ", 1)[1].strip() for line in run.story().splitlines()[1:]]
    assert told == ["main.loop", *["main.turn", "GET https://a.example/ → 200"] * 3, "main.spin", *["main.same"] * 2]


def test_the_story_has_an_error_that_passes_several_blocks_once_and_equal_errors_each() -> None:
    source = """
- both:
    parallel:
      branches:
        - a: {steps: [{fail_a: {raise: "broken"}}]}
        - b: {steps: [{fail_b: {raise: "broken"}}]}
"""
    trace = [line.text for line in a_workflow(source).run().trace]
    assert trace.count('error: RuntimeError: "broken"') == 2
    nested = "- a: {try: {steps: [{b: {try: {raise: x}, retry: {predicate: '${nobody}', max_retries: 1, backoff: {initial_delay: 1, max_delay: 1, multiplier: 1}}}}]}, except: {as: e, steps: [{c: {return: 1}}]}}\nnobody"
    source = f"main:\n  steps:\n    {nested}: {{params: [e], steps: [{{n: {{return: false}}}}]}}"
    trace = [line.text for line in a_workflow(source).run().trace]
    assert trace.count('error: RuntimeError: "x"') == 1


def test_given_a_run_that_failed_when_its_result_is_read_then_the_message_has_the_error_and_the_trace() -> None:
    run = a_workflow("- bad: {raise: 'broken'}").run()
    with pytest.raises(AssertionError, match=r"(?s)RuntimeError: \"broken\".*trace:.*main\.bad"):
        _ = run.result
    assert run.error == "broken"
    with pytest.raises(AssertionError, match="succeeded with 1"):
        _ = a_workflow("- ok: {return: 1}").run().error


def test_given_a_source_that_cannot_be_deployed_then_there_is_no_workflow() -> None:
    with pytest.raises(InvalidDefinition, match="nobody"):
        a_workflow("- a: {return: '${nobody}'}")


def test_given_limits_off_then_more_than_the_service_allows_can_run() -> None:
    many = ", ".join(f"{{x{number}: 1}}" for number in range(60))
    with pytest.raises(InvalidDefinition):
        a_workflow(f"- a: {{assign: [{many}]}}")
    assert Workflow(f"- a: {{assign: [{many}]}}", limits=Strictness.OFF).run().result is None


# -- coverage ---------------------------------------------------------------------------------------------------

BRANCHY = """
main:
  params: [n]
  steps:
    - choose:
        switch:
          - condition: ${n == 1}
            next: loop
          - condition: ${check(n)}
            next: end
    - loop:
        for:
          value: v
          range: [1, "${n}"]
          steps:
            - inner:
                switch:
                  - condition: ${v > 100}
                    next: break
    - fan:
        parallel:
          branches:
            - left: {steps: [{l: {assign: [{a: 1}]}}]}
            - right: {steps: [{r: {assign: [{b: 1}]}}]}
    - each:
        parallel:
          for: {value: w, in: [1], steps: [{e: {assign: [{c: 1}]}}]}
    - guarded:
        try: {raise: "${if(n == 1, 1, 2)}"}
        retry: {predicate: "${once}", max_retries: 1, backoff: {initial_delay: 0, max_delay: 0, multiplier: 1}}
        except: {as: e, steps: [{caught: {assign: [{d: 1}]}}]}
check:
  params: [n]
  steps:
    - inner_choice:
        switch:
          - condition: ${n == 2}
            return: true
    - no: {return: false}
once:
  params: [e]
  steps: [{verdict: {return: "${e == 2}"}}]
"""


def missed(workflow: Workflow) -> set[str]:
    return {point.describe() for point in workflow.coverage.missed}


def test_coverage_adds_up_over_runs_until_nothing_is_missed() -> None:
    workflow = a_workflow(BRANCHY)
    assert workflow.coverage.share()[0] == 0
    workflow.run(1)
    assert missed(workflow) == {
        "main.choose: condition 2",
        "main.choose: no condition true",
        "main.inner: condition 1",
        "main.guarded: retry",
        "check.inner_choice",
        "check.inner_choice: condition 1",
        "check.inner_choice: no condition true",
        "check.no",
    }
    workflow.run(2)
    assert missed(workflow) == {
        "main.choose: no condition true",
        "main.inner: condition 1",
        "main.guarded: retry",
        "check.inner_choice: no condition true",
        "check.no",
    }
    workflow.run(101)
    assert missed(workflow) == set()
    reached, of = workflow.coverage.share(PointKind.STEP)
    assert reached == of == 13


def test_a_condition_that_fails_counts_for_nothing() -> None:
    workflow = a_workflow("- choose: {switch: [{condition: '${1}', next: end}]}")
    assert "TypeError" in str(workflow.run().error)
    assert missed(workflow) == {"main.choose: condition 1", "main.choose: no condition true"}


def test_a_switch_that_ends_with_true_has_no_other_way() -> None:
    workflow = a_workflow("- choose: {switch: [{condition: true, next: end}]}")
    workflow.run()
    assert missed(workflow) == set()


def test_a_loop_over_nothing_does_not_reach_its_body() -> None:
    workflow = a_workflow("- loop: {for: {value: v, in: [], steps: [{a: {assign: [{x: 1}]}}]}}")
    workflow.run()
    assert missed(workflow) == {"main.loop: the body of the loop", "main.a"}
