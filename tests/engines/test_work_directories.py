"""Working directories: as new for each attempt, removed after it, and nothing else is."""

from __future__ import annotations

import os
from pathlib import Path

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
    first = dirs.take("lane", None)
    dirs.give_back("lane", first)
    assert dirs.take("lane", None) == first
    assert dirs.take("lane", None) != first


def test_given_a_used_directory_when_it_comes_back_then_it_is_removed(tmp_path: Path) -> None:
    dirs, said = work_dirs(tmp_path / "work")
    for use in (
        lambda path: open(os.path.join(path, b"file"), "w").close(),
        lambda path: os.chmod(path, 0o777),
        lambda path: os.rmdir(path),
        lambda path: (os.rmdir(path), os.symlink("/", path)),
    ):
        taken = dirs.take("lane", None)
        use(taken)
        dirs.give_back("lane", taken)
        finish(dirs)
        assert not os.path.lexists(taken)
    assert said == []
    assert os.path.isdir("/")


def test_given_links_when_one_was_changed_then_the_directory_is_not_used_again(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "a").write_text("a")
    (source / "b").mkdir()
    dirs, _ = work_dirs(tmp_path / "work")
    taken = dirs.take("lane", os.fsencode(source))
    assert sorted(os.listdir(taken)) == [b"a", b"b"]
    dirs.give_back("lane", taken)
    again = dirs.take("lane", os.fsencode(source))
    assert again == taken
    os.unlink(os.path.join(again, b"a"))
    os.symlink("/etc/passwd", os.path.join(again, b"a"))
    dirs.give_back("lane", again)
    finish(dirs)
    assert not os.path.lexists(again)
    assert (source / "a").read_text() == "a"


def test_given_links_out_and_locked_and_deep_folders_when_they_are_removed_then_nothing_outside_is_touched(
    tmp_path: Path,
) -> None:
    outside = tmp_path / "outside"
    (outside / "kept").mkdir(parents=True)
    (outside / "kept" / "file").write_text("kept")
    dirs, said = work_dirs(tmp_path / "work")
    path = dirs.take("lane", None)
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
    taken = dirs.take("lane", None)
    for number in range(3000):
        open(os.path.join(taken, b"%d" % number), "w").close()
    dirs.give_back("lane", taken)
    dirs.work(0.0005)
    assert dirs.has_work
    finish(dirs)
    assert not os.path.lexists(taken)


def test_given_what_a_dead_supervisor_left_when_the_next_opens_then_it_is_removed(tmp_path: Path) -> None:
    first, _ = work_dirs(tmp_path / "work")
    left = first.take("lane", None)
    open(os.path.join(left, b"file"), "w").close()
    second, _ = work_dirs(tmp_path / "work")
    new = second.take("lane", None)
    finish(second)
    assert not os.path.lexists(left)
    assert os.path.isdir(new)


def test_given_a_lane_that_is_forgotten_when_its_spares_are_removed_then_the_root_is_empty(tmp_path: Path) -> None:
    dirs, _ = work_dirs(tmp_path / "work")
    taken = [dirs.take("lane", None) for _ in range(3)]
    for one in taken:
        dirs.give_back("lane", one)
    dirs.forget("lane")
    finish(dirs)
    assert os.listdir(tmp_path / "work") == []
