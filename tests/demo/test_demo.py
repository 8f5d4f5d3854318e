"""The demo as `make demo` runs it: a runtime of its own, two kills, one result; what stays when it is interrupted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

DEMO = Path(__file__).parents[2] / "examples" / "telop_demo" / "demo.py"
WITHIN_S = 240.0
GONE_WITHIN_S = 30.0
IS_SOAK = bool(os.environ.get("HAKOBUNE_SOAK"))
# After which line it is interrupted.
AFTER = ("First run", *(["that was task 0"] if IS_SOAK else []), "that was the whole runtime")


def start_demo(folder: Path) -> subprocess.Popen[str]:
    """The demo with all its files below `folder`, in a session of its own."""
    return subprocess.Popen(
        [sys.executable, str(DEMO)],
        env={**os.environ, "TMPDIR": str(folder)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def processes_of(folder: Path) -> list[str]:
    """The command lines of all processes that were started with a path below `folder`."""
    mark, found = os.fsencode(f"{folder}/telop_demo."), []
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            command, variables = (Path(f"/proc/{entry}/{name}").read_bytes() for name in ("cmdline", "environ"))
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
        if mark in command or mark in variables:
            found.append(f"{entry}: {command.decode(errors='replace')}")
    return found


def wait_until_gone(folder: Path) -> None:
    deadline = time.monotonic() + GONE_WITHIN_S
    while found := processes_of(folder):
        assert time.monotonic() < deadline, found
        time.sleep(0.1)


@pytest.mark.timeout(WITHIN_S + 60)
def test_given_a_killed_task_and_a_killed_runtime_when_the_demo_ends_then_both_results_are_the_same(
    tmp_path: Path,
) -> None:
    with start_demo(tmp_path) as demo:
        printed, _ = demo.communicate(timeout=WITHIN_S)

    assert demo.returncode == 0, printed
    assert "the same, byte for byte" in printed
    assert "5 attempts for 4 tasks" in printed
    assert "関係者意外の立ち入りは禁止" in printed
    wait_until_gone(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.timeout(WITHIN_S + 60)
@pytest.mark.parametrize("after", AFTER)
def test_given_ctrl_c_at_any_time_then_the_demo_ends_with_130_and_leaves_nothing_behind(
    after: str, tmp_path: Path
) -> None:
    with start_demo(tmp_path) as demo:
        assert demo.stdout is not None
        printed = ""
        for line in demo.stdout:
            printed += line
            if after in line:
                break
        os.killpg(demo.pid, signal.SIGINT)
        rest, _ = demo.communicate(timeout=WITHIN_S)

    assert demo.returncode == 130, printed + rest
    wait_until_gone(tmp_path)
    assert list(tmp_path.iterdir()) == []
