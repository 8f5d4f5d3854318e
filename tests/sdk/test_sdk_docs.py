"""The examples of docs/sdk.md, run as they stand."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from storage_stand_in import StorageStandIn

PAGE = Path(__file__).parents[2] / "docs" / "sdk.md"
EXAMPLES = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)


def heading(example: str) -> str:
    before = PAGE.read_text().partition(example)[0]
    return re.findall(r"^#+ (.*)$", before, re.MULTILINE)[-1]


@pytest.mark.parametrize("example", EXAMPLES, ids=heading)
def test_given_an_example_of_the_page_when_run_then_it_works(
    example: str, tmp_path: Path, storage: StorageStandIn
) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", example], cwd=tmp_path, capture_output=True, text=True, env=os.environ
    )
    assert done.returncode == 0, done.stderr


def test_given_the_whole_task_when_run_again_then_nothing_is_done_twice(tmp_path: Path) -> None:
    runs = [
        subprocess.run([sys.executable, "-c", EXAMPLES[0]], cwd=tmp_path, capture_output=True, text=True, check=True)
        for _ in range(2)
    ]
    assert "20/20 video-019" in runs[0].stdout
    assert runs[1].stdout == ""
    assert len(list((tmp_path / "results").glob("video-*.json"))) == 20


def test_every_exported_name_is_explained_on_the_page() -> None:
    import hakobune.sdk as sdk

    text = PAGE.read_text()
    exempt = {"Effect", "Lease", "Written", "SdkError", "CorruptRecord", "MissingDependency"}  # results and roots
    assert {name for name in sdk.__all__ if not re.search(rf"\b{name}\b", text)} <= exempt
