"""A house whose schedules call targets of the test: what they got, when, and what they answer."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
from house import House, a_house

from hakobune.core.logs.entries import LogEntry
from hakobune.core.workflows.effects import HttpRequest, HttpResponse, NoResponse
from hakobune.runtime.credentials import Credentials, Token
from hakobune.runtime.logs import LogsRoom, Shelf
from hakobune.runtime.settings import Settings
from hakobune.servers.inside import InsideDoor
from hakobune.testing.clock import VirtualClock

LOCATION = "projects/p/locations/us-central1"
SCHEDULES = f"/v1/{LOCATION}/jobs"
TARGET = "http://127.0.0.1:9/work"
ACCOUNT = "sched@p.iam.gserviceaccount.com"

Reply = Callable[[HttpRequest], Awaitable[HttpResponse | NoResponse]]


async def _fine(request: HttpRequest) -> HttpResponse | NoResponse:
    return answered(200)


def answered(code: int, **headers: str) -> HttpResponse:
    return HttpResponse(code=code, headers=tuple(headers.items()), body=b"")


@dataclass
class Target:
    """Stands in for the network."""

    reply: Reply = _fine
    got: list[tuple[float, HttpRequest]] = field(default_factory=list)
    now_s: Callable[[], float] = lambda: 0.0

    async def send(self, request: HttpRequest, *, after_redirect: bool = False) -> HttpResponse | NoResponse:
        self.got.append((self.now_s(), request))
        return await self.reply(request)

    async def close(self) -> None:
        """Nothing is held."""

    @property
    def headers(self) -> list[dict[str, str]]:
        return [{name.lower(): value for name, value in request.headers} for _, request in self.got]

    @property
    def slots(self) -> list[str]:
        return [headers["x-cloudscheduler-scheduletime"] for headers in self.headers]


class PlainCredentials(Credentials):
    """Tokens that say what they are: no keys, no worker threads."""

    async def access_token(self, account: str, *, life_s: float = 0.0) -> str:
        return account

    async def id_token(self, account: str, audience: str, extra: Mapping[str, object] | None = None) -> str:
        return f"{account} for {audience}"

    async def verify(self, text: str, *, audience: str = "") -> Token:
        return Token(account=text, audience=audience, expires_s=float("inf"))


def _credentials(settings: Settings, clock: VirtualClock) -> Credentials:
    return PlainCredentials(settings.directory, clock, settings.project)


class KeptLogs(LogsRoom):
    """Entries in memory: a worker thread would let virtual time run away."""

    def __init__(self) -> None:
        self.entries: list[LogEntry] = []

    async def write_entries(
        self, entries: Iterable[LogEntry], *, shelf: Shelf = Shelf.USER, since_s: float | None = None
    ) -> None:
        self.entries += entries


@dataclass
class Schedules:
    """Short words for the API of a house."""

    house: House
    target: Target
    logs: KeptLogs

    async def create(self, job: str = "tick", uri: str = TARGET, **fields: Any) -> Any:
        body = {
            "name": f"{LOCATION}/jobs/{job}",
            "schedule": "* * * * *",
            "httpTarget": {"uri": uri, **fields.pop("http", {})},
            **fields,
        }
        return await self.house.ok("POST", SCHEDULES, body)

    async def get(self, job: str = "tick") -> Any:
        return await self.house.ok("GET", f"{SCHEDULES}/{job}")

    async def run(self, job: str = "tick") -> Any:
        return await self.house.ok("POST", f"{SCHEDULES}/{job}:run", {})

    async def patch(self, mask: str, job: str = "tick", **fields: Any) -> Any:
        return await self.house.ok("PATCH", f"{SCHEDULES}/{job}?updateMask={mask}", fields)

    async def sleep_until(self, offset_s: float) -> None:
        """Seconds since the house was built: a whole minute."""
        await anyio.sleep(max(0.0, offset_s - anyio.current_time()))

    async def restart(self) -> None:
        await self.house.start()
        connect(self.house)


def connect(house: House) -> None:
    house.runtime.connect(InsideDoor(house.front))


@asynccontextmanager
async def schedules(directory: Path, **options: Any) -> AsyncIterator[Schedules]:
    target, logs = Target(), KeptLogs()
    async with a_house(directory, transport=target, logs=logs, credentials=_credentials, **options) as house:
        target.now_s = anyio.current_time
        connect(house)
        yield Schedules(house, target, logs)
