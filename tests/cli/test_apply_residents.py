"""`hakobune apply` of services and worker pools against a running server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from command_calls import Call

from runtime_process import RuntimeProcess

PROGRAM = """\
import http.server, os

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        text = os.environ["GREETING"].encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""
SERVICE = """\
apiVersion: serving.knative.dev/v1
kind: Service
metadata: {name: api}
spec:
  template:
    metadata: {annotations: {hakobune.dev/source: app}}
    spec:
      containers:
        - image: local
          command: [python3, main.py]
          env: [{name: GREETING, value: hello}]
"""
POOL = """\
apiVersion: run.googleapis.com/v1
kind: WorkerPool
metadata:
  name: workers
  annotations: {run.googleapis.com/manualInstanceCount: "1"}
spec: {template: {spec: {containers: [{image: local, command: [sleep, "600"]}]}}}
"""
TRIGGER = """\
kind: Trigger
name: uploads
eventFilters: [{attribute: type, value: google.cloud.pubsub.topic.v1.messagePublished}]
destination: {cloudRun: {service: api}}
"""


@pytest.fixture
def apply(command: Call, tmp_path: Path) -> Iterator[Call]:
    """`apply("--prune")` applies the folder of the test to a project of its own."""
    call = partial(command, "apply", "-f", ".", "-y")
    yield call
    for path in tmp_path.glob("*.yaml"):
        path.unlink()
    (tmp_path / "last.yaml").write_text("kind: Topic\nname: last\n")
    assert call("--prune").code == 0  # no instance outlives its test


@pytest.fixture
def held(runtime: RuntimeProcess, project: str) -> Callable[[str], Any]:
    """`held("services/api")`: the resource as the v2 API shows it, None where there is none."""

    def get(path: str) -> Any:
        answer = runtime.call("GET", f"/v2/projects/{project}/locations/us-central1/{path}")
        return answer.json if answer.status == 200 else None

    return get


def test_given_a_service_and_a_pool_when_they_are_applied_changed_and_pruned_then_they_are_as_defined(
    apply: Call, held: Callable[[str], Any], runtime: RuntimeProcess, tmp_path: Path, project: str
) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "main.py").write_text(PROGRAM)
    (tmp_path / "service.yaml").write_text(SERVICE)
    (tmp_path / "pool.yaml").write_text(POOL)
    (tmp_path / "trigger.yaml").write_text(TRIGGER)
    first = apply()
    assert first.code == 0, first.err
    assert first.err.splitlines() == [
        "service api (us-central1): created",
        "worker pool workers (us-central1): created",
        "trigger uploads (us-central1): created",
    ]
    revision = held("services/api")["latestReadyRevision"]
    host = {"Host": f"api-{project}.a.run.app"}
    assert runtime.call("GET", "/", headers=host).body == b"hello"
    assert apply().lines == ["Nothing to change: 3 resources are as defined."]
    assert held("services/api")["latestReadyRevision"] == revision

    (tmp_path / "service.yaml").write_text(SERVICE.replace("value: hello", "value: welcome"))
    (tmp_path / "pool.yaml").write_text(POOL.replace('"1"', '"2"'))
    assert apply().lines == [
        "~ service api (us-central1)",
        "    spec.template.spec.containers[api-1].env[GREETING].value: hello → welcome",
        "~ worker pool workers (us-central1)",
        "    metadata.annotations['run.googleapis.com/manualInstanceCount']: 1 → 2",
        "2 to change, 1 unchanged.",
        "Applied: 2 changed, 1 unchanged.",
    ]
    assert held("services/api")["latestReadyRevision"] != revision
    assert runtime.call("GET", "/", headers=host).body == b"welcome"
    assert held("workerPools/workers")["scaling"]["manualInstanceCount"] == 2

    (tmp_path / "app" / "main.py").write_text(PROGRAM.replace("200", "201"))
    assert apply("--brief").err == "service api (us-central1): changed\n"
    assert runtime.call("GET", "/", headers=host).status == 201

    (tmp_path / "trigger.yaml").unlink()
    (tmp_path / "service.yaml").unlink()
    assert apply("--prune").lines[:2] == ["- trigger uploads (us-central1)", "- service api (us-central1)"]
    assert held("services/api") is None
    assert held("workerPools/workers") is not None


def test_given_a_service_that_exits_at_once_when_it_is_applied_then_its_reason_is_told_and_its_trigger_left_out(
    apply: Call, tmp_path: Path
) -> None:
    (tmp_path / "service.yaml").write_text(
        SERVICE.replace("    metadata: {annotations: {hakobune.dev/source: app}}\n", "").replace(
            "[python3, main.py]", "[/bin/false]"
        )
    )
    (tmp_path / "trigger.yaml").write_text(TRIGGER)
    done = apply()
    assert done.code == 1
    lines = done.err.splitlines()
    assert lines[0].startswith("service api (us-central1): FAILED: ")
    assert "trigger uploads (us-central1): left out, because it needs service api (us-central1)" in lines
    again = apply()  # as it is defined, and no better for it
    assert (again.code, again.lines[0]) == (1, "… service api (us-central1): as defined, and not ready")
    assert again.err.splitlines()[0] == lines[0]
