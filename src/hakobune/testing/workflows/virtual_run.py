"""One execution of a workflow on a clock that jumps: a wait of a year takes as long as a wait of a second.

The machine is the one of the server. What is outside it is a `World`: it says what comes of each request, and how long
that takes. Waits end when the clock gets there, in the order of their instants; of equal ones the first asked for is
the first to end. Nothing here reads a real clock or real dice, so a run repeats to the last byte.

    run = VirtualRun(compile_source(text), world, argument={"id": 7})
    run.schedule(3600.0, lambda machine: CancelRequested())
    outcome = run.finish()
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias, assert_never

from hakobune.core.workflows.assembly import Plan
from hakobune.core.workflows.branches import Recorder
from hakobune.core.workflows.effects import (
    Answer,
    AwaitCallback,
    Done,
    Effect,
    HttpRequest,
    NoResponse,
    Trouble,
    Wait,
    WriteLog,
)
from hakobune.core.workflows.events import Answered, Command, Event, Expired, Stamped, Started
from hakobune.core.workflows.limits import EXECUTION_S_MAX, RunLimits
from hakobune.core.workflows.machine import Machine, Outcome
from hakobune.core.workflows.values import Value

START_S: Final = 1_767_225_600.0
"""When a run begins unless it is told otherwise: 2026-01-01T00:00:00Z."""

BASE_URL: Final = "http://127.0.0.1:8642"
EXECUTION: Final = "projects/hakobune-local/locations/us-central1/workflows/{workflow}/executions/execution"
"""The name of the execution of a workflow."""

ENVIRONMENT: Final[Mapping[str, str]] = {
    "GOOGLE_CLOUD_LOCATION": "us-central1",
    "GOOGLE_CLOUD_PROJECT_ID": "hakobune-local",
    "GOOGLE_CLOUD_PROJECT_NUMBER": "1",
    "GOOGLE_CLOUD_SERVICE_ACCOUNT_NAME": "workflow@hakobune-local.iam.gserviceaccount.com",
    "GOOGLE_CLOUD_WORKFLOW_EXECUTION_ATTEMPT": "1",
    "GOOGLE_CLOUD_WORKFLOW_EXECUTION_ID": "execution",
    "GOOGLE_CLOUD_WORKFLOW_ID": "workflow",
    "GOOGLE_CLOUD_WORKFLOW_REVISION_ID": "000001-000",
}
"""The built-in variables of an execution, as a test sees them."""

_SLICE_STEPS: Final = 10_000
_SEED_STEP: Final = 0x9E3779B97F4A7C15  # odd, near 2^64 / golden ratio: all 64 bits differ from one event to the next
_SEED_MASK: Final = 2**64 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What comes of a request, so many seconds after it was sent."""

    answer: Answer
    after_s: float = 0.0


class World(Protocol):
    """What is outside a workflow."""

    def reply(self, command: Command, now_s: float) -> Reply | None:
        """What comes of an effect. None: what comes by itself: a wait ends at its instant, a log entry is written, a
        request gets no answer in time, no callback arrives.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A command, when it was asked for, and how many events the journal had by then."""

    command: Command
    at_s: float
    events: int


Due: TypeAlias = Callable[[Machine], Event | None]
_Entry: TypeAlias = tuple[float, int, Due]  # when, and which one of those that are due at once
_LAST: Final = 2**62  # what else is due at the end of the execution's time comes before it


class VirtualRun:
    """An execution from its first event to its end. `journal` and `issued` have all that happened."""

    def __init__(
        self,
        plan: Plan,
        world: World,
        *,
        argument: Value = None,
        environment: Mapping[str, str] = ENVIRONMENT,
        limits: RunLimits = RunLimits(),  # noqa: B008 - frozen, and the same for all
        start_s: float = START_S,
        seed: int = 0,
        recorder: Recorder | None = None,
        expires_after_s: float = EXECUTION_S_MAX,
        execution: str = EXECUTION.format(workflow="workflow"),
    ) -> None:
        self.machine = Machine(plan, limits=limits, recorder=recorder)
        self.journal: list[Stamped] = []
        self.issued: list[Issued] = []
        self.now_s = start_s
        self._start_s = start_s
        self._world = world
        self._seed = seed
        self._numbers = 0
        self._started = Started(argument=argument, environment=environment, execution=execution, base_url=BASE_URL)
        expired: _Entry = (start_s + expires_after_s, _LAST, lambda _: Expired())
        self._due: list[_Entry] = [expired]

    @property
    def elapsed_s(self) -> float:
        """Seconds of the clock since the beginning."""
        return self.now_s - self._start_s

    def schedule(self, after_s: float, event: Due) -> None:
        """Let an event happen so many seconds after the beginning. What it is may depend on the machine then; None:
        nothing happens.
        """
        self._put(self._start_s + after_s, event)

    def finish(self) -> Outcome:
        """Run to the end. Raises whatever the world raises."""
        self._happen(self._started)
        while self.machine.outcome is None:
            event = self._next()
            if event is not None:
                self._happen(event)
        return self.machine.outcome

    def _put(self, at_s: float, event: Due) -> None:
        self._numbers += 1
        heapq.heappush(self._due, (at_s, self._numbers, event))

    def _next(self) -> Event | None:
        """What is due next; the clock jumps there, unless it concerns nobody any more. Something always is: the end of
        the execution's time.
        """
        at_s, _, due = heapq.heappop(self._due)
        event = due(self.machine)
        if event is None or (isinstance(event, Answered) and event.call not in self.machine.waiting):
            return None
        self.now_s = max(self.now_s, at_s)
        return event

    def _happen(self, event: Event) -> None:
        seed = (self._seed + (len(self.journal) + 1) * _SEED_STEP) & _SEED_MASK
        stamped = Stamped(event=event, at_s=self.now_s, seed=seed)
        self.journal.append(stamped)
        self.machine.feed(stamped)
        while not self.machine.advance(_SLICE_STEPS):
            pass
        for command in self.machine.take_commands():
            self.issued.append(Issued(command=command, at_s=self.now_s, events=len(self.journal)))
            self._perform(command)

    def _perform(self, command: Command) -> None:
        """Note when the answer to a command comes: what happens by itself, unless the world is earlier."""
        answer, at_s = _by_itself(command.effect, self.now_s)
        reply = self._world.reply(command, self.now_s)
        if reply is not None and (self.now_s + reply.after_s < at_s or isinstance(command.effect, WriteLog)):
            answer, at_s = reply.answer, self.now_s + reply.after_s
        event = Answered(call=command.call, answer=answer)
        self._put(at_s, lambda _: event)


def _by_itself(effect: Effect, now_s: float) -> tuple[Answer, float]:
    """What comes of an effect where nobody answers, and when."""
    match effect:
        case Wait() | AwaitCallback():
            return Done(), effect.until_s
        case WriteLog():
            return Done(), now_s
        case HttpRequest():
            detail = f"no answer within {effect.timeout_s:g} seconds"
            return NoResponse(trouble=Trouble.TIMEOUT, detail=detail), now_s + effect.timeout_s
        case _:
            assert_never(effect)
