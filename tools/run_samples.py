"""Deploys every workflow definition of a folder to a fresh runtime, and runs those that need nothing from outside.

    run_samples.py DIR         for example checkouts of GoogleCloudPlatform/workflows-samples and workflows-demos

A definition is a YAML or JSON file that reads as one, or says `main:`, or is made of routines only. Each must deploy,
unless it is in REJECTED: there stands what the real service has against it, too. It is run if no step calls another
service (`http.*`, connectors but that of Workflows, callbacks, child executions); then it must succeed, unless it is
in FAILING. Each has a project of its own.
Ends with 0 if all is as it should be, 1 if not, 2 if there is no such folder or nothing in it.
"""

from __future__ import annotations

import dataclasses
import http.client
import json
import re
import sys
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from served import served

from hakobune.core.workflows.expr.nodes import CallOf
from hakobune.core.workflows.parse import parse_source
from hakobune.core.workflows.syntax import Call, Program

T = TypeVar("T")

PARENT = "/v1/projects/sample-{}/locations/us-central1/workflows"
OUTSIDE = ("http.", "googleapis.", "events.", "experimental.", "gke.")
HERE = "googleapis.workflows.v1."  # the runtime is all that it needs
FINAL = ("SUCCEEDED", "FAILED", "CANCELLED", "UNAVAILABLE")
RUN_S = 60.0
AT_ONCE = 4

# End of a path → what the real service has against the definition as well.
REJECTED = {
    "syntax-cheat-sheet/workflow.yaml": "it uses the name of a step twice in one routine",
    "import-multiple-yamls/subworkflow.yaml": "a part without main: Terraform puts it behind workflow.yaml",
    "import-multiple-yamls/workflow.yaml": "a part that calls a subworkflow of subworkflow.yaml",
    "using-standard-library/workflow-gcloud.yaml": "shell.gcloud is a private preview, for listed projects only",
    "using-standard-library/workflow-kubectl.yaml": "shell.kubectl is a private preview, for listed projects only",
}
# End of a path → why its execution cannot succeed.
FAILING = {
    "multi-env-deployment/workflow3.yaml": "its variables are filled in by Terraform before it is deployed",
}
# End of a path → the argument that the definition asks for.
ARGUMENTS: dict[str, object] = {
    "args.workflows.json": {"firstName": "Sora", "lastName": "Aoki"},
    "args.workflows.yaml": {"firstName": "Sora", "lastName": "Aoki"},
    "multi-env-deployment/workflow1.yaml": {"urls": {"url1": "one", "url2": "two"}},
    "workflow-executes-other-workflows/workflow-child.yaml": {"iteration": 1},
    "workflow-tasks-workflow/workflow-child.yaml": {"iteration": 1},
}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A definition; `program` is None if it does not read as one."""

    path: str
    source: str
    program: Program | None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a sample: a word for the table, more about it, and whether it should be so."""

    word: str
    detail: str = ""
    is_good: bool = True


def samples(folder: Path) -> Iterator[Sample]:
    """The definitions of a folder, by path."""
    for path in sorted(folder.rglob("*")):
        if path.suffix in {".yaml", ".yml", ".json"} and path.is_file():
            source = path.read_text("utf-8", "replace")
            program, _ = parse_source(source)
            if program is not None or _is_meant_as_definition(source):
                yield Sample(path=path.relative_to(folder).as_posix(), source=source, program=program)


def _is_meant_as_definition(source: str) -> bool:
    """Whether every block at the left margin is a routine, or one of them is `main`."""
    heads = re.split(r"^(?=[A-Za-z_][\w-]*:)", source, flags=re.MULTILINE)[1:]
    return any(head.startswith("main:") for head in heads) or (
        bool(heads) and all(re.search(r"^ +steps:", head, re.MULTILINE) for head in heads)
    )


def called(node: object) -> Iterator[str]:
    """The names of all functions that a part of a program calls."""
    if isinstance(node, Call):
        yield node.function
    if isinstance(node, CallOf):
        yield node.path
    if dataclasses.is_dataclass(node) and not isinstance(node, type):
        for field in dataclasses.fields(node):
            yield from called(getattr(node, field.name))
    elif isinstance(node, tuple | list):
        for part in node:
            yield from called(part)


class Server:
    """The runtime, over REST."""

    def __init__(self, url: str) -> None:
        self._host = urlsplit(url).netloc

    def call(self, method: str, path: str, body: object = None) -> Any:
        """The answer's JSON. Raises RuntimeError where it is no answer."""
        connection = http.client.HTTPConnection(self._host, timeout=60)
        try:
            connection.request(method, path, None if body is None else json.dumps(body))
            answer = connection.getresponse()
            text = answer.read().decode()
        finally:
            connection.close()
        if answer.status >= http.client.INTERNAL_SERVER_ERROR:
            raise RuntimeError(f"{method} {path}: {answer.status} {text}")
        return json.loads(text)

    def try_out(self, number: int, sample: Sample) -> Outcome:
        """Deploy a sample, and run it if that needs nothing from outside."""
        rejected, failing = _entry(REJECTED, sample), _entry(FAILING, sample)
        parent = PARENT.format(number)
        answer = self.call("POST", f"{parent}?workflowId=sample", {"sourceContents": sample.source})
        error = answer.get("error")
        if error is not None:
            detail = rejected or error["message"].splitlines()[0]
            return Outcome(word="rejected", detail=detail, is_good=rejected is not None)
        if rejected is not None:
            return Outcome(word="deployed", detail=f"though it should be rejected: {rejected}", is_good=False)
        functions = sorted(set(called(sample.program)))
        outside = [name for name in functions if name.startswith(OUTSIDE) and not name.startswith(HERE)]
        if outside:
            return Outcome(word="deployed", detail=f"not run: {outside[0]}")
        argument = json.dumps(_entry(ARGUMENTS, sample))
        execution = self._end(self.call("POST", f"{parent}/sample/executions", {"argument": argument})["name"])
        if execution["state"] == "SUCCEEDED":
            return Outcome(word="ran", detail=execution["result"][:60], is_good=failing is None)
        context = execution.get("error", {}).get("context", "").partition("\n")[0]
        detail = failing or f"{execution['state']} {context[:120]}"
        return Outcome(word="ran", detail=detail, is_good=failing is not None and execution["state"] == "FAILED")

    def _end(self, name: str) -> Any:
        end_s = time.monotonic() + RUN_S
        while True:
            execution = self.call("GET", f"/v1/{name}")
            if execution["state"] in FINAL or time.monotonic() > end_s:
                return execution
            time.sleep(0.05)


def _entry(table: Mapping[str, T], sample: Sample) -> T | None:
    """What a table has for a sample."""
    return next((entry for end, entry in table.items() if f"/{sample.path}".endswith(f"/{end}")), None)


def main() -> int:
    """Print what became of each sample; the exit code."""
    folder = Path(sys.argv[1]) if sys.argv[1:] and sys.argv[1] else None
    if folder is None or not folder.is_dir():
        print(f"samples: not run: {folder or 'DIR'} is no directory", file=sys.stderr)
        return 2
    found = list(samples(folder))
    if not found:
        print(f"samples: not run: there is no workflow definition in {folder}", file=sys.stderr)
        return 2
    with served() as url, ThreadPoolExecutor(AT_ONCE) as pool:
        outcomes = list(pool.map(Server(url).try_out, range(len(found)), found))
    width = max(len(sample.path) for sample in found)
    for sample, outcome in zip(found, outcomes, strict=True):
        print(f"{'    ' if outcome.is_good else 'BAD '}{sample.path:<{width}}  {outcome.word:<8}  {outcome.detail}")
    words = [outcome.word for outcome in outcomes]
    bad = sum(not outcome.is_good for outcome in outcomes)
    print(
        f"samples: {len(found)} definitions: {words.count('ran')} deployed and run, {words.count('deployed')} only "
        f"deployed, {words.count('rejected')} rejected as by the real service; {bad} not as they should be"
    )
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
