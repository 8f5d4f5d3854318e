"""`workflows deploy`: a new workflow, or a new revision of one."""

from __future__ import annotations

import os
import re

from hakobune.cli.document import Document, text_at
from hakobune.cli.errors import CommandError
from hakobune.cli.flags import Arguments, Command, Flag
from hakobune.cli.workflows.api import WorkflowsApi
from hakobune.cli.workflows.environment import ENVIRONMENT_FLAGS, ENVIRONMENT_NAMES, variables
from hakobune.cli.workflows.levels import CALL_LOG_LEVEL, HISTORY_LEVEL, call_log_level, history_level
from hakobune.cli.workflows.names import LOCATION, WORKFLOW, check_id, workflow_named
from hakobune.cli.workflows.source_file import read_source, warnings_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hakobune.cli.session import Session

_PLACE = re.compile(r"^line (\d+:\d+)", re.MULTILINE)  # as core.workflows.problem_texts writes it without a name


def _deploy(session: Session, arguments: Arguments) -> object:
    name = workflow_named(session, arguments.word("workflow"))
    check_id(name.workflow)
    wanted = _wanted(arguments)
    api = WorkflowsApi(session)
    held = api.find(name)
    environment = variables(arguments, held or {})
    if environment is not None:
        wanted["userEnvVars"] = environment
    if held is None:
        if "sourceContents" not in wanted:
            raise CommandError("Missing required argument [--source]: required on first deployment")
        if arguments.given("tags"):
            wanted["tags"] = arguments.pairs("tags")
        operation = api.create(name, wanted)
    else:
        if arguments.given("tags"):
            raise CommandError("tags cannot be updated for an existing workflow")
        if not wanted:
            session.console.say("No updates provided, quitting as a no-op.")
            return None
        operation = api.patch(name, wanted)
    if arguments.switch("async"):
        return operation
    from hakobune.cli.workflows.following import finished

    path = arguments.text("source")
    try:
        finished(session, operation)
    except CommandError as error:
        raise CommandError(_placed(str(error), path)) from error
    if path:
        for warning in warnings_of(path, text_at(wanted, "sourceContents")):
            session.console.warn(warning)
    return api.get(name)


def _placed(text: str, path: str) -> str:
    """What the runtime says of a source, with the name of the file, which it does not know: `FILE:5:18: …`."""
    return _PLACE.sub(lambda found: f"{path}:{found[1]}", text) if path else text


def _wanted(arguments: Arguments) -> Document:
    """The fields that the flags name. Raises CommandError."""
    wanted: Document = {}
    if arguments.given("source"):
        wanted["sourceContents"] = _source(arguments.text("source"))
    if arguments.given("description"):
        wanted["description"] = arguments.text("description")
    if arguments.given("service-account"):
        account = arguments.text("service-account")
        prefix = "" if account.startswith("projects/") else "projects/-/serviceAccounts/"
        wanted["serviceAccount"] = prefix + account
    if arguments.given("labels"):
        wanted["labels"] = arguments.pairs("labels")
    if arguments.given("call-log-level"):
        wanted["callLogLevel"] = call_log_level(arguments)
    if arguments.given("execution-history-level"):
        wanted["executionHistoryLevel"] = history_level(arguments)
    if arguments.given("kms-key") or arguments.switch("clear-kms-key"):
        wanted["cryptoKeyName"] = arguments.text("kms-key")
    return wanted


def _source(path: str) -> str:
    if not os.path.exists(path):
        raise CommandError("Invalid value for [--source]: specified file does not exist.")
    return read_source(path)


DEPLOY = Command(
    _deploy,
    "Deploy a workflow: the first time with --source, later with what is to change. All that is wrong with a source is"
    " told at once, each with its line and what to do; what is only odd is a warning. A changed source, service account"
    " or variable makes a new revision; executions that run go on with theirs.",
    positionals=[WORKFLOW],
    flags=[
        LOCATION,
        Flag("--source", "text", "The file of the definition, YAML or JSON. Needed the first time.", metavar="FILE"),
        Flag("--description", "text", "What the workflow is for."),
        Flag("--service-account", "text", "The account that the workflow acts as.", metavar="EMAIL"),
        Flag("--labels", "map", "The labels, in the place of all that there are."),
        CALL_LOG_LEVEL,
        HISTORY_LEVEL,
        *ENVIRONMENT_FLAGS,
        Flag("--kms-key", "text", "", hidden=True, note="nothing is encrypted here; the name is kept"),
        Flag("--clear-kms-key", "switch", "", hidden=True),
        Flag("--tags", "map", "Tags of a new workflow.", metavar="KEY=VALUE"),
        Flag("--async", "switch", "Return at once, and print the operation."),
    ],
    exclusive=[ENVIRONMENT_NAMES, ("--kms-key", "--clear-kms-key")],
    default_format="yaml",
    examples=[
        ("The first time, and after each change of the file:", "hakobune workflows deploy video --source video.yaml"),
        ("Log every call from now on:", "hakobune workflows deploy video --call-log-level log-all-calls"),
        ("With a variable for sys.get_env:", "hakobune workflows deploy video --update-env-vars BUCKET=b-7"),
    ],
)
