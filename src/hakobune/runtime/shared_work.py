"""Work that several ask for at once, and that is done once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import anyio

T = TypeVar("T")


@dataclass(slots=True, eq=False)
class _UnderWay(Generic[T]):
    """Work that somebody does. Neither found nor refused when it is over: whoever did it was cancelled."""

    is_over: anyio.Event = field(default_factory=anyio.Event)
    found: list[T] = field(default_factory=list[T])
    refusal: Exception | None = None


class SharedWork(Generic[T]):
    """Work by key. What it gives is shared by all who asked meanwhile, and forgotten then."""

    def __init__(self) -> None:
        self._under_way: dict[str, _UnderWay[T]] = {}

    async def get(self, key: str, work: Callable[[], Awaitable[T]]) -> T:
        """What `work` gives, or what it gives to somebody who asked before. Raises what it raises."""
        while (other := self._under_way.get(key)) is not None:
            await other.is_over.wait()
            if other.refusal is not None:
                raise other.refusal
            if other.found:
                return other.found[0]
        own = self._under_way[key] = _UnderWay[T]()
        try:
            value = await work()
            own.found.append(value)
        except Exception as error:
            own.refusal = error
            raise
        finally:
            del self._under_way[key]
            own.is_over.set()
        return value
