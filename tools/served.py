"""A fresh runtime on free ports, for as long as something needs it.

    served.py COMMAND [ARGUMENT…]     `{url}` in an argument becomes the runtime's address

As a command it starts one, runs COMMAND, stops the runtime, and ends as COMMAND did.
"""

from __future__ import annotations

import http.client
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HAKOBUNE = Path(sys.executable).with_name("hakobune")
READY_S = 60.0
STOP_S = 25.0


@contextmanager
def served(*arguments: str) -> Iterator[str]:
    """The address of a runtime whose data are removed afterwards; `arguments` are further ones of `hakobune up`.
    Raises RuntimeError with its output."""
    with tempfile.TemporaryDirectory(prefix="hakobune-served-") as folder:
        log = Path(folder, "log")
        port = _free_port()
        command = [HAKOBUNE, "up", "--data", f"{folder}/data", "--port", str(port), "--grpc-port", str(_free_port())]
        command += arguments
        with log.open("wb") as output:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        try:
            _wait_ready(process, port, log)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    end_s = time.monotonic() + READY_S
    while process.poll() is None and time.monotonic() < end_s:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/healthz")
            if connection.getresponse().status == http.client.OK:
                return
        except OSError:
            time.sleep(0.02)
        finally:
            connection.close()
    raise RuntimeError(f"the runtime is not ready:\n{log.read_text(errors='replace')}")


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


if __name__ == "__main__":
    if not sys.argv[1:]:
        sys.exit(__doc__)
    with served() as url:
        code = subprocess.run([word.replace("{url}", url) for word in sys.argv[1:]], check=False).returncode
    sys.exit(code)
