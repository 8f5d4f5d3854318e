"""One seed: a world, a scenario, faults, and the checkers at the end."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial

import anyio

from hakobune.core.jobs.states import TaskState
from hakobune.store.api import Page, ReadTx
from hakobune.testing import (
    checkers,
    data_plans,
    faults,
    flow_checkers,
    flow_plans,
    flow_scenario,
    message_checkers,
    message_scenario,
    object_checkers,
    object_scenario,
    plans,
    scenario,
)
from hakobune.testing.clock import VirtualLoop
from hakobune.testing.content_disk import content_folder
from hakobune.testing.world import World

TIME_MAX_S = 400_000.0  # virtual; retries of timeouts, stubborn tasks and an hour of clock jumps fit in many times over
_LOOK_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a simulation came to. `digest` is of the project's final state, `ends` has the final states of each run's
    tasks by its key (re-runs left out), `flow_ends` what executions of workflows came to that nobody stopped. `calls`
    were sent by workflows; `leaps` are waits that the clock passed over while all rested. `versions` of objects were
    written, and `deliveries` of messages made."""

    seed: int
    crashes: int
    engine_lives: int
    processes: int
    virtual_s: float
    digest: str
    stops: int
    is_plain: bool
    ends: Mapping[str, tuple[TaskState, ...]]
    flow_ends: Mapping[str, str]
    flow_executions: int
    calls: int
    leaps: int
    versions: int
    deliveries: int


class Part(StrEnum):
    """What is simulated."""

    JOBS = "jobs"
    WORKFLOWS = "workflows"
    RUNS = "runs"  # both
    DATA = "data"  # objects and messages
    ALL = "all"


_WITH_JOBS = frozenset({Part.JOBS, Part.RUNS, Part.ALL})
_WITH_WORKFLOWS = frozenset({Part.WORKFLOWS, Part.RUNS, Part.ALL})
_DATA_SHARE = 0.65  # of the seeds of all parts: the others have time for more of the rest


class SimulationFailed(AssertionError):
    """Names the seed that repeats the failure."""


def run_seed(seed: int, *, is_quiet: bool = False, part: Part = Part.ALL) -> Outcome:
    """Simulate one seed; `is_quiet` leaves the faults out. Raises SimulationFailed."""
    try:
        return anyio.run(_simulate, seed, is_quiet, part, backend_options={"loop_factory": VirtualLoop})
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        raise SimulationFailed(f"repeat with: make simulate SEED={seed}") from error


async def _simulate(seed: int, is_quiet: bool, part: Part) -> Outcome:
    rng = random.Random(seed)
    plan = plans.draw(rng)
    ills = faults.draw(rng)
    if not plan.is_plain:  # a command that is given up changes how a task ends
        ills = replace(ills, curse_command=faults.draw_curses(random.Random(seed ^ 0xBAD)))
    flows = flow_plans.FlowScenario()
    if part in _WITH_WORKFLOWS:
        flows = flow_plans.draw(random.Random(seed ^ 0xF10))
        ills = faults.draw_network(random.Random(seed ^ 0x2E7), ills)
        if flows.has_jobs:  # they would fail, and the workflows with them
            ills = replace(ills, curse_command=0.0)
    data = data_plans.DataScenario()
    if part is Part.DATA or (part is Part.ALL and random.Random(seed ^ 0xFF).random() < _DATA_SHARE):
        data = data_plans.draw(random.Random(seed ^ 0xDA7A))
    if part is Part.ALL and not data.is_empty:  # twice as many commits: as many crashes as with one half of them
        ills = replace(ills, crash_at_commit=ills.crash_at_commit / 2)
    if part not in _WITH_JOBS:
        plan.jobs, plan.runs = [], []
    if is_quiet:
        ills = replace(faults.QUIET)
    fate_luck = random.Random(seed ^ 0x5EED)
    outcome: Outcome | None = None
    with anyio.fail_after(TIME_MAX_S), content_folder(is_needed=not data.is_empty) as contents:
        async with anyio.create_task_group() as group:
            world = World(
                group,
                rng,
                ills,
                lambda lane, attempt: plans.fate_of(plan, fate_luck, lane, attempt),
                flows,
                contents,
            )
            played = _Data(world, data)
            group.start_soon(world.live)
            async with anyio.create_task_group() as users:
                users.start_soon(scenario.play, world, plan)
                users.start_soon(flow_scenario.play, world, flows)
                users.start_soon(played.play)
            await flow_scenario.wait(world)
            await anyio.sleep(rng.choice((0.0, 20.0, 300.0)))
            world.be_kind()
            await _converge(world)
            await checkers.check(world, plan)
            await flow_checkers.check(world, flows)
            await played.check()
            outcome = await _outcome(seed, world, plan, flows, played)
            group.cancel_scope.cancel()
    assert outcome is not None
    return outcome


class _Data:
    """The users of objects and messages, and what they know."""

    def __init__(self, world: World, plan: data_plans.DataScenario) -> None:
        self._world = world
        self._plan = plan
        self.objects = object_scenario.ObjectHistory()
        self.messages = message_scenario.MessageHistory()

    async def play(self) -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(object_scenario.play, self._world, self._plan, self.objects)
            group.start_soon(message_scenario.play, self._world, self._plan, self.messages)

    async def check(self) -> None:
        await object_checkers.check(self._world, self.objects)
        await message_checkers.check(self._world, self._plan, self.messages)


async def _converge(world: World) -> None:
    """Return when nothing is under way any more."""
    store = world.look()
    is_busy = True
    while is_busy:
        await anyio.sleep(_LOOK_S)
        await world.leap()
        is_busy = await flow_scenario.is_busy(world) or bool(
            await store.read(lambda tx: tx.jobs.executions_under_way())
        )
    await anyio.sleep(_LOOK_S)


async def _outcome(
    seed: int, world: World, plan: plans.Scenario, flows: flow_plans.FlowScenario, data: _Data
) -> Outcome:
    store = world.look()
    executions = await store.read(flow_checkers.executions)
    return Outcome(
        seed=seed,
        crashes=world.luck.crashes,
        engine_lives=int(world.engine.instance.rpartition("-")[2]),
        processes=len(world.engine.history),
        virtual_s=anyio.current_time(),
        digest=await store.read(lambda tx: tx.digest(plans.PROJECT)),
        stops=world.luck.stops,
        is_plain=plan.is_plain,
        ends=await _ends(world, plan),
        flow_ends=flow_checkers.ends(flows, executions),
        flow_executions=len(executions),
        calls=len(world.partner.ledger.sent),
        leaps=world.leaps,
        versions=sum(len(shelf.live) + len(shelf.old) for shelf in data.objects.shelves),
        deliveries=sum(lane.deliveries for lane in data.messages.lanes),
    )


async def _ends(world: World, plan: plans.Scenario) -> dict[str, tuple[TaskState, ...]]:
    store = world.look()
    found: dict[str, tuple[TaskState, ...]] = {}
    for run in plan.runs:
        found |= await store.read(partial(_end_of, run))
    return found


def _end_of(run: plans.RunPlan, tx: ReadTx) -> dict[str, tuple[TaskState, ...]]:
    execution = tx.jobs.execution_by_uid(run.uid)
    if execution is None or execution.rerun_of:
        return {}
    tasks = tx.jobs.list_tasks(execution, Page(limit=execution.task_count))
    return {run.key or run.execution: tuple(task.state for task in tasks)}
