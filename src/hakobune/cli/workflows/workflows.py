"""`workflows list | describe | delete | list-revisions`."""

from __future__ import annotations

from hakobune.cli.document import Document, text_at
from hakobune.cli.flags import LIST_FLAGS, Arguments, Command, Flag
from hakobune.cli.format.records import Record
from hakobune.cli.workflows.api import WorkflowsApi
from hakobune.cli.workflows.names import EVERYWHERE, LOCATION, WORKFLOW, location_of, workflow_named

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from hakobune.cli.session import Session


def record_of(resource: Document) -> Record:
    """A resource of these APIs, with its address."""
    return Record(resource, uri=f"/v1/{text_at(resource, 'name')}")


def _list(session: Session, arguments: Arguments) -> Iterator[Record]:
    del arguments
    parent = f"projects/{session.project}/locations/{location_of(session)}/workflows"
    return (record_of(workflow) for workflow in WorkflowsApi(session).list(parent, "workflows"))


def _describe(session: Session, arguments: Arguments) -> Document:
    name = workflow_named(session, arguments.word("workflow"))
    revision = arguments.text("revision-id")
    return WorkflowsApi(session).get(name, **({"revisionId": revision} if revision else {}))


def _revisions(session: Session, arguments: Arguments) -> Iterator[Record]:
    name = workflow_named(session, arguments.word("workflow"))
    found = WorkflowsApi(session).list(str(name), "workflows", verb="listRevisions")
    return (record_of(revision) for revision in found)


def _delete(session: Session, arguments: Arguments) -> None:
    name = workflow_named(session, arguments.word("workflow"))
    session.console.confirm(
        f"You are about to delete workflow [{name.workflow}] in [{name.location}].\nAny associated data will be lost."
    )
    operation = WorkflowsApi(session).delete(name)
    session.console.say(f"Delete request issued for: [{name.workflow}]")
    if arguments.switch("async"):
        session.console.say(f"Check operation [{text_at(operation, 'name')}] for status.")
        return
    if operation.get("done") is not True or "error" in operation:
        from hakobune.cli.workflows.following import finished

        finished(session, operation)
    session.console.say(f"Deleted workflow [{name.workflow}].")


LIST = Command(
    _list,
    f"List the workflows of a location; --location={EVERYWHERE} lists those of all locations.",
    flags=[LOCATION, *LIST_FLAGS],
    default_format="table(name,state,revisionId,updateTime)",
    examples=[
        ("The workflows of a location:", "hakobune workflows list --location us-central1"),
        ("The names only, the latest change first:",
         'hakobune workflows list --sort-by ~updateTime --format "value(name.basename())"'),
    ],
)  # fmt: skip

DESCRIBE = Command(
    _describe,
    "Show a workflow with its source: the latest revision, or an older one.",
    positionals=[WORKFLOW],
    flags=[LOCATION, Flag("--revision-id", "text", "An older revision, such as 000001-a4d.", metavar="REVISION")],
    default_format="yaml",
    examples=[
        ("The source alone:", 'hakobune workflows describe video --format "value(sourceContents)"'),
        ("As it was first:", "hakobune workflows describe video --revision-id 000001-a4d"),
    ],
)

REVISIONS = Command(
    _revisions,
    "List the revisions of a workflow, the newest first. (Hakobune only: gcloud has no such command.)",
    positionals=[WORKFLOW],
    flags=[LOCATION, *LIST_FLAGS],
    default_format="table(revisionId,revisionCreateTime,serviceAccount.basename():label=SERVICE_ACCOUNT)",
    examples=[("The revisions of a workflow:", "hakobune workflows list-revisions video")],
)

DELETE = Command(
    _delete,
    "Delete a workflow. Its running executions are cancelled, and all its executions are deleted.",
    positionals=[WORKFLOW],
    flags=[LOCATION, Flag("--async", "switch", "Return at once, without waiting for the operation to end.")],
    examples=[("Without being asked:", "hakobune workflows delete video --quiet")],
)
