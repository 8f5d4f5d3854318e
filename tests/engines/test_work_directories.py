"""Working directories: as new for each attempt, removed after it, and nothing else is."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from hakobune.engines.process import copies
from hakobune.engines.process.workdirs import WorkDirs


def work_dirs(root: Path) -> tuple[WorkDirs, list[str]]:
    said: list[str] = []
    found = WorkDirs(str(root), said.append)
    found.open()
    return found, said


def finish(dirs: WorkDirs) -> None:
    while dirs.has_work:
        dirs.work(1.0)


def test_given_an_untouched_directory_when_it_comes_back_then_the_lane_gets_it_again(tmp_path: Path) -> None:
    dirs, _ = work_dirs(tmp_path / "work")
    first = dirs.take("lane")
    dirs.give_back("lane", first)
    assert dirs.take("lane") == first
    assert dirs.take("lane") != first


def test_given_a_used_directory_when_it_comes_back_then_it_is_removed(tmp_path: Path) -> None:
    dirs, said = work_dirs(tmp_path / "work")
    for use in (
        lambda path: open(os.path.join(path, b"file"), "w").close(),
        lambda path: os.chmod(path, 0o777),
        lambda path: os.rmdir(path),
        lambda path: (os.rmdir(path), os.symlink("/", path)),
    ):
        taken = dirs.take("lane")
        use(taken)
        dirs.give_back("lane", taken)
        finish(dirs)
        assert not os.path.lexists(taken)
    assert said == []
    assert os.path.isdir("/")


def a_source(folder: Path) -> Path:
    """Files, folders, programs and links, as a snapshot holds them."""
    (folder / "lib" / "deep").mkdir(parents=True)
    (folder / "lib" / "deep" / "data").write_bytes(bytes(range(256)) * 10)
    (folder / "empty").mkdir()
    (folder / "run").write_text("#!/bin/sh\n")
    (folder / "run").chmod(0o555)
    (folder / "main.py").write_text("print(1)")
    (folder / "main.py").chmod(0o444)
    (folder / "link").symlink_to("lib/deep/data")
    (folder / "out").symlink_to("/etc/passwd")
    (folder / "node_modules" / "left-pad").mkdir(parents=True)
    return folder


def copied(dirs: WorkDirs, source: Path) -> Path:
    copy = dirs.take_copy("lane", os.fsencode(source))
    for _ in copy.fill():
        pass
    while not copy.is_settled:  # a tick of the kernel's clock
        pass
    return Path(os.fsdecode(copy.directory))


def test_given_a_source_when_it_is_copied_then_all_is_there_and_may_be_written(tmp_path: Path) -> None:
    source = a_source(tmp_path / "source")
    dirs, _ = work_dirs(tmp_path / "work")
    copy = copied(dirs, source)
    assert sorted(entry.name for entry in copy.iterdir()) == sorted(entry.name for entry in source.iterdir())
    assert (copy / "lib" / "deep" / "data").read_bytes() == (source / "lib" / "deep" / "data").read_bytes()
    assert (copy / "link").readlink() == Path("lib/deep/data")
    assert (copy / "out").readlink() == Path("/etc/passwd")
    assert (copy / "main.py").stat().st_mode & 0o777 == 0o644
    assert (copy / "run").stat().st_mode & 0o777 == 0o755
    assert (copy / "node_modules").readlink() == source / "node_modules"  # built, not copied


def test_given_a_copy_when_it_is_written_to_then_neither_the_source_nor_another_copy_changes(tmp_path: Path) -> None:
    source = a_source(tmp_path / "source")
    before = (source / "lib" / "deep" / "data").read_bytes()
    dirs, said = work_dirs(tmp_path / "work")
    first, second = copied(dirs, source), copied(dirs, source)
    for name in ("lib/deep/data", "main.py", "link"):
        with open(first / name, "ab") as file:
            file.write(b"written by a task")
    (first / "lib" / "new").write_text("x")
    (first / "lib" / "deep" / "data").unlink()
    assert (source / "lib" / "deep" / "data").read_bytes() == (second / "lib" / "deep" / "data").read_bytes() == before
    assert not (source / "lib" / "new").exists()
    assert (source / "main.py").read_text() == (second / "main.py").read_text() == "print(1)"
    for copy in (first, second):
        dirs.give_back("lane", os.fsencode(copy))
    dirs.forget("lane")
    finish(dirs)
    assert (said, os.listdir(tmp_path / "work")) == ([], [])
    assert (source / "node_modules" / "left-pad").is_dir()


def everything(folder: Path) -> dict[str, tuple[int, bytes | str | None]]:
    """Names, modes and contents below a folder, its own mode included."""
    found: dict[str, tuple[int, bytes | str | None]] = {".": (folder.lstat().st_mode, None)}
    for path in sorted(folder.rglob("*")):
        content = str(path.readlink()) if path.is_symlink() else path.read_bytes() if path.is_file() else None
        found[str(path.relative_to(folder))] = (path.lstat().st_mode, content)
    return found


def keep_size_and_time(file: Path) -> None:
    """Another content: not one byte longer, and as old as before."""
    before = file.stat()
    file.write_bytes(bytes(reversed(file.read_bytes())))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


CHANGES: list[Callable[[Path], object]] = [
    lambda copy: (copy / "main.py").write_text("print(2)"),
    lambda copy: keep_size_and_time(copy / "main.py"),
    lambda copy: (copy / "main.py").unlink(),
    lambda copy: (copy / "main.py").chmod(0o777),
    lambda copy: ((copy / "main.py").unlink(), (copy / "main.py").mkdir(), (copy / "main.py" / "x").touch()),
    lambda copy: ((copy / "main.py").unlink(), (copy / "main.py").symlink_to("/etc/passwd")),
    lambda copy: os.link(copy / "main.py", copy.parent / "kept"),
    lambda copy: ((copy / "lib" / "__pycache__").mkdir(), (copy / "lib" / "__pycache__" / "a.pyc").touch()),
    lambda copy: (shutil.rmtree(copy / "lib"), (copy / "lib").symlink_to("/etc")),
    lambda copy: (copy / "lib" / "deep").chmod(0),
    lambda copy: ((copy / "empty").rmdir(), (copy / "empty").write_text("x")),
    lambda copy: ((copy / "link").unlink(), (copy / "link").symlink_to("main.py")),
    lambda copy: ((copy / "node_modules").unlink(), (copy / "node_modules").mkdir()),
    lambda copy: shutil.rmtree(copy),
    lambda copy: copy.chmod(0o777),
    lambda copy: None,
]


@pytest.mark.parametrize("change", CHANGES)
def test_given_a_copy_that_a_task_has_changed_when_the_next_attempt_gets_it_then_it_is_as_new(
    tmp_path: Path, change: Callable[[Path], object]
) -> None:
    source = a_source(tmp_path / "source")
    kept = everything(source)
    dirs, _ = work_dirs(tmp_path / "work")
    copy = copied(dirs, source)
    before = everything(copy)
    for _ in range(3):
        change(copy)
        dirs.give_back("lane", os.fsencode(copy))
        assert copied(dirs, source) == copy  # the same one, made whole again
        assert everything(copy) == before
        assert everything(source) == kept
        (tmp_path / "work" / "kept").unlink(missing_ok=True)
    dirs.give_back("lane", os.fsencode(copy))
    dirs.forget("lane")
    finish(dirs)
    assert os.listdir(tmp_path / "work") == []


def test_given_a_large_file_when_it_is_copied_then_its_content_is_there(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for name, size in (("large", copies.COPIED_MAX_BYTES), ("larger", copies.COPIED_MAX_BYTES + 1)):
        with open(source / name, "wb") as file:
            file.write(b"begin")
            file.truncate(size)
    dirs, _ = work_dirs(tmp_path / "work")
    copy = copied(dirs, source)
    assert not (copy / "large").is_symlink()
    for name in ("large", "larger"):  # the larger one is a link where blocks cannot be shared
        assert (copy / name).stat().st_size == (source / name).stat().st_size
        with open(copy / name, "rb") as file:
            assert file.read(5) == b"begin"


def test_given_many_files_when_they_are_copied_then_it_is_done_little_by_little(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for number in range(300):
        (source / f"{number}").write_text("x")
    dirs, _ = work_dirs(tmp_path / "work")
    copy = dirs.take_copy("lane", os.fsencode(source))
    steps = copy.fill()
    next(steps)
    assert len(os.listdir(copy.directory)) < 10
    del steps  # the attempt is told to end meanwhile
    dirs.give_back("lane", copy.directory)
    assert len(list(copied(dirs, source).iterdir())) == 300


def test_given_links_out_and_locked_and_deep_folders_when_they_are_removed_then_nothing_outside_is_touched(
    tmp_path: Path,
) -> None:
    outside = tmp_path / "outside"
    (outside / "kept").mkdir(parents=True)
    (outside / "kept" / "file").write_text("kept")
    dirs, said = work_dirs(tmp_path / "work")
    path = dirs.take("lane")
    os.symlink(outside, os.path.join(path, b"link"))
    os.makedirs(os.path.join(path, b"locked", b"below"))
    os.symlink(outside / "kept", os.path.join(path, b"locked", b"below", b"link"))
    os.chmod(os.path.join(path, b"locked", b"below"), 0)
    os.chmod(os.path.join(path, b"locked"), 0)
    folder = os.open(path, os.O_RDONLY)
    for _ in range(3000):  # far beyond the depth of recursion and the length of a path
        os.mkdir("d" * 50, dir_fd=folder)
        below = os.open("d" * 50, os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = below
    os.close(folder)
    dirs.give_back("lane", path)
    finish(dirs)
    assert not os.path.lexists(path)
    assert said == []
    assert (outside / "kept" / "file").read_text() == "kept"


def test_given_many_files_when_they_are_removed_then_it_is_done_little_by_little(tmp_path: Path) -> None:
    dirs, _ = work_dirs(tmp_path / "work")
    taken = dirs.take("lane")
    for number in range(3000):
        open(os.path.join(taken, b"%d" % number), "w").close()
    dirs.give_back("lane", taken)
    dirs.work(0.0005)
    assert dirs.has_work
    finish(dirs)
    assert not os.path.lexists(taken)


def test_given_what_a_dead_supervisor_left_when_the_next_opens_then_it_is_removed(tmp_path: Path) -> None:
    first, _ = work_dirs(tmp_path / "work")
    left = first.take("lane")
    open(os.path.join(left, b"file"), "w").close()
    second, _ = work_dirs(tmp_path / "work")
    new = second.take("lane")
    finish(second)
    assert not os.path.lexists(left)
    assert os.path.isdir(new)


def test_given_a_lane_that_is_forgotten_when_its_spares_are_removed_then_the_root_is_empty(tmp_path: Path) -> None:
    dirs, _ = work_dirs(tmp_path / "work")
    taken = [dirs.take("lane") for _ in range(3)]
    for one in taken:
        dirs.give_back("lane", one)
    dirs.forget("lane")
    finish(dirs)
    assert os.listdir(tmp_path / "work") == []
