"""What a task imports: sharding, deterministic ids, idempotent writes, checkpoints, progress, logs, leases, shutdown;
what a resident worker reports; a reception with receipts.

Standard library only, and the same inside Hakobune, inside Cloud Run and outside any job. A name is loaded when it is
first used, so that `import hakobune.sdk` costs next to nothing.
"""

TYPE_CHECKING = False  # read as true by type checkers; saves importing `typing`
if TYPE_CHECKING:
    from hakobune.sdk import log, shutdown, worker
    from hakobune.sdk.assignments import Assignment
    from hakobune.sdk.checkpoints import Checkpoint
    from hakobune.sdk.errors import (
        ApiRefused,
        ApiUnavailable,
        CheckpointConflict,
        ContentMismatch,
        CorruptCheckpoint,
        CorruptRecord,
        ForeignCheckpoint,
        InProgress,
        KeyReused,
        LeaseHeld,
        LeaseLost,
        MissingDependency,
        NoUniqueConstraint,
        SdkError,
        StrideOverflow,
        TaskEnvironmentError,
        UnsupportedFilesystem,
    )
    from hakobune.sdk.ids import global_id, stable_id
    from hakobune.sdk.leases import Lease, lease
    from hakobune.sdk.ledger import Effect, Ledger
    from hakobune.sdk.log_handler import LogHandler
    from hakobune.sdk.outputs import Written, overwrite, write_json, write_once
    from hakobune.sdk.progress_meter import progress
    from hakobune.sdk.receipts import Receipt
    from hakobune.sdk.reception import Reception
    from hakobune.sdk.reception_targets import Job, Workflow
    from hakobune.sdk.rows import upsert
    from hakobune.sdk.shutdown import stopping
    from hakobune.sdk.task import Task, contiguous, shard, weighted

__all__ = [
    "ApiRefused",
    "ApiUnavailable",
    "Assignment",
    "Checkpoint",
    "CheckpointConflict",
    "ContentMismatch",
    "CorruptCheckpoint",
    "CorruptRecord",
    "Effect",
    "ForeignCheckpoint",
    "InProgress",
    "Job",
    "KeyReused",
    "Lease",
    "LeaseHeld",
    "LeaseLost",
    "Ledger",
    "LogHandler",
    "MissingDependency",
    "NoUniqueConstraint",
    "Receipt",
    "Reception",
    "SdkError",
    "StrideOverflow",
    "Task",
    "TaskEnvironmentError",
    "UnsupportedFilesystem",
    "Workflow",
    "Written",
    "contiguous",
    "global_id",
    "lease",
    "log",
    "overwrite",
    "progress",
    "shard",
    "shutdown",
    "stable_id",
    "stopping",
    "upsert",
    "weighted",
    "worker",
    "write_json",
    "write_once",
]

_HOMES = {
    "assignments": ("Assignment",),
    "checkpoints": ("Checkpoint",),
    "errors": (
        "ApiRefused",
        "ApiUnavailable",
        "CheckpointConflict",
        "ContentMismatch",
        "CorruptCheckpoint",
        "CorruptRecord",
        "ForeignCheckpoint",
        "InProgress",
        "KeyReused",
        "LeaseHeld",
        "LeaseLost",
        "MissingDependency",
        "NoUniqueConstraint",
        "SdkError",
        "StrideOverflow",
        "TaskEnvironmentError",
        "UnsupportedFilesystem",
    ),
    "ids": ("global_id", "stable_id"),
    "leases": ("Lease", "lease"),
    "ledger": ("Effect", "Ledger"),
    "log_handler": ("LogHandler",),
    "outputs": ("Written", "overwrite", "write_json", "write_once"),
    "progress_meter": ("progress",),
    "receipts": ("Receipt",),
    "reception": ("Reception",),
    "reception_targets": ("Job", "Workflow"),
    "rows": ("upsert",),
    "shutdown": ("stopping",),
    "task": ("Task", "contiguous", "shard", "weighted"),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    home = _HOME_OF.get(name)
    if home is None:  # `log`, `shutdown` and `worker` are modules
        return import_module(f"{__name__}.{name}")
    value: object = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
