"""The demo's job on its clip, with the real decoder and the real recogniser, as the processes that a job would run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from merge import main as merge_main
from merge import merge
from results import SegmentResult, read_segments, segment_file, telop_id, write_segment
from telops import SAMPLE_MS, Telop, distance
from video import SEGMENT_MS, sampled_bands, segments

from hakobune.sdk import Checkpoint

DEMO = Path(__file__).parents[2] / "examples" / "telop_demo"
CLIP = DEMO / "clip.mp4"
SEGMENTS = 10
CER_MAX = 0.02  # characters misread over all telops; measured: 0
WITHIN_S = 90.0


def task_environment(out: Path, index: int, count: int, attempt: int = 0) -> dict[str, str]:
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("HAKOBUNE_")},
        "OUT": str(out),
        "CLOUD_RUN_JOB": "telop-demo",
        "CLOUD_RUN_EXECUTION": "telop-demo-x7k2p",
        "CLOUD_RUN_TASK_INDEX": str(index),
        "CLOUD_RUN_TASK_COUNT": str(count),
        "CLOUD_RUN_TASK_ATTEMPT": str(attempt),
    }


@contextmanager
def a_task(out: Path, index: int, count: int, attempt: int = 0) -> Iterator[subprocess.Popen[str]]:
    """A running task process; killed at the end if it is still there."""
    with subprocess.Popen(
        [sys.executable, str(DEMO / "read_telops.py"), str(CLIP)],
        env=task_environment(out, index, count, attempt),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def run_task(out: Path, index: int, count: int, attempt: int = 0) -> str:
    """Run a task to its end; what it printed."""
    with a_task(out, index, count, attempt) as process:
        printed, _ = process.communicate(timeout=WITHIN_S)
        assert process.returncode == 0, printed
        return printed


def segments_done(out: Path, index: int, count: int) -> int:
    """What the checkpoint of a task says."""
    return Checkpoint.open("segments", where=out / "checkpoints", environ=task_environment(out, index, count)).done


def wait_for_a_segment(out: Path, index: int, count: int) -> None:
    deadline = time.monotonic() + WITHIN_S
    while segments_done(out, index, count) == 0:
        assert time.monotonic() < deadline, f"no segment done after {WITHIN_S} s"
        time.sleep(0.005)


def contents(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (out / "segments").iterdir()}


def entries(printed: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in printed.splitlines()]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of an undisturbed run over the whole clip, in one task."""
    out = tmp_path_factory.mktemp("whole")
    run_task(out, index=0, count=1)
    return out


def test_given_the_clip_when_cut_then_its_segments_cover_it_without_gap_or_overlap() -> None:
    parts = segments(CLIP)

    assert [part.number for part in parts] == list(range(SEGMENTS))
    assert [part.start_ms for part in parts] == [n * SEGMENT_MS for n in range(SEGMENTS)]
    assert [part.end_ms for part in parts[:-1]] == [part.start_ms for part in parts[1:]]


def test_given_a_segment_between_key_frames_when_sampled_then_its_frames_are_those_of_reading_from_the_start() -> None:
    parts = segments(CLIP)[:2]
    both = parts[0].__class__(number=0, start_ms=0, end_ms=parts[1].end_ms)

    alone = dict(sampled_bands(CLIP, parts[1]))
    within = {at_ms: band for at_ms, band in sampled_bands(CLIP, both) if at_ms >= parts[1].start_ms}

    assert list(alone) == list(range(SEGMENT_MS, 2 * SEGMENT_MS, SAMPLE_MS))
    assert {at_ms: band.tobytes() for at_ms, band in alone.items()} == {
        at_ms: band.tobytes() for at_ms, band in within.items()
    }


def test_given_the_truth_about_the_clip_when_read_then_texts_and_times_agree(whole: Path) -> None:
    truth = json.loads((DEMO / "clip.json").read_text(encoding="utf-8"))["telops"]

    telops = merge(whole)

    assert len(telops) == len(truth)
    burned_in = ["".join(telop["text"].split()) for telop in truth]
    read = ["".join(telop.text.split()) for telop in telops]
    errors = sum(distance(one, other) for one, other in zip(read, burned_in, strict=True))
    assert errors <= CER_MAX * sum(map(len, burned_in)), dict(zip(burned_in, read, strict=True))
    for telop, true in zip(telops, truth, strict=True):
        assert 0 <= telop.first_ms - true["first_ms"] < SAMPLE_MS, telop
        assert 0 <= true["last_ms"] - telop.last_ms < SAMPLE_MS, telop


def test_given_the_misspelled_telop_when_read_then_the_mistake_is_kept(whole: Path) -> None:
    assert "関係者意外の立ち入りは禁止" in [telop.text for telop in merge(whole)]


def test_given_the_work_split_over_other_tasks_when_read_then_every_byte_is_the_same(
    whole: Path, tmp_path: Path
) -> None:
    run_task(tmp_path, index=4, count=5)

    assert contents(tmp_path) == {
        name: content for name, content in contents(whole).items() if name in {"00004000.json", "00009000.json"}
    }


def test_given_a_task_killed_between_segments_when_tried_again_then_it_goes_on_and_the_bytes_are_the_same(
    whole: Path, tmp_path: Path
) -> None:
    with a_task(tmp_path, index=0, count=4) as process:
        wait_for_a_segment(tmp_path, index=0, count=4)
        process.kill()
        assert process.wait() == -signal.SIGKILL
    done = segments_done(tmp_path, index=0, count=4)
    assert done < 3

    retry = entries(run_task(tmp_path, index=0, count=4, attempt=1))

    assert retry[0]["message"] == f"attempt 1 begins: {done} of 3 segments are done"
    assert len(retry) == 1 + 3 - done
    assert retry[-1]["message"] == "3/3 segment 8: 1 telops"
    assert contents(tmp_path) == {
        name: content
        for name, content in contents(whole).items()
        if name in {"00000000.json", "00004000.json", "00008000.json"}
    }


def test_given_a_task_that_has_finished_when_run_again_then_nothing_is_read_or_written(tmp_path: Path) -> None:
    run_task(tmp_path, index=9, count=10)
    before = segment_file(tmp_path, 9).stat().st_mtime_ns

    (begins,) = entries(run_task(tmp_path, index=9, count=10, attempt=1))

    assert begins["message"] == "attempt 1 begins: 1 of 1 segments are done"
    assert segment_file(tmp_path, 9).stat().st_mtime_ns == before


def test_given_sigterm_in_the_middle_then_the_segment_in_hand_is_finished_and_the_exit_code_is_143(
    tmp_path: Path,
) -> None:
    with a_task(tmp_path, index=0, count=1) as process:
        wait_for_a_segment(tmp_path, index=0, count=1)
        process.terminate()
        assert process.wait(WITHIN_S) == 143

    done = segments_done(tmp_path, index=0, count=1)
    assert 1 <= done < SEGMENTS
    assert len(contents(tmp_path)) == done


@pytest.mark.parametrize(
    ("arguments", "out"), [((), "somewhere"), ((str(CLIP),), ""), ((str(CLIP), "more"), "somewhere")]
)
def test_given_a_wrong_call_then_the_usage_is_printed_and_the_exit_code_is_2(
    arguments: tuple[str, ...], out: str
) -> None:
    done = subprocess.run(
        [sys.executable, str(DEMO / "read_telops.py"), *arguments],
        env={**os.environ, "OUT": out},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("usage: ")


def test_given_a_missing_segment_when_merged_then_it_is_named_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for segment in (0, 2, 3):
        write_segment(tmp_path, SegmentResult(segment=segment, count=5, telops=()))

    assert merge_main([str(tmp_path)]) == 1

    assert "no result of segment 1, 4" in capsys.readouterr().err
    assert not (tmp_path / "telops.json").exists()


def test_given_results_of_another_clip_among_them_when_read_then_they_are_refused(tmp_path: Path) -> None:
    for segment, count in ((0, 2), (1, 2), (2, 3)):
        write_segment(tmp_path, SegmentResult(segment=segment, count=count, telops=()))

    with pytest.raises(ValueError, match="more than one clip"):
        read_segments(tmp_path)


def test_given_a_written_segment_when_read_back_then_it_is_the_same(tmp_path: Path) -> None:
    telop = Telop(id=0, first_ms=0, last_ms=200, votes={"雨": 1990}, parts=(0,))
    result = SegmentResult(segment=0, count=1, telops=(telop,))

    write_segment(tmp_path, result)

    assert read_segments(tmp_path) == [result]


def test_given_telops_in_two_segments_then_their_ids_never_meet() -> None:
    assert telop_id(3, 7) == 3007
    with pytest.raises(OverflowError):
        telop_id(3, 1000)
