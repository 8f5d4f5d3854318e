"""`run jobs executions tasks list | describe`."""

from __future__ import annotations

from hakobune.cli.document import number_at
from hakobune.cli.errors import CommandError, UsageError
from hakobune.cli.flags import LIST_FLAGS, Arguments, Command, Flag, Positional
from hakobune.cli.format.records import Record
from hakobune.cli.jobs import view
from hakobune.cli.jobs.jobs import described
from hakobune.cli.run_api import RunApi

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from hakobune.cli.session import Session

_STATES = {
    "succeeded": ("Succeeded",),
    "failed": ("Failed",),
    "cancelled": ("Cancelled",),
    "running": ("Running",),
    "abandoned": ("Abandoned",),
    "pending": ("Pending",),
    "completed": ("Succeeded", "Failed", "Cancelled"),
    "no-completed": ("Running", "Pending"),
    "started": ("Succeeded", "Failed", "Cancelled", "Running"),
    "no-started": ("Pending", "Abandoned"),
}
_TEXTS = {
    "completed": "Tasks that have ended: succeeded, failed or cancelled.",
    "no-completed": "Tasks that have not ended: running or pending.",
    "started": "Tasks that were started: succeeded, failed, cancelled or running.",
    "no-started": "Tasks that were not started: pending or abandoned.",
}


def _list(session: Session, arguments: Arguments) -> Iterator[Record]:
    execution = arguments.text("execution")
    if not execution:
        raise UsageError("argument --execution: Must be specified.")
    wanted = [state for name, states in _STATES.items() if _chosen(arguments, name) for state in states]
    selector = f"{view.EXECUTION_LABEL} = {execution}"
    if wanted:
        selector += f",{view.STATE_LABEL} in ({','.join(dict.fromkeys(wanted))})"
    tasks = list(RunApi(session, session.region).list("tasks", selector=selector))
    tasks.sort(key=lambda task: number_at(task, "status", "index"))
    return (view.record_of(task) for task in tasks)


def _chosen(arguments: Arguments, name: str) -> bool:
    if name.startswith("no-"):
        return arguments.given(name[3:]) and not arguments.switch(name[3:])
    return arguments.switch(name)


def _describe(session: Session, arguments: Arguments) -> object:
    name = arguments.word("task")
    task = RunApi(session, session.region).find("tasks", name)
    if task is None:
        raise CommandError(f"Cannot find task [{name}].")
    return described(session, task)


LIST = Command(
    _list,
    "List the tasks of an execution by index. The flags of states add to one another.",
    flags=[
        Flag("--execution", "text", "The execution whose tasks are listed. Must be given."),
        *(
            Flag(
                f"--{name}",
                "switch",
                _TEXTS.get(name, f"Tasks whose state is {name}."),
                opposite=_TEXTS.get(f"no-{name}", ""),
            )
            for name in _STATES
            if not name.startswith("no-")
        ),
        *LIST_FLAGS,
    ],
    default_format="table("
    + ",".join((
        view.READY_COLUMN,
        "index:label=INDEX",
        "running_state:label=STATE",
        "name:label=TASK",
        f"start_time{view.DATE}:label=STARTED",
        f"completion_time{view.DATE}:label=COMPLETED",
        "retries:label=RETRIES",
    ))
    + ")",
    examples=[
        ("What failed:", "hakobune run jobs executions tasks list --execution thumbs-x7k2p --failed"),
        ("What has not ended:", "hakobune run jobs executions tasks list --execution thumbs-x7k2p --no-completed"),
    ],
)  # fmt: skip

DESCRIBE = Command(
    _describe,
    "Obtain details about a task: its state, its last attempt, its settings.",
    positionals=[Positional("task", "The name of the task, e.g. thumbs-x7k2p-task1.")],
    default_format="yaml",
    examples=[("For people:", "hakobune run jobs executions tasks describe thumbs-x7k2p-task1")],
)
