"""What list handlers of all APIs share: parents with wildcards, and pages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from hakobune.core import paging
from hakobune.core.errors import InvalidArgument
from hakobune.core.names import WILDCARD, check_location, check_project
from hakobune.servers.http.messages import Request
from hakobune.servers.query import number
from hakobune.store.api import Page

T = TypeVar("T")

# Ours: a page of large items ends early, with a token, when it is above this (https://google.aip.dev/158 allows it).
PAGE_BYTES = 8 * 1024 * 1024


def project_of(request: Request) -> str:
    """The project in the path. Raises InvalidArgument."""
    return check_project(request.parameters["project"])


def location_of(request: Request) -> str | None:
    """The location in the path; None for the wildcard `-`. Raises InvalidArgument."""
    location = request.parameters["location"]
    return None if location == WILDCARD else check_location(location)


def page_of(
    request: Request,
    kind: str,
    size_field: str = "pageSize",
    after_field: str = "pageToken",
    *,
    default: int = paging.PAGE_SIZE_DEFAULT,
    most: int = paging.PAGE_SIZE_MAX,
) -> Page:
    """The page that a list request asks for; one item more than it may have, to see whether another follows.
    Raises InvalidArgument (the size, or a token that was not made by us for this list)."""
    limit = paging.page_size(number(request, size_field), default=default, most=most)
    after = request.query_fields().get(after_field, "")
    return Page(limit=limit + 1, after=paging.decode(kind, after) if after else "")


def cut(found: Sequence[T], page: Page, kind: str, place: Callable[[T], str]) -> tuple[Sequence[T], str]:
    """The items of the page, and the token of the next one ("" if this was the last)."""
    if len(found) < page.limit:
        return found, ""
    shown = found[: page.limit - 1]
    return shown, paging.encode(kind, place(shown[-1]))


def version_of(request: Request) -> str:
    """The version of the API in the path: "v1", "v1beta", "v2"."""
    return request.path.lstrip("/").partition("/")[0]


def idempotency_key(request: Request) -> str:
    """The key of a call that begins something. Raises InvalidArgument."""
    key = request.headers.get("idempotency-key", "")
    if len(key) > 512:
        raise InvalidArgument("An Idempotency-Key has at most 512 characters.")
    return key
