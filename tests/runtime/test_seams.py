"""What comes in from outside is really used: clock, identifiers, interceptor, gate. (Feed, effects, pictures and the
identity of attempts have tests beside their servers and the store.)"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import pytest
from house import JOBS, a_house, declared

from hakobune.core.errors import Unavailable
from hakobune.core.instants import timestamp_to_text
from hakobune.engines.api import Attempt, Lane
from hakobune.runtime.interceptors import NoInterceptor
from hakobune.store.api import OutboxCommand

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend(virtual_backend: Any) -> Any:
    return virtual_backend


async def test_given_a_clock_when_something_is_stored_then_it_bears_the_time_of_that_clock(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        house.clock.jump(2_000_000_000.0 - house.clock.now_s())
        await house.ok("POST", f"{JOBS}?jobId=one", declared())
        found = await house.ok("GET", f"{JOBS}/one")
        assert found["createTime"].startswith(timestamp_to_text(house.clock.now_s())[:16])


async def test_given_identifiers_when_something_is_made_then_it_bears_them(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        house.identifiers.uid = lambda: "a-uid-of-ours"  # type: ignore[method-assign]
        house.identifiers.suffix = lambda: "zzzzz"  # type: ignore[method-assign]
        await house.ok("POST", f"{JOBS}?jobId=one", declared())
        assert (await house.ok("GET", f"{JOBS}/one"))["uid"] == "a-uid-of-ours"
        house.identifiers.uid = lambda: "another-uid"  # type: ignore[method-assign]
        assert (await house.run("one")).name.execution == "one-zzzzz"


async def test_given_no_identifier_that_is_free_when_a_job_is_run_then_it_is_refused(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        house.identifiers.suffix = lambda: "aaaaa"  # type: ignore[method-assign]
        await house.ok("POST", f"{JOBS}?jobId=one", declared())
        await house.run("one")
        assert (await house.call("POST", f"{JOBS}/one:run", {}))[0] == 429


async def test_given_an_interceptor_that_refuses_when_a_job_is_run_then_nothing_starts_until_it_gives_way(
    tmp_path: Path,
) -> None:
    class Refusing(NoInterceptor):
        is_shut = True

        async def before_perform(self, command: OutboxCommand) -> None:
            if self.is_shut:
                raise Unavailable("shut")

    interceptor = Refusing()
    async with a_house(tmp_path, interceptor=interceptor) as house:
        await house.ok("POST", f"{JOBS}?jobId=one", declared())
        execution = await house.run("one")
        await anyio.sleep(60)
        assert house.engine.history == []
        interceptor.is_shut = False
        await house.finish(execution)


async def test_given_a_gate_when_attempts_come_to_it_then_each_waits_until_it_opens(tmp_path: Path) -> None:
    class Gate:
        def __init__(self) -> None:
            self.seen: list[tuple[int, int]] = []
            self.open = anyio.Event()

        async def before_start(self, lane: Lane, attempt: Attempt) -> None:
            self.seen.append((attempt.index, attempt.number))
            await self.open.wait()

    gate = Gate()
    async with a_house(tmp_path, gate=gate) as house:
        await house.ok("POST", f"{JOBS}?jobId=one", declared(tasks=3))
        execution = await house.run("one")
        await anyio.sleep(60)
        assert (gate.seen, house.engine.history) == ([(0, 0)], [])
        gate.open.set()
        await house.finish(execution)
        assert gate.seen == [(0, 0), (1, 0), (2, 0)]
