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
from jinja2 import Environment, PackageLoader, StrictUndefined

from aivideo_async import GptImage2, __version__

__all__ = ["Frame", "Sheet", "render"]

THUMBNAIL = (720, 900)  # in pixels: sharp on a screen of twice the density
DOLLARS_PER_CREDIT = Decimal("0.005")


@frozen(kw_only=True)
class Frame:
    """
    One frame of the sheet.

    Attributes:
        request: What was asked for.
        seconds: How long after the start it was ready.
        picture: The file, or None if there is none.
        failure: Why there is none.
    """

    request: GptImage2
    seconds: float
    picture: Path | None = None
    failure: str = ""

    @property
    def ratio(self) -> str:
        """The aspect ratio that was asked for."""
        return self.request.aspect_ratio


@frozen(kw_only=True)
class Sheet:
    """
    All frames, and the account.

    Attributes:
        frames: In the order in which they are shown.
        seconds: From the first request to the last file.
        in_flight: How many tasks were followed at once, at most.
        charged: Credits taken.
        refunded: Credits given back.
    """

    frames: tuple[Frame, ...]
    seconds: float
    in_flight: int
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
        """Credits, refunds taken off."""
        return self.charged - self.refunded

    @property
    def dollars(self) -> Decimal:
        """What that would be on the real service."""
        return self.spent * DOLLARS_PER_CREDIT


def render(sheet: Sheet, folder: Path) -> str:
    """Return the page that shows *sheet* and lies in *folder*."""
    environment = Environment(
        loader=PackageLoader("aivideo_async.cli"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )

    def link(picture: Path) -> str:
        return quote(picture.relative_to(folder).as_posix())

    return environment.get_template("page.html").render(
        sheet=sheet,
        sections=[
            (ratio, list(frames))
            for ratio, frames in groupby(sheet.frames, lambda frame: frame.ratio)
        ],
        link=link,
        thumbnail=thumbnail,
        version=__version__,
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
            image.save(file, "WEBP", quality=88)
        kind, content = "webp", file.getvalue()
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
