"""The services that the guide calls by their hosts. One program stands for each of them: it answers JSON that shows
what it was asked, and prints one line a request. The service `flaky` fails twice before it answers.
"""

import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

NAME = os.environ["K_SERVICE"]
FAILURES = {"flaky": 2}


class Handler(BaseHTTPRequestHandler):
    """Answers every POST."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Show what was asked."""
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        left = FAILURES.get(NAME, 0)
        FAILURES[NAME] = max(0, left - 1)
        asked = json.loads(body) if body else {}
        if "ce-type" in self.headers:
            asked = {"event": self.headers["ce-type"], "subject": self.headers.get("ce-subject", "")}
        answer = {"service": NAME, "path": self.path, "asked": asked}
        print(json.dumps(answer), flush=True)
        content = json.dumps(answer).encode()
        self.send_response(503 if left else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args: object) -> None:
        """The lines above say enough."""


if __name__ == "__main__":
    ThreadingHTTPServer(("0.0.0.0", int(os.environ["PORT"])), Handler).serve_forever()
