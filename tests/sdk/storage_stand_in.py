"""A small stand-in for Cloud Storage's JSON API: objects in memory, generation preconditions, lost answers.

Only what the real google-cloud-storage client sends for the SDK's calls. Uploads: multipart and resumable in one piece.
"""

from __future__ import annotations

import base64
import hashlib
import json
import socket
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from email.parser import BytesHeaderParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import parse_qs, unquote, urlsplit

import google_crc32c


@dataclass
class StoredObject:
    content: bytes
    generation: int
    content_type: str
    metadata: dict[str, str] = field(default_factory=dict)
    is_composed: bool = False  # composed objects have no MD5


class StorageStandIn:
    """The server. `lose_answers = n`: the next n uploads are carried out, but the connection ends without an answer."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], StoredObject] = {}
        self.lose_answers = 0
        self.uploads = 0
        self.lock = threading.Lock()
        self.generation = 1_700_000_000_000_000
        self.sessions: dict[str, tuple[str, dict[str, list[str]], dict[str, object]]] = {}
        stand_in = self

        class Handler(_Handler):
            server_state = stand_in

        self._server = _Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    """Once it is closed, its connections and their threads have ended, too: clients keep some open."""

    daemon_threads = False  # so that closing waits for them

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        self._connections: set[socket.socket] = set()
        super().__init__(address, handler)

    def process_request(self, request: socket.socket, client_address: object) -> None:
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: socket.socket) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        for connection in list(self._connections):
            with suppress(OSError):  # it ended in this very moment
                connection.shutdown(socket.SHUT_RDWR)
        super().server_close()


class _Handler(BaseHTTPRequestHandler):
    server_state: StorageStandIn
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_: object) -> None:
        pass

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        url = urlsplit(self.path)
        query, bucket = parse_qs(url.query), url.path.split("/")[5]
        if query["uploadType"] == ["resumable"]:
            session = f"s{len(self.server_state.sessions)}"
            self.server_state.sessions[session] = (bucket, query, json.loads(body))
            self.send_response(200)
            self.send_header("Location", f"{self.server_state.address}/session/{session}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        head = BytesHeaderParser().parsebytes(f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode())
        boundary = f"--{head.get_param('boundary')}".encode()
        _, first, second, _ = body.split(boundary)
        metadata = json.loads(first.partition(b"\r\n\r\n")[2])
        kind, _, content = second.partition(b"\r\n\r\n")
        metadata.setdefault("contentType", kind.decode().strip().partition(": ")[2])
        self._insert(bucket, query, metadata, content.removesuffix(b"\r\n"))

    def do_PUT(self) -> None:
        bucket, query, metadata = self.server_state.sessions[self.path.rpartition("/")[2]]
        content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._insert(bucket, query, metadata, content)

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        query = parse_qs(url.query)
        _, _, rest = url.path.partition("/b/")
        bucket, _, name = rest.partition("/o/")
        if rest.endswith("/o"):
            return self._list(rest.removesuffix("/o"), query.get("prefix", [""])[0])
        with self.server_state.lock:
            found = self.server_state.objects.get((bucket, unquote(name)))
        if found is None:
            return self._error(404, "notFound")
        if not _holds(query, found):
            return self._error(412, "conditionNotMet")
        if query.get("alt") == ["media"]:
            return self._answer(200, found.content, "application/octet-stream", found)
        return self._json(found, bucket, unquote(name))

    def do_DELETE(self) -> None:
        bucket, _, name = urlsplit(self.path).path.partition("/b/")[2].partition("/o/")
        with self.server_state.lock:
            found = self.server_state.objects.pop((bucket, unquote(name)), None)
        if found is None:
            return self._error(404, "notFound")
        return self._answer(204, b"", "application/json", None)

    def _list(self, bucket: str, prefix: str) -> None:
        with self.server_state.lock:
            names = sorted(name for (where, name) in self.server_state.objects if where == bucket)
        items = [{"name": name, "bucket": bucket} for name in names if name.startswith(prefix)]
        self._answer(200, json.dumps({"kind": "storage#objects", "items": items}).encode(), "application/json", None)

    def _insert(self, bucket: str, query: dict[str, list[str]], metadata: dict[str, object], content: bytes) -> None:
        state, name = self.server_state, str(metadata["name"])
        with state.lock:
            state.uploads += 1
            if not _holds(query, state.objects.get((bucket, name))):
                return self._error(412, "conditionNotMet")
            state.generation += 1
            stored = StoredObject(
                content, state.generation, str(metadata.get("contentType")), dict(metadata.get("metadata") or {})
            )
            state.objects[bucket, name] = stored
            if state.lose_answers:
                state.lose_answers -= 1
                self.close_connection = True
                return None
        return self._json(stored, bucket, name)

    def _json(self, stored: StoredObject, bucket: str, name: str) -> None:
        document = {
            "kind": "storage#object",
            "bucket": bucket,
            "name": name,
            "generation": str(stored.generation),
            "metageneration": "1",
            "size": str(len(stored.content)),
            "contentType": stored.content_type,
            "metadata": stored.metadata,
            "crc32c": _crc32c(stored.content),
        }
        if not stored.is_composed:
            document["md5Hash"] = base64.b64encode(hashlib.md5(stored.content).digest()).decode()
        self._answer(200, json.dumps(document).encode(), "application/json", None)

    def _error(self, code: int, reason: str) -> None:
        error = {"code": code, "message": reason, "errors": [{"reason": reason, "domain": "global", "message": reason}]}
        self._answer(code, json.dumps({"error": error}).encode(), "application/json", None)

    def _answer(self, code: int, body: bytes, kind: str, stored: StoredObject | None) -> None:
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if stored is not None:
            self.send_header("x-goog-hash", f"crc32c={_crc32c(stored.content)}")
            self.send_header("x-goog-generation", str(stored.generation))
        self.end_headers()
        self.wfile.write(body)


def _holds(query: dict[str, list[str]], stored: StoredObject | None) -> bool:
    expected = query.get("ifGenerationMatch")
    return expected is None or int(expected[0]) == (stored.generation if stored else 0)


def _crc32c(content: bytes) -> str:
    return base64.b64encode(google_crc32c.Checksum(content).digest()).decode()
