"""googleapiclient over REST, with the discovery documents that it ships: all methods of executions, and of workflows."""

from __future__ import annotations

import json
import time
import urllib.request
import uuid
from typing import Any

import pytest
from google.auth.credentials import AnonymousCredentials
from googleapiclient.discovery import build
from googleapiclient.errors import HttpError

from runtime_process import LOCATION, PROJECT, RuntimeProcess

PARENT = f"projects/{PROJECT}/locations/{LOCATION}"
CALLBACK = """
main:
  steps:
    - open:
        call: events.create_callback_endpoint
        args: {http_callback_method: POST}
        result: endpoint
    - await:
        call: events.await_callback
        args: {callback: "${endpoint}", timeout: 600}
        result: request
    - done:
        return: ${request.http_request.body}
"""


def api(runtime: RuntimeProcess, name: str) -> Any:
    return build(
        name,
        "v1",
        credentials=AnonymousCredentials(),
        client_options={"api_endpoint": runtime.url},
        static_discovery=True,
    )


@pytest.fixture(scope="module")
def workflows(runtime: RuntimeProcess) -> Any:
    with api(runtime, "workflows") as found:
        yield found.projects().locations().workflows()


@pytest.fixture(scope="module")
def executions(runtime: RuntimeProcess) -> Any:
    with api(runtime, "workflowexecutions") as found:
        yield found.projects().locations().workflows().executions()


@pytest.fixture
def workflow(workflows: Any) -> str:
    name = f"w-{uuid.uuid4().hex[:8]}"
    operation = workflows.create(parent=PARENT, workflowId=name, body={"sourceContents": CALLBACK}).execute()
    assert operation["done"] is True
    return str(operation["response"]["name"])


def until(ask: Any, is_there: Any) -> Any:
    end_s = time.monotonic() + 30
    while True:
        found = ask()
        if is_there(found):
            return found
        assert time.monotonic() < end_s, found
        time.sleep(0.02)


def test_workflows_are_read_changed_listed_and_deleted(workflows: Any, workflow: str) -> None:
    assert workflows.get(name=workflow).execute()["sourceContents"] == CALLBACK
    patched = workflows.patch(name=workflow, updateMask="description", body={"description": "d"}).execute()
    assert patched["response"]["description"] == "d"
    listed = workflows.list(parent=PARENT, filter=f'name="{workflow}"', orderBy="name desc").execute()
    assert [found["name"] for found in listed["workflows"]] == [workflow]
    assert len(workflows.listRevisions(name=workflow, pageSize=5).execute()["workflows"]) == 1
    assert workflows.delete(name=workflow).execute()["done"] is True
    with pytest.raises(HttpError) as caught:
        workflows.get(name=workflow).execute()
    assert caught.value.status_code == 404


def test_an_execution_waits_for_its_callback_and_tells_its_steps(
    executions: Any, workflow: str, runtime: RuntimeProcess
) -> None:
    body = {"argument": "{}", "executionHistoryLevel": "EXECUTION_HISTORY_DETAILED"}
    name = executions.create(parent=workflow, body=body).execute()["name"]
    listed = until(lambda: executions.callbacks().list(parent=name).execute(), lambda found: found.get("callbacks"))
    (callback,) = listed["callbacks"]
    waiting = until(
        lambda: executions.callbacks().list(parent=name).execute()["callbacks"][0],
        lambda found: found.get("waiters") == "1",
    )
    assert (waiting["method"], waiting.get("availablePayloads")) == ("POST", None)
    key = callback["name"].rpartition("/")[2]
    request = urllib.request.Request(
        f"{runtime.url}/v1/{name}/callbacks/{key}",
        data=b'{"yes": 1}',
        headers={"Content-Type": "application/json"},
        method="POST",
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.status == 200
    ended = until(lambda: executions.get(name=name, view="FULL").execute(), lambda found: found["state"] != "ACTIVE")
    assert json.loads(ended["result"]) == {"yes": 1}
    steps = executions.stepEntries().list(parent=name, orderBy="entryId desc", pageSize=10).execute()
    assert [entry["step"] for entry in steps["stepEntries"]] == ["done", "await", "open"]
    assert steps["totalSize"] == 3
    one = executions.stepEntries().get(name=steps["stepEntries"][0]["name"]).execute()
    assert one["variableData"]["variables"]["request"]["type"] == "HTTP"
    assert json.loads(executions.exportData(name=name).execute()["data"])["execution"] == name
    assert executions.deleteExecutionHistory(name=name, body={}).execute() == {}
    assert executions.stepEntries().list(parent=name).execute() == {}


def test_executions_are_listed_page_by_page_and_cancelled(executions: Any, workflow: str) -> None:
    made = [executions.create(parent=workflow, body={}).execute()["name"] for _ in range(3)]
    found: list[str] = []
    request = executions.list(parent=workflow, pageSize=2, view="FULL", filter="state=ACTIVE OR state=QUEUED")
    while request is not None:
        answer = request.execute()
        found += [execution["name"] for execution in answer["executions"]]
        request = executions.list_next(request, answer)
    assert found == made[::-1]
    for name in made:
        assert executions.cancel(name=name, body={}).execute()["name"] == name
    until(
        lambda: executions.list(parent=workflow, filter="state=CANCELLED").execute(),
        lambda answer: len(answer.get("executions", [])) == len(made),
    )


def test_a_wrong_argument_is_told_with_its_reason(executions: Any, workflow: str) -> None:
    with pytest.raises(HttpError) as caught:
        executions.create(parent=workflow, body={"argument": "{"}).execute()
    assert caught.value.status_code == 400
    assert "is not valid JSON" in caught.value.reason


def test_operations_and_locations_are_there(runtime: RuntimeProcess, workflow: str) -> None:
    with api(runtime, "workflows") as found:
        locations = found.projects().locations()
        operations = locations.operations().list(name=PARENT, pageSize=1000).execute()["operations"]
        mine = next(found for found in operations if found["metadata"].get("target") == workflow)
        assert locations.operations().get(name=mine["name"]).execute() == mine
        assert locations.operations().delete(name=mine["name"]).execute() == {}
        assert locations.get(name=PARENT).execute()["locationId"] == LOCATION
        listed = locations.list(name=f"projects/{PROJECT}").execute()["locations"]
        assert LOCATION in [location["locationId"] for location in listed]
