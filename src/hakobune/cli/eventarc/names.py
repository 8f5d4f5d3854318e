"""Which trigger, channel or provider is meant: an id as typed, with its location, or a full name; and what a table
shows of it."""

from __future__ import annotations

import os

from hakobune.cli.document import Document, as_dict, dict_at, list_at, text_at
from hakobune.cli.errors import CommandError, UsageError
from hakobune.cli.flags import Flag, Positional
from hakobune.cli.format.records import Record
from hakobune.cli.pages import target

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hakobune.cli.session import Session

TRIGGER = Positional("trigger", "The id of the trigger, or its full name.")
CHANNEL = Positional("channel", "The id of the channel, or its full name.")
LOCATION = Flag("--location", "text", "The location; else CLOUDSDK_EVENTARC_LOCATION.", metavar="LOCATION")
EVERYWHERE = "-"  # a list over all locations
_UNSPECIFIED = (
    "Error parsing [{0}].\n"
    "The [{0}] resource is not properly specified.\n"
    "Failed to find attribute [location]. The attribute can be set in the following ways: \n"
    "- provide the argument `{0}` on the command line with a fully specified name\n"
    "- provide the argument `--location` on the command line\n"
    "- set the property `eventarc/location`"
)


def location_of(session: Session, noun: str, default: str = "") -> str:
    """The location of this command. Raises CommandError where none was named: text as gcloud's."""
    location = session.named_region or os.environ.get("CLOUDSDK_EVENTARC_LOCATION", "") or default
    if not location:
        raise CommandError(_UNSPECIFIED.format(noun))
    return location


def full_name(session: Session, noun: str, text: str) -> str:
    """The full name of a trigger, a channel or a provider. Raises CommandError, UsageError."""
    if "/" not in text:
        return f"projects/{session.project}/locations/{location_of(session, noun)}/{noun}s/{text}"
    words = text.split("/")
    if text.startswith(("http://", "https://")) and "projects" in words:
        words = words[words.index("projects") :]
    if words[::2] != ["projects", "locations", f"{noun}s"] or len(words) != 6 or not all(words):
        raise UsageError(
            f"[{text}] is not a full name: projects/PROJECT/locations/LOCATION/{noun}s/{noun.upper()}", usage=False
        )
    return "/".join(words)


def parent_of(session: Session, noun: str) -> str:
    """Where to list: `projects/P/locations/L`, and `-` for all locations where none was named."""
    return f"projects/{session.project}/locations/{location_of(session, noun, EVERYWHERE)}"


def record_of(resource: Document) -> Record:
    """A resource, with its address, its id and its location."""
    name = text_at(resource, "name")
    words = name.split("/")
    names: Document = {"id": words[-1], "location": words[3] if len(words) > 3 else ""}
    return Record(resource, names, uri=target(name))


def trigger_record(trigger: Document) -> Record:
    """A trigger, with what a table shows of it."""
    name = text_at(trigger, "name")
    words = name.split("/")
    names: Document = {
        "id": words[-1],
        "location": words[3] if len(words) > 3 else "",
        "type": event_type(trigger),
        "destinationShown": destination(trigger),
        "active": "Yes",
    }
    return Record(trigger, names, uri=target(name))


def event_type(trigger: Document) -> str:
    """What a trigger's filter on `type` says."""
    for item in list_at(trigger, "eventFilters"):
        one = as_dict(item)
        if text_at(one, "attribute") == "type":
            return text_at(one, "value")
    return ""


def destination(trigger: Document) -> str:
    """Who is told, in gcloud's words."""
    found = dict_at(trigger, "destination")
    service = dict_at(found, "cloudRun")
    if text_at(service, "job"):
        return f"Cloud Run job: {text_at(service, 'job')}"
    if service:
        return f"Cloud Run service: {text_at(service, 'service')}"
    if text_at(found, "workflow"):
        return f"Workflows: {text_at(found, 'workflow').rpartition('/')[2]}"
    return f"HTTP endpoint: {text_at(dict_at(found, 'httpEndpoint'), 'uri')}"
