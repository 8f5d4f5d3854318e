"""What the call log of an execution tells: the `call` steps that begin, succeed and fail.

A recorder notes them while the machine runs. Nothing of it is stored with the execution: whoever folds the journal
again gets the same notes with the same numbers, so what a crash kept from the log can be written again and is known
again. Only `call` steps are noted, not calls inside expressions, inside library functions or inside connectors.

Source: google.cloud.workflows.type.EngineCallLog. Inferred: a call whose error a `try` takes (it is tried again, or
`except` handles it) is told of twice, as raised and as handled; where texts are cut.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import inf
from typing import Final, TypeAlias

from hakobune.core.workflows.branches import Branch, Raised
from hakobune.core.workflows.events import Stamped
from hakobune.core.workflows.failures import Failure
from hakobune.core.workflows.marks import Mark, StepType
from hakobune.core.workflows.model import CallLogLevel
from hakobune.core.workflows.raising import describe
from hakobune.core.workflows.values import Value, to_json, type_name

TEXT_CHARS: Final = 1_024  # of an exception, of an argument or an answer; a longer one is cut (inferred)
REDACTED: Final = "[REDACTED]"
_SECRET: Final = "authorization"  # noqa: S105 - the name of a header
_ARGUMENTS_MAX: Final = 50
_HANDLES: Final = frozenset({StepType.EXCEPT, StepType.RETRY})

Given: TypeAlias = "list[Value] | dict[str, Value]"


class CallState(StrEnum):
    """Source: EngineCallLog.State."""

    BEGUN = "BEGUN"
    SUCCEEDED = "SUCCEEDED"
    EXCEPTION_RAISED = "EXCEPTION_RAISED"
    EXCEPTION_HANDLED = "EXCEPTION_HANDLED"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallNote:
    """Something that became of a call. `number` counts the notes of an execution from 1, the same at every fold.

    `arguments` (by position or by name) is told when a call begins; `response` when it succeeds; `exception` and
    `origin` (the step that failed) when it fails; `start_s` whenever it is over.
    """

    number: int
    at_s: float
    state: CallState
    step: str
    callee: str
    start_s: float | None = None
    arguments: tuple[str, ...] | Mapping[str, Value] | None = None
    response: str = ""
    exception: str = ""
    origin: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Call:
    """A call under way; `depth` counts the calls of routines around it in its branch."""

    step: str
    callee: str
    depth: int
    start_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Failed:
    """The outermost call of a `try` that an error went through."""

    call: _Call
    exception: str
    origin: str


class CallLog:
    """A recorder that notes calls. What happened before `from_s` is counted, and not told."""

    def __init__(self, level: CallLogLevel, *, from_s: float = -inf) -> None:
        self._is_verbose = level is CallLogLevel.ALL_CALLS
        self.from_s = from_s
        self._notes: list[CallNote] = []
        self._count = 0
        self._now_s = 0.0
        self._steps: dict[str, Mark] = {}  # of each branch, what it entered last
        self._open: dict[str, list[_Call]] = {}
        self._failed: dict[str, _Failed] = {}

    def take(self) -> list[CallNote]:
        """The notes that were not taken yet."""
        notes, self._notes = self._notes, []
        return notes

    # -- what the machine tells ---------------------------------------------------------------------------------

    def happened(self, stamped: Stamped) -> None:
        """All that follows has the instant of this event."""
        self._now_s = max(self._now_s, stamped.at_s)

    def begin(self, branch: Branch, mark: Mark, number: int = 0, expected: int = 0) -> None:
        """A step or a block begins. The block of an error that was caught says that it is handled."""
        del number, expected
        self._steps[branch.path] = mark
        if mark.type in _HANDLES:
            failed = self._failed.pop(branch.path, None)
            if failed is not None:
                self._tell_failure(CallState.EXCEPTION_HANDLED, failed.call, failed.exception, failed.origin)

    def called(self, branch: Branch, callee: str, given: Given) -> None:
        """A `call` step calls something."""
        mark = self._steps.get(branch.path)
        call = _Call(
            step="" if mark is None else mark.step, callee=callee, depth=len(branch.calls), start_s=self._now_s
        )
        self._open.setdefault(branch.path, []).append(call)
        if self._is_verbose and self._is_told():
            self._note(CallState.BEGUN, call, arguments=_arguments(given))

    def answered(self, branch: Branch, value: Value) -> None:
        """The call of the step gave this."""
        call = self._open[branch.path].pop()
        if self._is_verbose and self._is_told():
            self._note(CallState.SUCCEEDED, call, start_s=call.start_s, response=_shown(_redacted(value)))

    def expect(self, branch: Branch, number: int) -> None:
        """Nothing."""

    def left(self, branch: Branch, mark: Mark) -> None:
        """Nothing."""

    def returned(self, branch: Branch) -> None:
        """Nothing: the call of the step is told of when its value arrives there."""

    def caught(self, branch: Branch, raised: Raised) -> None:
        """The calls inside the guard have failed. Whether it handles the error is not known yet."""
        self._close(branch.path, branch.guards[-1].calls, raised)

    def ended(self, branch: Branch, raised: Raised | None) -> None:
        """A branch is over, or (with an error nobody may catch) the execution."""
        if raised is None:
            return
        self._close(branch.path, 0, raised)
        while not raised.is_catchable and branch.origin is not None:
            branch = branch.origin.parent
            self._close(branch.path, 0, raised)

    def finished(self) -> None:
        """What is open was cut off; nothing is told of it."""
        self._open.clear()

    # -- notes --------------------------------------------------------------------------------------------------

    def _close(self, path: str, depth: int, raised: Raised) -> None:
        """The open calls of a branch at this depth and deeper have failed, the innermost first."""
        calls = self._open.get(path, [])
        exception = describe(raised).context.partition("\n")[0] if calls else ""
        origin = raised.trace[0].step if raised.trace else ""
        while calls and calls[-1].depth >= depth:
            call = calls.pop()
            self._tell_failure(CallState.EXCEPTION_RAISED, call, exception, origin)
            self._failed[path] = _Failed(call=call, exception=exception, origin=origin)

    def _tell_failure(self, state: CallState, call: _Call, exception: str, origin: str) -> None:
        if self._is_told():
            self._note(state, call, start_s=call.start_s, exception=_cut(exception), origin=_cut(origin))

    def _is_told(self) -> bool:
        self._count += 1
        return self._now_s >= self.from_s

    def _note(
        self,
        state: CallState,
        call: _Call,
        *,
        start_s: float | None = None,
        arguments: tuple[str, ...] | Mapping[str, Value] | None = None,
        response: str = "",
        exception: str = "",
        origin: str = "",
    ) -> None:
        self._notes.append(
            CallNote(
                number=self._count,
                at_s=self._now_s,
                state=state,
                step=call.step,
                callee=_cut(call.callee),
                start_s=start_s,
                arguments=arguments,
                response=response,
                exception=exception,
                origin=origin,
            )
        )


def _arguments(given: Given) -> tuple[str, ...] | Mapping[str, Value]:
    if isinstance(given, dict):
        return {_cut(name): _value(value, name) for name, value in list(given.items())[:_ARGUMENTS_MAX]}
    return tuple(_shown(_redacted(value)) for value in given[:_ARGUMENTS_MAX])


def _value(value: Value, name: str) -> Value:
    """A named argument: as it is, unless it is long or cannot be written."""
    hidden: Value = REDACTED if name.lower() == _SECRET else _redacted(value)
    if isinstance(hidden, str):
        return _cut(hidden)
    text = _text(hidden)
    return hidden if text is not None and len(text) <= TEXT_CHARS else _shown(hidden)


def _redacted(value: Value) -> Value:
    """The value without credentials: what stands under the key `Authorization`, wherever it is, is not told.

    A copy. What JSON cannot hold is not looked into: only its type is told.
    """
    return _without_secrets(value) if _text(value) is not None else value


def _without_secrets(value: Value) -> Value:
    """As `_redacted`; the levels of the value are bounded (NESTING_DEPTH)."""
    if isinstance(value, list):
        return [_without_secrets(element) for element in value]
    if isinstance(value, dict):
        return {
            key: REDACTED if key.lower() == _SECRET else _without_secrets(element) for key, element in value.items()
        }
    return value


def _text(value: Value) -> str | None:
    """As JSON; None for what JSON cannot hold."""
    try:
        return to_json(value)
    except Failure:
        return None


def _shown(value: Value) -> str:
    """JSON text, not too long; of what JSON cannot hold (bytes, functions), its type."""
    text = _text(value)
    return f"<{type_name(value)}>" if text is None else _cut(text)


def _cut(text: str) -> str:
    return text if len(text) <= TEXT_CHARS else f"{text[: TEXT_CHARS - 1]}…"
