"""Partial updates: what the mask names is taken from the body, all else stays."""

from __future__ import annotations

import pytest

from hakobune.core.containers import Container
from hakobune.core.errors import InvalidArgument
from hakobune.core.jobs.model import ExecutionTemplate, Job, TaskTemplate
from hakobune.core.names import JobName
from hakobune.wire.run_v2_masks import job_with_changes

NAME = JobName.make("p1", "us-central1", "thumbs")
JOB = Job(
    name=NAME,
    uid="j1",
    generation=1,
    etag='"old"',
    labels={"team": "media", "a.b/c": "kept"},
    create_time_s=100.0,
    update_time_s=100.0,
    template=ExecutionTemplate(
        task_count=3, template=TaskTemplate(containers=(Container(image="local", command=("true",)),))
    ),
)


def test_given_a_mask_when_applied_then_only_the_named_fields_change() -> None:
    body = {"labels": {"team": "art"}, "template": {"taskCount": 9, "parallelism": 2}}
    found = job_with_changes(JOB, body, "template.taskCount")
    assert found["template"]["taskCount"] == 9
    assert "parallelism" not in found["template"]
    assert found["labels"] == dict(JOB.labels)
    assert found["template"]["template"]["containers"][0]["command"] == ["true"]


def test_given_snake_case_and_several_paths_when_applied_then_all_are_taken() -> None:
    body = {"labels": {"team": "art"}, "template": {"template": {"max_retries": 0, "timeout": "60s"}}}
    found = job_with_changes(JOB, body, "labels, template.template.max_retries,template.template.timeout")
    assert found["labels"] == {"team": "art"}
    assert found["template"]["template"]["maxRetries"] == 0
    assert found["template"]["template"]["timeout"] == "60s"


def test_given_a_named_field_that_the_body_lacks_when_applied_then_it_is_cleared() -> None:
    assert "labels" not in job_with_changes(JOB, {}, "labels")
    assert "taskCount" not in job_with_changes(JOB, {}, "template.taskCount")["template"]


def test_given_a_key_of_a_map_when_named_then_that_key_alone_changes() -> None:
    found = job_with_changes(JOB, {"labels": {"a.b/c": "new"}}, "labels.a.b/c")
    assert found["labels"] == {"team": "media", "a.b/c": "new"}


def test_given_a_star_when_applied_then_the_body_is_the_job() -> None:
    assert job_with_changes(JOB, {"client": "x"}, "*") == {"client": "x"}


def test_given_an_etag_in_the_body_when_applied_then_it_alone_is_to_be_checked() -> None:
    assert job_with_changes(JOB, {}, "client")["etag"] == ""
    assert job_with_changes(JOB, {"etag": '"mine"'}, "client")["etag"] == '"mine"'


@pytest.mark.parametrize(
    "mask",
    ["nothing", "template.nothing", "labels,", "uid", "template.taskCount.more", "terminalCondition", "create_time"],
)
def test_given_a_mask_of_no_field_when_applied_then_the_path_is_named(mask: str) -> None:
    with pytest.raises(InvalidArgument, match="no field of a job that can be set") as caught:
        job_with_changes(JOB, {}, mask)
    assert caught.value.violations[0].field == "update_mask"


def test_given_too_many_paths_when_applied_then_it_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="more than 100 paths"):
        job_with_changes(JOB, {}, ",".join(["client"] * 101))


def test_given_a_wrong_body_when_applied_then_its_field_is_named() -> None:
    with pytest.raises(InvalidArgument, match=r"job\.template\.task_count"):
        job_with_changes(JOB, {"template": {"taskCount": "many"}}, "template.taskCount")
