"""Power cuts: a recording layer under the file calls keeps only what was synced, directory entries included."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from hakobune.sdk import Checkpoint, Ledger, lease, overwrite, write_once


class Disk:
    """What would be there after a power cut now."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root = root
        self.entries: dict[str, dict[str, int]] = {str(root): {}}  # synced directory → names and their inodes
        self.contents: dict[int, bytes] = {}  # synced inode → content
        sync = os.fsync

        def fsync(descriptor: int) -> None:
            sync(descriptor)
            path = os.readlink(f"/proc/self/fd/{descriptor}")
            if os.path.isdir(path):
                self.entries[path] = {entry.name: entry.inode() for entry in os.scandir(path)}
            else:
                self.contents[os.fstat(descriptor).st_ino] = Path(path).read_bytes()

        monkeypatch.setattr(os, "fsync", fsync)
        monkeypatch.setattr(os, "link", self._checked(os.link))
        monkeypatch.setattr(os, "rename", self._checked(os.rename))

    def _checked(self, call: Callable[[str, str], None]) -> Callable[[str, str], None]:
        def checked(source: str, target: str) -> None:
            # From now on the name may reach the disk at any time, so what it names must be there already.
            assert self.contents.get(os.stat(source).st_ino) == Path(source).read_bytes(), f"{target} is not synced"
            call(source, target)

        return checked

    def content(self, path: Path) -> bytes | None:
        inode = 0
        directory = self.root
        for part in path.relative_to(self.root).parts:
            names = self.entries.get(str(directory), {})
            if part not in names:
                return None
            inode = names[part]
            directory = directory / part
        return self.contents.get(inode)


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(tmp_path, monkeypatch)


@pytest.mark.parametrize("write", [write_once, overwrite])
def test_given_a_write_that_returned_when_the_power_fails_then_file_and_directories_are_there(
    tmp_path: Path, disk: Disk, write: Callable[[Path, str], object]
) -> None:
    path = tmp_path / "a" / "b" / "c" / "x"
    write(path, "whole")
    assert disk.content(path) == b"whole"


def test_given_an_overwrite_that_returned_when_the_power_fails_then_the_new_content_is_there(
    tmp_path: Path, disk: Disk
) -> None:
    overwrite(tmp_path / "x", "old")
    overwrite(tmp_path / "x", "new")
    assert disk.content(tmp_path / "x") == b"new"


def test_given_a_file_whose_name_was_not_synced_when_it_is_reported_as_existing_then_it_is_made_durable(
    tmp_path: Path, disk: Disk
) -> None:
    write_once(tmp_path / "x", "whole")
    disk.entries[str(tmp_path)] = {}  # as if its writer had died just before that sync
    assert not write_once(tmp_path / "x", "whole")
    assert disk.content(tmp_path / "x") == b"whole"


def test_given_a_saved_checkpoint_when_the_power_fails_then_it_is_there(tmp_path: Path, disk: Disk) -> None:
    checkpoint = Checkpoint.open("c", tmp_path)
    for value in (1, 2):
        checkpoint.save(value)
        content = disk.content(tmp_path / "none" / "none" / "0" / "c.json")
        assert content is not None
        assert f'"value":{value}'.encode() in content


def test_given_an_effect_that_is_done_when_the_power_fails_then_its_mark_is_there(tmp_path: Path, disk: Disk) -> None:
    Ledger(tmp_path).do("k", lambda _: "done once")
    (path,) = tmp_path.rglob("*.json")
    assert b'"state":"done"' in (disk.content(path) or b"")


def test_given_a_lease_that_was_acquired_when_the_power_fails_then_its_token_is_not_given_again(
    tmp_path: Path, disk: Disk
) -> None:
    with lease("n", ttl_s=30, backend=tmp_path, renew=False):
        (path,) = tmp_path.rglob("*.json")
        assert b'"token":1' in (disk.content(path) or b"")
