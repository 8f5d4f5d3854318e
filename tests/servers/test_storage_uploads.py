"""Uploads to Cloud Storage over HTTP: simple, multipart, resumable; each is whole or leaves nothing."""

from __future__ import annotations

import http.client
import os
import socket
import time
import uuid
from urllib.parse import urlencode

import pytest
from storage_calls import BOUNDARY, Storage, a_bucket, chunked, crc32c, md5, reason, related

from runtime_process import Answer, RuntimeProcess

UNIT = 256 * 1024


@pytest.fixture(scope="module")
def bucket(runtime: RuntimeProcess) -> Storage:
    return a_bucket(runtime)


@pytest.fixture
def name() -> str:
    return f"o/{uuid.uuid4().hex[:8]}"


def is_absent(bucket: Storage, name: str) -> bool:
    return bucket.call("GET", bucket.path(name)).status == 404


# -- simple ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, 5, 65_536, 3_000_001])
def test_a_simple_upload_is_there_with_its_checksums(bucket: Storage, name: str, size: int) -> None:
    content = os.urandom(size)
    made = bucket.put(name, content)
    assert (made["size"], made["crc32c"], made["md5Hash"]) == (str(size), crc32c(content), md5(content))
    assert bucket.media(name).body == content


def test_without_a_type_it_is_octets(bucket: Storage, name: str) -> None:
    path = f"/upload/storage/v1/b/{bucket.bucket}/o?{urlencode({'uploadType': 'media', 'name': name})}"
    assert bucket.call("POST", path, b"x").json["contentType"] == "application/octet-stream"


def test_content_encoding_is_metadata_and_the_bytes_stay_as_they_are(bucket: Storage, name: str) -> None:
    packed = b"\x1f\x8b not really gzip"
    answer = bucket.upload(name, packed, {"Content-Type": "text/plain", "Content-Encoding": "gzip"})
    assert (answer.json["contentEncoding"], answer.json["size"]) == ("gzip", str(len(packed)))
    assert bucket.upload(name, b"x", contentEncoding="br").json["contentEncoding"] == "br"


def test_an_upload_in_chunks_of_unknown_length(bucket: Storage, name: str) -> None:
    path = f"/upload/storage/v1/b/{bucket.bucket}/o?{urlencode({'uploadType': 'media', 'name': name})}"
    answer = chunked(bucket.runtime, "POST", path, [b"one ", b"two ", b"three"])
    assert (answer.status, answer.json["size"]) == (200, "13")
    assert bucket.media(name).body == b"one two three"


@pytest.mark.parametrize(
    "header",
    [
        {"x-goog-hash": "crc32c=AAAAAA=="},
        {"x-goog-hash": "md5=" + md5(b"other")},
        {"x-goog-hash": "crc32c=" + crc32c(b"hello") + ",md5=" + md5(b"other")},
        {"Content-MD5": md5(b"other")},
        {"Content-MD5": "not base64!"},
        {"x-goog-hash": "crc32c=AA=="},
    ],
)
def test_a_wrong_checksum_is_refused_and_leaves_nothing(bucket: Storage, name: str, header: dict[str, str]) -> None:
    answer = bucket.upload(name, b"hello", header)
    assert (answer.status, reason(answer)) == (400, "invalid"), answer.body
    assert is_absent(bucket, name)


def test_right_checksums_are_taken(bucket: Storage, name: str) -> None:
    header = {"x-goog-hash": f"crc32c={crc32c(b'hello')}, md5={md5(b'hello')}", "Content-MD5": md5(b"hello")}
    assert bucket.upload(name, b"hello", header).status == 200


def test_preconditions_of_uploads(bucket: Storage, name: str) -> None:
    made = bucket.put(name, b"one", ifGenerationMatch=0)
    answer = bucket.upload(name, b"two", ifGenerationMatch=0)
    assert (answer.status, reason(answer)) == (412, "conditionNotMet")
    assert answer.json["error"]["message"] == "At least one of the pre-conditions you specified did not hold."
    assert bucket.upload(name, b"two", ifMetagenerationMatch=2).status == 412
    assert bucket.upload(name, b"two", ifGenerationNotMatch=made["generation"]).status == 412
    assert bucket.media(name).body == b"one"
    assert bucket.upload(name, b"two", ifGenerationMatch=made["generation"]).status == 200


@pytest.mark.parametrize(
    ("query", "status", "why"),
    [
        ({"uploadType": "media"}, 400, "required"),
        ({"name": "x"}, 400, "invalid"),
        ({"uploadType": "other", "name": "x"}, 400, "invalid"),
        ({"uploadType": "media", "name": "a\0b"}, 400, "invalid"),
        ({"uploadType": "media", "name": "x", "ifGenerationMatch": "x"}, 400, "invalidParameter"),
        ({"uploadType": "resumable", "upload_id": "none"}, 404, "notFound"),
        ({"uploadType": "resumable", "upload_id": "../../etc"}, 404, "notFound"),
        ({"uploadType": "resumable"}, 400, "required"),
    ],
)
def test_uploads_that_name_nothing_are_refused(bucket: Storage, query: dict[str, str], status: int, why: str) -> None:
    answer = bucket.call("POST", f"/upload/storage/v1/b/{bucket.bucket}/o?{urlencode(query)}", b"")
    assert (answer.status, reason(answer)) == (status, why), answer.body


def test_an_upload_into_no_bucket_is_refused(runtime: RuntimeProcess) -> None:
    nowhere = Storage(runtime, "no-such-bucket")
    for answer in (
        nowhere.upload("x", b"hello"),
        nowhere.multipart({"name": "x"}, b"hello"),
        nowhere.upload("x", b"", uploadType="resumable"),
    ):
        assert (answer.status, reason(answer)) == (404, "notFound")


def test_given_a_sender_that_leaves_in_the_middle_then_nothing_is_there(bucket: Storage, name: str) -> None:
    path = f"/upload/storage/v1/b/{bucket.bucket}/o?{urlencode({'uploadType': 'media', 'name': name})}"
    made = bucket.put(name, b"old")
    with socket.create_connection(("127.0.0.1", bucket.runtime.port)) as raw:
        raw.sendall(f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9000000\r\n\r\n".encode())
        raw.sendall(b"x" * 3_000_000)
    time.sleep(0.1)
    assert bucket.get(name) == made
    assert bucket.media(name).body == b"old"


def test_expect_100_is_answered_before_the_bytes_come(bucket: Storage, name: str) -> None:
    path = f"/upload/storage/v1/b/{bucket.bucket}/o?{urlencode({'uploadType': 'media', 'name': name})}"
    with socket.create_connection(("127.0.0.1", bucket.runtime.port), timeout=10) as raw:
        raw.sendall(
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n".encode()
        )
        assert raw.recv(100).startswith(b"HTTP/1.1 100 ")
        raw.sendall(b"hello")
        assert raw.recv(4096).startswith(b"HTTP/1.1 200 ")
        refused = path + "&ifGenerationMatch=0"
        raw.sendall(
            f"POST {refused} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n".encode()
        )
        assert raw.recv(4096).startswith(b"HTTP/1.1 412 ")


# -- multipart ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("line", [b"\r\n", b"\n"])
@pytest.mark.parametrize(
    "content", [b"", b"hello", b"\r\n", b"--", b"\n--" + BOUNDARY.encode() + b"x\n", bytes(range(256)) * 9_000, b"\r"]
)
def test_a_multipart_upload_takes_any_bytes(bucket: Storage, name: str, line: bytes, content: bytes) -> None:
    metadata = {"name": name, "crc32c": crc32c(content), "metadata": {"k": "v"}, "cacheControl": "no-cache"}
    answer = bucket.multipart(metadata, content, line)
    assert answer.status == 200, answer.body
    found = answer.json
    assert (found["md5Hash"], found["contentType"]) == (md5(content), "text/plain")
    assert (found["metadata"], found["cacheControl"]) == ({"k": "v"}, "no-cache")
    assert bucket.media(name).body == content


@pytest.mark.parametrize("quoted", [f'"{BOUNDARY}"', f"'{BOUNDARY}'", BOUNDARY])
def test_the_boundary_may_be_quoted(bucket: Storage, name: str, quoted: str) -> None:
    path = f"/upload/storage/v1/b/{bucket.bucket}/o?uploadType=multipart"
    headers = {"Content-Type": f"multipart/related; boundary={quoted}"}
    answer = bucket.runtime.call("POST", path, related({"name": name}, b"hello"), headers)
    assert answer.status == 200, answer.body


def test_the_metadata_s_type_wins_over_that_of_the_part(bucket: Storage, name: str) -> None:
    assert bucket.multipart({"name": name, "contentType": "a/b"}, b"x").json["contentType"] == "a/b"
    assert bucket.multipart({"contentType": None}, b"x", name=name).json["contentType"] == "text/plain"


@pytest.mark.parametrize(
    "change",
    [
        lambda body: body[:-4],
        lambda body: body[:40],
        lambda body: b"",
        lambda body: b"rubbish" * 1000,
        lambda body: body.replace(b'{"name"', b'{name"'),
        lambda body: body.replace(b'"crc32c": "', b'"crc32c": "AAAA'),
        lambda body: body.replace(b"hello", b"hallo"),
        lambda body: body[:-2] + b"\r\nx: y\r\n\r\nthird part\r\n--" + BOUNDARY.encode() + b"--",
        lambda body: body.replace(b"content-type: text/plain", b"content-transfer-encoding: base64"),
        lambda body: body.replace(b"content-type: text/plain", b"x: " + b"y" * 20_000),
    ],
)
def test_a_multipart_upload_that_is_broken_leaves_nothing(bucket: Storage, name: str, change: object) -> None:
    body = change(related({"name": name, "crc32c": crc32c(b"hello")}, b"hello"))  # type: ignore[operator]
    path = f"/upload/storage/v1/b/{bucket.bucket}/o?uploadType=multipart"
    answer = bucket.runtime.call("POST", path, body, {"Content-Type": f"multipart/related; boundary={BOUNDARY}"})
    assert answer.status == 400, answer.body
    reason(answer)
    assert is_absent(bucket, name)


def test_a_multipart_upload_without_a_boundary_is_refused(bucket: Storage) -> None:
    path = f"/upload/storage/v1/b/{bucket.bucket}/o?uploadType=multipart"
    for content_type in ("", "multipart/related", "multipart/related; boundary=", 'multipart/related; boundary="é"'):
        answer = bucket.runtime.call("POST", path, b"x", {"Content-Type": content_type} if content_type else {})
        assert answer.status == 400, answer.body


def test_huge_metadata_is_refused(bucket: Storage, name: str) -> None:
    answer = bucket.multipart({"name": name, "metadata": {"k": "v" * 2_000_000}}, b"x")
    assert (answer.status, reason(answer)) == (400, "invalid")


# -- resumable ------------------------------------------------------------------------------------------------------


def test_the_whole_content_in_one_request(bucket: Storage, name: str) -> None:
    content = os.urandom(700_000)
    session = bucket.start(name, {"X-Upload-Content-Type": "a/b", "X-Upload-Content-Length": "700000"})
    answer = bucket.send(session, content)
    assert (answer.status, answer.json["contentType"], answer.json["md5Hash"]) == (200, "a/b", md5(content))
    again = bucket.send(session, b"", "bytes */*")
    assert (again.status, again.json) == (200, answer.json)


@pytest.mark.parametrize("method", ["PUT", "POST"])
def test_chunks_of_a_content_of_unknown_size(bucket: Storage, name: str, method: str) -> None:
    content = os.urandom(2 * UNIT + 1000)
    session = bucket.start(name)
    first = bucket.send(session, content[:UNIT], f"bytes 0-{UNIT - 1}/*", method)
    assert (first.status, first.headers["range"], first.body) == (308, f"bytes=0-{UNIT - 1}", b"")
    assert is_absent(bucket, name)
    second = bucket.send(session, content[UNIT : 2 * UNIT], f"bytes {UNIT}-{2 * UNIT - 1}/*", method)
    assert (second.status, second.headers["range"]) == (308, f"bytes=0-{2 * UNIT - 1}")
    said = f"bytes {2 * UNIT}-{len(content) - 1}/{len(content)}"
    last = bucket.send(session, content[2 * UNIT :], said, method, x_goog_hash=f"crc32c={crc32c(content)}")
    assert (last.status, last.json["size"]) == (200, str(len(content)))
    assert bucket.media(name).body == content


def test_the_end_may_come_without_bytes(bucket: Storage, name: str) -> None:
    content = os.urandom(UNIT)
    session = bucket.start(name)
    bucket.send(session, content, f"bytes 0-{UNIT - 1}/*")
    answer = bucket.send(session, b"", f"bytes */{UNIT}")
    assert (answer.status, answer.json["md5Hash"]) == (200, md5(content))


def test_an_empty_content(bucket: Storage, name: str) -> None:
    for said in ("", "bytes */0"):
        assert bucket.send(bucket.start(name), b"", said).json["size"] == "0"


def test_a_body_whose_length_only_its_end_tells(bucket: Storage, name: str) -> None:
    session = bucket.start(name)
    answer = chunked(bucket.runtime, "PUT", session, [b"one ", b"two"])
    assert (answer.status, answer.json["size"]) == (200, "7")


def test_a_status_says_what_is_safe(bucket: Storage, name: str) -> None:
    session = bucket.start(name, {"X-Upload-Content-Length": f"{3 * UNIT}"})
    for said in ("bytes */*", f"bytes */{3 * UNIT}"):
        answer = bucket.send(session, b"", said)
        assert answer.status == 308
        assert "range" not in answer.headers
    bucket.send(session, os.urandom(UNIT), f"bytes 0-{UNIT - 1}/{3 * UNIT}")
    answer = bucket.send(session, b"", "bytes */*")
    assert (answer.status, answer.headers["range"]) == (308, f"bytes=0-{UNIT - 1}")


def test_bytes_that_were_sent_before_are_skipped_and_gaps_are_refused(bucket: Storage, name: str) -> None:
    content = os.urandom(3 * UNIT)
    session = bucket.start(name)
    bucket.send(session, content[: 2 * UNIT], f"bytes 0-{2 * UNIT - 1}/*")
    gap = bucket.send(session, b"x", f"bytes {3 * UNIT}-{3 * UNIT}/{3 * UNIT + 1}")
    assert (gap.status, reason(gap)) == (400, "invalid")
    session = bucket.start(name)
    bucket.send(session, content[: 2 * UNIT], f"bytes 0-{2 * UNIT - 1}/*")
    answer = bucket.send(session, content[UNIT:], f"bytes {UNIT}-{3 * UNIT - 1}/{3 * UNIT}")
    assert (answer.status, answer.json["md5Hash"]) == (200, md5(content))


def test_given_a_sender_that_breaks_off_then_it_can_go_on(bucket: Storage, name: str) -> None:
    content = os.urandom(4_000_000)
    session = bucket.start(name)
    head = f"PUT {session} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(content)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", bucket.runtime.port)) as raw:
        raw.sendall(head.encode() + content[:3_000_000])
        end = time.monotonic() + 10
        while "range" not in (answer := bucket.send(session, b"", "bytes */*")).headers:
            assert time.monotonic() < end
    answer = bucket.send(session, b"", "bytes */*")
    assert answer.status == 308
    there = int(answer.headers["range"].rpartition("-")[2]) + 1
    assert 0 < there <= 3_000_000
    rest = bucket.send(session, content[there:], f"bytes {there}-{len(content) - 1}/{len(content)}")
    assert (rest.status, rest.json["md5Hash"]) == (200, md5(content))


@pytest.mark.parametrize(
    ("said", "content"),
    [
        ("bytes 0-9/5", b"x" * 10),
        ("bytes 5-2/10", b"x"),
        ("bytes a-b/c", b"x"),
        ("bytes 0-/10", b"x"),
        ("0-9/10", b"x" * 10),
        ("bytes 0-9/10, bytes 10-19/20", b"x"),
        ("bytes 0-9/10", b"x" * 5),
        ("bytes 0-99/*", b"x" * 100),
        ("bytes 0-99999999999999999999999/*", b"x"),
        ("bytes 1-10/11", b"x" * 10),
    ],
)
def test_a_content_range_that_cannot_be_is_refused(bucket: Storage, name: str, said: str, content: bytes) -> None:
    answer = bucket.send(bucket.start(name), content, said)
    assert (answer.status, reason(answer)) == (400, "invalid"), answer.body
    assert is_absent(bucket, name)


def test_more_bytes_than_were_announced_are_refused(bucket: Storage, name: str) -> None:
    session = bucket.start(name, {"X-Upload-Content-Length": "10"})
    assert bucket.send(session, b"x" * 20).status == 400
    assert bucket.upload(name, b"", {"X-Upload-Content-Length": "ten"}, uploadType="resumable").status == 400


def test_the_hash_of_the_last_request_is_checked(bucket: Storage, name: str) -> None:
    answer = bucket.send(bucket.start(name), b"hello", "bytes 0-4/5", x_goog_hash="crc32c=AAAAAA==")
    assert (answer.status, reason(answer)) == (400, "invalid")
    assert is_absent(bucket, name)


@pytest.mark.parametrize("said", ["crc32c=!!", "crc32c=AAAA", "md5=x"])
def test_a_checksum_that_cannot_be_read_leaves_nothing_in_a_session(bucket: Storage, name: str, said: str) -> None:
    session = bucket.start(name)
    for content_range in ("bytes 0-4/5", ""):
        assert bucket.send(session, b"hello", content_range, x_goog_hash=said).status == 400
    answer = bucket.send(session, b"", "bytes */*")
    assert (answer.status, answer.headers.get("range")) == (308, None)
    assert bucket.call("GET", bucket.path(name)).status == 404
    assert bucket.send(session, b"hello", "bytes 0-4/5").status == 200


def test_checksums_of_the_metadata_are_checked(bucket: Storage, name: str) -> None:
    path = f"/upload/storage/v1/b/{bucket.bucket}/o?uploadType=resumable"
    answer = bucket.call("POST", path, {"name": name, "md5Hash": md5(b"other"), "metadata": {"k": "v"}})
    session = answer.headers["location"].removeprefix(bucket.runtime.url)
    assert bucket.send(session, b"hello").status == 400
    assert is_absent(bucket, name)


def test_conditions_are_looked_at_when_it_starts_and_when_it_ends(bucket: Storage, name: str) -> None:
    session = bucket.start(name, ifGenerationMatch=0)
    made = bucket.put(name, b"quicker")
    for content, said in ((b"slower", ""), (b"", "bytes */*"), (b"", "bytes */6"), (b"slower", "bytes 0-5/6")):
        answer = bucket.send(session, content, said)  # whoever lost the answer hears the same again
        assert (answer.status, reason(answer)) == (412, "conditionNotMet")
    assert bucket.get(name) == made
    assert bucket.upload(name, b"", uploadType="resumable", ifGenerationMatch=0).status == 412


def test_a_cancelled_session_is_gone(bucket: Storage, name: str) -> None:
    session = bucket.start(name)
    bucket.send(session, os.urandom(UNIT), f"bytes 0-{UNIT - 1}/*")
    answer = bucket.call("DELETE", session)
    assert (answer.status, answer.body) == (499, b"")
    gone = bucket.send(session, b"", "bytes */*")
    assert (gone.status, reason(gone)) == (404, "notFound")
    assert bucket.call("DELETE", session).status == 404


def test_the_session_s_url_is_on_the_host_that_was_asked(bucket: Storage, name: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", bucket.runtime.port, timeout=10)
    path = f"/upload/storage/v1/b/{bucket.bucket}/o?{urlencode({'uploadType': 'resumable', 'name': name})}"
    connection.request("POST", path, headers={"Host": "storage.googleapis.com", "Content-Length": "0"})
    answer = connection.getresponse()
    location = answer.getheader("location") or ""
    assert location.startswith("http://storage.googleapis.com/upload/storage/v1/b/")
    connection.close()
    target = location.removeprefix("http://storage.googleapis.com")
    found: Answer = bucket.runtime.call("PUT", target, b"hello", {"Host": "storage.googleapis.com"})
    assert found.json["selfLink"].startswith("http://storage.googleapis.com/storage/v1/b/")
