"""A schedule that starts jobs, on virtual time, in a runtime that dies again and again: each time has one outcome."""

from __future__ import annotations

import random
from datetime import datetime
from pathlib import Path
from typing import Any

import anyio
import pytest
from house import JOBS, declared
from schedules_world import ACCOUNT, Schedules, schedules

from hakobune.core.workflows.effects import HttpRequest, HttpResponse, NoResponse
from hakobune.servers.inside import InsideDoor
from hakobune.testing.clock import EPOCH_S

pytestmark = pytest.mark.anyio
TARGET = "https://run.googleapis.com/v2/projects/p/locations/us-central1/jobs/one:run"
LIVES = 12
CATCHING_UP_S = 2 * 15.5  # two attempts, as slow as they can be
NEAR_S = 1.0  # so near before a death, a time may not have been seen


@pytest.fixture
def anyio_backend(virtual_backend: Any) -> Any:
    return virtual_backend


class Watch:
    """Stands between the schedule and the API: notes the times that it is told, and may keep the answer back."""

    def __init__(self, world: Schedules, dice: random.Random) -> None:
        self._world = world
        self._dice = dice
        self.slots: list[int] = []

    def connect(self) -> None:
        real = InsideDoor(self._world.house.front)

        async def door(request: HttpRequest) -> HttpResponse | NoResponse:
            headers = {name.lower(): value for name, value in request.headers}
            self.slots.append(
                int(datetime.fromisoformat(headers["x-cloudscheduler-scheduletime"]).timestamp() - EPOCH_S)
            )
            await anyio.sleep(self._dice.choice((0.0, 0.0, 5.0)))
            answer = await real(request)
            await anyio.sleep(self._dice.choice((0.0, 0.0, 10.0)))
            return answer

        self._world.house.runtime.connect(door)


def may_be_left_out(slot: int, downs: list[tuple[float, float]]) -> bool:
    """It passed while the runtime was down, and so did a later one, also in a stop that followed at once; or it fell due
    just after a start, while what was in doubt and what was missed were still being sent."""
    for number, (down_s, up_s) in enumerate(downs):
        following = downs[number + 1 : number + 2]
        is_down_again = any(again_s < up_s + CATCHING_UP_S and slot + 60 <= later_s for again_s, later_s in following)
        if down_s - NEAR_S <= slot <= up_s and (slot + 60 <= up_s or is_down_again):
            return True
        if up_s < slot < up_s + CATCHING_UP_S:
            return True
    return False


@pytest.mark.parametrize("seed", range(4))
async def test_given_a_runtime_that_dies_again_and_again_then_each_time_is_sent_and_has_one_execution(
    tmp_path: Path, seed: int
) -> None:
    dice = random.Random(seed)
    async with schedules(tmp_path) as world:
        watch = Watch(world, dice)
        watch.connect()
        await world.house.ok("POST", f"{JOBS}?jobId=one", declared())
        await world.create(uri=TARGET, http={"oauthToken": {"serviceAccountEmail": ACCOUNT}})
        downs: list[tuple[float, float]] = []
        for _ in range(LIVES):
            await anyio.sleep(dice.choice((dice.uniform(0, 150), 60 - anyio.current_time() % 60 + dice.uniform(0, 12))))
            down_s = anyio.current_time()
            await world.house.crash()
            await anyio.sleep(dice.choice((0.0, 0.0, dice.uniform(0, 200))))
            await world.house.start()
            watch.connect()
            downs.append((down_s, anyio.current_time()))
        await anyio.sleep(150 - anyio.current_time() % 60)  # nothing is under way half a minute after a time
        end_s = anyio.current_time()
        sent = set(watch.slots)
        for slot in range(60, int(end_s), 60):
            assert slot in sent or may_be_left_out(slot, downs), f"{slot} is missing: down {downs}, sent {watch.slots}"
        begun = (await world.house.ok("GET", f"{JOBS}/one/executions?pageSize=1000"))["executions"]
        assert len(begun) == len(sent)
