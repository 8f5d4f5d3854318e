"""The Workflow Executions API, against a real runtime."""

from __future__ import annotations

import base64
import gzip
import json
import time
from typing import Any
from urllib.parse import quote

import pytest
from workflow_calls import BASE, CALLBACK, DOUBLE, FAIL, SLEEP, callbacks, deploy, execute, finished, refused

from runtime_process import LOCATION, RuntimeProcess

NOWHERE = f"{BASE}/workflows/nowhere/executions/2ca73032-f73f-499b-b177-520eb540eae1"


def test_given_an_execution_then_it_answers_at_once_and_ends_with_its_result(runtime: RuntimeProcess) -> None:
    deploy(runtime, "double", DOUBLE, labels={"team": "art", "stage": "test"})
    body = {"argument": '{"n": 21}', "labels": {"stage": "prod"}, "callLogLevel": "LOG_ERRORS_ONLY"}
    begun = runtime.call("POST", f"{BASE}/workflows/double/executions", body).json
    assert begun["state"] in ("ACTIVE", "QUEUED", "SUCCEEDED")
    assert begun["labels"] == {"team": "art", "stage": "prod"}
    ended = finished(runtime, begun["name"])
    assert (ended["state"], ended["result"], ended["argument"]) == ("SUCCEEDED", "42", '{"n": 21}')
    assert (ended["callLogLevel"], ended["createTime"]) == ("LOG_ERRORS_ONLY", begun["createTime"])
    assert ended["duration"].endswith("s")
    assert ended["status"]["currentSteps"] == [{"routine": "main", "step": "done"}]
    basic = runtime.call("GET", f"/v1/{begun['name']}?view=BASIC").json
    assert not basic.keys() & {"argument", "result", "status"}
    assert runtime.call("GET", f"/v1/{begun['name']}?view=WHOLE").status == 400
    message = refused(runtime.call("POST", f"/v1/{begun['name']}:cancel", {}), 400, "FAILED_PRECONDITION")
    assert message


def test_given_an_error_then_the_execution_tells_where_it_was_raised(runtime: RuntimeProcess) -> None:
    deploy(runtime, "fail", FAIL)
    ended = finished(runtime, execute(runtime, "fail"))
    assert (ended["state"], ended["error"]["payload"]) == ("FAILED", '"no luck"')
    assert ended["error"]["context"].splitlines()[0] == 'RuntimeError: "no luck"'
    frame = ended["error"]["stackTrace"]["elements"][0]
    assert (frame["step"], frame["routine"], frame["position"]["line"]) == ("boom", "main", "4")
    assert "result" not in ended


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"argument": {"n": 1}}, "execution.argument"),
        ({"argument": "not json"}, "execution.argument"),
        ({"argument": json.dumps("x" * 524_288)}, "execution.argument"),
        ({"labels": {"A": ""}}, "execution.labels['A']"),
        ({"bogus": 1}, "execution"),
        ({"callLogLevel": 9}, "execution.call_log_level"),
    ],
)
def test_given_a_wrong_execution_when_created_then_its_field_is_named(
    runtime: RuntimeProcess, body: object, field: str
) -> None:
    answer = runtime.call("POST", f"{BASE}/workflows/nowhere/executions", body)
    refused(answer, 400, "INVALID_ARGUMENT")
    assert answer.json["error"]["details"][0]["fieldViolations"][0]["field"] == field


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""),
        ("POST", ":cancel"),
        ("GET", ":exportData"),
        ("POST", ":deleteExecutionHistory"),
        ("GET", "/stepEntries"),
        ("GET", "/stepEntries/1"),
        ("GET", "/callbacks"),
        ("POST", "/callbacks/some-id"),
    ],
)
def test_given_no_such_execution_then_404(runtime: RuntimeProcess, method: str, path: str) -> None:
    refused(runtime.call(method, NOWHERE + path, {} if method == "POST" else None), 404, "NOT_FOUND")


def test_given_no_such_workflow_then_404(runtime: RuntimeProcess) -> None:
    refused(runtime.call("POST", f"{BASE}/workflows/nowhere/executions", {}), 404, "NOT_FOUND")
    refused(runtime.call("GET", f"{BASE}/workflows/nowhere/executions"), 404, "NOT_FOUND")


def names(answer: Any) -> list[str]:
    assert answer.status == 200, answer.body
    return [found["name"] for found in answer.json.get("executions", [])]


def test_given_executions_then_lists_page_filter_order_and_show_views(runtime: RuntimeProcess) -> None:
    base = f"/v1/projects/wf-runs/locations/{LOCATION}"
    deploy(runtime, "w", DOUBLE, base)
    made = [execute(runtime, "w", {"n": number}, base, labels={"n": str(number)}) for number in range(4)]
    made.append(execute(runtime, "w", {"n": "x"}, base))
    for name in made:
        finished(runtime, name)
    path = f"{base}/workflows/w/executions"
    assert names(runtime.call("GET", path)) == made[::-1]
    first = runtime.call("GET", f"{path}?pageSize=3")
    rest = runtime.call("GET", f"{path}?pageSize=3&pageToken={first.json['nextPageToken']}")
    assert (names(first), names(rest)) == (made[:1:-1], made[1::-1])
    assert "nextPageToken" not in rest.json
    assert "argument" not in first.json["executions"][1]
    full = runtime.call("GET", f"{path}?view=FULL").json["executions"]
    assert [found.get("result") for found in full] == [None, "6", "4", "2", "0"]

    def filtered(text: str, more: str = "") -> list[str]:
        return names(runtime.call("GET", f"{path}?filter={quote(text)}{more}"))

    assert filtered('state="FAILED"') == made[4:]
    assert filtered('state=SUCCEEDED AND label:"n:2"') == [made[2]]
    assert filtered(f'executionId="{made[0].rpartition("/")[2]}"') == made[:1]
    assert filtered('startTime<"2023-08-01"') == []
    assert filtered('startTime>"2023-08-01" NOT state=FAILED', "&orderBy=createTime") == made[:4]
    assert filtered("stepName=done AND duration<60s") == made[3::-1]
    first = runtime.call("GET", f"{path}?filter=state%3DSUCCEEDED&pageSize=3")
    rest = runtime.call("GET", f"{path}?filter=state%3DSUCCEEDED&pageSize=3&pageToken={first.json['nextPageToken']}")
    assert names(first) + names(rest) == made[3::-1]
    assert names(runtime.call("GET", f"{path}?orderBy=state,&view=BASIC".replace(",", ""))) == [made[4], *made[:4]]
    mixed = f"{path}?orderBy=state%20desc,workflowRevisionId,%20createTime%20desc"
    assert names(runtime.call("GET", mixed)) == [*made[3::-1], made[4]]
    first = runtime.call("GET", f"{mixed}&pageSize=2")
    rest = runtime.call("GET", f"{mixed}&pageToken={first.json['nextPageToken']}")
    assert names(first) + names(rest) == [*made[3::-1], made[4]]
    for wrong in (
        "filter=bogus%3D1",
        "filter=state%3DGONE",
        "orderBy=label",
        "orderBy=state,label",
        "orderBy=state,state%20desc",
        "view=HALF",
        "pageSize=-1",
        "pageToken=abc",
        "bogus=1",
    ):
        refused(runtime.call("GET", f"{path}?{wrong}"), 400, "INVALID_ARGUMENT")


def test_given_a_running_execution_when_cancelled_then_it_ends(runtime: RuntimeProcess) -> None:
    deploy(runtime, "sleep", SLEEP)
    name = execute(runtime, "sleep")
    assert runtime.call("GET", f"/v1/{name}").json["state"] == "ACTIVE"
    assert runtime.call("POST", f"/v1/{name}:cancel", {"name": "other"}).status == 400
    cancelled = runtime.call("POST", f"/v1/{name}:cancel", {})
    assert cancelled.status == 200
    assert cancelled.json["name"] == name
    ended = finished(runtime, name)
    assert ended["state"] == "CANCELLED"
    assert "endTime" in ended


# -- steps ---------------------------------------------------------------------------------------------------------


def test_given_an_execution_then_its_steps_are_listed_filtered_ordered_and_forgotten(runtime: RuntimeProcess) -> None:
    deploy(runtime, "steps", DOUBLE)
    name = execute(runtime, "steps", {"n": 5}, executionHistoryLevel="EXECUTION_HISTORY_DETAILED")
    finished(runtime, name)
    path = f"/v1/{name}/stepEntries"
    whole = runtime.call("GET", path).json
    assert whole["totalSize"] == 2
    entries = whole["stepEntries"]
    assert [(entry["entryId"], entry["step"], entry["stepType"], entry["state"]) for entry in entries] == [
        ("1", "compute", "STEP_ASSIGN", "STATE_SUCCEEDED"),
        ("2", "done", "STEP_RETURN", "STATE_SUCCEEDED"),
    ]
    assert entries[1]["name"] == f"{name}/stepEntries/2"
    assert entries[1]["variableData"]["variables"] == {"args": {"n": 5}, "twice": 10}
    assert runtime.call("GET", f"{path}/2?view=EXECUTION_ENTRY_VIEW_BASIC").json == entries[1]

    def steps(query: str) -> list[str]:
        answer = runtime.call("GET", f"{path}?{query}")
        assert answer.status == 200, answer.body
        return [entry["entryId"] for entry in answer.json.get("stepEntries", [])]

    assert steps("orderBy=entryId%20desc") == ["2", "1"]
    assert steps("filter=stepType%3DSTEP_RETURN") == ["2"]
    assert steps("filter=entryId%3C2%20AND%20routine%3Dmain") == ["1"]
    assert steps("skip=1") == ["2"]
    assert steps("skip=9") == []
    page = runtime.call("GET", f"{path}?pageSize=1").json
    assert page["totalSize"] == 2
    assert steps(f"pageSize=1&pageToken={page['nextPageToken']}") == ["2"]
    for wrong in ("skip=-1", "skip=9999999999", "skip=x", "orderBy=parent", "filter=bogus%3D1", "view=FULL"):
        refused(runtime.call("GET", f"{path}?{wrong}"), 400, "INVALID_ARGUMENT")
    for missing in ("3", "0", "01", "x"):
        refused(runtime.call("GET", f"{path}/{missing}"), 404, "NOT_FOUND")
    exported = json.loads(runtime.call("GET", f"/v1/{name}:exportData").json["data"])
    assert exported["execution"] == name
    assert runtime.call("POST", f"/v1/{name}:deleteExecutionHistory", {}).json == {}
    assert runtime.call("GET", path).json == {}
    assert runtime.call("GET", f"/v1/{name}").json["result"] == "10"


# -- callbacks -----------------------------------------------------------------------------------------------------


def test_given_a_callback_then_its_url_takes_one_request_of_its_method(runtime: RuntimeProcess) -> None:
    deploy(runtime, "callback", CALLBACK)
    name = execute(runtime, "callback", {"method": "PUT"})
    (callback,) = callbacks(runtime, name)
    key = callback["name"].rpartition("/")[2]
    assert callback["name"] == f"{name}/callback/{key}"
    assert callback["method"] == "PUT"
    url = f"/v1/{name}/callbacks/{key}"
    wrong = runtime.call("POST", url, b"no")
    assert (wrong.status, wrong.headers["allow"]) == (405, "PUT")
    refused(runtime.call("PUT", f"{url}x", b"no"), 404, "NOT_FOUND")
    headers = {"Content-Type": "application/json", "X-Mine": "yes", "Authorization": "Basic c2VjcmV0"}
    taken = runtime.call("PUT", f"{url}?k=v&k=w&alt=media", {"ok": True}, headers)
    assert (taken.status, taken.json) == (200, {})
    request = json.loads(finished(runtime, name)["result"])
    assert (request["method"], request["body"], request["url"]) == ("PUT", {"ok": True}, f"{url}?k=v&k=w&alt=media")
    assert request["query"] == {"k": ["v", "w"], "alt": "media"}
    assert request["headers"]["X-Mine"] == "yes"
    assert "Authorization" not in request["headers"]
    refused(runtime.call("PUT", url, b"late"), 404, "NOT_FOUND")
    assert runtime.call("GET", f"/v1/{name}/callbacks").json == {}


def test_given_a_callback_when_its_request_is_too_large_then_that_is_said_and_it_still_waits(
    runtime: RuntimeProcess,
) -> None:
    deploy(runtime, "callback-large", CALLBACK)
    name = execute(runtime, "callback-large", {"method": "POST"})
    (callback,) = callbacks(runtime, name)
    path = f"/v1/{name}/callbacks/{callback['name'].rpartition('/')[2]}"
    packed = gzip.compress(bytes(2_097_153))
    large = runtime.call("POST", path, packed, {"content-encoding": "gzip"})
    assert large.status == 413
    assert large.json["error"]["message"] == "A request to a callback has a body of at most 2097152 bytes."
    assert runtime.call("POST", path, b"{}").status == 200
    assert finished(runtime, name)["state"] == "SUCCEEDED"


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_given_any_method_then_a_callback_can_be_made_for_it(runtime: RuntimeProcess, method: str) -> None:
    if runtime.call("GET", f"{BASE}/workflows/any-method").status == 404:
        deploy(runtime, "any-method", CALLBACK)
    name = execute(runtime, "any-method", {"method": method})
    (callback,) = callbacks(runtime, name)
    path = f"/v1/{name}/callbacks/{callback['name'].rpartition('/')[2]}"
    assert runtime.call(method, path).status == 200
    assert json.loads(finished(runtime, name)["result"])["method"] == method


def test_given_a_request_that_waits_then_a_second_one_is_refused_and_the_list_shows_the_first(
    runtime: RuntimeProcess,
) -> None:
    source = CALLBACK.replace(
        "    - await:", "    - doze:\n        call: sys.sleep\n        args: {seconds: 3600}\n    - await:"
    )
    deploy(runtime, "slot", source)
    name = execute(runtime, "slot")
    (callback,) = callbacks(runtime, name)
    path = f"/v1/{name}/callbacks/{callback['name'].rpartition('/')[2]}"
    assert runtime.call("POST", path, b"first").status == 200
    refused(runtime.call("POST", path, b"second"), 429, "RESOURCE_EXHAUSTED")
    (again,) = callbacks(runtime, name)
    assert again["availablePayloads"] == ["first"]
    assert "waiters" not in again
    runtime.call("POST", f"/v1/{name}:cancel", {})
    finished(runtime, name)
    refused(runtime.call("POST", path, b"late"), 404, "NOT_FOUND")


# -- messages ------------------------------------------------------------------------------------------------------


def test_given_a_message_then_it_starts_an_execution_with_the_event_as_its_argument(runtime: RuntimeProcess) -> None:
    source = """
main:
  params: [event]
  steps:
    - done:
        return: ${json.decode(base64.decode(event.data.message.data))}
"""
    deploy(runtime, "triggered", source)
    body = {
        "subscription": "projects/p/subscriptions/s",
        "message": {"data": base64.b64encode(b'{"a": [1]}').decode(), "messageId": "1"},
        "GCPCloudEventsMode": "CUSTOM_PUBSUB_projects%2Fp%2Ftopics%2Ft",
    }
    answer = runtime.call("POST", f"{BASE}/workflows/triggered:triggerPubsubExecution", body)
    assert answer.status == 200, answer.body
    assert json.loads(finished(runtime, answer.json["name"])["result"]) == {"a": [1]}
    wrong = runtime.call("POST", f"{BASE}/workflows/triggered:triggerPubsubExecution", {**body, "subscription": ""})
    refused(wrong, 400, "INVALID_ARGUMENT")


# -- large pages ---------------------------------------------------------------------------------------------------


def test_given_large_executions_then_a_page_ends_early_and_the_next_goes_on(runtime: RuntimeProcess) -> None:
    base = f"/v1/projects/wf-large-runs/locations/{LOCATION}"
    deploy(runtime, "w", SLEEP.replace("main:", "main:\n  params: [ignored]"), base)
    made = [execute(runtime, "w", "x" * 500_000, base) for _ in range(25)]
    path = f"{base}/workflows/w/executions?view=FULL"
    first = runtime.call("GET", path)
    rest = runtime.call("GET", f"{path}&pageToken={first.json['nextPageToken']}")
    assert (len(names(first)), names(first) + names(rest)) == (20, made[::-1])
    assert len(names(runtime.call("GET", path.replace("FULL", "BASIC")))) == 25
    runtime.call("DELETE", f"{base}/workflows/w")


def test_given_steps_with_large_variables_then_a_page_ends_early(runtime: RuntimeProcess) -> None:
    steps = "".join(f"\n    - s{number}:\n        assign:\n          - y: {number}" for number in range(50))
    deploy(runtime, "large-steps", f"main:\n  params: [x]\n  steps:{steps}\n")
    name = execute(runtime, "large-steps", "x" * 200_000, executionHistoryLevel="EXECUTION_HISTORY_DETAILED")
    assert finished(runtime, name)["state"] == "SUCCEEDED"
    path = f"/v1/{name}/stepEntries?pageSize=1000"
    first = runtime.call("GET", path).json
    assert (len(first["stepEntries"]), first["totalSize"]) == (42, 50)
    rest = runtime.call("GET", f"{path}&pageToken={first['nextPageToken']}").json
    assert [entry["entryId"] for entry in rest["stepEntries"]] == [str(number) for number in range(43, 51)]


def test_given_executions_with_large_errors_then_a_page_ends_early(runtime: RuntimeProcess) -> None:
    base = f"/v1/projects/wf-large-errors/locations/{LOCATION}"
    source = """
main:
  steps:
    - s1: {assign: [{x: "0123456789abcdef"}]}
    - s2: {for: {value: i, range: [1, 14], steps: [{d: {assign: [{x: "${x + x}"}]}}]}}
    - s3: {raise: "${x}"}
"""
    deploy(runtime, "w", source.replace("[1, 14]", "[1, 13]"), base)
    made = [execute(runtime, "w", None, base) for _ in range(45)]
    for name in made:
        assert finished(runtime, name)["state"] == "FAILED"
    first = runtime.call("GET", f"{base}/workflows/w/executions?view=FULL")
    assert 0 < len(names(first)) < 45
    rest = runtime.call("GET", f"{base}/workflows/w/executions?view=FULL&pageToken={first.json['nextPageToken']}")
    assert names(first) + names(rest) == made[::-1]
    runtime.call("DELETE", f"{base}/workflows/w")


def test_given_a_filter_of_many_terms_then_it_is_refused(runtime: RuntimeProcess) -> None:
    deploy(runtime, "filtered", DOUBLE)
    name = execute(runtime, "filtered", {"n": 1})
    text = quote("entryId=1 " * 51)
    for path in (f"/v1/{name}/stepEntries", f"{BASE}/workflows/filtered/executions"):
        message = refused(
            runtime.call("GET", f"{path}?filter={text.replace('entryId', 'step')}"), 400, "INVALID_ARGUMENT"
        )
        assert message


def test_given_an_execution_that_never_waits_when_started_again_then_all_else_is_there_at_once(
    own_runtime: RuntimeProcess,
) -> None:
    own_runtime.arguments = ("--limits", "off")
    runtime = own_runtime.start()
    deploy(runtime, "double", DOUBLE)
    deploy(runtime, "endless", "main:\n  steps:\n    - a: {assign: [{x: 1}]}\n    - b: {assign: [{x: 2}], next: a}\n")
    endless = [execute(runtime, "endless") for _ in range(3)]
    runtime.kill()
    runtime.start(wait=False)
    runtime.wait_ready(within_s=10)
    assert finished(runtime, execute(runtime, "double", {"n": 2}))["result"] == "4"
    cancelled = runtime.call("POST", f"/v1/{endless[0]}:cancel", {})
    assert cancelled.json["state"] == "CANCELLED"
    started_s = time.monotonic()
    assert runtime.stop() == 0
    assert time.monotonic() - started_s < 8.0  # two seconds on a quiet machine
