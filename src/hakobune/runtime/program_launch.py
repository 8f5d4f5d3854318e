"""How a declared container is started: its argv, and what its source adds to its environment."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hakobune.core.containers import DEFAULT_PATH, Container
from hakobune.core.errors import FailedPrecondition, HakobuneError, Unavailable
from hakobune.core.jobs.entrypoint import entrypoint
from hakobune.core.quantities import bytes_from_quantity
from hakobune.engines.process import mounts
from hakobune.runtime.settings import ImageSource

_PASSING = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN, errno.EINTR})  # short of something now


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """What an engine must know to start a program. `source`: the directory that a fresh one begins as a copy of."""

    argv: tuple[str, ...]
    source: str | None = None
    env: Mapping[str, str] = field(default_factory=dict[str, str])
    path_entries: tuple[str, ...] = ()

    def add_path(self, env: dict[str, str], container: Container) -> None:
        """Let the programs of a build be found, unless the user says where to look."""
        if self.path_entries and not any(variable.name == "PATH" for variable in container.env):
            env["PATH"] = ":".join((*self.path_entries, DEFAULT_PATH))


def mounting(argv: tuple[str, ...]) -> tuple[str, ...]:
    """The program, behind one that mounts its files."""
    return (sys.executable, "-I", "-m", mounts.__name__, *argv)


def memory_limit(container: Container) -> int | None:
    """In bytes; None: it is not enforced."""
    return bytes_from_quantity(container.limits["memory"]) if container.memory_set_by_user else None


def unreadable(error: OSError, owner: str) -> HakobuneError:
    """What becomes of a source that cannot be read."""
    text = f"The source of {owner} cannot be read: {error.strerror}: {error.filename}."
    if error.errno in _PASSING:
        return Unavailable(text)
    return FailedPrecondition(text)


def argv_of(container: Container, source: ImageSource, snapshot: Path) -> tuple[str, ...]:
    """A declared command replaces the image's, arguments too; without either the source says how it starts.
    Raises FailedPrecondition."""
    if container.command:
        return (*container.command, *container.args)
    if source.command:
        return (*source.command, *(container.args or source.args))
    return (*_entry(snapshot), *(container.args or source.args))


def _entry(snapshot: Path) -> tuple[str, ...]:
    files: dict[str, bool] = {}
    with os.scandir(snapshot) as found:
        for entry in found:
            if entry.is_file():
                files[entry.name] = os.access(entry.path, os.X_OK)
    texts: dict[str, str | None] = {}
    for name in ("Procfile", "package.json"):
        path = snapshot / name
        texts[name] = path.read_text(encoding="utf-8", errors="replace") if name in files else None
    return entrypoint(files, texts["Procfile"], texts["package.json"])
