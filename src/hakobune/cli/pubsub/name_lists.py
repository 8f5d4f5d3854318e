"""Lists that hold nothing but names."""

from __future__ import annotations

from hakobune.cli.document import list_at, text_at
from hakobune.cli.format.records import Record
from hakobune.cli.pages import target

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from hakobune.cli.session import Session

NAME_FORMAT = "yaml"


def names_of(session: Session, path: str, items: str) -> Iterator[Record]:
    """The names of a list, page by page."""
    token = ""
    while True:
        page = session.call("GET", target(path, {"pageToken": token} if token else None))
        for name in list_at(page, items):
            yield Record({"name": name}, uri=target(str(name)), bare=str(name))
        token = text_at(page, "nextPageToken")
        if not token:
            return
