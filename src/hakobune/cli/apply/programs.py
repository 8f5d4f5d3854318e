"""Folders of programs: what is in them, as one digest, so that a changed program is a changed definition."""

from __future__ import annotations

import hashlib
import os
import stat

from hakobune.cli.apply.problems import Fault, RefusedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

# As the runtime's snapshots of sources: version control, caches, environments and its own data are no part of them.
SKIPPED = frozenset(
    {".git", ".hg", ".svn", "__pycache__", ".venv", "venv", "node_modules", ".hakobune", ".mypy_cache", ".ruff_cache"}
)
_DATA = "state.sqlite3"  # a folder with it is a data directory of a runtime, which may lie anywhere
_FILES_MAX = 50_000  # as the runtime's
_BLOCK_BYTES = 1024 * 1024
_DIGEST_CHARACTERS = 40


def walk(folder: str) -> Iterator[tuple[str, list[str], list[str]]]:
    """As `os.walk`, without what is skipped, and without data directories of runtimes."""
    for place, folders, names in os.walk(folder):
        if _DATA in names:
            folders.clear()
            continue
        folders[:] = sorted(name for name in folders if name not in SKIPPED)
        yield place, folders, sorted(names)


def entries(folder: str) -> Iterator[os.DirEntry[str]]:
    """The files, links and folders below a folder, in one order. Raises OSError."""
    pending = [folder]
    while pending:
        with os.scandir(pending.pop()) as found:
            listed = sorted(found, key=lambda entry: entry.name)
        for entry in [] if any(entry.name == _DATA for entry in listed) else listed:
            if entry.name not in SKIPPED:
                yield entry
                if entry.is_dir(follow_symlinks=False):
                    pending.append(entry.path)


def digest_of(folder: str, field: str) -> str:
    """Of names, kinds and contents. Raises RefusedError at `field`: it is no folder, or cannot be read."""
    if not os.path.isdir(folder):
        raise RefusedError(Fault(field, f"{folder} is no folder", "Name the folder that holds the program."))
    total = hashlib.sha256()
    count = 0
    try:
        for entry in entries(folder):
            count += 1
            if count > _FILES_MAX:
                raise RefusedError(Fault(field, f"{folder} has more than {_FILES_MAX} files", "Name a smaller one."))
            mode = entry.stat(follow_symlinks=False).st_mode
            name = os.fsencode(os.path.relpath(entry.path, folder))
            total.update(b"%b\0%d\0%d\0" % (name, stat.S_IFMT(mode), bool(mode & 0o111)))
            if stat.S_ISLNK(mode):
                total.update(os.fsencode(os.readlink(entry.path)) + b"\0")
            elif stat.S_ISREG(mode):
                total.update(_content(entry.path))
    except OSError as error:
        raise RefusedError(Fault(field, f"{error.filename} cannot be read: {error.strerror}")) from error
    return total.hexdigest()[:_DIGEST_CHARACTERS]


def _content(path: str) -> bytes:
    content = hashlib.sha256()
    with open(path, "rb", buffering=0) as file:
        while block := file.read(_BLOCK_BYTES):
            content.update(block)
    return content.digest()
