"""Push over real sockets: what an endpoint receives, with which token, and where nothing is pushed to."""

from __future__ import annotations

import base64
import http.server
import json
import queue
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from pubsub_calls import Pubsub

from runtime_process import RuntimeProcess


@dataclass
class Received:
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes


class Endpoint:
    """A server that keeps what it gets, and answers with the codes that it is given; then with 204."""

    def __init__(self) -> None:
        self.received: queue.Queue[Received] = queue.Queue()
        self.codes: list[int] = []
        endpoint = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                endpoint.received.put(Received(self.path, headers, body))
                self.send_response(endpoint.codes.pop(0) if endpoint.codes else 204)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def next(self) -> Received:
        return self.received.get(timeout=20)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    found = Endpoint()
    yield found
    found.close()


@pytest.fixture
def pubsub(runtime: RuntimeProcess) -> Pubsub:
    return Pubsub(runtime)


def part_of(token: str, place: int) -> dict[str, object]:
    part = token.split(".")[place]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def test_given_a_push_subscription_when_published_then_the_endpoint_gets_the_envelope_until_it_acknowledges(
    pubsub: Pubsub, endpoint: Endpoint
) -> None:
    endpoint.codes = [500]
    topic = pubsub.topic()
    name = pubsub.subscription(topic, pushConfig={"pushEndpoint": endpoint.url + "/hook?x=1"})
    pubsub.publish(topic, "hello", kind="a")
    first, second = endpoint.next(), endpoint.next()
    assert first.path == second.path == "/hook?x=1"
    assert first.headers["content-type"] == "application/json"
    assert first.headers["user-agent"] == "CloudPubSub-Google"
    assert "authorization" not in first.headers
    assert first.body == second.body
    envelope = json.loads(first.body)
    assert envelope["subscription"] == pubsub.full("subscriptions", name)
    assert envelope["message"]["data"] == "aGVsbG8="
    assert envelope["message"]["attributes"] == {"kind": "a"}


def test_given_a_push_subscription_when_pulled_then_it_is_a_failed_precondition_until_it_pushes_no_more(
    pubsub: Pubsub, endpoint: Endpoint
) -> None:
    endpoint.codes = [500]
    topic = pubsub.topic()
    name = pubsub.subscription(topic, pushConfig={"pushEndpoint": endpoint.url})
    status, reason, message = pubsub.refused("POST", f"subscriptions/{name}:pull", {"maxMessages": 1})
    assert (status, reason) == (400, "FAILED_PRECONDITION")
    assert "not supported for push subscriptions" in message
    pubsub.ok("POST", f"subscriptions/{name}:modifyPushConfig", {"pushConfig": {}})
    pubsub.publish(topic, "mine")
    assert len(pubsub.pull(name, waits=True)) == 1


def test_given_an_oidc_token_when_pushed_then_the_endpoint_can_verify_it(pubsub: Pubsub, endpoint: Endpoint) -> None:
    topic = pubsub.topic()
    url = endpoint.url + "/secure"
    account = "pusher@demo-project.iam.gserviceaccount.com"
    pubsub.subscription(topic, pushConfig={"pushEndpoint": url, "oidcToken": {"serviceAccountEmail": account}})
    pubsub.publish(topic, "x")
    token = endpoint.next().headers["authorization"].removeprefix("Bearer ")
    claims = part_of(token, 1)
    assert (claims["aud"], claims["email"], claims["email_verified"]) == (url, account, True)
    assert claims["iss"] == "https://accounts.google.com"
    keys = pubsub.runtime.call("GET", "/oauth2/v3/certs").json["keys"]
    assert part_of(token, 0)["kid"] in [key["kid"] for key in keys]


def test_given_no_wrapper_when_pushed_then_the_endpoint_gets_the_data_and_headers(
    pubsub: Pubsub, endpoint: Endpoint
) -> None:
    topic = pubsub.topic()
    config = {"pushEndpoint": endpoint.url, "noWrapper": {"writeMetadata": True}}
    name = pubsub.subscription(topic, pushConfig=config)
    assert pubsub.ok("GET", f"subscriptions/{name}")["pushConfig"] == config
    number = pubsub.publish(topic, "raw", kind="a")[0]
    received = endpoint.next()
    assert received.body == b"raw"
    assert received.headers["x-goog-pubsub-message-id"] == number
    assert received.headers["x-goog-pubsub-subscription-name"] == pubsub.full("subscriptions", name)
    assert received.headers["kind"] == "a"


def test_given_a_push_config_when_modified_then_pushing_begins_and_ends(pubsub: Pubsub, endpoint: Endpoint) -> None:
    topic = pubsub.topic()
    name = pubsub.subscription(topic)
    pubsub.publish(topic, "waiting")
    body = {"pushConfig": {"pushEndpoint": endpoint.url, "pubsubWrapper": {}}}
    pubsub.ok("POST", f"subscriptions/{name}:modifyPushConfig", body)
    assert json.loads(endpoint.next().body)["message"]["data"] == base64.b64encode(b"waiting").decode()
    assert pubsub.ok("GET", f"subscriptions/{name}")["pushConfig"] == body["pushConfig"]
    pubsub.ok("POST", f"subscriptions/{name}:modifyPushConfig", {"pushConfig": {}})
    pubsub.publish(topic, "mine")
    assert len(pubsub.pull(name, waits=True)) == 1
    assert endpoint.received.empty()


def test_given_the_metadata_server_as_endpoint_when_published_then_nothing_is_sent_and_the_message_stays(
    pubsub: Pubsub,
) -> None:
    topic, dead = pubsub.topic(), pubsub.topic()
    letters = pubsub.subscription(dead)
    policy = {"deadLetterTopic": pubsub.full("topics", dead), "maxDeliveryAttempts": 5}
    pubsub.subscription(topic, pushConfig={"pushEndpoint": "http://169.254.169.254/"}, deadLetterPolicy=policy)
    pubsub.publish(topic, "x")
    end_s = time.monotonic() + 20
    while not (found := pubsub.pull(letters, waits=True)):
        assert time.monotonic() < end_s
    assert found[0]["message"]["attributes"]["CloudPubSubDeadLetterSourceDeliveryCount"] == "5"


def test_given_a_run_app_url_when_pushed_then_the_local_service_of_that_name_gets_it(
    tmp_path: Path, endpoint: Endpoint
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (tmp_path / "hakobune.yaml").write_text(f"service_urls:\n  worker: {endpoint.url}\n")
    own = RuntimeProcess(data, ("--config", str(tmp_path / "hakobune.yaml"))).start()
    try:
        pubsub = Pubsub(own)
        topic = pubsub.topic()
        url = "https://worker-abc123-uc.a.run.app/tasks"
        config = {"pushEndpoint": url, "oidcToken": {"serviceAccountEmail": "a@b.example"}}
        pubsub.subscription(topic, pushConfig=config)
        pubsub.publish(topic, "x")
        received = endpoint.next()
        assert received.path == "/tasks"
        assert part_of(received.headers["authorization"].removeprefix("Bearer "), 1)["aud"] == url
    finally:
        assert own.stop() == 0
