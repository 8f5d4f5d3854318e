"""The end of a runtime: quick, clean, whoever hangs on."""

from __future__ import annotations

import os
import threading
import time
from contextlib import ExitStack, suppress
from pathlib import Path

from http_world import Raw, get

from runtime_process import BASE, RuntimeProcess

SLEEP = ["/bin/sleep", "600"]


def test_given_open_connections_streams_and_long_polls_when_stopped_then_it_ends_within_two_seconds(
    own_runtime: RuntimeProcess,
) -> None:
    runtime = own_runtime.start()
    seq = runtime.call("GET", "/hakobune/v1/changes").json["seq"]
    with ExitStack() as stack:
        for number in range(12):
            raw = stack.enter_context(Raw(runtime.port))
            if number % 4 == 0:
                raw.send(get("/hakobune/v1/changes", "Accept: text/event-stream")).head()
            elif number % 4 == 1:
                raw.send(get(f"/hakobune/v1/changes?since={seq}&wait=50"))
            elif number % 4 == 2:
                raw.send(get("/healthz")).answer()
            else:
                raw.send(b"POST /v2/entries:list HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{")
        started_s = time.monotonic()
        assert runtime.stop() == 0, runtime.log
        assert time.monotonic() - started_s < 4.0  # two seconds on a quiet machine
    runtime.start()
    assert runtime.stop() == 0


def test_given_an_operation_that_is_waited_for_when_stopped_then_the_waiter_is_let_go(
    own_runtime: RuntimeProcess,
) -> None:
    runtime = own_runtime.start()
    runtime.create("waits", SLEEP)
    operation = runtime.call("POST", f"{BASE}/jobs/waits:run", {}).json["name"]
    outcome: list[object] = []

    def wait() -> None:
        try:
            outcome.append(runtime.call("POST", f"/v2/{operation}:wait", {"timeout": "200s"}).status)
        except OSError as error:
            outcome.append(type(error))

    waiter = threading.Thread(target=wait)
    waiter.start()
    assert runtime.stop() == 0
    waiter.join(5)
    assert not waiter.is_alive()
    assert len(outcome) == 1


def sockets(runtime: RuntimeProcess) -> int:
    """How many sockets the runtime has open. Readers of the store are opened when they are needed, and stay."""
    assert runtime.process is not None
    folder = Path(f"/proc/{runtime.process.pid}/fd")
    found = 0
    for entry in list(folder.iterdir()):
        with suppress(FileNotFoundError):
            found += os.readlink(entry).startswith("socket:")
    return found


def test_given_clients_that_come_and_go_in_every_way_then_no_socket_is_left_open(runtime: RuntimeProcess) -> None:
    runtime.call("GET", "/healthz")
    before = sockets(runtime)
    for _ in range(30):
        Raw(runtime.port).socket.close()
        Raw(runtime.port).send(b"GET /healthz HT").socket.close()
        Raw(runtime.port).send(b"BROKEN\r\n\r\n").socket.close()
        Raw(runtime.port).send(get("/healthz") * 3).socket.close()
        Raw(runtime.port).send(get("/hakobune/v1/changes", "Accept: text/event-stream")).socket.close()
    end = time.monotonic() + 20
    while sockets(runtime) > before + 1:  # the one of the supervisor may come later
        assert time.monotonic() < end, f"{sockets(runtime)} sockets, {before} before"
        time.sleep(0.05)
