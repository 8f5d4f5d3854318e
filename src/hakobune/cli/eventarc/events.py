"""`eventarc events list | redeliver`: deliveries, ours."""

from __future__ import annotations

from hakobune.cli.document import Document, dict_at, text_at
from hakobune.cli.errors import UsageError
from hakobune.cli.eventarc.names import LOCATION, full_name, parent_of
from hakobune.cli.flags import LIST_FLAGS, Arguments, Command, Flag, Positional
from hakobune.cli.format.records import Record
from hakobune.cli.pages import items, target

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from hakobune.cli.session import Session

_TRIGGER = Flag("--trigger", "text", "Of this trigger alone.", metavar="TRIGGER")


def _list(session: Session, arguments: Arguments) -> Iterator[Record]:
    if arguments.given("trigger"):
        parent = full_name(session, "trigger", arguments.text("trigger"))
    else:
        parent = f"{parent_of(session, 'trigger')}/triggers/-"
    query = {"state": arguments.text("state")} if arguments.given("state") else {}
    return (_record(delivery) for delivery in items(session, f"{parent}/events", "events", query))


def _record(delivery: Document) -> Record:
    name = text_at(delivery, "name")
    words = name.split("/")
    event, last = dict_at(delivery, "event"), dict_at(delivery, "lastAttempt")
    status = last.get("status")
    names: Document = {
        "id": words[-1],
        "trigger": words[5] if len(words) > 5 else "",
        "type": text_at(event, "type").rpartition(".")[2],
        "subject": text_at(event, "subject") or text_at(event, "source"),
        "answer": text_at(last, "message") or (str(status) if status else ""),
    }
    return Record(delivery, names, uri=target(name))


def _redeliver(session: Session, arguments: Arguments) -> Document:
    text = arguments.word("event")
    if "/" in text:
        words = text.split("/")
        if words[::2] != ["projects", "locations", "triggers", "events"] or len(words) != 8 or not all(words):
            form = "projects/PROJECT/locations/LOCATION/triggers/TRIGGER/events/EVENT"
            raise UsageError(f"[{text}] is not a full name: {form}", usage=False)
    elif arguments.given("trigger"):
        text = f"{full_name(session, 'trigger', arguments.text('trigger'))}/events/{text}"
    else:
        raise UsageError("argument --trigger: Must be specified.")
    answer = session.call("POST", target(text, verb="redeliver"), {"anew": arguments.switch("anew")})
    session.console.say(f"Event [{text.rpartition('/')[2]}] is delivered again.")
    return answer


LIST = Command(
    _list,
    "List deliveries of events, the newest first: how often each was tried, and what came of it. Those that are over"
    " are kept for a day. (Hakobune only: gcloud has no such command.)",
    flags=[
        LOCATION,
        _TRIGGER,
        Flag("--state", "choice", "Only what is under way, or over.", choices=("pending", "settled")),
        *LIST_FLAGS,
    ],
    default_format="table(id:label=EVENT,trigger:label=TRIGGER,type:label=TYPE,subject:label=SUBJECT,state:label=STATE,"
    "attempts:label=ATTEMPTS,answer:label=ANSWER)",
    examples=[
        ("What could not be delivered:", 'hakobune eventarc events list --filter "state=(DROPPED,DEAD_LETTERED)"'),
        (
            "Of a trigger, whole:",
            "hakobune eventarc events list --trigger uploads --location us-central1 --format json",
        ),
    ],
)
REDELIVER = Command(
    _redeliver,
    "Deliver an event once more, whatever became of it. A workflow or a job that this event has started already is not"
    " started again, unless --anew says so. (Hakobune only: gcloud has no such command.)",
    positionals=[Positional("event", "The id of the delivery, with --trigger, or its full name.")],
    flags=[LOCATION, _TRIGGER, Flag("--anew", "switch", "Start the workflow or job again.")],
    examples=[
        ("All that was dropped, from a shell:",
         ('hakobune eventarc events list --filter state=DROPPED --format "value(name)"'
         " | xargs -n1 hakobune eventarc events redeliver")),
    ],
)  # fmt: skip
