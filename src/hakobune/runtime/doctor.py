"""What is in force on this machine, what is not well, and what to do about it."""

from __future__ import annotations

import os
import resource
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hakobune.core.errors import Unavailable
from hakobune.runtime.objects_examination import Progress

if TYPE_CHECKING:
    from hakobune.runtime.app import Runtime

_DISK_WARN_BYTES = 1024**3
_FILES_WARN = 4096
_EXAMINATION_WAIT_S = 5.0  # an answer comes within ten seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One question and its answer."""

    name: str
    state: str  # ok, warning, error; running: ask again
    message: str
    remedy: str = ""

    def document(self) -> dict[str, str]:
        """As JSON."""
        return {"name": self.name, "state": self.state, "message": self.message, "remedy": self.remedy}


class Doctor:
    """Looks at one runtime."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    async def checks(self) -> list[dict[str, str]]:
        """All checks, as JSON."""
        found = [self._disk(), self._files(), self._slots(), *await self._engine(), await self._store(), self._images()]
        found += self._stopped_rooms()
        return [check.document() for check in found]

    def begin_examination(self) -> int:
        """Begin to read every object; its number."""
        return self._runtime.objects.examination.begin()

    async def examined(self) -> dict[str, object]:
        """How far the newest examination has come, as JSON: `number`, and a `check` whose state is "running" until its
        end. Waits a few seconds for that."""
        progress = await self._runtime.objects.examination.progress(_EXAMINATION_WAIT_S)
        return {"number": progress.number, "check": _objects(progress).document()}

    def _disk(self) -> Check:
        directory = self._runtime.settings.directory
        free = shutil.disk_usage(directory).free
        message = f"{free / 1024**3:.1f} GiB free for {directory}"
        if free < _DISK_WARN_BYTES:
            return Check(
                name="disk", state="warning", message=message, remedy="Free space: a full disk refuses new work."
            )
        return Check(name="disk", state="ok", message=message)

    def _files(self) -> Check:
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        message = f"{soft} open files allowed"
        if soft < _FILES_WARN:
            return Check(name="open files", state="warning", message=message, remedy="Raise it: ulimit -n 20000.")
        return Check(name="open files", state="ok", message=message)

    def _slots(self) -> Check:
        refused = self._runtime.slots.refused
        if refused:
            ports = ", ".join(str(port) for port in refused)
            return Check(
                name="attempt listeners",
                state="warning",
                message=f"ports {ports} were taken at the start: calls of attempts from before do not come here through"
                " them, neither over HTTP nor over gRPC",
                remedy="Let these attempts end, or cancel their executions; new ones have listeners of their own.",
            )
        return Check(name="attempt listeners", state="ok", message=f"{len(self._runtime.slots.slots())} open")

    async def _engine(self) -> list[Check]:
        try:
            facts: Mapping[str, str] = await self._runtime.engine.describe()
        except Unavailable as error:
            return [Check(name="engine", state="error", message=error.message, remedy="It is started again by itself.")]
        return [Check(name=f"engine: {name}", state="ok", message=text) for name, text in sorted(facts.items())]

    async def _store(self) -> Check:
        settings = self._runtime.settings
        size = sum(
            os.stat(settings.directory / name).st_size
            for name in ("state.sqlite3", "state.sqlite3-wal")
            if (settings.directory / name).exists()
        )
        seq = await self._runtime.store.read(lambda tx: tx.seq)
        message = f"SQLite, durability={settings.durability.value}, commit {seq}, {size / 1024**2:.1f} MiB"
        return Check(name="store", state="ok", message=message)

    def _stopped_rooms(self) -> list[Check]:
        stopped = self._runtime.wheel.rooms.stopped
        remedy = "This is a bug or a damaged disk: keep a copy of the data directory, report it, restart the runtime."
        return [
            Check(name=f"room {name}", state="error", message=f"has stopped {why}", remedy=remedy)
            for name, why in stopped.items()
        ]

    def _images(self) -> Check:
        images = self._runtime.settings.images
        gone = [f"{prefix} -> {image.source}" for prefix, image in images.items() if not image.source.is_dir()]
        if gone:
            remedy = "Correct the mapping (--map-image, hakobune.yaml)."
            return Check(name="images", state="error", message=f"no such directory: {', '.join(gone)}", remedy=remedy)
        return Check(name="images", state="ok", message=f"{len(images)} image names are mapped to sources")


def _objects(progress: Progress) -> Check:
    name = "objects"
    read = f"{progress.versions} versions, {progress.size_bytes / 1024**2:.1f} MiB read"
    findings = progress.findings
    if progress.failure:
        return Check(name=name, state="error", message=f"{read}: {progress.failure}", remedy="Try again.")
    if findings is None:
        return Check(name=name, state="running", message=read)
    if not findings.problems:
        return Check(name=name, state="ok", message=f"{read}, all as they were written")
    problems = "; ".join(findings.problems)
    message = f"{read}, {findings.damaged} damaged, {findings.strays} strays: {problems}"
    if not findings.damaged:
        return Check(name=name, state="warning", message=message, remedy="Nothing to do: strays go within the hour.")
    remedy = "Upload the damaged objects again, or take DIR/objects from a backup; then look for what damages the disk."
    return Check(name=name, state="error", message=message, remedy=remedy)
