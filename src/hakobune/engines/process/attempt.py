"""An attempt, its lane and its output, as the supervisor knows them.

Plain classes with slots: dataclasses would double the time that a supervisor takes to start.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from hakobune.engines.logs.writer import LaneLog
from hakobune.engines.process.loop import Loop

# States of an attempt.
WAITING = "waiting"  # in its lane
STARTING = "starting"  # a preloaded interpreter was asked to fork it
RUNNING = "running"  # its main process exists, and nobody has waited for it
ENDING = "ending"  # the main process is gone; others of the attempt may be left
ENDED = "ended"

FOREVER_S = float("inf")


class Lane:
    """What the attempts of one execution have in common, and those of them that are here."""

    __slots__ = (
        "argv",
        "attempt_variable",
        "env",
        "grace_s",
        "held",
        "index_variable",
        "is_queued",
        "is_resident",
        "log",
        "memory_limit_bytes",
        "program",
        "running",
        "slot_variables",
        "source",
        "timeout_s",
        "uid",
        "waiting",
        "waiting_count",
        "warm_modules",
        "warm_plan",
        "width",
        "working_dir",
    )

    def __init__(self, definition: Mapping[str, Any], logs_folder: str, runtime_mark: tuple[bytes, bytes]) -> None:
        self.uid: str = definition["uid"]
        if not self.uid or "/" in self.uid or self.uid.startswith("."):
            raise ValueError(f"the uid {self.uid!r} of a lane cannot name a folder")
        self.width: int = definition["width"]
        self.argv = tuple(encode_text(word) for word in definition["argv"])
        self.env = encode_env(definition["env"])
        self.env[runtime_mark[0]] = runtime_mark[1]
        self.slot_variables = frozenset(encode_text(name) for name in definition["slot_variables"])
        self.index_variable = os.fsencode(definition["index_variable"])
        self.attempt_variable = os.fsencode(definition["attempt_variable"])
        working_dir: str | None = definition["working_dir"]
        self.working_dir = None if working_dir is None else encode_text(working_dir)
        source: str | None = definition["source"]
        self.source = None if source is None else os.fsencode(source)  # what the directory of an attempt begins with
        self.timeout_s: float = definition["timeout_s"]
        self.grace_s: float = definition["grace_s"]
        self.memory_limit_bytes: int | None = definition["memory_limit_bytes"]
        self.is_resident: bool = definition["is_resident"]
        self.warm_modules: tuple[str, ...] = tuple(definition["warm_modules"])
        self.warm_plan: Any = None  # made with the first attempt
        self.log = LaneLog(f"{logs_folder}/{self.uid}", tail_limit_bytes=definition["log_limit_bytes"])
        self.program: bytes | None = None  # where argv[0] was found with the PATH of `env`
        self.waiting: deque[Attempt] = deque()  # attempts that were stopped meanwhile included
        self.waiting_count = 0
        self.running = 0  # attempts between their start and their end
        self.held = 0  # attempts that are not ended
        self.is_queued = False  # it stands in the round

    @property
    def can_start(self) -> bool:
        """An attempt waits, and the width allows it."""
        return self.waiting_count > 0 and self.running < self.width


class Attempt:
    """One attempt, from its acceptance to its end."""

    __slots__ = (
        "cause",
        "cgroup",
        "cpu_s",
        "deadline_s",
        "detail",
        "directory",
        "ended_at_s",
        "exit_code",
        "extra_env",
        "failed_starts",
        "has_written",
        "hidden",
        "index",
        "kill_at_s",
        "lane",
        "max_rss_bytes",
        "number",
        "pid",
        "pipes",
        "signal",
        "slot",
        "started_at_s",
        "started_boot_s",
        "state",
        "uid",
        "uid_tail",
    )

    def __init__(
        self,
        uid: str,
        index: int,
        number: int,
        extra_env: Mapping[str, str] | None,
        lane: Lane,
        hidden: Sequence[str] = (),
    ) -> None:
        self.uid = uid
        self.uid_tail = int(uid.rpartition(".")[2])
        self.index = index
        self.number = number
        self.extra_env = encode_env(extra_env) if extra_env else None
        self.hidden = hidden_parts(hidden) if hidden else ()
        self.lane = lane
        self.state = WAITING
        self.pid = 0
        self.slot: int | None = None
        self.directory: bytes | None = None  # its own, to be given back
        self.pipes: tuple[OutputPipe, ...] = ()
        self.started_at_s: float | None = None  # wall clock
        self.started_boot_s = 0.0  # the clock of /proc/PID/stat
        self.deadline_s = FOREVER_S  # monotonic
        self.kill_at_s = FOREVER_S  # monotonic; set once SIGTERM was sent
        self.cause = ""  # why we end it: an end kind; "" while nobody asked for it
        self.detail = ""
        self.ended_at_s = 0.0  # wall clock; when the main process was found gone
        self.exit_code: int | None = None
        self.signal: int | None = None
        self.cpu_s = 0.0
        self.max_rss_bytes = 0
        self.cgroup: str | None = None
        self.failed_starts = 0  # the machine had no room for another process
        self.has_written = False


HIDDEN_MARK = b"***"
HIDDEN_MIN_BYTES = 4
_PIECE_BYTES = 64 * 1024  # longer lines go to the log in pieces of this
_DRAIN_READS_MAX = 1024  # of 64 KiB; no pipe holds more than the 1 MiB of fs.pipe-max-size, unless root says so


class OutputPipe:
    """One output stream of an attempt: cuts what comes into lines, each stamped with the time it was read."""

    __slots__ = ("_attempt", "_is_mid_line", "_loop", "_rest", "_stream", "_touched", "fd")

    def __init__(self, fd: int, stream: int, attempt: Attempt, touched: set[Lane], loop: Loop) -> None:
        self.fd = fd  # non-blocking; -1 once closed
        self._loop = loop
        self._stream = stream
        self._attempt = attempt
        self._touched = touched  # lanes whose log has something to flush
        self._rest = b""
        self._is_mid_line = False  # pieces of the line were handed on already

    def read(self) -> None:
        """Take what there is, 64 KiB at most; close at the end of the stream."""
        try:
            data = os.read(self.fd, _PIECE_BYTES)
        except BlockingIOError:
            return
        if data:
            self._take(data)
        else:
            self._close()

    def finish(self) -> None:
        """The attempt is over: take the rest, and the last line even if no newline ends it."""
        for _ in range(_DRAIN_READS_MAX):
            if self.fd < 0:
                break
            try:
                data = os.read(self.fd, _PIECE_BYTES)
            except BlockingIOError:
                break
            if not data:
                break
            self._take(data)
        if self._rest or self._is_mid_line:
            self._append(self._rest, is_partial=False)
            self._rest = b""
        if self.fd >= 0:
            self._close()

    def _close(self) -> None:
        self._loop.close(self.fd)
        self.fd = -1

    def _take(self, data: bytes) -> None:
        lines = (self._rest + data if self._rest else data).split(b"\n")
        rest = lines.pop()
        for line in lines:
            self._append(line, is_partial=False)
        while len(rest) >= _PIECE_BYTES:
            self._append(rest[:_PIECE_BYTES], is_partial=True)
            rest = rest[_PIECE_BYTES:]
        self._rest = rest

    def _append(self, line: bytes, *, is_partial: bool) -> None:
        attempt = self._attempt
        for part in attempt.hidden:
            line = line.replace(part, HIDDEN_MARK)
        at_s = time.time()
        log = attempt.lane.log
        while len(line) > _PIECE_BYTES:
            piece, line = line[:_PIECE_BYTES], line[_PIECE_BYTES:]
            log.append(at_s, attempt.index, attempt.number, attempt.uid_tail, self._stream, piece, is_partial=True)
        log.append(at_s, attempt.index, attempt.number, attempt.uid_tail, self._stream, line, is_partial=is_partial)
        self._is_mid_line = is_partial
        attempt.has_written = True
        self._touched.add(attempt.lane)


def hidden_parts(texts: Sequence[str]) -> tuple[bytes, ...]:
    """What is looked for in lines of output: texts, or their lines where they have several, the longest first. Shorter
    ones than `HIDDEN_MIN_BYTES` are left: they would be found in everything."""
    parts = {part.strip() for text in texts for part in encode_text(text).splitlines()}
    return tuple(sorted((part for part in parts if len(part) >= HIDDEN_MIN_BYTES), key=len, reverse=True))


def encode_env(env: Mapping[str, str]) -> dict[bytes, bytes]:
    """Variables as a process gets them."""
    return {encode_text(name): encode_text(value) for name, value in env.items()}


def encode_text(text: str) -> bytes:
    """A word as a process gets it. JSON may hold halves of surrogate pairs, which no encoding has: they become `?`."""
    try:
        return os.fsencode(text)
    except UnicodeEncodeError:
        return text.encode(errors="replace")
