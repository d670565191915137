"""
Finished files as a file host serves them: signed addresses, ranges, validators.

An address carries when it expires and a signature over that; nothing else is needed to
fetch it, and after that time nothing helps but a fresh address from a look at the task.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

from aivideo_async.emulator.clock import http_date
from aivideo_async.emulator.pictures import Picture, render
from aivideo_async.emulator.reply import Reply

__all__ = ["is_signed", "serve", "signed"]

_RANGE = re.compile(r"bytes=(?:([0-9]{1,18})-([0-9]{0,18})|-([0-9]{1,18}))")
_QUERY = re.compile(r"expires=([0-9]{1,18})&signature=([0-9a-f]{32})")


def signed(path: str, expires: int, secret: int) -> str:
    """
    Return *path* as an address that is valid until *expires*, in Unix seconds.

    Example:
        >>> signed("/files/a.png", 1775470308, secret=1)
        '/files/a.png?expires=1775470308&signature=bd482190def92adb6d059bb6be3202d9'
    """
    return f"{path}?expires={expires}&signature={_signature(path, expires, secret)}"


def is_signed(path: str, query: str, secret: int, unix: int) -> bool:
    """Tell whether *query* lets *path* be fetched at the time *unix*."""
    fields = _QUERY.fullmatch(query)
    if fields is None or int(fields[1]) <= unix:
        return False
    return fields[2] == _signature(path, int(fields[1]), secret)


def _signature(path: str, expires: int, secret: int) -> str:
    return hashlib.sha256(f"{secret} {path} {expires}".encode()).hexdigest()[:32]


def serve(picture: Picture, modified: int, headers: Mapping[str, str]) -> Reply:
    """
    Answer a GET of *picture*: whole, or the part that its *headers* ask for.

    One range of bytes is understood, as are both forms of If-Range; anything else is
    answered whole, as HTTP allows. A part is cut out of the drawn picture at once; the
    whole is left to be drawn by whoever sends it.
    """
    known = {
        "content-type": "image/png",
        "accept-ranges": "bytes",
        "etag": f'"{hashlib.sha256(repr(picture).encode()).hexdigest()[:32]}"',
        "last-modified": http_date(modified),
    }
    wanted = _RANGE.fullmatch(headers.get("range", "").strip())
    unchanged = headers.get("if-range") in (None, known["etag"], known["last-modified"])
    if wanted is None or _is_backwards(wanted) or not unchanged:
        return Reply(200, known, picture=picture)
    return _part(render(picture), wanted, known)


def _is_backwards(wanted: re.Match[str]) -> bool:
    """Tell whether a range ends before it begins: HTTP says to ignore it."""
    first, last, _ = wanted.groups()
    return bool(last) and int(last) < int(first)


def _part(content: bytes, wanted: re.Match[str], headers: Mapping[str, str]) -> Reply:
    total = len(content)
    first, last = _bounds(wanted, total)
    if first >= total:
        refused = {**headers, "content-range": f"bytes */{total}"}
        return Reply(416, refused | {"content-type": "text/plain"})
    part = {**headers, "content-range": f"bytes {first}-{last}/{total}"}
    return Reply(206, part, content[first : last + 1])


def _bounds(wanted: re.Match[str], total: int) -> tuple[int, int]:
    """Return the first byte, at *total* if there is none, and the last."""
    first, last, suffix = wanted.groups()
    if suffix is not None:
        return (max(0, total - int(suffix)) if int(suffix) else total), total - 1
    return int(first), min(int(last or total), total - 1)
