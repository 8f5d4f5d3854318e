"""Contents: made, gone on with, joined, removed. The suite is the definition of a place for contents."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import google_crc32c
import pytest
from bucket_kinds import BUCKETS, blobs_of

from hakobune.core.errors import CorruptStore
from hakobune.store.blobs import Blobs

UID = "ab00-1234"
BLOCK = random.Random(3).randbytes(1_000_003)


@pytest.fixture(params=["files", *BUCKETS])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Blobs]:
    found = blobs_of(request.param, tmp_path, lambda: request.getfixturevalue("runtime"))
    yield found
    found.close()


def write(blobs: Blobs, uid: str, *blocks: bytes) -> None:
    writer = blobs.create(uid)
    for block in blocks:
        writer.write(block)
    writer.finish()
    writer.close()
    blobs.release(uid)


def content(blobs: Blobs, uid: str, *span: int) -> bytes:
    with closing(blobs.open(uid)) as found:
        return b"".join(found.pieces(*span))


def test_given_blocks_when_they_are_written_then_the_content_and_its_checksums_are_theirs(blobs: Blobs) -> None:
    writer = blobs.create(UID)
    assert blobs.in_work == {UID}
    assert blobs.uids("ab") == []
    for block in (BLOCK, b"", b"small", BLOCK):
        writer.write(block)
    whole = BLOCK + b"small" + BLOCK
    sums = writer.hashes.checksums()
    assert (sums.crc32c, sums.md5) == (google_crc32c.value(whole), hashlib.md5(whole).hexdigest())
    assert writer.size_bytes == len(whole)
    writer.finish()
    assert blobs.uids("ab") == []  # in work still
    blobs.release(UID)
    assert (blobs.folders(), blobs.uids("ab"), content(blobs, UID)) == (["ab"], [UID], whole)
    assert blobs.examine(UID) == (len(whole), google_crc32c.value(whole))
    assert blobs.staged() == []


def test_given_large_and_small_blocks_in_turn_when_they_come_fast_then_the_checksums_are_of_their_order(
    blobs: Blobs,
) -> None:
    sizes = (200_000, 1, 70_000, 500_000, 65_536, 65_535, 3, 300_000) * 3
    blocks = [random.Random(number).randbytes(size) for number, size in enumerate(sizes)]
    writer = blobs.create(UID)
    for number, block in enumerate(blocks):
        writer.write(block)
        if number == 11:  # asked for on the way, as a session does
            assert writer.hashes.checksums().md5 == hashlib.md5(b"".join(blocks[:12])).hexdigest()
    assert writer.hashes.checksums().md5 == hashlib.md5(b"".join(blocks)).hexdigest()
    assert writer.hashes.checksums().crc32c == google_crc32c.value(b"".join(blocks))
    writer.discard()


def test_given_more_than_two_parts_when_they_are_written_then_the_content_is_whole(blobs: Blobs) -> None:
    writer = blobs.create(UID)
    for _ in range(20):
        writer.write(BLOCK)
    writer.finish()
    assert blobs.examine(UID) == (20 * len(BLOCK), writer.hashes.checksums().crc32c)
    assert content(blobs, UID, 7 * len(BLOCK) - 1, len(BLOCK) + 2) == BLOCK[-1:] + BLOCK + BLOCK[:1]
    assert content(blobs, UID, 20 * len(BLOCK) - 3, 3) == BLOCK[-3:]
    assert content(blobs, UID, 20 * len(BLOCK) - 3) == BLOCK[-3:]


def test_given_no_bytes_when_they_are_finished_then_there_is_a_content_of_none(blobs: Blobs) -> None:
    write(blobs, UID)
    assert (blobs.uids("ab"), blobs.examine(UID), content(blobs, UID)) == ([UID], (0, 0), b"")


@pytest.mark.parametrize("count", [1, 20])
def test_given_a_content_that_is_given_up_when_one_looks_then_nothing_is_left(blobs: Blobs, count: int) -> None:
    """Also when parts of it are outside already."""
    writer = blobs.create(UID)
    for _ in range(count):
        writer.write(BLOCK)
    writer.discard()
    assert (blobs.in_work, blobs.uids("ab"), blobs.examine(UID)) == (set(), [], None)
    writer.close()


@pytest.mark.parametrize("uid", ["", "a", "../../etc/passwd", "AB00-1234", "ab/cd-1234", "ab00\n", "x" * 65])
def test_given_what_is_no_uid_when_a_content_is_named_by_it_then_nothing_is_touched(blobs: Blobs, uid: str) -> None:
    for call in (blobs.create, blobs.open, lambda name: blobs.remove([name]), lambda name: blobs.resume(name, 0)):
        with pytest.raises(CorruptStore):
            call(uid)
    assert (blobs.in_work, blobs.folders()) == (set(), [])


def test_given_a_content_when_it_is_gone_on_with_then_what_was_not_promised_is_cut_off(blobs: Blobs) -> None:
    first = blobs.resume(UID, 0)
    first.write(BLOCK)
    first.sync()
    first.write(b"not promised")
    first.close()
    writer = blobs.resume(UID, len(BLOCK))
    assert writer.hashes.checksums().md5 == hashlib.md5(BLOCK).hexdigest()
    writer.write(b"more")
    assert writer.size_bytes == len(BLOCK) + 4
    writer.sync()
    hashes = writer.hashes
    writer.close()
    again = blobs.resume(UID, writer.size_bytes, hashes)
    again.write(b"!")
    assert again.hashes.checksums().md5 == hashlib.md5(BLOCK + b"more!").hexdigest()
    again.finish()
    again.close()
    assert content(blobs, UID) == BLOCK + b"more!"
    assert (blobs.in_work, blobs.staged()) == (set(), [UID] if blobs.is_remote else [])
    blobs.unstage(UID)
    assert (content(blobs, UID), blobs.staged()) == (BLOCK + b"more!", [])


def test_given_a_finish_that_is_tried_again_when_one_looks_then_the_content_is_whole(blobs: Blobs) -> None:
    writer = blobs.resume(UID, 0)
    for _ in range(20):
        writer.write(BLOCK)
    writer.sync()
    writer.finish()
    writer.close()
    again = blobs.resume(UID, 20 * len(BLOCK))
    again.write(b"!")
    again.finish()
    again.close()
    assert blobs.examine(UID) == (20 * len(BLOCK) + 1, google_crc32c.value(BLOCK * 20 + b"!"))


def test_given_a_session_that_is_given_up_when_it_is_removed_then_nothing_is_left(blobs: Blobs) -> None:
    writer = blobs.resume(UID, 0)
    writer.write(BLOCK)
    writer.sync()
    writer.close()
    blobs.remove([UID])
    assert (blobs.examine(UID), blobs.staged(), blobs.uids("ab")) == (None, [], [])


def test_given_a_content_that_is_gone_or_too_short_when_it_is_gone_on_with_then_that_is_told(blobs: Blobs) -> None:
    with pytest.raises(CorruptStore, match="is gone"):
        blobs.resume(UID, 5)
    blobs.resume(UID, 0).close()  # of no bytes: it is made
    with pytest.raises(CorruptStore, match="shorter"):
        blobs.resume(UID, 5)


def test_given_contents_when_they_are_joined_then_the_new_one_is_all_of_them(blobs: Blobs) -> None:
    write(blobs, "aa00-0001", BLOCK)
    write(blobs, "bb00-0002")
    write(blobs, "cc00-0003", b"end")
    blobs.join(UID, ["aa00-0001", "bb00-0002", "cc00-0003", "aa00-0001"], 2 * len(BLOCK) + 3)
    assert content(blobs, UID) == BLOCK + b"end" + BLOCK
    assert blobs.in_work == {UID}


def test_given_sources_that_are_gone_or_differ_when_they_are_joined_then_nothing_is_left(blobs: Blobs) -> None:
    write(blobs, "aa00-0001", b"source")
    with pytest.raises(FileNotFoundError):
        blobs.join(UID, ["aa00-0001", "bb00-gone"], 12)
    with pytest.raises(CorruptStore, match="as long as"):
        blobs.join(UID, ["aa00-0001"], 7)
    assert (blobs.examine(UID), blobs.in_work, blobs.uids("ab")) == (None, set(), [])


def test_given_contents_when_they_are_removed_twice_then_only_the_others_are_left(blobs: Blobs) -> None:
    for uid in (UID, "ab00-5678", "cd00-0001"):
        write(blobs, uid, b"x")
    blobs.remove([UID])
    blobs.remove([UID, "ab00-5678", "ab00-none"])
    blobs.remove([])
    assert (blobs.uids("ab"), blobs.uids("cd")) == ([], ["cd00-0001"])


def test_given_an_open_content_when_it_is_removed_then_it_can_be_read_to_its_end(blobs: Blobs) -> None:
    write(blobs, UID, *[BLOCK] * 9)
    first, second = blobs.open(UID), blobs.open(UID)
    pieces = first.pieces()
    begin = next(pieces)
    blobs.remove([UID])
    first_rest = b"".join(pieces)
    first.close()
    assert begin + first_rest == b"".join(second.pieces()) == BLOCK * 9
    second.close()
    second.close()
    blobs.close()  # the threads that remove have ended
    assert blobs.uids("ab") == []


def test_given_nothing_when_one_looks_then_there_is_nothing(blobs: Blobs) -> None:
    assert (blobs.folders(), blobs.uids("ab"), blobs.examine(UID), blobs.staged()) == ([], [], None, [])
    with pytest.raises(FileNotFoundError):
        content(blobs, UID)
