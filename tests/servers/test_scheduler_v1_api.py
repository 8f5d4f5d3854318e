"""Cloud Scheduler's API v1 over REST against a running server: paths, pages, errors, and what the log has of attempts."""

from __future__ import annotations

import base64
import http.server
import itertools
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from runtime_process import LOCATION, PROJECT, RuntimeProcess

_NUMBERS = itertools.count(1)


class Scheduler:
    """Calls in a project of one test."""

    def __init__(self, runtime: RuntimeProcess) -> None:
        self.runtime = runtime
        self.project = f"p-{uuid.uuid4().hex[:12]}"
        self.parent = f"projects/{self.project}/locations/{LOCATION}"

    def call(self, method: str, path: str = "", body: object = None) -> tuple[int, Any]:
        answer = self.runtime.call(method, f"/v1/{self.parent}/jobs{path}", body)
        return answer.status, answer.json

    def ok(self, method: str, path: str = "", body: object = None) -> Any:
        status, answer = self.call(method, path, body)
        assert status == 200, answer
        return answer

    def refused(self, method: str, path: str = "", body: object = None) -> tuple[int, str, str]:
        status, answer = self.call(method, path, body)
        assert answer["error"]["code"] == status, answer
        return status, answer["error"]["status"], answer["error"]["message"]

    def create(self, job: str, **fields: object) -> Any:
        target = {"uri": "http://127.0.0.1:9/"}
        body = {"name": f"{self.parent}/jobs/{job}", "schedule": "0 0 1 1 *", "httpTarget": target, **fields}
        return self.ok("POST", "", body)


@pytest.fixture
def scheduler(runtime: RuntimeProcess) -> Scheduler:
    return Scheduler(runtime)


@pytest.fixture
def url() -> Iterator[str]:
    """A server that answers 200, at `/large` with 300 MB."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            size_mib = 300 if self.path == "/large" else 0
            self.send_response(200)
            self.send_header("Content-Length", str(size_mib << 20))
            self.end_headers()
            with suppress(OSError):  # the other side has seen enough
                for _ in range(size_mib):
                    self.wfile.write(bytes(1 << 20))

        def log_message(self, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()
    server.server_close()


def test_given_jobs_when_they_are_listed_then_pages_follow_each_other_and_all_locations_can_be_meant(
    scheduler: Scheduler, runtime: RuntimeProcess
) -> None:
    for number in range(5):
        scheduler.create(f"j{number}")
    other = f"projects/{scheduler.project}/locations/us-central1"
    body = {"name": f"{other}/jobs/j2", "schedule": "0 0 1 1 *", "httpTarget": {"uri": "http://127.0.0.1:9/"}}
    assert runtime.call("POST", f"/v1/{other}/jobs", body).status == 200
    names: list[str] = []
    token = ""
    while True:
        page = scheduler.ok("GET", f"?pageSize=2&pageToken={token}")
        names += [job["name"].rpartition("/")[2] for job in page["jobs"]]
        token = page.get("nextPageToken", "")
        if not token:
            break
    assert names == [f"j{number}" for number in range(5)]
    everywhere = runtime.call("GET", f"/v1/projects/{scheduler.project}/locations/-/jobs?pageSize=4").json
    last = [job["name"] for job in everywhere["jobs"]]
    assert [name.rpartition("/")[2] for name in last] == ["j0", "j1", "j2", "j2"]
    rest = runtime.call(
        "GET", f"/v1/projects/{scheduler.project}/locations/-/jobs?pageToken={everywhere['nextPageToken']}"
    ).json
    assert [job["name"].rpartition("/")[2] for job in rest["jobs"]] == ["j3", "j4"]
    assert Scheduler(runtime).ok("GET") == {}
    assert scheduler.refused("GET", "?pageToken=forged")[:2] == (400, "INVALID_ARGUMENT")
    assert scheduler.refused("GET", "?pageSize=-1")[:2] == (400, "INVALID_ARGUMENT")


def test_given_large_jobs_when_they_are_listed_then_a_page_ends_early(scheduler: Scheduler) -> None:
    content = base64.b64encode(b"x" * 450_000).decode()
    for number in range(22):
        target = {"uri": "http://127.0.0.1:9/", "body": content}
        scheduler.create(f"j{number:02d}", httpTarget=target)
    page = scheduler.ok("GET")
    rest = scheduler.ok("GET", f"?pageToken={page['nextPageToken']}")
    assert [len(page["jobs"]), len(rest["jobs"])] == [20, 2]
    assert "nextPageToken" not in rest


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "word", "text"),
    [
        ("GET", "/none", None, 404, "NOT_FOUND", "Job not found: projects/"),
        ("DELETE", "/none", None, 404, "NOT_FOUND", "Job not found"),
        ("PATCH", "/none?updateMask=description", {}, 404, "NOT_FOUND", "Job not found"),
        ("POST", "/none:run", {}, 404, "NOT_FOUND", "Job not found"),
        ("POST", "/none:pause", {}, 404, "NOT_FOUND", "Job not found"),
        ("POST", "/none:resume", {"x": 1}, 400, "INVALID_ARGUMENT", 'Unknown name "x"'),
        ("POST", "/none:stop", {}, 405, "", ""),
        ("PUT", "/none", {}, 405, "", ""),
        ("GET", "/a.b", None, 400, "INVALID_ARGUMENT", "Job ids have 1 to 500 characters"),
        ("GET", "/none?unknown=1", None, 400, "INVALID_ARGUMENT", "unknown"),
        ("POST", "", {"schedule": "* * * * *"}, 400, "INVALID_ARGUMENT", "job.target"),
        ("POST", "", b"{", 400, "INVALID_ARGUMENT", ""),
        ("POST", "", b"\xff", 400, "INVALID_ARGUMENT", ""),
        (
            "POST",
            "",
            {"schedule": "* * * * *", "appEngineHttpTarget": {"relativeUri": "/"}},
            501,
            "UNIMPLEMENTED",
            "App Engine targets",
        ),
    ],
)
def test_given_a_wrong_call_when_it_is_made_then_its_error_is_googles(
    scheduler: Scheduler, method: str, path: str, body: object, status: int, word: str, text: str
) -> None:
    found = scheduler.refused(method, path, body)
    assert found[0] == status
    assert word in found[1]
    assert text in found[2]


def test_given_a_job_when_it_is_made_without_a_name_or_twice_then_it_has_one_and_is_refused(
    scheduler: Scheduler,
) -> None:
    body = {"schedule": "* * * * *", "httpTarget": {"uri": "http://127.0.0.1:9/"}}
    name = scheduler.ok("POST", "", body)["name"]
    assert name.startswith(f"{scheduler.parent}/jobs/job-")
    scheduler.create("j")
    taken = scheduler.refused("POST", "", {**body, "name": f"{scheduler.parent}/jobs/j"})
    assert taken[:2] == (409, "ALREADY_EXISTS")
    assert scheduler.ok("DELETE", "/j") == {}


def test_given_an_attempt_when_it_has_ended_then_the_log_tells_of_it(
    runtime: RuntimeProcess, scheduler: Scheduler, url: str
) -> None:
    scheduler.create("j", httpTarget={"uri": url})
    scheduler.ok("POST", "/j:run", {})
    request = {
        "resourceNames": [f"projects/{scheduler.project}"],
        "filter": 'resource.type="cloud_scheduler_job" AND resource.labels.job_id="j" AND severity>=INFO',
        "orderBy": "timestamp asc",
    }
    end_s = time.monotonic() + 20
    while len(entries := runtime.call("POST", "/v2/entries:list", request).json.get("entries", [])) < 2:
        assert time.monotonic() < end_s, entries
    kinds = [entry["jsonPayload"]["@type"].rpartition(".")[2] for entry in entries]
    assert kinds == ["AttemptStarted", "AttemptFinished"]
    assert {entry["jsonPayload"]["url"] for entry in entries} == {url}
    assert {entry["logName"].rpartition("/")[2] for entry in entries} == {"cloudscheduler.googleapis.com%2Fexecutions"}
    assert scheduler.ok("GET", "/j")["status"] == {}


def test_given_a_target_that_answers_with_much_when_it_is_run_then_its_status_counts(
    scheduler: Scheduler, url: str
) -> None:
    scheduler.create("j", httpTarget={"uri": f"{url}large"})
    scheduler.ok("POST", "/j:run", {})
    end_s = time.monotonic() + 20
    while "status" not in (found := scheduler.ok("GET", "/j")):
        assert time.monotonic() < end_s
    assert found["status"] == {}


def test_given_tokens_that_are_asked_for_when_a_schedule_starts_jobs_then_its_account_is_let_in(
    own_runtime: RuntimeProcess,
) -> None:
    own_runtime.arguments = ("--auth=token",)
    own_runtime.start()
    own_runtime.headers = {"Authorization": f"Bearer {token_of(own_runtime)}"}
    scheduler = Scheduler(own_runtime)
    scheduler.project = PROJECT
    scheduler.parent = f"projects/{PROJECT}/locations/{LOCATION}"
    assert own_runtime.create("one", ["/bin/true"]).status == 200
    account = f"sched@{PROJECT}.iam.gserviceaccount.com"
    uri = f"https://run.googleapis.com/v2/{scheduler.parent}/jobs/one:run"
    target = {"uri": uri, "oauthToken": {"serviceAccountEmail": account}}
    scheduler.create("with", httpTarget=target)
    scheduler.create("without", httpTarget={"uri": uri})
    for job, status in (("with", {}), ("without", {"code": 16, "message": "The target answered HTTP 401."})):
        scheduler.ok("POST", f"/{job}:run", {})
        end_s = time.monotonic() + 20
        while "status" not in (found := scheduler.ok("GET", f"/{job}")):
            assert time.monotonic() < end_s
        assert found["status"] == status
    (execution,) = own_runtime.get(f"{scheduler.parent}/jobs/one/executions")["executions"]
    assert execution["creator"] == account


def token_of(runtime: RuntimeProcess) -> str:
    path = "/computeMetadata/v1/instance/service-accounts/default/token"
    return str(runtime.call("GET", path, headers={"Metadata-Flavor": "Google"}).json["access_token"])
