"""Step entries of executions that were asked for lately: whoever goes through the pages of a long history does not
have its journal folded again for each page. What there is room for stays, the one that was asked for last the longest.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from hakobune.core.workflows.history import StepEntry

# Ours.
KEPT_BYTES: Final = 64 * 1024 * 1024  # of all executions
ENTRY_BYTES: Final = 300  # of an entry without variables; measured


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """The entries that follow from a journal whose last entry is `newest`; they take about `size_bytes` of memory."""

    entries: Sequence[StepEntry]
    newest: bytes | None
    size_bytes: int


class KeptHistories:
    """Histories by the uid of their execution."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Kept] = OrderedDict()
        self._size_bytes = 0

    @property
    def uids(self) -> list[str]:
        """Whose histories are there, the one that goes first in front."""
        return list(self._kept)

    def find(self, uid: str, newest: bytes | None) -> Sequence[StepEntry] | None:
        """The entries of an execution, if its journal still ends with this entry: they follow from it alone."""
        kept = self._kept.get(uid)
        if kept is None or newest != kept.newest:
            return None
        self._kept.move_to_end(uid)
        return kept.entries

    def keep(self, uid: str, kept: Kept) -> None:
        """In the place of an older one of the same execution; not if it is larger than all may be."""
        self.drop(uid)
        if kept.size_bytes > KEPT_BYTES:
            return
        self._kept[uid] = kept
        self._size_bytes += kept.size_bytes
        while self._size_bytes > KEPT_BYTES:
            self.drop(next(iter(self._kept)))

    def drop(self, uid: str) -> None:
        """Forget one."""
        kept = self._kept.pop(uid, None)
        if kept is not None:
            self._size_bytes -= kept.size_bytes
