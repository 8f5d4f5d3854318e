"""How far a task is, as lines that the runtime understands and shows with rate and time left.

The line: {"severity": "INFO", "message": "12/40 note", "hakobune.dev/progress": {"done": 12, "total": 40,
"note": "note"}}. Anywhere else it is an ordinary structured log entry. Work that was begun for a receipt
(HAKOBUNE_RECEIPT) says so by a label of the entry, hakobune.dev/receipt, by which it is found (decision 0031).
"""

from __future__ import annotations

import atexit
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from hakobune.sdk import lines

PROGRESS_KEY = "hakobune.dev/progress"
RECEIPT_LABEL = "hakobune.dev/receipt"
RECEIPT_VARIABLE = "HAKOBUNE_RECEIPT"

# Four lines a second: as smooth as a person reads, and nothing beside what Cloud Logging takes from a task.
_INTERVAL_S = 0.25


@dataclass(frozen=True, slots=True)
class _Report:
    done: int
    total: int
    note: str


class ProgressMeter:
    """Takes reports as often as they come; writes few, the latest always among them."""

    def __init__(
        self,
        *,
        write: Callable[[str], None] = lines.emit,
        is_terminal: Callable[[], bool] = lines.is_terminal,
        monotonic: Callable[[], float] = time.monotonic,
        call_later: Callable[[float, Callable[[], None]], object] | None = None,
    ) -> None:
        self._write = write
        self._is_terminal = is_terminal
        self._monotonic = monotonic
        self._call_later = call_later or _call_later
        self._lock = threading.Lock()
        self._floor = 0
        self._latest: _Report | None = None
        self._written: _Report | None = None
        self._written_at: float | None = None
        self._is_flush_due = False

    def report(self, done: int, total: int, note: str = "") -> None:
        """As `progress`."""
        if done < 0 or total < 0:
            raise ValueError(f"done and total must not be negative: {done}/{total}")
        with self._lock:
            # Never back: an attempt that starts over must not make the whole look less done.
            self._floor = max(self._floor, done)
            self._latest = _Report(self._floor, max(total, self._floor), note)
            wait_s = self._wait_s()
            is_complete = self._latest.done == self._latest.total
            if wait_s <= 0 or (is_complete and not self._wrote_complete()):
                self._write_latest()
            elif not self._is_flush_due:
                self._is_flush_due = True
                try:
                    self._call_later(wait_s, self.flush)
                except RuntimeError:  # no threads any more: the interpreter is ending
                    self._is_flush_due = False
                    self._write_latest()

    def flush(self) -> None:
        """Write the latest report, if it has not been written."""
        with self._lock:
            self._is_flush_due = False
            self._write_latest()

    def reported(self) -> int | None:
        """The highest `done` so far, None before the first report."""
        with self._lock:
            return None if self._latest is None else self._latest.done

    def raise_floor(self, done: int) -> None:
        """Count `done` as reached: an earlier attempt of this task has reported it."""
        with self._lock:
            self._floor = max(self._floor, done)

    def _wait_s(self) -> float:
        return 0.0 if self._written_at is None else self._written_at + _INTERVAL_S - self._monotonic()

    def _wrote_complete(self) -> bool:
        return self._written is not None and self._written.done == self._written.total

    def _write_latest(self) -> None:
        report = self._latest
        if report is None or report == self._written:
            return
        self._written, self._written_at = report, self._monotonic()
        message = f"{report.done}/{report.total} {report.note}".rstrip()
        if self._is_terminal():
            percent = 100 * report.done // report.total if report.total else 0
            self._write(f"{percent:3d}% {message}")
            return
        detail = {"done": report.done, "total": report.total, "note": report.note}
        entry: dict[str, object] = {"severity": "INFO", "message": message, PROGRESS_KEY: detail}
        if receipt := os.environ.get(RECEIPT_VARIABLE):
            entry[lines.LABELS_KEY] = {RECEIPT_LABEL: receipt}
        self._write(lines.to_json(entry))


def progress(done: int, total: int, note: str = "") -> None:
    """Report that `done` of `total` units of this task's work are done; `note` says what is in hand.

    Cheap enough for every item: at most about four lines a second are written, the last one always. Never goes back
    within an attempt; in a restarted one not below what the checkpoint knows. Call it with the same unit throughout.
    Raises ValueError for negative numbers.
    """
    _meter().report(done, total, note)


def reported() -> int | None:
    """The highest `done` this process has reported, None before the first report."""
    return _process_meter.reported() if _process_meter is not None else None


def raise_floor(done: int) -> None:
    """Let no report of this process go below `done`."""
    _meter().raise_floor(done)


_process_meter: ProgressMeter | None = None


def _meter() -> ProgressMeter:
    global _process_meter  # noqa: PLW0603 - one per process, made when first needed
    if _process_meter is None:
        _process_meter = ProgressMeter()
        atexit.register(_process_meter.flush)
    return _process_meter


def _forget_meter() -> None:
    """In a forked child: the timer has stayed behind, and another thread may have held the lock."""
    global _process_meter  # noqa: PLW0603
    _process_meter = None


os.register_at_fork(after_in_child=_forget_meter)


def _call_later(delay_s: float, action: Callable[[], None]) -> None:
    timer = threading.Timer(delay_s, action)
    timer.daemon = True
    timer.start()
