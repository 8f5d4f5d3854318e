"""A whole runtime in one process: store, engine, rooms, ports. What `hakobune up` runs."""

from __future__ import annotations

import gc
import logging
import resource
import sys
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from typing import cast

import anyio
from anyio.abc import TaskStatus

from hakobune.core.errors import HakobuneError
from hakobune.engines.process.engine import ProcessEngine
from hakobune.runtime.app import Outside, Runtime
from hakobune.runtime.clock import RandomIdentifiers, SystemClock
from hakobune.runtime.objects_place import open_blobs
from hakobune.runtime.settings import Settings
from hakobune.runtime.telemetry import Telemetry
from hakobune.runtime.threads import WorkerThreads
from hakobune.servers.front import error_response
from hakobune.servers.grpc.server import GrpcServer
from hakobune.servers.http.relays import Relays
from hakobune.servers.http.server import HttpServer
from hakobune.servers.inside import InsideDoor
from hakobune.servers.routes import front_door
from hakobune.servers.service_front import open_to
from hakobune.store.sqlite.database import SqliteStore

_FAREWELL_S = 0.5  # for requests that come while the house breaks down
_HTTP_GRACE_S = 1.0  # for requests in work: a commit takes milliseconds, and a long poll is asked again
# Tasks inherit the limit, and old programs walk through all descriptors that they may have: not the millions that some
# machines allow.
_FILES_MAX = 65_536
# The thread that commits waits for the interpreter lock: with Python's 5 ms beside a busy loop a commit took 20 ms
# instead of 3 (measured in bench/store.py).
_SWITCH_S = 0.0005
_YOUNG_OBJECTS = 10_000
_log = logging.getLogger("hakobune")


def raise_file_limit() -> None:
    """Thousands of idle connections are no reason to stop answering: take the files that we may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES_MAX if hard == resource.RLIM_INFINITY else min(hard, _FILES_MAX)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def calm_collector() -> None:
    """What was loaded until now stays: a full collection without it takes 1 ms, not 8, and nobody waits for it. Of
    what is new most is gone soon, and in no circle: looked at every 700 objects, it takes a sixth of the processor's
    time (measured in bench/workflows_posts.py)."""
    gc.freeze()
    gc.set_threshold(_YOUNG_OBJECTS)


async def serve(settings: Settings, *, stop: anyio.Event, ready: Callable[[Runtime], None]) -> None:
    """Run until `stop` is set, then end in order. Raises DataDirectoryInUse, CorruptStore, OSError (port taken)."""
    raise_file_limit()
    sys.setswitchinterval(_SWITCH_S)
    telemetry = Telemetry()
    store = await SqliteStore.open(
        settings.directory, durability=settings.durability, folders=("logs",), interceptor=telemetry
    )
    identifiers, threads = RandomIdentifiers(), WorkerThreads()
    try:
        blobs = await open_blobs(settings.directory, settings.objects, store, identifiers, threads)
    except BaseException:
        await store.close()
        raise
    engine = ProcessEngine(settings.directory, capacity=settings.max_running)
    outside = Outside(
        store=store,
        engine=engine,
        clock=SystemClock(),
        identifiers=identifiers,
        threads=threads,
        blobs=blobs,
    )
    runtime = Runtime(settings, outside, telemetry)
    front = front_door(runtime)
    proxy = front.services
    runtime.connect(InsideDoor(front), proxy.knows)
    relays = Relays(runtime.slots.holder)
    runtime.slots.watch_ended(relays.end)
    http = HttpServer(front.handle, error_response, relays)
    grpc = GrpcServer(front, http.handle, relays)
    open_to(http, proxy, runtime)
    is_orderly = False
    try:
        async with anyio.create_task_group() as group:
            await group.start(http.run)
            await group.start(grpc.run)

            async def listen(slot: int, port: int) -> int:
                return await http.listen("127.0.0.1", port, slot=slot)

            await runtime.prepare(listen)
            await runtime.services.open_doors()
            # The ports first: what the last runtime left may be much, and nobody should wait for it to be asked.
            if await grpc.listen(settings.host, settings.grpc_port):
                relays.address = (settings.host, settings.grpc_port)
            if settings.tls_port is not None:
                await http.listen(settings.host, settings.tls_port, tls=await runtime.authority.context())
            await http.listen(settings.host, settings.port)  # last: it says that all is there
            calm_collector()
            ready(runtime)
            await group.start(_run, runtime, http)
            group.start_soon(_write_client_files, runtime)
            group.start_soon(_telling, http, runtime.programs.sweep)
            await stop.wait()
            is_orderly = True
            async with anyio.create_task_group() as ending:
                ending.start_soon(http.stop, _HTTP_GRACE_S)
                ending.start_soon(grpc.stop, _HTTP_GRACE_S)
            group.cancel_scope.cancel()
    finally:
        with anyio.CancelScope(shield=True):
            await grpc.stop(_HTTP_GRACE_S)
            relays.close()
            proxy.pool.close()
            await runtime.close(stop_attempts=is_orderly)
            if not is_orderly:
                await http.take_leave(_FAREWELL_S)


async def _run(runtime: Runtime, http: HttpServer, *, task_status: TaskStatus[None]) -> None:
    """Turn the wheel."""
    await _telling(http, partial(runtime.run, task_status=task_status))


async def _telling(http: HttpServer, work: Callable[[], Awaitable[None]]) -> None:
    """Do what the house cannot be without. When it breaks, the requests that are under way are told why."""
    try:
        await work()
    except* HakobuneError as group:
        http.ending = next(_refusals(group)).message
        raise


def _refusals(group: BaseExceptionGroup[BaseException]) -> Iterator[HakobuneError]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _refusals(cast("BaseExceptionGroup[BaseException]", error))
        elif isinstance(error, HakobuneError):
            yield error


async def _write_client_files(runtime: Runtime) -> None:
    """What the environment of tasks names should be there before a task looks. Making the key takes a while, so the
    start does not wait for it; `hakobune env` writes them again."""
    try:
        await runtime.write_client_files()
    except (HakobuneError, OSError) as error:
        _log.warning("clients will miss their token and settings files: %s", error)
