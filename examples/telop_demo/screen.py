"""What the demo prints: headings, commands to repeat, facts, one line of progress that moves."""

from __future__ import annotations

import shlex
import sys
import time
from pathlib import Path

PLAIN_EVERY_S = 2.0  # between lines of progress where lines cannot be rewritten


class Screen:
    """Plain lines; on a terminal the line of progress is rewritten in place. `root` is the checkout."""

    def __init__(self, root: Path) -> None:
        self._root = str(root)
        self._moving = sys.stdout.isatty()
        self._open = False
        self._shown_at = 0.0
        self._shown = ""

    def heading(self, text: str) -> None:
        """Begin a part of the demo."""
        self._line("")
        self._line(text)

    def command(self, text: str) -> None:
        """A command that runs now, as a reader would type it in the checkout (`$PWD`)."""
        is_plain = shlex.quote(self._root) == self._root
        self._line(f"  $ {text.replace(self._root, '$PWD') if is_plain else text}")

    def fact(self, text: str, seconds: float | None = None) -> None:
        """Something that happened, and how long it took."""
        self._line(f"    {text}" if seconds is None else f"    {text}  ({seconds:.1f} s)")

    def row(self, text: str) -> None:
        """A line of a table."""
        self._line(f"  {text}".rstrip())

    def progress(self, text: str) -> None:
        """How far it is. Shown at once on a terminal, else now and then."""
        if self._moving:
            print(f"\r\033[K    {text}", end="", flush=True)
            self._open = True
        elif text != self._shown and time.monotonic() - self._shown_at >= PLAIN_EVERY_S:
            print(f"    {text}", flush=True)
            self._shown, self._shown_at = text, time.monotonic()

    def _line(self, text: str) -> None:
        print(f"\r\033[K{text}" if self._open else text, flush=True)
        self._open = False


class Pace:
    """Rate and remaining time of work whose parts are counted, from a start count on."""

    def __init__(self, total: int, done: int) -> None:
        self._total = total
        self._done_at_start = done
        self._began = time.monotonic()

    def text(self, done: int) -> str:
        """`7/10 segments  2.1/s  1 s left`."""
        elapsed = time.monotonic() - self._began
        fresh = done - self._done_at_start
        if fresh <= 0:
            return f"{done}/{self._total} segments"
        left = (self._total - done) * elapsed / fresh
        return f"{done}/{self._total} segments  {fresh / elapsed:.1f}/s  {left:.0f} s left"
