"""What goes wrong in a simulation, and when: drawn from the seed, never from the clock."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace

import anyio

from hakobune.core.errors import FailedPrecondition, NotFound, ResourceExhausted, Unavailable
from hakobune.runtime import objects_notices
from hakobune.runtime.workflow_driver import ROOM
from hakobune.store.api import CommitInfo, OutboxCommand
from hakobune.testing.engine import Mischief

_NO_MISCHIEF = Mischief()
# What a performer should not raise, and might: a bug, a machine that is short of something, a refusal of ours.
_ANYTHING = (KeyError, ValueError, RuntimeError, RecursionError, MemoryError, OSError, FailedPrecondition, NotFound)

# An execution of a workflow stays, and whoever asks for it waits so long; nobody gives up a notice of an object.
_PATIENT = frozenset({ROOM, objects_notices.ROOM})
_RAISED_MAX = 6  # by a command of these rooms, then it is fine


class Crash(BaseException):
    """The runtime dies here, as under SIGKILL. Not an Exception: nobody may handle it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """How bad the world is, from 0 to 1 each."""

    crash_at_commit: float = 0.0
    refuse_command: float = 0.0
    lose_command_answer: float = 0.0
    curse_command: float = 0.0  # performing it raises anything, again and again
    slow_disk: float = 0.0
    full_disk: float = 0.0  # one write is refused
    disk_stays_full: float = 0.0  # all writes are refused for a long time
    orderly_stop: float = 0.0  # the user stops the runtime, and starts it again
    clock_jump: float = 0.0
    engine_death: float = 0.0
    lose_call: float = 0.0  # a call of a workflow, or its answer: only of those that are tried again
    double_call: float = 0.0  # it arrives twice
    slow_call: float = 0.0
    mischief: Mischief = _NO_MISCHIEF


QUIET = Faults()


def draw(rng: random.Random) -> Faults:
    """The faults of one seed: most kinds are on or off as a whole, so that each is also seen alone."""

    def some(most: float) -> float:
        return rng.uniform(0.1, 1.0) * most if rng.random() < 0.5 else 0.0

    return Faults(
        crash_at_commit=some(0.12),
        refuse_command=some(0.2),
        lose_command_answer=some(0.2),
        slow_disk=some(0.3),
        full_disk=some(0.1),
        clock_jump=some(0.2),
        engine_death=some(0.05),
        disk_stays_full=some(0.02),
        orderly_stop=some(0.05),
        mischief=Mischief(refuse=some(0.1), lose_answer=some(0.1), double_batch=some(0.2), break_stream=some(0.1)),
    )


def draw_network(rng: random.Random, faults: Faults) -> Faults:
    """`faults` with those of the network that workflows call through. Drawn apart, as curses are."""

    def some(most: float) -> float:
        return rng.uniform(0.1, 1.0) * most if rng.random() < 0.5 else 0.0

    return replace(faults, lose_call=some(0.5), double_call=some(0.5), slow_call=some(0.5))


def draw_curses(rng: random.Random) -> float:
    """How often a command is cursed: in a third of the seeds. Drawn apart from the rest, so that older seeds stay what
    they were."""
    return rng.uniform(0.01, 0.1) if rng.random() < 0.33 else 0.0


class Luck:
    """Draws from one stream, until the world is told to be kind again."""

    def __init__(self, rng: random.Random, faults: Faults) -> None:
        self.rng = rng
        self.faults = faults
        self.crashes = 0
        self.stops = 0
        self.is_disk_full = False

        self._curses = random.Random(repr(faults))  # apart from the rest, as in `draw_curses`
        self._cursed: dict[int, Exception | None] = {}  # by command id: what performing it raises, in every life
        self._raised: Counter[int] = Counter()
        self.cursed_subjects: set[str] = set()

    def happens(self, chance: float) -> bool:
        """One throw."""
        return chance > 0 and self.rng.random() < chance

    def curse_of(self, command: OutboxCommand) -> Exception | None:
        """What performing this command raises, if anything."""
        if not self.faults.curse_command:
            return None
        if command.id not in self._cursed:
            is_cursed = self._curses.random() < self.faults.curse_command
            self._cursed[command.id] = self._curses.choice(_ANYTHING)("cursed") if is_cursed else None
        found = self._cursed[command.id]
        if found is None:
            return None
        if command.room in _PATIENT:
            self._raised[command.id] += 1
            return found if self._raised[command.id] <= _RAISED_MAX else None
        self.cursed_subjects.add(command.subject)
        return found


class Life:
    """One life of the runtime: sees its commits and commands, and may end it at any of them."""

    def __init__(self, luck: Luck) -> None:
        self._luck = luck
        self.is_over = False
        self.ending = anyio.Event()  # it is over, or it shall stop in order
        self.watch: Callable[[], None] | None = None  # looks at the disk after each commit
        self.calls: set[anyio.CancelScope] = set()  # clients whose connections end with this life

    def check(self) -> None:
        """Raises Crash if this life is over: nothing of it may reach the disk any more."""
        if self.is_over:
            raise Crash("a dead runtime reached for the disk")

    def before_commit(self, seq: int) -> None:
        """May crash with nothing on the disk."""
        del seq
        self.check()
        self._maybe_crash()

    def after_commit(self, info: CommitInfo) -> None:
        """May crash with everything on the disk, and nobody told."""
        del info
        if self.watch is not None:
            self.watch()
        self._maybe_crash()

    def _maybe_crash(self) -> None:
        if self._luck.happens(self._luck.faults.crash_at_commit / 2):
            self._luck.crashes += 1
            self.end()
            raise Crash

    def end(self) -> None:
        """From now on it is dead."""
        self.is_over = True
        self.ending.set()
        for call in self.calls:
            call.cancel()

    def check_disk(self) -> None:
        """Something is about to be written. Raises Crash (this life is over), ResourceExhausted (the disk is full)."""
        self.check()
        self._check_room()

    def _check_room(self) -> None:
        if self._luck.is_disk_full or self._luck.happens(self._luck.faults.full_disk):
            raise ResourceExhausted("The disk of the data directory is full: nothing was changed.")

    def disk_delay_s(self) -> float:
        """Seconds that the disk takes before it does anything. May raise ResourceExhausted."""
        faults, luck = self._luck.faults, self._luck
        self._check_room()
        return luck.rng.uniform(0.01, 2.0) if luck.happens(faults.slow_disk) else 0.0

    async def before_perform(self, command: OutboxCommand) -> None:
        """May refuse a command, or raise what no performer should: nothing happens."""
        curse = self._luck.curse_of(command)
        if curse is not None:
            raise curse
        if self._luck.happens(self._luck.faults.refuse_command):
            raise Unavailable("refused")

    async def after_perform(self, command: OutboxCommand) -> None:
        """May lose the answer of a command: it happened, and will be asked for again."""
        del command
        if self._luck.happens(self._luck.faults.lose_command_answer):
            raise Unavailable("answer lost")
