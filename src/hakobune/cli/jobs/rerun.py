"""`run jobs executions rerun`: the failed tasks of an execution once more. Cloud Run has nothing like it."""

from __future__ import annotations

from hakobune.cli.document import text_at
from hakobune.cli.errors import CommandError, UsageError
from hakobune.cli.flags import Arguments, Command, Flag
from hakobune.cli.jobs import view
from hakobune.cli.jobs.execute import ASYNC, KEY, WAIT, execution_id, idempotency_key, start_and_follow
from hakobune.cli.jobs.executions import EXECUTION, found
from hakobune.cli.run_api import RunApi, quoted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hakobune.cli.document import Document
    from hakobune.cli.session import Session


def _rerun(session: Session, arguments: Arguments) -> object:
    if not arguments.switch("failed"):
        raise UsageError("argument --failed: Must be specified: it says that only the failed tasks run again.")
    name = arguments.word("execution")
    api = RunApi(session, session.region)
    key = idempotency_key(arguments)
    job = view.label(found(session, name), view.JOB_LABEL)
    if not job:
        raise CommandError(f"Execution [{name}] does not say which job it belongs to.")

    def start() -> Document:
        parent = f"/v2/projects/{quoted(session.project)}/locations/{quoted(api.region)}/jobs/{quoted(job)}"
        headers = {"Idempotency-Key": key} if key else None
        operation = session.call("POST", f"{parent}/executions/{quoted(name)}:rerun", {}, headers=headers)
        new = execution_id(operation)
        if not new:
            raise CommandError(f"The runtime did not name the new execution: {text_at(operation, 'name')}")
        return api.get("executions", new)

    return start_and_follow(session, arguments, api, start)


RERUN = Command(
    _rerun,
    "Run the failed tasks of an ended execution again, as a new execution with the same indexes and the same count."
    " (Hakobune only.)",
    positionals=[EXECUTION],
    flags=[Flag("--failed", "switch", "Run the tasks that did not succeed. Must be given."), WAIT, ASYNC, KEY],
    exclusive=[("--async", "--wait")],
    examples=[("And wait for the outcome:", "hakobune run jobs executions rerun thumbs-x7k2p --failed --wait")],
)
