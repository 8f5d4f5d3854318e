"""A messages room on virtual time, and an endpoint that answers as tests say."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import anyio

from hakobune.core.errors import Unavailable
from hakobune.core.pubsub.messages import decode_body, new_message
from hakobune.core.pubsub.model import Delivery, PushConfig, Subscription, Topic
from hakobune.core.pubsub.names import SubscriptionName, TopicName
from hakobune.core.workflows.effects import HttpRequest, HttpResponse, NoResponse
from hakobune.runtime.outlet import Outlet
from hakobune.runtime.pubsub import Publisher, PubsubRoom
from hakobune.runtime.threads import InlineThreads
from hakobune.runtime.wheel import Wheel
from hakobune.store.sqlite.database import SqliteStore
from hakobune.testing.clock import SeededIdentifiers, VirtualClock

TOPIC = TopicName(project="p", id="topic")
SUB = SubscriptionName(project="p", id="sub")
ENDPOINT = "https://push.example/hook"

Reply = Callable[[HttpRequest], HttpResponse | NoResponse | float]


def answered(code: int) -> HttpResponse:
    return HttpResponse(code=code, headers=(), body=b"")


class Endpoint:
    """Takes requests. `reply` gives an answer, or the seconds that one takes."""

    def __init__(self) -> None:
        self.requests: list[tuple[float, HttpRequest]] = []
        self.reply: Reply = lambda request: answered(204)
        self.under_way = 0
        self.most_under_way = 0
        self.tokens: list[tuple[str, str]] = []
        self.has_no_token = False

    async def send(self, request: HttpRequest) -> HttpResponse | NoResponse:
        self.requests.append((anyio.current_time(), request))
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            found = self.reply(request)
            if isinstance(found, float):
                await anyio.sleep(found)
                return answered(204)
            return found
        finally:
            self.under_way -= 1

    async def id_token(self, account: str, audience: str) -> str:
        if self.has_no_token:
            raise Unavailable("no token today")
        self.tokens.append((account, audience))
        return "token-text"


class World:
    """One life of a room after another, on one memory."""

    def __init__(self) -> None:
        self.disk = sqlite3.connect(":memory:", check_same_thread=False)
        self.clock = VirtualClock()
        self.identifiers = SeededIdentifiers(random.Random(1))
        self.endpoint = Endpoint()
        self.room: PubsubRoom
        self.publisher: Publisher

    @asynccontextmanager
    async def up(self) -> AsyncIterator[None]:
        """A life of the room."""
        store = SqliteStore.inline(self.disk)
        wheel = Wheel(store, self.clock, owner=self.identifiers.uid())
        outlet = Outlet(sender=self.endpoint, tokens=self.endpoint, allowed_hosts=("allowed.example",))
        self.room = PubsubRoom(wheel, self.identifiers, InlineThreads(), outlet)
        self.publisher = Publisher(self.room)
        async with anyio.create_task_group() as group:
            group.start_soon(self.room.run)
            yield
            group.cancel_scope.cancel()

    async def make(self, **subscription: object) -> None:
        await self.room.topics.create(Topic(name=TOPIC))
        await self.room.subscriptions.create(Subscription(name=SUB, topic=TOPIC, **subscription))  # type: ignore[arg-type]

    async def make_push(self, endpoint: str = ENDPOINT, **fields: object) -> None:
        push = {name: fields.pop(name) for name in ("oidc_token", "is_wrapped", "write_metadata") if name in fields}
        await self.make(push=PushConfig(endpoint=endpoint, **push), **fields)  # type: ignore[arg-type]

    async def publish(self, *texts: str, key: str = "", **attributes: str) -> None:
        await self.room.publish(TOPIC, [new_message(text.encode(), attributes, key) for text in texts])

    async def pull(self, limit: int = 100, wait_s: float = 0.0) -> list[Delivery]:
        return await self.room.pull(SUB, limit, wait_s=wait_s)

    def rows(self, table: str) -> int:
        if table == "messages":
            return int(self.disk.execute("SELECT coalesce(sum(messages), 0) FROM pubsub_blocks").fetchone()[0])
        return int(self.disk.execute(f"SELECT count(*) FROM pubsub_{table}").fetchone()[0])


def texts_of(deliveries: Sequence[Delivery]) -> list[str]:
    return [decode_body(delivery.body)[0].decode() for delivery in deliveries]
