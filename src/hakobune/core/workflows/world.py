"""The world as a machine knows it: nothing but what the journal says.

The clock stands still while an event is handled, but for a microsecond at each read; it never goes backwards, even
where the stamps do. Dice are a hash of all seeds so far and a counter.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from hakobune.core.workflows.effects import CallbackRequest
from hakobune.core.workflows.events import CallId, Moved, Stamped, Started
from hakobune.core.workflows.meter import Meter

_READ_S = 1e-6  # how much later the clock is at each read


@dataclass(slots=True, eq=False)
class Callback:
    """An endpoint that the execution opened.

    `requests` are those that came and that no step took yet: one at most, if the runtime refuses a second one.
    `waiters` are the calls that wait for one, the first first.
    """

    id: str
    method: str
    path: str
    requests: list[CallbackRequest] = field(default_factory=list[CallbackRequest])
    waiters: list[CallId] = field(default_factory=list[CallId])

    @property
    def pending(self) -> CallbackRequest | None:
        """The request that waits to be taken: while there is one, another one has to be refused."""
        return self.requests[0] if self.requests else None


class World:
    """The context of all frames of an execution."""

    def __init__(self) -> None:
        self.meter = Meter()
        self.callbacks: dict[str, Callback] = {}
        self._environment: Mapping[str, str] = {}
        self._execution = ""
        self._base_url = ""
        self._instant_s = 0.0
        self._pool = b""
        self._throws = 0

    def begin(self, stamped: Stamped) -> None:
        """An event is about to be handled."""
        event = stamped.event
        if isinstance(event, Started):
            self._environment = event.environment
            self._execution = event.execution
            self._base_url = event.base_url
        elif isinstance(event, Moved):
            self._base_url = event.base_url
        self._instant_s = max(self._instant_s, stamped.at_s)
        self._pool = hashlib.sha256(b"%s:%d" % (self._pool, stamped.seed)).digest()

    @property
    def environment(self) -> Mapping[str, str]:
        """Built-in and user environment variables."""
        return self._environment

    def now_s(self) -> float:
        """The instant of the event, to the microsecond; the next read gives one that is a microsecond later."""
        now_s = round(self._instant_s, 6)
        self._instant_s += _READ_S
        return now_s

    def unique_id(self) -> str:
        """A UUID (version 4), another one at each read."""
        return str(UUID(bytes=self._throw()[:16], version=4))

    def create_callback(self, method: str) -> str:
        """Open an endpoint; gives its URL. The id has 160 bits and cannot be guessed without the seeds."""
        identifier = self._throw()[:20].hex()
        path = f"/v1/{self._execution}/callbacks/{identifier}"
        self.callbacks[identifier] = Callback(identifier, method, path)
        return self._base_url + path

    def _throw(self) -> bytes:
        self._throws += 1
        return hashlib.sha256(b"%s#%d" % (self._pool, self._throws)).digest()
