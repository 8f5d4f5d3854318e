"""docs/running-workflows.md: its commands run in this order, and print what the page says."""

from __future__ import annotations

import os
import re
import subprocess
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from hakobune.cli.main import main
from hakobune.cli.settings import _KEYS
from runtime_process import HAKOBUNE, RuntimeProcess

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "running-workflows.md").read_text(encoding="utf-8")
_MARK = "--- next"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


def commands() -> list[tuple[str, list[str]]]:
    """Each command with the lines that the page shows below it."""
    found: list[tuple[str, list[str]]] = []
    for line in "".join(blocks("console")).splitlines():
        if line.startswith("$ "):
            found.append((line[2:], []))
        else:
            found[-1][1].append(line)
    return found


def _until_it_waits(command: str) -> str:
    """A person is slower than an execution comes to its callback."""
    if not command.startswith("ID="):
        return ""
    waiters = "hakobune workflows executions callbacks list $ID --workflow approve --format 'value(waiters)'"
    return f'for n in $(seq 100); do test "$({waiters})" = 1 && break; done\n'


def test_the_commands_of_the_page_print_what_it_says(runtime: RuntimeProcess, tmp_path: Path) -> None:
    for text in blocks("yaml"):
        (tmp_path / text.partition("\n")[0].removeprefix("# ")).write_text(text)
    environment = {name: text for name, text in os.environ.items() if not name.startswith(("CLOUDSDK_", "GOOGLE_"))}
    environment |= {
        "PATH": f"{Path(HAKOBUNE).parent}:{os.environ['PATH']}",
        "HAKOBUNE_URL": runtime.url,
        "CLOUDSDK_CORE_PROJECT": f"p-{abs(hash(tmp_path)) % 10**12}",
        "CLOUDSDK_WORKFLOWS_LOCATION": "us-central1",
        "CLOUDSDK_CONFIG": str(tmp_path / "config"),
    }
    script = "".join(f"{command}\necho; echo '{_MARK}'\n{_until_it_waits(command)}" for command, _ in commands())
    done = subprocess.run(
        ["bash", "-e"], input=script, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    printed = [part.strip("\n").splitlines() for part in done.stdout.split(f"{_MARK}\n")[:-1]]
    for (command, shown), lines in zip(commands(), printed, strict=True):
        cut = shown[:-1] if shown[-1:] == ["…"] else None
        expected, got = (shown, lines) if cut is None else (cut, lines[: len(cut)])
        assert len(expected) == len(got), (command, lines)
        for pattern, line in zip(expected, got, strict=True):
            assert fnmatchcase(line, pattern.replace("[", "[[]").replace("…", "*")), (command, line)


def test_every_key_and_flag_of_the_settings_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    rows = re.findall(r"^\| `(\w+)` \| (?:`(--[a-z-]+)[^|]*)?\|", PAGE.partition("## Settings")[2], re.MULTILINE)
    assert {key for key, _ in rows} >= set(_KEYS)
    assert main(["up", "--help"]) == 0
    page = capsys.readouterr().out
    for _, flag in rows:
        assert not flag or f"    {flag}=" in page
