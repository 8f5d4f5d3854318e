"""Whose log is meant by `hakobune logs NAME`: a job, a service, a worker pool, a workflow, an execution, or all."""

from __future__ import annotations

import os

from hakobune.cli.document import text_at
from hakobune.cli.errors import AnswerLostError, ApiError, CommandError, UnreachableError, UsageError
from hakobune.cli.flags import Arguments, Flag
from hakobune.cli.jobs import view
from hakobune.cli.log_entries import ANY_LOG, job_filter, of_region, resident_filter, workflow_filter
from hakobune.cli.run_api import RunApi
from hakobune.cli.workflows.api import WorkflowsApi
from hakobune.cli.workflows.names import Name, execution_from_text, workflow_from_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from hakobune.cli.session import Session

WORKFLOW_FLAGS = (
    Flag("--workflow", "text", "The log of this workflow, also if a job has the same name."),
    Flag("--execution", "text", "Of the workflow, this execution only.", metavar="ID"),
)
_UNFINISHED = frozenset({"ACTIVE", "QUEUED"})
_NOBODY = frozenset({400, 404})  # nothing has this name, or nothing can have it


class Source:
    """What writes the entries that are asked for."""

    __slots__ = ("has_ended", "project", "terms")

    def __init__(self, project: str, terms: list[str], has_ended: Callable[[], bool] | None = None) -> None:
        """`terms` choose the entries; `has_ended` is there for what ends: an execution."""
        self.project = project
        self.terms = terms
        self.has_ended = has_ended


def job_source(session: Session, job: str) -> Source:
    """All that the tasks of a job write."""
    return Source(session.project, job_filter(session.region, job=job))


def service_source(session: Session, service: str) -> Source:
    """All that the instances of a service write, and its requests."""
    return Source(session.project, resident_filter(session.region, service=service))


def pool_source(session: Session, pool: str) -> Source:
    """All that the instances of a worker pool write."""
    return Source(session.project, resident_filter(session.region, worker_pool=pool))


def execution_source(session: Session, execution: str) -> Source:
    """All that the tasks of an execution write."""
    api = RunApi(session, session.region)

    def has_ended() -> bool:
        found = api.find("executions", execution)
        return found is None or view.outcome(found, "Completed") is not None

    return Source(session.project, job_filter(session.region, execution=execution), _calmly(has_ended))


def named_source(session: Session, arguments: Arguments) -> Source:
    """The source that the words and flags of `logs` name. Raises CommandError when there is none, UsageError."""
    name, execution = arguments.word("name"), arguments.text("execution")
    workflow = arguments.text("workflow")
    if name and workflow:
        raise UsageError(f"Write one of [{name}] and --workflow, not both.")
    if workflow or execution or "/" in name:
        return _existing(session, _full_name(session, workflow or name, execution))
    if not name:
        return Source(session.project, [ANY_LOG, *of_region(session.region)])
    api = RunApi(session, session.region)
    if _has(api, "executions", name):
        return execution_source(session, name)
    for kind, source in (("jobs", job_source), ("services", service_source), ("workerpools", pool_source)):
        if _has(api, kind, name):
            return source(session, name)
    found = Name(session.project, _location(session), name)
    if not _is_there(session, found):
        raise CommandError(
            f"There is no job, no execution, no service, no worker pool and no workflow [{name}] in region"
            f" [{api.region}]."
        )
    return _workflow_source(session, found)


def _full_name(session: Session, workflow: str, execution: str) -> Name:
    whole = execution_from_text(execution) if "/" in execution else None
    if whole is not None:
        return whole
    if not workflow:
        raise UsageError("--execution needs --workflow, or the full name of the execution.")
    if "/executions/" in workflow:
        whole = execution_from_text(workflow)
        assert whole is not None  # a text with a slash is a full name, or refused
        return whole
    found = workflow_from_text(workflow) or Name(session.project, _location(session), workflow)
    return Name(found.project, found.location, found.workflow, execution)


def _location(session: Session) -> str:
    """As for the commands of workflows, but without their warning: the name alone says enough."""
    return session.named_region or os.environ.get("CLOUDSDK_WORKFLOWS_LOCATION") or session.region


def _existing(session: Session, name: Name) -> Source:
    if not _is_there(session, name):
        raise CommandError(f"Cannot find [{name}].")
    return _workflow_source(session, name)


def _workflow_source(session: Session, name: Name) -> Source:
    terms = workflow_filter(name.location, workflow=name.workflow, execution=name.execution)
    if not name.execution:
        return Source(name.project, terms)
    api = WorkflowsApi(session)

    def has_ended() -> bool:
        found = api.find(name)
        return found is None or text_at(found, "state") not in _UNFINISHED

    return Source(name.project, terms, _calmly(has_ended))


def _calmly(has_ended: Callable[[], bool]) -> Callable[[], bool]:
    """The same question, answered by no while the runtime is being started again."""

    def asked() -> bool:
        try:
            return has_ended()
        except (UnreachableError, AnswerLostError):
            return False

    return asked


def _has(api: RunApi, kind: str, name: str) -> bool:
    try:
        return api.find(kind, name) is not None
    except ApiError as error:
        if error.code in _NOBODY:
            return False
        raise


def _is_there(session: Session, name: Name) -> bool:
    try:
        return WorkflowsApi(session).find(name) is not None
    except ApiError as error:
        if error.code in _NOBODY:
            return False
        raise
