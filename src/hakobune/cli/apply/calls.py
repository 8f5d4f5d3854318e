"""The calls that all kinds of Google's newer APIs share: find by name, lists of pages, operations to their end."""

from __future__ import annotations

import time

from hakobune.cli.document import Document, as_dict, text_at
from hakobune.cli.errors import ApiError, CommandError
from hakobune.cli.pages import target
from hakobune.cli.waiting import Pauses, patiently

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hakobune.cli.session import Session

_LONGEST_WAIT_S = 600.0  # ours: a start of instances takes at most 240 s (spec of probes), a build longer


def found(session: Session, path: str) -> Document | None:
    """What `GET /v1/PATH` answers, or None where there is nothing. Raises CommandError."""
    try:
        return session.call("GET", target(path))
    except ApiError as error:
        if error.code == 404:
            return None
        raise


def finish(session: Session, operation: Document) -> Document:
    """The response of an operation once it is done. Raises CommandError with its error, or after 10 minutes."""
    name = text_at(operation, "name")
    pauses, since = Pauses(), list[float]()
    end = time.monotonic() + _LONGEST_WAIT_S
    while operation.get("done") is not True:
        if time.monotonic() > end:
            raise CommandError(f"the operation {name} has not ended in {_LONGEST_WAIT_S:.0f} s")
        time.sleep(pauses.next_s())
        operation = patiently(lambda: session.call("GET", target(name)), since) or operation
    error = as_dict(operation.get("error"))
    if error:
        raise CommandError(text_at(error, "message"))
    return as_dict(operation.get("response"))
