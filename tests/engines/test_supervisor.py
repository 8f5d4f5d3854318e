"""The supervisor as a process: where it may live, what it inherits, when it ends."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest
from engine_world import (
    MIB,
    ProcessWorld,
    Watch,
    a_lane,
    a_python,
    a_shell,
    an_attempt,
    attempts,
    has_signal,
    is_running,
    peak_rss_bytes,
    soon,
    until_lost,
)

from hakobune.engines.api import Ended, EndKind, Started
from hakobune.engines.process import supervisor, wireformat
from hakobune.engines.process.wireformat import Frames, encode

pytestmark = pytest.mark.anyio


@pytest.fixture
async def watch(world: ProcessWorld) -> AsyncIterator[Watch]:
    found = Watch(world.engine())
    await found.engine.open()
    yield found
    await found.engine.close(stop_attempts=True)


@pytest.mark.parametrize("name", ["a name with 'quotes' and spaces", "はこぶね", "x" * 200 + "/" + "y" * 200])
async def test_given_any_name_of_the_data_directory_when_an_attempt_runs_then_all_works(
    tmp_path: Path, name: str
) -> None:
    world = ProcessWorld(tmp_path / name)
    watch = Watch(world.engine())
    await watch.engine.open()
    assert (await watch.run(a_shell("echo here; exit 3"))).exit_code == 3
    assert world.output() == [b"here"]
    await watch.engine.close(stop_attempts=True)
    assert not is_running(world.supervisor_pid)
    assert not (world.directory / "supervisor" / "socket").exists()


async def test_given_a_new_supervisor_when_it_is_ready_then_it_is_small_and_holds_nothing_of_the_control_plane(
    world: ProcessWorld,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.set_inheritable(True)
        watch = Watch(world.engine())
        await watch.engine.open()
        pid = world.supervisor_pid
        links = {name: os.readlink(f"/proc/{pid}/fd/{name}") for name in os.listdir(f"/proc/{pid}/fd")}
        assert os.readlink(f"/proc/self/fd/{listener.fileno()}") not in links.values()
    assert (links["0"], links["1"]) == ("/dev/null", "/dev/null")
    assert links["2"] == str(world.directory / "supervisor" / "log")
    assert os.getsid(pid) == pid
    assert peak_rss_bytes(pid) < 25 * MIB
    await watch.engine.close(stop_attempts=True)


async def test_given_an_attempt_when_it_runs_then_it_has_its_streams_and_no_other_descriptor(
    watch: Watch, world: ProcessWorld
) -> None:
    code = "import os; print(sorted(os.listdir('/proc/self/fd')))"
    wanted = attempts(6)
    await watch.engine.start(a_python(code), wanted)
    await watch.all_ended(wanted)
    assert world.output() == [b"['0', '1', '2', '3']"] * 6  # 3: the listing itself


async def test_given_a_capacity_when_two_lanes_are_full_then_it_is_never_exceeded_and_they_take_turns(
    world: ProcessWorld,
) -> None:
    watch = Watch(world.engine(capacity=3))
    await watch.engine.open()
    lanes = [a_shell("sleep 0.05", uid=uid, width=10) for uid in ("one", "two")]
    wanted = {lane.uid: attempts(10, lane=lane.uid) for lane in lanes}
    for lane in lanes:
        await watch.engine.start(lane, wanted[lane.uid])
    await watch.all_ended(wanted["one"] + wanted["two"])
    running = most = 0
    for report in watch.reports:
        running += 1 if isinstance(report, Started) else -1
        most = max(most, running)
    assert most == 3
    order = [report.lane_uid for report in watch.reports if isinstance(report, Started)]
    assert abs(order[4:14].count("one") - 5) <= 1
    await watch.engine.close(stop_attempts=True)


async def test_given_attempts_when_the_data_directory_is_removed_then_the_supervisor_kills_them_and_ends(
    world: ProcessWorld,
) -> None:
    watch = Watch(world.engine(idle_s=0.4))
    await watch.engine.open()
    pid = world.supervisor_pid
    attempt = an_attempt()
    await watch.engine.start(a_shell("trap '' TERM; while :; do sleep 1; done"), [attempt])
    task = (await watch.start_of(attempt)).pid
    shutil.rmtree(world.directory)
    await soon(lambda: not is_running(pid))
    assert not is_running(task)
    await until_lost(watch.engine)
    await watch.engine.close(stop_attempts=False)


async def test_given_sigint_and_sighup_when_the_supervisor_gets_them_then_it_goes_on(
    watch: Watch, world: ProcessWorld
) -> None:
    os.kill(world.supervisor_pid, signal.SIGINT)
    os.kill(world.supervisor_pid, signal.SIGHUP)
    assert (await watch.run(a_shell("exit 0"))).exit_code == 0


async def test_given_sigterm_when_the_supervisor_gets_it_then_it_stops_in_order_and_the_next_open_tells(
    world: ProcessWorld,
) -> None:
    watch = Watch(world.engine())
    await watch.engine.open()
    watch.acknowledges = False
    attempt = an_attempt()
    await watch.engine.start(a_shell("trap 'exit 0' TERM; sleep 60 & wait", grace_s=30.0), [attempt])
    pid = (await watch.start_of(attempt)).pid
    await soon(lambda: has_signal(pid, "SigCgt", 15))
    os.kill(world.supervisor_pid, signal.SIGTERM)
    await until_lost(watch.engine)
    assert [one.uid for one in await watch.engine.open()] == [attempt.uid]
    watch.reports.clear()
    ended = await watch.end_of(attempt)
    assert (ended.kind, ended.exit_code) == (EndKind.LOST, 0)
    await watch.engine.close(stop_attempts=True)


async def test_given_an_orderly_stop_when_a_task_ignores_sigterm_then_the_lanes_grace_bounds_it(
    world: ProcessWorld,
) -> None:
    watch = Watch(world.engine())
    await watch.engine.open()
    attempt = an_attempt()
    await watch.engine.start(a_shell("trap '' TERM; while :; do sleep 1; done", grace_s=0.3), [attempt])
    pid = (await watch.start_of(attempt)).pid
    await soon(lambda: has_signal(pid, "SigIgn", 15))
    with anyio.fail_after(5):
        await watch.engine.close(stop_attempts=True)
    assert not is_running(pid)
    assert not is_running(world.supervisor_pid)


async def test_given_two_control_planes_when_they_open_at_once_then_there_is_one_supervisor(
    world: ProcessWorld,
) -> None:
    first, second = Watch(world.engine()), Watch(world.engine())
    async with anyio.create_task_group() as group:
        group.start_soon(first.engine.open)
        group.start_soon(second.engine.open)
    # The one that came second ends when it finds the lock taken: perhaps a moment after both have opened.
    await soon(lambda: _supervisors(world) == [world.supervisor_pid])
    await first.engine.close(stop_attempts=False)
    await second.engine.open()
    await second.engine.close(stop_attempts=True)
    await first.engine.close(stop_attempts=False)


def _supervisors(world: ProcessWorld) -> list[int]:
    """The running supervisors of that directory."""
    return [
        pid
        for pid in map(int, filter(str.isdigit, os.listdir("/proc")))
        if is_running(pid) and str(world.directory).encode() in _command_line(pid).split(b"\0")
    ]


def _command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def _talk(world: ProcessWorld, *messages: object) -> list[list[object]]:
    """Connect as a control plane of another version might, and return the answers up to the hang-up."""
    with socket.socket(socket.AF_UNIX) as peer:
        peer.settimeout(10)
        peer.connect(str(world.directory / "supervisor" / "socket"))
        for message in messages:
            peer.sendall(encode(message))
        frames, answers = Frames(), []
        while data := peer.recv(65536):
            answers += frames.feed(data)
        return answers


async def test_given_another_version_when_it_says_hello_then_it_learns_ours_and_may_end_us_in_order(
    world: ProcessWorld,
) -> None:
    watch = Watch(world.engine())
    await watch.engine.open()
    pid = world.supervisor_pid
    await watch.engine.close(stop_attempts=False)
    answers = await anyio.to_thread.run_sync(
        _talk, world, [1, wireformat.HELLO, wireformat.VERSION + 1, {}], [2, wireformat.QUIT]
    )
    hello = answers[0][2]
    assert isinstance(hello, dict)
    assert hello["version"] == wireformat.VERSION
    await watch.engine.close(stop_attempts=False)
    await soon(lambda: not is_running(pid))


async def test_given_nonsense_when_it_comes_over_the_socket_then_the_supervisor_cuts_it_off_and_goes_on(
    world: ProcessWorld,
) -> None:
    watch = Watch(world.engine())
    await watch.engine.open()
    await watch.engine.close(stop_attempts=False)

    def send(data: bytes) -> None:
        with socket.socket(socket.AF_UNIX) as peer:
            peer.settimeout(10)
            peer.connect(str(world.directory / "supervisor" / "socket"))
            peer.sendall(data)
            assert peer.recv(1) == b""

    for nonsense in (b"\xff" * 64, b"\x02\x00\x00\x00{}", b"\x03\x00\x00\x00abc"):
        await anyio.to_thread.run_sync(send, nonsense)
    await watch.engine.open()
    assert (await watch.run(a_lane("/bin/true"))).exit_code == 0
    await watch.engine.close(stop_attempts=True)


async def test_given_an_open_file_limit_when_a_task_asks_then_it_is_that_of_the_container_contract(
    watch: Watch, world: ProcessWorld
) -> None:
    await watch.run(a_shell("ulimit -n; ulimit -Hn"))
    soft, hard = map(int, world.output())
    allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    assert soft == hard
    assert hard == 25_000 or hard == allowed < 25_000


async def test_given_idle_hands_when_an_attempt_ends_then_its_report_does_not_wait_for_others(watch: Watch) -> None:
    await watch.run(a_lane("/bin/true"), an_attempt(0))
    ended = await watch.run(a_lane("/bin/true"), an_attempt(1))
    assert isinstance(ended, Ended)
    assert all(len(batch.reports) <= 2 for batch in watch.batches)


async def test_given_waiting_attempts_when_many_end_then_their_reports_travel_together(watch: Watch) -> None:
    wanted = attempts(300)
    await watch.engine.start(a_lane("/bin/true", width=8), wanted)
    await watch.all_ended(wanted)
    assert len(watch.batches) < 100


async def test_given_a_copy_of_a_data_directory_when_it_is_opened_then_the_tasks_of_the_original_go_on(
    world: ProcessWorld, watch: Watch, tmp_path: Path
) -> None:
    attempt = an_attempt()
    await watch.engine.start(a_shell("sleep 600", memory_limit_bytes=64 * MIB), [attempt])
    pid = (await watch.start_of(attempt)).pid
    shutil.copytree(world.directory, tmp_path / "copy", symlinks=True, ignore=lambda _, names: {"socket"} & set(names))
    copy = ProcessWorld(tmp_path / "copy")
    other = Watch(copy.engine())
    try:
        assert await other.engine.open() == []
        assert copy.runtime_id != world.runtime_id
        assert is_running(pid)
        assert (await other.run(a_shell("exit 3"))).exit_code == 3
    finally:
        await other.engine.close(stop_attempts=True)
    assert is_running(pid)


async def test_given_a_directory_when_a_supervisor_follows_another_then_it_has_the_same_identity(
    world: ProcessWorld, watch: Watch
) -> None:
    first = world.runtime_id
    attempt = an_attempt()
    await watch.engine.start(a_shell("sleep 600"), [attempt])
    pid = (await watch.start_of(attempt)).pid
    world.kill_supervisor()
    await until_lost(watch.engine)
    await watch.engine.open()
    assert world.runtime_id == first
    assert not is_running(pid)


def test_given_processes_that_never_end_when_leftovers_are_killed_then_it_gives_up_and_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(supervisor, "LEFTOVERS_GONE_WITHIN_S", 0.3)
    entry = f"HAKOBUNE_RUNTIME=left-{os.getpid()}"
    name, _, value = entry.partition("=")
    is_over = threading.Event()

    def come_again() -> None:
        """As one dies, the next is there: to the one who kills them, as good as immortal."""
        while not is_over.is_set():
            with subprocess.Popen(["/bin/sleep", "60"], env={name: value}) as process:
                while process.poll() is None and not is_over.is_set():
                    time.sleep(0.001)
                process.kill()

    threads = [threading.Thread(target=come_again) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        began_s = time.monotonic()
        left = supervisor._kill_leftovers(entry.encode())
        assert time.monotonic() - began_s < 3.0
        assert left
    finally:
        is_over.set()
        for thread in threads:
            thread.join()
    assert supervisor._kill_leftovers(entry.encode()) == []
