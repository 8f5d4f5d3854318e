"""How much the variables of an execution take up, told without measuring them all the time.

The limit is on the JSON size of all variables of all frames that are alive. To measure that at each assignment would
cost more than everything else together; so an upper bound is kept, to which each new value is added and from which
nothing is taken away. When it crosses the limit, everything is measured, and the bound is true again. Sizes found at
the last measuring are kept, because values never change: measuring again costs little.

Source of the rule: quotas page ("Memory usage limit exceeded" as observed); compact JSON as its measure is inferred.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from hakobune.core.workflows.failures import resource_limit
from hakobune.core.workflows.frames import RunFrame, Unset
from hakobune.core.workflows.limits import RunLimits
from hakobune.core.workflows.values import Value, measured_size, utf8_length

# Kinds whose size has no bound. A value of any other kind is covered by what its slot counts from the beginning.
HEAVY: Final = frozenset({str, bytes, list, dict})
_SCALAR_BYTES: Final = 32  # more than the text of any number, `true`, `null`
_ESCAPED: Final = 6  # bytes that one character takes at most in JSON: \u0000


class Memory:
    """The account of one execution. `frames` gives the frames that are alive."""

    def __init__(self, limits: RunLimits, frames: Callable[[], Iterable[RunFrame]]) -> None:
        self._limit = limits.memory_bytes
        self._string_limit = limits.string_bytes
        self._frames = frames
        self._bound = 0
        self._known: dict[int, tuple[Value, int]] = {}

    def open(self, frame: RunFrame) -> None:
        """A frame comes into being; its variables may hold values already."""
        self._bound += _SCALAR_BYTES * frame.variables
        for value in frame.slots[: frame.variables]:
            if type(value) in HEAVY and not isinstance(value, Unset):
                self.charge(value)

    def charge(self, value: Value, keys: int = 0) -> None:
        """A variable holds a new value of a HEAVY kind (or, under `keys` bytes of keys, has it as an element).

        To be called after the value was stored. Raises Failure (ResourceLimitError, not catchable).
        """
        self._bound += self._at_most(value) + keys
        if self._bound > self._limit:
            self._measure()

    def _at_most(self, value: Value) -> int:
        if isinstance(value, str):
            if len(value) * 4 > self._string_limit:
                self._check_string(value)
            return len(value) * _ESCAPED + 2
        size = measured_size(value)
        if size > self._string_limit:
            self._check_strings(value)
        return size

    def _check_string(self, text: str) -> None:
        size = utf8_length(text)
        if size > self._string_limit:
            raise resource_limit(f"string of {size} bytes is longer than {self._string_limit} bytes")

    def _check_strings(self, value: Value) -> None:
        """Every string in a large value. Its nesting was measured: it is not deep."""
        waiting = [value]
        while waiting:
            element = waiting.pop()
            if isinstance(element, str):
                self._check_string(element)
            elif isinstance(element, list):
                waiting.extend(element)
            elif isinstance(element, dict):
                waiting.extend(element)
                waiting.extend(element.values())

    def _measure(self) -> None:
        known: dict[int, tuple[Value, int]] = {}
        total = slots = 0
        for frame in self._frames():
            slots += frame.variables
            for value in frame.slots[: frame.variables]:
                if not isinstance(value, Unset):
                    total += self._size(value, known)
        if total > self._limit:
            raise resource_limit("Memory usage limit exceeded")
        self._known = known
        # What is measured holds the scalars of the moment; those to come are covered by the slots again.
        self._bound = total + _SCALAR_BYTES * slots

    def _size(self, value: Value, known: dict[int, tuple[Value, int]]) -> int:
        if type(value) not in HEAVY:
            return measured_size(value)
        entry = known.get(id(value)) or self._known.get(id(value))
        if entry is None or entry[0] is not value:
            entry = (value, measured_size(value))
        known[id(value)] = entry
        return entry[1]
