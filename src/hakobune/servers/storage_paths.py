"""The paths of objects in Cloud Storage's JSON API: what stands behind `/o/`. One reading of them, for those who answer
and for those who decide who may ask."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum, auto

from hakobune.servers.http.messages import Request

OBJECTS = "/storage/v1/b/{bucket}/o"


class Place(Enum):
    """What may follow the name of an object."""

    REWRITE = auto()
    COPY = auto()
    MOVE = auto()
    COMPOSE = auto()
    RESTORE = auto()
    ACL = auto()
    POLICY = auto()
    OBJECT = auto()


# A name that holds a slash as it is comes second: what may follow a name wins. "" stands for every method.
_PLACES = (
    (Place.REWRITE, "POST", re.compile(r"(?P<object>.+?)/rewriteTo/b/(?P<to_bucket>[^/]+)/o/(?P<to_object>.+)")),
    (Place.COPY, "POST", re.compile(r"(?P<object>.+?)/copyTo/b/(?P<to_bucket>[^/]+)/o/(?P<to_object>.+)")),
    (Place.MOVE, "POST", re.compile(r"(?P<object>.+?)/moveTo/o/(?P<to_object>.+)")),
    (Place.COMPOSE, "POST", re.compile(r"(?P<object>.+)/compose")),
    (Place.RESTORE, "POST", re.compile(r"(?P<object>.+)/restore")),
    (Place.ACL, "", re.compile(r"(?P<object>.+)/acl(?:/(?P<entity>[^/]+))?")),
    (Place.POLICY, "", re.compile(r"(?P<object>.+)/iam(?:/testPermissions)?")),
    (Place.OBJECT, "", re.compile(r"(?P<object>.+)")),
)
_MOVE = re.compile(r"(?P<object>.+?)/moveTo/b/(?P<to_bucket>[^/]+)/o/(?P<to_object>.+)")

Parts = Mapping[str, str]  # by name, still percent-encoded


def object_place(method: str, rest: str) -> tuple[Place, Parts] | None:
    """What a request means by what stands behind `/o/`; None if there is no name in it. HEAD is a GET."""
    for place, wanted, pattern in _PLACES:
        match = pattern.fullmatch(rest) if wanted in {"", method} else None
        if match is not None:
            return place, {name: value for name, value in match.groupdict().items() if value is not None}
    return None


def move_place(rest: str) -> Parts | None:
    """The same of our own method, which moves an object to another bucket."""
    match = _MOVE.fullmatch(rest)
    return None if match is None else match.groupdict()


def xml_path(request: Request, host_bucket: str) -> str:
    """`BUCKET/OBJECT` of a request to the XML API, percent-encoded. `host_bucket` stands in front of the host."""
    return f"{host_bucket}{request.path}" if host_bucket else request.path.lstrip("/")
