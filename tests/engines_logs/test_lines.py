"""Pieces become lines, the same ones in both directions."""

from __future__ import annotations

from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hakobune.engines.logs.lines import Line, lines
from hakobune.engines.logs.reader import LogReader
from hakobune.engines.logs.records import DATA_BYTES_MAX
from hakobune.engines.logs.writer import LaneLog

QUARTER = DATA_BYTES_MAX // 4

Piece = tuple[int, int, bytes, bool]  # index, stream, data, is_partial


def write(root: Path, pieces: list[Piece]) -> LogReader:
    log = LaneLog(str(root / "lane"), tail_limit_bytes=64 << 20)
    for at, (index, stream, data, is_partial) in enumerate(pieces):
        log.append(float(at), index, 0, 1, stream, data, is_partial=is_partial)
    log.close()
    return LogReader(root)


def read(reader: LogReader, *, newest_first: bool = False) -> list[Line]:
    return list(lines(reader.records("lane", newest_first=newest_first), newest_first=newest_first))


def shown(found: list[Line]) -> list[tuple[float, int, int, tuple[int, int] | None]]:
    return [(line.at_s, line.task_index, len(line.data), line.piece) for line in found]


def test_given_pieces_of_two_attempts_mixed_then_each_line_is_whole_at_the_place_of_its_last_piece(
    tmp_path: Path,
) -> None:
    reader = write(
        tmp_path,
        [(0, 1, b"a", True), (1, 1, b"x", True), (0, 2, b"e", False), (0, 1, b"b", False), (1, 1, b"y", False)],
    )
    found = read(reader)
    assert [(line.at_s, line.task_index, line.data) for line in found] == [
        (2.0, 0, b"e"),
        (3.0, 0, b"ab"),
        (4.0, 1, b"xy"),
    ]
    assert read(reader, newest_first=True) == found[::-1]


def test_given_a_line_longer_than_an_entry_then_its_pieces_stay_apart_and_are_numbered(tmp_path: Path) -> None:
    long = [(0, 1, b"l" * QUARTER, True)] * 5 + [(0, 1, b"end", False)]
    reader = write(tmp_path, [*long[:3], (1, 1, b"other", False), *long[3:]])
    found = read(reader)
    assert shown(found) == [
        (0.0, 0, QUARTER, (1, 0)),
        (1.0, 0, QUARTER, (1, 1)),
        (2.0, 0, QUARTER, (1, 2)),
        (3.0, 1, 5, None),
        (4.0, 0, QUARTER, (1, 3)),
        (5.0, 0, QUARTER, (1, 4)),
        (6.0, 0, 3, (1, 5)),
    ]
    assert read(reader, newest_first=True) == found[::-1]


def test_given_a_line_of_exactly_the_size_of_an_entry_then_it_is_one(tmp_path: Path) -> None:
    reader = write(tmp_path, [(0, 1, b"l" * QUARTER, True)] * 3 + [(0, 1, b"l" * QUARTER, False)])
    assert shown(read(reader)) == [(3.0, 0, DATA_BYTES_MAX, None)]


def test_given_a_line_that_never_ended_then_what_there_is_of_it_is_given(tmp_path: Path) -> None:
    reader = write(tmp_path, [(0, 1, b"a", True), (0, 1, b"b", True), (1, 1, b"x", False)])
    found = read(reader)
    assert [(line.at_s, line.data) for line in found] == [(1.0, b"ab"), (2.0, b"x")]
    assert read(reader, newest_first=True) == found[::-1]


def test_given_a_line_that_holds_back_thousands_then_it_is_given_as_it_is(tmp_path: Path) -> None:
    others: list[Piece] = [(1, 1, b"x", False)] * 5_000
    reader = write(tmp_path, [(0, 1, b"a", True), *others, (0, 1, b"b", False)])
    walk = lines(reader.records("lane"), newest_first=False)
    assert next(walk).data == b"a"
    assert sum(line.task_index == 1 for line in walk) == 5_000


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
@given(
    pieces=st.lists(
        st.tuples(
            st.integers(0, 2),
            st.sampled_from([1, 2]),
            st.sampled_from([b"", b"short", b"q" * QUARTER, b"h" * (2 * QUARTER)]),
            st.booleans(),
        ),
        max_size=25,
    )
)
def test_both_directions_agree_and_nothing_is_lost(tmp_path_factory: object, pieces: list[Piece]) -> None:
    root = tmp_path_factory.mktemp("logs")  # type: ignore[attr-defined]
    reader = write(root, pieces)
    found = read(reader)
    assert read(reader, newest_first=True) == found[::-1]
    for index in range(3):
        for stream in (1, 2):
            expected = b"".join(data for i, s, data, _ in pieces if (i, s) == (index, stream))
            given_out = b"".join(line.data for line in found if (line.task_index, line.stream) == (index, stream))
            assert given_out == expected
    assert len({line.position for line in found}) == len(found)
