"""Downloads from Cloud Storage over HTTP: headers, ranges, conditions, transcoding."""

from __future__ import annotations

import gzip
import http.client
import os
from collections.abc import Callable
from urllib.parse import quote

import pytest
from storage_calls import Storage, a_bucket, crc32c, md5, reason

from runtime_process import RuntimeProcess

CONTENT = os.urandom(200_000)


@pytest.fixture(scope="module")
def bucket(runtime: RuntimeProcess) -> Storage:
    found = a_bucket(runtime)
    found.put("x", CONTENT)
    found.put("ten", b"0123456789")
    found.put("empty", b"")
    return found


def test_all_that_clients_need_stands_in_the_headers(bucket: Storage) -> None:
    made = bucket.put("meta", b"hello")
    body = {
        "contentDisposition": 'attachment; filename="日本.txt"',
        "contentLanguage": "ja",
        "cacheControl": "no-store",
        "metadata": {"k": "v"},
    }
    made = bucket.call("PATCH", bucket.path("meta"), body).json
    answer = bucket.media("meta")
    found = answer.headers
    assert (answer.status, answer.body) == (200, b"hello")
    assert (found["content-type"], found["content-length"]) == ("text/plain", "5")
    assert found["content-disposition"].encode("latin-1").decode() == 'attachment; filename="日本.txt"'
    assert (found["content-language"], found["cache-control"]) == ("ja", "no-store")
    assert found["x-goog-generation"] == made["generation"]
    assert found["x-goog-metageneration"] == "2"
    assert found["x-goog-storage-class"] == "STANDARD"
    assert found["x-goog-hash"] == f"crc32c={crc32c(b'hello')},md5={md5(b'hello')}"
    assert (found["x-goog-stored-content-length"], found["x-goog-stored-content-encoding"]) == ("5", "identity")
    assert (found["etag"], found["accept-ranges"]) == (made["etag"], "bytes")
    assert found["last-modified"].endswith(" GMT")
    assert "x-goog-meta-k" not in found


@pytest.mark.parametrize("prefix", ["/download", ""])
def test_both_paths_give_the_bytes(bucket: Storage, prefix: str) -> None:
    assert bucket.call("GET", f"{prefix}{bucket.path('x', alt='media')}").body == CONTENT


def test_the_download_path_needs_no_alt(bucket: Storage) -> None:
    assert bucket.call("GET", f"/download{bucket.path('x')}").body == CONTENT


def test_head_has_the_headers_alone(bucket: Storage) -> None:
    answer = bucket.call("HEAD", f"/download{bucket.path('x', alt='media')}")
    assert (answer.status, answer.body, answer.headers["content-length"]) == (200, b"", "200000")


@pytest.mark.parametrize(
    ("said", "first", "last"),
    [
        ("bytes=0-", 0, 9),
        ("bytes=0-0", 0, 0),
        ("bytes=1-3", 1, 3),
        ("bytes=5-", 5, 9),
        ("bytes=8-100", 8, 9),
        ("bytes=-3", 7, 9),
        ("bytes=-100", 0, 9),
        ("bytes=9-9", 9, 9),
        ("BYTES = 1 - 2", 1, 2),
    ],
)
def test_a_range(bucket: Storage, said: str, first: int, last: int) -> None:
    answer = bucket.media("ten", {"Range": said})
    assert (answer.status, answer.body) == (206, b"0123456789"[first : last + 1])
    assert answer.headers["content-range"] == f"bytes {first}-{last}/10"
    assert answer.headers["content-length"] == str(last - first + 1)
    assert answer.headers["x-goog-hash"].startswith(f"crc32c={crc32c(b'0123456789')}")


@pytest.mark.parametrize("said", ["bytes=10-", "bytes=10-20", "bytes=99-", "bytes=-0"])
def test_a_range_beyond_the_end(bucket: Storage, said: str) -> None:
    answer = bucket.media("ten", {"Range": said})
    assert (answer.status, reason(answer)) == (416, "requestedRangeNotSatisfiable")
    assert answer.headers["content-range"] == "bytes */10"


def test_any_range_of_an_empty_object_is_beyond_its_end(bucket: Storage) -> None:
    for said in ("bytes=0-", "bytes=0-5", "bytes=-1"):
        answer = bucket.media("empty", {"Range": said})
        assert (answer.status, answer.headers["content-range"]) == (416, "bytes */0")
    assert bucket.media("empty").body == b""


@pytest.mark.parametrize(
    "said", ["bytes=", "bytes=-", "bytes=5-2", "bytes=a-b", "lines=1-2", "bytes=0-1,3-4", "0-4", "bytes=1-2-3"]
)
def test_a_range_that_cannot_be_read_is_ignored(bucket: Storage, said: str) -> None:
    answer = bucket.media("ten", {"Range": said})
    assert (answer.status, answer.body) == (200, b"0123456789")


def test_a_large_range(bucket: Storage) -> None:
    answer = bucket.media("x", {"Range": "bytes=1000-150999"})
    assert (answer.status, answer.body == CONTENT[1000:151_000]) == (206, True)


def test_if_range(bucket: Storage) -> None:
    etag = bucket.get("ten")["etag"]
    assert bucket.media("ten", {"Range": "bytes=1-3", "If-Range": etag}).status == 206
    assert bucket.media("ten", {"Range": "bytes=1-3", "If-Range": '"other"'}).status == 200


def test_a_generation_pins_what_is_read(runtime: RuntimeProcess) -> None:
    own = a_bucket(runtime)
    old = own.put("x", b"old")
    own.put("x", b"new")
    answer = own.media("x", generation=old["generation"])
    assert (answer.status, reason(answer)) == (404, "notFound")
    assert own.media("x", generation="x").status == 400


def test_what_is_not_there_is_not_found(bucket: Storage) -> None:
    answer = bucket.media("none")
    assert (answer.status, reason(answer)) == (404, "notFound")
    answer = bucket.call("GET", f"/download{bucket.root}/o/")
    assert (answer.status, reason(answer)) == (400, "required")
    assert Storage(bucket.runtime, "no-such-bucket").media("x").status == 404


# -- transcoding ----------------------------------------------------------------------------------------------------


def packed(bucket: Storage, name: str, content: bytes, **fields: str) -> None:
    assert bucket.upload(name, content, {"Content-Type": "text/plain", "Content-Encoding": "gzip"}).status == 200
    if fields:
        bucket.call("PATCH", bucket.path(name), fields)


def test_gzip_content_is_unpacked_for_those_who_do_not_take_it(bucket: Storage) -> None:
    plain = b"line\n" * 300_000
    stored = gzip.compress(plain)
    packed(bucket, "gz", stored)
    answer = bucket.media("gz", {"Accept-Encoding": "gzip"})
    assert (answer.body, answer.headers["content-encoding"]) == (stored, "gzip")
    answer = bucket.media("gz", {"Range": "bytes=0-10"})
    assert (answer.status, answer.body == plain) == (200, True)
    assert "content-encoding" not in answer.headers
    assert "content-range" not in answer.headers
    assert "content-length" not in answer.headers
    assert answer.headers["x-goog-stored-content-encoding"] == "gzip"
    assert answer.headers["x-goog-stored-content-length"] == str(len(stored))
    assert answer.headers["x-goog-hash"].startswith(f"crc32c={crc32c(stored)}")


def test_several_members_are_unpacked_one_after_the_other(bucket: Storage) -> None:
    packed(bucket, "members", gzip.compress(b"one ") + gzip.compress(b"") + gzip.compress(b"two"))
    assert bucket.media("members").body == b"one two"


def test_a_range_of_gzip_content_is_one_of_the_stored_bytes(bucket: Storage) -> None:
    stored = gzip.compress(b"hello")
    packed(bucket, "gz-range", stored)
    answer = bucket.media("gz-range", {"Accept-Encoding": "gzip", "Range": "bytes=0-1"})
    assert (answer.status, answer.body) == (206, stored[:2])


def test_no_transform_is_respected(bucket: Storage) -> None:
    stored = gzip.compress(b"hello")
    packed(bucket, "kept", stored, cacheControl="no-transform")
    assert bucket.media("kept").body == stored


def spoiled(whole: bytes) -> bytes:
    """A gzip file whose last blocks are of no known type."""
    return whole[:500_000] + b"\xff" * 500_000


def test_content_that_only_says_it_is_gzip_comes_as_it_is(bucket: Storage) -> None:
    packed(bucket, "liar", b"not gzip at all")
    assert bucket.media("liar").body == b"not gzip at all"
    packed(bucket, "empty-gz", b"")
    assert bucket.media("empty-gz").body == b""


@pytest.mark.parametrize(("spoil", "why"), [(lambda whole: whole[:-1000], "it is cut"), (spoiled, "invalid")])
def test_gzip_content_that_is_cut_or_spoiled_ends_with_a_cut_connection_and_a_line_in_the_log(
    bucket: Storage, spoil: Callable[[bytes], bytes], why: str
) -> None:
    packed(bucket, "cut", spoil(gzip.compress(os.urandom(1_000_000))))
    before = len(bucket.runtime.log)
    with pytest.raises(http.client.IncompleteRead):
        bucket.media("cut")
    (line,) = bucket.runtime.log[before:].splitlines()
    assert f"{bucket.path('cut')}?alt=media is cut: the content says that it is gzip, and cannot be unpacked: " in line
    assert why in line
    assert bucket.media("ten").status == 200


def test_a_small_file_that_grows_a_thousandfold_is_streamed(bucket: Storage) -> None:
    packed(bucket, "bomb", gzip.compress(bytes(64 * 1024 * 1024)))
    assert len(bucket.media("bomb").body) == 64 * 1024 * 1024


def test_an_open_download_goes_on_when_its_object_is_gone(bucket: Storage) -> None:
    bucket.put("going", CONTENT * 20)
    connection = http.client.HTTPConnection("127.0.0.1", bucket.runtime.port, timeout=10)
    connection.request("GET", f"/download{bucket.root}/o/{quote('going')}?alt=media")
    answer = connection.getresponse()
    first = answer.read(1000)
    assert bucket.call("DELETE", bucket.path("going")).status == 204
    assert first + answer.read() == CONTENT * 20
    connection.close()
