"""What a source needs beside itself: a virtual environment for Python, node_modules for Node. Built once per content.

`uv` is used where it is installed, else `pip`. Each build of a virtual environment has a folder of its own and counts
only when its marker file is there: one that was interrupted is never gone on with, not even by a tool that outlived
us. The tools end with the runtime.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event

import anyio
import anyio.abc

from hakobune.core.errors import FailedPrecondition, Unavailable
from hakobune.runtime.threads import Threads, run_stoppable

BUILD_TIMEOUT_S = 1800.0
_TAIL_LINES = 15
_TAIL_BYTES = 64 * 1024
_MARKER = ".complete"
# The kernel kills a tool when the runtime is gone: prctl(PR_SET_PDEATHSIG, SIGKILL) before the tool itself.
_LAUNCH = "import ctypes, os, sys; ctypes.CDLL(None).prctl(1, 9); os.execvp(sys.argv[1], sys.argv[1:])"
# `name`, `name[extra]`, `name==1.0`, `name>=1; marker`, with hashes after it: means the same in every directory.
_PLAIN_REQUIREMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(\[[^\]]*\])?\s*([<>=!~;\\].*)?\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """Variables and search path that a built source adds to its tasks."""

    path_entries: tuple[str, ...] = ()
    env: tuple[tuple[str, str], ...] = ()


class Builds:
    """The builds of one data directory. One `make` at a time."""

    def __init__(self, directory: Path, threads: Threads) -> None:
        self._root = directory / "builds"
        self._threads = threads

    def find(self, snapshot: Path) -> Build | None:
        """What a snapshot needs, if it is built (or needs no build). Blocks for a moment."""
        if _is_python(snapshot):
            venv = self._complete_venv(_venv_name(snapshot))
            return None if venv is None else _python_build(venv)
        if (snapshot / "package.json").is_file():
            modules = snapshot / "node_modules"
            return _node_build(modules) if (modules / _MARKER).exists() else None
        if (snapshot / "main.py").is_file():
            return Build(env=(("PYTHONUNBUFFERED", "TRUE"),))
        return Build()

    async def make(self, snapshot: Path) -> Build:
        """Build what a snapshot needs, unless it is built. On the disk when it returns. When it is cancelled, the tool
        is killed. Raises FailedPrecondition with the tool's last lines."""
        found = await self._threads.run(self.find, snapshot)
        if found is not None:
            return found
        try:
            if _is_python(snapshot):
                return _python_build(await self._make_venv(snapshot))
            return _node_build(await self._make_modules(snapshot))
        except OSError as error:
            raise FailedPrecondition(f"Building the source failed: {error}.") from error

    def _complete_venv(self, name: str) -> Path | None:
        return next((marker.parent for marker in sorted(self._root.glob(f"{name}.*/{_MARKER}"))), None)

    async def _make_venv(self, snapshot: Path) -> Path:
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        venv = self._root / f"{_venv_name(snapshot)}.{secrets.token_hex(4)}"
        venv_python = str(venv / "bin" / "python")
        python = getattr(sys, "_base_executable", "") or sys.executable
        uv = shutil.which("uv")
        if uv:
            await _run([uv, "venv", "--quiet", "--python", python, str(venv)], snapshot)
            install = [uv, "pip", "install", "--quiet", "--python", venv_python]
        else:
            await _run([python, "-m", "venv", str(venv)], snapshot)
            install = [venv_python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        folder = await run_stoppable(self._threads, _build_folder, (snapshot, venv))
        requirements = folder / "requirements.txt"
        what = ["-r", str(requirements)] if requirements.is_file() else [str(folder)]
        await _run([*install, *what], folder)
        await self._threads.run(_complete, venv)
        return venv

    async def _make_modules(self, snapshot: Path) -> Path:
        npm = shutil.which("npm")
        if npm is None:
            raise FailedPrecondition("The source has a package.json, and npm is not installed here: install Node.js.")
        modules = snapshot / "node_modules"
        await self._threads.run(shutil.rmtree, modules, ignore_errors=True)
        has_lock = (snapshot / "package-lock.json").is_file()
        await _run([npm, "ci" if has_lock else "install", "--omit=dev", "--no-audit", "--no-fund"], snapshot)
        modules.mkdir(exist_ok=True)
        await self._threads.run(_complete, modules)
        return modules

    def keep_only(self, snapshots: Collection[Path]) -> None:
        """Remove virtual environments that none of these snapshots uses, and half ones. Blocks."""
        if not self._root.is_dir():
            return
        wanted = {_venv_name(snapshot) for snapshot in snapshots if _is_python(snapshot)}
        for entry in self._root.iterdir():
            if entry.name.rpartition(".")[0] not in wanted or not (entry / _MARKER).exists():
                shutil.rmtree(entry, ignore_errors=True)


def _is_python(snapshot: Path) -> bool:
    return (snapshot / "requirements.txt").is_file() or (snapshot / "pyproject.toml").is_file()


def _venv_name(snapshot: Path) -> str:
    """Named by the interpreter and by all that the environment depends on: the requirements, and the whole source if
    they speak of anything in it."""
    requirements = snapshot / "requirements.txt"
    content = requirements.read_bytes() if requirements.is_file() else b""
    if not requirements.is_file() or not _stands_alone(content.decode("utf-8", "replace"), snapshot):
        content += b"\0" + os.fsencode(snapshot.name)
    digest = hashlib.sha256(b"%b\0%b" % (sys.version.encode(), content)).hexdigest()[:24]
    return f"python-{digest}"


def _build_folder(places: tuple[Path, Path], stopped: Event) -> Path:
    """Where the tool may work, of (snapshot, environment): building a package writes beside it, and a snapshot never
    changes. A copy stays with the environment, which may refer to it (`-e`). Raises Unavailable: the runtime stops."""
    snapshot, venv = places

    def copy(source: str, target: str) -> None:
        if stopped.is_set():
            raise Unavailable("The runtime is stopping: the source is built at the next start.")
        shutil.copy2(source, target)
        os.chmod(target, os.stat(target).st_mode | stat.S_IWUSR)

    requirements = snapshot / "requirements.txt"
    if requirements.is_file() and _stands_alone(requirements.read_text("utf-8", "replace"), snapshot):
        return snapshot
    return shutil.copytree(snapshot, venv / ".source", symlinks=True, copy_function=copy)


def _stands_alone(text: str, snapshot: Path) -> bool:
    """Whether every line names a package of an index, and nothing of the source's own files."""
    for line in text.splitlines():
        words = line.partition("#")[0].split()
        if not words or words[0].startswith("--hash="):
            continue
        # A word that no path can be (too long, say) names no file: os.path.exists says so, Path.exists would raise.
        if not _PLAIN_REQUIREMENT.match(" ".join(words)) or os.path.exists(snapshot / words[0]):
            return False
    return True


def _python_build(venv: Path) -> Build:
    return Build(path_entries=(str(venv / "bin"),), env=(("VIRTUAL_ENV", str(venv)), ("PYTHONUNBUFFERED", "TRUE")))


def _node_build(modules: Path) -> Build:
    return Build(path_entries=(str(modules / ".bin"),), env=(("NODE_ENV", "production"),))


def _complete(folder: Path) -> None:
    os.sync()  # many small files: one sync for all
    (folder / _MARKER).touch()
    for place in (folder, folder.parent, folder.parent.parent):
        fd = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


async def _run(command: Sequence[str], folder: Path) -> None:
    """Run a tool of the build, in a session of its own: a Ctrl-C at the terminal is not meant for it."""
    launch = [sys.executable, "-I", "-S", "-c", _LAUNCH, *command]
    process = await anyio.open_process(
        launch, cwd=folder, stdin=subprocess.DEVNULL, stderr=subprocess.STDOUT, start_new_session=True
    )
    tail = b""
    try:
        with anyio.fail_after(BUILD_TIMEOUT_S):
            assert process.stdout is not None  # piped by default
            async for chunk in process.stdout:
                tail = (tail + chunk)[-_TAIL_BYTES:]
            code = await process.wait()
    except TimeoutError as error:
        text = f"Building the source failed: {' '.join(command[:3])} … took more than {BUILD_TIMEOUT_S / 60:g} minutes."
        raise FailedPrecondition(text) from error
    finally:
        await _end(process)
    if code:
        lines = tail.decode("utf-8", "replace").strip().splitlines()[-_TAIL_LINES:]
        raise FailedPrecondition(f"Building the source failed ({' '.join(command[:4])} …):\n" + "\n".join(lines))


async def _end(process: anyio.abc.Process) -> None:
    """Leave nothing of it behind. Shielded: it is short, and an orphan would go on writing."""
    with anyio.CancelScope(shield=True):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.aclose()
