"""Which workflow or execution is meant: ids or full names as typed, project and location from flags or environment."""

from __future__ import annotations

import os

from hakobune.cli.errors import CommandError, UsageError
from hakobune.cli.flags import Flag, Positional

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hakobune.cli.session import Session

DEFAULT_LOCATION = "us-central1"
EVERYWHERE = "-"  # a list over all locations
_ID_LENGTH_MAX = 64  # source: Workflows API v1, `workflowId`
_LETTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
_DIGITS = frozenset("0123456789")

LOCATION = Flag(
    "--location", "text", "The location; else CLOUDSDK_WORKFLOWS_LOCATION, else us-central1.", metavar="LOCATION"
)
WORKFLOW = Positional("workflow", "The id of the workflow, or its full name.")
EXECUTION = Positional("execution", "The id of the execution, or its full name.")
WORKFLOW_OF_EXECUTION = Flag("--workflow", "text", "The workflow of the execution.")


class Name:
    """A workflow, or one of its executions, in full."""

    __slots__ = ("execution", "location", "project", "workflow")

    def __init__(self, project: str, location: str, workflow: str, execution: str = "") -> None:
        self.project = project
        self.location = location
        self.workflow = workflow
        self.execution = execution

    def __str__(self) -> str:
        name = f"projects/{self.project}/locations/{self.location}/workflows/{self.workflow}"
        return f"{name}/executions/{self.execution}" if self.execution else name


def location_of(session: Session) -> str:
    """The location of this command; the default one, with a warning, where none was named."""
    arguments = session.arguments
    named = arguments.text("location") or arguments.text("region") or os.environ.get("CLOUDSDK_WORKFLOWS_LOCATION", "")
    if not named:
        session.console.warn(
            f"The default location({DEFAULT_LOCATION}) was used since the location flag was not specified."
        )
    return named or DEFAULT_LOCATION


def workflow_named(session: Session, text: str) -> Name:
    """The workflow of an id or a full name, relative or as a URL. Raises CommandError."""
    return workflow_from_text(text) or Name(session.project, location_of(session), text)


def execution_named(session: Session, text: str) -> Name:
    """The execution of an id, with `--workflow`, or of a full name. Raises CommandError."""
    parts = _parts(text, ("projects", "locations", "workflows", "executions"))
    if parts:
        return Name(*parts)
    workflow = session.arguments.text("workflow")
    if not workflow:
        raise CommandError(
            "Error parsing [execution].\n"
            "The [execution] resource is not properly specified.\n"
            "Failed to find attribute [workflow]. The attribute can be set in the following ways: \n"
            "- provide the argument `execution` on the command line with a fully specified name\n"
            "- provide the argument `--workflow` on the command line"
        )
    found = workflow_named(session, workflow)
    return Name(found.project, found.location, found.workflow, text)


def workflow_from_text(text: str) -> Name | None:
    """The workflow of a full name, or None if the text is a bare id. Raises UsageError for anything between."""
    parts = _parts(text, ("projects", "locations", "workflows"))
    return Name(*parts) if parts else None


def execution_from_text(text: str) -> Name | None:
    """The execution of a full name, or None if the text is none."""
    parts = _parts(text, ("projects", "locations", "workflows", "executions"))
    return Name(*parts) if parts else None


def check_id(workflow: str) -> None:
    """Raises CommandError for what cannot be the id of a workflow. Texts as gcloud's."""
    if not 1 <= len(workflow) <= _ID_LENGTH_MAX:
        problem = f"ID must be between 1-{_ID_LENGTH_MAX} characters long"
    elif workflow[0] not in _LETTERS:
        problem = "ID must start with a letter"
    elif workflow[-1] not in _LETTERS | _DIGITS:
        problem = "ID must end with a letter or number"
    elif not (_LETTERS | _DIGITS | set("_-")).issuperset(workflow):
        problem = "ID must only contain letters, numbers, underscores and hyphens"
    else:
        return
    raise CommandError(f"Invalid value for [workflow]: {problem}")


def _parts(text: str, collections: tuple[str, ...]) -> list[str]:
    """The ids in a full name, or nothing where the text is a bare id. Raises UsageError for anything between."""
    if "/" not in text:
        return []
    words = text.split("/")
    if text.startswith(("http://", "https://")) and "projects" in words:
        words = words[words.index("projects") :]
    if tuple(words[::2]) != collections or len(words) != 2 * len(collections) or not all(words):
        pattern = "/".join(f"{word}/{word[:-1].upper()}" for word in collections)
        raise UsageError(f"[{text}] is not a full name: {pattern}", usage=False)
    return words[1::2]
