"""Objects whose contents are in a bucket elsewhere: that of another runtime, through obstore's clients of both protocols."""

from __future__ import annotations

import gzip
import hashlib
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
from storage_calls import Storage, a_bucket, crc32c, md5

from bucket_behind import kept, new_bucket, put_behind, variables
from runtime_process import HAKOBUNE, PROJECT, RuntimeProcess, free_port

BIG = os.urandom(1024 * 1024) * 20  # more than two parts
UNIT = 256 * 1024


@pytest.fixture
def outer(tmp_path: Path) -> Iterator[RuntimeProcess]:
    """The runtime that has the bucket: tests stop it."""
    found = RuntimeProcess(tmp_path / "outer").start()
    yield found
    if found.process is not None and found.process.poll() is None:
        found.stop()


def eventually(look: Callable[[], bool], within_s: float = 30.0) -> bool:
    end = time.monotonic() + within_s
    while not look():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def reason(body: bytes) -> str:
    return body.decode(errors="replace")


@pytest.mark.parametrize("scheme", ["gs", "s3"])
def test_objects_of_all_kinds_go_to_the_bucket_and_come_back(
    own_runtime: RuntimeProcess, runtime: RuntimeProcess, scheme: str
) -> None:
    bucket = put_behind(own_runtime, runtime, scheme)
    storage = a_bucket(own_runtime.start())
    made = storage.put("small", b"hello")
    assert (made["crc32c"], made["md5Hash"]) == (crc32c(b"hello"), md5(b"hello"))
    assert storage.put("big", BIG)["md5Hash"] == md5(BIG)
    session = storage.start("resumed")
    assert storage.send(session, BIG[:UNIT], f"bytes 0-{UNIT - 1}/*").status == 308
    assert storage.send(session, BIG[UNIT:], f"bytes {UNIT}-{len(BIG) - 1}/{len(BIG)}").json["md5Hash"] == md5(BIG)
    compose = {"sourceObjects": [{"name": "small"}, {"name": "big"}], "destination": {}}
    whole = storage.call("POST", f"{storage.root}/o/composed/compose", compose).json
    assert whole["crc32c"] == crc32c(b"hello" + BIG)
    assert len(kept(runtime, bucket)) == 4
    copied = storage.call("POST", f"{storage.root}/o/big/copyTo/b/{storage.bucket}/o/copy")
    assert copied.json["md5Hash"] == md5(BIG)
    assert len(kept(runtime, bucket)) == 4  # rows only
    own_runtime.kill()
    own_runtime.start()
    for name, content in {
        "small": b"hello",
        "big": BIG,
        "resumed": BIG,
        "copy": BIG,
        "composed": b"hello" + BIG,
    }.items():
        assert hashlib.md5(storage.media(name).body).digest() == hashlib.md5(content).digest(), name
    assert not [
        path for path in (own_runtime.directory / "objects").rglob("*") if path.is_file() and path.suffix != ".json"
    ]
    told = subprocess.run(
        [HAKOBUNE, "doctor", "--fsck"],
        env={**os.environ, "HAKOBUNE_URL": own_runtime.url},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "all as they were written" in told.stdout + told.stderr
    for name in ("small", "big", "resumed", "copy", "composed"):
        assert storage.call("DELETE", storage.path(name)).status == 204
    assert eventually(lambda: not kept(runtime, bucket))


def test_parts_of_the_xml_api_are_joined_in_the_bucket(own_runtime: RuntimeProcess, runtime: RuntimeProcess) -> None:
    bucket = put_behind(own_runtime, runtime)
    storage = a_bucket(own_runtime.start())
    path = f"/{storage.bucket}/joined"
    begun = storage.call("POST", f"{path}?uploads").body.decode()
    upload = begun.partition("<UploadId>")[2].partition("<")[0]
    tags = [storage.call("PUT", f"{path}?partNumber={n}&uploadId={upload}", BIG).headers["etag"] for n in (1, 2)]
    parts = "".join(f"<Part><PartNumber>{n}</PartNumber><ETag>{tag}</ETag></Part>" for n, tag in enumerate(tags, 1))
    body = f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>".encode()
    assert storage.call("POST", f"{path}?uploadId={upload}", body).status == 200
    assert storage.get("joined")["crc32c"] == crc32c(BIG + BIG)
    assert eventually(lambda: len(kept(runtime, bucket)) == 1)
    assert storage.media("joined").body == BIG + BIG


def test_downloads_have_their_length_and_their_range(own_runtime: RuntimeProcess, runtime: RuntimeProcess) -> None:
    put_behind(own_runtime, runtime)
    storage = a_bucket(own_runtime.start())
    storage.put("big", BIG)
    storage.put("none", b"")
    answer = storage.media("big")
    assert (answer.status, answer.headers["content-length"], answer.body == BIG) == (200, str(len(BIG)), True)
    assert "transfer-encoding" not in answer.headers
    for said, span in {
        "bytes=0-0": slice(0, 1),
        f"bytes=1000-{len(BIG) // 2}": slice(1000, len(BIG) // 2 + 1),
        "bytes=-7": slice(len(BIG) - 7, None),
        f"bytes={len(BIG) - 1}-": slice(len(BIG) - 1, None),
    }.items():
        part = storage.media("big", {"Range": said})
        assert (part.status, part.body == BIG[span]) == (206, True), said
        assert part.headers["content-length"] == str(len(BIG[span]))
    assert storage.media("big", {"Range": f"bytes={len(BIG)}-"}).status == 416
    assert (storage.media("none").status, storage.media("none").body) == (200, b"")
    head = storage.call("HEAD", f"/{storage.bucket}/big", Range="bytes=0-9")
    assert (head.status, head.body, head.headers["content-length"]) == (206, b"", "10")
    assert storage.media("big", {"If-None-Match": answer.headers["etag"]}).status == 304


def test_gzip_content_is_unpacked_on_its_way_from_the_bucket(
    own_runtime: RuntimeProcess, runtime: RuntimeProcess
) -> None:
    put_behind(own_runtime, runtime)
    storage = a_bucket(own_runtime.start())
    packed = gzip.compress(BIG)
    storage.put("packed", packed, contentEncoding="gzip")
    assert storage.media("packed").body == BIG
    assert storage.media("packed", {"Accept-Encoding": "gzip"}).body == packed
    storage.put("liar", b"plain", contentEncoding="gzip")
    assert storage.media("liar").body == b"plain"


def test_a_download_goes_on_though_the_object_is_replaced(own_runtime: RuntimeProcess, runtime: RuntimeProcess) -> None:
    import http.client

    bucket = put_behind(own_runtime, runtime)
    storage = a_bucket(own_runtime.start())
    content = os.urandom(1024 * 1024) * 64
    storage.put("x", content)
    connection = http.client.HTTPConnection("127.0.0.1", own_runtime.port, timeout=60)
    connection.request("GET", f"/download{storage.path('x', alt='media')}")
    answer = connection.getresponse()
    begin = answer.read(1000)
    storage.put("x", b"new")
    assert storage.media("x").body == b"new"
    assert begin + answer.read() == content
    connection.close()
    assert eventually(lambda: len(kept(runtime, bucket)) == 1)


def test_what_is_given_up_leaves_nothing_in_the_bucket(own_runtime: RuntimeProcess, runtime: RuntimeProcess) -> None:
    bucket = put_behind(own_runtime, runtime)
    storage = a_bucket(own_runtime.start())
    wrong = {"X-Goog-Hash": f"md5={md5(b'other')}", "Content-Type": "text/plain"}
    assert storage.upload("x", BIG, wrong).status == 400
    storage.put("y", b"first")
    session = storage.start("z")
    assert storage.send(session, BIG[:UNIT], f"bytes 0-{UNIT - 1}/*").status == 308
    assert storage.call("DELETE", session).status == 499
    assert eventually(lambda: len(kept(runtime, bucket)) == 1)
    assert runtime.call("GET", f"/{bucket}?uploads").body.count(b"<UploadId>") == 0


def test_a_bucket_that_does_not_answer_is_a_503_and_nothing_is_lost(
    own_runtime: RuntimeProcess, outer: RuntimeProcess
) -> None:
    bucket = put_behind(own_runtime, outer)
    storage = a_bucket(own_runtime.start())
    storage.put("kept", BIG)
    session = storage.start("resumed")
    assert storage.send(session, BIG[:UNIT], f"bytes 0-{UNIT - 1}/*").status == 308
    outer.kill()
    compose = {"sourceObjects": [{"name": "kept"}], "destination": {}}
    calls = (
        partial(storage.upload, "new", b"hello", {"Content-Type": "text/plain"}),
        partial(storage.media, "kept"),
        partial(storage.media, "kept", {"Range": "bytes=5-9"}),
        partial(storage.send, session, BIG[UNIT:], f"bytes {UNIT}-{len(BIG) - 1}/{len(BIG)}"),
        partial(storage.call, "POST", f"{storage.root}/o/c/compose", compose),
    )
    with ThreadPoolExecutor(len(calls)) as pool:  # each is tried for some seconds
        answers = list(pool.map(lambda call: call(), calls))
    for answer in answers:
        assert answer.status == 503, answer.body
        assert f"gs://{bucket}/" in reason(answer.body), answer.body
    assert storage.names() == ["kept"]
    assert storage.get("kept")["md5Hash"] == md5(BIG)
    own_runtime.kill()
    own_runtime.start()  # it starts without its bucket, too: it has seen it before
    assert storage.upload("new", b"hello", {"Content-Type": "text/plain"}).status == 503
    outer.start()
    done = storage.send(session, b"", f"bytes */{len(BIG)}")
    assert (done.status, done.json["md5Hash"]) == (200, md5(BIG))  # no byte was sent twice
    storage.put("new", b"hello")
    assert storage.media("kept").body == BIG
    assert storage.media("resumed").body == BIG
    assert eventually(lambda: len(kept(outer, bucket)) == 3)


def test_strays_in_the_bucket_go_at_the_next_start_and_nothing_else(
    own_runtime: RuntimeProcess, runtime: RuntimeProcess
) -> None:
    bucket = put_behind(own_runtime, runtime)
    storage = a_bucket(own_runtime.start())
    storage.put("x", b"hello")
    session = storage.start("y")
    assert storage.send(session, BIG[:UNIT], f"bytes 0-{UNIT - 1}/*").status == 308
    before = kept(runtime, bucket)
    own_runtime.kill()
    outside = Storage(runtime, bucket)
    outside.put("some/prefix/ab/ab00-stray", b"left")
    outside.put("some/prefix/ab/Not Ours.txt", b"left")
    outside.put("elsewhere/ab/ab00-stray", b"left")
    leftover = own_runtime.directory / "objects" / "cd" / "cd00-staged"
    leftover.parent.mkdir(exist_ok=True)
    leftover.write_bytes(b"of a session that is done")
    own_runtime.start()
    assert eventually(lambda: kept(runtime, bucket) == sorted([*before, "Not Ours.txt"]))
    assert eventually(lambda: not leftover.exists())
    assert outside.get("elsewhere/ab/ab00-stray")["size"] == "4"
    assert storage.send(session, BIG[UNIT:], f"bytes {UNIT}-{len(BIG) - 1}/{len(BIG)}").json["md5Hash"] == md5(BIG)


# -- starts that are refused -----------------------------------------------------------------------------------------


def refusal(directory: Path, environ: dict[str, str], *arguments: str) -> str:
    """What `up` says when it does not start."""
    ended = subprocess.run(
        [
            HAKOBUNE,
            "up",
            "--data",
            str(directory),
            "--port",
            str(free_port()),
            "--grpc-port",
            str(free_port()),
            *arguments,
        ],
        env={**os.environ, "GOOGLE_CLOUD_PROJECT": PROJECT, **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 1, ended.stderr
    assert "Traceback" not in ended.stderr
    return ended.stderr


def test_a_bucket_that_is_not_there_is_refused_at_the_start(tmp_path: Path, runtime: RuntimeProcess) -> None:
    for scheme in ("gs", "s3"):
        said = refusal(tmp_path / scheme, variables(runtime, scheme), f"--objects={scheme}://no-such-bucket/x")
        assert f"There is no bucket for {scheme}://no-such-bucket/x: create it" in said


def test_a_new_bucket_that_does_not_answer_is_refused_at_the_start(tmp_path: Path) -> None:
    nobody = RuntimeProcess(tmp_path / "nobody")
    said = refusal(tmp_path / "data", variables(nobody, "gs"), "--objects=gs://bucket-1/x")
    assert "gs://bucket-1/x, cannot be used now" in said


def test_the_prefix_of_another_data_directory_is_refused_at_the_start(
    tmp_path: Path, own_runtime: RuntimeProcess, runtime: RuntimeProcess
) -> None:
    put_behind(own_runtime, runtime)
    own_runtime.start()
    said = refusal(tmp_path / "other", own_runtime.environ, *own_runtime.arguments)
    assert "holds the contents of another data directory: choose another prefix" in said


def test_objects_stay_where_they_are_and_an_empty_directory_may_change(
    own_runtime: RuntimeProcess, runtime: RuntimeProcess
) -> None:
    own_runtime.start()
    own_runtime.stop()
    bucket = put_behind(own_runtime, runtime)  # nothing is in the directory yet
    storage = a_bucket(own_runtime.start())
    storage.put("x", b"hello")
    assert own_runtime.stop() == 0
    said = refusal(own_runtime.directory, own_runtime.environ)
    assert f"keeps the contents of its objects in gs://{bucket}/some/prefix" in said
    other = new_bucket(runtime)
    said = refusal(own_runtime.directory, own_runtime.environ, f"--objects=gs://{other}/x")
    assert f"start it with --objects=gs://{bucket}/some/prefix" in said
    own_runtime.start()
    assert storage.media("x").body == b"hello"


def test_files_of_the_directory_do_not_become_a_bucket(own_runtime: RuntimeProcess, runtime: RuntimeProcess) -> None:
    a_bucket(own_runtime.start()).put("x", b"hello")
    assert own_runtime.stop() == 0
    said = refusal(own_runtime.directory, variables(runtime, "gs"), f"--objects=gs://{new_bucket(runtime)}/x")
    assert "in files of its own: start it with no --objects" in said


def test_a_bucket_that_lost_everything_is_refused_at_the_start(
    own_runtime: RuntimeProcess, runtime: RuntimeProcess
) -> None:
    bucket = put_behind(own_runtime, runtime)
    a_bucket(own_runtime.start()).put("x", b"hello")
    assert own_runtime.stop() == 0
    outside = Storage(runtime, bucket)
    assert outside.call("DELETE", outside.path("some/prefix/hakobune-owner")).status == 204
    said = refusal(own_runtime.directory, own_runtime.environ, *own_runtime.arguments)
    assert "does not hold the contents of this data directory: its object hakobune-owner is gone" in said


def test_without_the_extra_the_start_is_refused_with_what_to_install(tmp_path: Path) -> None:
    """A module of that name that cannot be imported stands in front of the real one."""
    (tmp_path / "obstore.py").write_text("raise ImportError('not here')")
    said = refusal(tmp_path / "data", {"PYTHONPATH": str(tmp_path)}, "--objects=gs://bucket-1/x")
    assert "Objects in gs://bucket-1/x need the extra `bucket`: pip install 'hakobune[bucket]'." in said
