"""Admission: which instance takes a request, and who has to wait for one.

A request that is let in holds a `Seat` until its answer is over. One that finds no room waits in the line of its
revision, bounded in length and time; then it is refused, with why. The fleet learns the demand from here, and says here
when instances come and go.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from itertools import count
from typing import Protocol

import anyio

from hakobune.core.errors import NotFound, ResourceExhausted, Unavailable
from hakobune.core.services.admission import NO_WISH, Line, LineFull, Wish, trial_s, wait_s, waiting_max
from hakobune.runtime.clock import Clock
from hakobune.runtime.service_fleet import Backend, Demand, Limits

_NO_ROOM = "The request was aborted because there was no available instance."
_NOBODY: frozenset[str] = frozenset()
_IDLE_KNOWN_MAX = 10_000  # instances of which it is known when they became idle


class NoInstance(ResourceExhausted):
    """Too many requests wait, or this one has waited for too long."""


class CannotStart(Unavailable):
    """No instance can be started."""


class RevisionGone(NotFound):
    """The revision serves no more: another one does, or none."""

    def __init__(self) -> None:
        super().__init__("The revision serves no more.")


class Ready(Protocol):
    """What admission needs of the fleet."""

    demand: Demand | None
    watch: Callable[[str], None]

    def backends(self, revision_uid: str) -> Sequence[Backend]: ...

    def limits(self, revision_uid: str) -> Limits | None: ...

    def wake(self, revision_uid: str) -> None: ...

    def failure(self, revision_uid: str) -> str: ...


class Seat:
    """A request's place at an instance. Whoever holds it gives it back."""

    __slots__ = ("_admission", "_is_held", "_revision_uid", "backend")

    def __init__(self, admission: Admission, revision_uid: str, backend: Backend) -> None:
        self.backend = backend
        self._admission = admission
        self._revision_uid = revision_uid
        self._is_held = True

    def close(self) -> None:
        """The request is over. A second call does nothing."""
        if self._is_held:
            self._is_held = False
            self._admission.leave(self._revision_uid, self.backend.uid)


@dataclass(slots=True, kw_only=True)
class _Waiter:
    """One who waits, and what came of it."""

    woken: anyio.Event = field(default_factory=anyio.Event)
    backend: Backend | None = None
    is_tried: bool = False  # it has waited for as long as one more start may take
    refusal: str = ""
    is_gone: bool = False  # its revision


class Admission:
    """The lines of all revisions. Makes itself known to the fleet."""

    def __init__(self, fleet: Ready, clock: Clock) -> None:
        self._fleet = fleet
        self._clock = clock
        self._lines: dict[str, Line] = {}  # of revisions with requests
        self._lines_of: dict[str, Line] = {}  # of instances with requests: their revision's
        self._waiters: dict[str, dict[int, _Waiter]] = {}
        self._idle_since_s: dict[str, float] = {}
        self._drains: dict[str, anyio.Event] = {}
        self._numbers = count()
        fleet.demand = self
        fleet.watch = self.look

    async def enter(self, revision_uid: str, *, preferred: str = "", avoided: AbstractSet[str] = _NOBODY) -> Seat:
        """A seat at an instance, as soon as there is one. Raises NoInstance (the line is full, or the wait was too
        long), CannotStart (no instance can be started), RevisionGone."""
        fleet = self._fleet
        limits = fleet.limits(revision_uid)
        if limits is None:
            raise RevisionGone
        backends = fleet.backends(revision_uid)
        line = self._lines.get(revision_uid)
        if line is None:
            line = self._lines[revision_uid] = Line()
        number = next(self._numbers)
        wish = Wish(preferred=preferred, avoided=avoided) if preferred or avoided else NO_WISH
        most_waiting = waiting_max(limits.concurrency, limits.max_instances)
        try:
            chosen = line.enter(number, wish, [one.uid for one in backends], limits.concurrency, most_waiting)
        except LineFull:
            raise NoInstance(f"{_NO_ROOM} {line.waiting} requests wait for one.") from None
        if chosen is None:
            return await self._wait(revision_uid, line, number, limits.start_s)
        return self._seated(revision_uid, line, next(found for found in backends if found.uid == chosen))

    def _seated(self, revision_uid: str, line: Line, backend: Backend) -> Seat:
        self._lines_of[backend.uid] = line
        self._idle_since_s.pop(backend.uid, None)
        return Seat(self, revision_uid, backend)

    async def _wait(self, revision_uid: str, line: Line, number: int, start_s: float) -> Seat:
        patience_s = wait_s(start_s)
        waiter = _Waiter()
        self._waiters.setdefault(revision_uid, {})[number] = waiter
        is_given_up = True
        try:
            self._fleet.wake(revision_uid)
            with anyio.move_on_after(min(patience_s, trial_s(start_s))):
                await waiter.woken.wait()
            waiter.is_tried = True
            if waiter.backend is None and not self._hopeless(revision_uid):
                with anyio.move_on_after(patience_s - min(patience_s, trial_s(start_s))):
                    await waiter.woken.wait()
            is_given_up = False
        finally:
            self._forget(revision_uid, number)
            line.withdraw(number)
            if is_given_up and waiter.backend is not None:  # let in in the very moment in which it left
                self._seated(revision_uid, line, waiter.backend).close()
            self._tidy(revision_uid, line)
        if waiter.backend is not None:
            return self._seated(revision_uid, line, waiter.backend)
        if waiter.is_gone:
            raise RevisionGone
        if waiter.refusal:
            raise CannotStart(waiter.refusal)
        failure = self._hopeless(revision_uid)
        if failure:
            raise CannotStart(failure)
        raise NoInstance(f"{_NO_ROOM} It has waited for {patience_s:g} s.")

    def _hopeless(self, revision_uid: str) -> str:
        """Why no instance comes; "" while there are some, or nothing is known to be wrong."""
        return "" if self._fleet.backends(revision_uid) else self._fleet.failure(revision_uid)

    def _forget(self, revision_uid: str, number: int) -> None:
        waiters = self._waiters.get(revision_uid)
        if waiters is not None:
            waiters.pop(number, None)
            if not waiters:
                del self._waiters[revision_uid]

    def leave(self, revision_uid: str, instance_uid: str) -> None:
        """A request is over: its place goes to the first who waits."""
        line = self._lines[revision_uid]
        if not line.leave(instance_uid):
            del self._lines_of[instance_uid]
            self._idle_since_s[instance_uid] = self._clock.now_s()
            if len(self._idle_since_s) > _IDLE_KNOWN_MAX:  # those that were idle the longest are gone
                del self._idle_since_s[next(iter(self._idle_since_s))]
            drain = self._drains.pop(instance_uid, None)
            if drain is not None:
                drain.set()
        if line.waiting:
            self.look(revision_uid)
        self._tidy(revision_uid, line)

    def _tidy(self, revision_uid: str, line: Line) -> None:
        if line.is_empty:
            self._lines.pop(revision_uid, None)

    def look(self, revision_uid: str) -> None:
        """Instances have come or gone, a start has failed, or a place is free."""
        line = self._lines.get(revision_uid)
        waiters = self._waiters.get(revision_uid)
        if line is None or not waiters:
            return
        limits = self._fleet.limits(revision_uid)
        if limits is None:
            for waiter in waiters.values():
                waiter.is_gone = True
                waiter.woken.set()
            return
        backends = {backend.uid: backend for backend in self._fleet.backends(revision_uid)}
        if not backends:
            failure = self._fleet.failure(revision_uid)
            if failure:
                self._refuse({number: waiter for number, waiter in waiters.items() if waiter.is_tried}, failure)
            return
        for number, instance_uid in line.admit(tuple(backends), limits.concurrency):
            waiter = waiters[number]
            waiter.backend = backends[instance_uid]
            self._lines_of[instance_uid] = line
            self._idle_since_s.pop(instance_uid, None)
            waiter.woken.set()

    def _refuse(self, waiters: dict[int, _Waiter], why: str) -> None:
        for waiter in waiters.values():
            waiter.refusal = why
            waiter.woken.set()

    # -- what the fleet asks ----------------------------------------------------------------------------------------

    def demand(self, revision_uid: str) -> int:
        """Requests in flight and waiting."""
        line = self._lines.get(revision_uid)
        return 0 if line is None else line.demand

    def in_flight(self, instance_uid: str) -> int:
        """Requests that an instance works on."""
        line = self._lines_of.get(instance_uid)
        return 0 if line is None else line.in_flight(instance_uid)

    def idle_since(self, instance_uid: str) -> float | None:
        """When the last request of an instance ended, in seconds since the epoch; None: it has one, or never had one
        of this runtime."""
        return self._idle_since_s.get(instance_uid)

    async def drained(self, instance_uid: str) -> None:
        """Return when nothing is in flight there. The fleet calls it for an instance that gets no more requests, which
        is forgotten here then."""
        while self.in_flight(instance_uid):
            await self._drains.setdefault(instance_uid, anyio.Event()).wait()
        self._idle_since_s.pop(instance_uid, None)
