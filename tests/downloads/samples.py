"""The smallest files that are what they say, as bytes."""

from __future__ import annotations

import io

from PIL import Image

__all__ = [
    "CUT",
    "GIF",
    "JPEG",
    "MP4",
    "PNG",
    "TINY",
    "WAV",
    "WEBP",
    "box",
    "riff",
]


def _picture(kind: str, side: int = 40) -> bytes:
    file = io.BytesIO()
    Image.effect_noise((side, side), 90).save(file, kind)
    return file.getvalue()


def riff(form: bytes, payload: bytes, declared: int | None = None) -> bytes:
    """Return a RIFF file; *declared* replaces its true size field."""
    size = len(form) + len(payload) if declared is None else declared
    return b"RIFF" + size.to_bytes(4, "little") + form + payload


def box(kind: bytes, payload: bytes) -> bytes:
    """Return one box of an ISO media file."""
    return (8 + len(payload)).to_bytes(4, "big") + kind + payload


PNG, JPEG, GIF, WEBP = map(_picture, ("PNG", "JPEG", "GIF", "WEBP"))
TINY = _picture("PNG", 8)
"""Small enough to cut it everywhere."""
CUT = len(PNG) // 2
"""Where tests cut the picture off."""
WAV = riff(b"WAVE", b"data" + bytes(100))
MP4 = box(b"ftyp", b"isomiso2") + box(b"mdat", bytes(200)) + box(b"moov", bytes(50))
