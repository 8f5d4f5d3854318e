"""What lies between a commit and what is done about it: commands, timers, and the record of what attempts did."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from hakobune.store.records import Effect, OutboxCommand, Timer


class OutboxWrite(Protocol):
    """Commands between commit and perform."""

    def add(self, room: str, subject: str, kind: str, payload: str, *, owner: str, expires_s: float) -> OutboxCommand:
        """Store a command, already claimed by `owner`."""
        ...

    def claim(self, owner: str, *, now_s: float, expires_s: float, limit: int) -> list[OutboxCommand]:
        """Claim commands whose lease has run out, oldest first; the epoch rises."""
        ...

    def complete(self, commands: Sequence[OutboxCommand]) -> int:
        """Remove performed commands; returns how many still had this epoch."""
        ...

    def release(self, owner: str) -> int:
        """Give all leases of `owner` back at an orderly stop: what was begun ends in order."""
        ...

    def take_over(self) -> None:
        """At a start, when nobody else can hold a lease: expire all of them. Of each command, one more start is
        counted."""
        ...

    def begin_alone(self, command: OutboxCommand) -> None:
        """The command is about to be begun, or to go on, and no other of its kind: if the runtime ends now, that counts
        as a death, until `begun`, or `outlived`."""
        ...

    def begun(self, commands: Sequence[OutboxCommand]) -> None:
        """These are under way: neither the starts nor the deaths before that tell anything of them any more."""
        ...

    def outlived(self, command: OutboxCommand) -> None:
        """The runtime has outlived what the last `begin_alone` of the command spoke of."""
        ...

    def unsuspected(self, command: OutboxCommand) -> None:
        """All that was open when the command was begun is handled: no start and no death before tells anything."""
        ...

    def depth(self) -> int:
        """Commands that are not answered."""
        ...


class TimersWrite(Protocol):
    """Instants at which rooms want to be woken."""

    def set(self, timer: Timer) -> None:
        """Set or move the one timer of a subject."""
        ...

    def clear(self, room: str, subject: str) -> None:
        """Drop the timer of a subject, if there is one."""
        ...

    def due(self, now_s: float, limit: int) -> list[Timer]:
        """Timers whose instant has come, earliest first. They stay until they are moved or cleared."""
        ...

    def next_due_s(self) -> float | None:
        """The earliest instant, or None if no timer is set."""
        ...


class EffectsWrite(Protocol):
    """The record of what attempts did."""

    def record(self, effect: Effect, keep: int) -> None:
        """Keep at most the `keep` newest of each attempt."""
        ...

    def of_attempt(self, attempt_uid: str) -> list[Effect]:
        """Oldest first."""
        ...
