"""Resource names: `projects/P/locations/L/jobs/J/executions/E/tasks/T`, parsed and printed in one place.

A name never becomes a path of the file system: stores and engines use uids. Patterns follow the Cloud Run Admin API
v2 reference (resource names) and gcloud's own check of job ids (`[a-z0-9-]{1,63}`, no dash at either end).
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from typing import Self

from hakobune.core.errors import FieldViolation, InvalidArgument

# Project ids may carry a domain ("example.com:app"), numbers stand for ids; locations are like us-central1 or global.
_PROJECT = re.compile(r"(?:[a-z0-9.-]{1,63}:)?[a-z0-9][a-z0-9-]{0,62}\Z")
_LOCATION = re.compile(r"[a-z][a-z0-9-]{0,62}\Z")
_JOB_ID = re.compile(r"[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?\Z")
_CHILD_ID = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,98}[a-z0-9])?\Z")

WILDCARD = "-"


def _bad(field: str, text: str, value: str) -> InvalidArgument:
    return InvalidArgument(f"{text}: {value[:120]!r}.", violations=[FieldViolation(field=field, description=text)])


def check_project(value: str, *, field: str = "parent") -> str:
    """Return `value` if it can be a project id or number. Raises InvalidArgument."""
    if not _PROJECT.match(value):
        raise _bad(field, "Not a valid project id", value)
    return value


def check_location(value: str, *, field: str = "parent") -> str:
    """Return `value` if it can be a location. Raises InvalidArgument."""
    if not _LOCATION.match(value):
        raise _bad(field, "Not a valid location", value)
    return value


def check_job_id(value: str, *, field: str = "job_id") -> str:
    """Return `value` if it can be a job id: 1-63 of `[a-z0-9-]`, first a letter, no dash at the end."""
    if not _JOB_ID.match(value):
        raise _bad(
            field,
            "Job ids have 1 to 63 characters, only lowercase letters, digits and dashes, "
            "begin with a letter and do not end with a dash",
            value,
        )
    return value


def project_number(project: str) -> str:
    """A stable number for a project id: projects have no numbers here, and clients ask for one."""
    return project if project.isdigit() else str(100_000_000_000 + zlib.crc32(project.encode()))


def default_service_account(project: str) -> str:
    """The account of workloads that name none, in the form of Compute Engine's default one."""
    return f"{project_number(project)}-compute@developer.gserviceaccount.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class LocationName:
    """`projects/P/locations/L`."""

    project: str
    location: str

    @classmethod
    def make(cls, project: str, location: str) -> Self:
        """Check both parts. Raises InvalidArgument."""
        return cls(project=check_project(project), location=check_location(location))

    def __str__(self) -> str:
        return f"projects/{self.project}/locations/{self.location}"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class JobName:
    """`projects/P/locations/L/jobs/J`."""

    project: str
    location: str
    job: str

    @classmethod
    def make(cls, project: str, location: str, job: str, *, field: str = "name") -> Self:
        """Check all parts. Raises InvalidArgument."""
        check_project(project, field=field)
        check_location(location, field=field)
        return cls(project=project, location=location, job=check_job_id(job, field=field))

    @classmethod
    def parse(cls, text: str, *, field: str = "name") -> Self:
        """Parse a full name. Raises InvalidArgument."""
        parts = text.split("/")
        if len(parts) != 6 or parts[0::2] != ["projects", "locations", "jobs"]:
            raise _bad(field, "Expected projects/PROJECT/locations/LOCATION/jobs/JOB", text)
        return cls.make(parts[1], parts[3], parts[5], field=field)

    @property
    def parent(self) -> LocationName:
        return LocationName(project=self.project, location=self.location)

    def execution(self, execution: str) -> ExecutionName:
        """The name of an execution of this job."""
        return ExecutionName(project=self.project, location=self.location, job=self.job, execution=execution)

    def __str__(self) -> str:
        return f"projects/{self.project}/locations/{self.location}/jobs/{self.job}"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class ExecutionName:
    """`projects/P/locations/L/jobs/J/executions/E`."""

    project: str
    location: str
    job: str
    execution: str

    @classmethod
    def make(cls, project: str, location: str, job: str, execution: str, *, field: str = "name") -> Self:
        """Check all parts. Raises InvalidArgument."""
        JobName.make(project, location, job, field=field)
        if not _CHILD_ID.match(execution):
            raise _bad(field, "Not a valid execution id", execution)
        return cls(project=project, location=location, job=job, execution=execution)

    @property
    def job_name(self) -> JobName:
        return JobName(project=self.project, location=self.location, job=self.job)

    def task(self, index: int) -> str:
        """The full name of a task: `…/tasks/{execution}-task{index}`."""
        return f"{self}/tasks/{task_id(self.execution, index)}"

    def __str__(self) -> str:
        return f"{self.job_name}/executions/{self.execution}"


def task_id(execution: str, index: int) -> str:
    """The id of the task with this index."""
    return f"{execution}-task{index}"


def task_index(execution: str, task: str) -> int | None:
    """The index in a task id of this execution, or None if it is no such id."""
    prefix = f"{execution}-task"
    digits = task[len(prefix) :]
    if not task.startswith(prefix) or not digits.isascii() or not digits.isdigit() or len(digits) > 5:
        return None
    index = int(digits)
    return index if str(index) == digits else None


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationName:
    """`projects/P/locations/L/operations/ID`."""

    project: str
    location: str
    operation: str

    @classmethod
    def make(cls, project: str, location: str, operation: str) -> Self:
        """Check all parts. Raises InvalidArgument."""
        if not _CHILD_ID.match(operation):
            raise _bad("name", "Not a valid operation id", operation)
        return cls(project=check_project(project), location=check_location(location), operation=operation)

    def __str__(self) -> str:
        return f"projects/{self.project}/locations/{self.location}/operations/{self.operation}"


_WORKFLOW_ID = re.compile(r"[A-Za-z](?:[A-Za-z0-9_-]{0,62}[A-Za-z0-9])?\Z")
_WORKFLOW_CHILD_ID = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,98}[A-Za-z0-9])?\Z")


def check_workflow_id(value: str, *, field: str = "workflow_id") -> str:
    """Return `value` if it can be a workflow id: 1-64 of `[A-Za-z0-9_-]`, first a letter, last a letter or digit.

    Source: Workflows API v1, `projects.locations.workflows.create`, `workflowId`."""
    if not _WORKFLOW_ID.match(value):
        raise _bad(
            field,
            "Workflow ids have 1 to 64 characters, only letters, digits, underscores and hyphens, "
            "begin with a letter and end with a letter or digit",
            value,
        )
    return value


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class WorkflowName:
    """`projects/P/locations/L/workflows/W`."""

    project: str
    location: str
    workflow: str

    @classmethod
    def make(cls, project: str, location: str, workflow: str, *, field: str = "name") -> Self:
        """Check all parts. Raises InvalidArgument."""
        check_project(project, field=field)
        check_location(location, field=field)
        return cls(project=project, location=location, workflow=check_workflow_id(workflow, field=field))

    @property
    def parent(self) -> LocationName:
        return LocationName(project=self.project, location=self.location)

    def execution(self, execution: str) -> WorkflowExecutionName:
        """The name of an execution of this workflow."""
        return WorkflowExecutionName(
            project=self.project, location=self.location, workflow=self.workflow, execution=execution
        )

    def __str__(self) -> str:
        return f"projects/{self.project}/locations/{self.location}/workflows/{self.workflow}"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class WorkflowExecutionName:
    """`projects/P/locations/L/workflows/W/executions/E`."""

    project: str
    location: str
    workflow: str
    execution: str

    @classmethod
    def make(cls, project: str, location: str, workflow: str, execution: str, *, field: str = "name") -> Self:
        """Check all parts. Raises InvalidArgument."""
        WorkflowName.make(project, location, workflow, field=field)
        if not _WORKFLOW_CHILD_ID.match(execution):
            raise _bad(field, "Not a valid execution id", execution)
        return cls(project=project, location=location, workflow=workflow, execution=execution)

    @property
    def workflow_name(self) -> WorkflowName:
        return WorkflowName(project=self.project, location=self.location, workflow=self.workflow)

    def __str__(self) -> str:
        return f"{self.workflow_name}/executions/{self.execution}"
