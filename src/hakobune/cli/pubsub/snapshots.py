"""`pubsub snapshots create | list | describe | delete`."""

from __future__ import annotations

from hakobune.cli.document import Document, text_at
from hakobune.cli.errors import UsageError
from hakobune.cli.flags import LIST_FLAGS, Arguments, Command, Flag
from hakobune.cli.format.records import Record
from hakobune.cli.pages import items, target
from hakobune.cli.pubsub.batches import each
from hakobune.cli.pubsub.labels import LABELS
from hakobune.cli.pubsub.names import SNAPSHOT, SNAPSHOTS, full_name, last, record_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from hakobune.cli.session import Session


def _names(session: Session, arguments: Arguments) -> list[str]:
    return [full_name(session, "snapshots", text) for text in arguments.positionals["snapshot"]]


def _create(session: Session, arguments: Arguments) -> Iterator[Document]:
    if not arguments.given("subscription"):
        raise UsageError("argument --subscription: Must be specified.")
    project = arguments.text("subscription-project")
    body: Document = {
        "subscription": full_name(session, "subscriptions", arguments.text("subscription"), project=project)
    }
    if arguments.given("labels"):
        body["labels"] = arguments.pairs("labels")
    names = _names(session, arguments)
    made = each(
        session, names, "snapshot", "create", "Created", lambda name: session.call("PUT", target(name), {**body})
    )
    return (_shown(snapshot) for snapshot in made)


def _shown(snapshot: Document) -> Document:
    return {
        "expireTime": snapshot.get("expireTime"),
        "snapshotId": snapshot.get("name"),
        "topic": snapshot.get("topic"),
    }


def _list(session: Session, arguments: Arguments) -> Iterator[Record]:
    del arguments
    found = items(session, f"projects/{session.project}/snapshots", "snapshots")
    return (Record(_listed(snapshot), uri=target(text_at(snapshot, "name"))) for snapshot in found)


def _listed(snapshot: Document) -> Document:
    name = text_at(snapshot, "name")
    project = name.split("/")[1] if name.count("/") >= 3 else ""
    return {
        **snapshot,
        "projectId": project,
        "snapshotId": last(name),
        "topicId": last(text_at(snapshot, "topic")),
    }


def _describe(session: Session, arguments: Arguments) -> Record:
    return record_of(session.call("GET", target(full_name(session, "snapshots", arguments.word("snapshot")))))


def _delete(session: Session, arguments: Arguments) -> Iterator[Document]:
    def work(name: str) -> Document:
        session.call("DELETE", target(name))
        return {"expireTime": None, "snapshotId": name, "topic": None}

    return each(session, _names(session, arguments), "snapshot", "delete", "Deleted", work)


CREATE = Command(
    _create,
    "Create one or more snapshots: what a subscription has not acknowledged now, and what is published later.",
    positionals=[SNAPSHOTS],
    flags=[
        Flag("--subscription", "text", "The subscription."),
        Flag("--subscription-project", "text", "The project of the subscription.", metavar="PROJECT"),
        LABELS,
    ],
    examples=[("Before something risky:", "hakobune pubsub snapshots create before-deploy --subscription worker")],
)

LIST = Command(
    _list,
    "List the snapshots of the project.",
    flags=LIST_FLAGS,
    default_format="table[box](projectId:label=PROJECT, snapshotId:label=SNAPSHOT, topicId:label=TOPIC,"
    " expireTime:label=EXPIRE_TIME)",
    examples=[("The ids only:", 'hakobune pubsub snapshots list --format "value(snapshotId)"')],
)

DESCRIBE = Command(
    _describe,
    "Show a snapshot.",
    positionals=[SNAPSHOT],
    default_format="yaml",
    examples=[("As JSON:", "hakobune pubsub snapshots describe before-deploy --format json")],
)

DELETE = Command(
    _delete,
    "Delete one or more snapshots.",
    positionals=[SNAPSHOTS],
    examples=[("A snapshot:", "hakobune pubsub snapshots delete before-deploy")],
)
