"""1,000 executions with one POST each, all at once, durable, beside aiohttp alone with the same 1,000 POSTs.

The server runs in a process of its own and does nothing but answer. Each round begins with new clients: connections
are opened within the figure, on both sides. Ours holds the beginning of each execution (a commit), its call and its end
(a commit): two durable changes for each POST, in groups.
"""

from __future__ import annotations

import asyncio
import gc
import json
import subprocess
import sys
import time
from pathlib import Path

import aiohttp

from bench.report import POWER, Report, at_least, middle
from bench.workflows_room import workflows_bench
from hakobune.runtime.clock import SystemClock
from hakobune.runtime.credentials import Credentials
from hakobune.runtime.http_client import AiohttpTransport
from hakobune.runtime.logs import LogsRoom
from hakobune.runtime.settings import Settings
from hakobune.runtime.workflow_calls import WorkflowCalls
from hakobune.servers.house import calm_collector
from hakobune.store.sqlite.database import SqliteStore

POSTS = 1_000
ROUNDS = 7
BODY = {"frames": list(range(20)), "video": "gs://bucket/v.mp4"}
_CONNECTIONS_MAX = 2_000  # as many as the transport opens
_SOURCE = """\
main:
  params: [url]
  steps:
    - post:
        call: http.post
        args:
          url: ${url}
          body: %s
        result: answer
    - out:
        return: ${answer.body.ok}
"""


async def _alone(url: str) -> float:
    """Seconds that aiohttp takes for all of them, at once."""
    connector = aiohttp.TCPConnector(limit=_CONNECTIONS_MAX)
    async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as session:

        async def post() -> None:
            async with session.post(url, json=BODY) as answer:
                if not (await answer.json())["ok"]:
                    raise RuntimeError("not the server that was meant")

        started_s = time.perf_counter()
        await asyncio.gather(*(post() for _ in range(POSTS)))
        return time.perf_counter() - started_s


async def _ours(url: str, directory: Path) -> float:
    """Seconds from the first request to begin an execution until all have ended."""
    settings = Settings(directory=directory)
    clock = SystemClock()
    transport = AiohttpTransport()
    await transport.load()
    logs_store = await SqliteStore.open(directory / "logs-store")
    logs = LogsRoom(logs_store, directory / "logs", clock)
    calls = WorkflowCalls(settings, clock, Credentials(directory, clock, "bench"), logs, transport)
    async with workflows_bench(directory / "data", calls, settings) as bench:
        name = await bench.deploy("posts", _SOURCE % json.dumps(BODY))
        await bench.run(name, [json.dumps(url)])
        started_s = time.perf_counter()
        await bench.run(name, [json.dumps(url)] * POSTS)
        took_s = time.perf_counter() - started_s
        if (rows := bench.journal_rows()) != 2 * (POSTS + 1):
            raise RuntimeError(f"{rows} rows in the journals, not {2 * (POSTS + 1)}")
    await transport.close()
    await logs_store.close()
    return took_s


def measure(directory: Path, *, is_quick: bool) -> Report:
    """Alternate aiohttp and executions."""
    report = Report("workflows_posts", directory, durability=POWER, is_quick=is_quick)
    server = subprocess.Popen([sys.executable, "-m", "bench.workflows_answerer"], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None  # asked for above
    url = f"http://127.0.0.1:{int(server.stdout.readline())}/"
    gc.collect()
    calm_collector()  # as `hakobune up` does when it has started
    alone_s: list[float] = []
    ours_s: list[float] = []
    alone_cpu: list[float] = []
    ours_cpu: list[float] = []
    try:
        for number in range(2 if is_quick else ROUNDS):
            for kept, cpu, run in (
                (alone_s, alone_cpu, lambda: _alone(url)),
                (ours_s, ours_cpu, lambda number=number: _ours(url, directory / str(number))),
            ):
                gc.collect()
                cpu_s = time.process_time()
                kept.append(asyncio.run(run()))
                cpu.append((time.process_time() - cpu_s) / POSTS * 1e6)
    finally:
        server.terminate()
        server.wait()
    report.sample("aiohttp alone", [POSTS / took for took in alone_s], "POSTs/s")
    report.sample("executions", [POSTS / took for took in ours_s], "executions/s")
    report.sample("aiohttp alone: CPU", alone_cpu, "us/POST")
    report.sample("executions: CPU", ours_cpu, "us/execution")
    ratios = [alone / ours for alone, ours in zip(alone_s, ours_s, strict=True)]
    report.figure(f"{POSTS:,} executions", middle(ratios), "x aiohttp", target=at_least(0.8, "x aiohttp alone"))
    return report
