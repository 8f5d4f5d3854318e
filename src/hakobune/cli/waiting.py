"""Waiting for what the runtime does: quick at first, patient later, and not put off by a restart of the runtime."""

from __future__ import annotations

import time

from hakobune.cli.document import Document
from hakobune.cli.errors import AnswerLostError, ApiError, CommandError, UnreachableError
from hakobune.cli.jobs import view

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from hakobune.cli.run_api import RunApi

FIRST_PAUSE_S = 0.005  # most local jobs are short: look again at once
LAST_PAUSE_S = 1.0
GROWTH = 1.3  # so an end is seen late by a third of the wait until then; 16 looks in the first second
PATIENCE_S = 60.0  # a runtime that was killed and started again is back within 30 s (CONTRACT section 6)


class Pauses:
    """Pauses that grow from 5 ms to 1 s."""

    __slots__ = ("_next_s",)

    def __init__(self) -> None:
        self._next_s = FIRST_PAUSE_S

    def next_s(self) -> float:
        """The length of the next pause."""
        found = self._next_s
        self._next_s = min(LAST_PAUSE_S, found * GROWTH)
        return found


def patiently(
    read: Callable[[], Document], since: list[float], *, look: str = "hakobune run jobs executions list"
) -> Document | None:
    """What `read` answers, or None while the runtime is away; a minute without an answer raises.

    `since` holds the instant of the first failure in a row; `look` is the command that shows what became of it.
    """
    try:
        document = read()
    except (UnreachableError, AnswerLostError):
        problem: CommandError | None = None
    except ApiError as error:
        if error.code not in (429, 503):
            raise
        problem = error
    else:
        since.clear()
        return document
    now = time.monotonic()
    if not since:
        since.append(now)
    if now - since[0] > PATIENCE_S:
        raise problem or UnreachableError(
            f"The runtime has not answered for {PATIENCE_S:.0f} s. What it accepted is not lost: start it again with"
            f" `hakobune up`, and look with `{look}`"
        )
    return None


def until_completed(api: RunApi, execution: str) -> Document:
    """The execution once it has ended."""
    pauses = Pauses()
    since: list[float] = []
    while True:
        found = patiently(lambda: api.get("executions", execution), since)
        if found is not None and view.outcome(found, "Completed") is not None:
            return found
        time.sleep(pauses.next_s())


def until_gone(api: RunApi, kind: str, name: str) -> None:
    """Return when there is no resource of that name any more."""
    pauses = Pauses()
    since: list[float] = []
    while patiently(lambda: api.find(kind, name) or {}, since) != {}:
        time.sleep(pauses.next_s())
