"""Lists of Google's APIs, page by page."""

from __future__ import annotations

from hakobune.cli.document import Document, as_dict, list_at, text_at
from hakobune.cli.run_api import quoted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from hakobune.cli.session import Session


def target(path: str, query: dict[str, str] | None = None, *, verb: str = "") -> str:
    """`/v1/PATH:VERB?QUERY`, percent-encoded."""
    found = "/v1/" + "/".join(quoted(part) for part in path.split("/")) + (f":{verb}" if verb else "")
    if query:
        found += "?" + "&".join(f"{quoted(key)}={quoted(value)}" for key, value in query.items())
    return found


def items(session: Session, path: str, name: str, query: dict[str, str] | None = None) -> Iterator[Document]:
    """All items of a collection, as they are asked for."""
    token = ""
    while True:
        page = session.call("GET", target(path, {**(query or {}), **({"pageToken": token} if token else {})}))
        for item in list_at(page, name):
            yield as_dict(item)
        token = text_at(page, "nextPageToken")
        if not token:
            return
