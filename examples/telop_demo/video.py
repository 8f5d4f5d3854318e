"""The frames of a clip: cut into segments of equal length, sampled at fixed instants, the telop's band only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from telops import SAMPLE_MS

SEGMENT_MS = 3_000  # a multiple of SAMPLE_MS
BAND_TOP, BAND_BOTTOM = 0.75, 0.98  # telops stand here: fractions of the height

Pixels = npt.NDArray[np.uint8]  # rows × columns × (blue, green, red)


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """The part [start_ms, end_ms) of a clip."""

    number: int
    start_ms: int
    end_ms: int


def segments(clip: Path) -> list[Segment]:
    """The segments of a clip in the order of time; the last may be shorter. Raises av.FFmpegError if it is no video."""
    with av.open(str(clip)) as container:
        stream = container.streams.video[0]
        if stream.duration is None or stream.time_base is None:
            raise ValueError(f"{clip}: the length of the video is not known")
        length_ms = int(stream.duration * stream.time_base * 1000)
    starts = range(0, length_ms, SEGMENT_MS)
    return [
        Segment(number=number, start_ms=start, end_ms=min(start + SEGMENT_MS, length_ms))
        for number, start in enumerate(starts)
    ]


def sampled_bands(clip: Path, segment: Segment) -> Iterator[tuple[int, Pixels]]:
    """The band of the first frame at or after each instant of the segment, with the instant in milliseconds.

    Decoding begins at the key frame before the segment, so a segment can be read alone. One thread: tasks are the
    unit of parallel work.
    """
    with av.open(str(clip)) as container:
        stream = container.streams.video[0]
        stream.thread_count = 1
        if stream.time_base is None:
            raise ValueError(f"{clip}: the video has no time base")
        container.seek(int(segment.start_ms / 1000 / stream.time_base), stream=stream, backward=True)
        wanted_ms = segment.start_ms
        for frame in container.decode(stream):
            at_ms = 0 if frame.pts is None else int(frame.pts * stream.time_base * 1000)
            if at_ms >= segment.end_ms:
                return
            if at_ms < wanted_ms:
                continue
            picture = frame.to_ndarray(format="bgr24")
            top, bottom = int(picture.shape[0] * BAND_TOP), int(picture.shape[0] * BAND_BOTTOM)
            yield wanted_ms, np.ascontiguousarray(picture[top:bottom])
            wanted_ms += SAMPLE_MS
