"""What `hakobune up` prints while it runs."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

from runtime_process import HAKOBUNE, RuntimeProcess, free_port

WITHIN_S = 10.0  # a look takes a quarter of a second; the rest is for a busy machine


def lines_of(runtime: RuntimeProcess, execution: str) -> list[str]:
    """What was printed about an execution, once its end was."""
    name = execution.rpartition("/")[2]
    end = time.monotonic() + WITHIN_S
    while time.monotonic() < end:
        found = [line for line in runtime.log.splitlines() if line.startswith(f"{name}: ")]
        if any(": started" not in line for line in found):
            return [line.removeprefix(f"{name}: ") for line in found]
        time.sleep(0.02)
    raise AssertionError(f"no line about the end of {name} within {WITHIN_S} s:\n{runtime.log}")


def test_given_thousands_of_short_tasks_when_they_run_then_their_changes_hide_neither_begin_nor_end(
    own_runtime: RuntimeProcess,
) -> None:
    runtime = own_runtime.start()
    runtime.create("wide", ["/bin/true"], tasks=2_500, parallelism=8)
    execution = runtime.run("wide")
    runtime.wait(execution)
    assert lines_of(runtime, execution) == [
        "started, 2500 tasks",
        "succeeded (2500 succeeded, 0 failed, 0 cancelled of 2500)",
    ]


def test_given_executions_one_after_the_other_when_they_end_then_each_is_told_once(own_runtime: RuntimeProcess) -> None:
    runtime = own_runtime.start()
    runtime.create("fails", ["/bin/false"], maxRetries=0)
    executions = [runtime.run("fails") for _ in range(3)]
    for execution in executions:
        runtime.wait(execution)
    for execution in executions:
        assert lines_of(runtime, execution)[-1] == "failed (0 succeeded, 1 failed, 0 cancelled of 1)"
    assert runtime.log.count(": failed (") == 3


def refused(runtime: RuntimeProcess, *, data: object = None, port: int = 0, grpc_port: int = 0) -> list[str]:
    """What a start that cannot be says, in lines."""
    done = subprocess.run(
        [
            HAKOBUNE,
            "up",
            f"--data={data or runtime.directory.parent / 'other'}",
            f"--port={port or free_port()}",
            f"--grpc-port={grpc_port or free_port()}",
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    return done.stderr.splitlines()


def test_given_a_start_that_cannot_be_then_one_line_says_why(own_runtime: RuntimeProcess, tmp_path: Path) -> None:
    runtime = own_runtime.start()
    assert runtime.process is not None
    (held,) = refused(runtime, data=runtime.directory)
    assert held.startswith("ERROR: (hakobune.up) The data directory ")
    assert f"is in use by the runtime with pid {runtime.process.pid}." in held
    for ports in ({"port": runtime.port}, {"grpc_port": runtime.grpc_port}):
        (taken,) = refused(runtime, **ports)
        number = next(iter(ports.values()))
        assert taken.startswith(f"ERROR: (hakobune.up) Cannot listen on port {number} of 127.0.0.1: Address already in")
        assert "--port" in taken
    file = tmp_path / "file"
    file.touch()
    for data in (file, "/proc/nope"):
        (unusable,) = refused(runtime, data=data)
        assert unusable.startswith(f"ERROR: (hakobune.up) The data directory {data} cannot be used: ")
