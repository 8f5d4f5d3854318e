"""A few threads that carry out a list of any length, and how far they are on the terminal."""

from __future__ import annotations

import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from hakobune.cli.errors import CommandError, UnreachableError
from hakobune.cli.storage.display import readable
from hakobune.cli.storage.transport import StoppedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from hakobune.cli.console import Console
    from hakobune.cli.storage.transport import Transport

_WORKERS = 8
_AHEAD = 64  # tasks that wait for a worker: a list may hold a million
_REDRAW_S = 0.1


class Progress:
    """Files and bytes that are done; a line that is redrawn on a terminal, and nothing elsewhere."""

    def __init__(self, console: Console, noun: str = "files") -> None:
        self._console = console
        self._noun = noun
        self._lock = threading.Lock()
        self._begun_s = time.monotonic()
        self._drawn_s = 0.0
        self._is_drawn = False
        self.done = self.total = self.size_bytes = self.total_bytes = 0

    @property
    def is_heard(self) -> bool:
        """Whether what is said reaches anybody."""
        return self._console.enabled

    def expect(self, size_bytes: int | None) -> None:
        """One more is to be done, of so many bytes."""
        with self._lock:
            self.total += 1
            self.total_bytes += size_bytes or 0

    def advance(self, size_bytes: int) -> None:
        """So many bytes more."""
        with self._lock:
            self.size_bytes += size_bytes
            self._redraw()

    def finish_one(self) -> None:
        """One is done."""
        with self._lock:
            self.done += 1
            self._redraw()

    def say(self, text: str) -> None:
        """A whole line, above the one that is redrawn."""
        with self._lock:
            self._erase()
            self._console.say(text)

    def end(self) -> None:
        """Erase the line, and say how fast it was where that means something."""
        with self._lock:
            self._erase()
            elapsed_s = max(time.monotonic() - self._begun_s, 0.001)
            if self.done > 1 and self.size_bytes:
                rate = readable(self.size_bytes / elapsed_s)
                self._console.say(f"\nAverage throughput: {rate}/s")

    def _redraw(self) -> None:
        now = time.monotonic()
        if not self._console.is_live or now - self._drawn_s < _REDRAW_S:
            return
        self._drawn_s = now
        self._is_drawn = True
        elapsed_s = max(now - self._begun_s, 0.001)
        line = f"  Completed {self._noun} {self.done}/{self.total}"
        if self.total_bytes:
            line += f" | {readable(self.size_bytes)}/{readable(self.total_bytes)}"
            line += f" | {readable(self.size_bytes / elapsed_s)}/s"
        width = shutil.get_terminal_size().columns - 1
        self._console.mutter(f"\r\x1b[K{line[:width]}")

    def _erase(self) -> None:
        if self._is_drawn:
            self._console.mutter("\r\x1b[K")
            self._is_drawn = False


class Crew:
    """Carries tasks out, several at once. What fails is said at once; the others go on."""

    def __init__(self, transport: Transport, progress: Progress, *, workers: int = _WORKERS) -> None:
        self._transport = transport
        self._progress = progress
        self._workers = workers
        self._room = threading.Condition()
        self._open = 0  # tasks that were taken and are not done
        self._failures: list[str] = []
        self._end: BaseException | None = None

    def run(self, tasks: Iterable[Callable[[], None]]) -> None:
        """Carry out all tasks, asking for the next one only when a worker is near.

        Raises CommandError when some failed, without a text where each was said, and what the tasks' own list raised.
        """
        pool = ThreadPoolExecutor(self._workers, thread_name_prefix="storage")
        try:
            try:
                for task in tasks:
                    self._await(self._workers + _AHEAD - 1)
                    if self._end is not None:
                        break
                    with self._room:
                        self._open += 1
                    pool.submit(self._do, task)
            finally:
                self._await(0)  # also when the list could not be read to its end: what was begun is finished
        except KeyboardInterrupt:
            self._transport.stop()  # the threads end at their next block, and clean up
            self._await(0)
            raise
        finally:
            pool.shutdown(wait=False)
        if self._end is not None:
            raise self._end
        if self._failures:
            # Each was said, unless nothing is to be said: then one stands for all.
            raise CommandError("" if self._progress.is_heard else self._failures[0])

    def _await(self, count: int) -> None:
        """Wait until at most so many tasks are open. (Not by joining the threads: Python 3.11 takes a thread for ended
        when Ctrl-C comes into the join.)"""
        with self._room:
            self._room.wait_for(lambda: self._open <= count)

    def _do(self, task: Callable[[], None]) -> None:
        try:
            self._transport.check()
            task()
            self._progress.finish_one()
        except StoppedError:
            return
        except UnreachableError as error:
            self._give_up(error)
        except CommandError as error:
            self._failures = self._failures[:1] or [str(error)]
            self._progress.say(f"ERROR: {error}")
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that asked
            self._give_up(error)
        finally:
            with self._room:
                self._open -= 1
                self._room.notify()

    def _give_up(self, error: BaseException) -> None:
        """Nothing else can succeed: the runtime is gone, or this is our own mistake."""
        self._end = self._end or error
        self._transport.stop()
