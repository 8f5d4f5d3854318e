"""Reading and following logs."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import pytest
import stub_server

from conftest import Call


def entry(number: int, **fields: Any) -> dict[str, Any]:
    return {
        "insertId": f"id-{number}",
        "timestamp": f"2026-11-23T05:00:{number:02d}.000000Z",
        "textPayload": f"line {number}",
        **fields,
    }


def test_lines_come_oldest_first_with_their_time(hakobune: Call, stub: stub_server.Stub) -> None:
    stub.page_size = 2
    now = time.strftime("%Y-%m-%dT%H:%M:", time.gmtime())
    stub.entries = [entry(n, timestamp=f"{now}{n:02d}.000000Z") for n in range(5)]
    stub.entries[2] = {**stub.entries[2], "jsonPayload": {"message": "structured", "x": 1}}
    del stub.entries[2]["textPayload"]
    stub.entries[3] = {**stub.entries[3], "jsonPayload": {"x": 1}}
    del stub.entries[3]["textPayload"]
    lines = hakobune("run", "jobs", "logs", "read", "thumbs", "--freshness=2h").lines
    minute = now.replace("T", " ")
    assert lines == [
        f"{minute}00 line 0",
        f"{minute}01 line 1",
        f"{minute}02 structured",
        f'{minute}03 {{"x": 1}}',
        f"{minute}04 line 4",
    ]
    newest = hakobune("run", "jobs", "logs", "read", "thumbs", "--freshness=2h", "--limit=2").lines
    assert newest == [lines[3], lines[4]]
    oldest = hakobune("run", "jobs", "logs", "read", "thumbs", "--freshness=2h", "--limit=2", "--order=asc").lines
    assert oldest == [lines[0], lines[1]]


@pytest.mark.parametrize(
    ("argv", "term"),
    [
        (["run", "jobs", "logs", "read", "thumbs"], "resource.labels.job_name = thumbs"),
        (
            ["beta", "run", "jobs", "executions", "logs", "read", "thumbs-x7k2p"],
            'labels."run.googleapis.com/execution_name" = thumbs-x7k2p',
        ),
    ],
)
def test_the_filter_is_gcloud_s(hakobune: Call, stub: stub_server.Stub, argv: list[str], term: str) -> None:
    assert hakobune(*argv, "--log-filter=severity>=ERROR OR a=b").code == 0
    body = stub.last("POST").body
    assert body["resourceNames"] == ["projects/p1"]
    terms = body["filter"].split(" AND ")
    assert terms[:5] == [
        "resource.type = cloud_run_job",
        term,
        "resource.labels.location = us-central1",
        "severity >= DEFAULT",
        "(severity>=ERROR OR a=b)",
    ]
    assert terms[5].startswith('timestamp>="20')


def test_a_name_cannot_break_out_of_the_filter(hakobune: Call, stub: stub_server.Stub) -> None:
    hakobune("run", "jobs", "logs", "read", 'x" OR a="b')
    assert r'resource.labels.job_name = "x\" OR a=\"b"' in stub.last("POST").body["filter"]


def test_following_an_execution_prints_each_entry_once_and_ends_with_it(hakobune: Call, stub: stub_server.Stub) -> None:
    stub.add_job("thumbs")
    stub.never_ending.add("thumbs")
    hakobune("run", "jobs", "execute", "thumbs")
    stub.entries = [entry(1), entry(2)]
    polls = lambda: sum(1 for request in stub.seen if request.path == "/v2/entries:list")  # noqa: E731

    def write_and_end() -> None:
        while polls() < 2:
            time.sleep(0.01)
        stub.entries.append(entry(3))
        stub.executions["thumbs-x0001"] = [stub_server.an_execution("thumbs-x0001", "thumbs", state="succeeded")]

    thread = threading.Thread(target=write_and_end)
    thread.start()
    answer = hakobune("run", "jobs", "executions", "logs", "tail", "thumbs-x0001")
    thread.join()
    assert answer.code == 0
    assert [line.partition(" ")[2].partition(" ")[2] for line in answer.lines] == ["line 1", "line 2", "line 3"]


def test_our_own_word_finds_jobs_and_executions(hakobune: Call, stub: stub_server.Stub) -> None:
    stub.add_job("thumbs")
    stub.add_execution(stub_server.an_execution("thumbs-x7k2p", "thumbs"))
    hakobune("logs", "thumbs")
    assert "job_name = thumbs" in stub.last("POST").body["filter"]
    hakobune("logs", "thumbs-x7k2p")
    assert "execution_name" in stub.last("POST").body["filter"]
    assert "There is no job and no execution [zz]" in hakobune("logs", "zz").err
    stub.entries = [entry(1)]
    assert hakobune("logs", "thumbs-x7k2p", "--follow").lines == ["2026-11-23 05:00:01 line 1"]


@pytest.mark.parametrize(
    "argv",
    [
        ["logs", "tail", "-f", "thumbs-x7k2p"],
        ["logs", "tail", "thumbs-x7k2p"],
        ["logs", "-f", "thumbs-x7k2p"],
        ["logs", "thumbs-x7k2p", "-f"],
        ["logs", "read", "thumbs-x7k2p", "--freshness=10000d"],
        ["run", "jobs", "executions", "logs", "tail", "-f", "thumbs-x7k2p"],
    ],
)
def test_all_the_words_for_a_log_lead_to_it(hakobune: Call, stub: stub_server.Stub, argv: list[str]) -> None:
    stub.add_execution(stub_server.an_execution("thumbs-x7k2p", "thumbs"))
    stub.entries = [entry(1)]
    answer = hakobune(*argv)
    assert (answer.code, answer.err) == (0, "")
    assert answer.lines == ["2026-11-23 05:00:01 line 1"]
    assert "execution_name" in stub.last("POST").body["filter"]


def test_jobs_that_are_named_like_the_words_have_their_log(hakobune: Call, stub: stub_server.Stub) -> None:
    stub.add_job("tail")
    assert hakobune("logs", "read", "tail").code == 0
    assert "job_name = tail" in stub.last("POST").body["filter"]


def test_logging_read_takes_a_filter_and_prints_documents(hakobune: Call, stub: stub_server.Stub) -> None:
    stub.entries = [entry(1), entry(2)]
    answer = hakobune("logging", "read", 'timestamp>="2026-01-01T00:00:00Z" AND a=b', "--limit=1", "--format=json")
    assert [item["textPayload"] for item in json.loads(answer.out)] == ["line 2"]
    body = stub.last("POST").body
    assert body["filter"] == 'timestamp>="2026-01-01T00:00:00Z" AND a=b'
    assert (body["orderBy"], body["pageSize"]) == ("timestamp desc", 1)
    hakobune("logging", "read", "a=b OR c=d", "--order=asc", "--freshness=1h")
    assert stub.last("POST").body["filter"].startswith('a=b OR c=d\nAND timestamp>="')  # columns are as typed
    assert stub.last("POST").body["orderBy"] == "timestamp asc"
    assert "not available here" in hakobune("logging", "read", "--folder=1").err
