"""Turns of one execution: load the view, decide, save, leave the commands in the outbox."""

from __future__ import annotations

import json
from collections.abc import Sequence

from hakobune.core.jobs import limits
from hakobune.core.jobs.decide import Created, Decision, Event, StartAttempts, StopAttempts, WakeAt, decide
from hakobune.core.jobs.model import Execution, Task
from hakobune.core.jobs.states import FINAL_EXECUTION_STATES
from hakobune.core.operations import last_picture
from hakobune.runtime.wheel import Turn
from hakobune.store.api import OutboxCommand

ROOM = "jobs"
START = "start"
STOP = "stop"
DELETE_FILES = "delete_files"
PREPARE = "prepare"
FORGET_JOB = "forget_job"


def begin(turn: Turn, execution: Execution, carried: Sequence[Task] = ()) -> Execution:
    """Store a new execution and hand over its first attempts, in one turn."""
    turn.tx.jobs.add_execution(execution, carried)
    decision = apply(turn, execution.uid, Created())
    assert decision is not None  # it was stored in this turn
    return decision.execution


def apply(turn: Turn, execution_uid: str, event: Event, named: Sequence[int] = ()) -> Decision | None:
    """Let `event` happen to an execution. None if the execution is gone."""
    view = turn.tx.jobs.load_view(execution_uid, named, turn.now_s)
    if view is None:
        return None
    decision = decide(view, event, turn.now_s)
    turn.tx.jobs.save(decision)
    for command in decision.commands:
        match command:
            case StartAttempts():
                turn.emit(ROOM, execution_uid, START, json.dumps(command.attempts))
            case StopAttempts():
                turn.emit(ROOM, execution_uid, STOP)
            case WakeAt():
                turn.wake_at(ROOM, execution_uid, command.at_s)
    if view.execution.state not in FINAL_EXECUTION_STATES and decision.execution.state in FINAL_EXECUTION_STATES:
        _after_end(turn, decision.execution)
    return decision


def _after_end(turn: Turn, execution: Execution) -> None:
    turn.tx.timers.clear(ROOM, execution.uid)
    if turn.tx.jobs.is_hidden(execution.uid):
        purge(turn, execution.uid)
    for uid in turn.tx.jobs.surplus_executions(execution.job_uid, limits.COMPLETED_EXECUTIONS_KEPT):
        # Nobody repeats a request after so many executions. A user's delete keeps the key: a repeat may be on its way.
        surplus = turn.tx.jobs.execution_by_uid(uid)
        assert surplus is not None  # read in this turn
        turn.tx.operations.forget_keys_of(surplus.job_uid, surplus.operation_id)
        purge(turn, uid)


def attempt_uids(command: OutboxCommand) -> list[str]:
    """The attempts that a START command hands over."""
    return [uid for uid, _, _ in json.loads(command.payload)]


def purge(turn: Turn, execution_uid: str) -> None:
    """Remove an ended execution; its operations keep its last picture, its logs and checkpoints go next."""
    execution = turn.tx.jobs.execution_by_uid(execution_uid)
    if execution is None:
        return
    turn.tx.operations.keep_picture(last_picture(execution))
    turn.tx.jobs.purge_execution(execution_uid)
    place = (execution.job_uid, execution.name.job, execution.name.execution)
    turn.emit(ROOM, execution_uid, DELETE_FILES, json.dumps(place))
    if turn.tx.jobs.job_by_uid(execution.job_uid) is None:
        forget_job(turn, execution.job_uid)


def forget_job(turn: Turn, job_uid: str) -> None:
    """A deleted job and its last execution are gone: what is left of it goes next."""
    turn.tx.clear_meta(token_key(job_uid))
    turn.emit(ROOM, job_uid, FORGET_JOB)


def token_key(job_uid: str) -> str:
    """Where the store keeps the token by which a job's declaration began its last execution."""
    return f"token:{job_uid}"
