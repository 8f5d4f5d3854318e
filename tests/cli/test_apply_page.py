"""docs/apply.md: its commands run in this order on the committed example, and print what the page says."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import uuid
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
import yaml

from hakobune.cli.apply.table import KINDS
from runtime_process import HAKOBUNE, RuntimeProcess

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tests" / "testing_kit"))
from json_schema import is_valid  # noqa: E402 - its folder is beside this one

PAGE = (ROOT / "docs" / "apply.md").read_text(encoding="utf-8")
_MARK = "--- next"


def commands() -> list[tuple[str, list[str]]]:
    """Each command with the lines that the page shows below it."""
    found: list[tuple[str, list[str]]] = []
    for block in re.findall(r"^```console\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append((line[2:], []))
            elif line.startswith("> "):
                found[-1] = (f"{found[-1][0]}\n{line[2:]}", [])
            else:
                found[-1][1].append(line)
    return found


def test_the_commands_of_the_page_print_what_it_says(runtime: RuntimeProcess, tmp_path: Path) -> None:
    project = f"p-{uuid.uuid4().hex[:12]}"
    shutil.copytree(ROOT / "examples" / "apply", tmp_path / "deploy")
    for path in (tmp_path / "deploy").glob("*.yaml"):
        path.write_text(path.read_text().replace("hakobune-local", project))
    ours = ("CLOUDSDK_", "GOOGLE_", "HAKOBUNE_", "SHOP_")
    environment = {name: text for name, text in os.environ.items() if not name.startswith(ours)}
    environment |= {
        "PATH": f"{Path(HAKOBUNE).parent}:{os.environ['PATH']}",
        "HAKOBUNE_URL": runtime.url,
        "CLOUDSDK_CORE_PROJECT": project,
    }
    script = "".join(f"{command}\necho; echo '{_MARK}'\n" for command, _ in commands())
    done = subprocess.run(
        ["bash", "-e"], input=script, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=90
    )
    assert done.returncode == 0, done.stdout + done.stderr
    printed = [part.strip("\n").splitlines() for part in done.stdout.split(f"{_MARK}\n")[:-1]]
    for (command, shown), lines in zip(commands(), printed, strict=True):
        is_cut = shown[-1:] == ["…"]
        expected, got = (shown[:-1], lines[: len(shown) - 1]) if is_cut else (shown, lines)
        assert len(expected) == len(got), (command, lines)
        for pattern, line in zip(expected, got, strict=True):
            assert fnmatchcase(line, pattern.replace("[", "[[]").replace("…", "*")), (command, line)


def test_each_kind_stands_in_the_table_of_the_page() -> None:
    rows = re.findall(r"^\| (`.*?`) \|", PAGE, re.MULTILINE)
    assert {name for row in rows for name in re.findall(r"`(\w+)`", row)} - {"kind"} == set(KINDS)


def fits(document: object) -> bool:
    schema = json.loads((ROOT / "docs" / "schema" / "apply.schema.json").read_text(encoding="utf-8"))
    return is_valid(document, schema, schema)


def test_the_definitions_of_the_example_fit_the_schema() -> None:
    documents = [
        document
        for path in sorted((ROOT / "examples" / "apply").glob("*.yaml"))
        for document in yaml.safe_load_all(path.read_text(encoding="utf-8"))
        if "kind" in document
    ]
    assert len(documents) == 10
    assert [document["kind"] for document in documents if not fits(document)] == []


@pytest.mark.parametrize(
    "text",
    [
        "kind: Topik\nname: x",
        "kind: Topic",
        "kind: Topic\nname: x\nlabls: {}",
        "kind: Secret\nname: x\nvalue: y",
        "kind: Secret\nname: x\nvalueFrom: {env: A, file: b}",
        "kind: Job\nmetadata: {name: x}\nspec: {template: {spec: {taskCont: 1}}}",
        "kind: Subscription\nname: x\nackDeadlineSeconds: '10'",
        "kind: Schedule\nname: x\nattemptDeadline: 3m",
    ],
)
def test_what_is_mistaken_does_not_fit_the_schema(text: str) -> None:
    assert not fits(yaml.safe_load(text))
