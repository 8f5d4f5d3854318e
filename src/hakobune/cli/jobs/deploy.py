"""`run jobs deploy | create | update`: read the job, change what the flags name, put it back, wait for it."""

from __future__ import annotations

from hakobune.cli.containers import flags as shared
from hakobune.cli.containers.changes import LOCAL_IMAGE
from hakobune.cli.containers.requirements import check_name, check_program, names_a_program
from hakobune.cli.document import Document, text_at
from hakobune.cli.errors import CommandError, UsageError
from hakobune.cli.flags import Arguments, Command, Positional
from hakobune.cli.jobs import deploy_flags as flags
from hakobune.cli.jobs import view
from hakobune.cli.jobs.changes import apply_flags, image_of, new_job
from hakobune.cli.jobs.following import ExecutionFailedError, follow, hints, stages
from hakobune.cli.progress import Tracker
from hakobune.cli.run_api import RunApi

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hakobune.cli.session import Session

JOB = "job"  # the argument that names one
_FAILED = "Job failed to deploy"


class Verb:
    """How the three commands differ: which of create and update they may do, and how they speak."""

    __slots__ = ("doing", "done", "may_create", "may_update")

    def __init__(self, doing: str, done: str, *, may_create: bool, may_update: bool) -> None:
        self.doing = doing
        self.done = done
        self.may_create = may_create
        self.may_update = may_update


_DEPLOYING = Verb("Deploying container to", "deployed", may_create=True, may_update=True)
_CREATING = Verb("Creating", "created", may_create=True, may_update=False)
_UPDATING = Verb("Updating", "updated", may_create=False, may_update=True)


def _deploy(session: Session, arguments: Arguments) -> object:
    check_program(arguments, "us-docker.pkg.dev/cloudrun/container/job:latest")
    return _run(session, arguments, _DEPLOYING)


def _create(session: Session, arguments: Arguments) -> object:
    if not names_a_program(arguments):
        raise CommandError("argument --image: Must be specified.")
    return _run(session, arguments, _CREATING)


def _update(session: Session, arguments: Arguments) -> object:
    return _run(session, arguments, _UPDATING)


def _run(session: Session, arguments: Arguments, verb: Verb) -> object:
    name = arguments.word(JOB) or session.console.ask("Job name: ")
    check_name(JOB, name)
    wanted = new_job(session.project, name)
    if verb.may_create:
        apply_flags(wanted, arguments)  # so that a wrong flag is found before anything is asked of the runtime
    api = RunApi(session, session.region)
    bold = session.console.bold
    what = "container to Cloud Run job" if verb is _DEPLOYING else "Cloud Run job"
    session.console.say(
        f"{verb.doing.partition(' ')[0]} {what} [{bold(name)}] in project [{bold(session.project)}] region"
        f" [{bold(api.region)}]"
    )
    held = api.find("jobs", name) if verb.may_update else None
    if held is not None:
        wanted = held
        apply_flags(wanted, arguments)
    if held is not None or verb.may_create:
        _check_local_program(wanted)
    if arguments.switch("async"):
        job = _put(api, wanted, held, verb)
        session.console.say(f"Job [{bold(name)}] is being {verb.done} asynchronously.")
        _say_next(session, name, again=False)
        return job
    return put_and_follow(session, arguments, api, wanted, held, verb)


def put_and_follow(
    session: Session, arguments: Arguments, api: RunApi, wanted: Document, held: Document | None, verb: Verb
) -> Document:
    """Put the job, wait until it is ready, execute it where the flags say so, and say what was done."""
    name = view.name_of(wanted)
    wait = arguments.switch("wait")
    executes = wait or arguments.switch("execute-now")
    act = "Creating" if held is None and verb.may_create else "Updating"
    shown = stages(wait=wait) if executes else []
    execution: Document = {}
    try:
        with Tracker(session.console, f"{act}{' and running' if executes else ''} job...", shown, _FAILED) as tracker:
            job = _until_ready(api, _put(api, wanted, held, verb), tracker)
            if executes:
                execution = api.run(name, {})
                execution = follow(session, api, execution, tracker, shown)
    except ExecutionFailedError as error:
        latest = text_at(execution, "metadata", "name")
        raise ExecutionFailedError(f"{error}\n{hints(session, latest)}") from error
    text = f"Job [{session.console.bold(name)}] has successfully been {verb.done}"
    if executes:
        text += f" and {'completed' if wait else 'started running'} execution [{view.name_of(execution)}]"
    session.console.say(text + ".")
    if executes:
        session.console.say(f"\n{hints(session, view.name_of(execution))}")
    _say_next(session, name, again=executes)
    return job


def _put(api: RunApi, wanted: Document, held: Document | None, verb: Verb) -> Document:
    if held is not None:
        return api.replace("jobs", wanted)
    if not verb.may_create:
        raise CommandError(f"Job [{view.name_of(wanted)}] could not be found.")
    return api.create("jobs", wanted)


def _until_ready(api: RunApi, job: Document, tracker: Tracker) -> Document:
    """The job when its Ready condition is settled. Raises CommandError with its message when it is not ready."""
    from hakobune.cli.waiting import Pauses, patiently

    pauses = Pauses()
    since: list[float] = []
    name = view.name_of(job)
    while True:
        ready = view.outcome(job, "Ready")
        if ready:
            return job
        if ready is False:
            raise CommandError(text_at(view.condition(job, "Ready"), "message") or f"Job [{name}] is not ready.")
        tracker.pause(pauses.next_s())
        job = patiently(lambda: api.get("jobs", name), since) or job


def _check_local_program(job: Document) -> None:
    """`--image local` alone starts nothing: say so before the first task fails."""
    from hakobune.cli.document import dict_at, list_at

    template = dict_at(job, "spec", "template")
    if image_of(job) != LOCAL_IMAGE or "hakobune.dev/source" in dict_at(template, "metadata", "annotations"):
        return
    container = list_at(template, "spec", "template", "spec", "containers")[0]
    if not list_at(container, "command"):
        raise UsageError("argument --image: The image `local` needs --command (and --args), or use --source DIR.")


def _say_next(session: Session, name: str, *, again: bool) -> None:
    line = f"{session.group} execute {name}{session.place_flags}"
    session.console.say(f"\nTo execute this job{' again' if again else ''}, use:\n{line}")


_JOB = Positional("job", "The name of the job.", required=False)
_EXAMPLES = [
    ("A program in this directory, as 100 tasks, eight at once:",
     "hakobune run jobs deploy thumbs --source . --tasks 100 --parallelism 8"),
    ("A program of this machine:",
     "hakobune run jobs deploy hello --image local --command /bin/echo --args hello"),
    ("An image that is mapped to a directory (see `hakobune up --map-image`):",
     "hakobune run jobs deploy thumbs --image us-docker.pkg.dev/p1/app/thumbs:1"),
]  # fmt: skip

DEPLOY = Command(
    _deploy,
    "Create a job, or update it where there is one of that name. Settings that no flag names stay as they are.",
    positionals=[_JOB],
    flags=[*flags.CONTAINER_FLAGS, *flags.JOB_FLAGS, shared.SOURCE, flags.LABELS, shared.REMOVE_CONTAINERS],
    exclusive=flags.EXCLUSIVE,
    examples=_EXAMPLES,
)

CREATE = Command(
    _create,
    "Create a job; there must be none of that name.",
    positionals=[_JOB],
    flags=[*flags.CONTAINER_FLAGS, *flags.JOB_FLAGS, shared.SOURCE, flags.LABELS],
    exclusive=flags.EXCLUSIVE,
    examples=[(text, line.replace("deploy", "create")) for text, line in _EXAMPLES[:2]],
)

UPDATE = Command(
    _update,
    "Update a job. Executions that run go on with the settings they began with.",
    positionals=[_JOB],
    flags=[
        *flags.CONTAINER_FLAGS,
        *flags.JOB_FLAGS,
        shared.SOURCE,
        flags.LABELS,
        shared.REMOVE_CONTAINERS,
        *shared.UPDATE_ONLY,
    ],
    exclusive=flags.EXCLUSIVE,
    examples=[("More retries:", "hakobune run jobs update thumbs --max-retries 5 --retry-backoff 2")],
)
