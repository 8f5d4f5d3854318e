"""`run worker-pools deploy | update`: read the pool, change what the flags name, put it back, wait for it."""

from __future__ import annotations

from hakobune.cli.containers.changes import RUN
from hakobune.cli.containers.flags import EXCLUSIVE
from hakobune.cli.containers.requirements import check_program
from hakobune.cli.document import Document, child, text_at
from hakobune.cli.errors import UsageError
from hakobune.cli.flags import Arguments, Command, Flag, Positional
from hakobune.cli.jobs import view
from hakobune.cli.progress import Stage, Tracker
from hakobune.cli.services import shares
from hakobune.cli.services.changes import apply_template_flags, change_scaling, force_revision
from hakobune.cli.services.deploy_flags import COMMON_FLAGS
from hakobune.cli.services.following import CREATING, found, put, until_ready
from hakobune.cli.services.names import POOL_CONTAINER_FLAGS, WORKER_POOL
from hakobune.cli.services.replace import DRY_RUN
from hakobune.cli.worker_pools import scaling

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hakobune.cli.session import Session

_MODE, _MANUAL = f"{RUN}scalingMode", f"{RUN}manualInstanceCount"


def _deploy(session: Session, arguments: Arguments) -> object:
    check_program(arguments, "gcr.io/cloudrun/hello:latest")
    return _run(session, arguments, may_create=True)


def _update(session: Session, arguments: Arguments) -> object:
    return _run(session, arguments, may_create=False)


def _run(session: Session, arguments: Arguments, *, may_create: bool) -> object:
    api, name, held = found(WORKER_POOL, session, arguments, _change, may_create=may_create)
    bold = session.console.bold
    wanted = WORKER_POOL.new(session.project, name) if held is None else held
    _change(wanted, arguments)
    if arguments.given("promote") and not arguments.switch("promote"):
        shares.hold_back(WORKER_POOL, wanted)
    if arguments.switch("dry-run"):
        return (
            api.create("workerpools", wanted, dry=True)
            if held is None
            else api.replace("workerpools", wanted, dry=True)
        )
    if arguments.switch("async"):
        pool = put(api, WORKER_POOL, wanted, held)
        session.console.say(f"Worker pool [{bold(name)}] is deploying asynchronously.")
        return pool
    stages = [Stage(CREATING)]
    header = "Deploying new worker pool..." if held is None else "Deploying..." if may_create else "Updating..."
    with Tracker(session.console, header, stages, "Deployment failed") as tracker:
        pool = until_ready(api, WORKER_POOL, put(api, WORKER_POOL, wanted, held), tracker, stages)
    _say_done(session, pool, "deployed" if may_create else "updated")
    return pool


def _say_done(session: Session, pool: Document, done: str) -> None:
    bold = session.console.bold
    revision = text_at(pool, "status", "latestCreatedRevisionName")
    name = view.name_of(pool)
    session.console.say(
        f"Worker pool [{bold(name)}] revision [{bold(revision)}] has been {done}.\n\nSee logs with:\n"
        f"hakobune run worker-pools logs tail {name}{session.place_flags}"
    )


def _change(pool: Document, arguments: Arguments) -> None:
    apply_template_flags(WORKER_POOL, pool, arguments)
    annotations = child(pool, "metadata", "annotations")
    change_scaling(annotations, arguments)
    instances = arguments.number("instances")
    if instances is not None:
        annotations.update({_MODE: "manual", _MANUAL: str(instances)})
    for flag, name in (("min", f"{RUN}minScale"), ("max", f"{RUN}maxScale")):
        if arguments.given(flag):
            annotations[name] = str(arguments.number(flag))
    if arguments.given("min") and arguments.given("instances"):
        raise UsageError("argument --instances: At most one of --instances | --min can be specified.")
    scaling.change_policy(annotations, arguments)
    force_revision(pool, arguments)


_POOL = Positional("worker-pool", "The name of the worker pool.", required=False)
_FLAGS = [
    *POOL_CONTAINER_FLAGS,
    *COMMON_FLAGS,
    Flag("--instances", "number", "How many instances run. Default 1; 0: none.", at_least=0),
    Flag("--scaling", "text", "", hidden=True, metavar="auto|N"),
    Flag("--min", "number", "", hidden=True, at_least=0),
    Flag("--max", "number", "", hidden=True, at_least=0),
    Flag("--promote", "switch", "Give instances to the new revision (default).", opposite="leave them where they are"),
    Flag("--revision-suffix", "text", "The end of the revision's name."),
    Flag("--description", "text", "What the worker pool is for."),
    DRY_RUN,
    *scaling.FLAGS,
]
_EXAMPLES = [
    ("Three workers of a program in this directory:",
     "hakobune run worker-pools deploy consumer --source . --instances 3"),
    ("A program of this machine:",
     "hakobune run worker-pools deploy consumer --image local --command python3 --args worker.py"),
    ("One worker for each 50 messages that wait:",
     "hakobune run worker-pools update consumer --scaling-pubsub-subscription billing --scaling-pubsub-target 50"),
]  # fmt: skip
DEPLOY = Command(
    _deploy,
    "Create a worker pool, or make a new revision of the one of that name. Settings that no flag names stay as they"
    " are.",
    positionals=[_POOL],
    flags=_FLAGS,
    exclusive=EXCLUSIVE,
    examples=_EXAMPLES,
)
UPDATE = Command(
    _update,
    "Change the settings of a worker pool: a new revision is made.",
    positionals=[_POOL],
    flags=_FLAGS,
    exclusive=EXCLUSIVE,
    examples=[("More workers:", "hakobune run worker-pools update consumer --instances 5")],
)
