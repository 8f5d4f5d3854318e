"""The Knative-shaped API that gcloud speaks, against a real runtime."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import quote

import pytest

from runtime_process import RuntimeProcess

PROJECT = "v1-project"
HOST = "http://asia-northeast1-run.googleapis.com"
SPACE = f"/apis/run.googleapis.com/v1/namespaces/{PROJECT}"


def job(name: str, command: list[str], tasks: int = 1, **metadata: object) -> dict[str, Any]:
    return {
        "apiVersion": "run.googleapis.com/v1",
        "kind": "Job",
        "metadata": {"name": name, "namespace": PROJECT, **metadata},
        "spec": {
            "template": {
                "spec": {
                    "taskCount": tasks,
                    "template": {"spec": {"containers": [{"image": "local", "command": command}], "maxRetries": 0}},
                }
            }
        },
    }


def select(text: str) -> str:
    return f"labelSelector={quote(text)}"


def names(answer: Any) -> list[str]:
    assert answer.status == 200, answer.body
    return [item["metadata"]["name"] for item in answer.json.get("items", [])]


def test_given_a_region_in_the_host_then_jobs_live_there_and_lists_without_one_show_all(
    runtime: RuntimeProcess,
) -> None:
    other = "http://europe-west1-run.googleapis.com"
    assert runtime.call("POST", f"{HOST}{SPACE}/jobs", job("near", ["/bin/true"])).status == 200
    assert runtime.call("POST", f"{other}{SPACE}/jobs", job("far", ["/bin/true"])).status == 200
    assert "near" in names(runtime.call("GET", f"{HOST}{SPACE}/jobs"))
    assert names(runtime.call("GET", f"{other}{SPACE}/jobs")) == ["far"]
    assert {"near", "far"} <= set(names(runtime.call("GET", f"{SPACE}/jobs")))
    assert runtime.call("GET", f"{other}{SPACE}/jobs/near").status == 404
    assert runtime.call("GET", f"{SPACE}/jobs/near").json["metadata"]["name"] == "near"
    runtime.call("POST", f"{other}{SPACE}/jobs", job("near", ["/bin/true"]))
    twice = runtime.call("GET", f"{SPACE}/jobs/near")
    assert (twice.status, "name a region" in twice.json["error"]["message"]) == (400, True)


def test_given_dry_runs_then_nothing_is_changed(runtime: RuntimeProcess) -> None:
    assert runtime.call("POST", f"{HOST}{SPACE}/jobs?dryRun=all", job("dry", ["/bin/true"])).status == 200
    assert runtime.call("GET", f"{HOST}{SPACE}/jobs/dry").status == 404
    assert runtime.call("POST", f"{HOST}{SPACE}/jobs?dryRun=some", job("dry", ["/bin/true"])).status == 400


def test_given_a_job_then_it_is_replaced_unless_it_was_changed_meanwhile(runtime: RuntimeProcess) -> None:
    created = runtime.call("POST", f"{HOST}{SPACE}/jobs", job("again", ["/bin/true"])).json
    version = created["metadata"]["resourceVersion"]
    again = f"{HOST}{SPACE}/jobs/again"
    assert runtime.call("POST", f"{HOST}{SPACE}/jobs", job("again", ["/bin/true"])).status == 409
    assert runtime.call("PUT", again, job("again", ["/bin/false"], resourceVersion=version)).status == 200
    assert runtime.call("PUT", again, job("again", ["/bin/true"], resourceVersion=version)).status == 409
    assert runtime.call("PUT", again, job("another", ["/bin/true"])).status == 400
    assert runtime.call("PUT", f"{HOST}{SPACE}/jobs/unknown", job("unknown", ["/bin/true"])).status == 404
    assert runtime.call("DELETE", f"{again}?propagationPolicy=foreground").json["status"] == "Success"
    assert runtime.call("GET", again).status == 404


def test_given_executions_then_gcloud_s_selectors_find_them(runtime: RuntimeProcess) -> None:
    runtime.call("POST", f"{HOST}{SPACE}/jobs", job("picked", ["/bin/sh"], tasks=3))
    runtime.call("PUT", f"{HOST}{SPACE}/jobs/picked", _failing_at_one("picked"))
    first = runtime.call("POST", f"{HOST}{SPACE}/jobs/picked:run", {}).json["metadata"]["name"]
    runtime.wait(f"projects/{PROJECT}/locations/asia-northeast1/jobs/picked/executions/{first}")
    second = runtime.call("POST", f"{HOST}{SPACE}/jobs/picked:run", {}).json["metadata"]["name"]
    executions = f"{HOST}{SPACE}/executions"
    of_job = select("run.googleapis.com/job = picked")
    assert names(runtime.call("GET", f"{executions}?{of_job}")) == [second, first]
    page = runtime.call("GET", f"{executions}?{of_job}&limit=1")
    assert names(page) == [second]
    rest = runtime.call("GET", f"{executions}?{of_job}&limit=1&continue={quote(page.json['metadata']['continue'])}")
    assert names(rest) == [first]
    failed = select(f"run.googleapis.com/execution = {first}, run.googleapis.com/runningState in (Failed,Running)")
    assert names(runtime.call("GET", f"{HOST}{SPACE}/tasks?{failed}")) == [f"{first}-task1"]
    assert runtime.call("GET", f"{HOST}{SPACE}/tasks/{first}-task2").status == 200
    assert runtime.call("GET", f"{HOST}{SPACE}/tasks/{first}-task3").status == 404
    ended = runtime.call("POST", f"{executions}/{first}:cancel", {})
    assert ended.json["error"]["status"] == "FAILED_PRECONDITION"
    assert runtime.call("DELETE", f"{executions}/{first}").json["status"] == "Success"
    assert runtime.call("GET", f"{executions}/{first}").status == 404


def _failing_at_one(name: str) -> dict[str, Any]:
    return job(name, ["/bin/sh", "-c", "test $CLOUD_RUN_TASK_INDEX != 1"], tasks=3)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/jobs?watch=true", 501),
        ("/jobs?fieldSelector=metadata.name%3Da", 501),
        ("/jobs?labelSelector=a%21%3Db", 400),
        ("/jobs?limit=-1", 400),
        ("/jobs?continue=abc", 400),
        ("/jobs?pageSize=1", 400),
        ("/tasks", 400),
        ("/executions/none", 404),
        ("/tasks/none", 404),
    ],
)
def test_given_what_a_list_cannot_do_then_it_says_so(runtime: RuntimeProcess, path: str, status: int) -> None:
    assert runtime.call("GET", f"{HOST}{SPACE}{path}").status == status


def test_given_a_location_of_any_form_in_the_host_then_jobs_live_there_and_nowhere_else(
    runtime: RuntimeProcess,
) -> None:
    mars = "http://mars-run.googleapis.com"
    assert runtime.call("POST", f"{mars}{SPACE}/jobs", job("rover", ["/bin/true"])).status == 200
    shown = runtime.call("GET", f"{mars}{SPACE}/jobs/rover").json
    assert shown["metadata"]["labels"]["cloud.googleapis.com/location"] == "mars"
    assert runtime.call("GET", f"http://us-central1-run.googleapis.com{SPACE}/jobs/rover").status == 404
    assert runtime.call("GET", f"/v2/projects/{PROJECT}/locations/mars/jobs/rover").status == 200
    assert runtime.call("GET", f"http://9-run.googleapis.com{SPACE}/jobs/rover").status == 400


def test_given_what_only_the_room_refuses_then_the_field_has_its_v1_path(runtime: RuntimeProcess) -> None:
    body = job("mapless", ["/bin/true"])
    body["spec"]["template"]["spec"]["template"]["spec"]["containers"][0]["image"] = "us-docker.pkg.dev/p/app/x:1"
    path = "spec.template.spec.template.spec.containers[0].image"
    assert runtime.call("POST", f"{HOST}{SPACE}/jobs", job("mapless", ["/bin/true"])).status == 200
    for method, target in (("POST", "jobs"), ("PUT", "jobs/mapless")):
        answer = runtime.call(method, f"{HOST}{SPACE}/{target}", body)
        error = answer.json["error"]
        assert (answer.status, error["message"].partition(": ")[0]) == (400, path)
        assert [item["field"] for item in error["details"][0]["fieldViolations"]] == [path]


def test_given_more_tasks_than_may_run_then_those_that_wait_are_pending(own_runtime: RuntimeProcess) -> None:
    own_runtime.arguments = ("--max-running-tasks", "1")
    runtime = own_runtime.start()
    runtime.call("POST", f"{HOST}{SPACE}/jobs", job("queue", ["/bin/sleep", "600"], tasks=3))
    name = runtime.call("POST", f"{HOST}{SPACE}/jobs/queue:run", {}).json["metadata"]["name"]

    def of(state: str) -> list[str]:
        selector = f"run.googleapis.com/execution = {name},run.googleapis.com/runningState in ({state})"
        return names(runtime.call("GET", f"{HOST}{SPACE}/tasks?{select(selector)}"))

    end = time.monotonic() + 30
    while not (running := of("Running")) and time.monotonic() < end:
        time.sleep(0.02)
    execution = runtime.call("GET", f"{HOST}{SPACE}/executions/{name}").json
    assert (len(running), execution["status"]["runningCount"]) == (1, 1)
    assert sorted(of("Pending") + running) == [f"{name}-task{index}" for index in range(3)]
    runtime.call("POST", f"{HOST}{SPACE}/executions/{name}:cancel", {})
