"""A stage for machines: definitions played with scripted answers, and played again with a crash at every point."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from hakobune.core.workflows.assembly import Plan
from hakobune.core.workflows.effects import Answer, AwaitCallback, Done, HttpRequest, HttpResponse, Wait
from hakobune.core.workflows.events import Answered, CallId, CancelRequested, Command, Event, Stamped, Started
from hakobune.core.workflows.journal import decode, encode
from hakobune.core.workflows.limits import RunLimits
from hakobune.core.workflows.machine import Machine, resume
from hakobune.core.workflows.model import ExecutionError
from hakobune.core.workflows.outcomes import Cancelled, Failed, Outcome, Succeeded
from hakobune.core.workflows.parse import parse_source
from hakobune.core.workflows.plan import make_plan
from hakobune.core.workflows.values import Value

EXECUTION = "projects/p/locations/l/workflows/w/executions/e"
BASE_URL = "http://127.0.0.1:8642"
START_S = 1_000_000.0
LIMITS = RunLimits()

# What the world answers: None keeps the call waiting.
Answers = Callable[[Command], Answer | None]


def a_plan(source: str) -> Plan:
    """The plan of a definition that parses."""
    program, problems = parse_source(source)
    assert program is not None, problems
    return make_plan(program)


def plain(command: Command) -> Answer | None:
    """Waits and log entries are done; nobody else answers."""
    return None if isinstance(command.effect, HttpRequest | AwaitCallback) else Done()


def ok(body: Value = None) -> HttpResponse:
    """An answer with JSON."""
    return HttpResponse(code=200, headers=(("Content-Type", "application/json"),), body=json.dumps(body).encode())


@dataclass
class Played:
    """An execution as it went: its journal, and what was asked for after each event."""

    plan: Plan
    limits: RunLimits
    machine: Machine
    journal: list[Stamped] = field(default_factory=list)
    asked: list[list[Command]] = field(default_factory=list)
    waiting: list[tuple[CallId, ...]] = field(default_factory=list)
    now_s: float = START_S

    def event(self, event: Event, *, slice_steps: int = 10_000_000) -> list[Command]:
        """One more event; gives the commands that follow from it."""
        stamped = Stamped(event=event, at_s=self.now_s, seed=len(self.journal) * 7919 + 17)
        assert decode(encode(stamped)) == stamped
        self.journal.append(stamped)
        self.machine.feed(stamped)
        while not self.machine.advance(slice_steps):
            pass
        self.asked.append(self.machine.take_commands())
        self.waiting.append(tuple(self.machine.waiting))
        return self.asked[-1]

    def commands(self) -> list[Command]:
        """All commands, in their order."""
        return [command for commands in self.asked for command in commands]

    @property
    def outcome(self) -> Outcome:
        """How it ended."""
        assert self.machine.outcome is not None, f"waits for {self.machine.waiting}"
        return self.machine.outcome

    @property
    def result(self) -> Value:
        """The result of an execution that succeeded."""
        assert isinstance(self.outcome, Succeeded), self.outcome
        return json.loads(self.outcome.result)

    @property
    def error(self) -> ExecutionError:
        """The error of an execution that failed."""
        assert isinstance(self.outcome, Failed), self.outcome
        return self.outcome.error

    @property
    def payload(self) -> Value:
        """The error's value."""
        return json.loads(self.error.payload)


def begin(
    source: str,
    argument: Value = None,
    *,
    limits: RunLimits = LIMITS,
    environment: Mapping[str, str] | None = None,
    slice_steps: int = 10_000_000,
) -> Played:
    """An execution that was started and waits, or is over."""
    plan = a_plan(source)
    played = Played(plan, limits, Machine(plan, limits=limits))
    started = Started(argument=argument, environment=environment or {}, execution=EXECUTION, base_url=BASE_URL)
    played.event(started, slice_steps=slice_steps)
    return played


def go_on(played: Played, answers: Answers = plain, *, slice_steps: int = 10_000_000) -> Played:
    """Answer what waits, the earliest wait first, until nothing is left that is answered."""
    while played.machine.outcome is None:
        answered = [(command, answers(command)) for command in played.machine.waiting.values()]
        now = [(_until(command), at, command, answer) for at, (command, answer) in enumerate(answered) if answer]
        if not now:
            break
        until_s, _, command, answer = min(now, key=lambda entry: entry[:2])
        played.now_s = max(played.now_s, until_s)
        played.event(Answered(call=command.call, answer=answer), slice_steps=slice_steps)
    return played


def _until(command: Command) -> float:
    return command.effect.until_s if isinstance(command.effect, Wait | AwaitCallback) else 0.0


def play(
    source: str,
    argument: Value = None,
    answers: Answers = plain,
    *,
    limits: RunLimits = LIMITS,
    environment: Mapping[str, str] | None = None,
) -> Played:
    """A whole execution, which is then explored: with a crash at every point, and in slices of one step."""
    played = go_on(begin(source, argument, limits=limits, environment=environment), answers)
    explore(played)
    return played


def explore(played: Played) -> None:
    """A crash after each entry of the journal: what waits, what is asked for and what comes out stay the same.

    The machine that goes on does so in slices of one step, so that the size of a slice is shown to change nothing.
    """
    for crash in range(len(played.journal) + 1):
        machine = resume(played.plan, played.journal[:crash], played.limits)
        assert machine.take_commands() == []
        if crash:
            assert tuple(machine.waiting) == played.waiting[crash - 1]
        for at, stamped in enumerate(played.journal[crash:], crash):
            machine.feed(stamped)
            while not machine.advance(1):
                pass
            assert machine.take_commands() == played.asked[at]
            assert tuple(machine.waiting) == played.waiting[at]
        assert machine.outcome == played.machine.outcome
        assert machine.steps == played.machine.steps
        assert machine.current_steps == played.machine.current_steps


def cancelled(played: Played) -> bool:
    """Whether it ends when it is cancelled now."""
    played.event(CancelRequested())
    return isinstance(played.outcome, Cancelled)
