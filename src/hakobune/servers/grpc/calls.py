"""Work of gRPC calls, in tasks of our own.

gRPC cancels the coroutine of a call whose client has left, and no shield of ours holds against that: a commit would be
cut off from what must follow it. So a call is performed by a task of our own, and its coroutine only waits for it.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import anyio
import grpc
import grpc.aio
from anyio.abc import TaskGroup

from hakobune.core.errors import HakobuneError, Unavailable
from hakobune.servers.grpc.transcoding import status_of
from hakobune.servers.http.messages import Response

T = TypeVar("T")
Context = grpc.aio.ServicerContext[bytes, bytes]

_DETAILS_KEY = "grpc-status-details-bin"
_log = logging.getLogger("hakobune.grpc")


@dataclass(slots=True)
class _Call(Generic[T]):
    """One call on its way. Without an answer or an error, when it is over, the runtime is stopping."""

    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    is_over: anyio.Event = field(default_factory=anyio.Event)
    answers: list[T] = field(default_factory=list[T])
    error: HakobuneError | OSError | None = None


class Calls:
    """Performs the work of calls in `group`."""

    def __init__(self, group: TaskGroup) -> None:
        self._group = group

    async def performed(self, work: Callable[[], Awaitable[T]]) -> T:
        """What the work answers. When the client leaves, the work is cancelled where it may be.
        Raises Unavailable, and HakobuneError and OSError of the work; any other error of it is a bug, and logged."""
        call = _Call[T]()
        self._group.start_soon(self._perform, work, call)
        try:
            await call.is_over.wait()
        finally:
            if not call.is_over.is_set():
                call.scope.cancel()
        if call.error is not None:
            raise call.error
        if not call.answers:
            raise Unavailable("The runtime is stopping: try again when it has started.")
        return call.answers[0]

    async def _perform(self, work: Callable[[], Awaitable[T]], call: _Call[T]) -> None:
        try:
            with call.scope:
                call.answers.append(await work())
        except (HakobuneError, OSError) as error:
            call.error = error
        except Exception:  # noqa: BLE001 - a bug in one call must not take the server with it
            _log.exception("a gRPC call failed")
            call.error = HakobuneError("Internal error: this is a bug of hakobune; its log has the details.")
        finally:
            call.is_over.set()


async def refuse(response: Response, context: Context) -> bytes:
    """End a call as a bad answer of REST would."""
    code, text, details = status_of(response)
    await context.abort(grpc.StatusCode[code.name], text, trailing_metadata=((_DETAILS_KEY, details),))


def texts_of(metadata: Iterable[tuple[str, str | bytes]] | None) -> dict[str, str]:
    """The metadata that are texts."""
    return {name: value for name, value in metadata or () if isinstance(value, str)}
