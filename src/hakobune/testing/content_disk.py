"""Content files of a simulation: real ones, in a folder of the machine's memory, out of reach for a runtime that died.

Whatever a life had written when it ended is still there, as after a kill; power cuts are the work of `tests/power`.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from hakobune.store.blobs import Hashes
from hakobune.store.blobs_files import ContentFile, FileBlobs, FileWriter
from hakobune.testing.faults import Life

_MEMORY = Path("/dev/shm")  # noqa: S108 - no more than a place where folders are made


@contextmanager
def content_folder(*, is_needed: bool) -> Generator[Path | None]:
    """An empty folder for as long as the simulation lasts."""
    if not is_needed:
        yield None
        return
    place = _MEMORY if os.access(_MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="hakobune-simulation-", dir=place) as name:
        yield Path(name)


class SimulatedBlobs(FileBlobs):
    """The content files, as one life of a runtime reaches them."""

    def __init__(self, directory: Path, life: Life) -> None:
        super().__init__(directory)
        self._life = life

    def create(self, uid: str) -> FileWriter:
        self._life.check_disk()
        return super().create(uid)

    def resume(self, uid: str, size_bytes: int, hashes: Hashes | None = None) -> FileWriter:
        self._life.check_disk()
        return super().resume(uid, size_bytes, hashes)

    def open(self, uid: str) -> ContentFile:
        self._life.check()
        return super().open(uid)

    def remove(self, uids: Sequence[str]) -> None:
        self._life.check()
        super().remove(uids)

    def uids(self, folder: str) -> list[str]:
        self._life.check()
        return super().uids(folder)
