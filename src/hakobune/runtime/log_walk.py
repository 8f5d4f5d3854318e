"""Entries of many folders in one order: sources, opened when their time comes, and merged.

The order is that of arrival: the time at which a line was read from its program, then the lane, then the place in it.
A time that a line gives itself does not move it (a page is sorted by it at the end).
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import inf
from typing import NamedTuple

from hakobune.core.jobs.model import AttemptRecord, Execution
from hakobune.core.logs import entries
from hakobune.core.logs.entries import (
    LogEntry,
    Resource,
    Severity,
    Split,
    insert_id,
    job_labels,
    job_resource,
    log_name,
)
from hakobune.core.logs.query import Bounds
from hakobune.core.logs.residents import resident_labels, resident_resource
from hakobune.core.logs.structured import is_json_like, parse_line
from hakobune.core.logs.system import system_entry
from hakobune.engines.logs.lines import Line, lines
from hakobune.engines.logs.reader import LogReader, Position
from hakobune.engines.logs.records import STDERR, STDOUT, SYSTEM
from hakobune.runtime.log_index import Opened, ResidentSpan
from hakobune.store.documents import from_document

JOIN_S = 1.0  # pieces of a line arrive within this: walks begin that much earlier
FUTURE_S = 1.0  # by so much may a line's own time be after its arrival
LATE_S = 3_600.0  # by so much may a line arrive after its own time (programs hold output back)
_AFTER_ATTEMPTS = 3  # above the kinds of files in positions: what the platform says comes after the last line

_STREAMS = {entries.STDOUT: STDOUT, entries.STDERR: STDERR, entries.SYSTEM: SYSTEM}
_LOG_IDS = {stream: log_id for log_id, stream in _STREAMS.items()}


class Place(NamedTuple):
    """Where an item stands in the order of everything."""

    at_s: float
    lane: int
    position: Position


Make = Callable[[], LogEntry | None]
Item = tuple[Place, Make | None]  # None: `PASSED` lines that cannot match have gone by

PASSED = 100


class Window(NamedTuple):
    """The part of the order that a walk covers. `beyond`: only what comes after this place, in the walk's direction."""

    newest_first: bool
    after_s: float
    before_s: float
    beyond: Place | None

    def has(self, place: Place) -> bool:
        """Whether the place lies beyond the cursor."""
        if self.beyond is None:
            return True
        return place < self.beyond if self.newest_first else place > self.beyond


def window(bounds: Bounds, *, newest_first: bool, beyond: Place | None) -> Window:
    """What must be walked for a query, from a cursor on."""
    after_s = -inf if bounds.after_s is None else bounds.after_s - FUTURE_S
    before_s = inf if bounds.before_s is None else bounds.before_s + LATE_S
    if beyond is not None and newest_first:
        before_s = min(before_s, beyond.at_s)
    elif beyond is not None:
        after_s = max(after_s, beyond.at_s)
    return Window(newest_first, after_s, before_s, beyond)


def lane_key(lane_uid: str) -> int:
    """A number that orders lanes with entries of the same instant."""
    return int.from_bytes(hashlib.blake2b(lane_uid.encode(), digest_size=6).digest())


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Something that has items between two instants. `open` begins its walk; None: it is gone."""

    uid: str
    begin_s: float
    end_s: float


def merge(
    sources: Sequence[Source], open_sources: Callable[[Sequence[Source]], list[Iterator[Item]]], *, newest_first: bool
) -> Iterator[Item]:
    """All items of the sources in order. A source is opened when the order reaches its time, with all others of it."""
    closed = sorted(sources, key=(lambda s: s.end_s) if newest_first else (lambda s: -s.begin_s))
    sign = -1 if newest_first else 1
    heap: list[tuple[float, int, int, Item, Iterator[Item]]] = []
    count = 0
    while closed or heap:
        due: list[Source] = []
        front = heap[0][0] if heap else None
        while closed and (front is None or _edge(closed[-1], newest_first=newest_first) <= front):
            due.append(closed.pop())
            front = _edge(due[-1], newest_first=newest_first) if front is None else front
        for walk in open_sources(due) if due else ():
            count += 1
            _push(heap, walk, sign, count)
        if due or not heap:
            continue
        _, _, number, item, walk = heapq.heappop(heap)
        yield item
        _push(heap, walk, sign, number)


def _edge(source: Source, *, newest_first: bool) -> float:
    return -source.end_s if newest_first else source.begin_s


def _push(
    heap: list[tuple[float, int, int, Item, Iterator[Item]]], walk: Iterator[Item], sign: int, number: int
) -> None:
    item = next(walk, None)
    if item is not None:
        place = item[0]
        heapq.heappush(heap, (sign * place.at_s, sign * place.lane, number, item, walk))


def execution_items(reader: LogReader, opened: Opened, bounds: Bounds, span: Window) -> Iterator[Item]:
    """Lines of an execution and what the platform says about its attempts."""
    walk = _Lines(_execution_voice(opened.execution), bounds, span)
    return heapq.merge(
        walk.items(reader), _system_items(opened, span), key=lambda item: item[0], reverse=span.newest_first
    )


def _system_items(opened: Opened, span: Window) -> Iterator[Item]:
    execution = opened.execution
    lane = lane_key(execution.uid)
    for attempt in reversed(opened.attempts) if span.newest_first else opened.attempts:
        at_s = attempt.end_time_s or 0.0
        place = Place(at_s, lane, (_AFTER_ATTEMPTS, attempt.index, attempt.number, 0))
        if span.after_s <= at_s <= span.before_s and span.has(place):
            yield place, _system_maker(execution, attempt)


def _system_maker(execution: Execution, attempt: AttemptRecord) -> Make:
    return lambda: system_entry(execution, attempt)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Voice:
    """Who writes the lines of a lane."""

    lane_uid: str
    project: str
    resource: Resource
    labels: Callable[[Line], dict[str, str]]


def _execution_voice(execution: Execution) -> _Voice:
    name = execution.name
    return _Voice(
        lane_uid=execution.uid,
        project=name.project,
        resource=job_resource(name.project, name.location, name.job),
        labels=lambda line: job_labels(name.execution, execution.uid, line.task_index, line.number),
    )


def resident_items(reader: LogReader, resident: ResidentSpan, bounds: Bounds, span: Window) -> Iterator[Item]:
    """Lines of the instances of a revision."""
    voice = _Voice(
        lane_uid=resident.uid,
        project=resident.name.resident.project,
        resource=resident_resource(resident.name),
        labels=lambda line: resident_labels(f"{resident.uid}.{line.task_index}.{line.uid_tail}", resident.container),
    )
    return _Lines(voice, bounds, span).items(reader)


class _Lines:
    """Makes entries of the lines of one lane."""

    def __init__(self, voice: _Voice, bounds: Bounds, span: Window) -> None:
        self._voice = voice
        self._bounds = bounds
        self._span = span
        self._lane = lane_key(voice.lane_uid)
        self._resource = voice.resource
        self._log_names = {stream: log_name(voice.project, log_id) for stream, log_id in _LOG_IDS.items()}
        self._stream = None if bounds.log_id is None else _STREAMS.get(bounds.log_id, 0)
        self._labels: dict[tuple[int, int], dict[str, str]] = {}

    def items(self, reader: LogReader) -> Iterator[Item]:
        span = self._span
        walk = reader.records(
            self._voice.lane_uid,
            newest_first=span.newest_first,
            after_s=span.after_s - JOIN_S,
            before_s=span.before_s + JOIN_S,
            index=self._bounds.task_index,
        )
        passed = 0
        for line in lines(walk, newest_first=span.newest_first):
            may_match = span.after_s <= line.at_s <= span.before_s and self._may_match(line)
            passed += not may_match
            if not may_match and passed % PASSED:
                continue
            place = Place(line.at_s, self._lane, line.position)
            if span.has(place):
                yield place, self._maker(line) if may_match else None

    def _may_match(self, line: Line) -> bool:
        """False for what the bounds rule out without a closer look."""
        if self._stream is not None and line.stream != self._stream:
            return False
        if line.stream == SYSTEM or (line.piece is None and is_json_like(line.data)):
            return True
        bounds = self._bounds
        if bounds.severity_min > 0 or (bounds.after_s is not None and line.at_s < bounds.after_s):
            return False
        return bounds.before_s is None or line.at_s <= bounds.before_s

    def _maker(self, line: Line) -> Make:
        return lambda: self._entry(line)

    def _entry(self, line: Line) -> LogEntry:
        place = f"{self._voice.lane_uid}/{line.position}"
        labels = self._labels_of(line)
        if line.stream == SYSTEM or line.piece is not None:
            split = None
            if line.piece is not None:
                whole = f"{self._voice.lane_uid}/{line.task_index}.{line.uid_tail}.{line.stream}.{line.piece[0]}"
                split = Split(uid=hashlib.sha256(whole.encode()).hexdigest()[:32], index=line.piece[1])
            return LogEntry(
                insert_id=insert_id(line.at_s, place),
                log_name=self._log_names[line.stream],
                timestamp_s=line.at_s,
                receive_s=line.at_s,
                severity=Severity.WARNING if line.stream == SYSTEM else Severity.DEFAULT,
                text_payload=line.data.decode("utf-8", "replace"),
                resource=self._resource,
                labels=labels,
                split=split,
            )
        said = parse_line(line.data)
        return LogEntry(
            insert_id=said.insert_id or insert_id(line.at_s, place),
            log_name=self._log_names[line.stream],
            timestamp_s=line.at_s if said.timestamp_s is None else said.timestamp_s,
            timestamp_text=said.timestamp_text,
            receive_s=line.at_s,
            severity=said.severity,
            text_payload=said.text_payload,
            json_payload=said.json_payload,
            resource=self._resource,
            labels={**said.labels, **labels} if said.labels else labels,
            http_request=said.http_request,
            operation=said.operation,
            source_location=said.source_location,
            span_id=said.span_id,
            trace=said.trace,
            trace_sampled=said.trace_sampled,
        )

    def _labels_of(self, line: Line) -> dict[str, str]:
        key = (line.task_index, line.number)
        labels = self._labels.get(key)
        if labels is None:
            labels = self._labels[key] = self._voice.labels(line)
        return labels


def project_items(reader: LogReader, lane_uid: str, span: Window) -> Iterator[Item]:
    """Entries that were written through the API."""
    lane = lane_key(lane_uid)
    walk = reader.records(
        lane_uid,
        newest_first=span.newest_first,
        after_s=span.after_s - JOIN_S,
        before_s=span.before_s + JOIN_S,
    )
    for line in lines(walk, newest_first=span.newest_first):
        place = Place(line.at_s, lane, line.position)
        if line.stream != SYSTEM and span.after_s <= line.at_s <= span.before_s and span.has(place):
            yield place, _stored_maker(line.data)


def _stored_maker(data: bytes) -> Make:
    return lambda: from_document(LogEntry, data.decode())
