"""Commands that do the same to several resources: each is tried, and what failed is told at the end, as gcloud does."""

from __future__ import annotations

from hakobune.cli.document import Document
from hakobune.cli.errors import ApiError, CommandError
from hakobune.cli.pubsub.names import last

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from hakobune.cli.session import Session


def each(
    session: Session,
    names: Sequence[str],
    kind: str,
    verb: str,
    done: str,
    work: Callable[[str], Document],
) -> Iterator[Document]:
    """What the work answers for each name. `verb` is `create`, `done` is `Created`. If some fail, the command does,
    when the others are printed."""
    failed: list[str] = []
    for name in names:
        try:
            answer = work(name)
        except ApiError as error:
            session.console.say(f"ERROR: Failed to {verb} {kind} [{name}]: {error.message}")
            failed.append(last(name))
            continue
        session.console.say(f"{done} {kind} [{name}].")
        yield answer
    if failed:
        session.failure = CommandError(f"Failed to {verb} the following: [{','.join(failed)}].")
