"""Runs a program under the recorder, and cuts its power at many instants."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from disk import Disk, Kind, Operation, read_trace

HERE = Path(__file__).parent
CUTS = int(os.environ.get("HAKOBUNE_POWER_CUTS", "40"))  # of each recording; `make soak` sets more


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """What a program did below `root`."""

    root: Path
    root_inode: int
    operations: list[Operation]

    def count(self, kind: Kind) -> int:
        return sum(operation.kind is kind for operation in self.operations)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """A directory after a cut, and what had been acknowledged before it."""

    directory: Path
    marks: list[str]
    story: str


def build_recorder(place: Path) -> Path:
    """The recorder as a library. Needs gcc."""
    library = place / "recorder.so"
    flags = ["-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"]
    subprocess.run(["gcc", *flags, "-o", str(library), str(HERE / "recorder.c"), "-ldl", "-lpthread"], check=True)
    return library


def record(recorder: Path, place: Path, driver: str, *arguments: str, ends: int = 0) -> Recording:
    """Run `driver` (a script of this folder) on an empty directory, under the recorder; it ends with `ends`."""
    root, trace = place / "root", place / "trace"
    root.mkdir()
    environment = {
        **os.environ,
        "LD_PRELOAD": str(recorder),
        "RECORDER_ROOT": str(root.resolve()),
        "RECORDER_TRACE": str(trace),
    }
    command = [sys.executable, str(HERE / driver), str(root), *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == ends, done.stderr
    return Recording(root=root, root_inode=root.stat().st_ino, operations=read_trace(trace))


def check_complete(recording: Recording, place: Path) -> None:
    """Everything that changed the directory was recorded: what is replayed whole is what is there."""
    disk = Disk(recording.root_inode)
    for operation in recording.operations:
        disk.apply(operation)
    replayed = place / "replayed"
    disk.build_all(replayed)
    assert _picture(replayed) == _picture(recording.root)


def _picture(root: Path) -> dict[str, bytes | str | None]:
    # The index of SQLite's log is written through shared memory, which is not recorded: SQLite makes it again.
    return {
        str(path.relative_to(root)): _content(path)
        for path in sorted(root.rglob("*"))
        if not path.name.endswith("-shm") and not path.is_socket()
    }


def _content(path: Path) -> bytes | str | None:
    if path.is_symlink():
        return str(path.readlink())
    return path.read_bytes() if path.is_file() else None


def cuts(recording: Recording, seed: int, count: int = CUTS) -> Iterator[Cut]:
    """`count` cuts at random instants, some of them right after an acknowledgement."""
    draw = random.Random(seed)
    last = len(recording.operations)
    marks = [place + 1 for place, operation in enumerate(recording.operations) if operation.kind is Kind.MARK]
    instants = [draw.choice(marks) if marks and number % 2 else draw.randint(0, last) for number in range(count)]
    disk = Disk(recording.root_inode)
    done = 0
    for number, instant in enumerate(sorted(instants)):
        while done < instant:
            disk.apply(recording.operations[done])
            done += 1
        place = Path(tempfile.mkdtemp(prefix="hakobune-cut-", dir=_fast_folder()))
        try:
            mode = disk.cut(place / "root", seed * 100_003 + number)
            story = f"power cut after operation {instant} of {last}, seed {seed}, cut {number}, lost: {mode}"
            yield Cut(directory=place / "root", marks=list(disk.marks), story=story)
        finally:
            shutil.rmtree(place)


def _fast_folder() -> str | None:
    """Where many small directories are made and removed quickly."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def each(recording: Recording, seed: int, check: Callable[[Cut], None], count: int = CUTS) -> None:
    """Check every cut; a failure tells which one it was."""
    for cut in cuts(recording, seed, count):
        try:
            check(cut)
        except Exception as error:
            raise AssertionError(cut.story) from error
