"""The way of a request to an instance of its service, and of the answer back.

Which service (by the host, by a path, by the port), may it be called from here, may this caller call it, which
revision, which instance (admission: perhaps after a wait), and then bytes both ways with nothing kept in memory. All
that goes wrong ends in an answer with one line that says what.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator

from hakobune.core.errors import (
    HakobuneError,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    Unauthenticated,
    Unavailable,
)
from hakobune.core.services.addresses import PROXY_PREFIX, Address, address_of, labelled, place_of
from hakobune.core.services.names import ResidentName
from hakobune.runtime.clock import Identifiers
from hakobune.runtime.service_admission import Admission, CannotStart, NoInstance, RevisionGone, Seat
from hakobune.runtime.service_requests import RequestLog, ServedRequest
from hakobune.servers import service_proxy_pages as pages
from hakobune.servers.http.bodies import StreamBody
from hakobune.servers.http.heads import NO_CONTENT
from hakobune.servers.http.messages import Request, Response
from hakobune.servers.service_doors import ServiceDoors
from hakobune.servers.service_errands import Directory, Errand, Errands, name_of, session_cookie
from hakobune.servers.service_invokers import Invokers
from hakobune.servers.service_proxy_connection import Broken, InstanceConnection, SenderLeft, TimedOut
from hakobune.servers.service_proxy_heads import answer_headers, as_plain, request_head, switching_headers
from hakobune.servers.service_proxy_pool import Pool
from hakobune.servers.service_proxy_tunnels import ServiceTunnel

_REFUSALS_MAX = 3  # instances that accept no connection, one after the other
_SWITCHING = 101
_NOT_MODIFIED = 304
_INTERNAL = frozenset({"INGRESS_TRAFFIC_INTERNAL_ONLY", "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER"})


class ServiceProxy:
    """Answers requests to services."""

    def __init__(
        self,
        directory: Directory,
        admission: Admission,
        invokers: Invokers,
        identifiers: Identifiers,
        log: RequestLog,
        *,
        project: str,
        location: str,
    ) -> None:
        self._directory = directory
        self._admission = admission
        self._invokers = invokers
        self._errands = Errands(directory, identifiers)
        self._log = log
        self._project = project
        self._location = location
        self.doors: ServiceDoors | None = None
        self.pool = Pool()

    # -- which service ------------------------------------------------------------------------------------------

    def find(self, label: str, location: str = "") -> ResidentName | None:
        """The service that a label means, seen from the default project."""
        return self._directory.find(label, self._project, location or self._location)

    def lookup(self, address: Address) -> tuple[ResidentName, str] | None:
        """Service and tag of an address. What looks like a tag may be a part of a name."""
        name = self.find(address.label, address.location)
        if name is not None:
            return name, address.tag
        if address.tag:
            name = self.find(f"{address.tag}---{address.label}", address.location)
        return None if name is None else (name, "")

    def at_port(self, url: str) -> ResidentName | None:
        """The service whose own port a URL names."""
        return None if self.doors is None else self.doors.at(url)

    def knows(self, url: str) -> bool:
        """Whether a URL is Google's of a service that is here, or that of its own port. (A name below `localhost` may
        be on a port of anybody's.)"""
        place = place_of(url)
        address = address_of(place.host) if place is not None and place.host.endswith(".run.app") else None
        if address is not None:
            return self.lookup(address) is not None
        return self.at_port(url) is not None

    async def by_address(self, request: Request, address: Address) -> Response:
        """Answer a request to the URL of a service."""
        return await self._by_address(request, address, _target(request.path, request.query), "")

    async def by_path(self, request: Request) -> Response:
        """Answer a request to `/hakobune/v1/services/NAME/proxy/PATH`."""
        label, _, rest = request.path.removeprefix(PROXY_PREFIX).partition("/")
        word, _, path = rest.partition("/")
        if word != "proxy" or not label:
            return pages.not_found(f"Write {PROXY_PREFIX}NAME/proxy/PATH.")
        prefix = f"{PROXY_PREFIX}{label}/proxy"
        return await self._by_address(request, labelled(label), _target(f"/{path}", request.query), prefix)

    async def by_port(self, request: Request) -> Response:
        """Answer a request to the port of a service, whose name it bears."""
        name = name_of(request.service)
        return await self._answer(request, name, "", _target(request.path, request.query), "")

    async def _by_address(self, request: Request, address: Address, target: str, prefix: str) -> Response:
        found = self.lookup(address)
        if found is None:
            return pages.not_found(f"No service here is called {address.label[:100]!r}, or begins it before a hyphen.")
        name, tag = found
        resident = self._directory.resident(name)
        if resident is not None and resident.default_uri_disabled and not prefix:
            return pages.not_found(f"The service {name.id!r} has no address of its own: its default one is disabled.")
        return await self._answer(request, name, tag, target, prefix)

    # -- from refusal to answer ---------------------------------------------------------------------------------

    async def _answer(self, request: Request, name: ResidentName, tag: str, target: str, prefix: str) -> Response:
        resident = self._directory.resident(name)
        if resident is None:
            return pages.not_found(f"The service {name.id!r} is not here any more.")
        if resident.ingress in _INTERNAL and request.peer and request.slot is None:
            return pages.not_found(f"The service {name.id!r} takes only requests from inside ({resident.ingress}).")
        try:
            changed = await self._invokers.check(request, resident)
            errand = await self._errands.prepare(request, resident, tag, target, prefix, changed)
        except Unauthenticated as error:
            return pages.unauthorized(request.path, error.message)
        except PermissionDenied as error:
            return pages.forbidden(request.path, error.message)
        except (NotFound, InvalidArgument, Unavailable) as error:
            return _refused(error)
        served = self._begin_entry(errand)
        try:
            response = await self._carry_out(errand, served)
        except TimedOut:
            response = pages.timed_out(errand.limits.timeout_s)
        except SenderLeft:
            response = pages.bad_request("The body of the request broke off.")
        except Broken as error:
            response = pages.unavailable(
                "The request failed because either the HTTP response was malformed or connection to the instance had "
                f"an error: {error}."
            )
        except HakobuneError as error:
            response = _refused(error)
        if served is not None and not response.held and response.tunnel is None:
            served.end(response.status, len(response.content))
        return response

    def _begin_entry(self, errand: Errand) -> ServedRequest | None:
        request, outgoing = errand.request, errand.outgoing
        return self._log.begin(
            errand.resident.name,
            errand.revision_id,
            outgoing.trace.id,
            method=request.method,
            url=f"http://{outgoing.host}{outgoing.target}",
            agent=request.headers.get("user-agent", ""),
            referer=request.headers.get("referer", ""),
            ip=request.peer,
        )

    async def _carry_out(self, errand: Errand, served: ServedRequest | None) -> Response:
        """Raises TimedOut, SenderLeft, Broken, HakobuneError."""
        head = request_head(errand.request, errand.outgoing)
        seat, connection = await self._connect(errand)
        try:
            try:
                await self._ask(errand, head, connection)
            except Broken as error:
                if not (error.is_unheard and connection.is_reused and errand.is_repeatable):
                    raise
                connection.close()
                connection = await self._reopen(seat)
                await self._ask(errand, head, connection)
        except BaseException:
            connection.close()
            seat.close()
            raise
        if served is not None:
            served.instance = seat.backend.uid
        if connection.status == _SWITCHING:
            return self._switched(errand, connection, seat, served)
        return self._answered(errand, connection, seat, served)

    async def _ask(self, errand: Errand, head: bytes, connection: InstanceConnection) -> None:
        await connection.ask(
            head,
            errand.body,
            method=errand.request.method,
            is_chunked=errand.outgoing.length is None,
            wants_upgrade=bool(errand.outgoing.upgrade),
            timeout_s=errand.limits.timeout_s,
        )

    async def _connect(self, errand: Errand) -> tuple[Seat, InstanceConnection]:
        """A seat, and a connection to its instance. One that accepts none is about to be missed by the fleet, too.
        Raises NoInstance, CannotStart, NotFound, Unavailable, Broken."""
        avoided: set[str] = set()
        while True:
            try:
                seat = await self._admission.enter(
                    errand.revision_uid, preferred=errand.session, avoided=frozenset(avoided)
                )
            except RevisionGone:
                self._errands.lead_on(errand)
                continue
            try:
                return seat, await self.pool.take(seat.backend, may_be_old=errand.is_repeatable)
            except (OSError, TimeoutError) as error:
                seat.close()
                avoided.add(seat.backend.uid)
                if len(avoided) == _REFUSALS_MAX:
                    raise Broken(f"instances accept no connection: {error}") from error
            except BaseException:
                seat.close()
                raise

    async def _reopen(self, seat: Seat) -> InstanceConnection:
        """Raises Broken."""
        try:
            return await self.pool.open(seat.backend)
        except (OSError, TimeoutError) as error:
            raise Broken(f"the instance accepts no connection: {error}") from error

    def _switched(
        self, errand: Errand, connection: InstanceConnection, seat: Seat, served: ServedRequest | None
    ) -> Response:
        if served is not None:
            served.end(_SWITCHING, 0)
        return Response(
            status=_SWITCHING,
            headers=switching_headers(connection.headers, errand.outgoing.upgrade),
            tunnel=ServiceTunnel(connection, seat, errand.limits.timeout_s),
        )

    def _answered(
        self, errand: Errand, connection: InstanceConnection, seat: Seat, served: ServedRequest | None
    ) -> Response:
        request, status = errand.request, connection.status
        is_head = request.method == "HEAD"
        headers = answer_headers(connection.headers, keeps_length=is_head or status == _NOT_MODIFIED)
        host = errand.outgoing.host
        if not request.is_tls and request.peer and not host.endswith(".run.app"):
            headers = as_plain(headers, host)
        if errand.has_sessions and errand.session != seat.backend.uid:
            headers.append(("Set-Cookie", session_cookie(seat.backend.uid)))
        if connection.is_complete:
            content = connection.content()
            length = connection.length
            connection.close()
            seat.close()
            if is_head and length is None:  # nobody knows how long the answer to GET would be
                return Response(status=status, headers=headers, stream=_nothing())
            return Response(status=status, headers=headers, content=b"" if status in NO_CONTENT else content)
        connection.over = seat.close
        body = errand.body
        return Response(
            status=status,
            headers=headers,
            stream=connection.chunks(),
            stream_bytes=connection.length,
            held=_Held(connection, seat, served, status),
            is_duplex=isinstance(body, StreamBody) and not body.is_complete,
        )

    # -- HTTP/2 -------------------------------------------------------------------------------------------------

    async def seat_for_h2c(self, service: str) -> tuple[Seat, float]:
        """A seat at an instance that speaks HTTP/2, and for how long. Raises HakobuneError."""
        name = name_of(service)
        resident = self._directory.resident(name)
        if resident is None:
            raise NotFound(f"the service {name.id!r} is not here any more")
        uid, limits = self._errands.choose(name, "", self._errands.draw())
        if resident.ingress in _INTERNAL:
            raise PermissionDenied(f"it takes only requests from inside ({resident.ingress})")
        await self._invokers.check(Request(method="POST", target="/"), resident)  # no header of HTTP/2 is read here
        seat = await self._admission.enter(uid)
        if not seat.backend.is_h2c:
            seat.close()
            raise InvalidArgument("its container's port is not named h2c")
        return seat, limits.timeout_s


class _Held:
    """What an answer that is still coming holds."""

    def __init__(self, connection: InstanceConnection, seat: Seat, served: ServedRequest | None, status: int) -> None:
        self._connection = connection
        self._seat = seat
        self._served = served
        self._status = status

    def close(self) -> None:
        size = self._connection.body_bytes
        self._connection.close()
        self._seat.close()
        if self._served is not None:
            self._served.end(self._status, size)


def _target(path: str, query: str) -> str:
    path = path if path.startswith("/") else f"/{path}"
    return f"{path}?{query}" if query else path


def _refused(error: HakobuneError) -> Response:
    match error:
        case NoInstance():
            return pages.too_many(error.message)
        case NotFound():
            return pages.not_found(error.message)
        case InvalidArgument():
            return pages.bad_request(error.message)
        case CannotStart():
            return pages.unavailable(f"The service cannot start an instance: {error.message}")
        case _:
            return pages.unavailable(error.message)


async def _nothing() -> AsyncGenerator[bytes, None]:
    """No bytes."""
    for chunk in list[bytes]():
        yield chunk
