"""The spool: what was appended comes back until it is acknowledged, whatever happened to its last bytes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hakobune.engines.process import spool as spool_module
from hakobune.engines.process.spool import Record, Spool


def a_record(cursor: int, kind: str = "e", *, size: int = 0) -> Record:
    uid = f"lane.{cursor}.1"
    return cursor, f'["{kind}","{uid}","{"x" * size}"]', uid if kind == "e" else ""


def recovered(folder: Path) -> list[int]:
    return [cursor for cursor, _, _ in Spool(str(folder)).recover()[0]]


def test_given_an_empty_folder_when_it_is_recovered_then_cursors_begin_at_1(tmp_path: Path) -> None:
    assert Spool(str(tmp_path)).recover() == ([], 1)


def test_given_records_when_a_new_spool_recovers_then_the_ends_that_nobody_acknowledged_are_there(
    tmp_path: Path,
) -> None:
    first = Spool(str(tmp_path))
    first.recover()
    first.append([a_record(1, "s"), a_record(2), a_record(3, "s")])
    first.acknowledge(2)
    first.append([a_record(4), a_record(5)])
    records, following = Spool(str(tmp_path)).recover()
    assert records == [a_record(4), a_record(5)]
    assert following > 5


def test_given_an_acknowledgement_of_all_when_the_spool_is_closed_then_nothing_comes_back(tmp_path: Path) -> None:
    first = Spool(str(tmp_path))
    first.recover()
    first.append([a_record(1), a_record(2)])
    first.acknowledge(2)
    first.close()
    assert recovered(tmp_path) == []
    assert os.listdir(tmp_path) == []


def test_given_full_segments_when_they_are_acknowledged_then_they_are_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool_module, "SEGMENT_BYTES", 1000)
    spool = Spool(str(tmp_path))
    spool.recover()
    for cursor in range(1, 200):
        spool.append([a_record(cursor, size=100)])
        if cursor % 5 == 0:
            spool.acknowledge(cursor - 3)
    assert len(os.listdir(tmp_path)) <= 3
    assert recovered(tmp_path) == [193, 194, 195, 196, 197, 198, 199]


@given(cut=st.integers(min_value=0, max_value=400), garbage=st.binary(max_size=40))
def test_given_a_torn_tail_when_a_spool_recovers_then_whole_records_before_it_are_kept(
    tmp_path_factory: pytest.TempPathFactory, cut: int, garbage: bytes
) -> None:
    folder = tmp_path_factory.mktemp("spool")
    first = Spool(str(folder))
    first.recover()
    first.append([a_record(cursor) for cursor in range(1, 8)])
    first.close()
    (segment,) = folder.iterdir()
    content = segment.read_bytes()
    segment.write_bytes(content[:cut] + garbage)
    whole = content[:cut].count(b"\n")
    records, following = Spool(str(folder)).recover()
    assert [cursor for cursor, _, _ in records] == list(range(1, whole + 1))
    assert following > whole


def test_given_a_spool_that_was_recovered_when_it_goes_on_then_old_and_new_records_come_back_in_order(
    tmp_path: Path,
) -> None:
    first = Spool(str(tmp_path))
    first.recover()
    first.append([a_record(1)])
    second = Spool(str(tmp_path))
    _, following = second.recover()
    second.append([a_record(following)])
    assert recovered(tmp_path) == [1, following]
    second.acknowledge(1)
    second.close()
    assert recovered(tmp_path) == [following]


def test_given_a_disk_that_refuses_a_write_and_its_sync_when_there_is_room_again_then_nothing_follows_a_torn_line(
    tmp_path: Path,
) -> None:
    spool = Spool(str(tmp_path))
    spool.recover()
    spool.append([a_record(1)])
    full = os.open("/dev/full", os.O_WRONLY)  # no write fits, and it cannot be synced
    kept = os.dup(spool._fd)
    os.write(kept, b"a torn li")
    os.dup2(full, spool._fd)
    os.close(full)
    with pytest.raises(OSError, match=r"Invalid argument|No space"):
        spool.append([a_record(2)])
    os.close(kept)
    spool.append([a_record(2), a_record(3)])
    spool.sync()
    assert recovered(tmp_path) == [1, 2, 3]
