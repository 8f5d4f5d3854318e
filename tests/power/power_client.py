"""A client of the runtime that knows nothing but HTTP."""

from __future__ import annotations

import http.client
import json
import socket
import time
from typing import Any

TASKS = 12  # of each execution


def free_ports() -> tuple[int, int]:
    """Two ports of the loopback that nobody holds now."""
    with socket.create_server(("127.0.0.1", 0)) as first, socket.create_server(("127.0.0.1", 0)) as second:
        return first.getsockname()[1], second.getsockname()[1]


class Client:
    """One connection to the runtime."""

    def __init__(self, port: int) -> None:
        self._port = port

    def ask(self, method: str, path: str, body: object = None) -> Any:
        """The JSON of a 2xx answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        connection.request(method, path, json.dumps(body or {}), {"content-type": "application/json"})
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        assert answer.status == 200, (path, answer.status, content)
        return json.loads(content)

    def wait_until_ready(self) -> None:
        """Poll the health page."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                self.ask("GET", "/healthz")
            except OSError:
                time.sleep(0.02)
            else:
                return
        raise AssertionError("the runtime did not get ready")
