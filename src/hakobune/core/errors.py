"""The one tree of errors.

Domain errors are for users: each carries a google.rpc code (https://github.com/googleapis/googleapis,
google/rpc/code.proto), a stable `reason`, and, where one field is to blame, that field's path.
`IllegalTransition` and `CorruptStore` are for us: they mean a bug or a broken disk, and they stop the room.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum


class Code(IntEnum):
    """google.rpc.Code."""

    OK = 0
    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldViolation:
    """One field that is wrong: its path in the request, and what is wrong with it."""

    field: str
    description: str


class HakobuneError(Exception):
    """The root: everything we raise on purpose."""

    code: Code = Code.INTERNAL
    reason: str = "INTERNAL"

    def __init__(self, message: str, *, violations: Sequence[FieldViolation] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.violations = tuple(violations)


class InvalidArgument(HakobuneError):
    """The request can never be right as it stands. `violations` name the fields."""

    code = Code.INVALID_ARGUMENT
    reason = "INVALID_ARGUMENT"


class NotFound(HakobuneError):
    """The named resource does not exist."""

    code = Code.NOT_FOUND
    reason = "NOT_FOUND"


class AlreadyExists(HakobuneError):
    """A resource of this name exists."""

    code = Code.ALREADY_EXISTS
    reason = "ALREADY_EXISTS"


class FailedPrecondition(HakobuneError):
    """The resource is not in a state that allows the call."""

    code = Code.FAILED_PRECONDITION
    reason = "FAILED_PRECONDITION"


class Aborted(HakobuneError):
    """Somebody else changed the resource first (an etag or an epoch did not match)."""

    code = Code.ABORTED
    reason = "ABORTED"


class ResourceExhausted(HakobuneError):
    """A quota or a disk is full; nothing was done."""

    code = Code.RESOURCE_EXHAUSTED
    reason = "RESOURCE_EXHAUSTED"


class Unauthenticated(HakobuneError):
    """A token is missing, forged or expired."""

    code = Code.UNAUTHENTICATED
    reason = "UNAUTHENTICATED"


class PermissionDenied(HakobuneError):
    """The caller is known and may not do this."""

    code = Code.PERMISSION_DENIED
    reason = "PERMISSION_DENIED"


class OutOfRange(HakobuneError):
    """What was asked for lies before what is kept. The message says how to begin again."""

    code = Code.OUT_OF_RANGE
    reason = "OUT_OF_RANGE"


class Unimplemented(HakobuneError):
    """The real service has this; we do not. The message names what is missing."""

    code = Code.UNIMPLEMENTED
    reason = "UNIMPLEMENTED"


class Unavailable(HakobuneError):
    """Not accepted, nothing happened, try again."""

    code = Code.UNAVAILABLE
    reason = "UNAVAILABLE"


class DataDirectoryInUse(HakobuneError):
    """Another runtime holds the data directory. The message names its pid."""

    code = Code.FAILED_PRECONDITION
    reason = "DATA_DIRECTORY_IN_USE"


class IllegalTransition(HakobuneError):
    """A state machine met a signal it has no row for. Always our bug."""

    reason = "ILLEGAL_TRANSITION"


class CorruptStore(HakobuneError):
    """What the store gave back cannot be what we wrote."""

    code = Code.DATA_LOSS
    reason = "CORRUPT_STORE"


class DamagedStore(CorruptStore):
    """The file of the store is damaged as a whole: nothing works until its owner mends it."""

    code = Code.UNAVAILABLE
    reason = "DAMAGED_STORE"


class CorruptJournal(HakobuneError):
    """The journal of a workflow's execution cannot be read, or cannot belong to its definition."""

    code = Code.DATA_LOSS
    reason = "CORRUPT_JOURNAL"
