"""What a simulated user does: jobs, runs, changes, cancels, deletes, re-runs, with the retries of a careful client."""

from __future__ import annotations

import json
from typing import cast

import anyio

from hakobune.core.jobs.states import FINAL_EXECUTION_STATES, TaskState
from hakobune.store.api import Page
from hakobune.testing.plans import LOCATION, PROJECT, Declaration, JobPlan, RunPlan, Scenario
from hakobune.testing.world import World

_BASE = f"/v2/projects/{PROJECT}/locations/{LOCATION}/jobs"
_RERUN_WITHIN_S = 300.0  # an execution that has not ended by then is not re-run
_PAUSES_S = (0.1, 0.5, 2.0, 5.0)  # between tries, the last one for ever

_Answer = tuple[int, dict[str, object]]


async def play(world: World, scenario: Scenario) -> None:
    """Do all of it; returns when every request has its answer."""
    for job in scenario.jobs:
        status, _ = await ask(world, "POST", f"{_BASE}?jobId={job.name}", _job_body(job, job.declarations[0]))
        expect(status, {200, 409}, f"create {job.name}")
    async with anyio.create_task_group() as group:
        for job in scenario.jobs:
            group.start_soon(_change, world, job)
            if job.delete_after_s is not None:
                group.start_soon(_delete_job, world, job, job.delete_after_s)
        for run in scenario.runs:
            group.start_soon(_run, world, scenario, run)


def _job_body(job: JobPlan, declared: Declaration) -> bytes:
    annotations = {"hakobune.dev/retry-backoff-seconds": str(declared.backoff_s)}
    if declared.max_failed is not None:
        annotations["hakobune.dev/max-failed-tasks"] = str(declared.max_failed)
    container = {"image": "local", "command": ["/bin/true"]}
    task = {"maxRetries": declared.max_retries, "timeout": f"{declared.timeout_s}s", "containers": [container]}
    template = {
        "taskCount": declared.tasks,
        "parallelism": declared.parallelism,
        "annotations": annotations,
        "template": task,
    }
    body: dict[str, object] = {"template": template}
    if job.token:
        body["startExecutionToken"] = job.token
    return json.dumps(body).encode()


# -- requests -----------------------------------------------------------------------------------------------------


def expect(status: int, fine: set[int], what: str) -> None:
    """Raises AssertionError if a call was answered otherwise than it may be."""
    if status not in fine:
        raise AssertionError(f"{what}: answered {status}")


async def ask_once(world: World, method: str, path: str, body: bytes, headers: dict[str, str] | None) -> _Answer | None:
    """One call. None: nobody knows what became of it. 429 and 503 say that nothing did."""
    response = await world.call(method, path, body, headers)
    return None if response is None else (response.status, json.loads(response.content))


async def ask(
    world: World, method: str, path: str, body: bytes = b"{}", headers: dict[str, str] | None = None
) -> _Answer:
    """Repeat a call that may be repeated until somebody answers."""
    tries = 0
    while True:
        answer = await ask_once(world, method, path, body, headers)
        if answer is not None and answer[0] not in (429, 503):
            return answer
        await pause(tries)
        tries += 1


async def pause(tries: int) -> None:
    """Wait before the next try."""
    await anyio.sleep(_PAUSES_S[min(tries, len(_PAUSES_S) - 1)])


# -- jobs ---------------------------------------------------------------------------------------------------------


async def _change(world: World, job: JobPlan) -> None:
    for delay_s, declared in zip(job.update_delays_s, job.declarations[1:], strict=True):
        await anyio.sleep(delay_s)
        status, _ = await ask(world, "PATCH", f"{_BASE}/{job.name}", _job_body(job, declared))
        expect(status, {200, 404} if job.is_doomed else {200}, f"update {job.name}")


async def _delete_job(world: World, job: JobPlan, delay_s: float) -> None:
    await anyio.sleep(delay_s)
    job.is_doomed = True
    status, _ = await ask(world, "DELETE", f"{_BASE}/{job.name}", b"")
    expect(status, {200, 404}, f"delete {job.name}")
    job.deleted_at_s = anyio.current_time()


# -- executions ---------------------------------------------------------------------------------------------------


async def _run(world: World, scenario: Scenario, run: RunPlan) -> None:
    await anyio.sleep(run.delay_s)
    if not await (_begin(world, run) if run.key else _look_for_token_run(world, run)):
        return
    if run.cancel_after_s is not None:
        await anyio.sleep(run.cancel_after_s)
        status, _ = await ask(world, "POST", f"/v2/{run.execution}:cancel")
        expect(status, {200, 400, 404}, f"cancel {run.execution}")
        run.stopped_at_s = anyio.current_time()
    if run.is_rerun_wanted:
        await _rerun(world, scenario, run)
    if run.delete_after_s is not None:
        await anyio.sleep(run.delete_after_s)
        status, _ = await ask(world, "DELETE", f"/v2/{run.execution}", b"")
        expect(status, {200, 404}, f"delete {run.execution}")
        run.was_deleted = True
        run.stopped_at_s = anyio.current_time()


async def _begin(world: World, run: RunPlan) -> bool:
    """Run a job, and ask again with the same key: one execution. False if the job is gone."""
    path, headers = f"{_BASE}/{run.job.name}:run", {"idempotency-key": run.key}
    status, answer = await ask(world, "POST", path, headers=headers)
    if status == 404 and run.job.is_doomed:
        return False
    expect(status, {200}, f"run {run.job.name}")
    _accept(run, answer)
    status, again = await ask(world, "POST", path, headers=headers)
    if not (status == 404 and run.job.is_doomed):
        expect(status, {200}, f"run {run.job.name} again")
        assert again["name"] == answer["name"], f"one key, two operations: {again['name']} and {answer['name']}"
    return True


def _accept(run: RunPlan, operation: dict[str, object]) -> None:
    metadata = cast("dict[str, object]", operation["metadata"])
    run.execution, run.uid, run.is_accepted = str(metadata["name"]), str(metadata["uid"]), True


async def _look_for_token_run(world: World, run: RunPlan) -> bool:
    """The execution that the declaration of the job began by its token. False if the job is gone."""
    name = f"{_BASE}/{run.job.name}/executions/{run.job.name}-{run.job.token}"
    status, found = await ask(world, "GET", name, b"")
    if status == 404 and run.job.is_doomed:
        return False
    expect(status, {200}, f"get {name}")
    run.execution, run.uid, run.is_accepted = str(found["name"]), str(found["uid"]), True
    return True


async def _rerun(world: World, scenario: Scenario, run: RunPlan) -> None:
    """When it has ended, run what did not succeed again. The call has no key: in doubt, look before asking again."""
    if not await _has_ended(world, run):
        return
    again = RunPlan(job=run.job, delay_s=0.0, key=f"{run.key}-again")
    tries = 0
    while not again.is_accepted:
        carried = await _succeeded(world, run)
        answer = await ask_once(world, "POST", f"/v2/{run.execution}:rerun", b"{}", None)
        if answer is None:
            await _adopt(world, run, again)
        elif answer[0] == 200:
            _accept(again, answer[1])
        elif answer[0] not in (429, 503):
            expect(answer[0], {400, 404} if run.job.is_doomed else {400}, f"re-run {run.execution}")
            return
        again.carried = carried
        await pause(tries)
        tries += 1
    scenario.runs.append(again)


async def _has_ended(world: World, run: RunPlan) -> bool:
    with anyio.move_on_after(_RERUN_WITHIN_S):
        while True:
            await anyio.sleep(2.0)
            found = await world.look().read(lambda tx: tx.jobs.execution_by_uid(run.uid))
            if found is None or found.state in FINAL_EXECUTION_STATES:
                return found is not None
    return False


async def _succeeded(world: World, run: RunPlan) -> frozenset[int]:
    store = world.look()
    execution = await store.read(lambda tx: tx.jobs.execution_by_uid(run.uid))
    if execution is None:
        return frozenset()
    tasks = await store.read(lambda tx: tx.jobs.list_tasks(execution, Page(limit=execution.task_count)))
    return frozenset(task.index for task in tasks if task.state is TaskState.SUCCEEDED)


async def _adopt(world: World, run: RunPlan, again: RunPlan) -> None:
    found = await world.look().read(lambda tx: tx.jobs.list_executions(PROJECT, None, None, Page(limit=1000)))
    for execution in found:
        if execution.rerun_of == run.execution.rpartition("/")[2]:
            again.execution, again.uid, again.is_accepted = str(execution.name), execution.uid, True
