"""Whose turn it is: lanes that have attempts, in a round.

An attempt may start if its lane's width allows it; when the supervisor's capacity is short, lanes take turns.
"""

from __future__ import annotations

from collections import deque

from hakobune.engines.process.attempt import ENDED, WAITING, Attempt, Lane


class Lanes:
    """All lanes that have attempts, and a round in which they take turns."""

    def __init__(self) -> None:
        self._by_uid: dict[str, Lane] = {}
        self._round: deque[Lane] = deque()
        self._resident_round: deque[Lane] = deque()

    def get(self, uid: str) -> Lane | None:
        """The lane, or None if it is not known (any more)."""
        return self._by_uid.get(uid)

    def add(self, lane: Lane) -> None:
        """Know a lane from now on."""
        self._by_uid[lane.uid] = lane

    def all(self) -> list[Lane]:
        """Every known lane."""
        return list(self._by_uid.values())

    def enqueue(self, attempt: Attempt, *, is_first: bool = False) -> None:
        """Let an attempt wait for its turn, behind (or before) all others of its lane."""
        lane = attempt.lane
        attempt.state = WAITING
        if is_first:
            lane.waiting.appendleft(attempt)
        else:
            lane.waiting.append(attempt)
        lane.waiting_count += 1
        self._queue(lane)

    def next(self, *, residents_only: bool) -> Attempt | None:
        """Whose turn it is; its lane's `running` counts it from now on. Residents go first."""
        while self._resident_round or (self._round and not residents_only):
            lane = (self._resident_round or self._round).popleft()
            lane.is_queued = False
            if not lane.can_start:
                continue
            attempt = lane.waiting.popleft()
            while attempt.state != WAITING:
                attempt = lane.waiting.popleft()
            lane.waiting_count -= 1
            lane.running += 1
            self._queue(lane)
            return attempt
        return None

    def drop_waiting(self, attempt: Attempt) -> None:
        """A waiting attempt will never start."""
        attempt.state = ENDED
        lane = attempt.lane
        lane.waiting_count -= 1
        if not lane.waiting_count:
            lane.waiting.clear()

    def free(self, attempt: Attempt) -> None:
        """An attempt that had its turn does not run any more."""
        attempt.lane.running -= 1
        self._queue(attempt.lane)

    def forget(self, lane: Lane) -> None:
        """The lane has no attempts any more."""
        del self._by_uid[lane.uid]

    def _queue(self, lane: Lane) -> None:
        if not lane.is_queued and lane.can_start:
            lane.is_queued = True
            (self._resident_round if lane.is_resident else self._round).append(lane)
