"""The index of all triggers, in memory, and exact within every transaction that looks at it.

Each change of a trigger leaves a new mark in the store, in its own transaction. Whoever looks something up reads the
mark first: if it is another one than that of the index, the index is made anew from what the transaction sees. A mark
is never used twice, so an index that was made in a transaction that came to nothing is not taken for a good one.
"""

from __future__ import annotations

from hakobune.core.triggers.event_types import AUDIT_LOG
from hakobune.core.triggers.matching import TriggerIndex
from hakobune.core.triggers.model import Trigger
from hakobune.runtime.wheel import Turn
from hakobune.store.api import ReadTx, WriteTx

_MARK = "triggers/mark"


class TriggerBook:
    """Keeps the index."""

    def __init__(self) -> None:
        self._index = TriggerIndex(())
        self._mark: str | None = None
        self._is_hinted = False  # a trigger of calls was changed since the index was made

    @property
    def wants_audit(self) -> bool:
        """Whether any trigger may want to hear of calls: enough to save the work that nobody wants."""
        return self._is_hinted or self._index.wants_audit

    def index(self, tx: ReadTx | WriteTx) -> TriggerIndex:
        """The index of the triggers that this transaction sees."""
        mark = tx.meta(_MARK)
        if mark != self._mark:
            self._index = TriggerIndex(tx.triggers.all_triggers())
            self._mark = mark
            self._is_hinted = False
        return self._index

    def changed(self, turn: Turn, mark: str, trigger: Trigger) -> None:
        """This turn has changed a trigger. `mark`: unique for ever. The index is made when somebody looks: of many
        changes in a row, once."""
        turn.tx.set_meta(_MARK, mark)
        self._is_hinted = self._is_hinted or trigger.event_type == AUDIT_LOG
