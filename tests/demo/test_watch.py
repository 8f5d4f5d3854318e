"""Watching task processes from outside: real processes in sessions of their own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from watch import Attempt, Watch

WITHIN_S = 20.0
WAITS = [sys.executable, "-c", "import sys; sys.stdin.read()"]


def a_process(out: Path, index: int, number: int, *, session: bool = True) -> subprocess.Popen[bytes]:
    """A process like an attempt's main process; it ends when its standard input is closed."""
    variables = {"OUT": str(out), "CLOUD_RUN_TASK_INDEX": str(index), "CLOUD_RUN_TASK_ATTEMPT": str(number)}
    return subprocess.Popen(WAITS, env={**os.environ, **variables}, stdin=subprocess.PIPE, start_new_session=session)


def seen(watch: Watch, count: int) -> list[Attempt]:
    """The attempts, once there are so many: a process shows its variables only after it has been started."""
    deadline = time.monotonic() + WITHIN_S
    while len(attempts := watch.attempts()) < count:
        assert time.monotonic() < deadline, attempts
        time.sleep(0.01)
    return attempts


def test_given_attempts_that_run_and_end_when_watched_then_all_are_known_and_only_the_living_are_alive(
    tmp_path: Path,
) -> None:
    with Watch("OUT", str(tmp_path)) as watch, a_process(tmp_path, 2, 0) as ended, a_process(tmp_path, 1, 3) as running:
        seen(watch, 2)
        ended.communicate()

        assert [(a.index, a.number, a.pid) for a in watch.attempts()] == [(1, 3, running.pid), (2, 0, ended.pid)]
        assert [(a.index, a.number) for a in watch.alive()] == [(1, 3)]
        running.communicate()
        assert watch.alive() == []


def test_given_processes_of_another_run_or_below_an_attempt_when_watched_then_they_are_no_attempts(
    tmp_path: Path,
) -> None:
    with (
        Watch("OUT", str(tmp_path / "mine")) as watch,
        a_process(tmp_path / "other", 0, 0) as other,
        a_process(tmp_path / "mine", 0, 0, session=False) as below,
        a_process(tmp_path / "mine", 1, 0) as attempt,
    ):
        assert [a.pid for a in seen(watch, 1)] == [attempt.pid]
        for process in (other, below, attempt):
            process.communicate()
