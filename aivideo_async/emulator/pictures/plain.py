"""
Paint a scene with the standard library alone: rows of bytes and scan lines.

Pixels are never touched one by one where a slice will do: a flat light is
``bytes.translate``, a ramp is a slice of a strip. Only the two ends of a run are mixed.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import pairwise
from operator import itemgetter

from aivideo_async.emulator.pictures.scene import (
    MARK_LIGHT,
    Backdrop,
    Paint,
    Picture,
    Shadow,
    compose,
)
from aivideo_async.emulator.pictures.shapes import Outline
from aivideo_async.emulator.pictures.subject import RGB, shade

__all__ = ["paint"]

Rows = list[bytearray]

RINGS = 14
"""In how many steps a shadow fades."""


def paint(picture: Picture, software: str) -> bytes:
    """Return *picture* as a PNG made by *software*."""
    scene = compose(picture)
    rows = _backdrop(scene.backdrop, scene.width, scene.height)
    for shadow in scene.shadows:
        _lay_shadow(rows, shadow, scene.width)
    for part in scene.paints:
        _fill(rows, part)
    for letter in scene.mark:
        _lay_letter(rows, letter)
    return _png(rows, scene.width, software)


def _backdrop(paper: Backdrop, width: int, height: int) -> Rows:
    row = _strip([shade(paper.colour, light) for light in paper.across], width)
    lights = _spread([round(256 * light) for light in paper.down], height)
    lit = {light: row.translate(_dimming(light)) for light in set(lights)}
    return [bytearray(lit[light]) for light in lights]


def _strip(colours: Sequence[RGB], width: int) -> bytes:
    """Spread *colours* over *width* pixels, each blending into the next."""
    strip = bytearray(3 * width)
    for index, channel in enumerate(zip(*colours, strict=True)):
        strip[index::3] = bytes(_spread(channel, width))
    return bytes(strip)


def _spread(values: Sequence[int], length: int) -> list[int]:
    """Stretch *values* to *length* by linear interpolation."""
    if len(values) == 1:
        return [values[0]] * length
    steps, spread = len(values) - 1, []
    for index, (start, end) in enumerate(pairwise(values)):
        size = length * (index + 1) // steps - length * index // steps
        spread += [start + (end - start) * step // size for step in range(size)]
    return spread


@cache
def _dimming(light: int) -> bytes:
    """Return the table that scales a channel by *light* / 256."""
    return bytes(min(255, (value * light + 128) >> 8) for value in range(256))


def _lay_shadow(rows: Rows, shadow: Shadow, width: int) -> None:
    """Darken ring by ring, the outermost first, each pixel once."""
    rx, ry = shadow.rx * 1.35, shadow.ry * 1.35  # where a soft edge has faded away
    radii = [1 - ring / RINGS for ring in range(RINGS + 1)]
    tables = [
        _dimming(round(256 * (1 - shadow.strength * (1 - radius * radius) ** 2)))
        for radius in radii
    ]
    for y in range(int(shadow.y - ry), min(len(rows), int(shadow.y + ry) + 1)):
        dy = (y - shadow.y) / ry
        halves = [rx * math.sqrt(max(0.0, r * r - dy * dy)) for r in radii]
        lefts = [max(0, int(shadow.x - half)) for half in halves]
        rights = [min(width, int(shadow.x + half)) for half in halves]
        row = rows[y]
        for table, (a, b), (d, c) in zip(
            tables[1:], pairwise(lefts), pairwise(rights), strict=True
        ):
            row[3 * a : 3 * b] = row[3 * a : 3 * b].translate(table)
            row[3 * c : 3 * d] = row[3 * c : 3 * d].translate(table)
            if b >= c:
                break


def _fill(rows: Rows, part: Paint) -> None:
    """Lay the part's strip of colours along its scan lines."""
    across = [x for x, _ in part.outlines[0]]
    left, right = int(min(across)), int(max(across)) + 1
    strip = _strip(part.ramp, right - left)
    for y, start, end in _spans(part.outlines, len(rows)):
        row, first, last = rows[y], int(start), int(end)
        ends = ((first, 1 + first - start), (last, end - last))
        mixed = [(3 * x, _mix(row, strip, 3 * x, 3 * left, cover)) for x, cover in ends]
        row[3 * first : 3 * last] = strip[3 * (first - left) : 3 * (last - left)]
        for at, pixel in mixed:
            row[at : at + 3] = pixel


def _mix(row: bytearray, strip: bytes, at: int, left: int, cover: float) -> bytes:
    """Blend the pixel where a run begins or ends with what is behind it."""
    red, green, blue = row[at : at + 3]
    r, g, b = strip[at - left : at - left + 3]
    return bytes(
        (
            int(red + (r - red) * cover),
            int(green + (g - green) * cover),
            int(blue + (b - blue) * cover),
        )
    )


def _lay_letter(rows: Rows, letter: tuple[Outline, ...]) -> None:
    white = bytes(round(value + (255 - value) * MARK_LIGHT) for value in range(256))
    for y, start, end in _spans(letter, len(rows)):
        run = slice(3 * round(start), 3 * round(end))
        rows[y][run] = rows[y][run].translate(white)


def _spans(
    shape: tuple[Outline, ...], height: int
) -> Iterator[tuple[int, float, float]]:
    """Yield the runs (y, start, end) that *shape* covers; holes fall out even-odd."""
    crossings: dict[int, list[float]] = {}
    for line in shape:
        for edge in zip(line, (*line[1:], line[0]), strict=True):
            (xa, ya), (xb, yb) = sorted(edge, key=itemgetter(1))
            first, last = math.ceil(ya - 0.5), math.ceil(yb - 0.5)
            slope = (xb - xa) / (yb - ya) if last > first else 0.0
            for y in range(max(first, 0), min(last, height)):
                crossings.setdefault(y, []).append(xa + slope * (y + 0.5 - ya))
    for y, xs in crossings.items():
        xs.sort()
        for start, end in zip(xs[::2], xs[1::2], strict=True):
            yield y, start, end


def _png(rows: Rows, width: int, software: str) -> bytes:
    packer = zlib.compressobj(1)
    data = b"".join(packer.compress(line) for line in _lines(rows)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, len(rows), 8, 2, 0, 0, 0)
    return b"".join(
        (
            b"\x89PNG\r\n\x1a\n",
            _chunk(b"IHDR", header),
            _chunk(b"tEXt", b"Software\0" + software.encode("latin-1")),
            _chunk(b"IDAT", data),
            _chunk(b"IEND", b""),
        )
    )


def _lines(rows: Rows) -> Iterator[bytes]:
    """Yield each row as it is, or as zero difference if it repeats the one above."""
    same = b"\2" + bytes(len(rows[0]))
    above = None
    for row in rows:
        yield same if row == above else b"\0" + row
        above = row


def _chunk(kind: bytes, data: bytes) -> bytes:
    checksum = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)
