"""`eventarc channels create | list | describe | delete | publish`."""

from __future__ import annotations

import json

from hakobune.cli.document import Document
from hakobune.cli.errors import CommandError, UsageError
from hakobune.cli.eventarc.names import CHANNEL, LOCATION, full_name, parent_of, record_of
from hakobune.cli.eventarc.settings import ASYNC
from hakobune.cli.flags import LIST_FLAGS, Arguments, Command, Flag
from hakobune.cli.pages import items, target
from hakobune.cli.pubsub.labels import LABELS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from hakobune.cli.format.records import Record
    from hakobune.cli.session import Session


def _name(session: Session, arguments: Arguments) -> str:
    return full_name(session, "channel", arguments.word("channel"))


def _create(session: Session, arguments: Arguments) -> Document | None:
    name = _name(session, arguments)
    channel: Document = {"name": name}
    if arguments.given("provider"):
        channel["provider"] = arguments.text("provider")
    if arguments.given("labels"):
        channel["labels"] = arguments.pairs("labels")
    parent, _, channel_id = name.rpartition("/")
    operation = session.call("POST", target(parent, {"channelId": channel_id}), channel)
    if arguments.switch("async"):
        return operation
    session.console.say(f"Created channel [{channel_id}].")
    return session.call("GET", target(name))


def _list(session: Session, arguments: Arguments) -> Iterator[Record]:
    del arguments
    return (record_of(channel) for channel in items(session, f"{parent_of(session, 'channel')}/channels", "channels"))


def _describe(session: Session, arguments: Arguments) -> Document:
    return session.call("GET", target(_name(session, arguments)))


def _delete(session: Session, arguments: Arguments) -> Document | None:
    name = _name(session, arguments)
    operation = session.call("DELETE", target(name))
    if arguments.switch("async"):
        return operation
    session.console.say(f"Deleted channel [{name.rpartition('/')[2]}].")
    return None


def _publish(session: Session, arguments: Arguments) -> None:
    for flag in ("event-id", "event-type", "event-source", "event-data"):
        if not arguments.given(flag):
            raise UsageError(f"argument --{flag}: Must be specified.")
    try:
        data: object = json.loads(arguments.text("event-data"))
    except ValueError as error:
        raise CommandError(f"Invalid value for [--event-data]: is no JSON: {error}") from error
    event = {
        **arguments.pairs("event-attributes"),
        "specversion": "1.0",
        "id": arguments.text("event-id"),
        "type": arguments.text("event-type"),
        "source": arguments.text("event-source"),
        "datacontenttype": "application/json",
        "data": data,
    }
    session.call("POST", target(_name(session, arguments), verb="publishEvents"), {"textEvents": [json.dumps(event)]})
    session.console.say("Event published successfully")


CREATE = Command(
    _create,
    "Create a channel, to which events of your own can be published.",
    positionals=[CHANNEL],
    flags=[
        LOCATION,
        Flag("--provider", "text", "Kept and shown.", metavar="PROVIDER"),
        LABELS,
        Flag("--crypto-key", "text", "", hidden=True, note="nothing is encrypted here"),
        ASYNC,
    ],
    examples=[("A channel:", "hakobune eventarc channels create orders --location us-central1")],
)
LIST = Command(
    _list,
    "List channels of a location; of all locations where none is named.",
    flags=[LOCATION, *LIST_FLAGS],
    default_format="table(id:label=NAME,provider:label=PROVIDER,state:label=STATE,location:label=LOCATION)",
    examples=[("All:", "hakobune eventarc channels list")],
)
DESCRIBE = Command(
    _describe,
    "Show a channel.",
    positionals=[CHANNEL],
    flags=[LOCATION],
    default_format="yaml",
    examples=[("As JSON:", "hakobune eventarc channels describe orders --location us-central1 --format json")],
)
DELETE = Command(
    _delete,
    "Delete a channel. Its triggers stay, and hear nothing more.",
    positionals=[CHANNEL],
    flags=[LOCATION, ASYNC],
    examples=[("A channel:", "hakobune eventarc channels delete orders --location us-central1")],
)
PUBLISH = Command(
    _publish,
    "Publish an event to a channel.",
    positionals=[CHANNEL],
    flags=[
        LOCATION,
        Flag("--event-id", "text", "The id; with the source it says which event this is.", metavar="ID"),
        Flag("--event-type", "text", "The type, such as my.order.v1.made.", metavar="TYPE"),
        Flag("--event-source", "text", "The source, such as //shop/orders.", metavar="SOURCE"),
        Flag("--event-data", "text", "The data, as JSON.", metavar="JSON"),
        Flag("--event-attributes", "map", "Attributes of its own.", metavar="KEY=VALUE"),
    ],
    examples=[
        (
            "An event:",
            (
                "hakobune eventarc channels publish orders --location us-central1 --event-id 1 --event-type my.order"
                " --event-source //shop --event-data '{\"order\": 7}'"
            ),
        )
    ],
)
