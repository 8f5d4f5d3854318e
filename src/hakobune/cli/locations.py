"""`scheduler locations list | describe`, and the same of `eventarc`: both APIs answer at the same path."""

from __future__ import annotations

from hakobune.cli.document import Document, text_at
from hakobune.cli.errors import UsageError
from hakobune.cli.flags import LIST_FLAGS, Arguments, Command, Positional
from hakobune.cli.format.records import Record
from hakobune.cli.pages import items, target

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from hakobune.cli.session import Session


def _list(session: Session, arguments: Arguments) -> Iterator[Record]:
    del arguments
    for location in items(session, f"projects/{session.project}/locations", "locations"):
        name = text_at(location, "name")
        yield Record(location, {"id": name.rpartition("/")[2]}, uri=target(name))


def _describe(session: Session, arguments: Arguments) -> Document:
    location = arguments.word("location")
    if "/" in location:
        raise UsageError(f"[{location}] is not the id of a location", usage=False)
    return session.call("GET", target(f"projects/{session.project}/locations/{location}"))


def _commands(group: str, things: str, table: str) -> tuple[Command, Command]:
    """(list, describe) of a group of commands whose `things` are in locations."""
    return (
        Command(
            _list,
            f"List the locations that {things} can be in.",
            flags=[*LIST_FLAGS],
            default_format=table,
            examples=[("All locations:", f"hakobune {group} locations list")],
        ),
        Command(
            _describe,
            "Show a location.",
            positionals=[Positional("location", "The id of the location.")],
            default_format="yaml",
            examples=[("One location:", f"hakobune {group} locations describe us-central1")],
        ),
    )


LIST_OF_JOBS, DESCRIBE_OF_JOBS = _commands("scheduler", "jobs", "table(id:label=NAME,name:label=FULL_NAME)")
LIST_OF_TRIGGERS, DESCRIBE_OF_TRIGGERS = _commands("eventarc", "triggers", "table(id:label=NAME)")
