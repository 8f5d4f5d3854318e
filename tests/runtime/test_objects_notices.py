"""From a change of an object to the message of its topic, through a whole runtime, crashes included."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anyio
import pytest
from house import House, a_house

from hakobune.core.errors import ResourceExhausted, Unavailable
from hakobune.runtime.interceptors import NoInterceptor
from hakobune.runtime.objects_notices import ROOM
from hakobune.store.api import OutboxCommand

pytestmark = pytest.mark.anyio

BUCKET = "told-bucket"
TOPIC = "projects/demo-project/topics/changes"
STRICT = "projects/demo-project/topics/strict"
PULL = "/v1/projects/demo-project/subscriptions/changes:pull"
OBJECT = f"/storage/v1/b/{BUCKET}/o"
UPLOAD = f"/upload/storage/v1/b/{BUCKET}/o?uploadType=media&name="


@pytest.fixture
def anyio_backend(virtual_backend: Any) -> Any:
    return virtual_backend


class Barrier(NoInterceptor):
    """Notices do not reach their topic while it is shut; or they do, and nobody learns of it."""

    def __init__(self) -> None:
        self.is_shut_before = False
        self.is_shut_after = False

    async def before_perform(self, command: OutboxCommand) -> None:
        if self.is_shut_before and command.room == ROOM:
            raise Unavailable("shut")

    async def after_perform(self, command: OutboxCommand) -> None:
        if self.is_shut_after and command.room == ROOM:
            await anyio.sleep_forever()


async def prepare(house: House, topic: str = TOPIC) -> None:
    """A bucket that tells a topic of everything, and one who listens to the topic."""
    await house.ok("POST", "/storage/v1/b?project=demo-project", {"name": BUCKET})
    await house.ok("PUT", f"/v1/{TOPIC}", {})
    await house.ok("PUT", PULL.removesuffix(":pull"), {"topic": TOPIC})
    await house.ok("POST", f"/storage/v1/b/{BUCKET}/notificationConfigs", {"topic": f"//pubsub.googleapis.com/{topic}"})


async def put(house: House, name: str, content: str) -> Any:
    return await house.ok("POST", UPLOAD + name, content)


async def told(house: House) -> list[Any]:
    """The messages that are there now."""
    answer = await house.ok("POST", PULL, {"maxMessages": 100, "returnImmediately": True})
    return [received["message"] for received in answer.get("receivedMessages", [])]


async def next_told(house: House, count: int) -> list[Any]:
    """So many messages; they come within seconds."""
    found: list[Any] = []
    with anyio.fail_after(8):  # before a lease ends, and one of them comes again
        while len(found) < count:
            found += await told(house)
            await anyio.sleep(0.1)
    return found


def kinds(messages: list[Any]) -> list[tuple[str, str]]:
    return [(found["attributes"]["eventType"], found["attributes"]["objectGeneration"]) for found in messages]


async def test_given_changes_that_were_committed_when_the_runtime_dies_before_it_publishes_then_the_next_one_does(
    tmp_path: Path,
) -> None:
    barrier = Barrier()
    async with a_house(tmp_path, interceptor=barrier) as house:
        await prepare(house)
        barrier.is_shut_before = True
        first = await put(house, "one", "first")
        second = await put(house, "one", "second")
        await house.ok("PATCH", f"{OBJECT}/one", {"metadata": {"colour": "red"}})
        await anyio.sleep(30)
        assert await told(house) == []
        await house.crash()
        barrier.is_shut_before = False
        await house.start()
        found = await next_told(house, 4)
    old, new = first["generation"], second["generation"]
    assert sorted(kinds(found)) == [
        ("OBJECT_DELETE", old),
        ("OBJECT_FINALIZE", old),
        ("OBJECT_FINALIZE", new),
        ("OBJECT_METADATA_UPDATE", new),
    ]
    by_kind = dict(zip(kinds(found), found, strict=True))
    assert by_kind["OBJECT_FINALIZE", new]["attributes"] == {
        "notificationConfig": f"projects/_/buckets/{BUCKET}/notificationConfigs/1",
        "eventType": "OBJECT_FINALIZE",
        "payloadFormat": "JSON_API_V1",
        "bucketId": BUCKET,
        "objectId": "one",
        "objectGeneration": new,
        "eventTime": second["timeCreated"],
        "overwroteGeneration": old,
    }
    payload = json.loads(base64.b64decode(by_kind["OBJECT_METADATA_UPDATE", new]["data"]))
    assert (payload["kind"], payload["metadata"]) == ("storage#object", {"colour": "red"})


async def test_given_a_message_that_was_published_when_the_runtime_dies_before_it_notes_that_then_it_comes_again(
    tmp_path: Path,
) -> None:
    barrier = Barrier()
    async with a_house(tmp_path, interceptor=barrier) as house:
        await prepare(house)
        barrier.is_shut_after = True
        made = await put(house, "one", "first")
        first = await next_told(house, 1)
        await house.crash()
        barrier.is_shut_after = False
        await house.start()
        again = await next_told(house, 1)
    assert kinds(first) == kinds(again) == [("OBJECT_FINALIZE", made["generation"])]
    assert first[0]["messageId"] != again[0]["messageId"]


async def test_given_a_notice_when_it_is_sent_then_its_object_can_be_read(tmp_path: Path) -> None:
    class Looking(NoInterceptor):
        def __init__(self) -> None:
            self.house: House
            self.seen: list[str] = []

        async def before_perform(self, command: OutboxCommand) -> None:
            if command.room == ROOM:
                name = command.subject.removeprefix(f"{BUCKET}/")
                self.seen.append((await self.house.ok("GET", f"{OBJECT}/{name}"))["name"])

    looking = Looking()
    async with a_house(tmp_path, interceptor=looking) as house:
        looking.house = house
        await prepare(house)
        names = [f"n{number}" for number in range(5)]
        for name in names:
            await put(house, name, "x")
        found = await next_told(house, len(names))
    assert sorted(message["attributes"]["objectId"] for message in found) == looking.seen == names


async def test_given_a_topic_that_refuses_such_messages_when_an_object_changes_then_others_are_told_all_the_same(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    definition = json.dumps({"type": "record", "name": "R", "fields": [{"name": "only", "type": "int"}]})
    async with a_house(tmp_path) as house:
        await house.ok(
            "POST", "/v1/projects/demo-project/schemas?schemaId=strict", {"type": "AVRO", "definition": definition}
        )
        settings = {"schema": "projects/demo-project/schemas/strict", "encoding": "JSON"}
        await house.ok("PUT", f"/v1/{STRICT}", {"schemaSettings": settings})
        await prepare(house, STRICT)
        await house.ok("POST", f"/storage/v1/b/{BUCKET}/notificationConfigs", {"topic": TOPIC})
        made = await put(house, "one", "first")
        found = await next_told(house, 1)
    assert kinds(found) == [("OBJECT_FINALIZE", made["generation"])]
    (record,) = [record for record in caplog.records if record.name == "hakobune.objects"]
    assert f"a notification of bucket '{BUCKET}' is dropped" in record.getMessage()


async def test_given_a_topic_that_takes_no_more_for_now_when_an_object_changes_then_it_is_told_later_and_nothing_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class FullAtFirst:
        def __init__(self) -> None:
            self.asked: list[str] = []

        async def publish(self, topic: str, data: bytes, attributes: Mapping[str, str]) -> None:
            del data, attributes
            self.asked.append(topic)
            if len(self.asked) < 4:
                raise ResourceExhausted("The disk is full.")

    publisher = FullAtFirst()
    async with a_house(tmp_path) as house:
        await prepare(house)
        house.runtime.objects.notices.connect(lambda _: (b"", {}), publisher)
        await put(house, "one", "first")
        await anyio.sleep(60)
    assert publisher.asked == [TOPIC] * 4
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
