"""Requests to the outside: one shared client, with bounds on everything. Troubles are answers, never exceptions."""

from __future__ import annotations

import importlib
import ipaddress
import ssl
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urljoin, urlsplit

import anyio

from hakobune.core.workflows.effects import HttpRequest, HttpResponse, NoResponse, Trouble
from hakobune.core.workflows.limits import HTTP_RESPONSE_BYTES, REDIRECTS

if TYPE_CHECKING:
    import aiohttp

_KEEP_ALIVE_S = 4.0  # servers close idle connections after 5 s and more: ours go first
_CONNECTIONS_MAX = 2_000  # at once; more wait for one
_CHUNK_BYTES = 65_536
_SEE_OTHER = frozenset({301, 302, 303})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_REFUSED_NAMES = frozenset({"metadata", "metadata.google.internal", "metadata.goog"})


class Transport(Protocol):
    """Sends one request as it is, redirects included."""

    async def send(self, request: HttpRequest) -> HttpResponse | NoResponse:
        """The answer, or why there is none."""
        ...

    async def close(self) -> None:
        """Give connections back."""
        ...


def refused_host(url: str, allowed: tuple[str, ...]) -> str:
    """Why a host may not be called by a workflow, or "". Addresses of the link (169.254.0.0/16, fe80::/10) hold what
    machines tell themselves: the metadata of a cloud, for example."""
    host = (urlsplit(url).hostname or "").lower().rstrip(".")
    if host in allowed:
        return ""
    if host in _REFUSED_NAMES:
        return f"{host} is the metadata server of a machine"
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return ""
    plain = getattr(address, "ipv4_mapped", None) or address
    if plain.is_link_local:
        return f"{host} is a link-local address"
    if plain.is_multicast or plain.is_unspecified:
        return f"{host} is no address of a server"
    return ""


class AiohttpTransport:
    """The real one. aiohttp is loaded with the first request: it takes longer than the start of the runtime."""

    def __init__(self, *, allowed_hosts: tuple[str, ...] = (), check_addresses: bool = True) -> None:
        self._allowed = allowed_hosts
        self._check_addresses = check_addresses
        self._session: aiohttp.ClientSession | None = None
        self._loading = anyio.Lock()

    async def load(self) -> None:
        """Load the client in a thread: nobody waits for it."""
        async with self._loading:
            if self._session is None:
                module = await anyio.to_thread.run_sync(importlib.import_module, "aiohttp")
                self._session = _session(module)

    async def send(self, request: HttpRequest) -> HttpResponse | NoResponse:
        if self._session is None:
            await self.load()
        try:
            with anyio.fail_after(request.timeout_s):
                return await self._follow(request)
        except TimeoutError:
            return NoResponse(trouble=Trouble.TIMEOUT, detail=f"no answer within {request.timeout_s:g} s")

    async def _follow(self, request: HttpRequest) -> HttpResponse | NoResponse:
        method, url, body, headers = request.method, request.url, request.body, list(request.headers)
        for _ in range(REDIRECTS + 1):
            refusal = refused_host(url, self._allowed)
            if refusal:
                return NoResponse(trouble=Trouble.INVALID, detail=f"{refusal}: workflows may not call it")
            answer = await self._once(request, method, url, headers, body)
            if isinstance(answer, NoResponse) or answer.code not in _REDIRECTS:
                return answer
            location = dict(answer.headers).get("Location")
            if not location:
                return answer
            target = urljoin(url, location)
            if urlsplit(target).scheme not in {"http", "https"}:
                return NoResponse(
                    trouble=Trouble.INVALID, detail=f"redirected to {target[:200]!r}, which is no web URL"
                )
            if answer.code in _SEE_OTHER and method not in {"GET", "HEAD"}:
                method, body = "GET", None
                headers = [item for item in headers if item[0].lower() != "content-type"]
            if _place(target) != _place(url):
                headers = [item for item in headers if item[0].lower() != "authorization"]
            url = target
        return NoResponse(trouble=Trouble.CONNECTION, detail=f"more than {REDIRECTS} redirects")

    async def _once(
        self, request: HttpRequest, method: str, url: str, headers: list[tuple[str, str]], body: bytes | None
    ) -> HttpResponse | NoResponse:
        import aiohttp

        assert self._session is not None  # `send` loads it
        try:
            tls = _tls(request.ca_certificate)
        except ValueError as error:
            return NoResponse(trouble=Trouble.INVALID, detail=f"ca_certificate: {error}")
        has_answer = False
        try:
            async with self._session.request(
                method, url, headers=headers, data=body, allow_redirects=False, ssl=tls
            ) as response:
                has_answer = True
                content = bytearray()
                async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
                    content += chunk
                    if len(content) > HTTP_RESPONSE_BYTES:
                        return NoResponse(
                            trouble=Trouble.TOO_LARGE, detail=f"the response is larger than {HTTP_RESPONSE_BYTES} bytes"
                        )
                return HttpResponse(code=response.status, headers=_joined(response), body=bytes(content))
        except (aiohttp.InvalidURL, ValueError) as error:
            return NoResponse(trouble=Trouble.INVALID, detail=f"the request cannot be sent: {error}")
        except aiohttp.ClientConnectorError as error:
            return NoResponse(trouble=Trouble.CONNECTION_FAILED, detail=str(error))
        except (aiohttp.ClientError, OSError) as error:
            detail = str(error) or type(error).__name__
            what = "the response broke off" if has_answer else "the connection broke before the response"
            return NoResponse(trouble=Trouble.CONNECTION, detail=f"{what}: {detail}")

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None


def _session(module: object) -> aiohttp.ClientSession:
    import aiohttp

    assert module is aiohttp
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=_CONNECTIONS_MAX, keepalive_timeout=_KEEP_ALIVE_S),
        timeout=aiohttp.ClientTimeout(total=None),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=True,
        skip_auto_headers=("User-Agent", "Content-Type"),
        max_line_size=65_536,
        max_field_size=65_536,
    )


def _tls(certificate: bytes | None) -> ssl.SSLContext | bool:
    """Raises ValueError if the bytes are no certificate."""
    if certificate is None:
        return True
    try:
        context = ssl.create_default_context(cadata=certificate)
    except (ssl.SSLError, ValueError) as error:
        raise ValueError(f"not a certificate in DER form: {error}") from error
    return context


def _place(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port


def _joined(response: aiohttp.ClientResponse) -> tuple[tuple[str, str], ...]:
    """Headers in canonical case; repeated ones are joined."""
    found: dict[str, str] = {}
    for name, value in response.headers.items():
        key = canonical(name)
        found[key] = f"{found[key]}, {value}" if key in found else value
    return tuple(found.items())


def canonical(name: str) -> str:
    """`content-type` → `Content-Type`."""
    return "-".join(part[:1].upper() + part[1:].lower() for part in name.split("-"))
