"""Waiting for operations and executions of workflows, not put off by a restart of the runtime; Ctrl-C ends only the
wait."""

from __future__ import annotations

import time

from hakobune.cli.document import Document, as_dict, list_at, text_at
from hakobune.cli.errors import CommandError, LeftRunningError
from hakobune.cli.waiting import Pauses, patiently
from hakobune.cli.workflows.api import WorkflowsApi
from hakobune.cli.workflows.names import Name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hakobune.cli.session import Session

# The bound and its text are gcloud's. The pauses are not: a server on this machine may be asked more often.
_LONGEST_WAIT_S = 86_400.0
_UNFINISHED = frozenset({"ACTIVE", "QUEUED"})
_TICK_S = 0.1
_SPINNER = "⠏⠛⠹⠼⠶⠧"
# The names of google.rpc.Code, by number. Source: google/rpc/code.proto.
_CODES = (
    "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
    "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED",
    "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
)  # fmt: skip


class _Line:
    """`Waiting for … to complete...`, then `done.` on stderr; a terminal shows what is known meanwhile beside it."""

    def __init__(self, session: Session, text: str, brief: str = "") -> None:
        """`brief` is what stands before the news on a terminal: they need room."""
        self._console = session.console
        self._text = text
        self._brief = brief
        self._tick = 0

    def begin(self) -> None:
        """Say what is waited for."""
        self._console.mutter(self._text if self._console.is_live else f"{self._text}\n")

    def pause(self, seconds: float, news: str) -> None:
        """Wait; on a terminal the spinner turns and `news` stands beside it."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            if self._console.is_live and news:
                self._tick += 1
                self._redraw(f"{self._brief} {_SPINNER[self._tick % len(_SPINNER)]} {news}")
            time.sleep(min(left, _TICK_S))

    def end(self, text: str) -> None:
        """Say how it ended."""
        if self._console.is_live and self._tick:
            self._redraw(self._text)
        self._console.say(text)

    def _redraw(self, text: str) -> None:
        """Write over the line, cut to the width of the terminal so that it stays one."""
        import shutil

        width = max(20, shutil.get_terminal_size().columns - 1)
        self._console.mutter(f"\r\x1b[K{text[:width]}")


def finished(session: Session, operation: Document) -> Document:
    """The response of an operation, once it is done. Raises CommandError with the operation's error."""
    api = WorkflowsApi(session)
    name = text_at(operation, "name")
    line = _Line(session, f"Waiting for operation [{name.rpartition('/')[2]}] to complete...")
    pauses, since = Pauses(), list[float]()
    try:
        line.begin()
        while operation.get("done") is not True:
            line.pause(pauses.next_s(), "")
            operation = patiently(lambda: api.read(name), since, look="hakobune workflows list") or operation
    except KeyboardInterrupt:
        line.end("interrupted.")
        raise
    error = as_dict(operation.get("error"))
    if error:
        line.end("failed.")
        raise CommandError(f"[{_code(error)}] {text_at(error, 'message')}")
    line.end("done.")
    return as_dict(operation.get("response"))


def ended(session: Session, name: Name) -> Document:
    """The execution, once it has ended. Raises CommandError after a day, LeftRunningError on Ctrl-C."""
    api = WorkflowsApi(session)
    line = _Line(
        session, f"Waiting for execution [{name.execution}] to complete...", f"Waiting for [{name.execution[:8]}…]"
    )
    pauses, since = Pauses(), list[float]()
    begun = time.monotonic()
    look = f"{words(session)} executions describe {flags_of(name)}"
    try:
        line.begin()
        while True:
            found = patiently(lambda: api.get(name), since, look=look)
            if found is not None and text_at(found, "state") not in _UNFINISHED:
                line.end("done.")
                return found
            news = "waiting for the runtime to come back" if found is None else _standing(found)
            line.pause(pauses.next_s(), news)
            if time.monotonic() - begun > _LONGEST_WAIT_S:
                line.end("failed.")
                raise CommandError(
                    f"Execution {name.execution} has not finished in 24 hours. It goes on; look at it with: {look}"
                )
    except KeyboardInterrupt:
        line.end("interrupted.")
        raise LeftRunningError(
            f"The wait was interrupted; execution [{name.execution}] goes on. Look at it with:\n  {look}\n"
            f"Stop it with:\n  {words(session)} executions cancel {flags_of(name)}"
        ) from None


def words(session: Session) -> str:
    """`hakobune workflows` or, when so typed, `hakobune beta workflows`: for hints that name a next command."""
    track = session.words[:1] if session.words[:1] in (["alpha"], ["beta"]) else []
    return " ".join(["hakobune", *track, "workflows"])


def flags_of(name: Name) -> str:
    """An execution as the commands take it."""
    return f"{name.execution} --workflow {name.workflow} --location {name.location}"


def _standing(execution: Document) -> str:
    """Where an execution stands: `main/wait`, or that it is queued."""
    if text_at(execution, "state") == "QUEUED":
        return "queued"
    steps = [f"{text_at(s, 'routine')}/{text_at(s, 'step')}" for s in list_at(execution, "status", "currentSteps")]
    return ", ".join(steps)


def _code(error: Document) -> str:
    number = text_at(error, "code")
    return _CODES[int(number)] if number.isdigit() and int(number) < len(_CODES) else number
