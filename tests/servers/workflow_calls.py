"""What the tests of the Workflows APIs share: deploying, executing, waiting."""

from __future__ import annotations

import json
import time
from typing import Any

from runtime_process import LOCATION, PROJECT, Answer, RuntimeProcess

BASE = f"/v1/projects/{PROJECT}/locations/{LOCATION}"
DOUBLE = """
main:
  params: [args]
  steps:
    - compute:
        assign:
          - twice: ${args.n * 2}
    - done:
        return: ${twice}
"""
FAIL = """
main:
  steps:
    - boom:
        raise: "no luck"
"""
SLEEP = """
main:
  steps:
    - doze:
        call: sys.sleep
        args:
          seconds: 3600
"""
CALLBACK = """
main:
  params: [args]
  steps:
    - open:
        call: events.create_callback_endpoint
        args:
          http_callback_method: ${default(map.get(args, "method"), "POST")}
        result: endpoint
    - tell:
        call: sys.log
        args:
          text: ${endpoint.url}
    - await:
        call: events.await_callback
        args:
          callback: ${endpoint}
          timeout: 600
        result: request
    - done:
        return: ${request.http_request}
"""
FINAL = frozenset({"SUCCEEDED", "FAILED", "CANCELLED"})


def deploy(runtime: RuntimeProcess, workflow: str, source: str, base: str = BASE, **fields: object) -> Any:
    """Deploys a workflow; the operation."""
    answer = runtime.call("POST", f"{base}/workflows?workflowId={workflow}", {"sourceContents": source, **fields})
    assert answer.status == 200, answer.body
    assert "response" in answer.json, answer.body
    return answer.json


def execute(runtime: RuntimeProcess, workflow: str, argument: object = None, base: str = BASE, **fields: object) -> str:
    """Begins an execution; its full name."""
    body = {**({} if argument is None else {"argument": json.dumps(argument)}), **fields}
    answer = runtime.call("POST", f"{base}/workflows/{workflow}/executions", body)
    assert answer.status == 200, answer.body
    return str(answer.json["name"])


def finished(runtime: RuntimeProcess, execution: str, within_s: float = 30.0) -> Any:
    """The execution when it has ended."""
    end_s = time.monotonic() + within_s
    while True:
        found = runtime.call("GET", f"/v1/{execution}").json
        if found["state"] in FINAL:
            return found
        assert time.monotonic() < end_s, f"{execution} has not ended within {within_s} s: {found}"
        time.sleep(0.02)


def callbacks(runtime: RuntimeProcess, execution: str, within_s: float = 30.0) -> list[Any]:
    """The execution's open callbacks, as soon as there is one."""
    end_s = time.monotonic() + within_s
    while True:
        found = runtime.call("GET", f"/v1/{execution}/callbacks").json.get("callbacks", [])
        if found:
            return list(found)
        assert time.monotonic() < end_s, f"{execution} has opened no callback within {within_s} s"
        time.sleep(0.02)


def refused(answer: Answer, status: int, reason: str) -> str:
    """The message of an error of this kind."""
    assert (answer.status, answer.json["error"]["status"]) == (status, reason), answer.body
    return str(answer.json["error"]["message"])
