"""A workflow under test, and what came of a run. `id` is what the workflow sees as its own name: that of the file.

workflow = Workflow.load("order.yaml")
charge = Mock(step="charge", answers=[Response(status=503), Response(json={"ok": True})])
run = workflow.run({"id": 7}, mocks=[charge])
assert run.result == {"ok": True}
assert run.waits == [1.0]
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hakobune.core.workflows.build import InvalidDefinition, check_source
from hakobune.core.workflows.effects import Wait, WriteLog
from hakobune.core.workflows.events import CallbackArrived, CancelRequested, Event
from hakobune.core.workflows.limits import NO_LIMITS, RunLimits, Strictness
from hakobune.core.workflows.machine import Machine
from hakobune.core.workflows.model import StepCounts
from hakobune.core.workflows.outcomes import Failed, Outcome, Succeeded
from hakobune.core.workflows.plan import make_plan
from hakobune.core.workflows.syntax import Assign, Program
from hakobune.core.workflows.values import Value, from_json
from hakobune.testing.workflows.mocks import Exchange, Mock, MockedWorld, NoMock, Response, callback_request
from hakobune.testing.workflows.step_names import StepNames
from hakobune.testing.workflows.virtual_run import ENVIRONMENT, EXECUTION, Due, VirtualRun
from hakobune.testing.workflows.watching import (
    Place,
    Point,
    PointKind,
    TraceLine,
    Watcher,
    named_steps,
    place_of,
    points,
    step_functions,
)

_ID_CHARACTERS = 64  # of a workflow. Source: Workflows API v1, `workflowId`
_TRACE_LINES = 40  # of a run's trace in a message: the last ones tell what led to the end


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackCall:
    """A request to the callback endpoint number `endpoint` (from 0, in the order in which they are created),
    `after_s` after the beginning."""

    after_s: float
    response: Response
    endpoint: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """An entry of the user log."""

    severity: str
    text: str | None
    json: Mapping[str, Value] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowRun:
    """What came of a run. Times are seconds of the virtual clock.

    `trouble` says why the run could not come to its end: a request without a mock, a callback that cannot arrive.
    `waits` are the lengths of `sys.sleep`, of the pauses of `retry` and of polling, in the order in which they began.
    `counts` are the steps as they are billed: each assignment of a step counts.
    """

    outcome: Outcome | None
    trouble: str
    exchanges: Sequence[Exchange]
    logs: Sequence[Log]
    waits: Sequence[float]
    steps: Sequence[tuple[str, str]]
    trace: Sequence[TraceLine]
    hits: Mapping[Place, int]
    counts: StepCounts
    start_s: float
    elapsed_s: float

    @property
    def result(self) -> Value:
        """What the workflow gave. Raises AssertionError, with the trace, if it did not succeed."""
        if isinstance(self.outcome, Succeeded):
            return from_json(self.outcome.result)
        raise AssertionError(f"the workflow did not succeed: {self.ending()}\n{self.story()}")

    @property
    def error(self) -> Value:
        """The error that ended the workflow, as `except` would see it. Raises AssertionError if there is none."""
        if isinstance(self.outcome, Failed):
            return from_json(self.outcome.error.payload)
        raise AssertionError(f"the workflow did not fail: {self.ending()}\n{self.story()}")

    @property
    def calls(self) -> list[tuple[str, str]]:
        """Method and address of each request, in order."""
        return [(exchange.request.method, exchange.request.url) for exchange in self.requests]

    @property
    def requests(self) -> list[Exchange]:
        """The requests over HTTP, without the waits for callbacks."""
        return [exchange for exchange in self.exchanges if exchange.request.method != "CALLBACK"]

    def ending(self) -> str:
        """How the run ended, in a line."""
        match self.outcome:
            case None:
                return self.trouble
            case Succeeded(result=result):
                return f"succeeded with {result}"
            case Failed(error=error):
                return f"failed with {error.context}"
            case _:
                return "cancelled"

    def story(self, lines: int = _TRACE_LINES) -> str:
        """The trace: each step, request, wait and error with its instant; the last `lines` of it."""
        told = [_trace_text(line, self.start_s) for line in self.trace]
        left_out = len(told) - lines
        head = [f"  … {left_out} lines before"] if left_out > 0 else []
        return "\n".join(["trace:", *head, *told[-lines:]])


def _trace_text(line: TraceLine, start_s: float) -> str:
    return f"  {line.at_s - start_s:>10.3f} s  {'  ' * line.depth}{line.text}"


@dataclass(slots=True)
class Coverage:
    """Which points of a program were reached, over all runs."""

    points: Sequence[Point]
    hits: Counter[Place] = field(default_factory=Counter[Place])

    def count(self, point: Point) -> int:
        """How often a point was reached."""
        return self.hits[place_of(point.kind, point.position)]

    @property
    def missed(self) -> list[Point]:
        """Points that no run reached."""
        return [point for point in self.points if not self.count(point)]

    def share(self, *kinds: PointKind) -> tuple[int, int]:
        """How many points of these kinds (none: all) were reached, of how many."""
        of = [point for point in self.points if not kinds or point.kind in kinds]
        return sum(1 for point in of if self.count(point)), len(of)


class Workflow:
    """A definition that can be run. Its `coverage` adds up over its runs."""

    def __init__(self, source: str, *, name: str = "workflow", limits: Strictness = Strictness.STRICT) -> None:
        """Raises InvalidDefinition with all that is wrong with the source."""
        program, problems = check_source(source, strictness=limits)
        if program is None:
            raise InvalidDefinition(problems, source)
        self.name = name
        self.id = _id_of(name)
        self.source = source
        self.program = program
        self.coverage = Coverage(points(program))
        self._plan = make_plan(program)
        self._names = StepNames(program)
        self._functions = step_functions(program)
        self._assignments = _assignments(program)
        self._limits = RunLimits() if limits is Strictness.STRICT else NO_LIMITS

    @classmethod
    def load(cls, path: str | Path, *, limits: Strictness = Strictness.STRICT) -> Workflow:
        """The workflow of a file. Raises OSError, UnicodeError, InvalidDefinition."""
        path = Path(path)
        return cls(path.read_text(encoding="utf-8"), name=path.name, limits=limits)

    def run(
        self,
        argument: Value = None,
        *,
        mocks: Sequence[Mock] = (),
        env: Mapping[str, str] | None = None,
        callbacks: Sequence[CallbackCall] = (),
        cancel_after_s: float | None = None,
        seed: int = 0,
    ) -> WorkflowRun:
        """Run it to its end on a virtual clock. What a mock's function raises is raised here; ValueError for a mock of
        a step that the workflow does not have.
        """
        self._check_steps(mocks)
        watcher = Watcher()
        world = MockedWorld(mocks, self._functions, watcher.note)
        run = VirtualRun(
            self._plan,
            world,
            argument=argument,
            environment={**ENVIRONMENT, "GOOGLE_CLOUD_WORKFLOW_ID": self.id, **(env or {})},
            execution=EXECUTION.format(workflow=self.id),
            limits=self._limits,
            recorder=watcher,
            seed=seed,
        )
        start_s = run.now_s
        for call in callbacks:
            run.schedule(call.after_s, _arrival(call, start_s))
        if cancel_after_s is not None:
            run.schedule(cancel_after_s, lambda _: CancelRequested())
        outcome: Outcome | None = None
        trouble = ""
        try:
            outcome = run.finish()
        except (NoMock, _NoEndpoint) as error:
            trouble = str(error)
            watcher.note(trouble.partition("\n")[0])  # the advice below it is told once, with the failure
        self.coverage.hits.update(watcher.hits)
        return WorkflowRun(
            outcome=outcome,
            trouble=trouble,
            exchanges=world.exchanges,
            logs=_logs(run),
            waits=_waits(run),
            steps=watcher.steps,
            trace=watcher.trace,
            hits=watcher.hits,
            counts=self._billed(run.machine.steps, watcher),
            start_s=start_s,
            elapsed_s=run.elapsed_s,
        )

    def _check_steps(self, mocks: Sequence[Mock]) -> None:
        """Raises ValueError for a step that is not there: its mock would never answer."""
        for name in (mock.step for mock in mocks if mock.step):
            if not self._names.has(name):
                remedy = self._names.remedy(name)
                raise ValueError(f"a mock names the step '{name}', which {self.name} does not have: {remedy}")

    def _billed(self, counts: StepCounts, watcher: Watcher) -> StepCounts:
        """Each assignment is a billed step, the engine counts the step. Source: Workflows pricing page."""
        more = sum(self._assignments.get(step, 1) - 1 for step in watcher.steps)
        return StepCounts(internal=counts.internal + more, external=counts.external)


def _id_of(name: str) -> str:
    """The id under which a file would be deployed: its name without the ending, and what an id cannot have."""
    stem = "".join(one for one in Path(name).stem if one.isascii() and (one.isalnum() or one in "_-"))
    return stem.lstrip("0123456789_-")[:_ID_CHARACTERS].rstrip("_-") or "workflow"


def _assignments(program: Program) -> dict[tuple[str, str], int]:
    """How many assignments each assign step has, by (routine, step)."""
    return {
        (routine, step.name): len(step.body.entries)
        for routine, step in named_steps(program)
        if isinstance(step.body, Assign)
    }


class _NoEndpoint(Exception):
    """A callback is to be sent, and the workflow has no endpoint for it yet."""


def _arrival(call: CallbackCall, start_s: float) -> Due:
    def event(machine: Machine) -> Event | None:
        endpoints = list(machine.callbacks.values())
        if call.endpoint >= len(endpoints):
            raise _NoEndpoint(
                f"a callback was to reach endpoint {call.endpoint} after {call.after_s:g} seconds, "
                f"the workflow had created {len(endpoints)} by then"
            )
        endpoint = endpoints[call.endpoint]
        if endpoint.pending is not None:  # the server refuses a second one while the first waits to be taken
            return None
        request = callback_request(call.response, endpoint.method, endpoint.path, start_s + call.after_s)
        return CallbackArrived(callback=endpoint.id, request=request)

    return event


def _logs(run: VirtualRun) -> list[Log]:
    effects = [issued.command.effect for issued in run.issued]
    return [
        Log(severity=effect.severity, text=effect.text, json=effect.json)
        for effect in effects
        if isinstance(effect, WriteLog)
    ]


def _waits(run: VirtualRun) -> list[float]:
    return [
        round(issued.command.effect.until_s - issued.at_s, 3)
        for issued in run.issued
        if isinstance(issued.command.effect, Wait)
    ]
