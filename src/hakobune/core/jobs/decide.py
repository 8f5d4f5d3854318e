"""What happens next in an execution: pure, over a view of bounded size.

The view holds the execution's own row, the tasks that the event speaks of, and the next tasks that may start. Tasks
that were never handed to the engine have no row yet: they are the indexes from `first_unborn` up, all PENDING. So the
first task of 10,000 starts as soon as the first of 1.
"""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from hakobune.core.jobs import limits
from hakobune.core.jobs.events import (
    AttemptEnded,
    AttemptStarted,
    CancelRequested,
    Command,
    Created,
    Decision,
    Event,
    Reported,
    StartAttempts,
    StopAttempts,
    View,
    WakeAt,
    Woken,
)
from hakobune.core.jobs.model import AttemptRecord, AttemptResult, Cause, Counts, Execution, ResultKind, Task
from hakobune.core.jobs.states import (
    ExecutionSignal,
    ExecutionState,
    TaskSignal,
    TaskState,
    next_execution_state,
    next_task_state,
)

__all__ = [
    "AttemptEnded",
    "AttemptStarted",
    "CancelRequested",
    "Command",
    "Created",
    "Decision",
    "Event",
    "Reported",
    "StartAttempts",
    "StopAttempts",
    "View",
    "WakeAt",
    "Woken",
    "backoff_s",
    "decide",
    "window",
]


def window(execution: Execution) -> int:
    """How many attempts the engine may hold of this execution, waiting ones included."""
    return execution.parallelism + limits.LOOKAHEAD


def decide(view: View, event: Event, now_s: float) -> Decision:
    """Return what changes after `event`, and what the runtime must do about it."""
    turn = _Turn(view, now_s)
    match event:
        case Created() | Woken():
            pass
        case Reported():
            for report in event.reports:
                turn.report(report)
        case CancelRequested():
            turn.cancel(event.reason)
        case _:
            assert_never(event)
    turn.fill()
    turn.finish()
    return turn.decision()


def backoff_s(base_s: float, retried: int) -> float:
    """Seconds to wait before retry number `retried` (>= 1): base, doubled each time, at most BACKOFF_MAX_S."""
    return min(limits.BACKOFF_MAX_S, base_s * 2.0 ** min(retried - 1, 30))


class _Turn:
    """The working copy of one decision. Lives for one call of `decide`."""

    def __init__(self, view: View, now_s: float) -> None:
        self.view = view
        self.now_s = now_s
        self.execution = view.execution
        self.state = view.execution.state
        self.in_flight = view.in_flight
        self.pending_rows = view.pending_rows
        self.first_unborn = view.first_unborn
        self.running = view.execution.counts.running
        self.succeeded = view.execution.counts.succeeded
        self.failed = view.execution.counts.failed
        self.cancelled = view.execution.counts.cancelled
        self.retried = view.execution.counts.retried
        self.attempts_ended = view.execution.counts.attempts_ended
        self.tasks: dict[int, Task] = {}
        self.attempts: list[AttemptRecord] = []
        self.last_end_s: float | None = None  # of the tasks that ended in this turn
        self.cancel_pending = False
        self.wake_at_s = view.next_ready_s
        self.requeued: list[Task] = []
        self.commands: list[Command] = []

    # -- reports ------------------------------------------------------------------------------------------------

    def report(self, report: AttemptStarted | AttemptEnded) -> None:
        task = self.tasks.get(report.index) or self.view.named.get(report.index)
        if task is None or task.state is not TaskState.RUNNING or task.attempt_uid != report.attempt_uid:
            return  # a doubled or late report: nobody waits for it
        match report:
            case AttemptStarted():
                self._started(task, report.at_s)
            case AttemptEnded():
                self._ended(task, report)
            case _:
                assert_never(report)

    def _started(self, task: Task, at_s: float) -> None:
        if task.is_running:
            return
        self._count_start(at_s)
        self.tasks[task.index] = replace(
            task,
            is_running=True,
            attempt_start_s=at_s,
            start_time_s=at_s if task.start_time_s is None else task.start_time_s,
        )

    def _count_start(self, at_s: float) -> None:
        self.running += 1
        if self.execution.first_start_time_s is None:
            self.execution = replace(self.execution, first_start_time_s=at_s)

    def _ended(self, task: Task, report: AttemptEnded) -> None:
        started_at_s = task.attempt_start_s
        if not task.is_running and report.started_at_s is not None:
            started_at_s = report.started_at_s
            self._count_start(started_at_s)
        has_run = task.is_running or report.started_at_s is not None
        self.in_flight -= 1
        if has_run:
            self.running -= 1
        cancelling = self.state is ExecutionState.CANCELLING
        result = report.result
        if cancelling and result.kind is not ResultKind.SUCCESS:
            result = AttemptResult(kind=ResultKind.CANCELLED)
        elif not cancelling and result.kind is ResultKind.CANCELLED:
            result = AttemptResult(kind=ResultKind.LOST)  # stopped, but not by its execution: the platform's doing
        never_ran = not has_run and not report.may_have_run
        if not never_ran or result.kind not in (ResultKind.LOST, ResultKind.CANCELLED):
            self.attempts_ended += 1
            self.attempts.append(_record(task, report, started_at_s))
        at_rest = replace(
            task,
            is_running=False,
            attempt_uid="",
            attempt_create_s=None,
            attempt_start_s=None,
            start_time_s=started_at_s if task.start_time_s is None else task.start_time_s,
        )
        self._settle(at_rest, result, never_ran=never_ran, at_s=report.at_s)

    def _settle(self, task: Task, result: AttemptResult, *, never_ran: bool, at_s: float) -> None:
        """Move a task whose attempt is over to its next state."""
        if result.kind is ResultKind.SUCCESS:
            self.succeeded += 1
            self._final(task, TaskSignal.EXIT_OK, result, at_s)
        elif result.kind is ResultKind.CANCELLED:
            self.cancelled += 1
            self._final(task, TaskSignal.STOPPED, result, at_s)
        elif result.kind is ResultKind.LOST and task.lost < limits.LOSSES_MAX:
            back = replace(
                task,
                state=next_task_state(task.state, TaskSignal.LOST),
                attempt=task.attempt - 1 if never_ran else task.attempt,
                lost=task.lost + 1,
                cause=task.cause if never_ran else Cause.LOST,
                result=task.result if never_ran else result,
            )
            self._requeue(back)
        elif self._may_retry(task, result):
            if task.retried == 0:
                self.retried += 1
            base_s = self.execution.policy.backoff_s
            wait_s = backoff_s(base_s, task.retried + 1) if base_s > 0 else 0.0
            back = replace(
                task,
                state=next_task_state(task.state, TaskSignal.EXIT_RETRY),
                retried=task.retried + 1,
                cause=Cause.RETRY,
                result=result,
                not_before_s=self.now_s + wait_s if wait_s else None,
            )
            self._requeue(back)
        else:
            self.failed += 1
            if self.execution.failure is None:
                self.execution = replace(self.execution, failure=result, failure_index=task.index)
            self._final(task, TaskSignal.EXIT_FINAL, result, at_s)
            most = self.execution.policy.max_failed_tasks
            if most is not None and self.failed > most and self.state is ExecutionState.RUNNING:
                self.cancel("max_failed_tasks")

    def _may_retry(self, task: Task, result: AttemptResult) -> bool:
        # A program that cannot be started will not start the next time either.
        if result.kind in (ResultKind.START_FAILED, ResultKind.LOST):
            return False
        return task.retried < self.execution.template.max_retries

    def _final(self, task: Task, signal: TaskSignal, result: AttemptResult, at_s: float) -> None:
        self._note_end(at_s)
        self.tasks[task.index] = replace(
            task,
            state=next_task_state(task.state, signal),
            result=result,
            completion_time_s=at_s,
            not_before_s=None,
        )

    def _note_end(self, at_s: float) -> None:
        self.last_end_s = at_s if self.last_end_s is None else max(self.last_end_s, at_s)

    def _requeue(self, task: Task) -> None:
        self.tasks[task.index] = task
        self.pending_rows += 1
        if task.not_before_s is None:
            self.requeued.append(task)
        elif self.wake_at_s is None or task.not_before_s < self.wake_at_s:
            self.wake_at_s = task.not_before_s

    # -- cancel, fill, finish -----------------------------------------------------------------------------------

    def cancel(self, reason: str) -> None:
        """From now on nothing starts. Raises nothing: a second request only adds its reason if it is a delete."""
        if self.state is not ExecutionState.RUNNING:
            return
        self.state = next_execution_state(self.state, ExecutionSignal.CANCEL)
        self.execution = replace(self.execution, cancel_reason=reason, generation=self.execution.generation + 1)
        self.commands.append(StopAttempts())

    def fill(self) -> None:
        """Hand the engine what it may hold; after a cancel, drop what never started."""
        if self.state is ExecutionState.CANCELLING:
            self._drop_pending()
            return
        if self.state is not ExecutionState.RUNNING:
            return
        room = window(self.execution) - self.in_flight
        starts: list[tuple[str, int, int]] = []
        waiting = sorted((*self.view.ready, *self.requeued), key=lambda task: task.index)
        for task in waiting[: max(0, room)]:
            self.pending_rows -= 1
            starts.append(self._hand_over(task))
        while len(starts) < room and self.first_unborn < self.execution.task_count:
            starts.append(self._hand_over(Task(index=self.first_unborn, state=TaskState.PENDING)))
            self.first_unborn += 1
        if starts:
            self.commands.append(StartAttempts(attempts=tuple(starts)))
        if self.wake_at_s is not None:
            self.commands.append(WakeAt(at_s=self.wake_at_s))

    def _hand_over(self, task: Task) -> tuple[str, int, int]:
        number = task.attempt + 1
        uid = f"{self.execution.uid}.{task.index}.{task.handed_over}"
        task = replace(
            task,
            state=next_task_state(task.state, TaskSignal.START),
            attempt=number,
            attempt_uid=uid,
            attempt_create_s=self.now_s,
            handed_over=task.handed_over + 1,
            not_before_s=None,
        )
        self.in_flight += 1
        self.tasks[task.index] = task
        return uid, task.index, number

    def _drop_pending(self) -> None:
        unborn = self.execution.task_count - self.first_unborn
        if self.pending_rows + unborn:
            self._note_end(self.now_s)
        self.cancelled += self.pending_rows + unborn
        # Requeued tasks of this very turn are rows of `tasks`; the others are changed where they lie.
        for task in self.requeued:
            self._cancel_row(task)
        self.cancel_pending = self.pending_rows > len(self.requeued)
        self.requeued = []
        self.pending_rows = 0
        self.first_unborn = self.execution.task_count

    def _cancel_row(self, task: Task) -> None:
        self.tasks[task.index] = replace(
            task,
            state=next_task_state(task.state, TaskSignal.CANCEL),
            completion_time_s=self.now_s,
            not_before_s=None,
        )

    def finish(self) -> None:
        """End the execution when every task has ended."""
        if self.state not in (ExecutionState.RUNNING, ExecutionState.CANCELLING):
            return
        if self.succeeded + self.failed + self.cancelled < self.execution.task_count:
            return
        if self.state is ExecutionState.CANCELLING:
            cut = self.execution.cancel_reason == "max_failed_tasks"
            signal = ExecutionSignal.TOO_MANY_FAILED if cut else ExecutionSignal.ALL_STOPPED
        else:
            signal = ExecutionSignal.SOME_FAILED if self.failed else ExecutionSignal.ALL_SUCCEEDED
        self.state = next_execution_state(self.state, signal)
        self.execution = replace(self.execution, completion_time_s=self._completion_s())

    def _completion_s(self) -> float:
        """When the last task ended, which may be long ago if the runtime was away. The engine reports ends in their
        order, so the last one is among those of this turn; but tasks that were dropped by an earlier turn of a cancel
        ended then. Never before the start."""
        ends = [self.now_s if self.last_end_s is None else self.last_end_s, self.execution.create_time_s]
        if self.execution.first_start_time_s is not None:
            ends.append(self.execution.first_start_time_s)
        if self.view.execution.state is ExecutionState.CANCELLING:
            ends.append(self.view.execution.update_time_s)
        return max(ends)

    def decision(self) -> Decision:
        counts = Counts(
            running=self.running,
            succeeded=self.succeeded,
            failed=self.failed,
            cancelled=self.cancelled,
            retried=self.retried,
            attempts_ended=self.attempts_ended,
        )
        return Decision(
            execution=replace(self.execution, state=self.state, counts=counts, update_time_s=self.now_s),
            tasks=tuple(self.tasks[index] for index in sorted(self.tasks)),
            attempts=tuple(self.attempts),
            in_flight=self.in_flight,
            pending_rows=self.pending_rows,
            first_unborn=self.first_unborn,
            cancel_pending=self.cancel_pending,
            commands=tuple(self.commands),
        )


def _record(task: Task, report: AttemptEnded, started_at_s: float | None) -> AttemptRecord:
    """What is kept of the attempt that the engine held."""
    return AttemptRecord(
        uid=task.attempt_uid,
        index=task.index,
        number=task.attempt,
        cause=task.cause,
        create_time_s=report.at_s if task.attempt_create_s is None else task.attempt_create_s,
        start_time_s=started_at_s,
        end_time_s=report.at_s,
        result=report.result,
        max_rss_bytes=report.max_rss_bytes,
        cpu_s=report.cpu_s,
    )
