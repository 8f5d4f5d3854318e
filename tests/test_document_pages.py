"""Pages for a first-time user: their commands run in their order on a fresh server, and print what the page says."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from runtime_process import HAKOBUNE, RuntimeProcess

ROOT = Path(__file__).resolve().parent.parent
OURS = ("CLOUDSDK_", "GOOGLE_", "HAKOBUNE_", "STORAGE_", "PUBSUB_", "GCE_")
MARK = "--- next"


def blocks(page: Path, language: str) -> list[str]:
    """The blocks of a page in a language."""
    text = page.read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def commands(console: str) -> list[tuple[str, list[str]]]:
    """Each command, which may go on after a backslash, with the lines that are shown below it."""
    found: list[tuple[str, list[str]]] = []
    for line in console.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], []))
        elif found[-1][0].endswith("\\"):
            found[-1] = (f"{found[-1][0]}\n{line}", [])
        else:
            found[-1][1].append(line)
    return found


def assert_printed(found: list[tuple[str, list[str]]], printed: list[list[str]]) -> None:
    """Each command printed what is shown below it; `…` in it is any text, as its last line all further ones."""
    for (command, shown), lines in zip(found, printed, strict=True):
        expected, got = (shown[:-1], lines[: len(shown) - 1]) if shown[-1:] == ["…"] else (shown, lines)
        assert len(expected) == len(got), (command, lines)
        for pattern, line in zip(expected, got, strict=True):
            wanted = pattern.replace("[", "[[]").replace("*", "[*]").replace("…", "*")
            assert fnmatchcase(line, wanted), (command, line)


@pytest.fixture
def outputs(own_runtime: RuntimeProcess, tmp_path: Path) -> Callable[[list[str], Path], list[list[str]]]:
    """`outputs(commands, folder)`: what each prints on a fresh server, as its lines. All must succeed."""

    def run(words: list[str], folder: Path) -> list[list[str]]:
        own_runtime.environ["GOOGLE_CLOUD_PROJECT"] = "hakobune-local"
        own_runtime.start()
        plain = {name: text for name, text in os.environ.items() if not name.startswith(OURS)}
        environ = {
            **plain,
            "PATH": f"{Path(HAKOBUNE).parent}:{os.environ['PATH']}",
            "HAKOBUNE_URL": own_runtime.url,
            "CLOUDSDK_CONFIG": str(tmp_path / "config"),
            "HOME": str(tmp_path / "home"),
        }
        script = "".join(f"{command}\necho; echo '{MARK}'\n" for command in words)
        done = subprocess.run(
            ["bash", "-e"], input=script, cwd=folder, env=environ, capture_output=True, text=True, timeout=240
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return [part.strip("\n").splitlines() for part in done.stdout.split(f"{MARK}\n")[:-1]]

    return run


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", ["objects.md", "messages.md", "identity.md", "schedules.md", "triggers.md"])
def test_the_commands_of_a_page_print_what_it_says(
    outputs: Callable[[list[str], Path], list[list[str]]], tmp_path: Path, name: str
) -> None:
    folder = tmp_path / "user"
    folder.mkdir()
    for text in blocks(ROOT / "docs" / name, "python"):
        (folder / text.partition("\n")[0].removeprefix("# ")).write_text(text)
    found = commands("".join(blocks(ROOT / "docs" / name, "console")))
    printed = outputs([command for command, _ in found], folder)
    assert_printed(found, printed)


@pytest.mark.timeout(300)
def test_the_readme_s_minute_of_objects_messages_and_secrets_is_as_it_says(
    outputs: Callable[[list[str], Path], list[list[str]]], tmp_path: Path
) -> None:
    folder = tmp_path / "user"
    folder.mkdir()
    (console,) = [text for text in blocks(ROOT / "README.md", "console") if "gs://media" in text]
    found = commands(console)
    printed = outputs([command for command, _ in found], folder)
    for (command, shown), lines in zip(found, printed, strict=True):
        assert not shown or shown == lines, command
    assert any(line.endswith("the token is ***") for line in printed[-1])


@pytest.mark.timeout(300)
def test_the_tutorial_s_commands_print_what_it_says(
    outputs: Callable[[list[str], Path], list[list[str]]], tmp_path: Path
) -> None:
    """Its programs run with this interpreter, which has the libraries that its requirements name, without an index."""
    folder = tmp_path / "user"
    shutil.copytree(ROOT / "examples" / "pipeline", folder / "examples" / "pipeline")
    (folder / "examples" / "pipeline" / "program" / "requirements.txt").unlink()
    (folder / "src").symlink_to(ROOT / "src")
    archive = str(tmp_path / "archive.db")
    for path in (folder / "examples" / "pipeline").glob("*.yaml"):
        text = path.read_text(encoding="utf-8").replace("python3", sys.executable)
        path.write_text(text.replace("/tmp/telop-archive.db", archive), encoding="utf-8")
    found = commands("".join(blocks(ROOT / "docs" / "tutorial.md", "console")))
    printed = outputs([command.replace("/tmp/telop-archive.db", archive) for command, _ in found], folder)
    assert_printed(found, printed)


@pytest.mark.timeout(300)
def test_the_readme_s_minute_of_services_schedules_and_triggers_is_as_it_says(
    outputs: Callable[[list[str], Path], list[list[str]]], tmp_path: Path
) -> None:
    folder = tmp_path / "user"
    folder.mkdir()
    consoles = blocks(ROOT / "README.md", "console")
    (minute,) = [text for text in consoles if "jobs deploy hello" in text]
    (console,) = [text for text in consoles if "triggers create arrivals" in text]
    deploy = [found for found in commands(minute) if "jobs deploy hello" in found[0]]
    found = [*deploy, *commands(console)]
    # A person is slower than an event comes to its trigger.
    begun = "for n in $(seq 100); do test -z \"$(hakobune run jobs executions list --job hello --format 'value(metadata.name)')\" || break; done"
    found.insert(-1, (begun, []))
    printed = outputs([command for command, _ in found], folder)
    assert_printed(found, printed)


@pytest.mark.timeout(300)
def test_the_worker_pool_of_the_page_on_workers_is_as_it_says(
    outputs: Callable[[list[str], Path], list[list[str]]], tmp_path: Path
) -> None:
    """With this interpreter, which has what the page's requirements.txt names, without an index."""
    folder, database = tmp_path / "user", str(tmp_path / "billing.db")
    folder.mkdir()
    for name in ("src", "examples"):
        (folder / name).symlink_to(ROOT / name)
    program = f"--source billing --command {sys.executable} --args main.py"
    found = [
        (command.replace("/tmp/billing.db", database).replace("--source billing", program), shown)
        for command, shown in commands("".join(blocks(ROOT / "docs" / "workers.md", "console")))
        if "requirements.txt" not in command
    ]
    look = f"import sqlite3; print(*sqlite3.connect('{database}').execute('SELECT * FROM effects'))"
    # A person is slower than a message comes to its worker.
    done = f'for n in $(seq 100); do test -z "$({sys.executable} -c "{look}" 2>/dev/null)" || break; sleep 0.1; done'
    found.insert(-2, (done, []))
    assert_printed(found, outputs([command for command, _ in found], folder))
