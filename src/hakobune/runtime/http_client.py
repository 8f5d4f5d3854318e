"""Requests to the outside: one shared client, with bounds on everything. Troubles are answers, never exceptions."""

from __future__ import annotations

import importlib
import inspect
import io
import os
import socket
import ssl
import zlib
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urljoin, urlsplit

import anyio
import anyio.to_thread

from hakobune.core.workflows.effects import HttpRequest, HttpResponse, NoResponse, Trouble
from hakobune.runtime.http_hosts import (
    host_of,
    is_local_name,
    is_this_machine,
    plain_host,
    plain_url,
    refused_address,
    refused_host,
)
from hakobune.runtime.http_responses import received

if TYPE_CHECKING:
    import aiohttp
    from aiohttp.abc import ResolveResult
    from yarl import URL

_KEEP_ALIVE_S = 4.0  # servers close idle connections after 5 s and more: ours go first
_CONNECTIONS_MAX = 2_000  # at once; more wait for one
_HEADERS_MAX = 2_000  # of a response: ours; some servers answer with hundreds
_LINE_BYTES = 65_536  # of its status or of one header: ours; above what servers send and take
_CERTIFICATES_KEPT = 32
_SEE_OTHER = frozenset({301, 302, 303})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_OF_BODY = frozenset({"content-type", "content-encoding", "content-language"})
_CREDENTIALS = frozenset({"authorization", "cookie"})
_PORTS = {"http": 80, "https": 443}
_DROPPED = frozenset({"expect"})  # the client waits for an answer to it, and a server that knows it not never sends one


class Transport(Protocol):
    """Sends one request as it is. A redirect is an answer: `redirected` says what follows. The deadline is the
    caller's: one holds for the token, all redirects and the body."""

    async def send(self, request: HttpRequest, *, after_redirect: bool = False) -> HttpResponse | NoResponse:
        """The answer, or why there is none. `after_redirect`: a redirect led here, perhaps of the same server, which
        may just be closing the connection of its answer."""
        ...

    async def close(self) -> None:
        """Give connections back."""
        ...


# -- where requests may go ------------------------------------------------------------------------------------------


class _RefusedAddress(OSError):
    """A name stands for an address that may not be called."""


# -- redirects ------------------------------------------------------------------------------------------------------


def redirected(request: HttpRequest, answer: HttpResponse) -> HttpRequest | NoResponse | None:
    """The request that follows a redirect; NoResponse if it leads nowhere; None if the answer is none.

    Inferred: as common clients do. 301, 302 and 303 become GET (HEAD stays), 307 and 308 keep method and body;
    credentials do not go to another host.
    """
    if answer.code not in _REDIRECTS:
        return None
    location = next((value for name, value in answer.headers if name == "Location"), "")
    if not location:
        return None
    try:
        target = urljoin(request.url, location).partition("#")[0]
        is_web = urlsplit(target).scheme in _PORTS and bool(urlsplit(target).hostname)
        keeps_credentials = _is_same_place(request.url, target)
    except ValueError:
        is_web = keeps_credentials = False
        target = location
    if not is_web:
        return NoResponse(trouble=Trouble.INVALID, detail=f"redirected to {target[:200]!r}, which is no web URL")
    dropped = frozenset[str]()
    following = replace(request, url=target)
    if answer.code in _SEE_OTHER and request.method not in {"GET", "HEAD"}:
        following = replace(following, method="GET", body=None)
        dropped |= _OF_BODY
    if not keeps_credentials:
        following = replace(following, token=None)
        dropped |= _CREDENTIALS
    headers = tuple(item for item in request.headers if item[0].lower() not in dropped)
    return replace(following, headers=headers)


def _is_same_place(url: str, target: str) -> bool:
    """Whether credentials for one URL may go to another: the same host and port, or the same host over TLS now.
    Raises ValueError."""
    old, new = urlsplit(url), urlsplit(target)
    old_port = old.port or _PORTS.get(old.scheme)
    new_port = new.port or _PORTS.get(new.scheme)
    if host_of(url) != host_of(target):
        return False
    if (old.scheme, old_port) == (new.scheme, new_port):
        return True
    return (old.scheme, old_port, new.scheme, new_port) == ("http", 80, "https", 443)


# -- the client -----------------------------------------------------------------------------------------------------


class AiohttpTransport:
    """The real one. aiohttp is loaded with the first request: it takes longer than the start of the runtime."""

    def __init__(self, *, allowed_hosts: tuple[str, ...] = ()) -> None:
        self._allowed = allowed_hosts
        self._session: aiohttp.ClientSession | None = None
        self._single: aiohttp.ClientSession | None = None  # a connection for each request
        self._loading = anyio.Lock()
        self._is_closed = False

    async def load(self) -> None:
        """Load the client in a thread: nobody waits for it."""
        async with self._loading:
            if self._session is None:
                await anyio.to_thread.run_sync(importlib.import_module, "aiohttp")
                if not self._is_closed:
                    self._session = _session(self._allowed)
                    self._single = _session(self._allowed, keeps_alive=False)

    async def send(self, request: HttpRequest, *, after_redirect: bool = False) -> HttpResponse | NoResponse:
        if self._session is None:
            await self.load()
        # One that must not be sent twice takes a connection of its own: nobody could tell whether it was processed.
        session = self._single if after_redirect and request.body is not None else self._session
        if session is None:
            return NoResponse(trouble=Trouble.CONNECTION_FAILED, detail="the runtime is stopping")
        try:
            url = _encoded(plain_url(request.url))
            # Of what is connected to, and not of what was written: no two readings of a URL can differ then.
            refusal = refused_host(str(url), self._allowed)
            if refusal:
                return _refused(refusal)
            return await self._exchange(session, request, url)
        except ValueError as error:
            return NoResponse(trouble=Trouble.INVALID, detail=f"the request cannot be sent: {error}")

    async def _exchange(
        self, session: aiohttp.ClientSession, request: HttpRequest, url: URL
    ) -> HttpResponse | NoResponse:
        """Raises ValueError: the request cannot be sent as it is."""
        import aiohttp

        headers = [item for item in request.headers if item[0].lower() not in _DROPPED]
        tls = True if request.ca_certificate is None else _tls(request.ca_certificate)
        body = None if request.body is None else io.BytesIO(request.body)
        has_answer = False
        try:
            async with session.request(
                request.method, url, headers=headers, data=body, allow_redirects=False, ssl=tls
            ) as response:
                has_answer = True
                return await received(response)
        except aiohttp.ClientConnectorError as error:
            if isinstance(error.os_error, _RefusedAddress):
                return _refused(str(error.os_error))
            return NoResponse(trouble=Trouble.CONNECTION_FAILED, detail=_no_connection(error))
        except (aiohttp.InvalidURL, UnicodeError) as error:
            raise ValueError(f"the URL's host {url.raw_host} is no name of a server") from error
        except ValueError as error:
            raise ValueError("its method or headers have characters that HTTP does not allow") from error
        except (aiohttp.ClientError, zlib.error, OSError) as error:
            limit = _exceeded(error)
            if limit:
                return NoResponse(trouble=Trouble.TOO_LARGE, detail=limit)
            what = "the response broke off" if has_answer else "the connection broke before the response"
            return NoResponse(trouble=Trouble.CONNECTION, detail=f"{what}: {_broken(error)}")

    async def close(self) -> None:
        """Give connections back. What is under way breaks off; what comes later is refused."""
        self._is_closed = True
        sessions = (self._session, self._single)
        self._session = self._single = None
        for session in sessions:
            if session is not None:
                await session.close()


def _no_connection(error: aiohttp.ClientConnectorError) -> str:
    """Why nothing was sent, in words of the system and not of the client: `no connection to a.example:443: …`."""
    import aiohttp

    cause: Exception = error.os_error
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        cause = error.certificate_error
    match cause:
        case ssl.SSLCertVerificationError():
            why = f"its certificate is not trusted: {cause.verify_message}"
        case ssl.SSLError():
            why = f"TLS failed: {(cause.reason or 'for no known reason').replace('_', ' ').lower()}"
        case socket.gaierror():
            why = cause.strerror or "the host is not known"
        case OSError(errno=int() as number):
            why = os.strerror(number)
        case _:
            why = str(cause)
    return f"no connection to {error.host}:{error.port}: {why}"


def _broken(error: Exception) -> str:
    """Why there is no whole response, in words of the system and not of the client."""
    import aiohttp

    match error:
        case zlib.error():
            return "it is said to be gzip, and is not or is cut"
        case aiohttp.ClientResponseError():
            return "what came is not HTTP"
        case aiohttp.ClientPayloadError():
            return "it is shorter than it is said to be, or not in the form that it is said to have"
        case OSError(errno=int() as number):
            return os.strerror(number)
        case _:
            return "the other side has closed the connection"


def _exceeded(error: Exception) -> str:
    """The limit of ours that the head of a response is beyond, or "". The client tells it by the text alone."""
    import aiohttp

    if not isinstance(error, aiohttp.ClientResponseError):
        return ""
    if error.message.startswith("Too many headers"):
        return f"the response has more than {_HEADERS_MAX} headers"
    if error.message.startswith("Got more than"):
        return f"the response has a line of more than {_LINE_BYTES} bytes before its body"
    return ""


def _refused(refusal: str) -> NoResponse:
    detail = f"{refusal}: workflows may not call it, unless http_allowed_hosts in hakobune.yaml names it"
    return NoResponse(trouble=Trouble.INVALID, detail=detail)


def _session(allowed: tuple[str, ...], *, keeps_alive: bool = True) -> aiohttp.ClientSession:
    import aiohttp
    from aiohttp.abc import AbstractResolver
    from aiohttp.resolver import ThreadedResolver

    class CheckedResolver(AbstractResolver):
        """The system's resolver. What it finds is looked at before anything connects to it, so that no name, and no
        unusual way to write an address, leads where an address may not."""

        def __init__(self) -> None:
            self._real = ThreadedResolver()

        async def resolve(
            self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
        ) -> list[ResolveResult]:
            name = plain_host(host)
            found = await self._real.resolve("localhost" if is_local_name(name) else host, port, family)
            for result in found:
                result["hostname"] = host
            if is_local_name(name) and not all(is_this_machine(result["host"]) for result in found):
                raise _RefusedAddress(f"{host} does not stand for this machine")
            if name not in allowed:
                for result in found:
                    kind = refused_address(result["host"])
                    if kind:
                        raise _RefusedAddress(f"{host} stands for {result['host']}, which {kind}")
            return found

        async def close(self) -> None:
            await self._real.close()

    return _session_class()(
        connector=aiohttp.TCPConnector(
            limit=_CONNECTIONS_MAX,
            keepalive_timeout=_KEEP_ALIVE_S if keeps_alive else None,
            force_close=not keeps_alive,
            resolver=CheckedResolver(),
            family=socket.AF_UNSPEC,
        ),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"Accept-Encoding": "gzip"},
        auto_decompress=False,  # with a bound: `received`
        skip_auto_headers=("User-Agent", "Content-Type"),
        max_line_size=_LINE_BYTES,
        max_field_size=_LINE_BYTES,
    )


def _session_class() -> Callable[..., aiohttp.ClientSession]:
    """Newer clients take 128 headers of a response by default, older ones have no bound but that of the bytes."""
    import aiohttp

    if "max_headers" in inspect.signature(aiohttp.ClientSession).parameters:
        return partial(aiohttp.ClientSession, max_headers=_HEADERS_MAX)
    return aiohttp.ClientSession


def _encoded(url: str) -> URL:
    """A URL that is sent as it is: its author has encoded it. Raises ValueError for what would break out of the
    request's first line, and where two readings of the URL differ in the host."""
    from yarl import URL

    if any(character <= " " or character == "\x7f" for character in url):
        raise ValueError("the URL has spaces or control characters")
    found = URL(url, encoded=True)
    if found.scheme not in _PORTS:
        raise ValueError("the URL does not begin with http:// or https://")
    if not str(found).isascii():
        raise ValueError("the URL has characters that are not encoded")
    if plain_host(found.raw_host or "") != host_of(url):
        raise ValueError("the URL's host can be read in two ways")
    return found


@lru_cache(maxsize=_CERTIFICATES_KEPT)
def _tls(certificate: bytes) -> ssl.SSLContext:
    """Trusts this certificate only. Raises ValueError if the bytes are none."""
    if not certificate:
        raise ValueError("ca_certificate is empty")
    try:
        return ssl.create_default_context(cadata=certificate)
    except (ssl.SSLError, ValueError) as error:
        raise ValueError(f"ca_certificate is not a certificate in DER form: {error}") from error
