"""
What a file is, and whether all of it is there, told by its own bytes.

The suffix never comes from the server's text. A kind that is not in the table is kept
as ``.bin``: a format that is new to us must not make a paid result unreachable. A web
page is no result, whatever its status was.

Rule: a check may only refuse what is certainly cut off. HTTP does not always tell:
without a Content-Length the end of the connection looks like the end of the file.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import BinaryIO

__all__ = ["BrokenMediaError", "inspect"]

UNKNOWN = ".bin"

_HEAD = 64
_TAIL = 1024  # some writers put padding or a note behind the end marker

# (offset, bytes that stand there, suffix); the first that fits wins.
_MAGICS = (
    (0, b"\x89PNG\r\n\x1a\n", ".png"),
    (0, b"\xff\xd8\xff", ".jpg"),
    (0, b"GIF87a", ".gif"),
    (0, b"GIF89a", ".gif"),
    (8, b"WEBP", ".webp"),
    (8, b"WAVE", ".wav"),
    (4, b"ftypavif", ".avif"),
    (4, b"ftypavis", ".avif"),
    (4, b"ftyphei", ".heic"),
    (4, b"ftypmif1", ".heic"),
    (4, b"ftypqt  ", ".mov"),
    (4, b"ftypM4A ", ".m4a"),
    (4, b"ftyp", ".mp4"),
    (0, b"\x1aE\xdf\xa3", ".webm"),
    (0, b"ID3", ".mp3"),
    (0, b"\xff\xfb", ".mp3"),
    (0, b"\xff\xf3", ".mp3"),
    (0, b"\xff\xf2", ".mp3"),
    (0, b"fLaC", ".flac"),
    (0, b"OggS", ".ogg"),
)
_PAGES = (b"<!doctype html", b"<html")


class BrokenMediaError(ValueError):
    """The bytes are no complete result."""


def inspect(file: BinaryIO) -> str:
    """
    Return the suffix of *file*, such as ``.png``, after a look at its start and end.

    Raises:
        BrokenMediaError: It is empty, cut off, or a web page.

    Example:
        >>> import io
        >>> inspect(io.BytesIO(b"fLaC..."))
        '.flac'
    """
    size = file.seek(0, os.SEEK_END)
    head = _read(file, 0, _HEAD)
    if not head:
        raise BrokenMediaError("an empty file")
    if head.lstrip(b"\xef\xbb\xbf \r\n\t").lower().startswith(_PAGES):
        raise BrokenMediaError("a web page instead of a file")
    suffix = _suffix(head)
    is_complete = _COMPLETE.get(suffix)
    if is_complete is not None and not is_complete(file, size):
        raise BrokenMediaError(f"a truncated {suffix} file of {size} bytes")
    return suffix


def _suffix(head: bytes) -> str:
    for offset, magic, suffix in _MAGICS:
        if head.startswith(magic, offset):
            return suffix
    return UNKNOWN


def _read(file: BinaryIO, offset: int, count: int) -> bytes:
    file.seek(offset)
    return file.read(count)


def _tail(file: BinaryIO, size: int) -> bytes:
    return _read(file, max(0, size - _TAIL), _TAIL)


def _png_ends(file: BinaryIO, size: int) -> bool:
    return b"IEND\xaeB`\x82" in _tail(file, size)


def _jpeg_ends(file: BinaryIO, size: int) -> bool:
    return b"\xff\xd9" in _tail(file, size)


def _gif_ends(file: BinaryIO, size: int) -> bool:
    return _tail(file, size).rstrip(b"\0\r\n").endswith(b";")


def _riff_ends(file: BinaryIO, size: int) -> bool:
    """Compare with the size in the header; streaming writers leave it 0 or all ones."""
    declared = int.from_bytes(_read(file, 4, 4), "little")
    return declared in (0, 0xFFFFFFFF) or declared + 8 <= size


def _boxes_end(file: BinaryIO, size: int) -> bool:
    """Walk the outermost boxes of an ISO file (MP4, AVIF …): the last must fit."""
    at = 0
    while at + 8 <= size:
        header = _read(file, at, 16)
        length = int.from_bytes(header[:4], "big")
        if length == 1:
            length = int.from_bytes(header[8:], "big")
        if length < 8:  # 0 is "until the end"; the rest is not ours to judge
            return True
        at += length
    return at <= size


_COMPLETE: dict[str, Callable[[BinaryIO, int], bool]] = {
    ".png": _png_ends,
    ".jpg": _jpeg_ends,
    ".gif": _gif_ends,
    ".webp": _riff_ends,
    ".wav": _riff_ends,
    ".avif": _boxes_end,
    ".heic": _boxes_end,
    ".mov": _boxes_end,
    ".m4a": _boxes_end,
    ".mp4": _boxes_end,
}
