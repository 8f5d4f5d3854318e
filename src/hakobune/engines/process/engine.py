"""The process engine as the control plane sees it: a client of the supervisor, which it starts when needed."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import signal
import socket
import sys
import time
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import anyio

from hakobune.core.errors import InvalidArgument, Unavailable
from hakobune.core.jobs.environment import ATTEMPT_VARIABLE, INDEX_VARIABLE
from hakobune.engines.api import Attempt, Ended, EndKind, Known, Lane, Report, ReportBatch, Slot, Started
from hakobune.engines.process import wireformat
from hakobune.engines.process.wireformat import Frames, encode

CAPACITY_DEFAULT = 128
IDLE_S = 60.0  # contract section 6: a supervisor ends this long after its last attempt when nobody returned
_OPEN_WITHIN_S = 30.0  # contract section 6: a start must be ready in this time
_QUIT_WITHIN_S = 16.0  # the supervisor's 12 s, and room for a slow disk
_SOURCE_ROOT = str(Path(__file__).resolve().parents[3])
_BOOT = "import sys; sys.path.insert(0, {root!r}); from hakobune.engines.process.supervisor import main; main()"


class ProcessEngine:
    """Runs attempts as processes of this machine. Implements `hakobune.engines.api.Engine`.

    `directory` is the data directory; `capacity` bounds the attempts that run at once over all lanes; `idle_s` is how
    long the supervisor stays without attempts and control plane; `is_memory_watched` keeps it from using control
    groups. For one event loop; not safe for threads.
    """

    def __init__(
        self,
        directory: Path,
        *,
        capacity: int = CAPACITY_DEFAULT,
        idle_s: float = IDLE_S,
        is_memory_watched: bool = False,
    ) -> None:
        self._directory = directory.absolute()
        self._options = {"capacity": capacity, "idle_s": idle_s, "is_memory_watched": is_memory_watched}
        self._connection: _Connection | None = None
        self._child_pid: int | None = None  # of a supervisor that this process started
        self._slots: dict[int, Slot] = {}
        self._instance = ""

    @property
    def instance(self) -> str:
        """Names the supervisor's life."""
        return self._instance

    async def open(self) -> Sequence[Known]:
        """Connect, starting a supervisor if none is there. Raises Unavailable."""
        self._drop_connection()
        folder = self._directory / "supervisor"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        deadline_s = time.monotonic() + _OPEN_WITHIN_S
        pause_s = 0.002
        while True:
            connection = await _connect(folder)
            if connection is not None:
                known = await self._greet(connection)
                if known is not None:
                    return known
            elif not self._is_child_alive() and not _is_locked(folder):
                self._start_supervisor(folder)
            if time.monotonic() > deadline_s:
                raise Unavailable(f"The supervisor does not answer; {folder / 'log'} may say why.")
            await anyio.sleep(pause_s)
            pause_s = min(pause_s * 1.5, 0.05)

    async def offer_slots(self, slots: Sequence[Slot]) -> None:
        """Attempts may be placed on these slots from now on."""
        self._slots.update((slot.number, slot) for slot in slots)
        await self._connected().ask(wireformat.SLOTS, [[slot.number, dict(slot.env)] for slot in slots])

    async def slot_holder(self, number: int) -> str | None:
        """Uid of the attempt on a slot."""
        holder: str | None = await self._connected().ask(wireformat.HOLDER, number)
        return holder

    async def start(self, lane: Lane, attempts: Sequence[Attempt]) -> None:
        """Hand attempts over. Raises Unavailable."""
        connection = self._connected()
        values = [
            [attempt.uid, attempt.index, attempt.number, dict(attempt.env) or None, *attempt.hidden]
            for attempt in attempts
        ]
        if lane.uid not in connection.lanes:
            connection.define(lane)
        while not await connection.ask(wireformat.START, lane.uid, values):
            connection.define(lane)  # forgotten since, because it had no attempts for a while

    async def stop(self, lane_uid: str, attempt_uids: Sequence[str] | None = None) -> None:
        """Stop attempts. Raises Unavailable."""
        uids = None if attempt_uids is None else list(attempt_uids)
        await self._connected().ask(wireformat.STOP, lane_uid, uids)

    async def signal(self, attempt_uid: str, signal: int) -> None:
        """Signal all processes of a running attempt. Raises Unavailable."""
        await self._connected().ask(wireformat.SIGNAL, attempt_uid, int(signal))

    async def hold(self, attempt_uid: str) -> None:
        """Stand a running attempt still. Raises Unavailable."""
        await self.signal(attempt_uid, signal.SIGSTOP)

    async def resume(self, attempt_uid: str) -> None:
        """Let a held attempt go on. Raises Unavailable."""
        await self.signal(attempt_uid, signal.SIGCONT)

    async def reports(self) -> AsyncIterator[ReportBatch]:
        """Every report at least once. Raises Unavailable when the supervisor is lost."""
        connection = self._connected()
        while True:
            yield await connection.next_batch()

    async def acknowledge(self, cursor: int) -> None:
        """Reports up to `cursor` are committed. Raises Unavailable."""
        self._connected().tell(wireformat.ACKNOWLEDGE, cursor)

    async def describe(self) -> Mapping[str, str]:
        """Facts for `doctor`. Raises Unavailable."""
        facts: dict[str, str] = await self._connected().ask(wireformat.DESCRIBE)
        return {"engine": "process", **facts}

    async def close(self, *, stop_attempts: bool) -> None:
        """Disconnect; with `stop_attempts` end the attempts and the supervisor first."""
        connection = self._connection
        if stop_attempts and connection is not None and not connection.is_lost:
            await self._quit(connection)
        self._drop_connection()
        self._is_child_alive()

    # -- the supervisor --------------------------------------------------------------------------------------------

    def _connected(self) -> _Connection:
        if self._connection is None or self._connection.is_lost:
            raise Unavailable("There is no connection to the supervisor of the process engine.")
        return self._connection

    async def _greet(self, connection: _Connection) -> list[Known] | None:
        """What the supervisor holds; None if it is not the right one, or ended meanwhile: look again."""
        try:
            answer = await connection.ask(wireformat.HELLO, wireformat.VERSION, self._options)
            if answer["version"] != wireformat.VERSION:
                await self._quit(connection)
                return None
            if self._slots:
                slots = [[slot.number, dict(slot.env)] for slot in self._slots.values()]
                await connection.ask(wireformat.SLOTS, slots)
        except Unavailable:
            connection.close()
            return None
        self._connection = connection
        self._instance = answer["instance"]
        return [Known(uid=uid, slot=slot) for uid, slot in answer["known"]]

    async def _quit(self, connection: _Connection) -> None:
        """Ask for an orderly stop, and wait for its end."""
        with anyio.move_on_after(_QUIT_WITHIN_S):
            try:
                await connection.ask(wireformat.QUIT)
                await connection.lost()
            except Unavailable:
                pass  # it was about to end anyway
            while self._is_child_alive():  # noqa: ASYNC110 - the kernel has no event for it that every Python knows
                await anyio.sleep(0.005)
        connection.close()

    def _start_supervisor(self, folder: Path) -> None:
        """Raises Unavailable."""
        # A runtime that is started inside a task belongs to that task: its marks go on.
        marks = (wireformat.ATTEMPT_MARK, wireformat.RUNTIME_MARK)
        env = {name: os.environ[name] for name in marks if name in os.environ}
        code = _BOOT.format(root=_SOURCE_ROOT)
        words = [sys.executable, "-I", "-S", "-c", code, str(self._directory), json.dumps(self._options)]
        log_flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        try:
            self._child_pid = os.posix_spawn(
                sys.executable,
                words,
                env,
                file_actions=[
                    (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                    (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
                    (os.POSIX_SPAWN_OPEN, 2, str(folder / "log"), log_flags, 0o600),
                ],
                setsid=True,
                setsigmask=(),
                setsigdef=signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP},
            )
        except OSError as error:
            raise Unavailable(f"The supervisor cannot be started: {error.strerror}.") from error

    def _is_child_alive(self) -> bool:
        """Whether a supervisor that we started runs; it is waited for if it does not."""
        if self._child_pid is None:
            return False
        try:
            pid, _ = os.waitpid(self._child_pid, os.WNOHANG)
        except ChildProcessError:
            pid = self._child_pid  # somebody else waited for it
        if pid:
            self._child_pid = None
        return not pid

    def _drop_connection(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class _Connection(asyncio.Protocol):
    """One connection to a supervisor."""

    def __init__(self) -> None:
        self.lanes: set[str] = set()  # defined over this connection
        self.is_lost = False
        self._transport: asyncio.WriteTransport | None = None
        self._frames = Frames()
        self._serial = 0
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._batches: deque[ReportBatch] = deque()
        self._news = asyncio.Event()

    # -- called by the control plane -------------------------------------------------------------------------------

    async def ask(self, operation: str, *arguments: object) -> Any:
        """Send a request and wait for its answer. Raises Unavailable."""
        self._serial += 1
        serial = self._serial  # other requests are made while this one waits
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[serial] = answer
        try:
            self._write(encode([serial, operation, *arguments]))
            return await answer
        finally:
            self._waiting.pop(serial, None)

    def tell(self, operation: str, *arguments: object) -> None:
        """Send a request that has no answer. Raises Unavailable."""
        self._write(encode([0, operation, *arguments]))

    def define(self, lane: Lane) -> None:
        """Tell the supervisor about a lane. Raises Unavailable."""
        self.tell(wireformat.LANE, _definition(lane))
        self.lanes.add(lane.uid)

    async def next_batch(self) -> ReportBatch:
        """The next reports. Raises Unavailable."""
        while not self._batches:
            if self.is_lost:
                raise Unavailable("The connection to the supervisor of the process engine broke.")
            self._news.clear()
            await self._news.wait()
        return self._batches.popleft()

    async def lost(self) -> None:
        """Return when the supervisor has hung up."""
        while not self.is_lost:
            self._news.clear()
            await self._news.wait()

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.abort()
        self._lose()

    # -- called by the event loop ----------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Part of asyncio.Protocol."""
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Part of asyncio.Protocol."""
        for first, second, third in self._frames.feed(data):
            if first == 0:
                self._batches.append(ReportBatch(cursor=second, reports=tuple(map(_report, third))))
                self._news.set()
                continue
            answer = self._waiting.get(first)
            if answer is None or answer.done():
                continue  # nobody waits for it any more
            if second is None:
                answer.set_result(third)
            else:
                answer.set_exception(Unavailable(f"The process engine refused: {second}."))

    def connection_lost(self, exc: Exception | None) -> None:
        """Part of asyncio.Protocol."""
        del exc  # a supervisor that was killed breaks the connection, too: no news in it
        self._lose()

    def _lose(self) -> None:
        self.is_lost = True
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(Unavailable("The connection to the supervisor of the process engine broke."))
        self._news.set()

    def _write(self, data: bytes) -> None:
        if self.is_lost or self._transport is None:
            raise Unavailable("There is no connection to the supervisor of the process engine.")
        self._transport.write(data)


async def _connect(folder: Path) -> _Connection | None:
    """A connection to the supervisor that listens in `folder`; None if there is none."""
    peer = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    # The path of the folder may be longer than an address may be.
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        peer.connect(f"/proc/self/fd/{fd}/socket")
    except (FileNotFoundError, ConnectionRefusedError):
        peer.close()
        return None
    finally:
        os.close(fd)
    peer.setblocking(False)
    _, connection = await asyncio.get_running_loop().create_unix_connection(_Connection, sock=peer)
    return connection


def _is_locked(folder: Path) -> bool:
    """A supervisor is there: one that starts, or one that is about to end."""
    fd = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def _definition(lane: Lane) -> dict[str, object]:
    if lane.width < 1 or not lane.argv:
        raise InvalidArgument(f"The lane {lane.uid} needs a width of at least 1, and a command.")
    return {
        "uid": lane.uid,
        "width": lane.width,
        "argv": lane.argv,
        "env": dict(lane.env),
        "slot_variables": lane.slot_variables,
        "working_dir": lane.working_dir,
        "source": lane.source,
        "timeout_s": lane.timeout_s,
        "grace_s": lane.grace_s,
        "memory_limit_bytes": lane.memory_limit_bytes,
        "log_limit_bytes": lane.log_limit_bytes,
        "is_resident": lane.is_resident,
        "warm_modules": lane.warm_modules,
        "index_variable": INDEX_VARIABLE,
        "attempt_variable": ATTEMPT_VARIABLE,
    }


def _report(values: list[Any]) -> Report:
    kind, attempt_uid, lane_uid, at_s, *rest = values
    if kind == wireformat.STARTED:
        pid, slot = rest
        return Started(attempt_uid=attempt_uid, lane_uid=lane_uid, at_s=at_s, pid=pid, slot=slot)
    end_kind, started_at_s, exit_code, signal_number, detail, max_rss_bytes, cpu_s = rest
    return Ended(
        attempt_uid=attempt_uid,
        lane_uid=lane_uid,
        at_s=at_s,
        kind=EndKind(end_kind),
        started_at_s=started_at_s,
        exit_code=exit_code,
        signal=signal_number,
        detail=detail,
        max_rss_bytes=max_rss_bytes,
        cpu_s=cpu_s,
    )
