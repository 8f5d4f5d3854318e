"""A right that expires, for work that only one process at a time may do.

Each new owner gets a higher `token`. Send it along with what the lease protects and refuse lower ones there: that is
what keeps out an owner that was paused, has lost the lease, and does not know it yet (a fencing token).

The lease ends by the clock of whoever looks. If the clocks of two machines differ by d seconds, a lease may be taken
over d seconds too early or late; choose `ttl_s` well above d. The owner itself goes by its own monotonic clock,
counted from before the request, so it never believes in the lease longer than it lasts.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from hakobune.sdk import objects
from hakobune.sdk.cells import DEFAULT_TABLE, Cell, Record, RowCell, create_table, file_cell, object_cell
from hakobune.sdk.databases import Connection, Database
from hakobune.sdk.errors import CorruptRecord, LeaseHeld, LeaseLost
from hakobune.sdk.owners import Owner

Backend = str | os.PathLike[str] | Callable[[], Connection]

_SPACE = "lease"
_RENEWALS_PER_TTL = 3  # two may fail before the lease is lost
_POLL_S = 0.2
_FREE = 0.0  # an expiry long past


class Lease:
    """A named right. Use it in a `with` block, or call `acquire`, `renew` and `release`."""

    def __init__(
        self,
        name: str,
        *,
        ttl_s: float,
        backend: Backend,
        wait_s: float = 0.0,
        renew: bool = True,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if ttl_s <= 0:
            raise ValueError(f"ttl_s must be positive, not {ttl_s}")
        if not isinstance(backend, (str, os.PathLike)) and not callable(backend):
            raise TypeError(
                "the backend must be a directory, a gs:// prefix, or a function that opens a database connection: a "
                "lease is renewed by a thread of its own and must not share your connection's transaction"
            )
        self.name = name
        self.lost = threading.Event()
        """Set when the lease is known to be lost."""
        self._ttl_s = ttl_s
        self._backend: Backend = backend
        self._wait_s = wait_s
        self._renews = renew
        self._clock = clock
        self._monotonic = monotonic
        self._sleep = sleep
        self._owner: Owner | None = None
        self._token = 0
        self._version = 0
        self._valid_until = 0.0
        self._lock = threading.Lock()
        self._released = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def token(self) -> int:
        """The fencing token: higher than that of every earlier owner. Raises LeaseLost before `acquire`."""
        if self._owner is None:
            raise LeaseLost(f"the lease {self.name!r} is not held: acquire it first")
        return self._token

    def acquire(self, *, wait_s: float | None = None) -> Self:
        """Take the lease if it is free, has expired, or its owner is known to be dead.

        Waits up to `wait_s` seconds (given here or at the start). Raises LeaseHeld after that.
        """
        if self._owner is not None:
            raise RuntimeError(f"the lease {self.name!r} is held already by this object")
        owner = Owner.new()
        deadline = self._monotonic() + (self._wait_s if wait_s is None else wait_s)
        while True:
            try:
                self._take(owner)
            except LeaseHeld:
                rest_s = deadline - self._monotonic()
                if rest_s <= 0:
                    raise
                self._sleep(min(_POLL_S, rest_s))
            else:
                break
        self.lost.clear()
        self._released.clear()
        if self._renews:
            self._thread = threading.Thread(target=self._keep, name=f"lease {self.name}", daemon=True)
            self._thread.start()
        return self

    def renew(self) -> None:
        """Begin the time to live anew. Raises LeaseLost if the lease has expired or was taken over."""
        with self._lock:
            owner = self._held()
            started = self._monotonic()
            record = self._record(owner, self._token, self._clock() + self._ttl_s)
            with self._cell() as cell:
                version = cell.swap(self._version, record)
            if version is None:
                self.lost.set()
                raise LeaseLost(f"the lease {self.name!r} was taken over by another owner")
            self._version, self._valid_until = version, started + self._ttl_s

    def check(self) -> None:
        """Raise LeaseLost unless the lease is held now. Call it before each write that the lease protects."""
        with self._lock:
            self._held()

    def release(self) -> None:
        """Give the lease up; the next owner can take it at once. No error if it is lost already."""
        self._released.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        with self._lock:
            owner, self._owner = self._owner, None
            if owner is None or self.lost.is_set():
                return
            with self._cell() as cell:  # the record stays, so that tokens go on rising
                cell.swap(self._version, self._record(owner, self._token, _FREE))

    def __enter__(self) -> Self:
        return self.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def _take(self, owner: Owner) -> None:
        started = self._monotonic()
        with self._cell() as cell:
            found = cell.read()
            token, expires_at, holder = _parsed(found.record, self.name) if found else (0, _FREE, None)
            is_gone = holder is not None and holder.is_gone(owner, is_local=cell.is_local)
            if expires_at > self._clock() and not is_gone:
                raise LeaseHeld(self.name, str(holder), expires_at)
            record = self._record(owner, token + 1, self._clock() + self._ttl_s)
            version = cell.swap(None if found is None else found.version, record)
            if version is None:  # somebody was faster in this very moment
                raise LeaseHeld(self.name, "another owner", self._clock() + self._ttl_s)
        self._owner, self._token, self._version = owner, token + 1, version
        self._valid_until = started + self._ttl_s

    def _held(self) -> Owner:
        if self._owner is None:
            raise LeaseLost(f"the lease {self.name!r} is not held")
        if not self.lost.is_set() and self._monotonic() >= self._valid_until:
            self.lost.set()
        if self.lost.is_set():
            raise LeaseLost(f"the lease {self.name!r} is lost: it was not renewed in time, or was taken over")
        return self._owner

    def _keep(self) -> None:
        """Renew until released or lost. An unreachable backend is tried again for as long as the lease lasts."""
        while not self._released.wait(self._ttl_s / _RENEWALS_PER_TTL):
            try:
                self.renew()
            except LeaseLost:
                return
            except Exception as error:  # noqa: BLE001 - any failure of the backend means: try again, until it is lost
                from hakobune.sdk import log

                log.warning(f"the lease {self.name!r} could not be renewed", error=repr(error))

    def _record(self, owner: Owner, token: int, expires_at: float) -> Record:
        return {"lease": self.name, "token": token, "expires_at": expires_at, "owner": owner.to_record()}

    @contextmanager
    def _cell(self) -> Generator[Cell, None, None]:
        backend = self._backend
        if not callable(backend):
            address = os.fspath(backend)
            is_object = objects.is_object(address)
            yield object_cell(address, _SPACE, self.name) if is_object else file_cell(address, _SPACE, self.name)
            return
        with contextlib.closing(backend()) as connection:
            database = Database.of(connection)
            table = database.table(DEFAULT_TABLE)
            create_table(database, table)
            yield RowCell(database=database, table=table, space=_SPACE, name=self.name)
            connection.commit()


def lease(
    name: str,
    *,
    ttl_s: float,
    backend: Backend,
    wait_s: float = 0.0,
    renew: bool = True,
    clock: Callable[[], float] = time.time,
    monotonic: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Lease:
    """The lease `name`, to be used in a `with` block: `with lease("nightly", ttl_s=30, backend=directory) as held:`.

    ttl_s: seconds until it expires unless renewed; a thread renews it three times as often, unless `renew=False`.
    backend: a directory of this machine, a gs:// prefix, or a function that opens a sqlite3 or psycopg connection.
    wait_s: how long to wait for it. `clock`, `monotonic` and `sleep` are for tests.
    Raises LeaseHeld from `acquire` (or the `with` line), LeaseLost from `check` and `renew`.
    """
    return Lease(
        name,
        ttl_s=ttl_s,
        backend=backend,
        wait_s=wait_s,
        renew=renew,
        clock=clock,
        monotonic=monotonic,
        sleep=sleep,
    )


def _parsed(record: Mapping[str, object], name: str) -> tuple[int, float, Owner | None]:
    token, expires_at = record.get("token"), record.get("expires_at")
    if record.get("lease") != name or not isinstance(token, int) or not isinstance(expires_at, (int, float)):
        raise CorruptRecord(f"the record of the lease {name!r} is no lease of ours")
    return token, float(expires_at), Owner.from_record(record.get("owner"))
