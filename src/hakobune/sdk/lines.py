"""Lines on standard output, each written whole: JSON for the runtime, plain text for a person at a terminal."""

from __future__ import annotations

import json
import math
import os
import select
import sys
import threading
from collections.abc import Mapping
from typing import cast

# Where an entry's labels stand (https://cloud.google.com/logging/docs/structured-logging#special-payload-fields).
LABELS_KEY = "logging.googleapis.com/labels"

_lock = threading.Lock()


def _renew_lock() -> None:
    """In a forked child: another thread may have held the lock, and is not there to free it."""
    global _lock  # noqa: PLW0603
    _lock = threading.Lock()


os.register_at_fork(after_in_child=_renew_lock)


def is_terminal() -> bool:
    """Whether a person reads standard output directly."""
    return sys.stdout.isatty()


def emit(text: str) -> None:
    """Write one line by one write call, so that lines of threads never mix; before it, what print() still holds back.

    Raises OSError if standard output is closed.
    """
    data = (text + "\n").encode("utf-8", "backslashreplace")
    with _lock:
        sys.stdout.flush()
        try:
            descriptor = sys.stdout.fileno()
        except (OSError, AttributeError):  # replaced by an object in memory, as test runners do
            sys.stdout.write(data.decode())
            sys.stdout.flush()
            return
        _write(descriptor, data)


def to_json(fields: Mapping[str, object]) -> str:
    """The fields as JSON on one line, in their order. What JSON cannot hold becomes text; a log line never fails."""
    try:
        return json.dumps(fields, ensure_ascii=False, allow_nan=False, default=_as_text)
    except (ValueError, TypeError, RecursionError):  # NaN, keys of other types, a list that holds itself
        return json.dumps(_plain(fields, depth=0), ensure_ascii=False, allow_nan=False)


_DEPTH_MAX = 20


def _plain(value: object, depth: int) -> object:
    if depth > _DEPTH_MAX:
        return "…"
    if isinstance(value, dict):
        pairs = cast("dict[object, object]", value).items()
        return {str(key): _plain(part, depth + 1) for key, part in pairs}
    if isinstance(value, (list, tuple)):
        return [_plain(part, depth + 1) for part in cast("list[object]", value)]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value if value is None or isinstance(value, (bool, int, float, str)) else _as_text(value)


def _as_text(value: object) -> str:
    if isinstance(value, (bytes, bytearray)):
        return value.decode("utf-8", "backslashreplace")
    return str(value)


def _write(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        try:
            rest = rest[os.write(descriptor, rest) :]
        except BlockingIOError:  # a pipe that does not wait, and is full
            select.select([], [descriptor], [])
