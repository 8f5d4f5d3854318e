"""A house whose triggers tell destinations of the test: what they got, when, and what they answer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
from house import House, a_house
from schedules_world import KeptLogs, Target, _credentials

from hakobune.servers.inside import InsideDoor

LOCATION = "projects/p/locations/us-central1"
TRIGGERS = f"/v1/{LOCATION}/triggers"
ENDPOINT = "http://127.0.0.1:9/events"
FINALIZED = "google.cloud.storage.object.v1.finalized"
DELETED = "google.cloud.storage.object.v1.deleted"
ARCHIVED = "google.cloud.storage.object.v1.archived"
UPDATED = "google.cloud.storage.object.v1.metadataUpdated"
MESSAGE = "google.cloud.pubsub.topic.v1.messagePublished"
AUDIT = "google.cloud.audit.log.v1.written"
WORKFLOW = f"{LOCATION}/workflows/w"
JOB = f"{LOCATION}/jobs/one"
SOURCE = "main:\n  params: [event]\n  steps:\n  - done:\n      return: ${event.data.name}\n"


def filters(event_type: str, **attributes: str) -> list[dict[str, str]]:
    return [
        {"attribute": "type", "value": event_type},
        *({"attribute": name, "value": value} for name, value in attributes.items()),
    ]


@dataclass
class Triggers:
    """Short words for the API of a house."""

    house: House
    target: Target

    async def create(self, trigger: str = "t", event_type: str = FINALIZED, **fields: Any) -> Any:
        body = {
            "eventFilters": filters(event_type, bucket="b01"),
            "destination": {"httpEndpoint": {"uri": ENDPOINT}},
            **fields,
        }
        await self.house.ok("POST", f"{TRIGGERS}?triggerId={trigger}", body)
        return await self.get(trigger)

    async def get(self, trigger: str = "t") -> Any:
        return await self.house.ok("GET", f"{TRIGGERS}/{trigger}")

    async def events(self, trigger: str = "-", query: str = "") -> list[Any]:
        found = await self.house.ok("GET", f"{TRIGGERS}/{trigger}/events{query}")
        return list(found.get("events", []))

    async def bucket(self, name: str = "b01", **fields: Any) -> None:
        await self.house.ok("POST", "/storage/v1/b?project=p", {"name": name, **fields})

    async def upload(self, name: str = "a.txt", bucket: str = "b01") -> Any:
        return await self.house.ok("POST", f"/upload/storage/v1/b/{bucket}/o?uploadType=media&name={name}", {"x": 1})

    async def workflow(self, source: str = SOURCE) -> None:
        await self.house.ok("POST", f"/v1/{LOCATION}/workflows?workflowId=w", {"sourceContents": source})

    async def executions(self) -> list[Any]:
        found = await self.house.ok("GET", f"/v1/{WORKFLOW}/executions?view=FULL")
        return list(found.get("executions", []))

    @property
    def headers(self) -> list[dict[str, str]]:
        return self.target.headers

    @property
    def ids(self) -> list[str]:
        return [headers["ce-id"] for headers in self.headers]

    async def settled(self) -> None:
        """Time passes until nothing is under way."""
        await anyio.sleep(1.0)


@asynccontextmanager
async def triggers(directory: Path) -> AsyncIterator[Triggers]:
    """A running house with a bucket, `b01`."""
    target = Target()
    async with a_house(directory, transport=target, logs=KeptLogs(), credentials=_credentials) as house:
        house.runtime.connect(InsideDoor(house.front))
        target.now_s = house.clock.now_s
        world = Triggers(house, target)
        await world.bucket()
        yield world


async def restart(world: Triggers) -> None:
    """The runtime is gone; another one comes, on what it left."""
    await world.house.crash()
    await world.house.start()
    world.house.runtime.connect(InsideDoor(world.house.front))
