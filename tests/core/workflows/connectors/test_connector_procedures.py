"""Connectors at work: results, errors, retries, operations, time."""

from __future__ import annotations

import pytest
from connector_calls import Running, answered, error_of, failed, refused, sent, started

from hakobune.core.errors import IllegalTransition
from hakobune.core.workflows.effects import Done, HttpResponse, NoResponse, Trouble
from hakobune.core.workflows.failures import Failure
from hakobune.core.workflows.values import Value

JOB = "projects/harbour/locations/asia-northeast1/jobs/scan"
OPERATION = "projects/harbour/locations/asia-northeast1/operations/o1"
RUN = "run.v2.projects.locations.jobs.run"
GET = "run.v2.projects.locations.jobs.get"
PUBLISH = "pubsub.v1.projects.topics.publish"
RUNNING: Value = {"name": OPERATION, "metadata": {"name": f"{JOB}/executions/e1"}}


def getting(**parameters: Value) -> Running:
    return started(GET, name=JOB, connector_params=parameters)


def posting(**parameters: Value) -> Running:
    return started(PUBLISH, topic="projects/harbour/topics/t", body={"messages": []}, connector_params=parameters)


def running_a_job(**parameters: Value) -> Running:
    return started(RUN, name=JOB, connector_params=parameters)


# -- one request ------------------------------------------------------------------------------------------------


def test_the_result_is_the_decoded_body_itself() -> None:
    running = getting().answer(answered({"name": JOB, "labels": {}}))
    assert running.has_ended
    assert running.value == {"name": JOB, "labels": {}}
    assert len(running.requests) == 1


@pytest.mark.parametrize(
    ("response", "value"),
    [
        (answered({}), {}),
        (answered(), None),
        (HttpResponse(code=204, headers=(), body=b""), None),
        (HttpResponse(code=200, headers=(("Content-Type", "text/plain"),), body=b""), None),
    ],
)
def test_no_content_is_null(response: HttpResponse, value: Value) -> None:
    assert getting().answer(response).value == value


def test_an_error_status_is_an_http_error() -> None:
    body = {"error": {"code": 404, "message": "no such job", "status": "NOT_FOUND"}}
    assert failed(getting(), answered(body, 404)) == {
        "message": "HTTP server responded with error code 404",
        "tags": ["HttpError"],
        "code": 404,
        "headers": {"Content-Type": "application/json"},
        "body": body,
    }


@pytest.mark.parametrize("trouble", [Trouble.AUTH, Trouble.INVALID])
def test_a_request_that_is_not_sent_is_its_own_error(trouble: Trouble) -> None:
    error = failed(getting(), NoResponse(trouble=trouble, detail="no"))
    assert error == {"message": f"{trouble}: no", "tags": [trouble.value]}


def test_an_answer_that_is_too_large_cannot_be_caught() -> None:
    with pytest.raises(Failure) as raised:
        getting().answer(NoResponse(trouble=Trouble.TOO_LARGE, detail="too large"))
    assert not raised.value.is_catchable


def test_a_wait_cannot_answer_a_request() -> None:
    with pytest.raises(IllegalTransition):
        getting().answer(Done())


# -- what is missing here ---------------------------------------------------------------------------------------


def test_a_service_that_is_not_served_is_named() -> None:
    running = started("bigquery.v2.jobs.query", projectId="harbour", body={"query": "SELECT 1"})
    assert running.request.service == "bigquery.v2"
    error = failed(running, NoResponse(trouble=Trouble.SYSTEM, detail="there are no credentials for BigQuery"))
    assert error == {
        "message": "SystemError: connector googleapis.bigquery.v2.jobs.query is not supported here: "
        "there are no credentials for BigQuery",
        "tags": ["SystemError"],
    }


def test_what_the_front_door_does_not_have_is_named() -> None:
    detail = "Cloud Tasks: not supported by this version of hakobune (POST /v2/projects/p/locations/l/queues)."
    body = {"error": {"code": 501, "message": detail, "status": "UNIMPLEMENTED"}}
    running = started("cloudtasks.v2.projects.locations.queues.create", parent="projects/p/locations/l", body={})
    error = failed(running, answered(body, 501))
    assert error == {
        "message": "SystemError: connector googleapis.cloudtasks.v2.projects.locations.queues.create is not supported"
        f" here: {detail}",
        "tags": ["SystemError"],
    }


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"code": 501, "message": "Operation is not implemented", "status": "UNIMPLEMENTED"}},
        {"error": "x"},
        [1],
    ],
)
def test_another_501_stays_an_http_error(body: object) -> None:
    error = failed(getting(), answered(body, 501))
    assert error["tags"] == ["HttpError"]
    assert error["code"] == 501


# -- retries ----------------------------------------------------------------------------------------------------

RETRIED_GET = [
    *(answered({}, code) for code in (429, 502, 503, 504)),
    *(
        NoResponse(trouble=trouble, detail="x")
        for trouble in (Trouble.CONNECTION, Trouble.CONNECTION_FAILED, Trouble.TIMEOUT)
    ),
]
RETRIED_POST = [answered({}, 429), answered({}, 503), NoResponse(trouble=Trouble.CONNECTION_FAILED, detail="x")]
FINAL_POST = [
    *(answered({}, code) for code in (400, 409, 500, 502, 504)),
    *(NoResponse(trouble=trouble, detail="x") for trouble in (Trouble.CONNECTION, Trouble.TIMEOUT)),
]


@pytest.mark.parametrize("answer", RETRIED_GET)
def test_a_get_is_tried_again_after_what_may_pass(answer: HttpResponse | NoResponse) -> None:
    running = getting().answer(answer)
    assert running.answer(answered({"name": JOB})).value == {"name": JOB}
    assert running.waits == [1.0]


@pytest.mark.parametrize("answer", [answered({}, code) for code in (400, 404, 408, 500)])
def test_a_get_is_not_tried_again_after_what_will_not_pass(answer: HttpResponse) -> None:
    assert failed(getting(), answer)["code"] == answer.code


@pytest.mark.parametrize("answer", RETRIED_POST)
def test_another_method_is_tried_again_where_nothing_was_done(answer: HttpResponse | NoResponse) -> None:
    running = posting().answer(answer)
    assert running.answer(answered({"messageIds": []})).value == {"messageIds": []}
    assert running.waits == [1.0]


@pytest.mark.parametrize("answer", FINAL_POST)
def test_another_method_is_not_tried_again_where_something_may_have_been_done(
    answer: HttpResponse | NoResponse,
) -> None:
    assert failed(posting(), answer)["tags"] in (["HttpError"], ["ConnectionError"], ["TimeoutError"])


def test_after_five_retries_the_error_is_the_callers() -> None:
    running = getting()
    for _ in range(5):
        running.answer(answered({}, 503))
    assert failed(running, answered({}, 503))["code"] == 503
    assert running.waits == [1.0, 1.25, 1.5625, 1.953125, 2.441406]


def test_retries_end_where_the_time_ends() -> None:
    running = getting(timeout=1.5).answer(answered({}, 503)).answer(answered({}, 503))
    assert running.end() == "TimeoutError: googleapis.run.v2.projects.locations.jobs.get did not end within 1.5 seconds"
    assert running.waits == [1.0, 0.5]
    assert [request.timeout_s for request in running.requests] == [1.5, 0.5]


def test_a_request_has_half_an_hour_at_most() -> None:
    assert getting().request.timeout_s == 1800
    assert running_a_job(timeout=7200).request.timeout_s == 1800
    assert running_a_job(timeout=60).request.timeout_s == 60


# -- operations -------------------------------------------------------------------------------------------------


def test_an_operation_is_asked_for_until_it_is_done_and_gives_its_response() -> None:
    running = running_a_job()
    running.answer(answered(RUNNING))
    for _ in range(3):
        poll = running.request
        assert (poll.method, poll.url) == ("GET", f"https://run.googleapis.com/v2/{OPERATION}")
        assert (poll.body, [name for name, _ in poll.headers]) == (None, ["User-Agent"])
        assert (poll.token, poll.service) == (running.requests[0].token, "run.v2")
        running.answer(answered(RUNNING))
    execution: Value = {"@type": "type.googleapis.com/google.cloud.run.v2.Execution", "succeededCount": 3}
    running.answer(answered({"name": OPERATION, "done": True, "response": execution}))
    assert running.value == execution
    assert running.waits == [1.0, 1.25, 1.5625, 1.953125]


def test_an_operation_that_is_done_at_once_is_not_asked_for() -> None:
    running = running_a_job().answer(answered({"name": OPERATION, "done": True, "response": {"a": 1}}))
    assert (running.value, running.waits) == ({"a": 1}, [])


def test_an_operation_without_a_response_is_the_result_itself() -> None:
    done: Value = {"name": OPERATION, "done": True}
    assert running_a_job().answer(answered(done)).value == done


def test_an_operation_that_failed_is_an_operation_error() -> None:
    done: Value = {"name": OPERATION, "done": True, "error": {"code": 9, "message": "1 of 3 tasks failed"}}
    error = failed(running_a_job().answer(answered(RUNNING)), answered(done))
    assert error == {
        "message": "OperationError: googleapis.run.v2.projects.locations.jobs.run: 1 of 3 tasks failed",
        "tags": ["OperationError"],
        "operation": done,
    }


def test_an_error_without_a_text_has_one() -> None:
    error = failed(running_a_job(), answered({"name": OPERATION, "done": True, "error": {"code": 9}}))
    assert error["message"] == "OperationError: googleapis.run.v2.projects.locations.jobs.run: the operation failed"


def test_the_polling_policy_sets_the_waits() -> None:
    running = running_a_job(polling_policy={"initial_delay": 2, "multiplier": 3, "max_delay": 10})
    for _ in range(5):
        running.answer(answered(RUNNING))
    assert running.request.method == "GET"
    assert running.waits == [2.0, 6.0, 10.0, 10.0, 10.0]


def test_no_wait_is_longer_than_the_longest() -> None:
    running = running_a_job(polling_policy={"initial_delay": 30, "max_delay": 5}).answer(answered(RUNNING))
    assert running.request.method == "GET"
    assert running.waits == [5.0]


def test_waits_grow_up_to_a_minute() -> None:
    running = running_a_job()
    for _ in range(25):
        running.answer(answered(RUNNING))
    assert running.waits[-5:] == [60.0] * 5


def test_an_operation_that_takes_too_long_is_a_timeout() -> None:
    running = running_a_job(timeout=2.5).answer(answered(RUNNING)).answer(answered(RUNNING)).answer(answered(RUNNING))
    assert running.end() == "TimeoutError: googleapis.run.v2.projects.locations.jobs.run did not end within 2.5 seconds"
    assert running.waits == [1.0, 1.25, 0.25]


def test_time_goes_by_while_a_request_is_on_its_way() -> None:
    running = running_a_job(timeout=60)
    assert running.request.timeout_s == 60
    running.context.at_s += 50
    running.answer(answered(RUNNING))
    assert running.request.timeout_s == 9
    assert running.waits == [1.0]


def test_a_look_is_tried_again_as_any_get() -> None:
    running = running_a_job().answer(answered(RUNNING)).answer(answered({}, 502)).answer(answered(RUNNING))
    running.answer(answered({"name": OPERATION, "done": True, "response": {}}))
    assert (running.value, running.waits) == ({}, [1.0, 1.0, 1.25])


def test_a_look_that_fails_is_an_error() -> None:
    assert failed(running_a_job().answer(answered(RUNNING)), answered({}, 404))["code"] == 404


def test_the_first_answer_is_the_result_when_nobody_waits() -> None:
    running = running_a_job(skip_polling=True).answer(answered(RUNNING))
    assert (running.value, running.waits) == (RUNNING, [])


@pytest.mark.parametrize(
    ("answer", "detail"), [(None, "it is no resource"), ([], "it is no resource"), ({}, "it has no name")]
)
def test_what_is_no_operation_is_a_response_type_error(answer: object, detail: str) -> None:
    error = failed(running_a_job(), answered(answer))
    assert error == {
        "message": f"ResponseTypeError: googleapis.run.v2.projects.locations.jobs.run: unexpected response: {detail}",
        "tags": ["ResponseTypeError"],
    }


def test_an_operation_is_asked_for_in_the_region_of_the_call() -> None:
    running = started(
        "aiplatform.v1.projects.locations.batchPredictionJobs.delete",
        name="projects/p/locations/us-central1/batchPredictionJobs/1",
        region="us-central1",
    )
    running.answer(answered({"name": "projects/p/locations/us-central1/operations/7"}))
    assert running.request.url == (
        "https://us-central1-aiplatform.googleapis.com/v1/projects/p/locations/us-central1/operations/7"
    )


def test_the_same_answers_lead_to_the_same_requests() -> None:
    answers = [answered({}, 503), answered(RUNNING), answered(RUNNING)]
    first, second = running_a_job(), running_a_job()
    for answer in answers:
        first.answer(answer)
        second.answer(answer)
    assert (first.request, first.requests, first.waits) == (second.request, second.requests, second.waits)


# -- connector_params -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "parameters", "detail"),
    [
        (GET, {"timeout": -1}, "timeout must be above 0 and at most 1800 seconds"),
        (GET, {"timeout": 0}, "timeout must be above 0 and at most 1800 seconds"),
        (GET, {"timeout": 1801}, "timeout must be above 0 and at most 1800 seconds"),
        (RUN, {"timeout": 31536001}, "timeout must be above 0 and at most 31536000 seconds"),
        (
            RUN,
            {"polling_policy": {"initial_delay": 0}},
            "initial_delay and max_delay of polling_policy must be above 0",
        ),
        (RUN, {"polling_policy": {"max_delay": -1}}, "initial_delay and max_delay of polling_policy must be above 0"),
        (RUN, {"polling_policy": {"multiplier": 0.5}}, "multiplier of polling_policy must be 1 or more"),
        (
            RUN,
            {"skip_poling": True},
            'unknown key "skip_poling" in connector_params; it may have timeout, polling_policy, skip_polling, scopes',
        ),
        (
            RUN,
            {"polling_policy": {"delay": 1}},
            'unknown key "delay" in connector_params.polling_policy; it may have initial_delay, multiplier, max_delay',
        ),
    ],
)
def test_parameters_with_values_that_cannot_be(name: str, parameters: dict[str, Value], detail: str) -> None:
    assert refused(name, name=JOB, connector_params=parameters) == f"ValueError: googleapis.{name}: {detail}"


@pytest.mark.parametrize(
    ("parameters", "detail"),
    [
        ("x", "argument 'connector_params' must be 'dict', not 'str'"),
        ({"timeout": "1"}, "argument 'connector_params.timeout' must be a number, not 'str'"),
        ({"skip_polling": 1}, "argument 'connector_params.skip_polling' must be 'bool', not 'int'"),
        ({"polling_policy": []}, "argument 'connector_params.polling_policy' must be 'dict', not 'list'"),
        ({"polling_policy": {"multiplier": True}}, "argument 'multiplier' must be a number, not 'bool'"),
        ({"scopes": 1}, "argument 'scopes' must be 'str', not 'int'"),
    ],
)
def test_parameters_of_the_wrong_type(parameters: Value, detail: str) -> None:
    assert refused(RUN, name=JOB, connector_params=parameters) == f"TypeError: googleapis.{RUN}: {detail}"


def test_null_parameters_are_none() -> None:
    nothing: Value = {"timeout": None, "polling_policy": None, "skip_polling": None, "scopes": None}
    running = started(RUN, name=JOB, connector_params=nothing).answer(answered(RUNNING))
    assert running.request.timeout_s == 1799
    assert sent(running.requests[0]) == {}


def test_the_longest_timeout_of_an_operation_is_a_year() -> None:
    running = running_a_job(timeout=31_536_000, polling_policy={"initial_delay": 86_400, "max_delay": 86_400})
    for _ in range(364):
        running.answer(answered(RUNNING))
    running.answer(answered({"name": OPERATION, "done": True, "response": {}}))
    assert running.value == {}
    with pytest.raises(Failure) as raised:
        running_a_job(timeout=float("nan"))
    assert error_of(raised.value)["tags"] == ["ValueError"]
