"""A runtime of its own for the demo: started, killed and started again, and spoken to through the command line."""

from __future__ import annotations

import http.client
import os
import shlex
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

READY_WITHIN_S = 30.0
STOP_WITHIN_S = 20.0
COMMAND_WITHIN_S = 60.0


class DemoError(Exception):
    """Something did not hold. The message says what; the demo adds where the logs are."""


class House:
    """`hakobune up` on a data directory and free ports of its own, with its output in `log`."""

    def __init__(self, hakobune: Path, folder: Path) -> None:
        self._hakobune = hakobune
        self._data = folder / "data"
        self._process: subprocess.Popen[bytes] | None = None
        self._environment = dict(os.environ)
        self._port, self._grpc_port = _free_ports()
        self.log = folder / "up.log"

    @property
    def pid(self) -> int:
        """The runtime's process, which leads its process group. Raises DemoError if there is none."""
        if self._process is None:
            raise DemoError("the runtime is not running")
        return self._process.pid

    @property
    def up_arguments(self) -> list[str]:
        """What is typed to start the runtime, without the program."""
        ports = ["--port", str(self._port), "--grpc-port", str(self._grpc_port)]
        return ["up", "--data", str(self._data), *ports]

    def start(self) -> float:
        """Start the runtime and wait until it serves: the seconds that took. Raises DemoError."""
        began = time.monotonic()
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [str(self._hakobune), *self.up_arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        while not self._is_ready():
            if self._process.poll() is not None:
                raise DemoError(f"the runtime ended with code {self._process.returncode} before it was ready")
            if time.monotonic() - began > READY_WITHIN_S:
                raise DemoError(f"the runtime was not ready after {READY_WITHIN_S:.0f} s")
            time.sleep(0.02)
        return time.monotonic() - began

    def find(self) -> str:
        """Learn from `hakobune env` how commands find this runtime; returns the line to type for the same."""
        ports = ["--port", str(self._port), "--grpc-port", str(self._grpc_port)]
        for line in self.run("env", *ports).stdout.splitlines():
            (word,) = shlex.split(line.removeprefix("export "))
            name, _, value = word.partition("=")
            self._environment[name] = value
        return f'eval "$(hakobune env {" ".join(ports)})"'

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a `hakobune` command to its end. Raises DemoError, with what it printed, if it fails."""
        command = [str(self._hakobune), *arguments]
        try:
            done = subprocess.run(
                command,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=COMMAND_WITHIN_S,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise DemoError(f"no end after {COMMAND_WITHIN_S:.0f} s: {shlex.join(command)}") from error
        if done.returncode != 0:
            raise DemoError(
                f"exit code {done.returncode} of {shlex.join(command)}\n{done.stdout}{done.stderr}".rstrip()
            )
        return done

    def begin(self, *arguments: str) -> subprocess.Popen[str]:
        """Begin a `hakobune` command and leave it running; its output can be read from the process."""
        return subprocess.Popen(
            [str(self._hakobune), *arguments],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def kill(self) -> None:
        """SIGKILL to the whole process group of the runtime, as a crash would have it."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def stop(self) -> None:
        """Stop the runtime in order (SIGTERM); kill it if it takes too long."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_WITHIN_S)
            self._process = None
        except subprocess.TimeoutExpired:
            self.kill()

    def _is_ready(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=2)
        try:
            connection.request("GET", "/healthz")
            return connection.getresponse().status == http.client.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


def typed(arguments: Sequence[str]) -> str:
    """A `hakobune` command as one would type it."""
    return shlex.join(["hakobune", *arguments])


def _free_ports() -> tuple[int, int]:
    """Two ports of the loopback interface that nobody listens on now."""
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        return one.getsockname()[1], other.getsockname()[1]
