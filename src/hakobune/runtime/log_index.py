"""Which executions can have entries, and what the store knows about their attempts: read once, remembered in bounds."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from hakobune.core.jobs.model import AttemptRecord, Execution
from hakobune.core.names import ExecutionName
from hakobune.core.services.model import Revision
from hakobune.core.services.names import RevisionName
from hakobune.runtime.service_lanes import lane_uid
from hakobune.store.api import Page, ReadTx, Store

_PAGE = 200
_REMEMBERED_MAX = 50_000  # executions of a project; about 25 MB. Beyond, the list is read anew.
_ATTEMPTS_MAX = 30_000  # ended attempts of recently read executions; about 15 MB
_ATTEMPTS_PAGE = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """An execution and the time in which it wrote. `end_s` is None while it is under way."""

    name: ExecutionName
    uid: str
    begin_s: float
    end_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """An execution as it is now, and its ended attempts by the time they ended."""

    execution: Execution
    attempts: Sequence[AttemptRecord]


@dataclass(frozen=True, slots=True, kw_only=True)
class ResidentSpan:
    """A revision whose instances may write. `uid` is that of its lane."""

    name: RevisionName
    uid: str
    container: str
    begin_s: float
    end_s: float | None = None


class ExecutionIndex:
    """Executions of projects. Ended ones do not change, so only new ones and those under way are read again."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._spans: dict[str, dict[str, Span]] = {}
        self._attempts: OrderedDict[str, tuple[int, Sequence[AttemptRecord]]] = OrderedDict()

    async def spans(self, project: str) -> list[Span]:
        """All executions of a project; some may be deleted meanwhile (`open` tells)."""
        known = self._spans.get(project, {})
        if len(known) > _REMEMBERED_MAX:
            known = {}
        fresh = await self._store.read(lambda tx: _newer(tx, project, known))
        self._spans[project] = fresh
        return list(fresh.values())

    async def residents(self, project: str) -> list[ResidentSpan]:
        """All revisions of a project."""
        return await self._store.read(lambda tx: [_resident_span(one) for one in tx.services.revisions_of_all(project)])

    async def open(self, spans: Sequence[Span], index: int | None, *, with_attempts: bool) -> dict[str, Opened]:
        """Those of the executions that still exist, by uid."""
        return await self._store.read(lambda tx: self._open(tx, spans, index, with_attempts=with_attempts))

    def _open(self, tx: ReadTx, spans: Sequence[Span], index: int | None, *, with_attempts: bool) -> dict[str, Opened]:
        found: dict[str, Opened] = {}
        for span in spans:
            execution = tx.jobs.find_execution(span.name)
            if execution is None or execution.uid != span.uid:
                continue
            attempts = self._ended(tx, execution, index) if with_attempts else ()
            found[span.uid] = Opened(execution=execution, attempts=attempts)
        return found

    def _ended(self, tx: ReadTx, execution: Execution, index: int | None) -> Sequence[AttemptRecord]:
        """Ended attempts of all tasks or of one, by their end."""
        if index is not None:
            return _by_end(_read_ended(tx, execution.uid, index))
        count = execution.counts.attempts_ended
        remembered = self._attempts.get(execution.uid)
        if remembered is not None and remembered[0] == count:
            self._attempts.move_to_end(execution.uid)
            return remembered[1]
        attempts = _by_end(_read_ended(tx, execution.uid, None))
        self._attempts[execution.uid] = (count, attempts)
        self._attempts.move_to_end(execution.uid)
        while len(self._attempts) > 1 and sum(len(kept) for _, kept in self._attempts.values()) > _ATTEMPTS_MAX:
            self._attempts.popitem(last=False)
        return attempts


def _newer(tx: ReadTx, project: str, known: dict[str, Span]) -> dict[str, Span]:
    """`known` brought up to date: new executions are listed until the first known one, those under way are read."""
    fresh = {uid: span for uid, span in known.items() if span.end_s is not None}
    after = ""
    while page := tx.jobs.list_executions(project, None, None, Page(limit=_PAGE, after=after)):
        for execution in page:
            fresh[execution.uid] = _span(execution)
        if any(execution.uid in known for execution in page):
            break
        after = page[-1].uid
    for uid, span in known.items():
        if uid not in fresh:
            found = tx.jobs.find_execution(span.name)
            if found is not None and found.uid == uid:
                fresh[uid] = _span(found)
    return fresh


def _span(execution: Execution) -> Span:
    return Span(
        name=execution.name,
        uid=execution.uid,
        begin_s=execution.create_time_s,
        end_s=execution.completion_time_s,
    )


def _resident_span(revision: Revision) -> ResidentSpan:
    members = revision.template.members
    return ResidentSpan(
        name=revision.name,
        uid=lane_uid(revision.uid),
        container=members[0].container.name if members else "",
        begin_s=revision.create_time_s,
    )


def _read_ended(tx: ReadTx, execution_uid: str, index: int | None) -> list[AttemptRecord]:
    found: list[AttemptRecord] = []
    after = ""
    while page := tx.jobs.ended_attempts(execution_uid, index, Page(limit=_ATTEMPTS_PAGE, after=after)):
        found += page
        after = page[-1].uid
    return found


def _by_end(attempts: list[AttemptRecord]) -> Sequence[AttemptRecord]:
    return sorted(attempts, key=lambda attempt: (attempt.end_time_s or 0.0, attempt.index, attempt.number))
