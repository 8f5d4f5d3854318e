"""How topics, subscriptions, snapshots and schemas are named on a command line: by their ids, or by full names."""

from __future__ import annotations

from hakobune.cli.document import Document, text_at
from hakobune.cli.errors import UsageError
from hakobune.cli.flags import Positional
from hakobune.cli.format.records import Record
from hakobune.cli.pages import target

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hakobune.cli.session import Session

TOPIC = Positional("topic", "The id of the topic, or its full name.")
TOPICS = Positional("topic", "The ids of the topics, or their full names.", repeats=True)
SUBSCRIPTION = Positional("subscription", "The id of the subscription, or its full name.")
SUBSCRIPTIONS = Positional("subscription", "The ids of the subscriptions, or their full names.", repeats=True)
SNAPSHOT = Positional("snapshot", "The id of the snapshot, or its full name.")
SNAPSHOTS = Positional("snapshot", "The ids of the snapshots, or their full names.", repeats=True)
SCHEMA = Positional("schema", "The id of the schema, or its full name; @REVISION names a revision.")


def full_name(session: Session, collection: str, text: str, *, project: str = "") -> str:
    """`projects/P/COLLECTION/ID` of an id, a full name or a URL. Raises UsageError."""
    if "/" not in text:
        return f"projects/{project or session.project}/{collection}/{text}"
    words = text.split("/")
    if text.startswith(("http://", "https://")) and "projects" in words:
        words = words[words.index("projects") :]
    if len(words) != 4 or words[0] != "projects" or words[2] != collection or not all(words):
        raise UsageError(
            f"[{text}] is not a full name: projects/PROJECT/{collection}/{collection[:-1].upper()}", usage=False
        )
    return "/".join(words)


def last(name: str) -> str:
    """The last part of a name."""
    return name.rpartition("/")[2]


def record_of(resource: Document) -> Record:
    """A resource, with its address."""
    return Record(resource, uri=target(text_at(resource, "name")))
