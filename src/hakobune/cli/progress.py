"""The tracker of stages on stderr: redrawn in place on a terminal, whole plain lines everywhere else.

Live, as gcloud draws it:          Plain:
    ⠹ Creating execution...            Creating execution...
      ✓ Provisioning resources...      Provisioning resources...done
      ⠹ Running execution... 1 / 3     Running execution...done
"""

from __future__ import annotations

import sys
import time

from hakobune.cli import console
from hakobune.cli.errors import LeftRunningError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from hakobune.cli.console import Console

_SPINNER = "⠏⠛⠹⠼⠶⠧"
_TICK_S = 0.1
_PLAIN_EVERY_S = 10.0  # a line of progress at most this often where nobody can redraw it


class Stage:
    """One line under the header."""

    __slots__ = ("message", "name", "state")

    def __init__(self, name: str) -> None:
        self.name = name
        self.state = "waiting"  # waiting, running, done, failed
        self.message = ""


class Tracker:
    """`with Tracker(console, "Creating execution...", stages, failure) as tracker:` shows how far things are."""

    def __init__(self, output: Console, header: str, stages: list[Stage], failure: str) -> None:
        self._console = output
        self._header = header
        self._header_state = "running"
        self._header_message = ""
        self._stages = stages
        self._failure = failure
        self._live = output.is_live and console.shows(sys.stderr, "✓")
        self._lines_drawn = 0
        self._tick = 0
        self._open = False  # a plain line without its end
        self._told_s = time.monotonic()

    def __enter__(self) -> Self:
        if self._live:
            self._draw()
        else:
            self._console.say(self._header)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        del error, trace
        if kind is None:
            self._header_state = "done"
            self._redraw()
            self._console.say("Done.")
            return
        # Ctrl-C ended the wait: nothing has failed.
        interrupted = issubclass(kind, KeyboardInterrupt | LeftRunningError)
        self._header_state = "stopped" if interrupted else "failed"
        running = [stage for stage in self._stages if stage.state == "running"]
        for stage in running:
            stage.state = "stopped" if interrupted else "failed"
        if self._live:
            self._redraw()
        elif self._open or not interrupted:
            self._console.say("interrupted." if interrupted else "failed")
            self._open = False
        if not interrupted:
            self._console.say(self._failure)

    def header(self, text: str) -> None:
        """What is said beside the header while the runtime is away, for example."""
        if self._live:
            self._header_message = text
            self._redraw()

    def start(self, stage: Stage) -> None:
        """A stage begins."""
        stage.state = "running"
        if self._live:
            self._redraw()
            return
        self._console.mutter(stage.name)
        self._open = True

    def update(self, stage: Stage, message: str) -> None:
        """Something to say of a running stage. In plain output: rarely, and on a line of its own."""
        changed = stage.message != message
        stage.message = message
        if self._live:
            self._redraw()
            return
        now = time.monotonic()
        if changed and message and now - self._told_s >= _PLAIN_EVERY_S:
            self._told_s = now
            self._console.mutter(f" {message}\n{stage.name}")

    def finish(self, stage: Stage, message: str = "") -> None:
        """A stage has succeeded."""
        stage.state = "done"
        stage.message = message or stage.message
        if self._live:
            self._redraw()
            return
        self._console.say("done")
        self._open = False

    def pause(self, seconds: float) -> None:
        """Wait; the spinner turns meanwhile."""
        deadline = time.monotonic() + seconds
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(left, _TICK_S) if self._live else left)
            if self._live:
                self._tick += 1
                self._redraw()

    def _redraw(self) -> None:
        if self._live:
            self._draw()

    def _draw(self) -> None:
        """Draw all lines over those of the last time. Lines are cut to the width, so that they stay one line each."""
        import shutil

        width = shutil.get_terminal_size().columns - 1
        message = {"done": "Done.", "failed": "failed", "stopped": "interrupted."}.get(
            self._header_state, self._header_message
        )
        lines = [self._line(self._header_state, f"{self._header} {message}".rstrip(), 0, width)]
        lines += [self._line(s.state, f"{s.name} {s.message}".rstrip(), 2, width) for s in self._stages]
        up = f"\x1b[{self._lines_drawn}A" if self._lines_drawn else ""
        self._console.mutter(up + "".join(f"\r\x1b[K{line}\n" for line in lines))
        self._lines_drawn = len(lines)

    def _line(self, state: str, text: str, indent: int, width: int) -> str:
        marks = {"waiting": (".", ""), "done": ("✓", "green"), "failed": ("X", "red"), "stopped": ("-", "yellow")}
        symbol, colour = marks.get(state, (_SPINNER[self._tick % len(_SPINNER)], ""))
        shown = console.paint(symbol, colour) if colour and console.coloured(sys.stderr) else symbol
        return f"{' ' * indent}{shown} {text[: max(8, width - indent - 2)]}"
