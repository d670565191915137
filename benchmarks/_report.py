"""
How the benchmarks report: a table to read, numbers to keep, a picture.

Results go to ``benchmarks/results``, the picture as SVG that any browser and GitHub show.
"""

from __future__ import annotations

import json
import math
import platform
import shlex
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from importlib.metadata import version
from pathlib import Path
from typing import Any

from attrs import frozen

__all__ = ["Series", "plot", "save", "table"]

MODULES = {
    "aivideo-async": "aivideo_async",
    "aiohttp": "aiohttp",
    "uvloop": "uvloop",
    "fal-client": "fal_client",
    "google-genai": "google.genai",
    "openai": "openai",
    "replicate": "replicate",
    "runwayml": "runwayml",
}
"""Packages whose versions matter, and what they are imported as."""
RESULTS = Path(__file__).with_name("results")
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 720, 440, 64, 190, 44, 52
HEAD = (
    f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
    'font-family="system-ui, sans-serif" font-size="12" fill="#24292f">'
)
COLOURS = ("#1f6feb", "#d1242f", "#1a7f37", "#9a6700", "#8250df", "#57606a", "#bf3989")


def table(rows: Sequence[Sequence[object]]) -> None:
    """Print a Markdown table; the first row is its head."""
    cells = [[str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ["| " + " | ".join(map(str.ljust, row, widths)) + " |" for row in cells]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    print("\n".join(lines), end="\n\n")


def save(name: str, data: Mapping[str, Any]) -> Path:
    """
    Write *data* as JSON, with when and on what it was measured and the command that
    repeats it; return the file's path.
    """
    origin = {
        "date": datetime.now(UTC).date().isoformat(),
        "command": shlex.join(["python", *sys.orig_argv[1:]]),
        "machine": platform.machine(),
        "versions": _versions(),
    }
    return _write(f"{name}.json", json.dumps({**origin, **data}, indent=1) + "\n")


def _versions() -> dict[str, str]:
    """Return the versions of Python and of what took part: it has been imported."""
    present = [name for name, module in MODULES.items() if module in sys.modules]
    return {"python": platform.python_version()} | {n: version(n) for n in present}


@frozen
class Series:
    """Points (x, y) under a name; joined by a line, or a mark each."""

    name: str
    points: Sequence[tuple[float, float]]
    line: bool = True


def plot(
    name: str,
    title: str,
    x: str,
    y: str,
    series: Sequence[Series],
    *,
    linear: bool = False,
) -> Path:
    """Draw *series* on logarithmic or *linear* axes, as SVG; return the file's path."""
    points = [point for one in series for point in one.points]
    axis = _Linear if linear else _Axis
    across = axis([point[0] for point in points], LEFT, WIDTH - RIGHT)
    up = axis([point[1] for point in points], HEIGHT - BOTTOM, TOP)
    middle = (LEFT + WIDTH - RIGHT) / 2
    marks = [
        HEAD,
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        _text(LEFT, 24, title, 'font-size="15" font-weight="600"'),
        _text(middle, HEIGHT - 12, x, 'text-anchor="middle"'),
        _text(LEFT - 48, TOP - 8, y),
    ]
    for value in across.ticks():
        marks.append(_rule(across(value), HEIGHT - BOTTOM, across(value), TOP))
        place = (across(value), HEIGHT - BOTTOM + 18)
        marks.append(_text(*place, f"{value:g}", 'text-anchor="middle"'))
    for value in up.ticks():
        marks.append(_rule(LEFT, up(value), WIDTH - RIGHT, up(value)))
        marks.append(_text(LEFT - 8, up(value) + 4, f"{value:g}", 'text-anchor="end"'))
    for number, one in enumerate(series):
        colour = COLOURS[number % len(COLOURS)]
        places = [(across(left), up(high)) for left, high in one.points]
        marks += _drawn(places, colour, line=one.line)
        legend = WIDTH - RIGHT + 16, TOP + 20 * number
        marks += _drawn([legend], colour, line=False)
        marks.append(_text(legend[0] + 12, legend[1] + 4, one.name))
    return _write(f"{name}.svg", "\n".join([*marks, "</svg>\n"]))


class _Axis:
    """A logarithmic scale from *start* to *end*, in pixels."""

    def __init__(self, values: Sequence[float], start: float, end: float) -> None:
        self._low, self._high = math.log(min(values) / 1.2), math.log(max(values) * 1.2)
        self._start, self._end = start, end

    def __call__(self, value: float) -> float:
        share = (math.log(value) - self._low) / (self._high - self._low)
        return round(self._start + share * (self._end - self._start), 1)

    def ticks(self) -> list[float]:
        """Return 1, 2 and 5 of each decade that is shown."""
        decades = range(math.floor(self._low / math.log(10)), 7)
        values = [digit * 10.0**decade for decade in decades for digit in (1, 2, 5)]
        return [one for one in values if self._low <= math.log(one) <= self._high]


class _Linear(_Axis):
    """A linear scale from 0."""

    def __init__(self, values: Sequence[float], start: float, end: float) -> None:
        self._low, self._high = 0.0, max(values)
        self._start, self._end = start, end

    def __call__(self, value: float) -> float:
        share = value / self._high
        return round(self._start + share * (self._end - self._start), 1)

    def ticks(self) -> list[float]:
        """Return three to eight round numbers."""
        decade = 10.0 ** math.floor(math.log10(self._high / 3))
        step = max(by * decade for by in (1, 2, 5) if by * decade <= self._high / 3)
        return [step * number for number in range(int(self._high / step) + 1)]


def _drawn(
    places: Sequence[tuple[float, float]], colour: str, *, line: bool
) -> list[str]:
    if not line:
        return [
            f'<circle cx="{left}" cy="{top}" r="5" fill="{colour}"/>'
            for left, top in places
        ]
    path = " ".join(f"{left},{top}" for left, top in places)
    stroke = f'stroke="{colour}" stroke-width="2.5"'
    return [f'<polyline points="{path}" fill="none" {stroke}/>']


def _rule(left: float, top: float, right: float, bottom: float) -> str:
    ends = f'x1="{left}" y1="{top}" x2="{right}" y2="{bottom}"'
    return f'<line {ends} stroke="#d0d7de"/>'


def _text(left: float, top: float, text: str, style: str = "") -> str:
    return f'<text x="{left}" y="{top}" {style}>{escape(text)}</text>'


def _write(name: str, text: str) -> Path:
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / name
    path.write_text(text, "utf-8")
    return path
