"""Jobs, executions, tasks, operations over Run v2, against a real runtime."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from runtime_process import BASE, LOCATION, PROJECT, RuntimeProcess

TRUE = ["/bin/true"]
BODY = {"template": {"template": {"containers": [{"image": "local", "command": TRUE}]}}}


def pages(runtime: RuntimeProcess, path: str, kind: str, size: int) -> list[list[Any]]:
    """All pages of a list."""
    found: list[list[Any]] = []
    token = ""
    while True:
        answer = runtime.call("GET", f"{path}{'&' if '?' in path else '?'}pageSize={size}&pageToken={token}")
        assert answer.status == 200, answer.body
        found.append(answer.json.get(kind, []))
        token = answer.json.get("nextPageToken", "")
        if not token:
            return found


def test_given_jobs_when_listed_in_pages_then_each_comes_once_in_order(runtime: RuntimeProcess) -> None:
    place = f"/v2/projects/paged-project/locations/{LOCATION}"
    for number in range(5):
        assert runtime.call("POST", f"{place}/jobs?jobId=j{number}", BODY).status == 200
    found = pages(runtime, f"{place}/jobs", "jobs", 2)
    assert [[job["name"].rpartition("/")[2] for job in page] for page in found] == [["j0", "j1"], ["j2", "j3"], ["j4"]]
    token = runtime.call("GET", f"{place}/jobs?pageSize=2").json["nextPageToken"]
    assert runtime.call("GET", f"{BASE}/jobs?pageToken={token}").status == 400
    assert runtime.call("GET", f"{place}/jobs?pageToken={token[:-2]}AA").status == 400
    assert len(pages(runtime, "/v2/projects/paged-project/locations/-/jobs", "jobs", 100)[0]) == 5


def test_given_executions_then_wildcards_list_the_tasks_of_all_in_pages(runtime: RuntimeProcess) -> None:
    place = f"/v2/projects/wild-project/locations/{LOCATION}"
    body = {"template": {"taskCount": 3, **BODY["template"]}}
    names: list[str] = []
    for job in ("a", "b", "a"):
        runtime.call("POST", f"{place}/jobs?jobId={job}", body)
        operation = runtime.call("POST", f"{place}/jobs/{job}:run", {})
        names.append(operation.json["metadata"]["name"])
    newest_first = [f"{name}/tasks/{name.rpartition('/')[2]}-task{index}" for name in names[::-1] for index in range(3)]
    found = pages(runtime, f"{place}/jobs/-/executions/-/tasks", "tasks", 4)
    assert [len(page) for page in found] == [4, 4, 1]
    assert [task["name"] for page in found for task in page] == newest_first
    of_a = [name for name in newest_first if "/jobs/a/" in name]
    assert [task["name"] for task in pages(runtime, f"{place}/jobs/a/executions/-/tasks", "tasks", 100)[0]] == of_a
    one = names[0].rpartition("/")[2]
    of_one = pages(runtime, f"{place}/jobs/-/executions/{one}/tasks", "tasks", 2)
    assert [len(page) for page in of_one] == [2, 1]
    listed = pages(runtime, f"{place}/jobs/-/executions", "executions", 2)
    assert [found["name"] for page in listed for found in page] == names[::-1]


def test_given_validate_only_then_nothing_is_made_and_the_operation_cannot_be_fetched(
    runtime: RuntimeProcess,
) -> None:
    answer = runtime.call("POST", f"{BASE}/jobs?jobId=unmade&validateOnly=true", BODY)
    assert answer.json["done"] is True
    assert runtime.call("GET", f"/v2/{answer.json['name']}").status == 404
    assert runtime.call("GET", f"{BASE}/jobs/unmade").status == 404
    runtime.create("kept", TRUE)
    assert runtime.call("POST", f"{BASE}/jobs?jobId=kept&validateOnly=true", BODY).status == 409
    assert runtime.call("DELETE", f"{BASE}/jobs/kept?validateOnly=true").status == 200
    assert runtime.call("POST", f"{BASE}/jobs/kept:run", {"validateOnly": True}).status == 200
    assert runtime.call("GET", f"{BASE}/jobs/kept/executions").json == {}
    assert runtime.call("GET", f"{BASE}/jobs/kept").status == 200


def test_given_a_patch_then_missing_jobs_are_made_only_when_that_is_allowed(runtime: RuntimeProcess) -> None:
    assert runtime.call("PATCH", f"{BASE}/jobs/patched", BODY).status == 404
    assert runtime.call("PATCH", f"{BASE}/jobs/patched?allowMissing=true", BODY).status == 200
    etag = runtime.get(f"{BASE[4:]}/jobs/patched")["etag"]
    changed = {**BODY, "labels": {"a": "b"}}
    assert runtime.call("PATCH", f"{BASE}/jobs/patched", {**changed, "etag": etag}).status == 200
    stale = runtime.call("PATCH", f"{BASE}/jobs/patched", {**changed, "etag": etag})
    assert (stale.status, stale.json["error"]["status"]) == (409, "ABORTED")
    assert runtime.call("PATCH", f"{BASE}/jobs/patched?allowMissing=maybe", BODY).status == 400


def test_given_masked_patches_at_once_when_nobody_gave_an_etag_then_none_is_refused_or_lost(
    runtime: RuntimeProcess,
) -> None:
    runtime.create("shared", TRUE)

    def change(number: int) -> int:
        path = f"{BASE}/jobs/shared?updateMask=labels.n{number}"
        return runtime.call("PATCH", path, {"labels": {f"n{number}": "x"}}).status

    with ThreadPoolExecutor(16) as pool:
        assert set(pool.map(change, range(64))) == {200}
    assert len(runtime.get(f"{BASE[4:]}/jobs/shared")["labels"]) == 64
    stale = {"labels": {"late": "x"}, "etag": '"old"'}
    assert runtime.call("PATCH", f"{BASE}/jobs/shared?updateMask=labels", stale).status == 409


def test_given_broken_json_when_a_cancel_or_a_delete_has_it_then_nothing_is_done(runtime: RuntimeProcess) -> None:
    runtime.create("whole", ["/bin/sleep", "600"])
    execution = runtime.run("whole")
    v1 = f"/apis/run.googleapis.com/v1/namespaces/{PROJECT}/executions/{execution.rpartition('/')[2]}:cancel"
    assert runtime.call("POST", v1, b"{broken").status == 400
    assert runtime.call("DELETE", f"/v2/{execution}", b"{broken").status == 400
    assert runtime.call("DELETE", f"{BASE}/jobs/whole", b"garbage").status == 400
    assert "completionTime" not in runtime.get(execution)
    assert runtime.call("DELETE", f"{BASE}/jobs/whole").status == 200


def test_given_an_idempotency_key_then_the_same_call_gets_the_same_execution(runtime: RuntimeProcess) -> None:
    runtime.create("keyed", TRUE)
    first = runtime.run("keyed", **{"Idempotency-Key": "k1"})
    assert runtime.run("keyed", **{"Idempotency-Key": "k1"}) == first
    assert runtime.run("keyed", **{"Idempotency-Key": "k2"}) != first
    other = runtime.call("POST", f"{BASE}/jobs/keyed:run", {"overrides": {"taskCount": 2}}, {"Idempotency-Key": "k1"})
    assert other.status == 400
    assert runtime.call("POST", f"{BASE}/jobs/keyed:run", {}, {"Idempotency-Key": "k" * 600}).status == 400


def test_given_an_operation_when_waited_for_then_it_answers_when_it_is_done_or_time_is_up(
    runtime: RuntimeProcess,
) -> None:
    runtime.create("waited", ["/bin/sleep", "600"])
    operation = runtime.call("POST", f"{BASE}/jobs/waited:run", {}).json
    started_s = time.monotonic()
    answer = runtime.call("POST", f"/v2/{operation['name']}:wait", {"timeout": "0.3s"}).json
    assert not answer.get("done")
    assert 0.2 < time.monotonic() - started_s < 10
    cancel = runtime.call("POST", f"/v2/{operation['metadata']['name']}:cancel", {})
    assert cancel.status == 200
    ended = runtime.call("POST", f"/v2/{operation['name']}:wait", {"timeout": "60s"}).json
    assert ended["done"] is True
    assert runtime.call("GET", f"/v1/{operation['name']}").json == ended
    listed = runtime.call("GET", f"{BASE}/operations?pageSize=1000").json["operations"]
    assert operation["name"] in [found["name"] for found in listed]
    assert runtime.call("GET", f"{BASE}/operations?filter=done").status == 400
    assert runtime.call("POST", f"/v2/{operation['name']}:wait", {"timeout": "-1s"}).status == 400
    assert runtime.call("POST", f"/v2/{operation['name']}:cancel", {}).status == 501
    assert runtime.call("DELETE", f"/v2/{operation['name']}").json == {}
    assert runtime.call("GET", f"/v2/{operation['name']}").status == 404
    again = runtime.call("POST", f"/v2/{operation['metadata']['name']}:cancel", {})
    assert (again.status, again.json["error"]["status"]) == (400, "FAILED_PRECONDITION")


@pytest.mark.parametrize("task", ["x-task0", "-task0", "task0", "{e}-task1", "{e}-task00", "{e}-task-1", "{e}-task²"])
def test_given_an_unknown_task_then_404_or_400_names_it(runtime: RuntimeProcess, task: str) -> None:
    runtime.create("tasked", TRUE)
    execution = runtime.run("tasked")
    name = task.format(e=execution.rpartition("/")[2]).replace("²", "%C2%B2")
    answer = runtime.call("GET", f"/v2/{execution}/tasks/{name}")
    assert answer.status == 404
    assert "kind 'TASK'" in answer.json["error"]["message"]


def test_given_an_unknown_parent_then_404_in_the_service_s_words(runtime: RuntimeProcess) -> None:
    for path in ("jobs/gone", "jobs/gone/executions", "jobs/gone/executions/gone-1"):
        answer = runtime.call("GET", f"{BASE}/{path}")
        kind, last = ("EXECUTION", "gone-1") if path.endswith("-1") else ("JOB", "gone")
        assert answer.json["error"]["message"] == (
            f"Resource '{last}' of kind '{kind}' in region '{LOCATION}' in project '{PROJECT}' does not exist."
        )


def test_given_a_policy_then_it_is_kept_with_its_etag_and_its_audit_configs(runtime: RuntimeProcess) -> None:
    runtime.create("guarded", TRUE)
    path = f"{BASE}/jobs/guarded"
    assert runtime.call("GET", f"{path}:getIamPolicy").json == {"etag": "ACAB"}
    binding = {"role": "roles/run.invoker", "members": ["user:a@example.com"]}
    audit = {"service": "run.googleapis.com", "auditLogConfigs": [{"logType": "DATA_READ"}]}
    first = runtime.call("POST", f"{path}:setIamPolicy", {"policy": {"bindings": [binding], "auditConfigs": [audit]}})
    assert first.json["bindings"] == [binding]
    assert "auditConfigs" not in first.json
    wanted = {"policy": {"auditConfigs": [audit], "etag": first.json["etag"]}, "updateMask": "auditConfigs"}
    second = runtime.call("POST", f"{path}:setIamPolicy", wanted).json
    assert (second["bindings"], second["auditConfigs"]) == ([binding], [audit])
    assert runtime.call("GET", f"/v1{path[3:]}:getIamPolicy?options.requestedPolicyVersion=3").json == second
    assert runtime.call("POST", f"{path}:setIamPolicy", wanted).status == 409
    assert runtime.call("GET", f"{path}:getIamPolicy?options.requestedPolicyVersion=2").status == 400
    assert runtime.call("GET", f"{BASE}/jobs/gone:getIamPolicy").status == 404
    tested = runtime.call("POST", f"{path}:testIamPermissions", {"permissions": ["run.jobs.run"]})
    assert tested.json == {"permissions": ["run.jobs.run"]}
    assert runtime.call("POST", f"{path}:testIamPermissions", {"permissions": ["run.*"]}).status == 400


def test_given_an_update_mask_when_patched_then_only_the_named_fields_change(runtime: RuntimeProcess) -> None:
    runtime.create("masked", ["/bin/true"], tasks=3)
    path = f"{BASE}/jobs/masked"
    body = {"labels": {"team": "art"}, "template": {"taskCount": 7}}
    changed = runtime.call("PATCH", f"{path}?updateMask=template.taskCount", body)
    assert changed.status == 200, changed.body
    job = runtime.call("GET", path).json
    assert job["template"]["taskCount"] == 7
    assert "labels" not in job
    assert job["template"]["template"]["containers"][0]["command"] == ["/bin/true"]
    refused = runtime.call("PATCH", f"{path}?updateMask=template.nothing", body)
    assert (refused.status, "update_mask" in refused.json["error"]["message"]) == (400, True)
