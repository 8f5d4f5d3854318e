"""What must be true of every history, whatever went wrong: the runtime's books against what really ran."""

from __future__ import annotations

from collections import Counter, defaultdict

from hakobune.core.jobs.model import Execution, ResultKind, Task
from hakobune.core.jobs.states import FINAL_EXECUTION_STATES, FINAL_TASK_STATES, ExecutionState, TaskState
from hakobune.core.names import JobName
from hakobune.engines.api import EndKind
from hakobune.runtime.rooms import PAUSE_MAX_S
from hakobune.store.api import Page, Store
from hakobune.testing.engine import Run
from hakobune.testing.flow_plans import JOB
from hakobune.testing.plans import LOCATION, PROJECT, Declaration, JobPlan, RunPlan, Scenario
from hakobune.testing.world import World

# SIGTERM, 10 s of grace, and some tries of a command that was refused, of a runtime that starts again.
_STOP_WITHIN_S = 30.0


class Violation(AssertionError):
    """A promise was broken."""


def demand(holds: bool, text: str) -> None:
    """Raises Violation if a promise does not hold."""
    if not holds:
        raise Violation(text)


async def check(world: World, scenario: Scenario) -> None:
    """Raises Violation with the first broken promise."""
    store = world.look()
    by_lane: dict[str, list[Run]] = defaultdict(list)
    for item in world.engine.history:
        by_lane[item.lane_uid].append(item)
    seen: set[str] = set()
    for run in scenario.runs:
        _check_stop(world, run, by_lane[run.uid])
        execution = await _execution(store, run.uid)
        if run.was_deleted or run.job.deleted_at_s is not None:
            demand(execution is None, f"{run.execution}: deleted, and there again")
            continue
        demand(run.is_accepted, f"{run.key}: never accepted")
        if execution is None:
            raise Violation(f"{run.execution}: accepted, and gone")
        name = execution.name
        demand(execution.uid not in seen, f"{name}: two keys, one execution")
        seen.add(execution.uid)
        tasks = await _tasks(store, execution)
        declared = run.job.declarations[execution.job_generation - 1]
        _check_books(declared, execution, tasks)
        is_cursed = execution.uid in world.luck.cursed_subjects
        _check_truth(run, declared, execution, tasks, by_lane[execution.uid], is_cursed=is_cursed)
        _check_bounds(run, declared, by_lane[execution.uid])
    for job in scenario.jobs:
        await _check_job(store, job)
    under_way = await store.read(lambda tx: tx.jobs.executions_under_way())
    demand(not under_way, f"still under way: {under_way}")
    everything = await store.read(lambda tx: tx.jobs.list_executions(PROJECT, None, None, Page(limit=1000)))
    demand({item.uid for item in everything if item.name.job != JOB} == seen, "an execution that nobody asked for")
    demand(all(item.end_s is not None for item in world.engine.history), "a process still runs")


async def _check_job(store: Store, job: JobPlan) -> None:
    name = JobName(project=PROJECT, location=LOCATION, job=job.name)
    found = await store.read(lambda tx: tx.jobs.find_job(name))
    demand((found is None) == (job.deleted_at_s is not None), f"{job.name}: deleted and there, or gone by itself")
    generations = len(job.declarations)
    demand(found is None or found.generation == generations, f"{job.name}: not of generation {generations}")


async def _execution(store: Store, uid: str) -> Execution | None:
    return await store.read(lambda tx: tx.jobs.execution_by_uid(uid))


async def _tasks(store: Store, execution: Execution) -> list[Task]:
    return await store.read(lambda tx: tx.jobs.list_tasks(execution, Page(limit=execution.task_count)))


def _check_stop(world: World, run: RunPlan, runs: list[Run]) -> None:
    """Nothing of a stopped execution runs on: counted from the answer, or from when the world became kind."""
    stopped = [at_s for at_s in (run.stopped_at_s, run.job.deleted_at_s) if at_s is not None]
    if stopped:
        pause_s = PAUSE_MAX_S if world.luck.cursed_subjects else 0.0
        last_s = max(min(stopped), world.kind_since_s) + _STOP_WITHIN_S + pause_s
        late = [item.index for item in runs if item.end_s is None or item.end_s > last_s]
        demand(not late, f"{run.execution}: stopped, and indexes {late} ran on")


def _check_books(declared: Declaration, execution: Execution, tasks: list[Task]) -> None:
    """Counts, states and operations agree with each other."""
    name, counts = execution.name.execution, execution.counts
    demand(execution.state in FINAL_EXECUTION_STATES, f"{name}: {execution.state}")
    demand(execution.completion_time_s is not None, f"{name}: ended without an instant")
    demand(execution.task_count == declared.tasks, f"{name}: {execution.task_count} tasks, {declared.tasks} declared")
    demand([task.index for task in tasks] == list(range(declared.tasks)), f"{name}: indexes are missing or doubled")
    demand(all(task.state in FINAL_TASK_STATES for task in tasks), f"{name}: a task has not ended")
    states = Counter(task.state for task in tasks)
    told = (counts.succeeded, counts.failed, counts.cancelled, counts.running)
    real = (states[TaskState.SUCCEEDED], states[TaskState.FAILED], states[TaskState.CANCELLED], 0)
    demand(told == real, f"{name}: counts {told}, tasks {real}")
    demand(counts.retried == sum(task.retried > 0 for task in tasks), f"{name}: retried {counts.retried}")
    demand(all(task.retried <= declared.max_retries for task in tasks), f"{name}: more retries than allowed")
    expected = ExecutionState.SUCCEEDED
    if execution.cancel_reason == "user":
        expected = ExecutionState.CANCELLED
    elif execution.cancel_reason == "max_failed_tasks" or counts.failed:
        expected = ExecutionState.FAILED
    demand(execution.state is expected, f"{name}: {execution.state}, expected {expected}")
    if execution.cancel_reason == "max_failed_tasks":
        demand(declared.max_failed is not None and counts.failed > declared.max_failed, f"{name}: cut without a cause")


def _check_truth(
    run: RunPlan, declared: Declaration, execution: Execution, tasks: list[Task], runs: list[Run], *, is_cursed: bool
) -> None:
    """Outcomes agree with what the processes did. A task fails unstarted only where a command was cursed."""
    name = execution.name.execution
    by_index: dict[int, list[Run]] = defaultdict(list)
    for item in runs:
        by_index[item.index].append(item)
    for task in tasks:
        mine = by_index[task.index]
        good = [item for item in mine if item.ended is not None and item.ended.exit_code == 0]
        where = f"{name} task {task.index}"
        if task.index in run.carried:
            demand(task.state is TaskState.SUCCEEDED and not mine, f"{where}: had succeeded, and ran again")
            continue
        # Only an engine that died may have taken a report with it, so that an outcome is made again in a later life.
        forgotten = [item for item in good if item.is_forgotten]
        if task.state is TaskState.SUCCEEDED:
            demand(bool(good), f"{where}: succeeded, and no process ended with 0")
            demand(len(good) - len(forgotten) <= 1, f"{where}: {len(good)} successes in one life of the engine")
        if task.state is TaskState.FAILED:
            demand(len(good) == len(forgotten), f"{where}: failed, though a process ended with 0")
            kinds = {ResultKind.EXIT, ResultKind.SIGNAL, ResultKind.TIMEOUT, ResultKind.LOST}
            if is_cursed:
                kinds.add(ResultKind.START_FAILED)
            demand(task.result is not None and task.result.kind in kinds, f"{where}: failed without a cause")
        if execution.cancel_reason == "" and task.state is TaskState.CANCELLED:
            raise Violation(f"{where}: cancelled, and nobody asked")
        failures = [item for item in mine if item.ended is not None and _is_users_failure(item)]
        allowed = declared.max_retries + 1 + task.lost
        demand(len(failures) <= allowed, f"{where}: failed {len(failures)} times, {allowed} allowed")
        unearned = (ResultKind.LOST, ResultKind.START_FAILED)
        if task.result is not None and task.state is TaskState.FAILED and task.result.kind not in unearned:
            demand(len(failures) > declared.max_retries, f"{where}: given up after {len(failures)} failures")
        numbers = [item.number for item in mine]
        demand(numbers == sorted(set(numbers)), f"{where}: attempt numbers {numbers} do not rise")


def _is_users_failure(run: Run) -> bool:
    ended = run.ended
    assert ended is not None
    if ended.kind is EndKind.EXITED:
        return ended.exit_code != 0
    return ended.kind in (EndKind.SIGNALED, EndKind.TIMED_OUT)


def _check_bounds(plan: RunPlan, declared: Declaration, runs: list[Run]) -> None:
    """Never more at once than the parallelism, and no index twice at once."""
    where = plan.execution.rpartition("/")[2]
    edges: list[tuple[float, int, int]] = []
    for run in runs:
        assert run.end_s is not None  # checked above
        edges += [(run.start_s, 1, run.index), (run.end_s, 0, run.index)]
    running: Counter[int] = Counter()
    width = declared.parallelism or declared.tasks
    for _, is_start, index in sorted(edges):
        running[index] += 1 if is_start else -1
        demand(running[index] <= 1, f"{where}: index {index} ran twice at once")
        demand(running.total() <= width, f"{where}: {running.total()} at once, parallelism {width}")
