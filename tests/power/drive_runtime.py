"""Runs the whole runtime with its supervisor, and marks what clients are told. Runs under the recorder.

Arguments: the recorded directory, a source directory. Everything ends with a SIGKILL of both processes.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import Any

from marks import mark
from power_client import TASKS, Client, free_ports

from hakobune.cli.main import main

PARENT = "/v2/projects/p/locations/tokyo"
RECORDED = ("LD_PRELOAD", "RECORDER_ROOT", "RECORDER_TRACE")
supervisors: list[int] = []
spawn_bare = os.posix_spawn


def spawn(path: str, words: list[str], env: dict[str, str], **options: Any) -> int:
    """The supervisor gets a clean environment, but it must be recorded. What it starts itself is not."""
    pid = spawn_bare(path, words, {**env, **{name: os.environ[name] for name in RECORDED}}, **options)
    supervisors.append(pid)
    return pid


def a_job(command: list[str], arguments: list[str], annotations: dict[str, str], wait_s: float) -> dict[str, object]:
    """A job whose tasks print three lines."""
    container = {
        "image": "local",
        "command": command,
        "args": arguments,
        "env": [{"name": "WAIT", "value": str(wait_s)}],
    }
    template = {"maxRetries": 0, "containers": [container]}
    return {"template": {"taskCount": TASKS, "parallelism": 3, "annotations": annotations, "template": template}}


def work(port: int, source: str) -> None:
    """Deploy, run, watch; mark each answer."""
    client = Client(port)
    client.wait_until_ready()
    script = 'for word in begin middle end; do echo $word $CLOUD_RUN_TASK_INDEX; done; sleep "$WAIT"'
    jobs = {
        "plain": a_job(["/bin/sh"], ["-c", script], {}, 0),
        "slow": a_job(["/bin/sh"], ["-c", script], {}, 0.05),
        "sourced": a_job(["/bin/sh"], ["main.sh"], {"hakobune.dev/source": source}, 0),
    }
    for name, job in jobs.items():
        operation = client.ask("POST", f"{PARENT}/jobs?jobId={name}", job)
        while not operation.get("done"):
            operation = client.ask("GET", f"/v2/{operation['name']}")
        assert "error" not in operation, operation
        mark(f"job {name}")
    for name in ("plain", "sourced", "slow"):
        operation = client.ask("POST", f"{PARENT}/jobs/{name}:run")
        execution = operation["metadata"]["name"]
        mark(f"run {operation['name']} {execution}")
        watch(client, operation["name"], execution, stop_after=TASKS // 2 if name == "slow" else TASKS)
    os.kill(supervisors[0], signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)


def watch(client: Client, operation: str, execution: str, stop_after: int) -> None:
    """Poll the tasks; mark each success once."""
    told: set[int] = set()
    while len(told) < stop_after:
        for task in client.ask("GET", f"/v2/{execution}/tasks?pageSize=100")["tasks"]:
            index = int(task.get("index", 0))
            if index not in told and task.get("completionTime"):
                told.add(index)
                mark(f"succeeded {execution} {index}")
    if stop_after == TASKS:
        while not client.ask("GET", f"/v2/{operation}").get("done"):
            pass
        mark(f"done {execution}")


if __name__ == "__main__":
    os.posix_spawn = spawn  # type: ignore[assignment]
    # The C library opens the supervisor's log inside posix_spawn, where nothing sees it: it is made before.
    os.makedirs(f"{sys.argv[1]}/data/supervisor", mode=0o700)
    with open(f"{sys.argv[1]}/data/supervisor/log", "wb"):
        pass
    http_port, grpc_port = free_ports()
    threading.Thread(target=work, args=(http_port, sys.argv[2]), daemon=True).start()
    ports = ["--port", str(http_port), "--grpc-port", str(grpc_port)]
    sys.exit(main(["up", "--data", f"{sys.argv[1]}/data", *ports]))
