"""Objects and sessions across kills: what was answered is there, what was begun goes on."""

from __future__ import annotations

import os
import socket
import time

from storage_calls import Storage, a_bucket, md5

from runtime_process import RuntimeProcess

UNIT = 256 * 1024


def files(runtime: RuntimeProcess) -> int:
    """Content files on the disk."""
    return sum(len(names) for _, _, names in os.walk(runtime.directory / "objects"))


def begin(bucket: Storage, path: str, size: int, sent: int, headers: str = "") -> socket.socket:
    """A request whose body is not whole yet."""
    raw = socket.create_connection(("127.0.0.1", bucket.runtime.port))
    raw.sendall(f"PUT {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {size}\r\n{headers}\r\n".encode())
    raw.sendall(os.urandom(sent))
    return raw


def test_given_kills_in_the_middle_then_sessions_and_objects_are_as_they_were_answered(
    own_runtime: RuntimeProcess,
) -> None:
    own_runtime.start()
    bucket = a_bucket(own_runtime)
    content = os.urandom(3 * UNIT + 99)
    made = bucket.put("there", content)
    session = bucket.start("big", {"X-Upload-Content-Length": str(len(content))})
    bucket.send(session, content[:UNIT], f"bytes 0-{UNIT - 1}/{len(content)}")
    half = begin(bucket, f"/{bucket.bucket}/half", 9_000_000, 3_000_000)
    own_runtime.kill()
    half.close()
    own_runtime.start()
    assert bucket.get("there") == made
    assert bucket.media("there").body == content
    assert bucket.media("half").status == 404
    answer = bucket.send(session, b"", "bytes */*")
    assert (answer.status, answer.headers["range"]) == (308, f"bytes=0-{UNIT - 1}")
    answer = bucket.send(session, content[UNIT:], f"bytes {UNIT}-{len(content) - 1}/{len(content)}")
    assert (answer.status, answer.json["md5Hash"]) == (200, md5(content))
    own_runtime.kill()
    own_runtime.start()
    again = bucket.send(session, b"", "bytes */*")
    assert (again.status, again.json) == (200, answer.json)
    assert bucket.names() == ["big", "there"]


def test_what_was_given_up_leaves_no_file_behind(own_runtime: RuntimeProcess) -> None:
    own_runtime.start()
    bucket = a_bucket(own_runtime)
    begin(bucket, f"/{bucket.bucket}/half", 9_000_000, 3_000_000).close()
    session = bucket.start("cancelled")
    bucket.send(session, os.urandom(UNIT), f"bytes 0-{UNIT - 1}/*")
    bucket.call("DELETE", session)
    bucket.upload("refused", os.urandom(UNIT), {"x-goog-hash": "crc32c=AAAAAA=="})
    for number in range(3):
        bucket.put("replaced", f"{number}".encode())
    end = time.monotonic() + 20
    while (left := files(own_runtime)) != 1:
        assert time.monotonic() < end, f"{left} files are left"
        time.sleep(0.05)
    assert bucket.media("replaced").body == b"2"
