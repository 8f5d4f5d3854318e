"""Documents that must not fall behind the code."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from runtime_process import HAKOBUNE, RuntimeProcess

ROOT = Path(__file__).resolve().parent.parent
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)")


def test_the_drawings_are_those_of_the_code() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "draw_docs.py"), "--check"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout


def test_links_between_documents_lead_somewhere() -> None:
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")]
    broken = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in pages
        for target in LINK.findall(page.read_text(encoding="utf-8"))
        if "://" not in target and not (page.parent / target).exists()
    ]
    assert broken == []


def test_every_decision_has_its_five_parts() -> None:
    records = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))
    assert records
    for number, record in enumerate(records, start=1):
        text = record.read_text(encoding="utf-8")
        assert record.name.startswith(f"{number:04d}-"), record.name
        for part in ("## Context", "## Options", "## Decision", "## Consequences", "## Look again when"):
            assert part in text, (record.name, part)


def _blocks(page: str, language: str) -> list[str]:
    return re.findall(
        rf"^```{language}\n(.*?)^```$", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )


def test_the_program_of_the_readme_runs_as_a_job_the_way_the_readme_says(
    runtime: RuntimeProcess, tmp_path: Path
) -> None:
    (program,) = [block for block in _blocks("README.md", "python") if "Task.from_env" in block]
    (script,) = [block for block in _blocks("README.md", "console") if "cp -r src/hakobune/sdk" in block]
    (tmp_path / "src").symlink_to(ROOT / "src")
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "main.py").write_text(program)
    lines = [line.removeprefix("$ ") for line in script.splitlines()]
    assert any(line in lines for line in _blocks("docs/sdk.md", "console")[0].replace("$ ", "").splitlines())
    environ = {**os.environ, "PATH": f"{Path(HAKOBUNE).parent}:{os.environ['PATH']}", "HAKOBUNE_URL": runtime.url}
    done = subprocess.run(
        ["sh", "-ec", "\n".join(lines)], cwd=tmp_path, env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "has successfully completed" in done.stderr


def test_a_setup_that_has_nothing_to_do_says_where_the_command_is() -> None:
    done = subprocess.run(["make", "-n", "setup"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert 'echo "set up: .venv/bin/hakobune"' in done.stdout
