"""Draw a picture, once: with Pillow where it is installed, plainly where it is not."""

from __future__ import annotations

from functools import lru_cache

from aivideo_async.emulator.pictures import plain
from aivideo_async.emulator.pictures.scene import Picture

__all__ = ["SOFTWARE", "render"]

SOFTWARE = "aivideo-async emulator (EMULATED: nobody generated this picture)"
"""What every file says of itself, in a text chunk."""


@lru_cache(maxsize=16)
def render(picture: Picture) -> bytes:
    """
    Return *picture* as the bytes of a PNG; the last few are kept.

    It takes some ten milliseconds of CPU, several times that in ``4k``.

    Example:
        >>> render(Picture("a red mug", 256, 256))[:4]
        b'\\x89PNG'
    """
    try:
        from aivideo_async.emulator.pictures.studio import paint
    except ImportError:
        paint = plain.paint
    return paint(picture, SOFTWARE)
