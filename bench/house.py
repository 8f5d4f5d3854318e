"""A real `hakobune up` in a process of its own, and what a client says to it."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from bench.processes import own_cpu_s, tree_cpu_s

HAKOBUNE = str(Path(sys.executable).with_name("hakobune"))
PROJECT = "bench-project"
LOCATION = "asia-northeast1"
POLL_S = 0.05  # between looks at an execution
_SUPERVISOR_WITHIN_S = 30.0
_LOOK_S = 0.001  # between looks at a port that is about to open
_BASE = f"/v2/projects/{PROJECT}/locations/{LOCATION}/jobs"
_ENDED = ("CONDITION_SUCCEEDED", "CONDITION_FAILED")


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except FileNotFoundError:
        return ""


def free_port() -> int:
    """A port that nobody has now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@dataclass(slots=True)
class House:
    """A runtime on a data directory. Starts by hand, ends with the `with` block."""

    directory: Path
    environ: Mapping[str, str] = field(default_factory=dict)
    flags: Sequence[str] = ()  # of `hakobune up`, beside directory, project and ports
    port: int = field(default_factory=free_port)
    grpc_port: int = field(default_factory=free_port)
    _process: subprocess.Popen[bytes] | None = None
    _connection: http.client.HTTPConnection | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def log(self) -> Path:
        """What the runtime printed."""
        return self.directory.with_name(self.directory.name + ".log")

    @property
    def pid(self) -> int:
        """Of the control plane."""
        assert self._process is not None
        return self._process.pid

    @property
    def supervisor_pid(self) -> int:
        """Of the process that owns the attempts. It starts beside the control plane, and may not be there at once."""
        end_s = time.perf_counter() + _SUPERVISOR_WITHIN_S
        while time.perf_counter() < end_s:
            if text := _text(self.directory / "supervisor" / "lock"):
                return int(text)
            time.sleep(_LOOK_S)
        raise TimeoutError(f"no supervisor within {_SUPERVISOR_WITHIN_S} s: {self.log.read_text()}")

    def start(self, within_s: float = 60.0) -> float:
        """Start it; seconds from the spawn to the first 200 of /healthz."""
        words = [HAKOBUNE, "up", "--data", str(self.directory), "--project", PROJECT]
        words += ["--port", str(self.port), "--grpc-port", str(self.grpc_port), *self.flags]
        with open(self.log, "ab") as log:
            started_s = time.perf_counter()
            self._process = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**os.environ, **self.environ}
            )
        while time.perf_counter() - started_s < within_s:
            if self._process.poll() is not None:
                raise RuntimeError(f"the runtime ended with {self._process.returncode}: {self.log.read_text()}")
            if self._is_ready():
                return time.perf_counter() - started_s
            time.sleep(_LOOK_S)
        raise TimeoutError(f"not ready within {within_s} s: {self.log.read_text()}")

    def _is_ready(self) -> bool:
        try:
            return self.call("GET", "/healthz")[0] == 200
        except OSError:
            return False

    def stop(self) -> None:
        """An orderly stop, tasks included."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(30)
            self._process = None

    def cpu_s(self) -> float:
        """Of control plane, supervisor (its child) and all that ever ran below them."""
        return tree_cpu_s(self.pid)

    def control_plane_cpu_s(self) -> float:
        """Of the control plane alone."""
        return own_cpu_s(self.pid)

    def supervisor_cpu_s(self) -> float:
        """Of the supervisor alone."""
        return own_cpu_s(self.supervisor_pid)

    # -- what a client says ---------------------------------------------------------------------------------------

    def call(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """Status and JSON of an answer, over one connection that stays open. Raises OSError."""
        if self._connection is None:
            self._connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            data = None if body is None else json.dumps(body).encode()
            self._connection.request(method, path, body=data, headers={"Content-Type": "application/json"})
            answer = self._connection.getresponse()
            content = answer.read()
        except OSError:
            self._connection.close()
            self._connection = None
            raise
        is_json = answer.getheader("Content-Type", "").startswith("application/json")
        return answer.status, json.loads(content) if is_json else content.decode()

    def sure(self, method: str, path: str, body: object = None) -> Any:
        """The JSON of a 200. Raises RuntimeError."""
        status, found = self.call(method, path, body)
        if status != 200:
            raise RuntimeError(f"{method} {path}: {status} {found}")
        return found

    def create_job(
        self,
        command: Sequence[str],
        *,
        tasks: int,
        parallelism: int,
        annotations: Mapping[str, str] | None = None,
        env: Mapping[str, str] | None = None,
    ) -> str:
        """A new job that runs a program of this machine; its id."""
        job = f"bench-{uuid.uuid4().hex[:8]}"
        variables = [{"name": name, "value": value} for name, value in (env or {}).items()]
        container = {"image": "local", "command": [command[0]], "args": list(command[1:]), "env": variables}
        template: dict[str, object] = {"taskCount": tasks, "parallelism": parallelism}
        template["annotations"] = dict(annotations or {})
        template["template"] = {"maxRetries": 0, "containers": [container]}
        self.sure("POST", f"{_BASE}?jobId={job}", {"template": template})
        return job

    def run_job(self, job: str) -> str:
        """Begin an execution; its name."""
        return str(self.sure("POST", self.run_path(job), {})["metadata"]["name"])

    def run_path(self, job: str) -> str:
        """Where an execution of a job is begun."""
        return f"{_BASE}/{job}:run"

    def wait(self, execution: str, poll_s: float = POLL_S) -> Any:
        """The execution when it has ended, looked at every `poll_s` seconds."""
        while True:
            found = self.sure("GET", f"/v2/{execution}")
            for condition in found.get("conditions", []):
                if condition["type"] == "Completed" and condition["state"] in _ENDED:
                    return found
            time.sleep(poll_s)

    def cancel(self, execution: str) -> None:
        """Stop an execution, and wait until it has ended."""
        self.sure("POST", f"/v2/{execution}:cancel", {})
        self.wait(execution)
