"""
The contact sheet: one file that shows every shot and what it cost.

The page holds its pictures itself, as thumbnails, and links to the full ones beside
it. It has no script and fetches nothing; its own policy (CSP) says so to the browser.
Every text is escaped by the template.
"""

from __future__ import annotations

import base64
from decimal import Decimal
from io import BytesIO
from itertools import groupby
from pathlib import Path
from urllib.parse import quote

from attrs import frozen

from aivideo_async.bulk.pages import template
from aivideo_async.cli.money import DOLLARS_PER_CREDIT

__all__ = ["Frame", "Sheet", "render"]

THUMBNAIL = (640, 800)  # in pixels: sharp on a screen of twice the density


@frozen(kw_only=True)
class Frame:
    """
    One frame of the sheet.

    Attributes:
        number: Its place in the order, from 1.
        key: The caller's own label.
        prompt: What was asked for.
        ratio: The aspect ratio that was asked for.
        reference: The key of the picture that it was made from, if any.
        credits: What it cost; given back if it failed.
        seconds: How long after the start it was ready.
        picture: The file, or None if it failed.
        failure: Why it failed.
    """

    number: int
    key: str
    prompt: str
    ratio: str
    reference: str
    credits: Decimal
    seconds: float
    picture: Path | None
    failure: str


@frozen(kw_only=True)
class Sheet:
    """
    All frames, and the account.

    Attributes:
        frames: In any order.
        seconds: From the first request to the last file.
        in_flight: How many tasks ran at once, at most.
        before: The balance at the start, in credits.
        after: The balance at the end.
        charged: Credits taken.
        refunded: Credits given back.
    """

    frames: tuple[Frame, ...]
    seconds: float
    in_flight: int
    before: Decimal
    after: Decimal
    charged: Decimal
    refunded: Decimal

    @property
    def pictures(self) -> int:
        """How many frames have a picture."""
        return sum(frame.picture is not None for frame in self.frames)

    @property
    def failures(self) -> int:
        """How many frames have none."""
        return len(self.frames) - self.pictures

    @property
    def spent(self) -> Decimal:
        """Credits, by the balance."""
        return self.before - self.after

    @property
    def dollars(self) -> Decimal:
        """What that costs on the real service."""
        return self.spent * DOLLARS_PER_CREDIT


def render(sheet: Sheet, folder: Path) -> str:
    """
    Return the page that shows *sheet* and will lie in *folder*.

    The frames stand by ratio, then in the order in which they were asked for.
    """

    def link(picture: Path) -> str:
        return quote(picture.relative_to(folder).as_posix())

    frames = sorted(sheet.frames, key=lambda frame: (frame.ratio, frame.number))
    return template("aivideo_async.cli.demo", "page.html").render(
        sheet=sheet,
        sections=[
            (ratio, list(group))
            for ratio, group in groupby(frames, lambda frame: frame.ratio)
        ],
        link=link,
        thumbnail=thumbnail,
    )


def thumbnail(picture: Path) -> str:
    """Return *picture* as a data URI: small with Pillow, as it is without."""
    kind, content = "png", picture.read_bytes()
    try:
        from PIL import Image
    except ImportError:
        pass
    else:
        file = BytesIO()
        with Image.open(picture) as image:
            image.thumbnail(THUMBNAIL)
            image.convert("RGB").save(file, "JPEG", quality=88)
        kind, content = "jpeg", file.getvalue()
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
