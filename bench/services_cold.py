"""What does the house add to a cold start? A service that has gone to zero is asked: from the request to the first byte
of its answer, beside the same program started by hand.

Both in turns, the program the cheapest that answers HTTP in Python. The client looks for the port of what it started
itself as often as it can.
"""

from __future__ import annotations

import os
import socket
import subprocess
import time
from pathlib import Path

from bench.house import LOCATION, PROJECT, House, free_port
from bench.report import POWER, Report, at_most, middle
from bench.warm_start import bare_interpreter

ROUNDS = 21
IDLE_S = 1
_SERVICES = f"/v2/projects/{PROJECT}/locations/{LOCATION}/services"
_WITHIN_S = 60.0
_LOOK_S = 0.0005
_REQUEST = b"GET / HTTP/1.1\r\nhost: service\r\nconnection: close\r\n\r\n"
PROGRAM = """\
import os, socket
listener = socket.create_server(("127.0.0.1", int(os.environ["PORT"])))
while True:
    peer, _ = listener.accept()
    if peer.recv(65536):
        text = str(os.getpid()).encode()
        head = b"HTTP/1.1 200 OK\\r\\ncontent-length: %d\\r\\nconnection: close\\r\\n\\r\\n" % len(text)
        peer.sendall(head + text)
    peer.close()
"""


def _ask(port: int) -> int:
    """The process that answers. Raises OSError."""
    with socket.create_connection(("127.0.0.1", port), timeout=_WITHIN_S) as peer:
        peer.sendall(_REQUEST)
        data = b""
        while part := peer.recv(65536):
            data += part
    if not data.startswith(b"HTTP/1.1 200 "):
        raise RuntimeError(data[:300].decode("latin-1"))
    return int(data.rpartition(b"\r\n\r\n")[2])


def _by_hand(command: list[str]) -> float:
    """Seconds from the start of the program to its first answer."""
    port = free_port()
    began_s = time.perf_counter()
    with subprocess.Popen(command, env={"PATH": os.environ["PATH"], "PORT": str(port)}) as process:
        while True:
            try:
                _ask(port)
            except OSError:
                time.sleep(_LOOK_S)
                continue
            took_s = time.perf_counter() - began_s
            process.kill()
            return took_s


def _wait_gone(pid: int) -> None:
    """Until the instance has ended, and the house knows it."""
    end_s = time.perf_counter() + _WITHIN_S
    while Path(f"/proc/{pid}").exists():
        if time.perf_counter() > end_s:
            raise TimeoutError(f"instance {pid} does not end")
        time.sleep(0.02)
    time.sleep(0.3)


def _deploy(house: House, command: list[str]) -> int:
    """The port of the service."""
    container = {"image": "local", "command": command}
    status, operation = house.call("POST", f"{_SERVICES}?serviceId=cold", {"template": {"containers": [container]}})
    if status != 200:
        raise RuntimeError(f"the service was refused: {operation}")
    while not operation.get("done"):
        status, operation = house.call("GET", f"/v2/{operation['name']}")
        time.sleep(0.02)
    if "error" in operation:
        raise RuntimeError(f"the service is not ready: {operation['error']}")
    _, service = house.call("GET", f"{_SERVICES}/cold")
    return int(service["urls"][-1].rpartition(":")[2])


def measure(directory: Path, *, is_quick: bool) -> Report:
    """Cold starts by hand and through the house, in turns."""
    report = Report("services_cold", directory, durability=POWER, is_quick=is_quick)
    script = directory / "service.py"
    script.write_text(PROGRAM)
    command = [bare_interpreter(), str(script)]
    alone: list[float] = []
    cold: list[float] = []
    with House(directory / "data", flags=("--service-idle", str(IDLE_S))) as house:
        house.start()
        port = _deploy(house, command)
        _wait_gone(_ask(port))
        for _ in range(3 if is_quick else ROUNDS):
            alone.append(_by_hand(command))
            began_s = time.perf_counter()
            pid = _ask(port)
            cold.append(time.perf_counter() - began_s)
            _wait_gone(pid)
    report.sample("first answer, started by hand", [value * 1e3 for value in alone], "ms")
    report.sample("first answer of a service at zero", [value * 1e3 for value in cold], "ms")
    added = [(after - before) * 1e3 for before, after in zip(alone, cold, strict=True)]
    report.sample("added by the house", added, "ms")
    report.figure("added by the house, p50", middle(added), "ms", target=at_most(50.0))
    return report
