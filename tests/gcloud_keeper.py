"""gcloud, loaded once: gcloud's own launcher starts this in front of its program, and every command is then a process
that begins where all modules are there already. `gcloud_process` asks for them.

A request comes over a socket as the folder, the environment and the words of a command, with the command's standard
output and standard error. The answer is its exit status.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import struct
import sys
from collections.abc import Callable

_LAUNCHERS = ("CLOUDSDK_ROOT_DIR", "CLOUDSDK_PYTHON", "CLOUDSDK_ENCODING", "PYTHONIOENCODING")


def load(program: str) -> Callable[[], int]:
    """The main function of gcloud, whose program is at this path, found in the way of that program."""
    sys.path.insert(0, os.path.dirname(program))
    import gcloud  # type: ignore[import-not-found]

    sys.path = gcloud.reorder_sys_path(sys.path)
    main: Callable[[], int] = gcloud._import_gcloud_main().main
    sys.modules["__main__"].__file__ = program
    return main


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
        sys.exit(main())
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


if __name__ == "__main__":
    serve(load(sys.argv[1]), sys.argv[1], os.environ["KEEPER_SOCKET"])
