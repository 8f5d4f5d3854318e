"""Virtual time: an event loop whose sleeps cost nothing, a wall clock that may jump, identifiers from a seed."""

from __future__ import annotations

import asyncio
import bisect
import random
import selectors
from collections.abc import Mapping
from typing import Any

_POLLS_MAX = 1_000  # turns of the loop in a row in which somebody had something to do at once
_POLL_S = 0.001
EPOCH_S = 1_800_000_000.0  # where the virtual wall clock begins; any instant would do


class Stuck(Exception):
    """Nothing can happen any more, and nobody is waiting for an instant: a deadlock."""


class _Selector(selectors.BaseSelector):
    """Never waits: it moves the loop's clock to the next timer instead."""

    def __init__(self) -> None:
        self._real = selectors.DefaultSelector()
        self._polls = 0
        self.loop: VirtualLoop | None = None

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._real.unregister(fileobj)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            found = self._real.select(0)
            if not found:
                raise Stuck("every task waits for another one")
            return found
        self._polls = self._polls + 1 if timeout <= 0 else 0
        if self._polls > _POLLS_MAX:
            timeout = _POLL_S  # somebody polls for what only time can bring: cancelling a task that is shielded, say
        if timeout > 0 and self.loop is not None:
            self.loop.advance(timeout)
        return []

    def close(self) -> None:
        self._real.close()

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._real.get_map()


class VirtualLoop(asyncio.SelectorEventLoop):
    """An asyncio loop in which time passes only when everybody waits."""

    def __init__(self) -> None:
        self._virtual_s = 0.0
        selector = _Selector()
        super().__init__(selector)
        selector.loop = self

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._virtual_s

    def advance(self, duration_s: float) -> None:
        """Let time pass."""
        self._virtual_s += duration_s


class VirtualClock:
    """The wall clock of a simulation: the loop's time, plus jumps. It remembers them: what somebody else read off it
    within a stretch of the loop's time has bounds."""

    def __init__(self) -> None:
        self._jumps: list[tuple[float, float]] = [(0.0, EPOCH_S)]  # the loop's instant, the offset from then on

    def now_s(self) -> float:
        """Seconds since the epoch."""
        return self._jumps[-1][1] + asyncio.get_running_loop().time()

    def jump(self, duration_s: float) -> None:
        """Somebody sets the clock forward, or back."""
        self._jumps.append((asyncio.get_running_loop().time(), self._jumps[-1][1] + duration_s))

    def least_s(self, since: float) -> float:
        """The lowest that it may have shown since an instant of the loop."""
        return since + min(self._offsets(since))

    def most_s(self, since: float) -> float:
        """The highest that it may have shown since an instant of the loop."""
        return asyncio.get_running_loop().time() + max(self._offsets(since))

    def _offsets(self, since: float) -> list[float]:
        """Those that were in force since then."""
        place = bisect.bisect_right(self._jumps, since, key=lambda jump: jump[0])
        return [offset for _, offset in self._jumps[max(0, place - 1) :]]


class SeededIdentifiers:
    """Identifiers that a seed repeats."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng

    def uid(self) -> str:
        """Looks like a UUID."""
        text = f"{self._rng.getrandbits(128):032x}"
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"

    def suffix(self) -> str:
        """Five characters of few letters, so that collisions happen, too."""
        return "".join(self._rng.choice("abc") for _ in range(5))
