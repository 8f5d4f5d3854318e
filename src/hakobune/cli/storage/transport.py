"""HTTP to the runtime for storage: bodies that are streamed, a kept connection for each thread, and patience.

`http.client` here, unlike the rest of the command line: the streams of big objects are worth its import.
"""

from __future__ import annotations

import http.client
import json
import select
import socket
import ssl
import threading
import time
from contextlib import suppress
from typing import TypeVar

from hakobune.cli.document import Document, dict_at, is_dict, text_at
from hakobune.cli.errors import AnswerLostError, CommandError, UnreachableError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from hakobune.cli.session import Session

T = TypeVar("T")

_TIMEOUT_S = 120.0  # without a byte; the server answers within 10 s (CONTRACT section 7), a slow disk may take longer
# A restart is back within 30 s (CONTRACT section 6); what moves on in the meantime begins the time anew.
_PATIENCE_S = 60.0
_STARTING_S = 2.0  # as cli/http.py: nobody was ever there
_PAUSE_FIRST_S, _PAUSE_LONGEST_S = 0.1, 2.0
_PASSING = frozenset({408, 429, 500, 502, 503, 504})  # source: Cloud Storage documentation, "Retry strategy"
_ERROR_BYTES_MAX = 64 * 1024
_DRAINED_BYTES_MAX = 256 * 1024


class HttpError(CommandError):
    """The runtime answered with an error. The text is gcloud's."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"HTTPError {code}: {message}")
        self.code = code
        self.message = message


class StoppedError(CommandError):
    """Another part of the command has ended it; nothing to say."""


class Body:
    """The bytes of one request: their number, and the blocks, which may be asked for once."""

    __slots__ = ("blocks", "size_bytes")

    def __init__(self, size_bytes: int, blocks: Iterable[bytes]) -> None:
        self.size_bytes = size_bytes
        self.blocks = blocks


class Reply:
    """Status, headers (lower case), and a body that is read bit by bit."""

    __slots__ = ("_answer", "_line", "headers", "status")

    def __init__(self, answer: http.client.HTTPResponse, line: Line) -> None:
        self._answer = answer
        self._line = line
        self.status = answer.status
        self.headers = {name.lower(): value for name, value in answer.getheaders()}

    def read(self, size: int) -> bytes:
        """The next bytes, none at the end. Raises AnswerLostError when the body is cut short."""
        try:
            found = self._answer.read(size)
        except (OSError, http.client.HTTPException) as error:
            self._line.drop()
            raise AnswerLostError(f"The connection to the runtime was cut: {error}") from error
        if not found and size and self._answer.length:
            self._line.drop()
            raise AnswerLostError("The connection to the runtime was cut in the middle of an object.")
        return found

    def close(self) -> None:
        """Leave the connection fit for the next request; what is long is not read to its end for that."""
        if self._answer.isclosed():
            return
        left = self._answer.length
        if left is not None and left <= _DRAINED_BYTES_MAX:
            with suppress(OSError, http.client.HTTPException):
                self._answer.read()
                return
        self._line.drop()

    def whole(self, size_max: int | None = None) -> bytes:
        """All of the body, or its beginning."""
        parts: list[bytes] = []
        size = 0
        while (size_max is None or size < size_max) and (block := self.read(64 * 1024)):
            parts.append(block)
            size += len(block)
        self.close()
        return b"".join(parts)


class Line:
    """One kept connection, of one thread."""

    def __init__(self, url: str, ca_file: str) -> None:
        self._secured, _, rest = url.partition("://")
        self._authority = rest.rstrip("/")
        self._ca_file = ca_file
        self._connection: http.client.HTTPConnection | None = None

    def send(self, method: str, target: str, headers: dict[str, str], body: Body | None) -> Reply:
        """One request, one answer. Raises UnreachableError (nothing was sent), AnswerLostError."""
        if self._connection is not None and _is_stale(self._connection):
            self.drop()
        return self._exchange(self._connection or self._connect(), method, target, headers, body)

    def wake(self) -> None:
        """Break off what another thread sends or reads."""
        connection = self._connection
        if connection is not None and isinstance(connection.sock, socket.socket):
            with suppress(OSError):
                connection.sock.shutdown(socket.SHUT_RDWR)

    def drop(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connect(self) -> http.client.HTTPConnection:
        if self._secured == "https":
            context = ssl.create_default_context(cafile=self._ca_file or None)
            connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                self._authority, timeout=_TIMEOUT_S, context=context
            )
        else:
            connection = http.client.HTTPConnection(self._authority, timeout=_TIMEOUT_S)
        try:
            connection.connect()
        except OSError as error:
            connection.close()
            url = f"{self._secured}://{self._authority}"
            raise UnreachableError(f"No runtime answers at {url} ({error}). Start one with: hakobune up") from error
        self._connection = connection
        return connection

    def _exchange(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        target: str,
        headers: dict[str, str],
        body: Body | None,
    ) -> Reply:
        try:
            connection.putrequest(method, target, skip_accept_encoding=True)
            for name, value in headers.items():
                connection.putheader(name, value)
            size = 0 if body is None else body.size_bytes
            if body is not None or method in ("POST", "PUT", "PATCH"):
                connection.putheader("Content-Length", str(size))
            connection.endheaders()
            if body is not None:
                self._send_blocks(connection, body)
            return Reply(connection.getresponse(), self)
        except (OSError, http.client.HTTPException) as error:
            self.drop()
            raise AnswerLostError(
                f"The connection to the runtime was cut: {str(error) or type(error).__name__}"
            ) from error
        except BaseException:
            self.drop()
            raise

    @staticmethod
    def _send_blocks(connection: http.client.HTTPConnection, body: Body) -> None:
        try:
            for block in body.blocks:
                connection.send(block)
        except (BrokenPipeError, ConnectionResetError):
            # The server may have refused the rest of the body: its answer says why, if there is one.
            return


class Transport:
    """Requests to the runtime, from any thread."""

    def __init__(self, session: Session) -> None:
        from os import environ

        self._url = session.client.url
        self._ca_file = environ.get("CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE", "")
        self._headers = session.token_header()
        self._console = session.console
        self._is_logged = session.arguments.switch("log-http")
        self._lines = threading.local()
        self._all_lines: list[Line] = []
        self._stop = threading.Event()
        self._was_there = False
        session.at_end(self._close)

    def _close(self) -> None:
        for line in self._all_lines:
            line.drop()

    def stop(self) -> None:
        """Make every thread end at its next block; one that waits for the network does not wait on."""
        self._stop.set()
        for line in self._all_lines:
            line.wake()

    def check(self) -> None:
        """Raises StoppedError after `stop`."""
        if self._stop.is_set():
            raise StoppedError("")

    def send(
        self, method: str, target: str, *, headers: dict[str, str] | None = None, body: Body | None = None
    ) -> Reply:
        """One try. Raises UnreachableError, AnswerLostError; and HttpError for an answer from 400 on."""
        if self._is_logged:
            self._console.say(f"==> {method} {target}")
        reply = self._line().send(method, _path(target), {**self._headers, **(headers or {})}, body)
        self._was_there = True
        if self._is_logged:
            self._console.say(f"<== {reply.status}")
        if reply.status >= 400:
            raise _error_of(reply)
        return reply

    def json(self, method: str, target: str, body: object = None, *, is_repeatable: bool | None = None) -> Document:
        """What a method of the JSON API answers.

        `is_repeatable`: whether it may be sent again after its answer was lost; GET may. Raises HttpError,
        UnreachableError, AnswerLostError.
        """
        data = None if body is None else json.dumps(body).encode("ascii")
        headers = {} if data is None else {"Content-Type": "application/json"}
        repeats = method == "GET" if is_repeatable is None else is_repeatable

        def once() -> Document:
            content = None if data is None else Body(len(data), [data])
            answer = self.send(method, target, headers={"Accept": "application/json", **headers}, body=content).whole()
            found: object = json.loads(answer) if answer.strip() else {}
            if not is_dict(found):
                raise CommandError("The runtime answered with something that is not a JSON object.")
            return found

        return self.patiently(once, is_repeatable=repeats)

    def patiently(self, once: Callable[[], T], *, is_repeatable: bool = True, progress: Callable[[], int] = int) -> T:
        """Do `once` until it succeeds or fails for good; `progress` rises while a broken transfer moves on."""
        pause_s = _PAUSE_FIRST_S
        given_up_s = time.monotonic() + _PATIENCE_S
        reached = progress()
        while True:
            self.check()
            try:
                return once()
            except HttpError as error:
                if error.code not in _PASSING or (not is_repeatable and error.code not in (429, 503)):
                    raise
                problem: CommandError = error
            except UnreachableError as error:
                if not self._was_there:
                    given_up_s = min(given_up_s, time.monotonic() + _STARTING_S)
                    self._was_there = True  # the shorter time is counted once
                problem = error
            except AnswerLostError as error:
                if not is_repeatable:
                    raise
                problem = error
            if progress() > reached:
                reached = progress()
                given_up_s = time.monotonic() + _PATIENCE_S
                pause_s = _PAUSE_FIRST_S
            if time.monotonic() + pause_s > given_up_s:
                raise problem
            self._stop.wait(pause_s)
            pause_s = min(2 * pause_s, _PAUSE_LONGEST_S)

    def _line(self) -> Line:
        found = getattr(self._lines, "line", None)
        if not isinstance(found, Line):
            found = Line(self._url, self._ca_file)
            self._lines.line = found
            self._all_lines.append(found)
        return found


def _is_stale(connection: http.client.HTTPConnection) -> bool:
    """Whether the server has closed a connection that was kept: there is something to read where nothing was asked."""
    if not isinstance(connection.sock, socket.socket):
        return True
    ready, _, _ = select.select([connection.sock], [], [], 0)
    return bool(ready)


def _path(target: str) -> str:
    """A path of ours as it is; of an absolute URL (a session's), what follows the host."""
    if "://" not in target:
        return target
    return "/" + target.partition("://")[2].partition("/")[2]


def _error_of(reply: Reply) -> HttpError:
    text = reply.whole(_ERROR_BYTES_MAX).decode("utf-8", "replace").strip()
    message = text[:400]
    with suppress(ValueError):
        message = text_at(dict_at(json.loads(text), "error"), "message") or message
    return HttpError(reply.status, message or http.client.responses.get(reply.status, "no message"))
