"""The same lines, typed to the real gcloud and to us, against the same server. Skipped where gcloud is missing.

gcloud reaches nothing but the stub: it is its proxy, and every API that gcloud would ask is overridden.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import stub_server
from command_calls import Call, Outcome

from gcloud_process import GCLOUD, run_gcloud

REGION = "--region=us-central1"
TABLES = [
    ["run", "jobs", "list"],
    ["run", "jobs", "executions", "list", REGION],
    ["run", "jobs", "executions", "tasks", "list", "--execution=thumbs-x7k2p", REGION],
    ["run", "jobs", "describe", "thumbs", REGION],
    ["run", "jobs", "executions", "describe", "thumbs-x7k2p", REGION],
    ["run", "jobs", "executions", "tasks", "describe", "thumbs-x7k2p-task1", REGION],
    ["run", "jobs", "describe", "thumbs", REGION, "--format=export"],
    ["run", "jobs", "list", "--format=json", "--filter=metadata.name:thumbs AND NOT status.conditions.status=False"],
    ["run", "jobs", "list", "--sort-by=~name", "--limit=2",
     "--format=csv(name,status.conditions[0].status:label=READY,creation_timestamp.date('%Y-%m'))"],
    ["run", "jobs", "list", "--format=value(metadata.name,spec.template.spec.taskCount,metadata.labels)"],
    ["run", "jobs", "describe", "thumbs", REGION, "--format=yaml(status,metadata.labels)"],
    ["run", "jobs", "list", "--flatten=spec.template.spec.template.spec.containers[]", "--filter=metadata.name=thumbs",
     "--format=table[box](metadata.name,spec.template.spec.template.spec.containers.image.basename():label=IMAGE)"],
    ["run", "jobs", "list", "--filter=metadata.name=zzz OR metadata.nope=1"],
    ["run", "jobs", "list", "--format=value(JOB,creation_timestamp)", "--sort-by=~metadata.name"],
]  # fmt: skip
DEEDS = [
    ["run", "jobs", "execute", "thumbs", "--wait", REGION],
    ["run", "jobs", "execute", "bad", "--wait", REGION],
    ["run", "jobs", "execute", "thumbs", REGION, "--async", "--format=value(kind)"],
    ["run", "jobs", "deploy", "one", "--image=img:1", "--tasks=2", REGION],
    ["run", "jobs", "update", "two", "--image=img:2", "--execute-now", REGION],
]
MISTAKES = [
    ["run", "jobs", "execute", "thumbs", "--tasks=zero", REGION],
    ["run", "jobs", "execute", "thumbs", "--bogus", REGION],
    ["run", "jobs", "describe", "nope", REGION],
    ["run", "jobs", "update", "nope", "--tasks=2", REGION],
    ["run", "jobs", "deploy", "UPPER", "--image=i", REGION],
    ["run", "jobs", "delete", "thumbs", REGION],
    ["run", "jobs", "executions", "cancel", "thumbs-x7k2p", "-q", REGION],
    ["run", "jobs", "list", "--filter=a:"],
]


def furnish(stub: stub_server.Stub) -> None:
    """The same small world for both."""
    stub.add_job("thumbs", labels={"team": "media"})["status"]["latestCreatedExecution"] = {
        "name": "thumbs-x7k2p",
        "creationTimestamp": stub_server.CREATED,
    }
    stub.add_job("bad")["status"]["conditions"] = [{"type": "Ready", "status": "False", "message": "No such image."}]
    stub.add_job("two", region="asia-northeast1")
    stub.failing.add("bad")
    stub.add_execution(stub_server.an_execution("thumbs-x7k2p", "thumbs", state="failed", succeeded=2))
    late = "2026-11-23T05:10:00.000000Z"
    running = stub_server.an_execution("thumbs-q9d3w", "thumbs", state="running", running=2, succeeded=1, created=late)
    stub.add_execution(running)
    for index, state in enumerate(["Succeeded", "Failed", "Running", "Pending", "Cancelled", "Abandoned"]):
        task = stub_server.a_task("thumbs-x7k2p", index, state, retried=index % 2, exit_code=3)
        stub.tasks[task["metadata"]["name"]] = task


def _gcloud(home: Path, port: int, argv: list[str]) -> Outcome:
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "TERM": "dumb",
        "CLOUDSDK_CONFIG": str(home / f"config-{abs(hash(tuple(argv)))}"),
        "CLOUDSDK_CORE_PROJECT": stub_server.PROJECT,
        "CLOUDSDK_CORE_CHECK_GCE_METADATA": "false",
        "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "true",
        "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK": "true",
        "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE": str(home / "token"),
        "CLOUDSDK_PROXY_TYPE": "http",
        "CLOUDSDK_PROXY_ADDRESS": "127.0.0.1",
        "CLOUDSDK_PROXY_PORT": str(port),
    }
    for api in ("RUN", "SERVICEUSAGE", "IAM", "CLOUDRESOURCEMANAGER", "LOGGING"):
        environ[f"CLOUDSDK_API_ENDPOINT_OVERRIDES_{api}"] = "http://run.local/"
    done = run_gcloud(argv, environ)
    return Outcome(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[tuple[str, ...], Outcome]]:
    """What gcloud answers to every line; asked three at a time, each deed in a world of its own."""
    if GCLOUD is None:
        pytest.skip("gcloud is not installed: nothing to compare with")
    home = tmp_path_factory.mktemp("gcloud")
    (home / "token").write_text("a-token")

    def ask(argv: list[str]) -> Outcome:
        with stub_server.Server() as stub:
            furnish(stub)
            return _gcloud(home, stub.port, argv)

    lines = [*TABLES, *DEEDS, *MISTAKES]
    with ThreadPoolExecutor(3) as pool:
        yield {tuple(argv): outcome for argv, outcome in zip(lines, pool.map(ask, lines), strict=True)}


@pytest.fixture
def ours(stub: stub_server.Stub, hakobune: Call) -> Callable[[list[str]], Outcome]:
    """The same world, asked through our own command."""
    furnish(stub)
    return lambda argv: hakobune(*argv)


def plain(text: str) -> list[str]:
    """Lines without colours, without spaces at their ends, and with one name for both programs."""
    text = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", text)
    return [line.rstrip() for line in text.replace("hakobune", "gcloud").splitlines()]


def told(text: str) -> list[str]:
    """What is said on the way: dots of waiting, the links and hints that differ, and empty lines left out."""
    lines = [re.sub(r"\.{3,}", "...", line) for line in plain(text)]
    differing = ("Or visit https://", "Read its log", "gcloud run jobs executions logs", "Task bad-")
    return [line for line in lines if line and not line.startswith(differing)]


@pytest.mark.parametrize("argv", TABLES, ids=lambda argv: " ".join(argv[1:4]))
def test_answers_are_those_of_gcloud(theirs, ours, argv: list[str]) -> None:
    wanted, got = theirs[tuple(argv)], ours(argv)
    assert plain(got.out) == plain(wanted.out)
    assert plain(got.err) == plain(wanted.err)
    assert got.code == wanted.code


@pytest.mark.parametrize("argv", DEEDS, ids=lambda argv: " ".join(argv[2:5]))
def test_messages_are_those_of_gcloud(theirs, ours, argv: list[str]) -> None:
    wanted, got = theirs[tuple(argv)], ours(argv)
    assert told(got.err) == told(wanted.err)
    assert plain(got.out) == plain(wanted.out)
    assert got.code == wanted.code


@pytest.mark.parametrize("argv", MISTAKES, ids=lambda argv: " ".join(argv[2:5]))
def test_errors_and_exit_codes_are_those_of_gcloud(theirs, ours, argv: list[str]) -> None:
    wanted, got = theirs[tuple(argv)], ours(argv)
    assert got.code == wanted.code
    error = next(line for line in plain(got.err) if line.startswith("ERROR: ")).strip()
    assert error in [line.strip() for line in plain(wanted.err)]
