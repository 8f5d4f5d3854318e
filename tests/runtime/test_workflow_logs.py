"""The log of workflow executions, as clients read it: what is told, by which level, and once, also through kills."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections import Counter
from typing import Any

import pytest

from runtime_process import HAKOBUNE, LOCATION, PROJECT, RuntimeProcess

BASE = f"/v1/projects/{PROJECT}/locations/{LOCATION}/workflows"
RESOURCE = 'resource.type="workflows.googleapis.com/Workflow"'
SYSTEM = f'logName="projects/{PROJECT}/logs/workflows.googleapis.com%2Fexecutions_system"'
CALLS = f'logName="projects/{PROJECT}/logs/workflows.googleapis.com%2Fengine_call"'
USER = f'logName="projects/{PROJECT}/logs/Workflows"'
LABEL = 'labels."workflows.googleapis.com/execution_id"'
FINAL = ("SUCCEEDED", "FAILED", "CANCELLED")

SPEAKS = """
main:
  params: [args]
  steps:
    - say:
        call: sys.log
        args: {text: "hello, harbour", severity: WARNING}
    - tell:
        call: sys.log
        args:
          json: {ship: one, cargo: [1, 2]}
    - hide:
        try:
          call: http.get
          args:
            url: http://127.0.0.1:1/
            headers: {Authorization: Bearer secret}
        except:
          as: e
          steps:
            - keep:
                assign: [{kept: "${e.message}"}]
    - done:
        return: ${args.n}
"""
FAILS = "main:\n  steps:\n    - burst:\n        raise: no luck\n"
SLEEPS = "main:\n  steps:\n    - doze:\n        call: sys.sleep\n        args: {seconds: 3600}\n"
CHAIN = """
main:
  steps:
    - turns:
        for:
          value: i
          range: [1, 12]
          steps:
            - wait:
                call: sys.sleep
                args: {seconds: 0.1}
            - say:
                call: sys.log
                args:
                  text: ${"turn " + string(i)}
"""


def deploy(runtime: RuntimeProcess, workflow: str, source: str, **fields: object) -> None:
    answer = runtime.call("POST", f"{BASE}?workflowId={workflow}", {"sourceContents": source, **fields})
    assert answer.status == 200, answer.body
    assert "response" in answer.json, answer.body


def execute(runtime: RuntimeProcess, workflow: str, **body: object) -> str:
    answer = runtime.call("POST", f"{BASE}/{workflow}/executions", body)
    assert answer.status == 200, answer.body
    return str(answer.json["name"])


def finished(runtime: RuntimeProcess, execution: str, within_s: float = 60.0) -> Any:
    end_s = time.monotonic() + within_s
    while True:
        found = runtime.call("GET", f"/v1/{execution}").json
        if found["state"] in FINAL:
            return found
        assert time.monotonic() < end_s, found
        time.sleep(0.02)


def entries(runtime: RuntimeProcess, execution: str, *filters: str, count: int, within_s: float = 10.0) -> list[Any]:
    """The execution's entries, as soon as there are so many; then there must not be more."""
    text = " AND ".join([RESOURCE, f'{LABEL}="{execution.rpartition("/")[2]}"', *filters])
    end_s = time.monotonic() + within_s
    found = runtime.entries(text)
    while len(found) < count and time.monotonic() < end_s:
        time.sleep(0.05)
        found = runtime.entries(text)
    assert len(found) == count, found
    return found


def test_given_an_execution_then_its_begin_and_its_end_are_in_the_log(runtime: RuntimeProcess) -> None:
    deploy(runtime, "log-ends", "main:\n  params: [a]\n  steps:\n    - d:\n        return: ${a.n}\n")
    execution = execute(runtime, "log-ends", argument='{"n": 7}')
    ended = finished(runtime, execution)
    begin, end = entries(runtime, execution, SYSTEM, "severity=INFO", count=2)
    assert begin["resource"] == {
        "type": "workflows.googleapis.com/Workflow",
        "labels": {"project_id": PROJECT, "location": LOCATION, "workflow_id": "log-ends"},
    }
    assert begin["labels"]["workflows.googleapis.com/revision_id"] == ended["workflowRevisionId"]
    assert (begin["jsonPayload"]["state"], begin["jsonPayload"]["start"]) == ("ACTIVE", {"argument": '{"n": 7}'})
    assert (end["jsonPayload"]["state"], end["jsonPayload"]["success"]) == ("SUCCEEDED", {"result": "7"})
    assert begin["timestamp"] == ended["startTime"]
    assert end["timestamp"] == ended["endTime"]
    entries(runtime, execution, count=2)  # and no call is logged where nobody asked for it


def test_given_a_failure_and_a_cancel_then_the_log_tells_which(runtime: RuntimeProcess) -> None:
    deploy(runtime, "log-fails", FAILS)
    failed = execute(runtime, "log-fails")
    finished(runtime, failed)
    (error,) = entries(runtime, failed, "severity>=ERROR", count=1)
    assert error["jsonPayload"]["failure"] == {"exception": 'RuntimeError: "no luck"', "source": "main.burst"}
    deploy(runtime, "log-sleeps", SLEEPS)
    cancelled = execute(runtime, "log-sleeps")
    assert runtime.call("POST", f"/v1/{cancelled}:cancel", {}).status == 200
    found = entries(runtime, cancelled, SYSTEM, count=2)
    assert [entry["jsonPayload"]["state"] for entry in found] == ["ACTIVE", "CANCELLED"]


@pytest.mark.parametrize(
    ("of_workflow", "of_execution", "states"),
    [
        ("", "", []),
        ("LOG_NONE", "", []),
        ("LOG_ALL_CALLS", "LOG_NONE", []),
        ("", "LOG_ERRORS_ONLY", ["EXCEPTION_RAISED", "EXCEPTION_HANDLED"]),
        (
            "LOG_ALL_CALLS",
            "",
            ["BEGUN", "SUCCEEDED"] * 2 + ["BEGUN", "EXCEPTION_RAISED", "EXCEPTION_HANDLED"],
        ),
    ],
)
def test_given_a_level_then_calls_are_logged_by_it_and_the_executions_own_wins(
    runtime: RuntimeProcess, of_workflow: str, of_execution: str, states: list[str]
) -> None:
    workflow = f"log-level-{(of_workflow + of_execution).lower().replace('_', '-')}".rstrip("-")
    deploy(runtime, workflow, SPEAKS, **({"callLogLevel": of_workflow} if of_workflow else {}))
    more = {"callLogLevel": of_execution} if of_execution else {}
    execution = execute(runtime, workflow, argument='{"n": 1}', **more)
    assert finished(runtime, execution)["state"] == "SUCCEEDED"
    entries(runtime, execution, SYSTEM, count=2)
    found = entries(runtime, execution, CALLS, count=len(states))
    assert [entry["jsonPayload"]["state"] for entry in found] == states
    assert {entry["severity"] for entry in found} <= {"DEBUG"}
    assert "secret" not in json.dumps(found)
    if of_workflow == "LOG_ALL_CALLS" and states:
        payload = found[4]["jsonPayload"]
        assert (payload["step"], payload["callee"]) == ("hide", "http.get")
        assert payload["begun"]["namedArgs"]["headers"] == {"Authorization": "[REDACTED]"}
        assert found[6]["jsonPayload"]["exceptionHandled"]["origin"] == "hide"


def test_given_sys_log_then_the_users_log_has_text_or_json_with_its_severity(runtime: RuntimeProcess) -> None:
    deploy(runtime, "log-speaks", SPEAKS)
    execution = execute(runtime, "log-speaks", argument='{"n": 1}')
    said, told = entries(runtime, execution, USER, count=2)
    assert (said["textPayload"], said["severity"]) == ("hello, harbour", "WARNING")
    assert (told["jsonPayload"], told.get("severity", "DEFAULT")) == ({"ship": "one", "cargo": [1, 2]}, "DEFAULT")
    assert "jsonPayload" not in said
    assert said["resource"]["labels"]["workflow_id"] == "log-speaks"
    command = [HAKOBUNE, "logging", "read", f'{USER} AND severity>=WARNING AND "hello, harbour"', "--format=json"]
    environ = {**os.environ, "HAKOBUNE_URL": runtime.url, "CLOUDSDK_CORE_PROJECT": PROJECT}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "hello, harbour" in {entry.get("textPayload") for entry in json.loads(done.stdout)}


def test_given_limits_that_only_warn_when_broken_then_the_log_says_so_once(own_runtime: RuntimeProcess) -> None:
    own_runtime.arguments = (*own_runtime.arguments, "--limits=warn")
    own_runtime.start()
    many = ", ".join(f"{{v{number}: 1}}" for number in range(51))
    turns = "[{a: {assign: [{x: 1}]}}, {b: {assign: [{x: 2}]}}]"
    loop = f"    - long: {{for: {{value: i, range: [1, 60000], steps: {turns}}}}}\n"
    deploy(own_runtime, "wide", f"main:\n  steps:\n    - many: {{assign: [{many}]}}\n{loop}    - done: {{return: 1}}\n")
    execution = execute(own_runtime, "wide")
    assert finished(own_runtime, execution)["state"] == "SUCCEEDED"
    (broken,) = entries(own_runtime, execution, SYSTEM, "severity=WARNING", count=1)
    assert "steps were executed, the limit of the service is 100000." in broken["jsonPayload"]["message"]
    assert len(entries(own_runtime, execution, SYSTEM, "severity=INFO", count=2)) == 2
    warned = own_runtime.entries(f'{SYSTEM} AND severity=WARNING AND jsonPayload.message:"assignments"')
    assert [entry["resource"]["labels"]["workflow_id"] for entry in warned] == ["wide"], warned


def test_given_kills_then_each_entry_is_there_once(own_runtime: RuntimeProcess) -> None:
    own_runtime.start()
    deploy(own_runtime, "chain", CHAIN, callLogLevel="LOG_ALL_CALLS")
    executions = [execute(own_runtime, "chain") for _ in range(10)]
    for pause_s in (0.3, 0.05, 0.6, 0.4):
        time.sleep(pause_s)  # how far they come is chance: each kill meets another instant
        own_runtime.kill()
        own_runtime.start()
    for execution in executions:
        assert finished(own_runtime, execution)["state"] == "SUCCEEDED"
    own_runtime.kill()  # before the entries of the last ends are surely written
    own_runtime.start()
    for execution in executions:
        told = entries(own_runtime, execution, SYSTEM, count=2)
        assert [entry["jsonPayload"]["state"] for entry in told] == ["ACTIVE", "SUCCEEDED"]
        said = entries(own_runtime, execution, USER, count=12)
        assert Counter(entry["textPayload"] for entry in said) == Counter(f"turn {i}" for i in range(1, 13))
        called = entries(own_runtime, execution, CALLS, count=48)
        assert Counter(entry["jsonPayload"]["state"] for entry in called) == {"BEGUN": 24, "SUCCEEDED": 24}
        ids = [entry["insertId"] for entry in [*told, *said, *called]]
        assert len(set(ids)) == len(ids)
