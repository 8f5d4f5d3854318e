"""Secret Manager v1 as JSON.

Source: https://cloud.google.com/secret-manager/docs/reference/rest/v1/projects.secrets.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import cast

from hakobune.core.errors import Unimplemented
from hakobune.core.identity import limits
from hakobune.core.identity.secrets import Secret, SecretDraft, SecretName, SecretVersion, is_alias
from hakobune.core.instants import duration_from_text, timestamp_from_text, timestamp_to_text
from hakobune.wire.octets import octets_from_text, octets_to_text
from hakobune.wire.schema import FieldType, Json, ListOf, MapOf, Message, Reader, Scalar, snake
from hakobune.wire.violations import Violations

_checksum = cast("Callable[[bytes], int]", getattr(import_module("google_crc32c"), "value"))  # noqa: B009 - untyped
_KIND = "type.googleapis.com/google.cloud.secretmanager.v1."
_TEXT, _TIMESTAMP, _DURATION = Scalar.TEXT, Scalar.TIMESTAMP, Scalar.DURATION
_ENCRYPTION = Message(type_name=_KIND + "CustomerManagedEncryption", fields={"kmsKeyName": _TEXT})
_REPLICA = Message(
    type_name=_KIND + "Replication.UserManaged.Replica",
    fields={"location": _TEXT, "customerManagedEncryption": _ENCRYPTION},
)
_REPLICATION = Message(
    type_name=_KIND + "Replication",
    fields={
        "automatic": Message(
            type_name=_KIND + "Replication.Automatic", fields={"customerManagedEncryption": _ENCRYPTION}
        ),
        "userManaged": Message(type_name=_KIND + "Replication.UserManaged", fields={"replicas": ListOf(_REPLICA)}),
    },
    oneofs={"replication": ("automatic", "userManaged")},
)
_SECRET_FIELDS: dict[str, FieldType] = {
    "name": _TEXT,
    "replication": _REPLICATION,
    "createTime": _TIMESTAMP,
    "labels": MapOf(),
    "topics": ListOf(Message(type_name=_KIND + "Topic", fields={"name": _TEXT})),
    "expireTime": _TIMESTAMP,
    "ttl": _DURATION,
    "etag": _TEXT,
    "rotation": Message(
        type_name=_KIND + "Rotation", fields={"nextRotationTime": _TIMESTAMP, "rotationPeriod": _DURATION}
    ),
    "versionAliases": MapOf("Map"),  # to int64, which JSON writes as texts
    "annotations": MapOf(),
    "versionDestroyTtl": _DURATION,
    "customerManagedEncryption": _ENCRYPTION,
    "tags": MapOf(),
}
SECRET = Message(
    type_name=_KIND + "Secret",
    fields=_SECRET_FIELDS,
    output_only=frozenset({"createTime"}),
    oneofs={"expiration": ("expireTime", "ttl")},
)
_PAYLOAD = Message(
    type_name=_KIND + "SecretPayload",
    fields={"data": _TEXT, "dataCrc32c": Scalar.INT64},
    present=frozenset({"dataCrc32c"}),
)
_ADD = Message(type_name=_KIND + "AddSecretVersionRequest", fields={"parent": _TEXT, "payload": _PAYLOAD})
_STATE = Message(type_name=_KIND + "SecretVersionStateRequest", fields={"name": _TEXT, "etag": _TEXT})

# Fields that are kept and given back, and have no effect here.
_KEPT = ("topics", "rotation", "customerManagedEncryption", "tags")
# What a mask may name, and what of a draft that is.
_MASKABLE = {
    "labels": "labels",
    "annotations": "annotations",
    "versionAliases": "aliases",
    "expireTime": "expiry",
    "ttl": "expiry",
    "topics": "topics",
    "rotation": "rotation",
    "customerManagedEncryption": "customerManagedEncryption",
}
_LABEL_KEY = re.compile(r"[^\W\d_][\w-]{0,62}\Z")
_LABEL_VALUE = re.compile(r"[\w-]{0,63}\Z")
_NUMBER = re.compile(r"[1-9][0-9]{0,17}\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewValue:
    """The value of a version to be added."""

    data: bytes
    has_checksum: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretPatch:
    """What `secrets.patch` was asked: the draft, and what of it counts."""

    draft: SecretDraft
    fields: frozenset[str]


def secret_to_json(secret: Secret) -> Json:
    """A Secret."""
    tree: Json = {
        "name": str(secret.name),
        "replication": dict(secret.replication),
        "createTime": timestamp_to_text(secret.create_s),
        "labels": dict(secret.labels),
        "annotations": dict(secret.annotations),
        "expireTime": "" if secret.expire_s is None else timestamp_to_text(secret.expire_s),
        "versionAliases": {alias: str(number) for alias, number in secret.aliases.items()},
        "etag": secret.etag,
        **secret.other,
    }
    return {name: value for name, value in tree.items() if value}


def secret_draft_from_json(value: object) -> SecretDraft:
    """The body of `secrets.create`. Raises InvalidArgument with all that is wrong."""
    found = Violations()
    tree = _read(value, found)
    replication: Json = tree.get("replication", {})
    if not replication:
        found.add("secret.replication", "is required: automatic or userManaged")
    elif "userManaged" in replication and not replication["userManaged"].get("replicas"):
        found.add("secret.replication.user_managed.replicas", "must not be empty")
    draft = _draft(tree, found)
    found.check()
    return draft


def secret_patch_from_json(value: object, name: SecretName, mask: str) -> SecretPatch:
    """The body and the mask of `secrets.patch`. Raises InvalidArgument with all that is wrong."""
    found = Violations()
    tree = _read(value, found)
    if tree.get("name", str(name)) != str(name):
        found.add("secret.name", f"contradicts the name in the path, {name}")
    names = {spelling: name for name in _MASKABLE for spelling in (name, snake(name))}
    fields: set[str] = set()
    for path in [path.strip() for path in mask.split(",")]:
        if path in ("versionDestroyTtl", "version_destroy_ttl"):
            raise Unimplemented("versionDestroyTtl: not supported by this version of hakobune.")
        if path in names:
            fields.add(_MASKABLE[names[path]])
        elif path != "etag":
            found.add("update_mask", f"{path[:60]!r} is no field of a secret that can be changed")
    draft = _draft(tree, found)
    found.check()
    return SecretPatch(draft=draft, fields=frozenset(fields))


def _read(value: object, found: Violations) -> Json:
    if isinstance(value, dict):
        value = _with_texts(cast("dict[str, object]", value))
    tree = Reader(found=found).message(SECRET, value, "secret")
    found.check()
    if "versionDestroyTtl" in tree:
        raise Unimplemented("versionDestroyTtl: not supported by this version of hakobune.")
    return tree


def _with_texts(tree: dict[str, object]) -> dict[str, object]:
    """The numbers of aliases as texts, which they may be or not."""
    for name in ("versionAliases", "version_aliases"):
        aliases = tree.get(name)
        if isinstance(aliases, dict):
            pairs = cast("dict[str, object]", aliases).items()
            texts = {key: str(item) if type(item) is int else item for key, item in pairs}
            tree = {**tree, name: texts}
    return tree


def _draft(tree: Json, found: Violations) -> SecretDraft:
    labels: dict[str, str] = tree.get("labels", {})
    annotations: dict[str, str] = tree.get("annotations", {})
    aliases: dict[str, str] = tree.get("versionAliases", {})
    _check_labels(labels, found)
    _check_aliases(aliases, found)
    if sum(len(key.encode()) + len(text.encode()) for key, text in annotations.items()) > limits.ANNOTATIONS_MAX_BYTES:
        found.add("secret.annotations", f"have more than {limits.ANNOTATIONS_MAX_BYTES} bytes")
    if len(tree.get("topics", [])) > limits.TOPICS_MAX:
        found.add("secret.topics", f"has more than {limits.TOPICS_MAX} topics")
    ttl_s = duration_from_text(tree["ttl"]) if "ttl" in tree else None
    if ttl_s is not None and not 0 < ttl_s <= limits.TTL_MAX_S:
        found.add("secret.ttl", f"must be above 0s and at most {limits.TTL_MAX_S:.0f}s")
    return SecretDraft(
        labels=labels,
        annotations=annotations,
        aliases={alias: int(number) for alias, number in aliases.items() if _NUMBER.match(number)},
        expire_s=timestamp_from_text(tree["expireTime"]) if "expireTime" in tree else None,
        ttl_s=ttl_s,
        replication=tree.get("replication", {}),
        other={name: tree[name] for name in _KEPT if name in tree},
        etag=tree.get("etag", ""),
    )


def _check_labels(labels: Json, found: Violations) -> None:
    if len(labels) > limits.LABELS_MAX:
        found.add("secret.labels", f"has more than {limits.LABELS_MAX} labels")
    for key, value in labels.items():
        is_good = _LABEL_KEY.match(key) and _LABEL_VALUE.match(value) and key == key.lower() and value == value.lower()
        if not is_good:
            found.add(
                f"secret.labels[{key[:80]!r}]",
                f"keys and values have at most {limits.LABEL_MAX_CHARS} lower-case letters, digits, '-' or '_', and "
                "keys begin with a letter",
            )


def _check_aliases(aliases: Json, found: Violations) -> None:
    if len(aliases) > limits.ALIASES_MAX:
        found.add("secret.version_aliases", f"has more than {limits.ALIASES_MAX} aliases")
    for alias, number in aliases.items():
        if not is_alias(alias):
            found.add(f"secret.version_aliases[{alias[:80]!r}]", "is no name for a version")
        if not _NUMBER.match(number):
            found.add(f"secret.version_aliases[{alias[:80]!r}]", "must be the number of a version")


# -- versions -----------------------------------------------------------------------------------------------------


def version_to_json(version: SecretVersion) -> Json:
    """A SecretVersion. All are replicated alike here: there is one place."""
    tree: Json = {
        "name": version.name,
        "createTime": timestamp_to_text(version.create_s),
        "state": version.state.value,
        "replicationStatus": {"automatic": {}},
        "etag": version.etag,
        "clientSpecifiedPayloadChecksum": version.has_checksum,
    }
    if version.destroy_s is not None:
        tree["destroyTime"] = timestamp_to_text(version.destroy_s)
    return {name: value for name, value in tree.items() if value}


def new_value_from_json(value: object) -> NewValue:
    """The body of `:addVersion`. Raises InvalidArgument, which never shows the value."""
    found = Violations()
    data = _data(value)
    tree = Reader(found=found).message(_ADD, _without_data(value), "")
    if not data:
        found.add("payload.data", "must not be empty, and is base64")
    elif len(data) > limits.SECRET_PAYLOAD_MAX_BYTES:
        found.add("payload.data", f"has more than {limits.SECRET_PAYLOAD_MAX_BYTES} bytes")
    found.check()
    checksum: int | None = tree.get("payload", {}).get("dataCrc32c")
    assert data  # checked
    if checksum is not None and checksum != _checksum(data):
        found.add("payload.data_crc32c", "is not the CRC32C checksum of the data that arrived")
    found.check()
    return NewValue(data=data, has_checksum=checksum is not None)


def _payload(value: object) -> dict[str, object]:
    body = cast("dict[str, object]", value) if isinstance(value, dict) else {}
    payload = body.get("payload")
    return cast("dict[str, object]", payload) if isinstance(payload, dict) else {}


def _data(value: object) -> bytes | None:
    """The bytes of the value, None if they are not there or no base64."""
    text = _payload(value).get("data")
    if not isinstance(text, str):
        return None
    try:
        return octets_from_text(text)
    except ValueError:
        return None


def _without_data(value: object) -> object:
    """The body without the value: error texts show what is wrong in the rest."""
    payload = _payload(value)
    if "data" not in payload:
        return value
    rest = {name: item for name, item in payload.items() if name != "data"}
    return {**cast("dict[str, object]", value), "payload": rest}


def access_to_json(version: SecretVersion, data: bytes) -> Json:
    """The answer of `:access`."""
    return {
        "name": version.name,
        "payload": {"data": octets_to_text(data), "dataCrc32c": str(_checksum(data))},
    }


def state_etag_from_json(value: object) -> str:
    """The etag in the body of `:enable`, `:disable`, `:destroy`. Raises InvalidArgument."""
    found = Violations()
    tree = Reader(found=found).message(_STATE, value, "")
    found.check()
    return str(tree.get("etag", ""))
