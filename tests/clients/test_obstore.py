"""The unmodified obstore (Rust's object_store), which speaks the XML API."""

from __future__ import annotations

import json
import os
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from runtime_process import PROJECT, RuntimeProcess

obstore = pytest.importorskip("obstore")
from obstore.exceptions import AlreadyExistsError, PreconditionError  # noqa: E402 - after the check that it is there
from obstore.store import GCSStore  # noqa: E402

BIG = os.urandom(12 * 1024 * 1024 + 5)


@pytest.fixture
def bucket(runtime: RuntimeProcess) -> str:
    name = f"os-{uuid.uuid4().hex[:10]}"
    assert runtime.call("POST", f"/storage/v1/b?project={PROJECT}", {"name": name}).status == 200
    return name


@pytest.fixture
def store(runtime: RuntimeProcess, bucket: str) -> Any:
    key = {
        "gcs_base_url": runtime.url,
        "disable_oauth": True,
        "client_email": "",
        "private_key": "",
        "private_key_id": "",
    }
    return GCSStore(bucket, config={"service_account_key": json.dumps(key)}, client_options={"allow_http": True})


def test_put_get_head(store: Any) -> None:
    made = obstore.put(store, "dir/x.txt", b"hello")
    assert made["e_tag"]
    found = obstore.get(store, "dir/x.txt")
    assert found.bytes().to_bytes() == b"hello"
    head = obstore.head(store, "dir/x.txt")
    assert (head["path"], head["size"], head["e_tag"]) == ("dir/x.txt", 5, made["e_tag"])
    assert head["last_modified"].tzinfo is not None


@pytest.mark.parametrize("name", ["a b.txt", "日本語/é.mp4", "plus+plus", "100 percent", "x.tar.gz"])
def test_names(store: Any, name: str) -> None:
    obstore.put(store, name, b"hello")
    assert obstore.get(store, name).bytes().to_bytes() == b"hello"
    assert [item["path"] for page in obstore.list(store) for item in page] == [name]


def test_ranges(store: Any) -> None:
    obstore.put(store, "x", b"0123456789")
    assert obstore.get_range(store, "x", start=1, end=4).to_bytes() == b"123"
    assert [part.to_bytes() for part in obstore.get_ranges(store, "x", starts=[0, 8], ends=[2, 10])] == [b"01", b"89"]
    found = obstore.get(store, "x", options={"range": {"suffix": 3}})
    assert found.bytes().to_bytes() == b"789"


def test_of_two_that_create_one_wins(store: Any) -> None:
    obstore.put(store, "x", b"one", mode="create")
    with pytest.raises(AlreadyExistsError):
        obstore.put(store, "x", b"two", mode="create")
    assert obstore.get(store, "x").bytes().to_bytes() == b"one"


def test_an_update_of_what_was_read(store: Any) -> None:
    made = obstore.put(store, "x", b"one")
    newer = obstore.put(store, "x", b"two", mode=made)
    assert newer["version"] != made["version"]
    with pytest.raises(PreconditionError):
        obstore.put(store, "x", b"three", mode=made)


def test_conditions_of_reads(store: Any) -> None:
    made = obstore.put(store, "x", b"hello")
    assert obstore.get(store, "x", options={"if_match": made["e_tag"]}).bytes().to_bytes() == b"hello"
    with pytest.raises(PreconditionError):
        obstore.get(store, "x", options={"if_match": '"other"'})
    with pytest.raises(obstore.exceptions.NotModifiedError):
        obstore.get(store, "x", options={"if_none_match": made["e_tag"]})


def test_lists(store: Any) -> None:
    for name in ("a", "dir/b", "dir/sub/c", "z"):
        obstore.put(store, name, b"x")
    assert [item["path"] for page in obstore.list(store, prefix="dir") for item in page] == ["dir/b", "dir/sub/c"]
    found = obstore.list_with_delimiter(store, prefix="dir")
    assert (found["common_prefixes"], [item["path"] for item in found["objects"]]) == (["dir/sub"], ["dir/b"])
    after = [item["path"] for page in obstore.list(store, offset="dir/b") for item in page]
    assert after == ["dir/sub/c", "z"]


def test_more_names_than_a_page_holds(store: Any, runtime: RuntimeProcess, bucket: str) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = pool.map(lambda number: runtime.call("PUT", f"/{bucket}/{number:05d}", b"").status, range(1_005))
        assert set(made) == {200}
    assert sum(len(page) for page in obstore.list(store)) == 1_005


def test_large_objects_go_in_parts(store: Any) -> None:
    obstore.put(store, "big", BIG)
    assert obstore.get(store, "big").bytes().to_bytes() == BIG
    with obstore.open_writer(store, "written", buffer_size=5 * 1024 * 1024) as writer:
        writer.write(BIG)
    assert obstore.head(store, "written")["size"] == len(BIG)
    reader = obstore.open_reader(store, "written")
    reader.seek(5_000_000)
    assert bytes(reader.read(1000)) == BIG[5_000_000:5_001_000]


def test_a_stream_of_a_download(store: Any) -> None:
    obstore.put(store, "big", BIG)
    assert b"".join(bytes(part) for part in obstore.get(store, "big").stream(min_chunk_size=1024 * 1024)) == BIG


def test_metadata(store: Any) -> None:
    attributes = {"Content-Type": "a/b", "Cache-Control": "no-cache", "k": "v"}
    obstore.put(store, "x", b"hello", attributes=attributes)
    assert dict(obstore.get(store, "x").attributes) == attributes


def test_copies_renames_and_deletes(store: Any) -> None:
    obstore.put(store, "x", b"hello")
    obstore.copy(store, "x", "y")
    with pytest.raises(AlreadyExistsError):
        obstore.copy(store, "x", "y", overwrite=False)
    obstore.rename(store, "y", "z")
    assert [item["path"] for page in obstore.list(store) for item in page] == ["x", "z"]
    obstore.delete(store, ["x", "z"])
    with pytest.raises(FileNotFoundError):
        obstore.get(store, "x")
