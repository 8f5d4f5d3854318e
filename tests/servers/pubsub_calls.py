"""Short words for calls of the Pub/Sub API over REST."""

from __future__ import annotations

import base64
import itertools
from dataclasses import dataclass, field
from typing import Any

from runtime_process import PROJECT, Answer, RuntimeProcess

_NAMES = itertools.count(1)


def b64(data: bytes | str) -> str:
    return base64.b64encode(data.encode() if isinstance(data, str) else data).decode()


def text_of(received: Any) -> str:
    return base64.b64decode(received["message"].get("data", "")).decode()


@dataclass
class Pubsub:
    """Calls in one project. Names are given out once."""

    runtime: RuntimeProcess
    project: str = PROJECT
    made: list[str] = field(default_factory=list)

    def call(self, method: str, path: str, body: object = None) -> Answer:
        return self.runtime.call(method, f"/v1/projects/{self.project}/{path}", body)

    def ok(self, method: str, path: str, body: object = None) -> Any:
        answer = self.call(method, path, body)
        assert answer.status == 200, (path, answer.body)
        return answer.json

    def refused(self, method: str, path: str, body: object = None) -> tuple[int, str, str]:
        """(HTTP status, google.rpc status, message) of a call that must fail."""
        answer = self.call(method, path, body)
        assert answer.status >= 400, (path, answer.body)
        error = answer.json["error"]
        assert error["code"] == answer.status
        return answer.status, error["status"], error["message"]

    def name(self, kind: str) -> str:
        return f"{kind}-{next(_NAMES)}"

    def topic(self, **fields: object) -> str:
        name = self.name("topic")
        self.ok("PUT", f"topics/{name}", fields)
        return name

    def subscription(self, topic: str, **fields: object) -> str:
        name = self.name("sub")
        self.ok("PUT", f"subscriptions/{name}", {"topic": self.full("topics", topic), **fields})
        return name

    def full(self, collection: str, name: str) -> str:
        return f"projects/{self.project}/{collection}/{name}"

    def publish(self, topic: str, *texts: str, key: str = "", **attributes: str) -> list[str]:
        messages = [{"data": b64(text), "attributes": attributes, "orderingKey": key} for text in texts]
        return self.ok("POST", f"topics/{topic}:publish", {"messages": messages})["messageIds"]

    def pull(self, subscription: str, most: int = 100, *, waits: bool = False) -> list[Any]:
        body = {"maxMessages": most, "returnImmediately": not waits}
        return self.ok("POST", f"subscriptions/{subscription}:pull", body).get("receivedMessages", [])

    def ack(self, subscription: str, received: list[Any]) -> None:
        self.ok("POST", f"subscriptions/{subscription}:acknowledge", {"ackIds": [one["ackId"] for one in received]})

    def nack(self, subscription: str, received: list[Any]) -> None:
        body = {"ackIds": [one["ackId"] for one in received], "ackDeadlineSeconds": 0}
        self.ok("POST", f"subscriptions/{subscription}:modifyAckDeadline", body)
