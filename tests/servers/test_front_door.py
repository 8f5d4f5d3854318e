"""The front door of a real runtime: every answer is Google's JSON, whoever asks, and for what."""

from __future__ import annotations

import socket

import pytest
from http_world import Raw, get

from runtime_process import BASE, PROJECT, RuntimeProcess


def error(runtime: RuntimeProcess, method: str, path: str, body: object = None, **headers: str) -> tuple[int, str, str]:
    """(HTTP status, google.rpc name, message) of a refusal, whose form is checked."""
    answer = runtime.call(method, path, body, headers)
    found = answer.json["error"]
    assert found["code"] == answer.status
    assert answer.headers["content-type"].startswith("application/json")
    return answer.status, found["status"], found["message"]


@pytest.mark.parametrize(
    ("method", "path", "status", "name"),
    [
        ("GET", "/nothing/here", 404, "NOT_FOUND"),
        ("GET", "/v2", 404, "NOT_FOUND"),
        ("POST", "/healthz", 405, "UNIMPLEMENTED"),
        ("OPTIONS", f"{BASE}/jobs", 405, "UNIMPLEMENTED"),
        ("PUT", f"{BASE}/jobs/x", 405, "UNIMPLEMENTED"),
        ("GET", f"{BASE}/jobs/{'x' * 3000}", 400, "INVALID_ARGUMENT"),
        ("GET", f"{BASE}/jobs/%2e%2e", 400, "INVALID_ARGUMENT"),
        ("GET", f"{BASE}/jobs/a%00b", 400, "INVALID_ARGUMENT"),
        ("GET", f"{BASE}/jobs?bogus=1", 400, "INVALID_ARGUMENT"),
        ("PATCH", f"{BASE}/jobs/x?updateMask=labels", 404, "NOT_FOUND"),
        ("GET", f"{BASE}/jobs?pageSize=-1", 400, "INVALID_ARGUMENT"),
        ("GET", f"{BASE}/jobs?pageToken=abc", 400, "INVALID_ARGUMENT"),
        ("POST", f"{BASE}/jobs", 400, "INVALID_ARGUMENT"),
    ],
)
def test_given_a_wrong_request_then_the_error_is_googles(
    runtime: RuntimeProcess, method: str, path: str, status: int, name: str
) -> None:
    assert error(runtime, method, path)[:2] == (status, name)


@pytest.mark.parametrize(
    "content", [b"[", b'{"a":1,"a":2}', b"[]", b'"x"', b"\xff", b"[" * 5000, b"NaN", b'{"\x00":1}']
)
def test_given_a_body_that_is_no_message_then_400(runtime: RuntimeProcess, content: bytes) -> None:
    assert error(runtime, "POST", f"{BASE}/jobs?jobId=x", content)[:2] == (400, "INVALID_ARGUMENT")


def test_given_a_body_above_the_limit_then_413_before_it_is_sent(runtime: RuntimeProcess) -> None:
    with Raw(runtime.port) as raw:
        raw.send(get(f"{BASE}/jobs?jobId=x", f"Content-Length: {2 << 30}", method="POST"))
        assert raw.answer()[0] == 413
        assert raw.ends()


def test_given_a_foreign_host_then_nothing_is_served_and_nothing_is_proxied(runtime: RuntimeProcess) -> None:
    assert error(runtime, "GET", "/healthz", Host="evil.example:80")[0] == 403
    with socket.create_server(("127.0.0.1", 0)) as other:
        other.settimeout(0.2)
        assert error(runtime, "GET", f"http://10.1.2.3:{other.getsockname()[1]}/")[0] == 403
        with Raw(runtime.port) as raw:
            raw.send(b"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n")
            assert raw.answer()[0] == 403
            assert raw.ends()


def test_given_a_page_of_another_site_then_it_cannot_make_a_job(runtime: RuntimeProcess) -> None:
    body = {"template": {"template": {"containers": [{"image": "local", "command": ["/bin/true"]}]}}}
    headers = {"Origin": "https://evil.example", "Content-Type": "text/plain"}
    assert runtime.call("POST", f"{BASE}/jobs?jobId=forged", body, headers).status == 403
    assert runtime.call("GET", f"{BASE}/jobs/forged").status == 404


def test_given_gcloud_s_absolute_form_with_a_region_then_it_is_served(runtime: RuntimeProcess) -> None:
    url = f"http://asia-northeast1-run.hakobune.internal/apis/run.googleapis.com/v1/namespaces/{PROJECT}/jobs?alt=json"
    answer = runtime.call("GET", url)
    assert (answer.status, answer.json["kind"]) == (200, "JobsList")


LOCATION = f"projects/{PROJECT}/locations/us-central1"
MISSING = [
    ("GET", f"/v2/{LOCATION}/services/s/revisions/r:exportMetadata", "revisions.exportMetadata"),
    ("POST", f"/v2/{LOCATION}/builds:submit", "builds.submit"),
    ("GET", f"/v2/{LOCATION}/queues", "Cloud Tasks"),
    ("GET", f"/v2/{LOCATION}/jobs/j/executions/e/o:exportStatus", "exportStatus"),
    ("GET", f"/v1/{LOCATION}/cmekConfig", "Cloud Scheduler CMEK settings"),
    ("GET", f"/v1/{LOCATION}/pipelines/t", "Eventarc"),
    ("GET", f"/v1/{LOCATION}/secrets", "Secret Manager (regional)"),
    ("POST", f"/v1/projects/{PROJECT}/serviceAccounts/a@b.iam.gserviceaccount.com:undelete", "undelete"),
    ("POST", "/v2/entries:tail", "entries.tail"),
]


@pytest.mark.parametrize(("method", "path", "name"), MISSING, ids=[f"{method} {path}" for method, path, _ in MISSING])
def test_given_what_is_not_here_yet_then_501_names_it(
    runtime: RuntimeProcess, method: str, path: str, name: str
) -> None:
    status, code, message = error(runtime, method, path)
    assert (status, code) == (501, "UNIMPLEMENTED")
    assert name in message


def test_the_side_apis_that_gcloud_asks_first_answer(runtime: RuntimeProcess) -> None:
    service = runtime.call("GET", f"/v1/projects/{PROJECT}/services/run.googleapis.com").json
    assert (service["state"], service["config"]["name"]) == ("ENABLED", "run.googleapis.com")
    names = f"names=projects%2F{PROJECT}%2Fservices%2Frun.googleapis.com&names=x/y/logging.googleapis.com"
    batch = runtime.call("GET", f"/v1/projects/{PROJECT}/services:batchGet?{names}").json
    assert [found["config"]["name"] for found in batch["services"]] == ["run.googleapis.com", "logging.googleapis.com"]
    enabled = runtime.call("POST", f"/v1/projects/{PROJECT}/services:batchEnable", {"serviceIds": ["x"]}).json
    assert enabled["done"] is True
    assert runtime.call("GET", f"/v1/projects/{PROJECT}").json["projectId"] == PROJECT
    tested = runtime.call("POST", f"/v1/projects/{PROJECT}:testIamPermissions", {"permissions": ["run.jobs.run"]})
    assert tested.json == {"permissions": ["run.jobs.run"]}
    place = runtime.call("GET", f"/v2/projects/{PROJECT}/locations/europe-west1").json
    assert place == {"name": f"projects/{PROJECT}/locations/europe-west1", "locationId": "europe-west1"}


def test_given_thousands_of_idle_connections_then_healthz_answers_within_a_second(runtime: RuntimeProcess) -> None:
    idle: list[socket.socket] = []
    try:
        idle += [socket.create_connection(("127.0.0.1", runtime.port), timeout=5) for _ in range(2000)]
        for opened in idle[::2]:
            opened.sendall(b"GET /healthz HTTP/1.1\r\nHost: loc")
        for _ in range(5):
            assert runtime.call("GET", "/healthz", timeout=1).status == 200
    finally:
        for opened in idle:
            opened.close()
