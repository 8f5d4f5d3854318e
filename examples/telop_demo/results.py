"""The files that the tasks leave and the merge reads: one for each segment, under a name that never changes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from telops import Telop

from hakobune.sdk import global_id, write_json

# Room for the telops of one segment in the global ids: id = segment × STRIDE + local id.
STRIDE = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentResult:
    """What was read in one segment. `count` is the number of segments of the clip."""

    segment: int
    count: int
    telops: tuple[Telop, ...]


def telop_id(segment: int, local_id: int) -> int:
    """The id of a telop among all of the clip, whichever task reads the segment, and however often."""
    return global_id(local_id, STRIDE, segment)


def segment_file(folder: Path, segment: int) -> Path:
    """Where the result of a segment stands: it is named by the id of the segment's first telop."""
    return folder / "segments" / f"{telop_id(segment, 0):08d}.json"


def write_segment(folder: Path, result: SegmentResult) -> None:
    """Write a segment's result, whole or not at all, over what an earlier attempt may have left."""
    document = {
        "segment": result.segment,
        "count": result.count,
        "telops": [telop.to_json() for telop in result.telops],
    }
    write_json(segment_file(folder, result.segment), document)


def read_segments(folder: Path) -> list[SegmentResult]:
    """The results of all segments of a clip. Raises ValueError if one is missing or not ours."""
    results = [_from_json(path) for path in sorted((folder / "segments").glob("*.json"))]
    expected = results[0].count if results else 1
    missing = sorted(set(range(expected)) - {result.segment for result in results})
    if missing:
        raise ValueError(f"{folder}: no result of segment {', '.join(map(str, missing))}")
    if len(results) != expected or any(result.count != expected for result in results):
        raise ValueError(f"{folder}: results of more than one clip")
    return results


def write_telops(folder: Path, telops: Sequence[Telop]) -> Path:
    """Write the joined telops of a clip; returns the file."""
    path = folder / "telops.json"
    write_json(path, [telop.to_json() for telop in telops])
    return path


def _from_json(path: Path) -> SegmentResult:
    match json.loads(path.read_bytes()):
        case {"segment": int(segment), "count": int(count), "telops": [*telops]}:
            return SegmentResult(segment=segment, count=count, telops=tuple(map(Telop.from_json, telops)))
        case _:
            raise ValueError(f"{path}: not the result of a segment")
