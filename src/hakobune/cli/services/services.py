"""`run services list | describe | delete`, and what the same commands of worker pools share with them."""

from __future__ import annotations

from hakobune.cli.document import Document, dict_at, text_at
from hakobune.cli.errors import ApiError, CommandError
from hakobune.cli.flags import LIST_FLAGS, Arguments, Command, Flag, Positional
from hakobune.cli.format.records import Record
from hakobune.cli.jobs import view
from hakobune.cli.jobs.jobs import ASYNC, exported
from hakobune.cli.run_api import RunApi
from hakobune.cli.services.names import SERVICE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hakobune.cli.services.subject import Subject
    from hakobune.cli.session import Session

_CREATOR, _MODIFIER = "serving.knative.dev/creator", "serving.knative.dev/lastModifier"
PLATFORM = Flag("--platform", "choice", "", hidden=True, choices=("managed",))


def resident_record(resource: Document) -> Record:
    """A service or a worker pool with the short names that tables use."""
    names: Document = {
        "id": view.name_of(resource),
        "name": view.name_of(resource),
        "region": view.label(resource, view.REGION_LABEL),
        "domain": text_at(resource, "status", "url"),
        "author": view.annotation(resource, _CREATOR),
        "last_modifier": view.annotation(resource, _MODIFIER),
        "last_transition_time": text_at(view.condition(resource, "Ready"), "lastTransitionTime"),
        "creation_timestamp": text_at(resource, "metadata", "creationTimestamp"),
        "labels": dict_at(resource, "metadata", "labels"),
        "annotations": dict_at(resource, "metadata", "annotations"),
        "ready_symbol": view.mark(resource)[0],
        "scaled_instances": view.annotation(resource, "hakobune.dev/scaled-instances"),
    }
    return Record(resource, names, text_at(resource, "metadata", "selfLink"))


def listing(subject: Subject) -> Callable[[Session, Arguments], Iterator[Record]]:
    """The list of a subject, by name."""

    def run(session: Session, arguments: Arguments) -> Iterator[Record]:
        del arguments
        found = RunApi(session, session.named_region).list(subject.plural)
        return iter(sorted((resident_record(item) for item in found), key=lambda item: view.name_of(item.document)))

    return run


def describing(subject: Subject) -> Callable[[Session, Arguments], object]:
    """The page of one for people, the document for `--format`, the file for `--format export`."""

    def run(session: Session, arguments: Arguments) -> object:
        name = arguments.word(subject.positional)
        resource = RunApi(session, session.region).find(subject.plural, name)
        if resource is None:
            raise CommandError(f"Cannot find {subject.noun} [{name}]")
        if arguments.text("format") == "export":
            return Record(exported(resource))
        from hakobune.cli.format.printing import Printed
        from hakobune.cli.services.pages import resident_page

        return Printed(resident_record(resource), lambda: resident_page(subject, resource))

    return run


def deleting(subject: Subject) -> Callable[[Session, Arguments], None]:
    """Delete one, and wait until it is gone."""

    def run(session: Session, arguments: Arguments) -> None:
        name = arguments.word(subject.positional)
        title = "WorkerPool" if subject.kind == "WorkerPool" else subject.title
        session.console.confirm(f"{title} [{name}] will be deleted.")
        remove(session, subject.plural, name, subject.title, wait=not arguments.switch("async"))

    return run


def remove(session: Session, plural: str, name: str, title: str, *, wait: bool) -> None:
    """Delete a resource, and wait until it is gone."""
    api = RunApi(session, session.region)
    if wait:
        session.console.mutter(f"Deleting [{name}]...")
    try:
        api.delete(plural, name)
    except CommandError as error:
        if wait:
            session.console.say("failed.")
        if isinstance(error, ApiError) and error.code == 404:
            raise CommandError(f"{title} [{name}] could not be found.") from error
        raise
    if not wait:
        session.console.say(f"{title} [{name}] is being deleted.")
        return
    from hakobune.cli.waiting import until_gone

    until_gone(api, plural, name)
    session.console.say("done.")
    session.console.say(f"Deleted {title.lower()} [{name}].")


_COLUMNS = (
    view.READY_COLUMN,
    "firstof(id,metadata.name):label=SERVICE",
    "region:label=REGION",
    "domain:label=URL",
    'last_modifier:label="LAST DEPLOYED BY"',
    'last_transition_time:label="LAST DEPLOYED AT"',
)
_SERVICE = Positional("service", "The name of the service.")
LIST = Command(
    listing(SERVICE),
    "List the services of a region, or of all regions when none is named.",
    flags=[*LIST_FLAGS, PLATFORM],
    default_format=f"table({','.join(_COLUMNS)})",
    examples=[
        ("All services of all regions:", "hakobune run services list"),
        ("The URL of one:", 'hakobune run services list --filter "metadata.name=api" --format "value(status.url)"'),
    ],
)
DESCRIBE = Command(
    describing(SERVICE),
    "Obtain details about a service. --format export prints it as `run services replace` takes it.",
    positionals=[_SERVICE],
    flags=[PLATFORM],
    examples=[
        ("For people:", "hakobune run services describe api"),
        ("The URL:", 'hakobune run services describe api --format "value(status.url)"'),
    ],
    default_format="yaml",
)
DELETE = Command(
    deleting(SERVICE),
    "Delete a service, with its revisions. Its instances are stopped.",
    positionals=[_SERVICE],
    flags=[ASYNC, PLATFORM],
    examples=[("Without being asked:", "hakobune run services delete api --quiet")],
)
