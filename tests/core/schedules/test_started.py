"""Which targets start executions, and what their answers name."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hakobune.core.schedules.model import HttpMethod, HttpTarget
from hakobune.core.schedules.started import execution_in, execution_url, is_under_way, starts_executions

JOB = "projects/p/locations/l/jobs/j/executions/j-x1"
WORKFLOW = "projects/p/locations/l/workflows/w/executions/e1"
V1 = {
    "metadata": {
        "name": "j-x1",
        "namespace": "p",
        "labels": {"cloud.googleapis.com/location": "l", "run.googleapis.com/job": "j"},
    }
}


@pytest.mark.parametrize(
    ("path", "starts"),
    [
        ("/v2/projects/p/locations/l/jobs/j:run", True),
        ("/v2/projects/p/locations/l/jobs/j:run?alt=json", True),
        ("/apis/run.googleapis.com/v1/namespaces/p/jobs/j:run", True),
        ("/v1/projects/p/locations/l/workflows/w/executions", True),
        ("/v1beta/projects/p/locations/l/workflows/w/executions", True),
        ("/v2/projects/p/locations/l/jobs/j", False),
        ("/v2/projects/p/locations/l/jobs", False),
        ("/v2/projects/p/locations/l/jobs/j/k:run", False),
        ("/", False),
    ],
)
def test_given_a_path_when_it_is_looked_at_then_it_starts_executions_or_not(path: str, starts: bool) -> None:
    target = HttpTarget(uri=f"https://run.googleapis.com{path}")
    assert starts_executions(target) is starts
    assert not starts_executions(HttpTarget(uri=target.uri, method=HttpMethod.GET))


@pytest.mark.parametrize(
    ("answer", "execution"),
    [
        ({"name": "projects/p/locations/l/operations/o", "metadata": {"name": JOB}}, JOB),
        (V1, JOB),
        ({"name": WORKFLOW, "state": "ACTIVE"}, WORKFLOW),
        ({"metadata": {"name": "j-x1"}}, ""),
        ({"name": "x"}, ""),
        ({"metadata": "no"}, ""),
        ([], ""),
    ],
)
def test_given_an_answer_when_it_is_read_then_it_names_the_execution(answer: Any, execution: str) -> None:
    assert execution_in(json.dumps(answer).encode()) == execution


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 100_000])
def test_given_an_answer_that_is_no_json_when_it_is_read_then_it_names_nothing(body: bytes) -> None:
    assert execution_in(body) == ""


def test_given_an_execution_when_it_is_asked_for_then_its_api_is_known_and_whether_it_goes_on() -> None:
    assert execution_url(JOB, "cancel") == f"https://run.googleapis.com/v2/{JOB}:cancel"
    assert execution_url(WORKFLOW) == f"https://workflowexecutions.googleapis.com/v1/{WORKFLOW}"
    assert is_under_way(JOB, b"{}")
    assert not is_under_way(JOB, b'{"completionTime": "2026-01-01T00:00:00Z"}')
    assert is_under_way(WORKFLOW, b'{"state": "ACTIVE"}')
    assert not is_under_way(WORKFLOW, b'{"state": "CANCELLED"}')
