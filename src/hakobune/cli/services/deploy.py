"""`run deploy` and `run services update`: read the service, change what the flags name, put it back, wait for it."""

from __future__ import annotations

from hakobune.cli.containers.requirements import check_program
from hakobune.cli.document import Document, as_list, text_at
from hakobune.cli.errors import CommandError
from hakobune.cli.flags import Arguments, Command, Positional
from hakobune.cli.jobs import view
from hakobune.cli.progress import Stage, Tracker
from hakobune.cli.run_api import RunApi
from hakobune.cli.services import deploy_flags as flags
from hakobune.cli.services import shares
from hakobune.cli.services.changes import apply_service_flags, apply_template_flags, force_revision
from hakobune.cli.services.following import CREATING, POLICY, ROUTING, found, put, until_ready
from hakobune.cli.services.names import SERVICE
from hakobune.cli.services.policy import allow_everybody
from hakobune.cli.services.subject import LATEST

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hakobune.cli.session import Session

_FAILED = "Deployment failed"


def _deploy(session: Session, arguments: Arguments) -> object:
    check_program(arguments, "gcr.io/cloudrun/hello:latest")
    return _run(session, arguments, may_create=True)


def _update(session: Session, arguments: Arguments) -> object:
    return _run(session, arguments, may_create=False)


def _run(session: Session, arguments: Arguments, *, may_create: bool) -> object:
    api, name, held = found(SERVICE, session, arguments, _changed, may_create=may_create)
    bold = session.console.bold
    wanted = SERVICE.new(session.project, name) if held is None else held
    if held is None and arguments.given("traffic") and not arguments.switch("traffic"):
        raise CommandError("--no-traffic not supported when creating a new service.")
    _changed(wanted, arguments)
    _change_traffic(wanted, arguments)
    if arguments.switch("async"):
        service = put(api, SERVICE, wanted, held)
        _set_policy(session, arguments, name, is_new=held is None)
        session.console.say(f"Service [{bold(name)}] is deploying asynchronously.")
        return service
    return _follow(session, arguments, api, wanted, held)


def _changed(service: Document, arguments: Arguments) -> None:
    apply_template_flags(SERVICE, service, arguments)
    apply_service_flags(service, arguments)
    force_revision(service, arguments)


def _change_traffic(service: Document, arguments: Arguments) -> None:
    if arguments.given("traffic") and not arguments.switch("traffic"):
        shares.hold_back(SERVICE, service)
    if arguments.text("tag"):
        shares.tag_latest(SERVICE, service, arguments.text("tag"))


def _follow(session: Session, arguments: Arguments, api: RunApi, wanted: Document, held: Document | None) -> Document:
    names = [CREATING]
    if any(shares.key_of(share) == LATEST for share in SERVICE.declared(wanted)) or not SERVICE.declared(wanted):
        names.append(ROUTING)
    if _wants_policy(arguments, is_new=held is None):
        names.append(POLICY)
    stages = [Stage(name) for name in names]
    header = "Deploying new service..." if held is None else "Deploying..."
    with Tracker(session.console, header, stages, _FAILED) as tracker:
        service = put(api, SERVICE, wanted, held)
        for stage in stages:
            if stage.name == POLICY:
                tracker.start(stage)
                _set_policy(session, arguments, view.name_of(wanted), is_new=held is None)
                tracker.finish(stage)
        service = until_ready(api, SERVICE, service, tracker, stages)
    say_deployed(session, service, has_traffic=not arguments.given("traffic") or arguments.switch("traffic"))
    return service


def say_deployed(session: Session, service: Document, *, has_traffic: bool) -> None:
    """Say which revision serves how much, and where."""
    bold = session.console.bold
    field = "latestReadyRevisionName" if has_traffic else "latestCreatedRevisionName"
    percent = shares.latest_percent(SERVICE, service) if has_traffic else 0
    text = (
        f"Service [{bold(view.name_of(service))}] revision [{bold(text_at(service, 'status', field))}] has been"
        f" deployed and is serving {bold(str(percent))} percent of traffic."
    )
    if percent:
        text += f"\nService URL: {bold(text_at(service, 'status', 'url'))}"
    local = local_url(service)
    if local:
        text += f"\nOn this machine: {bold(local)}"
    tags = [share for share in SERVICE.current(service) if shares.key_of(share) == LATEST and text_at(share, "url")]
    if tags:
        text += f"\nThe revision can be reached directly at {text_at(tags[0], 'url')}"
    session.console.say(text)


def local_url(service: Document) -> str:
    """The address of a service for programs of this machine."""
    import json

    try:
        urls: object = json.loads(view.annotation(service, "run.googleapis.com/urls") or "[]")
    except ValueError:
        urls = []
    return next((str(url) for url in as_list(urls) if str(url).startswith("http://")), "")


def _wants_policy(arguments: Arguments, *, is_new: bool) -> bool:
    """Nothing can be taken back of a service that is not there yet."""
    return arguments.given("allow-unauthenticated") and (not is_new or arguments.switch("allow-unauthenticated"))


def _set_policy(session: Session, arguments: Arguments, name: str, *, is_new: bool) -> None:
    if _wants_policy(arguments, is_new=is_new):
        allow_everybody(session, name, allowed=arguments.switch("allow-unauthenticated"))


_SERVICE = Positional("service", "The name of the service.", required=False)
_EXAMPLES = [
    ("A program in this directory:", "hakobune run deploy api --source . --allow-unauthenticated"),
    ("A program of this machine, which reads its port from PORT:",
     "hakobune run deploy api --image local --command python3 --args server.py"),
    ("A new revision that nobody sees yet:", "hakobune run deploy api --source . --no-traffic --tag next"),
]  # fmt: skip
_FLAGS = [*flags.CONTAINER_FLAGS, *flags.SERVICE_FLAGS, *flags.COMMON_FLAGS]

DEPLOY = Command(
    _deploy,
    "Create a service, or make a new revision of the one of that name. Settings that no flag names stay as they are.",
    positionals=[_SERVICE],
    flags=_FLAGS,
    exclusive=flags.EXCLUSIVE,
    examples=_EXAMPLES,
)
UPDATE = Command(
    _update,
    "Change the settings of a service: a new revision is made.",
    positionals=[_SERVICE],
    flags=_FLAGS,
    exclusive=flags.EXCLUSIVE,
    examples=[("More at once:", "hakobune run services update api --concurrency 200 --max-instances 4")],
)
