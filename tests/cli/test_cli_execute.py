"""`run jobs execute`, `executions rerun`, and what is shown while waiting."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import stub_server
from command_calls import Call

from hakobune.cli.jobs.following import remaining


def test_an_execution_is_started(hakobune: Call, stub: stub_server.Stub) -> None:
    stub.add_job("thumbs")
    answer = hakobune("run", "jobs", "execute", "thumbs")
    assert answer.err.splitlines() == [
        "Creating execution...",
        "Provisioning resources...done",
        "Done.",
        "Execution [thumbs-x0001] has successfully started running.",
        "",
        "View details about this execution by running:",
        "hakobune run jobs executions describe thumbs-x0001",
        "",
        "Read its log with:",
        "hakobune run jobs executions logs read thumbs-x0001",
    ]
    assert (answer.code, answer.out) == (0, "")
    assert stub.last("POST").body == {}


def test_given_wait_then_the_stages_end_with_the_execution(hakobune: Call, stub: stub_server.Stub) -> None:
    stub.add_job("thumbs")
    answer = hakobune("run", "jobs", "execute", "thumbs", "--wait", "--format=json")
    assert answer.err.splitlines()[:6] == [
        "Creating execution...",
        "Provisioning resources...done",
        "Starting execution...done",
        "Running execution...done",
        "Done.",
        "Execution [thumbs-x0001] has successfully completed.",
    ]
    assert json.loads(answer.out)["status"]["succeededCount"] == 3


def test_given_async_then_it_returns_at_once(hakobune: Call, stub: stub_server.Stub) -> None:
    stub.add_job("thumbs")
    answer = hakobune("run", "jobs", "execute", "thumbs", "--async", "--format=value(metadata.name)")
    assert answer.err.startswith("Execution [thumbs-x0001] is being started asynchronously.\n")
    assert answer.out == "thumbs-x0001\n"
    assert len(stub.seen) == 1


def test_given_a_failure_then_the_reason_and_the_next_step_are_told(hakobune: Call, stub: stub_server.Stub) -> None:
    stub.add_job("bad")
    stub.failing.add("bad")
    answer = hakobune("run", "jobs", "execute", "bad", "--wait")
    assert answer.code == 1
    assert answer.err.splitlines()[3:] == [
        "Running execution...failed",
        "Executing job failed",
        "ERROR: (hakobune.run.jobs.execute) The execution failed.",
        "Task bad-x0001-task1 failed with exit code: 3 and message: The container exited with an error.",
        "View details about this execution by running:",
        "hakobune run jobs executions describe bad-x0001",
        "",
        "Read its log with:",
        "hakobune run jobs executions logs read bad-x0001",
    ]


def test_given_no_such_job_then_the_server_s_text_is_shown(hakobune: Call) -> None:
    answer = hakobune("run", "jobs", "execute", "nope")
    assert answer.code == 1
    assert answer.err.splitlines() == [
        "Creating execution...",
        "failed",
        "Executing job failed",
        "ERROR: (hakobune.run.jobs.execute) NOT_FOUND: Resource 'nope' of kind 'JOB' does not exist.",
    ]


def test_given_too_many_executions_then_the_text_says_to_wait(hakobune: Call, stub: stub_server.Stub) -> None:
    error = {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "x"}
    stub.errors["POST", ":run"] = (429, {"error": error})
    assert (
        "Resource exhausted error. This may mean that too many executions"
        in hakobune("run", "jobs", "execute", "j").err
    )


@pytest.mark.parametrize(
    ("flags", "overrides"),
    [
        (["--tasks=5", "--task-timeout=90s"], {"taskCount": 5, "timeoutSeconds": 90}),
        (["--args=-a,b", "--update-env-vars=A=1"], {"containerOverrides": [
            {"args": ["-a", "b"], "env": [{"name": "A", "value": "1"}]}]}),
        (["--args="], {"containerOverrides": [{"clearArgs": True}]}),
        (["--container=c1", "--args=x", "--container=c2", "--update-env-vars=B=2"], {"containerOverrides": [
            {"name": "c1", "args": ["x"]}, {"name": "c2", "env": [{"name": "B", "value": "2"}]}]}),
    ],
)  # fmt: skip
def test_overrides_are_sent(
    hakobune: Call, stub: stub_server.Stub, flags: list[str], overrides: dict[str, object]
) -> None:
    stub.add_job("thumbs")
    assert hakobune("run", "jobs", "execute", "thumbs", "--async", *flags).code == 0
    assert stub.last("POST").body == {"overrides": overrides}


def test_an_idempotency_key_is_sent_as_a_header(hakobune: Call, stub: stub_server.Stub) -> None:
    stub.add_job("thumbs")
    assert hakobune("run", "jobs", "execute", "thumbs", "--async", "--idempotency-key=day-1").code == 0
    assert stub.last("POST").headers["idempotency-key"] == "day-1"
    for key in ("", "é", "a\nb", "x" * 256):
        answer = hakobune("run", "jobs", "execute", "thumbs", f"--idempotency-key={key}")
        assert answer.code == 2
        assert "argument --idempotency-key: Must be 1 to 255 printable ASCII characters." in answer.err


def test_a_rerun_names_the_new_execution(hakobune: Call, stub: stub_server.Stub) -> None:
    stub.add_job("thumbs")
    stub.add_execution(stub_server.an_execution("thumbs-x7k2p", "thumbs", state="failed"))
    answer = hakobune("run", "jobs", "executions", "rerun", "thumbs-x7k2p", "--failed", "--wait")
    assert "Execution [thumbs-x0001] has successfully completed." in answer.err
    path = "/v2/projects/p1/locations/us-central1/jobs/thumbs/executions/thumbs-x7k2p:rerun"
    assert stub.last("POST").path == path
    without = hakobune("run", "jobs", "executions", "rerun", "thumbs-x7k2p")
    assert without.code == 2
    assert "argument --failed: Must be specified" in without.err


def test_given_a_runtime_that_is_away_for_a_moment_then_the_wait_goes_on(
    hakobune: Call, stub: stub_server.Stub
) -> None:
    stub.add_job("thumbs")
    away = ("GET", "/executions/")
    stub.errors[away] = (503, {"error": {"code": 503, "status": "UNAVAILABLE", "message": "not now"}})

    def come_back() -> None:
        while sum(1 for request in stub.seen if "/executions/" in request.path) < 3:
            pass
        del stub.errors[away]

    thread = threading.Thread(target=come_back)
    thread.start()
    answer = hakobune("run", "jobs", "execute", "thumbs", "--wait")
    thread.join()
    assert answer.code == 0
    assert "has successfully completed" in answer.err


def test_on_a_terminal_the_stages_are_redrawn_with_counts_and_progress(stub: stub_server.Stub, tmp_path: Path) -> None:
    stub.add_job("thumbs")
    stub.progress["thumbs-x0001"] = {"done": 12, "total": 40, "note": "frame 12", "tasks": 3}
    control, terminal = pty.openpty()
    environ = {**os.environ, "HAKOBUNE_URL": stub.url, "CLOUDSDK_CORE_PROJECT": "p1", "TERM": "xterm", "COLUMNS": "100",
               "LANG": "C.UTF-8", "PYTHONIOENCODING": "utf-8"}  # fmt: skip
    environ.pop("NO_COLOR", None)
    command = [sys.executable, "-m", "hakobune.cli.main", "run", "jobs", "execute", "thumbs", "--wait"]
    process = subprocess.Popen(command, env=environ, stdin=terminal, stdout=terminal, stderr=terminal, close_fds=True)
    os.close(terminal)
    text = _read_all(control)
    assert process.wait(timeout=30) == 0
    plain = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", text)
    assert "\x1b[4A" in text
    assert "Running execution... 1 / 3 complete; 12 / 40 items: frame 12" in plain
    assert "✓ Running execution... 3 / 3 complete" in plain
    assert "✓ Creating execution... Done." in plain
    assert plain.rstrip().endswith("hakobune run jobs executions logs read thumbs-x0001")


@pytest.mark.parametrize(("typed", "deleted"), [("y\n", True), ("\n", True), ("n\n", False), ("what\nY\n", True)])
def test_on_a_terminal_the_question_is_asked(stub: stub_server.Stub, typed: str, deleted: bool) -> None:
    stub.add_job("thumbs")
    control, terminal = pty.openpty()
    environ = {**os.environ, "HAKOBUNE_URL": stub.url, "CLOUDSDK_CORE_PROJECT": "p1", "TERM": "dumb"}
    environ.pop("CLOUDSDK_CORE_DISABLE_PROMPTS", None)
    command = [sys.executable, "-m", "hakobune.cli.main", "run", "jobs", "delete", "thumbs"]
    process = subprocess.Popen(command, env=environ, stdin=terminal, stdout=terminal, stderr=terminal, close_fds=True)
    os.close(terminal)
    os.write(control, typed.encode())
    text = _read_all(control)
    assert process.wait(timeout=30) == (0 if deleted else 1)
    assert "Do you want to continue (Y/n)?" in text
    assert ("thumbs" not in stub.jobs) is deleted
    assert ("Aborted by user." in text) is not deleted


def _read_all(control: int) -> str:
    """Everything a terminal showed until its program closed it."""
    pieces: list[bytes] = []
    while True:
        try:
            piece = os.read(control, 65536)
        except OSError:  # Linux reports the closed other side as an error
            break
        if not piece:
            break
        pieces.append(piece)
    os.close(control)
    return b"".join(pieces).decode()


@pytest.mark.parametrize(("seconds", "text"), [(0.2, "0 s"), (42, "42 s"), (100, "2 min"), (5400, "1 h 30 min")])
def test_the_time_that_is_left_is_a_round_number(seconds: float, text: str) -> None:
    assert remaining(seconds) == text


def test_given_no_terminal_then_progress_comes_on_lines_of_its_own(
    hakobune: Call, stub: stub_server.Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hakobune.cli.progress._PLAIN_EVERY_S", 0.0)
    stub.add_job("thumbs")
    stub.progress["thumbs-x0001"] = {"done": 12, "total": 40, "note": "frame\n12"}
    answer = hakobune("run", "jobs", "execute", "thumbs", "--wait")
    assert "Running execution... 1 / 3 complete; 12 / 40 items: frame 12\nRunning execution...done\n" in answer.err


def test_given_a_runtime_that_stays_away_then_the_wait_ends_with_the_next_step(
    hakobune: Call, stub: stub_server.Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hakobune.cli.waiting.PATIENCE_S", 0.0)
    stub.add_job("thumbs")
    stub.errors["GET", "/executions/"] = (503, {"error": {"code": 503, "status": "UNAVAILABLE", "message": "not now"}})
    answer = hakobune("run", "jobs", "execute", "thumbs", "--wait")
    assert answer.code == 1
    assert "ERROR: (hakobune.run.jobs.execute) UNAVAILABLE: not now" in answer.err


@pytest.mark.parametrize("flag", ["--format=bogus", "--format=value(a"])
def test_given_a_format_that_cannot_be_read_then_nothing_is_started(
    hakobune: Call, stub: stub_server.Stub, flag: str
) -> None:
    stub.add_job("thumbs")
    assert hakobune("run", "jobs", "execute", "thumbs", flag).code == 1
    assert stub.seen == []


def test_a_rerun_need_not_be_waited_for(hakobune: Call, stub: stub_server.Stub) -> None:
    stub.add_job("thumbs")
    stub.never_ending.add("thumbs")
    stub.add_execution(stub_server.an_execution("thumbs-x7k2p", "thumbs", state="failed"))
    rerun = ("run", "jobs", "executions", "rerun", "thumbs-x7k2p", "--failed", "--async")
    answer = hakobune(*rerun)
    assert answer.code == 0
    assert answer.err.startswith("Execution [thumbs-x0001] is being started asynchronously.\n")
    assert "At most one of --async | --wait" in hakobune(*rerun, "--wait").err


def test_hints_lead_to_the_region_of_the_execution(hakobune: Call, stub: stub_server.Stub) -> None:
    stub.add_job("thumbs")
    answer = hakobune("run", "jobs", "execute", "thumbs", "--async", "--region=mars")
    assert "executions describe thumbs-x0001 --region mars\n" in answer.err
    assert "executions logs read thumbs-x0001 --region mars\n" in answer.err
