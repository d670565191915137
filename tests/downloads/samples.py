"""The smallest files that are what they say, as bytes."""

from __future__ import annotations

import io
import zlib

from PIL import Image

__all__ = [
    "CUT",
    "GIF",
    "JPEG",
    "MP4",
    "PNG",
    "SIGNED",
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


def _signed_png() -> bytes:
    """Put a caBX chunk, where C2PA keeps its manifest, before the pixels."""
    chunk = b"caBX" + MANIFEST
    crc = zlib.crc32(chunk).to_bytes(4)
    at = PNG.index(b"IDAT") - 4
    return PNG[:at] + len(MANIFEST).to_bytes(4) + chunk + crc + PNG[at:]


def _signed_jpeg() -> bytes:
    """Put an APP11 segment behind the start marker."""
    segment = b"JP\0\1\0\0\0\1" + MANIFEST
    return JPEG[:2] + b"\xff\xeb" + (2 + len(segment)).to_bytes(2) + segment + JPEG[2:]


def _signed_webp() -> bytes:
    """Put a C2PA chunk behind the picture."""
    chunk = b"C2PA" + len(MANIFEST).to_bytes(4, "little") + MANIFEST
    return riff(b"WEBP", WEBP[12:] + chunk)


MANIFEST = box(b"jumb", box(b"jumd", b"c2pa\0\x11\0\x10\x80\0\0\xaa\0\x38\x9b\x71"))
SIGNED = {"png": _signed_png(), "jpeg": _signed_jpeg(), "webp": _signed_webp()}
"""Pictures that carry a C2PA manifest, each where its format keeps one."""
WAV = riff(b"WAVE", b"data" + bytes(100))
MP4 = box(b"ftyp", b"isomiso2") + box(b"mdat", bytes(200)) + box(b"moov", bytes(50))
