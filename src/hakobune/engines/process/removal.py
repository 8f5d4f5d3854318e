"""Removing what a task left: little by little, by descriptors. Symbolic links are removed, never followed, and no depth
of folders is too deep."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def remove(path: bytes) -> Iterator[None]:
    """Remove a file or a folder with all that is in it, a step at each `next`. Raises OSError."""
    try:
        if not stat.S_ISDIR(os.lstat(path).st_mode):
            os.unlink(path)
            return
        try:
            os.rmdir(path)
        except OSError:
            yield from _empty(path)
            os.rmdir(path)
    except FileNotFoundError:
        return


def _empty(path: bytes) -> Iterator[None]:
    """Remove all that is in a folder, a step at each `next`. Raises OSError."""
    os.chmod(path, 0o700)
    folder = os.open(path, _FOLDER)
    names: list[str] = []  # from `path` to `folder`
    try:
        while True:
            below = None
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        below = entry.name
                        break
                    os.unlink(entry.name, dir_fd=folder)
                    yield
            if below is not None:
                # A task may have taken the right to read and write from its own folders.
                os.chmod(below, 0o700, dir_fd=folder)
                names.append(below)
                folder = _step(folder, below)
            elif names:
                folder = _step(folder, "..")
                os.rmdir(names.pop(), dir_fd=folder)
            else:
                return
            yield
    finally:
        os.close(folder)


def _step(folder: int, name: str) -> int:
    """Go from one open folder to a neighbour."""
    neighbour = os.open(name, _FOLDER, dir_fd=folder)
    os.close(folder)
    return neighbour
