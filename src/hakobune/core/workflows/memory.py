"""How much the variables of an execution take up, told without measuring them all the time.

The limit is on the JSON size of all variables of all frames that are alive. To measure that at each assignment would
cost more than everything else together; so an upper bound is kept, to which each new value is added and from which
nothing is taken away. When it crosses the limit, everything is measured, and the bound is true again. Sizes of large
values are kept, because values never change: measuring again costs little. A list that is another one and one element
more is not measured at all: else to build a list would take the square of its length.

What a frame holds beside its variables (the list that a loop goes over, the parts of an expression that waits for a
call) has an account of its own: most of it is part of a variable, and would be counted twice.

Source of the rule: quotas page ("Memory usage limit exceeded" as observed); compact JSON as its measure is inferred.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from hakobune.core.workflows.failures import resource_limit
from hakobune.core.workflows.frames import RunFrame, Unset
from hakobune.core.workflows.limits import CEILING_BYTES, RunLimits
from hakobune.core.workflows.meter import HEAVY, Meter
from hakobune.core.workflows.values import Value, measured_size, utf8_length

_SCALAR_BYTES: Final = 32  # more than the text of any number, `true`, `null`
_ESCAPED: Final = 6  # bytes that one character takes at most in JSON: \u0000
_WORTH_KEEPING: Final = 1_024  # bytes from which a size is kept; below, measuring again is cheap
_LITTLE_BYTES: Final = _WORTH_KEEPING - 1
_SIGN_BYTES: Final = 4  # the signs around a container, or around a key
_MEASURE_NS: Final = 40  # for each byte
# How much may be held beside the variables, as a multiple of these. Our own: each of nested loops, and of the calls
# inside each other, may go over a part of the largest value.
_APART: Final = 4


class Memory:
    """The account of one execution. `frames` gives the frames that are alive."""

    def __init__(self, limits: RunLimits, frames: Callable[[], Iterable[RunFrame]], meter: Meter) -> None:
        self._limit = limits.memory_bytes
        self._apart_limit = min(_APART * limits.memory_bytes, CEILING_BYTES)
        self._apart = 0
        self._meter = meter
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

    def keep(self, value: Value) -> None:
        """A frame holds a value beside its variables; to be called after it does.

        Raises Failure (ResourceLimitError, not catchable).
        """
        if type(value) in HEAVY:
            self._apart += self._at_most(value)
            if self._apart > self._apart_limit:
                self._measure_kept()

    def _at_most(self, value: Value) -> int:
        if isinstance(value, str):
            if len(value) * 4 > self._string_limit:
                self._check_string(value)
            return len(value) * _ESCAPED + 2
        if not isinstance(value, list | dict):
            return measured_size(value)
        entry = self._known.get(id(value))
        if entry is not None and entry[0] is value:
            return entry[1]
        size = _little(value)
        if size is not None and size <= self._string_limit:
            return size
        size = self._grown_size(value)
        if size is None:
            size = self._measured(value)
            if self._string_limit < size <= self._apart_limit:  # what is larger fails anyway
                self._check_strings(value)
        if size >= _WORTH_KEEPING:
            self._known[id(value)] = (value, size)
        return size

    def _grown_size(self, value: Value) -> int | None:
        """The size of a list that is another one of known size and one element more; None for any other value.

        The old list's size is forgotten: mostly nobody has the list any more, and it must not stay because of that.
        """
        grown = self._meter.grown
        if grown is None or grown[0] is not value:
            return None
        _, old, element = grown
        entry = self._known.get(id(old))
        if entry is None or entry[0] is not old:
            return None
        del self._known[id(old)]
        self._meter.grown = None
        alone = self._measured([element])  # a comma takes the place of one bracket, the other one is there already
        if alone > self._string_limit:
            self._check_strings([element])
        return entry[1] + alone - 1

    def _measured(self, value: Value) -> int:
        size = measured_size(value, self._apart_limit)
        self._meter.note(size * _MEASURE_NS)
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
            entry = (value, self._measured(value))
        known[id(value)] = entry
        return entry[1]

    def _measure_kept(self) -> None:
        known: dict[int, tuple[Value, int]] = {}
        for frame in self._frames():
            for value in (*frame.kept, *frame.slots[frame.variables :]):
                if type(value) in HEAVY and not isinstance(value, Unset):
                    self._size(value, known)
        self._apart = sum(size for _, size in known.values())
        if self._apart > self._apart_limit:
            raise resource_limit("Memory usage limit exceeded")


def _little(value: list[Value] | dict[str, Value]) -> int | None:
    """Bytes that a value takes at the most, where it is little and that is soon told; None where it must be measured.
    Most answers are so: to measure one takes longer than all else that is done with it."""
    left = _LITTLE_BYTES
    waiting = [value]
    while waiting:
        container = waiting.pop()
        if isinstance(container, dict):
            left -= _ESCAPED * sum(map(len, container)) + _SIGN_BYTES * len(container)
        left -= _SCALAR_BYTES * len(container) + _SIGN_BYTES
        if left < 0:
            return None
        for element in container.values() if isinstance(container, dict) else container:
            if isinstance(element, str):
                left -= _ESCAPED * len(element)
            elif isinstance(element, list | dict):
                waiting.append(element)
            elif isinstance(element, bytes):
                return None
    return None if left < 0 else _LITTLE_BYTES - left
