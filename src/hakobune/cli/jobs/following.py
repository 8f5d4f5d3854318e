"""Following an execution to its start or its end, with stages, counts and the user's own progress."""

from __future__ import annotations

import time

from hakobune.cli.document import Document, at, number_at, text_at
from hakobune.cli.errors import AnswerLostError, ApiError, CommandError, LeftRunningError, UnreachableError
from hakobune.cli.jobs import view
from hakobune.cli.progress import Stage, Tracker
from hakobune.cli.run_api import RunApi, quoted
from hakobune.cli.waiting import Pauses, patiently

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hakobune.cli.session import Session

_PROGRESS_EVERY_S = 1.0
_PROGRESS_RARELY_S = 5.0  # while the tasks have not reported any
# A stage and the condition that ends it.
_STAGES = (
    ("Provisioning resources...", "ResourcesAvailable"),
    ("Starting execution...", "Started"),
    ("Running execution...", "Completed"),
)


class ExecutionFailedError(CommandError):
    """The execution has ended without success."""


def stages(*, wait: bool) -> list[Stage]:
    """The stages that are shown: all of them when waiting for the end, else only the first."""
    return [Stage(name) for name, _ in (_STAGES if wait else _STAGES[:1])]


def follow(session: Session, api: RunApi, execution: Document, tracker: Tracker, shown: list[Stage]) -> Document:
    """Read the execution until it has started (one stage shown) or ended (all shown), and return it.

    Raises ExecutionFailedError when it ended without success. Ctrl-C leaves the execution alone: LeftRunningError.
    """
    name = view.name_of(execution)
    place = session.place_flags
    try:
        return _Following(session, api, tracker, shown, execution).run()
    except KeyboardInterrupt:
        raise LeftRunningError(
            f"Interrupted; execution [{name}] goes on. Look at it with: {session.group} executions describe"
            f" {name}{place} ; cancel it with: {session.group} executions cancel {name}{place}"
        ) from None


class _Following:
    """One wait."""

    def __init__(
        self, session: Session, api: RunApi, tracker: Tracker, shown: list[Stage], execution: Document
    ) -> None:
        self.tracker = tracker
        self.shown = shown
        self.api = api
        self.execution = execution
        self.name = view.name_of(execution)
        self.goal = "Completed" if len(shown) > 1 else "Started"
        self.report = _Report(session, api.region, self.name)

    def run(self) -> Document:
        pauses = Pauses()
        since: list[float] = []
        if self.shown:
            self.tracker.start(self.shown[0])
        while True:
            self._advance()
            if self._has_ended():
                return self.execution
            self.tracker.pause(pauses.next_s())
            found = patiently(lambda: self.api.get("executions", self.name), since)
            if found is not None:
                self.execution = found
            self.tracker.header("waiting for the runtime to come back" if since else "")

    def _has_ended(self) -> bool:
        completed = view.outcome(self.execution, "Completed")
        if completed is False:
            message = text_at(view.condition(self.execution, "Completed"), "message")
            raise ExecutionFailedError(f"The execution failed.\n{message}".rstrip())
        if completed:
            for stage in self.shown:
                if stage.state != "done":
                    self._finish(stage)
            return True
        return self.goal == "Started" and view.outcome(self.execution, "Started") is True

    def _advance(self) -> None:
        """End the stages whose condition holds, start the next, and say how far the tasks are."""
        for stage, (_, kind) in zip(self.shown, _STAGES, strict=False):
            if stage.state == "done":
                continue
            started = view.outcome(self.execution, "Started") is True
            holds = view.outcome(self.execution, kind) is True or (kind != "Completed" and started)
            if not holds:
                self._say_counts(stage, kind)
                return
            self._finish(stage)

    def _finish(self, stage: Stage) -> None:
        if stage.state == "waiting":
            self.tracker.start(stage)
        kind = dict(_STAGES)[stage.name]
        message = text_at(view.condition(self.execution, kind), "message")
        self.tracker.finish(stage, self._counts() if kind == "Completed" else message)
        position = self.shown.index(stage) + 1
        if position < len(self.shown) and self.shown[position].state == "waiting":
            self.tracker.start(self.shown[position])

    def _say_counts(self, stage: Stage, kind: str) -> None:
        if stage.state == "waiting":
            self.tracker.start(stage)
        if kind == "Completed":
            report = self.report.text()
            self.tracker.update(stage, f"{self._counts()}; {report}" if report else self._counts())

    def _counts(self) -> str:
        """`3 / 40 complete, 1 failed`."""
        status = at(self.execution, "status")
        text = f"{number_at(status, 'succeededCount')} / {number_at(self.execution, 'spec', 'taskCount') or 1} complete"
        for key, word in (("failedCount", "failed"), ("cancelledCount", "cancelled")):
            if number_at(status, key):
                text += f", {number_at(status, key)} {word}"
        return text


class _Report:
    """The progress that the tasks themselves report, with its rate and the time that is left."""

    def __init__(self, session: Session, region: str, execution: str) -> None:
        self._session = session
        place = f"/hakobune/v1/projects/{quoted(session.project)}/locations/{quoted(region)}"
        self._target = f"{place}/executions/{quoted(execution)}/progress"
        self._next_s = 0.0
        self._text = ""
        self._first: tuple[float, int] | None = None

    def text(self) -> str:
        """`12 / 40 items (2.4/s, 12 s left): note`, asked for at most once a second."""
        now = time.monotonic()
        if now >= self._next_s:
            self._text = self._read(now)
            self._next_s = now + (_PROGRESS_EVERY_S if self._text else _PROGRESS_RARELY_S)
        return self._text

    def _read(self, now: float) -> str:
        try:
            found = self._session.call("GET", self._target)
        except (ApiError, UnreachableError, AnswerLostError):
            # There is no progress to show (404), or the runtime is away: the wait itself deals with that.
            return ""
        done, total = number_at(found, "done"), number_at(found, "total")
        text = f"{done} / {total} items" if total else f"{done} items"
        if self._first is None:
            self._first = (now, done)
        elapsed = now - self._first[0]
        rate = (done - self._first[1]) / elapsed if elapsed > 1 else 0.0
        if rate > 0:
            text += f" ({rate:.1f}/s, {remaining((total - done) / rate)} left)" if total > done else f" ({rate:.1f}/s)"
        note = " ".join(text_at(found, "note").split())
        return f"{text}: {note}" if note else text


def remaining(seconds: float) -> str:
    """`42 s`, `3 min`, `2 h 5 min`: a guess needs no more digits."""
    whole = int(seconds + 0.5)
    if whole < 90:
        return f"{whole} s"
    minutes = (whole + 30) // 60
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def hints(session: Session, execution: str) -> str:
    """How to look at an execution: printed after it was started, and after it failed."""
    place = session.place_flags
    return (
        "View details about this execution by running:\n"
        f"{session.group} executions describe {execution}{place}\n\n"
        f"Read its log with:\n{session.group} executions logs read {execution}{place}"
    )
