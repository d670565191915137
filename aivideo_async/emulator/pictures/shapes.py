"""
Silhouettes and letters as SVG paths: what the pictures are made of.

Only the commands M, L, Q and Z in absolute coordinates are used. A product stands in a
box of its own units with y pointing down; the scene scales whatever box it fills.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from attrs import frozen

__all__ = ["LETTERS", "PRODUCTS", "Outline", "Part", "outlines"]

Outline = tuple[tuple[float, float], ...]

CURVE_STEPS = 10


@frozen
class Part:
    """
    One piece of a product.

    Attributes:
        path: Its outline; later subpaths are holes.
        finish: How the light falls on it, a key of the scene's table.
    """

    path: str
    finish: str = "round"


def _oval(x: float, y: float, rx: float, ry: float) -> str:
    """Draw an ellipse as eight quadratic curves, close enough for the eye."""
    a, b = rx * 0.414, ry * 0.414
    c, d = rx * 0.707, ry * 0.707
    return (
        f"M{x - rx} {y} Q{x - rx} {y - b} {x - c} {y - d} Q{x - a} {y - ry} {x} {y - ry} "
        f"Q{x + a} {y - ry} {x + c} {y - d} Q{x + rx} {y - b} {x + rx} {y} "
        f"Q{x + rx} {y + b} {x + c} {y + d} Q{x + a} {y + ry} {x} {y + ry} "
        f"Q{x - a} {y + ry} {x - c} {y + d} Q{x - rx} {y + b} {x - rx} {y} Z"
    )


PRODUCTS: dict[str, tuple[Part, ...]] = {
    "mug": (
        Part(
            "M70 34 L80 34 Q102 35 102 58 Q102 84 68 86 L69 77 Q92 75 92 58 "
            "Q92 44 79 43 L70 43 Z"
        ),
        Part(
            "M10 20 L74 20 L72 92 Q71 100 62 101.5 Q42 104.5 22 101.5 Q13 100 12 92 Z"
        ),
        Part(_oval(42, 20, 32, 6), "light"),
        Part(_oval(42, 20.6, 29, 4.6), "inside"),
    ),
    "bottle": (
        Part(
            "M30 48 Q30 36 38 32 Q42 30 42 25 L42 10 L58 10 L58 25 Q58 30 62 32 "
            "Q70 36 70 48 L70 97 Q70 101 65 102 Q50 104.5 35 102 Q30 101 30 97 Z"
        ),
        Part("M40 -4 Q40 -6 42 -6 L58 -6 Q60 -6 60 -4 L60 12 L40 12 Z", "trim"),
        Part("M30 56 Q50 58.6 70 56 L70 87 Q50 89.6 30 87 Z", "paper"),
        Part("M38 66 Q50 67.2 62 66 L62 68.4 Q50 69.6 38 68.4 Z"),
        Part("M43 73.2 Q50 74 57 73.2 L57 74.8 Q50 75.6 43 74.8 Z"),
    ),
    "bag": (
        Part("M28 44 Q28 2 50 2 Q72 2 72 44 L66 44 Q66 9 50 9 Q34 9 34 44 Z", "dark"),
        Part("M12 34 L88 34 L94 93 Q94 100 87 100 L13 100 Q6 100 6 93 Z", "flat"),
        Part("M12 34 L88 34 L88.6 40 L11.4 40 Z", "dark"),
        Part(
            "M27 56 L73 56 L74.5 80 Q74.5 84 70.5 84 L29.5 84 Q25.5 84 25.5 80 Z",
            "dark",
        ),
        Part(
            "M28 57.5 L72 57.5 L73 79.5 Q73 82.5 70 82.5 L30 82.5 Q27 82.5 27 79.5 Z",
            "flat",
        ),
        Part(_oval(50, 57.5, 2.6, 2.6), "trim"),
    ),
    "lamp": (
        Part("M47.5 40 L52.5 40 L52.5 94 L47.5 94 Z", "trim"),
        Part(
            "M26 100 Q26 92 50 91 Q74 92 74 100 Q74 102 72 102 L28 102 Q26 102 26 100 Z",
            "trim",
        ),
        Part(_oval(50, 47, 36, 5), "inside"),
        Part("M32 2 Q50 -1 68 2 L86 47 Q50 54 14 47 Z", "round"),
        Part("M32 2 Q50 -1 68 2 Q50 5 32 2 Z", "light"),
    ),
    "chair": (
        Part("M31 62 L36 62 L33 93 L30 93 Z", "wood"),
        Part("M64 62 L69 62 L70 93 L67 93 Z", "wood"),
        Part("M22 66 L28.5 66 L23 102 L18.5 102 Z", "wood"),
        Part("M71.5 66 L78 66 L81.5 102 L77 102 Z", "wood"),
        Part("M25 14 Q25 0 39 0 L61 0 Q75 0 75 14 L73 56 L27 56 Z"),
        Part("M41 6 L42 6 L42.6 50 L41.6 50 Z", "dark"),
        Part("M58 6 L59 6 L58.4 50 L57.4 50 Z", "dark"),
        Part(
            "M24 52 Q24 50 27 50 L73 50 Q76 50 76 52 L83 62 Q84 64 83 66 L82 69 Q81 71 78 71 L22 71 Q19 71 18 69 L17 66 Q16 64 17 62 Z",
            "flat",
        ),
        Part("M17 64 Q50 66.5 83 64 L82 69 Q81 71 78 71 L22 71 Q19 71 18 69 Z", "dark"),
    ),
    "shoe": (
        Part(
            "M6 78 Q3 56 9 38 Q11 33 17 35 Q22 46 32 42 Q37 40 40 34 Q44 32 47 36 "
            "Q58 54 78 59 Q98 63 99 80 Z",
            "flat",
        ),
        Part("M6 78 Q4 64 6 52 Q18 54 23 62 Q27 70 26 78 Z", "dark"),
        Part("M84 60.5 Q98 64 99 80 L80 80 Q78 68 84 60.5 Z", "dark"),
        Part("M40 47 L49 39.6 L51.2 42.4 L42.4 49.6 Z", "dark"),
        Part("M46.5 52.6 L55 45.4 L57.6 48 L49 55 Z", "dark"),
        Part("M53.6 57.6 L62 50.8 L65 53 L56.6 59.8 Z", "dark"),
        Part("M29 78 Q46 76 62 62 L67 64 Q55 76 43 78 Z", "light"),
        Part("M5 77 Q50 80 100 78 Q103 90 95 90 L11 90 Q4 90 5 77 Z", "paper"),
        Part("M5.6 86.6 L99.5 86.6 Q98.5 90 95 90 L11 90 Q7 90 5.6 86.6 Z", "trim"),
    ),
}
"""Each product as its parts, the hindmost first."""

LETTERS: dict[str, tuple[float, str]] = {
    "E": (
        7,
        "M0 0 L7 0 L7 2 L2.2 2 L2.2 4 L6.2 4 L6.2 6 L2.2 6 L2.2 8 L7 8 L7 10 L0 10 Z",
    ),
    "M": (
        10.5,
        "M0 10 L0 0 L2.4 0 L5.25 5.2 L8.1 0 L10.5 0 L10.5 10 L8.3 10 L8.3 4 L5.9 8 L4.6 8 L2.2 4 L2.2 10 Z",
    ),
    "U": (
        8.4,
        "M0 0 L2.2 0 L2.2 6.4 Q2.2 8.1 4.2 8.1 Q6.2 8.1 6.2 6.4 L6.2 0 L8.4 0 L8.4 6.4 Q8.4 10.1 4.2 10.1 Q0 10.1 0 6.4 Z",
    ),
    "L": (6.6, "M0 0 L2.2 0 L2.2 8 L6.6 8 L6.6 10 L0 10 Z"),
    "A": (
        9.6,
        "M0 10 L3.6 0 L6 0 L9.6 10 L7.2 10 L6.5 8 L3.1 8 L2.4 10 Z M3.7 6.1 L5.9 6.1 L4.8 2.8 Z",
    ),
    "T": (8, "M0 0 L8 0 L8 2 L5.1 2 L5.1 10 L2.9 10 L2.9 2 L0 2 Z"),
    "D": (
        8.6,
        "M0 0 L4 0 Q8.6 0 8.6 5 Q8.6 10 4 10 L0 10 Z M2.2 2 L2.2 8 L4 8 Q6.3 8 6.3 5 Q6.3 2 4 2 Z",
    ),
}
"""Capital letters, ten units high: their width and their path."""


@cache
def outlines(path: str) -> tuple[Outline, ...]:
    """
    Flatten an SVG *path* into polygons, one per subpath.

    Example:
        >>> outlines("M0 0 L4 0 L4 4 Z")
        (((0.0, 0.0), (4.0, 0.0), (4.0, 4.0)),)
    """
    subpaths: list[list[tuple[float, float]]] = []
    for command, numbers in _commands(path):
        if command == "M":
            subpaths.append([])
        if command == "Q":
            subpaths[-1].extend(_curve(subpaths[-1][-1], *numbers))
        else:
            subpaths[-1].append((numbers[0], numbers[1]))
    return tuple(map(tuple, subpaths))


def _commands(path: str) -> Iterator[tuple[str, list[float]]]:
    for word in (
        path.replace("Z", "")
        .replace("L", "|L")
        .replace("Q", "|Q")
        .replace("M", "|M")
        .split("|")
    ):
        if word.strip():
            yield word[0], [float(number) for number in word[1:].split()]


def _curve(
    start: tuple[float, float], cx: float, cy: float, x: float, y: float
) -> Iterator[tuple[float, float]]:
    for step in range(1, CURVE_STEPS + 1):
        t = step / CURVE_STEPS
        a, b, c = (1 - t) ** 2, 2 * t * (1 - t), t * t
        yield a * start[0] + b * cx + c * x, a * start[1] + b * cy + c * y
