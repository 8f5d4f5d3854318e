"""Services, worker pools and revisions over Run v2 and v1, against a real runtime. What unmodified clients do with them
is in tests/clients."""

from __future__ import annotations

import time
import uuid
from typing import Any

import pytest

from runtime_process import BASE, LOCATION, PROJECT, RuntimeProcess

KNATIVE = f"/apis/serving.knative.dev/v1/namespaces/{PROJECT}"
RUN = f"/apis/run.googleapis.com/v1/namespaces/{PROJECT}"
ELSEWHERE = "europe-west1"
LISTENS = (
    "import os,socket,time\nheld=socket.create_server(('127.0.0.1',int(os.environ['PORT'])))\nwhile True: time.sleep(9)"
)
SERVICE: dict[str, Any] = {
    "template": {"containers": [{"image": "local", "command": ["python3", "-I", "-S", "-c"], "args": [LISTENS]}]}
}
POOL: dict[str, Any] = {
    "template": {"containers": [{"image": "local", "command": ["/bin/sleep", "1000"]}]},
    "scaling": {"manualInstanceCount": 0},
}


@pytest.fixture
def name() -> str:
    return f"r-{uuid.uuid4().hex[:8]}"


def settled(runtime: RuntimeProcess, answer: Any) -> dict[str, Any]:
    """The operation in an answer, when it is done."""
    assert answer.status == 200, answer.body
    operation: dict[str, Any] = answer.json
    deadline_s = time.monotonic() + 30
    while not operation.get("done") and time.monotonic() < deadline_s:
        found = runtime.call("POST", f"/v2/{operation['name']}:wait", {"timeout": "5s"})
        assert found.status == 200, found.body
        operation = found.json
    return operation


def make_pool(runtime: RuntimeProcess, name: str, base: str = BASE) -> dict[str, Any]:
    done = settled(runtime, runtime.call("POST", f"{base}/workerPools?workerPoolId={name}", POOL))
    return {key: value for key, value in done["response"].items() if key != "@type"}


def v1_service(name: str) -> dict[str, Any]:
    return {
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": PROJECT},
        "spec": {"template": {"spec": {"containers": SERVICE["template"]["containers"]}}},
    }


def ready(runtime: RuntimeProcess, path: str) -> dict[str, Any]:
    """A v1 object when it is ready, or is not."""
    deadline_s = time.monotonic() + 30
    while True:
        found: dict[str, Any] = runtime.call("GET", path).json
        status = next(item["status"] for item in found["status"]["conditions"] if item["type"] == "Ready")
        if status != "Unknown" or time.monotonic() > deadline_s:
            return found
        time.sleep(0.02)


# -- v2 --------------------------------------------------------------------------------------------------------------


def test_given_pools_when_listed_in_pages_then_each_comes_once_and_wildcards_go_over_all_locations(
    runtime: RuntimeProcess,
) -> None:
    project = f"p-{uuid.uuid4().hex[:8]}"
    base = f"/v2/projects/{project}/locations"
    for number in range(3):
        make_pool(runtime, f"w{number}", f"{base}/{LOCATION}")
    make_pool(runtime, "w1", f"{base}/{ELSEWHERE}")
    names: list[str] = []
    token = ""
    for _ in range(4):
        answer = runtime.call("GET", f"{base}/-/workerPools?pageSize=1&pageToken={token}").json
        names += [found["name"] for found in answer["workerPools"]]
        token = answer.get("nextPageToken", "")
    assert token == ""
    assert [found.split("/")[3::2] for found in names] == [
        [LOCATION, "w0"],
        [LOCATION, "w1"],
        [ELSEWHERE, "w1"],
        [LOCATION, "w2"],
    ]
    assert runtime.call("GET", f"{base}/{LOCATION}/services").json == {}


@pytest.mark.parametrize("collection", ["services", "workerPools"])
def test_given_what_is_not_there_when_asked_for_then_404_names_it(runtime: RuntimeProcess, collection: str) -> None:
    kind = {"services": "SERVICE", "workerPools": "WORKER POOL"}[collection]
    for method, path in (
        ("GET", ""),
        ("DELETE", ""),
        ("PATCH", "?updateMask=labels"),
        ("GET", "/revisions"),
        ("GET", ":getIamPolicy"),
        ("POST", ":setIamPolicy"),
    ):
        body: dict[str, Any] | None = {"policy": {}} if "set" in path else ({} if method == "PATCH" else None)
        answer = runtime.call(method, f"{BASE}/{collection}/nope{path}", body)
        assert (answer.status, answer.json["error"]["status"]) == (404, "NOT_FOUND"), path
        assert f"'nope' of kind '{kind}'" in answer.json["error"]["message"]
    revision = runtime.call("GET", f"{BASE}/{collection}/nope/revisions/nope-00001-abc")
    assert revision.status == 404


@pytest.mark.parametrize(
    ("method", "path", "body", "field"),
    [
        ("POST", "/services", SERVICE, "service_id"),
        ("POST", "/workerPools", POOL, "worker_pool_id"),
        ("POST", "/services?serviceId=UPPER", SERVICE, "name"),
        ("POST", f"/services?serviceId={'x' * 50}", SERVICE, "name"),
        ("POST", "/services?serviceId=x&bogus=1", SERVICE, "bogus"),
        ("PATCH", "/services/x?updateMask=bogus&allowMissing=true", SERVICE, "update_mask"),
        ("DELETE", "/services/x/revisions/UPPER", None, "name"),
    ],
)
def test_given_a_wrong_request_when_sent_then_400_names_the_field(
    runtime: RuntimeProcess, method: str, path: str, body: object, field: str
) -> None:
    error = runtime.call(method, BASE + path, body).json["error"]
    assert (error["code"], error["status"]) == (400, "INVALID_ARGUMENT")
    assert field in [item["field"] for detail in error["details"] for item in detail.get("fieldViolations", [])]


def test_given_an_idempotent_update_when_sent_again_then_nothing_has_changed(
    runtime: RuntimeProcess, name: str
) -> None:
    made = make_pool(runtime, name)
    again = settled(runtime, runtime.call("PATCH", f"{BASE}/workerPools/{name}", made))["response"]
    assert (again["generation"], again["latestReadyRevision"]) == ("1", made["latestReadyRevision"])


def test_given_permissions_of_a_service_that_is_not_there_when_tested_then_they_are_told(
    runtime: RuntimeProcess,
) -> None:
    asked = {"permissions": ["run.services.setIamPolicy"]}
    for version in ("v1", "v2"):
        path = f"/{version}/projects/{PROJECT}/locations/{LOCATION}/services/unborn:testIamPermissions"
        assert runtime.call("POST", path, asked).json == asked


def test_given_the_policy_of_a_pool_when_set_by_one_version_then_the_other_has_it(
    runtime: RuntimeProcess, name: str
) -> None:
    make_pool(runtime, name)
    policy = {"policy": {"bindings": [{"role": "roles/run.developer", "members": ["user:a@b.c"]}]}}
    assert runtime.call("POST", f"{BASE}/workerPools/{name}:setIamPolicy", policy).status == 200
    v1 = BASE.replace("/v2/", "/v1/")
    held = runtime.call("GET", f"{v1}/workerpools/{name}:getIamPolicy").json
    assert held["bindings"] == policy["policy"]["bindings"]


# -- v1 --------------------------------------------------------------------------------------------------------------


def test_given_a_service_of_v1_when_made_replaced_and_deleted_then_v2_has_the_same(
    runtime: RuntimeProcess, name: str
) -> None:
    body = v1_service(name)
    made = runtime.call("POST", f"{KNATIVE}/services", body)
    assert (made.status, made.json["kind"]) == (200, "Service")
    assert runtime.call("POST", f"{KNATIVE}/services", body).json["error"]["message"] == (
        f"Resource '{name}' already exists."
    )
    held = ready(runtime, f"{KNATIVE}/services/{name}")
    region = held["metadata"]["labels"]["cloud.googleapis.com/location"]
    v2 = f"/v2/projects/{PROJECT}/locations/{region}/services/{name}"
    assert held["status"]["url"] == runtime.call("GET", v2).json["uri"]
    held["metadata"]["annotations"]["run.googleapis.com/ingress"] = "internal"
    replaced = runtime.call("PUT", f"{KNATIVE}/services/{name}", held)
    assert replaced.status == 200, replaced.body
    shown = ready(runtime, f"{KNATIVE}/services/{name}")
    assert shown["status"]["latestReadyRevisionName"] == held["status"]["latestReadyRevisionName"]
    assert runtime.call("GET", v2).json["ingress"] == "INGRESS_TRAFFIC_INTERNAL_ONLY"
    assert runtime.call("PUT", f"{KNATIVE}/services/{name}", held).status == 409  # its version is of another time
    assert runtime.call("DELETE", f"{KNATIVE}/services/{name}").json == {"status": "Success"}
    deadline_s = time.monotonic() + 30
    while runtime.call("GET", f"{KNATIVE}/services/{name}").status != 404:
        assert time.monotonic() < deadline_s
        time.sleep(0.02)


def test_given_a_service_when_asked_for_its_parts_then_configuration_and_route_are_there(
    runtime: RuntimeProcess, name: str
) -> None:
    assert runtime.call("POST", f"{KNATIVE}/services?dryRun=all", v1_service(name)).status == 200
    assert runtime.call("GET", f"{KNATIVE}/services/{name}").status == 404
    runtime.call("POST", f"{KNATIVE}/services", v1_service(name))
    ready(runtime, f"{KNATIVE}/services/{name}")
    for plural, kind in (("configurations", "Configuration"), ("routes", "Route")):
        assert runtime.call("GET", f"{KNATIVE}/{plural}/{name}").json["kind"] == kind
        listed = runtime.call("GET", f"{KNATIVE}/{plural}").json
        assert listed["kind"] == f"{kind}sList"
        assert name in [item["metadata"]["name"] for item in listed["items"]]
    runtime.call("DELETE", f"{KNATIVE}/services/{name}")


def test_given_an_id_in_two_regions_when_none_is_named_then_it_must_be(runtime: RuntimeProcess, name: str) -> None:
    make_pool(runtime, name)
    assert runtime.call("GET", f"{RUN}/workerpools/{name}").json["metadata"]["name"] == name
    make_pool(runtime, name, BASE.replace(LOCATION, ELSEWHERE))
    answer = runtime.call("GET", f"{RUN}/workerpools/{name}")
    assert (answer.status, "name a region" in answer.json["error"]["message"]) == (400, True)


def test_given_revisions_when_listed_by_label_and_in_pages_then_those_of_one_owner_come_newest_first(
    runtime: RuntimeProcess, name: str
) -> None:
    first = make_pool(runtime, name)["latestReadyRevision"].rpartition("/")[2]
    changed = {**POOL, "template": {**POOL["template"], "labels": {"a": "b"}}}
    patched = settled(runtime, runtime.call("PATCH", f"{BASE}/workerPools/{name}", changed))
    second = patched["response"]["latestReadyRevision"].rpartition("/")[2]
    other = make_pool(runtime, f"{name}-b")["latestReadyRevision"].rpartition("/")[2]
    path = f"{KNATIVE}/revisions?labelSelector=run.googleapis.com/workerPool%20%3D%20{name}"
    found: list[str] = []
    token = ""
    for _ in range(2):
        page = runtime.call("GET", f"{path}&limit=1&continue={token}").json
        found += [item["metadata"]["name"] for item in page["items"]]
        token = page["metadata"].get("continue", "")
    assert (found, token) == ([second, first], "")
    whole = [item["metadata"]["name"] for item in runtime.call("GET", f"{KNATIVE}/revisions?limit=1000").json["items"]]
    assert [item for item in whole if item.startswith(name)] == [second, first, other]
    shown = runtime.call("GET", f"{KNATIVE}/revisions/{other}").json
    assert shown["metadata"]["labels"]["run.googleapis.com/workerPool"] == f"{name}-b"
    assert runtime.call("DELETE", f"{KNATIVE}/revisions/{other}").status == 400
    assert runtime.call("DELETE", f"{KNATIVE}/revisions/{first}").json == {"status": "Success"}
    assert runtime.call("GET", f"{KNATIVE}/revisions/{first}").status == 404


def test_given_ways_of_listing_that_are_not_here_when_asked_then_501_says_so(runtime: RuntimeProcess) -> None:
    for query in ("watch=true", "fieldSelector=x"):
        assert runtime.call("GET", f"{KNATIVE}/services?{query}").status == 501
