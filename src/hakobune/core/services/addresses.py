"""Addresses of services: what a host says of the service that it means. Pure.

Google's forms are `SERVICE-HASH-xx.a.run.app` and `SERVICE-PROJECTNUMBER.REGION.run.app`, with `TAG---` in front for a
tag of the traffic (https://cloud.google.com/run/docs/triggering/https-request, …/docs/rollouts-rollbacks-traffic-
migration#tags). Ours, for this machine: the same first label below `localhost`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from hakobune.core.names import project_number
from hakobune.core.services.names import ResidentName

_CLOUD = ".run.app"
_LOCAL = ".localhost"
_TAGGED = "---"
PROXY_PREFIX = "/hakobune/v1/services/"  # … NAME/proxy/PATH: a service by a path of the front door


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A host taken apart. `location` is "" where the host does not say it. `is_certain`: it can mean nothing but a
    service, known or not."""

    label: str
    tag: str = ""
    location: str = ""
    is_certain: bool = True


def address_of(host: str) -> Address | None:
    """The address in a host, in lower case and without a port; None: no service has such a host."""
    name = host.rstrip(".")
    if name.endswith(_CLOUD):
        label, _, rest = name.removesuffix(_CLOUD).partition(".")
        return _address(label, "" if rest in ("", "a") else rest) if label else None
    if name.endswith(_LOCAL):
        label, _, _ = name.removesuffix(_LOCAL).partition(".")
        return _address(label, "", is_certain="-" in label) if label else None
    return None


def cloud_url(label: str, project: str, location: str) -> str:
    """`https://LABEL-NUMBER.REGION.run.app`: where a service, or a tag of it, is found.
    Source: https://cloud.google.com/run/docs/triggering/https-request#deterministic."""
    return f"https://{label}-{project_number(project)}.{location}{_CLOUD}"


def labelled(label: str) -> Address:
    """The address in the first label of a host, or in the name that stands in a path."""
    return _address(label, "")


def _address(label: str, location: str, *, is_certain: bool = True) -> Address:
    tag, dashes, rest = label.partition(_TAGGED)
    if not dashes or not tag or not rest:
        tag, rest = "", label
    return Address(label=rest, tag=tag, location=location, is_certain=is_certain)


def choose(label: str, names: Iterable[ResidentName], project: str, location: str) -> ResidentName | None:
    """The service that a label means: the longest id that is the label or, followed by `-`, begins it; first the one
    whose project's number follows, then in this project and location, then in this project, else the only one. None:
    there is none, or nobody can tell which."""
    fitting = [name for name in names if label == name.id or label.startswith(f"{name.id}-")]
    if not fitting:
        return None
    longest = max(len(name.id) for name in fitting)
    found = [name for name in fitting if len(name.id) == longest]
    numbered = [name for name in found if label == f"{name.id}-{project_number(name.project)}"]
    near = [name for name in numbered or found if name.project == project or numbered]
    nearest = [name for name in near if name.location == location]
    for group in (nearest, near, found):
        if len(group) == 1:
            return group[0]
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a URL leads: host in lower case, port (that of its scheme if it names none), path."""

    host: str
    port: int
    path: str


def place_of(url: str) -> Place | None:
    """A URL taken apart; None: it is no http URL."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return None
    usual = 443 if parts.scheme == "https" else 80
    return Place(host=parts.hostname.rstrip("."), port=usual if port is None else port, path=parts.path)
