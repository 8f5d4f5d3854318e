"""`run services replace FILE`, and the same of worker pools (rules: spec/run.md 5.4)."""

from __future__ import annotations

from hakobune import __version__
from hakobune.cli.containers.changes import RUN
from hakobune.cli.containers.requirements import check_name
from hakobune.cli.document import Document, as_dict, at, child, dict_at, is_dict, text_at
from hakobune.cli.errors import CommandError
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
    """The resource in the file, made ready to be sent. Raises CommandError."""
    if not is_dict(document):
        raise CommandError(
            f"[{path}] holds no {subject.noun}: a YAML map with apiVersion, kind, metadata and spec is expected."
        )
    resource = as_dict(document)
    if text_at(resource, "kind") not in ("", subject.kind):
        raise CommandError(f"[{path}] holds a {text_at(resource, 'kind')}, not a {subject.kind}.")
    if not isinstance(at(resource, "spec", "template"), dict):
        raise CommandError("spec.template is required but missing. Please check the content in your yaml file.")
    resource.pop("status", None)
    resource["apiVersion"] = subject.api_version
    resource["kind"] = subject.kind
    metadata = child(resource, "metadata")
    if not isinstance(metadata.get("name"), str):
        raise CommandError(f"[{path}]: metadata.name is required but missing.")
    check_name(subject.positional, text_at(metadata, "name"))
    namespace = text_at(metadata, "namespace")
    if namespace and namespace != session.project and not namespace.isdigit():
        raise CommandError(
            f"Namespace must be project ID [{session.project}] or quoted number for Cloud Run; [{path}] has"
            f" [{namespace}]."
        )
    metadata["namespace"] = session.project
    client = {f"{RUN}client-name": "hakobune", f"{RUN}client-version": __version__}
    metadata["annotations"] = {**dict_at(metadata, "annotations"), **client}
    return resource


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
