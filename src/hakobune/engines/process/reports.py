"""Reports on their way to the control plane: numbered, spooled, sent, and kept until they are acknowledged.

Those that come within 20 ms travel together, unless a lane has run out of waiting attempts: then the control plane
should know at once, because it may have more.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from hakobune.engines.process.attempt import FOREVER_S, Attempt
from hakobune.engines.process.spool import Record, Spool
from hakobune.engines.process.wireformat import ENDED, STARTED, encode_part

COLLECT_S = 0.02
COLLECT_MAX = 64
_MESSAGE_REPORTS_MAX = 500


class Reports:
    """The queue of reports. `before_spooling` makes output durable that must not be younger than its report."""

    def __init__(self, spool: Spool, log: Callable[[str], None], before_spooling: Callable[[], None]) -> None:
        self._spool = spool
        self._log = log
        self._before_spooling = before_spooling
        records, self._next_cursor = spool.recover()
        self._sent: deque[Record] = deque(records)  # spooled, not acknowledged
        self._new: list[Record] = []
        self._unspooled: list[Record] = []  # could not be written; tried again with the next
        self._ended = {uid for _, _, uid in records}  # attempts whose end is not acknowledged
        self._listener: Callable[[str], None] | None = None
        self._is_urgent = False
        self.due_s = FOREVER_S  # monotonic; when `flush` should be called

    @property
    def ended(self) -> set[str]:
        """Uids of attempts that ended, and whose end nobody has acknowledged."""
        return self._ended

    def add_started(self, attempt: Attempt) -> None:
        """The attempt's process exists."""
        self._add("", [STARTED, attempt.uid, attempt.lane.uid, attempt.started_at_s, attempt.pid, attempt.slot])
        self._mark_urgent(attempt)

    def add_ended(self, attempt: Attempt, at_s: float, kind: str) -> None:
        """The attempt is over."""
        outcome = [kind, attempt.started_at_s, attempt.exit_code, attempt.signal, attempt.detail]
        usage = [attempt.max_rss_bytes, attempt.cpu_s]
        self._add(attempt.uid, [ENDED, attempt.uid, attempt.lane.uid, at_s, *outcome, *usage])
        self._ended.add(attempt.uid)
        self._mark_urgent(attempt)

    def flush(self, now_s: float) -> None:
        """Spool and send what is due at `now_s` (monotonic)."""
        if self._new and (self._is_urgent or now_s >= self.due_s or len(self._new) >= COLLECT_MAX):
            self.flush_now()

    def flush_now(self) -> None:
        """Spool and send what there is; synced if nobody listens."""
        if not self._new:
            return
        self._before_spooling()
        new, self._new = self._new, []
        self.due_s, self._is_urgent = FOREVER_S, False
        self._write(new)
        self._sent.extend(new)
        if self._listener is not None:
            self._send(new)

    def listen(self, listener: Callable[[str], None]) -> None:
        """Send reports to `listener` from now on, as the JSON of messages; first all that are not acknowledged."""
        self.flush_now()
        self._listener = listener
        self._send(list(self._sent))

    def hush(self) -> None:
        """Nobody listens any more: what is spooled must survive a power cut from now on."""
        self._listener = None
        self._write([])

    def acknowledge(self, cursor: int) -> None:
        """Forget all reports up to `cursor`."""
        sent = self._sent
        while sent and sent[0][0] <= cursor:
            self._ended.discard(sent.popleft()[2])
        try:
            self._spool.acknowledge(cursor)
        except OSError as error:
            self._log(f"the spool could not be trimmed: {error}")

    def close(self) -> None:
        """Spool, send and sync all."""
        self.flush_now()
        self._listener = None
        self._write([])
        try:
            self._spool.close()
        except OSError as error:
            self._log(f"the spool could not be closed: {error}")

    def _add(self, ended_uid: str, report: list[object]) -> None:
        self._new.append((self._next_cursor, encode_part(report), ended_uid))
        self._next_cursor += 1
        if self.due_s == FOREVER_S:
            self.due_s = time.monotonic() + COLLECT_S

    def _mark_urgent(self, attempt: Attempt) -> None:
        if not attempt.lane.waiting_count:
            self._is_urgent = True

    def _write(self, new: list[Record]) -> None:
        pending = self._unspooled + new
        try:
            if pending:
                self._spool.append(pending)
            self._unspooled = []
            if self._listener is None:
                self._spool.sync()
        except OSError as error:
            # The reports are in memory and reach the control plane all the same.
            if not self._unspooled:
                self._log(f"reports could not be spooled: {error}")
            self._unspooled = [record for record in pending if record[0] > self._acknowledged_cursor()]

    def _acknowledged_cursor(self) -> int:
        return self._sent[0][0] - 1 if self._sent else 0

    def _send(self, records: list[Record]) -> None:
        assert self._listener is not None
        for start in range(0, len(records), _MESSAGE_REPORTS_MAX):
            part = records[start : start + _MESSAGE_REPORTS_MAX]
            self._listener(f"[0,{part[-1][0]},[{','.join(text for _, text, _ in part)}]]")
