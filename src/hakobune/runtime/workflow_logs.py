"""The platform's log of workflow executions: their begin and end, their calls, and what `sys.log` writes.

Entries are gathered and written in batches, in the background: an execution pays for two small objects. Its last
command in the outbox is done only when the entry of its end is durable, so a crash repeats that command, and with it
the entry; in the same way one that rests is done only when the entry of its begin is. Entries have ids that follow
from the execution; those that a crash may have left behind are looked for in the log before they are written again. So
none is lost, and none is there twice.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import anyio

from hakobune.core.errors import HakobuneError, InvalidArgument, Unavailable
from hakobune.core.logs.entries import LogEntry
from hakobune.core.logs.workflows import (
    call_entry,
    end_entry,
    limit_entries,
    start_entry,
    user_entry_id,
    warning_entry,
)
from hakobune.core.workflows import journal
from hakobune.core.workflows.call_log import CallLog
from hakobune.core.workflows.effects import WriteLog
from hakobune.core.workflows.machine import Machine
from hakobune.core.workflows.model import CallLogLevel, Workflow, WorkflowExecution
from hakobune.runtime.clock import Clock
from hakobune.runtime.logs import LogsRoom, Shelf
from hakobune.runtime.workflow_observer import Observer

_log = logging.getLogger("hakobune.workflows")

LAZY_S: Final = 0.2  # entries of the platform wait at most this long for others
RECENT_S: Final = 60.0  # entries of events older than this, counted from the newest one, were written before a crash
_SAME_S: Final = 0.000_001  # the first entry of a journal has the instant of the start
_WAITING_MAX: Final = 50_000  # what a full disk keeps waiting; more entries of begins and calls are dropped
_RETRY_FIRST_S: Final = 0.1
_RETRY_MAX_S: Final = 5.0
_LOGGED: Final = frozenset({CallLogLevel.ALL_CALLS, CallLogLevel.ERRORS_ONLY})


@dataclass(slots=True)
class _Batch:
    """What waits to be written. `since_s`: the earliest instant at which a repeated entry may have been written."""

    makes: dict[Shelf, list[Callable[[], LogEntry]]] = field(
        default_factory=lambda: {shelf: list[Callable[[], LogEntry]]() for shelf in Shelf}
    )
    since_s: dict[Shelf, float] = field(default_factory=dict[Shelf, float])
    is_urgent: anyio.Event = field(default_factory=anyio.Event)
    is_written: anyio.Event = field(default_factory=anyio.Event)
    refusals: dict[int, HakobuneError] = field(default_factory=dict[int, HakobuneError])  # by place in the user's shelf


class WorkflowLog(Observer):
    """Writes the log. `run` is its loop; entries wait until it runs."""

    def __init__(self, logs: LogsRoom, clock: Clock, *, warns: bool = False) -> None:
        """`warns`: executions tell which limits of the service they have broken."""
        self._logs = logs
        self._warns = warns
        self._clock = clock
        self._batch = _Batch()
        self._writing: _Batch | None = None
        self._has_arrived = anyio.Event()
        self._waiting = 0
        self._has_calls = False  # among those that wait
        self._is_dropping = False
        self._in_doubt: dict[str, float] = {}  # ids of entries that a crash may have cut off, and since when

    # -- what happens -------------------------------------------------------------------------------------------

    def deployed(self, workflow: Workflow, warnings: Sequence[str]) -> None:
        """Tells the warnings of a new revision: not of one that was kept."""
        if warnings and workflow.revision.create_s >= workflow.update_s:
            makes = [partial(warning_entry, workflow, number, text) for number, text in enumerate(warnings)]
            self._take(Shelf.PLATFORM, makes, None)

    def watch(
        self, execution: WorkflowExecution, newest: bytes | None, *, is_first: bool, is_repeat: bool
    ) -> CallLog | None:
        """A record of the execution's calls, if they are to be logged. Of what the journal has, it tells what may not
        be in the log yet: all in the execution's first life; after a crash, what was recent then; else nothing, since
        an execution that rested has left nothing unwritten."""
        if execution.call_log_level not in _LOGGED:
            return None
        from_s = -math.inf
        if is_repeat and newest is not None:
            from_s = journal.decode(newest).at_s - RECENT_S
        elif not is_first or execution.current_steps:
            from_s = math.inf
        return CallLog(execution.call_log_level, from_s=from_s)

    def loaded(
        self, execution: WorkflowExecution, machine: Machine, last_s: float, *, is_repeat: bool, has_rested: bool
    ) -> None:
        """In its first life, this tells that the execution has begun; and after a crash again, unless it had been at
        rest before what the crash cut off: then the entry is durable. Where a drive was given up meanwhile, it may not
        be: within the first minute it is looked for all the same."""
        start_s = execution.create_s if execution.start_s is None else execution.start_s
        if is_repeat:
            for command in machine.waiting.values():
                if isinstance(command.effect, WriteLog):
                    self._in_doubt[user_entry_id(execution, command.call)] = start_s
        is_first = last_s <= start_s + _SAME_S and not execution.current_steps
        if is_first or (is_repeat and (not has_rested or last_s <= start_s + RECENT_S)):
            self._take(Shelf.PLATFORM, [partial(start_entry, execution)], start_s if is_repeat else None)

    def called(self, execution: WorkflowExecution, calls: CallLog, *, is_repeat: bool) -> None:
        """What the record has of calls is durable: tell it, and from now on all."""
        calls.from_s = -math.inf
        notes = calls.take()
        if notes:
            since_s = notes[0].at_s if is_repeat else None
            self._has_calls = True
            self._take(Shelf.CALLS, [partial(call_entry, execution, note) for note in notes], since_s)

    async def rested(self) -> None:
        """Returns when what was told of begins and calls is durable. For calls the log is written at once."""
        batch = self._batch if self._has_calls or self._batch.makes[Shelf.PLATFORM] else self._writing
        if batch is None:
            return
        if self._has_calls:
            batch.is_urgent.set()
        if batch.makes[Shelf.CALLS] or batch.makes[Shelf.PLATFORM]:
            await batch.is_written.wait()

    async def ended(self, execution: WorkflowExecution, *, is_repeat: bool) -> None:
        """Returns when the entry of the end is durable: after a crash with that of the begin, which may have been kept
        back, too."""
        makes, since_s = [partial(end_entry, execution)], None
        if is_repeat and execution.end_s is not None:
            since_s = execution.create_s if execution.start_s is None else execution.start_s
            makes = [partial(start_entry, execution), *makes]
        if self._warns:
            makes += [partial(_same, entry) for entry in limit_entries(execution)]
        batch = self._put(Shelf.PLATFORM, makes, since_s)
        await batch.is_written.wait()

    async def write_entries(self, entries: Sequence[LogEntry]) -> None:
        """Write entries of users; they are durable when this returns. Raises InvalidArgument: one is too large."""
        for entry in entries:
            place = len(self._batch.makes[Shelf.USER])
            batch = self._put(Shelf.USER, [partial(_same, entry)], self._in_doubt.pop(entry.insert_id, None))
            batch.is_urgent.set()
            await batch.is_written.wait()
            if place in batch.refusals:
                raise batch.refusals[place]

    def _take(self, shelf: Shelf, makes: Sequence[Callable[[], LogEntry]], since_s: float | None) -> None:
        if self._waiting < _WAITING_MAX:
            self._put(shelf, makes, since_s)
        elif not self._is_dropping:
            self._is_dropping = True
            _log.error("entries of the logs of workflows are dropped: the disk does not take what waits already")

    def _put(self, shelf: Shelf, makes: Sequence[Callable[[], LogEntry]], since_s: float | None) -> _Batch:
        batch = self._batch
        batch.makes[shelf].extend(makes)
        if since_s is not None:
            batch.since_s[shelf] = min(since_s, batch.since_s.get(shelf, since_s))
        self._waiting += len(makes)
        self._has_arrived.set()
        return batch

    # -- the loop -----------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Write what arrives, until cancelled."""
        while True:
            await self._has_arrived.wait()
            with anyio.move_on_after(LAZY_S):
                await self._batch.is_urgent.wait()
            batch, self._batch = self._batch, _Batch()
            self._waiting = 0
            self._has_calls = self._is_dropping = False
            self._has_arrived = anyio.Event()
            self._writing = batch
            await self._write(batch)
            self._writing = None
            batch.is_written.set()

    async def _write(self, batch: _Batch) -> None:
        """The user's entries first: somebody waits for them."""
        for shelf, makes in batch.makes.items():
            if makes:
                await self._write_shelf(shelf, makes, batch)

    async def _write_shelf(self, shelf: Shelf, makes: Sequence[Callable[[], LogEntry]], batch: _Batch) -> None:
        since_s = batch.since_s.get(shelf)
        begun_s = self._clock.now_s()
        wait_s = _RETRY_FIRST_S
        while True:
            try:
                await self._logs.write_entries((make() for make in makes), shelf=shelf, since_s=since_s)
            except InvalidArgument:
                await self._write_singly(shelf, makes, batch)
            except (HakobuneError, OSError) as refusal:
                _log.warning("the log of workflows cannot be written, trying again: %s", refusal)
                await anyio.sleep(wait_s)
                wait_s = min(_RETRY_MAX_S, wait_s * 2)
                since_s = begun_s if since_s is None else min(begun_s, since_s)  # some may have been written
                continue
            return

    async def _write_singly(self, shelf: Shelf, makes: Sequence[Callable[[], LogEntry]], batch: _Batch) -> None:
        """One entry of a batch is too large: its writer is told so, and the others are written."""
        for place, make in enumerate(makes):
            try:
                await self._logs.write_entries([make()], shelf=shelf, since_s=batch.since_s.get(shelf))
            except (HakobuneError, OSError) as refusal:
                _log.warning("a log entry is lost: %s", refusal)
                batch.refusals[place] = refusal if isinstance(refusal, HakobuneError) else Unavailable(str(refusal))


def _same(entry: LogEntry) -> LogEntry:
    return entry
