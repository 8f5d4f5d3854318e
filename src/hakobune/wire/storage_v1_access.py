"""Access lists and IAM policies of Cloud Storage as JSON.

Sources: the resources ObjectAccessControls and BucketAccessControls and the method buckets.getIamPolicy of the
reference of the JSON API v1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import cast

from hakobune.core.objects.failures import InvalidRequest, NothingFound
from hakobune.core.objects.model import Bucket
from hakobune.wire.storage_v1_reading import Fields, Json

ENTRIES_MAX = 100  # of one list. Source: documentation, "Access control lists"
_ROLES = frozenset({"OWNER", "READER", "WRITER"})
_VERSIONS = (0, 1, 3)
_BINDINGS_MAX = 1_500  # Source: IAM documentation, "Quotas and limits": principals of a policy


class AclKind(StrEnum):
    """Which access list of a bucket or an object, by the name of its field."""

    ACL = "acl"
    DEFAULT_OBJECT = "defaultObjectAcl"


def entries_of(extra: Mapping[str, object], kind: AclKind) -> list[Json]:
    """The entries of a list that was kept."""
    return [item.chosen(frozenset({"entity", "role"})) for item in Fields(extra).children(kind.value)]


def with_entries(extra: Mapping[str, object], kind: AclKind, entries: Sequence[Json]) -> dict[str, object]:
    """What is kept, with another list. Raises InvalidRequest."""
    if len(entries) > ENTRIES_MAX:
        raise InvalidRequest(f"An access list has at most {ENTRIES_MAX} entries.")
    return {**extra, kind.value: list(entries)}


def entry_from_json(body: Mapping[str, object], entity: str = "") -> Json:
    """An entry. Raises InvalidRequest."""
    fields = Fields(body)
    found = entity or fields.text("entity")
    role = fields.text("role")
    if not found:
        raise InvalidRequest("Required: entity")
    if role not in _ROLES:
        raise InvalidRequest(f"Invalid role {role[:40]!r}: OWNER, READER or WRITER.")
    return {"entity": found, "role": role}


def with_entry(entries: Sequence[Json], entry: Json) -> list[Json]:
    """The list, with an entry that replaces the one of its entity."""
    return [item for item in entries if item.get("entity") != entry["entity"]] + [entry]


def without_entity(entries: Sequence[Json], entity: str) -> list[Json]:
    """The list without an entity. Raises NothingFound."""
    found_entry(entries, entity)
    return [item for item in entries if item.get("entity") != entity]


def found_entry(entries: Sequence[Json], entity: str) -> Json:
    """The entry of an entity. Raises NothingFound."""
    for item in entries:
        if item.get("entity") == entity:
            return item
    raise NothingFound(f"The specified ACL entity does not exist: {entity[:200]}")


def entry_to_json(entry: Json, kind: str, place: Mapping[str, str]) -> Json:
    """An entry, with the bucket and object that it belongs to."""
    return {"kind": f"storage#{kind}", **place, **entry}


def entries_to_json(entries: Sequence[Json], kind: str, place: Mapping[str, str]) -> Json:
    """A list."""
    return {"kind": f"storage#{kind}s", "items": [entry_to_json(entry, kind, place) for entry in entries]}


# -- policies -------------------------------------------------------------------------------------------------------


def default_policy(bucket: Bucket) -> Json:
    """The policy of a bucket that was never set: the roles that the project's members have."""
    project = bucket.project
    return {
        "version": 1,
        "etag": "CAE=",
        "bindings": [
            {
                "role": "roles/storage.legacyBucketOwner",
                "members": [f"projectEditor:{project}", f"projectOwner:{project}"],
            },
            {"role": "roles/storage.legacyBucketReader", "members": [f"projectViewer:{project}"]},
        ],
    }


def policy_from_json(body: Mapping[str, object]) -> Json:
    """The policy that a caller wants, with the etag of the one that it has read. Raises InvalidRequest."""
    fields = Fields(body)
    version = fields.number("version") or 1
    if version not in _VERSIONS:
        raise InvalidRequest("The version of a policy is 1 or 3.")
    bindings = fields.children("bindings")
    if len(bindings) > _BINDINGS_MAX:
        raise InvalidRequest(f"A policy has at most {_BINDINGS_MAX} bindings.")
    found: list[Json] = []
    for binding in bindings:
        role = binding.text("role")
        if not role:
            raise InvalidRequest("A binding of a policy has a role.")
        condition = binding.child("condition")
        kept: Json = {"role": role, "members": list(binding.names("members"))}
        if condition is not None:
            kept["condition"] = dict(condition.content)
        found.append(kept)
    return {"version": version, "etag": fields.text("etag"), "bindings": found}


def policy_to_json(policy: Mapping[str, object], bucket: str) -> Json:
    """A policy."""
    return {"kind": "storage#policy", "resourceId": f"projects/_/buckets/{bucket}", **policy}


def tested_to_json(permissions: Sequence[str]) -> Json:
    """Which of the permissions are held: everyone may do everything here."""
    found: Json = {"kind": "storage#testIamPermissionsResponse"}
    return {**found, "permissions": list(permissions)} if permissions else found


def stored_policy(value: object) -> Json:
    """A policy as it was stored."""
    return cast("Json", value)
