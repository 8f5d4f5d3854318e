"""Snapshots of source directories."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from hakobune.core.errors import FailedPrecondition, Unavailable
from hakobune.runtime import sources as sources_module
from hakobune.runtime.sources import Sources

NOBODY = 65534


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    (folder / "lib" / "deep").mkdir(parents=True)
    (folder / "main.py").write_text("print(1)")
    (folder / "lib" / "deep" / "data.bin").write_bytes(bytes(range(256)))
    (folder / "run").write_text("#!/bin/sh\n")
    (folder / "run").chmod(0o755)
    return folder


def tree(folder: Path) -> dict[str, object]:
    found: dict[str, object] = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = f"-> {os.readlink(path)}"
        elif path.is_dir():
            found[name] = "folder"
        else:
            found[name] = (path.read_bytes(), os.access(path, os.X_OK))
    return found


def test_given_a_directory_when_taken_then_the_copy_is_equal_and_stays_so(tmp_path: Path, source: Path) -> None:
    sources = Sources(tmp_path / "data")
    before = tree(source)
    digest = sources.take(source)
    (source / "main.py").write_text("print(2)")
    shutil.rmtree(source / "lib")
    assert tree(sources.path(digest)) == before


def test_given_equal_content_when_taken_then_it_is_kept_once(tmp_path: Path, source: Path) -> None:
    sources = Sources(tmp_path / "data")
    twin = shutil.copytree(source, tmp_path / "elsewhere")
    os.utime(twin / "main.py", (1, 1))
    (twin / "main.py").chmod(0o600)
    assert sources.take(source) == sources.take(twin)
    assert len(list((tmp_path / "data" / "sources").iterdir())) == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "main.py").write_text("print(2)"),
        lambda folder: (folder / "main.py").rename(folder / "app.py"),
        lambda folder: (folder / "main.py").chmod(0o755),
        lambda folder: (folder / "lib" / "empty").mkdir(),
        lambda folder: (folder / "link").symlink_to("main.py"),
        lambda folder: (folder / "lib" / "deep" / "data.bin").unlink(),
    ],
    ids=["content", "name", "executable", "empty folder", "link", "removed"],
)
def test_given_any_change_when_taken_again_then_it_is_another_snapshot(
    tmp_path: Path, source: Path, change: object
) -> None:
    sources = Sources(tmp_path / "data")
    first = sources.take(source)
    change(source)  # type: ignore[operator]
    second = sources.take(source)
    assert first != second
    assert tree(sources.path(second)) == tree(source)


def test_given_a_link_and_a_folder_of_the_same_letters_when_taken_then_they_differ(tmp_path: Path) -> None:
    sources = Sources(tmp_path / "data")
    one, two = tmp_path / "one", tmp_path / "two"
    for folder in (one, two):
        folder.mkdir()
    (one / "a").symlink_to("b")
    (two / "a").write_text("b")
    assert sources.take(one) != sources.take(two)


def test_given_links_when_taken_then_they_stay_links_wherever_they_lead(tmp_path: Path, source: Path) -> None:
    (source / "inside").symlink_to("lib/deep")
    (source / "outside").symlink_to("/etc")
    (source / "nowhere").symlink_to("gone")
    (source / "round").symlink_to(".")
    sources = Sources(tmp_path / "data")
    snapshot = sources.path(sources.take(source))
    assert {name: os.readlink(snapshot / name) for name in ("inside", "outside", "nowhere", "round")} == {
        "inside": "lib/deep",
        "outside": "/etc",
        "nowhere": "gone",
        "round": ".",
    }


def test_given_what_is_no_part_of_a_program_when_taken_then_it_is_left_out(tmp_path: Path, source: Path) -> None:
    before = tree(source)
    for name in (".git", "__pycache__", ".venv", "lib/node_modules"):
        (source / name).mkdir()
        (source / name / "file").write_text("x")
    os.mkfifo(source / "pipe")
    with socket.socket(socket.AF_UNIX) as peer:
        peer.bind(str(source / "s"))
        sources = Sources(tmp_path / "data")
        assert tree(sources.path(sources.take(source))) == before


def test_given_the_data_directory_inside_the_source_when_taken_then_it_is_left_out(source: Path) -> None:
    before = tree(source)
    data = source / "state"
    data.mkdir()
    (data / "state.sqlite3").write_text("x")
    sources = Sources(data)
    first = sources.take(source)
    assert sources.take(source) == first
    assert tree(sources.path(first)) == before


def test_given_names_that_are_no_text_when_taken_then_they_are_kept(tmp_path: Path, source: Path) -> None:
    (source / "目次").write_text("x")
    with open(os.fsencode(source) + b"/\xff\xfe", "wb") as file:
        file.write(b"x")
    sources = Sources(tmp_path / "data")
    assert set(os.listdir(os.fsencode(sources.path(sources.take(source))))) >= {b"\xff\xfe", "目次".encode()}


def test_given_too_much_when_taken_then_it_is_refused_and_nothing_is_left(tmp_path: Path, source: Path) -> None:
    with pytest.raises(FailedPrecondition, match="more than 3 files"):
        Sources(tmp_path / "data", files_max=3).take(source)
    with pytest.raises(FailedPrecondition, match=r"more than .* GiB"):
        Sources(tmp_path / "data", bytes_max=100).take(source)
    assert not (tmp_path / "data" / "sources").exists()


@pytest.mark.parametrize("name", ["gone", "file"])
def test_given_no_directory_when_taken_then_it_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(FailedPrecondition, match=f"{name} does not exist"):
        Sources(tmp_path / "data").take(tmp_path / name)


def test_given_a_file_that_cannot_be_read_when_taken_then_it_is_named() -> None:
    with tempfile.TemporaryDirectory() as name:  # a place that nobody else's directories guard
        place = Path(name)
        place.chmod(0o777)
        (place / "source").mkdir()
        (place / "source" / "secret").write_text("x")
        (place / "source" / "secret").chmod(0)
        as_root = os.geteuid() == 0
        try:
            if as_root:
                os.seteuid(NOBODY)  # root reads everything
            with pytest.raises(FailedPrecondition, match=r"Permission denied: .*secret"):
                Sources(place / "data").take(place / "source")
        finally:
            if as_root:
                os.seteuid(0)


def test_given_a_disk_that_refuses_when_taken_then_it_is_the_users_to_know_and_nothing_half_is_left(
    tmp_path: Path, source: Path
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "sources").write_text("in the way")
    with pytest.raises(FailedPrecondition, match="cannot be copied"):
        Sources(tmp_path / "data").take(source)


def test_given_a_file_that_changes_while_it_is_copied_when_taken_then_the_digest_is_that_of_the_copy(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = Sources(tmp_path / "data")
    chunks, looks = sources_module._chunks, 0

    def changing(path: str, stopped: Event) -> Iterator[bytes]:
        nonlocal looks
        looks += path == str(source / "main.py")
        if looks == 2:  # the first look was for the digest, this one is the copy
            Path(path).write_text("print('changed')")
        return chunks(path, stopped)

    monkeypatch.setattr(sources_module, "_chunks", changing)
    digest = sources.take(source)
    monkeypatch.undo()
    assert (sources.path(digest) / "main.py").read_text() == "print('changed')"
    assert sources.take(source) == digest


def test_given_snapshots_when_only_some_are_kept_then_the_others_and_half_ones_go(tmp_path: Path, source: Path) -> None:
    sources = Sources(tmp_path / "data")
    sources.keep_only(set())  # there is nothing yet
    first = sources.take(source)
    (source / "main.py").write_text("print(2)")
    second = sources.take(source)
    (tmp_path / "data" / "sources" / ".partial-1").mkdir()
    sources.keep_only({second})
    assert not sources.path(first).exists()
    assert [entry.name for entry in (tmp_path / "data" / "sources").iterdir()] == [second]


def test_given_a_snapshot_when_it_is_taken_then_its_files_may_not_be_written(tmp_path: Path, source: Path) -> None:
    sources = Sources(tmp_path / "data")
    snapshot = sources.path(sources.take(source))
    assert (snapshot / "main.py").stat().st_mode & 0o777 == 0o444
    assert (snapshot / "run").stat().st_mode & 0o777 == 0o555


def test_given_a_large_source_when_the_runtime_stops_then_the_copy_ends_at_once_and_nothing_half_is_left(
    tmp_path: Path, source: Path
) -> None:
    with open(source / "large", "wb") as file:
        file.truncate(8 * 1024**3)  # a hole: it costs no room, and reading it takes many seconds
    sources = Sources(tmp_path / "data", bytes_max=16 * 1024**3)
    stopped = Event()
    caught: list[Any] = []

    def take() -> None:
        try:
            sources.take(source, stopped)
        except Unavailable as error:
            caught.append(error)

    thread = Thread(target=take)
    thread.start()
    stopped.set()
    began_s = time.monotonic()
    thread.join(30)
    assert (len(caught), time.monotonic() - began_s < 2.0) == (1, True)
    assert not (tmp_path / "data" / "sources").exists()


def test_given_folders_too_deep_when_taken_then_they_are_refused(tmp_path: Path) -> None:
    (tmp_path / "source" / "/".join(["d"] * 150)).mkdir(parents=True)
    with pytest.raises(FailedPrecondition, match="folders within each other"):
        Sources(tmp_path / "data").take(tmp_path / "source")


@pytest.mark.parametrize("name", ["x" * 300, "/".join(["y" * 200] * 30)])
def test_given_a_path_that_no_file_can_have_when_taken_then_it_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(FailedPrecondition, match="cannot be copied"):
        Sources(tmp_path / "data").take(tmp_path / name)
