"""`workflows execute | run`. `run` also takes a file, which runs here, without a server (cli/local_run.py)."""

from __future__ import annotations

import os

from hakobune.cli.document import Document, text_at
from hakobune.cli.errors import CommandError, UsageError
from hakobune.cli.flags import Arguments, Command, Flag, Positional
from hakobune.cli.workflows.api import WorkflowsApi
from hakobune.cli.workflows.last_execution import remember
from hakobune.cli.workflows.levels import CALL_LOG_LEVEL, HISTORY_LEVEL, call_log_level, history_level
from hakobune.cli.workflows.names import LOCATION, WORKFLOW, Name, execution_from_text, workflow_named

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hakobune.cli.session import Session

_DATA_BYTES_MAX = 16 * 1024 * 1024  # far above the service's bound, which the runtime checks
_ENDINGS = (".yaml", ".yml", ".json")
_OF_FILES = ("set-env-vars", "limits", "config")
_OF_WORKFLOWS = (
    "labels",
    "call-log-level",
    "execution-history-level",
    "disable-concurrency-quota-overflow-buffering",
)


def _execute(session: Session, arguments: Arguments) -> Document:
    name = workflow_named(session, arguments.word("workflow"))
    execution, started = _start(session, arguments, name)
    from hakobune.cli.workflows.following import flags_of, words

    session.console.say(f"Created [{started.execution}].")
    session.console.say("\nTo view the workflow status, you can use following command:")
    session.console.say(f"{words(session)} executions describe {flags_of(started)}")
    return execution


def _run(session: Session, arguments: Arguments) -> object:
    word = arguments.word("workflow")
    if is_file(word):
        _refuse(arguments, _OF_WORKFLOWS, "is for deployed workflows, not for a file that runs here")
        from hakobune.cli.local_run.file import run_file

        return run_file(session, arguments, word, data=data_of(arguments))
    _refuse(arguments, _OF_FILES, "is for a file that runs here, not for deployed workflows")
    _, started = _start(session, arguments, workflow_named(session, word))
    from hakobune.cli.workflows.following import ended

    return ended(session, started)


def is_file(word: str) -> bool:
    """Whether a file is meant. An id has neither a dot nor a slash, so no deployed workflow is hidden by a file."""
    return word.endswith(_ENDINGS) or (("." in word or "/" in word) and os.path.isfile(word))


def data_of(arguments: Arguments) -> str | None:
    """The argument as JSON text; `@FILE` reads a file (no JSON begins so). Raises CommandError."""
    if not arguments.given("data"):
        return None
    text = arguments.text("data")
    if not text.startswith("@"):
        return text
    try:
        with open(text[1:], encoding="utf-8-sig") as file:
            return file.read(_DATA_BYTES_MAX)
    except OSError as error:
        raise CommandError(f"argument --data: [{text[1:]}] cannot be read: {error.strerror or error}") from error
    except UnicodeError as error:
        raise CommandError(f"argument --data: [{text[1:]}] is not UTF-8 text: {error}") from error


def _start(session: Session, arguments: Arguments, name: Name) -> tuple[Document, Name]:
    """Start an execution and keep its name."""
    body: Document = {}
    data = data_of(arguments)
    if data is not None:
        body["argument"] = data
    if arguments.given("labels"):
        body["labels"] = arguments.pairs("labels")
    if arguments.given("call-log-level"):
        body["callLogLevel"] = call_log_level(arguments)
    if arguments.given("execution-history-level"):
        body["executionHistoryLevel"] = history_level(arguments)
    if arguments.switch("disable-concurrency-quota-overflow-buffering"):
        body["disableConcurrencyQuotaOverflowBuffering"] = True
    execution = WorkflowsApi(session).execute(name, body)
    text = text_at(execution, "name")
    started = execution_from_text(text)
    if started is None:
        raise CommandError(f"The runtime answered an execution with the name [{text}].")
    remember(session, text)
    return execution, started


def _refuse(arguments: Arguments, flags: tuple[str, ...], why: str) -> None:
    for name in flags:
        if arguments.given(name):
            raise UsageError(f"argument --{name}: {why}.", usage=False)


_FLAGS = (
    LOCATION,
    Flag("--data", "text", "The argument of the execution, as JSON; or @FILE.", metavar="JSON"),
    Flag("--labels", "map", "Labels of the execution, besides those of the workflow."),
    CALL_LOG_LEVEL,
    HISTORY_LEVEL,
    Flag(
        "--disable-concurrency-quota-overflow-buffering",
        "switch",
        "Fail when too many executions run, instead of being queued.",
    ),
)

EXECUTE = Command(
    _execute,
    "Start an execution of a workflow, and return.",
    positionals=[WORKFLOW],
    flags=_FLAGS,
    examples=[
        ("With an argument:", """hakobune workflows execute video --data '{"id": 7}'"""),
        ("And look at it later:", "hakobune workflows executions describe-last"),
        ("The name alone, for a script:", 'hakobune workflows execute video --format "value(name)"'),
    ],
)

RUN = Command(
    _run,
    "Start an execution of a workflow, wait until it has ended, and print it. A file in the place of the workflow runs"
    " here, without a server and without being deployed: its calls and its waits are real, nothing is kept; the result"
    " is printed, and the command fails when the execution fails. (Files: Hakobune only.)",
    positionals=[Positional("workflow", "The id of the workflow or its full name; or a file: FILE.yaml, FILE.json.")],
    flags=[
        *_FLAGS,
        Flag("--set-env-vars", "map", "With a file: the environment variables of the workflow."),
        Flag("--limits", "choice", "With a file: keep the limits of the service (default), warn, or take none.",
             choices=("off", "warn", "strict")),
        Flag("--config", "text", "With a file: the settings file. Default ./hakobune.yaml where it exists.",
             metavar="FILE"),
    ],
    default_format="yaml",
    examples=[
        ("A file, without a server:", """hakobune workflows run video.yaml --data '{"id": 7}'"""),
        ("The same with a large argument, and the whole execution as JSON:",
         "hakobune workflows run video.yaml --data @video.json --format json"),
        ("A deployed workflow:", """hakobune workflows run video --data '{"id": 7}'"""),
        ("Its result alone:", 'hakobune workflows run video --format "value(result)"'),
    ],
)  # fmt: skip
