"""The front door: every request, of clients, of tasks and of our own rooms, goes through here.

Order: whose host is it, who asks, which attempt is that, which route. A call from inside the house is
`await front.handle(request)` with no socket, and so can do what a client can do and no more.
"""

from __future__ import annotations

import errno
import logging
from collections.abc import Awaitable
from dataclasses import replace
from functools import partial
from typing import Protocol, cast

from hakobune.core.errors import (
    Code,
    HakobuneError,
    ResourceExhausted,
    Unauthenticated,
    Unavailable,
)
from hakobune.core.services.addresses import PROXY_PREFIX
from hakobune.runtime.app import Runtime
from hakobune.runtime.settings import Auth
from hakobune.servers.audit import audited
from hakobune.servers.hosts import Hosts, Place, is_loopback
from hakobune.servers.http.messages import HttpError, Request, Response, json_response
from hakobune.servers.http.router import Handler, MethodNotAllowed, Router
from hakobune.servers.iam_rules import Rules
from hakobune.servers.service_front import service_proxy
from hakobune.servers.storage_answers import (
    full_path,
    is_session_url,
    is_storage_path,
    key_of,
    storage_error,
    xml_error,
)
from hakobune.servers.storage_signatures import shows_signature
from hakobune.wire.errors import error_to_json

# Answered without a token: what clients need before they have one, and what says whether the runtime lives.
_OPEN_PATHS = frozenset(
    {
        "/healthz",
        "/oauth2/v1/certs",
        "/oauth2/v3/certs",
        "/.well-known/openid-configuration",
        "/hakobune/v1/env",
        "/token",
        "/oauth2/v4/token",
        "/o/oauth2/token",
        "/tokeninfo",
        "/oauth2/v1/tokeninfo",
        "/oauth2/v3/tokeninfo",
    }
)
_OPEN_PREFIXES = ("/robot/v1/metadata/", "/service_accounts/v1/")  # public keys of service accounts
_METADATA = "/computeMetadata/"
_READS = frozenset({"GET", "HEAD", "OPTIONS"})
_DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})

_log = logging.getLogger("hakobune.http")


def error_response(error: HakobuneError) -> Response:
    """An error in Google's JSON, under its HTTP status."""
    status, body = error_to_json(error)
    headers: list[tuple[str, str]] = []
    if isinstance(error, HttpError):
        status = error.status
        cast("dict[str, object]", body["error"])["code"] = status
    if isinstance(error, MethodNotAllowed):
        headers.append(("Allow", error.allowed))
    if error.code is Code.UNAUTHENTICATED:
        headers.append(("WWW-Authenticate", 'Bearer realm="https://accounts.google.com/"'))
    response = json_response(body, status)
    response.headers += headers
    return response


def refused_by_the_machine(error: OSError) -> HakobuneError:
    """A file or socket that the machine did not give: nothing of the request is promised, and it may be repeated."""
    if error.errno in _DISK_FULL:
        return ResourceExhausted(f"The disk is full: {error.strerror}.")
    return Unavailable(f"The machine refused a file or a socket: {error.strerror or error}.")


class XmlHandler(Protocol):
    """Cloud Storage's XML API."""

    def __call__(self, request: Request, bucket: str) -> Awaitable[Response]:
        """`bucket` stands in front of the host; "": in the path."""
        ...


class FrontDoor:
    """Routes, behind the checks that all of them share."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.router = Router()
        self.xml: XmlHandler | None = None  # what answers on the XML API's own hosts, and signed URLs
        self.services = service_proxy(runtime)
        self._hosts = Hosts(runtime.settings.host)
        self._rules = Rules(runtime)
        runtime.authority.is_ours = self._hosts.is_ours

    def service_at(self, url: str) -> str:
        """Full name of the service to whose own port a URL leads, "" if there is none."""
        name = self.services.at_port(url)
        return "" if name is None else str(name)

    async def handle(self, request: Request) -> Response:
        """Answer a request; what is raised here is a bug."""
        try:
            response = await self._handle(request)
        except HakobuneError as error:
            response = _refused(request, error)
        except OSError as error:
            _log.warning("%s %s: %s", request.method, request.target[:200], error)
            response = _refused(request, refused_by_the_machine(error))
        self.runtime.telemetry.request(response.status)
        return response

    async def _audit(self, request: Request, response: Response) -> None:
        """Tell the triggers that want to hear of calls, before the caller knows that it is done."""
        call = audited(request, response)
        if call is not None:
            await self.runtime.triggers.audit(call)

    async def _handle(self, request: Request) -> Response:
        if request.service and request.method != "CONNECT":
            self._hosts.split(request)
            return await self.services.by_port(request)
        place = self._hosts.place(request)
        if not place.is_xml and shows_signature(request):
            place = replace(place, is_xml=True)
        request.is_xml = place.is_xml
        request.region = place.region
        if not place.host:
            request.path = full_path(request.path)
        if request.method == "CONNECT":
            return Response(tls=await self.runtime.authority.context())
        answer = await self._service_answer(request, place)
        if answer is not None:
            return answer
        is_open = _is_open(request) or _is_proof(request)
        request.account = await self.account(request.headers.get("authorization", ""), is_open=is_open)
        if not is_open:
            await self._rules.check(request, place.bucket if place.is_xml else None)
        if request.slot is not None:
            request.attempt_uid = await self.runtime.slots.holder(request.slot)
        response = await self._route(request, place)
        if self.runtime.triggers.wants_audit:
            await self._audit(request, response)
        return response

    async def _service_answer(self, request: Request, place: Place) -> Response | None:
        """The answer of a service, if host or path are those of one. Who may call it, the service decides."""
        services, address = self.services, place.service
        if address is not None and (address.is_certain or services.lookup(address) is not None):
            return await services.by_address(request, address)
        if not place.host and request.path.startswith(PROXY_PREFIX):
            return await services.by_path(request)
        return None

    async def account(self, authorization: str, *, is_open: bool = False) -> str:
        """Who asks. `is_open`: what is asked for needs no token. Raises Unauthenticated, PermissionDenied."""
        credentials = self.runtime.credentials
        scheme, _, token = authorization.partition(" ")
        if token and scheme.lower() == "bearer":
            return (await credentials.verify(token.strip())).account
        if self.runtime.settings.auth is Auth.TOKEN and not is_open:
            raise Unauthenticated('A token is required here: eval "$(hakobune env)", or send Authorization: Bearer.')
        return credentials.default_account

    async def _route(self, request: Request, place: Place) -> Response:
        handler: Handler = self.router
        if place.is_xml and self.xml is not None:
            handler = partial(self.xml, bucket=place.bucket)
        if request.attempt_uid is None or request.method in _READS or request.path.startswith(_METADATA):
            return await handler(request)
        key = request.headers.get("idempotency-key") or key_of(request)
        target = f"{request.method} {request.path}"
        return await self.runtime.effects.noted(request.attempt_uid, target, key, partial(handler, request))


def _refused(request: Request, error: HakobuneError) -> Response:
    """An error in the form of the API that was asked."""
    if request.is_xml:
        return xml_error(error)
    return storage_error(error) if is_storage_path(request.path) else error_response(error)


def _is_proof(request: Request) -> bool:
    """URLs that say enough of who may use them: they hold a secret, or a signature that is checked later. In the XML
    API the path of a session is the name of an object."""
    return shows_signature(request) if request.is_xml else is_session_url(request)


def _is_open(request: Request) -> bool:
    """Tokens of the metadata server are for this machine: whoever asks from another one, or through a
    workflow of ours, shows a token first. In the XML API any path is the name of an object."""
    if request.is_xml:
        return False
    if request.path.startswith(_METADATA) or request.path == "/":
        return bool(request.peer) and is_loopback(request.peer)
    return request.path in _OPEN_PATHS or request.path.startswith(_OPEN_PREFIXES)
