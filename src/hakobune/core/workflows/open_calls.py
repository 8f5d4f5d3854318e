"""What an execution has asked of the world, and has no answer to: its calls, waits and log entries.

Each has the id under which its answer comes back, also after a crash: the path of the branch that asks, and a number.
Requests to callback endpoints are answers, too; they may come before anybody waits for them. What is under way is held
in memory, so its size has a bound; and calls to foreign hosts are counted, since they are paid for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, assert_never
from urllib.parse import urlsplit

from hakobune.core.errors import CorruptJournal
from hakobune.core.workflows.branches import Branch, Halt
from hakobune.core.workflows.effects import (
    Answer,
    AwaitCallback,
    CallbackRequest,
    Done,
    Effect,
    HttpRequest,
    HttpResponse,
    NoResponse,
    Wait,
    WriteLog,
)
from hakobune.core.workflows.events import Answered, CallbackArrived, CallId, Command
from hakobune.core.workflows.failures import resource_limit, value_error
from hakobune.core.workflows.limits import CEILING_BYTES, RunLimits
from hakobune.core.workflows.model import StackFrame
from hakobune.core.workflows.values import measured_size
from hakobune.core.workflows.world import Callback

# Hosts whose calls count as internal steps. Source: Workflows pricing page.
_INTERNAL_DOMAINS: Final = (".googleapis.com", ".run.app", ".cloudfunctions.net", ".appspot.com", ".cloud.goog")

# Bytes of requests and log entries under way at once, as a multiple of those of the variables that they are made of.
# Our own: room for the bodies of all branches that can run at once, each a good part of the memory.
_IN_FLIGHT: Final = 8

_ANSWERS: Final[Mapping[type[Effect], tuple[type[Answer], ...]]] = {
    HttpRequest: (HttpResponse, NoResponse),
    Wait: (Done,),
    WriteLog: (Done, NoResponse),
    AwaitCallback: (Done, CallbackRequest),
}


class OpenCalls:
    """The calls of one execution. `waiting` has those without an answer; `external` counts the external steps."""

    def __init__(self, limits: RunLimits, callbacks: Mapping[str, Callback]) -> None:
        self.waiting: dict[CallId, Command] = {}
        self.external = 0
        self._callbacks = callbacks
        self._askers: dict[CallId, Branch] = {}
        self._commands: list[Command] = []
        self._extents: dict[CallId, int] = {}  # bytes of the effects in `waiting`
        self._bytes = 0  # of all of them
        self._bytes_max = min(_IN_FLIGHT * limits.memory_bytes, CEILING_BYTES)

    def ask(self, branch: Branch, effect: Effect, source: StackFrame | None) -> Answer | None:
        """A branch asks for something at a step, under the next call id. Gives the answer where it is there already.

        Raises Failure (ValueError: no such callback; ResourceLimitError: too much is under way).
        """
        branch.sequence += 1
        call = CallId(f"{branch.path}#{branch.sequence}")
        if isinstance(effect, HttpRequest):
            self.external += not effect.service and branch.requests == 1 and not _is_internal(effect.url)
        elif isinstance(effect, AwaitCallback):
            callback = self._callbacks.get(effect.callback)
            if callback is None:
                raise value_error("events.await_callback: the callback is not one of this execution")
            self.external += 1
            if callback.requests:
                return callback.requests.pop(0)
            callback.waiters.append(call)
        extent = self._extents[call] = _extent(effect)
        self._bytes += extent
        if self._bytes > self._bytes_max:
            raise resource_limit(f"more than {self._bytes_max} bytes of requests are under way")
        command = Command(
            call=call,
            effect=effect,
            step="" if source is None else source.step,
            routine="" if source is None else source.routine,
        )
        self.waiting[call] = command
        self._askers[call] = branch
        self._commands.append(command)
        return None

    def take_commands(self) -> list[Command]:
        """What is to be carried out, as far as it was not taken yet."""
        commands, self._commands = self._commands, []
        return commands

    def answered(self, event: Answered) -> Branch | None:
        """An answer came: the branch that goes on with it, None if nobody waits for it. Raises CorruptJournal."""
        command = self.waiting.get(event.call)
        if command is None:
            return None
        if not isinstance(event.answer, _ANSWERS[type(command.effect)]):
            raise CorruptJournal(
                f"call {event.call} is {type(command.effect).__name__}, its answer {type(event.answer).__name__}"
            )
        if isinstance(command.effect, AwaitCallback):
            self._callbacks[command.effect.callback].waiters.remove(event.call)
        return self._wake(event.call, event.answer)

    def called_back(self, event: CallbackArrived) -> Branch | None:
        """A request came to an endpoint: the branch that goes on with it; None: it is kept until somebody asks for it.
        Raises CorruptJournal."""
        callback = self._callbacks.get(event.callback)
        if callback is None:
            raise CorruptJournal(f"a request to callback {event.callback}, which this execution did not open")
        if callback.waiters:
            return self._wake(callback.waiters.pop(0), event.request)
        callback.requests.append(event.request)
        return None

    def _wake(self, call: CallId, answer: Answer) -> Branch:
        del self.waiting[call]
        self._bytes -= self._extents.pop(call)
        branch = self._askers.pop(call)
        branch.answer = answer
        branch.halt = Halt.WAIT
        return branch

    def clear(self) -> None:
        """The execution is over: nobody waits for anything."""
        self.waiting.clear()
        self._extents.clear()
        self._askers.clear()
        self._commands.clear()


def is_poll(effect: Effect, number: int) -> bool:
    """Whether the `number`th effect of a procedure is a step of its own: a connector's polls are."""
    return number > 1 and isinstance(effect, HttpRequest) and bool(effect.service)


def _extent(effect: Effect) -> int:
    """Bytes that are held until the answer to an effect is there, about."""
    match effect:
        case HttpRequest():
            return len(effect.url) + len(effect.body or b"") + sum(len(n) + len(v) for n, v in effect.headers)
        case WriteLog():
            return len(effect.text or "") + (0 if effect.json is None else measured_size(effect.json))
        case Wait() | AwaitCallback():
            return 0
        case _:
            assert_never(effect)


def _is_internal(url: str) -> bool:
    """Whether a call of this URL is an internal step."""
    host = (urlsplit(url).hostname or "").lower()
    return f".{host}".endswith(_INTERNAL_DOMAINS)
