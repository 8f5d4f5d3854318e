"""Commands of the real gcloud. It is started once and loaded once: each command is a process of its own with the same
modules, so that the start of a Python of a thousand modules is paid once."""

from __future__ import annotations

import atexit
import json
import os
import shutil
import socket
import struct
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from runtime_process import HAKOBUNE, RuntimeProcess

GCLOUD = shutil.which("gcloud")

_KEEPER = Path(__file__).with_name("gcloud_keeper.py")
_COMMAND_S = 100


def environ_of(runtime: RuntimeProcess, home: Path) -> dict[str, str]:
    """What `eval "$(hakobune env)"` gives, in a shell of its own, with gcloud's own files in `home`."""
    words = [HAKOBUNE, "env", "--port", str(runtime.port), "--grpc-port", str(runtime.grpc_port)]
    lines = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    shell = subprocess.run(["/bin/sh", "-c", f"{lines}\nenv -0"], check=True, capture_output=True, text=True).stdout
    found = dict(pair.split("=", 1) for pair in shell.split("\0") if "=" in pair)
    return {**os.environ, **found, "CLOUDSDK_CONFIG": str(home), "CLOUDSDK_CORE_DISABLE_PROMPTS": "1"}


def run_gcloud(
    words: Sequence[str], environ: Mapping[str, str], folder: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """What `gcloud WORDS` says in that environment, and in that folder."""
    request = {"folder": str(folder or Path.cwd()), "environ": dict(environ), "words": list(words)}
    content = json.dumps(request).encode()
    with (
        tempfile.TemporaryFile() as out,
        tempfile.TemporaryFile() as err,
        socket.socket(socket.AF_UNIX) as connection,
    ):
        connection.settimeout(_COMMAND_S)
        connection.connect(_keeper())
        socket.send_fds(connection, [struct.pack("!I", len(content))], [out.fileno(), err.fileno()])
        connection.sendall(content)
        answer = connection.recv(4)
        assert len(answer) == 4, f"gcloud {' '.join(words)}: its keeper has gone"
        texts: list[str] = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read().decode())
        return subprocess.CompletedProcess(["gcloud", *words], struct.unpack("!i", answer)[0], *texts)


@cache
def _keeper() -> str:
    """The socket of a running keeper, which ends with this process."""
    folder = tempfile.TemporaryDirectory(prefix="gcloud-")
    path = str(Path(folder.name) / "socket")
    # The launcher removes -S again where gcloud is to see the packages of the site. Warnings that the tests ask for are
    # none of gcloud's.
    strange = ("CLOUDSDK_", "PYTHONWARNINGS")
    environ = {name: value for name, value in os.environ.items() if not name.startswith(strange)} | {
        "CLOUDSDK_PYTHON_ARGS": f"-S {_KEEPER.name}",
        "CLOUDSDK_CONFIG": folder.name,
        "KEEPER_SOCKET": path,
        "LANG": "C.UTF-8",
    }
    process = subprocess.Popen(
        [GCLOUD or "gcloud"], cwd=_KEEPER.parent, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"

    def end() -> None:
        process.communicate()
        folder.cleanup()

    atexit.register(end)
    return path
