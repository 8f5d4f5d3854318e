"""Reading and following logs."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import pytest
import stub_server
from command_calls import Call


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
    assert (
        "There is no job, no execution, no service, no worker pool and no workflow [zz]" in hakobune("logs", "zz").err
    )
    stub.entries = [entry(1)]
    assert hakobune("logs", "thumbs-x7k2p", "--follow").lines == ["2026-11-23 05:00:01 line 1"]


FLOW = "projects/p1/locations/us-central1/workflows/flow"


def terms_of(stub: stub_server.Stub) -> list[str]:
    return stub.last("POST").body["filter"].split(" AND ")


def test_given_a_job_and_a_workflow_of_one_name_when_nothing_else_is_said_then_the_job_s_log_is_read(
    hakobune: Call, stub: stub_server.Stub
) -> None:
    stub.add_job("flow")
    stub.workflows[FLOW] = [{"name": FLOW}]
    assert hakobune("logs", "flow").code == 0
    assert terms_of(stub)[1] == "resource.labels.job_name = flow"
    assert hakobune("logs", "--workflow", "flow").code == 0
    assert terms_of(stub)[:4] == [
        'resource.type = "workflows.googleapis.com/Workflow"',
        "resource.labels.workflow_id = flow",
        "resource.labels.location = us-central1",
        "severity >= DEFAULT",
    ]


@pytest.mark.parametrize(
    "argv",
    [
        ["logs", "flow", "--execution", "e1"],
        ["logs", "--workflow=flow", "--execution=e1"],
        ["logs", "--workflow", FLOW, "--execution=e1"],
        ["logs", f"{FLOW}/executions/e1"],
        ["logs", "--execution", f"{FLOW}/executions/e1", "--project=other"],
        ["logs", "read", "flow", "--execution", "e1"],
        ["logs", "tail", "flow", "--execution", "e1"],
        ["logs", "-f", "flow", "--execution", "e1"],
    ],
)
def test_all_the_ways_to_name_an_execution_of_a_workflow_lead_to_its_log(
    hakobune: Call, stub: stub_server.Stub, argv: list[str]
) -> None:
    stub.workflows[f"{FLOW}/executions/e1"] = [{"state": "SUCCEEDED"}]
    now = time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime())
    stub.entries = [entry(1, timestamp=now)]
    answer = hakobune(*argv)
    assert (answer.code, answer.err) == (0, "")
    assert [line.rpartition(" line ")[2] for line in answer.lines] == ["1"]
    assert terms_of(stub)[1:3] == [
        "resource.labels.workflow_id = flow",
        'labels."workflows.googleapis.com/execution_id" = e1',
    ]
    assert stub.last("POST").body["resourceNames"] == ["projects/p1"]


def test_given_a_name_that_no_job_can_have_when_its_log_is_read_then_workflows_are_looked_at(
    hakobune: Call, stub: stub_server.Stub
) -> None:
    stub.errors["GET", "/namespaces/"] = (400, {"error": {"code": 400, "message": "no", "status": "INVALID_ARGUMENT"}})
    stub.workflows["projects/p1/locations/tokyo/workflows/My_Flow"] = [{}]
    assert hakobune("logs", "My_Flow", "--region=tokyo").code == 0
    assert terms_of(stub)[1:3] == ["resource.labels.workflow_id = My_Flow", "resource.labels.location = tokyo"]


def test_given_no_name_when_logs_are_read_then_they_are_those_of_all_that_runs(
    hakobune: Call, stub: stub_server.Stub
) -> None:
    assert hakobune("logs").code == 0
    kinds = ("cloud_run_job", "cloud_run_revision", "cloud_run_worker_pool", '"workflows.googleapis.com/Workflow"')
    every = f"({' OR '.join(f'resource.type = {kind}' for kind in kinds)})"
    assert terms_of(stub)[:2] == [every, "resource.labels.location = us-central1"]


@pytest.mark.parametrize(
    ("argv", "code", "problem"),
    [
        (["logs", "--workflow=gone"], 1, "Cannot find [projects/p1/locations/us-central1/workflows/gone]."),
        (["logs", "flow", "--execution=gone"], 1, f"Cannot find [{FLOW}/executions/gone]."),
        (["logs", "--execution=e1"], 2, "--execution needs --workflow, or the full name of the execution."),
        (["logs", "flow", "--workflow=flow"], 2, "Write one of [flow] and --workflow, not both."),
        (["logs", "projects/p1/workflows/flow"], 2, "[projects/p1/workflows/flow] is not a full name"),
    ],
)
def test_given_words_that_name_no_log_then_it_is_said_what_is_wrong(
    hakobune: Call, stub: stub_server.Stub, argv: list[str], code: int, problem: str
) -> None:
    stub.workflows[FLOW] = [{"name": FLOW}]
    answer = hakobune(*argv)
    assert answer.code == code
    assert problem in answer.err
    assert not [request for request in stub.seen if request.path == "/v2/entries:list"]


def test_given_an_execution_that_ends_while_it_is_followed_then_what_comes_a_moment_later_is_printed_as_well(
    hakobune: Call, stub: stub_server.Stub
) -> None:
    # Found when it is looked for, still active at the first poll, ended at the second.
    stub.workflows[f"{FLOW}/executions/e1"] = [{"state": "ACTIVE"}, {"state": "ACTIVE"}, {"state": "SUCCEEDED"}]
    stub.entries = [entry(1)]

    def write_late() -> None:
        while len([request for request in stub.seen if request.path.endswith("/e1")]) < 3:
            time.sleep(0.01)
        stub.entries.append(entry(2))

    thread = threading.Thread(target=write_late)
    thread.start()
    answer = hakobune("logs", "--workflow=flow", "--execution=e1", "-f")
    thread.join()
    assert [line.rpartition(" line ")[2] for line in answer.lines] == ["1", "2"]


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
