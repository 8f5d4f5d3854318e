"""The logs room: lists entries of executions and of projects, tells progress, and keeps entries that are written.

Lines lie in folders that the engines fill (one for each execution, named by its uid). What is deleted with its
execution cannot be listed, even before its folder is gone.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from enum import IntEnum
from math import inf
from pathlib import Path

import anyio
import anyio.from_thread
import anyio.to_thread

from hakobune.core import paging
from hakobune.core.errors import InvalidArgument, ResourceExhausted
from hakobune.core.jobs.limits import LOG_LIMIT_BYTES
from hakobune.core.jobs.model import Execution
from hakobune.core.logs import entries as names
from hakobune.core.logs import limits
from hakobune.core.logs.entries import LogEntry, insert_id
from hakobune.core.logs.listing import ListEntries, Order
from hakobune.core.logs.progress import Progress
from hakobune.core.logs.query import Bounds
from hakobune.engines.logs import records
from hakobune.engines.logs.reader import LogReader
from hakobune.engines.logs.writer import LaneLog
from hakobune.runtime.clock import Clock, Identifiers, RandomIdentifiers, SystemClock
from hakobune.runtime.log_index import ExecutionIndex, Opened, ResidentSpan, Span
from hakobune.runtime.log_progress import ProgressReports
from hakobune.runtime.log_walk import (
    JOIN_S,
    PASSED,
    Item,
    Place,
    Source,
    Window,
    execution_items,
    merge,
    project_items,
    resident_items,
    window,
)
from hakobune.store.api import Store
from hakobune.store.documents import to_document

_LISTS_AT_ONCE = 2  # worker threads that read logs
_LINES_MAX = 400_000  # looked at for one page, whatever matches; a longer search goes on with the next page
_LOOK_S = 4.0  # and no longer than this: every request is answered within 10 s
_CLOCK_EVERY = 256  # lines between two looks at the clock
_AFTER_END_S = 60.0  # output may be stamped later than the end of its execution
_INSERT_ID = re.compile(rb'\{"insert_id":"([^"\\]*)"')  # how a stored entry begins


class Shelf(IntEnum):
    """Where entries of a project are kept. Each shelf has room of its own, so that none pushes out another's."""

    USER = 0
    PLATFORM = 1
    CALLS = 2


class LogsRoom:
    """Entries of a house. `root` holds one folder per lane."""

    def __init__(
        self, store: Store, root: Path, clock: Clock | None = None, identifiers: Identifiers | None = None
    ) -> None:
        self._reader = LogReader(root)
        self._root = root
        self._clock = clock or SystemClock()
        self._identifiers = identifiers or RandomIdentifiers()
        self._index = ExecutionIndex(store)
        self._reports = ProgressReports(self._reader)
        self._limiter = anyio.CapacityLimiter(_LISTS_AT_ONCE)
        self._write_limiter = anyio.CapacityLimiter(1)
        self._writers: dict[str, LaneLog] = {}
        self._writers_guard = threading.Lock()

    async def list_entries(self, request: ListEntries) -> tuple[list[LogEntry], str]:
        """A page of entries and the token of the next one, "" at the end. A page may be short, even empty, and still
        have a next one: the work for one page is bounded. Raises InvalidArgument for a token of another list."""
        cursor = _cursor(request)
        listing = _Listing(request, window(request.query.bounds(), newest_first=_is_backward(request), beyond=cursor))
        for project in request.projects:
            listing.spans += [span for span in await self._index.spans(project) if listing.may_have(span)]
            if listing.may_have_residents:
                listing.residents += [
                    span for span in await self._index.residents(project) if listing.may_have_resident(span)
                ]
        return await anyio.to_thread.run_sync(self._page, listing, limiter=self._limiter)

    async def progress(self, execution: Execution) -> Progress | None:
        """What the tasks of an execution say of their progress, summed; None if none has said anything."""
        return await anyio.to_thread.run_sync(self._reports.progress, execution, limiter=self._limiter)

    async def write_entries(
        self, entries: Iterable[LogEntry], *, shelf: Shelf = Shelf.USER, since_s: float | None = None
    ) -> None:
        """Keep entries; they survive a power cut when this returns. They are made where they are iterated over: in a
        worker thread. Entries without an id, a time or a time of arrival
        get them. `since_s`: some may have been written since then; what is there already is not written again.
        Raises InvalidArgument (one is too large: none is kept), ResourceExhausted (the disk is full)."""
        now_s = self._clock.now_s()
        batch = self._identifiers.uid()

        def write() -> None:
            self._write(_documents(entries, now_s, batch), now_s, shelf, since_s)

        await anyio.to_thread.run_sync(write, limiter=self._write_limiter)

    # ------------------------------------------------------------------ reading, in worker threads

    def _page(self, listing: _Listing) -> tuple[list[LogEntry], str]:
        request = listing.request
        found: list[LogEntry] = []
        last: Place | None = None
        budget = _Budget()
        for place, make in self._items(listing):
            if len(found) == request.page_size or budget.is_spent(PASSED if make is None else 1):
                assert last is not None  # a page has room for one, and a budget is spent after some
                return _sorted(found, request), _token(request, last)
            last = place
            entry = make() if make is not None else None
            if entry is not None and request.query.matches(entry):
                found.append(entry)
        return _sorted(found, request), ""

    def _items(self, listing: _Listing) -> Iterator[Item]:
        spans = {span.uid: span for span in listing.spans}
        residents = {span.uid: span for span in listing.residents}

        def open_sources(sources: Sequence[Source]) -> list[Iterator[Item]]:
            due = [spans[source.uid] for source in sources if source.uid in spans]
            opened = anyio.from_thread.run(self._open, due, listing.bounds)
            return [
                *(
                    execution_items(self._reader, opened[span.uid], listing.bounds, listing.window)
                    for span in due
                    if span.uid in opened
                ),
                *(
                    resident_items(self._reader, residents[source.uid], listing.bounds, listing.window)
                    for source in sources
                    if source.uid in residents
                ),
                *(
                    project_items(self._reader, source.uid, listing.window)
                    for source in sources
                    if source.uid not in spans and source.uid not in residents
                ),
            ]

        return merge(listing.sources(), open_sources, newest_first=listing.window.newest_first)

    async def _open(self, spans: Sequence[Span], bounds: Bounds) -> dict[str, Opened]:
        with_attempts = bounds.log_id in {None, names.SYSTEM}
        return await self._index.open(spans, bounds.task_index, with_attempts=with_attempts)

    # ------------------------------------------------------------------ writing, in worker threads

    def _write(
        self, by_project: dict[str, list[tuple[str, bytes]]], now_s: float, shelf: Shelf, since_s: float | None
    ) -> None:
        with self._writers_guard:
            for project, documents in by_project.items():
                lane_uid = project_lane(project)
                written = None if since_s is None else self._written(lane_uid, shelf, since_s)
                writer = self._writers.get(project)
                if writer is None:
                    writer = LaneLog(str(self._root / lane_uid), tail_limit_bytes=LOG_LIMIT_BYTES)
                    self._writers[project] = writer
                for identifier, document in documents:
                    if written is not None:
                        if identifier in written:
                            continue
                        written.add(identifier)
                    writer.append(now_s, shelf, 0, 0, records.STDOUT, document)
                writer.sync()
                if writer.failure is not None:
                    del self._writers[project]
                    writer.discard()
                    raise ResourceExhausted(f"The entries could not be kept: {writer.failure}.")

    def _written(self, lane_uid: str, shelf: Shelf, since_s: float) -> set[str]:
        """The ids of a shelf's entries that arrived since then."""
        walk = self._reader.records(lane_uid, after_s=since_s - JOIN_S, index=shelf)
        return {match[1].decode() for record in walk if (match := _INSERT_ID.match(record.data))}


def _documents(entries: Iterable[LogEntry], now_s: float, batch: str) -> dict[str, list[tuple[str, bytes]]]:
    """What is written of entries that arrive now: ids and documents, by project. Raises InvalidArgument."""
    by_project: dict[str, list[tuple[str, bytes]]] = {}
    for place, arrived in enumerate(entries):
        entry = _stamped(arrived, now_s, f"{batch}/{place}")
        data = to_document(entry).encode()
        if len(data) > limits.ENTRY_MAX_BYTES:
            raise InvalidArgument(f"entries[{place}]: an entry has at most {limits.ENTRY_MAX_BYTES} bytes.")
        by_project.setdefault(entry.log_name.split("/")[1], []).append((entry.insert_id, data))
    return by_project


def project_lane(project: str) -> str:
    """The folder of entries that were written through the API. A name never becomes a path."""
    return f"project-{hashlib.sha256(project.encode()).hexdigest()[:32]}"


class _Listing:
    """One request, and what it has to look at."""

    def __init__(self, request: ListEntries, span: Window) -> None:
        self.request = request
        self.bounds = request.query.bounds()
        self.window = span
        self.spans: list[Span] = []
        self.residents: list[ResidentSpan] = []

    def may_have(self, span: Span) -> bool:
        """Whether an execution can have matching entries."""
        bounds, name = self.bounds, span.name
        if bounds.log_id is not None and bounds.log_id not in {names.STDOUT, names.STDERR, names.SYSTEM}:
            return False
        if bounds.execution not in {None, name.execution} or bounds.job not in {None, name.job}:
            return False
        if bounds.location not in {None, name.location}:
            return False
        begin_s, end_s = _times(span)
        return begin_s <= self.window.before_s and end_s >= self.window.after_s

    @property
    def may_have_residents(self) -> bool:
        """Whether services and worker pools can have matching entries."""
        bounds = self.bounds
        if bounds.log_id is not None and bounds.log_id not in {names.STDOUT, names.STDERR}:
            return False
        return bounds.execution is None and bounds.job is None and bounds.task_index is None

    def may_have_resident(self, span: ResidentSpan) -> bool:
        """Whether a revision can have matching entries."""
        return self.bounds.location in {None, span.name.resident.location} and (_times(span)[0] <= self.window.before_s)

    def sources(self) -> list[Source]:
        """Executions, revisions and projects."""
        found: list[Source] = []
        spans: list[Span | ResidentSpan] = [*self.spans, *self.residents]
        for span in spans:
            begin_s, end_s = _times(span)
            found.append(Source(uid=span.uid, begin_s=begin_s, end_s=end_s))
        projects = [project_lane(project) for project in self.request.projects]
        return found + [Source(uid=lane, begin_s=-inf, end_s=inf) for lane in projects]


def _times(span: Span | ResidentSpan) -> tuple[float, float]:
    return span.begin_s - 1.0, inf if span.end_s is None else span.end_s + _AFTER_END_S


class _Budget:
    """How much may be looked at for one page."""

    def __init__(self) -> None:
        self._looked_at = 0
        self._next_look = _CLOCK_EVERY
        self._deadline = time.monotonic() + _LOOK_S

    def is_spent(self, count: int) -> bool:
        """Count lines; True when it is time to answer."""
        self._looked_at += count
        if self._looked_at < self._next_look:
            return False
        self._next_look = self._looked_at + _CLOCK_EVERY
        return self._looked_at > _LINES_MAX or time.monotonic() > self._deadline


def _is_backward(request: ListEntries) -> bool:
    return request.order is Order.NEWEST_FIRST


def _sorted(found: list[LogEntry], request: ListEntries) -> list[LogEntry]:
    """A page by the entries' own times. Those of one instant stay as they came."""
    sign = -1 if _is_backward(request) else 1
    return sorted(found, key=lambda entry: sign * entry.timestamp_s)


def _kind(request: ListEntries) -> str:
    """What a page token belongs to: these projects, this filter, this order."""
    return json.dumps(["entries", *request.projects, request.query.text, request.order.value])


def _token(request: ListEntries, place: Place) -> str:
    return paging.encode(_kind(request), json.dumps([place.at_s, place.lane, *place.position], separators=(",", ":")))


def _cursor(request: ListEntries) -> Place | None:
    text = paging.decode(_kind(request), request.page_token, field="pageToken")
    if not text:
        return None
    at_s, lane, kind, first, second, offset = json.loads(text)
    return Place(float(at_s), int(lane), (int(kind), int(first), int(second), int(offset)))


def _stamped(entry: LogEntry, now_s: float, place: str) -> LogEntry:
    """The entry as it arrives now. One that is complete stays as it is."""
    if entry.insert_id and entry.timestamp_text and entry.receive_s:
        return entry
    return replace(
        entry,
        insert_id=entry.insert_id or insert_id(now_s, place),
        timestamp_s=entry.timestamp_s if entry.timestamp_text else now_s,
        receive_s=now_s,
    )
