"""Batches of Cloud Storage over HTTP: many calls in one, each answered in its place."""

from __future__ import annotations

import email
import gzip
import json
from email.message import Message

import pytest
from storage_calls import Storage, a_bucket, reason

from runtime_process import Answer, RuntimeProcess

EDGE = "===============6097214629207665294=="


@pytest.fixture
def bucket(runtime: RuntimeProcess) -> Storage:
    return a_bucket(runtime)


def part(method: str, target: str, body: object = None, content_id: str = "", line: str = "\n") -> str:
    lines = ["Content-Type: application/http", "MIME-Version: 1.0"]
    lines += [f"Content-ID: {content_id}"] if content_id else []
    lines += ["", f"{method} {target} HTTP/1.1", "Accept-Encoding: gzip"]
    if body is not None:
        text = json.dumps(body)
        lines += ["Content-Type: application/json", f"Content-Length: {len(text)}", "", text]
    else:
        lines += ["", ""]
    return line.join(lines)


def send(
    bucket: Storage, parts: list[str], line: str = "\n", path: str = "/batch/storage/v1", **headers: str
) -> Answer:
    body = "".join(f"--{EDGE}{line}{part}{line}" for part in parts) + f"--{EDGE}--{line}"
    named = {"Content-Type": f'multipart/mixed; boundary="{EDGE}"', **headers}
    return bucket.runtime.call("POST", path, body.encode(), named)


def answers(answer: Answer) -> list[tuple[int, str, dict[str, str]]]:
    """(status, body, headers of the part) of each."""
    assert answer.status == 200, answer.body
    head = f"Content-Type: {answer.headers['content-type']}\r\n\r\n".encode()
    found = []
    whole = email.message_from_bytes(head + answer.body)
    for item in whole.get_payload():  # type: ignore[union-attr]
        assert isinstance(item, Message)
        assert item.get_content_type() == "application/http"
        text = str(item.get_payload())
        line, _, rest = text.partition("\n")
        _, _, body = rest.replace("\r\n", "\n").partition("\n\n")
        found.append((int(line.split()[1]), body.strip(), dict(item.items())))
    return found


@pytest.mark.parametrize("line", ["\n", "\r\n"])
def test_calls_are_answered_in_their_order(bucket: Storage, line: str) -> None:
    for name in ("a", "b", "c d/é"):
        bucket.put(name)
    root = f"{bucket.runtime.url}{bucket.root}/o"
    parts = [
        part("DELETE", f"{root}/a?prettyPrint=false", line=line),
        part("PATCH", f"{bucket.root}/o/b", {"metadata": {"k": "v"}}, line=line),
        part("GET", f"{root}/none", line=line),
        part("GET", f"{bucket.root}/o/c%20d%2F%C3%A9?fields=name", content_id="<x+3>", line=line),
        part("DELETE", f"{root}/b?ifGenerationMatch=1", line=line),
    ]
    found = answers(send(bucket, parts, line))
    assert [status for status, _, _ in found] == [204, 200, 404, 200, 412]
    assert json.loads(found[1][1])["metadata"] == {"k": "v"}
    assert json.loads(found[2][1])["error"]["errors"][0]["reason"] == "notFound"
    assert found[3][2]["Content-ID"] == "<response-x+3>"
    assert bucket.names() == ["b", "c d/é"]


def test_a_thousand_calls_are_taken_and_no_more(bucket: Storage) -> None:
    call = part("GET", f"{bucket.root}?fields=name")
    found = answers(send(bucket, [call] * 1000))
    assert [status for status, _, _ in found] == [200] * 1000
    answer = send(bucket, [call] * 1001)
    assert (answer.status, reason(answer)) == (400, "invalid")


def test_calls_have_the_rights_of_their_sender(bucket: Storage) -> None:
    found = answers(send(bucket, [part("GET", bucket.root)]))
    assert found[0][0] == 200
    answer = send(bucket, [part("GET", bucket.root)], Authorization="Bearer a.b.c")
    assert answer.status == 401


@pytest.mark.parametrize(
    "target",
    [
        "/v2/projects/p/locations/l/jobs",
        "/batch/storage/v1",
        "/upload/storage/v1/b/x/o?uploadType=media&name=x",
        "/download/storage/v1/b/x/o/y?alt=media",
        "/storage/v1/b/x/o/y?alt=media",
        "http://[broken/storage/v1/b",
        "relative",
    ],
)
def test_what_has_no_place_in_a_batch_is_refused_there(bucket: Storage, target: str) -> None:
    found = answers(send(bucket, [part("POST", target), part("GET", bucket.root)]))
    assert [status for status, _, _ in found] == [400, 200]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"rubbish",
        f"--{EDGE}--".encode(),
        f"--{EDGE}\n\n--{EDGE}--".encode(),
        f"--{EDGE}\nContent-Type: text/plain\n\nGET / HTTP/1.1\n\n--{EDGE}--".encode(),
        f"--{EDGE}\nContent-Type: application/http\n\nrubbish\n\n--{EDGE}--".encode(),
        f"--{EDGE}\nContent-Type: application/http\n\nGET /storage/v1/b HTTP/1.1\nno header\n\n--{EDGE}--".encode(),
        f"--{EDGE}\nContent-Type: application/http\n\nGET /storage/v1/b HTTP/1.1\n\n".encode(),
    ],
)
def test_a_batch_that_cannot_be_read_is_refused(bucket: Storage, body: bytes) -> None:
    headers = {"Content-Type": f"multipart/mixed; boundary={EDGE}"}
    answer = bucket.runtime.call("POST", "/batch/storage/v1", body, headers)
    assert (answer.status, reason(answer)) == (400, "invalid"), answer.body


def test_a_batch_of_another_type_is_refused(bucket: Storage) -> None:
    for content_type in ("application/json", "multipart/mixed", "multipart/related; boundary=x"):
        answer = bucket.runtime.call("POST", "/batch/storage/v1", b"x", {"Content-Type": content_type})
        assert answer.status == 400


def test_a_batch_that_is_too_large_is_refused(bucket: Storage) -> None:
    headers = {"Content-Type": f"multipart/mixed; boundary={EDGE}"}
    answer = bucket.runtime.call("POST", "/batch", b"x" * (10 * 1024 * 1024 + 1), headers)
    assert (answer.status, reason(answer)) == (413, "uploadTooLarge")


@pytest.mark.parametrize(
    "path", ["{root}/o/packed?alt=m%65dia", "{root}/o/packed?alt=MEDIA", "/storage/v1/download{b}"]
)
def test_no_content_comes_in_a_batch_however_it_is_asked_for(bucket: Storage, path: str) -> None:
    bucket.put("packed", gzip.compress(b"x" * 1_000_000), contentEncoding="gzip")
    target = path.format(root=bucket.root, b=f"/b/{bucket.bucket}/o/packed")
    answer = send(bucket, [part("GET", target), part("GET", bucket.root)])
    assert [status for status, _, _ in answers(answer)] == [400, 200]
    assert len(answer.body) < 10_000
