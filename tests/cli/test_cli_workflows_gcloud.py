"""The same lines, typed to the real gcloud and to us, against the same server. Skipped where gcloud is missing.

Each of the two works in a project of its own, so that both find the same small world.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import workflow_files as files
from command_calls import Call, Outcome

from gcloud_process import GCLOUD, run_gcloud
from runtime_process import RuntimeProcess

LINES = [
    "workflows list",
    "workflows deploy sum --location=us-central1",
    "workflows deploy sum --source=sum.yaml --location=us-central1 --description=adds --labels=a=b",
    "workflows deploy sum --location=us-central1 --set-env-vars=A=1 --call-log-level=log-errors-only --format=json",
    "workflows deploy sum --source=sum.yaml --location=us-central1 --update-env-vars=K=V",
    "workflows deploy sum --location=us-central1 --execution-history-level=execution-history-detailed",
    "workflows deploy sum --location=us-central1 --service-account=me@x.iam.gserviceaccount.com",
    "workflows deploy sum --location=us-central1",
    "workflows deploy bad --source=bad.yaml --location=us-central1",
    "workflows deploy 9bad --source=bad.yaml --location=us-central1",
    "workflows deploy fails --source=fails.yaml --location=us-central1 --async --format=value(metadata.verb,done)",
    "workflows describe sum --location=us-central1",
    "workflows describe nothing --location=us-central1",
    "workflows list --location=us-central1 --format=table(name.basename(),state)",
    "workflows list --location=us-central1 --filter=name:sum --format=json",
    "workflows executions describe-last",
    'workflows run sum --location=us-central1 --data={"n":4} --labels=c=d',
    "workflows run fails --location=us-central1",
    "workflows execute sum --location=us-central1 --data=oops",
    'workflows execute sum --location=us-central1 --data={"n":2}',
    "workflows executions wait-last",
    "workflows executions list fails --location=us-central1 --format=value(state)",
    "workflows executions describe some-id --location=us-central1",
    "workflows executions cancel some-id --workflow=sum --location=us-central1 -q",
    "workflows delete sum --location=us-central1",
    "workflows delete sum --location=us-central1 -q",
]


def plain(outcome: Outcome) -> tuple[int, list[str], list[str]]:
    """The outcome without what differs by nature: identifiers, instants, names of program and project, and how gcloud
    pads the lines of a wait and of an error."""
    texts: list[list[str]] = []
    for text in (outcome.out, outcome.err):
        text = re.sub(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}", "ID", text)
        text = re.sub(r"\d{4}-\d\d-\d\dT[0-9:.]+Z", "INSTANT", text)
        text = re.sub(r"(\d{6})-[0-9a-f]{3}", r"\1-xxx", text)
        text = re.sub(r"duration: [0-9.]+s", "duration: D", text)
        text = re.sub(r"\d+-compute@", "N-compute@", text)
        text = re.sub(r"\b(theirs|ours)-project\b", "PROJECT", text)
        text = re.sub(r"^\.*(done|failed)\.$", r"\1.", text, flags=re.MULTILINE)
        # A place in the source: we know the name of the file.
        text = re.sub(r"^(?:line |bad\.yaml:)(\d+:\d+)", r"PLACE \1", text, flags=re.MULTILINE)
        text = re.sub(r" This command is authenticated with .* property\.$", "", text, flags=re.MULTILINE)
        text = re.sub(
            r"(?:^- '@type'|^  fieldViolations|^  - description|^    field).*\n", "", text, flags=re.MULTILINE
        )
        texts.append([line.rstrip() for line in text.replace("hakobune workflows", "gcloud workflows")
                      .replace("(hakobune.", "(gcloud.").splitlines()])  # fmt: skip
    return outcome.code, texts[0], texts[1]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if GCLOUD is None:
        pytest.skip("gcloud is not installed: nothing to compare with")
    folder = tmp_path_factory.mktemp("gcloud-workflows")
    for name in ("SUM", "FAILS", "BAD"):
        (folder / f"{name.lower()}.yaml").write_text(getattr(files, name))
    return folder


def environment(runtime: RuntimeProcess, folder: Path, project: str) -> dict[str, str]:
    """What gcloud and we are given: nothing leads away from the server."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "LANG": "C.UTF-8",
        "TERM": "dumb",
        "CLOUDSDK_CONFIG": str(folder / project),
        "CLOUDSDK_CORE_PROJECT": project,
        "CLOUDSDK_CORE_CHECK_GCE_METADATA": "false",
        "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "true",
        "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK": "true",
        "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE": str(runtime.directory / "identity" / "access-token"),
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_WORKFLOWS": f"{runtime.url}/",
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_WORKFLOWEXECUTIONS": f"{runtime.url}/",
        "CLOUDSDK_PROXY_TYPE": "http",
        "CLOUDSDK_PROXY_ADDRESS": "127.0.0.1",
        "CLOUDSDK_PROXY_PORT": str(runtime.port),
        "HAKOBUNE_URL": runtime.url,
    }


@pytest.fixture(scope="module")
def theirs(runtime: RuntimeProcess, world: Path) -> list[Outcome]:
    """What gcloud answers, line after line: each leaves the world as the next one needs it."""
    outcomes: list[Outcome] = []
    assert runtime.call("GET", "/hakobune/v1/env").status == 200  # which writes the file of the token
    for line in LINES:
        done = run_gcloud(line.split(" "), environment(runtime, world, "theirs-project"), world)
        outcomes.append(Outcome(done.returncode, done.stdout, done.stderr))
    return outcomes


@pytest.fixture
def ours(
    runtime: RuntimeProcess, world: Path, no_settings: None, run_here: Call, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], Outcome]:
    for name, value in environment(runtime, world, "ours-project").items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(world)
    return lambda line: run_here(*line.split(" "))


def test_given_the_same_lines_when_they_are_typed_then_both_say_the_same(
    theirs: list[Outcome], ours: Callable[[str], Outcome]
) -> None:
    differing: list[str] = []
    for line, their in zip(LINES, theirs, strict=True):
        expected, found = plain(their), plain(ours(line))
        if found != expected:
            differing.append(f"{line}\n  gcloud: {expected}\n  ours:   {found}")
    assert not differing, "\n".join(differing)
