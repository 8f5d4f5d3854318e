"""How the services say that something long has ended, and where it is asked for."""

from __future__ import annotations

import pytest
from connector_calls import answered, failed, started

from hakobune.core.workflows.connectors.methods import Style
from hakobune.core.workflows.connectors.waiting import end_of
from hakobune.core.workflows.values import Value

EXECUTION = "projects/p/locations/l/workflows/w/executions/e1"


def conditions(*pairs: tuple[str, str], observed: int = 1, generation: int = 1) -> dict[str, Value]:
    return {
        "metadata": {"name": "scan-x", "generation": generation},
        "status": {
            "observedGeneration": observed,
            "conditions": [{"type": kind, "status": status, "message": f"{kind} {status}"} for kind, status in pairs],
        },
    }


# Style, resource, and how it ended: None (it goes on), "" (well), or the error.
ENDS: list[tuple[Style, dict[str, Value], str | None]] = [
    (Style.OPERATION, {"name": "o"}, None),
    (Style.OPERATION, {"name": "o", "done": False}, None),
    (Style.OPERATION, {"name": "o", "done": "true"}, None),
    (Style.OPERATION, {"name": "o", "done": True, "response": {}}, ""),
    (Style.OPERATION, {"name": "o", "done": True, "error": {"message": "no"}}, "no"),
    (Style.STATUS, {"name": "o", "status": "PENDING"}, None),
    (Style.STATUS, {"name": "o", "status": "ABORTING"}, None),
    (Style.STATUS, {"name": "o", "status": "DONE"}, ""),
    (Style.STATUS, {"name": "o", "status": "DONE", "error": {"errors": [{"code": "X", "message": "quota"}]}}, "quota"),
    (Style.STATUS, {"name": "o", "status": "DONE", "error": {"code": 5, "message": "gone"}}, "gone"),
    (Style.CONDITIONS, {}, None),
    (Style.CONDITIONS, {"metadata": {}, "status": {}}, None),
    (Style.CONDITIONS, conditions(("Started", "True")), None),
    (Style.CONDITIONS, conditions(("Started", "True"), ("Completed", "Unknown")), None),
    (Style.CONDITIONS, conditions(("Started", "True"), ("Completed", "True")), ""),
    (Style.CONDITIONS, conditions(("Completed", "False")), "Completed False"),
    (Style.CONDITIONS, conditions(("Ready", "True")), ""),
    (Style.CONDITIONS, conditions(("Ready", "True"), observed=1, generation=2), None),
    (Style.EXECUTION, {"name": EXECUTION}, None),
    (Style.EXECUTION, {"name": EXECUTION, "state": "ACTIVE"}, None),
    (Style.EXECUTION, {"name": EXECUTION, "state": "QUEUED"}, None),
    (Style.EXECUTION, {"name": EXECUTION, "state": "SUCCEEDED"}, ""),
    (Style.EXECUTION, {"name": EXECUTION, "state": "FAILED"}, "Execution failed or cancelled."),
    (Style.EXECUTION, {"name": EXECUTION, "state": "CANCELLED"}, "Execution failed or cancelled."),
    (Style.EXECUTION, {"name": EXECUTION, "state": "UNAVAILABLE"}, "Execution failed or cancelled."),
    (Style.JOB, {}, None),
    (Style.JOB, {"status": {"state": "RUNNING", "errors": [{"message": "a warning"}]}}, None),
    (Style.JOB, {"status": {"state": "DONE", "errors": [{"message": "a warning"}]}}, ""),
    (Style.JOB, {"status": {"state": "DONE", "errorResult": {"message": "syntax"}}}, "syntax"),
]


@pytest.mark.parametrize(("style", "resource", "end"), ENDS)
def test_how_it_ended(style: Style, resource: dict[str, Value], end: str | None) -> None:
    ended = end_of(style, resource)
    if end is None:
        assert ended is None
        return
    assert ended is not None
    assert (ended.error or "") == end
    assert ended.result == resource.get("response", resource)


def test_a_condition_without_a_message_has_its_reason() -> None:
    ended = end_of(
        Style.CONDITIONS,
        {"metadata": {}, "status": {"conditions": [{"type": "Ready", "status": "False", "reason": "NoImage"}]}},
    )
    assert ended is not None
    assert ended.error == "NoImage"


def test_a_job_of_v1_is_run_until_its_execution_has_ended() -> None:
    running = started("run.v1.namespaces.jobs.run", name="namespaces/harbour/jobs/scan", location="europe-west4")
    running.answer(answered(conditions(("Completed", "Unknown"))))
    assert running.request.url == (
        "https://europe-west4-run.googleapis.com/apis/run.googleapis.com/v1/namespaces/harbour/executions/scan-x"
    )
    done = conditions(("Completed", "True"))
    assert running.answer(answered(done)).value == done


def test_an_execution_of_v1_that_failed_is_an_operation_error() -> None:
    running = started("run.v1.namespaces.jobs.run", name="namespaces/harbour/jobs/scan")
    running.answer(answered(conditions(("Completed", "Unknown"))))
    over = conditions(("Completed", "False"))
    assert failed(running, answered(over)) == {
        "message": "OperationError: googleapis.run.v1.namespaces.jobs.run: Completed False",
        "tags": ["OperationError"],
        "operation": over,
    }


def test_a_new_execution_of_a_workflow_is_waited_for() -> None:
    name = "workflowexecutions.v1.projects.locations.workflows.executions.create"
    running = started(name, parent="projects/p/locations/l/workflows/w", body={"argument": "1"})
    running.answer(answered({"name": EXECUTION, "state": "ACTIVE"}))
    assert running.request.url == f"https://workflowexecutions.googleapis.com/v1/{EXECUTION}"
    ended: Value = {"name": EXECUTION, "state": "SUCCEEDED", "result": "2"}
    assert running.answer(answered(ended)).value == ended


def test_a_machine_is_waited_for_in_its_zone() -> None:
    running = started("compute.v1.instances.stop", project="harbour", zone="asia-northeast1-a", instance="crane")
    running.answer(answered({"name": "operation-1", "status": "RUNNING"}))
    assert running.request.url == (
        "https://compute.googleapis.com/compute/v1/projects/harbour/zones/asia-northeast1-a/operations/operation-1"
    )
    done: Value = {"name": "operation-1", "status": "DONE"}
    assert running.answer(answered(done)).value == done


def test_a_cluster_is_waited_for_where_it_is() -> None:
    running = started("container.v1.projects.locations.clusters.delete", name="projects/p/locations/l/clusters/c")
    running.answer(answered({"name": "operation-1", "status": "RUNNING"}))
    assert running.request.url == "https://container.googleapis.com/v1/projects/p/locations/l/operations/operation-1"


def test_a_job_of_bigquery_is_asked_for_in_its_place() -> None:
    running = started("bigquery.v2.jobs.insert", projectId="harbour", body={"configuration": {}})
    reference: Value = {"projectId": "harbour", "jobId": "job_1", "location": "asia-northeast1"}
    running.answer(answered({"jobReference": reference, "status": {"state": "RUNNING"}}))
    assert running.request.url == (
        "https://bigquery.googleapis.com/bigquery/v2/projects/harbour/jobs/job_1?location=asia-northeast1"
    )


def test_a_folder_of_a_bucket_is_waited_for_by_the_last_part_of_the_name() -> None:
    running = started("storage.v1.folders.rename", bucket="bay", sourceFolder="a", destinationFolder="b")
    running.answer(answered({"name": "projects/_/buckets/bay/operations/op1", "done": False}))
    assert running.request.url == "https://storage.googleapis.com/storage/v1/b/bay/operations/op1"
