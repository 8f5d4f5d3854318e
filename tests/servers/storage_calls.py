"""What the tests of Cloud Storage say to a runtime."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode
from xml.etree import ElementTree as ET

import google_crc32c

from runtime_process import PROJECT, Answer, RuntimeProcess

BOUNDARY = "===============7330845974216740156=="


def crc32c(content: bytes) -> str:
    return base64.b64encode(google_crc32c.value(content).to_bytes(4, "big")).decode()


def md5(content: bytes) -> str:
    return base64.b64encode(hashlib.md5(content).digest()).decode()


def related(metadata: object, content: bytes, content_type: str = "text/plain", line: bytes = b"\r\n") -> bytes:
    """The body of a multipart upload."""
    dashes = b"--" + BOUNDARY.encode()
    head = json.dumps(metadata).encode()
    return line.join(
        [
            dashes,
            b"content-type: application/json; charset=UTF-8",
            b"",
            head,
            dashes,
            b"content-type: " + content_type.encode(),
            b"",
            content,
            dashes + b"--",
        ]
    )


@dataclass
class Storage:
    """One bucket of a runtime."""

    runtime: RuntimeProcess
    bucket: str

    @property
    def root(self) -> str:
        return f"/storage/v1/b/{self.bucket}"

    def path(self, name: str, **query: object) -> str:
        return f"{self.root}/o/{quote(name, safe='')}" + self._query(query)

    @staticmethod
    def _query(query: dict[str, object]) -> str:
        return f"?{urlencode(query)}" if query else ""

    def call(self, method: str, path: str, body: object = None, **headers: str) -> Answer:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.runtime.call(method, path, body, named)

    def put(self, name: str, content: bytes = b"hello", **query: object) -> Any:
        """A simple upload; the object."""
        answer = self.upload(name, content, **query)
        assert answer.status == 200, answer.body
        return answer.json

    def upload(self, name: str, content: bytes, headers: dict[str, str] | None = None, **query: object) -> Answer:
        fields = {"uploadType": "media", "name": name, **query}
        path = f"/upload/storage/v1/b/{self.bucket}/o?{urlencode(fields)}"
        return self.runtime.call("POST", path, content, headers or {"Content-Type": "text/plain"})

    def multipart(self, metadata: object, content: bytes, line: bytes = b"\r\n", **query: object) -> Answer:
        fields = {"uploadType": "multipart", **query}
        path = f"/upload/storage/v1/b/{self.bucket}/o?{urlencode(fields)}"
        headers = {"Content-Type": f'multipart/related; boundary="{BOUNDARY}"'}
        return self.runtime.call("POST", path, related(metadata, content, line=line), headers)

    def start(self, name: str, headers: dict[str, str] | None = None, **query: object) -> str:
        """A resumable upload; the path of its session."""
        fields = {"uploadType": "resumable", "name": name, **query}
        path = f"/upload/storage/v1/b/{self.bucket}/o?{urlencode(fields)}"
        answer = self.runtime.call("POST", path, None, headers or {})
        assert answer.status == 200, answer.body
        assert answer.body == b""
        location = answer.headers["location"]
        assert location.startswith(f"{self.runtime.url}/"), location
        return location.removeprefix(self.runtime.url)

    def send(self, session: str, content: bytes, said: str = "", method: str = "PUT", **headers: str) -> Answer:
        named = {"Content-Range": said} if said else {}
        named |= {name.replace("_", "-"): value for name, value in headers.items()}
        return self.runtime.call(method, session, content, named)

    def get(self, name: str, **query: object) -> Any:
        answer = self.call("GET", self.path(name, **query))
        assert answer.status == 200, answer.body
        return answer.json

    def media(self, name: str, headers: dict[str, str] | None = None, **query: object) -> Answer:
        path = f"/download{self.path(name, alt='media', **query)}"
        return self.runtime.call("GET", path, None, headers or {})

    def names(self, **query: object) -> list[str]:
        answer = self.call("GET", f"{self.root}/o{self._query(query)}")
        assert answer.status == 200, answer.body
        return [item["name"] for item in answer.json.get("items", [])]


def a_bucket(runtime: RuntimeProcess, **body: object) -> Storage:
    """A new bucket."""
    name = f"b-{uuid.uuid4().hex[:12]}"
    answer = runtime.call("POST", f"/storage/v1/b?project={PROJECT}", {"name": name, **body})
    assert answer.status == 200, answer.body
    return Storage(runtime, name)


def reason(answer: Answer) -> str:
    """The reason of an error in storage's form; the form is checked."""
    error = answer.json["error"]
    assert error["code"] == answer.status
    assert error["errors"][0]["message"] == error["message"]
    assert error["errors"][0]["domain"] == "global"
    assert "status" not in error
    return str(error["errors"][0]["reason"])


def xml_code(answer: Answer) -> str:
    """The code of an error in XML."""
    assert answer.headers["content-type"].startswith("application/xml")
    root = ET.fromstring(answer.body)
    assert root.tag == "Error"
    assert root.findtext("Message")
    return str(root.findtext("Code"))


def chunked(runtime: RuntimeProcess, method: str, path: str, chunks: Iterable[bytes]) -> Answer:
    """A request whose length only its end tells."""
    connection = http.client.HTTPConnection("127.0.0.1", runtime.port, timeout=30)
    try:
        connection.request(
            method, path, body=iter(chunks), encode_chunked=True, headers={"Transfer-Encoding": "chunked"}
        )
        answer = connection.getresponse()
        return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
    finally:
        connection.close()
