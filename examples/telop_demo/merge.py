#!/usr/bin/env python3
"""Join what the tasks read: telops that cross a segment border become one. `merge.py FOLDER` writes telops.json."""

from __future__ import annotations

import sys
from pathlib import Path

from results import read_segments, write_telops
from telops import Telop, clock, join


def merge(folder: Path) -> list[Telop]:
    """The telops of a clip in the order of time, also written to telops.json. Raises ValueError, see read_segments."""
    telops = join(telop for result in read_segments(folder) for telop in result.telops)
    write_telops(folder, telops)
    return telops


def main(arguments: list[str]) -> int:
    """Merge and print; 0 when done, 1 when a result is missing, 2 for a wrong call."""
    if len(arguments) != 1:
        print("usage: merge.py FOLDER", file=sys.stderr)
        return 2
    try:
        telops = merge(Path(arguments[0]))
    except ValueError as error:
        print(f"merge: {error}", file=sys.stderr)
        return 1
    for telop in telops:
        print(f"{clock(telop.first_ms)}  {clock(telop.last_ms)}  {telop.id:>6}  {telop.text}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
