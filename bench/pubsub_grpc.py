"""What messages cost over gRPC: publish, and pull + ack, in batches of 100 and one by one, with the plain Python
client; beside Redis streams with `appendfsync always`, and a gRPC server that does nothing.

All three have the same number of clients, each in a process of its own, and take turns. Beside the rates stands the
time of processors that a message takes in the server and in its client: on a busy machine that tells more. Redis needs
`redis-server` on the PATH and the package `redis`; without them its figures are missing.
"""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

from bench.house import House, free_port
from bench.processes import own_cpu_s
from bench.pubsub_clients import ECHO, GROUP, PAYLOAD, STREAM, SUBSCRIPTION, TOPIC, Done, publish_for, take_for
from bench.report import POWER, Report, at_least, middle

BATCH = 100
SECONDS = 2.0
LOOPS = 5
CLIENTS = (1, 4)
_TARGET = at_least(0.3, "x Redis (design, figures to reach)")
_WITHIN_S = 20.0


# -- the servers ----------------------------------------------------------------------------------------------------


class Server(NamedTuple):
    """Where a server is."""

    address: str
    pid: int


@contextmanager
def _hakobune(directory: Path) -> Iterator[Server]:
    with House(directory / "data") as house:
        house.start()
        house.call("PUT", f"/v1/{TOPIC}", {})
        house.call("PUT", f"/v1/{SUBSCRIPTION}", {"topic": TOPIC, "ackDeadlineSeconds": 600})
        yield Server(f"127.0.0.1:{house.grpc_port}", house.pid)


@contextmanager
def _redis(directory: Path) -> Iterator[Server]:
    import redis

    path = str(directory / "redis.sock")
    words = ["redis-server", "--port", "0", "--unixsocket", path, "--dir", str(directory), "--save", ""]
    words += ["--appendonly", "yes", "--appendfsync", "always"]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL)
    try:
        client: Any = redis.Redis(unix_socket_path=path)
        end_s = time.monotonic() + _WITHIN_S
        while True:
            try:
                client.xgroup_create(STREAM, GROUP, id="0", mkstream=True)
                break
            except redis.ConnectionError:
                if time.monotonic() > end_s:
                    raise
                time.sleep(0.01)
        yield Server(path, process.pid)
    finally:
        process.terminate()
        process.wait(_WITHIN_S)


@contextmanager
def _echo(directory: Path) -> Iterator[Server]:
    del directory
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "bench.pubsub_grpc", str(port)], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        process.stdout.readline()  # it is ready
        yield Server(f"127.0.0.1:{port}", process.pid)
    finally:
        process.terminate()
        process.wait(_WITHIN_S)
        process.stdout.close()


async def _serve_echo(port: int) -> None:
    import grpc.aio
    from google.pubsub_v1 import types

    answers: dict[bytes, bytes] = {}
    for count in (1, BATCH):
        message = {"data": PAYLOAD, "message_id": "1234567", "publish_time": {"seconds": 1_800_000_000, "nanos": 1_000}}
        received = [{"ack_id": f"1-0-{number:x}-1", "message": message} for number in range(count)]
        answers[b"%d" % count] = types.PullResponse.serialize(types.PullResponse(received_messages=received))

    async def answer(content: bytes, context: object) -> bytes:
        del context
        return answers.get(content, b"")

    class Handler(grpc.GenericRpcHandler):  # type: ignore[misc]
        """The one method."""

        def service(self, handler_call_details: Any) -> Any:
            return grpc.unary_unary_rpc_method_handler(answer) if handler_call_details.method == ECHO else None

    server = grpc.aio.server(handlers=[Handler()])
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    print("ready", flush=True)
    await server.wait_for_termination()


# -- the measurement ------------------------------------------------------------------------------------------------

_Work = Callable[[str, str, int, float], Done]


class Sample(NamedTuple):
    """All clients at once."""

    rate: float  # messages a second
    server_us: float  # of processors, a message
    client_us: float


def _together(pool: ProcessPoolExecutor, work: _Work, kind: str, server: Server, count: int, clients: int) -> Sample:
    started_cpu_s = own_cpu_s(server.pid)
    running = [pool.submit(work, kind, server.address, count, SECONDS) for _ in range(clients)]
    found = [one.result() for one in running]
    cpu_s = own_cpu_s(server.pid) - started_cpu_s
    messages = max(1, sum(done.messages for done in found))
    client_cpu_s = sum(done.cpu_s for done in found)
    longest_s = max(done.wall_s for done in found)
    return Sample(messages / longest_s, cpu_s / messages * 1e6, client_cpu_s / messages * 1e6)


def _drain(pool: ProcessPoolExecutor, kind: str, server: Server) -> None:
    if kind != "echo":
        pool.submit(take_for, kind, server.address, 1_000, 60.0).result()


def rates(report: Report, servers: dict[str, Server], clients: int, count: int, loops: int) -> None:
    """The servers take turns."""
    found: dict[tuple[str, str], list[Sample]] = {}
    context = get_context("spawn")
    with ExitStack() as stack:
        pools = {kind: stack.enter_context(ProcessPoolExecutor(clients, mp_context=context)) for kind in servers}
        for kind, server in servers.items():  # every process has its client
            list(pools[kind].map(publish_for, *zip(*[(kind, server.address, 1, 0.3)] * clients, strict=True)))
            _drain(pools[kind], kind, server)
        for _ in range(loops):
            for kind, server in servers.items():
                for title, work in (("publish", publish_for), ("pull + ack", take_for)):
                    sample = _together(pools[kind], work, kind, server, count, clients)
                    found.setdefault((kind, title), []).append(sample)
                _drain(pools[kind], kind, server)
    how = f"{clients} clients, {'one by one' if count == 1 else f'in batches of {count}'}"
    for title in ("publish", "pull + ack"):
        for kind in servers:
            of_kind = found[kind, title]
            report.sample(f"{kind}, {how}: {title}", [one.rate for one in of_kind], "messages/s")
            report.figure(f"{kind}, {how}: {title}, server", middle([one.server_us for one in of_kind]), "CPU µs each")
            report.figure(f"{kind}, {how}: {title}, client", middle([one.client_us for one in of_kind]), "CPU µs each")
        for other in ("redis", "echo"):
            if other in servers:
                ratios = _ratios(found["hakobune", title], found[other, title])
                target = _TARGET if other == "redis" and count > 1 else None
                report.figure(f"{how}: {title}", middle(ratios), f"x {other}", target=target)


def _ratios(ours: list[Sample], theirs: list[Sample]) -> list[float]:
    """Of neighbours in time."""
    return [mine.rate / other.rate for mine, other in zip(ours, theirs, strict=True)]


def measure(directory: Path, *, is_quick: bool) -> Report:
    """Answer the question."""
    report = Report("pubsub_grpc", directory, durability=f"{POWER}; redis: appendfsync always", is_quick=is_quick)
    servers = {"hakobune": _hakobune, "echo": _echo}
    if shutil.which("redis-server") and find_spec("redis"):
        servers["redis"] = _redis
    with ExitStack() as stack:
        running = {kind: stack.enter_context(server(directory)) for kind, server in servers.items()}
        for clients in CLIENTS[-1:] if is_quick else CLIENTS:
            for count in (BATCH, 1):
                rates(report, running, clients, count, 1 if is_quick else LOOPS)
    return report


if __name__ == "__main__":
    asyncio.run(_serve_echo(int(sys.argv[1])))
