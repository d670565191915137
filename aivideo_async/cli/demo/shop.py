"""
What the demo orders: the sheets of a small invented shop.

Squares for its pages, portraits for its feed. The second sheet adds an edit, which needs
the address of a picture that the first one made.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from io import StringIO

__all__ = ["EDIT", "PHOTO", "SHOTS", "edits", "products"]

SHOTS = (
    ("MUG-RED", "1:1", "A red stoneware mug, soft light from the left, paper backdrop"),
    ("LAMP-NAVY", "1:1", "A navy desk lamp, soft light from the left, paper backdrop"),
    ("BOTTLE-TEAL", "1:1", "A teal bottle of bath oil, plain backdrop, window light"),
    ("CHAIR-OLIVE", "1:1", "An olive dining chair, soft studio light"),
    ("CUP-CREAM", "1:1", "A cream espresso cup, soft daylight, paper backdrop"),
    ("ARMCHAIR-ORANGE", "4:5", "An orange armchair, soft studio light"),
    ("PERFUME-GOLD", "4:5", "A gold perfume bottle, plain backdrop, soft daylight"),
    ("LAMP-YELLOW", "4:5", "A yellow reading lamp, soft studio light"),
    ("BOOT-BROWN", "4:5", "A brown suede boot, plain backdrop, soft window light"),
    ("SNEAKER-WHITE", "1:1", "A white sneaker, soft light from the left"),
    ("TOTE-TAN", "1:1", "A tan leather tote bag, plain backdrop, soft daylight"),
)
"""The SKU, the aspect ratio and the prompt of each shot."""

PHOTO = "TOTE-TAN"
"""The SKU whose picture is the reference of the edit."""

EDIT = (
    "TOTE-TAN-HALL",
    "1:1",
    "The same tan leather tote bag on an oak bench in a sunlit hallway",
)


def products() -> str:
    """Return the sheet that needs nothing but prompts."""
    return _sheet(("sku", "aspect_ratio", "prompt"), SHOTS)


def edits(url: str) -> str:
    """Return the same sheet with the edit of the picture at *url*."""
    rows = [(*shot, "") for shot in SHOTS]
    return _sheet(("sku", "aspect_ratio", "prompt", "image"), [*rows, (*EDIT, url)])


def _sheet(columns: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    text = StringIO()
    csv.writer(text, lineterminator="\n").writerows([columns, *rows])
    return text.getvalue()
