"""gcloud, loaded once: gcloud's own launcher starts this in front of its program, and every command is then a process
that begins where all modules are there already. `gcloud_process` asks for them. What gcloud waits between two looks at
an operation is a tenth: a second before the first one, whatever is there, is what most commands take.

A request comes over a socket as the folder, the environment and the words of a command, with the command's standard
output and standard error. The answer is its exit status.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import select
import signal
import socket
import struct
import sys
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from typing import NoReturn

# What most commands import, and what those of jobs and of objects import: of gcloud 528.
_MODULES = (
    "googlecloudsdk.core.credentials.transports",
    "googlecloudsdk.core.credentials.requests",
    "googlecloudsdk.api_lib.util.apis",
    "googlecloudsdk.command_lib.run.serverless_operations",
    "googlecloudsdk.api_lib.storage.api_factory",
    "googlecloudsdk.command_lib.storage.list_util",
    "googlecloudsdk.command_lib.storage.tasks.cp.copy_task_factory",
)
# Where gcloud waits between two looks, and its function for it, which is given milliseconds.
_WAITING = ("googlecloudsdk.api_lib.util.waiter", "googlecloudsdk.core.util.retry")
_WAIT = "_SleepMs"
_SHORTER = 10  # times
_LAUNCHERS = ("CLOUDSDK_ROOT_DIR", "CLOUDSDK_PYTHON", "CLOUDSDK_ENCODING", "PYTHONIOENCODING")


def load(program: str) -> Callable[[], int]:
    """The main function of gcloud, whose program is at this path, found in the way of that program."""
    sys.path.insert(0, os.path.dirname(program))
    import gcloud  # type: ignore[import-not-found]

    sys.path = gcloud.reorder_sys_path(sys.path)
    main: Callable[[], int] = gcloud._import_gcloud_main().main
    for name in _MODULES:
        with suppress(ModuleNotFoundError):  # another version
            import_module(name)
    for name in _WAITING:
        module = import_module(name)
        assert hasattr(module, _WAIT), f"{name} of this gcloud waits in another way"
        setattr(module, _WAIT, _wait)
    sys.modules["__main__"].__file__ = program
    gc.freeze()  # what is never looked at again is never copied
    return main


def _wait(milliseconds: float) -> None:
    time.sleep(milliseconds / 1000 / _SHORTER)


def serve(main: Callable[[], int], program: str, path: str) -> None:
    """Carry commands out until standard input ends."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        os.write(1, b"ready\n")
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those that wait for a command
        while listener in select.select([listener, sys.stdin], [], [])[0]:
            connection, _ = listener.accept()
            if not os.fork():
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                listener.close()
                _answer(connection, main, program)
            connection.close()


def _answer(connection: socket.socket, main: Callable[[], int], program: str) -> None:
    """Begin the command in a process of its own, and tell how that ended."""
    head, files, _, _ = socket.recv_fds(connection, 4, 2)
    (size,) = struct.unpack("!I", head)
    request = b""
    while len(request) < size:
        request += connection.recv(size - len(request))
    child = os.fork()
    if not child:
        connection.close()
        _become(files, program, **json.loads(request))
        _end(main)
    _, status = os.waitpid(child, 0)
    connection.sendall(struct.pack("!i", os.waitstatus_to_exitcode(status)))
    os._exit(0)


def _become(files: list[int], program: str, folder: str, environ: dict[str, str], words: list[str]) -> None:
    os.setsid()
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115 - for the life of the process
    for place, file in enumerate(files, start=1):
        os.dup2(file, place)
        os.close(file)
    launchers = {name: os.environ[name] for name in _LAUNCHERS if name in os.environ}
    os.environ.clear()
    os.environ.update({**launchers, **environ})
    os.chdir(folder)
    sys.argv = [program, *words]


def _end(main: Callable[[], int]) -> NoReturn:
    """Run, and end as Python does, but leave it to the system to take the modules down."""
    try:
        code = main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 - as Python says it of whatever ends a program
        traceback.print_exc()
        code = 1
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code or 0)


if __name__ == "__main__":
    serve(load(sys.argv[1]), sys.argv[1], os.environ["KEEPER_SOCKET"])
