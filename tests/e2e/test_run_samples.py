"""`make samples`: definitions of a folder are deployed and run, and what is not as it should be is told."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

TOOL = Path(__file__).resolve().parents[2] / "tools" / "run_samples.py"
GOOD = "main:\n  steps:\n    - done:\n        return: ${1 + 1}\n"
CALLS = "main:\n  steps:\n    - ask:\n        call: http.get\n        args: {url: https://ships.example/}\n"
FAILS = "main:\n  steps:\n    - oh:\n        raise: no luck\n"
TWICE = "main:\n  steps:\n    - one:\n        return: 1\n    - one:\n        return: 2\n"
NO_DEFINITION = "name: ci\non: push\njobs: {build: {steps: []}}\n"


def told(folder: Path, **files: str) -> tuple[int, str]:
    """Exit code and output of the tool on a folder of these files."""
    for name, text in files.items():
        path = folder / f"{name.replace('__', '/')}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    command = [sys.executable, str(TOOL), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, done.stdout + done.stderr


def test_given_definitions_then_each_is_deployed_and_run_if_it_needs_nothing_from_outside(tmp_path: Path) -> None:
    files = {"good": GOOD, "calls": CALLS, "ci": NO_DEFINITION, "syntax-cheat-sheet__workflow": TWICE}
    code, text = told(tmp_path, **files)
    lines = [line.split(maxsplit=2) for line in text.splitlines()]
    assert lines[:3] == [
        ["calls.yaml", "deployed", "not run: http.get"],
        ["good.yaml", "ran", "2"],
        ["syntax-cheat-sheet/workflow.yaml", "rejected", "it uses the name of a step twice in one routine"],
    ]
    assert (code, len(lines)) == (0, 4)
    assert "3 definitions: 1 deployed and run, 1 only deployed, 1 rejected" in text


def test_given_a_rejected_or_a_failing_definition_that_nobody_listed_then_it_is_bad(tmp_path: Path) -> None:
    code, text = told(tmp_path, twice=TWICE, fails=FAILS)
    assert code == 1
    assert [line.split()[:3] for line in text.splitlines()[:2]] == [
        ["BAD", "fails.yaml", "ran"],
        ["BAD", "twice.yaml", "rejected"],
    ]


def test_given_no_folder_or_nothing_in_it_then_nothing_is_run_and_that_is_said(tmp_path: Path) -> None:
    assert told(tmp_path / "nowhere")[0] == 2
    code, text = told(tmp_path, ci=NO_DEFINITION)
    assert (code, "not run" in text) == (2, True)
