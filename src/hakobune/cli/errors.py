"""What can go wrong at the command line, as the person who typed it should read it."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


class CommandError(Exception):
    """Printed as `ERROR: (hakobune.<command>) <text>`; the command ends with `exit_code`."""

    exit_code = 1

    def __init__(self, text: str, *, exit_code: int | None = None) -> None:
        super().__init__(text)
        if exit_code is not None:
            self.exit_code = exit_code


class UsageError(CommandError):
    """The words or flags were wrong. Exit code 2, as every argument parser of this family uses."""

    exit_code = 2

    def __init__(self, text: str, *, usage: bool = True) -> None:
        super().__init__(text)
        self.usage = usage


class UnreachableError(CommandError):
    """Nobody answered at the address of the runtime; nothing was sent."""


class AnswerLostError(CommandError):
    """The connection was cut after the request left: it may have been accepted, or not."""


class ApiError(CommandError):
    """The runtime answered with an error. `code` is the HTTP status, `status` the google.rpc name, `details` what the
    answer says besides."""

    def __init__(self, code: int, status: str, message: str, details: Sequence[object] = ()) -> None:
        super().__init__(f"{status}: {message}" if status else message)
        self.code = code
        self.status = status
        self.message = message
        self.details = details


class LeftRunningError(CommandError):
    """Ctrl-C ended the wait, not what was waited for. 130: the shell's code for an end by SIGINT (128 + 2)."""

    exit_code = 130
