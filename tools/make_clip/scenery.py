"""The moving backgrounds, drawn from nothing: a city at dusk, a harbour with a bridge, a weather map.

Each scene is a few wide layers drawn once, at twice the size for smooth edges, and shifted against each other
frame by frame. Large calm areas and slow movement keep the clip small.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

Colour = tuple[int, int, int]
Draw = Callable[[ImageDraw.ImageDraw, float], None]

OVERSIZE = 2  # layers are drawn this much larger, then reduced


class Scenery:
    """Backgrounds of one frame size. `frame(name, second)` gives the picture of a scene at a time within it."""

    def __init__(self, width: int, height: int) -> None:
        self._width = width
        self._height = height
        self._wide = width + 320
        self._scenes = {"city": self._city(), "harbour": self._harbour(), "weather": self._weather()}

    def frame(self, name: str, second: float) -> Image.Image:
        """The background of scene `name`, `second` seconds after it began."""
        picture = Image.new("RGB", (self._width, self._height))
        for layer, position in self._scenes[name]:
            x, y = position(second)
            _paste_shifted(picture, layer, x, y)
        return picture

    # Scenes: layers from back to front, each with its position (left, top) as a function of time.

    def _city(self) -> list[tuple[Image.Image, Callable[[float], tuple[float, float]]]]:
        sky = self._gradient((24, 28, 66), (214, 118, 92))
        far = self._layer(lambda draw, k: self._skyline(draw, k, 11, 250, 150, (70, 58, 96), lit=False))
        near = self._layer(lambda draw, k: self._skyline(draw, k, 5, 330, 190, (30, 28, 54), lit=True))
        return [
            (sky, lambda _: (0.0, 0.0)),
            (far, lambda t: (-20 - 6 * t, 0.0)),
            (near, lambda t: (-10 - 16 * t, 0.0)),
        ]

    def _harbour(self) -> list[tuple[Image.Image, Callable[[float], tuple[float, float]]]]:
        sky = self._gradient((92, 150, 204), (206, 224, 232))
        clouds = self._layer(lambda draw, k: self._clouds(draw, k, 3, 6, (60, 150), (228, 236, 242)), blur=6)
        hills = self._layer(self._hills)
        sea = self._layer(lambda draw, k: self._sea(draw, k, 300, (38, 98, 138), (58, 122, 160)))
        bridge = self._layer(self._bridge)
        swell = self._layer(lambda draw, k: self._sea(draw, k, 420, (26, 76, 116), (44, 100, 142)))
        ship = self._layer(self._ship)
        return [
            (sky, lambda _: (0.0, 0.0)),
            (clouds, lambda t: (-40 - 5 * t, 0.0)),
            (hills, lambda t: (-30 - 3 * t, 0.0)),
            (sea, lambda t: (-60 + 24 * math.sin(0.6 * t), 2 * math.sin(1.3 * t))),
            (bridge, lambda t: (-40 - 6 * t, 0.0)),
            (ship, lambda t: (-320 + 22 * t, 3 * math.sin(1.1 * t))),
            (swell, lambda t: (-100 + 30 * math.sin(0.5 * t + 1), 4 * math.sin(1.1 * t))),
        ]

    def _weather(self) -> list[tuple[Image.Image, Callable[[float], tuple[float, float]]]]:
        sea = self._gradient((46, 112, 168), (24, 74, 128))
        grid = self._layer(self._grid)
        land = self._layer(self._islands)
        sun = self._layer(self._sun)
        clouds = self._layer(lambda draw, k: self._clouds(draw, k, 8, 5, (90, 240), (214, 224, 234)), blur=4)
        return [
            (sea, lambda _: (0.0, 0.0)),
            (grid, lambda t: (-80 + 4 * t, 0.0)),
            (land, lambda t: (-60 - 2 * t, 0.0)),
            (sun, lambda t: (-40.0, 5 * math.sin(0.9 * t))),
            (clouds, lambda t: (-220 + 14 * t, 0.0)),
        ]

    # Parts of scenes. `k` is the scale: one unit of the frame is k units of the drawing.

    def _skyline(
        self, draw: ImageDraw.ImageDraw, k: float, seed: int, top: int, spread: int, colour: Colour, *, lit: bool
    ) -> None:
        dice = random.Random(seed)
        x = 0
        while x < self._wide:
            width = dice.randint(42, 88)
            roof = top + dice.randint(-spread // 2, spread // 3)
            draw.rectangle((x * k, roof * k, (x + width) * k, self._height * k), fill=(*colour, 255))
            if lit:
                for row in range(roof + 14, self._height - 20, 22):
                    for column in range(x + 8, x + width - 12, 15):
                        if dice.random() < 0.35:
                            draw.rectangle(
                                (column * k, row * k, (column + 7) * k, (row + 10) * k), fill=(222, 178, 106, 255)
                            )
            x += width + dice.randint(-6, 10)

    def _clouds(
        self, draw: ImageDraw.ImageDraw, k: float, seed: int, count: int, heights: tuple[int, int], colour: Colour
    ) -> None:
        dice = random.Random(seed)
        for _ in range(count):
            x, y = dice.randint(0, self._wide), dice.randint(*heights)
            for _ in range(7):
                dx, dy, r = dice.randint(-62, 62), dice.randint(-12, 12), dice.randint(16, 34)
                box = ((x + dx - 1.6 * r) * k, (y + dy - r) * k, (x + dx + 1.6 * r) * k, (y + dy + r) * k)
                draw.ellipse(box, fill=(*colour, 225))

    def _hills(self, draw: ImageDraw.ImageDraw, k: float) -> None:
        for base, amplitude, length, colour in (
            (250, 34, 190, (110, 142, 158)),
            (276, 22, 120, (84, 122, 122)),
        ):
            ridge = [
                (x, base - amplitude * (math.sin(x / length) + 0.4 * math.sin(x / (length / 3.1))))
                for x in range(0, self._wide + 8, 8)
            ]
            outline = [(0, self._height), *ridge, (self._wide, self._height)]
            draw.polygon([(x * k, y * k) for x, y in outline], fill=(*colour, 255))

    def _sea(self, draw: ImageDraw.ImageDraw, k: float, top: int, colour: Colour, crest: Colour) -> None:
        draw.rectangle((0, top * k, self._wide * k, (self._height + 20) * k), fill=(*colour, 255))
        dice = random.Random(top)
        for _ in range(130):
            x, y = dice.randint(0, self._wide), dice.randint(top + 4, self._height)
            length = dice.randint(20, 30 + (y - top) // 2)
            draw.line((x * k, y * k, (x + length) * k, y * k), fill=(*crest, 255), width=int(2 * k))

    def _bridge(self, draw: ImageDraw.ImageDraw, k: float) -> None:
        deck = 288
        steel: Colour = (176, 62, 50)
        for tower in (260, 620, 980):
            for side in (-1, 1):
                for step in range(1, 8):
                    foot = tower + side * step * 24
                    ends = (tower * k, (118 + step * 8) * k, foot * k, deck * k)
                    draw.line(ends, fill=(216, 206, 200, 255), width=int(1.2 * k))
            draw.rectangle(((tower - 6) * k, 104 * k, (tower + 6) * k, 372 * k), fill=(*steel, 255))
        draw.rectangle((0, deck * k, self._wide * k, (deck + 10) * k), fill=(*steel, 255))
        draw.rectangle((0, (deck + 10) * k, self._wide * k, (deck + 14) * k), fill=(110, 36, 34, 255))
        for x in range(30, self._wide, 74):  # the first cars and buses
            draw.rectangle((x * k, (deck - 9) * k, (x + 18 + x % 16) * k, deck * k), fill=(60, 70, 86, 255))

    def _ship(self, draw: ImageDraw.ImageDraw, k: float) -> None:
        hull = [(300, 402), (318, 436), (470, 436), (492, 398)]
        draw.polygon([(x * k, y * k) for x, y in hull], fill=(44, 52, 70, 255))
        draw.rectangle((326 * k, 366 * k, 366 * k, 402 * k), fill=(206, 204, 194, 255))
        draw.rectangle((336 * k, 346 * k, 350 * k, 368 * k), fill=(186, 88, 60, 255))
        for column in range(4):
            shade = ((150, 92, 62), (84, 120, 104), (92, 104, 148), (168, 140, 84))[column]
            draw.rectangle(((374 + column * 24) * k, 378 * k, (396 + column * 24) * k, 402 * k), fill=(*shade, 255))

    def _grid(self, draw: ImageDraw.ImageDraw, k: float) -> None:
        for x in range(0, self._wide, 80):
            draw.line((x * k, 0, (x + 60) * k, self._height * k), fill=(96, 152, 198, 255), width=int(k))
        for y in range(40, self._height, 80):
            draw.line((0, y * k, self._wide * k, (y - 24) * k), fill=(96, 152, 198, 255), width=int(k))

    def _islands(self, draw: ImageDraw.ImageDraw, k: float) -> None:
        dice = random.Random(21)
        for cx, cy, size, stretch in (
            (300, 330, 86, 1.6),
            (560, 250, 120, 1.9),
            (860, 150, 96, 1.3),
            (1010, 340, 40, 1.4),
        ):
            coast = []
            for step in range(28):
                angle = 2 * math.pi * step / 28
                r = size * (0.78 + 0.36 * dice.random())
                coast.append(((cx + stretch * r * math.cos(angle)) * k, (cy - 0.62 * r * math.sin(angle)) * k))
            draw.polygon(coast, fill=(122, 158, 92, 255), outline=(86, 122, 74, 255), width=int(2 * k))

    def _sun(self, draw: ImageDraw.ImageDraw, k: float) -> None:
        cx, cy = 700, 130
        for ray in range(12):
            angle = 2 * math.pi * ray / 12
            inner, outer = 56, 78
            ends = [(cx + r * math.cos(angle), cy + r * math.sin(angle)) for r in (inner, outer)]
            draw.line([(x * k, y * k) for x, y in ends], fill=(232, 150, 60, 255), width=int(7 * k))
        draw.ellipse(((cx - 46) * k, (cy - 46) * k, (cx + 46) * k, (cy + 46) * k), fill=(236, 124, 52, 255))

    # Making layers.

    def _layer(self, draw: Draw, blur: float = 0.0) -> Image.Image:
        size = (self._wide * OVERSIZE, (self._height + 20) * OVERSIZE)
        canvas = Image.new("RGBA", size, (0, 0, 0, 0))
        draw(ImageDraw.Draw(canvas), float(OVERSIZE))
        canvas = canvas.convert("RGBa")  # premultiplied: soft edges keep their colour
        if blur:
            canvas = canvas.filter(ImageFilter.GaussianBlur(blur * OVERSIZE))
        return canvas.resize((self._wide, self._height + 20), Image.Resampling.LANCZOS)

    def _gradient(self, top: Colour, bottom: Colour) -> Image.Image:
        ramp = np.linspace(0.0, 1.0, self._height)[:, None, None]
        column = (1 - ramp) * np.array(top) + ramp * np.array(bottom)
        pixels = np.broadcast_to(column, (self._height, self._width, 3)).round().astype(np.uint8)
        return Image.fromarray(np.ascontiguousarray(pixels))


def _paste_shifted(picture: Image.Image, layer: Image.Image, x: float, y: float) -> None:
    """Lay `layer` over `picture` with its corner at (x, y), between pixels too, so that slow movement is smooth."""
    if layer.mode == "RGB":
        picture.paste(layer, (round(x), round(y)))
        return
    shifted = layer.transform(
        picture.size, Image.Transform.AFFINE, (1, 0, -x, 0, 1, -y), Image.Resampling.BILINEAR, fillcolor=(0, 0, 0, 0)
    )
    visible = shifted.convert("RGBA")
    picture.paste(visible, (0, 0), visible)
