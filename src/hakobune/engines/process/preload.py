"""Runs inside a preloaded interpreter: loads modules once, then forks a process for each attempt.

This file is run by the interpreter of the *task*, which may be another version of Python and need not know Hakobune:
it imports nothing of ours, and keeps to what Python 3.9 has. A forked child does its work as `python …` would, and
leaves as the interpreter would leave: threads joined, `atexit` run, files flushed, the same exit codes. It skips what
costs most, tearing down every module that was loaded before the fork: that would copy all the memory it shares.

Messages are packets of JSON on the Unix socket that is descriptor 3:

    supervisor → here    {key, argv, cwd, set, unset}, with the descriptors of stdout and stderr; `set` and `unset`
                         say how the environment differs from that of this process
    here → supervisor    ["ready"], ["broken", text], ["started", key, pid],
                         ["ended", key, status, cpu s, max rss bytes]
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import gc
import importlib
import io
import json
import os
import runpy
import select
import signal
import socket
import sys
import threading
import traceback
import types
from importlib.machinery import SourceFileLoader
from typing import Any

_CHANNEL_FD = 3
_PACKET_BYTES_MAX = 4 * 1024 * 1024
_TEXT_CHARS_MAX = 4000
_FLUSH_FAILED = 120  # what Python exits with if its last flush fails

# The base class of all files; not `io.IOBase`, whose check as an abstract class writes to memory that is shared.
_FILE: Any = io.IOBase.__bases__[0]

_Work = dict[str, Any]
_Places = dict[str, "ctypes.Array[ctypes.c_char]"]  # the bytes of the values of environment variables


def main() -> None:
    """What the interpreter is started for. Arguments: the path of this file, and the setup as JSON."""
    setup = json.loads(sys.argv[2])
    sys.argv = [""]
    if not _is_path_safe():
        sys.path[0] = setup["first_path"]
    work = serve(_find_places(setup["marks"]), setup["modules"])
    if work is not None:
        _leave(*_run(work))


def serve(places: _Places, modules: list[str]) -> _Work | None:
    """Preload, then fork until the supervisor is gone. Returns the work in a child, None in the parent."""
    channel = socket.socket(fileno=_CHANNEL_FD)
    try:
        for module in modules:
            importlib.import_module(module)
    except BaseException:  # noqa: BLE001 - whatever a module raises is told to the user
        text = traceback.format_exc()[-_TEXT_CHARS_MAX:]
        channel.send(json.dumps(["broken", text]).encode())
        return None
    sys.stdout.flush()
    sys.stderr.flush()
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_read, False)
    os.set_blocking(wake_write, False)
    signal.signal(signal.SIGCHLD, _ignore)
    signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
    poll = select.poll()
    poll.register(channel.fileno(), select.POLLIN)
    poll.register(wake_read, select.POLLIN)
    gc.collect()
    gc.freeze()
    channel.send(json.dumps(["ready"]).encode())
    keys: dict[int, int] = {}
    while True:
        for fd, _ in poll.poll():
            if fd == wake_read:
                os.read(wake_read, 4096)
                _reap(channel, keys)
                continue
            data, descriptors, _, _ = socket.recv_fds(channel, _PACKET_BYTES_MAX, 2)
            if not data:
                return None
            work: _Work = json.loads(data)
            pid = os.fork()
            if pid == 0:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                os.setsid()
                os.dup2(descriptors[0], 1)
                os.dup2(descriptors[1], 2)
                for unused in (*descriptors, wake_read, wake_write, channel.detach()):
                    os.close(unused)
                _write_marks(places, work["set"])
                return work
            for descriptor in descriptors:
                os.close(descriptor)
            keys[pid] = work["key"]
            channel.send(json.dumps(["started", work["key"], pid]).encode())


def _reap(channel: socket.socket, keys: dict[int, int]) -> None:
    """Tell how children ended. A child's group is killed while its pid cannot belong to anybody else."""
    while keys:
        dead = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if dead is None:
            return
        key = keys.pop(dead.si_pid, None)
        if key is not None:
            with contextlib.suppress(OSError):
                os.killpg(dead.si_pid, signal.SIGKILL)
        _, status, usage = os.wait4(dead.si_pid, 0)
        if key is not None:
            cpu_s = usage.ru_utime + usage.ru_stime
            channel.send(json.dumps(["ended", key, status, cpu_s, usage.ru_maxrss * 1024]).encode())


def _find_places(marks: dict[str, int]) -> _Places:
    """Where the variables `marks` (with the length reserved for each) lie. /proc/PID/environ shows the bytes that the
    interpreter was started with, so a child must overwrite them in place."""
    getenv = ctypes.CDLL(None).getenv
    getenv.restype = ctypes.c_void_p
    addresses = {name: getenv(name.encode()) for name in marks}
    return {name: (ctypes.c_char * marks[name]).from_address(at) for name, at in addresses.items() if at}


def _write_marks(places: _Places, changed: dict[str, str]) -> None:
    for name, place in places.items():
        place.raw = os.fsencode(changed.get(name, ""))[: len(place) - 1].ljust(len(place), b"\0")


def _is_path_safe() -> bool:
    """Nothing unsafe is put first on sys.path (options -P and -I)."""
    return bool(getattr(sys.flags, "safe_path", False) or sys.flags.isolated)


def _ignore(*_: object) -> None:
    """A signal handler: the wake-up descriptor tells the loop."""


# -- in the child ------------------------------------------------------------------------------------------------------


def _run(work: _Work) -> tuple[int, bool]:
    """Do the work. Returns the exit code that Python gives to how it ended, and whether it was interrupted."""
    changed: dict[str, str] = work["set"]
    for name in work["unset"]:
        os.environ.pop(name, None)
    os.environ.update(changed)
    os.chdir(work["cwd"])
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        numpy_random.seed()  # `random` does so by itself after a fork
    try:
        _run_program(work["argv"])
    except SystemExit as leave:
        return _exit_code(leave), False
    except BaseException as error:  # noqa: BLE001 - as the interpreter does
        trace = error.__traceback__
        while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
            trace = trace.tb_next  # a cold start has no frames of ours
        error.__traceback__ = trace
        sys.excepthook(type(error), error, trace)
        return 1, isinstance(error, KeyboardInterrupt)
    return 0, False


def _run_program(argv: list[str]) -> None:
    """`argv`: what follows the options of the interpreter: -c CODE …, -m MODULE …, or SCRIPT …."""
    sys.orig_argv = [sys.executable, *argv]
    module = types.ModuleType("__main__")
    module.__dict__["__builtins__"] = sys.modules["builtins"]
    if "__annotations__" in vars(sys.modules["__main__"]):
        module.__dict__.update(__annotations__={})
    sys.modules["__main__"] = module
    sys.argv = list(argv)
    if argv[0] == "-m":
        sys.argv = ["-m", *argv[2:]]
        if not _is_path_safe():
            sys.path[0] = os.getcwd()
        run_module: Any = vars(runpy)["_run_module_as_main"]  # what the interpreter calls for -m
        run_module(argv[1])
        return
    script = argv[0]
    if script == "-c":
        sys.argv = ["-c", *argv[2:]]
        exec(compile(argv[1], "<string>", "exec"), module.__dict__)  # noqa: S102 - this is what -c means
        return
    if os.path.isdir(script) or script.endswith((".zip", ".pyz")):
        if not _is_path_safe():
            del sys.path[0]  # `run_path` puts it there
        runpy.run_path(script, run_name="__main__")
        return
    path = os.path.abspath(script)
    try:
        with open(path, "rb") as file:
            source = file.read()
    except OSError as error:
        text = "{}: can't open file {!r}: [Errno {}] {}\n"
        sys.stderr.write(text.format(sys.executable, path, error.errno, error.strerror))
        raise SystemExit(2) from None
    module.__dict__.update(__file__=path, __cached__=None, __loader__=SourceFileLoader("__main__", path))
    exec(compile(source, path, "exec"), module.__dict__)  # noqa: S102 - this is what running a script means


def _leave(code: int, is_interrupted: bool) -> None:
    """End this process, in the order of the interpreter: threads, `atexit`, output, then what modules still hold."""
    vars(threading)["_shutdown"]()
    vars(atexit)["_run_exitfuncs"]()
    is_flushed = _flush()
    del sys.modules["__main__"]
    _flush_files()
    gc.collect()  # finalizers that live in the main module run now, with all of its names in place
    _flush_files()
    is_flushed = _flush() and is_flushed
    if is_interrupted:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    os._exit(code if is_flushed else _FLUSH_FAILED)


def _flush_files() -> None:
    """Flush every file that was opened since the fork: what was made before is frozen, and not among these."""
    for held in gc.get_objects():
        if isinstance(held, _FILE) and not held.closed and held not in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                held.flush()


def _exit_code(error: SystemExit) -> int:
    if error.code is None:
        return 0
    if isinstance(error.code, int):
        return error.code & 0xFF
    sys.stderr.write(f"{error.code}\n")
    return 1


def _flush() -> bool:
    """Flush the standard streams; False if that failed, and stderr says so."""
    is_flushed = True
    if sys.stdout is not None and not sys.stdout.closed:
        try:
            sys.stdout.flush()
        except (OSError, ValueError) as error:
            is_flushed = False
            with contextlib.suppress(OSError, ValueError):
                sys.stderr.write(f"Exception ignored in: {sys.stdout!r}\n{type(error).__name__}: {error}\n")
            sys.stdout = None  # once is enough
    if sys.stderr is not None and not sys.stderr.closed:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.flush()
    return is_flushed
