"""A small stand-in for the APIs that a reception calls: Run's `:run` and executions, Workflows, Logging, metadata.

Only what the SDK sends. Answers can be lost, calls refused, and keys ignored as Google's own services do.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any, Self
from urllib.parse import urlsplit

from storage_stand_in import _Server

PLACE = "projects/p1/locations/asia-northeast1"
JOB = f"{PLACE}/jobs/thumbs"
WORKFLOW = f"{PLACE}/workflows/pipeline"


@dataclass
class Call:
    method: str
    path: str
    body: Any
    headers: dict[str, str]


@dataclass
class PlatformStandIn:
    """The server. `honours_keys`: whether a repeated key gets the execution that it began. `refuse`: the (status,
    message) of all calls whose path has the pattern. `lose_starts = n`: the next n starts are done, but not answered."""

    honours_keys: bool = True
    refuse: dict[str, tuple[int, str]] = field(default_factory=dict)
    lose_starts: int = 0
    on_start: Callable[[], object] = lambda: None
    on_look: Callable[[], object] = lambda: None
    executions: dict[str, dict[str, Any]] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    entries: list[dict[str, Any]] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        stand_in = self

        class Handler(_Handler):
            state = stand_in

        self._server = _Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self._server.server_port}"

    @property
    def environ(self) -> dict[str, str]:
        """Of a program that runs on it."""
        return {"HAKOBUNE_URL": f"http://{self.host}", "GCE_METADATA_HOST": self.host}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def starts(self) -> list[Call]:
        return [call for call in self.calls if call.method == "POST" and re.search(r":run$|/executions$", call.path)]

    def end(self, name: str, state: str, message: str = "", reason: str = "", **counts: int) -> None:
        """A job's execution ends."""
        condition = {"type": "Completed", "state": state, "message": message, "executionReason": reason}
        self.executions[name] |= {"conditions": [condition], **counts}

    def say(self, labels: dict[str, str], done: int, total: int, note: str = "", second: int = 0) -> None:
        """A line of progress in the log."""
        report = {"done": done, "total": total, "note": note}
        self.entries.append(
            {
                "timestamp": f"2026-01-02T03:04:{second:02}.5Z",
                "labels": labels,
                "jsonPayload": {"hakobune.dev/progress": report},
            }
        )

    def start(self, parent: str, key: str, body: Any) -> dict[str, Any]:
        with self.lock:
            if self.honours_keys and key in self.keys:
                return self.executions[self.keys[key]]
            name = f"{parent}/executions/e{len(self.executions)}"
            self.keys[key] = name
            if parent == WORKFLOW:
                self.executions[name] = {"name": name, "state": "ACTIVE", "labels": body["labels"]}
            else:
                env = body["overrides"]["containerOverrides"][0]["env"]
                self.executions[name] = {"name": name, "taskCount": 1, "template": {"containers": [{"env": env}]}}
            return self.executions[name]


class _Handler(BaseHTTPRequestHandler):
    state: PlatformStandIn
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        path = self._begin(None)
        metadata = {
            "/computeMetadata/v1/project/project-id": "p1",
            "/computeMetadata/v1/instance/region": "projects/123/regions/asia-northeast1",
        }
        if path == "/computeMetadata/v1/instance/service-accounts/default/token":
            return self._json(200, {"access_token": f"token{len(self.state.calls)}", "expires_in": 3600})
        if path in metadata:
            return self._answer(200, metadata[path].encode())
        name = path.split("/", 2)[2]
        if name in self.state.executions:
            self.state.on_look()
            return self._refused(path) or self._json(200, self.state.executions[name])
        if name.endswith("/executions"):
            return self._refused(path) or self._json(200, {"executions": list(self.state.executions.values())})
        return self._error(404, f"{name} was not found")

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))))
        path = self._begin(body)
        if self._refused(path):
            return None
        if path == "/v2/entries:list":
            known = [
                entry
                for entry in self.state.entries
                if any(f'"{v}"' in body["filter"] for v in entry["labels"].values())
            ]
            return self._json(200, {"entries": known})
        parent = path.split("/", 2)[2].removesuffix(":run").removesuffix("/executions")
        self.state.on_start()
        execution = self.state.start(parent, self.headers["Idempotency-Key"], body)
        if self.state.lose_starts:
            self.state.lose_starts -= 1
            self.close_connection = True
            return None
        return self._json(200, execution if parent == WORKFLOW else {"name": "operations/o", "metadata": execution})

    def _begin(self, body: Any) -> str:
        path = urlsplit(self.path).path
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.state.calls.append(Call(self.command, path, body, headers))
        return path

    def _refused(self, path: str) -> bool:
        for pattern, (status, message) in self.state.refuse.items():
            if re.search(pattern, path):
                self._error(status, message)
                return True
        return False

    def _error(self, status: int, message: str) -> None:
        self._json(status, {"error": {"code": status, "message": message}})

    def _json(self, status: int, document: object) -> None:
        self._answer(status, json.dumps(document).encode())

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
