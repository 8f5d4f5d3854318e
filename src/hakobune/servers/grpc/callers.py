"""Who makes a gRPC call: an account, and perhaps an attempt, whose changes go on record as those over HTTP do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from hakobune.runtime.effects import Effects
from hakobune.servers.front import FrontDoor
from hakobune.servers.grpc.calls import Context, texts_of
from hakobune.servers.http.relays import Relays

T = TypeVar("T")


class Caller:
    """One caller. `attempt_uid` is None if it is no attempt, or not known as one."""

    __slots__ = ("_effects", "_key", "account", "attempt_uid")

    def __init__(self, account: str, attempt_uid: str | None, key: str, effects: Effects) -> None:
        self.account = account
        self.attempt_uid = attempt_uid
        self._key = key
        self._effects = effects

    async def does(self, name: object, verb: str, work: Callable[[], Awaitable[T]]) -> T:
        """What `work` answers; `name` and `verb` are those of its REST call. Raises what the work raises, and of an
        attempt Unavailable and ResourceExhausted: it is not begun unless that is on record."""
        if self.attempt_uid is None:
            return await work()
        return await self._effects.noted(self.attempt_uid, f"POST /v1/{name}:{verb}", self._key, work)


class Callers:
    """Knows who calls: by the token, and by the way that a call came."""

    def __init__(self, front: FrontDoor, relays: Relays) -> None:
        self._front = front
        self._relays = relays

    async def attempt_uid(self, context: Context) -> str | None:
        """The attempt that calls. Costs nothing while no attempt speaks gRPC."""
        return await self._relays.attempt_of(context.peer()) if self._relays.are_attributed else None

    async def caller(self, context: Context) -> Caller:
        """Who calls. Raises Unauthenticated, PermissionDenied."""
        attempt_uid = await self.attempt_uid(context)
        metadata = texts_of(context.invocation_metadata())
        account = await self._front.account(metadata.get("authorization", ""))
        return Caller(account, attempt_uid, metadata.get("idempotency-key", ""), self._front.runtime.effects)
