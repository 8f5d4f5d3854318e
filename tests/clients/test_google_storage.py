"""The unmodified google-cloud-storage: every operation that its users call, through STORAGE_EMULATOR_HOST."""

from __future__ import annotations

import base64
import datetime as dt
import gzip
import io
import json
import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
import requests
from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage
from google.cloud.storage import transfer_manager
from google.cloud.storage.fileio import BlobReader, BlobWriter
from google.oauth2 import service_account

from runtime_process import PROJECT, RuntimeProcess

UNIT = 256 * 1024
BIG = os.urandom(9 * 1024 * 1024 + 77)  # above what the client sends in one multipart request


@pytest.fixture
def client(runtime: RuntimeProcess, monkeypatch: pytest.MonkeyPatch) -> Iterator[storage.Client]:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", runtime.url)
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", PROJECT)
    found = storage.Client()
    yield found
    found._http.close()


@pytest.fixture
def bucket(client: storage.Client) -> Any:
    return client.create_bucket(f"py-{uuid.uuid4().hex[:10]}", location="asia-northeast1")


def put(bucket: Any, name: str, content: bytes = b"hello", **more: Any) -> Any:
    blob = bucket.blob(name)
    blob.upload_from_string(content, content_type="text/plain", **more)
    return blob


# -- clients and buckets --------------------------------------------------------------------------------------------


def test_the_client_finds_the_runtime_and_asks_for_no_credentials(client: storage.Client) -> None:
    assert isinstance(client._credentials, AnonymousCredentials)
    assert client.project == PROJECT


def test_a_client_with_an_endpoint_of_its_own(runtime: RuntimeProcess) -> None:
    found = storage.Client(
        project=PROJECT, credentials=AnonymousCredentials(), client_options={"api_endpoint": runtime.url}
    )
    assert found.bucket("no-such-bucket").exists() is False
    found._http.close()


def test_buckets_are_made_found_listed_and_removed(client: storage.Client) -> None:
    name = f"py-{uuid.uuid4().hex[:10]}"
    made = client.create_bucket(name, location="asia-northeast1")
    assert (made.location, made.location_type, made.storage_class) == ("ASIA-NORTHEAST1", "region", "STANDARD")
    assert made.time_created.tzinfo is not None
    assert client.get_bucket(name).etag == made.etag
    assert client.lookup_bucket(name).name == name
    assert client.lookup_bucket(f"{name}-none") is None
    assert made.exists()
    assert name in [found.name for found in client.list_buckets(prefix=name[:8])]
    with pytest.raises(exceptions.Conflict):
        client.create_bucket(name)
    made.delete()
    assert not made.exists()
    with pytest.raises(exceptions.NotFound):
        client.get_bucket(name)


def test_settings_of_a_bucket(client: storage.Client, bucket: Any) -> None:
    bucket.labels = {"team": "a"}
    bucket.versioning_enabled = True
    bucket.cors = [{"origin": ["*"], "method": ["GET"]}]
    bucket.add_lifecycle_delete_rule(age=30, matches_prefix=["tmp/"])
    bucket.add_lifecycle_set_storage_class_rule("NEARLINE", number_of_newer_versions=3)
    bucket.storage_class = "NEARLINE"
    bucket.default_event_based_hold = False
    bucket.patch()
    found = client.get_bucket(bucket.name)
    assert (found.labels, found.versioning_enabled, found.storage_class) == ({"team": "a"}, True, "NEARLINE")
    assert found.cors == [{"origin": ["*"], "method": ["GET"]}]
    assert len(list(found.lifecycle_rules)) == 2
    assert found.metageneration == 2
    found.clear_lifecycle_rules()
    found.patch(if_metageneration_match=2)
    with pytest.raises(exceptions.PreconditionFailed):
        bucket.patch(if_metageneration_match=2)
    bucket.reload()
    assert list(bucket.lifecycle_rules) == []
    bucket.update()


def test_uniform_access_soft_delete_and_website(client: storage.Client, bucket: Any) -> None:
    bucket.iam_configuration.uniform_bucket_level_access_enabled = True
    bucket.iam_configuration.public_access_prevention = "enforced"
    bucket.soft_delete_policy.retention_duration_seconds = 7 * 86_400
    bucket.configure_website("index.html", "404.html")
    bucket.patch()
    found = client.get_bucket(bucket.name)
    assert found.iam_configuration.public_access_prevention == "enforced"
    assert found.soft_delete_policy.retention_duration_seconds == 7 * 86_400
    assert found.soft_delete_policy.effective_time is not None
    assert found._properties["website"]["mainPageSuffix"] == "index.html"


def test_a_bucket_with_objects_goes_only_by_force(client: storage.Client, bucket: Any) -> None:
    put(bucket, "x")
    put(bucket, "y")
    with pytest.raises(exceptions.Conflict):
        bucket.delete()
    bucket.delete(force=True)
    assert not bucket.exists()


# -- uploads --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["dir/a b.txt", "日本語/x%y.mp4", "a/../b", "trailing/", "+", "#", "?", "%2F", "a:b"])
def test_names(bucket: Any, name: str) -> None:
    blob = put(bucket, name, name.encode())
    assert blob.download_as_text() == name
    assert [found.name for found in bucket.list_blobs()] == [name]
    assert bucket.get_blob(name).md5_hash == blob.md5_hash
    blob.delete()
    assert not blob.exists()


@pytest.mark.parametrize("checksum", ["auto", "md5", "crc32c", None])
def test_a_small_upload_with_each_checksum(bucket: Any, checksum: str | None) -> None:
    blob = bucket.blob("x")
    blob.upload_from_string(b"hello", checksum=checksum)
    assert (blob.size, blob.crc32c, blob.generation > 0, blob.metageneration) == (5, "mnG7TA==", True, 1)
    assert blob.download_as_bytes(checksum=checksum or "auto") == b"hello"


def test_a_large_upload_of_known_size(bucket: Any) -> None:
    blob = bucket.blob("big")
    blob.upload_from_file(io.BytesIO(BIG), size=len(BIG), content_type="video/mp4")
    assert (blob.size, blob.content_type) == (len(BIG), "video/mp4")
    assert blob.download_as_bytes() == BIG


def test_a_large_upload_with_md5(bucket: Any) -> None:
    blob = bucket.blob("big")
    blob.upload_from_file(io.BytesIO(BIG), size=len(BIG), checksum="md5")
    assert blob.size == len(BIG)


def test_an_upload_in_chunks_of_unknown_size(bucket: Any) -> None:
    class Pipe(io.RawIOBase):
        def __init__(self) -> None:
            self._source = io.BytesIO(BIG[: 2 * UNIT + 99])

        def readable(self) -> bool:
            return True

        def tell(self) -> int:
            return self._source.tell()

        def read(self, size: int = -1) -> bytes:
            return self._source.read(size)

    blob = bucket.blob("chunked", chunk_size=UNIT)
    blob.upload_from_file(Pipe())
    assert blob.download_as_bytes() == BIG[: 2 * UNIT + 99]


def test_files_and_text(bucket: Any, tmp_path: Path) -> None:
    (tmp_path / "in.json").write_text('{"a": 1}')
    blob = bucket.blob("in.json")
    blob.upload_from_filename(tmp_path / "in.json")
    assert blob.content_type == "application/json"
    blob.download_to_filename(tmp_path / "out.json")
    assert (tmp_path / "out.json").read_text() == '{"a": 1}'
    with open(tmp_path / "file", "wb") as file:
        blob.download_to_file(file)
    assert (tmp_path / "file").read_bytes() == b'{"a": 1}'


def test_metadata_at_upload(bucket: Any) -> None:
    blob = bucket.blob("x")
    blob.metadata = {"k": "v", "日本": "é"}
    blob.cache_control = "no-cache"
    blob.content_disposition = "attachment"
    blob.content_language = "ja"
    blob.content_encoding = "identity"
    blob.custom_time = dt.datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=dt.UTC)
    blob.upload_from_string(b"hello", content_type="a/b")
    found = bucket.get_blob("x")
    assert (found.metadata, found.cache_control) == ({"k": "v", "日本": "é"}, "no-cache")
    assert (found.content_disposition, found.content_language, found.content_type) == ("attachment", "ja", "a/b")
    assert found.custom_time == blob.custom_time


def test_of_two_that_create_one_wins(bucket: Any) -> None:
    put(bucket, "x", b"one", if_generation_match=0)
    with pytest.raises(exceptions.PreconditionFailed):
        put(bucket, "x", b"two", if_generation_match=0)
    with pytest.raises(exceptions.PreconditionFailed):
        bucket.blob("x").upload_from_file(io.BytesIO(BIG), size=len(BIG), if_generation_match=0)
    assert bucket.blob("x").download_as_bytes() == b"one"


def test_a_stream_that_is_written_and_read(bucket: Any) -> None:
    blob = bucket.blob("stream", chunk_size=UNIT)
    with blob.open("wb", if_generation_match=0) as writer:
        assert isinstance(writer, BlobWriter)
        for _ in range(10):
            writer.write(b"x" * 100_000)
    with blob.open("rb") as reader:
        assert isinstance(reader, BlobReader)
        assert reader.read(10) == b"x" * 10
        reader.seek(999_990)
        assert reader.read() == b"x" * 10
    text_blob = bucket.blob("text")
    with text_blob.open("wt") as text:
        text.write("一行\n二行\n")
    with text_blob.open("rt") as text:
        assert text.readlines() == ["一行\n", "二行\n"]


def test_a_session_that_somebody_else_fills(bucket: Any) -> None:
    url = bucket.blob("session").create_resumable_upload_session(content_type="a/b", size=5)
    assert requests.put(url, data=b"hello", timeout=10).status_code == 200
    assert requests.put(url, headers={"Content-Range": "bytes */*"}, timeout=10).json()["size"] == "5"
    assert bucket.get_blob("session").content_type == "a/b"


# -- downloads ------------------------------------------------------------------------------------------------------


def test_ranges(bucket: Any) -> None:
    blob = put(bucket, "x", b"0123456789")
    assert blob.download_as_bytes(start=1, end=3) == b"123"
    assert blob.download_as_bytes(start=5) == b"56789"
    assert blob.download_as_bytes(start=-2) == b"89"
    with pytest.raises(exceptions.RequestRangeNotSatisfiable):
        blob.download_as_bytes(start=10)


def test_chunked_downloads_also_of_nothing(bucket: Any) -> None:
    blob = put(bucket, "x", BIG[: 3 * UNIT + 1])
    assert bucket.blob("x", chunk_size=UNIT).download_as_bytes() == BIG[: 3 * UNIT + 1]
    blob = put(bucket, "empty", b"")
    assert bucket.blob("empty", chunk_size=UNIT).download_as_bytes() == b""
    assert blob.download_as_bytes() == b""


def test_a_download_tells_the_generation(bucket: Any) -> None:
    made = put(bucket, "x")
    blob = bucket.blob("x")
    blob.download_as_bytes()
    assert (blob.generation, blob.metageneration) == (made.generation, 1)
    assert blob.crc32c == made.crc32c
    assert blob.etag is not None


def test_conditions_of_downloads(bucket: Any) -> None:
    blob = put(bucket, "x")
    assert blob.download_as_bytes(if_generation_match=blob.generation) == b"hello"
    with pytest.raises(exceptions.PreconditionFailed):
        blob.download_as_bytes(if_generation_match=1)
    with pytest.raises(exceptions.NotModified):
        bucket.blob("x").reload(if_generation_not_match=blob.generation)
    with pytest.raises(exceptions.NotModified):
        bucket.blob("x").reload(if_etag_not_match=blob.etag)
    with pytest.raises(exceptions.NotFound):
        bucket.blob("none").download_as_bytes()


def test_gzip(bucket: Any) -> None:
    packed = gzip.compress(b"plain " * 100)
    blob = bucket.blob("x")
    blob.content_encoding = "gzip"
    blob.upload_from_string(packed, content_type="text/plain")
    assert bucket.blob("x").download_as_bytes() == b"plain " * 100
    assert bucket.blob("x").download_as_bytes(raw_download=True) == packed
    assert requests.get(blob.media_link, headers={"Accept-Encoding": "identity"}, timeout=10).content == b"plain " * 100


def test_old_generations(client: storage.Client) -> None:
    bucket = client.bucket(f"py-{uuid.uuid4().hex[:10]}")
    bucket.versioning_enabled = True
    bucket.create()
    old = put(bucket, "x", b"old").generation
    put(bucket, "x", b"new")
    assert bucket.blob("x", generation=old).download_as_bytes() == b"old"
    assert next(iter(bucket.list_blobs(versions=True))).generation == old
    bucket.copy_blob(bucket.blob("x"), bucket, "x", source_generation=old)
    assert bucket.blob("x").download_as_bytes() == b"old"
    bucket.delete_blob("x", generation=old)
    with pytest.raises(exceptions.NotFound):
        bucket.blob("x", generation=old).download_as_bytes()


def test_soft_deleted_objects_come_back(client: storage.Client, bucket: Any) -> None:
    bucket.soft_delete_policy.retention_duration_seconds = 7 * 86_400
    bucket.patch()
    made = put(bucket, "x")
    made.delete()
    listed = list(bucket.list_blobs(soft_deleted=True))
    assert [blob.generation for blob in listed] == [made.generation]
    assert listed[0].soft_delete_time is not None
    assert bucket.restore_blob("x", generation=made.generation).name == "x"
    assert bucket.blob("x").download_as_bytes() == b"hello"


# -- lists ----------------------------------------------------------------------------------------------------------


def test_lists(client: storage.Client, bucket: Any) -> None:
    for name in ("a.txt", "b/1.txt", "b/2.txt", "b/c/3.txt", "d/"):
        put(bucket, name)

    def listed(**more: Any) -> tuple[list[str], set[str]]:
        found = client.list_blobs(bucket, **more)
        return [blob.name for blob in found], set(found.prefixes)

    assert listed() == (["a.txt", "b/1.txt", "b/2.txt", "b/c/3.txt", "d/"], set())
    assert listed(delimiter="/") == (["a.txt"], {"b/", "d/"})
    assert listed(delimiter="/", prefix="b/", page_size=1) == (["b/1.txt", "b/2.txt"], {"b/c/"})
    assert listed(start_offset="b/2.txt", end_offset="d/")[0] == ["b/2.txt", "b/c/3.txt"]
    assert listed(max_results=2)[0] == ["a.txt", "b/1.txt"]
    assert listed(match_glob="b/*.txt")[0] == ["b/1.txt", "b/2.txt"]
    assert listed(delimiter="/", include_trailing_delimiter=True)[0] == ["a.txt", "d/"]
    assert listed(fields="items(name),nextPageToken", page_size=2)[0][-1] == "d/"
    pages = list(client.list_blobs(bucket, page_size=2).pages)
    assert [page.num_items for page in pages] == [2, 2, 1]


# -- changes --------------------------------------------------------------------------------------------------------


def test_patch_update_and_conditions(bucket: Any) -> None:
    blob = put(bucket, "x")
    blob.metadata = {"k": "v", "l": "w"}
    blob.patch()
    assert blob.metageneration == 2
    blob.metadata = {"k": None, "l": "w"}
    blob.patch()
    assert bucket.get_blob("x").metadata == {"l": "w"}
    blob.content_type = "c/d"
    blob.update(if_metageneration_match=3)
    assert blob.content_type == "c/d"
    with pytest.raises(exceptions.PreconditionFailed):
        blob.patch(if_metageneration_match=1)


def test_copy_rename_move_rewrite(client: storage.Client, bucket: Any) -> None:
    other = client.create_bucket(f"py-{uuid.uuid4().hex[:10]}")
    blob = put(bucket, "dir/x")
    copied = bucket.copy_blob(blob, other, "to/y", if_generation_match=0)
    assert (copied.bucket.name, copied.md5_hash) == (other.name, blob.md5_hash)
    with pytest.raises(exceptions.PreconditionFailed):
        bucket.copy_blob(blob, other, "to/y", if_generation_match=0)
    assert bucket.rename_blob(blob, "z").name == "z"
    assert not bucket.blob("dir/x").exists()
    moved = bucket.move_blob(bucket.blob("z"), "moved", if_generation_match=0)
    assert moved.name == "moved"
    assert [found.name for found in bucket.list_blobs()] == ["moved"]
    target = other.blob("rewritten")
    token, written, total = target.rewrite(moved, if_generation_match=0)
    assert (token, written, total) == (None, 5, 5)
    assert target.content_type == "text/plain"
    target.update_storage_class("NEARLINE")
    target.reload()
    assert (target.storage_class, target.content_type) == ("NEARLINE", "text/plain")


def test_compose(bucket: Any) -> None:
    parts = [put(bucket, f"part-{number}", f"{number} ".encode()) for number in range(3)]
    joined = bucket.blob("joined")
    joined.content_type = "a/b"
    joined.compose(parts, if_generation_match=0)
    assert (joined.component_count, joined.md5_hash, joined.content_type) == (3, None, "a/b")
    assert joined.download_as_bytes() == b"0 1 2 "
    joined.compose([joined, parts[0]], if_source_generation_match=[joined.generation, None])
    assert joined.component_count == 4
    with pytest.raises(exceptions.PreconditionFailed):
        joined.compose([parts[0]], if_source_generation_match=[1])


def test_deletes(bucket: Any) -> None:
    blob = put(bucket, "x")
    with pytest.raises(exceptions.PreconditionFailed):
        blob.delete(if_generation_match=1)
    bucket.delete_blobs([blob])
    missing: list[Any] = []
    bucket.delete_blobs([bucket.blob("none")], on_error=missing.append)
    assert len(missing) == 1
    with pytest.raises(exceptions.NotFound):
        bucket.delete_blob("none")


def test_holds(bucket: Any) -> None:
    blob = put(bucket, "x")
    blob.temporary_hold = True
    blob.patch()
    with pytest.raises(exceptions.Forbidden):
        blob.delete()
    blob.temporary_hold = False
    blob.patch()
    blob.delete()


def test_a_batch(client: storage.Client, bucket: Any) -> None:
    blobs = [put(bucket, f"x{number}") for number in range(5)]
    with client.batch():
        for blob in blobs[:3]:
            blob.delete()
        blobs[3].metadata = {"k": "v"}
        blobs[3].patch()
    assert blobs[3].metadata == {"k": "v"}
    assert [blob.name for blob in bucket.list_blobs()] == ["x3", "x4"]
    with pytest.raises(exceptions.NotFound), client.batch():
        bucket.blob("none").delete()
    with client.batch(raise_exception=False) as batch:
        bucket.blob("none").delete()
        blobs[4].delete()
    assert [answer.status_code for answer in batch._responses] == [404, 204]


# -- access, notifications, accounts --------------------------------------------------------------------------------


def test_policies(bucket: Any) -> None:
    policy = bucket.get_iam_policy(requested_policy_version=3)
    policy.bindings.append({"role": "roles/storage.objectViewer", "members": {"allUsers"}})
    bucket.set_iam_policy(policy)
    found = bucket.get_iam_policy(requested_policy_version=3)
    assert {"role": "roles/storage.objectViewer", "members": {"allUsers"}} in found.bindings
    with pytest.raises(exceptions.PreconditionFailed):
        bucket.set_iam_policy(policy)
    assert bucket.test_iam_permissions(["storage.objects.get"]) == ["storage.objects.get"]


def test_access_lists(bucket: Any) -> None:
    blob = put(bucket, "x")
    blob.make_public()
    assert [entry["entity"] for entry in blob.acl] == ["allUsers"]
    blob.make_private()
    blob.acl.reload()
    bucket.acl.user("a@example.com").grant_read()
    bucket.acl.save()
    bucket.acl.reload()
    assert "user-a@example.com" in [entry["entity"] for entry in bucket.acl]


def test_notifications(bucket: Any) -> None:
    made = bucket.notification(
        topic_name="t1",
        custom_attributes={"k": "v"},
        event_types=["OBJECT_FINALIZE"],
        blob_name_prefix="in/",
        payload_format="JSON_API_V1",
    )
    made.create()
    listed = list(bucket.list_notifications())
    assert [(found.topic_name, found.blob_name_prefix) for found in listed] == [("t1", "in/")]
    assert bucket.get_notification(made.notification_id).custom_attributes == {"k": "v"}
    assert made.exists()
    made.delete()
    assert not made.exists()


def test_the_project_s_account(client: storage.Client) -> None:
    assert client.get_service_account_email().endswith("@gs-project-accounts.iam.gserviceaccount.com")


@pytest.mark.parametrize("version", ["v2", "v4"])
def test_signed_urls(runtime: RuntimeProcess, client: storage.Client, bucket: Any, version: str) -> None:
    path = f"/v1/projects/{PROJECT}/serviceAccounts"
    email = runtime.call("POST", path, {"accountId": f"s-{uuid.uuid4().hex[:10]}"}).json["email"]
    key = runtime.call("POST", f"{path}/{email}/keys", {}).json["privateKeyData"]
    credentials = service_account.Credentials.from_service_account_info(json.loads(base64.b64decode(key)))
    blob = put(bucket, "dir/ü x.txt")
    more = {"version": version, "credentials": credentials, "expiration": dt.timedelta(minutes=5)}
    more["api_access_endpoint"] = runtime.url
    assert requests.get(blob.generate_signed_url(**more), timeout=10).content == b"hello"
    url = blob.generate_signed_url(method="PUT", content_type="a/b", **more)
    answer = requests.put(url, data=b"new", headers={"Content-Type": "a/b"}, timeout=10)
    assert answer.status_code == 200, answer.text
    assert requests.put(url, data=b"new", headers={"Content-Type": "c/d"}, timeout=10).status_code == 403
    assert bucket.blob("dir/ü x.txt").download_as_bytes() == b"new"
    url = blob.generate_signed_url(method="RESUMABLE", **more)
    answer = requests.post(url, headers={"x-goog-resumable": "start"}, timeout=10)
    assert answer.status_code == 201, answer.text
    assert requests.put(answer.headers["Location"], data=b"third", timeout=10).status_code == 200


# -- what is kept, and what is refused -------------------------------------------------------------------------------


def test_the_other_ways_to_ask_for_what_is_there(client: storage.Client, bucket: Any, tmp_path: Path) -> None:
    blob = put(bucket, "x", b"hello")
    target = io.BytesIO()
    client.download_blob_to_file(f"gs://{bucket.name}/x", target)
    assert target.getvalue() == b"hello"
    assert storage.Blob.from_uri(f"gs://{bucket.name}/x", client=client).exists()
    assert blob.self_link.endswith(f"/storage/v1/b/{bucket.name}/o/x")
    assert bucket.get_blob("none") is None
    assert blob.public_url.endswith(f"/{bucket.name}/x")
    assert bucket.test_iam_permissions(["storage.buckets.get"]) == ["storage.buckets.get"]


def test_default_access_lists(bucket: Any) -> None:
    bucket.default_object_acl.all().grant_read()
    bucket.default_object_acl.save()
    bucket.default_object_acl.reload()
    assert "allUsers" in [entry["entity"] for entry in bucket.default_object_acl]
    bucket.make_public()
    bucket.make_private()


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda client, bucket: list(client.list_hmac_keys()), "hmacKeys"),
        (lambda client, bucket: client.create_hmac_key(f"a@{PROJECT}.iam.gserviceaccount.com"), "hmacKeys"),
        (lambda client, bucket: list(client.list_blobs(bucket, filter_='contexts."a":*')), "filter"),
    ],
)
def test_what_is_not_offered_is_refused_by_name(
    client: storage.Client, bucket: Any, call: Callable[[Any, Any], object], name: str
) -> None:
    with pytest.raises(exceptions.MethodNotImplemented, match=name):
        call(client, bucket)


def test_a_retention_policy_is_kept_and_its_lock_refused(bucket: Any) -> None:
    bucket.retention_period = 60
    bucket.patch()
    assert bucket.retention_period == 60
    with pytest.raises(exceptions.MethodNotImplemented, match="lockRetentionPolicy"):
        bucket.lock_retention_policy()


def test_the_grpc_api_of_storage_is_refused_by_name(runtime: RuntimeProcess) -> None:
    with grpc.insecure_channel(f"127.0.0.1:{runtime.grpc_port}") as channel:
        for service, method in (
            ("storage.v2.Storage", "GetObject"),
            ("storage.v2.Storage", "BidiWriteObject"),
            ("storage.control.v2.StorageControl", "GetStorageLayout"),
        ):
            path = f"/google.{service}/{method}"
            with pytest.raises(grpc.RpcError) as caught:
                channel.unary_unary(path, None, None)(b"", timeout=10)
            assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
            assert path in caught.value.details()


# -- transfer manager -----------------------------------------------------------------------------------------------


def test_many_at_once(bucket: Any, tmp_path: Path) -> None:
    names = [f"{number}.bin" for number in range(10)]
    for name in names:
        (tmp_path / name).write_bytes(name.encode() * 1000)
    results = transfer_manager.upload_many_from_filenames(
        bucket, names, source_directory=str(tmp_path), blob_name_prefix="up/", worker_type=transfer_manager.THREAD
    )
    assert results == [None] * 10
    target = tmp_path / "down"
    results = transfer_manager.download_many_to_path(
        bucket,
        [f"up/{name}" for name in names],
        destination_directory=str(target),
        worker_type=transfer_manager.THREAD,
    )
    assert results == [None] * 10
    assert (target / "up" / "3.bin").read_bytes() == b"3.bin" * 1000
    again = transfer_manager.upload_many_from_filenames(
        bucket,
        names,
        source_directory=str(tmp_path),
        blob_name_prefix="up/",
        skip_if_exists=True,
        worker_type=transfer_manager.THREAD,
    )
    assert [type(result) for result in again] == [exceptions.PreconditionFailed] * 10


def test_many_of_what_is_open_already(bucket: Any) -> None:
    blobs = [bucket.blob(f"{number}") for number in range(5)]
    pairs = [(io.BytesIO(blob.name.encode()), blob) for blob in blobs]
    assert transfer_manager.upload_many(pairs, worker_type=transfer_manager.THREAD) == [None] * 5
    targets = [io.BytesIO() for _ in blobs]
    done = transfer_manager.download_many(
        list(zip(blobs, targets, strict=True)), worker_type=transfer_manager.THREAD, raise_exception=True
    )
    assert done == [None] * 5
    assert [target.getvalue() for target in targets] == [b"0", b"1", b"2", b"3", b"4"]


@pytest.mark.parametrize("worker", [transfer_manager.THREAD, transfer_manager.PROCESS])
def test_one_in_parts(bucket: Any, tmp_path: Path, worker: str) -> None:
    source, target = tmp_path / "in", tmp_path / "out"
    source.write_bytes(BIG)
    blob = bucket.blob("parts")
    blob.metadata = {"k": "v"}
    transfer_manager.upload_chunks_concurrently(
        str(source), blob, chunk_size=4 * 1024 * 1024, max_workers=2, worker_type=worker
    )
    found = bucket.get_blob("parts")
    assert (found.size, found.metadata) == (len(BIG), {"k": "v"})
    transfer_manager.download_chunks_concurrently(
        bucket.blob("parts"), str(target), chunk_size=3 * 1024 * 1024, max_workers=2, worker_type=worker
    )
    assert target.read_bytes() == BIG
