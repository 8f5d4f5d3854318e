"""The program that stands in front of an attempt's own, and mounts its files."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from pathlib import Path

from hakobune.engines.process.mounts import CANNOT_START, NOT_FOUND, MountedFile, files_of, variables_of


def run(folder: Path, files: list[MountedFile], *argv: str) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-I", "-m", "hakobune.engines.process.mounts", *argv]
    env = {"PATH": "/usr/bin:/bin", **variables_of(files)}
    return subprocess.run(words, cwd=folder, env=env, capture_output=True, text=True, timeout=60, check=False)


def a_file(place: str, path: str = "key", content: bytes = b"value") -> MountedFile:
    return MountedFile(place=place, path=path, mode=0o444, content=content)


def test_given_files_then_their_variables_say_the_same() -> None:
    files = [a_file("/a b/日本", "x/é", bytes(range(256))), a_file("/c", content=b"")]
    assert files_of({"OTHER": "x", **variables_of(files)}) == files


def test_given_a_place_that_is_not_there_then_all_else_stays_and_the_machine_does_not_change(tmp_path: Path) -> None:
    top = f"/mounted-{uuid.uuid4().hex[:8]}"
    below = tmp_path / "below"
    below.mkdir()
    (below / "held").write_text("held")
    (below / "link").symlink_to("held")
    files = [a_file(f"{top}/deep"), a_file(str(below / "new" / "place"), "a/b")]
    shown = f"cat {top}/deep/key {below}/new/place/a/b {below}/link; pwd; ls -A /; echo written > out; env"
    done = run(tmp_path, files, "sh", "-c", shown)
    assert done.returncode == 0, done.stderr
    first, *others = done.stdout.splitlines()
    assert first == f"valuevalueheld{tmp_path}"
    assert {*os.listdir("/"), top.removeprefix("/")} <= set(others)
    assert not [line for line in others if line.startswith(("HAKOBUNE_MOUNTED_", "LC_CTYPE"))]
    assert (tmp_path / "out").read_text() == "written\n", "what is written elsewhere is on the machine"
    assert not os.path.exists(top)
    assert sorted(os.listdir(below)) == ["held", "link"]


def test_given_a_place_in_the_attempt_s_own_directory_then_what_is_written_there_stays(tmp_path: Path) -> None:
    place = tmp_path / "inside"
    files = [a_file(f"/mounted-{uuid.uuid4().hex[:8]}"), a_file(str(place))]
    done = run(tmp_path, files, "sh", "-c", "cat inside/key; echo 1 > out; ! touch inside/more")
    assert (done.returncode, done.stdout) == (0, "value")
    assert (tmp_path / "out").exists()
    assert os.listdir(place) == [], "the file was seen by the program alone"


def test_given_a_place_that_has_contents_then_they_are_hidden_from_the_program_alone(tmp_path: Path) -> None:
    place = tmp_path / "place"
    place.mkdir()
    (place / "own").touch()
    assert run(tmp_path, [a_file(str(place))], "ls", str(place)).stdout == "key\n"
    assert os.listdir(place) == ["own"]


def test_given_a_place_that_is_a_file_then_it_is_said_and_nothing_runs(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = run(tmp_path, [a_file(str(tmp_path / "file"))], "echo", "ran")
    assert (done.returncode, done.stdout) == (CANNOT_START, "")
    assert f"cannot be mounted at {tmp_path}/file" in done.stderr


def test_given_a_program_that_is_not_there_then_its_name_is_said(tmp_path: Path) -> None:
    done = run(tmp_path, [a_file(str(tmp_path / "x"))], "no-such-program")
    assert done.returncode == NOT_FOUND
    assert "'no-such-program' was not found on PATH" in done.stderr
    (tmp_path / "text").write_text("no program")
    (tmp_path / "text").chmod(0o755)
    assert run(tmp_path, [a_file(str(tmp_path / "x"))], str(tmp_path / "text")).returncode == CANNOT_START
