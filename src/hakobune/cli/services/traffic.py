"""`run services update-traffic`, and what `run worker-pools update-instance-split` shares with it."""

from __future__ import annotations

from hakobune.cli.errors import CommandError
from hakobune.cli.flags import Arguments, Command, Flag, Positional
from hakobune.cli.format.records import Record
from hakobune.cli.jobs.jobs import ASYNC
from hakobune.cli.progress import Stage, Tracker
from hakobune.cli.run_api import RunApi
from hakobune.cli.services import shares
from hakobune.cli.services.following import ROUTING, until_ready
from hakobune.cli.services.names import SERVICE
from hakobune.cli.services.services import PLATFORM

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from hakobune.cli.services.subject import Subject
    from hakobune.cli.session import Session

SHARE_FLAGS = (
    Flag("--to-revisions", "map", "REVISION=PERCENT,…; LATEST stands for the latest revision that is ready."),
    Flag("--to-latest", "switch", "Everything to the latest revision that is ready, now and later."),
)


def splitting(subject: Subject, doing: str, stage: str, what: str) -> Callable[[Session, Arguments], object]:
    """Divide traffic or instances anew: `doing` heads the progress, `what` is what is divided."""

    def run(session: Session, arguments: Arguments) -> object:
        name = arguments.word(subject.positional)
        if not shares.has_changes(arguments):
            raise CommandError(f"No {what} configuration change requested.")
        api = RunApi(session, session.region)
        resource = api.find(subject.plural, name)
        if resource is None:
            raise CommandError(f"{subject.title} [{name}] could not be found.")
        shares.change_shares(subject, resource, arguments)
        if arguments.switch("async"):
            api.replace(subject.plural, resource)
            session.console.say(f"{doing} asynchronously.")
            return None
        stages = [Stage(stage)]
        with Tracker(session.console, f"{doing}...", stages, f"{doing} failed") as tracker:
            resource = until_ready(api, subject, api.replace(subject.plural, resource), tracker, stages)
        from hakobune.cli.format.printing import Printed
        from hakobune.cli.services.pages import shares_lines

        settled = resource
        record = Record({subject.shares: list(shares.listed(settled, subject.shares))})
        return Printed(record, lambda: "\n".join(shares_lines(subject, settled)) + "\n")

    return run


UPDATE_TRAFFIC = Command(
    splitting(SERVICE, "Updating traffic", ROUTING, "traffic"),
    "Divide the traffic of a service among its revisions. What is not named shares the rest as before.",
    positionals=[Positional("service", "The name of the service.")],
    flags=[
        *SHARE_FLAGS,
        Flag("--to-tags", "map", "TAG=PERCENT,…"),
        Flag("--set-tags", "map", "Replace all tags by these: TAG=REVISION,…"),
        Flag("--update-tags", "map", "Add or move these tags."),
        Flag("--remove-tags", "list", "Remove these tags.", metavar="TAG"),
        Flag("--clear-tags", "switch", "Remove all tags."),
        ASYNC,
        PLATFORM,
    ],
    exclusive=(
        ("--to-latest", "--to-revisions", "--to-tags"),
        ("--clear-tags", "--set-tags", "--update-tags+--remove-tags"),
    ),
    default_format="yaml",
    examples=[
        ("A tenth to another revision:", "hakobune run services update-traffic api --to-revisions api-00002-abc=10"),
        ("All to the latest:", "hakobune run services update-traffic api --to-latest"),
    ],
)
