"""How soon after the answer of `:run` does the first of 10,000 tasks act?

The task writes to a pipe that this process waits on, so the start of `/bin/sh` and our own waking are in the figure.
Before each try the same disk takes two bare commits of one row (SQLite, WAL, FULL): the unit of the target.
"""

from __future__ import annotations

import json
import os
import select
import socket
import sqlite3
import time
from pathlib import Path

from bench.house import House
from bench.report import POWER, Report, at_most, middle

TASKS = 10_000
WIDTH = 8
TRIES = 40
PAUSE_S = 0.1
WITHIN_S = 60.0
SCRIPT = 'echo >> "$1"; exec sleep 30'


class BareCommits:
    """The smallest durable change that this disk can make, with the settings of our store."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=FULL")
        self._connection.execute("CREATE TABLE steps (id INTEGER PRIMARY KEY, text TEXT)")

    def seconds(self, number: int) -> float:
        """How long `number` commits take, one after the other."""
        started_s = time.perf_counter()
        for _ in range(number):
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.execute("INSERT INTO steps (text) VALUES (?)", ("x" * 100,))
            self._connection.execute("COMMIT")
        return time.perf_counter() - started_s

    def close(self) -> None:
        """The last one out."""
        self._connection.close()


def _try(house: House, job: str, pipe: int) -> tuple[float, float, str]:
    """Seconds of the `:run` call, seconds from its answer to the first task, and the execution."""
    with socket.create_connection(("127.0.0.1", house.port)) as peer:
        head = f"POST {house.run_path(job)} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        started_s = time.perf_counter()
        peer.sendall(f"{head}Content-Length: 2\r\nConnection: close\r\n\r\n{{}}".encode())
        answered_s = acted_s = 0.0
        answer = b""
        waiting: list[socket.socket | int] = [peer, pipe]
        while waiting:
            ready, _, _ = select.select(waiting, [], [], WITHIN_S)
            now_s = time.perf_counter()
            if not ready:
                raise TimeoutError(f"no task within {WITHIN_S} s: {answer!r}")
            if peer in ready:
                answer = peer.recv(65536)
                answered_s = now_s
            if pipe in ready:
                os.read(pipe, 4096)
                acted_s = now_s
            waiting = [one for one in waiting if one not in ready]  # a peer that hung up is always ready
        while piece := peer.recv(65536):
            answer += piece
    if not answer.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(answer.decode())
    execution = json.loads(answer.partition(b"\r\n\r\n")[2])["metadata"]["name"]
    return answered_s - started_s, max(0.0, acted_s - answered_s), execution


def measure(directory: Path, *, is_quick: bool) -> Report:
    """Try again and again, each time with a new execution."""
    report = Report("first_task", directory, durability=POWER, is_quick=is_quick)
    bare = BareCommits(directory / "bare.sqlite3")
    fifo = directory / "fifo"
    os.mkfifo(fifo)
    pipe = os.open(fifo, os.O_RDWR | os.O_NONBLOCK)
    commits: list[float] = []
    calls: list[float] = []
    delays: list[float] = []
    with House(directory / "data") as house:
        house.start()
        job = house.create_job(["/bin/sh", "-c", SCRIPT, "sh", str(fifo)], tasks=TASKS, parallelism=WIDTH)
        for _ in range(5 if is_quick else TRIES):
            time.sleep(PAUSE_S)  # what the last execution left is done
            commits.append(bare.seconds(2))
            call_s, delay_s, execution = _try(house, job, pipe)
            calls.append(call_s)
            delays.append(delay_s)
            house.cancel(execution)
            while select.select([pipe], [], [], 0)[0]:
                os.read(pipe, 4096)  # later tasks of this try
    os.close(pipe)
    bare.close()
    report.sample("two bare commits", [value * 1e3 for value in commits], "ms")
    report.sample("the call of :run", [value * 1e3 for value in calls], "ms")
    delay_ms = report.sample("first task after the answer", [value * 1e3 for value in delays], "ms")
    ratio = delay_ms / (middle(commits) * 1e3)
    report.figure("first task after the answer, p50", ratio, "x two commits", target=at_most(3, "x two commits"))
    report.figure("first task after the answer, p50", delay_ms, "ms", target=at_most(10, "ms on a quiet machine"))
    return report
