"""
Whether the rest of a file may be put behind the part that is there; pure.

Two versions of a file must never be mixed: nobody could tell the result from a good
one. So the host has to name the version in a way that is sure to change with any byte
(RFC 9110 calls that a strong validator, §8.8.1), we ask for the rest of just this
version (If-Range, §13.1.5), and the answer has to say that it is just this rest. Any
doubt means starting over, which costs time and nothing else.
"""

from __future__ import annotations

import re
from datetime import timedelta

from attrs import frozen
from multidict import CIMultiDict, CIMultiDictProxy

from aivideo_async.policy.retry import read_http_date

__all__ = ["Version", "read_size", "read_version"]

Headers = CIMultiDict[str] | CIMultiDictProxy[str]

_STRONG_TAG = re.compile(r'"[!#-~]+"')
_SETTLED = timedelta(seconds=60)


@frozen
class Version:
    """
    One version of a file, as its host names it.

    Attributes:
        place: Where it lies: its final URL without the query, which may be a signature
            and change. A validator means nothing at another place.
        validator: A strong ETag or a Last-Modified, as it was sent.
        size: Its bytes.
    """

    place: str
    validator: str
    size: int

    def rest(self, start: int) -> dict[str, str]:
        """
        Return the headers that ask for everything from byte *start* on.

        Example:
            >>> Version("https://files.example/a", '"v1"', 100).rest(40)
            {'Range': 'bytes=40-', 'If-Range': '"v1"'}
        """
        return {"Range": f"bytes={start}-", "If-Range": self.validator}

    def is_rest(self, start: int, place: str, headers: Headers) -> bool:
        """Tell whether a 206 is this version's rest from byte *start* on, for certain."""
        wanted = f"bytes {start}-{self.size - 1}/{self.size}"
        return (
            place == self.place
            and _is_verbatim(headers)
            and headers.getall("Content-Range", []) == [wanted]
            and _validator(headers) == self.validator
        )


def read_size(headers: Headers) -> int | None:
    """Return how many bytes the file of a 200 has, if the host says so."""
    text = headers.get("Content-Length", "")
    return int(text) if text.isdecimal() and _is_verbatim(headers) else None


def read_version(place: str, headers: Headers) -> Version | None:
    """Return which version a 200 begins, or None if nothing can be added to it later."""
    size, validator = read_size(headers), _validator(headers)
    return Version(place, validator, size) if size and validator else None


def _is_verbatim(headers: Headers) -> bool:
    """Tell whether the bytes are the file's own: those of a packed one are not."""
    return headers.get("Content-Encoding", "identity").lower() == "identity"


def _validator(headers: Headers) -> str | None:
    """
    Return what names this version for certain.

    A date never stands in for a weak ETag (§13.1.5); alone, it is strong if the file had
    been left alone for long enough when the host's clock said so (§8.8.2.2).
    """
    tags = headers.getall("ETag", [])
    if tags:
        is_strong = len(tags) == 1 and _STRONG_TAG.fullmatch(tags[0])
        return tags[0] if is_strong else None
    changed, sent = (headers.get(name, "") for name in ("Last-Modified", "Date"))
    then, now = read_http_date(changed), read_http_date(sent)
    is_settled = then is not None and now is not None and now - then >= _SETTLED
    return changed if is_settled else None
