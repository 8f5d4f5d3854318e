"""The same seeded traffic at our runtime and at Google's emulator, over REST: what each delivers must be the same.

Left out is what the emulator is known not to do (filters, backoff, seeks by time, signed pushes): there the
documentation decides.
"""

from __future__ import annotations

import http.client
import json
import random
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pubsub_calls import b64, text_of

from runtime_process import RuntimeProcess, free_port

JARS = sorted(Path("/usr/lib/google-cloud-sdk/platform/pubsub-emulator/lib").glob("cloud-pubsub-emulator-*-all.jar"))
ROUNDS = 12
PATIENCE_S = 3.0


@dataclass
class Side:
    """One of the two."""

    port: int
    project: str

    def call(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            content = None if body is None else json.dumps(body)
            connection.request(
                method, f"/v1/projects/{self.project}/{path}", content, {"Content-Type": "application/json"}
            )
            answer = connection.getresponse()
            text = answer.read()
            return answer.status, json.loads(text) if text else {}
        finally:
            connection.close()

    def ok(self, method: str, path: str, body: object = None) -> Any:
        status, found = self.call(method, path, body)
        assert status == 200, (path, found)
        return found

    def pulled(self, subscription: str, most: int) -> list[Any]:
        body = {"maxMessages": most, "returnImmediately": True}
        return self.ok("POST", f"subscriptions/{subscription}:pull", body).get("receivedMessages", [])

    def all_of(self, subscription: str, expected: int) -> list[Any]:
        """Everything that can be pulled now; waits a little for `expected` messages, and then sees that no more come."""
        found: list[Any] = []
        end_s = time.monotonic() + PATIENCE_S
        while len(found) < expected and time.monotonic() < end_s:
            found += self.pulled(subscription, 100)
        return found + self.pulled(subscription, 100)


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    java = shutil.which("java")
    if java is None or not JARS:
        pytest.skip("Google's Pub/Sub emulator is not installed (gcloud's component pubsub-emulator, and Java)")
    port = free_port()
    command = [java, "-Xmx256m", "-jar", str(JARS[-1]), "--host=127.0.0.1", f"--port={port}"]
    log = (tmp_path_factory.mktemp("emulator") / "log").open("wb")
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        end_s = time.monotonic() + 30
        while True:
            try:
                Side(port, "probe").call("GET", "topics")
                break
            except OSError:
                if time.monotonic() > end_s or process.poll() is not None:
                    pytest.skip("Google's Pub/Sub emulator does not start here")
                time.sleep(0.1)
        yield port
    finally:
        process.kill()
        process.wait()
        log.close()


@pytest.fixture
def sides(runtime: RuntimeProcess, emulator: int, request: pytest.FixtureRequest) -> tuple[Side, Side]:
    project = f"differ-{abs(hash(request.node.name)) % 100_000}"
    return Side(runtime.port, project), Side(emulator, project)


def texts(received: list[Any]) -> list[str]:
    return [text_of(one) for one in received]


@pytest.mark.parametrize("seed", [1, 2])
def test_given_seeded_traffic_when_acked_and_nacked_alike_then_both_deliver_the_same(
    sides: tuple[Side, Side], seed: int
) -> None:
    dice = random.Random(seed)
    for side in sides:
        side.ok("PUT", f"topics/topic-{seed}", {})
        body = {"topic": f"projects/{side.project}/topics/topic-{seed}", "ackDeadlineSeconds": 600}
        side.ok("PUT", f"subscriptions/sub-{seed}", body)
    number = 0
    waiting: set[str] = set()
    for _ in range(ROUNDS):
        batch = [f"m{number + n}" for n in range(dice.randint(0, 8))]
        number += len(batch)
        if batch:
            body = {"messages": [{"data": b64(text), "attributes": {"n": text}} for text in batch]}
            counts = {len(side.ok("POST", f"topics/topic-{seed}:publish", body)["messageIds"]) for side in sides}
            assert counts == {len(batch)}
        waiting |= set(batch)
        received = [side.all_of(f"sub-{seed}", len(waiting)) for side in sides]
        assert sorted(texts(received[0])) == sorted(texts(received[1])) == sorted(waiting)
        assert [one["message"]["attributes"] for one in received[0]] == [{"n": text} for text in texts(received[0])]
        returned = {text for text in sorted(waiting) if dice.random() < 0.4}
        for side, found in zip(sides, received, strict=True):
            ids = {text_of(one): one["ackId"] for one in found}
            settle(side, f"sub-{seed}", [ids[text] for text in sorted(waiting - returned)], "acknowledge")
            settle(side, f"sub-{seed}", [ids[text] for text in sorted(returned)], "modifyAckDeadline")
        waiting = returned


def settle(side: Side, subscription: str, ids: list[str], verb: str) -> None:
    if ids:
        body: dict[str, object] = {"ackIds": ids}
        if verb == "modifyAckDeadline":
            body["ackDeadlineSeconds"] = 0
        side.ok("POST", f"subscriptions/{subscription}:{verb}", body)


def test_given_ordering_keys_when_pulled_and_acked_alike_then_each_key_comes_in_the_same_order(
    sides: tuple[Side, Side],
) -> None:
    dice = random.Random(3)
    plan = [(f"key{dice.randrange(3)}", f"m{n}") for n in range(40)]
    orders: list[dict[str, list[str]]] = []
    for side in sides:
        side.ok("PUT", "topics/ordered", {})
        body = {"topic": f"projects/{side.project}/topics/ordered", "enableMessageOrdering": True}
        side.ok("PUT", "subscriptions/ordered-sub", body)
        for key, text in plan:
            side.ok("POST", "topics/ordered:publish", {"messages": [{"data": b64(text), "orderingKey": key}]})
        order: dict[str, list[str]] = {}
        end_s = time.monotonic() + 10
        while sum(map(len, order.values())) < len(plan):
            assert time.monotonic() < end_s, order
            found = side.pulled("ordered-sub", 5)
            for one in found:
                order.setdefault(one["message"]["orderingKey"], []).append(text_of(one))
            settle(side, "ordered-sub", [one["ackId"] for one in found], "acknowledge")
        orders.append(order)
    assert orders[0] == orders[1]


def test_given_a_key_under_way_when_pulled_again_then_both_give_nothing(sides: tuple[Side, Side]) -> None:
    for side in sides:
        side.ok("PUT", "topics/blocked", {})
        body = {"topic": f"projects/{side.project}/topics/blocked", "enableMessageOrdering": True}
        side.ok("PUT", "subscriptions/blocked-sub", body)
        messages = [{"data": b64(str(n)), "orderingKey": "k"} for n in range(4)]
        side.ok("POST", "topics/blocked:publish", {"messages": messages})
        first: list[Any] = []
        end_s = time.monotonic() + PATIENCE_S
        while not first and time.monotonic() < end_s:
            first = side.pulled("blocked-sub", 2)
        assert texts(first) == ["0", "1"]
        assert side.pulled("blocked-sub", 2) == []
        settle(side, "blocked-sub", [one["ackId"] for one in first], "acknowledge")
        rest: list[Any] = []
        while not rest and time.monotonic() < end_s:
            rest = side.pulled("blocked-sub", 5)
        assert texts(rest) == ["2", "3"]


ERRORS = [
    ("PUT", "topics/t1", {}),
    ("GET", "topics/not-there", None),
    ("DELETE", "topics/not-there", None),
    ("POST", "topics/not-there:publish", {"messages": [{"data": "YQ=="}]}),
    ("PUT", "subscriptions/some-sub", {"topic": "projects/p/topics/not-there"}),
    ("GET", "subscriptions/not-there", None),
    ("POST", "subscriptions/not-there:pull", {"maxMessages": 1, "returnImmediately": True}),
    ("POST", "subscriptions/not-there:acknowledge", {"ackIds": ["x"]}),
]


@pytest.mark.parametrize(("method", "path", "body"), ERRORS, ids=[f"{method} {path}" for method, path, _ in ERRORS])
def test_given_a_wrong_call_then_both_refuse_it_with_the_same_code(
    sides: tuple[Side, Side], method: str, path: str, body: object
) -> None:
    found = [side.call(method, path, body) for side in sides]
    assert found[0][0] == found[1][0] >= 400, found
    assert found[0][1]["error"]["status"] == found[1][1]["error"]["status"]


def test_given_an_empty_message_or_a_name_that_is_taken_then_both_refuse_it_alike(sides: tuple[Side, Side]) -> None:
    found: list[list[tuple[int, str]]] = []
    for side in sides:
        side.ok("PUT", "topics/taken", {})
        answers = [
            side.call("PUT", "topics/taken", {}),
            side.call("POST", "topics/taken:publish", {"messages": [{}]}),
        ]
        found.append([(status, answer["error"]["status"]) for status, answer in answers])
    assert found[0] == found[1] == [(409, "ALREADY_EXISTS"), (400, "INVALID_ARGUMENT")]
