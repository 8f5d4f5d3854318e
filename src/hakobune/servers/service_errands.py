"""A request that has found its service: what is asked of which revision, by whose share of the traffic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from hakobune.core.errors import NotFound, Unavailable
from hakobune.core.services.model import Resident, Revision
from hakobune.core.services.names import Kind, ResidentName
from hakobune.runtime.clock import Identifiers, Seeds
from hakobune.runtime.service_fleet import Limits
from hakobune.servers.http.bodies import StreamBody
from hakobune.servers.http.messages import Request
from hakobune.servers.service_proxy_heads import Outgoing, trace_of, upgrade_of

# Source: https://cloud.google.com/run/docs/configuring/session-affinity: a cookie that lives for 30 days. Its name is
# what is seen of it.
_COOKIE = "GAESA"
_COOKIE_LIFE_S = 30 * 24 * 3600
# May be sent again when the connection turns out to be closed. Source: RFC 9110, section 9.2.2.
_IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"})


class Directory(Protocol):
    """What is known of services, in memory."""

    def find(self, label: str, project: str, location: str) -> ResidentName | None: ...

    def resident(self, name: ResidentName) -> Resident | None: ...

    def route(self, name: ResidentName, tag: str, seed: float) -> str | None: ...

    def revision(self, revision_uid: str) -> Revision | None: ...

    def limits(self, revision_uid: str) -> Limits | None: ...


@dataclass(slots=True, kw_only=True)  # not frozen: one is made for each request, and that takes twice as long
class Errand:
    """A request that has found its service: what is asked of which revision."""

    request: Request
    resident: Resident
    tag: str
    revision_uid: str
    revision_id: str
    limits: Limits
    outgoing: Outgoing
    body: StreamBody | bytes
    session: str  # the instance that the client's session is with; "" for none
    has_sessions: bool

    @property
    def is_repeatable(self) -> bool:
        """Whether it may be sent twice."""
        is_all_here = isinstance(self.body, bytes) or self.body.length == 0
        return is_all_here and self.request.method in _IDEMPOTENT and not self.outgoing.upgrade


class Errands:
    """Makes errands of requests."""

    def __init__(self, directory: Directory, identifiers: Identifiers) -> None:
        self._directory = directory
        self._identifiers = identifiers
        self._seeds: Seeds | None = None  # from the first request on

    def draw(self) -> int:
        """64 random bits."""
        if self._seeds is None:
            self._seeds = Seeds(self._identifiers)
        return self._seeds.draw()

    def choose(self, name: ResidentName, tag: str, seed: int) -> tuple[str, Limits]:
        """The revision that a request goes to, and its limits. Raises NotFound (no such tag), Unavailable."""
        uid = self._directory.route(name, tag, _share_of(seed))
        limits = None if uid is None else self._directory.limits(uid)
        if uid is None or limits is None:
            if tag:
                raise NotFound(f"The service {name.id!r} has no revision with the tag {tag[:60]!r}.")
            raise Unavailable(f"The service {name.id!r} has no revision that is ready.")
        return uid, limits

    def lead_on(self, errand: Errand) -> None:
        """Its revision was replaced while the request waited. Nobody has heard of it yet, so it goes to the one that
        serves now. Raises NotFound, Unavailable: none does."""
        name = errand.resident.name
        if self._directory.resident(name) is None:
            raise NotFound(f"The service {name.id!r} is not here any more.")
        uid, limits = self.choose(name, errand.tag, self.draw())
        if uid == errand.revision_uid:
            raise Unavailable(f"The service {name.id!r} has no revision that is ready.")
        errand.revision_uid, errand.limits = uid, limits

    async def prepare(
        self, request: Request, resident: Resident, tag: str, target: str, prefix: str, changed: dict[str, str | None]
    ) -> Errand:
        """What a request asks of a revision of its service. Raises NotFound, Unavailable, InvalidArgument."""
        seed = self.draw()
        uid, limits = self.choose(resident.name, tag, seed)
        body = await _body_of(request)
        length = len(body) if isinstance(body, bytes) else body.length
        revision = self._directory.revision(uid)
        has_sessions = revision is not None and revision.template.session_affinity
        outgoing = Outgoing(
            target=target,
            host=_authority(request) or resident.name.id,
            length=length,
            trace=trace_of(request.headers, (seed, self.draw())),
            upgrade=upgrade_of(request) if length == 0 else "",
            prefix=prefix,
            changed=changed,
        )
        return Errand(
            request=request,
            resident=resident,
            tag=tag,
            revision_uid=uid,
            revision_id="" if revision is None else revision.name.revision,
            limits=limits,
            outgoing=outgoing,
            body=body,
            session=_cookie(request.headers.get("cookie", "")) if has_sessions else "",
            has_sessions=has_sessions,
        )


def name_of(service: str) -> ResidentName:
    """The name in `projects/P/locations/L/services/S`: one of ours, so it is well formed."""
    _, project, _, location, _, resident = service.split("/")
    return ResidentName(kind=Kind.SERVICE, project=project, location=location, id=resident)


def session_cookie(instance: str) -> str:
    """The header that lets a client come back to an instance."""
    return f"{_COOKIE}={instance}; Max-Age={_COOKIE_LIFE_S}; Path=/; HttpOnly; SameSite=Lax"


def _share_of(seed: int) -> float:
    """64 random bits as a number from 0 to less than 1: as many of them as a float has."""
    return (seed >> 11) / 2**53


async def _body_of(request: Request) -> StreamBody | bytes:
    """The body as it comes; one from inside the house is all here."""
    if isinstance(request.body, StreamBody):
        return request.body
    return b"".join([chunk async for chunk in request.body.chunks()])


def _authority(request: Request) -> str:
    """Host and port that a request names: those of a target in absolute form count. Source: RFC 9112, section 3.2.2."""
    scheme, slashes, rest = request.target.partition("://")
    if not slashes or "/" in scheme:
        return request.headers.get("host", "")
    return rest[: min((place for place in map(rest.find, "/?#") if place >= 0), default=len(rest))]


def _cookie(cookies: str) -> str:
    """The instance that a client's session is with."""
    for pair in cookies.split(";"):
        name, _, value = pair.strip().partition("=")
        if name == _COOKIE:
            return value
    return ""
