"""Where services are found: the addresses that Google would give them, which are ours too, and the one of this
machine."""

from __future__ import annotations

from hakobune.core.services.addresses import cloud_url
from hakobune.core.services.model import Resident
from hakobune.core.services.names import ResidentName


def service_uri(name: ResidentName, tag: str = "") -> str:
    """`https://NAME-NUMBER.REGION.run.app`, of a tag `https://TAG---NAME-…`. Hosts of this form lead to the service
    from workflows, schedules, triggers, subscriptions, and by the front door."""
    return cloud_url(f"{tag}---{name.id}" if tag else name.id, name.project, name.location)


def service_urls(service: Resident) -> list[str]:
    """All addresses of a service, the one for programs of this machine last."""
    urls = [] if service.default_uri_disabled else [service_uri(service.name)]
    if service.port:
        urls.append(f"http://127.0.0.1:{service.port}")
    return urls
