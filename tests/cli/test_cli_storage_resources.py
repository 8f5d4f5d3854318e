"""`hakobune storage buckets | objects | rsync | sign-url | service-agent` against a running server."""

from __future__ import annotations

import http.client
import json
import uuid
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from command_calls import Call

from hakobune.cli.commands import COMMANDS
from hakobune.cli.main import load


def bucket_document(storage: Call, bucket: str, *flags: str) -> dict[str, object]:
    found = storage("buckets", "describe", bucket, "--format=json", *flags)
    assert found.code == 0, found.err
    document: dict[str, object] = json.loads(found.out)
    return document


def object_document(storage: Call, url: str, *flags: str) -> dict[str, object]:
    found = storage("objects", "describe", url, "--format=json", *flags)
    assert found.code == 0, found.err
    document: dict[str, object] = json.loads(found.out)
    return document


@pytest.fixture
def x(storage: Call, bucket: str, tmp_path: Path) -> str:
    """An object `x` that holds `hello`."""
    (tmp_path / "hello.txt").write_text("hello")
    assert storage("cp", "hello.txt", f"{bucket}/x").code == 0
    return f"{bucket}/x"


# -- help -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in COMMANDS if name.startswith("storage ")])
def test_every_command_has_a_page_with_an_example_of_itself(storage: Call, name: str) -> None:
    command = load(name)
    page = storage(*name.split(" ")[1:], "--help")
    assert page.code == 0
    assert command.examples
    assert any(f"hakobune {name}" in line for _, line in command.examples)
    assert f"hakobune {name} - " in page.out
    assert (
        max(len(line) for line in page.out.splitlines() if not line.lstrip().startswith(("$", "--", "hakobune"))) <= 80
    )


# -- buckets --------------------------------------------------------------------------------------------------------


def test_given_a_new_bucket_when_it_is_described_then_the_fields_are_gclouds(storage: Call) -> None:
    url = f"gs://b-{uuid.uuid4().hex[:12]}"
    made = storage("buckets", "create", url, "--location=us-central1")
    assert (made.code, made.err) == (0, f"Creating {url}/...\n")
    found = bucket_document(storage, url)
    assert list(found) == sorted(found)
    assert {name: found[name] for name in ("location", "location_type", "metageneration", "name", "storage_url")} == {
        "location": "US-CENTRAL1",
        "location_type": "region",
        "metageneration": 1,
        "name": url.removeprefix("gs://"),
        "storage_url": f"{url}/",
    }
    assert bucket_document(storage, url, "--raw")["kind"] == "storage#bucket"
    assert storage("buckets", "list", "--format=value(name)").out == f"{url.removeprefix('gs://')}\n"


def test_given_settings_when_a_bucket_is_updated_then_only_those_change(storage: Call, bucket: str) -> None:
    Path("rules.json").write_text('{"rule": [{"action": {"type": "Delete"}, "condition": {"age": 30}}]}')
    flags = ["--versioning", "--update-labels=a=1,b=2", "--soft-delete-duration=7d", "--lifecycle-file=rules.json"]
    done = storage("buckets", "update", bucket, *flags)
    assert (done.code, done.err) == (0, f"Updating {bucket}/...\n")
    found = bucket_document(storage, bucket)
    assert (found["versioning_enabled"], found["labels"]) == (True, {"a": "1", "b": "2"})
    assert found["soft_delete_policy"] == {"retentionDurationSeconds": "604800"} | _effective(found)
    assert "lifecycle_config" in found
    cleared = ["--no-versioning", "--remove-labels=a", "--clear-soft-delete", "--clear-lifecycle"]
    assert storage("buckets", "update", bucket, *cleared).code == 0
    found = bucket_document(storage, bucket)
    assert (found.get("versioning_enabled", False), found["labels"]) == (False, {"b": "2"})
    assert "lifecycle_config" not in found


def test_given_settings_that_are_kept_when_a_bucket_is_updated_then_they_are_shown_and_can_go(
    storage: Call, bucket: str
) -> None:
    flags = [
        "--requester-pays",
        "--default-event-based-hold",
        "--web-main-page-suffix=i.html",
        "--web-error-page=e.html",
    ]
    assert storage("buckets", "update", bucket, *flags).code == 0
    found = bucket_document(storage, bucket)
    assert (found["requester_pays"], found["default_event_based_hold"]) == (True, True)
    assert found["website_config"] == {"mainPageSuffix": "i.html", "notFoundPage": "e.html"}
    flags = ["--no-requester-pays", "--no-default-event-based-hold", "--clear-web-main-page-suffix"]
    assert storage("buckets", "update", bucket, *flags, "--clear-retention-period").code == 0
    found = bucket_document(storage, bucket)
    assert (found.get("requester_pays", False), found.get("default_event_based_hold", False)) == (False, False)
    assert found["website_config"] == {"notFoundPage": "e.html"}


def _effective(found: dict[str, object]) -> dict[str, object]:
    policy = found["soft_delete_policy"]
    assert isinstance(policy, dict)
    return {name: value for name, value in policy.items() if name == "effectiveTime"}


BUCKET_ERRORS = [
    (["describe", "gs://no-such-bucket-of-ours"], "gs://no-such-bucket-of-ours not found: 404."),
    (["describe", "gs://a-bucket/x"], '"hakobune storage buckets describe" only accepts bucket URLs.'),
    (["describe", "gs://a-*"], "Describe does not accept wildcards"),
    (["delete", "gs://no-such-bucket-of-ours"], "gs://no-such-bucket-of-ours not found: 404."),
    (["create", "gs://Bad_Name!"], "HTTPError 400: "),
    (["list", "gs://a-bucket/x"], "URL does not match buckets: gs://a-bucket/x"),
    (["get-iam-policy", "gs://no-such-bucket-of-ours"], "gs://no-such-bucket-of-ours not found: 404."),
]


@pytest.mark.parametrize(("words", "expected"), BUCKET_ERRORS)
def test_given_what_is_no_bucket_when_it_is_named_then_the_reason_is_gclouds(
    storage: Call, words: list[str], expected: str
) -> None:
    done = storage("buckets", *words)
    assert done.code == 1
    assert f"ERROR: (hakobune.storage.buckets.{words[0]}) {expected}" in done.err


def test_given_a_bucket_with_objects_when_it_is_deleted_then_the_way_out_is_named(storage: Call, x: str) -> None:
    bucket = x.removesuffix("/x")
    done = storage("buckets", "delete", bucket)
    assert done.code == 1
    assert "Bucket is not empty. To delete all objects and then delete bucket, use: hakobune storage rm -r" in done.err
    storage("rm", x)
    assert storage("buckets", "delete", bucket).code == 0


def test_given_a_binding_when_it_is_added_and_removed_then_the_policy_follows(storage: Call, bucket: str) -> None:
    binding = ["--member=allUsers", "--role=roles/storage.objectViewer"]
    added = storage("buckets", "add-iam-policy-binding", bucket, *binding, "--format=json")
    assert {"members": ["allUsers"], "role": "roles/storage.objectViewer"} in json.loads(added.out)["bindings"]
    again = storage("buckets", "add-iam-policy-binding", bucket, *binding, "--format=json")
    assert json.loads(again.out)["bindings"] == json.loads(added.out)["bindings"]
    policy = json.loads(storage("buckets", "get-iam-policy", bucket, "--format=json").out)
    assert sorted(policy) == ["bindings", "etag"]
    removed = storage("buckets", "remove-iam-policy-binding", bucket, *binding, "--format=json")
    assert "allUsers" not in removed.out
    missing = storage("buckets", "remove-iam-policy-binding", bucket, *binding)
    assert (missing.code, "not found!" in missing.err) == (1, True)
    Path("policy.json").write_text(json.dumps({"bindings": policy["bindings"]}))
    assert storage("buckets", "set-iam-policy", bucket, "policy.json").code == 0
    assert "allUsers" in storage("buckets", "get-iam-policy", bucket).out


# -- notifications --------------------------------------------------------------------------------------------------


def test_given_a_topic_when_a_bucket_tells_it_then_it_is_listed_described_and_deleted(
    storage: Call, bucket: str
) -> None:
    flags = ["--topic=uploads", "--skip-topic-setup", "-e", "OBJECT_FINALIZE", "-p", "in/", "-m", "k=v"]
    made = storage("buckets", "notifications", "create", bucket, *flags, "--format=json")
    assert made.code == 0, made.err
    document = json.loads(made.out)
    assert document["topic"].endswith("/topics/uploads")
    assert (document["event_types"], document["object_name_prefix"], document["custom_attributes"]) == (
        ["OBJECT_FINALIZE"],
        "in/",
        {"k": "v"},
    )
    listed = json.loads(storage("buckets", "notifications", "list", bucket, "--format=json").out)
    assert [item["Bucket URL"] for item in listed] == [f"{bucket}/"]
    name = f"projects/_/buckets/{bucket.removeprefix('gs://')}/notificationConfigs/{document['id']}"
    people = storage("buckets", "notifications", "list", bucket, "--human-readable").out
    assert people.splitlines()[0] == name
    assert "\t\tEvent Types: OBJECT_FINALIZE" in people
    assert json.loads(storage("buckets", "notifications", "describe", name, "--format=json").out) == document
    assert storage("buckets", "notifications", "delete", name).code == 0
    assert storage("buckets", "notifications", "describe", name).code == 1


def test_given_no_topic_when_a_bucket_is_to_tell_it_then_it_is_made(storage: Call, bucket: str) -> None:
    made = storage("buckets", "notifications", "create", bucket, "--topic=new-uploads")
    assert made.code == 0, made.err
    assert "Created Cloud Pub/Sub topic projects/" in made.err
    again = storage("buckets", "notifications", "create", bucket, "--topic=new-uploads")
    assert (again.code, again.err) == (0, "")


def test_given_an_unknown_event_when_a_notification_is_made_then_it_is_a_mistake_of_usage(
    storage: Call, bucket: str
) -> None:
    done = storage("buckets", "notifications", "create", bucket, "--skip-topic-setup", "-e", "OBJECT_MADE")
    assert (done.code, "Invalid choice: 'OBJECT_MADE'" in done.err) == (2, True)


# -- objects --------------------------------------------------------------------------------------------------------


def test_given_an_object_when_it_is_described_then_the_fields_are_gclouds(storage: Call, x: str) -> None:
    found = object_document(storage, x)
    assert (found["size"], found["metageneration"], found["content_type"]) == (5, 1, "text/plain")
    assert found["storage_url"] == f"{x}#{found['generation']}"
    raw = object_document(storage, x, "--raw")
    assert (raw["kind"], raw["size"]) == ("storage#object", "5")
    missing = storage("objects", "describe", f"{x}y")
    assert (missing.code, missing.err) == (1, f"ERROR: (hakobune.storage.objects.describe) {x}y not found: 404.\n")


def test_given_metadata_flags_when_an_object_is_updated_then_the_rest_stays(storage: Call, x: str) -> None:
    flags = ["--content-type=a/b", "--cache-control=no-store", "--custom-metadata=a=1,b=2"]
    done = storage("objects", "update", x, *flags)
    assert (done.code, done.err) == (0, f"Patching {x}...\n")
    assert storage("objects", "update", x, "--update-custom-metadata=c=3", "--remove-custom-metadata=a").code == 0
    assert storage("objects", "update", x, "--clear-cache-control").code == 0
    found = object_document(storage, x)
    assert (found["content_type"], found["custom_fields"]) == ("a/b", {"b": "2", "c": "3"})
    assert "cache_control" not in found
    assert storage("objects", "update", x, "--clear-custom-metadata").code == 0
    assert "custom_fields" not in object_document(storage, x)
    assert storage("objects", "update", x, "--if-metageneration-match=1", "--content-type=c/d").code == 1
    assert storage("objects", "update", x).code == 1, "nothing to change"


def test_given_a_hold_when_an_object_is_removed_then_it_stays(storage: Call, x: str) -> None:
    assert storage("objects", "update", x, "--temporary-hold").code == 0
    assert storage("rm", x).code == 1
    assert storage("objects", "update", x, "--no-temporary-hold").code == 0
    assert storage("rm", x).code == 0


def test_given_parts_when_they_are_composed_then_the_whole_is_their_sum(storage: Call, x: str) -> None:
    bucket = x.removesuffix("/x")
    done = storage("objects", "compose", x, x, f"{bucket}/whole")
    assert (done.code, done.err) == (0, f"Composing {bucket}/whole from 2 component object(s).\n")
    assert storage("cat", f"{bucket}/whole").out == "hellohello"
    assert object_document(storage, f"{bucket}/whole")["component_count"] == 2
    assert storage("objects", "compose", x, f"{bucket}/none", f"{bucket}/y").code == 1


def test_given_objects_when_they_are_listed_then_each_is_a_record(storage: Call, x: str) -> None:
    bucket = x.removesuffix("/x")
    assert storage("objects", "list", bucket, "--format=value(name,size)").out == "x\t5\n"
    assert storage("objects", "list", f"{bucket}/**", "--format=value(name)").out == "x\n"
    assert storage("objects", "list", "gs://").code == 1


# -- rsync ----------------------------------------------------------------------------------------------------------


def test_given_a_folder_when_it_is_synchronized_then_only_differences_are_copied(
    storage: Call, bucket: str, tmp_path: Path
) -> None:
    folder = tmp_path / "f"
    (folder / "a").mkdir(parents=True)
    for name, text in (("a.b", "1"), ("a/b", "2"), ("a-b", "3"), ("same", "4")):
        (folder / name).write_text(text)
    assert storage("rsync", "-r", "f", f"{bucket}/s").code == 0
    again = storage("rsync", "-r", "f", f"{bucket}/s")
    assert (again.code, again.err) == (0, "")
    (folder / "same").write_text("5")  # the size stays
    (folder / "a.b").unlink()
    dry = storage("rsync", "-r", "--dry-run", "--delete-unmatched-destination-objects", "f", f"{bucket}/s")
    assert sorted(line.partition("#")[0] for line in dry.err.splitlines()) == [
        f"Would copy file://f/same to {bucket}/s/same",
        f"Would remove {bucket}/s/a.b",
    ]
    assert storage("rsync", "-r", "f", f"{bucket}/s").code == 0
    assert storage("cat", f"{bucket}/s/same").out == "5"
    assert storage("cat", f"{bucket}/s/a.b").out == "1", "without the flag it stays"
    storage("rsync", "-r", "--delete-unmatched-destination-objects", "f", f"{bucket}/s")
    assert storage("ls", f"{bucket}/s/**").lines == [f"{bucket}/s/{name}" for name in ("a-b", "a/b", "same")]


def test_given_a_bucket_when_a_folder_is_made_like_it_then_it_is(storage: Call, x: str, tmp_path: Path) -> None:
    bucket = x.removesuffix("/x")
    (tmp_path / "back").mkdir()
    (tmp_path / "back" / "stray").touch()
    storage("cp", x, f"{bucket}/d/y")
    flags = ["-r", "--delete-unmatched-destination-objects", "--exclude=.*skip.*"]
    storage("cp", x, f"{bucket}/d/skipped")
    assert storage("rsync", *flags, bucket, "back").code == 0
    files = sorted(
        str(path.relative_to(tmp_path / "back")) for path in (tmp_path / "back").rglob("*") if path.is_file()
    )
    assert files == ["d/y", "x"]
    assert storage("rsync", *flags, bucket, "back").err == ""


def test_given_what_cannot_be_synchronized_when_it_is_tried_then_it_is_named(storage: Call, bucket: str) -> None:
    for words in (["none", bucket], [f"{bucket}/*", "."], [".", "."], ["--exclude=(", ".", bucket]):
        assert storage("rsync", *words).code in (1, 2), words


def test_given_a_folder_that_is_not_there_when_a_copy_is_made_exact_then_nothing_is_removed(
    storage: Call, bucket: str, tmp_path: Path
) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "precious").write_text("1")
    done = storage("rsync", "-r", "--delete-unmatched-destination-objects", f"{bucket}/slip", "kept")
    assert done.code == 1
    assert f"Did not find existing container at: {bucket}/slip" in done.err
    assert (kept / "precious").exists()


# -- sign-url -------------------------------------------------------------------------------------------------------


def fetch(url: str, method: str = "GET", body: bytes | None = None) -> tuple[int, bytes]:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=30)
    try:
        connection.request(method, f"{parts.path}?{parts.query}", body=body)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_given_a_signed_url_when_it_is_used_then_it_does_that_one_thing(storage: Call, x: str) -> None:
    bucket = x.removesuffix("/x")
    signed = storage("sign-url", x, f"{bucket}/a b/日本", "-d", "10m", "--format=json")
    assert signed.code == 0, signed.err
    first, second = json.loads(signed.out)
    assert (first["resource"], first["http_verb"]) == (x, "GET")
    assert fetch(first["signed_url"]) == (200, b"hello")
    assert fetch(first["signed_url"].replace("expires=600", "expires=900"))[0] == 403
    assert fetch(first["signed_url"], "DELETE")[0] == 403
    assert fetch(second["signed_url"])[0] == 404
    put = json.loads(storage("sign-url", f"{bucket}/new", "-m", "PUT", "--format=json").out)[0]
    assert fetch(put["signed_url"], "PUT", b"new")[0] == 200
    assert storage("cat", f"{bucket}/new").out == "new"


def test_given_too_long_a_time_when_a_url_is_signed_then_it_is_a_mistake_of_usage(storage: Call, x: str) -> None:
    assert storage("sign-url", x, "-d", "8d").code == 2


def test_the_service_agent_is_an_account(storage: Call) -> None:
    assert storage("service-agent").out.endswith("@gs-project-accounts.iam.gserviceaccount.com\n")


# -- what was deleted -------------------------------------------------------------------------------------------------


@pytest.fixture
def keeping(storage: Call, tmp_path: Path) -> str:
    """A bucket that keeps what is deleted: `x` in two versions, `dir/y` in one, all of them deleted."""
    url = f"gs://k-{uuid.uuid4().hex[:12]}"
    assert storage("buckets", "create", url, "--soft-delete-duration=7d").code == 0
    for name, content in (("x", "one"), ("x", "two"), ("dir/y", "y")):
        (tmp_path / "f").write_text(content)
        assert storage("cp", "f", f"{url}/{name}").code == 0
    assert storage("rm", f"{url}/**").code == 0
    return url


def test_given_deleted_objects_when_restored_then_the_latest_version_of_each_is_live_again(
    storage: Call, keeping: str
) -> None:
    deleted = storage("ls", "--soft-deleted", f"{keeping}/**").lines
    assert [line.partition("#")[0] for line in deleted] == [f"{keeping}/dir/y", f"{keeping}/x", f"{keeping}/x"]
    done = storage("restore", f"{keeping}/**")
    assert done.code == 0
    assert sorted(done.err.splitlines()) == [f"Restoring {deleted[0]}...", f"Restoring {deleted[2]}..."]
    assert storage("ls", f"{keeping}/**").lines == [f"{keeping}/dir/y", f"{keeping}/x"]
    assert storage("cat", f"{keeping}/x").out == "two"


def test_given_a_generation_when_restored_then_it_is_that_one(storage: Call, keeping: str) -> None:
    first = storage("ls", "--soft-deleted", f"{keeping}/x").lines[0]
    assert storage("restore", first).code == 0
    assert storage("cat", f"{keeping}/x").out == "one"


def test_given_all_versions_when_restored_then_the_last_one_is_live(storage: Call, keeping: str) -> None:
    done = storage("restore", "--all-versions", f"{keeping}/x")
    assert (done.code, len(done.err.splitlines())) == (0, 2)
    assert storage("cat", f"{keeping}/x").out == "two"


def test_given_conditions_that_do_not_hold_when_restored_then_nothing_is_live(storage: Call, keeping: str) -> None:
    done = storage("restore", f"{keeping}/x", "--if-generation-match=5")
    assert (done.code, "HTTPError 412" in done.err) == (1, True)
    assert storage("ls", f"{keeping}/**").code == 1


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ([], "Must have URL arguments"),
        (["x.txt"], "only accepts Google Cloud Storage URLs"),
        (["gs://some-bucket"], "only objects can be restored"),
        (["gs://some-bucket/x", "--async"], "objects are restored while the command waits"),
    ],
)
def test_given_what_cannot_be_restored_then_the_reason_is_told(storage: Call, words: list[str], text: str) -> None:
    done = storage("restore", *words)
    assert done.code in (1, 2)
    assert text in done.err
