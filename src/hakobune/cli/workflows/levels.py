"""The two levels that a workflow and an execution have: of its call log and of its history."""

from __future__ import annotations

from hakobune.cli.flags import Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hakobune.cli.flags import Arguments

_CALL_LOG_LEVELS = {
    "none": "CALL_LOG_LEVEL_UNSPECIFIED",
    "log-all-calls": "LOG_ALL_CALLS",
    "log-errors-only": "LOG_ERRORS_ONLY",
    "log-none": "LOG_NONE",
}
_HISTORY_LEVELS = {
    "none": "EXECUTION_HISTORY_LEVEL_UNSPECIFIED",
    "execution-history-basic": "EXECUTION_HISTORY_BASIC",
    "execution-history-detailed": "EXECUTION_HISTORY_DETAILED",
}

CALL_LOG_LEVEL = Flag("--call-log-level", "choice", "Which calls are logged.", choices=tuple(_CALL_LOG_LEVELS))
HISTORY_LEVEL = Flag(
    "--execution-history-level", "choice", "How much the history of steps tells.", choices=tuple(_HISTORY_LEVELS)
)


def call_log_level(arguments: Arguments) -> str:
    """The API's name of the level that was given."""
    return _CALL_LOG_LEVELS[arguments.text("call-log-level")]


def history_level(arguments: Arguments) -> str:
    """The API's name of the level that was given."""
    return _HISTORY_LEVELS[arguments.text("execution-history-level")]
