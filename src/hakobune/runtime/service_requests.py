"""Writes what is told of requests to services: many entries at once, and nobody waits for them. What a crash cuts off
is lost: the answers were given. An entry costs a third of what the request itself does, so of very many only some are
written, and the log says how many are not."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import count

from hakobune.core.logs.entries import LogEntry
from hakobune.core.logs.requests import Served, left_out_entry, request_entry
from hakobune.core.services.names import ResidentName
from hakobune.runtime.clock import Clock
from hakobune.runtime.log_gathering import Entries, Gathering
from hakobune.runtime.logs import Shelf

_GATHER_S = 0.25  # so long entries are gathered for one write
_GATHERED_MAX = 125  # ours: of each such time, 500 a second; what comes beyond them is only counted


class RequestLog:
    """Entries of requests, on their way to the log."""

    def __init__(self, entries: Entries, clock: Clock, *, is_on: bool) -> None:
        self._gathering = Gathering(
            entries, "requests", at_most=_GATHERED_MAX, shelf=Shelf.CALLS, gather_s=_GATHER_S, told=self._left_out
        )
        self._clock = clock
        self._is_on = is_on
        self._numbers = count()
        self._last: ResidentName | None = None  # the service that was asked last

    def begin(
        self, name: ResidentName, revision: str, trace: str, *, method: str, url: str, agent: str, referer: str, ip: str
    ) -> ServedRequest | None:
        """A request has come; None: nothing is written of it."""
        if not self._is_on:
            return None
        self._last = name
        first = partial(
            Served,
            project=name.project,
            location=name.location,
            service=name.id,
            revision=revision,
            number=next(self._numbers),
            method=method,
            url=url,
            user_agent=agent,
            referer=referer,
            remote_ip=ip,
            trace=trace,
        )
        return ServedRequest(self, first, self._clock.now_s())

    def take(self, make: Callable[..., Served], started_s: float) -> None:
        """A request is over."""
        if self._gathering.is_full:
            self._gathering.leave_out()
            return
        latency_s = self._clock.now_s() - started_s
        self._gathering.take(lambda: request_entry(make(started_s=started_s, latency_s=latency_s)))

    def _left_out(self, number: int) -> Callable[[], LogEntry]:
        assert self._last is not None
        return partial(left_out_entry, self._last.project, number, self._clock.now_s())

    async def run(self) -> None:
        """Until cancelled."""
        await self._gathering.run()


class ServedRequest:
    """A request that is being served."""

    __slots__ = ("_is_over", "_log", "_make", "_started_s", "instance")

    def __init__(self, log: RequestLog, make: Callable[..., Served], started_s: float) -> None:
        self.instance = ""  # the one that has it
        self._log = log
        self._make = make
        self._started_s = started_s
        self._is_over = False

    def end(self, status: int, size_bytes: int) -> None:
        """It is over. A second call does nothing."""
        if not self._is_over:
            self._is_over = True
            self._log.take(self._finished(status, size_bytes), self._started_s)

    def _finished(self, status: int, size_bytes: int) -> Callable[..., Served]:
        return partial(self._make, instance=self.instance, status=status, size_bytes=size_bytes)
