"""What the tests of the examples share."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
WITHIN_S = 60.0


def until(holds: Callable[[], object], what: str, within_s: float = WITHIN_S) -> None:
    """Wait until it holds."""
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline, f"not within {within_s} s: {what}"
        time.sleep(0.01)


def with_sdk(example: Path, folder: Path) -> Path:
    """A source as docs/sdk.md makes it: the program with the SDK beside it."""
    source = folder / example.name
    shutil.copytree(example, source, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(
        ROOT / "src" / "hakobune" / "sdk",
        source / "hakobune" / "sdk",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    return source


class Programs:
    """Example programs that run; their output goes to files below a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._all: list[subprocess.Popen[bytes]] = []
        self._logs: dict[int, Path] = {}

    def start(self, program: Path, **variables: str) -> subprocess.Popen[bytes]:
        path = self._folder / f"{program.stem}-{len(self._all)}.log"
        with open(path, "wb") as log:
            process = subprocess.Popen(
                [sys.executable, str(program)],
                env={**os.environ, **variables},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self._all.append(process)
        self._logs[process.pid] = path
        return process

    def text(self, process: subprocess.Popen[bytes]) -> str:
        """What one of them printed."""
        return self._logs[process.pid].read_text(errors="replace")

    def texts(self) -> str:
        """All that they printed."""
        return "\n".join(path.read_text(errors="replace") for path in sorted(self._folder.glob("*.log")))

    def kill(self) -> None:
        for process in self._all:
            process.kill()
            process.wait()


@contextmanager
def programs(folder: Path) -> Iterator[Programs]:
    """Programs of a test, killed at its end."""
    folder.mkdir()
    found = Programs(folder)
    try:
        yield found
    finally:
        found.kill()
