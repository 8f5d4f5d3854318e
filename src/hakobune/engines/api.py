"""What the runtime asks of an engine, and what an engine tells the runtime.

An engine runs *attempts*. It owns them from the moment it has accepted them, also while the control plane is
down. Attempts of one execution share a *lane*: at most `Lane.width` of them run at once, and they start in the
order in which they were handed over. So the runtime may hand over more attempts than may run (it does, to keep
the hands busy while a commit is on its way to the disk), and no bound is ever exceeded.

Every call is idempotent: an attempt whose uid the engine already knows is not started a second time.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol


class EndKind(StrEnum):
    """How an attempt ended, as the engine saw it."""

    EXITED = "exited"  # exit_code is set
    SIGNALED = "signaled"  # signal is set, and nobody here asked for it
    TIMED_OUT = "timed_out"  # the deadline passed; SIGTERM, grace, SIGKILL were given as needed
    OUT_OF_MEMORY = "out_of_memory"  # resident memory went over the limit
    STOPPED = "stopped"  # `stop` was called for it (running or still waiting in its lane)
    NOT_STARTED = "not_started"  # the program could not be started; `detail` says why
    LOST = "lost"  # the engine lost sight of it, or was told to end; it may or may not have run


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """A numbered place with listeners of its own, through which our servers know who calls.

    At most one running attempt, of whatever lane, has a slot. `env` holds the variables that lead to its listeners.
    """

    number: int
    env: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """What the attempts of one execution have in common.

    Units: `*_s` seconds, `*_bytes` bytes. `argv[0]` is looked up on `env["PATH"]` unless it has a slash.
    """

    uid: str  # uid of the execution
    width: int  # attempts that may run at once, >= 1
    argv: tuple[str, ...]
    env: Mapping[str, str]  # the complete environment, but for what slot and attempt add
    slot_variables: tuple[str, ...] = ()  # variables that the slot of an attempt may overlay (the user set the others)
    working_dir: str | None  # None: a fresh directory for each attempt, removed after it
    source: str | None = None  # a fresh directory begins as a copy of this one
    timeout_s: float
    grace_s: float  # between SIGTERM and SIGKILL
    memory_limit_bytes: int | None  # resident memory of all processes of an attempt; None: not enforced
    log_limit_bytes: int  # newest output kept of each attempt, beside its beginning
    # It runs until it is told to end: it counts against no capacity, and has no number of a task in its environment.
    is_resident: bool = False
    warm_modules: tuple[str, ...] = ()  # not empty: fork from a preloaded interpreter


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One attempt to run in a lane."""

    uid: str
    index: int  # task index
    number: int  # attempt number, from 0
    env: Mapping[str, str] = field(default_factory=dict[str, str])  # laid over the lane's and the slot's
    hidden: tuple[str, ...] = ()  # texts that its output must not show: `***` stands in their place in the log


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """The attempt's process exists."""

    attempt_uid: str
    lane_uid: str
    at_s: float  # seconds since the epoch
    pid: int
    slot: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """The attempt is over, and no process of it is left. `started_at_s` is None if it never ran."""

    attempt_uid: str
    lane_uid: str
    at_s: float
    kind: EndKind
    started_at_s: float | None = None
    exit_code: int | None = None
    signal: int | None = None
    detail: str = ""
    max_rss_bytes: int = 0
    cpu_s: float = 0.0


Report = Started | Ended


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportBatch:
    """Reports in the order in which they happened. `cursor` is what `acknowledge` wants back."""

    cursor: int
    reports: tuple[Report, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """An attempt that the engine holds: waiting, running, or ended and not yet acknowledged."""

    uid: str
    slot: int | None = None


class Engine(Protocol):
    """Hands. One implementation runs processes here; others run them elsewhere."""

    @property
    def instance(self) -> str:
        """Names this life of the engine, after `open`: another one knows nothing of what this one was given."""
        ...

    async def open(self) -> Sequence[Known]:
        """Connect (starting what must be started) and return all attempts the engine still holds. An attempt that
        the runtime believes to be with the engine, and that is not among them, is lost. May be called again after
        the connection broke. Raises Unavailable."""
        ...

    async def offer_slots(self, slots: Sequence[Slot]) -> None:
        """From now on attempts may be placed on these slots, too. An attempt without a free slot runs without one."""
        ...

    async def slot_holder(self, number: int) -> str | None:
        """Uid of the attempt on a slot now."""
        ...

    async def start(self, lane: Lane, attempts: Sequence[Attempt]) -> None:
        """Accept attempts. When this returns they belong to the engine. A known uid is ignored.
        Raises Unavailable if the engine cannot be reached: nothing is known then, call again."""
        ...

    async def stop(self, lane_uid: str, attempt_uids: Sequence[str] | None = None) -> None:
        """Stop these attempts (None: the whole lane): waiting ones at once, running ones by SIGTERM, grace, SIGKILL.
        Each still ends with an `Ended`. Unknown uids are ignored. Raises Unavailable."""
        ...

    async def signal(self, attempt_uid: str, signal: int) -> None:
        """Send a signal to all processes of a running attempt. Unknown uids are ignored. Raises Unavailable."""
        ...

    async def hold(self, attempt_uid: str) -> None:
        """Stand a running attempt still (its deadline goes on). Raises Unavailable."""
        ...

    async def resume(self, attempt_uid: str) -> None:
        """Let a held attempt go on. Raises Unavailable."""
        ...

    def reports(self) -> AsyncIterator[ReportBatch]:
        """Every report at least once, oldest unacknowledged first. Raises Unavailable when the engine is lost."""
        ...

    async def acknowledge(self, cursor: int) -> None:
        """All reports up to `cursor` are committed; the engine may forget them, and the attempts that they end."""
        ...

    async def describe(self) -> Mapping[str, str]:
        """Facts for `doctor`: how memory limits are enforced, how many attempts may run at once, and the like."""
        ...

    async def close(self, *, stop_attempts: bool) -> None:
        """Disconnect. With `stop_attempts` (an orderly stop by the user) every attempt is ended within its grace
        as LOST, and the engine's own processes end too; the reports of it are kept for the next `open`."""
        ...


class Gate(Protocol):
    """May stand before an attempt's start, or hold it before an effect. The default lets everything pass."""

    async def before_start(self, lane: Lane, attempt: Attempt) -> None:
        """Returns when the attempt may be handed to the engine."""
        ...
