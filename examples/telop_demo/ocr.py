"""Reading a band: RapidOCR, asked only when the letters changed, and shown nothing but the letters."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator

import cv2
import numpy as np
import numpy.typing as npt
from telops import Sighting
from video import Pixels

# Telops here are white with a dark outline. These figures were found by trying them on the clip.
WHITE_MIN = 200  # all three colours of a letter's pixel are at least this
LETTERS_MIN = 0.001  # a smaller part of the band than this is no text
OUTLINE_PX = 5  # kept around each white pixel; everything else becomes GREY
GREY = 70
CHANGED_MIN = 0.06  # this part of the white pixels must have changed for a new look
LOOK_AGAIN = 2  # frames after which an unchanged picture is read again, so that a misreading is outvoted

Mask = npt.NDArray[np.uint8]  # rows × columns; 1 where a letter is white


class Reader:
    """A recogniser with its models loaded. Loading takes a second or more; the models are part of the package."""

    def __init__(self) -> None:
        from rapidocr import RapidOCR  # seconds to import: a task with nothing left to read does without

        logging.getLogger("RapidOCR").setLevel(logging.WARNING)
        cv2.setNumThreads(1)
        self.read_count = 0
        self._engine = RapidOCR(
            params={
                # A wide, low band must not be enlarged: with the defaults one frame takes minutes.
                "Det.limit_type": "max",
                "Det.limit_side_len": 1280,
                # Tasks are the unit of parallel work, and one thread always adds up in the same order.
                "EngineConfig.onnxruntime.intra_op_num_threads": 1,
                "EngineConfig.onnxruntime.inter_op_num_threads": 1,
                "Global.log_level": "warning",
            }
        )

    def sightings(self, bands: Iterable[tuple[int, Pixels]]) -> Iterator[Sighting]:
        """What each band says. A band whose letters look like those read last is given the same text, unread."""
        shown: Mask | None = None
        text, weight, age = "", 0, 0
        for at_ms, band in bands:
            letters = white(band)
            if letters.mean() < LETTERS_MIN:
                shown, text, weight = None, "", 0
            elif shown is None or age >= LOOK_AGAIN or changed(shown, letters):
                shown, age = letters, 1
                text, weight = self.read(isolated(band, letters))
            else:
                age += 1
            yield Sighting(at_ms=at_ms, text=text, weight=weight)

    def read(self, band: Pixels) -> tuple[str, int]:
        """The text of a band, pieces from left to right with a space between, and the trust in it, 0 to 1000."""
        self.read_count += 1
        result = self._engine(band, use_cls=False)
        if result.boxes is None or result.txts is None or result.scores is None:
            return "", 0
        pieces = sorted(
            (float(box[:, 0].min()), text.strip(), float(score))
            for box, text, score in zip(result.boxes, result.txts, result.scores, strict=True)
        )
        return " ".join(text for _, text, _ in pieces), round(1000 * min(score for _, _, score in pieces))


def white(band: Pixels) -> Mask:
    """Where a band is as white as a telop's letters."""
    return (band.min(axis=2) >= WHITE_MIN).astype(np.uint8)


def isolated(band: Pixels, letters: Mask) -> Pixels:
    """The band with all but the letters and their outline painted grey: what moves behind them no longer confuses."""
    size = 2 * OUTLINE_PX + 1
    near = cv2.dilate(letters, np.ones((size, size), np.uint8))
    return np.where(near[:, :, None] == 1, band, np.uint8(GREY))


def changed(before: Mask, now: Mask) -> bool:
    """Whether so many white pixels came or went that it may be another text."""
    differing = np.count_nonzero(before != now)
    return bool(differing > CHANGED_MIN * max(np.count_nonzero(before), np.count_nonzero(now)))
