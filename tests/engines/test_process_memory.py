"""Limits on resident memory, by control groups and by watching."""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from engine_world import MIB, ProcessWorld, Watch, a_python, a_shell, an_attempt, attempts, until_lost

from hakobune.engines.api import EndKind

pytestmark = pytest.mark.anyio

GROW = "import sys, time\nheld = []\nwhile True:\n  held.append(bytearray(4 << 20))\n  time.sleep(0.005)"


@pytest.fixture(params=["cgroups", "watching"])
async def watch(world: ProcessWorld, request: pytest.FixtureRequest) -> AsyncIterator[Watch]:
    is_watched = request.param == "watching"
    found = Watch(world.engine(is_memory_watched=is_watched))
    await found.engine.open()
    way = (await found.engine.describe())["memory limits"]
    if not is_watched and "watching" in way:
        await found.engine.close(stop_attempts=True)
        pytest.skip(f"no control groups here: {way}")
    assert ("watching" in way) == is_watched
    yield found
    await found.engine.close(stop_attempts=True)


async def test_given_a_limit_when_a_process_grows_over_it_then_it_is_killed_for_memory(watch: Watch) -> None:
    ended = await watch.run(a_python(GROW, memory_limit_bytes=64 * MIB))
    assert ended.kind is EndKind.OUT_OF_MEMORY
    found = re.fullmatch(r"Memory limit of 64 MiB exceeded with (\d+) MiB used\.", ended.detail)
    assert found is not None
    assert 64 <= int(found[1]) < 512


async def test_given_a_limit_when_a_child_in_another_session_grows_over_it_then_the_attempt_is_killed(
    watch: Watch,
) -> None:
    code = f"import os\nif os.fork() == 0:\n  os.setsid()\n  exec({GROW!r})\nos.wait()\nimport time; time.sleep(60)"
    ended = await watch.run(a_python(code, memory_limit_bytes=64 * MIB))
    assert ended.kind is EndKind.OUT_OF_MEMORY


async def test_given_a_limit_when_the_memory_is_only_reserved_then_nothing_happens(watch: Watch) -> None:
    code = "import mmap, time; held = mmap.mmap(-1, 2 << 30); time.sleep(0.4)"
    ended = await watch.run(a_python(code, memory_limit_bytes=64 * MIB))
    assert (ended.kind, ended.exit_code) == (EndKind.EXITED, 0)


async def test_given_a_limit_when_processes_share_their_memory_then_it_counts_once(watch: Watch) -> None:
    code = (
        "import os, time\nheld = bytearray(40 << 20)\nfor _ in range(3):\n  if os.fork() == 0: break\ntime.sleep(0.5)"
    )
    ended = await watch.run(a_python(code, memory_limit_bytes=100 * MIB))
    assert (ended.kind, ended.exit_code) == (EndKind.EXITED, 0), ended


async def test_given_a_neighbour_without_a_limit_when_one_is_killed_for_memory_then_the_neighbour_lives(
    watch: Watch, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    other = an_attempt(lane="other")
    await watch.engine.start(a_shell(f"until [ -e {gate} ]; do sleep 0.02; done; exit 7", uid="other"), [other])
    await watch.run(a_python(GROW, memory_limit_bytes=32 * MIB))
    gate.touch()
    assert (await watch.end_of(other)).exit_code == 7


async def test_given_limited_attempts_when_the_supervisor_has_ended_then_no_control_group_is_left(
    world: ProcessWorld,
) -> None:
    watch = Watch(world.engine())
    await watch.engine.open()
    way = (await watch.engine.describe())["memory limits"]
    found = re.search(r"(/\S+/hakobune-[0-9a-f]+)\)", way)
    wanted = attempts(8)
    await watch.engine.start(a_shell("sleep 0.05", memory_limit_bytes=64 * MIB), wanted)
    assert {ended.kind for ended in await watch.all_ended(wanted)} == {EndKind.EXITED}
    await watch.engine.close(stop_attempts=True)
    if found is None:
        pytest.skip(f"no control groups here: {way}")
    assert not _is_there(found[1])


def _is_there(path: str) -> bool:
    return os.path.exists(path)


async def test_given_a_killed_supervisor_with_limited_attempts_when_the_next_opens_then_limits_hold_again(
    world: ProcessWorld,
) -> None:
    watch = Watch(world.engine())
    await watch.engine.open()
    before = (await watch.engine.describe())["memory limits"]
    wanted = attempts(3)
    await watch.engine.start(a_shell("exec sleep 600", memory_limit_bytes=64 * MIB), wanted)
    await watch.until(lambda: len(watch.started) == 3)
    world.kill_supervisor()
    await until_lost(watch.engine)
    await watch.engine.open()
    assert (await watch.engine.describe())["memory limits"] == before
    ended = await watch.run(a_python(GROW, memory_limit_bytes=64 * MIB), an_attempt(9))
    assert ended.kind is EndKind.OUT_OF_MEMORY
    await watch.engine.close(stop_attempts=True)
