#!/usr/bin/env python3
"""The job: read the on-screen texts of a clip's segments. `read_telops.py CLIP`, results into the folder $OUT.

Each task takes every n-th segment and writes one file for each, named by segment, not by task or attempt. So it does
not matter how many tasks there are, which of them is killed, and how often: the same files come out. A checkpoint
says which segments are done; an attempt that follows a killed one goes on with the next.
"""

from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path

from ocr import Reader
from results import SegmentResult, telop_id, write_segment
from telops import group
from video import sampled_bands, segments

from hakobune.sdk import Checkpoint, Task, log, progress, shard, shutdown


def read(clip: Path, out: Path) -> None:
    """Read this task's share of the segments, but for those that an earlier attempt has finished."""
    shutdown.install()  # SIGTERM: finish the segment in hand, then leave
    everything = segments(clip)
    mine = shard(everything)
    checkpoint = Checkpoint.open("segments", where=out / "checkpoints")
    task = Task.from_env()
    begins = f"attempt {task.attempt} begins: {checkpoint.done} of {len(mine)} segments are done"
    log.info(begins, task=task.index, segments=[segment.number for segment in mine])
    reader: Reader | None = None
    for segment in checkpoint.items(mine, key=lambda segment: segment.number):
        reader = reader or Reader()
        sightings = reader.sightings(sampled_bands(clip, segment))
        telops = group(sightings, partial(telop_id, segment.number))
        write_segment(out, SegmentResult(segment=segment.number, count=len(everything), telops=tuple(telops)))
        progress(mine.index(segment) + 1, len(mine), f"segment {segment.number}: {len(telops)} telops")


def main(arguments: list[str]) -> int:
    """Read; 0 when the share is done, 2 for a wrong call. SIGTERM ends it with 143 after the segment in hand."""
    out = os.environ.get("OUT")
    if len(arguments) != 1 or not out:
        print("usage: OUT=FOLDER read_telops.py CLIP", file=sys.stderr)
        return 2
    read(Path(arguments[0]), Path(out))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
