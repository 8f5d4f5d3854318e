"""The jobs room as a party of the engine: attempts of tasks."""

from __future__ import annotations

from collections.abc import Sequence

from hakobune.core.jobs.decide import AttemptEnded, AttemptStarted, Reported
from hakobune.core.jobs.model import AttemptResult, ResultKind
from hakobune.engines.api import Ended, EndKind, Report, Started
from hakobune.runtime import executions
from hakobune.runtime.attempts import attempt_index
from hakobune.runtime.wheel import Turn
from hakobune.store.api import OutboxCommand, ReadTx, WriteTx

_RESULTS = {
    EndKind.SIGNALED: ResultKind.SIGNAL,
    EndKind.TIMED_OUT: ResultKind.TIMEOUT,
    EndKind.OUT_OF_MEMORY: ResultKind.MEMORY,
    EndKind.STOPPED: ResultKind.CANCELLED,
    EndKind.NOT_STARTED: ResultKind.START_FAILED,
    EndKind.LOST: ResultKind.LOST,
}


def result_of(ended: Ended) -> AttemptResult:
    """An engine's word in the words of the jobs room."""
    if ended.kind is EndKind.EXITED:
        if ended.exit_code == 0:
            return AttemptResult(kind=ResultKind.SUCCESS, exit_code=0, detail=ended.detail)
        return AttemptResult(kind=ResultKind.EXIT, exit_code=ended.exit_code, detail=ended.detail)
    return AttemptResult(kind=_RESULTS[ended.kind], signal=ended.signal, detail=ended.detail)


def _event_of(report: Report) -> AttemptStarted | AttemptEnded:
    index = attempt_index(report.attempt_uid)
    if isinstance(report, Started):
        return AttemptStarted(index=index, attempt_uid=report.attempt_uid, at_s=report.at_s)
    return AttemptEnded(
        index=index,
        attempt_uid=report.attempt_uid,
        at_s=report.at_s,
        result=result_of(report),
        started_at_s=report.started_at_s,
        max_rss_bytes=report.max_rss_bytes,
        cpu_s=report.cpu_s,
    )


class JobAttempts:
    """Implements `attempts.Party`: the lanes are executions."""

    room = executions.ROOM
    start = executions.START

    def owns(self, lane_uid: str) -> bool:
        """Every lane that nobody else has."""
        del lane_uid
        return True

    def attempt_uids(self, command: OutboxCommand) -> Sequence[str]:
        """What a START command hands over."""
        return executions.attempt_uids(command)

    def held(self, tx: ReadTx | WriteTx) -> Sequence[str]:
        """Attempts that are believed to be with the engine."""
        return [found.attempt_uid for found in tx.jobs.held_attempts()]

    def take(self, turn: Turn, lane_uid: str, reports: Sequence[Report]) -> None:
        """What the engine reports of an execution."""
        events = tuple(map(_event_of, reports))
        executions.apply(turn, lane_uid, Reported(reports=events), [event.index for event in events])

    def lose(self, turn: Turn, lane_uid: str, attempt_uids: Sequence[str]) -> None:
        """The engine has lost these attempts: nobody knows whether they ran."""
        reports = tuple(
            AttemptEnded(
                index=attempt_index(uid),
                attempt_uid=uid,
                at_s=turn.now_s,
                result=AttemptResult(kind=ResultKind.LOST),
                may_have_run=True,
            )
            for uid in attempt_uids
        )
        executions.apply(turn, lane_uid, Reported(reports=reports), [report.index for report in reports])
