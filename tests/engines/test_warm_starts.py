"""A warm start keeps the contract of a cold one: each case runs both ways and must look the same."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from engine_world import (
    MIB,
    PATH,
    PYTHON,
    ProcessWorld,
    Watch,
    a_lane,
    a_slot,
    an_attempt,
    attempts,
    exists,
    field_of_stat,
    has_signal,
    is_running,
    soon,
)

from hakobune.engines.api import Attempt, Ended, EndKind, Lane

pytestmark = pytest.mark.anyio

WAYS = {"cold": (), "warm": ("json", "random")}


@pytest.fixture(params=WAYS)
def modules(request: pytest.FixtureRequest) -> tuple[str, ...]:
    return WAYS[request.param]


@pytest.fixture
async def watch(world: ProcessWorld) -> AsyncIterator[Watch]:
    found = Watch(world.engine(is_memory_watched=True))
    await found.engine.open()
    yield found
    await found.engine.close(stop_attempts=True)


def a_script(folder: Path, text: str, *arguments: str, **changes: object) -> Lane:
    """A lane that runs a script of this text."""
    script = folder / "task.py"
    script.write_text(text)
    return a_lane(PYTHON, "-S", str(script), *arguments, **changes)


SCRIPTS = {
    "falls off the end": "print('done')",
    "exits with a number": "import sys; print('x'); sys.exit(7)",
    "exits with a large number": "import sys; sys.exit(256 + 3)",
    "exits with None": "import sys; sys.exit()",
    "exits with text": "import sys; sys.exit('bad thing')",
    "os._exit": "import os; print('lost'); os._exit(4)",
    "raises": "def inner():\n    raise ValueError('no')\n\ninner()",
    "raises with a cause": "try:\n    1 / 0\nexcept ZeroDivisionError as e:\n    raise RuntimeError('wrapped') from e",
    "is no Python": "def (:\n",
    "is interrupted": "raise KeyboardInterrupt",
    "kills itself": "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
    "aborts": "import os; os.abort()",
    "atexit": "import atexit; atexit.register(print, 'bye'); print('hello')",
    "atexit that raises": "import atexit; atexit.register(lambda: 1 / 0)",
    "full device": "import sys; sys.stdout = open('/dev/full', 'w'); print('lost')",
    "daemon thread": (
        "import threading, time\nthreading.Thread(target=lambda: time.sleep(60), daemon=True).start()\nprint('on')"
    ),
    "logging": "import logging; logging.basicConfig(); logging.warning('careful')",
    "broken pipe": "import os, sys\nr, w = os.pipe(); os.close(r); os.dup2(w, 1); print('x')",
    "threads": "import threading, time\nthreading.Thread(target=lambda: (time.sleep(0.1), print('late'))).start()",
    "file left open": "f = open('/proc/self/fd/1', 'w'); f.write('kept')",
    "file left open in a cycle": (
        "class Box: pass\nbox = Box(); box.me = box; box.f = open('/proc/self/fd/1', 'w'); box.f.write('kept')"
    ),
    "finalizer that needs a name": (
        "import os\nclass Last:\n    def __del__(self): os.write(1, name)\n"
        "name = b'kept'\nlast = Last()\ndef function(): return last"
    ),
    "finalizer after an error": "class Last:\n    def __del__(self): print('bye')\nlast = Last()\n1 / 0",
    "finalizer": "class Last:\n    def __del__(self): print('finalized')\nlast = Last()",
    "own excepthook": "import sys; sys.excepthook = lambda *a: print('hook', a[0].__name__)\n1 / 0",
    "arguments": "import sys; print(sys.argv[1:], __name__, __file__ == sys.argv[0])",
    "main module": "import __main__, sys; print(__main__ is sys.modules['__main__'], sorted(vars(__main__)))",
    "stderr": "import sys; print('out'); print('err', file=sys.stderr)",
    "streams": "import sys; print(sys.stdout.isatty(), sys.stdout.line_buffering, sys.stdin.read() == '')",
    "executable": "import sys; print(sys.executable, sys.prefix, sys.flags, sys.version)",
    "path": "import os, sys; print(sys.path[0] == os.path.dirname(os.path.abspath(__file__)))",
    "signals": "import signal; print([(s.name, str(signal.getsignal(s))) for s in signal.valid_signals() if s < 32])",
    "session": "import os; print(os.getsid(0) == os.getpid() == os.getpgid(0))",
    "pickle": "import pickle\nclass A: pass\nprint(type(pickle.loads(pickle.dumps(A()))) is A)",
    "multiprocessing": (
        "import multiprocessing as m\ndef f(x): return x * x\n"
        "if __name__ == '__main__':\n    with m.get_context('spawn').Pool(1) as p: print(p.map(f, [2, 3]))"
    ),
    "limits": "import resource; print(resource.getrlimit(resource.RLIMIT_NOFILE))",
    "descriptors": "import os; print(sorted(int(n) for n in os.listdir('/proc/self/fd'))[:-1])",
}


def _shape(ended: Ended) -> tuple[object, ...]:
    return ended.kind, ended.exit_code, ended.signal, ended.detail


LAST_FLUSH_FAILS = ("full device", "broken pipe")


@pytest.mark.parametrize("case", SCRIPTS)
async def test_given_a_script_when_it_is_run_cold_and_warm_then_nothing_differs(
    watch: Watch, world: ProcessWorld, tmp_path: Path, case: str
) -> None:
    seen: list[object] = []
    for way, loaded in WAYS.items():
        lane = a_script(tmp_path, SCRIPTS[case], "an argument", "-x", uid=way, warm_modules=loaded)
        ended = await watch.run(lane)
        errors = [re.sub(rb"0x[0-9a-f]+", b"0x", line) for line in world.output(way, stream=2)]
        told: object = errors
        if case in LAST_FLUSH_FAILS and sys.version_info >= (3, 13):
            told = bool(errors)  # newer interpreters word this differently, and we do not print it as they do
        seen.append((_shape(ended), world.output(way, stream=1), told))
    assert seen[0] == seen[1]


FORMS = {
    "code": ("-c", "import sys; print(sys.argv, sys.path[0])", "a"),
    "joined code": ("-Sc", "import sys; print(sys.argv, sys.flags.no_site)", "a"),
    "options": ("-O", "-W", "error", "-Xutf8", "-c", "import sys; print(sys.flags, sys.warnoptions, __debug__)"),
    "isolated": ("-I", "-c", "import sys; print(sys.argv, sys.flags.isolated, '' in sys.path)"),
    "unbuffered": ("-u", "-c", "import sys, os; print(1); os._exit(0)"),
    "module": ("-m", "json.tool", "--help"),
    "module of the user": ("-m", "tool", "a", "b"),
    "no such module": ("-m", "no_such_module"),
    "no such script": ("missing.py",),
    "a folder": ("package",),
    "a relative script": ("tool.py", "x"),
}


@pytest.mark.parametrize("form", FORMS)
async def test_given_a_command_line_when_it_is_run_cold_and_warm_then_nothing_differs(
    watch: Watch, world: ProcessWorld, tmp_path: Path, form: str
) -> None:
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__main__.py").write_text("import sys; print('package', sys.argv, __name__)")
    (tmp_path / "tool.py").write_text("import sys; print(sys.argv, __name__, __file__, sys.path[0])")
    seen: list[object] = []
    for way, loaded in WAYS.items():
        lane = a_lane(PYTHON, *FORMS[form], uid=way, warm_modules=loaded, working_dir=str(tmp_path))
        ended = await watch.run(lane)
        seen.append((_shape(ended), world.output(way, stream=1), world.output(way, stream=2)))
    assert seen[0] == seen[1]


async def test_given_an_environment_when_an_attempt_runs_then_it_is_complete_and_nothing_more(
    watch: Watch, world: ProcessWorld, tmp_path: Path, modules: tuple[str, ...]
) -> None:
    lane = a_script(
        tmp_path,
        "import json, os, subprocess, sys\nprint(json.dumps(dict(os.environ)))\n"
        "print(json.dumps(dict(l.split('=', 1) for l in subprocess.check_output('env', text=True).splitlines())))",
        env={"PATH": PATH, "WORD": "早い", "HOST": "lane", "CLOUD_RUN_EXECUTION": "e1", "LC_ALL": "C.UTF-8"},
        slot_variables=("HOST",),
        warm_modules=modules,
        width=1,
    )
    await watch.engine.offer_slots([a_slot(0, HOST="slot")])
    first = Attempt(uid="lane.1.1", index=1, number=0, env={"ONLY": "here", "PATH": PATH})
    second = Attempt(uid="lane.2.4", index=2, number=3)
    await watch.engine.start(lane, [first, second])
    await watch.all_ended([first, second])
    own, by_libc, own_second, _ = map(json.loads, world.output())
    expected = {
        "PATH": PATH,
        "WORD": "早い",
        "HOST": "slot",
        "ONLY": "here",
        "LC_ALL": "C.UTF-8",
        "CLOUD_RUN_EXECUTION": "e1",
        "CLOUD_RUN_TASK_INDEX": "1",
        "CLOUD_RUN_TASK_ATTEMPT": "0",
        "HAKOBUNE_ATTEMPT": "lane.1.1",
    }
    for found in (own, by_libc):
        found.pop("_", None)
        assert found.pop("HAKOBUNE_RUNTIME")
        assert found == expected
    assert "ONLY" not in own_second
    assert (own_second["CLOUD_RUN_TASK_INDEX"], own_second["CLOUD_RUN_TASK_ATTEMPT"]) == ("2", "3")


async def test_given_a_running_attempt_when_the_system_is_asked_then_its_environment_names_it(
    watch: Watch, world: ProcessWorld, tmp_path: Path, modules: tuple[str, ...]
) -> None:
    lane = a_script(tmp_path, "import time; time.sleep(600)", warm_modules=modules)
    attempt = an_attempt()
    await watch.engine.start(lane, [attempt])
    pid = (await watch.start_of(attempt)).pid
    await soon(lambda: b"HAKOBUNE_ATTEMPT=lane.0.1" in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"))
    assert pid in world.marked_pids()
    await watch.engine.stop("lane")


async def test_given_a_handler_when_an_attempt_is_stopped_then_it_runs(
    watch: Watch, world: ProcessWorld, tmp_path: Path, modules: tuple[str, ...]
) -> None:
    text = "import signal, sys, time\nsignal.signal(15, lambda *_: (print('saved'), sys.exit(0)))\ntime.sleep(600)"
    attempt = an_attempt()
    await watch.engine.start(a_script(tmp_path, text, warm_modules=modules, grace_s=30.0), [attempt])
    pid = (await watch.start_of(attempt)).pid
    await soon(lambda: has_signal(pid, "SigCgt", signal.SIGTERM))
    await watch.engine.stop("lane")
    ended = await watch.end_of(attempt)
    assert (ended.kind, ended.exit_code) == (EndKind.STOPPED, 0)
    assert world.output() == [b"saved"]


async def test_given_a_stop_at_once_when_an_attempt_has_just_started_then_it_ends(
    watch: Watch, tmp_path: Path, modules: tuple[str, ...]
) -> None:
    await watch.run(a_script(tmp_path, "import time; time.sleep(0)", warm_modules=modules), an_attempt(9))
    lane = a_script(tmp_path, "import time; time.sleep(600)", warm_modules=modules)  # in the place of the first
    wanted = attempts(4)
    await watch.engine.start(lane, wanted)
    await watch.engine.stop("lane")
    ended = await watch.all_ended(wanted)
    assert {one.kind for one in ended} == {EndKind.STOPPED}, ended


async def test_given_a_deadline_a_memory_limit_and_a_signal_when_they_strike_then_the_kinds_are_the_same(
    watch: Watch, tmp_path: Path, modules: tuple[str, ...]
) -> None:
    code = (
        "import sys, time\nheld = []\nwhile sys.argv[1] == 'grow':\n  held.append(bytearray(4 << 20))\n"
        "  time.sleep(.005)\ntime.sleep(600)"
    )
    slow = a_script(tmp_path, code, "wait", uid="slow", timeout_s=1.0, warm_modules=modules)
    grow = a_script(tmp_path, code, "grow", uid="grow", memory_limit_bytes=64 * MIB, warm_modules=modules)
    late, fat = an_attempt(lane="slow"), an_attempt(lane="grow")
    await watch.engine.start(slow, [late])
    await watch.engine.start(grow, [fat])
    ended = await watch.all_ended([late, fat])
    assert [one.kind for one in ended] == [EndKind.TIMED_OUT, EndKind.OUT_OF_MEMORY]


async def test_given_a_daemon_when_its_attempt_ends_then_it_is_gone_before_the_report(
    watch: Watch, tmp_path: Path, modules: tuple[str, ...]
) -> None:
    text = (
        "import os, time\nr, w = os.pipe()\nif os.fork() == 0:\n  os.setsid()\n  if os.fork(): os._exit(0)\n"
        "  os.write(w, str(os.getpid()).encode())\n  time.sleep(600)\nprint(os.read(r, 99).decode(), flush=True)"
    )
    lane = a_script(tmp_path, text, warm_modules=modules)
    assert (await watch.run(lane)).exit_code == 0
    pid = int(ProcessWorld(tmp_path / "data").output()[0])
    assert not is_running(pid)


# -- warm only ---------------------------------------------------------------------------------------------------------


async def test_given_random_numbers_when_attempts_draw_them_then_they_differ(
    watch: Watch, world: ProcessWorld, tmp_path: Path
) -> None:
    wanted = attempts(3)
    lane = a_script(tmp_path, "import random; print(random.random())", warm_modules=("random",))
    await watch.engine.start(lane, wanted)
    await watch.all_ended(wanted)
    assert len(set(world.output())) == 3


async def test_given_modules_when_many_attempts_run_then_they_are_loaded_once(
    watch: Watch, world: ProcessWorld, tmp_path: Path
) -> None:
    (tmp_path / "costly.py").write_text("import os, pathlib\nopen(os.environ['COUNTER'], 'a').write('.')\n")
    env = {"PATH": PATH, "COUNTER": str(tmp_path / "counter")}
    for lane_uid in ("first", "second"):
        lane = a_script(
            tmp_path,
            "import costly, sys; print('costly' in sys.modules)",
            uid=lane_uid,
            env=env | {"CLOUD_RUN_EXECUTION": lane_uid},
            warm_modules=("costly",),
        )
        wanted = attempts(5, lane=lane_uid)
        await watch.engine.start(lane, wanted)
        await watch.all_ended(wanted)
    assert (tmp_path / "counter").read_text() == "."
    assert world.output("second") == [b"True"] * 5


@pytest.mark.parametrize(
    ("argv", "modules", "words"),
    [
        ((PYTHON, "-c", "pass"), ("no_such_module",), ["no_such_module", "could not be loaded"]),
        (("/bin/sleep", "1"), ("json",), ["Python interpreter", "/bin/sleep"]),
        ((PYTHON,), ("json",), ["script, -m MODULE or -c CODE"]),
        ((PYTHON, "-i", "x.py"), ("json",), ["-i"]),
        (("python-that-is-not-there", "x.py"), ("json",), ["python"]),
    ],
)
async def test_given_a_lane_that_cannot_start_warm_when_it_is_run_then_the_detail_says_why(
    watch: Watch, argv: tuple[str, ...], modules: tuple[str, ...], words: list[str]
) -> None:
    wanted = attempts(3)
    await watch.engine.start(a_lane(*argv, warm_modules=modules), wanted)
    for ended in await watch.all_ended(wanted):
        assert (ended.kind, ended.started_at_s) == (EndKind.NOT_STARTED, None)
        for word in words:
            assert word in ended.detail


async def test_given_a_killed_zygote_when_its_attempts_end_then_their_outcome_is_known(
    watch: Watch, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    text = f"import os, sys, time\nwhile not os.path.exists({str(gate)!r}): time.sleep(0.02)\nsys.exit(6)"
    wanted = attempts(3)
    await watch.engine.start(a_script(tmp_path, text, warm_modules=("json",)), wanted)
    await watch.until(lambda: len(watch.started) == 3)
    zygote = int(field_of_stat(watch.started[wanted[0].uid].pid, 4))
    os.kill(zygote, signal.SIGKILL)
    await soon(lambda: not exists(zygote))
    gate.touch()
    assert {(one.kind, one.exit_code) for one in await watch.all_ended(wanted)} == {(EndKind.EXITED, 6)}
    later = an_attempt(7)
    assert (await watch.run(a_script(tmp_path, text, warm_modules=("json",)), later)).exit_code == 6


async def test_given_a_module_that_takes_for_ever_when_the_attempt_is_stopped_then_it_ends_within_its_grace(
    watch: Watch, tmp_path: Path
) -> None:
    (tmp_path / "endless.py").write_text("import time\ntime.sleep(600)\n")
    attempt = an_attempt()
    await watch.engine.start(a_script(tmp_path, "pass", warm_modules=("endless",), grace_s=0.2), [attempt])
    await watch.engine.stop("lane")
    ended = await watch.end_of(attempt)
    assert (ended.kind, ended.started_at_s) == (EndKind.STOPPED, None)
