"""The SDK's one tree of errors: what was wrong, where, and what to do about it."""

from __future__ import annotations


class SdkError(Exception):
    """The root: everything the SDK raises on purpose, but for plain TypeError and ValueError of wrong arguments."""


class TaskEnvironmentError(SdkError, ValueError):
    """A CLOUD_RUN_* variable has a value that no task can have. `variable` names it."""

    def __init__(self, variable: str, message: str) -> None:
        super().__init__(f"{variable}: {message}")
        self.variable = variable


class StrideOverflow(SdkError, OverflowError):
    """A local id does not fit in the stride, so the global id would belong to another task."""


class MissingDependency(SdkError, ImportError):
    """An optional library is not installed. The message holds the pip line."""


class UnsupportedFilesystem(SdkError, OSError):
    """The file system cannot do what a promise needs (hard links, for a write that happens once)."""


class ContentMismatch(SdkError):
    """Something else already stands under the name that was to be written once."""


class NoUniqueConstraint(SdkError):
    """The table has no unique constraint over exactly the key columns, so there is nothing to conflict with."""


class CorruptRecord(SdkError):
    """A stored record cannot be read: not JSON, or not in our format."""


class InProgress(SdkError):
    """Another caller is at work under this key.

    `expires_at` is the instant (seconds since the epoch) from which its right may be taken over, or None when the
    database does not say (its transaction is still open).
    """

    def __init__(self, key: str, expires_at: float | None) -> None:
        until = "its transaction ends" if expires_at is None else f"{expires_at:.3f} (seconds since the epoch)"
        super().__init__(f"{key!r} is being done by another caller until {until}; wait, or try again later")
        self.key = key
        self.expires_at = expires_at


class LeaseHeld(SdkError):
    """The lease belongs to another owner until `expires_at` (seconds since the epoch)."""

    def __init__(self, name: str, owner: str, expires_at: float) -> None:
        super().__init__(f"the lease {name!r} is held by {owner} until {expires_at:.3f} (seconds since the epoch)")
        self.name = name
        self.owner = owner
        self.expires_at = expires_at


class LeaseLost(SdkError):
    """A right has expired or was taken over: stop; do not write what it protected."""


class CorruptCheckpoint(SdkError):
    """The checkpoint is torn, changed by hand, or no checkpoint at all."""


class ForeignCheckpoint(SdkError):
    """The checkpoint belongs to other work: another task count, another version, other items."""


class CheckpointConflict(SdkError):
    """Another process has saved this checkpoint since it was read: a later attempt, most likely. Stop."""


class KeyReused(SdkError):
    """The key of a request belongs to another request: one key stands for one request, for ever."""


class ApiUnavailable(SdkError):
    """An API of the platform could not be reached, or asked to come again later. What became of the call is unknown."""


class ApiRefused(SdkError):
    """An API of the platform refused a call for good. `status` is the HTTP status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
