"""One seed: a world, a scenario, faults, and the checkers at the end."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

import anyio

from hakobune.core.jobs.states import TaskState
from hakobune.store.api import Page, ReadTx
from hakobune.testing import checkers, faults, plans, scenario
from hakobune.testing.clock import VirtualLoop
from hakobune.testing.world import World

TIME_MAX_S = 400_000.0  # virtual; retries of timeouts, stubborn tasks and an hour of clock jumps fit in many times over
_LOOK_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a simulation came to. `digest` is of the project's final state, `ends` has the final states of each run's
    tasks by its key (re-runs left out)."""

    seed: int
    crashes: int
    engine_lives: int
    processes: int
    virtual_s: float
    digest: str
    stops: int
    is_plain: bool
    ends: Mapping[str, tuple[TaskState, ...]]


class SimulationFailed(AssertionError):
    """Names the seed that repeats the failure."""


def run_seed(seed: int, *, is_quiet: bool = False) -> Outcome:
    """Simulate one seed; `is_quiet` leaves the faults out. Raises SimulationFailed."""
    try:
        return anyio.run(_simulate, seed, is_quiet, backend_options={"loop_factory": VirtualLoop})
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        raise SimulationFailed(f"repeat with: make simulate SEED={seed}") from error


async def _simulate(seed: int, is_quiet: bool) -> Outcome:
    rng = random.Random(seed)
    plan = plans.draw(rng)
    ills = faults.draw(rng)
    if not plan.is_plain:  # a command that is given up changes how a task ends
        ills = replace(ills, curse_command=faults.draw_curses(random.Random(seed ^ 0xBAD)))
    if is_quiet:
        ills = replace(faults.QUIET)
    fate_luck = random.Random(seed ^ 0x5EED)
    outcome: Outcome | None = None
    with anyio.fail_after(TIME_MAX_S):
        async with anyio.create_task_group() as group:
            world = World(group, rng, ills, lambda lane, attempt: plans.fate_of(plan, fate_luck, lane, attempt))
            group.start_soon(world.live)
            await scenario.play(world, plan)
            await anyio.sleep(rng.choice((0.0, 20.0, 300.0)))
            world.be_kind()
            store = world.look()
            is_busy = True
            while is_busy:
                await anyio.sleep(_LOOK_S)
                is_busy = bool(await store.read(lambda tx: tx.jobs.executions_under_way()))
            await anyio.sleep(_LOOK_S)
            await checkers.check(world, plan)
            outcome = Outcome(
                seed=seed,
                crashes=world.luck.crashes,
                engine_lives=int(world.engine.instance.rpartition("-")[2]),
                processes=len(world.engine.history),
                virtual_s=anyio.current_time(),
                digest=await store.read(lambda tx: tx.digest(plans.PROJECT)),
                stops=world.luck.stops,
                is_plain=plan.is_plain,
                ends=await _ends(world, plan),
            )
            group.cancel_scope.cancel()
    assert outcome is not None
    return outcome


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
