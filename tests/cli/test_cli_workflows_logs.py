"""`hakobune logs` of workflows, against a running server."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest
from command_calls import Call, Outcome

from runtime_process import RuntimeProcess

GREETS = """\
main:
  params: [args]
  steps:
    - hello:
        call: sys.log
        args: {text: '${"hello " + args.name}', severity: INFO}
    - nap:
        call: sys.sleep
        args: {seconds: "${args.nap}"}
    - bye:
        call: sys.log
        args: {json: {message: '${"bye " + args.name}', count: 3}, severity: WARNING}
"""


@pytest.fixture
def command(command: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Call:
    """`command("logs", "greets")` runs `hakobune logs greets`, in a project of this test, in which the workflow `greets`
    is deployed."""
    monkeypatch.setenv("CLOUDSDK_WORKFLOWS_LOCATION", "asia-northeast1")
    (tmp_path / "greets.yaml").write_text(GREETS)
    assert command("workflows", "deploy", "greets", "--source=greets.yaml", "--format=none").code == 0
    return command


def started(command: Call, name: str, nap: float) -> str:
    data = f'{{"name": "{name}", "nap": {nap}}}'
    done = command("workflows", "execute", "greets", f"--data={data}", "--format=value(name.basename())")
    assert done.code == 0, done.err
    return done.out.strip()


def said(outcome: Outcome) -> list[str]:
    """What the entries say, without their instants, and without those of the platform."""
    assert outcome.code == 0, outcome.err
    texts = [line.split(" ", 2)[2] for line in outcome.lines]
    return [text for text in texts if not text.startswith("The execution has ")]


def test_given_executions_that_logged_when_the_log_is_read_then_it_is_of_the_workflow_or_of_one_of_them(
    command: Call,
) -> None:
    ids = [started(command, name, 0) for name in ("Aki", "Ren")]
    for execution in ids:
        assert command("workflows", "executions", "wait", execution, "--workflow=greets").code == 0
    assert sorted(said(command("logs", "greets"))) == ["bye Aki", "bye Ren", "hello Aki", "hello Ren"]
    assert said(command("logs", "--workflow=greets", f"--execution={ids[1]}")) == ["hello Ren", "bye Ren"]
    assert said(command("logs", "greets", "--log-filter=severity>=WARNING", "--limit=1")) == ["bye Ren"]
    assert "bye Aki" in said(command("logs", "--region=asia-northeast1"))


def test_given_an_execution_under_way_when_its_log_is_followed_then_it_is_printed_to_its_end(command: Call) -> None:
    execution = started(command, "Aki", 1.5)
    followed = command("logs", "-f", "greets", "--execution", execution)
    assert said(followed) == ["hello Aki", "bye Aki"]
    assert followed.lines[-1].endswith("The execution has ended: SUCCEEDED.")


def test_given_a_workflow_when_its_log_is_followed_then_new_entries_come_until_ctrl_c(
    runtime: RuntimeProcess, command: Call, tmp_path: Path
) -> None:
    import signal
    import subprocess
    import sys

    with subprocess.Popen(
        [sys.executable, "-c", "from hakobune.cli.main import main; main()", "logs", "greets", "-f"],
        cwd=tmp_path, env={**os.environ}, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        timer = threading.Timer(60, process.kill)
        timer.start()
        assert process.stdout is not None
        lines: list[str] = []
        deadline = time.monotonic() + 60
        reader = threading.Thread(target=lambda: lines.extend(iter(process.stdout.readline, "")))  # type: ignore[union-attr]
        reader.start()
        while not any("hello" in line for line in lines) and time.monotonic() < deadline:
            started(command, "Aki", 0)
            time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        process.wait(10)
        reader.join(10)
        timer.cancel()
    assert any("hello Aki" in line for line in lines)
