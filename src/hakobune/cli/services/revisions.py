"""`run revisions list | describe | delete`, and the same of worker pools."""

from __future__ import annotations

from hakobune.cli.document import Document, dict_at, text_at
from hakobune.cli.errors import CommandError
from hakobune.cli.flags import LIST_FLAGS, Arguments, Command, Flag, Positional
from hakobune.cli.format.records import Record
from hakobune.cli.jobs import view
from hakobune.cli.jobs.jobs import ASYNC, exported
from hakobune.cli.run_api import RunApi
from hakobune.cli.services.services import PLATFORM, remove

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hakobune.cli.session import Session

SERVICE_LABEL = "serving.knative.dev/service"
POOL_LABEL = "run.googleapis.com/workerPool"


def _record(revision: Document) -> Record:
    status = text_at(view.condition(revision, "Active"), "status")
    names: Document = {
        "name": view.name_of(revision),
        "region": view.label(revision, view.REGION_LABEL),
        "active": {"True": True, "False": False}.get(status),
        "service_name": view.label(revision, SERVICE_LABEL),
        "worker_pool_name": view.label(revision, POOL_LABEL),
        "author": view.annotation(revision, "serving.knative.dev/creator"),
        "creation_timestamp": text_at(revision, "metadata", "creationTimestamp"),
        "labels": dict_at(revision, "metadata", "labels"),
        "annotations": dict_at(revision, "metadata", "annotations"),
        "ready_symbol": view.mark(revision)[0],
    }
    return Record(revision, names, text_at(revision, "metadata", "selfLink"))


def listing(label: str, flag: str) -> Callable[[Session, Arguments], Iterator[Record]]:
    """The revisions that have a label: those of one owner when the flag names it."""

    def run(session: Session, arguments: Arguments) -> Iterator[Record]:
        owner = arguments.text(flag)
        selector = f"{label} = {owner}" if owner else ""
        found = RunApi(session, session.region).list("revisions", selector=selector)
        return iter([_record(revision) for revision in found if view.label(revision, label)])

    return run


def _describe(session: Session, arguments: Arguments) -> object:
    name = arguments.word("revision")
    revision = RunApi(session, session.region).find("revisions", name)
    if revision is None:
        raise CommandError(f"Cannot find revision [{name}]")
    if arguments.text("format") == "export":
        return Record(exported(revision))
    from hakobune.cli.format.printing import Printed
    from hakobune.cli.services.pages import revision_page

    return Printed(_record(revision), lambda: revision_page(revision))


def _delete(session: Session, arguments: Arguments) -> None:
    name = arguments.word("revision")
    session.console.confirm(f"Revision [{name}] will be deleted.")
    remove(session, "revisions", name, "Revision", wait=not arguments.switch("async"))


def table(owner: str, label: str) -> str:
    """The columns of a list of revisions, newest first for each owner."""
    columns = (
        view.READY_COLUMN,
        "name:label=REVISION",
        'active.yesno(yes="yes", no="")',
        f"{owner}:label={label}:sort=1",
        f"creation_timestamp{view.DATE}:label=DEPLOYED:sort=2:reverse",
        'author:label="DEPLOYED BY"',
    )
    return f"table({','.join(columns)})"


_REVISION = Positional("revision", "The name of the revision.")
LIST = Command(
    listing(SERVICE_LABEL, "service"),
    "List the revisions of services.",
    flags=[Flag("--service", "text", "Only those of this service."), *LIST_FLAGS, PLATFORM],
    default_format=table("service_name", "SERVICE"),
    examples=[("Those of one service:", "hakobune run revisions list --service api")],
)
DESCRIBE = Command(
    _describe,
    "Obtain details about a revision.",
    positionals=[_REVISION],
    flags=[PLATFORM],
    examples=[("For people:", "hakobune run revisions describe api-00001-abc")],
    default_format="yaml",
)
DELETE = Command(
    _delete,
    "Delete a revision that serves nothing.",
    positionals=[_REVISION],
    flags=[ASYNC, PLATFORM],
    examples=[("Without being asked:", "hakobune run revisions delete api-00001-abc --quiet")],
)
