"""A real runtime in a process of its own, for tests that look at it from outside."""

from __future__ import annotations

import http.client
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HAKOBUNE = str(Path(sys.executable).with_name("hakobune"))
PROJECT = "demo-project"
LOCATION = "asia-northeast1"
BASE = f"/v2/projects/{PROJECT}/locations/{LOCATION}"


# Below those that the kernel gives to outgoing connections, and those that the runtime gives to instances: what is free
# when it is asked for is still free when it is taken. Each worker has its own, so that two do not ask at once.
_PORTS_FIRST, _PORTS_OF_A_WORKER, _WORKERS_MAX = 10_000, 1_000, 9
_worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % _WORKERS_MAX
_ports = itertools.cycle(range(_PORTS_OF_A_WORKER))
_turn = os.getpid() * 37 % _PORTS_OF_A_WORKER  # another run beside this one begins elsewhere


def free_port() -> int:
    """A port that nobody has now."""
    for _ in range(_PORTS_OF_A_WORKER):
        place = (next(_ports) + _turn) % _PORTS_OF_A_WORKER
        port = _PORTS_FIRST + _worker * _PORTS_OF_A_WORKER + place
        with socket.socket() as found:
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                found.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no port is free")


@dataclass
class Answer:
    """Status, headers and body of one answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class RuntimeProcess:
    """`hakobune up` on a directory; may be killed and started again on the same ports."""

    directory: Path
    arguments: tuple[str, ...] = ()
    port: int = field(default_factory=free_port)
    grpc_port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None
    environ: dict[str, str] = field(default_factory=dict)
    program: tuple[str, ...] = (HAKOBUNE,)
    headers: dict[str, str] = field(default_factory=dict)  # of all that `call` sends
    host: str = "127.0.0.1"  # whom `call` asks; `--host` is among the arguments

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return (self.directory.parent / f"{self.directory.name}.log").read_text(errors="replace")

    def start(self, *, wait: bool = True) -> RuntimeProcess:
        self.directory.mkdir(parents=True, exist_ok=True)
        with open(self.directory.parent / f"{self.directory.name}.log", "ab") as log:
            self.process = subprocess.Popen(
                [
                    *self.program,
                    "up",
                    "--data",
                    str(self.directory),
                    "--port",
                    str(self.port),
                    "--grpc-port",
                    str(self.grpc_port),
                    *self.arguments,
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env={**os.environ, "GOOGLE_CLOUD_PROJECT": PROJECT, **self.environ},
            )
        if wait:
            self.wait_ready()
        return self

    def wait_ready(self, within_s: float = 60.0) -> None:
        end = time.monotonic() + within_s
        while time.monotonic() < end:
            assert self.process is not None
            if self.process.poll() is not None:
                raise AssertionError(f"the runtime ended with {self.process.returncode}:\n{self.log}")
            try:
                if self.call("GET", "/healthz", timeout=5).status == 200:
                    return
            except OSError:
                time.sleep(0.02)
        raise AssertionError(f"not ready within {within_s} s:\n{self.log}")

    def kill(self) -> None:
        """SIGKILL to the whole process group, as a crash; the attempts' supervisor has a session of its own."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self, within_s: float = 25.0) -> int:
        """An orderly stop; returns the exit code."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(within_s)

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        headers: dict[str, str] | None = None,
        timeout: float = 30.0,
    ) -> Answer:
        connection = http.client.HTTPConnection(self.host, self.port, timeout=timeout)
        try:
            data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
            connection.request(method, path, body=data, headers={**self.headers, **(headers or {})})
            answer = connection.getresponse()
            return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    # -- jobs -----------------------------------------------------------------------------------------------------

    def create(
        self, job: str, command: list[str], *, tasks: int = 1, parallelism: int = 0, **template: object
    ) -> Answer:
        container: dict[str, object] = {"image": "local", "command": command}
        for name in ("args", "env", "workingDir", "resources"):
            if name in template:
                container[name] = template.pop(name)
        annotations = template.pop("annotations", {})
        body = {
            "template": {
                "taskCount": tasks,
                "parallelism": parallelism,
                "annotations": annotations,
                "template": {"containers": [container], **template},
            }
        }
        return self.call("POST", f"{BASE}/jobs?jobId={job}", body)

    def run(self, job: str, body: object = None, **headers: str) -> str:
        """Starts an execution; returns its full name."""
        answer = self.call("POST", f"{BASE}/jobs/{job}:run", body or {}, headers)
        assert answer.status == 200, answer.body
        return str(answer.json["metadata"]["name"])

    def get(self, name: str) -> Any:
        answer = self.call("GET", f"/v2/{name}")
        assert answer.status == 200, answer.body
        return answer.json

    def wait(self, execution: str, within_s: float = 60.0) -> Any:
        """The execution when it has ended."""
        end = time.monotonic() + within_s
        while time.monotonic() < end:
            found = self.get(execution)
            if completed(found).get("state") in ("CONDITION_SUCCEEDED", "CONDITION_FAILED"):
                return found
            time.sleep(0.02)
        raise AssertionError(f"{execution} has not ended within {within_s} s: {found}")

    def tasks(self, execution: str) -> list[Any]:
        found: list[Any] = []
        token = ""
        while True:
            answer = self.call("GET", f"/v2/{execution}/tasks?pageSize=1000&pageToken={token}")
            assert answer.status == 200, answer.body
            found += answer.json.get("tasks", [])
            token = answer.json.get("nextPageToken", "")
            if not token:
                return found

    def entries(self, text: str, size: int = 1000) -> list[Any]:
        """Log entries of the project, oldest first."""
        body = {
            "resourceNames": [f"projects/{PROJECT}"],
            "filter": text,
            "orderBy": "timestamp asc",
            "pageSize": size,
        }
        answer = self.call("POST", "/v2/entries:list", body)
        assert answer.status == 200, answer.body
        return list(answer.json.get("entries", []))


def completed(execution: Any) -> Any:
    """The condition Completed."""
    return next((c for c in execution.get("conditions", []) if c["type"] == "Completed"), {})
