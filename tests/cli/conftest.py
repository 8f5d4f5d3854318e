"""What the tests of the command line share: a stand-in for the front door, and one call of the command."""

from __future__ import annotations

import io
import os
import uuid
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import stub_server
from command_calls import Call, Outcome

from hakobune.cli.main import main
from runtime_process import RuntimeProcess


@pytest.fixture(autouse=True)
def _nobody_to_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    """Questions find an empty standard input."""
    monkeypatch.setattr("sys.stdin", io.StringIO())


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody listens, the command asks for a moment only: there is nobody who is starting."""
    monkeypatch.setattr("hakobune.cli.http._STARTING_S", 0.1)


@pytest.fixture
def stub() -> Iterator[stub_server.Stub]:
    """A server that answers as the front door does, on a free port."""
    with stub_server.Server() as served:
        yield served


@pytest.fixture
def no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing is set by the shell or by gcloud's files, and the folder is an empty one of this test."""
    for name in [name for name in os.environ if name.startswith(("CLOUDSDK_", "HAKOBUNE_", "GOOGLE_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def run_here(capsys: pytest.CaptureFixture[str]) -> Call:
    """`run_here("run", "jobs", "list")` runs the command in this process."""

    def call(*words: str) -> Outcome:
        capsys.readouterr()
        code = main([*words])
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    return call


@pytest.fixture
def hakobune(stub: stub_server.Stub, no_settings: None, run_here: Call, monkeypatch: pytest.MonkeyPatch) -> Call:
    """`hakobune("run", "jobs", "list")` runs the command against the stub."""
    monkeypatch.setenv("HAKOBUNE_URL", stub.url)
    monkeypatch.setenv("CLOUDSDK_CORE_PROJECT", stub_server.PROJECT)
    return run_here


@pytest.fixture
def project() -> str:
    """A project of this test."""
    return f"p-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def command(
    runtime: RuntimeProcess, project: str, no_settings: None, run_here: Call, monkeypatch: pytest.MonkeyPatch
) -> Call:
    """`command("run", "jobs", "list")` runs the command against a runtime, in the project of this test."""
    monkeypatch.setenv("HAKOBUNE_URL", runtime.url)
    monkeypatch.setenv("CLOUDSDK_CORE_PROJECT", project)
    return run_here


@pytest.fixture
def storage(command: Call) -> Call:
    """`storage("ls")` runs `hakobune storage ls`."""
    return partial(command, "storage")


@pytest.fixture
def bucket(storage: Call) -> str:
    """`gs://NAME` of an empty bucket of this test."""
    url = f"gs://b-{uuid.uuid4().hex[:12]}"
    done = storage("buckets", "create", url)
    assert done.code == 0, done.err
    return url
