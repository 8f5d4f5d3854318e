"""What messages cost over gRPC: publish, and pull + ack, in batches of 100 and one by one, with the plain Python
client; beside Redis streams with `appendfsync always`, and a gRPC server that does nothing.

All three have the same number of clients, each in a process of its own, and take turns. Redis needs `redis-server` on
the PATH and the package `redis`; without them its figures are missing.
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
from typing import Any

from bench.house import House, free_port
from bench.pubsub_clients import ECHO, GROUP, PAYLOAD, STREAM, SUBSCRIPTION, TOPIC, publish_for, take_for
from bench.report import POWER, Report, at_least

BATCH = 100
SECONDS = 2.0
LOOPS = 3
CLIENTS = (1, 4)
_TARGET = at_least(0.3, "x Redis (design, figures to reach)")
_WITHIN_S = 20.0


# -- the servers ----------------------------------------------------------------------------------------------------


@contextmanager
def _hakobune(directory: Path) -> Iterator[str]:
    with House(directory / "data") as house:
        house.start()
        house.call("PUT", f"/v1/{TOPIC}", {})
        house.call("PUT", f"/v1/{SUBSCRIPTION}", {"topic": TOPIC, "ackDeadlineSeconds": 600})
        yield f"127.0.0.1:{house.grpc_port}"


@contextmanager
def _redis(directory: Path) -> Iterator[str]:
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
        yield path
    finally:
        process.terminate()
        process.wait(_WITHIN_S)


@contextmanager
def _echo(directory: Path) -> Iterator[str]:
    del directory
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "bench.pubsub_grpc", str(port)], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        process.stdout.readline()  # it is ready
        yield f"127.0.0.1:{port}"
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

_Work = Callable[[str, str, int, float], tuple[int, float]]


def _together(pool: ProcessPoolExecutor, work: _Work, kind: str, address: str, count: int, clients: int) -> float:
    """Messages a second of all clients at once."""
    running = [pool.submit(work, kind, address, count, SECONDS) for _ in range(clients)]
    found = [one.result() for one in running]
    longest_s = max(seconds for _, seconds in found)
    return sum(done for done, _ in found) / longest_s


def _drain(pool: ProcessPoolExecutor, kind: str, address: str) -> None:
    if kind != "echo":
        pool.submit(take_for, kind, address, 1_000, 60.0).result()


def rates(report: Report, addresses: dict[str, str], clients: int, count: int, loops: int) -> None:
    """The servers take turns."""
    found: dict[tuple[str, str], list[float]] = {}
    context = get_context("spawn")
    with ExitStack() as stack:
        pools = {kind: stack.enter_context(ProcessPoolExecutor(clients, mp_context=context)) for kind in addresses}
        for kind, address in addresses.items():  # every process has its client
            list(pools[kind].map(publish_for, *zip(*[(kind, address, 1, 0.3)] * clients, strict=True)))
            _drain(pools[kind], kind, address)
        for _ in range(loops):
            for kind, address in addresses.items():
                for title, work in (("publish", publish_for), ("pull + ack", take_for)):
                    rate = _together(pools[kind], work, kind, address, count, clients)
                    found.setdefault((kind, title), []).append(rate)
                _drain(pools[kind], kind, address)
    how = "one by one" if count == 1 else f"in batches of {count}"
    for title in ("publish", "pull + ack"):
        middles = {
            kind: report.sample(f"{kind}, {clients} clients, {how}: {title}", found[kind, title], "messages/s")
            for kind in addresses
        }
        for other in ("redis", "echo"):
            if other in middles:
                is_goal = other == "redis" and count > 1
                report.figure(
                    f"{clients} clients, {how}: {title}",
                    middles["hakobune"] / middles[other],
                    f"x {other}",
                    target=_TARGET if is_goal else None,
                )


def measure(directory: Path, *, is_quick: bool) -> Report:
    """Answer the question."""
    report = Report("pubsub_grpc", directory, durability=f"{POWER}; redis: appendfsync always", is_quick=is_quick)
    servers = {"hakobune": _hakobune, "echo": _echo}
    if shutil.which("redis-server") and find_spec("redis"):
        servers["redis"] = _redis
    with ExitStack() as stack:
        addresses = {kind: stack.enter_context(server(directory)) for kind, server in servers.items()}
        for clients in CLIENTS[-1:] if is_quick else CLIENTS:
            for count in (BATCH, 1):
                rates(report, addresses, clients, count, 1 if is_quick else LOOPS)
    return report


if __name__ == "__main__":
    asyncio.run(_serve_echo(int(sys.argv[1])))
