"""`workflows executions steps list` and `executions callbacks list | send`: what gcloud has no commands for."""

from __future__ import annotations

from hakobune.cli.document import Document, text_at
from hakobune.cli.errors import CommandError, UsageError
from hakobune.cli.flags import LIST_FLAGS, Arguments, Command, Flag
from hakobune.cli.format.records import Record
from hakobune.cli.workflows.api import WorkflowsApi
from hakobune.cli.workflows.execute import data_of
from hakobune.cli.workflows.names import EXECUTION, LOCATION, WORKFLOW_OF_EXECUTION, Name, execution_named
from hakobune.cli.workflows.workflows import record_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from hakobune.cli.session import Session

_METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH")
_BODIES = frozenset({"POST", "PUT", "PATCH"})


def _steps(session: Session, arguments: Arguments) -> Iterator[Record]:
    name = execution_named(session, arguments.word("execution"))
    return (record_of(entry) for entry in WorkflowsApi(session).list(f"{name}/stepEntries", "stepEntries"))


def _callbacks(session: Session, arguments: Arguments) -> Iterator[Record]:
    name = execution_named(session, arguments.word("execution"))
    return (_callback_record(name, callback) for callback in _open(session, name))


def _callback_record(name: Name, callback: Document) -> Record:
    identifier = text_at(callback, "name").rpartition("/")[2]
    path = f"/v1/{name}/callbacks/{identifier}"
    return Record(callback, {"id": identifier, "path": path, "waiters": text_at(callback, "waiters") or "0"}, path)


def _open(session: Session, name: Name) -> list[Document]:
    return list(WorkflowsApi(session).list(f"{name}/callbacks", "callbacks"))


def _send(session: Session, arguments: Arguments) -> Document:
    name = execution_named(session, arguments.word("execution"))
    callback = _chosen(_open(session, name), name, arguments.text("callback"))
    method = text_at(callback, "method") or "POST"
    data = data_of(arguments)
    if data is not None and method not in _BODIES:
        raise UsageError(f"argument --data: a callback that takes {method} has no body.", usage=False)
    record = _callback_record(name, callback)
    answer = session.call(method, record.uri, None if data is None else _json(data))
    session.console.say(f"Sent {method} to callback [{text_at(record.names, 'id')}].")
    return answer


def _json(data: str) -> object:
    import json

    try:
        found: object = json.loads(data)
    except ValueError as error:
        raise UsageError(f"argument --data: is not valid JSON: {error}", usage=False) from error
    return found


def _chosen(callbacks: list[Document], name: Name, identifier: str) -> Document:
    """The callback of that id, or the only one. Raises CommandError."""
    if identifier:
        callbacks = [one for one in callbacks if text_at(one, "name").rpartition("/")[2] == identifier]
    if len(callbacks) == 1:
        return callbacks[0]
    where = f"Execution [{name.execution}]"
    if not callbacks:
        which = f"no callback [{identifier}]" if identifier else "no open callback"
        raise CommandError(f"{where} has {which}. `executions callbacks list` shows those that it has.")
    ids = ", ".join(text_at(one, "name").rpartition("/")[2] for one in callbacks)
    raise CommandError(f"{where} has {len(callbacks)} open callbacks: name one with --callback: {ids}")


_OF_EXECUTION = (LOCATION, WORKFLOW_OF_EXECUTION)

STEPS = Command(
    _steps,
    "List the steps that an execution has entered, in order. (Hakobune only: gcloud has no such command.)",
    positionals=[EXECUTION],
    flags=[*_OF_EXECUTION, *LIST_FLAGS],
    default_format=(
        "table(entryId:label=ENTRY,routine,step,stepType.sub('STEP_',''):label=TYPE,"
        "state.sub('STATE_',''):label=STATE,navigationInfo.parent:label=PARENT,createTime,updateTime)"
    ),
    examples=[
        ("All steps:", "hakobune workflows executions steps list ID --workflow video"),
        ("Those that failed, with the error:",
         "hakobune workflows executions steps list ID --workflow video --filter state=STATE_FAILED --format json"),
    ],
)  # fmt: skip

CALLBACKS = Command(
    _callbacks,
    "List the callback endpoints that an execution has open. (Hakobune only.)",
    positionals=[EXECUTION],
    flags=[*_OF_EXECUTION, *LIST_FLAGS],
    default_format="table(id,method,waiters,path)",
    examples=[("What it waits for:", "hakobune workflows executions callbacks list ID --workflow video")],
)

SEND = Command(
    _send,
    "Send a request to a callback endpoint of an execution: to the only one, or to the one that is named. (Hakobune"
    " only.)",
    positionals=[EXECUTION],
    flags=[
        *_OF_EXECUTION,
        Flag("--callback", "text", "The id of the callback, where there is more than one.", metavar="ID"),
        Flag("--data", "text", "The body, as JSON; or @FILE.", metavar="JSON"),
    ],
    examples=[
        ("Say yes:", """hakobune workflows executions callbacks send ID --workflow video --data '{"ok": true}'"""),
    ],
)
