"""Paths of this machine as sources: wildcards, folders, what lies below, and what cannot be copied."""

from __future__ import annotations

import os
import stat

from hakobune.cli.storage import globs
from hakobune.cli.storage.entries import FileEntry, FolderEntry
from hakobune.cli.storage.urls import has_wildcard, literal_prefix

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


def entries(path: str) -> Iterator[FileEntry | FolderEntry]:
    """What a path or a pattern names, in the order of names; nothing where there is nothing."""
    if path == "-":
        yield FileEntry(path, None)
    elif os.path.lexists(path) or not has_wildcard(path):
        found = _entry(path)
        if found is not None:
            yield found
    else:
        for match in _matches(path):
            found = _entry(match)
            if found is not None:
                yield found


def below(folder: str) -> Iterator[FileEntry]:
    """All files below a folder, in the order of names. A symbolic link to a folder is not followed: it may lead round
    in a circle."""
    for base, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            found = _entry(os.path.join(base, name))
            if isinstance(found, FileEntry):
                yield found


def _entry(path: str) -> FileEntry | FolderEntry | None:
    try:
        status = os.stat(path)
    except OSError:
        return None  # nothing of that name, or a link that leads nowhere
    if stat.S_ISDIR(status.st_mode):
        return FolderEntry(path)
    return FileEntry(path, status.st_size if stat.S_ISREG(status.st_mode) else None)


def _matches(pattern: str) -> Iterator[str]:
    """Paths that match; `**` also means files of any depth."""
    root = literal_prefix(pattern).rpartition(os.sep)[0]
    start = root or (os.sep if pattern.startswith(os.sep) else os.curdir)
    lead = f"{root}{os.sep}" if root or pattern.startswith(os.sep) else ""
    is_deep = "**" in pattern
    depth_max = pattern[len(lead) :].rstrip(os.sep).count(os.sep)
    wanted = pattern.rstrip(os.sep)
    for base, folders, names in os.walk(start):
        folders.sort()
        relative = os.path.relpath(base, start)
        inner = "" if relative == os.curdir else f"{relative}{os.sep}"
        for name in sorted(names if is_deep else [*names, *folders]):
            path = f"{lead}{inner}{name}"
            if globs.matches(wanted, path):
                yield path
        if not is_deep and inner.count(os.sep) >= depth_max:
            folders.clear()
