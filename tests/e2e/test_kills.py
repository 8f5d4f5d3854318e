"""Real processes, real kills: the runtime dies by SIGKILL at random instants of an execution with failures."""

from __future__ import annotations

import json
import os
import random
import sys
import time
from collections import defaultdict
from pathlib import Path

import pytest

from runtime_process import RuntimeProcess, completed

KILLS = 50 if os.environ.get("HAKOBUNE_SOAK") else 6
TASKS = 200
ORPHAN_GRACE_S = 12.0
MARK = "HAKOBUNE_TEST_RUN"

# Every attempt says when it began and how it ended, with one write each; some fail first, two always.
SCRIPT = r"""
import json, os, sys, time
log, e = sys.argv[1], os.environ
index, attempt = int(e["CLOUD_RUN_TASK_INDEX"]), int(e["CLOUD_RUN_TASK_ATTEMPT"])
def say(**more):
    fd = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.write(fd, (json.dumps({"i": index, "a": attempt, "pid": os.getpid(), **more}) + "\n").encode())
    os.close(fd)
say(ev="start")
time.sleep(0.02 + (index % 7) * 0.03)
code = 9 if index in (13, 113) else 3 if index % 10 == 1 and attempt == 0 else 0
say(ev="end", code=code)
sys.exit(code)
"""


def attempts_of(log: Path) -> dict[int, list[dict[str, int]]]:
    found: dict[int, list[dict[str, int]]] = defaultdict(list)
    for line in log.read_text().splitlines():
        entry = json.loads(line)
        found[entry["i"]].append(entry)
    return found


def alive(value: str) -> list[int]:
    """Processes that carry our mark."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                environ = Path(f"/proc/{entry}/environ").read_bytes()
            except OSError:
                continue
            if f"{MARK}={value}".encode() in environ.split(b"\0"):
                found.append(int(entry))
    return found


@pytest.mark.timeout(600)
def test_an_execution_survives_the_runtime_being_killed_again_and_again(
    own_runtime: RuntimeProcess, tmp_path: Path
) -> None:
    seed = int(os.environ.get("HAKOBUNE_KILL_SEED", random.randrange(1_000_000)))
    print(f"HAKOBUNE_KILL_SEED={seed}")
    rng = random.Random(seed)
    log, script = tmp_path / "attempts.log", tmp_path / "task.py"
    script.write_text(SCRIPT)
    own_runtime.start()
    answer = own_runtime.create(
        "killed",
        [sys.executable, "-S", "-E", str(script), str(log)],
        tasks=TASKS,
        parallelism=4,
        maxRetries=2,
        env=[{"name": MARK, "value": str(seed)}],
    )
    assert answer.status == 200, answer.body
    execution = own_runtime.run("killed")
    operation = own_runtime.call("GET", f"/v2/{execution}").json
    kills = 0
    while kills < KILLS:
        time.sleep(rng.uniform(0.02, 0.5))
        own_runtime.kill()
        kills += 1
        own_runtime.start(wait=rng.random() < 0.7)
    own_runtime.wait_ready()
    found = own_runtime.wait(execution, within_s=180)

    assert completed(found)["state"] == "CONDITION_FAILED"
    assert "failed with exit code: 9" in completed(found)["message"]
    assert int(found["succeededCount"]) == TASKS - 2
    assert int(found["failedCount"]) == 2
    assert int(found.get("runningCount", 0)) == 0
    tasks = own_runtime.tasks(execution)
    assert [int(task.get("index", 0)) for task in tasks] == list(range(TASKS))
    by_index = attempts_of(log)
    for task in tasks:
        index = int(task.get("index", 0))
        lines = by_index[index]
        good = [line for line in lines if line.get("code") == 0]
        if index in (13, 113):
            assert not good
            assert len([line for line in lines if line.get("code") == 9]) == 3, lines
            continue
        # The supervisor survives, so nothing that ended is ever run again.
        assert len(good) == 1, (index, lines)
        starts = [line["a"] for line in lines if line["ev"] == "start"]
        assert starts == sorted(set(starts)), (index, starts)
        assert int(task.get("retried", 0)) == (1 if index % 10 == 1 else 0)
    assert int(found["retriedCount"]) == len([i for i in range(TASKS) if i % 10 == 1]) + 2
    assert operation["uid"] == found["uid"]
    end = time.monotonic() + ORPHAN_GRACE_S
    while alive(str(seed)) and time.monotonic() < end:
        time.sleep(0.1)
    assert alive(str(seed)) == []


def test_a_killed_supervisor_costs_an_attempt_and_no_retry(own_runtime: RuntimeProcess, tmp_path: Path) -> None:
    gate = tmp_path / "go"
    own_runtime.start()
    own_runtime.create("lost", ["/bin/sh", "-c", f"until test -e {gate}; do sleep 0.05; done"], tasks=3, maxRetries=0)
    execution = own_runtime.run("lost")
    end = time.monotonic() + 30
    while int(own_runtime.get(execution).get("runningCount", 0)) < 3:
        assert time.monotonic() < end
        time.sleep(0.02)
    pid = int((own_runtime.directory / "supervisor" / "lock").read_text())
    os.kill(pid, 9)
    gate.touch()
    found = own_runtime.wait(execution)
    assert int(found["succeededCount"]) == 3
    assert int(found.get("retriedCount", 0)) == 0
    assert [int(task.get("retried", 0)) for task in own_runtime.tasks(execution)] == [0, 0, 0]


def test_an_orderly_stop_ends_attempts_and_the_execution_goes_on_at_the_next_start(
    own_runtime: RuntimeProcess, tmp_path: Path
) -> None:
    log = tmp_path / "lines"
    script = f'trap "echo term >> {log}; exit 0" TERM; echo start >> {log}; '
    script += f'test "$(grep -c start {log})" -gt 1 && exit 0; while :; do sleep 0.05; done'
    own_runtime.start()
    own_runtime.create("stopped", ["/bin/sh", "-c", script], maxRetries=0)
    execution = own_runtime.run("stopped")
    end = time.monotonic() + 30
    while not log.exists():
        assert time.monotonic() < end
        time.sleep(0.02)
    assert own_runtime.stop() == 0
    assert log.read_text().split() == ["start", "term"]
    own_runtime.start()
    found = own_runtime.wait(execution)
    assert int(found["succeededCount"]) == 1
    assert log.read_text().split() == ["start", "term", "start"]


def test_a_second_runtime_on_the_directory_is_refused_with_the_pid(own_runtime: RuntimeProcess) -> None:
    own_runtime.start()
    second = RuntimeProcess(own_runtime.directory)
    second.start(wait=False)
    assert second.process is not None
    assert second.process.wait(30) == 1
    assert own_runtime.process is not None
    assert f"is in use by the runtime with pid {own_runtime.process.pid}" in own_runtime.log
