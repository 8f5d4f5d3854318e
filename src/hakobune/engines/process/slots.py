"""Numbered places with listeners of their own; a running attempt has at most one."""

from __future__ import annotations

from collections.abc import Mapping
from heapq import heappop, heappush

from hakobune.engines.process.attempt import Attempt, encode_env


class Slots:
    """The slots that were offered, and who has them."""

    def __init__(self) -> None:
        self._env: dict[int, dict[bytes, bytes]] = {}
        self._holder: dict[int, Attempt] = {}
        self._free: list[int] = []  # a heap

    def offer(self, number: int, env: Mapping[str, str]) -> None:
        """A new slot, or new variables for one that is known: they hold from its next attempt on."""
        if number not in self._env:
            heappush(self._free, number)
        self._env[number] = encode_env(env)

    def take(self, attempt: Attempt) -> Mapping[bytes, bytes] | None:
        """Give the attempt the lowest free slot; the slot's variables, or None if none is free."""
        if not self._free:
            return None
        number = heappop(self._free)
        self._holder[number] = attempt
        attempt.slot = number
        return self._env[number]

    def release(self, attempt: Attempt) -> None:
        """The attempt needs its slot no more. It goes on telling which it was."""
        if attempt.slot is not None and self._holder.get(attempt.slot) is attempt:
            del self._holder[attempt.slot]
            heappush(self._free, attempt.slot)

    def holder(self, number: int) -> str | None:
        """Uid of the attempt on a slot."""
        attempt = self._holder.get(number)
        return None if attempt is None else attempt.uid
