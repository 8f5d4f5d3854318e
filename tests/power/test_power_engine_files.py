"""Power cuts under the files of the process engine: logs of attempts, and the supervisor's spool."""

from __future__ import annotations

from pathlib import Path

import pytest
from disk import Kind
from recording import Cut, Recording, check_complete, each, record

from hakobune.engines.logs.reader import LogReader
from hakobune.engines.logs.writer import LaneLog
from hakobune.engines.process.spool import Spool


@pytest.fixture(scope="module")
def recording(recorder: Path, tmp_path_factory: pytest.TempPathFactory) -> Recording:
    return record(recorder, tmp_path_factory.mktemp("engine"), "drive_engine_files.py")


def test_given_the_recorder_when_the_engines_files_are_written_under_it_then_it_sees_every_change(
    recording: Recording, tmp_path: Path
) -> None:
    check_complete(recording, tmp_path)
    assert recording.count(Kind.MARK) > 90


@pytest.mark.parametrize("seed", [1, 2])
def test_given_logs_when_power_is_cut_then_every_line_that_was_synced_is_there_and_the_writer_goes_on(
    recording: Recording, seed: int
) -> None:
    def check(cut: Cut) -> None:
        wanted: dict[int, int] = {}
        for mark in cut.marks:
            kind, *words = mark.split()
            if kind == "log":
                wanted[int(words[0])] = int(words[1])
        lines = log_lines(cut.directory)
        for index, newest in wanted.items():
            assert lines.get(index, [])[: newest + 1] == list(range(newest + 1))
        for numbers in lines.values():
            assert numbers == sorted(numbers)

        log = LaneLog(str(cut.directory / "logs" / "lane"), tail_limit_bytes=400_000)
        for index in (0, 9):
            log.append(1_000.0, index, 1, 8, 1, f"{index} 9999".encode())
        log.sync()
        assert log.failure is None
        log.close()
        after = log_lines(cut.directory)
        for index in (0, 9):
            assert after[index] == [*lines.get(index, []), 9_999]

    each(recording, seed, check)


def log_lines(directory: Path) -> dict[int, list[int]]:
    """The numbers of the lines of each task."""
    found: dict[int, list[int]] = {}
    if (directory / "logs").is_dir():
        for record_ in LogReader(directory / "logs").records("lane"):
            index, number, *_ = record_.data.split()
            assert int(index) == record_.task_index
            found.setdefault(int(index), []).append(int(number))
    return found


@pytest.mark.parametrize("seed", [1, 2])
def test_given_a_spool_when_power_is_cut_then_what_was_synced_and_not_acknowledged_is_offered_again(
    recording: Recording, seed: int
) -> None:
    def check(cut: Cut) -> None:
        first, synced, acknowledged = 1, 0, 0
        owed: set[int] = set()
        seen = 0
        for mark in cut.marks:
            kind, *words = mark.split()
            if kind == "life":
                first = int(words[1])
            elif kind == "spooled":
                synced = int(words[0])
                owed |= set(range(max(first, seen + 1), synced + 1))
                seen = synced
            elif kind == "acknowledged":
                acknowledged = int(words[0])
                owed = {cursor for cursor in owed if cursor > acknowledged}
        folder = cut.directory / "spool"
        if not folder.is_dir():
            assert not owed
            return
        records, following = Spool(str(folder)).recover()
        offered = {cursor for cursor, _, _ in records}
        assert owed <= offered
        assert [cursor for cursor, _, _ in records] == sorted(offered)
        assert all(uid == f"uid-{cursor}" for cursor, _, uid in records)
        assert following > max(offered | {seen})

    each(recording, seed, check)
