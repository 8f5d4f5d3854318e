"""Runs every command and code block of the guide, as it stands in a Markdown file, against a fresh runtime.

    run_guide.py GUIDE.md [--gcloud PROGRAM]

Blocks of `bash` are run by bash, one after the other, with `hakobune` in the place of gcloud (or with the real one:
`--gcloud /usr/bin/gcloud`). Blocks of `python` become the program of the job whose image the guide names, after
`examples/guide/prelude.py`, which defines the names that they leave open. Blocks of `yaml` are deployed as workflows
and executed; a fragment stands in `examples/guide/frame.yaml`. Only what is the reader's is put in: the project's id,
what the image stands for, and the services behind the hosts (`examples/guide/services.py`, one for each name).

It prints a line for each block and each check, and ends with 1 if one of them failed.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from served import HAKOBUNE, served

EXAMPLE = Path(__file__).parents[1] / "examples" / "guide"
PROJECT = "guide-project"
LOCATION = "asia-northeast1"
ITEMS = [f"item-{number:03d}" for number in range(110)]
STRIDE = 100_000  # of the guide's ids; the local one is the prelude's
LOCAL_ID = 7
VIDEO = {"video": "gs://uploads-raw/news.mp4"}
SECONDS = 120.0  # for what becomes of one block
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_IMAGE = re.compile(r"--image[ =](\S+)")
_HOST = re.compile(r"https://([a-z][a-z0-9-]*)-[a-z0-9]+\.a\.run\.app")
_RUN_SERVICE = re.compile(r"--destination-run-service[ =](\S+)")
_BUCKET = re.compile(r"bucket=([a-z0-9._-]+)")


@dataclass(frozen=True, kw_only=True)
class Block:
    """One block of the guide; `line` is that of its fence."""

    language: str
    text: str
    line: int


def blocks_of(guide: str) -> list[Block]:
    """All blocks of a Markdown text, in order."""
    return [
        Block(language=found[1], text=found[2], line=guide.count("\n", 0, found.start()) + 1)
        for found in _BLOCK.finditer(guide)
    ]


class Walk:
    """The guide's blocks against one runtime."""

    def __init__(self, blocks: list[Block], folder: Path, environ: dict[str, str]) -> None:
        self._blocks = blocks
        self._folder = folder
        self._environ = environ
        self.failed = 0

    def all(self) -> None:
        """Prepare what is the reader's, then run block after block, then look at what became of it."""
        self._prepare()
        for block in self._blocks:
            title = next((line for line in block.text.splitlines() if line and not line.startswith("#")), "")
            self._step(
                f"line {block.line}, {block.language}: {title.strip()[:60]}", lambda block=block: self._run(block)
            )
        text = "\n".join(block.text for block in self._blocks)
        tasks = re.findall(r"--tasks[ =](\d+)", text)
        if tasks and "jobs execute" in text and any(block.language == "python" for block in self._blocks):
            self._step("each item is done, and each task has its output", lambda: self._outputs(int(tasks[0])))
        if "scheduler jobs create" in text:
            self._step("the schedule's run starts the job", lambda: self._scheduled(text))
        for service in _RUN_SERVICE.findall(text):
            self._step(f"an upload starts {service}", lambda service=service: self._triggered(text, service))

    def _step(self, title: str, work: Callable[[], str]) -> None:
        try:
            print(f"ok      {title}: {work()}", flush=True)
        except (AssertionError, RuntimeError, subprocess.SubprocessError) as error:
            self.failed += 1
            print(f"FAILED  {title}: {error}", flush=True)

    # -- what is the reader's -----------------------------------------------------------------------------------------

    def _prepare(self) -> None:
        text = "\n".join(block.text for block in self._blocks)
        buckets = {"inputs", "outputs", *_BUCKET.findall(text)}
        self.hakobune("storage", "buckets", "create", *(f"gs://{bucket}" for bucket in sorted(buckets)))
        items = self._folder / "items.json"
        items.write_text(json.dumps(ITEMS), encoding="utf-8")
        self.hakobune("storage", "cp", str(items), "gs://inputs/items.json")
        for name in sorted({*_HOST.findall(text), *_RUN_SERVICE.findall(text)}):
            program = ["--command", sys.executable, "--args", str(EXAMPLE / "services.py")]
            self.hakobune("run", "deploy", name, "--image", "local", *program, "--region", LOCATION, "--quiet")

    def hakobune(self, *words: str) -> str:
        """What our own command prints."""
        return self._command([str(HAKOBUNE), *words])

    def _command(self, words: list[str]) -> str:
        done = subprocess.run(
            words, env=self._environ, cwd=self._folder, capture_output=True, text=True, timeout=SECONDS, check=False
        )
        if done.returncode:
            raise RuntimeError(f"{shlex.join(words)[:120]} ended with {done.returncode}: {done.stderr.strip()[-800:]}")
        return done.stdout

    # -- blocks -------------------------------------------------------------------------------------------------------

    def _run(self, block: Block) -> str:
        if block.language == "bash":
            text = block.text.replace("PROJECT_ID", PROJECT)
            self._command(["bash", "-eu", "-o", "pipefail", "-c", text])
            return "exit 0"
        if block.language == "python":
            return "in the program of the job"
        if block.language == "yaml":
            return self._workflow(block)
        raise RuntimeError(f"no way is known to run a block of {block.language}")

    def _workflow(self, block: Block) -> str:
        text = block.text
        if not isinstance(yaml.safe_load(re.sub(r"\$\{.*?\}(?=\s|$|,)", "0", text)), dict):
            text = (EXAMPLE / "frame.yaml").read_text(encoding="utf-8") + text
        name = f"guide-{block.line}"
        source = self._folder / f"{name}.yaml"
        source.write_text(text, encoding="utf-8")
        self.hakobune("workflows", "deploy", name, f"--source={source}", f"--location={LOCATION}", "--quiet")
        words = ["workflows", "run", name, f"--location={LOCATION}", f"--data={json.dumps(VIDEO)}", "--format=json"]
        execution = json.loads(self.hakobune(*words))
        assert execution["state"] == "SUCCEEDED", execution.get("error", execution)
        return f"SUCCEEDED with {execution.get('result', 'null')[:160]}"

    # -- what became of it --------------------------------------------------------------------------------------------

    def executions(self, job: str) -> list[dict[str, Any]]:
        """Newest first."""
        listed = self.hakobune("run", "jobs", "executions", "list", "--job", job, "--region", LOCATION, "--format=json")
        found: list[dict[str, Any]] = json.loads(listed)
        return found

    def _outputs(self, tasks: int) -> str:
        seen = self.hakobune("storage", "ls", "gs://inputs/seen/**").split()
        assert sorted(seen) == [f"gs://inputs/seen/{item}" for item in ITEMS], f"{len(seen)} items of {len(ITEMS)}"
        outputs = self.hakobune("storage", "ls", "gs://outputs/results/**").split()
        expected = {f"gs://outputs/results/{index * STRIDE + LOCAL_ID}.json" for index in range(tasks)}
        assert set(outputs) == expected, f"{len(outputs)} outputs, of them {len(expected - set(outputs))} missing"
        return f"{len(seen)} items, {len(outputs)} outputs"

    def _scheduled(self, text: str) -> str:
        schedule = re.findall(r"scheduler jobs create http (\S+)", text)[0]
        job = re.findall(r"/jobs/([a-z0-9-]+):run", text)[0]
        before = len(self.executions(job))
        self.hakobune("scheduler", "jobs", "run", schedule, f"--location={LOCATION}")
        wait_for(lambda: len(self.executions(job)) > before, "the schedule began no execution")
        return f"{job} has {before + 1} executions"

    def _triggered(self, text: str, service: str) -> str:
        bucket = _BUCKET.findall(text)[0]
        upload = self._folder / "upload.bin"
        upload.write_bytes(b"content")
        self.hakobune("storage", "cp", str(upload), f"gs://{bucket}/upload.bin")
        words = ("logging", "read", f'"objects/upload.bin" AND resource.labels.service_name="{service}"')
        wait_for(lambda: "upload.bin" in self.hakobune(*words, "--format=json"), f"{service} was told of no upload")
        return "it was told of objects/upload.bin"


def wait_for(is_so: Callable[[], bool], otherwise: str) -> None:
    """Until it is so. Raises RuntimeError after a while."""
    end_s = time.monotonic() + SECONDS
    while not is_so():
        if time.monotonic() > end_s:
            raise RuntimeError(otherwise)
        time.sleep(0.2)


def _environment(url: str, folder: Path, gcloud: str | None) -> dict[str, str]:
    """What `hakobune env` prints, and a `gcloud` that is first on the path."""
    port = url.rpartition(":")[2]
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("CLOUDSDK_", "GOOGLE_"))}
    printed = subprocess.run(
        ["/bin/sh", "-c", f'eval "$({shlex.quote(str(HAKOBUNE))} env --port {port})"; env -0'],
        env=plain,
        capture_output=True,
        check=True,
    ).stdout.decode()
    environ = dict(item.partition("=")[::2] for item in printed.split("\0") if item)
    shims = folder / "bin"
    shims.mkdir()
    shim = shims / "gcloud"
    shim.write_text(f'#!/bin/sh\nexec {shlex.quote(gcloud or str(HAKOBUNE))} "$@"\n', encoding="utf-8")
    shim.chmod(0o755)
    return environ | {
        "PATH": f"{shims}:{environ['PATH']}",
        "CLOUDSDK_CONFIG": str(folder / "gcloud"),
        "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
        "GIT_SHA": "0123abc",
    }


def _settings(blocks: list[Block], folder: Path) -> Path:
    """The image that the guide deploys stands for a program made of its Python blocks: without any it does nothing."""
    source = folder / "source"
    source.mkdir()
    python = [block.text for block in blocks if block.language == "python"]
    prelude = (EXAMPLE / "prelude.py").read_text(encoding="utf-8") if python else ""
    (source / "main.py").write_text(prelude + "\n".join(python), encoding="utf-8")
    images = {
        re.split(r"[@:](?!.*/)", image.replace("PROJECT_ID", PROJECT))[0]: {
            "source": str(source),
            "command": [sys.executable],
            "args": ["main.py"],
        }
        for block in blocks
        for image in _IMAGE.findall(block.text)
    }
    settings = folder / "hakobune.yaml"
    settings.write_text(yaml.safe_dump({"images": images}), encoding="utf-8")
    return settings


def main() -> int:
    """Run the guide of the command line."""
    parser = argparse.ArgumentParser(description="Run every block of the guide against a fresh runtime.")
    parser.add_argument("guide", type=Path)
    parser.add_argument("--gcloud", help="the real gcloud, instead of hakobune in its place")
    arguments = parser.parse_args()
    blocks = blocks_of(arguments.guide.read_text(encoding="utf-8"))
    if not blocks:
        print(f"{arguments.guide} has no block of code", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="hakobune-guide-") as name:
        folder = Path(name)
        with served("--project", PROJECT, "--config", str(_settings(blocks, folder))) as url:
            walk = Walk(blocks, folder, _environment(url, folder, arguments.gcloud))
            walk.all()
    print(f"{len(blocks)} blocks, {walk.failed} failed")
    return 1 if walk.failed else 0


if __name__ == "__main__":
    sys.exit(main())
