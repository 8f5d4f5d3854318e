"""What the front door costs a request to a service: the service alone beside the same service behind the front door, in
turns; the processor time of both a request; and a large answer. On a busy machine the rates of wall time say little:
how many requests each could serve with a processor of its own follows from the processor times.

Two services: one that answers as cheaply as asyncio can, and one of Starlette on uvicorn. The client is one process
with bare sockets and keep-alive connections, so that it, the front door and the service share the machine.
"""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.house import LOCATION, PROJECT, House, free_port
from bench.processes import own_cpu_s
from bench.report import POWER, Report, at_least, at_most, middle
from bench.services_program import BIG_BYTES

ROUNDS = 7
ROUND_S = 2.0
CONNECTIONS = 32
_SERVICES = f"/v2/projects/{PROJECT}/locations/{LOCATION}/services"
_WITHIN_S = 60.0
_ROOT = Path(__file__).parent.parent


class _Asker(asyncio.Protocol):
    """Asks again as soon as it is answered. The answers have no other body than the one of a known length."""

    def __init__(self, request: bytes, until_s: float) -> None:
        self._request = request
        self._until_s = until_s
        self._unread = b""
        self._sent_s = 0.0
        self.waits_s: list[float] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._ask()

    def _ask(self) -> None:
        self._sent_s = time.perf_counter()
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._unread += data
        if not self._unread.endswith(b'{"ok":true}'):
            return
        if not self._unread.startswith(b"HTTP/1.1 200 "):
            raise RuntimeError(self._unread[:200].decode("latin-1"))
        self._unread = b""
        now_s = time.perf_counter()
        self.waits_s.append(now_s - self._sent_s)
        if now_s < self._until_s:
            self._ask()
        else:
            self._transport.close()


def _load(port: int, connections: int, seconds: float) -> tuple[float, float]:
    """Requests a second, and the median wait for an answer in milliseconds."""
    request = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n"

    async def run() -> list[_Asker]:
        loop = asyncio.get_running_loop()
        until_s = time.perf_counter() + seconds
        opened = [
            await loop.create_connection(lambda: _Asker(request, until_s), "127.0.0.1", port)
            for _ in range(connections)
        ]
        while any(not transport.is_closing() for transport, _ in opened):  # noqa: ASYNC110 - ten looks, once a round
            await asyncio.sleep(0.01)
        return [asker for _, asker in opened]

    started_s = time.perf_counter()
    askers = asyncio.run(run())
    waits_s = [wait_s for asker in askers for wait_s in asker.waits_s]
    return len(waits_s) / (time.perf_counter() - started_s), 1_000 * middle(waits_s)


def _big(port: int) -> float:
    """MB/s of a large answer."""
    with socket.create_connection(("127.0.0.1", port)) as sock:
        started_s = time.perf_counter()
        sock.sendall(b"GET /big HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        left = BIG_BYTES
        sink = bytearray(1 << 20)
        while left > 0:
            count = sock.recv_into(sink)
            if not count:
                raise ConnectionError(f"{left} bytes are missing")
            left -= count
        return BIG_BYTES / 1e6 / (time.perf_counter() - started_s)


@contextmanager
def _alone(program: str) -> Iterator[tuple[int, int]]:
    """The service with nothing in front; its port, and the number of its process."""
    port = free_port()
    environment = {**os.environ, "PORT": str(port)}
    words = [sys.executable, "-m", "bench.services_program", program]
    with subprocess.Popen(words, env=environment, cwd=_ROOT) as process:
        try:
            _wait_for(port)
            yield port, process.pid
        finally:
            process.terminate()


def _wait_for(port: int) -> None:
    end_s = time.perf_counter() + _WITHIN_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.perf_counter() > end_s:
                raise
            time.sleep(0.02)
        else:
            return


def _deploy(house: House, program: str) -> int:
    """The same program as a service; the port that leads to it through the front door."""
    container = {
        "image": "local",
        "command": [sys.executable],
        "args": ["-m", "bench.services_program", program],
        "env": [{"name": "PYTHONPATH", "value": str(_ROOT)}],
    }
    template = {"containers": [container], "scaling": {"minInstanceCount": 1, "maxInstanceCount": 1}}
    house.sure("POST", f"{_SERVICES}?serviceId={program}", {"template": template})
    end_s = time.perf_counter() + _WITHIN_S
    while time.perf_counter() < end_s:
        found = house.sure("GET", f"{_SERVICES}/{program}")
        condition = found.get("terminalCondition", {})
        if condition.get("state") == "CONDITION_SUCCEEDED":
            return int(found["urls"][-1].rpartition(":")[2])
        time.sleep(0.05)
    raise TimeoutError(f"the service {program} is not ready: {condition}")


def measure(directory: Path, *, is_quick: bool) -> Report:
    """Alternate with the service alone."""
    report = Report("services_proxy", directory, durability=f"{POWER}; no request commits", is_quick=is_quick)
    rounds, round_s = (2, 0.5) if is_quick else (ROUNDS, ROUND_S)
    with House(directory / "data") as house:
        house.start()
        for program in ("bare", "starlette"):
            with _alone(program) as (alone, pid):
                through = _deploy(house, program)
                _compare(report, house, program, (alone, pid), through, rounds, round_s)
                if program == "bare":
                    _compare_big(report, alone, through, rounds)
    return report


def _compare(
    report: Report, house: House, program: str, alone: tuple[int, int], through: int, rounds: int, round_s: float
) -> None:
    rates: dict[str, list[float]] = {"alone": [], "through": []}
    waits: dict[str, list[float]] = {"alone": [], "through": []}
    cpu_us: dict[str, list[float]] = {"alone": [], "through": []}
    ports = {"alone": alone[0], "through": through}
    for _ in range(rounds):
        for title, port in ports.items():
            started_s = own_cpu_s(alone[1]), house.control_plane_cpu_s()
            rate, _ = _load(port, CONNECTIONS, round_s)
            used_s = own_cpu_s(alone[1]) - started_s[0], house.control_plane_cpu_s() - started_s[1]
            rates[title].append(rate)
            cpu_us[title].append(1e6 * used_s[title == "through"] / (rate * round_s))
            waits[title].append(_load(port, 1, round_s / 4)[1])
    for title in ports:
        report.sample(f"{program} {title}, {CONNECTIONS} connections", rates[title], "requests/s")
        report.sample(f"{program} {title}, one connection", waits[title], "ms an answer")
    report.sample(f"{program}: the service's processor time", cpu_us["alone"], "µs a request")
    report.sample(f"{program}: the control plane's", cpu_us["through"], "µs a request")
    target = at_least(0.3, "(issue 5)") if program == "starlette" else None  # nobody's service is as cheap as the other
    ratios = [ours / theirs for ours, theirs in zip(rates["through"], rates["alone"], strict=True)]
    report.figure(f"{program} through the front door", middle(ratios), "x alone", target=target)
    ratios = [min(1.0, theirs / ours) for ours, theirs in zip(cpu_us["through"], cpu_us["alone"], strict=True)]
    report.figure(f"{program}, each on a processor of its own", middle(ratios), "x alone", target=target)
    spent_ms = middle(cpu_us["through"]) / 1e3
    report.figure(f"{program}: processor time a request", spent_ms, "ms", target=at_most(1.0, "(issue 5)"))


def _compare_big(report: Report, alone: int, through: int, rounds: int) -> None:
    rates: dict[str, list[float]] = {"alone": [], "through": []}
    for _ in range(rounds):
        for title, port in (("alone", alone), ("through", through)):
            rates[title].append(_big(port))
    for title, found in rates.items():
        report.sample(f"an answer of {BIG_BYTES // 2**20} MiB {title}", found, "MB/s")
    report.figure(
        "a large answer through the front door",
        middle([ours / theirs for ours, theirs in zip(rates["through"], rates["alone"], strict=True)]),
        "x alone",
    )
