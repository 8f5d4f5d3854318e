"""The real gcloud as a client, where it is installed: the guide's commands, with an image that is mapped and with `local`."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from gcloud_process import GCLOUD, environ_of, run_gcloud
from runtime_process import HAKOBUNE, RuntimeProcess

IMAGE = "asia-northeast1-docker.pkg.dev/PROJECT_ID/app/batch"
REGION = "asia-northeast1"
COLOURS = re.compile("\x1b\\[[0-9;]*m")

pytestmark = pytest.mark.skipif(GCLOUD is None, reason="gcloud is not installed: its commands cannot be tried here")


@pytest.fixture(scope="module")
def mapped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RuntimeProcess]:
    source = tmp_path_factory.mktemp("batch")
    (source / "main.py").write_text('import os\nprint("item", os.environ["CLOUD_RUN_TASK_INDEX"])\n')
    directory = tmp_path_factory.mktemp("gcloud") / "data"
    found = RuntimeProcess(directory, ("--map-image", f"{IMAGE}={source}")).start()
    yield found
    assert found.stop() == 0, found.log


@pytest.fixture(scope="module")
def environ(mapped: RuntimeProcess, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """In what gcloud finds that runtime."""
    return environ_of(mapped, tmp_path_factory.mktemp("gcloud-config"))


def run(words: list[str], environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    if words[0] == GCLOUD:
        done = run_gcloud(words[1:], environ)
    else:
        done = subprocess.run(words, env=environ, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=100)
    done.stdout, done.stderr = COLOURS.sub("", done.stdout), COLOURS.sub("", done.stderr)
    return done


@pytest.fixture(params=["gcloud", "hakobune"])
def tool(request: pytest.FixtureRequest) -> str:
    return GCLOUD or "" if request.param == "gcloud" else HAKOBUNE


def name_of(tool: str, what: str) -> str:
    return f"{what}-{Path(tool).name}"


def test_the_guides_deploy_and_execute_run_as_they_stand(tool: str, environ: dict[str, str]) -> None:
    job = name_of(tool, "batch-convert")
    deployed = run(
        [
            tool, "run", "jobs", "deploy", job, "--image", f"{IMAGE}:abc123", "--region", REGION, "--tasks", "10",
            "--parallelism", "2", "--max-retries", "3", "--task-timeout", "3600s",
            "--service-account", "batch@demo-project.iam.gserviceaccount.com",
        ],
        environ,
    )  # fmt: skip
    assert deployed.returncode == 0, deployed.stderr
    assert f"Job [{job}] has successfully been deployed." in deployed.stderr
    executed = run([tool, "run", "jobs", "execute", job, "--region", REGION, "--wait"], environ)
    assert executed.returncode == 0, executed.stderr
    assert "has successfully completed." in executed.stderr
    listed = run(
        [
            tool,
            "run",
            "jobs",
            "executions",
            "list",
            "--job",
            job,
            "--region",
            REGION,
            "--format",
            "value(status.succeededCount)",
        ],
        environ,
    )
    assert listed.stdout.split() == ["10"], listed.stderr
    read = run([tool, "beta", "run", "jobs", "logs", "read", job, "--region", REGION], environ)
    assert sorted(line.rpartition(" ")[2] for line in read.stdout.splitlines() if " item " in line) == sorted(
        str(index) for index in range(10)
    )


def test_image_local_runs_a_program_and_a_failure_is_told(tool: str, environ: dict[str, str]) -> None:
    job = name_of(tool, "local")
    deployed = run(
        [
            tool, "run", "jobs", "deploy", job, "--image", "local", "--command", "/bin/sh", "--args=-c,exit 3",
            "--region", REGION, "--max-retries", "0",
        ],
        environ,
    )  # fmt: skip
    assert deployed.returncode == 0, deployed.stderr
    executed = run([tool, "run", "jobs", "execute", job, "--region", REGION, "--wait"], environ)
    assert executed.returncode == 1
    assert "The execution failed." in executed.stderr
    latest = run(
        [
            tool,
            "run",
            "jobs",
            "describe",
            job,
            "--region",
            REGION,
            "--format",
            "value(status.latestCreatedExecution.name)",
        ],
        environ,
    ).stdout.strip()
    described = run([tool, "run", "jobs", "executions", "describe", latest, "--region", REGION], environ)
    assert f"Task {latest}-task0 failed with exit code: 3 and message: The container exited" in described.stdout


def test_an_unmapped_image_is_refused_with_the_remedy(tool: str, environ: dict[str, str]) -> None:
    words = [tool, "run", "jobs", "deploy", name_of(tool, "unmapped"), "--image", "us-docker.pkg.dev/p/x:1"]
    refused = run([*words, "--region", REGION], environ)
    assert refused.returncode == 1
    assert "--map-image us-docker.pkg.dev/p/x=DIR" in refused.stderr


def test_cancel_and_delete_say_what_they_did(tool: str, environ: dict[str, str]) -> None:
    job = name_of(tool, "long")
    run(
        [
            tool, "run", "jobs", "deploy", job, "--image", "local", "--command", "/bin/sleep", "--args", "300",
            "--region", REGION, "--execute-now",
        ],
        environ,
    )  # fmt: skip
    words = [
        tool,
        "run",
        "jobs",
        "executions",
        "list",
        "--job",
        job,
        "--region",
        REGION,
        "--format",
        "value(metadata.name)",
    ]
    execution = run(words, environ).stdout.strip()
    cancelled = run([tool, "run", "jobs", "executions", "cancel", execution, "--region", REGION, "--quiet"], environ)
    assert cancelled.returncode == 0, cancelled.stderr
    assert f"Cancelled execution [{execution}]." in cancelled.stderr
    deleted = run([tool, "run", "jobs", "delete", job, "--region", REGION, "--quiet"], environ)
    assert deleted.returncode == 0, deleted.stderr
    assert f"Deleted job [{job}]." in deleted.stderr
