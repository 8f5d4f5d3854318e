"""Doing what was planned, one resource after the other; what fails stops only what needs it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from hakobune.cli.apply.bucket_kind import remove_objects
from hakobune.cli.apply.plan import Action, Step, said_of
from hakobune.cli.apply.run_kinds import RunKind
from hakobune.cli.errors import ApiError, CommandError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from hakobune.cli.apply.kinds import Key
    from hakobune.cli.apply.record import Record
    from hakobune.cli.console import Console
    from hakobune.cli.session import Session


class Result(StrEnum):
    """What became of a step."""

    DONE = "done"
    FAILED = "failed"
    LEFT_OUT = "left out"
    UNCHANGED = "unchanged"
    PLANNED = "planned"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A step and what became of it; `reason` says why it was not done."""

    step: Step
    result: Result
    reason: str = ""


_WORDS = {Action.CREATE: "created", Action.UPDATE: "changed", Action.DELETE: "removed", Action.WAIT: "ready"}


class Lines:
    """One line for each resource that was worked on; on a terminal also which one is being worked on."""

    def __init__(self, console: Console, total: int) -> None:
        self._console = console
        self._total = total
        self._begun = 0

    def begin(self, step: Step) -> None:
        """It is the turn of this one."""
        self._begun += 1
        if self._console.is_live and step.action not in (Action.NONE, Action.KEEP):
            self._console.mutter(f"\r\x1b[K{step.key}… ({self._begun} of {self._total})")

    def end(self, outcome: Outcome) -> None:
        """This became of it."""
        line = line_of(outcome)
        if line:
            self._console.say(f"\r\x1b[K{line}" if self._console.is_live else line)


def carry_out(session: Session, steps: Sequence[Step], record: Record) -> tuple[Outcome, ...]:
    """Do all steps in their order, and tell each. Raises CommandError: the record cannot be kept."""
    lines = Lines(session.console, len(steps))
    outcomes: list[Outcome] = []
    failed: set[Key] = set()
    try:
        for step in steps:
            lines.begin(step)
            outcome = _carried(session, step, record, failed)
            outcomes.append(outcome)
            if outcome.result in (Result.FAILED, Result.LEFT_OUT):
                failed.add(step.key)
            lines.end(outcome)
    finally:
        record.write()
    return tuple(outcomes)


def line_of(outcome: Outcome) -> str:
    """`topic uploads: created`; empty for what is as it is defined."""
    match outcome.result:
        case Result.DONE:
            return f"{outcome.step.key}: {_WORDS[outcome.step.action]}"
        case Result.FAILED:
            return f"{outcome.step.key}: FAILED: {outcome.reason}"
        case Result.LEFT_OUT:
            return f"{outcome.step.key}: left out, {outcome.reason}"
        case Result.UNCHANGED | Result.PLANNED:
            return ""


def _carried(session: Session, step: Step, record: Record, failed: set[Key]) -> Outcome:
    if step.action in (Action.NONE, Action.KEEP):
        return Outcome(step=step, result=Result.UNCHANGED, reason=step.note)
    stopped = sorted(step.needs & failed)
    if stopped:
        return Outcome(step=step, result=Result.LEFT_OUT, reason=f"because it needs {stopped[0]}")
    if step.action is Action.DELETE and failed:
        return Outcome(step=step, result=Result.LEFT_OUT, reason="because something before it failed")
    try:
        _do(session, step, record)
    except CommandError as error:
        return Outcome(step=step, result=Result.FAILED, reason=said_of(error))
    return Outcome(step=step, result=Result.DONE)


def _do(session: Session, step: Step, record: Record) -> None:
    """One step. A creation that finds the resource made meanwhile fails: it is not ours. Raises CommandError."""
    kind = step.kind
    if step.action is Action.WAIT:
        assert isinstance(kind, RunKind)
        kind.wait(session, step.key)
        return
    if step.action is Action.DELETE:
        if step.note and step.key.kind == "Bucket":
            remove_objects(session, step.key.id)
        _delete(session, step)
        record.discard(step.key)
        return
    assert step.wanted is not None
    if step.action is Action.CREATE:
        kind.create(session, step.wanted)
        if not kind.label_path:
            record.add(step.key)
        return
    assert step.before is not None
    assert step.after is not None
    kind.update(session, step.wanted, step.before, step.after)


def _delete(session: Session, step: Step) -> None:
    """Remove it; it may be gone already."""
    try:
        step.kind.delete(session, step.key)
    except ApiError as error:
        if error.code != 404:
            raise
