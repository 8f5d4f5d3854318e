"""Which files a folder of definitions is made of, and when one of them has changed. By polling: a few thousand looks
at files cost a millisecond or two, and work on every file system."""

from __future__ import annotations

import os

from hakobune.cli.apply.programs import walk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_FILES_MAX = 50_000  # as of one program; what is beyond is not watched

Signature = dict[str, tuple[int, int, int]]


def signature(places: Iterable[str]) -> Signature:
    """Of each file below these folders, or named here: time of change, size, identity. What is gone is not in it."""
    found: Signature = {}
    for place in places:
        for path in _files(place):
            if len(found) >= _FILES_MAX:
                return found
            try:
                info = os.stat(path)
            except OSError:
                continue  # gone meanwhile: that is a change, too
            found[path] = (info.st_mtime_ns, info.st_size, info.st_ino)
    return found


def _files(place: str) -> Iterator[str]:
    if not os.path.isdir(place):
        yield place
        return
    for folder, _, names in walk(place):
        yield from (os.path.join(folder, name) for name in names)


def places_of(name: str, project: str, location: str) -> frozenset[str]:
    """The folder or file itself, and what lies elsewhere that its definitions are made of: programs, sources, values.

    Of definitions that are wrong nothing is known: whoever mends them changes a file in the folder.
    """
    from hakobune.cli.apply.kinds import Ground
    from hakobune.cli.apply.reading import read_folder
    from hakobune.cli.errors import CommandError

    top = os.path.abspath(name)
    try:
        folder = read_folder(name, Ground(project=project, location=location, folder=""))
    except CommandError:
        return frozenset({top})
    return frozenset({top, *(path for path in folder.watched if not path.startswith(f"{top}{os.sep}"))})
