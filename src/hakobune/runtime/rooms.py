"""The rooms of one wheel, and what becomes of a command that cannot be carried out.

Whatever a performer raises, one command never ends the others, and never comes back at the next start to end that,
too. Its error is logged with the name of the command, and it is tried again a few times, since the machine may have
been short of something. Then its room is asked to *give it up*: to settle what waits for it as failed. What cannot be
settled (a stop, a removal of files) stays in the outbox and is tried again with a long pause, for ever: nothing that
was accepted is dropped.

IllegalTransition and CorruptStore are bugs of ours or a broken disk: going on could do harm, so the room stops. Its
commands and timers stay where they are, whoever asks for new work is told so (503), and the log says at once which
command is to blame. The other rooms go on. A store that is damaged as a whole refuses the wheel's own turns, too, and
that ends the runtime. (docs/decisions/0018)
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from enum import Enum
from typing import Protocol

from hakobune.core.errors import CorruptStore, IllegalTransition, Unavailable
from hakobune.store.api import OutboxCommand

TRIES = 5  # before a command is given up: 0.75 s, in which a machine may find threads or files again
_FIRST_S = 0.05
_PAUSE_FIRST_S = 1.0
PAUSE_MAX_S = 60.0  # between tries of what cannot be given up

_log = logging.getLogger("hakobune.wheel")


class Room(Protocol):
    """What a room gives the wheel."""

    async def perform(self, command: OutboxCommand) -> None:
        """Carry a command out. May be called again for the same command. Raises Unavailable to be asked again."""
        ...

    async def wake(self, subject: str) -> None:
        """A timer of this subject is due. Takes a turn that clears or moves the timer."""
        ...


# Settles what waits for a command that cannot be carried out; the text says why. False: it must be tried again.
GiveUp = Callable[[OutboxCommand, str], Awaitable[bool]]


class Verdict(Enum):
    """What becomes of a command whose performer failed."""

    AGAIN = "again"
    SETTLED = "settled"
    ROOM_STOPPED = "room stopped"


class Rooms:
    """Who performs the commands of which room, and which rooms have stopped."""

    def __init__(self) -> None:
        self._rooms: dict[str, Room] = {}
        self._give_ups: dict[str, GiveUp] = {}
        self.stopped: dict[str, str] = {}  # room -> why

    def add(self, name: str, room: Room, give_up: GiveUp | None) -> None:
        """Know a room from now on."""
        self._rooms[name] = room
        if give_up is not None:
            self._give_ups[name] = give_up

    def stop(self, name: str, error: BaseException, doing: str) -> None:
        """Nothing of this room is done any more in this life."""
        if name not in self.stopped:
            self.stopped[name] = f"{doing}: {_text(error)}"
            _log.critical("the room '%s' has stopped, %s", name, self.stopped[name], exc_info=error)

    async def perform(self, command: OutboxCommand) -> None:
        """Carry a command out. Raises whatever its performer raises."""
        await self._rooms[command.room].perform(command)

    async def judge(self, command: OutboxCommand, error: Exception, failures: int) -> Verdict:
        """What becomes of a command whose performer raised `error`, for the `failures`th time."""
        doing = f"while performing {described(command)}"
        if isinstance(error, (IllegalTransition, CorruptStore)):
            self.stop(command.room, error, doing)
            return Verdict.ROOM_STOPPED
        _log.error("%s (try %d): %s", doing, failures, _text(error), exc_info=error if failures == 1 else None)
        if failures >= TRIES and await self._is_given_up(command, f"Internal error {doing}: {_text(error)}"):
            _log.error("given up: %s", described(command))
            return Verdict.SETTLED
        return Verdict.ROOM_STOPPED if command.room in self.stopped else Verdict.AGAIN

    async def _is_given_up(self, command: OutboxCommand, problem: str) -> bool:
        give_up = self._give_ups.get(command.room)
        if give_up is None:
            return False
        try:
            return await give_up(command, problem)
        except Unavailable:
            return False
        except (IllegalTransition, CorruptStore) as error:
            self.stop(command.room, error, f"while giving up {described(command)}")
        except Exception as error:  # noqa: BLE001 - as for the command itself
            _log.error("while giving up %s: %s", described(command), _text(error), exc_info=error)
        return False

    async def wake(self, room: str, subject: str) -> bool:
        """Fire a timer. False: its room could not take it now. Raises Unavailable."""
        if room in self.stopped:
            return False
        doing = f"while waking '{room}' for {subject[:200]}"
        try:
            await self._rooms[room].wake(subject)
        except Unavailable:
            raise
        except (IllegalTransition, CorruptStore) as error:
            self.stop(room, error, doing)
            return False
        except Exception as error:  # noqa: BLE001 - one timer must not end the others
            _log.error("%s: %s", doing, _text(error), exc_info=error)
            return False
        return True


def described(command: OutboxCommand) -> str:
    """A command as the log names it."""
    return f"{command.kind} of {command.room} {command.subject[:200]} (command {command.id})"


def pause_s(failures: int) -> float:
    """Seconds before the next try of a command that has failed so often."""
    if failures < TRIES:
        return float(_FIRST_S * 2 ** (failures - 1))
    return float(min(PAUSE_MAX_S, _PAUSE_FIRST_S * 2 ** min(failures - TRIES, 20)))


def _text(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:1000]
