"""Lanes of residents: programs that run until they are told to end."""

from __future__ import annotations

import pytest
from engine_world import ProcessWorld, Watch, a_shell, an_attempt, attempts

from hakobune.engines.api import EndKind

pytestmark = pytest.mark.anyio


async def test_given_a_full_capacity_when_residents_come_then_they_start_and_take_nobodys_place(
    world: ProcessWorld,
) -> None:
    watch = Watch(world.engine(capacity=1))
    await watch.engine.open()
    try:
        first, second = attempts(2)
        await watch.engine.start(a_shell("sleep 60", width=5), [first, second])
        await watch.start_of(first)
        crew = [an_attempt(index, lane="crew") for index in range(2)]
        lane = a_shell("sleep 60", uid="crew", width=5, is_resident=True)
        await watch.engine.start(lane, crew)
        for one in crew:
            await watch.start_of(one)
        assert second.uid not in watch.started
        await watch.engine.stop("lane", [first.uid])
        await watch.start_of(second)  # the residents do not count
        await watch.engine.stop("crew")
        ended = await watch.all_ended(crew)
        assert {one.kind for one in ended} == {EndKind.STOPPED}
    finally:
        await watch.engine.close(stop_attempts=True)


async def test_given_a_resident_when_it_starts_then_it_has_no_number_of_a_task(world: ProcessWorld) -> None:
    watch = Watch(world.engine())
    await watch.engine.open()
    try:
        ended = await watch.run(a_shell("env", is_resident=True), an_attempt())
        assert ended.exit_code == 0
        names = {line.partition(b"=")[0] for line in world.output()}
        assert b"HAKOBUNE_ATTEMPT" in names
        assert not [name for name in names if name.startswith(b"CLOUD_RUN_")]
    finally:
        await watch.engine.close(stop_attempts=True)
