"""A front door for services in this process: our HTTP server, the proxy, a fleet that a test fills, instances that say
exactly what they are told, and a client that does the same."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, cast

import anyio

from hakobune.core.containers import Container
from hakobune.core.services.addresses import choose
from hakobune.core.services.model import Member, Resident, Revision, RevisionState, Template
from hakobune.core.services.names import Kind, ResidentName
from hakobune.runtime.clock import RandomIdentifiers, SystemClock
from hakobune.runtime.credentials import Credentials
from hakobune.runtime.credentials_guard import Guard
from hakobune.runtime.service_admission import Admission
from hakobune.runtime.service_fleet import Backend, Demand, Limits
from hakobune.runtime.service_requests import RequestLog
from hakobune.runtime.settings import Auth
from hakobune.servers.front import error_response
from hakobune.servers.hosts import Hosts
from hakobune.servers.http.messages import Request, Response
from hakobune.servers.http.server import HttpServer
from hakobune.servers.service_doors import ServiceDoors
from hakobune.servers.service_invokers import Invokers
from hakobune.servers.service_proxy import ServiceProxy
from hakobune.servers.service_proxy_tunnels import H2cTunnels
from hakobune.store.api import Store

PROJECT, LOCATION = "p1", "us-central1"
HELLO = ResidentName(kind=Kind.SERVICE, project=PROJECT, location=LOCATION, id="hello")
HOST = "hello-1.localhost"


def a_resident(name: ResidentName = HELLO, **changes: Any) -> Resident:
    return Resident(
        name=name,
        uid=f"uid-{name.id}",
        etag="e",
        create_time_s=0.0,
        update_time_s=0.0,
        **{"template": Template(), **changes},
    )


@dataclass
class FakeFleet:
    """What a test says runs."""

    residents: dict[ResidentName, Resident] = field(default_factory=dict)
    routes: dict[tuple[ResidentName, str], str] = field(default_factory=dict)
    ready: dict[str, list[Backend]] = field(default_factory=dict)
    bounds: dict[str, Limits] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    sessions: set[str] = field(default_factory=set)
    woken: list[str] = field(default_factory=list)
    demand: Demand | None = None
    watch: Callable[[str], None] = print

    def find(self, label: str, project: str, location: str) -> ResidentName | None:
        return choose(label, self.residents, project, location)

    def resident(self, name: ResidentName) -> Resident | None:
        return self.residents.get(name)

    def route(self, name: ResidentName, tag: str, seed: float) -> str | None:
        assert 0.0 <= seed < 1.0
        return self.routes.get((name, tag))

    def revision(self, revision_uid: str) -> Revision | None:
        template = Template(
            session_affinity=revision_uid in self.sessions, members=(Member(container=Container(image="local")),)
        )
        return Revision(
            name=HELLO.revision("hello-00001-abc"),
            uid=revision_uid,
            resident_uid="uid-hello",
            number=1,
            etag="e",
            create_time_s=0.0,
            update_time_s=0.0,
            template=template,
            state=RevisionState.READY,
            state_time_s=0.0,
        )

    def backends(self, revision_uid: str) -> Sequence[Backend]:
        return self.ready.get(revision_uid, [])

    def limits(self, revision_uid: str) -> Limits | None:
        return self.bounds.get(revision_uid)

    def wake(self, revision_uid: str) -> None:
        self.woken.append(revision_uid)

    def failure(self, revision_uid: str) -> str:
        return self.failures.get(revision_uid, "")

    def serve(
        self,
        *ports: int,
        name: ResidentName = HELLO,
        tag: str = "",
        uid: str = "rev-1",
        concurrency: int = 80,
        max_instances: int = 3,
        timeout_s: float = 10.0,
        is_h2c: bool = False,
        **changes: Any,
    ) -> None:
        """A service with one revision, and an instance at each of the ports."""
        self.residents.setdefault(name, a_resident(name, **changes))
        self.routes[name, tag] = uid
        self.ready[uid] = [
            Backend(uid=f"{uid}.{number}.0", port=port, is_h2c=is_h2c) for number, port in enumerate(ports)
        ]
        self.bounds[uid] = Limits(
            concurrency=concurrency, max_instances=max_instances, timeout_s=timeout_s, start_s=0.1
        )


class Told:
    """One connection of an instance: reads requests, sends what it is told."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def head(self) -> tuple[str, dict[str, str]]:
        """Request line and headers, lower-case; header lines that repeat are joined."""
        raw = await self.reader.readuntil(b"\r\n\r\n")
        line, *lines = raw.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
        headers: dict[str, str] = {}
        for header in lines:
            name, _, value = header.partition(": ")
            assert name not in headers, f"{name} twice"
            headers[name] = value
        return line, headers

    async def body(self, headers: Mapping[str, str]) -> bytes:
        if headers.get("transfer-encoding") != "chunked":
            return await self.reader.readexactly(int(headers.get("content-length", "0")))
        found = b""
        while True:
            size = int(await self.reader.readuntil(b"\r\n"), 16)
            chunk = await self.reader.readexactly(size + 2)
            if not size:
                return found
            found += chunk[:-2]

    async def request(self) -> tuple[str, dict[str, str], bytes]:
        line, headers = await self.head()
        return line, headers, await self.body(headers)

    async def send(self, *parts: bytes) -> None:
        for part in parts:
            self.writer.write(part)
        await self.writer.drain()

    async def answer(self, content: bytes = b"ok", *headers: str, status: str = "200 OK") -> None:
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(content)}", *headers]
        await self.send(("\r\n".join(lines) + "\r\n\r\n").encode() + content)

    async def is_left(self) -> bool:
        """Whether the other side hangs up without a word."""
        try:
            return await self.reader.read(1) == b""
        except ConnectionResetError:
            return True


Script = Callable[[Told], Awaitable[None]]


class Client:
    """A socket that sends bytes as they are, and reads answers one by one."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def send(self, *parts: bytes) -> Self:
        for part in parts:
            self.writer.write(part)
            await self.writer.drain()
        return self

    async def head(self) -> tuple[int, dict[str, str]]:
        raw = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        line, *lines = raw.removesuffix("\r\n\r\n").split("\r\n")
        headers: dict[str, str] = {}
        for header in lines:
            name, _, value = header.partition(": ")
            key = name.lower()
            headers[key] = f"{headers[key]}, {value}" if key in headers else value
        return int(line.split()[1]), headers

    async def answer(self, method: str = "GET") -> tuple[int, dict[str, str], bytes]:
        status, headers = await self.head()
        if method == "HEAD" or status in (204, 304):
            return status, headers, b""
        told = Told(self.reader, self.writer)
        return status, headers, await told.body(headers)

    async def is_left(self) -> bool:
        try:
            return await self.reader.read(1) == b""
        except ConnectionResetError:
            return True

    def close(self) -> None:
        """Hang up so that nobody takes it for the end of a request only."""
        opened = self.writer.get_extra_info("socket")
        if opened is not None and opened.fileno() >= 0:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


def get(target: str = "/", *headers: str, host: str = HOST, method: str = "GET") -> bytes:
    return ("\r\n".join([f"{method} {target} HTTP/1.1", f"Host: {host}", *headers]) + "\r\n\r\n").encode("latin-1")


def post(content: bytes, *headers: str, target: str = "/", host: str = HOST) -> bytes:
    return get(target, f"Content-Length: {len(content)}", *headers, host=host, method="POST") + content


class PolicyStore:
    """What a guard reads."""

    def __init__(self, policies: dict[str, str]) -> None:
        self._policies = policies

    async def read(self, unit: Callable[[Any], Any]) -> Any:
        return unit(self)

    def policy(self, name: str) -> str | None:
        return self._policies.get(name)


class Entries:
    """A log that keeps what is written."""

    def __init__(self) -> None:
        self.kept: list[Any] = []

    async def write_entries(self, entries: Any, **_: object) -> None:
        self.kept += entries


@dataclass
class ServiceWorld:
    fleet: FakeFleet
    admission: Admission
    proxy: ServiceProxy
    server: HttpServer
    doors: ServiceDoors
    credentials: Credentials
    policies: dict[str, str]
    entries: Entries
    log: RequestLog
    port: int = 0
    _instances: list[asyncio.Server] = field(default_factory=list)
    _clients: list[Client] = field(default_factory=list)
    _writers: list[asyncio.StreamWriter] = field(default_factory=list)

    async def instance(self, script: Script) -> int:
        """An instance that runs the script for each connection; its port."""

        async def run(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self._writers.append(writer)
            try:
                await script(Told(reader, writer))
            except (asyncio.IncompleteReadError, ConnectionError):
                pass  # the proxy has hung up
            finally:
                writer.transport.abort()

        server = await asyncio.start_server(run, "127.0.0.1", 0)
        self._instances.append(server)
        return int(server.sockets[0].getsockname()[1])

    async def client(self, port: int | None = None) -> Client:
        found = Client(*await asyncio.open_connection("127.0.0.1", self.port if port is None else port))
        self._clients.append(found)
        return found

    async def asked(self, request: bytes, method: str = "GET") -> tuple[int, dict[str, str], bytes]:
        """One request on a connection of its own."""
        client = await self.client()
        await client.send(request)
        with anyio.fail_after(10):
            found = await client.answer(method)
        client.close()
        return found

    async def eventually(self, is_so: Callable[[], bool]) -> None:
        with anyio.fail_after(10):
            while not is_so():  # noqa: ASYNC110 - what is waited for tells nobody
                await anyio.sleep(0.005)

    async def handle(self, request: Request) -> Response:
        """What the front door does with a request to a service."""
        if request.service:
            Hosts.split(request)
            return await self.proxy.by_port(request)
        place = Hosts("127.0.0.1").place(request)
        if place.service is not None:
            return await self.proxy.by_address(request, place.service)
        return await self.proxy.by_path(request)

    def close(self) -> None:
        for client in self._clients:
            client.close()
        for writer in self._writers:
            writer.transport.abort()
        for server in self._instances:
            server.close()


@asynccontextmanager
async def service_world(
    directory: Path, *, auth: Auth = Auth.NONE, is_iam_enforced: bool = False
) -> AsyncIterator[ServiceWorld]:
    clock, identifiers, fleet = SystemClock(), RandomIdentifiers(), FakeFleet()
    policies: dict[str, str] = {}

    async def policy(name: str) -> str | None:
        return policies.get(name)

    credentials = Credentials(directory, clock, PROJECT)
    admission = Admission(fleet, clock)
    entries = Entries()
    log = RequestLog(entries, clock, is_on=True)
    guard = Guard(cast("Store", PolicyStore(policies)), credentials.default_account, is_enforced=is_iam_enforced)
    server = HttpServer(lambda request: world.handle(request), error_response)
    invokers = Invokers(
        policy,
        credentials,
        guard,
        lambda label, location: fleet.find(label, PROJECT, location or LOCATION),
        auth=auth,
        port=8642,
    )
    proxy = ServiceProxy(fleet, admission, invokers, identifiers, log, project=PROJECT, location=LOCATION)
    server.lead_to_service = H2cTunnels(proxy.seat_for_h2c).lead
    world = ServiceWorld(
        fleet=fleet,
        admission=admission,
        proxy=proxy,
        server=server,
        doors=ServiceDoors(server),
        credentials=credentials,
        policies=policies,
        entries=entries,
        log=log,
    )
    async with anyio.create_task_group() as group:
        await group.start(server.run)
        world.port = await server.listen("127.0.0.1", 0)
        try:
            yield world
        finally:
            world.close()
            proxy.pool.close()
            await server.stop(0.2)
            await anyio.sleep(0.01)  # the loop hangs up, and scripts of instances end
            group.cancel_scope.cancel()
