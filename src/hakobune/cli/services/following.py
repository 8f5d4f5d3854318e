"""Finding a service or a worker pool, putting it, and waiting until it has settled, with gcloud's stages."""

from __future__ import annotations

from hakobune.cli.containers.requirements import check_name
from hakobune.cli.document import Document, text_at
from hakobune.cli.errors import CommandError
from hakobune.cli.jobs import view
from hakobune.cli.progress import Stage, Tracker
from hakobune.cli.run_api import RunApi

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hakobune.cli.flags import Arguments
    from hakobune.cli.services.subject import Subject
    from hakobune.cli.session import Session

# Stage → the condition that ends it.
CREATING = "Creating Revision..."
ROUTING = "Routing traffic..."
SPLITTING = "Splitting instances..."
POLICY = "Setting IAM Policy..."
_CONDITIONS = {CREATING: "ConfigurationsReady", ROUTING: "RoutesReady"}


def found(
    subject: Subject,
    session: Session,
    arguments: Arguments,
    change: Callable[[Document, Arguments], None],
    *,
    may_create: bool,
) -> tuple[RunApi, str, Document | None]:
    """Where, name and present form of what a deployment is about, once it is known that its flags are good. Raises
    CommandError."""
    name = arguments.word(subject.positional) or session.console.ask(f"{subject.title} name: ")
    check_name(subject.positional, name)
    if may_create:  # so that a wrong flag is found before anything is asked of the runtime
        change(subject.new(session.project, name), arguments)
    api = RunApi(session, session.region)
    if may_create:
        bold = session.console.bold
        place = f"in project [{bold(session.project)}] region [{bold(api.region)}]"
        session.console.say(f"Deploying container to Cloud Run {subject.noun} [{bold(name)}] {place}")
    held = api.find(subject.plural, name)
    if held is None and not may_create:
        raise CommandError(f"{subject.title} [{name}] could not be found.")
    return api, name, held


def put(api: RunApi, subject: Subject, wanted: Document, held: Document | None) -> Document:
    """Create it, or put it in the place of the one that is held."""
    return api.create(subject.plural, wanted) if held is None else api.replace(subject.plural, wanted)


def until_ready(
    api: RunApi, subject: Subject, resource: Document, tracker: Tracker, stages: Sequence[Stage]
) -> Document:
    """The resource when its Ready condition is settled. Raises CommandError with its message when it is not ready."""
    from hakobune.cli.waiting import Pauses, patiently

    pauses = Pauses()
    since: list[float] = []
    name = view.name_of(resource)
    waiting = [stage for stage in stages if stage.state != "done"]
    while True:
        ready = view.outcome(resource, "Ready")
        waiting = _advanced(resource, waiting, tracker, is_ready=ready is True)
        if ready:
            return resource
        if ready is False:
            message = text_at(view.condition(resource, "Ready"), "message")
            raise CommandError(message or f"{subject.title} [{name}] is not ready.")
        tracker.pause(pauses.next_s())
        look = f"hakobune {subject.words} list"
        resource = patiently(lambda: api.get(subject.plural, name), since, look=look) or resource


def _advanced(resource: Document, waiting: list[Stage], tracker: Tracker, *, is_ready: bool) -> list[Stage]:
    """End the stages whose condition holds, and start the next; the rest."""
    for place, stage in enumerate(waiting):
        if stage.state == "waiting":
            tracker.start(stage)
        kind = _CONDITIONS.get(stage.name, "Ready")
        if not is_ready and view.outcome(resource, kind) is not True:
            return waiting[place:]
        tracker.finish(stage)
    return []
