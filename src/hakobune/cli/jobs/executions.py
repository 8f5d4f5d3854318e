"""`run jobs executions list | describe | describe-latest | cancel | delete`."""

from __future__ import annotations

from hakobune.cli.document import Document, text_at
from hakobune.cli.errors import ApiError, CommandError
from hakobune.cli.flags import LIST_FLAGS, Arguments, Command, Flag, Positional
from hakobune.cli.format.records import Record
from hakobune.cli.jobs import view
from hakobune.cli.jobs.jobs import ASYNC, JOB, described, remove
from hakobune.cli.run_api import RunApi

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from hakobune.cli.session import Session

EXECUTION = Positional("execution", "The name of the execution.")


def _list(session: Session, arguments: Arguments) -> Iterator[Record]:
    job = arguments.text("job")
    selector = f"{view.JOB_LABEL} = {job}" if job else ""
    found = list(RunApi(session, session.named_region).list("executions", selector=selector))
    found.sort(key=view.name_of)
    found.sort(key=_start_order, reverse=True)
    return (view.record_of(execution) for execution in found)


def _start_order(execution: Document) -> tuple[bool, str]:
    """Executions that have not started come first, then the newest."""
    started = view.condition(execution, "Started")
    when = text_at(started, "lastTransitionTime") or text_at(execution, "metadata", "creationTimestamp")
    return text_at(started, "status") not in ("True", "False"), when


def _describe(session: Session, arguments: Arguments) -> object:
    return described(session, found(session, arguments.word("execution")))


def found(session: Session, name: str) -> Document:
    """The execution of that name. Raises CommandError when there is none."""
    execution = RunApi(session, session.region).find("executions", name)
    if execution is None:
        raise CommandError(f"Cannot find execution [{name}].")
    return execution


def _describe_latest(session: Session, arguments: Arguments) -> object:
    name = arguments.word("job")
    job = RunApi(session, session.region).find("jobs", name)
    if job is None:
        raise CommandError(f"Cannot find job [{name}].")
    latest = text_at(job, "status", "latestCreatedExecution", "name").rpartition("/")[2]
    if not latest:
        again = f"{session.group} execute {name}{session.place_flags}"
        raise CommandError(f"Job [{name}] has not been executed yet. Run it with: {again}")
    return described(session, found(session, latest))


def _cancel(session: Session, arguments: Arguments) -> None:
    name = arguments.word("execution")
    api = RunApi(session, session.region)
    session.console.confirm(f"Execution [{name}] will be cancelled.")
    if arguments.switch("async"):
        _ask_for_cancel(api, name)
        session.console.say(f"Execution [{name}] is being cancelled.")
        return
    session.console.mutter(f"Cancelling [{name}]...")
    try:
        _ask_for_cancel(api, name)
        _until_cancelled(api, name)
    except CommandError:
        session.console.say("failed.")
        raise
    session.console.say("done.")
    session.console.say(f"Cancelled execution [{name}].")


def _ask_for_cancel(api: RunApi, name: str) -> None:
    try:
        api.cancel(name)
    except ApiError as error:
        if error.code == 404:
            raise CommandError(f"Execution [{name}] could not be found.") from error
        raise


def _until_cancelled(api: RunApi, name: str) -> None:
    from hakobune.cli.waiting import until_completed

    execution = until_completed(api, name)
    if text_at(view.condition(execution, "Completed"), "reason") != "Cancelled":
        raise _ended_before(execution)


def _ended_before(execution: Document) -> CommandError:
    """Why an execution cannot be cancelled any more."""
    name = view.name_of(execution)
    if view.outcome(execution, "Completed"):
        return CommandError(f"[{name}] has completed successfully before it could be cancelled.")
    message = text_at(view.condition(execution, "Completed"), "message")
    return CommandError(f"Failed to cancel [{name}]: {message}" if message else f"Failed to cancel [{name}].")


def _delete(session: Session, arguments: Arguments) -> None:
    name = arguments.word("execution")
    session.console.confirm(f"Execution [{name}] will be deleted.")
    remove(session, RunApi(session, session.region), "executions", name, wait=not arguments.switch("async"))


LIST = Command(
    _list,
    "List the executions of a job, or of all jobs; those that have not started come first, then the newest.",
    flags=[Flag("--job", "text", "Only the executions of this job."), *LIST_FLAGS],
    default_format="table("
    + ",".join((
        view.READY_COLUMN,
        "job_name:label=JOB",
        "name:label=EXECUTION",
        "region:label=REGION",
        'status.runningCount.yesno(no="0"):label=RUNNING',
        "succeeded_status:label=COMPLETE",
        f"creation_timestamp{view.DATE}:label=CREATED",
        'author:label="RUN BY"',
    ))
    + ")",
    examples=[("The executions of one job:", "hakobune run jobs executions list --job thumbs")],
)  # fmt: skip

DESCRIBE = Command(
    _describe,
    "Obtain details about an execution: how many tasks run, succeeded, failed, and why.",
    positionals=[EXECUTION],
    default_format="yaml",
    examples=[("For people:", "hakobune run jobs executions describe thumbs-x7k2p")],
)

DESCRIBE_LATEST = Command(
    _describe_latest,
    "Obtain details about the latest execution of a job.",
    positionals=[JOB],
    default_format="yaml",
    examples=[("For people:", "hakobune run jobs executions describe-latest thumbs")],
)

CANCEL = Command(
    _cancel,
    "Cancel an execution. Running tasks get SIGTERM, and SIGKILL ten seconds later; pending ones never start.",
    positionals=[EXECUTION],
    flags=[ASYNC],
    examples=[("Without being asked:", "hakobune run jobs executions cancel thumbs-x7k2p --quiet")],
)

DELETE = Command(
    _delete,
    "Delete an execution with its tasks and logs. A running one is cancelled first.",
    positionals=[EXECUTION],
    flags=[ASYNC],
    examples=[("Without being asked:", "hakobune run jobs executions delete thumbs-x7k2p --quiet")],
)
