"""What the writer wrote is what the reader reads: round trips, rotation, crashes, full disks."""

from __future__ import annotations

import os
import resource
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hakobune.engines.logs import records
from hakobune.engines.logs.reader import LogReader, Record
from hakobune.engines.logs.writer import PENDING_BYTES_MAX, SHARED_BYTES_PER_ATTEMPT, LaneLog

SMALL_LIMIT = 8 * 1024
FS = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)


@dataclass(frozen=True)
class Line:
    """One call of `append`."""

    at_s: float
    index: int
    stream: int
    data: bytes


def lines() -> st.SearchStrategy[list[Line]]:
    one = st.builds(
        Line,
        at_s=st.integers(0, 50).map(float),
        index=st.integers(0, 3),
        stream=st.sampled_from([records.STDOUT, records.STDERR]),
        data=st.one_of(st.binary(max_size=40), st.integers(500, 3000).map(lambda size: b"x" * size)),
    )
    return st.lists(one, max_size=80).map(lambda many: sorted(many, key=lambda line: line.at_s))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "logs"


def fresh(root: Path) -> LogReader:
    shutil.rmtree(root, ignore_errors=True)
    return LogReader(root)


def write(root: Path, many: list[Line], *, limit: int = 1 << 20, flush_every: int = 7) -> LaneLog:
    log = LaneLog(str(root / "lane"), tail_limit_bytes=limit)
    for count, line in enumerate(many):
        log.append(line.at_s, line.index, 0, 1, line.stream, line.data)
        if count % flush_every == 0:
            log.flush()
    log.sync()
    return log


def read(root: Path, **wanted: object) -> list[Record]:
    return list(LogReader(root).records("lane", **wanted))  # type: ignore[arg-type]


def output_of(found: list[Record], index: int) -> bytes:
    return b"".join(r.data + b"\n" for r in found if r.task_index == index and r.stream != records.SYSTEM)


@FS
@given(many=lines())
def test_given_lines_when_read_then_each_attempt_has_its_lines_in_order_and_time_never_falls(
    root: Path, many: list[Line]
) -> None:
    fresh(root)
    write(root, many).close()
    found = read(root)
    for index in range(4):
        expected = b"".join(line.data + b"\n" for line in many if line.index == index)
        assert output_of(found, index) == expected
    assert [r.at_s for r in found] == sorted(line.at_s for line in many)
    assert len({r.position for r in found}) == len(found)


@FS
@given(
    many=lines(),
    after=st.none() | st.integers(-1, 51),
    before=st.none() | st.integers(-1, 51),
    index=st.none() | st.integers(0, 3),
)
def test_a_backward_walk_is_the_reverse_of_a_forward_walk_and_bounds_only_leave_out(
    root: Path, many: list[Line], after: int | None, before: int | None, index: int | None
) -> None:
    fresh(root)
    write(root, many, limit=SMALL_LIMIT).close()
    everything = read(root)
    low, high = (-2 if after is None else after), (99 if before is None else before)
    expected = [r for r in everything if low <= r.at_s <= high and index in {None, r.task_index}]
    assert read(root, after_s=after, before_s=before, index=index) == expected
    assert read(root, after_s=after, before_s=before, index=index, newest_first=True) == expected[::-1]


@FS
@given(many=lines(), more=lines(), data=st.data())
def test_given_a_file_cut_at_any_byte_when_a_new_writer_goes_on_then_all_before_the_cut_and_all_new_is_there(
    root: Path, many: list[Line], more: list[Line], data: st.DataObject
) -> None:
    fresh(root)
    write(root, many, limit=SMALL_LIMIT).close()
    before = read(root)
    if before:
        name = data.draw(st.sampled_from(sorted(os.listdir(root / "lane"))))
        path = root / "lane" / name
        size = path.stat().st_size
        os.truncate(path, data.draw(st.integers(0, size)))
        garbage = data.draw(st.sampled_from([b"", b"\0" * 100, b"\xff" * 7, path.read_bytes()[40:90]]))
        with path.open("ab") as file:
            file.write(garbage)
    torn = read(root)
    kept = {r.position for r in before}
    assert {r.position for r in torn} <= kept
    assert read(root, newest_first=True) == torn[::-1]

    shift = data.draw(st.sampled_from([0, 4]))  # the same attempts go on, or others
    shifted = [Line(line.at_s + 100, line.index + shift, line.stream, line.data) for line in more]
    write(root, shifted).close()
    after = read(root)
    assert [r for r in after if r.at_s < 100] == torn
    for index in range(8):
        new = b"".join(line.data + b"\n" for line in shifted if line.index == index)
        assert output_of(after, index) == output_of(torn, index) + new
    assert read(root, newest_first=True) == after[::-1]


def test_given_an_attempt_beyond_every_limit_then_its_beginning_and_newest_part_are_kept_and_the_gap_is_told(
    root: Path,
) -> None:
    limit = 64 * 1024
    texts = [f"line {number:06d} ".encode() * 5 for number in range(20_000)]
    write(root, [Line(float(n), 7, records.STDOUT, text) for n, text in enumerate(texts)], limit=limit).close()
    found = read(root)

    kept = [r.data for r in found if r.stream == records.STDOUT]
    assert kept[0] == texts[0]
    assert kept[-1] == texts[-1]
    gap = next(i for i, r in enumerate(found) if r.stream == records.SYSTEM)
    assert kept[:gap] == texts[:gap]
    assert kept[gap:] == texts[-(len(kept) - gap) :]
    dropped = sum(map(len, texts)) - sum(map(len, kept))
    assert (
        found[gap].data
        == (f"{dropped} bytes of output were dropped here: the attempt wrote more than is kept of one.").encode()
    )
    own = [path for path in (root / "lane").iterdir() if path.name.startswith("attempt-7-1.log")]
    assert sum(path.stat().st_size for path in own) <= limit
    assert (root / "lane" / "shared-000001.log").stat().st_size <= SHARED_BYTES_PER_ATTEMPT + records.HEADER_BYTES
    assert LogReader(root).size_bytes("lane") <= limit + SHARED_BYTES_PER_ATTEMPT + records.HEADER_BYTES


def test_given_a_walk_under_way_when_the_writer_rotates_then_the_walk_goes_on_in_order(root: Path) -> None:
    texts = [f"line {number:06d} ".encode() * 8 for number in range(4_000)]
    log = write(root, [Line(float(n), 0, 1, text) for n, text in enumerate(texts[:2_000])], limit=200_000)
    walk = LogReader(root).records("lane")
    seen = [next(walk) for _ in range(1_000)]
    for number, text in enumerate(texts[2_000:], start=2_000):
        log.append(float(number), 0, 0, 1, 1, text)
    log.flush()
    seen += walk
    log.close()
    times = [r.at_s for r in seen]
    assert times == sorted(times)
    assert len({r.position for r in seen}) == len(seen)


def test_positions_stay_the_same_when_a_file_is_rotated(root: Path) -> None:
    log = write(root, [Line(float(n), 0, 1, b"y" * 900) for n in range(75)], limit=20_000)
    before = {r.position: r.data for r in read(root) if r.stream == records.STDOUT}
    for number in range(75, 82):
        log.append(float(number), 0, 0, 1, 1, b"z" * 900)
    log.flush()
    log.close()
    after = {r.position: r.data for r in read(root) if r.stream == records.STDOUT}
    assert (root / "lane" / "attempt-0-1.log.1").exists()
    assert before.items() <= after.items()


def test_ten_thousand_small_attempts_cost_one_file(root: Path) -> None:
    log = LaneLog(str(root / "lane"), tail_limit_bytes=1 << 20)
    for index in range(10_000):
        log.append(1.0, index, 0, 1, 1, b"done")
        log.end_attempt(index, 1)
    log.sync()
    log.close()
    assert os.listdir(root / "lane") == ["shared-000001.log"]
    assert len(read(root)) == 10_000


def test_a_lane_without_output_has_no_folder(root: Path) -> None:
    log = LaneLog(str(root / "lane"), tail_limit_bytes=1 << 20)
    log.flush()
    log.sync()
    log.end_attempt(0, 1)
    log.close()
    assert not root.exists()
    assert read(root) == []
    assert LogReader(root).size_bytes("lane") == 0
    LogReader(root).delete("lane")


def test_shared_output_goes_to_new_segments(root: Path) -> None:
    write(root, [Line(float(n), n, 1, b"s" * 60_000) for n in range(300)], flush_every=10).close()
    assert sorted(os.listdir(root / "lane")) == ["shared-000001.log", "shared-000002.log", "shared-000003.log"]
    assert [r.task_index for r in read(root)] == list(range(300))
    assert [r.task_index for r in read(root, after_s=290.0, newest_first=True)] == list(range(299, 289, -1))
    assert [r.task_index for r in read(root, after_s=140.0, before_s=143.0)] == [140, 141, 142, 143]


def test_given_a_clock_that_falls_then_times_stay_where_they_were(root: Path) -> None:
    log = LaneLog(str(root / "lane"), tail_limit_bytes=1 << 20)
    for at_s in (10.0, 4.0, 11.0):
        log.append(at_s, 0, 0, 1, 1, b"t")
    log.close()
    again = LaneLog(str(root / "lane"), tail_limit_bytes=1 << 20)
    again.append(3.0, 0, 0, 1, 1, b"t")
    again.close()
    assert [r.at_s for r in read(root)] == [10.0, 10.0, 11.0, 11.0]


def test_pieces_of_a_line_are_marked_in_both_directions(root: Path) -> None:
    log = LaneLog(str(root / "lane"), tail_limit_bytes=4 << 20)
    log.append(1.0, 0, 0, 1, 1, b"a", is_partial=True)
    log.append(1.0, 1, 0, 1, 1, b"whole")
    log.append(1.0, 0, 0, 1, 2, b"error")
    log.append(1.0, 0, 0, 1, 1, b"b", is_partial=True)
    log.append(1.0, 0, 0, 1, 1, b"c")
    log.append(1.0, 0, 0, 1, 1, b"next")
    log.append(2.0, 2, 0, 1, 1, b"m" * (records.DATA_BYTES_MAX + 1))
    log.close()
    found = read(root)
    assert [(r.data[:5], r.is_partial, r.piece, r.line) for r in found] == [
        (b"a", True, 0, 1),
        (b"whole", False, 0, 0),
        (b"error", False, 0, 0),
        (b"b", True, 1, 1),
        (b"c", False, 2, 1),
        (b"next", False, 0, 0),
        (b"mmmmm", True, 0, 2),
        (b"m", False, 1, 2),
    ]
    assert read(root, newest_first=True) == found[::-1]


def test_output_that_looks_like_a_record_is_none(root: Path) -> None:
    write(root, [Line(1.0, 0, 1, b"first")]).close()
    path = root / "lane" / "shared-000001.log"
    forged = path.read_bytes()[records.HEADER_BYTES :]
    shutil.rmtree(root)
    write(root, [Line(1.0, 0, 1, forged)]).close()
    os.truncate(path, path.stat().st_size - records.TRAIL.size)  # the forged record now ends the file
    assert read(root) == []
    assert read(root, newest_first=True) == []


def test_a_lane_is_no_path(tmp_path: Path) -> None:
    for lane in ("..", ".", "", "a/b", "a\0"):
        with pytest.raises(ValueError, match="not a lane"):
            LogReader(tmp_path).records(lane)


@contextmanager
def full_disk(size_bytes: int) -> Iterator[None]:
    """No file may grow beyond this: the kernel's answer is an error of writing, as with a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_given_a_full_disk_then_nothing_is_raised_what_waits_is_bounded_and_the_loss_is_told_afterwards(
    root: Path,
) -> None:
    log = LaneLog(str(root / "lane"), tail_limit_bytes=8 << 20)
    log.append(1.0, 0, 0, 1, 1, b"before")
    log.sync()
    with full_disk(2_000):
        for _ in range(5_000):
            log.append(2.0, 1, 3, 9, 1, b"d" * 1_000)
        log.sync()
        assert log.failure is not None
        lost = log.lost_bytes
        assert 5_000_000 - 2 * PENDING_BYTES_MAX < lost < 5_000_000
        log.append(3.0, 0, 0, 1, 1, b"during")
        log.flush()
    log.append(4.0, 0, 0, 1, 1, b"after")
    log.sync()
    assert log.failure is None
    log.close()

    found = read(root)
    assert [r.data for r in found if r.task_index == 0] == [b"before", b"during", b"after"]
    told = [r for r in found if r.stream == records.SYSTEM]
    assert [(r.task_index, r.number, r.uid_tail) for r in told] == [(1, 3, 9)]
    assert told[0].data.startswith(f"{lost} bytes of output were lost here".encode())
    assert sum(len(r.data) for r in found if r.task_index == 1 and r.stream == 1) == 5_000_000 - lost
    assert read(root, newest_first=True) == found[::-1]


def test_given_a_crash_between_the_two_steps_of_a_rotation_then_the_next_writer_goes_on_after_the_older_file(
    root: Path,
) -> None:
    write(root, [Line(float(n), 0, 1, b"y" * 900) for n in range(90)], limit=1 << 20).close()
    before = read(root)
    (root / "lane" / "attempt-0-1.log").rename(root / "lane" / "attempt-0-1.log.1")
    assert read(root) == before
    write(root, [Line(100.0, 0, 1, b"new")], limit=1 << 20).close()
    after = read(root)
    assert after[:-1] == before
    assert after[-1].data == b"new"
    assert after[-1].position > before[-1].position


def test_given_more_attempts_with_own_files_than_descriptors_are_kept_then_nothing_is_lost(root: Path) -> None:
    log = LaneLog(str(root / "lane"), tail_limit_bytes=1 << 20)
    for turn in range(3):
        for index in range(70):
            log.append(float(turn), index, 0, 1, 1, b"x" * 40_000)
        log.sync()
        assert len(os.listdir("/proc/self/fd")) < 150
    log.close()
    assert len(read(root)) == 210


def test_given_a_full_segment_when_a_new_writer_opens_then_it_begins_the_next(root: Path) -> None:
    first = LaneLog(str(root / "lane"), tail_limit_bytes=1 << 20)
    for index in range(140):
        first.append(1.0, index, 0, 1, 1, b"s" * 60_000)
    first._relieve(first._shared)  # a writer that dies right after a large write
    write(root, [Line(2.0, 999, 1, b"next")]).close()
    assert sorted(os.listdir(root / "lane")) == ["shared-000001.log", "shared-000002.log"]
    assert [r.task_index for r in read(root)] == [*range(140), 999]
    first.close()


def test_given_a_full_disk_while_an_own_file_is_due_for_rotation_then_it_is_rotated_later(root: Path) -> None:
    log = LaneLog(str(root / "lane"), tail_limit_bytes=400_000)
    for number in range(250):
        log.append(float(number), 0, 0, 1, 1, b"a" * 1_000)
    log.sync()
    with full_disk(150_000):
        for number in range(250, 500):
            log.append(float(number), 0, 0, 1, 1, b"b" * 1_000)
        log.sync()
        assert log.failure is not None
    log.append(500.0, 0, 0, 1, 1, b"c")
    log.sync()
    for number in range(501, 900):
        log.append(float(number), 0, 0, 1, 1, b"d" * 1_000)
    log.sync()
    assert log.failure is None
    log.close()
    assert log.lost_bytes == 0
    found = [r for r in read(root) if r.stream == records.STDOUT]
    assert found[-1].data == b"d" * 1_000
    assert sum(path.stat().st_size for path in (root / "lane").glob("attempt-*")) <= 400_000
    assert read(root, newest_first=True) == read(root)[::-1]


def test_files_that_are_no_logs_are_left_alone(root: Path) -> None:
    write(root, [Line(1.0, 0, 1, b"x")]).close()
    for name in (
        "shared-1.log",
        "shared-000009.log",
        "attempt-0-1.log",
        "attempt-00-1.log",
        "notes.txt",
        "shared-x.log",
    ):
        (root / "lane" / name).write_bytes(b"no log of ours, or of a later version: " + b"." * 40)
    assert [r.data for r in read(root)] == [b"x"]
    write(root, [Line(2.0, 5, 1, b"y")]).close()
    assert [r.data for r in read(root)] == [b"x", b"y"]
    assert (root / "lane" / "shared-000009.log").read_bytes().startswith(b"no log of ours")


def test_given_a_folder_that_cannot_be_made_then_output_is_counted_as_lost(tmp_path: Path) -> None:
    (tmp_path / "logs").write_bytes(b"a file stands where the folder should be")
    log = LaneLog(str(tmp_path / "logs" / "lane"), tail_limit_bytes=1 << 20)
    for _ in range(40):
        log.append(1.0, 0, 0, 1, 1, b"d" * 100_000)
    log.sync()
    log.end_attempt(0, 1)
    assert log.lost_bytes > 0
    assert isinstance(log.failure, OSError)
    log.close()


def test_delete_removes_all_and_only_that_lane(root: Path) -> None:
    write(root, [Line(1.0, 0, 1, b"x")]).close()
    other = LaneLog(str(root / "other"), tail_limit_bytes=1 << 20)
    other.append(1.0, 0, 0, 1, 1, b"y")
    other.close()
    reader = LogReader(root)
    reader.delete("lane")
    assert list(reader.records("lane")) == []
    assert [r.data for r in reader.records("other")] == [b"y"]


@settings(deadline=None, max_examples=25)
@given(
    sizes=st.lists(st.integers(0, 3_000), min_size=300, max_size=500),
    places=st.lists(st.floats(0.0, 1.0), min_size=5, max_size=5),
)
def test_given_a_long_file_then_the_first_record_of_a_time_is_found_by_halving(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], places: list[float]
) -> None:
    root = tmp_path_factory.mktemp("logs")
    log = LaneLog(str(root / "lane"), tail_limit_bytes=8 << 20)
    # Lengths that look like lengths of records stand everywhere in the output.
    lure = records.TRAIL.pack(records.RECORD_BYTES_MIN + 4)
    for count, size in enumerate(sizes):
        log.append(float(count // 3), count % 40, 0, 1, 1, (lure * (size // 4 + 1))[:size])
    log.close()
    everything = read(root)
    last_s = everything[-1].at_s
    for place in places:
        at_s = place * (last_s + 2) - 1
        assert read(root, after_s=at_s) == [r for r in everything if r.at_s >= at_s]
        before = [r for r in everything if r.at_s <= at_s]
        assert read(root, before_s=at_s) == before
        assert read(root, before_s=at_s, newest_first=True) == before[::-1]
