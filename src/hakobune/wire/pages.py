"""Pages of lists, the same in all of Google's APIs."""

from __future__ import annotations

from collections.abc import Sequence

from hakobune.wire.schema import Json


def list_to_json(field: str, items: Sequence[Json], next_page_token: str = "") -> Json:
    """A page of `jobs`, `workflows`, `operations`, …; an empty list and an empty token are left out."""
    page: Json = {}
    if items:
        page[field] = list(items)
    if next_page_token:
        page["nextPageToken"] = next_page_token
    return page
