"""`pubsub topics create | list | describe | update | delete | publish | list-subscriptions | …`."""

from __future__ import annotations

import base64

from hakobune.cli.document import Document, dict_at
from hakobune.cli.errors import CommandError, UsageError
from hakobune.cli.flags import LIST_FLAGS, Arguments, Command, Flag
from hakobune.cli.format.records import Record
from hakobune.cli.pages import items, target
from hakobune.cli.pubsub.batches import each
from hakobune.cli.pubsub.labels import LABELS, LABELS_EXCLUDE, UPDATE_LABELS, changed_labels
from hakobune.cli.pubsub.name_lists import NAME_FORMAT, names_of
from hakobune.cli.pubsub.names import SUBSCRIPTIONS, TOPIC, TOPICS, full_name, record_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from hakobune.cli.session import Session

_RETENTION = Flag(
    "--message-retention-duration",
    "duration",
    "How long messages are kept, acknowledged or not, so that subscriptions can seek back to them: 10m to 31d.",
)
_SETTINGS = (
    _RETENTION,
    Flag("--message-storage-policy-allowed-regions", "list", "Kept and shown; here is one machine.", metavar="REGION"),
    Flag("--message-storage-policy-enforce-in-transit", "switch", "Kept and shown."),
    Flag("--schema", "text", "The schema that messages must keep to."),
    Flag("--schema-project", "text", "The project of the schema.", metavar="PROJECT"),
    Flag("--message-encoding", "choice", "How messages of the schema are written.", choices=("json", "binary")),
    Flag("--first-revision-id", "text", "The oldest revision of the schema that is allowed.", metavar="REVISION"),
    Flag("--last-revision-id", "text", "The newest revision of the schema that is allowed.", metavar="REVISION"),
    Flag("--topic-encryption-key", "text", "", hidden=True, note="nothing is encrypted here; the name is kept"),
    Flag("--message-transforms-file", "text", "", hidden=True, refusal="messages are not transformed here"),
)


def _names(session: Session, arguments: Arguments) -> list[str]:
    return [full_name(session, "topics", text) for text in arguments.positionals["topic"]]


def _name(session: Session, arguments: Arguments) -> str:
    return full_name(session, "topics", arguments.word("topic"))


def _create(session: Session, arguments: Arguments) -> Iterator[Record]:
    body = _settings(session, arguments)
    if arguments.given("labels"):
        body["labels"] = arguments.pairs("labels")
    names = _names(session, arguments)
    made = each(session, names, "topic", "create", "Created", lambda name: session.call("PUT", target(name), {**body}))
    return (record_of(topic) for topic in made)


def _settings(session: Session, arguments: Arguments) -> Document:
    """The fields that the flags name. Raises UsageError."""
    body: Document = {}
    retention_s = arguments.number("message-retention-duration")
    if retention_s is not None:
        body["messageRetentionDuration"] = f"{retention_s}s"
    if arguments.given("topic-encryption-key"):
        body["kmsKeyName"] = arguments.text("topic-encryption-key")
    policy: Document = {}
    if arguments.given("message-storage-policy-allowed-regions"):
        policy["allowedPersistenceRegions"] = arguments.words("message-storage-policy-allowed-regions")
    if arguments.switch("message-storage-policy-enforce-in-transit"):
        policy["enforceInTransit"] = True
    if policy:
        body["messageStoragePolicy"] = policy
    if arguments.given("schema"):
        body["schemaSettings"] = _schema_settings(session, arguments)
    elif arguments.given("message-encoding"):
        raise UsageError("argument --schema: Must be specified.")
    return body


def _schema_settings(session: Session, arguments: Arguments) -> Document:
    if not arguments.given("message-encoding"):
        raise UsageError("argument --message-encoding: Must be specified.")
    schema = full_name(session, "schemas", arguments.text("schema"), project=arguments.text("schema-project"))
    found: Document = {"schema": schema, "encoding": arguments.text("message-encoding").upper()}
    for flag, field in (("first-revision-id", "firstRevisionId"), ("last-revision-id", "lastRevisionId")):
        if arguments.given(flag):
            found[field] = arguments.text(flag)
    return found


def _update(session: Session, arguments: Arguments) -> Document | None:
    name = _name(session, arguments)
    topic = _settings(session, arguments)
    mask = sorted(topic)
    for flag, field in (
        ("clear-message-retention-duration", "messageRetentionDuration"),
        ("clear-schema-settings", "schemaSettings"),
        ("recompute-message-storage-policy", "messageStoragePolicy"),
    ):
        if arguments.switch(flag):
            mask.append(field)
    labels = changed_labels(arguments, lambda: dict_at(session.call("GET", target(name)), "labels"))
    if labels is not None:
        topic["labels"] = labels
        mask.append("labels")
    if not mask:
        if not any(arguments.given(flag.name[2:]) for flag in UPDATE_LABELS):
            raise CommandError("Must specify at least one field to update.")
        session.console.say("No update to perform.")
        return None
    topic["name"] = name
    answer = session.call("PATCH", target(name), {"topic": topic, "updateMask": ",".join(mask)})
    session.console.say(f"Updated topic [{name}].")
    return answer


def _list(session: Session, arguments: Arguments) -> Iterator[Record]:
    del arguments
    return (record_of(topic) for topic in items(session, f"projects/{session.project}/topics", "topics"))


def _describe(session: Session, arguments: Arguments) -> Record:
    return record_of(session.call("GET", target(_name(session, arguments))))


def _delete(session: Session, arguments: Arguments) -> Iterator[Document]:
    return each(
        session,
        _names(session, arguments),
        "topic",
        "delete",
        "Deleted",
        lambda name: session.call("DELETE", target(name)),
    )


def _detach(session: Session, arguments: Arguments) -> Iterator[Document]:
    names = [full_name(session, "subscriptions", text) for text in arguments.positionals["subscription"]]
    return each(
        session,
        names,
        "subscription",
        "detach",
        "Detached",
        lambda name: session.call("POST", target(name, verb="detach"), {}),
    )


def _publish(session: Session, arguments: Arguments) -> Document:
    text, attributes = arguments.text("message"), arguments.pairs("attribute")
    if not text and not attributes:
        raise CommandError(
            "You cannot send an empty message. You must specify either a MESSAGE, one or more ATTRIBUTE, or both."
        )
    message: Document = {}
    if text:
        message["data"] = base64.b64encode(text.encode("utf-8", "surrogateescape")).decode("ascii")
    if attributes:
        message["attributes"] = attributes
    if arguments.given("ordering-key"):
        message["orderingKey"] = arguments.text("ordering-key")
    return session.call("POST", target(_name(session, arguments), verb="publish"), {"messages": [message]})


def _subscriptions(session: Session, arguments: Arguments) -> Iterator[Record]:
    return names_of(session, f"{_name(session, arguments)}/subscriptions", "subscriptions")


def _snapshots(session: Session, arguments: Arguments) -> Iterator[Record]:
    return names_of(session, f"{_name(session, arguments)}/snapshots", "snapshots")


CREATE = Command(
    _create,
    "Create one or more topics.",
    positionals=[TOPICS],
    flags=[LABELS, *_SETTINGS],
    examples=[
        ("Two topics:", "hakobune pubsub topics create uploads results"),
        ("One whose messages can be sought back for a day:",
         "hakobune pubsub topics create uploads --message-retention-duration 1d"),
    ],
)  # fmt: skip

UPDATE = Command(
    _update,
    "Change a topic.",
    positionals=[TOPIC],
    flags=[
        *UPDATE_LABELS,
        *_SETTINGS,
        Flag("--clear-message-retention-duration", "switch", "Keep acknowledged messages no longer."),
        Flag("--clear-schema-settings", "switch", "Let messages be as they like."),
        Flag("--recompute-message-storage-policy", "switch", "", hidden=True),
    ],
    exclusive=[
        LABELS_EXCLUDE,
        ("--clear-message-retention-duration", "--message-retention-duration"),
        ("--clear-schema-settings", "--schema+--message-encoding"),
        ("--recompute-message-storage-policy", "--message-storage-policy-allowed-regions"),
    ],
    examples=[("A label:", "hakobune pubsub topics update uploads --update-labels team=video")],
)

LIST = Command(
    _list,
    "List the topics of the project.",
    flags=LIST_FLAGS,
    default_format="yaml",
    examples=[("The ids only:", 'hakobune pubsub topics list --format "value(name.basename())"')],
)

DESCRIBE = Command(
    _describe,
    "Show a topic.",
    positionals=[TOPIC],
    default_format="yaml",
    examples=[("As JSON:", "hakobune pubsub topics describe uploads --format json")],
)

DELETE = Command(
    _delete,
    "Delete one or more topics. Their subscriptions stay, with the messages that they have.",
    positionals=[TOPICS],
    examples=[("A topic:", "hakobune pubsub topics delete uploads")],
)

DETACH = Command(
    _detach,
    "Detach one or more subscriptions from their topics. They lose their messages, and get no more.",
    positionals=[SUBSCRIPTIONS],
    examples=[("A subscription:", "hakobune pubsub topics detach-subscription worker")],
)

PUBLISH = Command(
    _publish,
    "Publish a message.",
    positionals=[TOPIC],
    flags=[
        Flag("--message", "text", "The text of the message.", metavar="TEXT"),
        Flag("--attribute", "map", "Attributes of the message.", metavar="KEY=VALUE"),
        Flag("--ordering-key", "text", "Messages of one key are delivered in order.", metavar="KEY"),
    ],
    default_format="yaml",
    examples=[
        ("A text with two attributes:",
         """hakobune pubsub topics publish uploads --message '{"id": 7}' --attribute kind=video,size=big"""),
        ("The id of the message alone, for a script:",
         'hakobune pubsub topics publish uploads --message hello --format "value(messageIds[0])"'),
    ],
)  # fmt: skip

LIST_SUBSCRIPTIONS = Command(
    _subscriptions,
    "List the names of the subscriptions of a topic.",
    positionals=[TOPIC],
    flags=LIST_FLAGS,
    default_format=NAME_FORMAT,
    examples=[("Who listens:", "hakobune pubsub topics list-subscriptions uploads")],
)

LIST_SNAPSHOTS = Command(
    _snapshots,
    "List the names of the snapshots of a topic.",
    positionals=[TOPIC],
    flags=LIST_FLAGS,
    default_format=NAME_FORMAT,
    examples=[("What can be sought to:", "hakobune pubsub topics list-snapshots uploads")],
)
