"""Who is here: the attempts of this supervisor that have not ended, and the processes that run them."""

from __future__ import annotations

from hakobune.engines.process.attempt import FOREVER_S, Attempt


class Roster:
    """What starts and ends of attempts have in common."""

    __slots__ = ("attempts", "children", "next_deadline_s", "residents", "running")

    def __init__(self) -> None:
        self.attempts: dict[str, Attempt] = {}  # all that are not ended, by uid
        self.running: dict[str, Attempt] = {}  # started (or being started), not ended
        self.residents = 0  # of the running ones: they count against no capacity
        self.children: dict[int, Attempt | None] = {}  # our own children by pid; None: a zygote
        self.next_deadline_s = FOREVER_S  # monotonic; no attempt is to be ended or killed before

    def enter(self, attempt: Attempt) -> None:
        """It runs, or is about to."""
        self.running[attempt.uid] = attempt
        self.residents += attempt.lane.is_resident

    def leave(self, attempt: Attempt) -> None:
        """It does not run any more."""
        if self.running.pop(attempt.uid, None) is not None:
            self.residents -= attempt.lane.is_resident

    def expect(self, at_s: float) -> None:
        """Something is due for an attempt at `at_s` (monotonic)."""
        self.next_deadline_s = min(self.next_deadline_s, at_s)
