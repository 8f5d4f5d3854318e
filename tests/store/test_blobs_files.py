"""Contents in files: what only they do, and what a disk refuses. What all contents do: `test_blobs.py`."""

from __future__ import annotations

import errno
import os
import random
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from hakobune.core.errors import CorruptStore, ResourceExhausted, Unavailable
from hakobune.store.blobs_files import FileBlobs

UID = "ab00-1234"
BLOCK = random.Random(3).randbytes(1_000_003)


@pytest.fixture
def blobs(tmp_path: Path) -> Iterator[FileBlobs]:
    found = FileBlobs(tmp_path / "objects")
    yield found
    found.close()


def write(blobs: FileBlobs, uid: str, *blocks: bytes) -> None:
    writer = blobs.create(uid)
    for block in blocks:
        writer.write(block)
    writer.finish()
    writer.close()
    blobs.release(uid)


def content(blobs: FileBlobs, uid: str) -> bytes:
    with closing(blobs.open(uid)) as found:
        return b"".join(found.pieces())


def test_given_more_than_the_disk_is_asked_to_write_ahead_when_it_is_written_then_it_is_whole(blobs: FileBlobs) -> None:
    writer = blobs.create(UID)
    for _ in range(70):
        writer.write(BLOCK)
    writer.sync()
    writer.close()
    assert blobs.examine(UID) == (70 * len(BLOCK), writer.hashes.checksums().crc32c)
    other = blobs.create("ab00-5678")
    for _ in range(70):
        other.write(BLOCK)
    other.discard()
    assert blobs.examine("ab00-5678") is None


def test_given_a_file_when_another_of_its_name_is_made_then_it_is_refused_and_the_first_stays(blobs: FileBlobs) -> None:
    write(blobs, UID, b"first")
    with pytest.raises(Unavailable, match="File exists"):
        blobs.create(UID)
    assert (blobs.in_work, content(blobs, UID)) == (set(), b"first")


def test_given_a_symbolic_link_when_it_stands_for_a_file_then_it_is_not_followed(
    blobs: FileBlobs, tmp_path: Path
) -> None:
    write(blobs, "ab00-0000", b"x")
    outside = tmp_path / "outside"
    outside.write_bytes(b"secret")
    (blobs.directory / "ab" / UID).symlink_to(outside)
    with pytest.raises(OSError, match="symbolic links"):
        blobs.open(UID)
    with pytest.raises(Unavailable):
        blobs.create(UID)


@pytest.mark.parametrize("has_copies", [True, False])
def test_given_files_when_they_are_joined_then_the_new_one_is_all_of_them(
    blobs: FileBlobs, monkeypatch: pytest.MonkeyPatch, has_copies: bool
) -> None:
    """Also on a file system that cannot copy by itself."""
    if not has_copies:

        def refuse(*_: object) -> int:
            raise OSError(errno.EOPNOTSUPP, "not offered")

        monkeypatch.setattr(os, "copy_file_range", refuse)
    write(blobs, "aa00-0001", BLOCK)
    write(blobs, "bb00-0002", b"")
    write(blobs, "cc00-0003", b"end")
    blobs.join(UID, ["aa00-0001", "bb00-0002", "cc00-0003", "aa00-0001"], 2 * len(BLOCK) + 3)
    assert content(blobs, UID) == BLOCK + b"end" + BLOCK
    assert blobs.in_work == {UID}


@pytest.mark.parametrize(
    ("number", "kind"), [(errno.ENOSPC, ResourceExhausted), (errno.EDQUOT, ResourceExhausted), (errno.EIO, Unavailable)]
)
@pytest.mark.parametrize("call", ["open", "write", "fsync", "copy_file_range"])
def test_given_a_disk_that_refuses_when_files_are_made_then_that_is_told_and_nothing_is_left(
    blobs: FileBlobs, monkeypatch: pytest.MonkeyPatch, call: str, number: int, kind: type[Exception]
) -> None:
    write(blobs, "aa00-0001", b"source")
    write(blobs, "ab00-0000", b"so that the folder is there")

    def refuse(*_: object, **__: object) -> int:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patched:
        if call != "open":  # of the sources, too
            patched.setattr(os, call, refuse)
        if call == "copy_file_range":
            with pytest.raises(kind):
                blobs.join(UID, ["aa00-0001"], 6)
        elif call == "open":
            patched.setattr(os, call, refuse)
            with pytest.raises(kind):
                blobs.create(UID)
        else:
            writer = blobs.create(UID)
            with pytest.raises(kind):
                _write_and_sync(writer)
            writer.discard()
    assert blobs.in_work == set()
    assert blobs.uids("ab") == ["ab00-0000"]


def _write_and_sync(writer: object) -> None:
    writer.write(b"x")  # type: ignore[attr-defined]
    writer.sync()  # type: ignore[attr-defined]


def test_given_a_source_that_is_shorter_than_it_says_when_it_is_joined_then_that_is_told(
    blobs: FileBlobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(blobs, "aa00-0001", b"source")
    with monkeypatch.context() as patched:
        patched.setattr(os, "copy_file_range", lambda *_: 0)
        with pytest.raises(CorruptStore, match="shorter"):
            blobs.join(UID, ["aa00-0001"], 6)
    assert blobs.examine(UID) is None


def test_given_a_file_that_cannot_be_removed_when_it_is_discarded_then_it_is_a_stray(
    blobs: FileBlobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EIO, "broken")

    writer = blobs.create(UID)
    with monkeypatch.context() as patched:
        patched.setattr(os, "unlink", refuse)
        writer.discard()
    assert blobs.uids("ab") == [UID]
    blobs.remove([UID])
    blobs.remove([UID])
    assert blobs.uids("ab") == []


def test_given_no_directory_when_one_looks_then_there_are_no_files(tmp_path: Path) -> None:
    blobs = FileBlobs(tmp_path / "nothing")
    assert (blobs.folders(), blobs.uids("ab"), blobs.examine(UID)) == ([], [], None)
