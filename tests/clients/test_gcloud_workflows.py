"""The real gcloud as a client of workflows, where it is installed."""

from __future__ import annotations

import json
import subprocess
import uuid
from pathlib import Path
from typing import Any

import pytest

from gcloud_process import GCLOUD, run_gcloud
from runtime_process import LOCATION

DOUBLE = "main:\n  params: [args]\n  steps:\n    - done:\n        return: ${args.n * 2}\n"
FAIL = 'main:\n  steps:\n    - boom:\n        raise: "no luck"\n'
SLEEP = "main:\n  steps:\n    - doze:\n        call: sys.sleep\n        args: {seconds: 3600}\n"

pytestmark = pytest.mark.skipif(GCLOUD is None, reason="gcloud is not installed: its commands cannot be tried here")


@pytest.fixture(scope="module")
def environ(environ: dict[str, str]) -> dict[str, str]:
    return {**environ, "CLOUDSDK_WORKFLOWS_LOCATION": LOCATION}


@pytest.fixture
def name() -> str:
    return f"w-{uuid.uuid4().hex[:8]}"


def gcloud(environ: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    return run_gcloud(["workflows", *words], environ)


def told(environ: dict[str, str], *words: str) -> Any:
    """What a command that must succeed says, as JSON."""
    done = gcloud(environ, *words, "--format=json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def source(tmp_path: Path, text: str) -> str:
    path = tmp_path / "workflow.yaml"
    path.write_text(text)
    return f"--source={path}"


def test_a_workflow_is_deployed_described_changed_listed_and_deleted(
    environ: dict[str, str], name: str, tmp_path: Path
) -> None:
    done = gcloud(
        environ,
        "deploy",
        name,
        source(tmp_path, DOUBLE),
        "--description=first",
        "--labels=team=art",
        "--call-log-level=log-errors-only",
        "--execution-history-level=execution-history-detailed",
        "--set-env-vars=A=1,B=2",
        "--service-account=batch@demo-project.iam.gserviceaccount.com",
    )
    assert done.returncode == 0, done.stderr
    assert "state: ACTIVE" in done.stdout
    found = told(environ, "describe", name)
    assert (found["description"], found["labels"], found["userEnvVars"]) == (
        "first",
        {"team": "art"},
        {"A": "1", "B": "2"},
    )
    assert found["serviceAccount"].endswith("/serviceAccounts/batch@demo-project.iam.gserviceaccount.com")
    assert (found["callLogLevel"], found["executionHistoryLevel"]) == ("LOG_ERRORS_ONLY", "EXECUTION_HISTORY_DETAILED")
    first = found["revisionId"]
    changed = told(environ, "deploy", name, "--update-env-vars=B=3", "--description=second")
    assert (changed["description"], changed["userEnvVars"], changed["sourceContents"]) == (
        "second",
        {"A": "1", "B": "3"},
        DOUBLE,
    )
    assert told(environ, "describe", name, f"--revision-id={first}")["userEnvVars"] == {"A": "1", "B": "2"}
    listed = gcloud(environ, "list", "--sort-by=name")
    assert listed.stdout.splitlines()[0].split() == ["NAME", "STATE", "REVISION_ID", "UPDATE_TIME"]
    assert name in listed.stdout
    assert [found["name"].rpartition("/")[2] for found in told(environ, "list", f"--filter=name:{name}")] == [name]
    deleted = gcloud(environ, "delete", name)
    assert deleted.returncode == 0, deleted.stderr
    gone = gcloud(environ, "describe", name)
    assert gone.returncode == 1
    assert "NOT_FOUND" in gone.stderr


def test_a_wrong_source_is_told(environ: dict[str, str], name: str, tmp_path: Path) -> None:
    done = gcloud(environ, "deploy", name, source(tmp_path, "main: {steps: 5}"))
    assert done.returncode == 1
    assert "[INVALID_ARGUMENT] failed to build" in done.stderr


def test_a_run_waits_and_prints_the_result(environ: dict[str, str], name: str, tmp_path: Path) -> None:
    told(environ, "deploy", name, source(tmp_path, DOUBLE))
    ended = told(environ, "run", name, '--data={"n": 21}', "--labels=run=one")
    assert (ended["state"], ended["result"], ended["argument"], ended["labels"]) == (
        "SUCCEEDED",
        "42",
        '{"n": 21}',
        {"run": "one"},
    )
    last = gcloud(environ, "executions", "describe-last")
    assert last.returncode == 0, last.stderr
    assert ended["name"].rpartition("/")[2] in last.stdout
    wrong = gcloud(environ, "execute", name, "--data={")
    assert wrong.returncode == 1
    assert "is not valid JSON" in wrong.stderr
    told(environ, "deploy", name, source(tmp_path, FAIL))
    failed = told(environ, "run", name)
    assert (failed["state"], failed["error"]["payload"]) == ("FAILED", '"no luck"')


def test_executions_are_begun_described_listed_cancelled_and_waited_for(
    environ: dict[str, str], name: str, tmp_path: Path
) -> None:
    told(environ, "deploy", name, source(tmp_path, SLEEP))
    begun = told(environ, "execute", name, "--call-log-level=log-all-calls")
    execution = begun["name"].rpartition("/")[2]
    of_it = f"--workflow={name}"
    assert told(environ, "executions", "describe", execution, of_it)["state"] == "ACTIVE"
    cancelled = gcloud(environ, "executions", "cancel", execution, of_it)
    assert cancelled.returncode == 0, cancelled.stderr
    assert told(environ, "executions", "wait", execution, of_it)["state"] == "CANCELLED"
    listed = gcloud(environ, "executions", "list", name)
    assert listed.stdout.splitlines()[0].split() == ["NAME", "STATE", "START_TIME", "END_TIME"]
    assert execution in listed.stdout
