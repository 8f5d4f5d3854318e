"""A small HTTP/1.1 client: one kept connection, whole bodies, deadlines.

`_socket` (the C module under `socket`) and no `http.client`: importing that costs more CPU than the rest of `run jobs
list` (measured: 2.6 × bare Python against 1.7 ×). It speaks to one server that we write ourselves, so it reads what
RFC 9112 allows a server to send (Content-Length, chunked, or until close) and nothing more.
"""

from __future__ import annotations

import _socket
import time

from hakobune.cli.errors import AnswerLostError, CommandError, UnreachableError

_HEAD_BYTES_MAX = 256 * 1024  # far above any header block of ours
_READ_BYTES = 256 * 1024
# `hakobune up &` and a command on the next line: a start takes about half a second, 2 s on a busy machine. A runtime
# that was there before and went is for those who wait for it (cli/waiting.py).
_STARTING_S = 2.0
_STARTING_PAUSE_S = 0.05


class Answer:
    """Status, headers (lower case) and body of one answer."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body


class Client:
    """Requests to one address, over a connection that is kept while the server keeps it."""

    def __init__(self, url: str, *, ca_file: str = "", timeout_s: float = 60.0) -> None:
        """`url` is `http://HOST:PORT`, or `https://…` with `ca_file` as the only authority."""
        self.url = url.rstrip("/")
        scheme, _, rest = self.url.partition("://")
        self.authority, _, self.prefix = rest.partition("/")
        if scheme not in ("http", "https") or not self.authority:
            raise CommandError(f"HAKOBUNE_URL must be http://HOST:PORT, not [{url}]. Remedy: unset HAKOBUNE_URL")
        self._tls = scheme == "https"
        self._host, self._port = _split_authority(self.authority, 443 if self._tls else 80)
        self._ca_file = ca_file
        self._timeout_s = timeout_s
        self._socket: _socket.socket | None = None
        self._rest = b""
        self._was_there = False  # somebody has accepted a connection

    def request(
        self,
        method: str,
        target: str,
        *,
        host: str = "",
        headers: dict[str, str] | None = None,
        body: bytes | None = None,
        timeout_s: float | None = None,
    ) -> Answer:
        """Send one request and read its answer.

        A kept connection that the server closed in the meantime is opened again when nothing can have happened
        (GET), never for a write: that uses a fresh connection. The first connection is tried for 2 s while it is
        refused: the runtime may be starting. Raises UnreachableError, AnswerLostError.
        """
        if method != "GET":
            self.close()
        reused = self._socket is not None
        packet = self._packet(method, target, host or self.authority, headers or {}, body)
        try:
            return self._exchange(packet, method, timeout_s)
        except AnswerLostError:
            self.close()
            if method != "GET" or not reused:
                raise
            return self._exchange(packet, method, timeout_s)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Drop the kept connection."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        self._rest = b""

    def _packet(self, method: str, target: str, host: str, headers: dict[str, str], body: bytes | None) -> bytes:
        path = f"/{self.prefix}{target}" if self.prefix else target
        lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", "Accept: application/json"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if body is not None:
            lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
        elif method in ("POST", "PUT", "PATCH"):
            lines.append("Content-Length: 0")
        head = "\r\n".join(lines) + "\r\n\r\n"
        if any("\r" in line or "\n" in line or not line.isascii() for line in lines):
            raise CommandError("A name, token or key contains characters that cannot be sent in a request.")
        return head.encode("ascii") + (body or b"")

    def _exchange(self, packet: bytes, method: str, timeout_s: float | None) -> Answer:
        connection = self._socket or self._connect()
        try:
            connection.settimeout(timeout_s or self._timeout_s)
            connection.sendall(packet)
            return self._read(connection, method)
        except TimeoutError:
            raise AnswerLostError(f"The runtime at {self.url} did not answer in time.") from None
        except OSError as error:
            raise AnswerLostError(
                f"The connection to the runtime at {self.url} was cut: {error.strerror or error}"
            ) from error

    def _connect(self) -> _socket.socket:
        # As bytes where it can be: a text would import the idna codec.
        host = self._host.encode("ascii") if self._host.isascii() else self._host
        try:
            found = _socket.getaddrinfo(host, self._port, 0, _socket.SOCK_STREAM)
        except OSError as error:
            raise UnreachableError(f"The address of the runtime, {self.url}, is unknown: {error}") from error
        patient_until_s = time.monotonic() + (0.0 if self._was_there else _STARTING_S)
        while True:
            problem: OSError | None = None
            for family, kind, protocol, _, address in found:
                connection = _socket.socket(family, kind, protocol)
                try:
                    connection.settimeout(min(self._timeout_s, 10.0))
                    connection.connect(address)
                    connection.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
                    self._socket = self._secured(connection) if self._tls else connection
                except OSError as error:
                    connection.close()
                    problem = error
                else:
                    self._was_there = True
                    return self._socket
            if not isinstance(problem, ConnectionRefusedError) or time.monotonic() >= patient_until_s:
                raise UnreachableError(
                    f"No runtime answers at {self.url} ({problem}). Start one with: hakobune up"
                ) from problem
            time.sleep(_STARTING_PAUSE_S)

    def _secured(self, connection: _socket.socket) -> _socket.socket:
        import socket  # both only for https
        import ssl

        context = ssl.create_default_context(cafile=self._ca_file or None)
        plain = socket.socket(fileno=connection.detach())
        plain.settimeout(self._timeout_s)
        return context.wrap_socket(plain, server_hostname=self._host)

    def _read(self, connection: _socket.socket, method: str) -> Answer:
        status, headers = self._read_head(connection)
        while 100 <= status < 200:
            status, headers = self._read_head(connection)
        if method == "HEAD" or status in (204, 304):
            body = b""
        elif "chunked" in headers.get("transfer-encoding", "").lower():
            body = self._read_chunks(connection)
        elif "content-length" in headers:
            body = self._take(connection, _length(headers["content-length"]))
        else:
            body = self._read_to_end(connection)
            headers["connection"] = "close"
        if headers.get("connection", "").lower() == "close":
            self.close()
        return Answer(status, headers, body)

    def _read_head(self, connection: _socket.socket) -> tuple[int, dict[str, str]]:
        while b"\r\n\r\n" not in self._rest:
            if len(self._rest) > _HEAD_BYTES_MAX:
                raise OSError("the answer's header is too long")
            self._more(connection)
        head, _, self._rest = self._rest.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        parts = first.split(" ", 2)
        if len(parts) < 2 or not parts[0].startswith("HTTP/1.") or not parts[1].isdigit():
            raise OSError("the answer is not HTTP")
        headers: dict[str, str] = {}
        for line in lines:
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        return int(parts[1]), headers

    def _read_chunks(self, connection: _socket.socket) -> bytes:
        parts: list[bytes] = []
        while True:
            size_text = self._line(connection).split(b";")[0].strip()
            try:
                size = int(size_text, 16)
            except ValueError:
                raise OSError("a chunk of the answer has no size") from None
            if size == 0:
                while self._line(connection):
                    continue
                return b"".join(parts)
            parts.append(self._take(connection, size))
            self._line(connection)

    def _line(self, connection: _socket.socket) -> bytes:
        while b"\r\n" not in self._rest:
            if len(self._rest) > _HEAD_BYTES_MAX:
                raise OSError("a line of the answer is too long")
            self._more(connection)
        line, _, self._rest = self._rest.partition(b"\r\n")
        return line

    def _take(self, connection: _socket.socket, size: int) -> bytes:
        parts = [self._rest[:size]]
        self._rest = self._rest[size:]
        missing = size - len(parts[0])
        while missing > 0:
            piece = connection.recv(min(missing, _READ_BYTES))
            if not piece:
                raise OSError("the answer was cut short")
            parts.append(piece)
            missing -= len(piece)
        return b"".join(parts)

    def _read_to_end(self, connection: _socket.socket) -> bytes:
        parts = [self._rest]
        self._rest = b""
        while piece := connection.recv(_READ_BYTES):
            parts.append(piece)
        return b"".join(parts)

    def _more(self, connection: _socket.socket) -> None:
        piece = connection.recv(_READ_BYTES)
        if not piece:
            raise OSError("closed without an answer")
        self._rest += piece


def _split_authority(authority: str, default_port: int) -> tuple[str, int]:
    host, colon, port = authority.rpartition(":")
    if not colon or "]" in port:
        return authority.strip("[]"), default_port
    if not port.isdigit() or not 0 < int(port) < 65536:
        raise CommandError(f"[{port}] is not a port. Remedy: set HAKOBUNE_URL to http://127.0.0.1:PORT")
    return host.strip("[]"), int(port)


def _length(text: str) -> int:
    if not text.isdigit():
        raise OSError("the answer's length is no number")
    return int(text)
