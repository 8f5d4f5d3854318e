"""Sources, checkpoints and warm starts with real processes."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from runtime_process import BASE, RuntimeProcess, completed


def deploy(runtime: RuntimeProcess, job: str, container: dict[str, object], **annotations: str) -> Any:
    """Create a job, or declare it anew; the job when it is prepared."""
    marks = {name.replace("_", "-"): value for name, value in annotations.items()}
    body = {
        "template": {
            "annotations": {f"hakobune.dev/{name}": value for name, value in marks.items()},
            "template": {"containers": [container], "maxRetries": 2},
        }
    }
    answer = runtime.call("PATCH", f"{BASE}/jobs/{job}?allowMissing=true", body)
    assert answer.status == 200, answer.body
    end = time.monotonic() + 60
    operation = answer.json
    while not operation.get("done"):
        assert time.monotonic() < end, operation
        operation = runtime.get(operation["name"])
        time.sleep(0.02)
    return operation


def output(runtime: RuntimeProcess, execution: str) -> list[str]:
    """What the tasks of an execution said, once it has ended."""
    ended = runtime.wait(execution)
    assert completed(ended)["state"] == "CONDITION_SUCCEEDED", ended
    name = execution.rpartition("/")[2]
    entries = runtime.entries(f'logName:"stdout" AND labels."run.googleapis.com/execution_name"="{name}"')
    return [entry.get("textPayload") or json.dumps(entry["jsonPayload"]) for entry in entries]


def test_given_a_mapped_image_when_its_source_changes_then_it_runs_what_was_deployed(
    own_runtime: RuntimeProcess,
) -> None:
    source = own_runtime.directory.parent / "app"
    source.mkdir()
    (source / "words.txt").write_text("one")
    program = "import pathlib, os; print(pathlib.Path('words.txt').read_text(), sorted(os.listdir()))"
    (source / "main.py").write_text(program)
    own_runtime.arguments = ("--map-image", f"gcr.io/p/app={source}")
    own_runtime.start()
    container = {"image": "gcr.io/p/app:v7"}
    deploy(own_runtime, "job", container)
    (source / "words.txt").write_text("two")
    assert output(own_runtime, own_runtime.run("job")) == ["one ['main.py', 'words.txt']"]
    own_runtime.kill()
    own_runtime.start()
    assert output(own_runtime, own_runtime.run("job")) == ["one ['main.py', 'words.txt']"]
    deploy(own_runtime, "job", container)
    assert output(own_runtime, own_runtime.run("job")) == ["two ['main.py', 'words.txt']"]


def test_given_a_procfile_when_no_command_is_declared_then_it_says_how_to_start(
    runtime: RuntimeProcess, tmp_path: Path
) -> None:
    (tmp_path / "Procfile").write_text("web: ./say $CLOUD_RUN_TASK_INDEX twice\n")
    (tmp_path / "say").write_text('#!/bin/sh\necho "$0 $*"\n')
    (tmp_path / "say").chmod(0o755)
    deploy(runtime, "procfile", {"image": "any"}, source=str(tmp_path))
    assert output(runtime, runtime.run("procfile")) == ["./say 0 twice"]


def test_given_a_source_without_an_entry_point_when_deployed_then_the_operation_ends_with_the_remedy(
    runtime: RuntimeProcess, tmp_path: Path
) -> None:
    (tmp_path / "notes.txt").write_text("nothing to run")
    operation = deploy(runtime, "no-entry", {"image": "any"}, source=str(tmp_path))
    assert "The source has no entry point" in operation["error"]["message"]
    job = runtime.get(f"{BASE.removeprefix('/v2/')}/jobs/no-entry")
    assert job["terminalCondition"]["state"] == "CONDITION_FAILED"
    assert runtime.call("POST", f"{BASE}/jobs/no-entry:run", {}).status == 400


CHECKPOINT = """
import os, sys
sys.path.insert(0, {path!r})
from hakobune.sdk import Checkpoint
checkpoint = Checkpoint.open()
seen = checkpoint.load([]) + [int(os.environ["CLOUD_RUN_TASK_ATTEMPT"])]
checkpoint.save(seen)
print(seen)
sys.exit(0 if len(seen) == 3 else 1)
"""


def test_given_a_checkpoint_when_attempts_fail_then_each_finds_what_the_last_one_saved_until_the_execution_goes(
    runtime: RuntimeProcess,
) -> None:
    import hakobune

    program = CHECKPOINT.format(path=str(Path(hakobune.__file__).parents[1]))
    container: dict[str, object] = {"image": "local", "command": ["python3", "-c", program]}
    deploy(runtime, "checkpointed", container)
    execution = runtime.run("checkpointed")
    assert output(runtime, execution) == ["[0]", "[0, 1]", "[0, 1, 2]"]
    kept = runtime.directory / "checkpoints"
    name = execution.rpartition("/")[2]
    assert len(list(kept.glob(f"*/checkpointed/{name}/0/checkpoint.json"))) == 1
    assert runtime.call("DELETE", f"/v2/{execution}").status == 200
    end = time.monotonic() + 20
    while list(kept.glob(f"*/checkpointed/{name}")):
        assert time.monotonic() < end
        time.sleep(0.02)


def test_given_warm_modules_when_a_job_is_run_then_the_task_sees_what_a_cold_one_sees(
    runtime: RuntimeProcess, tmp_path: Path
) -> None:
    (tmp_path / "helper.py").write_text("WORD = 'helped'\n")
    (tmp_path / "main.py").write_text(
        "import os, sys, helper\n"
        "names = ['CLOUD_RUN_TASK_INDEX', 'CLOUD_RUN_TASK_COUNT', 'CLOUD_RUN_TASK_ATTEMPT', 'MINE', 'PATH', 'HOME']\n"
        "print(sys.argv, helper.WORD, [os.environ.get(name) for name in names], __name__)\n"
        "print('decimal' in sys.modules)\n"
    )
    container = {
        "image": "any",
        "command": ["python3", "main.py"],
        "args": ["a b", "--c"],
        "env": [{"name": "MINE", "value": "値"}],
    }
    said = {}
    for job, marks in (("cold", {}), ("warm", {"warm_modules": "decimal"})):
        deploy(runtime, job, container, source=str(tmp_path), **marks)
        said[job] = output(runtime, runtime.run(job))
    assert said["cold"][0] == said["warm"][0]
    assert said["cold"][0].startswith("['main.py', 'a b', '--c'] helped ['0', '1', '0', '値', ")
    assert (said["cold"][1], said["warm"][1]) == ("False", "True")


def test_given_a_running_runtime_when_its_pages_are_read_then_they_hold_real_numbers(runtime: RuntimeProcess) -> None:
    page = runtime.call("GET", "/metrics")
    assert page.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert b"hakobune_store_commit_seconds_count " in page.body
    checks = {check["name"]: check for check in runtime.call("GET", "/hakobune/v1/doctor").json["checks"]}
    assert checks["store"]["state"] == "ok"
    assert any(name.startswith("engine: ") and "memory" in name for name in checks), sorted(checks)


@pytest.mark.skipif(os.path.isdir("/cloudsql"), reason="a socket of the Cloud SQL Auth Proxy may be here")
def test_given_a_cloud_sql_volume_when_deployed_then_the_job_runs_and_the_runtime_warns(
    own_runtime: RuntimeProcess,
) -> None:
    own_runtime.start()
    volume = {"name": "db", "cloudSqlInstance": {"instances": ["p:r:main"]}}
    answer = own_runtime.create("sql", ["/bin/echo", "ran"], volumes=[volume])
    assert answer.status == 200, answer.body
    assert output(own_runtime, own_runtime.run("sql")) == ["ran"]
    assert "no socket is provided" in own_runtime.log
