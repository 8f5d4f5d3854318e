"""Real processes, real kills: the runtime dies by SIGKILL at random instants while objects are uploaded and messages
published. What was answered is told at least once, always under the same event id; each event starts a workflow
exactly once."""

from __future__ import annotations

import base64
import http.client
import json
import os
import random
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from runtime_process import LOCATION, PROJECT, RuntimeProcess

KILLS = 60 if os.environ.get("HAKOBUNE_SOAK") else 3
SEED = int(os.environ.get("HAKOBUNE_SEED", "5"))
BUCKET = "told-bucket"
PARENT = f"/v1/projects/{PROJECT}/locations/{LOCATION}"
FINALIZED = "google.cloud.storage.object.v1.finalized"
MESSAGE = "google.cloud.pubsub.topic.v1.messagePublished"
SOURCE = "main:\n  params: [event]\n  steps:\n  - done:\n      return: ${event.data.generation}\n"
UPLOADERS = 2
WITHIN_S = 90.0


class Sink:
    """A destination that is sometimes slow, so that kills come while deliveries are under way."""

    def __init__(self, seed: int) -> None:
        self.objects: dict[str, list[str]] = defaultdict(list)  # event ids by generation
        self.messages: dict[str, list[str]] = defaultdict(list)  # event ids by data
        self._guard = threading.Lock()
        self._dice = random.Random(seed)
        sink = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                time.sleep(sink.note(self.headers["ce-id"], body))
                try:
                    self.send_response(204)
                    self.end_headers()
                except OSError:
                    """The runtime is gone."""

            def log_message(self, *_: Any) -> None:
                """Silence."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/"

    def note(self, event_id: str, body: Any) -> float:
        """How long the answer takes."""
        with self._guard:
            if "message" in body:
                self.messages[base64.b64decode(body["message"]["data"]).decode()].append(event_id)
            else:
                self.objects[body["generation"]].append(event_id)
            return self._dice.choice((0.0, 0.0, 0.01, 0.05))

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def sink() -> Iterator[Sink]:
    found = Sink(SEED)
    yield found
    found.stop()


class Clients:
    """Upload and publish until they are stopped; they know what was answered."""

    def __init__(self, runtime: RuntimeProcess, topic: str) -> None:
        self.runtime = runtime
        self.topic = topic
        self.stop = threading.Event()
        self.uploaded: set[str] = set()
        self.published: set[str] = set()
        self.tried = 0

    def call(self, method: str, path: str, body: object) -> Any:
        """What was answered, None if nothing was."""
        try:
            answer = self.runtime.call(method, path, body)
        except (OSError, http.client.HTTPException):
            time.sleep(0.01)
            return None
        return answer.json if answer.status == 200 else None

    def upload(self, number: int) -> None:
        for count in range(100_000):
            if self.stop.is_set():
                return
            self.tried += 1
            path = f"/upload/storage/v1/b/{BUCKET}/o?uploadType=media&name=o-{number}-{count}"
            made = self.call("POST", path, {"count": count})
            if made is not None:
                self.uploaded.add(made["generation"])
            time.sleep(0.01)

    def publish(self) -> None:
        for count in range(100_000):
            if self.stop.is_set():
                return
            data = base64.b64encode(b"m-%d" % count).decode()
            if self.call("POST", f"/v1/{self.topic}:publish", {"messages": [{"data": data}]}) is not None:
                self.published.add(f"m-{count}")
            time.sleep(0.02)


def all_items(runtime: RuntimeProcess, path: str, name: str) -> list[Any]:
    found: list[Any] = []
    token = ""
    while True:
        page = runtime.call("GET", f"{path}{'&' if '?' in path else '?'}pageToken={token}").json
        found += page.get(name, [])
        token = page.get("nextPageToken", "")
        if not token:
            return found


def create(runtime: RuntimeProcess, trigger: str, filters: dict[str, str], destination: object) -> Any:
    body = {
        "eventFilters": [{"attribute": name, "value": value} for name, value in filters.items()],
        "destination": destination,
    }
    answer = runtime.call("POST", f"{PARENT}/triggers?triggerId={trigger}", body)
    assert answer.status == 200, answer.body
    return answer.json["response"]


def test_given_kills_at_random_instants_then_nothing_that_was_answered_is_untold(
    own_runtime: RuntimeProcess, sink: Sink
) -> None:
    runtime, dice = own_runtime.start(), random.Random(SEED)
    assert runtime.call("POST", f"/storage/v1/b?project={PROJECT}", {"name": BUCKET}).status == 200
    workflow = f"{PARENT}/workflows/w"
    assert runtime.call("POST", f"{PARENT}/workflows?workflowId=w", {"sourceContents": SOURCE}).status == 200
    endpoint = {"httpEndpoint": {"uri": sink.url}}
    create(runtime, "told", {"type": FINALIZED, "bucket": BUCKET}, endpoint)
    create(runtime, "started", {"type": FINALIZED, "bucket": BUCKET}, {"workflow": workflow.removeprefix("/v1/")})
    made = create(runtime, "messages", {"type": MESSAGE}, endpoint)
    clients = Clients(runtime, made["transport"]["pubsub"]["topic"])
    threads = [threading.Thread(target=clients.upload, args=(number,)) for number in range(UPLOADERS)]
    threads.append(threading.Thread(target=clients.publish))
    for thread in threads:
        thread.start()
    try:
        for _ in range(KILLS):
            time.sleep(dice.uniform(0.05, 0.4))
            runtime.kill()
            runtime.start()
    finally:
        clients.stop.set()
        for thread in threads:
            thread.join(60)
    settle(runtime)
    check(runtime, sink, clients, workflow)
    assert runtime.stop() == 0, runtime.log


def settle(runtime: RuntimeProcess) -> None:
    """Wait until no delivery is open."""
    end = time.monotonic() + WITHIN_S
    while pending := runtime.call("GET", f"{PARENT}/triggers/-/events?state=PENDING&pageSize=3").json.get("events"):
        assert time.monotonic() < end, pending
        time.sleep(0.05)


def check(runtime: RuntimeProcess, sink: Sink, clients: Clients, workflow: str) -> None:
    assert len(clients.uploaded) >= KILLS
    assert len(clients.published) >= KILLS
    stored = {found["generation"] for found in all_items(runtime, f"/storage/v1/b/{BUCKET}/o", "items")}
    assert clients.uploaded <= stored
    assert set(sink.objects) == stored, "an object was told that is not there, or one that is there was not"
    end = time.monotonic() + WITHIN_S
    while (untold := clients.published - set(sink.messages)) and time.monotonic() < end:
        time.sleep(0.05)
    assert not untold
    for told in (sink.objects, sink.messages):
        assert all(len(set(ids)) == 1 for ids in told.values()), "an event was told under two ids"
    executions = all_items(runtime, f"{workflow}/executions?view=FULL&pageSize=100", "executions")
    while any(found["state"] in ("ACTIVE", "QUEUED") for found in executions) and time.monotonic() < end:
        time.sleep(0.05)
        executions = all_items(runtime, f"{workflow}/executions?view=FULL&pageSize=100", "executions")
    started = sorted(json.loads(found["argument"])["data"]["generation"] for found in executions)
    assert started == sorted(stored), "each event starts the workflow exactly once"
