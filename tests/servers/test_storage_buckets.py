"""Buckets of Cloud Storage over HTTP: made, shown, changed, removed; and the form of every error."""

from __future__ import annotations

import uuid

import pytest
from storage_calls import Storage, a_bucket, reason

from runtime_process import PROJECT, RuntimeProcess


@pytest.fixture
def bucket(runtime: RuntimeProcess) -> Storage:
    return a_bucket(runtime, location="asia-northeast1", labels={"a": "b"})


def test_a_bucket_is_shown_as_clients_expect_it(bucket: Storage) -> None:
    found = bucket.call("GET", bucket.root).json
    assert found["kind"] == "storage#bucket"
    assert (found["id"], found["name"]) == (bucket.bucket, bucket.bucket)
    assert (found["location"], found["locationType"]) == ("ASIA-NORTHEAST1", "region")
    assert (found["storageClass"], found["metageneration"], found["etag"]) == ("STANDARD", "1", "CAE=")
    assert found["labels"] == {"a": "b"}
    assert found["selfLink"] == f"{bucket.runtime.url}{bucket.root}"
    assert found["iamConfiguration"]["uniformBucketLevelAccess"]["enabled"] is True
    assert found["projectNumber"].isdigit()
    assert found["timeCreated"].endswith("Z")
    assert len(found["timeCreated"]) == len("2026-06-01T00:00:00.000Z")


def test_a_name_that_is_taken_is_refused(bucket: Storage) -> None:
    answer = bucket.call("POST", f"/storage/v1/b?project={PROJECT}", {"name": bucket.bucket})
    assert (answer.status, reason(answer)) == (409, "conflict")
    assert "own" in answer.json["error"]["message"]


@pytest.mark.parametrize(
    "name",
    ["", "ab", "UPPER-case", "goog-thing", "127.0.0.1", "a..b", "storage", "healthz", "x" * 64, "../etc", "a\0b"],
)
def test_names_that_no_bucket_can_have_are_refused(runtime: RuntimeProcess, name: str) -> None:
    answer = runtime.call("POST", f"/storage/v1/b?project={PROJECT}", {"name": name})
    assert answer.status == 400, answer.body
    reason(answer)


def test_unknown_fields_are_ignored_and_wrong_types_are_not(runtime: RuntimeProcess) -> None:
    bucket = a_bucket(runtime, madeUp={"x": 1}, selfLink=5, website={"mainPageSuffix": "index.html"})
    found = bucket.call("GET", bucket.root).json
    assert found["website"] == {"mainPageSuffix": "index.html"}
    assert "madeUp" not in found
    for body in (
        {"labels": 5},
        {"labels": {"a": 1}},
        {"versioning": True},
        {"versioning": {"enabled": "yes"}},
        [],
        "x",
    ):
        answer = bucket.call("PATCH", bucket.root, body)
        assert (answer.status, reason(answer)) == (400, "invalid"), body


def test_a_patch_changes_what_it_names_and_null_removes(bucket: Storage) -> None:
    body = {"labels": {"a": None, "c": "d"}, "versioning": {"enabled": True}, "cors": [{"method": ["GET"]}]}
    found = bucket.call("PATCH", f"{bucket.root}?projection=full", body).json
    assert (found["labels"], found["versioning"], found["metageneration"]) == ({"c": "d"}, {"enabled": True}, "2")
    assert found["cors"] == [{"method": ["GET"]}]
    again = bucket.call("PATCH", bucket.root, {"cors": None}).json
    assert "cors" not in again
    assert again["labels"] == {"c": "d"}
    assert again["metageneration"] == "3"


def test_an_update_replaces_all(bucket: Storage) -> None:
    bucket.call("PATCH", bucket.root, {"versioning": {"enabled": True}})
    found = bucket.call("PUT", bucket.root, {"storageClass": "NEARLINE"}).json
    assert found["storageClass"] == "NEARLINE"
    assert "labels" not in found
    assert "versioning" not in found


def test_lifecycle_rules_come_back_as_they_were_sent(bucket: Storage) -> None:
    rules = [
        {"action": {"type": "Delete"}, "condition": {"age": 30, "matchesPrefix": ["tmp/"], "isLive": False}},
        {
            "action": {"type": "SetStorageClass", "storageClass": "COLDLINE"},
            "condition": {"createdBefore": "2026-01-31", "numNewerVersions": 3, "matchesStorageClass": ["STANDARD"]},
        },
    ]
    found = bucket.call("PATCH", bucket.root, {"lifecycle": {"rule": rules}}).json
    assert found["lifecycle"] == {"rule": rules}
    answer = bucket.call("PATCH", bucket.root, {"lifecycle": {"rule": [{"action": {"type": "Explode"}}]}})
    assert answer.status == 400


def test_soft_delete_says_since_when(bucket: Storage) -> None:
    found = bucket.call("PATCH", bucket.root, {"softDeletePolicy": {"retentionDurationSeconds": "604800"}}).json
    assert found["softDeletePolicy"]["retentionDurationSeconds"] == "604800"
    assert found["softDeletePolicy"]["effectiveTime"].endswith("Z")


def test_preconditions_of_buckets(bucket: Storage) -> None:
    assert bucket.call("GET", f"{bucket.root}?ifMetagenerationMatch=1").status == 200
    answer = bucket.call("PATCH", f"{bucket.root}?ifMetagenerationMatch=7", {"labels": {}})
    assert (answer.status, reason(answer)) == (412, "conditionNotMet")
    answer = bucket.call("GET", f"{bucket.root}?ifMetagenerationNotMatch=1")
    assert (answer.status, answer.body) == (304, b"")
    answer = bucket.call("GET", bucket.root, If_None_Match="CAE=")
    assert (answer.status, answer.body) == (304, b"")
    assert bucket.call("DELETE", f"{bucket.root}?ifMetagenerationMatch=9").status == 412


def test_a_bucket_with_objects_stays(bucket: Storage) -> None:
    bucket.put("x")
    answer = bucket.call("DELETE", bucket.root)
    assert (answer.status, reason(answer)) == (409, "conflict")
    assert bucket.call("DELETE", bucket.path("x")).status == 204
    answer = bucket.call("DELETE", bucket.root)
    assert (answer.status, answer.body) == (204, b"")
    answer = bucket.call("GET", bucket.root)
    assert (answer.status, reason(answer)) == (404, "notFound")


def test_buckets_are_listed_by_project_prefix_and_page(runtime: RuntimeProcess) -> None:
    project, prefix = f"project-{uuid.uuid4().hex[:8]}", f"l-{uuid.uuid4().hex[:8]}"
    for number in range(3):
        runtime.call("POST", f"/storage/v1/b?project={project}", {"name": f"{prefix}-{number}"})
    first = runtime.call("GET", f"/storage/v1/b?project={project}&maxResults=2&prefix={prefix}").json
    assert [item["name"] for item in first["items"]] == [f"{prefix}-0", f"{prefix}-1"]
    token = first["nextPageToken"]
    rest = runtime.call("GET", f"/storage/v1/b?project={project}&maxResults=2&prefix={prefix}&pageToken={token}").json
    assert [item["name"] for item in rest["items"]] == [f"{prefix}-2"]
    assert "nextPageToken" not in rest
    assert "items" not in runtime.call("GET", "/storage/v1/b?project=nobody-here").json
    answer = runtime.call("GET", f"/storage/v1/b?project={project}&pageToken=rubbish")
    assert (answer.status, reason(answer)) == (400, "invalid")


def test_the_layout_and_the_service_account_are_told(bucket: Storage) -> None:
    layout = bucket.call("GET", f"{bucket.root}/storageLayout").json
    assert (layout["bucket"], layout["location"]) == (bucket.bucket, "ASIA-NORTHEAST1")
    found = bucket.call("GET", f"/storage/v1/projects/{PROJECT}/serviceAccount").json
    assert found["kind"] == "storage#serviceAccount"
    assert found["email_address"].endswith("@gs-project-accounts.iam.gserviceaccount.com")


def test_partial_responses_hold_what_was_asked_for(bucket: Storage) -> None:
    assert bucket.call("GET", f"{bucket.root}?fields=name").json == {"name": bucket.bucket}
    found = bucket.call("GET", f"{bucket.root}?fields=labels/a,iamConfiguration(publicAccessPrevention)").json
    assert found == {"labels": {"a": "b"}, "iamConfiguration": {"publicAccessPrevention": "inherited"}}
    answer = bucket.call("GET", f"{bucket.root}?fields=name(")
    assert (answer.status, reason(answer)) == (400, "invalidParameter")


@pytest.mark.parametrize(
    ("method", "path", "status", "why"),
    [
        ("GET", "/storage/v1/b/no-such-bucket", 404, "notFound"),
        ("GET", "/storage/v1/nothing", 404, "notFound"),
        ("GET", "/storage/v2/b", 404, "notFound"),
        ("POST", "/storage/v1/b/x/y/z", 404, "notFound"),
        ("DELETE", "/storage/v1/b", 405, "methodNotAllowed"),
        ("GET", "/upload/storage/v1/b/x/o", 405, "methodNotAllowed"),
        ("GET", "/batch/storage/v1", 405, "methodNotAllowed"),
        ("GET", "/storage/v1/b/a%00b", 400, "invalid"),
        ("GET", "/storage/v1/b/%FF%FE", 400, "invalid"),
        ("POST", "/storage/v1/b/x/lockRetentionPolicy", 501, "notImplemented"),
        ("POST", "/storage/v1/b/x/relocate", 501, "notImplemented"),
        ("POST", "/storage/v1/b/x/folders", 501, "notImplemented"),
        ("GET", "/storage/v1/b/x/anywhereCaches", 501, "notImplemented"),
        ("GET", "/storage/v1/projects/p/hmacKeys", 501, "notImplemented"),
        ("POST", "/storage/v1/channels/stop", 501, "notImplemented"),
        ("POST", "/storage/v1/b/x/o/watch", 501, "notImplemented"),
        ("GET", "/storage/v1/b?softDeleted=true", 501, "notImplemented"),
        ("GET", "/storage/v1/b?maxResults=-1", 400, "invalidParameter"),
        ("GET", "/storage/v1/b?projection=most", 400, "invalidParameter"),
        ("GET", "/hakobune/v1/b/x/o/y/elsewhere", 405, "methodNotAllowed"),
        ("POST", "/hakobune/v1/b/x/o/y/elsewhere", 404, "notFound"),
    ],
)
def test_every_error_has_storages_form(runtime: RuntimeProcess, method: str, path: str, status: int, why: str) -> None:
    answer = runtime.call(method, path)
    assert (answer.status, reason(answer)) == (status, why), answer.body
    if status == 405:
        assert answer.headers["allow"]


def test_a_body_that_is_no_json_is_named_so(runtime: RuntimeProcess) -> None:
    for body in (b"{", b"\xff", b'{"a": NaN}', b'{"a":1,"a":2}', b"[" * 200):
        answer = runtime.call("POST", f"/storage/v1/b?project={PROJECT}", body)
        assert (answer.status, reason(answer)) == (400, "parseError"), body


def test_a_token_that_is_forged_is_refused_in_storages_form(bucket: Storage) -> None:
    answer = bucket.call("GET", bucket.root, Authorization="Bearer a.b.c")
    assert (answer.status, reason(answer)) == (401, "authError")
    assert answer.json["error"]["errors"][0]["location"] == "Authorization"
    assert "www-authenticate" in answer.headers
