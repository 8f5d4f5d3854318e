"""Kills while messages are published, pulled and acknowledged: nothing accepted is lost, nothing comes after its
acknowledgement, keys keep their order."""

from __future__ import annotations

import base64
import http.client
import json
import os
import random
import threading
import time
from dataclasses import dataclass, field

import pytest

from runtime_process import PROJECT, RuntimeProcess

KILLS = 110 if os.environ.get("HAKOBUNE_SOAK") else 4
DEADLINE_S = 10  # the shortest lease: what was leased when the runtime died comes again after it
BASE = f"/v1/projects/{PROJECT}"
GONE = (OSError, http.client.HTTPException)


@dataclass
class Story:
    """What clients were told. `got`: (subscription, id, text, when the pull was sent), in order."""

    accepted: list[str] = field(default_factory=list)
    got: list[tuple[str, str, str, float]] = field(default_factory=list)
    acked: dict[tuple[str, str], float] = field(default_factory=dict)  # subscription and id: when the answer had come
    stop_publishing: threading.Event = field(default_factory=threading.Event)
    stop_pulling: threading.Event = field(default_factory=threading.Event)
    problems: list[str] = field(default_factory=list)

    def delivered(self, subscription: str) -> set[str]:
        return {text for name, _, text, _ in tuple(self.got) if name == subscription}


def publish(runtime: RuntimeProcess, story: Story, key: str) -> None:
    """One message after the other, each until it is accepted: what is in doubt is published again under the same
    text, and counts once."""
    number = 0
    while not story.stop_publishing.is_set():
        text = f"{key}:{number:05d}"
        message = {"data": base64.b64encode(text.encode()).decode(), "orderingKey": key}
        try:
            answer = runtime.call("POST", f"{BASE}/topics/killed:publish", {"messages": [message]}, timeout=10)
        except GONE:
            time.sleep(0.02)
            continue
        if answer.status == 200:
            story.accepted.append(text)
            number += 1
        elif answer.status != 503:
            story.problems.append(f"publish: {answer.status} {answer.body[:200]!r}")


def consume(runtime: RuntimeProcess, story: Story, name: str) -> None:
    while not story.stop_pulling.is_set():
        asked_s = time.monotonic()
        try:
            body = {"maxMessages": 20, "returnImmediately": True}
            answer = runtime.call("POST", f"{BASE}/subscriptions/{name}:pull", body, timeout=10)
            if answer.status != 200:
                if answer.status != 503:
                    story.problems.append(f"pull: {answer.status} {answer.body[:200]!r}")
                continue
            received = json.loads(answer.body).get("receivedMessages", [])
            for one in received:
                text = base64.b64decode(one["message"]["data"]).decode()
                story.got.append((name, one["message"]["messageId"], text, asked_s))
            if not received:
                time.sleep(0.05)
                continue
            ids = [one["ackId"] for one in received]
            answer = runtime.call("POST", f"{BASE}/subscriptions/{name}:acknowledge", {"ackIds": ids}, timeout=10)
            if answer.status == 200:
                answered_s = time.monotonic()
                for one in received:
                    story.acked.setdefault((name, one["message"]["messageId"]), answered_s)
        except GONE:
            time.sleep(0.02)


def wrong_order(texts: list[str]) -> list[str]:
    """First deliveries of a key that came before those of an earlier message."""
    newest: dict[str, str] = {}
    found: list[str] = []
    for text in dict.fromkeys(texts):
        key = text.partition(":")[0]
        if text < newest.get(key, ""):
            found.append(f"{text} after {newest[key]}")
        newest[key] = max(text, newest.get(key, ""))
    return found


@pytest.mark.timeout(240)
def test_given_kills_while_messages_pass_then_none_is_lost_and_keys_keep_their_order(
    own_runtime: RuntimeProcess,
) -> None:
    own_runtime.start()
    names = ("plain-sub", "ordered-sub")
    assert own_runtime.call("PUT", f"{BASE}/topics/killed", {}).status == 200
    for name in names:
        body = {"topic": f"projects/{PROJECT}/topics/killed", "ackDeadlineSeconds": DEADLINE_S}
        body |= {"enableMessageOrdering": name == "ordered-sub"}
        assert own_runtime.call("PUT", f"{BASE}/subscriptions/{name}", body).status == 200
    story = Story()
    dice = random.Random(4)
    publishers = [threading.Thread(target=publish, args=(own_runtime, story, f"key{n}"), daemon=True) for n in range(3)]
    consumers = [threading.Thread(target=consume, args=(own_runtime, story, name), daemon=True) for name in names]
    for thread in publishers + consumers:
        thread.start()
    for _ in range(KILLS):
        time.sleep(dice.uniform(0.2, 1.2))  # the instant of a kill, not a wait for something
        own_runtime.kill()
        own_runtime.start()
    story.stop_publishing.set()
    for thread in publishers:
        thread.join(30)
    end_s = time.monotonic() + 60
    while not all(set(story.accepted) <= story.delivered(name) for name in names) and time.monotonic() < end_s:
        time.sleep(0.1)
    story.stop_pulling.set()
    for thread in consumers:
        thread.join(30)
    assert story.problems == []
    assert len(story.accepted) > 3 * KILLS
    published = set(story.accepted)
    for name in names:
        assert sorted(published - story.delivered(name)) == []
        again = [
            text
            for subscription, number, text, asked_s in story.got
            if subscription == name and asked_s > story.acked.get((name, number), float("inf"))
        ]
        assert again == []
    assert wrong_order([text for name, _, text, _ in story.got if name == "ordered-sub"]) == []
    assert own_runtime.stop() == 0
