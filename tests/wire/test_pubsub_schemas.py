"""The tables of the Pub/Sub API against Google's own description of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hakobune.wire import pubsub_v1_schema as ours
from hakobune.wire.schema import Choice, ListOf, MapOf, Message, Scalar

discovery = pytest.importorskip("googleapiclient.discovery_cache")
SCHEMAS: dict[str, Any] = json.loads((Path(discovery.__file__).parent / "documents" / "pubsub.v1.json").read_text())[
    "schemas"
]
# With the fields that stand in the path over REST, and in the message over gRPC.
BODIES = [
    ("Topic", ours.TOPIC, ""),
    ("Subscription", ours.SUBSCRIPTION, ""),
    ("Snapshot", ours.SNAPSHOT, ""),
    ("Schema", ours.SCHEMA, ""),
    ("PublishRequest", ours.PUBLISH, "topic"),
    ("PullRequest", ours.PULL, "subscription"),
    ("AcknowledgeRequest", ours.ACKNOWLEDGE, "subscription"),
    ("ModifyAckDeadlineRequest", ours.MODIFY_ACK_DEADLINE, "subscription"),
    ("ModifyPushConfigRequest", ours.MODIFY_PUSH_CONFIG, "subscription"),
    ("SeekRequest", ours.SEEK, "subscription"),
    ("CreateSnapshotRequest", ours.CREATE_SNAPSHOT, "name"),
    ("CommitSchemaRequest", ours.COMMIT_SCHEMA, "name"),
    ("RollbackSchemaRequest", ours.ROLLBACK_SCHEMA, "name"),
    ("ValidateSchemaRequest", ours.VALIDATE_SCHEMA, "parent"),
    ("ValidateMessageRequest", ours.VALIDATE_MESSAGE, "parent"),
]
SCALARS = {
    ("string", None): Scalar.TEXT,
    ("string", "byte"): Scalar.TEXT,  # read as a text, and checked
    ("boolean", None): Scalar.FLAG,
    ("integer", "int32"): Scalar.INT32,
    ("string", "google-duration"): Scalar.DURATION,
    ("string", "google-datetime"): Scalar.TIMESTAMP,
}


def check(kind: Message, name: str, path: str, in_path: str = "") -> None:
    described = SCHEMAS[name].get("properties", {})
    assert set(kind.fields) - {in_path} == set(described), path
    for field, about in described.items():
        found = kind.fields[field]
        where = f"{path}.{field}"
        if found is Scalar.ANYTHING:
            continue
        if "$ref" in about:
            assert isinstance(found, Message), where
            check(found, about["$ref"], where)
        elif about["type"] == "array":
            assert isinstance(found, ListOf), where
            if isinstance(found.item, Message):
                check(found.item, about["items"]["$ref"], where)
            else:
                assert found.item is SCALARS[(about["items"]["type"], about["items"].get("format"))], where
        elif about["type"] == "object":
            assert isinstance(found, MapOf), where
        elif "enum" in about:
            assert isinstance(found, Choice), where
            assert list(found.names) == about["enum"], where
        else:
            assert found is SCALARS[(about["type"], about.get("format"))], where


@pytest.mark.parametrize(("name", "kind", "in_path"), BODIES, ids=[name for name, _, _ in BODIES])
def test_messages_have_the_fields_and_types_of_the_discovery_document(name: str, kind: Message, in_path: str) -> None:
    check(kind, name, name, in_path)


@pytest.mark.parametrize(("name", "kind"), [("Topic", ours.TOPIC), ("Subscription", ours.SUBSCRIPTION)])
def test_fields_that_are_read_only_are_passed_by(name: str, kind: Message) -> None:
    described = SCHEMAS[name]["properties"]
    assert {field for field, about in described.items() if about.get("readOnly")} <= kind.output_only
