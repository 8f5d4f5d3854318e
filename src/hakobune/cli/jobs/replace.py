"""`run jobs replace FILE` (rules: spec/run.md 5.4)."""

from __future__ import annotations

from hakobune import __version__
from hakobune.cli.containers.requirements import check_name
from hakobune.cli.document import Document, as_dict, at, child, dict_at, is_dict, text_at
from hakobune.cli.errors import CommandError
from hakobune.cli.flags import Arguments, Command, Positional
from hakobune.cli.jobs import view
from hakobune.cli.jobs.deploy import JOB, Verb, put_and_follow
from hakobune.cli.jobs.jobs import ASYNC
from hakobune.cli.run_api import RunApi

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hakobune.cli.session import Session

_DEFAULT_FILE = "job.yaml"


def _replace(session: Session, arguments: Arguments) -> object:
    from hakobune.cli.yaml_reader import read_file

    path = arguments.word("file") or _DEFAULT_FILE
    wanted = _job(session, read_file(path), path)
    name = view.name_of(wanted)
    api = RunApi(session, session.region)
    held = api.find("jobs", name)
    verb = Verb("", "created" if held is None else "replaced", may_create=True, may_update=True)
    bold = session.console.bold
    session.console.say(
        f"{'Creating' if held is None else 'Updating'} Cloud Run job [{bold(name)}] in project"
        f" [{bold(session.project)}] region [{bold(api.region)}]"
    )
    if arguments.switch("async"):
        job = api.create("jobs", wanted) if held is None else api.replace("jobs", wanted)
        session.console.say(f"Job [{bold(name)}] is being replaced asynchronously.")
        return job
    return put_and_follow(session, arguments, api, wanted, held, verb)


def _job(session: Session, document: object, path: str) -> Document:
    """The job in the file, made ready to be sent. Raises CommandError."""
    if not is_dict(document):
        raise CommandError(f"[{path}] holds no job: a YAML map with apiVersion, kind, metadata and spec is expected.")
    job = as_dict(document)
    if text_at(job, "kind") not in ("", "Job"):
        raise CommandError(f"[{path}] holds a {text_at(job, 'kind')}, not a Job.")
    if not isinstance(at(job, "spec", "template"), dict):
        raise CommandError("spec.template is required but missing. Please check the content in your yaml file.")
    job.pop("status", None)
    job["apiVersion"] = "run.googleapis.com/v1"
    job["kind"] = "Job"
    metadata = child(job, "metadata")
    if isinstance(metadata.get("name"), str):
        check_name(JOB, text_at(metadata, "name"))
    else:
        raise CommandError(f"[{path}]: metadata.name is required but missing.")
    namespace = text_at(metadata, "namespace")
    if namespace and namespace != session.project and not namespace.isdigit():
        raise CommandError(
            f"Namespace must be project ID [{session.project}] or quoted number for Cloud Run; [{path}] has"
            f" [{namespace}]."
        )
    metadata["namespace"] = session.project
    client = {"run.googleapis.com/client-name": "hakobune", "run.googleapis.com/client-version": __version__}
    metadata["annotations"] = {**dict_at(metadata, "annotations"), **client}
    return job


REPLACE = Command(
    _replace,
    "Create the job that a YAML file describes, or put it in the place of the one of its name.",
    positionals=[Positional("file", "The file, - for stdin. Default job.yaml.", required=False)],
    flags=[ASYNC],
    examples=[
        ("Take a job out, change it, put it back:", "hakobune run jobs describe thumbs --format export > job.yaml"),
        ("And:", "hakobune run jobs replace job.yaml"),
    ],
)
