"""`run jobs list | describe | delete`."""

from __future__ import annotations

from hakobune.cli.document import Document
from hakobune.cli.errors import ApiError, CommandError
from hakobune.cli.flags import LIST_FLAGS, Arguments, Command, Flag, Positional
from hakobune.cli.format.records import Record
from hakobune.cli.jobs import view
from hakobune.cli.run_api import RunApi

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from hakobune.cli.session import Session

JOB = Positional("job", "The name of the job.")
ASYNC = Flag("--async", "switch", "Return at once, without waiting for the operation to end.")


def _list(session: Session, arguments: Arguments) -> Iterator[Record]:
    del arguments
    found = [view.record_of(job) for job in RunApi(session, session.named_region).list("jobs")]
    return iter(sorted(found, key=lambda record: view.name_of(record.document)))


def _describe(session: Session, arguments: Arguments) -> object:
    name = arguments.word("job")
    job = RunApi(session, session.region).find("jobs", name)
    if job is None:
        raise CommandError(f"Cannot find job [{name}].")
    return described(session, job)


def described(session: Session, resource: Document) -> object:
    """The page for people, the document for `--format`, the file for `--format export`."""
    if session.arguments.text("format") == "export":
        return Record(exported(resource))
    from hakobune.cli.format.printing import Printed
    from hakobune.cli.jobs import describe

    pages = {"Job": describe.job_page, "Execution": describe.execution_page, "Task": describe.task_page}
    page = pages[str(resource.get("kind"))]
    return Printed(view.record_of(resource), lambda: page(resource))


def exported(resource: Document) -> Document:
    """A resource as `run jobs replace` takes it: without status and what the server fills in (spec/run.md 5.4)."""
    dropped = ("creationTimestamp", "generation", "resourceVersion", "selfLink", "uid")
    client = (
        "serving.knative.dev/creator",
        "serving.knative.dev/lastModifier",
        "run.googleapis.com/client-name",
        "run.googleapis.com/client-version",
        "run.googleapis.com/creatorEmail",
        "run.googleapis.com/lastModifierEmail",
        "run.googleapis.com/operation-id",
        "hakobune.dev/scaled-instances",
    )
    from hakobune.cli.document import dict_at

    metadata = {key: value for key, value in dict_at(resource, "metadata").items() if key not in dropped}
    if "annotations" in metadata:
        annotations = dict_at(metadata, "annotations")
        metadata["annotations"] = {key: value for key, value in annotations.items() if key not in client}
    rest = {key: value for key, value in resource.items() if key not in ("status", "metadata")}
    return {**rest, "metadata": metadata}


def _delete(session: Session, arguments: Arguments) -> None:
    name = arguments.word("job")
    api = RunApi(session, session.region)
    text = f"Job [{name}] will be deleted."
    if not session.console.takes_defaults:
        active = next(iter(api.list("executions", selector=view.ACTIVE_SELECTOR.format(job=name), limit=1)), None)
        if active is not None:
            text += " This job is currently executing; all running executions will be stopped and deleted."
    session.console.confirm(text)
    remove(session, api, "jobs", name, wait=not arguments.switch("async"))


def remove(session: Session, api: RunApi, kind: str, name: str, *, wait: bool) -> None:
    """Delete a job or an execution, and wait until it is gone."""
    noun = kind[:-1]
    if wait:
        session.console.mutter(f"Deleting [{name}]...")
    try:
        api.delete(kind, name)
    except CommandError as error:
        if wait:
            session.console.say("failed.")
        if isinstance(error, ApiError) and error.code == 404:
            raise CommandError(f"{noun.capitalize()} [{name}] could not be found.") from error
        raise
    if not wait:
        session.console.say(f"{noun.capitalize()} [{name}] is being deleted.")
        return
    from hakobune.cli.waiting import until_gone

    until_gone(api, kind, name)
    session.console.say("done.")
    session.console.say(f"Deleted {noun} [{name}].")


LIST = Command(
    _list,
    "List the jobs of a region, or of all regions when none is named.",
    flags=LIST_FLAGS,
    default_format="table("
    + ",".join((
        view.READY_COLUMN,
        "name:label=JOB",
        "region:label=REGION",
        f'status.latestCreatedExecution.creationTimestamp{view.DATE}:label="LAST RUN AT"',
        f"creation_timestamp{view.DATE}:label=CREATED",
        'author:label="CREATED BY"',
    ))
    + ")",
    examples=[
        ("All jobs of all regions:", "hakobune run jobs list"),
        ("The names only:", 'hakobune run jobs list --format "value(metadata.name)"'),
    ],
)  # fmt: skip

DESCRIBE = Command(
    _describe,
    "Obtain details about a job. --format export prints it as `run jobs replace` takes it.",
    positionals=[JOB],
    examples=[
        ("For people:", "hakobune run jobs describe thumbs"),
        (
            "The latest execution:",
            'hakobune run jobs describe thumbs --format "value(status.latestCreatedExecution.name)"',
        ),
    ],
    default_format="yaml",
)

DELETE = Command(
    _delete,
    "Delete a job. Its running executions are stopped, and all its executions are deleted.",
    positionals=[JOB],
    flags=[ASYNC],
    examples=[("Without being asked:", "hakobune run jobs delete thumbs --quiet")],
)
