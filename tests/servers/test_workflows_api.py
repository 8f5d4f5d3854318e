"""The Workflows API, against a real runtime."""

from __future__ import annotations

import json
from typing import Any

import pytest
from workflow_calls import BASE, DOUBLE, FAIL, SLEEP, deploy, execute, refused

from runtime_process import LOCATION, PROJECT, RuntimeProcess

OTHER = "us-central1"


def place(project: str, location: str = LOCATION) -> str:
    return f"/v1/projects/{project}/locations/{location}"


def ids(answer: Any) -> list[str]:
    return [found["name"].rpartition("/")[2] for found in answer.json.get("workflows", [])]


def pages(runtime: RuntimeProcess, path: str, size: int) -> list[list[str]]:
    found: list[list[str]] = []
    token = ""
    while True:
        answer = runtime.call("GET", f"{path}{'&' if '?' in path else '?'}pageSize={size}&pageToken={token}")
        assert answer.status == 200, answer.body
        found.append(ids(answer))
        token = answer.json.get("nextPageToken", "")
        if not token:
            return found


def test_given_a_workflow_when_deployed_then_the_operation_is_done_and_can_be_read_again(
    runtime: RuntimeProcess,
) -> None:
    operation = deploy(runtime, "deployed", DOUBLE, description="d", labels={"a": "b"}, callLogLevel="LOG_ALL_CALLS")
    name = f"projects/{PROJECT}/locations/{LOCATION}/workflows/deployed"
    metadata = operation["metadata"]
    assert metadata["@type"] == "type.googleapis.com/google.cloud.workflows.v1.OperationMetadata"
    assert (metadata["target"], metadata["verb"], metadata["apiVersion"]) == (name, "create", "v1")
    workflow = operation["response"]
    assert workflow.pop("@type") == "type.googleapis.com/google.cloud.workflows.v1.Workflow"
    assert runtime.call("GET", f"/v1/{name}").json == workflow
    assert (workflow["name"], workflow["state"], workflow["sourceContents"]) == (name, "ACTIVE", DOUBLE)
    assert workflow["revisionId"].startswith("000001-")
    assert workflow["serviceAccount"].startswith(f"projects/{PROJECT}/serviceAccounts/")
    for version in ("v1", "v2", "v1beta"):
        again = runtime.call("GET", f"/{version}/{operation['name']}").json
        assert again["done"] is True
        assert ("v1beta" in again["response"]["@type"]) == (version == "v1beta")
    listed = runtime.call("GET", f"{BASE}/operations?pageSize=1000").json["operations"]
    assert operation["name"] in [found["name"] for found in listed]
    assert runtime.call("POST", f"/v1/{operation['name']}:wait", {"timeout": "5s"}).json["done"] is True
    assert runtime.call("POST", f"/v1/{operation['name']}:cancel", {}).status == 501
    assert runtime.call("DELETE", f"/v1/{operation['name']}").json == {}
    assert runtime.call("GET", f"/v1/{operation['name']}").status == 404


def test_given_a_taken_id_or_a_wrong_source_when_deployed_then_the_operation_ends_with_the_error(
    runtime: RuntimeProcess,
) -> None:
    deploy(runtime, "taken", DOUBLE)
    again = runtime.call("POST", f"{BASE}/workflows?workflowId=taken", {"sourceContents": DOUBLE}).json
    assert (again["done"], again["error"]["code"]) == (True, 6)
    assert "response" not in again
    wrong = runtime.call("POST", f"{BASE}/workflows?workflowId=wrong", {"sourceContents": "main: {steps: 5}"}).json
    assert wrong["error"]["code"] == 3
    assert wrong["error"]["message"].startswith("failed to build: ")
    assert runtime.call("GET", f"{BASE}/workflows/wrong").status == 404
    patched = runtime.call("PATCH", f"{BASE}/workflows/taken?updateMask=sourceContents", {"sourceContents": "x: ["})
    assert patched.json["error"]["code"] == 3
    assert runtime.call("GET", f"{BASE}/workflows/taken").json["revisionId"].startswith("000001-")
    dry = runtime.call("POST", f"{BASE}/workflows?workflowId=dry&validateOnly=true", {"sourceContents": DOUBLE})
    assert dry.json["done"] is True
    assert runtime.call("GET", f"{BASE}/workflows/dry").status == 404


@pytest.mark.parametrize(
    ("query", "body", "field"),
    [
        ("", {"sourceContents": DOUBLE}, "workflow_id"),
        ("workflowId=", {"sourceContents": DOUBLE}, "workflow_id"),
        ("workflowId=1a", {"sourceContents": DOUBLE}, "workflow_id"),
        ("workflowId=a-", {"sourceContents": DOUBLE}, "workflow_id"),
        (f"workflowId={'a' * 65}", {"sourceContents": DOUBLE}, "workflow_id"),
        ("workflowId=a.b", {"sourceContents": DOUBLE}, "workflow_id"),
        ("workflowId=..%2Fx", {"sourceContents": DOUBLE}, "workflow_id"),
        ("workflowId=a", {}, "workflow.source_contents"),
        ("workflowId=a", {"sourceContents": DOUBLE, "bogus": 1}, "workflow"),
        ("workflowId=a", {"sourceContents": DOUBLE, "name": "b"}, "workflow.name"),
        ("workflowId=a", {"sourceContents": 5}, "workflow.source_contents"),
        ("workflowId=a", {"sourceContents": DOUBLE, "labels": {"A": "b"}}, "workflow.labels['A']"),
        ("workflowId=a&bogus=1", {"sourceContents": DOUBLE}, "bogus"),
    ],
)
def test_given_a_wrong_request_when_created_then_its_field_is_named_and_nothing_is_made(
    runtime: RuntimeProcess, query: str, body: object, field: str
) -> None:
    answer = runtime.call("POST", f"{BASE}/workflows?{query}", body)
    refused(answer, 400, "INVALID_ARGUMENT")
    assert answer.json["error"]["details"][0]["fieldViolations"][0]["field"] == field
    assert runtime.call("GET", f"{BASE}/workflows/a").status == 404


def test_given_changes_then_some_make_a_revision_and_others_do_not(runtime: RuntimeProcess) -> None:
    deploy(runtime, "revised", DOUBLE, labels={"a": "b"}, description="first")
    path = f"{BASE}/workflows/revised"
    described = runtime.call("PATCH", f"{path}?updateMask=description", {"description": "second"}).json
    assert (described["metadata"]["verb"], described["done"]) == ("update", True)
    assert described["response"]["revisionId"].startswith("000001-")
    assert (described["response"]["description"], described["response"]["labels"]) == ("second", {"a": "b"})
    changed = runtime.call("PATCH", f"{path}?updateMask=source_contents,userEnvVars", {"sourceContents": FAIL}).json
    assert changed["response"]["revisionId"].startswith("000002-")
    whole = runtime.call("PATCH", path, {"sourceContents": SLEEP, "userEnvVars": {"A": "1"}}).json["response"]
    assert whole["revisionId"].startswith("000003-")
    assert "labels" not in whole
    assert "description" not in whole
    found = runtime.call("GET", f"{path}:listRevisions").json["workflows"]
    assert [revision["sourceContents"] for revision in found] == [SLEEP, FAIL, DOUBLE]
    first = found[2]["revisionId"]
    assert runtime.call("GET", f"{path}?revisionId={first}").json["sourceContents"] == DOUBLE
    assert runtime.call("GET", f"{path}?revisionId=000009-abc").status == 404
    page = runtime.call("GET", f"{path}:listRevisions?pageSize=2").json
    assert [revision["revisionId"][:6] for revision in page["workflows"]] == ["000003", "000002"]
    rest = runtime.call("GET", f"{path}:listRevisions?pageSize=2&pageToken={page['nextPageToken']}").json
    assert [revision["revisionId"] for revision in rest["workflows"]] == [first]
    assert "nextPageToken" not in rest
    execute(runtime, "revised")  # of the third
    listed = runtime.call("GET", f"{path}/executions").json["executions"]
    assert listed[0]["workflowRevisionId"] == whole["revisionId"]


@pytest.mark.parametrize("mask", ["", "bogus", "name", "labels.a", "state"])
def test_given_a_mask_that_names_no_field_when_patched_then_400(runtime: RuntimeProcess, mask: str) -> None:
    if runtime.call("GET", f"{BASE}/workflows/masked").status == 404:
        deploy(runtime, "masked", DOUBLE)
    answer = runtime.call("PATCH", f"{BASE}/workflows/masked?updateMask={mask}", {"sourceContents": DOUBLE})
    assert "update_mask" in refused(answer, 400, "INVALID_ARGUMENT")


def test_given_workflows_then_lists_page_filter_and_order_them(runtime: RuntimeProcess) -> None:
    here, there = place("wf-lists"), place("wf-lists", OTHER)
    for number, labels in enumerate(({"team": "art"}, {"team": "music"}, {"team": "art"}, {}, {"team": "art"})):
        deploy(runtime, f"w{number}", DOUBLE, here, labels=labels, description=f"number {9 - number}")
    deploy(runtime, "w2", SLEEP, there)
    assert pages(runtime, f"{here}/workflows", 2) == [["w0", "w1"], ["w2", "w3"], ["w4"]]
    wild = place("wf-lists", "-")
    assert pages(runtime, f"{wild}/workflows", 4) == [["w0", "w1", "w2", "w2"], ["w3", "w4"]]
    art = "filter=labels.team%3Dart"
    assert pages(runtime, f"{here}/workflows?{art}", 2) == [["w0", "w2"], ["w4"]]
    by_text = "orderBy=description"
    assert pages(runtime, f"{here}/workflows?{by_text}", 2) == [["w4", "w3"], ["w2", "w1"], ["w0"]]
    assert pages(runtime, f"{here}/workflows?{by_text}&{art}", 2) == [["w4", "w2"], ["w0"]]
    newest = runtime.call("GET", f"{here}/workflows?orderBy=createTime%20desc&pageSize=1")
    assert ids(newest) == ["w4"]
    assert newest.json["workflows"][0]["sourceContents"] == DOUBLE
    assert ids(runtime.call("GET", f"{place('wf-empty')}/workflows")) == []
    token = newest.json["nextPageToken"]
    assert runtime.call("GET", f"{here}/workflows?pageToken={token}").status == 400  # of another list
    for wrong in (
        "filter=bogus%3D1",
        "filter=state",
        "orderBy=bogus",
        "orderBy=name%20up",
        "pageSize=-1",
        "pageSize=x",
    ):
        refused(runtime.call("GET", f"{here}/workflows?{wrong}"), 400, "INVALID_ARGUMENT")


def test_given_a_workflow_when_deleted_then_it_and_its_executions_are_gone(runtime: RuntimeProcess) -> None:
    deploy(runtime, "doomed", SLEEP)
    execution = execute(runtime, "doomed")
    assert runtime.call("DELETE", f"{BASE}/workflows/doomed", {"x": 1}).status == 400
    operation = runtime.call("DELETE", f"{BASE}/workflows/doomed").json
    assert operation["metadata"]["verb"] == "delete"
    assert operation["response"] == {"@type": "type.googleapis.com/google.protobuf.Empty"}
    for path in (f"{BASE}/workflows/doomed", f"/v1/{execution}", f"{BASE}/workflows/doomed/executions"):
        refused(runtime.call("GET", path), 404, "NOT_FOUND")
    refused(runtime.call("DELETE", f"{BASE}/workflows/doomed"), 404, "NOT_FOUND")
    refused(runtime.call("PATCH", f"{BASE}/workflows/doomed", {"sourceContents": DOUBLE}), 404, "NOT_FOUND")
    again = deploy(runtime, "doomed", DOUBLE)
    assert again["response"]["revisionId"].startswith("000001-")


def test_given_locations_then_those_in_use_are_listed_and_any_can_be_read(runtime: RuntimeProcess) -> None:
    deploy(runtime, "far", DOUBLE, place("wf-locations", "europe-west9"))
    path = "/v1/projects/wf-locations/locations"
    found = runtime.call("GET", path).json["locations"]
    assert [location["locationId"] for location in found] == ["asia-northeast1", "europe-west9", "us-central1"]
    first = runtime.call("GET", f"{path}?pageSize=2").json
    rest = runtime.call("GET", f"{path}?pageSize=2&pageToken={first['nextPageToken']}").json
    assert first["locations"] + rest["locations"] == found
    one = {"name": "projects/wf-locations/locations/mars1", "locationId": "mars1"}
    assert runtime.call("GET", f"{path}/mars1").json == one
    assert runtime.call("GET", f"{path}/Mars").status == 400
    assert runtime.call("GET", f"{path}?filter=x").status == 400


def test_given_the_hosts_of_the_apis_and_the_beta_path_then_they_are_served(runtime: RuntimeProcess) -> None:
    deploy(runtime, "hosted", DOUBLE)
    for host in (
        "workflows.googleapis.com",
        "workflowexecutions.googleapis.com",
        f"{LOCATION}-workflows.googleapis.com",
    ):
        assert runtime.call("GET", f"{BASE}/workflows/hosted", headers={"Host": host}).status == 200
    beta = BASE.replace("/v1/", "/v1beta/")
    assert runtime.call("GET", f"{beta}/workflows/hosted").json["sourceContents"] == DOUBLE
    begun = runtime.call("POST", f"{beta}/workflows/hosted/executions", {"argument": '{"n":1}'})
    assert begun.status == 200
    deleted = runtime.call("DELETE", f"{beta}/workflows/hosted").json
    assert deleted["metadata"]["@type"].endswith("google.cloud.workflows.v1beta.OperationMetadata")


def test_given_a_workflow_then_its_policy_is_kept_and_goes_with_it(runtime: RuntimeProcess) -> None:
    deploy(runtime, "guarded", DOUBLE)
    path = f"{BASE}/workflows/guarded"
    assert runtime.call("GET", f"{path}:getIamPolicy").json == {"etag": "ACAB"}
    binding = {"role": "roles/workflows.invoker", "members": ["user:a@example.com"]}
    policy = runtime.call("POST", f"{path}:setIamPolicy", {"policy": {"bindings": [binding]}}).json
    assert policy["bindings"] == [binding]
    assert runtime.call("GET", f"{path}:getIamPolicy").json == policy
    tested = runtime.call("POST", f"{path}:testIamPermissions", {"permissions": ["workflows.executions.create"]})
    assert tested.json == {"permissions": ["workflows.executions.create"]}
    runtime.call("DELETE", path)
    for verb, body in (("getIamPolicy", None), ("setIamPolicy", {}), ("testIamPermissions", {})):
        refused(runtime.call("GET" if body is None else "POST", f"{path}:{verb}", body), 404, "NOT_FOUND")
    deploy(runtime, "guarded", DOUBLE)
    assert runtime.call("GET", f"{path}:getIamPolicy").json == {"etag": "ACAB"}


def test_given_a_change_then_the_feed_tells_of_workflows_and_their_executions(runtime: RuntimeProcess) -> None:
    seq = runtime.call("GET", "/hakobune/v1/changes?since=0&project=wf-feed").json["seq"]
    base = place("wf-feed")
    deploy(runtime, "told", SLEEP, base)
    execution = execute(runtime, "told", {"large": "x" * 1000}, base)
    found = runtime.call("GET", f"/hakobune/v1/changes?since={seq}&project=wf-feed").json["changes"]
    by_kind = {change["kind"]: change for change in found}
    assert by_kind["workflow"]["workflow"]["name"] == by_kind["workflow"]["name"]
    assert by_kind["workflow_execution"]["workflowExecution"]["name"] == execution
    assert "argument" not in by_kind["workflow_execution"]["workflowExecution"]
    assert "large" not in json.dumps(by_kind["workflow_execution"])


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "/workflows/x"),
        ("POST", "/workflows/x"),
        ("DELETE", "/workflows"),
        ("GET", "/workflows/x:cancel"),
        ("POST", "/workflows/x:listRevisions"),
    ],
)
def test_given_a_method_that_is_none_then_it_is_refused(runtime: RuntimeProcess, method: str, path: str) -> None:
    assert runtime.call(method, f"{BASE}{path}").status in (400, 404, 405)


def test_given_large_workflows_then_a_page_ends_early_and_the_next_goes_on(runtime: RuntimeProcess) -> None:
    base = place("wf-large")
    source = DOUBLE + "# " + "x" * 120_000 + "\n"
    wanted = [f"w{number:02}" for number in range(75)]
    for name in wanted:
        deploy(runtime, name, source, base)
    for query in ("", "?orderBy=name"):
        found = pages(runtime, f"{base}/workflows{query}", 500)
        assert [len(page) for page in found] == [70, 5]
        assert [name for page in found for name in page] == wanted
