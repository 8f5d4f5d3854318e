"""What a run tells on stderr while it goes: steps as they begin, calls with their answers, log entries.

0.00 s  main.load
0.00 s  main.load  GET http://127.0.0.1:9001/items
0.04 s  main.load  200, 0.04 s, 512 bytes
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence

from hakobune.core.logs.entries import LogEntry
from hakobune.core.workflows.branches import Branch, Raised
from hakobune.core.workflows.effects import (
    Answer,
    AwaitCallback,
    CallbackRequest,
    HttpRequest,
    HttpResponse,
    NoResponse,
    Wait,
)
from hakobune.core.workflows.events import CallId, Command, Stamped
from hakobune.core.workflows.marks import Mark, StepType
from hakobune.core.workflows.raising import describe
from hakobune.core.workflows.values import Value

_EVERY_TIME = 5  # so often a step is told of each time it begins; then at its 10th, 100th, 1000th … time
_TEXT_CHARACTERS = 300  # of one line
# Blocks within a step: the step itself was told already.
_BLOCKS = frozenset({
    StepType.CONDITION,
    StepType.EXCEPT,
    StepType.FOR_ITERATION,
    StepType.PARALLEL_BRANCH_ENTRY,
    StepType.TRY,
    StepType.UNSPECIFIED,
})  # fmt: skip


class Progress:
    """A recorder of the machine, a reader of its commands, and the log of the run."""

    def __init__(self, say: Callable[[str], None], now_s: Callable[[], float], callback_url: str) -> None:
        """`say` writes a line; `callback_url` is where the callback endpoints begin."""
        self._say = say
        self._now_s = now_s
        self._begun_s = now_s()
        self._happened_s = self._begun_s
        self._callback_url = callback_url
        self._times: Counter[tuple[str, str, StepType]] = Counter()
        self._asked_s: dict[CallId, float] = {}
        self._caught: Raised | None = None  # the last one

    # -- what the machine tells -----------------------------------------------------------------------------------

    def happened(self, stamped: Stamped) -> None:
        """Events are told of as calls and answers. What follows from this one has its instant."""
        self._happened_s = stamped.at_s

    def begin(self, branch: Branch, mark: Mark, number: int = 0, expected: int = 0) -> None:
        """A step begins."""
        del expected
        if mark.type is StepType.PARALLEL_BRANCH_ENTRY:
            self._tell(branch.path, f"{mark.routine}.{mark.step}", f"branch {branch.id or number} begins")
            return
        around = mark.parent
        is_inside = around is not None and (around.routine, around.step) == (mark.routine, mark.step)
        if mark.type in _BLOCKS or (is_inside and mark.type is not StepType.RETRY):
            return
        key = (mark.routine, mark.step, mark.type)
        self._times[key] += 1
        times = self._times[key]
        if times <= _EVERY_TIME or str(times).strip("0") == "1":
            again = f" (time {times})" if times > 1 else ""
            told = "try again" if mark.type is StepType.RETRY else ""
            self._tell(branch.path, f"{mark.routine}.{mark.step}{again}", told)

    def called(self, branch: Branch, callee: str, given: list[Value] | dict[str, Value]) -> None:
        """What a step calls is told as the request that comes of it."""
        del branch, callee, given

    def answered(self, branch: Branch, value: Value) -> None:
        """And its value as the answer to that request."""
        del branch, value

    def expect(self, branch: Branch, number: int) -> None:
        """How many iterations there will be is not told."""
        del branch, number

    def left(self, branch: Branch, mark: Mark) -> None:
        """The end of a block is not told."""
        del branch, mark

    def returned(self, branch: Branch) -> None:
        """Nor the way back from a call."""
        del branch

    def caught(self, branch: Branch, raised: Raised) -> None:
        """An error was caught."""
        if raised is self._caught:  # a retry gave up, and `except` takes it
            return
        self._caught = raised
        frame = raised.trace[0] if raised.trace else None
        where = "" if frame is None else f"{frame.routine}.{frame.step}"
        self._tell(branch.path, where, f"caught {describe(raised).context.partition(chr(10))[0]}")

    def ended(self, branch: Branch, raised: Raised | None) -> None:
        """Neither the end of a branch: its error is told by whoever catches it, or at the end."""
        del branch, raised

    def finished(self) -> None:
        """The outcome is the caller's to tell."""

    # -- calls and waits ------------------------------------------------------------------------------------------

    def asked(self, command: Command) -> None:
        """A call or a wait begins."""
        self._asked_s[command.call] = self._now_s()
        effect = command.effect
        match effect:
            case HttpRequest():
                told = f"{effect.method} {effect.url}"
            case Wait():
                told = f"waits {_seconds(effect.until_s - self._happened_s)} s"
            case AwaitCallback():
                left_s = effect.until_s - self._happened_s
                told = f"waits up to {_seconds(left_s)} s for a callback: {self._callback_url}{effect.callback}"
            case _:
                return  # a log entry is told when it is written
        self._tell(_path(command.call), f"{command.routine}.{command.step}", told)

    def replied(self, command: Command, answer: Answer) -> None:
        """It has its answer."""
        took_s = self._now_s() - self._asked_s.pop(command.call, self._now_s())
        match answer:
            case HttpResponse():
                told = f"{answer.code}, {took_s:.2f} s, {len(answer.body)} bytes"
            case NoResponse():
                told = f"{answer.trouble}: {answer.detail}"
            case CallbackRequest():
                told = f"the callback came: {answer.method}, {len(answer.body)} bytes, after {took_s:.2f} s"
            case _:
                return
        self._tell(_path(command.call), f"{command.routine}.{command.step}", told)

    # -- the log --------------------------------------------------------------------------------------------------

    async def write_entries(self, entries: Sequence[LogEntry]) -> None:
        """`sys.log`: one line for each entry."""
        for entry in entries:
            if entry.text_payload is not None:
                text = entry.text_payload
            else:
                text = json.dumps(entry.json_payload, ensure_ascii=False, separators=(",", ":"), default=str)
            self._line(f"{entry.severity:<8}  {text}")

    def _tell(self, path: str, step: str, told: str) -> None:
        thread = f"[{path.partition('.')[2]}] " if "." in path else ""
        self._line(f"{thread}{step}  {told}".rstrip())

    def _line(self, text: str) -> None:
        """One line: a text of several would look like several entries."""
        shown = text.replace("\n", " ").replace("\r", " ")
        if len(shown) > _TEXT_CHARACTERS:
            shown = f"{shown[:_TEXT_CHARACTERS]}…"
        self._say(f"{self._now_s() - self._begun_s:7.2f} s  {shown}")


def _seconds(length_s: float) -> str:
    """`3600`, `0.25`: to a hundredth, without zeros at the end."""
    return f"{max(0.0, length_s):.2f}".rstrip("0").rstrip(".")


def _path(call: CallId) -> str:
    return call.partition("#")[0]
