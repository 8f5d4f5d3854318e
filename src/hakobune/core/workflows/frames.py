"""What the closures of a plan are given: the variables they read and write, and the world as the journal has it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final, Protocol

from hakobune.core.workflows.kinds import Value
from hakobune.core.workflows.meter import Meter


class Unset(Enum):
    """The content of a slot to which nothing was assigned yet. (An enumeration of one, so that `is` narrows types.)"""

    UNSET = "UNSET"


UNSET: Final = Unset.UNSET


class Context(Protocol):
    """What an expression may learn from outside itself. The same at every replay of the journal."""

    @property
    def meter(self) -> Meter:
        """Where work is charged."""
        ...

    @property
    def environment(self) -> Mapping[str, str]:
        """Built-in and user environment variables, for `sys.get_env`."""
        ...

    def now_s(self) -> float:
        """The instant of the event being handled, seconds since the epoch; a microsecond later at each read."""
        ...

    def unique_id(self) -> str:
        """A UUID (version 4, text) that follows from the event's seed; another one at each read."""
        ...

    def create_callback(self, method: str) -> str:
        """Open a callback endpoint of this execution for requests of this method; gives its URL."""
        ...


class Frame:
    """The variables of one routine call, or of one branch of a parallel step.

    `outer` is the frame of the branch that holds the parallel step; variables of enclosing scopes live there.
    """

    __slots__ = ("context", "outer", "slots")

    def __init__(self, size: int, context: Context, outer: Frame | None = None) -> None:
        self.slots: list[Value | Unset] = [UNSET] * size
        self.context = context
        self.outer = outer


@dataclass(frozen=True, slots=True)
class Place:
    """Where a variable lives: `level` frames outwards (0: this one), slot `slot` there."""

    level: int
    slot: int


NO_ITEMS: Final[Iterator[Value]] = iter(())


@dataclass(slots=True, eq=False)
class FrameShape:
    """What a frame must have room for. Grows while the plan is made, and is fixed afterwards.

    `variables` slots have names; those after them hold what the plan has to keep for a moment.
    """

    variables: int = 0
    slots: int = 0
    loops: int = 0

    def loop(self) -> int:
        """Room for the items that one more `for` still has before it."""
        self.loops += 1
        return self.loops - 1


class RunFrame(Frame):
    """A frame with the items that its loops still have before them, and the lists that these come from. Its first
    `variables` slots have names."""

    __slots__ = ("kept", "loops", "variables")

    def __init__(self, shape: FrameShape, context: Context, outer: RunFrame | None = None) -> None:
        super().__init__(shape.slots, context, outer)
        self.variables = shape.variables
        self.loops: list[Iterator[Value]] = [NO_ITEMS] * shape.loops
        self.kept: list[Value] = [None] * shape.loops

    def end_loop(self, at: int) -> None:
        """A loop is over, or was left: its list is not held any more."""
        self.loops[at] = NO_ITEMS
        self.kept[at] = None


def forget(frame: RunFrame, slots: Sequence[int]) -> None:
    """Make variables of a block unset again."""
    for slot in slots:
        frame.slots[slot] = UNSET
