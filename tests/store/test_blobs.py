"""Content files: made, gone on with, joined, refused by the disk."""

from __future__ import annotations

import errno
import hashlib
import os
import random
from collections.abc import Iterator
from pathlib import Path

import google_crc32c
import pytest

from hakobune.core.errors import CorruptStore, ResourceExhausted, Unavailable
from hakobune.store.blobs import Blobs

UID = "ab00-1234"
BLOCK = random.Random(3).randbytes(1_000_003)


@pytest.fixture
def blobs(tmp_path: Path) -> Iterator[Blobs]:
    found = Blobs(tmp_path / "objects")
    yield found
    found.close()


def write(blobs: Blobs, uid: str, *blocks: bytes) -> None:
    writer = blobs.create(uid)
    for block in blocks:
        writer.write(block)
    writer.sync()
    writer.close()
    writer.close()
    blobs.release(uid)


def content(blobs: Blobs, uid: str) -> bytes:
    with blobs.open(uid) as file:
        return file.read()


def test_given_blocks_when_they_are_written_then_the_file_and_its_checksums_are_theirs(blobs: Blobs) -> None:
    writer = blobs.create(UID)
    assert blobs.in_work == {UID}
    assert blobs.uids("ab") == []
    for block in (BLOCK, b"", b"small", BLOCK):
        writer.write(block)
    whole = BLOCK + b"small" + BLOCK
    sums = writer.hashes.checksums()
    assert (sums.crc32c, sums.md5) == (google_crc32c.value(whole), hashlib.md5(whole).hexdigest())
    writer.sync()
    writer.close()
    blobs.release(UID)
    assert (blobs.folders(), blobs.uids("ab"), content(blobs, UID)) == (["ab"], [UID], whole)
    assert blobs.examine(UID) == (len(whole), google_crc32c.value(whole))


def test_given_more_than_the_disk_is_asked_to_write_ahead_when_it_is_written_then_it_is_whole(blobs: Blobs) -> None:
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


def test_given_a_file_when_another_of_its_name_is_made_then_it_is_refused_and_the_first_stays(blobs: Blobs) -> None:
    write(blobs, UID, b"first")
    with pytest.raises(Unavailable, match="File exists"):
        blobs.create(UID)
    assert (blobs.in_work, content(blobs, UID)) == (set(), b"first")


@pytest.mark.parametrize("uid", ["", "a", "../../etc/passwd", "AB00-1234", "ab/cd-1234", "ab00\n", "x" * 65])
def test_given_what_is_no_uid_when_a_file_is_named_by_it_then_nothing_is_touched(blobs: Blobs, uid: str) -> None:
    for call in (blobs.create, blobs.open, blobs.remove):
        with pytest.raises(CorruptStore):
            call(uid)


def test_given_a_symbolic_link_when_it_stands_for_a_file_then_it_is_not_followed(blobs: Blobs, tmp_path: Path) -> None:
    write(blobs, "ab00-0000", b"x")
    outside = tmp_path / "outside"
    outside.write_bytes(b"secret")
    (blobs.directory / "ab" / UID).symlink_to(outside)
    with pytest.raises(OSError, match="symbolic links"):
        blobs.open(UID)
    with pytest.raises(Unavailable):
        blobs.create(UID)


def test_given_a_file_when_it_is_gone_on_with_then_what_was_not_promised_is_cut_off(blobs: Blobs) -> None:
    write(blobs, UID, BLOCK, b"not promised")
    writer = blobs.resume(UID, len(BLOCK))
    assert writer.hashes.checksums().md5 == hashlib.md5(BLOCK).hexdigest()
    writer.write(b"more")
    assert writer.size_bytes == len(BLOCK) + 4
    writer.sync()
    hashes = writer.hashes
    writer.close()
    again = blobs.resume(UID, writer.size_bytes, hashes)
    again.write(b"!")
    again.close()
    assert content(blobs, UID) == BLOCK + b"more!"
    assert again.hashes.checksums().md5 == hashlib.md5(BLOCK + b"more!").hexdigest()
    assert blobs.in_work == set()


def test_given_a_file_that_is_gone_or_too_short_when_it_is_gone_on_with_then_that_is_told(blobs: Blobs) -> None:
    with pytest.raises(CorruptStore, match="is gone"):
        blobs.resume(UID, 5)
    blobs.resume(UID, 0).close()  # of no bytes: it is made
    with pytest.raises(CorruptStore, match="shorter"):
        blobs.resume(UID, 5)


@pytest.mark.parametrize("has_copies", [True, False])
def test_given_files_when_they_are_joined_then_the_new_one_is_all_of_them(
    blobs: Blobs, monkeypatch: pytest.MonkeyPatch, has_copies: bool
) -> None:
    """Also on a file system that cannot copy by itself."""
    if not has_copies:

        def refuse(*_: object) -> int:
            raise OSError(errno.EOPNOTSUPP, "not offered")

        monkeypatch.setattr(os, "copy_file_range", refuse)
    write(blobs, "aa00-0001", BLOCK)
    write(blobs, "bb00-0002", b"")
    write(blobs, "cc00-0003", b"end")
    sources = [blobs.open(uid) for uid in ("aa00-0001", "bb00-0002", "cc00-0003", "aa00-0001")]
    assert blobs.join(UID, sources) == 2 * len(BLOCK) + 3
    assert content(blobs, UID) == BLOCK + b"end" + BLOCK
    assert blobs.in_work == {UID}
    for source in sources:
        source.close()


@pytest.mark.parametrize(
    ("number", "kind"), [(errno.ENOSPC, ResourceExhausted), (errno.EDQUOT, ResourceExhausted), (errno.EIO, Unavailable)]
)
@pytest.mark.parametrize("call", ["open", "write", "fsync", "copy_file_range"])
def test_given_a_disk_that_refuses_when_files_are_made_then_that_is_told_and_nothing_is_left(
    blobs: Blobs, monkeypatch: pytest.MonkeyPatch, call: str, number: int, kind: type[Exception]
) -> None:
    write(blobs, "aa00-0001", b"source")
    write(blobs, "ab00-0000", b"so that the folder is there")

    def refuse(*_: object, **__: object) -> int:
        raise OSError(number, os.strerror(number))

    with blobs.open("aa00-0001") as source, monkeypatch.context() as patched:
        patched.setattr(os, call, refuse)
        if call == "copy_file_range":
            with pytest.raises(kind):
                blobs.join(UID, [source])
        elif call == "open":
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
    blobs: Blobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(blobs, "aa00-0001", b"source")
    with blobs.open("aa00-0001") as source, monkeypatch.context() as patched:
        patched.setattr(os, "copy_file_range", lambda *_: 0)
        with pytest.raises(CorruptStore, match="shorter"):
            blobs.join(UID, [source])
    assert blobs.examine(UID) is None


def test_given_a_file_that_cannot_be_removed_when_it_is_discarded_then_it_is_a_stray(
    blobs: Blobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EIO, "broken")

    writer = blobs.create(UID)
    with monkeypatch.context() as patched:
        patched.setattr(os, "unlink", refuse)
        writer.discard()
    assert blobs.uids("ab") == [UID]
    blobs.remove(UID)
    blobs.remove(UID)
    assert blobs.uids("ab") == []


def test_given_no_directory_when_one_looks_then_there_are_no_files(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path / "nothing")
    assert (blobs.folders(), blobs.uids("ab"), blobs.examine(UID)) == ([], [], None)
