"""What requests of the Cloud Run Admin API v1 say beside their bodies, the same for all kinds of objects."""

from __future__ import annotations

from hakobune.core.errors import InvalidArgument, Unimplemented
from hakobune.core.names import WILDCARD, check_location, check_project
from hakobune.servers.http.messages import Request
from hakobune.servers.query import flag
from hakobune.wire.run_v1_selectors import Selector, label_selector

LISTS = "limit continue labelSelector fieldSelector resourceVersion watch includeUninitialized"
DELETES = "apiVersion kind propagationPolicy dryRun"
SCAN = 500  # items looked at in one read while a selector is applied: filter before limit


def namespace_of(request: Request) -> str:
    """The project in the path. Raises InvalidArgument."""
    return check_project(request.parameters["project"], field="namespace")


def region_of(request: Request) -> str | None:
    """The region in the path or in front of the host; None: any. Raises InvalidArgument."""
    location = request.parameters.get("location", WILDCARD)
    if location != WILDCARD:
        return check_location(location)
    return None if request.region is None else check_location(request.region, field="region")


def selector_of(request: Request) -> Selector:
    """Which items a list is asked for. Raises InvalidArgument; Unimplemented for ways that are not here."""
    if flag(request, "watch"):
        raise Unimplemented("watch=true: lists cannot be watched here; use /hakobune/v1/changes.")
    if request.query_fields().get("fieldSelector"):
        raise Unimplemented("fieldSelector: not supported; use labelSelector.")
    return label_selector(request.query_fields().get("labelSelector", ""))


def is_dry(request: Request) -> bool:
    """`dryRun=all` checks and changes nothing. Raises InvalidArgument for any other value."""
    value = request.query_fields().get("dryRun", "")
    if value not in ("", "all"):
        raise InvalidArgument(f"dryRun: must be 'all', not {value[:40]!r}.")
    return value == "all"
