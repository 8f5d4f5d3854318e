"""The supervisor's side of the socket: one control plane at a time, a new one replaces the old."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Callable
from typing import Any

from hakobune.engines.process import wireformat
from hakobune.engines.process.attempt import Attempt, Lane
from hakobune.engines.process.hands import Hands
from hakobune.engines.process.loop import Loop
from hakobune.engines.process.reports import Reports
from hakobune.engines.process.wireformat import RUNTIME_MARK, Frames, encode, frame

_RECEIVE_BYTES = 256 * 1024


class RefusedError(Exception):
    """The request cannot be served. The text goes into the answer."""


class Server:
    """Answers the control plane, and sends it reports."""

    def __init__(
        self,
        *,
        loop: Loop,
        hands: Hands,
        reports: Reports,
        logs_folder: str,
        runtime_id: str,
        facts: dict[str, str],
        configure: Callable[[dict[str, Any]], None],
        quit_in_order: Callable[[], None],
        log: Callable[[str], None],
    ) -> None:
        self._loop = loop
        self._hands = hands
        self._reports = reports
        self._logs_folder = logs_folder
        self._runtime_mark = (RUNTIME_MARK.encode(), runtime_id.encode())
        self._facts = facts
        self._configure = configure
        self._quit_in_order = quit_in_order
        self._log = log
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._peer: socket.socket | None = None
        self._frames = Frames()
        self._unsent = bytearray()
        self._defined: dict[str, dict[str, Any]] = {}  # lanes whose attempts have not come yet
        self.is_quitting = False
        self._instance = f"{os.getpid()}-{time.time_ns()}"  # names this life: another one knows nothing of its attempts
        self._operations: dict[str, Callable[..., object]] = {
            wireformat.HELLO: self._hello,
            wireformat.LANE: self._lane,
            wireformat.START: self._start,
            wireformat.STOP: hands.stop,
            wireformat.SIGNAL: hands.signal,
            wireformat.SLOTS: self._slots,
            wireformat.HOLDER: hands.slots.holder,
            wireformat.ACKNOWLEDGE: reports.acknowledge,
            wireformat.DESCRIBE: self._describe,
            wireformat.QUIT: self._quit,
        }

    def listen(self, folder: str) -> None:
        """Serve on `socket` in a folder whose path may be longer than an address may be. Raises OSError."""
        if os.path.lexists(f"{folder}/socket"):
            os.unlink(f"{folder}/socket")
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            self._listener.bind(f"/proc/self/fd/{fd}/socket")
        finally:
            os.close(fd)
        self._listener.listen(16)
        self._listener.setblocking(False)
        self._loop.watch(self._listener.fileno(), self._accept)

    @property
    def is_connected(self) -> bool:
        """A control plane is there."""
        return self._peer is not None

    def close(self, folder: str) -> None:
        """Stop listening, hand the rest to the peer if it takes it at once, and hang up."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"{folder}/socket")
        self._loop.close(self._listener.detach())
        self._disconnect()

    def _accept(self) -> None:
        try:
            peer, _ = self._listener.accept()
        except BlockingIOError:
            return
        self._disconnect()
        peer.setblocking(False)
        self._peer = peer
        self._frames = Frames()
        self._unsent.clear()
        self._defined.clear()
        self._loop.watch(peer.fileno(), self._exchange)

    def _disconnect(self) -> None:
        if self._peer is not None:
            self._loop.close(self._peer.detach())
            self._peer = None
            self._reports.hush()

    def _exchange(self) -> None:
        peer = self._peer
        if peer is None:
            return
        if self._unsent:
            self._flush()
        try:
            data = peer.recv(_RECEIVE_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._disconnect()
            return
        try:
            messages = self._frames.feed(data)
        except ValueError as error:
            self._log(f"the control plane was cut off: {error}")
            self._disconnect()
            return
        for request, name, *arguments in messages:
            self._serve(request, name, arguments)

    def _serve(self, request: int, name: str, arguments: list[Any]) -> None:
        answer: list[object] = [request, None, None]
        operation = self._operations.get(name)
        try:
            if operation is None:
                raise RefusedError(f"this supervisor does not know {name!r}")
            answer[2] = operation(*arguments)
        except (RefusedError, ValueError, TypeError, KeyError) as error:
            self._log(f"{name} was refused: {error!r}")
            answer[1] = str(error)
        if request:
            self._send(encode(answer))
        if name == wireformat.HELLO and answer[1] is None:
            self._reports.listen(self._send_text)

    def _send_text(self, text: str) -> None:
        self._send(frame(text))

    def _send(self, data: bytes) -> None:
        if self._peer is None:
            return
        is_first = not self._unsent
        self._unsent += data
        if is_first:
            self._flush()

    def _flush(self) -> None:
        assert self._peer is not None
        had_waited = len(self._unsent)
        try:
            while self._unsent:
                del self._unsent[: self._peer.send(self._unsent)]
        except BlockingIOError:
            pass
        except OSError:
            self._unsent.clear()  # the peer is gone: the next read says so
        if self._unsent or had_waited:
            self._loop.want_to_write(self._peer.fileno(), is_wanted=bool(self._unsent))

    # -- operations ------------------------------------------------------------------------------------------------

    def _hello(self, version: int, options: dict[str, Any]) -> dict[str, object]:
        if version != wireformat.VERSION:
            # The control plane sees our version, and ends us in order.
            return {"version": wireformat.VERSION, "pid": os.getpid(), "known": []}
        self._configure(options)
        known = [(attempt.uid, attempt.slot) for attempt in self._hands.attempts.values()]
        known += [(uid, None) for uid in self._reports.ended]
        return {"version": wireformat.VERSION, "pid": os.getpid(), "instance": self._instance, "known": known}

    def _lane(self, definition: dict[str, Any]) -> None:
        if self._hands.lanes.get(definition["uid"]) is None:
            self._defined[definition["uid"]] = definition

    def _start(self, lane_uid: str, attempts: list[list[Any]]) -> bool:
        if self.is_quitting:
            raise RefusedError("the engine is being stopped")
        definition = self._defined.pop(lane_uid, None)
        lane = self._hands.lanes.get(lane_uid)
        known = self._hands.attempts.keys() | self._reports.ended
        wanted = [values for values in attempts if values[0] not in known]
        if not wanted:
            return True
        if lane is None:
            if definition is None:
                return False
            lane = Lane(definition, self._logs_folder, self._runtime_mark)
            self._hands.lanes.add(lane)
        accepted = [Attempt(uid, index, number, env, lane, hidden) for uid, index, number, env, *hidden in wanted]
        self._hands.accept(lane, accepted)
        return True

    def _slots(self, slots: list[list[Any]]) -> None:
        for number, env in slots:
            self._hands.slots.offer(number, env)

    def _describe(self) -> dict[str, str]:
        return {
            **self._facts,
            "capacity": str(self._hands.capacity),
            "attempts": str(len(self._hands.attempts)),
            "output lost": f"{self._hands.lost_bytes} bytes",
            "supervisor pid": str(os.getpid()),
        }

    def _quit(self) -> None:
        self.is_quitting = True
        self._quit_in_order()
