"""When an attempt has ended, no process of it is left: daemons, other sessions, cleared environments."""

from __future__ import annotations

import itertools
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from engine_world import (
    ProcessWorld,
    Watch,
    a_lane,
    a_python,
    a_shell,
    an_attempt,
    attempts,
    exists,
    has_signal,
    is_running,
    pids_with,
    soon,
)

from hakobune.engines.api import EndKind

pytestmark = pytest.mark.anyio

_serial = itertools.count()

# Forks a process, then (in it) does what `escape` says, and stays.
DAEMON = """
import os, sys, time
ready = os.pipe()
if os.fork() == 0:
    {escape}
    os.write(ready[1], b".")
    time.sleep(600)
    os._exit(0)
os.read(ready[0], 1)
{after}
"""

# Leaves a process with the pid that it is told, as the kernel does once it has been through all others: clone3 with
# set_tid (linux/sched.h). Its exit code is 3 where that is not allowed.
PID_AGAIN = """
import ctypes, os, sys, time
ready = os.pipe()
pids = (ctypes.c_int * 1)(int(sys.argv[1]))
arguments = (ctypes.c_uint64 * 10)(0, 0, 0, 0, 17, 0, 0, 0, ctypes.addressof(pids), 1)
pid = ctypes.PyDLL(None).syscall(435, arguments, 80)
if pid == 0:
    os.setsid()
    os.write(ready[1], b".")
    time.sleep(600)
if pid < 0:
    sys.exit(3)
os.read(ready[0], 1)
"""

ESCAPES = {
    "child": "pass",
    "own group": "os.setpgid(0, 0)",
    "own session": "os.setsid()",
    "double fork": "os.setsid()\n    if os.fork(): os._exit(0)",
    "closed streams": "os.setsid(); os.close(1); os.close(2)\n    if os.fork(): os._exit(0)",
    "ignores signals": "import signal; [signal.signal(n, signal.SIG_IGN) for n in (1, 2, 15)]; os.setsid()",
}


def _session(pid: int) -> int:
    """The session of a process, 0 if it is gone."""
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return 0


@pytest.fixture
def mark() -> str:
    """A word on the command line by which a test finds its own processes."""
    return f"stray-{os.getpid()}-{next(_serial)}"


@pytest.fixture
async def watch(world: ProcessWorld) -> AsyncIterator[Watch]:
    found = Watch(world.engine())
    await found.engine.open()
    yield found
    await found.engine.close(stop_attempts=True)


@pytest.mark.parametrize("escape", ESCAPES)
async def test_given_a_process_that_stays_when_the_main_process_ends_then_it_is_gone_before_the_report(
    watch: Watch, mark: str, escape: str
) -> None:
    code = DAEMON.format(escape=ESCAPES[escape], after="sys.exit(4)")
    ended = await watch.run(a_python(code, mark))
    assert (ended.kind, ended.exit_code) == (EndKind.EXITED, 4)
    assert pids_with(mark) == []


async def test_given_a_daemon_with_a_cleared_environment_when_its_attempt_ends_then_it_is_gone_before_the_report(
    watch: Watch, mark: str
) -> None:
    other = an_attempt(lane="other")
    await watch.engine.start(a_lane("/bin/sleep", "600", uid="other"), [other])
    await watch.start_of(other)
    # It keeps the attempt's output stream: that tells whose it is, though two attempts run.
    code = DAEMON.format(
        escape=f"os.setsid()\n    if os.fork(): os._exit(0)\n    os.write(ready[1], b'.')\n"
        f"    os.execve('/bin/sh', ['sh', '-c', 'sleep 600; : {mark}'], {{}})",
        after="time.sleep(0.3); sys.exit(4)",
    )
    await watch.run(a_python(code, uid="lane"))
    assert pids_with(f": {mark}") == []
    await watch.engine.stop("other")


async def test_given_a_daemon_without_any_tie_when_all_suspects_have_ended_then_it_is_gone(
    watch: Watch, mark: str, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    other = an_attempt(lane="other")
    await watch.engine.start(a_lane("/bin/sh", "-c", f"until [ -e {gate} ]; do sleep 0.02; done", uid="other"), [other])
    await watch.start_of(other)
    code = DAEMON.format(
        escape="os.setsid(); os.dup2(0, 1); os.dup2(0, 2)\n    if os.fork(): os._exit(0)\n"
        f"    os.write(ready[1], b'.'); os.closerange(3, 99)\n"
        f"    os.execve('/bin/sh', ['sh', '-c', 'sleep 600; : {mark}'], {{}})",
        after="time.sleep(0.3); sys.exit(4)",
    )
    await watch.run(a_python(code))
    gate.touch()
    await watch.end_of(other)
    assert pids_with(f": {mark}") == []


async def test_given_a_daemon_of_a_running_attempt_when_another_attempt_ends_then_the_daemon_lives(
    watch: Watch, mark: str, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    code = DAEMON.format(
        escape="os.setsid()\n    if os.fork(): os._exit(0)",
        after=f"while not os.path.exists({str(gate)!r}): time.sleep(0.02)",
    )
    attempt = an_attempt()
    await watch.engine.start(a_python(code, mark), [attempt])
    pid = (await watch.start_of(attempt)).pid
    # The second of the two forks: no leader of its session.
    await soon(lambda: [found for found in pids_with(mark) if _session(found) not in (0, pid, found)])
    await watch.run(a_lane("/bin/true", uid="other"))
    assert [found for found in pids_with(mark) if found != pid]
    gate.touch()
    await watch.end_of(attempt)
    assert pids_with(mark) == []


async def test_given_a_daemon_that_died_when_its_pid_is_used_again_then_the_new_process_goes_with_its_own_attempt(
    watch: Watch, mark: str, tmp_path: Path
) -> None:
    left, gate = tmp_path / "left", tmp_path / "gate"
    code = DAEMON.format(
        escape="os.setsid()\n    if os.fork(): os._exit(0)",
        after=f"os.wait(); open({str(left)!r}, 'w').close()\nwhile not os.path.exists({str(gate)!r}): time.sleep(0.02)",
    )
    attempt = an_attempt()
    await watch.engine.start(a_python(code, mark), [attempt])
    main = (await watch.start_of(attempt)).pid
    await soon(left.exists)
    (daemon,) = [pid for pid in pids_with(mark) if pid != main]
    await watch.run(a_lane("/bin/true", uid="other"))  # at its end the daemon is noticed
    os.kill(daemon, signal.SIGKILL)
    await soon(lambda: not exists(daemon))
    ended = await watch.run(a_python(PID_AGAIN, str(daemon), uid="again"))
    if ended.exit_code == 3:
        pytest.skip("a pid cannot be chosen here")
    assert ended.exit_code == 0
    assert not is_running(daemon)
    gate.touch()
    assert (await watch.end_of(attempt)).exit_code == 0


async def test_given_a_daemon_when_its_attempt_is_signalled_then_it_gets_the_signal_too(
    watch: Watch, mark: str, tmp_path: Path
) -> None:
    heard = tmp_path / "heard"
    code = DAEMON.format(
        escape="import signal\n    signal.signal(10, lambda *_: open(sys.argv[2], 'a').write('.'))\n    os.setsid()",
        after="import signal; signal.signal(10, signal.SIG_IGN); time.sleep(600)",
    )
    attempt = an_attempt()
    await watch.engine.start(a_python(code, mark, str(heard)), [attempt])
    pid = (await watch.start_of(attempt)).pid
    await soon(lambda: any(os.getsid(found) == found != pid for found in pids_with(mark)))
    await soon(lambda: has_signal(pid, "SigIgn", signal.SIGUSR1))
    await watch.engine.signal(attempt.uid, signal.SIGUSR1)
    await soon(heard.exists)
    assert is_running(pid)
    await watch.engine.stop("lane")
    await watch.end_of(attempt)
    assert heard.read_text() == "."
    assert pids_with(mark) == []


async def test_given_two_runtimes_whose_attempts_have_one_name_when_one_is_signalled_then_the_other_goes_on(
    watch: Watch, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    elsewhere = ProcessWorld(tmp_path / "elsewhere")
    other = Watch(elsewhere.engine())
    await other.engine.open()
    try:
        attempt = an_attempt()
        await other.engine.start(a_shell(f"until [ -e {gate} ]; do sleep 0.02; done; exit 5"), [attempt])
        await other.start_of(attempt)
        await watch.engine.start(a_lane("/bin/sleep", "600"), [attempt])
        await watch.start_of(attempt)
        await watch.engine.signal(attempt.uid, signal.SIGUSR1)
        signalled = await watch.end_of(attempt)
        assert (signalled.kind, signalled.signal) == (EndKind.SIGNALED, signal.SIGUSR1)
        gate.touch()
        untouched = await other.end_of(attempt)
        assert (untouched.kind, untouched.exit_code) == (EndKind.EXITED, 5), untouched
        await other.engine.close(stop_attempts=True)
    finally:
        elsewhere.clear_away()


async def test_given_attempts_that_leave_many_processes_when_all_end_then_nothing_is_left(
    watch: Watch, mark: str, world: ProcessWorld
) -> None:
    code = """
import os, time
for n in range(5):
    if os.fork() == 0:
        os.setsid() if n % 2 else None
        time.sleep(600)
"""
    wanted = attempts(20)
    await watch.engine.start(a_python(code, mark, width=8), wanted)
    ended = await watch.all_ended(wanted)
    assert {one.exit_code for one in ended} == {0}
    assert pids_with(mark) == []
    assert world.marked_pids() == []
