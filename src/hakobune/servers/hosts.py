"""Which hosts are ours. The port is no open proxy, and a page of the web gets nothing from it.

Ours are: this machine's loopback names, what the port is bound to, Google's API hosts and their regional forms, the
metadata host, hosts of services, and the made-up host that `hakobune env` gives to gcloud, with a region in front. A
name that a page has re-bound to loopback is none of them; and a request that a browser makes for a page of another
site says so in its `Origin`.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from hakobune.core.client_environment import CLIENT_HOST
from hakobune.core.errors import InvalidArgument, PermissionDenied
from hakobune.core.names import check_location
from hakobune.core.services.addresses import Address, address_of
from hakobune.servers.http.messages import Request

# Any other API of Google's: only what looks like a region is one.
_REGIONAL = re.compile(r"([a-z]+(?:-[a-z]+)+[0-9]+)-(.+)\Z")
_REP = re.compile(r"([a-z0-9]+)\.([^.]*)\.rep\.googleapis\.com\Z")
# APIs that are named here. What stands in front of one, with a dash, is a location: whatever may be one, as in a path.
_LOCATED = re.compile(
    r"([^.]*)-((?:run|workflows|workflowexecutions|cloudscheduler|eventarc|pubsub|logging)\.googleapis\.com"
    rf"|{re.escape(CLIENT_HOST)})\Z"
)
_AUTHORITY = re.compile(r"(?:\[([0-9a-f:.%]*)\]|([a-z0-9._-]*))(?::[0-9]{0,5})?\Z")
_METADATA = frozenset({"metadata.google.internal", "metadata", "169.254.169.254"})
STORAGE_HOST = "storage.googleapis.com"
# First segments of paths that are no bucket there.
_STORAGE_APIS = frozenset({"storage", "upload", "download", "batch", "v1", "v2", "oauth2", "resumable"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a request was sent: the API's host (empty for our own names), and the region in front of it. `service`: the
    host may be that of a service, or can be nothing else (`is_certain`). `is_xml`: the path is one of Cloud Storage's
    XML API, in `bucket` if that stands in front of the host."""

    host: str
    region: str | None = None
    service: Address | None = None
    is_xml: bool = False
    bucket: str = ""


class Hosts:
    """Knows our names."""

    def __init__(self, bound_host: str) -> None:
        self._bound = bound_host
        self._is_loopback_only = is_loopback(bound_host)

    def place(self, request: Request) -> Place:
        """Split the target into host, path and query (set on the request), and check the host.
        Raises InvalidArgument, PermissionDenied."""
        request.host = _host(_split(request))
        place = self._known(request.host)
        if place.service is None or not place.service.is_certain:  # a service decides itself which pages may call it
            self._check_origin(request.headers.get("origin", ""))
        if place.host == STORAGE_HOST and request.path.lstrip("/").partition("/")[0] not in _STORAGE_APIS:
            return Place(host=place.host, is_xml=True)
        return place

    @staticmethod
    def split(request: Request) -> None:
        """Split the target of a request to a service's own port, whatever host it names. Raises InvalidArgument."""
        request.host = _host(_split(request))

    def is_ours(self, name: str) -> bool:
        """Whether a certificate may be made for a name."""
        try:
            self._known(name)
        except (InvalidArgument, PermissionDenied):
            return False
        return bool(name)

    def _known(self, host: str) -> Place:
        """What a host stands for. Raises PermissionDenied, InvalidArgument (what stands in front is no location)."""
        name = host.rstrip(".")
        service = address_of(name)
        if service is not None:
            return Place(host=name if service.is_certain else "", service=service)
        if not name or is_loopback(name) or name == self._bound or name in _METADATA:
            return Place(host="")
        rep = _REP.match(name)
        if rep:
            return Place(host=f"{rep.group(1)}.googleapis.com", region=check_location(rep.group(2), field="host"))
        located = _LOCATED.match(name)
        if located:
            return Place(host=located.group(2), region=check_location(located.group(1), field="host"))
        regional = _REGIONAL.match(name)
        plain = regional.group(2) if regional else name
        if plain == CLIENT_HOST or plain == CLIENT_HOST.partition(".")[2] or _is_google(plain):
            return Place(host=plain, region=regional.group(1) if regional else None)
        if name.endswith(f".{STORAGE_HOST}"):  # the bucket stands in front
            return Place(host=name, is_xml=True, bucket=name.removesuffix(f".{STORAGE_HOST}"))
        if _is_google(name):
            return Place(host=name)
        if not self._is_loopback_only and _is_address(name):
            return Place(host="")
        raise PermissionDenied(f"{host[:120]!r} is not a host of this runtime, and it is no proxy for others.")

    def _check_origin(self, origin: str) -> None:
        """Pages of other sites may send a request here without being asked; they would start programs. Those of this
        machine are its user's own. Raises PermissionDenied."""
        if not origin:
            return
        try:
            host = urlsplit(origin).hostname or ""
        except ValueError:
            host = ""
        if not host or not (is_loopback(host) or host == self._bound):
            raise PermissionDenied(f"Pages of {origin[:120]!r} may not call this runtime.")


def _split(request: Request) -> str:
    """Set path and query from the target; return the authority. Raises InvalidArgument."""
    target = request.target
    if request.method == "CONNECT":
        return target
    if target.startswith("/"):
        _set_path(request, target)
        return request.headers.get("host", "")
    scheme, _, rest = target.partition("://")
    if scheme.lower() not in ("http", "https") or not rest:
        raise InvalidArgument(f"The request target {target[:200]!r} is neither a path nor an http URL.")
    end = min((place for place in map(rest.find, "/?#") if place >= 0), default=len(rest))
    if not end:
        raise InvalidArgument(f"The request target {target[:200]!r} names no host.")
    path = rest[end:]
    _set_path(request, path if path.startswith("/") else f"/{path}")
    return rest[:end]


def _set_path(request: Request, target: str) -> None:
    path, _, query = target.partition("#")[0].partition("?")
    request.path, request.query = path or "/", query


def _host(authority: str) -> str:
    """The host in `host:port`, in lower case. Raises InvalidArgument."""
    found = _AUTHORITY.match(authority.lower())
    if found is None:
        raise InvalidArgument(f"{authority[:120]!r} is no host with a port.")
    return found.group(1) or found.group(2) or ""


def _is_google(host: str) -> bool:
    return host.endswith(".googleapis.com") and not host.endswith(f".{STORAGE_HOST}")


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine, seen from itself."""
    if host in ("localhost", "") or host.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback
