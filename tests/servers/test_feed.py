"""The change feed: nothing is left out, and what one answer shows is of one instant."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from typing import Any

import pytest
from http_world import Raw, get

from runtime_process import LOCATION, RuntimeProcess

FEED = "/hakobune/v1/changes"


class Reader:
    """Folds the feed of one project."""

    def __init__(self, runtime: RuntimeProcess, project: str, since: int = 0) -> None:
        self.runtime, self.project, self.seq = runtime, project, since
        self.pictures: dict[str, Any] = {}

    def look(self, wait_s: int = 0) -> list[Any]:
        answer = self.runtime.call("GET", f"{FEED}?since={self.seq}&project={self.project}&wait={wait_s}")
        assert answer.status == 200, answer.body
        assert int(answer.json["seq"]) >= self.seq
        self.seq = int(answer.json["seq"])
        for change in answer.json["changes"]:
            if change["kind"] == "removed":
                self.pictures.pop(change["name"], None)
            else:
                self.pictures[change["name"]] = change
        return list(answer.json["changes"])

    def states(self, execution: str) -> Counter[str]:
        tasks = (found for name, found in self.pictures.items() if name.startswith(f"{execution}/tasks/"))
        return Counter(found["task"]["state"] for found in tasks)


def begin(runtime: RuntimeProcess, project: str, job: str, command: list[str], tasks: int) -> str:
    place = f"/v2/projects/{project}/locations/{LOCATION}"
    template = {"maxRetries": 0, "containers": [{"image": "local", "command": command}]}
    body = {"template": {"taskCount": tasks, "template": template}}
    assert runtime.call("POST", f"{place}/jobs?jobId={job}", body).status == 200
    return str(runtime.call("POST", f"{place}/jobs/{job}:run", {}).json["metadata"]["name"])


def test_given_an_execution_under_way_then_its_counts_are_those_of_the_tasks_of_the_same_number(
    runtime: RuntimeProcess,
) -> None:
    execution = begin(runtime, "feed-one", "j", ["/bin/sh", "-c", "test $((CLOUD_RUN_TASK_INDEX % 5)) != 0"], 60)
    reader = Reader(runtime, "feed-one")
    looks = 0
    end = time.monotonic() + 30
    while True:
        assert time.monotonic() < end
        reader.look(wait_s=5)
        looks += 1
        shown = reader.pictures[execution]["execution"]
        states = reader.states(execution)
        assert states["SUCCEEDED"] == shown.get("succeededCount", 0)
        assert states["FAILED"] == shown.get("failedCount", 0)
        if "completionTime" in shown:
            break
    assert (states["SUCCEEDED"], states["FAILED"]) == (48, 12)
    assert looks > 1


def test_given_more_changes_than_an_answer_holds_then_the_next_answers_have_the_rest(runtime: RuntimeProcess) -> None:
    place = f"/v2/projects/feed-many/locations/{LOCATION}"
    template = {"containers": [{"image": "local", "command": ["/bin/true"]}]}
    body = {"template": {"template": template}}
    wanted = {f"projects/feed-many/locations/{LOCATION}/jobs/j{number}" for number in range(530)}

    def make(numbers: range) -> None:
        for number in numbers:
            assert runtime.call("POST", f"{place}/jobs?jobId=j{number}", body).status == 200

    threads = [threading.Thread(target=make, args=(range(first, 530, 8),)) for first in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    reader = Reader(runtime, "feed-many")
    first = reader.look()
    assert 400 < len(first) < 530
    while reader.look():
        pass
    assert set(reader.pictures) == wanted
    runtime.call("DELETE", f"{place}/jobs/j7")
    assert [(found["kind"], found["name"].rpartition("/")[2]) for found in reader.look()] == [("removed", "j7")]


def test_given_a_long_poll_then_a_change_of_its_project_ends_it_and_others_do_not(runtime: RuntimeProcess) -> None:
    reader = Reader(runtime, "feed-quiet", since=int(runtime.call("GET", f"{FEED}?project=feed-quiet").json["seq"]))
    found: list[Any] = []
    poll = threading.Thread(target=lambda: found.extend(reader.look(wait_s=30)))
    poll.start()
    begin(runtime, "feed-loud", "j", ["/bin/true"], 1)
    poll.join(0.3)
    assert poll.is_alive()
    begin(runtime, "feed-quiet", "j", ["/bin/true"], 1)
    poll.join(10)
    assert not poll.is_alive()
    assert found[0]["name"].endswith("/jobs/j")


def test_given_nothing_new_then_a_poll_ends_with_its_time(runtime: RuntimeProcess) -> None:
    reader = Reader(runtime, "feed-empty")
    reader.look()
    started_s = time.monotonic()
    assert reader.look(wait_s=1) == []
    assert 0.9 < time.monotonic() - started_s < 5


def events(raw: Raw, count: int) -> list[dict[str, str]]:
    """The next events of a stream."""
    text = ""
    while text.count("\n\n") < count:
        while b"\r\n" not in raw.rest:
            raw.rest += raw.take_some()
        line, _, raw.rest = raw.rest.partition(b"\r\n")
        text += raw.take(int(line, 16) + 2)[:-2].decode()
    blocks = [block for block in text.split("\n\n") if block and not block.startswith(":")]
    return [dict(line.split(": ", 1) for line in block.split("\n")) for block in blocks]


def test_given_a_stream_then_changes_come_as_events_and_it_goes_on_where_it_was_cut(runtime: RuntimeProcess) -> None:
    execution = begin(runtime, "feed-stream", "j", ["/bin/true"], 2)
    runtime.wait(execution)
    accept = "Accept: text/event-stream"
    with Raw(runtime.port) as raw:
        raw.send(get(f"{FEED}?project=feed-stream", accept))
        status, headers = raw.head()
        assert (status, headers["content-type"]) == (200, "text/event-stream")
        found = events(raw, 4)
    assert [event["event"] for event in found].count("task") == 2
    seqs = [json.loads(event["data"])["seq"] for event in found]
    for event, seq, after in zip(found, seqs, [*seqs[1:], ""], strict=True):
        assert event.get("id") == (seq if seq != after else None)
    with Raw(runtime.port) as raw:
        raw.send(get(f"{FEED}?project=feed-stream", accept, f"Last-Event-ID: {seqs[-1]}"))
        raw.head()
        begin(runtime, "feed-stream", "k", ["/bin/true"], 1)
        assert all(int(json.loads(event["data"])["seq"]) > int(seqs[-1]) for event in events(raw, 1))


@pytest.mark.parametrize(
    "query", ["since=-1", "since=abc", "since=999999999999", "wait=1.5", "project=..", "sinse=1", "since=1e3"]
)
def test_given_a_wrong_question_then_400(runtime: RuntimeProcess, query: str) -> None:
    assert runtime.call("GET", f"{FEED}?{query}").status == 400
