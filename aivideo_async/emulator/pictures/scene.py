"""
What is in a picture and where, as plain data for the painters.

Everything is decided here; a painter only fills outlines.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from attrs import frozen

from aivideo_async.emulator.pictures.shapes import LETTERS, Outline, Part, outlines
from aivideo_async.emulator.pictures.subject import (
    RGB,
    ramp,
    shade,
    subject_of,
)

__all__ = ["Paint", "Picture", "Scene", "Shadow", "compose", "picture_size"]

MARK = "EMULATED"
MARK_LIGHT = 0.46
"""How much white the mark mixes into what it is laid over."""

AREAS = {"1k": 1024 * 1024, "2k": 2048 * 2048, "4k": 3840 * 2160}
SIDE_STEP = 16

LIGHTS = 48
"""In how many steps the light on the backdrop is told, each way."""

GREY = (148, 150, 154)
FRAME = (250, 249, 246)


@frozen
class Picture:
    """
    What to draw; equal pictures are equal bytes.

    Attributes:
        prompt: The words that choose the product and the colours.
        width: In pixels.
        height: In pixels.
        seed: Another seed, another hue.
        edit: Whether it was made from references: it then shows one in a corner.
    """

    prompt: str
    width: int
    height: int
    seed: int = 0
    edit: bool = False


def picture_size(aspect_ratio: str, resolution: str) -> tuple[int, int]:
    """
    Return the width and height for a ratio and a tier.

    Each side is a multiple of 16; the area is about 1024 x 1024 for ``1k``,
    2048 x 2048 for ``2k`` and 3840 x 2160 for ``4k``. ``auto`` is drawn as 1:1.

    Example:
        >>> picture_size("auto", "1k"), picture_size("16:9", "4k")
        ((1024, 1024), (3840, 2160))
    """
    ratio = "1:1" if aspect_ratio == "auto" else aspect_ratio
    across, down = map(int, ratio.split(":"))
    unit = math.sqrt(AREAS[resolution] / (across * down)) / SIDE_STEP
    return round(unit * across) * SIDE_STEP, round(unit * down) * SIDE_STEP


@frozen
class Paint:
    """A filled outline (later ones are holes) and its colours from left to right."""

    outlines: tuple[Outline, ...]
    ramp: tuple[RGB, ...]


@frozen
class Shadow:
    """A soft dark ellipse on the floor; *strength* is how dark its middle is."""

    x: float
    y: float
    rx: float
    ry: float
    strength: float


@frozen
class Backdrop:
    """
    A sheet of paper in one colour under a soft light.

    Attributes:
        colour: Where the light is full.
        across: The light from left to right, at most 1.
        down: The light from top to bottom; the product of both counts.
    """

    colour: RGB
    across: tuple[float, ...]
    down: tuple[float, ...]


@frozen
class Scene:
    """
    A composed picture, in pixels.

    Attributes:
        width: Of the canvas.
        height: Of the canvas.
        backdrop: Spread over the canvas.
        shadows: What lies on the backdrop, under the rest.
        paints: The hindmost first.
        mark: The letters of the mark, to be laid over everything.
    """

    width: int
    height: int
    backdrop: Backdrop
    shadows: tuple[Shadow, ...]
    paints: tuple[Paint, ...]
    mark: tuple[tuple[Outline, ...], ...]


def compose(picture: Picture) -> Scene:
    """Decide what *picture* shows, and where."""
    width, height = picture.width, picture.height
    short = min(width, height)
    subject = subject_of(picture.prompt, picture.seed)
    aside = 0.07 * short if picture.edit else 0.0
    place = _Place.fit(
        subject.product,
        width / 2 + aside,
        0.52 * height + aside,
        0.58 * width,
        0.56 * height,
    )
    paints = place.paints(subject.product, subject.colour)
    if picture.edit:
        paints += _reference(subject.product, 0.05 * short, 0.26 * short)
    return Scene(
        width,
        height,
        _backdrop(subject.backdrop),
        place.shadows(),
        paints,
        _mark(width, height),
    )


@frozen
class _Place:
    """Where a product stands: its scale, its origin, its box in pixels."""

    scale: float
    x: float
    y: float
    middle: float
    floor: float
    width: float

    @classmethod
    def fit(
        cls, product: tuple[Part, ...], x: float, y: float, width: float, height: float
    ) -> _Place:
        """Make it as large as fits a box of *width* by *height* around (x, y)."""
        points = [p for part in product for line in outlines(part.path) for p in line]
        left, right = min(x for x, _ in points), max(x for x, _ in points)
        top, bottom = min(y for _, y in points), max(y for _, y in points)
        scale = min(width / (right - left), height / (bottom - top))
        return cls(
            scale=scale,
            x=x - scale * (left + right) / 2,
            y=y - scale * (top + bottom) / 2,
            middle=x,
            floor=y + scale * (bottom - top) / 2,
            width=scale * (right - left),
        )

    def paints(self, product: tuple[Part, ...], colour: RGB) -> tuple[Paint, ...]:
        def moved(x: float, y: float) -> tuple[float, float]:
            return self.x + self.scale * x, self.y + self.scale * y

        return tuple(
            Paint(_map(moved, outlines(part.path)), ramp(part.finish, colour))
            for part in product
        )

    def shadows(self) -> tuple[Shadow, ...]:
        """Lay a wide shadow away from the light, and a tight one underneath."""
        width = self.width
        return (
            Shadow(
                self.middle + 0.12 * width, self.floor, 0.78 * width, 0.13 * width, 0.3
            ),
            Shadow(
                self.middle + 0.02 * width, self.floor, 0.52 * width, 0.045 * width, 0.5
            ),
        )


def _map(
    move: Callable[[float, float], tuple[float, float]], shape: tuple[Outline, ...]
) -> tuple[Outline, ...]:
    return tuple(tuple(move(x, y) for x, y in line) for line in shape)


def _reference(product: tuple[Part, ...], at: float, side: float) -> tuple[Paint, ...]:
    """Frame a faded little product in the corner: what the edit started from."""
    border = 0.06 * side
    inner = side - 2 * border
    place = _Place.fit(product, at + side / 2, at + side / 2, 0.7 * inner, 0.7 * inner)
    return (
        Paint(
            (_box(at + 0.03 * side, at + 0.04 * side, side, 1.16 * side),),
            (shade(GREY, 0.8),),
        ),
        Paint((_box(at, at, side, 1.16 * side),), (FRAME,)),
        Paint((_box(at + border, at + border, inner, inner),), (shade(GREY, 1.5),)),
        *place.paints(product, GREY),
    )


def _box(x: float, y: float, width: float, height: float) -> Outline:
    return (x, y), (x + width, y), (x + width, y + height), (x, y + height)


def _backdrop(colour: RGB) -> Backdrop:
    """Light a seamless sweep of paper: bright behind the product, darker outwards."""
    steps = [(step + 0.5) / LIGHTS for step in range(LIGHTS)]
    across = tuple(1 - 0.2 * abs(step - 0.43) ** 1.6 * 2 for step in steps)
    down = tuple(
        0.94
        - 0.3 * abs(step - 0.4) ** 1.7
        + 0.06 * _smooth(0.58, 0.74, step)
        - 0.08 * _smooth(0.78, 1.0, step)
        for step in steps
    )
    return Backdrop(colour, across, down)


def _smooth(start: float, end: float, value: float) -> float:
    t = min(1.0, max(0.0, (value - start) / (end - start)))
    return t * t * (3 - 2 * t)


def _mark(width: int, height: int) -> tuple[tuple[Outline, ...], ...]:
    """Write the mark across the middle, rising to the right."""
    advances = [LETTERS[letter][0] + 2.2 for letter in MARK]
    angle = -0.62 * math.atan2(height, width)
    cos, sin = math.cos(angle), math.sin(angle)
    length = 0.82 * min(width / cos, height / -sin)
    scale = length / sum(advances)
    letters = []
    for index, letter in enumerate(MARK):
        start = sum(advances[:index]) - sum(advances) / 2

        def turned(x: float, y: float, start: float = start) -> tuple[float, float]:
            x, y = scale * (start + x), scale * (y - 5)
            return width / 2 + x * cos - y * sin, height / 2 + x * sin + y * cos

        letters.append(_map(turned, outlines(LETTERS[letter][1])))
    return tuple(letters)
