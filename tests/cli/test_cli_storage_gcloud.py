"""The same lines, typed to the real gcloud and to us, against the same server. Skipped where gcloud is missing.

Each of the two works in a project and in buckets of its own, so that both find the same small world.
"""

from __future__ import annotations

import os
import re
import subprocess
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest
from command_calls import Outcome

from gcloud_process import GCLOUD, run_gcloud
from runtime_process import HAKOBUNE, RuntimeProcess

LINES = [
    "ls",
    "buckets create gs://{b}1 --location=us-central1",
    "buckets create gs://{b}2",
    "buckets describe gs://{b}1",
    "buckets list",
    "buckets list --format=value(name,location)",
    "buckets describe gs://{b}none",
    "buckets describe gs://{b}1/x",
    "ls",
    "ls gs://{b}1",
    "ls gs://{b}none",
    "cp hello.txt gs://{b}1/d/",
    "cp -r tree gs://{b}1",
    "cp tree gs://{b}1",
    "cp none.txt gs://{b}1",
    "cp hello.txt copy.txt",
    "cp hello.txt tree/../hello.txt gs://{b}2/twice/",
    "cp gs://{b}2/twice/hello.txt gs://{b}1/d/hello.txt gs://{b}2/again/",
    "cp gs://{b}2/twice/hello.txt gs://{b}1/d/hello.txt out",
    "mv gs://{b}2/twice/hello.txt gs://{b}2/again/hello.txt gs://{b}2/moved/",
    "ls -r gs://{b}2/**",
    "rm gs://{b}2/**",
    "cp -n hello.txt gs://{b}1/d/hello.txt",
    "cp --if-generation-match=0 hello.txt gs://{b}1/d/hello.txt",
    "cp hello.txt gs://{b}1/x --content-type=a/b --custom-metadata=k=v --cache-control=no-cache",
    "objects describe gs://{b}1/x",
    "objects describe gs://{b}1/none",
    "objects list gs://{b}1/tree/**",
    "ls -l gs://{b}1",
    "ls -r gs://{b}1",
    "ls -L gs://{b}1/x",
    "ls -L -b gs://{b}1",
    "ls gs://{b}1/*",
    "ls gs://{b}1/**.txt",
    "ls gs://{b}1/none",
    "du gs://{b}1",
    "du -s -r -c gs://{b}1 gs://{b}2",
    "cat gs://{b}1/x gs://{b}1/d/hello.txt",
    "cat -r 1-3 gs://{b}1/x",
    "cat gs://{b}1/none",
    "hash gs://{b}1/x",
    "hash hello.txt --hex",
    "hash none.txt",
    "cp gs://{b}1/x x.txt",
    "cp -r gs://{b}1/tree out",
    "cp gs://{b}1/x no-folder/",
    "cp gs://{b}1/x gs://{b}2/",
    "cp gs://{b}1/x gs://{b}1/x",
    "mv gs://{b}2/x gs://{b}2/y",
    "mv gs://{b}2/y gs://{b}1/y",
    "mv gs://{b}1 gs://{b}2",
    "objects update gs://{b}1/y --content-type=text/plain",
    "objects compose gs://{b}1/x gs://{b}1/y gs://{b}1/both",
    "buckets update gs://{b}1 --versioning --update-labels=a=b",
    "buckets describe gs://{b}1 --format=value(labels,versioning_enabled)",
    "buckets add-iam-policy-binding gs://{b}1 --member=allUsers --role=roles/storage.objectViewer",
    "buckets get-iam-policy gs://{b}1",
    "buckets notifications create gs://{b}1 --topic=t-uploads --skip-topic-setup --event-types=OBJECT_FINALIZE",
    "buckets notifications list gs://{b}1",
    "buckets create gs://{b}3 --soft-delete-duration=7d",
    "cp hello.txt gs://{b}3/d/hello.txt",
    "cp -r tree gs://{b}3",
    "rm gs://{b}3/d/hello.txt",
    "ls --soft-deleted gs://{b}3/**",
    "restore gs://{b}3/d/hello.txt",
    "cat gs://{b}3/d/hello.txt",
    "rm gs://{b}3/**",
    "restore gs://{b}3/**",
    "ls -r gs://{b}3/**",
    "restore gs://{b}3/none",
    "restore gs://{b}3/d/hello.txt#1",
    "restore gs://{b}none/x",
    "restore hello.txt",
    "restore",
    "rm gs://{b}3/d/hello.txt",
    "restore gs://{b}3/d/hello.txt --if-generation-match=5",
    "restore gs://{b}3/d/hello.txt --all-versions",
    "restore gs://{b}3/none gs://{b}3/d/hello.txt",
    "rm -r gs://{b}3",
    "rm gs://{b}1/none",
    "rm gs://{b}1/x",
    "rm gs://{b}1/tree",
    "buckets delete gs://{b}2",
    "rm -r gs://{b}1",
    "ls",
]


Program = Callable[[Sequence[str], Mapping[str, str], Path], subprocess.CompletedProcess[str]]


def plain(outcome: Outcome, buckets: str) -> tuple[int, list[str], list[str]]:
    """The outcome without what differs by nature: the names of buckets and program, instants, generations, and the
    lines of gcloud's progress. The order on stderr is that of threads."""
    texts: list[list[str]] = []
    for text in (outcome.out, outcome.err):
        text = (
            text.replace(buckets, "BUCKET")
            .replace("gcloud storage", "hakobune storage")
            .replace("(gcloud.", "(hakobune.")
        )
        text = re.sub(r"\d{4}-\d\d-\d\dT[0-9:.]+(?:\+0000|\+00:00|Z)", "INSTANT", text)
        text = re.sub(r"\b\d{16}\b", "GENERATION", text)
        text = re.sub(r"\b(theirs|ours)-project\b", "PROJECT", text)
        text = re.sub(r"(etag|ETag): .*", r"\1: E", text)
        text = re.sub(r"^(  )?id: '\d+'$", r"\1id: N", text, flags=re.MULTILINE)
        text = re.sub(r"notificationConfigs/\d+", "notificationConfigs/N", text)
        text = re.sub(r"Average throughput: .*", "", text)
        text = text.replace("Gcloud command-line tool is meant for cloud operations. ", "")
        # One command of several URLs, or of one: gcloud says the second in the manner of the first.
        text = re.sub(r"^ERROR: \(hakobune\.storage\.buckets\.delete\) ", "ERROR: ", text, flags=re.MULTILINE)
        lines = [line.strip().lstrip(".") for line in text.splitlines()]
        texts.append([line for line in lines if line])
    return outcome.code, texts[0], sorted(texts[1])


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if GCLOUD is None:
        pytest.skip("gcloud is not installed: nothing to compare with")
    return tmp_path_factory.mktemp("gcloud-storage")


def run_hakobune(words: Sequence[str], environ: Mapping[str, str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [HAKOBUNE, *words],
        env=environ,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


def run(runtime: RuntimeProcess, world: Path, who: str, program: Program, buckets: str) -> list[Outcome]:
    """What a program answers to all lines, one after the other."""
    folder = world / who
    (folder / "tree" / "sub").mkdir(parents=True)
    (folder / "out").mkdir()
    (folder / "hello.txt").write_text("hello world\n")
    (folder / "tree" / "a.txt").write_text("a")
    (folder / "tree" / "sub" / "b.bin").write_bytes(b"\x00b")
    variables = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "LANG": "C.UTF-8",
        "TERM": "dumb",
        "CLOUDSDK_CONFIG": str(world / f"{who}-config"),
        "CLOUDSDK_CORE_PROJECT": f"{who}-project",
        "CLOUDSDK_CORE_CHECK_GCE_METADATA": "false",
        "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "true",
        "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK": "true",
        "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE": str(runtime.directory / "identity" / "access-token"),
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE": f"{runtime.url}/storage/v1/",
        "HAKOBUNE_URL": runtime.url,
    }
    outcomes: list[Outcome] = []
    assert runtime.call("GET", "/hakobune/v1/env").status == 200  # which writes the file of the token
    for line in LINES:
        words = [word.format(b=buckets) for word in line.split(" ")]
        done = program(["storage", *words], variables, folder)
        outcomes.append(Outcome(done.returncode, done.stdout, done.stderr))
    return outcomes


@pytest.fixture(scope="module")
def answers(runtime: RuntimeProcess, world: Path) -> dict[str, list[tuple[int, list[str], list[str]]]]:
    """What both say to every line."""
    found: dict[str, list[tuple[int, list[str], list[str]]]] = {}
    for who, program in (("theirs", run_gcloud), ("ours", run_hakobune)):
        buckets = f"b-{uuid.uuid4().hex[:10]}-"
        found[who] = [plain(outcome, buckets) for outcome in run(runtime, world, who, program, buckets)]
    return found


@pytest.mark.parametrize("place", range(len(LINES)), ids=LINES)
def test_our_line_answers_as_gclouds_does(
    answers: dict[str, list[tuple[int, list[str], list[str]]]], place: int
) -> None:
    theirs, ours = answers["theirs"][place], answers["ours"][place]
    assert ours[0] == theirs[0], (ours, theirs)
    assert ours[1] == theirs[1]
    assert ours[2] == theirs[2]
