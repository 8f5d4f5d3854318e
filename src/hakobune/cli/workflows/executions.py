"""`workflows executions list | describe | describe-last | wait | wait-last | cancel`."""

from __future__ import annotations

from hakobune.cli.document import Document
from hakobune.cli.flags import LIST_FLAGS, Arguments, Command
from hakobune.cli.format.records import Record
from hakobune.cli.workflows.api import WorkflowsApi
from hakobune.cli.workflows.last_execution import recall
from hakobune.cli.workflows.names import (
    EXECUTION,
    LOCATION,
    WORKFLOW,
    WORKFLOW_OF_EXECUTION,
    execution_named,
    workflow_named,
)
from hakobune.cli.workflows.workflows import record_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from hakobune.cli.session import Session


def _list(session: Session, arguments: Arguments) -> Iterator[Record]:
    name = workflow_named(session, arguments.word("workflow"))
    found = WorkflowsApi(session).list(f"{name}/executions", "executions")
    return (record_of(execution) for execution in found)


def _describe(session: Session, arguments: Arguments) -> Document:
    return WorkflowsApi(session).get(execution_named(session, arguments.word("execution")))


def _describe_last(session: Session, arguments: Arguments) -> Document:
    del arguments
    return WorkflowsApi(session).get(recall(session))


def _wait(session: Session, arguments: Arguments) -> Document:
    from hakobune.cli.workflows.following import ended

    return ended(session, execution_named(session, arguments.word("execution")))


def _wait_last(session: Session, arguments: Arguments) -> Document:
    del arguments
    from hakobune.cli.workflows.following import ended

    return ended(session, recall(session))


def _cancel(session: Session, arguments: Arguments) -> Document:
    name = execution_named(session, arguments.word("execution"))
    session.console.confirm(f"You are about to cancel execution [{name.execution}] of workflow [{name.workflow}].")
    return WorkflowsApi(session).cancel(name)


LIST = Command(
    _list,
    "List the executions of a workflow, the newest first.",
    positionals=[WORKFLOW],
    flags=[LOCATION, *LIST_FLAGS],
    default_format="table(name,state,startTime,endTime)",
    examples=[
        ("The last ten:", "hakobune workflows executions list video --limit 10"),
        ("Those that failed:", 'hakobune workflows executions list video --filter "state=FAILED"'),
    ],
)

DESCRIBE = Command(
    _describe,
    "Show an execution: its argument, its state, its result or its error with the line that caused it.",
    positionals=[EXECUTION],
    flags=[LOCATION, WORKFLOW_OF_EXECUTION],
    default_format="yaml",
    examples=[("By its id ID:", "hakobune workflows executions describe ID --workflow video")],
)  # fmt: skip

DESCRIBE_LAST = Command(
    _describe_last,
    "Show the execution that was started last by `execute` or `run`.",
    default_format="yaml",
    examples=[("How far is it?", 'hakobune workflows executions describe-last --format "value(state)"')],
)

WAIT = Command(
    _wait,
    "Wait until an execution has ended, and show it. Ctrl-C ends the wait, not the execution.",
    positionals=[EXECUTION],
    flags=[LOCATION, WORKFLOW_OF_EXECUTION],
    default_format="yaml",
    examples=[("By its id ID:", "hakobune workflows executions wait ID --workflow video")],
)  # fmt: skip

WAIT_LAST = Command(
    _wait_last,
    "Wait until the execution that was started last has ended, and show it.",
    default_format="yaml",
    examples=[("Its result:", 'hakobune workflows executions wait-last --format "value(result)"')],
)

CANCEL = Command(
    _cancel,
    "Cancel an execution. What it waits for is given up; it is not resumed.",
    positionals=[EXECUTION],
    flags=[LOCATION, WORKFLOW_OF_EXECUTION],
    default_format="yaml",
    examples=[
        ("Without being asked:",
         "hakobune workflows executions cancel ID --workflow video --quiet"),
    ],
)  # fmt: skip
