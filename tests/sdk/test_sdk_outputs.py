from __future__ import annotations

import errno
import io
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hakobune.sdk import ContentMismatch, MissingDependency, UnsupportedFilesystem, overwrite, write_json, write_once
from hakobune.sdk.processes import ProcessMark


def test_given_no_file_when_written_once_then_this_call_made_it(tmp_path: Path) -> None:
    written = write_once(tmp_path / "a" / "b" / "c.txt", "運転")
    assert written
    assert (written.wrote, written.existed, written.same, written.size_bytes) == (True, False, True, 6)
    assert (tmp_path / "a/b/c.txt").read_text() == "運転"
    assert os.listdir(tmp_path / "a/b") == ["c.txt"]


@pytest.mark.parametrize(
    ("later", "is_same"), [("first", True), ("firs", False), ("first!", False), ("FIRST", False), ("", False)]
)
def test_given_a_file_when_written_once_again_then_it_stays_and_the_answer_compares(
    tmp_path: Path, later: str, is_same: bool
) -> None:
    path = tmp_path / "x"
    write_once(path, "first")
    written = write_once(path, later)
    assert not written
    assert (written.wrote, written.existed, written.same) == (False, True, is_same)
    assert path.read_text() == "first"
    assert os.listdir(tmp_path) == ["x"]


def test_given_other_bytes_under_the_name_when_they_must_match_then_it_is_an_error(tmp_path: Path) -> None:
    write_once(tmp_path / "x", "first", must_match=True)
    write_once(tmp_path / "x", "first", must_match=True)
    with pytest.raises(ContentMismatch, match="other bytes"):
        write_once(tmp_path / "x", "second", must_match=True)


@pytest.mark.parametrize(
    "data",
    [
        "ab\ncd",
        b"ab\ncd",
        bytearray(b"ab\ncd"),
        memoryview(b"ab\ncd"),
        io.BytesIO(b"ab\ncd"),
        io.StringIO("ab\ncd"),
        ["ab\n", b"cd"],
        iter([b"a", b"b\nc", b"", b"d"]),
    ],
    ids=lambda data: type(data).__name__,
)
def test_given_any_form_of_data_when_written_then_its_bytes_are_there(tmp_path: Path, data: object) -> None:
    written = overwrite(tmp_path / "x", data)  # type: ignore[arg-type]
    assert written.size_bytes == 5
    assert (tmp_path / "x").read_bytes() == b"ab\ncd"


@pytest.mark.parametrize("data", [5, None, {"a": 1}, [1, 2], [None]])
def test_given_something_else_when_written_then_it_is_refused_and_nothing_is_left(tmp_path: Path, data: object) -> None:
    for write in (write_once, overwrite):
        with pytest.raises(TypeError, match="cannot write"):
            write(tmp_path / "x", data)  # type: ignore[arg-type]
    assert os.listdir(tmp_path) == []


def test_given_a_source_that_fails_when_overwritten_then_the_old_file_stays(tmp_path: Path) -> None:
    def source() -> Iterator[bytes]:
        yield b"new"
        raise OSError("the source broke")

    overwrite(tmp_path / "x", "old")
    with pytest.raises(OSError, match="the source broke"):
        overwrite(tmp_path / "x", source())
    assert (tmp_path / "x").read_text() == "old"
    assert os.listdir(tmp_path) == ["x"]


def test_given_a_file_when_overwritten_then_it_is_replaced_and_keeps_its_permissions(tmp_path: Path) -> None:
    path = tmp_path / "x"
    assert not overwrite(path, "old").existed
    path.chmod(0o640)
    written = overwrite(path, "new")
    assert written
    assert (written.wrote, written.existed, written.same) == (True, True, True)
    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o777 == 0o640


def test_given_a_symbolic_link_when_overwritten_then_its_target_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("target")
    overwrite(tmp_path / "link", "x")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_text() == "x"
    assert not write_once(tmp_path / "link", "x")


def test_given_a_reader_when_a_file_is_overwritten_then_it_never_sees_a_part(tmp_path: Path) -> None:
    overwrite(tmp_path / "x", "old" * 10_000)
    with open(tmp_path / "x") as reader:
        overwrite(tmp_path / "x", "new" * 20_000)
        assert reader.read() == "old" * 10_000


def test_given_a_name_as_long_as_names_may_be_when_written_then_it_works(tmp_path: Path) -> None:
    name = "語" * 85  # 255 bytes
    assert write_once(tmp_path / name, "x")
    overwrite(tmp_path / name, "y")
    assert os.listdir(tmp_path) == [name]


def leftover(directory: Path, mark: ProcessMark) -> Path:
    path = directory / f".x.hkb-{mark.to_text()}-0123abcd.tmp"
    path.write_text("half")
    return path


def test_given_leftovers_when_a_new_process_writes_then_those_of_the_dead_go_and_all_others_stay(
    tmp_path: Path,
) -> None:
    ours = ProcessMark.of_this_process()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        start = Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()[19]
        alive = leftover(tmp_path, ProcessMark(place=ours.place, pid=child.pid, started=start))
        reused = leftover(tmp_path, ProcessMark(place=ours.place, pid=child.pid, started="1"))  # another process's pid
        elsewhere = leftover(tmp_path, ProcessMark(place="0123456789ab", pid=child.pid, started="1"))
        old = leftover(tmp_path, ProcessMark(place="0123456789ab", pid=1, started="1"))
        nine_days_ago = time.time() - 9 * 24 * 3600
        os.utime(old, (nine_days_ago, nine_days_ago))
        foreign = tmp_path / ".x.hkb-draft.tmp"
        foreign.write_text("somebody's")

        write_once(tmp_path / "x", "whole")
        assert sorted(os.listdir(tmp_path)) == sorted(["x", alive.name, elsewhere.name, foreign.name])
        assert not reused.exists()
        child.communicate(b"\n")


def test_given_a_file_where_a_directory_is_needed_when_written_then_the_error_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError, match="directory is needed"):
        write_once(tmp_path / "file" / "x", "x")


def test_given_a_directory_under_the_name_when_written_then_it_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    for write in (write_once, overwrite):
        with pytest.raises(IsADirectoryError):
            write(tmp_path / "x", "x")
    assert os.listdir(tmp_path) == ["x"]


def test_given_a_relative_name_when_written_then_it_is_in_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert write_once("x", "x")
    assert (tmp_path / "x").exists()


@pytest.mark.parametrize("code", [errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS])
def test_given_a_file_system_without_hard_links_when_written_once_then_the_remedy_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def refuse(*_: object) -> None:  # as the kernel answers on mounted buckets and some network file systems
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "link", refuse)
    with pytest.raises(UnsupportedFilesystem, match="gs://"):
        write_once(tmp_path / "x", "x")
    assert os.listdir(tmp_path) == []


def test_given_a_value_when_written_as_json_then_the_bytes_depend_on_the_value_only(tmp_path: Path) -> None:
    write_json(tmp_path / "x.json", {"b": [1, 2.5, None], "a": "語"})
    first = (tmp_path / "x.json").read_bytes()
    assert first == '{\n  "a": "語",\n  "b": [\n    1,\n    2.5,\n    null\n  ]\n}\n'.encode()
    write_json(tmp_path / "x.json", {"a": "語", "b": (1, 2.5, None)})
    assert (tmp_path / "x.json").read_bytes() == first
    assert write_json(tmp_path / "x.json", {"a": 1}, once=True).existed
    with pytest.raises(ContentMismatch):
        write_json(tmp_path / "x.json", {"a": 1}, once=True, must_match=True)


@pytest.mark.parametrize("value", [float("nan"), {"a": float("inf")}, object(), {1, 2}])
def test_given_a_value_that_json_cannot_hold_when_written_then_nothing_is_written(
    tmp_path: Path, value: object
) -> None:
    with pytest.raises((TypeError, ValueError)):
        write_json(tmp_path / "x.json", value)
    assert os.listdir(tmp_path) == []


def test_given_no_storage_library_when_an_object_is_written_then_the_error_holds_the_pip_line(tmp_path: Path) -> None:
    program = (
        "import sys; sys.modules['google.cloud.storage'] = None\n"
        "from hakobune.sdk import MissingDependency, write_once\n"
        "try: write_once('gs://bucket/x', 'x')\n"
        "except MissingDependency as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "pip install google-cloud-storage" in done.stdout
    assert issubclass(MissingDependency, ImportError)


def test_given_a_socket_under_the_name_when_written_once_then_nothing_is_replaced(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        with pytest.raises(OSError, match="s"):
            write_once(tmp_path / "s", "x")
