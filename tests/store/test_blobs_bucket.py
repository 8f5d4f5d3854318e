"""A bucket that breaks off, refuses, or is not there: what contents make of it. What all contents do: `test_blobs.py`."""

from __future__ import annotations

import os
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from bucket_kinds import client_of, gcs, keys, s3

from hakobune.core.errors import FailedPrecondition, ResourceExhausted, Unavailable
from hakobune.core.objects.content_places import place_from_text
from hakobune.core.objects.failures import InvalidRequest
from hakobune.store import blobs_bucket
from hakobune.store.blobs import ContentWriter
from hakobune.store.blobs_bucket import BucketBlobs, part_bytes_of
from hakobune.store.blobs_client import BucketClient, connect
from hakobune.store.blobs_files import FileBlobs
from runtime_process import RuntimeProcess

UID = "ab00-1234"
CONTENT = os.urandom(3_000_001)


class Breaking(ThreadingHTTPServer):
    """A bucket of one object whose connections break off after so many bytes."""

    daemon_threads = True

    def __init__(self, after: int) -> None:
        super().__init__(("127.0.0.1", 0), Reader)
        self.after = after
        self.begins: list[int] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Reader(BaseHTTPRequestHandler):
    """Answers GET with the range that is asked for, of which only a part comes."""

    protocol_version = "HTTP/1.1"
    server: Breaking

    def do_GET(self) -> None:
        found = re.match(r"bytes=(\d+)-(\d*)", self.headers.get("Range", "bytes=0-"))
        assert found is not None
        first, last = int(found[1]), int(found[2] or len(CONTENT) - 1)
        self.server.begins.append(first)
        self.send_response(206 if "Range" in self.headers else 200)
        self.send_header("Content-Length", str(last - first + 1))
        self.send_header("Content-Range", f"bytes {first}-{last}/{len(CONTENT)}")
        self.send_header("ETag", '"x"')
        self.send_header("Last-Modified", "Wed, 25 Nov 2026 11:00:00 GMT")
        self.end_headers()
        self.wfile.write(CONTENT[first : last + 1][: self.server.after])
        self.close_connection = True

    def log_message(self, *_: Any) -> None:
        """Nothing is told."""


@pytest.fixture
def breaking() -> Iterator[Breaking]:
    found = Breaking(1_000_000)
    thread = threading.Thread(target=found.serve_forever)
    thread.start()
    yield found
    found.shutdown()
    thread.join()
    found.server_close()


@pytest.fixture
def memory(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[BucketBlobs]:
    client = client_of("memory", tmp_path, lambda: request.getfixturevalue("runtime"))
    found = BucketBlobs(client, FileBlobs(tmp_path / "objects"))
    yield found
    found.close()


@pytest.fixture
def gone(tmp_path: Path) -> Iterator[BucketBlobs]:
    """The bucket of nobody: nothing listens there."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{found.getsockname()[1]}"
        blobs = BucketBlobs(BucketClient(gcs(url, "nobody"), "gs://nobody"), FileBlobs(tmp_path / "objects"))
        yield blobs
        blobs.close()


@pytest.mark.parametrize("span", [(0, None), (0, len(CONTENT)), (5, 2_500_000)])
def test_given_a_connection_that_breaks_off_when_a_content_is_read_then_it_goes_on_where_it_broke(
    breaking: Breaking, span: tuple[int, int | None]
) -> None:
    client = BucketClient(s3(breaking.url, "bucket"), "s3://bucket")
    end = len(CONTENT) if span[1] is None else span[0] + span[1]
    assert b"".join(client.pieces("x", *span)) == CONTENT[span[0] : end]
    assert breaking.begins[0] == span[0]


def test_given_a_bucket_that_gives_nothing_when_a_content_is_read_then_that_is_told(breaking: Breaking) -> None:
    breaking.after = 0
    client = BucketClient(s3(breaking.url, "bucket"), "s3://bucket")
    with pytest.raises(Unavailable, match="s3://bucket, cannot be used now"):
        list(client.pieces("x", 0, 100))


def test_given_nobody_when_a_bucket_is_used_then_all_calls_say_so_and_nothing_is_in_work(gone: BucketBlobs) -> None:
    def write(size: int) -> None:
        writer = gone.create(UID)
        try:
            writer.write(bytes(size))
            writer.finish()
        finally:
            writer.discard()

    calls = [
        lambda: write(1),
        lambda: write(20_000_000),
        lambda: gone.remove([UID]),
        lambda: gone.remove([UID, "ab00-5678"]),
        gone.folders,
        lambda: gone.uids("ab"),
        lambda: gone.examine(UID),
        lambda: gone.client.read("x"),
        lambda: gone.client.put_new("x", b""),
    ]
    for call in calls:
        with pytest.raises(Unavailable, match=r"The bucket of the objects, gs://nobody, cannot be used now \(.+\)"):
            call()
    assert gone.in_work == set()


def test_given_nobody_when_a_session_is_finished_then_its_bytes_stay_for_another_try(
    gone: BucketBlobs, tmp_path: Path, memory: BucketBlobs
) -> None:
    writer = gone.resume(UID, 0)
    writer.write(CONTENT)
    writer.sync()
    with pytest.raises(Unavailable):
        writer.finish()
    writer.sync()
    writer.close()
    assert gone.staged() == [UID]
    again = memory.resume(UID, len(CONTENT))  # over the same files
    again.finish()
    again.close()
    with closing(memory.open(UID)) as found:
        assert b"".join(found.pieces()) == CONTENT


@pytest.mark.parametrize("make", [gcs, s3])
def test_given_no_such_bucket_when_contents_are_written_then_that_is_told(
    runtime: RuntimeProcess, tmp_path: Path, make: Any
) -> None:
    blobs = BucketBlobs(BucketClient(make(runtime.url, "no-such"), "gs://no-such"), FileBlobs(tmp_path / "objects"))
    with pytest.raises(FileNotFoundError):
        blobs.client.put_new("x", b"")
    for size in (1, 20_000_000):
        writer = blobs.create(UID)
        with pytest.raises(Unavailable, match="gs://no-such"):
            _write(writer, size)
        writer.discard()
    blobs.close()


def _write(writer: ContentWriter, size: int) -> None:
    writer.write(bytes(size))
    writer.finish()


def test_given_a_small_object_when_it_is_made_twice_then_the_first_stays(memory: BucketBlobs) -> None:
    assert memory.client.read("x") is None
    assert memory.client.put_new("x", b"first")
    assert not memory.client.put_new("x", b"second")
    assert memory.client.read("x") == b"first"


def test_given_what_is_not_ours_in_the_prefix_when_one_looks_then_it_is_left_out(memory: BucketBlobs) -> None:
    for key in ("hakobune-owner", "abc/ab00-1234", "ab/Not Ours.txt", "ab/ab00-1234"):
        memory.client.put_new(key, b"x")
    assert (memory.folders(), memory.uids("ab")) == (["ab"], ["ab00-1234"])
    memory.remove(["ab00-1234"])
    assert keys(memory.client) == ["ab/Not Ours.txt", "abc/ab00-1234", "hakobune-owner"]


def test_given_so_large_a_content_when_its_parts_are_chosen_then_ten_thousand_are_enough() -> None:
    assert part_bytes_of(0) == part_bytes_of(80_000_000_000) == 8 * 1024 * 1024
    assert part_bytes_of(10_000 * 8 * 1024 * 1024 + 1) == 8 * 1024 * 1024 + 1
    assert part_bytes_of(5 * 1024**4) * 10_000 >= 5 * 1024**4


def test_given_more_than_all_parts_hold_when_it_comes_in_one_request_then_a_session_is_advised(
    memory: BucketBlobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blobs_bucket, "_PARTS", 2)
    monkeypatch.setattr(blobs_bucket, "_PART_BYTES", 1_000)
    writer = memory.create(UID)
    writer.write(bytes(2_000))
    with pytest.raises(InvalidRequest, match="use a resumable upload"):
        writer.write(b"x")
    writer.discard()
    assert keys(memory.client) == []


def test_given_a_place_when_it_is_connected_then_nothing_is_asked_yet(tmp_path: Path) -> None:
    for text in ("gs://bucket-1/x", "s3://bucket-1", f"file://{tmp_path}/outside"):
        client = connect(place_from_text(text))
        assert client.url == text
    assert (tmp_path / "outside").is_dir()


def test_given_a_directory_that_cannot_be_made_when_it_is_connected_then_that_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FailedPrecondition, match="Objects cannot be kept in file://"):
        connect(place_from_text(f"file://{tmp_path}/file/below"))


def test_given_a_full_disk_when_a_session_is_staged_then_that_is_told(
    memory: BucketBlobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> int:
        raise OSError(28, "No space left on device")

    writer = memory.resume(UID, 0)
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", refuse)
        with pytest.raises(ResourceExhausted):
            writer.write(b"x")
    writer.discard()
    assert memory.staged() == []
