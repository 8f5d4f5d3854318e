"""The record of what the clients' checks call: it is whole, and what the documents claim is in it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent / "clients"))

from client_checks import FOLDER, check_functions, counts, load_checks, methods_of, rows
from method_tables import CLIENTS, OF_JOBS_AND_WORKFLOWS

# What the clients of objects, messages and identity have at least.
CHECKS_MIN = 150


def test_the_record_has_all_checks_and_no_others() -> None:
    """When it fails: tools/record_checks.py."""
    assert {name.partition("[")[0] for name in load_checks()} == check_functions()


def test_each_file_of_checks_belongs_to_a_client() -> None:
    named = [file for files in CLIENTS.values() for file in files]
    assert sorted(named) == sorted(path.name for path in FOLDER.glob("test_*.py"))


def test_the_clients_of_objects_messages_and_identity_have_enough_checks() -> None:
    others = {file for client in OF_JOBS_AND_WORKFLOWS for file in CLIENTS[client]}
    assert len([name for name in load_checks() if name.partition("::")[0] not in others]) >= CHECKS_MIN


@pytest.mark.parametrize("api", sorted({row.api for row in rows()}))
def test_what_is_claimed_of_a_method_is_checked_by_a_client(api: str) -> None:
    found = counts(load_checks())
    of_api = [row for row in rows() if row.api == api]
    assert [row.key for row in of_api if row.calls and not found.get(row.key)] == []
    assert [row.key for row in of_api if row.grpc and not found.get(f"gRPC /{row.grpc}")] == []


@pytest.mark.parametrize(
    ("call", "key"),
    [
        (["GET", "/storage/v1/b/a/o/x%2Fy", "", False, 200], "storage.objects.get: metadata"),
        (["GET", "/storage/v1/b/a/o/x", "alt=media", False, 404], "storage.objects.get: content"),
        (["GET", "/storage/v1/b/a/o", "filter=a", False, 501], None),
        (["POST", "/v1/projects/p/topics/t:publish", "", False, 200], "pubsub.topics.publish"),
        (["GET", "/v1/projects/p/topics/t:getIamPolicy", "", False, 200], "pubsub.topics.getIamPolicy"),
        (["GET", "/any-bucket/dir/x", "", False, 200], "xml.GET object"),
        (["GET", "/any-bucket/x", "X-Goog-Signature=ab", True, 200], "xml.signed URLs V4: read"),
        (["GET", "/v1/projects/p/roles/r", "", False, 501], "iam.projects.roles.**"),
        (["GET", "/v1/projects/p/roles/r", "", False, 404], None),
        (["GET", "/v2/projects/p/locations/l/jobs", "", False, 200], None),
        (["gRPC", "/google.pubsub.v1.Publisher/Publish", "", False, 200], "gRPC /google.pubsub.v1.Publisher/Publish"),
    ],
)
def test_a_call_is_told_by_its_method(call: list[object], key: str | None) -> None:
    assert methods_of(json.dumps(call).encode() + b"\n") == frozenset(() if key is None else (key,))
