"""How much memory values hold that were kept at many instants: what they share is held once.

Values never change, so a variable that kept its value has the same object at each step, and a list that is another one
with one element changed shares all others. Told from the shape of the objects, about as the interpreter stores them.
"""

from __future__ import annotations

from typing import Final

from hakobune.core.workflows.meter import HEAVY
from hakobune.core.workflows.values import Value

_OBJECT_BYTES: Final = 64
_ELEMENT_BYTES: Final = 8
_ENTRY_BYTES: Final = 100  # of a map: its place in the table, and a key
_CHARACTER_BYTES: Final = 4  # at most


class Holdings:
    """The sum over all values that were added, as `size_bytes`. They must be held by somebody all the while."""

    def __init__(self) -> None:
        self.size_bytes = 0
        self._seen: set[int] = set()

    def add(self, value: Value) -> None:
        """One more value is held."""
        waiting = [value]
        while waiting:
            found = waiting.pop()
            if type(found) not in HEAVY or id(found) in self._seen:
                continue
            self._seen.add(id(found))
            self.size_bytes += _OBJECT_BYTES
            if isinstance(found, str):
                self.size_bytes += len(found) if found.isascii() else len(found) * _CHARACTER_BYTES
            elif isinstance(found, bytes):
                self.size_bytes += len(found)
            elif isinstance(found, list):
                self.size_bytes += len(found) * _ELEMENT_BYTES
                waiting.extend(found)
            elif isinstance(found, dict):
                self.size_bytes += len(found) * _ENTRY_BYTES
                waiting.extend(found.values())
