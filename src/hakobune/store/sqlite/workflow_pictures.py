"""Snapshots, forks and digests of a project's workflows: with their revisions, executions and journals.

A digest leaves out instants, uids, the random digits of revisions and all that names the project. Of a journal it has
which calls got which status: a crash repeats a call in doubt under the same id, so it changes nothing of that.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Protocol
from uuid import UUID

from hakobune.core.names import WorkflowName, default_service_account
from hakobune.core.workflows import journal
from hakobune.core.workflows.effects import HttpResponse, NoResponse
from hakobune.core.workflows.events import Answered
from hakobune.core.workflows.model import Revision, StepCounts, Workflow, WorkflowExecution
from hakobune.store.documents import from_document, to_document
from hakobune.store.queries import queries
from hakobune.store.sqlite.workflow_rows import execution_from_row, fixed_text, workflow_text

Row = dict[str, object]
Part = dict[str, list[Row]]

_ENTRY_TEXT = ("utf-8", "surrogatepass")  # an entry is JSON: its bytes as text, for the JSON of a snapshot


class Insert(Protocol):
    """Inserts rows into a table, but for the column `without`; gives the number of the last one."""

    def __call__(self, table: str, items: Sequence[Row], *, without: str = "") -> int:
        """The number of the last row."""
        ...


def _rows(connection: sqlite3.Connection, name: str, **parameters: object) -> list[sqlite3.Row]:
    return connection.execute(queries("workflows")[name], parameters).fetchall()


def has_workflows(connection: sqlite3.Connection, project: str) -> bool:
    """Whether a project has any."""
    return bool(_rows(connection, "project_workflows", project=project))


# -- digests --------------------------------------------------------------------------------------------------------


def digest_lines(connection: sqlite3.Connection, project: str) -> Iterator[str]:
    """What the project's workflows have come to."""
    for row in _rows(connection, "project_workflows", project=project):
        yield _workflow_line(from_document(Workflow, row["doc"]))
        for revision in _rows(connection, "revision_rows", uid=row["uid"]):
            yield _revision_line(from_document(Revision, revision["doc"]), project)
        for place in _rows(connection, "project_executions", uid=row["uid"]):
            found = _rows(connection, "execution_rows", id=place["id"])[0]
            yield _execution_line(execution_from_row(found))
            yield from sorted(_call_lines(connection, place["id"]))


def _workflow_line(workflow: Workflow) -> str:
    name = replace(workflow.name, project="")
    return f"workflow {workflow_text(replace(workflow, name=name, uid='', create_s=0.0, update_s=0.0))}\n"


def _revision_line(revision: Revision, project: str) -> str:
    account = _moved_account(revision.service_account, project, "")
    return f"revision {to_document(replace(revision, id='', create_s=0.0, service_account=account))}\n"


def _execution_line(execution: WorkflowExecution) -> str:
    has_ended = execution.end_s is not None
    bare = replace(
        execution,
        name=replace(execution.name, project="", execution=""),
        uid="",
        workflow_uid="",
        revision_id=execution.revision_id.partition("-")[0],
        service_account="",  # its revision says it
        create_s=0.0,
        start_s=None,
        end_s=None,
        # Where an execution stands that has not ended depends on the instant.
        current_steps=execution.current_steps if has_ended else (),
        steps=execution.steps if has_ended else StepCounts(),
    )
    return f"workflow execution {to_document(bare)}\n"


def _call_lines(connection: sqlite3.Connection, execution_id: int) -> Iterator[str]:
    for row in _rows(connection, "journal_rows", id=execution_id):
        event = journal.decode(row["entry"]).event
        match event:
            case Answered(answer=HttpResponse() as answer):
                yield f"call {event.call} {answer.code}\n"
            case Answered(answer=NoResponse() as answer):
                yield f"call {event.call} {answer.trouble}\n"
            case _:
                pass


# -- snapshots ------------------------------------------------------------------------------------------------------


def snapshot_parts(connection: sqlite3.Connection, project: str) -> Iterator[Part]:
    """All rows, part by part: a workflow with its revisions, then each of its executions with its journal."""
    for row in _rows(connection, "project_workflows", project=project):
        revisions = [dict(revision) for revision in _rows(connection, "revision_rows", uid=row["uid"])]
        yield {"workflows": [dict(row)], "workflow_revisions": revisions}
        for place in _rows(connection, "project_executions", uid=row["uid"]):
            entries = _rows(connection, "journal_rows", id=place["id"])
            yield {
                "workflow_executions": [dict(found) for found in _rows(connection, "execution_rows", id=place["id"])],
                "workflow_journal": [
                    {"seq": entry["seq"], "entry": entry["entry"].decode(*_ENTRY_TEXT)} for entry in entries
                ],
            }


# -- forks ----------------------------------------------------------------------------------------------------------


class WorkflowFork:
    """Copies the parts of a snapshot into a project, under new uids. Executions that had not ended are left out: what
    they wait for belongs to the original. Journals are copied as they are: they tell what happened there."""

    def __init__(self, insert: Insert, original: str, project: str, seq: int) -> None:
        self._insert = insert
        self._original = original
        self._project = project
        self._seq = seq

    def add(self, part: Part) -> None:
        """Copy one part."""
        for row in part.get("workflows", []):
            self._workflow(row)
        for row in part.get("workflow_revisions", []):
            self._revision(row)
        for row in part.get("workflow_executions", []):
            if row["end_s"] is not None:
                self._execution(row, part["workflow_journal"])

    def _new_uid(self, uid: object) -> str:
        """An execution's uid is its id, too, so it must look like one."""
        digest = hashlib.sha256(f"{uid} {self._project} {self._seq:x}".encode()).digest()
        return str(UUID(bytes=digest[:16], version=4))

    def _workflow(self, row: Row) -> None:
        uid = self._new_uid(row["uid"])
        workflow = from_document(Workflow, str(row["doc"]))
        name: WorkflowName = replace(workflow.name, project=self._project)
        document = workflow_text(replace(workflow, name=name, uid=uid))
        changed: Row = {"uid": uid, "project": self._project, "doc": document, "changed_seq": self._seq}
        self._insert("workflows", [{**row, **changed}], without="id")

    def _revision(self, row: Row) -> None:
        revision = from_document(Revision, str(row["doc"]))
        account = _moved_account(revision.service_account, self._original, self._project)
        document = to_document(replace(revision, service_account=account))
        changed: Row = {"workflow_uid": self._new_uid(row["workflow_uid"]), "doc": document}
        self._insert("workflow_revisions", [{**row, **changed}])

    def _execution(self, row: Row, entries: list[Row]) -> None:
        execution = execution_from_row(row)
        uid, workflow_uid = self._new_uid(row["uid"]), self._new_uid(row["workflow_uid"])
        account = execution.service_account
        if account == default_service_account(self._original):
            account = default_service_account(self._project)
        moved = replace(
            execution,
            name=replace(execution.name, project=self._project, execution=uid),
            uid=uid,
            workflow_uid=workflow_uid,
            service_account=account,
        )
        changed: Row = {
            "uid": uid,
            "workflow_uid": workflow_uid,
            "project": self._project,
            "doc": fixed_text(moved),
            "changed_seq": self._seq,
        }
        new_id = self._insert("workflow_executions", [{**row, **changed}], without="id")
        numbered: list[Row] = [
            {"execution_id": new_id, "seq": entry["seq"], "entry": str(entry["entry"]).encode(*_ENTRY_TEXT)}
            for entry in entries
        ]
        self._insert("workflow_journal", numbered)


def _moved_account(account: str, original: str, project: str) -> str:
    """The service account that stands for this one in another project; "" is a project without a name."""
    prefix = f"projects/{original}/serviceAccounts/"
    if not account.startswith(prefix):
        return account
    own = account.removeprefix(prefix)
    if own == default_service_account(original):
        own = default_service_account(project) if project else ""
    return f"projects/{project}/serviceAccounts/{own}"
