"""`eventarc triggers create | update | list | describe | delete`."""

from __future__ import annotations

from hakobune.cli.document import Document, as_dict, dict_at, text_at
from hakobune.cli.errors import CommandError, UsageError
from hakobune.cli.eventarc.names import LOCATION, TRIGGER, event_type, full_name, parent_of, trigger_record
from hakobune.cli.eventarc.settings import (
    ACCOUNT,
    ASYNC,
    DESTINATIONS,
    EXTENSIONS,
    FILTERS,
    ONE_DESTINATION,
    settings_of,
)
from hakobune.cli.flags import LIST_FLAGS, Arguments, Command, Flag
from hakobune.cli.pages import items, target
from hakobune.cli.pubsub.labels import LABELS, LABELS_EXCLUDE, UPDATE_LABELS, changed_labels
from hakobune.cli.pubsub.names import full_name as pubsub_name
from hakobune.cli.pubsub.names import last

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from hakobune.cli.format.records import Record
    from hakobune.cli.session import Session

_MESSAGES = "google.cloud.pubsub.topic.v1.messagePublished"


def _create(session: Session, arguments: Arguments) -> object:
    if not arguments.given("event-filters"):
        raise UsageError("argument --event-filters: Must be specified.")
    if not any(arguments.given(flag[2:]) for flag in ONE_DESTINATION):
        raise UsageError(f"Exactly one of ({' | '.join(ONE_DESTINATION)}) must be specified.")
    name = full_name(session, "trigger", arguments.word("trigger"))
    _, project, _, location, _, trigger_id = name.split("/")
    trigger = settings_of(arguments, project, location)
    trigger["name"] = name
    trigger["transport"] = {"pubsub": _transport(session, arguments)}
    if arguments.given("channel"):
        trigger["channel"] = full_name(session, "channel", arguments.text("channel"))
    if arguments.given("labels"):
        trigger["labels"] = arguments.pairs("labels")
    parent = name.rpartition("/")[0]
    operation = session.call("POST", target(parent, {"triggerId": trigger_id}), trigger)
    if arguments.switch("async"):
        return operation
    made = _finished(session, operation, name, "Creating")
    if event_type(made) == _MESSAGES:
        topic = text_at(dict_at(dict_at(made, "transport"), "pubsub"), "topic")
        if not arguments.given("transport-topic"):
            session.console.say(f"Created Pub/Sub topic [{topic}].")
        session.console.say(f"Publish to Pub/Sub topic [{topic}] to receive events in {_told(made)}.")
    return made


def _transport(session: Session, arguments: Arguments) -> Document:
    if not arguments.given("transport-topic"):
        return {}
    return {"topic": pubsub_name(session, "topics", arguments.text("transport-topic"))}


def _told(trigger: Document) -> str:
    """The destination, as gcloud names it in a sentence."""
    found = dict_at(trigger, "destination")
    service = dict_at(found, "cloudRun")
    if service:
        kind = "job" if text_at(service, "job") else "service"
        return f"Cloud Run {kind} [{text_at(service, kind)}]"
    if text_at(found, "workflow"):
        return f"Workflow [{last(text_at(found, 'workflow'))}]"
    return f"HTTP endpoint [{text_at(dict_at(found, 'httpEndpoint'), 'uri')}]"


def _finished(session: Session, operation: Document, name: str, doing: str) -> Document:
    """What became of an operation, which is done when it is answered. Raises CommandError."""
    _, project, _, location, _, trigger_id = name.split("/")
    session.console.mutter(f"{doing} trigger [{trigger_id}] in project [{project}], location [{location}]...")
    error = dict_at(operation, "error")
    if error or operation.get("done") is not True:
        session.console.say("failed.")
        raise CommandError(text_at(error, "message") or f"operation [{text_at(operation, 'name')}] has not ended")
    session.console.say("done.")
    return session.call("GET", target(name)) if doing != "Deleting" else {}


def _update(session: Session, arguments: Arguments) -> object:
    name = full_name(session, "trigger", arguments.word("trigger"))
    _, project, _, location, _, _ = name.split("/")
    held = session.call("GET", target(name))
    trigger = settings_of(arguments, project, location, held)
    mask = sorted(trigger)
    if arguments.switch("clear-service-account"):
        mask.append("serviceAccount")
    labels = changed_labels(arguments, lambda: dict_at(held, "labels"))
    if labels is not None:
        trigger["labels"] = labels
        mask.append("labels")
    if not mask:
        raise CommandError("Must specify at least one field to update.")
    trigger["name"] = name
    operation = session.call("PATCH", target(name, {"updateMask": ",".join(mask)}), trigger)
    if arguments.switch("async"):
        return operation
    return _finished(session, operation, name, "Updating")


def _list(session: Session, arguments: Arguments) -> Iterator[Record]:
    del arguments
    found = items(session, f"{parent_of(session, 'trigger')}/triggers", "triggers")
    return (trigger_record(as_dict(trigger)) for trigger in found)


def _describe(session: Session, arguments: Arguments) -> Document:
    return session.call("GET", target(full_name(session, "trigger", arguments.word("trigger"))))


def _delete(session: Session, arguments: Arguments) -> Document | None:
    name = full_name(session, "trigger", arguments.word("trigger"))
    operation = session.call("DELETE", target(name))
    if arguments.switch("async"):
        return operation
    _finished(session, operation, name, "Deleting")
    return None


CREATE = Command(
    _create,
    "Create a trigger: events that all filters match go to the destination, at least once. The destination need not be"
    " there yet: events wait for it for a day.",
    positionals=[TRIGGER],
    flags=[
        LOCATION,
        *FILTERS,
        *DESTINATIONS,
        ACCOUNT,
        Flag("--transport-topic", "text", "The topic whose messages are the events.", metavar="TOPIC"),
        Flag("--channel", "text", "The channel whose events these are.", metavar="CHANNEL"),
        LABELS,
        *EXTENSIONS,
        ASYNC,
    ],
    exclusive=[ONE_DESTINATION],
    examples=[
        (
            "Tell a service of each new object:",
            (
                "hakobune eventarc triggers create uploads --location us-central1 --destination-run-service reception"
                " --event-filters type=google.cloud.storage.object.v1.finalized,bucket=uploads-raw"
            ),
        ),
        (
            "Start a workflow for each message of a topic:",
            (
                "hakobune eventarc triggers create orders --location us-central1 --destination-workflow order"
                " --event-filters type=google.cloud.pubsub.topic.v1.messagePublished --transport-topic orders"
            ),
        ),
        (
            "Deliver each event twice, and in another order, to see whether the handler bears it:",
            "hakobune eventarc triggers update uploads --location us-central1 --test-duplicates 1 --test-reorder 5s",
        ),
    ],
)
UPDATE = Command(
    _update,
    "Change a trigger. Events that it has already are delivered as it is then.",
    positionals=[TRIGGER],
    flags=[
        LOCATION,
        *FILTERS,
        *DESTINATIONS,
        Flag("--clear-destination-run-path", "switch", "Call the root of the service."),
        Flag("--clear-destination-gke-path", "switch", "", hidden=True, refusal="there is no Kubernetes cluster here"),
        ACCOUNT,
        Flag("--clear-service-account", "switch", "The destination sees no token."),
        *UPDATE_LABELS,
        *EXTENSIONS,
        ASYNC,
    ],
    exclusive=[ONE_DESTINATION, LABELS_EXCLUDE, ("--service-account", "--clear-service-account")],
    examples=[("To another service:", "hakobune eventarc triggers update uploads --destination-run-service other")],
)
LIST = Command(
    _list,
    "List triggers of a location; of all locations where none is named.",
    flags=[LOCATION, *LIST_FLAGS],
    default_format="table(id:label=NAME,type:label=TYPE,destinationShown:label=DESTINATION,active:label=ACTIVE,"
    "location:label=LOCATION)",
    examples=[("Their names:", 'hakobune eventarc triggers list --format "value(name.basename())"')],
)
DESCRIBE = Command(
    _describe,
    "Show a trigger, with the reason where it does not do what it should.",
    positionals=[TRIGGER],
    flags=[LOCATION],
    default_format="yaml",
    examples=[
        (
            "Its subscription, whose retry policy, ack deadline and dead letter topic rule its deliveries:",
            (
                "hakobune eventarc triggers describe uploads --location us-central1"
                ' --format "value(transport.pubsub.subscription)"'
            ),
        )
    ],
)
DELETE = Command(
    _delete,
    "Delete a trigger. Events that it has not delivered are lost.",
    positionals=[TRIGGER],
    flags=[LOCATION, ASYNC],
    examples=[("Without being asked:", "hakobune eventarc triggers delete uploads --location us-central1")],
)
