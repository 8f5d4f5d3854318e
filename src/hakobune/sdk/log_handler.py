"""The same lines for programs that use the standard `logging` module."""

from __future__ import annotations

import logging
import traceback

from hakobune.sdk.log import Logger, Severity

# What every record has; all else came in by `extra=`.
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class LogHandler(logging.Handler):
    """Writes records as structured lines: `logging.basicConfig(handlers=[LogHandler()], level="INFO")`.

    Fields given by `extra=` come along; so do the logger's name and, for an exception, its stack.
    """

    def __init__(self, level: int | str = logging.NOTSET, *, logger: Logger | None = None) -> None:
        super().__init__(level)
        self._logger = logger or Logger()

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        try:
            fields: dict[str, object] = {"logger": record.name}
            fields.update({name: value for name, value in vars(record).items() if name not in _STANDARD})
            stack = "".join(traceback.format_exception(*record.exc_info)) if record.exc_info else None
            self._logger.write(_severity(record.levelno), record.getMessage(), fields, stack=stack, at_s=record.created)
        except Exception:  # noqa: BLE001 - the contract of logging: errors of a handler go to handleError
            self.handleError(record)


def _severity(level: int) -> Severity:
    for floor, severity in _SEVERITIES:
        if level >= floor:
            return severity
    return "DEBUG"


_SEVERITIES: tuple[tuple[int, Severity], ...] = (
    (logging.CRITICAL, "CRITICAL"),
    (logging.ERROR, "ERROR"),
    (logging.WARNING, "WARNING"),
    (logging.INFO, "INFO"),
)
