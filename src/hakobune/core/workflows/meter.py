"""How much work an execution did, told from sizes: never from a clock, so that a replay counts the same.

Steps are no measure of time: one step may copy a list of a hundred thousand elements. So what costs more than a few
microseconds is charged: library calls, texts and lists that are put together, values that are measured. The unit is a
*nominal nanosecond*, about one of a slow machine. The machine ends a slice when its share is used up, between two ops;
one op that would take much longer than a slice is refused.
"""

from __future__ import annotations

from typing import Final

from hakobune.core.workflows.failures import resource_limit
from hakobune.core.workflows.kinds import Value

# Our own: as long as others may have to wait for their turn in one process.
SLICE_NS: Final = 20_000_000
# Our own: what no op may take longer than, since it cannot be interrupted.
OP_NS: Final = 300_000_000

LIGHT: Final = 64  # characters or elements below which work is not worth the counting
# Kinds whose size has no bound.
HEAVY: Final = frozenset({str, bytes, list, dict})


class Meter:
    """The work of one execution.

    `op_ns` is what the op under way has cost so far. `grown` is the list that was made last out of another one and one
    more element: who knows the size of the old one need not measure the new one.
    """

    __slots__ = ("_slice_ns", "grown", "op_ns")

    def __init__(self) -> None:
        self.op_ns = 0
        self.grown: tuple[list[Value], list[Value], Value] | None = None
        self._slice_ns = 0

    def spend(self, nominal_ns: int) -> None:
        """Something is about to be done, or was. Raises Failure (ResourceLimitError) where one op does too much."""
        self.op_ns += nominal_ns
        if self.op_ns > OP_NS:
            raise resource_limit("one step has too much to work on: its texts or lists are too large")

    def note(self, nominal_ns: int) -> None:
        """As `spend`, for work that other limits bound."""
        self.op_ns += nominal_ns

    def begin_slice(self) -> None:
        """A slice begins: its share is whole."""
        self._slice_ns = 0

    def op_ended(self) -> bool:
        """An op is over. True: the slice's share is used up."""
        self._slice_ns += self.op_ns
        self.op_ns = 0
        return self.is_used_up

    @property
    def slice_ns(self) -> int:
        """The work of this slice so far."""
        return self._slice_ns

    @property
    def is_used_up(self) -> bool:
        """Whether the share of this slice is used up."""
        return self._slice_ns >= SLICE_NS
