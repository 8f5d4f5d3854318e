"""`run jobs execute`."""

from __future__ import annotations

from hakobune.cli.document import Document, text_at
from hakobune.cli.errors import UsageError
from hakobune.cli.flags import Arguments, Command, Flag, Positional
from hakobune.cli.jobs import view
from hakobune.cli.jobs.following import ExecutionFailedError, follow, hints, stages
from hakobune.cli.progress import Stage, Tracker
from hakobune.cli.run_api import RunApi

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from hakobune.cli.session import Session

KEY_LENGTH_MAX = 255

WAIT = Flag("--wait", "switch", "Wait until the execution has ended; exit 1 if it failed.")
ASYNC = Flag("--async", "switch", "Return at once, before the execution has started.")
KEY = Flag(
    "--idempotency-key",
    "text",
    "The same key names the same execution: sent again, nothing new is started. (Hakobune only.)",
    metavar="KEY",
)


def _execute(session: Session, arguments: Arguments) -> object:
    name = arguments.word("job") or session.console.ask("Job name: ")
    if not name:
        raise UsageError("argument JOB: Must be specified.")
    api = RunApi(session, session.region)
    overrides = overrides_of(arguments)
    key = idempotency_key(arguments)
    return start_and_follow(session, arguments, api, lambda: api.run(name, overrides, key=key))


def start_and_follow(session: Session, arguments: Arguments, api: RunApi, start: Callable[[], Document]) -> Document:
    """Start an execution by `start()`, wait as long as `--async` or `--wait` say, and say what was done."""
    if arguments.switch("async"):
        execution = start()
        shown = session.console.bold(view.name_of(execution))
        session.console.say(f"Execution [{shown}] is being started asynchronously.")
    else:
        wait = arguments.switch("wait")
        execution = _track(session, api, start, header="Creating execution...", shown=stages(wait=wait))
        verb = "completed" if wait else "started running"
        session.console.say(f"Execution [{session.console.bold(view.name_of(execution))}] has successfully {verb}.")
    session.console.say(f"\n{hints(session, view.name_of(execution))}")
    return execution


def _track(
    session: Session, api: RunApi, start: Callable[[], Document], *, header: str, shown: list[Stage]
) -> Document:
    """Start an execution by `start()` and follow it. A failed one names itself in the error."""
    execution: Document = {}
    try:
        with Tracker(session.console, header, shown, "Executing job failed") as tracker:
            execution = start()
            return follow(session, api, execution, tracker, shown)
    except ExecutionFailedError as error:
        raise ExecutionFailedError(f"{error}\n{hints(session, view.name_of(execution))}") from error


def idempotency_key(arguments: Arguments) -> str:
    """The key, checked. Raises UsageError."""
    key = arguments.text("idempotency-key")
    if arguments.given("idempotency-key") and not (
        0 < len(key) <= KEY_LENGTH_MAX and key.isascii() and key.isprintable()
    ):
        raise UsageError(f"argument --idempotency-key: Must be 1 to {KEY_LENGTH_MAX} printable ASCII characters.")
    return key


def overrides_of(arguments: Arguments) -> Document:
    """What differs from the job in this execution, as the v1 API takes it."""
    overrides: Document = {}
    containers = [_container_override("", arguments)]
    containers += [_container_override(name, scope) for name, scope in arguments.containers]
    given = [container for container in containers if len(container) > ("name" in container)]
    if given:
        overrides["containerOverrides"] = given
    tasks = arguments.number("tasks")
    if tasks is not None:
        overrides["taskCount"] = tasks
    timeout = arguments.number("task-timeout")
    if timeout is not None:
        overrides["timeoutSeconds"] = timeout
    return overrides


def _container_override(name: str, scope: Arguments) -> Document:
    override: Document = {"name": name} if name else {}
    if scope.given("args"):
        words = scope.words("args")
        if words:
            override["args"] = words
        else:
            override["clearArgs"] = True
    pairs = scope.pairs("update-env-vars")
    if pairs:
        override["env"] = [{"name": key, "value": value} for key, value in pairs.items()]
    return override


def execution_id(operation: Document) -> str:
    """The short name of the execution that an operation of v2 is about."""
    return text_at(operation, "metadata", "name").rpartition("/")[2]


EXECUTE = Command(
    _execute,
    "Execute a job. Returns when the execution has started; with --wait when it has ended.",
    positionals=[Positional("job", "The name of the job.", required=False)],
    flags=[
        WAIT,
        ASYNC,
        Flag("--args", "list", "Arguments in the place of the job's; empty: none.", metavar="ARG", scoped=True),
        Flag("--update-env-vars", "map", "Variables of this execution, over the job's.", scoped=True),
        Flag("--tasks", "number", "The number of tasks of this execution.", at_least=1),
        Flag("--task-timeout", "duration", "Deadline of each attempt: 90, 10m5s, 1h.", at_least=1, metavar="DURATION"),
        Flag("--container", "text", "The flags after this one belong to the container NAME.", metavar="NAME"),
        KEY,
        Flag("--tail", "switch", "", hidden=True, refusal="use --wait, and `run jobs executions logs tail`"),
        Flag("--delay-execution", "switch", "", hidden=True, note="there is always capacity to start at once"),
    ],
    exclusive=[("--async", "--wait")],
    examples=[
        ("Return when it has started:", "hakobune run jobs execute thumbs"),
        ("And wait until it has ended:", "hakobune run jobs execute thumbs --wait"),
        ("With other arguments and fewer tasks:", "hakobune run jobs execute thumbs --tasks 3 --args=--dry-run"),
        ("At most once for each day:", "hakobune run jobs execute thumbs --idempotency-key $(date +%F)"),
    ],
)
