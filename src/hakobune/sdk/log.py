"""Structured log lines: `log.info("resized", image=name, ms=12)`.

Where the runtime reads, each is one JSON object with severity and message, which Cloud Logging and Hakobune take apart
(https://cloud.google.com/logging/docs/structured-logging); at a terminal it is plain text.
"""

from __future__ import annotations

import os
import re
import time
import traceback
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Literal

from hakobune.sdk import lines

Severity = Literal["DEBUG", "INFO", "NOTICE", "WARNING", "ERROR", "CRITICAL"]

TRACE_KEY = "logging.googleapis.com/trace"
SPAN_KEY = "logging.googleapis.com/spanId"
SAMPLED_KEY = "logging.googleapis.com/trace_sampled"
STACK_KEY = "stack_trace"  # where Error Reporting looks for it

# Fields with a meaning of their own: a user's field of that name gets an underscore at its end.
_RESERVED = frozenset({"severity", "message", "time", "timestamp", STACK_KEY})
# https://www.w3.org/TR/trace-context/#traceparent-header
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})\Z")


class Logger:
    """Writes lines that all carry the same fields and labels. Safe to use from many threads."""

    def __init__(
        self,
        fields: Mapping[str, object] | None = None,
        labels: Mapping[str, str] | None = None,
        *,
        clock: Callable[[], float] | None = None,
    ) -> None:
        """With `clock` (time.time), each line holds its own time; without, the runtime's time of arrival counts."""
        self._fields = dict(fields or {})
        self._labels = dict(labels or {})
        self._clock = clock

    def bind(self, *, labels: Mapping[str, str] | None = None, **fields: object) -> Logger:
        """A logger whose lines carry these as well."""
        return Logger({**self._fields, **fields}, {**self._labels, **(labels or {})}, clock=self._clock)

    def debug(self, message: str, /, **fields: object) -> None:
        """Write a line of severity DEBUG."""
        self.write("DEBUG", message, fields)

    def info(self, message: str, /, **fields: object) -> None:
        """Write a line of severity INFO."""
        self.write("INFO", message, fields)

    def notice(self, message: str, /, **fields: object) -> None:
        """Write a line of severity NOTICE: normal, but worth seeing."""
        self.write("NOTICE", message, fields)

    def warning(self, message: str, /, **fields: object) -> None:
        """Write a line of severity WARNING."""
        self.write("WARNING", message, fields)

    def error(self, message: str, /, **fields: object) -> None:
        """Write a line of severity ERROR."""
        self.write("ERROR", message, fields)

    def critical(self, message: str, /, **fields: object) -> None:
        """Write a line of severity CRITICAL."""
        self.write("CRITICAL", message, fields)

    def exception(self, message: str, /, **fields: object) -> None:
        """Write a line of severity ERROR with the stack of the exception in hand."""
        self.write("ERROR", message, fields, stack=traceback.format_exc())

    def write(
        self,
        severity: Severity,
        message: str,
        fields: Mapping[str, object],
        *,
        stack: str | None = None,
        at_s: float | None = None,
    ) -> None:
        """Write one line. `at_s`: its time in seconds since the epoch, if it is not now."""
        everything = {**self._fields, **fields}
        if at_s is None and self._clock is not None:
            at_s = self._clock()
        if lines.is_terminal():
            lines.emit(_plain_line(severity, message, everything, stack))
            return
        entry: dict[str, object] = {"severity": severity, "message": message}
        if at_s is not None:
            entry["time"] = datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        for name, value in everything.items():
            entry[f"{name}_" if name in _RESERVED else name] = value
        if stack is not None:
            entry[STACK_KEY] = stack
        if self._labels:
            entry[lines.LABELS_KEY] = self._labels
        entry.update(trace_fields(os.environ))
        lines.emit(lines.to_json(entry))


def trace_fields(environ: Mapping[str, str]) -> dict[str, object]:
    """The fields that tie a line to the trace in TRACEPARENT (W3C), if there is one."""
    match = _TRACEPARENT.match(environ.get("TRACEPARENT", ""))
    if match is None:
        return {}
    trace, span, flags = match.groups()
    project = environ.get("GOOGLE_CLOUD_PROJECT")
    return {
        TRACE_KEY: f"projects/{project}/traces/{trace}" if project else trace,
        SPAN_KEY: span,
        SAMPLED_KEY: bool(int(flags, 16) & 1),
    }


def _plain_line(severity: str, message: str, fields: Mapping[str, object], stack: str | None) -> str:
    pairs = "".join(f" {name}={value}" for name, value in fields.items())
    rest = f"\n{stack.rstrip()}" if stack else ""
    return f"{time.strftime('%H:%M:%S')} {severity:<8} {message}{pairs}{rest}"


_logger = Logger()
bind = _logger.bind
debug = _logger.debug
info = _logger.info
notice = _logger.notice
warning = _logger.warning
error = _logger.error
critical = _logger.critical
exception = _logger.exception
