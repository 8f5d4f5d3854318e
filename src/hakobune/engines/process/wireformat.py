"""What the control plane and its supervisor say to each other over a Unix socket.

A message is a length (4 bytes, little-endian) and a JSON array in UTF-8.

    control plane → supervisor    [id, operation, arguments…]     id 0: no answer is wanted
    supervisor → control plane    [id, error or null, result]     the answer to request `id`
    supervisor → control plane    [0, cursor, [report, …]]        reports up to `cursor`

JSON, because the two may run on different versions of Python: a supervisor lives on while the control plane is
upgraded. HELLO and QUIT keep their form over all versions, so that a newer control plane can always end an older
supervisor in order. Standard library only, and few modules of it: the supervisor starts with this.
"""

from __future__ import annotations

import json
import struct
from typing import Any

VERSION = 3
MESSAGE_BYTES_MAX = 64 * 1024 * 1024  # a lane (2 MiB of arguments and environment at most) and 10,000 attempts fit

# Operations, with their arguments and results.
HELLO = "hello"  # version, {option: value} -> {version, pid, known: [[uid, slot]…]}
LANE = "lane"  # {lane}: defines it for the `start` calls that follow; no answer
START = "start"  # lane uid, [[uid, index, number, {env} or null]…] -> true, or false: define the lane first
STOP = "stop"  # lane uid, [uid…] or null for all
SIGNAL = "signal"  # uid, signal
SLOTS = "slots"  # [[number, {env}]…]
HOLDER = "holder"  # slot number -> uid or null
ACKNOWLEDGE = "ack"  # cursor; no answer
DESCRIBE = "describe"  # -> {name: text}
QUIT = "quit"  # an orderly stop: attempts end as lost; the connection closes when all is done

# Marks in the environment of every process of an attempt.
ATTEMPT_MARK = "HAKOBUNE_ATTEMPT"
RUNTIME_MARK = "HAKOBUNE_RUNTIME"
NOBODY = "-"  # the attempt's mark begins so in processes that serve no single attempt

# Kinds of reports: [STARTED, attempt, lane, at, pid, slot] and
# [ENDED, attempt, lane, at, end kind, started at, exit code, signal, detail, max rss bytes, cpu s].
STARTED = "s"
ENDED = "e"

_LENGTH = struct.Struct("<I")
_encode = json.JSONEncoder(separators=(",", ":")).encode


def encode(message: object) -> bytes:
    """A message, ready to be sent."""
    return frame(_encode(message))


def encode_part(value: object) -> str:
    """One value as JSON, to be put into a message or a file by hand."""
    return _encode(value)


def frame(text: str) -> bytes:
    """A message whose JSON is known."""
    data = text.encode()
    return _LENGTH.pack(len(data)) + data


class Frames:
    """Cuts a stream of bytes into messages."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[list[Any]]:
        """The messages that `data` completes. Raises ValueError if it cannot be the stream of a peer of ours."""
        buffer = self._buffer
        buffer += data
        messages: list[list[Any]] = []
        start = 0
        while len(buffer) - start >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(buffer, start)
            if length > MESSAGE_BYTES_MAX:
                raise ValueError(f"a message of {length} bytes is too long")
            end = start + _LENGTH.size + length
            if len(buffer) < end:
                break
            if not buffer.startswith(b"[", start + _LENGTH.size):
                raise ValueError("a message must be an array")
            messages.append(json.loads(buffer[start + _LENGTH.size : end]))
            start = end
        del buffer[:start]
        return messages
