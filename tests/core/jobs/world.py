"""An execution in memory: what the store keeps of it, and the view that it gives to a decision."""

from __future__ import annotations

from dataclasses import replace

from hakobune.core.containers import Container
from hakobune.core.jobs.decide import (
    AttemptEnded,
    AttemptStarted,
    CancelRequested,
    Created,
    Decision,
    Event,
    Reported,
    StartAttempts,
    View,
    Woken,
    decide,
    window,
)
from hakobune.core.jobs.model import AttemptRecord, AttemptResult, Execution, Policy, ResultKind, Task, TaskTemplate
from hakobune.core.jobs.states import ExecutionState, TaskState
from hakobune.core.names import ExecutionName

NAME = ExecutionName.make("p1", "us-central1", "thumbs", "thumbs-x7k2p")


def an_execution(
    *, task_count: int = 1, parallelism: int | None = None, max_retries: int = 3, policy: Policy | None = None
) -> Execution:
    return Execution(
        name=NAME,
        uid="e1",
        job_uid="j1",
        job_generation=1,
        etag="",
        task_count=task_count,
        parallelism=parallelism or task_count,
        template=TaskTemplate(containers=(Container(image="local", command=("true",)),), max_retries=max_retries),
        policy=policy or Policy(),
        state=ExecutionState.RUNNING,
        create_time_s=100.0,
        start_time_s=100.0,
        update_time_s=100.0,
    )


def result(kind: ResultKind, **more: object) -> AttemptResult:
    return AttemptResult(kind=kind, **more)  # type: ignore[arg-type]


OK = result(ResultKind.SUCCESS)
EXIT_1 = result(ResultKind.EXIT, exit_code=1)
LOST = result(ResultKind.LOST)
CANCELLED = result(ResultKind.CANCELLED)


class World:
    """Keeps one execution as the store does, row by row, and turns events into decisions."""

    def __init__(self, execution: Execution, now_s: float = 100.0) -> None:
        self.execution = execution
        self.tasks: dict[int, Task] = {}
        self.attempts: dict[str, AttemptRecord] = {}
        self.first_unborn = 0
        self.now_s = now_s
        self.starts: list[tuple[str, int, int]] = []

    def view(self, event: Event) -> View:
        pending = [task for task in self.tasks.values() if task.state is TaskState.PENDING]
        ready = sorted(
            (task for task in pending if task.not_before_s is None or task.not_before_s <= self.now_s),
            key=lambda task: task.index,
        )
        later = [
            task.not_before_s for task in pending if task.not_before_s is not None and task.not_before_s > self.now_s
        ]
        named = {report.index for report in event.reports} if isinstance(event, Reported) else set()
        return View(
            execution=self.execution,
            in_flight=self.in_flight,
            first_unborn=self.first_unborn,
            pending_rows=len(pending),
            ready=tuple(ready[: window(self.execution)]),
            next_ready_s=min(later, default=None),
            named={index: self.tasks[index] for index in named if index in self.tasks},
        )

    @property
    def in_flight(self) -> int:
        return sum(task.state is TaskState.RUNNING for task in self.tasks.values())

    def turn(self, event: Event) -> Decision:
        decision = decide(self.view(event), event, self.now_s)
        self.execution = decision.execution
        for task in decision.tasks:
            self.tasks[task.index] = task
        if decision.cancel_pending:
            for index, task in list(self.tasks.items()):
                if task.state is TaskState.PENDING:
                    self.tasks[index] = replace(task, state=TaskState.CANCELLED, completion_time_s=self.now_s)
        for record in decision.attempts:
            assert record.uid not in self.attempts  # an attempt ends once
            self.attempts[record.uid] = record
        self.first_unborn = decision.first_unborn
        for command in decision.commands:
            if isinstance(command, StartAttempts):
                self.starts += command.attempts
        pending = sum(task.state is TaskState.PENDING for task in self.tasks.values())
        assert decision.in_flight == self.in_flight
        assert decision.pending_rows == pending
        return decision

    # -- what can happen ------------------------------------------------------------------------------------------

    def create(self) -> Decision:
        return self.turn(Created())

    def wake(self, now_s: float) -> Decision:
        self.now_s = now_s
        return self.turn(Woken())

    def cancel(self, reason: str = "user") -> Decision:
        return self.turn(CancelRequested(reason=reason))

    def start(self, *indexes: int) -> Decision:
        return self.turn(
            Reported(
                reports=tuple(
                    AttemptStarted(index=index, attempt_uid=self.tasks[index].attempt_uid, at_s=self.now_s)
                    for index in indexes
                )
            )
        )

    def ended(
        self, index: int, outcome: AttemptResult, *, ran: bool = True, may_have_run: bool = False
    ) -> AttemptEnded:
        return AttemptEnded(
            index=index,
            attempt_uid=self.tasks[index].attempt_uid,
            at_s=self.now_s,
            result=outcome,
            started_at_s=self.now_s if ran else None,
            may_have_run=may_have_run,
        )

    def end(self, index: int, outcome: AttemptResult, *, ran: bool = True, may_have_run: bool = False) -> Decision:
        return self.turn(Reported(reports=(self.ended(index, outcome, ran=ran, may_have_run=may_have_run),)))
