"""A service for tests, with nothing but the standard library: tells what it saw, streams, and speaks WebSocket's first
words. Run with PORT set."""

from __future__ import annotations

import base64
import hashlib
import http.server
import json
import os
import time


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.headers.get("Upgrade") == "websocket":
            self._switch()
        elif self.path == "/stream":
            self._stream()
        elif self.path == "/die":
            os._exit(3)
        else:
            seen = {"path": self.path, "headers": {name.lower(): value for name, value in self.headers.items()}}
            seen |= {name: os.environ.get(name, "") for name in ("K_SERVICE", "K_REVISION", "PORT")}
            self._answer(json.dumps(seen).encode())

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers.get("Content-Length", "0"))))

    def _answer(self, content: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _stream(self) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for number in range(3):
            self.wfile.write(b"1\r\n%d\r\n" % number)
            time.sleep(0.01)
        self.wfile.write(b"0\r\n\r\n")

    def _switch(self) -> None:
        key = self.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        accept = base64.b64encode(hashlib.sha1(key.encode()).digest()).decode()
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", accept)
        self.end_headers()
        self.close_connection = True
        _, size = self.rfile.read(2)
        size &= 0x7F
        mask, data = self.rfile.read(4), self.rfile.read(size)
        said = b"you said " + bytes(byte ^ mask[place % 4] for place, byte in enumerate(data))
        self.wfile.write(bytes([0x81, len(said)]) + said + b"\x88\x02\x03\xe8")

    def log_message(self, *_: object) -> None:
        pass


if __name__ == "__main__":
    http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
