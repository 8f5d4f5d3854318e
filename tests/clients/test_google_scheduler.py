"""The unmodified google-cloud-scheduler over REST and gRPC, and googleapiclient with the document that it ships."""

from __future__ import annotations

import base64
import http.server
import json
import queue
import threading
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from google.api_core import exceptions
from google.api_core.client_options import ClientOptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import scheduler_v1
from google.protobuf import field_mask_pb2
from googleapiclient.discovery import build_from_document
from googleapiclient.discovery_cache import get_static_doc

from runtime_process import LOCATION, PROJECT, RuntimeProcess

PARENT = f"projects/{PROJECT}/locations/{LOCATION}"
YEARLY = "0 0 1 1 *"
ACCOUNT = f"sched@{PROJECT}.iam.gserviceaccount.com"
State = scheduler_v1.Job.State


class Endpoint:
    """A server that keeps what it gets and answers with the codes that it is given, then with 200."""

    def __init__(self) -> None:
        self.got: queue.Queue[tuple[str, str, dict[str, str], bytes]] = queue.Queue()
        self.codes: list[int] = []
        endpoint = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                endpoint.got.put((self.command, self.path, headers, body))
                self.send_response(endpoint.codes.pop(0) if endpoint.codes else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = answer  # noqa: N815

            def log_message(self, *args: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def next(self) -> tuple[str, str, dict[str, str], bytes]:
        return self.got.get(timeout=20)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    found = Endpoint()
    yield found
    found.close()


@pytest.fixture(scope="module")
def channel(runtime: RuntimeProcess) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(f"127.0.0.1:{runtime.grpc_port}") as found:
        yield found


@pytest.fixture(params=["rest", "grpc"])
def client(request: pytest.FixtureRequest, runtime: RuntimeProcess, channel: grpc.Channel) -> Any:
    if request.param == "grpc":
        transport = scheduler_v1.CloudSchedulerClient.get_transport_class("grpc")(channel=channel)
        return scheduler_v1.CloudSchedulerClient(transport=transport)
    return scheduler_v1.CloudSchedulerClient(
        transport="rest",
        credentials=AnonymousCredentials(),
        client_options=ClientOptions(api_endpoint=runtime.url),
    )


@pytest.fixture
def name() -> str:
    return f"{PARENT}/jobs/s-{uuid.uuid4().hex[:8]}"


def job_of(name: str, uri: str = "http://127.0.0.1:9/", **fields: Any) -> scheduler_v1.Job:
    target = scheduler_v1.HttpTarget(uri=uri, **fields.pop("http", {}))
    return scheduler_v1.Job(**{"name": name, "schedule": YEARLY, "http_target": target, **fields})


def create(client: Any, name: str, uri: str = "http://127.0.0.1:9/", **fields: Any) -> Any:
    return client.create_job(parent=PARENT, job=job_of(name, uri, **fields))


def mask(*paths: str) -> field_mask_pb2.FieldMask:
    return field_mask_pb2.FieldMask(paths=paths)


def until_done(client: Any, name: str) -> Any:
    """The job, once its last attempt has a status."""
    end_s = time.monotonic() + 20
    while "status" not in (found := client.get_job(name=name)):
        assert time.monotonic() < end_s
    return found


def test_a_job_is_created_with_the_defaults_and_read(client: Any, name: str) -> None:
    made = create(client, name, description="d", time_zone="Asia/Tokyo")
    assert (made.name, made.state, made.description) == (name, State.ENABLED, "d")
    assert (made.schedule, made.time_zone) == (YEARLY, "Asia/Tokyo")
    assert made.http_target.http_method == scheduler_v1.HttpMethod.POST
    assert made.attempt_deadline == timedelta(seconds=180)
    retry = made.retry_config
    assert (retry.retry_count, retry.max_retry_duration, retry.max_doublings) == (0, timedelta(0), 5)
    assert (retry.min_backoff_duration, retry.max_backoff_duration) == (timedelta(seconds=5), timedelta(hours=1))
    assert made.schedule_time.replace(tzinfo=UTC).strftime("%m-%d %H:%M") == "12-31 15:00"  # midnight in Tokyo
    assert abs((datetime.now(UTC) - made.user_update_time).total_seconds()) < 60
    assert client.get_job(name=name) == made


def test_a_job_keeps_all_that_was_sent(client: Any, name: str) -> None:
    http = {
        "http_method": scheduler_v1.HttpMethod.PUT,
        "headers": {"X-A": "1", "Content-Type": "text/plain"},
        "body": b"\x00\xff",
        "oidc_token": scheduler_v1.OidcToken(service_account_email=ACCOUNT, audience="me"),
    }
    retry = scheduler_v1.RetryConfig(
        retry_count=3, max_retry_duration=timedelta(seconds=90), min_backoff_duration=timedelta(seconds=0.5)
    )
    made = create(client, name, http=http, retry_config=retry, attempt_deadline=timedelta(seconds=30))
    target = made.http_target
    assert (target.body, dict(target.headers)) == (b"\x00\xff", http["headers"])
    assert (target.http_method, target.oidc_token) == (http["http_method"], http["oidc_token"])
    assert (made.retry_config.retry_count, made.retry_config.max_retry_duration) == (3, timedelta(seconds=90))
    assert made.retry_config.min_backoff_duration == timedelta(seconds=0.5)
    assert made.attempt_deadline == timedelta(seconds=30)


def test_a_job_without_a_name_gets_one(client: Any) -> None:
    made = client.create_job(parent=PARENT, job=job_of(""))
    assert made.name.startswith(f"{PARENT}/jobs/")
    client.delete_job(name=made.name)


def test_a_name_is_taken_once(client: Any, name: str) -> None:
    create(client, name)
    with pytest.raises(exceptions.Conflict, match=name):
        create(client, name)


def test_what_is_wrong_is_told_by_field(client: Any, name: str) -> None:
    with pytest.raises(exceptions.BadRequest, match="minute '61': 61 is outside 0-59"):
        create(client, name, schedule="61 * * * *")
    with pytest.raises(exceptions.BadRequest, match="No time zone is called 'Mars/Base'"):
        create(client, name, time_zone="Mars/Base")
    with pytest.raises(exceptions.BadRequest, match=r"retry_count: must be 0 to 5"):
        create(client, name, retry_config=scheduler_v1.RetryConfig(retry_count=6))
    with pytest.raises(exceptions.BadRequest, match=r"attempt_deadline: must be 15s to 1800s"):
        create(client, name, attempt_deadline=timedelta(seconds=1))


def test_app_engine_is_refused_by_name(client: Any, name: str) -> None:
    job = scheduler_v1.Job(
        name=name, schedule=YEARLY, app_engine_http_target=scheduler_v1.AppEngineHttpTarget(relative_uri="/x")
    )
    with pytest.raises((exceptions.MethodNotImplemented, exceptions.ServerError), match="App Engine targets"):
        client.create_job(parent=PARENT, job=job)


def test_only_what_the_mask_names_is_changed(client: Any, name: str) -> None:
    create(client, name, http={"headers": {"A": "1"}, "body": b"x"}, description="old")
    change = job_of(name, "http://127.0.0.1:9/new", schedule="5 5 * * *", description="new", time_zone="Asia/Tokyo")
    changed = client.update_job(job=change, update_mask=mask("schedule", "http_target.uri"))
    assert (changed.schedule, changed.http_target.uri) == ("5 5 * * *", "http://127.0.0.1:9/new")
    assert (changed.description, changed.time_zone, changed.http_target.body) == ("old", "Etc/UTC", b"x")
    assert dict(changed.http_target.headers) == {"A": "1"}
    cleared = client.update_job(job=scheduler_v1.Job(name=name), update_mask=mask("description", "http_target.headers"))
    assert (cleared.description, dict(cleared.http_target.headers)) == ("", {})
    topic = scheduler_v1.PubsubTarget(topic_name=f"projects/{PROJECT}/topics/ttt", data=b"x")
    moved = client.update_job(job=scheduler_v1.Job(name=name, pubsub_target=topic), update_mask=mask("pubsub_target"))
    assert ("http_target" in moved, moved.pubsub_target) == (False, topic)
    with pytest.raises(exceptions.BadRequest, match="no field of a job"):
        client.update_job(job=scheduler_v1.Job(name=name), update_mask=mask("app_engine_http_target"))


def test_a_job_is_paused_and_resumed(client: Any, name: str) -> None:
    create(client, name)
    paused = client.pause_job(name=name)
    assert (paused.state, "schedule_time" in paused) == (State.PAUSED, False)
    with pytest.raises(exceptions.BadRequest):
        client.pause_job(name=name)
    resumed = client.resume_job(name=name)
    assert (resumed.state, "schedule_time" in resumed) == (State.ENABLED, True)
    with pytest.raises(exceptions.BadRequest):
        client.resume_job(name=name)


def test_a_job_is_deleted(client: Any, name: str) -> None:
    create(client, name)
    client.delete_job(name=name)
    for call in (client.get_job, client.delete_job, client.pause_job, client.resume_job, client.run_job):
        with pytest.raises(exceptions.NotFound, match=name):
            call(name=name)
    with pytest.raises(exceptions.NotFound):
        client.update_job(job=job_of(name), update_mask=mask("schedule"))


def test_jobs_are_listed_in_pages(client: Any) -> None:
    parent = f"projects/p-{uuid.uuid4().hex[:12]}/locations/{LOCATION}"
    for number in range(5):
        client.create_job(parent=parent, job=job_of(f"{parent}/jobs/j{number}"))
    pager = client.list_jobs(request={"parent": parent, "page_size": 2})
    assert [len(page.jobs) for page in pager.pages] == [2, 2, 1]
    found = client.list_jobs(parent=parent)
    assert [job.name.rpartition("/")[2] for job in found] == [f"j{number}" for number in range(5)]


def test_a_run_reaches_the_target_with_the_services_headers(client: Any, name: str, endpoint: Endpoint) -> None:
    create(client, name, f"{endpoint.url}/hook?x=1", http={"body": b"hi", "headers": {"X-A": "1"}})
    client.run_job(name=name)
    method, path, headers, body = endpoint.next()
    assert (method, path, body) == ("POST", "/hook?x=1", b"hi")
    assert headers["user-agent"] == "Google-Cloud-Scheduler"
    assert (headers["x-cloudscheduler"], headers["x-a"]) == ("true", "1")
    assert headers["x-cloudscheduler-jobname"] == name.rpartition("/")[2]
    assert headers["content-type"] == "application/octet-stream"
    slot = datetime.fromisoformat(headers["x-cloudscheduler-scheduletime"])
    assert abs((datetime.now(UTC) - slot).total_seconds()) < 60
    found = until_done(client, name)
    assert (found.status.code, found.last_attempt_time is not None) == (0, True)


def test_a_run_that_fails_is_repeated_and_told(client: Any, name: str, endpoint: Endpoint) -> None:
    endpoint.codes = [503, 404]
    retry = scheduler_v1.RetryConfig(retry_count=1, min_backoff_duration=timedelta(seconds=0.1))
    create(client, name, endpoint.url, http={"http_method": scheduler_v1.HttpMethod.GET}, retry_config=retry)
    client.run_job(name=name)
    first, second = endpoint.next()[2], endpoint.next()[2]
    assert first["x-cloudscheduler-scheduletime"] == second["x-cloudscheduler-scheduletime"]
    end_s = time.monotonic() + 20
    while client.get_job(name=name).status.code != 5:
        assert time.monotonic() < end_s


def test_a_target_gets_an_id_token_for_its_uri(
    client: Any, name: str, endpoint: Endpoint, runtime: RuntimeProcess
) -> None:
    token = scheduler_v1.OidcToken(service_account_email=ACCOUNT)
    create(client, name, f"{endpoint.url}/secure", http={"oidc_token": token})
    client.run_job(name=name)
    text = endpoint.next()[2]["authorization"].removeprefix("Bearer ")
    head, claims = (json.loads(base64.urlsafe_b64decode(part + "==")) for part in text.split(".")[:2])
    assert (claims["aud"], claims["email"], claims["email_verified"]) == (f"{endpoint.url}/secure", ACCOUNT, True)
    assert (claims["iss"], claims["exp"] - claims["iat"]) == ("https://accounts.google.com", 3600)
    assert head["kid"] in runtime.call("GET", "/oauth2/v1/certs", headers=runtime.headers).json


def test_a_message_is_published(client: Any, name: str, runtime: RuntimeProcess) -> None:
    topic = f"projects/{PROJECT}/topics/t-{uuid.uuid4().hex[:8]}"
    subscription = topic.replace("/topics/", "/subscriptions/")
    assert runtime.call("PUT", f"/v1/{topic}", {}).status == 200
    assert runtime.call("PUT", f"/v1/{subscription}", {"topic": topic}).status == 200
    target = scheduler_v1.PubsubTarget(topic_name=topic, data=b"hi", attributes={"a": "b"})
    client.create_job(parent=PARENT, job=scheduler_v1.Job(name=name, schedule=YEARLY, pubsub_target=target))
    client.run_job(name=name)
    assert until_done(client, name).status.code == 0
    pulled = runtime.call("POST", f"/v1/{subscription}:pull", {"maxMessages": 9}).json
    (message,) = (one["message"] for one in pulled["receivedMessages"])
    assert (base64.b64decode(message["data"]), message["attributes"]) == (b"hi", {"a": "b"})


def test_a_cloud_run_job_is_run_by_the_jobs_account(client: Any, name: str, runtime: RuntimeProcess) -> None:
    job = name.rpartition("/")[2]
    assert runtime.create(job, ["/bin/true"]).status == 200
    token = scheduler_v1.OAuthToken(service_account_email=ACCOUNT)
    uri = f"https://run.googleapis.com/v2/{PARENT}/jobs/{job}:run"
    create(client, name, uri, http={"oauth_token": token, "body": b"{}"})
    client.run_job(name=name)
    assert until_done(client, name).status.code == 0
    (found,) = runtime.get(f"{PARENT}/jobs/{job}/executions")["executions"]
    assert found["creator"] == ACCOUNT


def test_locations_are_listed(client: Any) -> None:
    listed = client.list_locations({"name": f"projects/{PROJECT}"}).locations
    assert LOCATION in [found.location_id for found in listed]
    assert client.get_location({"name": PARENT}).location_id == LOCATION


def test_the_discovery_client_does_it_all(runtime: RuntimeProcess, name: str, endpoint: Endpoint) -> None:
    document = {**json.loads(get_static_doc("cloudscheduler", "v1")), "rootUrl": f"{runtime.url}/", "mtlsRootUrl": ""}
    with build_from_document(document, credentials=AnonymousCredentials()) as service:
        jobs = service.projects().locations().jobs()
        body = {"name": name, "schedule": YEARLY, "httpTarget": {"uri": endpoint.url}}
        assert jobs.create(parent=PARENT, body=body).execute()["state"] == "ENABLED"
        change = {"schedule": "1 1 1 1 *"}
        assert jobs.patch(name=name, updateMask="schedule", body=change).execute()["schedule"] == "1 1 1 1 *"
        assert jobs.pause(name=name, body={}).execute()["state"] == "PAUSED"
        jobs.run(name=name, body={}).execute()
        assert endpoint.next()[0] == "POST"
        assert jobs.resume(name=name, body={}).execute()["state"] == "ENABLED"
        assert name in [found["name"] for found in jobs.list(parent=PARENT, pageSize=500).execute()["jobs"]]
        assert jobs.delete(name=name).execute() == {}
