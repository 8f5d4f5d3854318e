"""`hakobune up -f DIR --watch`: applied at the start, and whenever a file changes; errors do not end it."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest

from hakobune.cli.apply.watch import places_of, signature
from hakobune.cli.main import main
from hakobune.cli.up_apply import Applying
from runtime_process import RuntimeProcess

WITHIN_S = 30.0  # an apply is a process: half a second on a quiet machine
JOB = """\
kind: Job
metadata: {name: thumbs}
spec:
  template:
    metadata: {annotations: {hakobune.dev/source: ../app}}
    spec: {template: {spec: {containers: [{image: local, command: [/bin/true]}]}}}
"""
SLOW = """\
kind: Service
metadata: {name: never-ready}
spec: {template: {spec: {containers: [{image: local, command: [/bin/sh, -c, "touch FILE; exec sleep 600"]}]}}}
"""


def wait_for(runtime: RuntimeProcess, is_there: Callable[[str], bool]) -> str:
    """What was printed, once it is what is waited for."""
    end = time.monotonic() + WITHIN_S
    while time.monotonic() < end:
        if is_there(runtime.log):
            return runtime.log
        time.sleep(0.02)
    raise AssertionError(f"not within {WITHIN_S} s:\n{runtime.log}")


def says(text: str, count: int = 1) -> Callable[[str], bool]:
    return lambda log: log.count(text) >= count


@pytest.mark.timeout(180)
def test_given_a_watched_folder_when_files_change_then_each_change_is_applied_until_the_stop(
    own_runtime: RuntimeProcess, tmp_path: Path
) -> None:
    folder = tmp_path / "deploy"
    folder.mkdir()
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "main.py").write_text("print(1)\n")
    (folder / "job.yaml").write_text(JOB)
    (folder / "a.yaml").write_text("kind: Topic\nname: orders\n")
    own_runtime.arguments = ("-f", str(folder), "--watch", "--auth=token")  # with the owner's token
    runtime = own_runtime.start()
    log = wait_for(runtime, says("job thumbs (us-central1): created"))
    assert "topic orders: created\n" in log

    (tmp_path / "app" / "main.py").write_text("print(2)\n")  # beside the folder: the job names it
    log = wait_for(runtime, says("job thumbs (us-central1): changed"))
    assert log.count("main.py changed\n") == 1
    assert log.count("topic orders: ") == 1  # one line per change

    (folder / "a.yaml").write_text("kind: Topic\nname: orders\nfoo: 1\n")
    wait_for(runtime, says("a.yaml:3:1: foo: is no field of this kind"))
    (folder / "a.yaml").write_text("kind: Topic\nname: orders\nlabels: {a: b}\n")
    (folder / "b.yaml").write_text("kind: Topic\nname: others\n")
    wait_for(runtime, says("topic others: created"))
    wait_for(runtime, says("topic orders: changed"))

    begun = tmp_path / "begun"
    (folder / "b.yaml").write_text(SLOW.replace("FILE", str(begun)))
    wait_for(runtime, lambda _: begun.exists())  # it is waited for now, up to four minutes
    (folder / "b.yaml").write_text("kind: Topic\nname: mended\n")
    log = wait_for(runtime, says("topic mended: created"))
    assert "interrupt" not in log

    assert runtime.process is not None
    assert runtime.stop() == 0
    assert runtime.log.endswith("hakobune has stopped\n")


def test_given_a_folder_that_is_not_watched_then_it_is_applied_once(runtime: RuntimeProcess, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("kind: Topic\nname: orders\n")
    said: list[str] = []
    applying = Applying(
        name=str(tmp_path),
        watches=False,
        project=f"p-{uuid.uuid4().hex[:12]}",
        location="us-central1",
        environ={"HAKOBUNE_URL": runtime.url},
        say=said.append,
    )
    anyio.run(applying.run)
    anyio.run(applying.run)  # there is nothing to tell
    assert said == ["topic orders: created"]


def test_what_is_watched_is_the_folder_and_what_its_definitions_are_made_of(tmp_path: Path) -> None:
    folder, token, app = tmp_path / "deploy", tmp_path / "token", tmp_path / "app"
    folder.mkdir()
    app.mkdir()
    token.write_text("s3cret")
    (folder / "job.yaml").write_text(JOB)
    (folder / "secret.yaml").write_text("kind: Secret\nname: token\nvalueFrom: {file: ../token}\n")
    places = places_of(str(folder), "demo-project", "us-central1")
    assert places == {str(folder), str(token), str(app)}
    seen = signature(places)
    assert set(seen) == {str(folder / "job.yaml"), str(folder / "secret.yaml"), str(token)}
    (app / "main.py").touch()
    (app / "__pycache__").mkdir()
    (app / "__pycache__" / "main.pyc").touch()
    more = signature(places)
    assert set(more) - set(seen) == {str(app / "main.py")}
    (folder / "ark").mkdir()
    (folder / "ark" / "state.sqlite3").touch()  # the data of a runtime changes all the time
    assert signature(places) == more
    os.utime(token, ns=(0, 0))
    token.with_name("other").write_text("s3cret")
    os.replace(token.with_name("other"), token)
    assert signature(places) != more
    assert places_of(str(tmp_path / "gone"), "demo-project", "us-central1") == {str(tmp_path / "gone")}


@pytest.mark.parametrize("flags", [["--watch"], ["-f", "/nowhere/at/all"]])
def test_given_nothing_to_watch_then_nothing_is_started(flags: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["up", *flags]) == 2
    assert "--filename" in capsys.readouterr().err
