"""The methods that connectors have beside those of their APIs."""

from __future__ import annotations

import pytest
from connector_calls import answered, connector, failed, refused, sent, started

from hakobune.core.workflows.values import Value

RUN = "workflowexecutions.v1.projects.locations.workflows.executions.run"
CHILD = "projects/harbour/locations/asia-northeast1/workflows/load/executions/e1"
ADD = "secretmanager.v1.projects.secrets.addVersionString"
ACCESS = "secretmanager.v1.projects.secrets.versions.accessString"


def parameters(name: str) -> str:
    return " ".join(p.name + ("" if p.is_required else "?") for p in connector(name).parameters)


def test_their_parameters_stand_in_the_order_of_the_reference() -> None:
    assert parameters(RUN) == "workflow_id location? project_id? argument? callLogLevel? connector_params?"
    assert parameters(ADD) == "secret_id data project_id? connector_params?"
    assert parameters(ACCESS) == "secret_id version? project_id? connector_params?"


def test_secrets_may_be_read_inside_expressions_and_workflows_may_not_be_run_there() -> None:
    assert connector(ACCESS).is_expression_allowed
    assert connector(ADD).is_expression_allowed
    assert not connector(RUN).is_expression_allowed


# -- a workflow -------------------------------------------------------------------------------------------------


def test_a_workflow_is_run_with_a_value_and_gives_a_value() -> None:
    running = started(RUN, workflow_id="load", argument={"shards": [1, 2]})
    first = running.request
    assert first.method == "POST"
    assert first.url == f"https://workflowexecutions.googleapis.com/v1/{CHILD.rpartition('/')[0]}"
    assert first.service == "workflowexecutions.v1"
    assert sent(first) == {"argument": '{"shards":[1,2]}', "disableConcurrencyQuotaOverflowBuffering": True}
    running.answer(answered({"name": CHILD, "state": "ACTIVE"}))
    assert running.request.url == f"https://workflowexecutions.googleapis.com/v1/{CHILD}"
    running.answer(answered({"name": CHILD, "state": "SUCCEEDED", "result": '{"rows":7}'}))
    assert running.value == {"rows": 7}
    assert running.waits == [1.0]


def test_place_and_level_may_be_named() -> None:
    running = started(RUN, workflow_id="load", location="us-central1", project_id="pier", callLogLevel="LOG_ALL_CALLS")
    assert running.request.url.endswith("/v1/projects/pier/locations/us-central1/workflows/load/executions")
    assert sent(running.request) == {
        "callLogLevel": "LOG_ALL_CALLS",
        "disableConcurrencyQuotaOverflowBuffering": True,
    }


@pytest.mark.parametrize(("result", "value"), [('"text"', "text"), ("null", None), (None, None)])
def test_the_result_is_decoded(result: str | None, value: Value) -> None:
    ended = {"name": CHILD, "state": "SUCCEEDED"} | ({} if result is None else {"result": result})
    assert started(RUN, workflow_id="load").answer(answered(ended)).value == value


@pytest.mark.parametrize("state", ["FAILED", "CANCELLED"])
def test_a_child_that_did_not_succeed_is_an_operation_error(state: str) -> None:
    child: Value = {"name": CHILD, "state": state, "error": {"context": "RuntimeError"}}
    error = failed(
        started(RUN, workflow_id="load").answer(answered({"name": CHILD, "state": "ACTIVE"})), answered(child)
    )
    assert error == {
        "message": "Execution failed or cancelled.",
        "tags": ["OperationError"],
        "operation": child,
    }


def test_nothing_is_returned_when_nobody_waits() -> None:
    running = started(RUN, workflow_id="load", connector_params={"skip_polling": True})
    running.answer(answered({"name": CHILD, "state": "ACTIVE", "result": "1"}))
    assert running.has_ended
    assert (running.value, running.waits) == (None, [])


def test_the_beta_version_has_fewer_fields() -> None:
    running = started(RUN.replace("v1", "v1beta"), workflow_id="load", argument=1)
    assert running.request.url.startswith("https://workflowexecutions.googleapis.com/v1beta/projects/")
    assert sent(running.request) == {"argument": "1"}


def test_a_result_that_is_no_json_is_a_response_type_error() -> None:
    error = failed(started(RUN, workflow_id="load"), answered({"name": CHILD, "state": "SUCCEEDED", "result": "{"}))
    assert error["tags"] == ["ResponseTypeError"]


@pytest.mark.parametrize(
    ("arguments", "detail"),
    [
        ({}, "TypeError: googleapis.{}: missing argument workflow_id"),
        ({"workflow_id": "a/b"}, 'ValueError: googleapis.{}: invalid workflow_id "a/b"'),
        ({"workflow_id": "w", "location": "a b"}, 'ValueError: googleapis.{}: invalid location "a b"'),
        ({"workflow_id": "w", "project_id": "../x"}, 'ValueError: googleapis.{}: invalid project_id "../x"'),
        ({"workflow_id": "w", "body": {}}, "TypeError: googleapis.{}: unknown argument body"),
        ({"workflow_id": "w", "argument": b"x"}, "ValueError: a value of type 'bytes' cannot be written as JSON"),
    ],
)
def test_arguments_of_a_run_that_do_not_fit(arguments: dict[str, Value], detail: str) -> None:
    assert refused(RUN, **arguments) == detail.format(RUN)


# -- a secret ---------------------------------------------------------------------------------------------------


def test_a_text_becomes_a_version_of_a_secret() -> None:
    running = started(ADD, secret_id="key", data="港")
    assert running.request.url == "https://secretmanager.googleapis.com/v1/projects/harbour/secrets/key:addVersion"
    assert sent(running.request) == {"payload": {"data": "5riv"}}
    assert running.answer(answered({"name": "n"})).value == {"name": "n"}


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        (("key",), "projects/harbour/secrets/key/versions/latest"),
        (("key", "3"), "projects/harbour/secrets/key/versions/3"),
        (("key", 3, "pier"), "projects/pier/secrets/key/versions/3"),
        (("key", None, "pier"), "projects/pier/secrets/key/versions/latest"),
        (("key", "1", 123456), "projects/123456/secrets/key/versions/1"),
    ],
)
def test_a_version_of_a_secret_is_read_as_text(arguments: tuple[Value, ...], path: str) -> None:
    running = started(ACCESS, *arguments)
    assert running.request.method == "GET"
    assert running.request.url == f"https://secretmanager.googleapis.com/v1/{path}:access"
    running.answer(answered({"name": path, "payload": {"data": "5riv", "dataCrc32c": "1"}}))
    assert running.value == "港"


def test_an_empty_secret_is_an_empty_text() -> None:
    assert started(ACCESS, secret_id="key").answer(answered({"name": "n", "payload": {}})).value == ""


@pytest.mark.parametrize("answer", [{}, [], {"payload": {"data": 1}}, {"payload": {"data": "*"}}])
def test_what_is_no_secret_is_a_response_type_error(answer: object) -> None:
    assert failed(started(ACCESS, secret_id="key"), answered(answer))["tags"] == ["ResponseTypeError"]


def test_a_secret_that_is_no_text_is_a_value_error() -> None:
    error = failed(started(ACCESS, secret_id="key"), answered({"payload": {"data": "/w=="}}))
    assert error["tags"] == ["ValueError"]


def test_arguments_of_secrets_that_do_not_fit() -> None:
    assert refused(ACCESS, secret_id="a/b") == f'ValueError: googleapis.{ACCESS}: invalid secret_id "a/b"'
    assert refused(ADD, secret_id="key", data=b"x").startswith(f"TypeError: googleapis.{ADD}: argument 'data'")
    assert refused(ADD, secret_id="key") == f"TypeError: googleapis.{ADD}: missing argument data"
