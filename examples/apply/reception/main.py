"""Answers at once; what is heavy is somebody else's work."""

import http.server
import os


class Reception(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "8")
        self.end_headers()
        self.wfile.write(b"welcome\n")


http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Reception).serve_forever()
