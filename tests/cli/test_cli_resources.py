"""Lists, pages of `describe`, deletes, cancels, policies."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
import stub_server
import yaml
from command_calls import Call


def test_a_list_of_jobs_is_a_table_sorted_by_name(hakobune: Call, stub: stub_server.Stub) -> None:
    stub.add_job("zeta", region="asia-northeast1")
    stub.add_job("thumbs")["status"]["latestCreatedExecution"] = {"creationTimestamp": stub_server.CREATED}
    stub.add_job("bad")["status"]["conditions"] = [{"type": "Ready", "status": "False"}]
    assert hakobune("run", "jobs", "list").lines == [
        "   JOB     REGION           LAST RUN AT              CREATED                  CREATED BY",
        "X  bad     us-central1                               2026-11-20 01:02:03 UTC  me@example.com",
        "✔  thumbs  us-central1      2026-11-23 05:00:00 UTC  2026-11-20 01:02:03 UTC  me@example.com",
        "✔  zeta    asia-northeast1                           2026-11-20 01:02:03 UTC  me@example.com",
    ]


def test_a_list_of_executions_puts_those_that_have_not_started_first(hakobune: Call, stub: stub_server.Stub) -> None:
    stub.add_execution(stub_server.an_execution("thumbs-old", "thumbs", state="failed", succeeded=2))
    late = "2026-11-23T05:10:00.000000Z"
    stub.add_execution(stub_server.an_execution("thumbs-mid", "thumbs", state="running", running=2, created=late))
    stub.add_execution(stub_server.an_execution("thumbs-new", "thumbs", state="new"))
    assert hakobune("run", "jobs", "executions", "list", "--job", "thumbs", "--region=us-central1").lines == [
        "   JOB     EXECUTION   REGION       RUNNING  COMPLETE  CREATED                  RUN BY",
        "…  thumbs  thumbs-new  us-central1  0        0 / 3     2026-11-23 05:00:00 UTC  me@example.com",
        "…  thumbs  thumbs-mid  us-central1  2        0 / 3     2026-11-23 05:10:00 UTC  me@example.com",
        "X  thumbs  thumbs-old  us-central1  0        2 / 3     2026-11-23 05:00:00 UTC  me@example.com",
    ]
    assert stub.last("GET").query["labelSelector"] == ["run.googleapis.com/job = thumbs"]


def test_a_list_of_tasks_goes_by_index_and_state(hakobune: Call, stub: stub_server.Stub) -> None:
    for index, state in enumerate(["Succeeded", "Failed", "Running", "Pending", "Cancelled", "Abandoned"]):
        task = stub_server.a_task("e1", index, state, retried=index % 2, exit_code=3)
        stub.tasks[task["metadata"]["name"]] = task
    assert hakobune("run", "jobs", "executions", "tasks", "list", "--execution=e1").lines == [
        "   INDEX  STATE      TASK      STARTED                  COMPLETED                RETRIES",
        "✔  0      Succeeded  e1-task0  2026-11-23 05:00:00 UTC  2026-11-23 05:01:05 UTC  0",
        "X  1      Failed     e1-task1  2026-11-23 05:00:00 UTC  2026-11-23 05:01:05 UTC  1",
        "…  2      Running    e1-task2  2026-11-23 05:00:00 UTC                           0",
        ".  3      Pending    e1-task3",
        "!  4      Cancelled  e1-task4  2026-11-23 05:00:00 UTC  2026-11-23 05:01:05 UTC  0",
        "-  5      Abandoned  e1-task5",
    ]


@pytest.mark.parametrize(
    ("flags", "states"),
    [
        (["--failed"], "Failed"),
        (["--failed", "--running"], "Failed,Running"),
        (["--completed"], "Succeeded,Failed,Cancelled"),
        (["--no-completed"], "Running,Pending"),
        (["--started"], "Succeeded,Failed,Cancelled,Running"),
        (["--no-started"], "Pending,Abandoned"),
        (["--no-started", "--pending"], "Pending,Abandoned"),
        (["--succeeded", "--cancelled", "--abandoned"], "Succeeded,Cancelled,Abandoned"),
    ],
)
def test_state_flags_become_a_selector(hakobune: Call, stub: stub_server.Stub, flags: list[str], states: str) -> None:
    hakobune("run", "jobs", "executions", "tasks", "list", "--execution=e1", *flags)
    selector = stub.last("GET").query["labelSelector"][0]
    head, _, tail = selector.partition("run.googleapis.com/runningState in (")
    assert head == "run.googleapis.com/execution = e1,"
    assert set(tail.rstrip(")").split(",")) == set(states.split(","))


def test_lists_filter_sort_limit_page_and_follow_pages(hakobune: Call, stub: stub_server.Stub) -> None:
    stub.page_size = 2
    for index in range(5):
        stub.add_job(f"job-{index}")
    names = ["--format=value(name)"]
    assert hakobune("run", "jobs", "list", *names).lines == [f"job-{index}" for index in range(5)]
    assert hakobune("run", "jobs", "list", *names, "--limit=3", "--sort-by=~name").lines == ["job-4", "job-3", "job-2"]
    assert hakobune("run", "jobs", "list", *names, "--filter=name=(job-1,job-3)").lines == ["job-1", "job-3"]
    paged = hakobune("run", "jobs", "list", "--page-size=2", "--format=table(name:label=JOB)").lines
    assert [line for line in paged if line == "JOB"] == ["JOB"] * 3
    flat = hakobune(
        "run", "jobs", "list", "--flatten=status.conditions[]", "--format=value(name,status.conditions.type)"
    )
    assert flat.lines[0] == "job-0\tReady"
    assert hakobune("run", "jobs", "list", "--uri", "--limit=1").lines == [
        f"{stub.url}/apis/run.googleapis.com/v1/namespaces/123456789012/jobs/job-0"
    ]


def test_an_empty_list_says_so_on_stderr_and_keeps_json_valid(hakobune: Call, stub: stub_server.Stub) -> None:
    answer = hakobune("run", "jobs", "list")
    assert (answer.code, answer.out, answer.err) == (0, "", "Listed 0 items.\n")
    assert json.loads(hakobune("run", "jobs", "list", "--format=json").out) == []


def test_the_page_of_a_job(hakobune: Call, stub: stub_server.Stub) -> None:
    container = {
        "name": "c1",
        "image": "img:1",
        "command": ["python", "-m"],
        "args": ["app", "x y"],
        "env": [
            {"name": "BUCKET", "value": "uploads"},
            {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "api-token", "key": "latest"}}},
        ],
        "resources": {"limits": {"cpu": "1000m", "memory": "512Mi"}},
        "volumeMounts": [{"name": "scratch", "mountPath": "/tmp/x"}],
    }
    volumes = [
        {"name": "scratch", "emptyDir": {"medium": "Memory", "sizeLimit": "1Gi"}},
        {"name": "share", "nfs": {"server": "10.0.0.2", "path": "/export", "readOnly": True}},
    ]
    extensions = {"hakobune.dev/warm-modules": "json", "hakobune.dev/max-failed-tasks": "2"}
    task = {"containers": [container], "volumes": volumes, "timeoutSeconds": "100000"}
    job = stub.add_job("thumbs", task=task, labels={"team": "media"}, template_annotations=extensions)
    job["status"] |= {"executionCount": 1, "latestCreatedExecution": {"name": "thumbs-x", "creationTimestamp": "T0"}}
    assert hakobune("run", "jobs", "describe", "thumbs").lines == [
        "✔ Job thumbs in region us-central1",
        "Executed 1 time",
        "Last executed T0 with execution thumbs-x",
        "Last updated on 2026-11-20T01:02:03.456789Z by me@example.com",
        "",
        "team:media",
        "",
        "Tasks:            3",
        "Parallelism:      No limit",
        "Max Failed Tasks: 2",
        "Warm modules:     json",
        "Container c1",
        "  Image:          img:1",
        "  Command:        python -m",
        "  Args:           app x y",
        "  Memory:         512Mi",
        "  CPU:            1000m",
        "  Env vars:",
        "    BUCKET        uploads",
        "  Volume Mounts:",
        "    /tmp/x",
        "      name:       scratch",
        "      type:       in-memory",
        "      size-limit: 1Gi",
        "  Secrets:",
        "    TOKEN         api-token:latest",
        "Task Timeout:     1d3h46m40s",
        "Max Retries:      3",
        "Service account:  batch@p1.iam.gserviceaccount.com",
        "Volumes:",
        "  scratch",
        "    type:         in-memory",
        "    size-limit:   1Gi",
        "  share",
        "    type:         nfs",
        "    location:     10.0.0.2:/export",
        "    read-only:    True",
    ]


@pytest.mark.parametrize(
    ("state", "numbers", "lines"),
    [
        ("running", {"running": 1}, ["1 task currently running", "0 tasks completed successfully"]),
        ("new", {}, ["0 tasks currently running", "0 tasks completed successfully"]),
        (
            "failed",
            {"succeeded": 2},
            ["2 tasks completed successfully", "1 task failed to complete", "Elapsed time: 1 minute and 5 seconds"],
        ),
        (
            "cancelled",
            {"succeeded": 1},
            ["1 task completed successfully", "2 tasks cancelled", "Elapsed time: 1 minute and 5 seconds"],
        ),
    ],
)
def test_the_page_of_an_execution_counts_tasks(
    hakobune: Call, stub: stub_server.Stub, state: str, numbers: dict[str, int], lines: list[str]
) -> None:
    stub.add_execution(stub_server.an_execution("e1", "thumbs", state=state, **numbers))
    page = hakobune("run", "jobs", "executions", "describe", "e1").lines
    assert page[1 : 1 + len(lines)] == lines
    assert page[1 + len(lines)] == ""


def test_the_page_of_a_failed_execution_ends_with_the_reason(hakobune: Call, stub: stub_server.Stub) -> None:
    stub.add_execution(stub_server.an_execution("e1", "thumbs", state="failed"))
    page = hakobune("run", "jobs", "executions", "describe", "e1").lines
    assert page[0] == "X Execution e1 in region us-central1"
    assert page[-1] == "X Task e1-task1 failed with exit code: 3 and message: The container exited with an error."


def test_the_page_of_a_task_tells_its_last_attempt(hakobune: Call, stub: stub_server.Stub) -> None:
    stub.tasks["e1-task1"] = stub_server.a_task("e1", 1, "Failed", exit_code=3)
    page = hakobune("run", "jobs", "executions", "tasks", "describe", "e1-task1").lines
    assert page[:5] == [
        "X Task e1-task1 in region us-central1",
        "Running state: Failed",
        "Last Attempt Result:",
        "  Exit Code:   3",
        "  Message:     It exited.",
    ]


def test_the_latest_execution_is_found_through_the_job(hakobune: Call, stub: stub_server.Stub) -> None:
    stub.add_job("thumbs")
    assert "has not been executed yet" in hakobune("run", "jobs", "executions", "describe-latest", "thumbs").err
    hakobune("run", "jobs", "execute", "thumbs", "--wait")
    page = hakobune("run", "jobs", "executions", "describe-latest", "thumbs").lines
    assert page[0] == "✔ Execution thumbs-x0001 in region us-central1"


def test_an_exported_job_goes_back_in_unchanged(hakobune: Call, stub: stub_server.Stub, tmp_path: Path) -> None:
    before = json.dumps(stub.add_job("thumbs", labels={"team": "media"})["spec"], sort_keys=True)
    text = hakobune("run", "jobs", "describe", "thumbs", "--format=export").out
    document = yaml.safe_load(text)
    assert "status" not in document
    assert set(document["metadata"]) == {"name", "namespace", "labels", "annotations"}
    assert "run.googleapis.com/operation-id" not in document["metadata"]["annotations"]
    (tmp_path / "job.yaml").write_text(text)
    answer = hakobune("run", "jobs", "replace")
    assert answer.code == 0
    assert "Job [thumbs] has successfully been replaced." in answer.err
    assert json.dumps(stub.last("PUT").body["spec"], sort_keys=True) == before


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("- a\n", "holds no job"),
        ("a: [", "Failed to parse YAML from [job.yaml] line"),
        ("kind: Service\nspec: {template: {}}\n", "holds a Service, not a Job"),
        ("kind: Job\nmetadata: {name: x}\n", "spec.template is required but missing. Please check"),
        ("spec: {template: {}}\n", "metadata.name is required but missing"),
        ("metadata: {name: UP}\nspec: {template: {}}\n", "Invalid resource name [UP]"),
        ("metadata: {name: x, namespace: other}\nspec: {template: {}}\n", "Namespace must be project ID [p1]"),
    ],
)
def test_a_bad_job_file_is_refused(
    hakobune: Call, stub: stub_server.Stub, tmp_path: Path, text: str, error: str
) -> None:
    (tmp_path / "job.yaml").write_text(text)
    answer = hakobune("run", "jobs", "replace", "job.yaml")
    assert answer.code == 1
    assert error in answer.err
    assert stub.writes() == []


def test_a_missing_job_file_is_named(hakobune: Call) -> None:
    assert (
        "Unable to read file [nope.yaml]: No such file or directory"
        in hakobune("run", "jobs", "replace", "nope.yaml").err
    )


@pytest.mark.parametrize(
    "words", [("jobs", "delete"), ("jobs", "executions", "delete"), ("jobs", "executions", "cancel")]
)
def test_given_nobody_to_ask_then_nothing_is_deleted_or_cancelled(
    hakobune: Call, stub: stub_server.Stub, words: tuple[str, ...]
) -> None:
    stub.add_job("x")
    stub.add_execution(stub_server.an_execution("x", "x", state="running"))
    answer = hakobune("run", *words, "x")
    assert answer.code == 1
    assert "Do you want to continue (Y/n)?" in answer.err
    assert "not in an interactive session" in answer.err
    assert stub.writes() == []


@pytest.mark.parametrize(
    ("typed", "code", "said"),
    [
        ("y\n", 0, "Deleted job [x].\n"),
        ("YES\n", 0, "Deleted job [x].\n"),
        ("\n", 0, "Deleted job [x].\n"),
        ("perhaps\ny\n", 0, "Please enter 'y' or 'n':  "),
        ("n\n", 1, "Aborted by user."),
        ("perhaps\n", 1, "not in an interactive session"),
    ],
)
def test_given_an_answer_through_a_pipe_when_a_command_asks_then_it_counts(
    hakobune: Call, stub: stub_server.Stub, monkeypatch: pytest.MonkeyPatch, typed: str, code: int, said: str
) -> None:
    stub.add_job("x")
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    answer = hakobune("run", "jobs", "delete", "x")
    assert answer.code == code, answer.err
    assert said in answer.err
    assert bool(stub.writes()) is (code == 0)


def test_given_an_active_execution_when_deleting_a_job_then_the_question_says_so(
    hakobune: Call, stub: stub_server.Stub
) -> None:
    stub.add_job("thumbs")
    stub.add_execution(stub_server.an_execution("e1", "thumbs", state="running"))
    text = hakobune("run", "jobs", "delete", "thumbs").err.splitlines()[0]
    assert text == (
        "Job [thumbs] will be deleted."
        " This job is currently executing; all running executions will be stopped and deleted."
    )


def test_deletes_say_what_they_do(hakobune: Call, stub: stub_server.Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    stub.add_job("a")
    stub.add_job("b")
    assert hakobune("run", "jobs", "delete", "a", "--quiet").err == "Deleting [a]...done.\nDeleted job [a].\n"
    assert hakobune("run", "jobs", "delete", "b", "-q", "--async").err == "Job [b] is being deleted.\n"
    missing = hakobune("run", "jobs", "delete", "a", "-q")
    assert missing.code == 1
    assert missing.err == "Deleting [a]...failed.\nERROR: (hakobune.run.jobs.delete) Job [a] could not be found.\n"
    stub.add_execution(stub_server.an_execution("e1", "a"))
    monkeypatch.setenv("CLOUDSDK_CORE_DISABLE_PROMPTS", "1")
    assert hakobune("run", "jobs", "executions", "delete", "e1").err.endswith("Deleted execution [e1].\n")


def test_a_cancel_waits_for_the_end(hakobune: Call, stub: stub_server.Stub) -> None:
    stub.add_execution(stub_server.an_execution("e1", "thumbs", state="running"))
    answer = hakobune("run", "jobs", "executions", "cancel", "e1", "-q")
    assert (answer.code, answer.err) == (0, "Cancelling [e1]...done.\nCancelled execution [e1].\n")


def test_given_an_execution_that_ended_first_when_cancelling_then_the_text_tells_how(
    hakobune: Call, stub: stub_server.Stub
) -> None:
    stub.add_execution(stub_server.an_execution("good", "thumbs", state="succeeded"))
    stub.add_execution(stub_server.an_execution("bad", "thumbs", state="failed"))
    good = hakobune("run", "jobs", "executions", "cancel", "good", "-q")
    assert good.code == 1
    assert "[good] has completed successfully before it could be cancelled." in good.err
    bad = hakobune("run", "jobs", "executions", "cancel", "bad", "-q")
    assert bad.code == 1
    assert "Failed to cancel [bad]: Task bad-task1 failed with exit code: 3" in bad.err


def test_given_an_execution_that_is_not_running_when_cancelling_then_the_text_is_the_service_s(
    hakobune: Call, stub: stub_server.Stub
) -> None:
    stub.add_execution(stub_server.an_execution("e1", "thumbs", state="cancelled"))
    text = "Execution 'e1' cannot be cancelled because it is not running."
    refusal = {"error": {"code": 400, "status": "FAILED_PRECONDITION", "message": text}}
    stub.errors["POST", ":cancel"] = (400, refusal)
    answer = hakobune("run", "jobs", "executions", "cancel", "e1", "-q")
    assert answer.code == 1
    assert answer.err.endswith(f"ERROR: (hakobune.run.jobs.executions.cancel) FAILED_PRECONDITION: {text}\n")


def test_bindings_are_added_and_removed(hakobune: Call, stub: stub_server.Stub, tmp_path: Path) -> None:
    add = ("run", "jobs", "add-iam-policy-binding", "thumbs", "--role=roles/run.invoker")
    answer = hakobune(*add, "--member=user:a@b.c")
    assert answer.err == "Updated IAM policy for job [thumbs].\n"
    assert answer.out == "bindings:\n- members:\n  - user:a@b.c\n  role: roles/run.invoker\netag: ACAB\n"
    hakobune(*add, "--member=user:a@b.c")
    hakobune(*add, "--member=allUsers")
    policy = yaml.safe_load(hakobune("run", "jobs", "get-iam-policy", "thumbs").out)
    assert policy["bindings"] == [{"role": "roles/run.invoker", "members": ["user:a@b.c", "allUsers"]}]
    remove = ("run", "jobs", "remove-iam-policy-binding", "thumbs", "--role=roles/run.invoker")
    for member in ("user:a@b.c", "allUsers"):
        assert hakobune(*remove, f"--member={member}").code == 0
    assert "not found!" in hakobune(*remove, "--member=allUsers").err
    (tmp_path / "policy.json").write_text('{"bindings": [{"role": "roles/owner", "members": ["user:x@y.z"]}]}')
    assert hakobune("run", "jobs", "set-iam-policy", "thumbs", "policy.json").code == 0
    assert stub.last("POST").body["policy"]["bindings"][0]["role"] == "roles/owner"
    assert stub.last("POST").path == "/v1/projects/p1/locations/us-central1/jobs/thumbs:setIamPolicy"
    assert "must begin with its kind" in hakobune(*add, "--member=a@b.c").err
