"""Workflows: a small document that names the file of the source, or the source file alone."""

from __future__ import annotations

import os

from hakobune.cli.apply.calls import finish, found
from hakobune.cli.apply.kinds import (
    Ground,
    Key,
    Wanted,
    account_reference,
    changed_fields,
    check_own_project,
    labels_of,
    name_of,
    path_of,
    split_name,
    without,
)
from hakobune.cli.apply.problems import Fault, Problem, RefusedError
from hakobune.cli.document import Document, text_at
from hakobune.cli.errors import CommandError
from hakobune.cli.pages import items, target
from hakobune.cli.workflows.source_file import read_source
from hakobune.core.names import WorkflowName, default_service_account
from hakobune.core.workflows.build import check_source
from hakobune.core.workflows.positions import Severity
from hakobune.wire.schema import Reader
from hakobune.wire.violations import Violations
from hakobune.wire.workflows_v1 import workflow_draft_from_json
from hakobune.wire.workflows_v1_schema import WORKFLOW

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from hakobune.cli.session import Session

_LABELS = ("labels",)
_SOURCE = "source"


class WorkflowKind:
    """`kind: Workflow`, with `source: FILE` and the fields of the Workflows API v1."""

    name = "Workflow"
    stage = 2
    label_path = _LABELS
    immutable = frozenset({"tags"})

    def read(self, body: Document, ground: Ground) -> Wanted:
        """The workflow in `body` with its source, which is checked as well. Raises RefusedError, HakobuneError."""
        full = ground.located_name("workflows", name_of(body))
        project, location, workflow = split_name(full, "projects/*/locations/*/workflows/*")
        check_own_project(project, ground)
        name = WorkflowName.make(project, location, workflow)
        path, source = _source(body, ground)
        tree = {**without(body, ["kind", _SOURCE]), "name": full, "sourceContents": source}
        workflow_draft_from_json(tree, name)
        shown = _canonical(tree)
        shown["serviceAccount"] = _account(text_at(shown, "serviceAccount"), project)
        references = account_reference(text_at(shown, "serviceAccount"), project)
        return Wanted(
            key=Key(self.name, location, workflow),
            body=shown,
            references=frozenset(references),
            watched=frozenset({path}),
        )

    def find(self, session: Session, key: Key) -> Document | None:
        """The workflow, or None."""
        return found(session, _path(session, key))

    def compared(self, session: Session, wanted: Wanted, held: Document) -> tuple[Document, Document]:
        """What is there, and what is wanted. Tags are given once and never shown."""
        del session
        return _canonical(held), without(wanted.body, ["tags"])

    def create(self, session: Session, wanted: Wanted) -> None:
        """Deploy it."""
        parent = _path(session, wanted.key).rpartition("/")[0]
        finish(session, session.call("POST", target(parent, {"workflowId": wanted.key.id}), wanted.body))

    def update(self, session: Session, wanted: Wanted, before: Document, after: Document) -> None:
        """Deploy what differs."""
        mask = {"updateMask": ",".join(changed_fields(before, after))}
        finish(session, session.call("PATCH", target(_path(session, wanted.key), mask), after))

    def delete(self, session: Session, key: Key) -> None:
        """Remove it with its executions."""
        finish(session, session.call("DELETE", target(_path(session, key))))

    def all(self, session: Session) -> Iterator[tuple[Key, Mapping[str, object]]]:
        """The workflows of the project, everywhere, with their labels."""
        for workflow in items(session, f"projects/{session.project}/locations/-/workflows", "workflows"):
            _, _, _, location, _, name = text_at(workflow, "name").split("/")
            yield Key(self.name, location, name), labels_of(workflow, _LABELS)


def _source(body: Document, ground: Ground) -> tuple[str, str]:
    """The file of the source, and the source. Raises RefusedError with all that is wrong in it."""
    if "sourceContents" in body:
        raise RefusedError(Fault("sourceContents", "the source is a file of its own", "Write source: FILE."))
    name = text_at(body, _SOURCE)
    if not name:
        raise RefusedError(Fault("", "it names no source", "Add: source: FILE"))
    whole = path_of(ground, name, _SOURCE)
    path = os.path.join(ground.folder, name)  # as people named the folder: for what is told
    try:
        source = read_source(whole)
    except CommandError as error:
        raise RefusedError(Fault(_SOURCE, str(error))) from error
    _, problems = check_source(source)
    wrong = tuple(
        Problem(
            file=path,
            line=problem.position.line,
            column=problem.position.column,
            message=f"{problem.message} [{problem.rule}]",
            remedy=problem.remedy,
        )
        for problem in problems
        if problem.severity is Severity.ERROR
    )
    if wrong:
        raise RefusedError(problems=wrong)
    return whole, source


def _canonical(workflow: Document) -> Document:
    """A workflow without what only the runtime says."""
    return without(Reader(found=Violations()).message(WORKFLOW, workflow, "workflow"), ["name"])


def _account(text: str, project: str) -> str:
    """As the runtime shows it: the full name, also of the account of workflows that name none."""
    if text.startswith("projects/-/"):
        return text.replace("/-/", f"/{project}/", 1)
    return text if "/" in text else f"projects/{project}/serviceAccounts/{text or default_service_account(project)}"


def _path(session: Session, key: Key) -> str:
    return f"projects/{session.project}/locations/{key.location}/workflows/{key.id}"
