"""`run jobs replace FILE` (rules: spec/run.md 5.4)."""

from __future__ import annotations

from hakobune.cli.containers.files import resource_in
from hakobune.cli.document import Document
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
    return resource_in(
        session, document, path, api_version="run.googleapis.com/v1", kind="Job", noun="job", positional=JOB
    )


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
