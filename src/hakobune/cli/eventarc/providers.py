"""`eventarc providers list | describe`."""

from __future__ import annotations

from hakobune.cli.document import Document, text_at
from hakobune.cli.eventarc.names import LOCATION, full_name, parent_of, record_of
from hakobune.cli.flags import LIST_FLAGS, Arguments, Command, Flag, Positional
from hakobune.cli.pages import items, target

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from hakobune.cli.format.records import Record
    from hakobune.cli.session import Session


def _list(session: Session, arguments: Arguments) -> Iterator[Record]:
    found = items(session, f"{parent_of(session, 'provider')}/providers", "providers")
    wanted = arguments.text("name")
    return (record_of(provider) for provider in found if wanted in text_at(provider, "name"))


def _describe(session: Session, arguments: Arguments) -> Document:
    return session.call("GET", target(full_name(session, "provider", arguments.word("provider"))))


LIST = Command(
    _list,
    "List those who emit events.",
    flags=[LOCATION, Flag("--name", "text", "Only providers with this in their name."), *LIST_FLAGS],
    default_format="table(id:label=NAME,location:label=LOCATION)",
    examples=[("Of a location:", "hakobune eventarc providers list --location us-central1")],
)
DESCRIBE = Command(
    _describe,
    "Show the event types of a provider, and by which attributes they can be filtered.",
    positionals=[Positional("provider", "The id of the provider, such as storage.googleapis.com.")],
    flags=[LOCATION],
    default_format="yaml",
    examples=[
        (
            "The types of events about objects:",
            (
                "hakobune eventarc providers describe storage.googleapis.com --location us-central1"
                ' --format "value(eventTypes[].type)"'
            ),
        )
    ],
)
