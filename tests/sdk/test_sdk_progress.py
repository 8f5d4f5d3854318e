from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hakobune.sdk.progress_meter import ProgressMeter


class Desk:
    """A clock that stands still until moved, and the lines that came out."""

    def __init__(self, *, is_terminal: bool = False) -> None:
        self.now = 0.0
        self.lines: list[str] = []
        self.due: list[tuple[float, Callable[[], None]]] = []
        self.meter = ProgressMeter(
            write=self.lines.append,
            is_terminal=lambda: is_terminal,
            monotonic=lambda: self.now,
            call_later=lambda delay, action: self.due.append((self.now + delay, action)),
        )

    def advance(self, seconds: float) -> None:
        self.now += seconds
        ripe = [action for at, action in self.due if at <= self.now]
        self.due = [(at, action) for at, action in self.due if at > self.now]
        for action in ripe:
            action()

    def shown(self) -> list[tuple[int, int]]:
        reports = [json.loads(line)["hakobune.dev/progress"] for line in self.lines]
        return [(report["done"], report["total"]) for report in reports]


def test_given_a_report_when_written_then_it_is_the_line_that_the_runtime_reads() -> None:
    desk = Desk()
    desk.meter.report(12, 40, "note")
    assert json.loads(desk.lines[0]) == {
        "severity": "INFO",
        "message": "12/40 note",
        "hakobune.dev/progress": {"done": 12, "total": 40, "note": "note"},
    }


def test_given_a_terminal_when_reported_then_a_person_can_read_it() -> None:
    desk = Desk(is_terminal=True)
    desk.meter.report(12, 40, "note")
    assert desk.lines == [" 30% 12/40 note"]


def test_given_many_reports_at_once_when_time_passes_then_the_latest_is_written() -> None:
    desk = Desk()
    for done in range(1, 40):
        desk.meter.report(done, 40)
    assert desk.shown() == [(1, 40)]
    desk.advance(0.25)
    assert desk.shown() == [(1, 40), (39, 40)]
    desk.advance(5)
    assert len(desk.lines) == 2


def test_given_the_last_report_when_it_completes_the_work_then_it_does_not_wait() -> None:
    desk = Desk()
    desk.meter.report(1, 2)
    desk.meter.report(2, 2)
    assert desk.shown() == [(1, 2), (2, 2)]


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50), st.floats(0, 1)), max_size=60), st.integers(0, 30))
def test_no_history_goes_back_or_writes_more_than_four_lines_a_second(
    history: list[tuple[int, int, float]], floor: int
) -> None:
    desk = Desk()
    desk.meter.raise_floor(floor)
    seconds = 0.0
    for done, total, pause in history:
        desk.meter.report(done, total)
        desk.advance(pause)
        seconds += pause
    desk.meter.flush()
    shown = desk.shown()
    assert shown == sorted(shown, key=lambda report: report[0])
    assert all(floor <= done <= total for done, total in shown)
    completed = sum(done == total for done, total in shown)
    assert len(shown) - completed <= seconds / 0.25 + 2
    if history:
        highest = max(floor, *(done for done, _, _ in history))
        assert shown[-1] == (highest, max(highest, history[-1][1]))
        assert desk.meter.reported() == highest


def test_given_an_interpreter_that_ends_when_no_timer_can_be_set_then_the_report_is_written_at_once() -> None:
    written: list[str] = []

    def refuse(*_: object) -> None:
        raise RuntimeError("can't start new thread at interpreter shutdown")

    meter = ProgressMeter(write=written.append, is_terminal=lambda: True, monotonic=lambda: 0.0, call_later=refuse)
    for done in (1, 2):
        meter.report(done, 4)
    assert written == [" 25% 1/4", " 50% 2/4"]


def test_given_negative_numbers_when_reported_then_they_are_refused() -> None:
    for done, total in ((-1, 5), (1, -5)):
        with pytest.raises(ValueError, match="negative"):
            Desk().meter.report(done, total)


@pytest.mark.parametrize("ending", ["", "raise SystemExit(3)", "raise ValueError"])
def test_given_a_real_process_when_it_ends_then_its_last_report_is_out(ending: str) -> None:
    program = "from hakobune.sdk import progress\nfor done in range(100000): progress(done, 100001)\n" + ending
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert lines[0]["message"] == "0/100001"
    assert lines[-1]["message"] == "99999/100001"
    assert len(lines) < 40


def test_given_a_process_that_pauses_when_a_report_was_held_back_then_it_comes_out_meanwhile() -> None:
    program = "from hakobune.sdk import progress\nprogress(1, 3)\nprogress(2, 3)\ninput()\n"
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert [json.loads(process.stdout.readline())["message"] for _ in range(2)] == ["1/3", "2/3"]
        process.communicate("\n", timeout=20)
