"""A small stand-in for the front door: the v1 (Knative-shaped) Run API over an in-memory table.

It answers what the command line and gcloud ask, records every request, and moves an execution one picture
forward each time it is read, so that waiting is exercised without clocks. It takes origin-form and absolute-form
requests (gcloud comes through it as through a proxy).
"""

from __future__ import annotations

import copy
import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

PROJECT = "p1"
REGION = "us-central1"
CREATED = "2026-11-23T05:00:00.101000Z"
DONE = "2026-11-23T05:01:05.301000Z"


@dataclass
class Seen:
    """One request as it arrived."""

    method: str
    host: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: Any


@dataclass
class Stub:
    """The state of the server and the script it follows."""

    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    executions: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    tasks: dict[str, dict[str, Any]] = field(default_factory=dict)
    workflows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)  # and their executions, by full name
    policies: dict[str, dict[str, Any]] = field(default_factory=dict)
    entries: list[dict[str, Any]] = field(default_factory=list)
    progress: dict[str, dict[str, Any]] = field(default_factory=dict)
    env: dict[str, str] = field(default_factory=dict)
    checks: list[dict[str, str]] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)
    failing: set[str] = field(default_factory=set)
    never_ending: set[str] = field(default_factory=set)
    errors: dict[tuple[str, str], tuple[int, dict[str, Any]]] = field(default_factory=dict)
    page_size: int = 1000
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def writes(self) -> list[Seen]:
        return [request for request in self.seen if request.method != "GET"]

    def last(self, method: str) -> Seen:
        return [request for request in self.seen if request.method == method][-1]

    def add_job(self, name: str, **spec: Any) -> dict[str, Any]:
        job = a_job(name, **spec)
        self.jobs[name] = job
        return job

    def add_execution(self, execution: dict[str, Any]) -> dict[str, Any]:
        self.executions[execution["metadata"]["name"]] = [execution]
        return execution

    def start(self, job: dict[str, Any], overrides: dict[str, Any]) -> dict[str, Any]:
        """Make the pictures of a new execution; the first is the answer to `:run`."""
        name = job["metadata"]["name"]
        status = job["status"]
        status["executionCount"] = status.get("executionCount", 0) + 1
        execution = f"{name}-x{status['executionCount']:04d}"
        count = overrides.get("taskCount") or job["spec"]["template"]["spec"].get("taskCount", 1)
        pictures = [
            an_execution(execution, name, count=count, state="new"),
            an_execution(execution, name, count=count, state="started"),
            an_execution(execution, name, count=count, state="running", succeeded=min(1, count - 1), running=1),
        ]
        if name in self.failing:
            pictures.append(an_execution(execution, name, count=count, state="failed", succeeded=count - 1))
        elif name not in self.never_ending:
            pictures.append(an_execution(execution, name, count=count, state="succeeded", succeeded=count))
        for picture in pictures:
            picture["spec"]["template"] = copy.deepcopy(job["spec"]["template"]["spec"]["template"])
        status["latestCreatedExecution"] = {"name": execution, "creationTimestamp": CREATED}
        self.executions[execution] = pictures
        return pictures[0]


def a_job(name: str, **spec: Any) -> dict[str, Any]:
    """A finished job as the server would answer it."""
    task_spec: dict[str, Any] = {
        "containers": [
            {
                "image": "us-docker.pkg.dev/p1/app/thumbs:1",
                "name": f"{name}-1",
                "resources": {"limits": {"cpu": "1000m", "memory": "512Mi"}},
            }
        ],
        "maxRetries": 3,
        "serviceAccountName": "batch@p1.iam.gserviceaccount.com",
        "timeoutSeconds": "600",
    }
    task_spec.update(spec.pop("task", {}))
    return {
        "apiVersion": "run.googleapis.com/v1",
        "kind": "Job",
        "metadata": {
            "annotations": {
                "run.googleapis.com/creator": "me@example.com",
                "run.googleapis.com/lastModifier": "me@example.com",
                "run.googleapis.com/operation-id": "8a0c",
                **spec.pop("annotations", {}),
            },
            "creationTimestamp": "2026-11-20T01:02:03.456789Z",
            "generation": 1,
            "labels": {
                "cloud.googleapis.com/location": spec.pop("region", REGION),
                "run.googleapis.com/lastUpdatedTime": "2026-11-20T01:02:03.456789Z",
                **spec.pop("labels", {}),
            },
            "name": name,
            "namespace": "123456789012",
            "resourceVersion": "AAYkK",
            "selfLink": f"/apis/run.googleapis.com/v1/namespaces/123456789012/jobs/{name}",
            "uid": f"uid-{name}",
        },
        "spec": {
            "template": {
                "metadata": {"annotations": spec.pop("template_annotations", {})},
                "spec": {"taskCount": 3, "template": {"spec": task_spec}, **spec},
            }
        },
        "status": {
            "conditions": [{"lastTransitionTime": CREATED, "status": "True", "type": "Ready"}],
            "observedGeneration": 1,
        },
    }


def an_execution(
    name: str,
    job: str,
    *,
    count: int = 3,
    state: str = "succeeded",
    succeeded: int = 0,
    running: int = 0,
    created: str = CREATED,
) -> dict[str, Any]:
    """One picture of an execution: new, started, running, succeeded, failed or cancelled."""
    conditions = {
        "new": [("Completed", "Unknown", "", "")],
        "started": [
            ("Completed", "Unknown", "", "Waiting for execution to complete."),
            ("ResourcesAvailable", "True", "", "Provisioned imported containers."),
            ("Started", "Unknown", "", "Waiting for execution to start."),
        ],
        "running": [
            ("Completed", "Unknown", "", "Waiting for execution to complete."),
            ("ResourcesAvailable", "True", "", "Provisioned imported containers."),
            ("Started", "True", "", "Started deployed execution in 0.5s."),
            ("Retry", "True", "WaitingForOperation", "System will retry after 30:00"),
        ],
        "succeeded": [
            ("Completed", "True", "", "Execution completed successfully in 12.3s."),
            ("ResourcesAvailable", "True", "", "Provisioned imported containers."),
            ("Started", "True", "", "Started deployed execution in 0.5s."),
        ],
        "failed": [
            (
                "Completed",
                "False",
                "NonZeroExitCode",
                f"Task {name}-task1 failed with exit code: 3 and message: The container exited with an error.",
            ),
            ("ResourcesAvailable", "True", "", "Provisioned imported containers."),
            ("Started", "True", "", "Started deployed execution in 0.5s."),
        ],
        "cancelled": [
            ("Completed", "False", "Cancelled", "Cancelled by user."),
            ("Started", "True", "", "Started deployed execution in 0.5s."),
        ],
    }[state]
    final = state in ("succeeded", "failed", "cancelled")
    status: dict[str, Any] = {
        "conditions": [
            {
                "type": kind,
                "status": truth,
                "lastTransitionTime": created,
                **({"reason": reason} if reason else {}),
                **({"message": message} if message else {}),
                **({"severity": "Info"} if kind == "Retry" else {}),
            }
            for kind, truth, reason, message in conditions
        ],
        "logUri": f"https://console.cloud.google.com/logs/{name}",
        "observedGeneration": 1,
    }
    if state != "new":
        status["startTime"] = created
    if succeeded:
        status["succeededCount"] = succeeded
    if running:
        status["runningCount"] = running
    if state == "failed":
        status["failedCount"] = 1
    if state == "cancelled":
        status["cancelledCount"] = 2
    if final:
        status["completionTime"] = DONE
    return {
        "apiVersion": "run.googleapis.com/v1",
        "kind": "Execution",
        "metadata": {
            "annotations": {"run.googleapis.com/creator": "me@example.com"},
            "creationTimestamp": created,
            "generation": 1,
            "labels": {
                "cloud.googleapis.com/location": REGION,
                "run.googleapis.com/job": job,
                "run.googleapis.com/jobGeneration": "1",
                **({} if final else {"run.googleapis.com/servingState": "Active"}),
            },
            "name": name,
            "namespace": PROJECT,
            "resourceVersion": "AAYkL",
            "selfLink": f"/apis/run.googleapis.com/v1/namespaces/p1/executions/{name}",
            "uid": f"uid-{name}",
        },
        "spec": {
            "parallelism": 2,
            "taskCount": count,
            "template": {
                "spec": {
                    "containers": [
                        {
                            "image": "us-docker.pkg.dev/p1/app/thumbs:1",
                            "name": f"{job}-1",
                            "resources": {"limits": {"cpu": "1000m", "memory": "512Mi"}},
                        }
                    ],
                    "maxRetries": 3,
                    "timeoutSeconds": "3660",
                }
            },
        },
        "status": status,
    }


def a_task(execution: str, index: int, state: str, *, retried: int = 0, exit_code: int = 0) -> dict[str, Any]:
    """One task of an execution, in a running state that the labels name."""
    started = state in ("Running", "Succeeded", "Failed", "Cancelled")
    ended = state in ("Succeeded", "Failed", "Cancelled")
    status: dict[str, Any] = {
        "conditions": [
            {
                "type": "Completed",
                "status": {"Succeeded": "True", "Failed": "False", "Cancelled": "False"}.get(state, "Unknown"),
                "lastTransitionTime": CREATED,
                **({"message": f"Task {execution}-task{index} failed."} if state == "Failed" else {}),
            }
        ],
        "observedGeneration": 1,
    }
    if index:
        status["index"] = index
    if retried:
        status["retried"] = retried
    if started:
        status["startTime"] = CREATED
    if ended:
        status["completionTime"] = DONE
    if state == "Failed":
        status["lastAttemptResult"] = {"exitCode": exit_code, "status": {"code": 2, "message": "It exited."}}
    return {
        "apiVersion": "run.googleapis.com/v1",
        "kind": "Task",
        "metadata": {
            "annotations": {},
            "creationTimestamp": CREATED,
            "generation": 1,
            "labels": {
                "cloud.googleapis.com/location": REGION,
                "run.googleapis.com/execution": execution,
                "run.googleapis.com/runningState": state,
            },
            "name": f"{execution}-task{index}",
            "namespace": PROJECT,
        },
        "spec": {
            "containers": [
                {"image": "thumbs:1", "name": "thumbs-1", "resources": {"limits": {"cpu": "1000m", "memory": "512Mi"}}}
            ],
            "maxRetries": 3,
            "timeoutSeconds": "600",
        },
        "status": status,
    }


def _matches(labels: dict[str, str], selector: str) -> bool:
    """Knative label selectors as gcloud writes them: `k = v`, `k in (a,b)`, joined by commas."""
    rest = selector
    while rest:
        rest = rest.strip(" ,")
        if not rest:
            break
        key = rest.split()[0]
        rest = rest[len(key) :].strip()
        if rest.startswith("in"):
            inside, _, rest = rest.partition("(")[2].partition(")")
            if labels.get(key) not in inside.split(","):
                return False
        else:
            value, _, rest = rest.lstrip("= ").partition(",")
            if labels.get(key) != value.strip():
                return False
    return True


def _error(code: int, message: str, status: str) -> tuple[int, dict[str, Any]]:
    return code, {"error": {"code": code, "message": message, "status": status}}


def _handler(stub: Stub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def log_message(self, *args: Any) -> None:
            del args

        def _serve(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            raw = self.rfile.read(length)
            url = urlsplit(self.path)
            request = Seen(
                method=self.command,
                host=url.netloc or self.headers.get("Host", ""),
                path=url.path,
                query=parse_qs(url.query),
                headers={key.lower(): value for key, value in self.headers.items()},
                body=json.loads(raw) if raw else None,
            )
            stub.seen.append(request)
            code, answer = _answer(stub, request)
            body = json.dumps(answer).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815

    return Handler


def _answer(stub: Stub, request: Seen) -> tuple[int, dict[str, Any]]:
    for (method, part), answer in stub.errors.items():
        if request.method == method and part in request.path:
            return answer
    if request.path == "/hakobune/v1/env":
        return 200, dict(stub.env)
    if request.path == "/hakobune/v1/doctor":
        return 200, {"checks": stub.checks}
    if request.path == "/v2/entries:list":
        return 200, _page_of_entries(stub, request.body)
    if request.path.endswith("/progress"):
        found = stub.progress.get(request.path.split("/")[-2])
        return (200, found) if found else _error(404, "No task of this execution has reported progress.", "NOT_FOUND")
    if ":getIamPolicy" in request.path:
        return 200, stub.policies.get(request.path.partition(":")[0], {"etag": "ACAB"})
    if ":setIamPolicy" in request.path:
        stub.policies[request.path.partition(":")[0]] = request.body["policy"]
        return 200, request.body["policy"]
    if request.path.endswith(":rerun"):
        parent = request.path.removeprefix("/v2/").partition("/executions/")[0]
        new = stub.start(stub.jobs[parent.rpartition("/")[2]], {})["metadata"]["name"]
        metadata = {"name": f"{parent}/executions/{new}"}
        return 200, {"name": "projects/p1/locations/us-central1/operations/1", "done": False, "metadata": metadata}
    if request.path.startswith("/v1/projects/") and "/workflows/" in request.path:
        pictures = stub.workflows.get(request.path.removeprefix("/v1/"))
        if pictures is None:
            return _error(404, "It does not exist.", "NOT_FOUND")
        return 200, pictures.pop(0) if len(pictures) > 1 else pictures[0]
    if "/namespaces/" not in request.path:
        return 200, {"state": "ENABLED", "name": request.path, "projectNumber": "123456789012"}
    parts = request.path.split("/namespaces/")[1].split("/")
    kind, name = parts[1], parts[2] if len(parts) > 2 else ""
    name, _, verb = name.partition(":")
    if not name:
        return _collection(stub, request, kind)
    return _member(stub, request, kind, name, verb)


def _page_of_entries(stub: Stub, body: dict[str, Any]) -> dict[str, Any]:
    size = min(body.get("pageSize", 1000), stub.page_size)
    start = int(body.get("pageToken") or 0)
    since = body["filter"].partition('timestamp>="')[2].partition('"')[0]
    entries = [entry for entry in stub.entries if entry["timestamp"] >= since]
    entries.sort(key=lambda entry: entry["timestamp"], reverse=body["orderBy"].endswith("desc"))
    answer: dict[str, Any] = {"entries": entries[start : start + size]}
    if start + size < len(entries):
        answer["nextPageToken"] = str(start + size)
    return answer


def _collection(stub: Stub, request: Seen, kind: str) -> tuple[int, dict[str, Any]]:
    if request.method == "POST":
        job = request.body
        name = job["metadata"]["name"]
        if name in stub.jobs:
            return _error(409, f"Resource '{name}' already exists.", "ALREADY_EXISTS")
        made = a_job(name)
        made["metadata"]["annotations"].update(job["metadata"].get("annotations") or {})
        made["metadata"]["labels"].update(job["metadata"].get("labels") or {})
        made["spec"] = job["spec"]
        stub.jobs[name] = made
        return 200, made
    items: list[dict[str, Any]] = {
        "jobs": list(stub.jobs.values()),
        "executions": [pictures[0] for pictures in stub.executions.values()],
        "tasks": list(stub.tasks.values()),
    }[kind]
    selector = request.query.get("labelSelector", [""])[0]
    chosen = [item for item in items if _matches(item["metadata"]["labels"], selector)]
    start = int(request.query.get("continue", ["0"])[0])
    size = min(int(request.query.get("limit", ["1000"])[0]), stub.page_size)
    metadata = {"continue": str(start + size)} if start + size < len(chosen) else {}
    kind_name = kind.capitalize() + "List"
    return 200, {
        "apiVersion": "run.googleapis.com/v1",
        "kind": kind_name,
        "metadata": metadata,
        "items": chosen[start : start + size],
    }


def _member(stub: Stub, request: Seen, kind: str, name: str, verb: str) -> tuple[int, dict[str, Any]]:
    missing = _error(404, f"Resource '{name}' of kind '{kind[:-1].upper()}' does not exist.", "NOT_FOUND")
    if kind == "tasks":
        return (200, stub.tasks[name]) if name in stub.tasks else missing
    if kind == "jobs":
        if name not in stub.jobs:
            return missing
        if verb == "run":
            return 200, stub.start(stub.jobs[name], (request.body or {}).get("overrides") or {})
        if request.method == "PUT":
            job = stub.jobs[name]
            job["spec"] = request.body["spec"]
            job["metadata"]["labels"] = request.body["metadata"].get("labels", {})
            job["metadata"]["annotations"] = request.body["metadata"].get("annotations", {})
            job["metadata"]["generation"] += 1
            job["status"]["observedGeneration"] = job["metadata"]["generation"]
            return 200, job
        if request.method == "DELETE":
            del stub.jobs[name]
            return 200, {"kind": "Status", "status": "Success"}
        return 200, stub.jobs[name]
    pictures = stub.executions.get(name)
    if pictures is None:
        return missing
    if verb == "cancel":
        if pictures[0]["status"].get("completionTime") is None:
            job = pictures[0]["metadata"]["labels"]["run.googleapis.com/job"]
            stub.executions[name] = [pictures[0], an_execution(name, job, state="cancelled")]
        return 200, pictures[0]
    if request.method == "DELETE":
        del stub.executions[name]
        return 200, {"kind": "Status", "status": "Success"}
    if len(pictures) > 1:
        pictures.pop(0)
    return 200, pictures[0]


class Server:
    """`with Server() as stub:` serves on a free loopback port until the block ends."""

    def __enter__(self) -> Stub:
        self.stub = Stub()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self.stub))
        self._server.daemon_threads = True
        self.stub.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        return self.stub

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
