"""Seats: the places that executions take in memory while somebody drives them or writes to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import anyio

from hakobune.core.errors import FailedPrecondition, HakobuneError, Unavailable
from hakobune.core.workflows.events import Event
from hakobune.core.workflows.machine import Machine
from hakobune.core.workflows.model import WorkflowExecution
from hakobune.runtime.wheel import Wheel
from hakobune.runtime.workflow_driver import DRIVE, RESTED, ROOM, Driver
from hakobune.runtime.workflow_mailbox import Letter, Mailbox

_LOOK_S = 5.0  # how often a caller who waits looks whether anybody will answer


@dataclass(slots=True)
class Seat:
    """The place of an execution in memory."""

    mailbox: Mailbox = field(default_factory=Mailbox)
    driver: Driver | None = None
    is_called: bool = False  # a command is on its way that will have it attended
    is_attended: bool = False  # its command is being performed: letters will be looked at, and answered
    is_gone: bool = False  # deleted


class Seats(Mapping[str, Seat]):
    """Seats by the execution's uid. A letter makes one, and has the execution driven; so does the drive itself."""

    def __init__(self, wheel: Wheel) -> None:
        self._wheel = wheel
        self._taken: dict[str, Seat] = {}

    def __getitem__(self, uid: str) -> Seat:
        return self._taken[uid]

    def __iter__(self) -> Iterator[str]:
        return iter(self._taken)

    def __len__(self) -> int:
        return len(self._taken)

    def attend(self, uid: str) -> Seat:
        """The seat of an execution that is driven from now on."""
        seat = self._taken.setdefault(uid, Seat())
        seat.is_attended, seat.is_called = True, False
        return seat

    def leave(self, uid: str, refusal: HakobuneError) -> None:
        """Nobody drives the execution any more, and nobody takes what is in its mailbox."""
        seat = self._taken.pop(uid, None)
        if seat is not None:
            seat.mailbox.refuse(refusal)

    async def post(self, execution: WorkflowExecution, event: Event, check: Callable[[Machine], None] | None) -> None:
        """Let an event happen to an active execution; returns when it is durable. Raises what `check` raises,
        FailedPrecondition when the execution ends first, and Unavailable: it may be tried again."""
        uid = execution.uid
        letter = Letter(event, check)
        seat = self._taken.setdefault(uid, Seat())
        seat.mailbox.put(letter)
        while not letter.is_settled:
            if ROOM in self._wheel.rooms.stopped:
                self._withdraw(uid, seat, letter)
                raise Unavailable(f"The room '{ROOM}' has stopped. Restart the runtime.")
            if not (seat.is_attended or seat.is_called):
                await self._call(execution, seat, letter)
            with anyio.move_on_after(_LOOK_S):
                await letter.settled()
        if letter.refusal is not None:
            raise letter.refusal

    async def _call(self, execution: WorkflowExecution, seat: Seat, letter: Letter) -> None:
        """Have the execution driven: by one command, however many letters come until that is performed."""
        uid = execution.uid
        payload = RESTED if execution.current_steps else ""
        seat.is_called = True
        try:
            await self._wheel.turn(lambda turn: turn.emit(ROOM, uid, DRIVE, payload))
        except BaseException:
            seat.is_called = False
            self._withdraw(uid, seat, letter)
            raise

    def _withdraw(self, uid: str, seat: Seat, letter: Letter) -> None:
        """Nobody was called to take this letter."""
        if letter in seat.mailbox.letters:
            seat.mailbox.letters.remove(letter)
        if not seat.is_attended and not seat.mailbox.letters and self._taken.get(uid) is seat:
            del self._taken[uid]

    def abandon(self, uid: str) -> None:
        """The execution is gone: stop what is in memory."""
        seat = self._taken.get(uid)
        if seat is None:
            return
        seat.is_gone = True
        if seat.driver is not None:
            seat.driver.is_abandoned = True
        seat.mailbox.arrived.set()


def inactive(uid: str) -> FailedPrecondition:
    """What a letter to an execution is told that has ended, or cannot go on."""
    return FailedPrecondition(f"The execution '{uid}' is not active any more.")
