"""Resource names."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hakobune.core.errors import InvalidArgument
from hakobune.core.names import (
    ExecutionName,
    JobName,
    LocationName,
    OperationName,
    check_job_id,
    check_location,
    check_project,
    default_service_account,
    project_number,
    task_id,
    task_index,
)


def test_given_a_full_name_when_parsed_then_it_prints_as_it_was() -> None:
    text = "projects/p1/locations/us-central1/jobs/thumbs"
    name = JobName.parse(text)
    assert (name.project, name.location, name.job) == ("p1", "us-central1", "thumbs")
    assert str(name) == text
    assert str(name.parent) == "projects/p1/locations/us-central1"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "thumbs",
        "projects/p1/locations/us-central1/jobs",
        "projects/p1/locations/us-central1/jobs/thumbs/",
        "projects/p1/locations/us-central1/services/thumbs",
        "projects/P1/locations/us-central1/jobs/thumbs",
        "projects/p1/locations/-/jobs/thumbs",
        "projects/p1/locations/us-central1/jobs/-thumbs",
        "projects/../locations/us-central1/jobs/thumbs",
    ],
)
def test_given_what_is_no_job_name_when_parsed_then_the_field_is_named(text: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        JobName.parse(text, field="job.name")
    assert [violation.field for violation in caught.value.violations] == ["job.name"]


@pytest.mark.parametrize("job", ["a", "a1", "a-b", "a" * 63])
def test_job_ids_that_are_allowed(job: str) -> None:
    assert check_job_id(job) == job


@pytest.mark.parametrize("job", ["", "1a", "A", "a_b", "a-", "-a", "a" * 64, "a\n", "ä"])
def test_job_ids_that_are_refused(job: str) -> None:
    with pytest.raises(InvalidArgument):
        check_job_id(job)


@pytest.mark.parametrize("project", ["p1", "123456789012", "example.com:app"])
def test_projects_are_ids_numbers_or_ids_with_a_domain(project: str) -> None:
    assert check_project(project) == project


@pytest.mark.parametrize("project", ["", "-", "a/b", "P", "a b", "x" * 64, "p\n"])
def test_projects_that_are_refused(project: str) -> None:
    with pytest.raises(InvalidArgument):
        check_project(project)


def test_locations() -> None:
    assert check_location("global") == "global"
    assert str(LocationName.make("p1", "us-central1")) == "projects/p1/locations/us-central1"
    with pytest.raises(InvalidArgument):
        LocationName.make("p1", "-")


def test_given_a_job_name_when_an_execution_is_named_then_both_lead_back_to_each_other() -> None:
    job = JobName.make("p1", "us-central1", "thumbs")
    execution = job.execution("thumbs-x7k2p")
    assert execution == ExecutionName.make("p1", "us-central1", "thumbs", "thumbs-x7k2p")
    assert execution.job_name == job
    assert execution.task(3) == f"{job}/executions/thumbs-x7k2p/tasks/thumbs-x7k2p-task3"


@pytest.mark.parametrize("execution", ["", "-", "a/b", "A", "x-", "x" * 101])
def test_execution_ids_that_are_refused(execution: str) -> None:
    with pytest.raises(InvalidArgument):
        ExecutionName.make("p1", "us-central1", "thumbs", execution)


@settings(deadline=None)
@given(st.integers(0, 9_999))
def test_task_ids_lead_back_to_their_index(index: int) -> None:
    assert task_index("thumbs-x7k2p", task_id("thumbs-x7k2p", index)) == index


@pytest.mark.parametrize(
    "task", ["thumbs-x7k2p-task", "thumbs-x7k2p-task01", "thumbs-x7k2p-task²", "other-task1", "x-task123456"]
)
def test_what_is_no_task_of_the_execution_has_no_index(task: str) -> None:
    assert task_index("thumbs-x7k2p", task) is None
    assert task_index("x", task) is None


def test_operation_names() -> None:
    name = OperationName.make("p1", "us-central1", "0b6d")
    assert str(name) == "projects/p1/locations/us-central1/operations/0b6d"
    with pytest.raises(InvalidArgument):
        OperationName.make("p1", "us-central1", "../etc")


def test_projects_have_a_number_that_stays_and_an_account_made_of_it() -> None:
    assert project_number("p1") == project_number("p1")
    assert project_number("p1") != project_number("p2")
    assert project_number("p1").isdigit()
    assert project_number("42") == "42"
    assert default_service_account("42") == "42-compute@developer.gserviceaccount.com"
