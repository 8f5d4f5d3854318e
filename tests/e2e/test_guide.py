"""tools/run_guide.py on the guide: its commands and code run as they stand there, with `hakobune` in the place of gcloud
and with the real one."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from guide_blocks import BLOCKS

RUN_GUIDE = Path(__file__).parents[2] / "tools" / "run_guide.py"
GCLOUD = shutil.which("gcloud")
IS_SOAK = bool(os.environ.get("HAKOBUNE_SOAK"))
WITHIN_S = 280


def guide(folder: Path, *languages: str) -> Path:
    """The guide's blocks of these languages, with a word before each."""
    path = folder / "guide.md"
    text = "".join(f"Then:\n\n```{language}\n{text}```\n\n" for language, text in BLOCKS if language in languages)
    if "python" in languages and not IS_SOAK:  # each task loads Google's library: a hundred cost half a minute
        text = text.replace("--tasks 100 --parallelism 20", "--tasks 8 --parallelism 4")
    path.write_text(f"# A guide\n\n{text}", encoding="utf-8")
    return path


def run(path: Path, *arguments: str) -> tuple[int, list[str]]:
    """How it ended, and what it printed."""
    command = [sys.executable, str(RUN_GUIDE), str(path), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=WITHIN_S, check=False)
    return done.returncode, (done.stdout + done.stderr).splitlines()


@pytest.mark.timeout(WITHIN_S + 20)
def test_given_the_guide_with_hakobune_in_the_place_of_gcloud_then_every_block_runs_and_does_what_it_says(
    tmp_path: Path,
) -> None:
    code, lines = run(guide(tmp_path, "bash", "python", "yaml"))
    assert code == 0, "\n".join(lines)
    assert [line for line in lines[:-1] if not line.startswith("ok ")] == []
    assert len(lines) == len(BLOCKS) + 3 + 1  # what became of the job, of the schedule, of the trigger; and the sum
    assert lines[-1] == f"{len(BLOCKS)} blocks, 0 failed"


@pytest.mark.skipif(GCLOUD is None, reason="gcloud is not installed here")
@pytest.mark.timeout(WITHIN_S + 20)
def test_given_the_real_gcloud_then_every_command_of_the_guide_works(tmp_path: Path) -> None:
    languages = ("bash", "python", "yaml") if IS_SOAK else ("bash",)  # what the job runs is not gcloud's affair
    code, lines = run(guide(tmp_path, *languages), "--gcloud", str(GCLOUD))
    assert code == 0, "\n".join(lines)
    assert re.fullmatch(r"\d blocks, 0 failed", lines[-1])


def test_given_a_block_that_fails_then_it_is_named_with_its_line_and_the_others_run(tmp_path: Path) -> None:
    path = tmp_path / "guide.md"
    blocks = ["gcloud run jobs execute nothing-here --region us-central1", "gcloud pubsub topics create later"]
    path.write_text("".join(f"```bash\n{block}\n```\n" for block in blocks), encoding="utf-8")
    code, lines = run(path)
    assert code == 1
    assert lines[0].startswith("FAILED  line 1, bash: gcloud run jobs execute nothing-here")
    assert "Resource 'nothing-here' of kind 'JOB'" in "".join(lines)
    assert lines[-2].startswith("ok      line 4, bash: gcloud pubsub topics create later")
    assert lines[-1] == "2 blocks, 1 failed"
