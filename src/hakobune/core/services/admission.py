"""Who of the requests of one revision is let in, and where: the least busy ready instance below its concurrency, else
a place in a line that is bounded and first come, first served. Pure: whoever waits is a number, an instance is its uid.

Source: Cloud Run, "About instance autoscaling" and "Maximum concurrent requests"
(https://cloud.google.com/run/docs/about-instance-autoscaling, …/docs/about-concurrency).
"""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from hakobune.core.services import limits

_NONE: frozenset[str] = frozenset()


def waiting_max(concurrency: int, max_instances: int) -> int:
    """How many requests of a revision may wait. Ours: as many as all its instances may have at once, and never few."""
    return max(limits.QUEUE_MIN_REQUESTS, concurrency * max_instances)


def wait_s(start_s: float) -> float:
    """How long a request may wait for an instance, if those take `start_s` to start, on average."""
    return max(limits.QUEUE_MIN_S, limits.QUEUE_STARTS * start_s)


def trial_s(start_s: float) -> float:
    """How long a request waits at least, though the last instance has ended by itself: for one more start. Ours."""
    return limits.RESTART_FIRST_S + limits.QUEUE_STARTS * start_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a request asks for: an instance that it would rather have (its session's), those that have just failed
    it."""

    preferred: str = ""
    avoided: AbstractSet[str] = _NONE


NO_WISH = Wish()


class LineFull(Exception):
    """No more requests may wait."""


class Line:
    """The requests of one revision: those in work, counted by instance, and those that wait, in the order of their
    coming."""

    __slots__ = ("_in_flight", "_waiting")

    def __init__(self) -> None:
        self._in_flight: dict[str, int] = {}  # only those that have some
        self._waiting: dict[int, Wish] = {}  # in the order of coming

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._waiting)

    @property
    def demand(self) -> int:
        """How many are in work or wait."""
        return sum(self._in_flight.values()) + len(self._waiting)

    @property
    def is_empty(self) -> bool:
        """Nobody is here."""
        return not self._in_flight and not self._waiting

    def in_flight(self, instance: str) -> int:
        """How many an instance works on."""
        return self._in_flight.get(instance, 0)

    def enter(
        self, number: int, wish: Wish, instances: Sequence[str], concurrency: int, most_waiting: int
    ) -> str | None:
        """Let a request in: the instance that takes it, or None: it waits, one of `most_waiting`. Nobody overtakes
        those who wait. Raises LineFull."""
        if not self._waiting:
            chosen = self._choice(wish, instances, concurrency)
            if chosen is not None:
                self._in_flight[chosen] = self._in_flight.get(chosen, 0) + 1
                return chosen
        if len(self._waiting) >= most_waiting:
            raise LineFull
        self._waiting[number] = wish
        return None

    def admit(self, instances: Sequence[str], concurrency: int) -> list[tuple[int, str]]:
        """Those who wait and may go now, each with its instance. The first who finds no place keeps the others waiting,
        unless it only avoids what is free."""
        admitted: list[tuple[int, str]] = []
        free = sum(max(0, concurrency - self._in_flight.get(instance, 0)) for instance in instances)
        for number, wish in self._waiting.items():
            if not free:
                break
            chosen = self._choice(wish, instances, concurrency)
            if chosen is None:
                continue
            self._in_flight[chosen] = self._in_flight.get(chosen, 0) + 1
            admitted.append((number, chosen))
            free -= 1
        for number, _ in admitted:
            del self._waiting[number]
        return admitted

    def withdraw(self, number: int) -> None:
        """A request waits no longer. Nothing happens if it does not wait."""
        self._waiting.pop(number, None)

    def leave(self, instance: str) -> int:
        """A request is over; how many the instance still works on."""
        left = self._in_flight[instance] - 1
        if left:
            self._in_flight[instance] = left
        else:
            del self._in_flight[instance]
        return left

    def _choice(self, wish: Wish, instances: Sequence[str], concurrency: int) -> str | None:
        """The preferred instance if it has room, else the least busy one; the first of equals."""
        best, least = None, concurrency
        for instance in instances:
            if instance in wish.avoided:
                continue
            count = self._in_flight.get(instance, 0)
            if instance == wish.preferred and count < concurrency:
                return instance
            if count < least:
                best, least = instance, count
        return best
