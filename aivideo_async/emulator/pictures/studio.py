"""
Paint a scene with Pillow: smooth light, soft shadows, clean edges, a caption.

Large pictures are painted at about a thousand pixels and scaled up: they are soft by
design, and the emulator has better things to do.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from io import BytesIO
from itertools import chain

from attrs import evolve
from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont
from PIL.PngImagePlugin import PngInfo

from aivideo_async.emulator.pictures.scene import (
    MARK_LIGHT,
    Paint,
    Picture,
    Scene,
    Shadow,
    compose,
)
from aivideo_async.emulator.pictures.shapes import Outline
from aivideo_async.emulator.pictures.subject import RGB, shade

__all__ = ["paint"]

WHITE = (255, 255, 255)
INK = (62, 60, 66)
DARK = (24, 22, 30)

CAPTION_LINES = 2
"""More would hide what stands on the floor."""

LETTERS_END = 0x180
"""Behind the Latin letters: what follows the font does not know."""

PAINTED_AREA = 1024 * 1024
"""Pixels of a painting before it is scaled up."""

SMOOTHING = 2
"""Masks are drawn this much larger and averaged, for clean edges."""


def paint(picture: Picture, software: str) -> bytes:
    """Return *picture* as a PNG made by *software*."""
    size = picture.width, picture.height
    coarse = max(1, round(math.sqrt(picture.width * picture.height / PAINTED_AREA)))
    scene = compose(
        evolve(picture, width=picture.width // coarse, height=picture.height // coarse)
    )
    canvas = _paint(scene, picture.prompt)
    if coarse > 1:
        canvas = canvas.resize(size, Image.Resampling.BICUBIC)
    info = PngInfo()
    info.add_text("Software", software)
    file = BytesIO()
    canvas.save(file, "PNG", pnginfo=info, compress_level=1)
    return file.getvalue()


def _paint(scene: Scene, caption: str) -> Image.Image:
    canvas = _backdrop(scene)
    for shadow in scene.shadows:
        _lay_shadow(canvas, shadow)
    for part in scene.paints:
        _fill(canvas, part)
    for letter in scene.mark:
        _lay_letter(canvas, letter)
    _write(canvas, caption)
    return canvas


def _backdrop(scene: Scene) -> Image.Image:
    paper, size = scene.backdrop, (scene.width, scene.height)
    across = _strip([shade(paper.colour, light) for light in paper.across])
    down = _strip([shade(WHITE, light) for light in paper.down])
    down = down.transpose(Image.Transpose.ROTATE_270)
    bicubic = Image.Resampling.BICUBIC
    return ImageChops.multiply(across.resize(size, bicubic), down.resize(size, bicubic))


def _strip(colours: Sequence[RGB]) -> Image.Image:
    strip = Image.new("RGB", (len(colours), 1))
    strip.putdata(colours)
    return strip


def _lay_shadow(canvas: Image.Image, shadow: Shadow) -> None:
    blur = shadow.ry * 0.7
    pad = 3 * blur
    left, top = round(shadow.x - shadow.rx - pad), round(shadow.y - shadow.ry - pad)
    # Blurred small: a blur costs by the pixel, and a soft thing scales up unseen.
    small = max(1, round(blur / 4))
    size = (
        max(1, round(2 * (shadow.rx + pad)) // small),
        max(1, round(2 * (shadow.ry + pad)) // small),
    )
    mask = Image.new("L", size)
    edge = pad / small
    ImageDraw.Draw(mask).ellipse(
        (edge, edge, size[0] - edge, size[1] - edge), fill=round(255 * shadow.strength)
    )
    mask = mask.filter(ImageFilter.GaussianBlur(blur / small))
    mask = mask.resize((size[0] * small, size[1] * small), Image.Resampling.BICUBIC)
    canvas.paste(DARK, (left, top), mask)


def _fill(canvas: Image.Image, part: Paint) -> None:
    left, top, mask = _mask(part.outlines)
    strip = _strip(part.ramp)
    canvas.paste(strip.resize(mask.size, Image.Resampling.BICUBIC), (left, top), mask)


def _lay_letter(canvas: Image.Image, letter: tuple[Outline, ...]) -> None:
    left, top, mask = _mask(letter)
    canvas.paste(WHITE, (left, top), mask.point(lambda value: value * MARK_LIGHT))


def _mask(shape: tuple[Outline, ...]) -> tuple[int, int, Image.Image]:
    """Return where *shape* begins and how much of each pixel it covers."""
    xs, ys = zip(*chain.from_iterable(shape), strict=True)
    left, top = int(min(xs)), int(min(ys))
    size = (int(max(xs)) - left + 1, int(max(ys)) - top + 1)
    mask = Image.new("L", (size[0] * SMOOTHING, size[1] * SMOOTHING))
    draw = ImageDraw.Draw(mask)
    for index, line in enumerate(shape):
        points = [(SMOOTHING * (x - left), SMOOTHING * (y - top)) for x, y in line]
        draw.polygon(points, fill=0 if index else 255)
    return left, top, mask.reduce(SMOOTHING)


def _write(canvas: Image.Image, caption: str) -> None:
    """Write the prompt in a few lines, as far as the built-in font has letters."""
    width, height = canvas.size
    size = max(8, round(math.sqrt(width * height) * 0.022))
    known = "".join(char for char in caption if ord(char) < LETTERS_END)
    room = max(2, int((width - 4 * size) / (0.52 * size)))
    text = textwrap.fill(known, room, max_lines=CAPTION_LINES, placeholder=" …")
    place = (2 * size, height - 2 * size)
    ImageDraw.Draw(canvas).text(
        place, text, INK, ImageFont.load_default(size), anchor="ld"
    )
