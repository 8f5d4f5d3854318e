"""`run services replace FILE`, and the same of worker pools (rules: spec/run.md 5.4)."""

from __future__ import annotations

from hakobune.cli.containers.files import resource_in
from hakobune.cli.document import Document, text_at
from hakobune.cli.flags import Arguments, Command, Flag, Positional
from hakobune.cli.jobs import view
from hakobune.cli.jobs.jobs import ASYNC
from hakobune.cli.progress import Stage, Tracker
from hakobune.cli.run_api import RunApi
from hakobune.cli.services.following import CREATING, ROUTING, put, until_ready
from hakobune.cli.services.names import SERVICE
from hakobune.cli.services.services import PLATFORM

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hakobune.cli.services.subject import Subject
    from hakobune.cli.session import Session


def replacing(subject: Subject, stages: Sequence[str]) -> Callable[[Session, Arguments], object]:
    """Put what a file describes."""

    def run(session: Session, arguments: Arguments) -> object:
        from hakobune.cli.yaml_reader import read_file

        path = arguments.word("file") or subject.file
        wanted = _read(subject, session, read_file(path), path)
        name = view.name_of(wanted)
        api = RunApi(session, session.region)
        held = api.find(subject.plural, name)
        bold = session.console.bold
        session.console.say(
            f"Applying new configuration to Cloud Run {subject.noun} [{bold(name)}] in project"
            f" [{bold(session.project)}] region [{bold(api.region)}]"
        )
        if arguments.switch("dry-run"):
            return (
                api.replace(subject.plural, wanted, dry=True) if held else api.create(subject.plural, wanted, dry=True)
            )
        if arguments.switch("async"):
            resource = put(api, subject, wanted, held)
            session.console.say(f"New configuration for [{bold(name)}] is being applied asynchronously.")
            return resource
        shown = [Stage(stage) for stage in stages]
        header = f"Deploying new {subject.noun}..." if held is None else "Deploying..."
        with Tracker(session.console, header, shown, "Deployment failed") as tracker:
            resource = until_ready(api, subject, put(api, subject, wanted, held), tracker, shown)
        session.console.say(f"New configuration has been applied to {subject.noun} [{bold(name)}].")
        url = text_at(resource, "status", "url")
        if url:
            session.console.say(f"URL: {bold(url)}")
        return resource

    return run


def _read(subject: Subject, session: Session, document: object, path: str) -> Document:
    return resource_in(
        session,
        document,
        path,
        api_version=subject.api_version,
        kind=subject.kind,
        noun=subject.noun,
        positional=subject.positional,
    )


DRY_RUN = Flag("--dry-run", "switch", "Check the file, and change nothing.")
REPLACE = Command(
    replacing(SERVICE, (CREATING, ROUTING)),
    "Create the service that a YAML file describes, or put it in the place of the one of its name.",
    positionals=[Positional("file", "The file, - for stdin. Default service.yaml.", required=False)],
    flags=[ASYNC, DRY_RUN, PLATFORM],
    examples=[
        (
            "Take a service out, change it, put it back:",
            "hakobune run services describe api --format export > api.yaml",
        ),
        ("And:", "hakobune run services replace api.yaml"),
    ],
)
