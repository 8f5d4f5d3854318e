"""The checkers can fail: a runtime with a defect is found within a few hundred seeds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from hakobune.core.jobs import decide, states
from hakobune.core.jobs.model import ResultKind
from hakobune.runtime import executions
from hakobune.runtime.attempts import Attempts
from hakobune.runtime.programs import Programs
from hakobune.runtime.runs import Runs
from hakobune.runtime.wheel import Wheel
from hakobune.store.api import OutboxCommand
from hakobune.store.sqlite.outbox import SqliteOutbox
from hakobune.testing import faults, simulator
from hakobune.testing.simulator import Part, SimulationFailed, run_seed

FIRST = 70_000
SEEDS_MAX = 300

Patch = pytest.MonkeyPatch


def no_filter_on_repeated_starts(patch: Patch) -> None:
    original = Attempts.start

    async def start(self: Attempts, command: OutboxCommand, lane: Any, wanted: Any) -> None:
        await original(self, replace(command, id=0, epoch=1, is_repeat=False), lane, wanted)

    patch.setattr(Attempts, "start", start)


def acknowledgements_race_repeated_starts(patch: Patch) -> None:
    class Open:
        async def __aenter__(self) -> None: ...

        async def __aexit__(self, *_: object) -> None: ...

    original = Attempts.__init__

    def init(self: Attempts, *arguments: Any) -> None:
        original(self, *arguments)
        self._acknowledging = Open()  # type: ignore[assignment]

    patch.setattr(Attempts, "__init__", init)


def calls_do_not_wait_for_the_connection(patch: Patch) -> None:
    async def begin(self: Attempts) -> None:
        self._calls += 1

    patch.setattr(Attempts, "_begin_call", begin)


def the_outbox_forgets_commands_at_a_crash(patch: Patch) -> None:
    original = faults.draw

    def claim(self: SqliteOutbox, owner: str, **_: object) -> list[OutboxCommand]:
        return []

    patch.setattr(SqliteOutbox, "claim", claim)
    patch.setattr(faults, "draw", lambda rng: replace(original(rng), crash_at_commit=0.3))


def stops_are_dropped(patch: Patch) -> None:
    original = Wheel._enqueue
    patch.setattr(
        Wheel,
        "_enqueue",
        lambda self, commands: original(self, [one for one in commands if one.kind != executions.STOP]),
    )


def one_retry_too_many(patch: Patch) -> None:
    def may_retry(self: Any, task: Any, result: Any) -> bool:
        return task.retried <= self.execution.template.max_retries

    patch.setattr(decide._Turn, "_may_retry", may_retry)


def retries_are_counted_twice(patch: Patch) -> None:
    original = decide._Turn._requeue

    def requeue(self: Any, task: Any) -> None:
        original(self, replace(task, retried=task.retried + int(task.retried > 0)))

    patch.setattr(decide._Turn, "_requeue", requeue)


def losses_use_up_retries(patch: Patch) -> None:
    original = decide._Turn._settle

    def settle(self: Any, task: Any, result: Any, **rest: Any) -> None:
        if result.kind is ResultKind.LOST:
            result = replace(result, kind=ResultKind.EXIT, exit_code=1)
        original(self, task, result, **rest)

    patch.setattr(decide._Turn, "_settle", settle)


def doubled_reports_are_believed(patch: Patch) -> None:
    original = decide._Turn.report

    def report(self: Any, found: Any) -> None:
        task = self.tasks.get(found.index) or self.view.named.get(found.index)
        if task is not None and task.state is states.TaskState.RUNNING:
            found = replace(found, attempt_uid=task.attempt_uid)
        original(self, found)

    patch.setattr(decide._Turn, "report", report)


def parallelism_is_ignored(patch: Patch) -> None:
    original = Programs._make_lane

    async def make_lane(self: Programs, execution: Any) -> Any:
        return replace(await original(self, execution), width=execution.task_count)

    patch.setattr(Programs, "_make_lane", make_lane)


def updates_reach_running_executions(patch: Patch) -> None:
    original = Programs._make_lane

    async def make_lane(self: Programs, execution: Any) -> Any:
        job = await self._store.read(lambda tx: tx.jobs.job_by_uid(execution.job_uid))
        width = job.template.parallelism or job.template.task_count if job else execution.parallelism
        return replace(await original(self, execution), width=width)

    patch.setattr(Programs, "_make_lane", make_lane)


def lost_attempts_stay_lost(patch: Patch) -> None:
    async def settle(self: Attempts) -> None:
        for observer in self._observers:
            observer.opened(await self._engine.open())

    patch.setattr(Attempts, "settle", settle)
    patch.setattr(simulator, "TIME_MAX_S", 30_000.0)


def backoffs_are_slept_through(patch: Patch) -> None:
    async def fire(self: Wheel) -> float:
        return 1e6

    patch.setattr(Wheel, "_fire", fire)
    patch.setattr(simulator, "TIME_MAX_S", 30_000.0)


def a_token_is_read_with_every_update(patch: Patch) -> None:
    patch.setattr(Runs, "wants_token_run", lambda self, turn, job: bool(job.start_execution_token))


def keys_are_not_kept(patch: Patch) -> None:
    from hakobune.store.sqlite.operations import SqliteOperationsWrite

    patch.setattr(SqliteOperationsWrite, "keep_key", lambda *arguments: None)


def a_deleted_job_keeps_its_executions(patch: Patch) -> None:
    from hakobune.runtime import jobs

    patch.setattr(jobs, "_remove", lambda turn, uid: turn.tx.jobs.hide_execution(uid))


def a_rerun_runs_everything(patch: Patch) -> None:
    from hakobune.core.jobs.model import Task
    from hakobune.runtime import jobs

    def carried(task: Task) -> Task:
        return Task(index=task.index, state=states.TaskState.PENDING, attempt=task.attempt)

    patch.setattr(jobs, "_carried", carried)


def an_error_of_a_performer_ends_the_wheel(patch: Patch) -> None:
    from hakobune.runtime.rooms import Rooms

    async def judge(self: Rooms, command: object, error: Exception, failures: int) -> None:
        raise error

    patch.setattr(Rooms, "judge", judge)


def what_cannot_be_performed_is_forgotten(patch: Patch) -> None:
    from hakobune.runtime.rooms import Rooms, Verdict

    async def judge(self: Rooms, command: object, error: Exception, failures: int) -> Verdict:
        return Verdict.SETTLED

    patch.setattr(Rooms, "judge", judge)


MUTATIONS: list[Callable[[Patch], None]] = [
    no_filter_on_repeated_starts,
    acknowledgements_race_repeated_starts,
    calls_do_not_wait_for_the_connection,
    the_outbox_forgets_commands_at_a_crash,
    stops_are_dropped,
    one_retry_too_many,
    retries_are_counted_twice,
    losses_use_up_retries,
    doubled_reports_are_believed,
    parallelism_is_ignored,
    updates_reach_running_executions,
    lost_attempts_stay_lost,
    backoffs_are_slept_through,
    a_token_is_read_with_every_update,
    keys_are_not_kept,
    a_deleted_job_keeps_its_executions,
    a_rerun_runs_everything,
    an_error_of_a_performer_ends_the_wheel,
    what_cannot_be_performed_is_forgotten,
]
# Of defects that only a late seed finds, that seed is tried first. When the world changes, and it finds nothing any more,
# the others follow: then it is time to note another one.
LATE: dict[Callable[[Patch], None], int] = {
    acknowledgements_race_repeated_starts: 70_017,
    calls_do_not_wait_for_the_connection: 70_024,
    the_outbox_forgets_commands_at_a_crash: 70_092,
    stops_are_dropped: 70_009,
    losses_use_up_retries: 70_005,
    doubled_reports_are_believed: 70_007,
    updates_reach_running_executions: 70_019,
    lost_attempts_stay_lost: 70_007,
    backoffs_are_slept_through: 70_010,
    a_deleted_job_keeps_its_executions: 70_002,
    a_rerun_runs_everything: 70_010,
    an_error_of_a_performer_ends_the_wheel: 70_004,
    what_cannot_be_performed_is_forgotten: 70_208,
}


@pytest.fixture
def _short(monkeypatch: Patch) -> Iterator[None]:
    """What a defect keeps from its end is given up sooner."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(simulator, "TIME_MAX_S", 20_000.0)
        yield
        monkeypatch.undo()  # before the time is as it was


@pytest.mark.usefixtures("_short")
@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.__name__)
def test_given_a_defect_when_seeds_are_run_then_one_finds_it(
    mutation: Callable[[Patch], None], monkeypatch: Patch
) -> None:
    mutation(monkeypatch)
    for seed in sorted(range(FIRST, FIRST + SEEDS_MAX), key=lambda seed: seed != LATE.get(mutation)):
        try:
            run_seed(seed, part=Part.JOBS)
        except SimulationFailed:
            monkeypatch.undo()
            run_seed(seed, part=Part.JOBS)  # it was the defect: without it the same world holds
            return
    pytest.fail(f"{SEEDS_MAX} seeds found nothing")
