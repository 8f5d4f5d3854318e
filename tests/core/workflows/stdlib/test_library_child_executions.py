"""`experimental.executions.*`: executions of other workflows."""

from __future__ import annotations

import json
import math

import pytest
from library_calls import AContext, Running, message, not_started, started

from hakobune.core.workflows.effects import Answer, Done, HttpRequest, HttpResponse, Token, TokenKind, Wait
from hakobune.core.workflows.failures import Failure
from hakobune.core.workflows.values import Value

RUN = "experimental.executions.run"
MAP = "experimental.executions.map"
WORKFLOW = "projects/harbour/locations/asia-northeast1/workflows/child"
BASE = "https://workflowexecutions.googleapis.com/v1"


def an_execution(state: str = "ACTIVE", number: int = 1, **fields: Value) -> HttpResponse:
    resource = {"name": f"{WORKFLOW}/executions/x{number}", "state": state} | fields
    return HttpResponse(code=200, headers=(("Content-Type", "application/json"),), body=json.dumps(resource).encode())


def asked(running: Running) -> tuple[str, str]:
    effect = running.effect
    assert isinstance(effect, HttpRequest)
    return effect.method, effect.url.removeprefix(BASE)


def failed_by(running: Running, answer: Answer) -> Failure:
    with pytest.raises(Failure) as raised:
        running.answer(answer)
    return raised.value


def test_run_creates_an_execution_and_polls_until_it_ends() -> None:
    running = started(RUN, "child", {"ship": "Maru"})
    assert running.effect == HttpRequest(
        method="POST",
        url=f"{BASE}/{WORKFLOW}/executions",
        headers=(
            ("User-Agent", "GoogleCloudWorkflows; (+https://cloud.google.com/workflows/docs)"),
            ("Content-Type", "application/json; charset=utf-8"),
        ),
        body=b'{"argument":"{\\"ship\\":\\"Maru\\"}"}',
        token=Token(kind=TokenKind.OAUTH2, scopes=("https://www.googleapis.com/auth/cloud-platform",)),
        service="workflowexecutions.v1",
        key="3f2c8c1e-5a0f-4d7e-9a54-0f5b8f1f6f10",
    )
    assert running.answer(an_execution("QUEUED")).effect == Wait(until_s=1001.0)
    assert asked(running.answer(Done())) == ("GET", f"/{WORKFLOW}/executions/x1")
    assert running.answer(an_execution()).effect == Wait(until_s=1001.25)
    running.answer(Done()).answer(an_execution("SUCCEEDED", result='{"docked":true}'))
    assert running.value == {"docked": True}


def test_run_without_an_argument_sends_none() -> None:
    effect = started(RUN, "child").effect
    assert isinstance(effect, HttpRequest)
    assert effect.body == b"{}"


def test_run_in_another_place() -> None:
    running = started(RUN, workflow_id="w", location="europe-west1", project_id="other")
    assert asked(running) == ("POST", "/projects/other/locations/europe-west1/workflows/w/executions")


def test_a_child_that_has_ended_already_is_not_polled() -> None:
    assert started(RUN, "child").answer(an_execution("SUCCEEDED", result="null")).has_ended
    assert started(RUN, "child").answer(an_execution("SUCCEEDED")).has_ended


@pytest.mark.parametrize("state", ["FAILED", "CANCELLED"])
def test_a_child_that_does_not_succeed_is_an_execution_error(state: str) -> None:
    running = started(RUN, "child").answer(an_execution()).answer(Done())
    failed = failed_by(running, an_execution(state))
    assert message(failed) == f"ExecutionError: {RUN}: {WORKFLOW}/executions/x1 ended as {state}"
    assert isinstance(failed.value, dict)
    assert failed.value["execution"] == {"name": f"{WORKFLOW}/executions/x1", "state": state}


def test_given_a_timeout_when_it_is_over_then_it_is_a_timeout_error() -> None:
    context = AContext()
    running = started(RUN, "child", None, None, None, 1.5, context=context).answer(an_execution())
    assert running.effect == Wait(until_s=1001.0)
    context.at_s = 1001.0
    running.answer(Done()).answer(an_execution())
    assert running.effect == Wait(until_s=1001.5)
    context.at_s = 1001.5
    running.answer(Done())
    failed = failed_by(running, an_execution())
    assert message(failed) == f"TimeoutError: {RUN}: 1 of 1 executions have not ended within 1.5 seconds"


def test_map_starts_all_and_keeps_the_order_of_the_arguments() -> None:
    running = started(MAP, "child", [1, None, "c"])
    bodies: list[bytes | None] = []
    for number in (1, 2, 3):
        effect = running.effect
        assert isinstance(effect, HttpRequest)
        assert effect.method == "POST"
        bodies.append(effect.body)
        running.answer(an_execution("ACTIVE", number))
    assert bodies == [b'{"argument":"1"}', b'{"argument":"null"}', b'{"argument":"\\"c\\""}']
    assert running.effect == Wait(until_s=1001.0)
    running.answer(Done())
    for number, state in ((1, "ACTIVE"), (2, "SUCCEEDED"), (3, "SUCCEEDED")):
        assert asked(running) == ("GET", f"/{WORKFLOW}/executions/x{number}")
        running.answer(an_execution(state, number, result=f'"r{number}"'))
    assert running.effect == Wait(until_s=1001.25)
    assert asked(running.answer(Done())) == ("GET", f"/{WORKFLOW}/executions/x1")
    assert running.answer(an_execution("SUCCEEDED", 1, result='"r1"')).value == ["r1", "r2", "r3"]


def test_map_of_nothing_is_nothing() -> None:
    running = started(MAP, "child", [])
    assert running.has_ended
    assert running.value == []


def test_map_fails_as_soon_as_one_is_known_to_have_failed() -> None:
    running = started(MAP, "child", [1, 2]).answer(an_execution("ACTIVE", 1)).answer(an_execution("ACTIVE", 2))
    failed = failed_by(running.answer(Done()), an_execution("FAILED", 1))
    assert message(failed).startswith("ExecutionError: ")


def test_an_error_of_the_service_is_an_http_error_and_what_may_pass_is_tried_again() -> None:
    not_found = HttpResponse(code=404, headers=(), body=b"")
    failed = failed_by(started(RUN, "child"), not_found)
    assert isinstance(failed.value, dict)
    assert failed.value["tags"] == ["HttpError"]
    running = started(RUN, "child").answer(HttpResponse(code=503, headers=(), body=b""))
    assert running.effect == Wait(until_s=1001.0)
    assert asked(running.answer(Done()))[0] == "POST"
    running.answer(an_execution()).answer(Done()).answer(HttpResponse(code=502, headers=(), body=b""))
    assert asked(running.answer(Done()))[0] == "GET"


@pytest.mark.parametrize("body", [b"[]", b"{}", b'{"name": 1, "state": "ACTIVE"}', b'{"name": "x"}'])
def test_an_answer_that_is_no_execution(body: bytes) -> None:
    answer = HttpResponse(code=200, headers=(("Content-Type", "application/json"),), body=body)
    assert message(failed_by(started(RUN, "child"), answer)).startswith("ResponseTypeError: ")


@pytest.mark.parametrize(
    "arguments",
    [
        {"workflow_id": 1},
        {"workflow_id": "w", "location": 1},
        {"workflow_id": "w", "timeout": "5"},
        {"workflow_id": "w", "project_id": []},
    ],
)
def test_run_with_arguments_of_the_wrong_type(arguments: dict[str, Value]) -> None:
    assert not_started(RUN, **arguments).startswith(f"TypeError: {RUN}: argument ")


def test_map_takes_a_list() -> None:
    assert not_started(MAP, "w", {}) == f"TypeError: {MAP}: argument 'arguments' must be 'list', not 'dict'"


@pytest.mark.parametrize(
    "arguments",
    [
        {"workflow_id": "a/b"},
        {"workflow_id": ""},
        {"workflow_id": "w", "project_id": "../x"},
        {"workflow_id": "w", "location": "a?b"},
        {"workflow_id": "w", "timeout": 0},
        {"workflow_id": "w", "timeout": 31_536_001},
        {"workflow_id": "w", "timeout": math.nan},
        {"workflow_id": "w", "argument": b"x"},
    ],
)
def test_run_with_values_that_cannot_be(arguments: dict[str, Value]) -> None:
    assert not_started(RUN, **arguments).startswith("ValueError: ")
