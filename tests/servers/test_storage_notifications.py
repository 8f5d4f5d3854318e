"""Changes of objects become messages: after the object can be read, never for what did not happen."""

from __future__ import annotations

import base64
import json
import time
import uuid
from typing import Any

import pytest
from storage_calls import Storage, a_bucket

from runtime_process import PROJECT, RuntimeProcess

WITHIN_S = 20.0


class Inbox:
    """A topic with a subscription."""

    def __init__(self, runtime: RuntimeProcess) -> None:
        self._runtime = runtime
        name = f"t-{uuid.uuid4().hex[:8]}"
        self.topic = f"projects/{PROJECT}/topics/{name}"
        self._subscription = f"projects/{PROJECT}/subscriptions/{name}"
        assert runtime.call("PUT", f"/v1/{self.topic}", {}).status == 200
        made = runtime.call("PUT", f"/v1/{self._subscription}", {"topic": self.topic})
        assert made.status == 200, made.body

    def take(self, count: int) -> list[tuple[dict[str, str], Any]]:
        """The next messages: (attributes, object)."""
        found: list[tuple[dict[str, str], Any]] = []
        end = time.monotonic() + WITHIN_S
        while len(found) < count:
            assert time.monotonic() < end, f"{found} and no more"
            answer = self._runtime.call("POST", f"/v1/{self._subscription}:pull", {"maxMessages": 10})
            received = answer.json.get("receivedMessages", [])
            for item in received:
                data = base64.b64decode(item["message"].get("data", ""))
                found.append((item["message"]["attributes"], json.loads(data) if data else None))
            ids = [item["ackId"] for item in received]
            if ids:
                self._runtime.call("POST", f"/v1/{self._subscription}:acknowledge", {"ackIds": ids})
        return sorted(found, key=lambda item: item[0]["eventTime"])


@pytest.fixture
def bucket(runtime: RuntimeProcess) -> Storage:
    return a_bucket(runtime)


@pytest.fixture
def inbox(runtime: RuntimeProcess) -> Inbox:
    return Inbox(runtime)


def config(bucket: Storage, inbox: Inbox, **more: object) -> Any:
    body = {"topic": f"//pubsub.googleapis.com/{inbox.topic}", "payload_format": "JSON_API_V1", **more}
    answer = bucket.call("POST", f"{bucket.root}/notificationConfigs", body)
    assert answer.status == 200, answer.body
    return answer.json


def test_each_change_is_told_once_with_the_object_as_it_was(bucket: Storage, inbox: Inbox) -> None:
    made = config(bucket, inbox, custom_attributes={"k": "v"})
    first = bucket.put("dir/é", b"one")
    second = bucket.put("dir/é", b"two")
    bucket.call("PATCH", bucket.path("dir/é"), {"metadata": {"a": "b"}})
    bucket.call("DELETE", bucket.path("dir/é"))
    found = inbox.take(5)
    told = sorted((attributes["eventType"], attributes["objectGeneration"]) for attributes, _ in found)
    old, new = first["generation"], second["generation"]
    assert told == [
        ("OBJECT_DELETE", old),
        ("OBJECT_DELETE", new),
        ("OBJECT_FINALIZE", old),
        ("OBJECT_FINALIZE", new),
        ("OBJECT_METADATA_UPDATE", new),
    ]
    by_kind = {
        (attributes["eventType"], attributes["objectGeneration"]): (attributes, data) for attributes, data in found
    }
    attributes, data = by_kind["OBJECT_FINALIZE", new]
    assert attributes["overwroteGeneration"] == old
    assert (attributes["bucketId"], attributes["objectId"], attributes["k"]) == (bucket.bucket, "dir/é", "v")
    assert attributes["notificationConfig"] == f"projects/_/buckets/{bucket.bucket}/notificationConfigs/{made['id']}"
    assert {name: data[name] for name in ("name", "generation", "md5Hash")} == {
        name: second[name] for name in ("name", "generation", "md5Hash")
    }
    assert by_kind["OBJECT_DELETE", old][0]["overwrittenByGeneration"] == new


def test_only_what_was_asked_for_is_told(bucket: Storage, inbox: Inbox) -> None:
    config(bucket, inbox, payload_format="NONE", event_types=["OBJECT_FINALIZE"], object_name_prefix="in/")
    bucket.put("out/x")
    bucket.upload("in/refused", b"x", {"x-goog-hash": "crc32c=AAAAAA=="})
    session = bucket.start("in/cancelled")
    bucket.call("DELETE", session)
    bucket.put("in/x")
    bucket.call("DELETE", bucket.path("in/x"))
    bucket.put("in/last")
    found = inbox.take(2)
    assert [(attributes["objectId"], data) for attributes, data in found] == [("in/x", None), ("in/last", None)]


def test_a_move_is_told_at_both_ends(bucket: Storage, inbox: Inbox) -> None:
    bucket.put("from")
    config(bucket, inbox)
    bucket.call("POST", f"{bucket.root}/o/from/moveTo/o/to")
    told = sorted((attributes["eventType"], attributes["objectId"]) for attributes, _ in inbox.take(2))
    assert told == [("OBJECT_DELETE", "from"), ("OBJECT_FINALIZE", "to")]


def test_a_topic_that_is_not_there_holds_nothing_up(bucket: Storage, inbox: Inbox) -> None:
    body = {"topic": f"projects/{PROJECT}/topics/no-such-topic"}
    bucket.call("POST", f"{bucket.root}/notificationConfigs", body)
    config(bucket, inbox)
    bucket.put("x")
    assert inbox.take(1)[0][0]["objectId"] == "x"
