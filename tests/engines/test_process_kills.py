"""The process engine when its processes are killed: what is adopted, kept, lost, and what is never left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from engine_world import (
    ProcessWorld,
    Watch,
    a_python,
    a_shell,
    an_attempt,
    attempts,
    exists,
    is_running,
    pids_with,
    soon,
    until_lost,
    wait_until,
)

from hakobune.core.errors import Unavailable
from hakobune.engines.api import EndKind

pytestmark = pytest.mark.anyio

# A control plane: hands over and stands still.
CLIENT = """
import asyncio, sys
sys.path[:0] = {paths!r}
from engine_world import Watch, a_shell, attempts
from hakobune.engines.process.engine import ProcessEngine
from pathlib import Path

async def main():
    engine = ProcessEngine(Path({directory!r}), idle_s={idle_s})
    await engine.open()
    await engine.start(a_shell({script!r}, width={width}), attempts({count}))
    print("ready", flush=True)
    await asyncio.sleep(3600)

asyncio.run(main())
"""


def a_control_plane(
    world: ProcessWorld, script: str, *, count: int = 1, width: int = 4, idle_s: float = 60.0
) -> subprocess.Popen[str]:
    """A process of its own that has handed `count` attempts over."""
    code = CLIENT.format(
        paths=[str(Path(__file__).parent)],
        directory=str(world.directory),
        script=script,
        count=count,
        width=width,
        idle_s=idle_s,
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def kill_group(process: subprocess.Popen[str]) -> None:
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


async def test_given_live_attempts_when_the_control_plane_is_killed_then_they_are_adopted(
    world: ProcessWorld, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    control_plane = a_control_plane(world, f"while ! [ -e {gate} ]; do sleep 0.02; done; exit 5", count=3, width=2)
    kill_group(control_plane)

    watch = Watch(world.engine())
    assert len(await watch.engine.open()) == 3
    await watch.start_of(an_attempt(1))
    assert all(is_running(started.pid) for started in watch.started.values())
    gate.touch()
    ended = await watch.all_ended(attempts(3))
    assert [(one.kind, one.exit_code) for one in ended] == [(EndKind.EXITED, 5)] * 3
    await watch.engine.close(stop_attempts=True)


async def test_given_an_attempt_that_ends_while_the_control_plane_is_down_then_its_outcome_is_kept(
    world: ProcessWorld, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    control_plane = a_control_plane(world, f"while ! [ -e {gate} ]; do sleep 0.02; done; exit 6")
    kill_group(control_plane)
    gate.touch()
    wait_until(lambda: not world.marked_pids())

    watch = Watch(world.engine())
    assert [one.uid for one in await watch.engine.open()] == ["lane.0.1"]
    assert (await watch.end_of(an_attempt())).exit_code == 6
    await watch.engine.close(stop_attempts=True)


async def test_given_an_outcome_that_nobody_heard_of_when_the_supervisor_is_killed_too_then_it_is_kept(
    world: ProcessWorld,
) -> None:
    first = Watch(world.engine())
    await first.engine.open()
    first.acknowledges = False
    ended = await first.run(a_shell("exit 8"))
    await first.engine.close(stop_attempts=False)
    world.kill_supervisor()

    second = Watch(world.engine())
    assert [one.uid for one in await second.engine.open()] == ["lane.0.1"]
    assert await second.end_of(an_attempt()) == ended
    await second.engine.close(stop_attempts=True)

    third = Watch(world.engine())
    assert list(await third.engine.open()) == []
    await third.engine.close(stop_attempts=True)


async def test_given_live_attempts_when_the_supervisor_is_killed_then_nothing_of_them_is_left_when_open_returns(
    world: ProcessWorld,
) -> None:
    watch = Watch(world.engine())
    await watch.engine.open()
    before = watch.engine.instance  # type: ignore[attr-defined]
    daemon = "import os, time\nif os.fork() == 0:\n  os.setsid()\n  time.sleep(600)\ntime.sleep(600)"
    lane = a_python(daemon, "kills-marker-1")
    await watch.engine.start(lane, attempts(3))
    await watch.until(lambda: len(watch.started) == 3)
    await soon(lambda: len(pids_with("kills-marker-1")) == 6)
    world.kill_supervisor()
    await until_lost(watch.engine)
    with pytest.raises(Unavailable):
        await watch.engine.start(lane, attempts(1, first=9))

    assert list(await watch.engine.open()) == []
    assert pids_with("kills-marker-1") == []
    assert watch.engine.instance != before  # type: ignore[attr-defined]
    assert (await watch.run(a_shell("exit 0"), an_attempt(10))).exit_code == 0
    await watch.engine.close(stop_attempts=True)


async def test_given_a_killed_supervisor_when_it_is_noticed_then_it_is_no_zombie_after_the_next_open(
    world: ProcessWorld,
) -> None:
    watch = Watch(world.engine())
    await watch.engine.open()
    pid = world.supervisor_pid
    world.kill_supervisor()
    await until_lost(watch.engine)
    await watch.engine.open()
    assert not exists(pid)
    await watch.engine.close(stop_attempts=True)


async def test_given_nobody_returns_when_the_last_attempt_has_ended_then_the_supervisor_ends_after_a_while(
    world: ProcessWorld,
) -> None:
    control_plane = a_control_plane(world, "sleep 0.5; exit 3", idle_s=0.3)
    pid = world.supervisor_pid
    kill_group(control_plane)
    wait_until(lambda: not is_running(pid))

    watch = Watch(world.engine())
    assert [one.uid for one in await watch.engine.open()] == ["lane.0.1"]
    ended = await watch.end_of(an_attempt())
    assert (ended.kind, ended.exit_code) == (EndKind.EXITED, 3)
    await watch.engine.close(stop_attempts=True)


async def test_given_a_deadline_when_the_control_plane_is_down_then_it_holds_all_the_same(world: ProcessWorld) -> None:
    first = Watch(world.engine())
    await first.engine.open()
    lane, attempt = a_shell("exec sleep 600", timeout_s=0.5), an_attempt()
    await first.engine.start(lane, [attempt])
    pid = (await first.start_of(attempt)).pid
    await first.engine.close(stop_attempts=False)
    wait_until(lambda: not is_running(pid))

    second = Watch(world.engine())
    await second.engine.open()
    assert (await second.end_of(attempt)).kind is EndKind.TIMED_OUT
    await second.engine.close(stop_attempts=True)


async def test_given_a_second_control_plane_when_it_connects_then_the_first_is_cut_off(world: ProcessWorld) -> None:
    first, second = Watch(world.engine()), Watch(world.engine())
    await first.engine.open()
    await second.engine.open()
    await until_lost(first.engine)
    assert (await second.run(a_shell("exit 0"))).exit_code == 0
    await second.engine.close(stop_attempts=True)
