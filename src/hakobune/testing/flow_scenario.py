"""What a simulated user does with workflows: deploys, changes, executions, cancels, deletes."""

from __future__ import annotations

import json
from typing import cast

import anyio

from hakobune.testing.flow_model import JOB_TASKS
from hakobune.testing.flow_plans import JOB, FlowPlan, FlowRun, FlowScenario
from hakobune.testing.flow_sources import source_of
from hakobune.testing.plans import LOCATION, PROJECT
from hakobune.testing.scenario import ask, expect
from hakobune.testing.world import World

_JOBS = f"/v2/projects/{PROJECT}/locations/{LOCATION}/jobs"
_ALREADY_EXISTS = 6
_ENDED = frozenset(f"workflow_executions_{state}" for state in ("succeeded", "failed", "cancelled", "unavailable"))
_PATIENCE_LOOKS = 30
_LOOK_S = 5.0


async def play(world: World, scenario: FlowScenario) -> None:
    """Do all of it; returns when every request has its answer."""
    if scenario.has_jobs:
        await _create_job(world)
    for flow in scenario.flows:
        await _deploy(world, flow)
    async with anyio.create_task_group() as group:
        for flow in scenario.flows:
            group.start_soon(_change, world, flow)
            if flow.delete_after_s is not None:
                group.start_soon(_delete, world, flow, flow.delete_after_s)
        for run in scenario.runs:
            group.start_soon(_run, world, run)


async def wait(world: World) -> None:
    """Let executions go on for a while, through waits of months, too, while the world is still bad."""
    for _ in range(_PATIENCE_LOOKS):
        if not await is_busy(world):
            return
        await world.leap()
        await anyio.sleep(_LOOK_S)


async def is_busy(world: World) -> bool:
    """Whether an execution has not ended."""
    totals = await world.look().read(lambda tx: tx.workflows.totals())
    return any(count for key, count in totals.items() if key not in _ENDED)


async def _create_job(world: World) -> None:
    template = {"taskCount": JOB_TASKS, "template": {"containers": [{"image": "local", "command": ["/bin/true"]}]}}
    status, _ = await ask(world, "POST", f"{_JOBS}?jobId={JOB}", json.dumps({"template": template}).encode())
    expect(status, {200, 409}, f"create {JOB}")


# -- workflows ----------------------------------------------------------------------------------------------------


def _place(flow: FlowPlan) -> str:
    return f"/v1/projects/{PROJECT}/locations/{flow.location}/workflows"


def _body(flow: FlowPlan, place: int) -> bytes:
    return json.dumps(
        {"sourceContents": source_of(flow.revisions[place]), "callLogLevel": flow.call_log_level}
    ).encode()


async def _deploy(world: World, flow: FlowPlan) -> None:
    status, operation = await ask(world, "POST", f"{_place(flow)}?workflowId={flow.name}", _body(flow, 0))
    expect(status, {200}, f"deploy {flow.name}")
    error = cast("dict[str, object]", operation.get("error", {}))
    if error and error.get("code") != _ALREADY_EXISTS:
        raise AssertionError(f"deploy {flow.name}: {error}")


async def _change(world: World, flow: FlowPlan) -> None:
    for place, delay_s in enumerate(flow.change_delays_s, 1):
        await anyio.sleep(delay_s)
        path = f"{_place(flow)}/{flow.name}?updateMask=sourceContents"
        status, _ = await ask(world, "PATCH", path, _body(flow, place))
        expect(status, {200, 404} if flow.is_doomed else {200}, f"change {flow.name}")


async def _delete(world: World, flow: FlowPlan, delay_s: float) -> None:
    await anyio.sleep(delay_s)
    flow.is_doomed = True
    status, _ = await ask(world, "DELETE", f"{_place(flow)}/{flow.name}", b"")
    expect(status, {200, 404}, f"delete {flow.name}")
    flow.deleted_at_s = anyio.current_time()


# -- executions ---------------------------------------------------------------------------------------------------


async def _run(world: World, run: FlowRun) -> None:
    await anyio.sleep(run.delay_s)
    if not await _begin(world, run) or run.cancel_after_s is None:
        return
    await anyio.sleep(run.cancel_after_s)
    status, answer = await ask(world, "POST", f"/v1/{run.name}:cancel")
    expect(status, {200, 400, 404} if run.flow.is_doomed else {200, 400}, f"cancel {run.name}")
    run.was_cancelled = status == 200 and answer.get("state") == "CANCELLED"
    if status == 200:
        expect(200 if run.was_cancelled else 0, {200}, f"cancel {run.name}, now {answer.get('state')}")
        run.stopped_at_s = anyio.current_time()


async def _begin(world: World, run: FlowRun) -> bool:
    """Execute a workflow, and ask again with the same key: one execution. False if the workflow is gone."""
    path = f"{_place(run.flow)}/{run.flow.name}/executions"
    body, headers = json.dumps({"argument": json.dumps({"n": run.n})}).encode(), {"idempotency-key": run.key}
    status, answer = await ask(world, "POST", path, body, headers)
    if status == 404 and run.flow.is_doomed:
        return False
    expect(status, {200}, f"execute {run.flow.name}")
    run.name, run.is_accepted = str(answer["name"]), True
    run.uid = run.name.rpartition("/")[2]
    status, second = await ask(world, "POST", path, body, headers)
    if not (status == 404 and run.flow.is_doomed):
        expect(status, {200}, f"execute {run.flow.name} again")
        if second["name"] != run.name:
            raise AssertionError(f"one key, two executions: {second['name']} and {run.name}")
    return True
