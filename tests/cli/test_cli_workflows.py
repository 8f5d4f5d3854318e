"""`hakobune workflows …` against a running server."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import time
from functools import partial
from pathlib import Path

import pytest
import workflow_files as files
from command_calls import Call

from runtime_process import HAKOBUNE, RuntimeProcess

LOCATION = "--location=us-central1"


@pytest.fixture
def workflows(command: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Call:
    """`workflows("list")` runs `hakobune workflows list`, in a project of this test."""
    monkeypatch.setenv("CLOUDSDK_WORKFLOWS_LOCATION", "us-central1")
    for name in ("SUM", "FAILS", "BAD", "SLEEPS", "CALLBACK"):
        (tmp_path / f"{name.lower()}.yaml").write_text(getattr(files, name))
    return partial(command, "workflows")


def deployed(workflows: Call, name: str, *flags: str) -> None:
    done = workflows("deploy", name, f"--source={name}.yaml", *flags, "--format=none")
    assert done.code == 0, done.err


def started(workflows: Call, name: str, *flags: str) -> str:
    return workflows("execute", name, *flags, "--format=value(name.basename())").out.strip()


# -- deploy -------------------------------------------------------------------------------------------------------


def test_given_a_file_when_it_is_deployed_then_the_workflow_is_printed(workflows: Call) -> None:
    done = workflows("deploy", "sum", "--source=sum.yaml", "--description=adds", "--labels=a=b", "--format=json")
    assert (done.code, done.err.splitlines()[-1]) == (0, "done.")
    workflow = json.loads(done.out)
    assert workflow["description"] == "adds"
    assert workflow["labels"] == {"a": "b"}
    assert workflow["sourceContents"] == files.SUM
    assert workflow["revisionId"].startswith("000001-")


def test_given_a_workflow_when_a_flag_changes_it_then_only_that_changes(workflows: Call) -> None:
    deployed(workflows, "sum", "--description=adds", "--service-account=me@x.iam.gserviceaccount.com")
    done = workflows("deploy", "sum", "--call-log-level=log-all-calls", "--format=json")
    workflow = json.loads(done.out)
    assert workflow["callLogLevel"] == "LOG_ALL_CALLS"
    assert workflow["description"] == "adds"
    assert workflow["serviceAccount"].endswith("/serviceAccounts/me@x.iam.gserviceaccount.com")


def test_given_a_definition_with_two_mistakes_when_it_is_deployed_then_both_are_told_with_their_lines(
    workflows: Call,
) -> None:
    done = workflows("deploy", "bad", "--source=bad.yaml")
    assert (done.code, done.out) == (1, "")
    assert "ERROR: (hakobune.workflows.deploy) [INVALID_ARGUMENT] failed to build: " in done.err
    assert "\nbad.yaml:5:18: error in step one: error evaluating assignment: symbol 'nope' is neither" in done.err
    assert "\n              - n: ${nope + 1}\n                     ^\n" in done.err
    assert "\nbad.yaml:7:15: error in step two: symbol 'foo.bar' not found" in done.err


def test_given_one_mistake_when_it_is_deployed_then_its_place_in_the_file_is_told(
    workflows: Call, tmp_path: Path
) -> None:
    (tmp_path / "one.yaml").write_text("- a: {return: '${zz}'}\n")
    done = workflows("deploy", "one", "--source=one.yaml")
    assert (done.code, done.out) == (1, "")
    assert "\none.yaml:1:18 [unknown-symbol]\n    - a: {return: '${zz}'}\n" in done.err


def test_given_a_source_with_oddities_when_it_is_deployed_then_each_is_a_warning_and_the_answer_is_clean(
    workflows: Call, tmp_path: Path
) -> None:
    (tmp_path / "odd.yaml").write_text("- odd name: {return: 'a ${b}', next: end}\n")
    done = workflows("deploy", "odd", "--source=odd.yaml", "--format=json")
    assert done.code == 0
    assert json.loads(done.out)["state"] == "ACTIVE"
    warnings = [line for line in done.err.splitlines() if line.startswith("WARNING: ")]
    assert [line.partition(": in step")[0] for line in warnings] == [
        "WARNING: odd.yaml:1:3",
        "WARNING: odd.yaml:1:22",
        "WARNING: odd.yaml:1:32",
    ]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["sum"], "Missing required argument [--source]: required on first deployment"),
        (["sum", "--source=missing.yaml"], "Invalid value for [--source]: specified file does not exist."),
        (["9sum", "--source=sum.yaml"], "Invalid value for [workflow]: ID must start with a letter"),
        (["sum_", "--source=sum.yaml"], "Invalid value for [workflow]: ID must end with a letter or number"),
        (
            ["s.um", "--source=sum.yaml"],
            "Invalid value for [workflow]: ID must only contain letters, numbers, underscores and hyphens",
        ),
        (["s" * 65, "--source=sum.yaml"], "Invalid value for [workflow]: ID must be between 1-64 characters long"),
        (
            ["sum", "--source=sum.yaml", "--set-env-vars", ",".join(f"K{n}=v" for n in range(21))],
            "too many environment variables, limit is 20.",
        ),
        (["sum", "--remove-env-vars=K"], "Invalid value for [--remove-env-vars]: key K is not found."),
    ],
)
def test_given_a_deployment_that_cannot_be_then_one_line_says_why(
    workflows: Call, words: list[str], message: str
) -> None:
    done = workflows("deploy", *words)
    assert (done.code, done.err) == (1, f"ERROR: (hakobune.workflows.deploy) {message}\n")


def test_given_nothing_to_change_when_a_workflow_is_deployed_then_nothing_is_sent(workflows: Call) -> None:
    deployed(workflows, "sum")
    done = workflows("deploy", "sum")
    assert (done.code, done.out, done.err) == (0, "", "No updates provided, quitting as a no-op.\n")
    assert workflows("deploy", "sum", "--tags=a=b").err.endswith("tags cannot be updated for an existing workflow\n")


@pytest.mark.parametrize(
    ("flag", "expected"),
    [
        ("--set-env-vars=C=3", {"C": "3"}),
        ("--update-env-vars=A=9,C=3", {"A": "9", "B": "2", "C": "3"}),
        ("--remove-env-vars=A", {"B": "2"}),
        ("--clear-env-vars", {}),
        ("--env-vars-file=vars.yaml", {"X": "1", "Y": "two"}),
    ],
)
def test_given_variables_when_a_flag_changes_them_then_the_others_are_kept_or_gone(
    workflows: Call, tmp_path: Path, flag: str, expected: dict[str, str]
) -> None:
    (tmp_path / "vars.yaml").write_text("X: 1\nY: two\n")
    deployed(workflows, "sum", "--set-env-vars=A=1,B=2")
    workflow = json.loads(workflows("deploy", "sum", flag, "--format=json").out)
    assert workflow.get("userEnvVars", {}) == expected


def test_given_two_flags_for_the_variables_then_they_exclude_one_another(workflows: Call) -> None:
    done = workflows("deploy", "sum", "--source=sum.yaml", "--set-env-vars=A=1", "--clear-env-vars")
    assert done.code == 2
    assert "At most one of" in done.err


# -- list, describe, delete ---------------------------------------------------------------------------------------


def test_given_workflows_when_they_are_listed_then_filter_sort_and_limit_choose(workflows: Call) -> None:
    assert workflows("list").err == "Listed 0 items.\n"
    for name in ("sum", "fails", "sleeps"):
        deployed(workflows, name)
    lines = workflows("list").lines
    assert lines[0].split() == ["NAME", "STATE", "REVISION_ID", "UPDATE_TIME"]
    assert [line.split()[0].rpartition("/")[2] for line in lines[1:]] == ["fails", "sleeps", "sum"]
    short = "--format=value(name.basename())"
    assert workflows("list", "--sort-by=~name", "--limit=2", short).lines == ["sum", "sleeps"]
    assert workflows("list", "--filter=name~s$", "--location=-", short).lines == ["fails", "sleeps"]
    assert workflows("list", "--uri").lines[0].startswith("http://127.0.0.1:")


def test_given_no_location_when_workflows_are_listed_then_the_default_is_named(
    workflows: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CLOUDSDK_WORKFLOWS_LOCATION")
    warning = "WARNING: The default location(us-central1) was used since the location flag was not specified.\n"
    assert workflows("list").err == f"{warning}Listed 0 items.\n"
    assert workflows("list", LOCATION).err == "Listed 0 items.\n"


def test_given_revisions_when_they_are_listed_then_the_newest_is_first_and_each_can_be_seen(workflows: Call) -> None:
    deployed(workflows, "sum")
    workflows("deploy", "sum", "--source=fails.yaml")
    ids = workflows("list-revisions", "sum", "--format=value(revisionId)").lines
    assert [identifier[:6] for identifier in ids] == ["000002", "000001"]
    old = workflows("describe", "sum", f"--revision-id={ids[1]}", "--format=value(sourceContents)")
    assert old.out.strip() == files.SUM.strip()


def test_given_a_workflow_when_it_is_deleted_then_it_is_asked_about_first(workflows: Call) -> None:
    deployed(workflows, "sum")
    refused = workflows("delete", "sum")
    assert refused.code == 1
    question = "You are about to delete workflow [sum] in [us-central1].\nAny associated data will be lost.\n"
    assert refused.err.startswith(question)
    done = workflows("delete", "sum", "--quiet")
    assert (done.code, done.err) == (0, "Delete request issued for: [sum]\nDeleted workflow [sum].\n")
    gone = workflows("describe", "sum")
    assert (gone.code, "NOT_FOUND: Workflow" in gone.err) == (1, True)


def test_given_a_full_name_when_it_is_described_then_flags_are_not_needed(workflows: Call) -> None:
    deployed(workflows, "sum")
    name = workflows("list", "--format=value(name)").out.strip()
    found = workflows("describe", name, "--project=other", "--location=other", "--format=value(name)")
    assert found.out.strip() == name
    wrong = workflows("describe", "projects/p/workflows/w")
    assert (wrong.code, "is not a full name" in wrong.err) == (2, True)


# -- executions ---------------------------------------------------------------------------------------------------


def test_given_a_workflow_when_it_runs_then_the_ended_execution_is_printed(workflows: Call) -> None:
    deployed(workflows, "sum", "--labels=a=b")
    done = workflows("run", "sum", '--data={"n": 4}', "--labels=c=d", "--format=json")
    execution = json.loads(done.out)
    assert done.code == 0
    assert (execution["state"], execution["result"], execution["argument"]) == ("SUCCEEDED", "10", '{"n": 4}')
    assert execution["labels"] == {"a": "b", "c": "d"}
    identifier = execution["name"].rpartition("/")[2]
    assert done.err == f"Waiting for execution [{identifier}] to complete...\ndone.\n"


def test_given_an_execution_that_fails_when_it_runs_then_it_is_printed_and_the_code_is_0_as_gcloud_has_it(
    workflows: Call,
) -> None:
    deployed(workflows, "fails")
    done = workflows("run", "fails")
    assert (done.code, "state: FAILED" in done.out, "payload: '\"went wrong\"'" in done.out) == (0, True, True)


def test_given_data_in_a_file_when_a_workflow_is_executed_then_the_file_is_the_argument(
    workflows: Call, tmp_path: Path
) -> None:
    deployed(workflows, "sum")
    (tmp_path / "data.json").write_text('{"n": 3}')
    assert workflows("run", "sum", "--data=@data.json", "--format=value(result)").out == "6\n"
    missing = workflows("run", "sum", "--data=@missing.json")
    assert (missing.code, "argument --data: [missing.json] cannot be read" in missing.err) == (1, True)


def test_given_an_execution_when_it_was_started_then_the_last_one_is_remembered(
    workflows: Call, tmp_path: Path
) -> None:
    nothing = workflows("executions", "describe-last")
    assert (nothing.code, "[NOT FOUND] There are no cached executions available." in nothing.err) == (1, True)
    deployed(workflows, "sum")
    done = workflows("execute", "sum", '--data={"n": 2}')
    assert done.out == ""
    identifier = done.err.partition("Created [")[2].partition("]")[0]
    hint = f"hakobune workflows executions describe {identifier} --workflow sum --location us-central1"
    assert done.err.splitlines()[1:] == ["", "To view the workflow status, you can use following command:", hint]
    name = (tmp_path / "config" / ".workflows-cached-execution-id.json").read_text()
    assert name.endswith(f"/workflows/sum/executions/{identifier}")
    waited = workflows("executions", "wait-last", "--format=value(state,result)")
    assert waited.out == "SUCCEEDED\t3\n"
    assert waited.err.startswith(f"Using cached execution name: {name}\n")
    assert workflows("executions", "describe-last", "--format=value(name)").out.strip() == name


def test_given_executions_when_they_are_listed_then_the_newest_is_first(workflows: Call) -> None:
    deployed(workflows, "sum")
    ids = [started(workflows, "sum", f'--data={{"n": {n}}}') for n in (1, 2, 3)]
    for identifier in ids:
        workflows("executions", "wait", identifier, "--workflow=sum")
    lines = workflows("executions", "list", "sum").lines
    assert lines[0].split() == ["NAME", "STATE", "START_TIME", "END_TIME"]
    assert [line.split()[0].rpartition("/")[2] for line in lines[1:]] == ids[::-1]
    assert workflows("executions", "list", "sum", "--limit=1", "--format=value(state)").lines == ["SUCCEEDED"]


def test_given_a_waiting_execution_when_it_is_cancelled_then_it_ends_and_cannot_be_again(workflows: Call) -> None:
    deployed(workflows, "sleeps")
    identifier = started(workflows, "sleeps")
    words = ("executions", "cancel", identifier, "--workflow=sleeps")
    refused = workflows(*words)
    question = f"You are about to cancel execution [{identifier}] of workflow [sleeps].\n"
    assert (refused.code, refused.err.startswith(question)) == (1, True)
    assert "state: CANCELLED" in workflows(*words, "-q").out
    again = workflows(*words, "-q")
    assert (again.code, "FAILED_PRECONDITION" in again.err) == (1, True)


def test_given_no_workflow_when_an_execution_is_named_by_its_id_then_the_missing_flag_is_named(workflows: Call) -> None:
    done = workflows("executions", "describe", "some-id")
    assert done.code == 1
    assert done.err.splitlines()[:2] == [
        "ERROR: (hakobune.workflows.executions.describe) Error parsing [execution].",
        "The [execution] resource is not properly specified.",
    ]
    assert done.err.splitlines()[-1] == "- provide the argument `--workflow` on the command line"


def test_given_an_execution_when_its_steps_are_listed_then_they_stand_in_order(workflows: Call) -> None:
    deployed(workflows, "sum")
    identifier = json.loads(workflows("run", "sum", '--data={"n": 2}', "--format=json").out)["name"]
    lines = workflows("executions", "steps", "list", identifier).lines
    assert lines[0].split()[:5] == ["ENTRY", "ROUTINE", "STEP", "TYPE", "STATE"]
    steps = [line.split()[2] for line in lines[1:]]
    assert steps[0] == "init"
    assert steps[-1] == "done"
    assert steps.count("add") == 2


def test_given_an_open_callback_when_it_is_sent_to_then_the_execution_goes_on(workflows: Call) -> None:
    deployed(workflows, "callback")
    identifier = started(workflows, "callback")
    flags = (identifier, "--workflow=callback")
    end = time.monotonic() + 20
    while not workflows("executions", "callbacks", "list", *flags, "--format=value(id)").out:
        assert time.monotonic() < end, "no callback was opened"
        time.sleep(0.02)
    assert workflows("executions", "callbacks", "list", *flags, "--format=value(method)").out == "POST\n"
    sent = workflows("executions", "callbacks", "send", *flags, '--data={"ok": true}')
    assert (sent.code, sent.err.startswith("Sent POST to callback [")) == (0, True)
    waited = workflows("executions", "wait", *flags, "--format=value(result)")
    assert json.loads(waited.out) == {"ok": True}
    none = workflows("executions", "callbacks", "send", *flags)
    assert (none.code, "has no open callback" in none.err) == (1, True)


def test_given_a_wait_when_it_is_interrupted_then_the_execution_goes_on_and_the_way_back_is_told(
    workflows: Call, tmp_path: Path
) -> None:
    deployed(workflows, "sleeps")
    waiting = subprocess.Popen(
        [HAKOBUNE, "workflows", "run", "sleeps"], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert waiting.stderr is not None
    assert waiting.stderr.readline().startswith("Waiting for execution [")
    waiting.send_signal(signal.SIGINT)
    _, err = waiting.communicate(timeout=20)
    assert waiting.returncode == 130
    assert "goes on. Look at it with:\n  hakobune workflows executions describe " in err
    assert workflows("executions", "describe-last", "--format=value(state)").out == "ACTIVE\n"
    workflows("delete", "sleeps", "-q")


def test_given_a_wait_when_the_server_is_killed_and_comes_back_then_the_wait_goes_on(
    own_runtime: RuntimeProcess, workflows: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    own_runtime.start()
    monkeypatch.setenv("HAKOBUNE_URL", own_runtime.url)
    (tmp_path / "nap.yaml").write_text(files.SLEEPS.replace("3600", "1"))
    deployed(workflows, "nap")
    waiting = subprocess.Popen(
        [HAKOBUNE, "workflows", "run", "nap", "--format=value(state)"],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert waiting.stderr is not None
    assert waiting.stderr.readline().startswith("Waiting for execution [")
    own_runtime.kill()
    own_runtime.start()
    out, _ = waiting.communicate(timeout=60)
    assert (waiting.returncode, out) == (0, "SUCCEEDED\n")


def test_given_a_terminal_when_an_execution_is_waited_for_then_its_step_is_shown(
    workflows: Call, tmp_path: Path
) -> None:
    (tmp_path / "nap.yaml").write_text(files.SLEEPS.replace("3600", "0.5"))
    deployed(workflows, "nap")
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [HAKOBUNE, "workflows", "run", "nap", "--format=none"],
        stderr=theirs,
        stdout=subprocess.DEVNULL,
        env={**os.environ, "TERM": "xterm"},
    )
    os.close(theirs)
    told = b""
    while not told.endswith(b"done.\r\n"):
        told += os.read(ours, 4096)
    os.close(ours)
    assert process.wait(20) == 0
    assert " main/nap" in told.decode()


def test_given_flags_of_a_file_when_a_deployed_workflow_is_meant_then_they_are_refused(workflows: Call) -> None:
    done = workflows("run", "sum", "--set-env-vars=A=1")
    assert (done.code, "argument --set-env-vars: is for a file" in done.err) == (2, True)
    done = workflows("run", "sum.yaml", "--labels=a=b")
    assert (done.code, "argument --labels: is for deployed workflows" in done.err) == (2, True)


# -- the README ---------------------------------------------------------------------------------------------------


def test_given_the_readme_when_its_lines_about_workflows_are_typed_then_they_work(
    workflows: Call, runtime: RuntimeProcess, tmp_path: Path
) -> None:
    page = Path(__file__).resolve().parents[2] / "README.md"
    section = page.read_text(encoding="utf-8").partition("## Workflows in sixty seconds\n")[2].partition("\n## ")[0]
    blocks = re.findall(r"^```(\w+)\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)
    (tmp_path / "greet.yaml").write_text(next(text for kind, text in blocks if kind == "yaml"))
    lines = [line[2:] for kind, text in blocks if kind == "console" for line in text.splitlines()]
    environ = {**os.environ, "PATH": f"{Path(HAKOBUNE).parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["sh", "-ec", "\n".join(lines)], cwd=tmp_path, env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("2\n")
    assert "result: '1'" in done.stdout
    assert "INFO      こんにちは Aki" in done.stderr
    assert (tmp_path / "greet.svg").read_text().startswith("<svg ")


# -- quotas of `up` -----------------------------------------------------------------------------------------------


def test_given_a_quota_of_one_when_two_executions_are_started_then_the_second_is_queued_or_refused(
    own_runtime: RuntimeProcess, workflows: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    own_runtime.arguments = ("--max-executions=1", "--max-backlog=1")
    own_runtime.start()
    monkeypatch.setenv("HAKOBUNE_URL", own_runtime.url)
    deployed(workflows, "sleeps")
    first = workflows("execute", "sleeps", "--format=value(state)")
    second = workflows("execute", "sleeps", "--format=value(state)")
    assert (first.out, second.out) == ("ACTIVE\n", "QUEUED\n")
    full = workflows("execute", "sleeps")
    assert (full.code, "RESOURCE_EXHAUSTED" in full.err) == (1, True)
    refused = workflows("execute", "sleeps", "--disable-concurrency-quota-overflow-buffering")
    assert (refused.code, "RESOURCE_EXHAUSTED" in refused.err) == (1, True)
