"""Topics, snapshots and schemas of the Pub/Sub API v1 as JSON, both ways."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hakobune.core.errors import FieldViolation, InvalidArgument
from hakobune.core.instants import duration_to_text, timestamp_from_text, timestamp_to_text
from hakobune.core.pubsub import limits
from hakobune.core.pubsub.model import Encoding, Schema, SchemaSettings, SchemaType, Snapshot, Topic
from hakobune.core.pubsub.names import DELETED_TOPIC, SchemaName, SnapshotName, SubscriptionName, TopicName
from hakobune.wire.octets import octets_from_text
from hakobune.wire.pubsub_v1_rules import (
    check_labels,
    check_same,
    duration_of,
    masked_fields,
    part_of,
    refuse_unsupported,
)
from hakobune.wire.pubsub_v1_schema import (
    COMMIT_SCHEMA,
    CREATE_SNAPSHOT,
    ROLLBACK_SCHEMA,
    SCHEMA,
    SNAPSHOT,
    TOPIC,
    VALIDATE_MESSAGE,
    VALIDATE_SCHEMA,
)
from hakobune.wire.schema import Json, Message, Reader, Scalar
from hakobune.wire.violations import Violations

_PATCHABLE_TOPIC = frozenset(
    {"labels", "allowed_regions", "enforce_in_transit", "schema_settings", "message_retention_s"}
)
_TOPIC_NAMES = {"messageRetentionDuration": "message_retention_s", "messageStoragePolicy": "allowed_regions"}
_UNSUPPORTED = {
    "ingestionDataSourceSettings": "Pub/Sub ingestion from other sources",
    "messageTransforms": "Pub/Sub message transforms",
}
_PATCHABLE_SNAPSHOT = frozenset({"labels", "expire_s"})


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicPatch:
    """What `topics.patch` was asked: the topic, and the names of its fields that count."""

    topic: Topic
    fields: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotPatch:
    """What `snapshots.patch` was asked."""

    snapshot: Snapshot
    fields: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotWish:
    """What `snapshots.create` was asked."""

    subscription: SubscriptionName
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What `schemas.validateMessage` was asked: a stored schema's name (perhaps with its revision) or a definition."""

    name: str
    type: SchemaType
    definition: str
    message: bytes
    encoding: Encoding


# -- topics ---------------------------------------------------------------------------------------------------------


def topic_to_json(topic: Topic) -> Json:
    """A topic as the service shows it."""
    tree: Json = {"name": str(topic.name)}
    if topic.labels:
        tree["labels"] = dict(topic.labels)
    if topic.allowed_regions is not None:
        policy: Json = {"allowedPersistenceRegions": list(topic.allowed_regions)}
        tree["messageStoragePolicy"] = policy | ({"enforceInTransit": True} if topic.enforce_in_transit else {})
    if topic.kms_key_name:
        tree["kmsKeyName"] = topic.kms_key_name
    if topic.schema_settings is not None:
        tree["schemaSettings"] = _settings_to_json(topic.schema_settings)
    if topic.message_retention_s is not None:
        tree["messageRetentionDuration"] = duration_to_text(topic.message_retention_s)
    return tree


def _settings_to_json(settings: SchemaSettings) -> Json:
    tree: Json = {
        "schema": settings.schema,
        "encoding": "" if settings.encoding is Encoding.UNSPECIFIED else settings.encoding.value,
        "firstRevisionId": settings.first_revision_id,
        "lastRevisionId": settings.last_revision_id,
    }
    return {key: value for key, value in tree.items() if value}


def topic_from_json(value: object, name: TopicName) -> Topic:
    """The body of `topics.create`. Raises InvalidArgument with all that is wrong, Unimplemented."""
    refuse_unsupported(value, _UNSUPPORTED)
    found = Violations()
    topic = _topic(Reader(found=found).message(TOPIC, value, ""), name, "", found)
    found.check()
    return topic


def topic_patch_from_json(value: object, name: TopicName) -> TopicPatch:
    """The body of `topics.patch`. Raises InvalidArgument with all that is wrong, Unimplemented."""
    refuse_unsupported(part_of(value, "topic"), _UNSUPPORTED)
    found = Violations()
    request = _update("UpdateTopicRequest", "topic", TOPIC)
    tree = Reader(found=found).message(request, value, "")
    topic = _topic(tree.get("topic", {}), name, "topic.", found)
    fields = masked_fields(tree.get("updateMask"), TOPIC, _TOPIC_NAMES, _PATCHABLE_TOPIC, found)
    if "allowed_regions" in fields:
        fields |= {"enforce_in_transit"}
    found.check()
    return TopicPatch(topic=topic, fields=fields)


def _update(type_name: str, field: str, kind: Message) -> Message:
    return Message(
        type_name=f"type.googleapis.com/google.pubsub.v1.{type_name}", fields={field: kind, "updateMask": Scalar.TEXT}
    )


def _topic(tree: Json, name: TopicName, path: str, found: Violations) -> Topic:
    check_same(tree, "name", str(name), found)
    labels = tree.get("labels", {})
    check_labels(labels, f"{path}labels", found)
    policy: Json | None = tree.get("messageStoragePolicy")
    return Topic(
        name=name,
        labels=labels,
        allowed_regions=None if policy is None else tuple(policy.get("allowedPersistenceRegions", ())),
        enforce_in_transit=bool(policy and policy.get("enforceInTransit", False)),
        kms_key_name=tree.get("kmsKeyName", ""),
        schema_settings=_settings(tree.get("schemaSettings"), f"{path}schema_settings", found),
        message_retention_s=duration_of(
            tree,
            "messageRetentionDuration",
            f"{path}message_retention_duration",
            found,
            least_s=limits.RETENTION_MIN_S,
            most_s=limits.RETENTION_MAX_S,
        ),
    )


def _settings(tree: Json | None, path: str, found: Violations) -> SchemaSettings | None:
    if not tree:
        return None
    settings = SchemaSettings(
        schema=tree.get("schema", ""),
        encoding=Encoding(tree.get("encoding", Encoding.UNSPECIFIED)),
        first_revision_id=tree.get("firstRevisionId", ""),
        last_revision_id=tree.get("lastRevisionId", ""),
    )
    try:
        SchemaName.parse(settings.schema, field=f"{path}.schema")
    except InvalidArgument as error:
        found.add_all(error)
    if settings.encoding is Encoding.UNSPECIFIED:
        found.add(f"{path}.encoding", "must be JSON or BINARY")
    return settings


# -- snapshots ------------------------------------------------------------------------------------------------------


def snapshot_to_json(snapshot: Snapshot) -> Json:
    """A snapshot as the service shows it."""
    tree: Json = {
        "name": str(snapshot.name),
        "topic": DELETED_TOPIC if snapshot.topic is None else str(snapshot.topic),
        "expireTime": timestamp_to_text(snapshot.expire_s),
    }
    if snapshot.labels:
        tree["labels"] = dict(snapshot.labels)
    return tree


def snapshot_wish_from_json(value: object, name: str) -> SnapshotWish:
    """The body of `snapshots.create`; `name` is the one in the path. Raises InvalidArgument."""
    found = Violations()
    tree = Reader(found=found).message(CREATE_SNAPSHOT, value, "")
    check_same(tree, "name", name, found)
    labels = tree.get("labels", {})
    check_labels(labels, "labels", found)
    found.check()
    return SnapshotWish(
        subscription=SubscriptionName.parse(tree.get("subscription", ""), field="subscription"), labels=labels
    )


def snapshot_patch_from_json(value: object, name: SnapshotName) -> SnapshotPatch:
    """The body of `snapshots.patch`. Raises InvalidArgument."""
    found = Violations()
    tree = Reader(found=found).message(_update("UpdateSnapshotRequest", "snapshot", SNAPSHOT), value, "")
    content: Json = tree.get("snapshot", {})
    check_same(content, "name", str(name), found)
    labels = content.get("labels", {})
    check_labels(labels, "snapshot.labels", found)
    fields = masked_fields(tree.get("updateMask"), SNAPSHOT, {"expireTime": "expire_s"}, _PATCHABLE_SNAPSHOT, found)
    if "expire_s" in fields and "expireTime" not in content:
        found.add("snapshot.expire_time", "must be given if the mask names it")
    found.check()
    expire_s = timestamp_from_text(content["expireTime"]) if "expireTime" in content else 0.0
    return SnapshotPatch(snapshot=Snapshot(name=name, topic=None, expire_s=expire_s, labels=labels), fields=fields)


# -- schemas --------------------------------------------------------------------------------------------------------


def schema_to_json(schema: Schema, *, is_full: bool, shows_revision: bool = False) -> Json:
    """A revision as the service shows it; BASIC views leave the definition out. Of a list of revisions, and of one
    asked for by its revision, the name ends in `@REVISION`."""
    tree: Json = {
        "name": f"{schema.name}@{schema.revision_id}" if shows_revision else str(schema.name),
        "type": schema.type.value,
        "revisionId": schema.revision_id,
        "revisionCreateTime": timestamp_to_text(schema.revision_create_s),
    }
    if is_full:
        tree["definition"] = schema.definition
    return tree


def schema_from_json(value: object, name: str) -> tuple[SchemaType, str]:
    """(language, definition) in the body of `schemas.create`; `name` "" if it is not known. Raises InvalidArgument."""
    found = Violations()
    tree = Reader(found=found).message(SCHEMA, value, "")
    return _schema(tree, name, found)


def commit_from_json(value: object, name: str) -> tuple[SchemaType, str]:
    """(language, definition) in the body of `schemas.commit`. Raises InvalidArgument."""
    found = Violations()
    tree = Reader(found=found).message(COMMIT_SCHEMA, value, "")
    check_same(tree, "name", name, found)
    return _schema(tree.get("schema", {}), name, found)


def validation_from_json(value: object) -> tuple[SchemaType, str]:
    """(language, definition) in the body of `schemas.validate`. Raises InvalidArgument."""
    found = Violations()
    tree = Reader(found=found).message(VALIDATE_SCHEMA, value, "")
    return _schema(tree.get("schema", {}), "", found)


def _schema(tree: Json, name: str, found: Violations) -> tuple[SchemaType, str]:
    if name:
        check_same(tree, "name", name, found)
    if not tree.get("type"):
        found.add_missing("schema.type", "must be AVRO or PROTOCOL_BUFFER")
    if not tree.get("definition"):
        found.add_missing("schema.definition")
    found.check()
    return SchemaType(tree["type"]), tree["definition"]


def rollback_from_json(value: object, name: str) -> str:
    """The revision in the body of `schemas.rollback`. Raises InvalidArgument."""
    found = Violations()
    tree = Reader(found=found).message(ROLLBACK_SCHEMA, value, "")
    check_same(tree, "name", name, found)
    if not tree.get("revisionId"):
        found.add_missing("revision_id")
    found.check()
    return str(tree["revisionId"])


def trial_from_json(value: object) -> Trial:
    """The body of `schemas.validateMessage`. Raises InvalidArgument."""
    found = Violations()
    tree = Reader(found=found).message(VALIDATE_MESSAGE, value, "")
    schema: Json = tree.get("schema", {})
    if not tree.get("name") and not schema:
        found.add("schema_spec", "needs a name or a schema")
    try:
        message = octets_from_text(tree.get("message", ""))
    except ValueError as error:
        found.add("message", str(error))
        message = b""
    found.check()
    return Trial(
        name=tree.get("name", ""),
        type=SchemaType(schema.get("type", SchemaType.UNSPECIFIED)),
        definition=schema.get("definition", ""),
        message=message,
        encoding=Encoding(tree.get("encoding", Encoding.UNSPECIFIED)),
    )


def schema_name_and_revision(text: str, project: str) -> tuple[SchemaName, str]:
    """`S` or `S@REVISION` of a path. Raises InvalidArgument."""
    name_id, at, revision = text.partition("@")
    if at and not revision:
        violation = FieldViolation(field="name", description="an empty revision")
        raise InvalidArgument(f"name: {text[:120]!r} has an empty revision.", violations=[violation])
    return SchemaName.make(project, name_id), revision
