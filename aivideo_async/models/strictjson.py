"""
JSON as we are willing to read and to send it.

Reading is strict where a lenient reader would guess: a repeated key, ``NaN`` or an
absurd nesting makes the whole text suspect, and money must not hang on a guess.
"""

from __future__ import annotations

import json
import math
from codecs import BOM_UTF8
from typing import Any

__all__ = ["DuplicateKeyError", "decode", "encode"]


class DuplicateKeyError(ValueError):
    """A key stands twice in one object: one of the two must be wrong."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise DuplicateKeyError("a key stands twice in one object")
    return result


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text} is too large for a number")
    return number


_DECODER = json.JSONDecoder(
    object_pairs_hook=_unique, parse_constant=_refuse_constant, parse_float=_finite
)
_ENCODER = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, separators=(",", ":"), check_circular=True
)


def decode(body: bytes) -> Any:
    """
    Read *body* as UTF-8 JSON, whatever its label says; a BOM is allowed.

    Raises:
        ValueError: It is not JSON, repeats a key, holds NaN, or nests too deeply.
    """
    text = body.removeprefix(BOM_UTF8).decode().strip(" \t\n\r")
    try:
        value, end = _DECODER.raw_decode(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if end != len(text):
        raise ValueError("something follows the JSON")
    return value


def encode(value: Any) -> bytes:
    """
    Write *value* as compact UTF-8 JSON.

    Raises:
        ValueError: It holds NaN, a circle or text that is not Unicode.
        TypeError: It holds something that JSON does not know.
    """
    try:
        return _ENCODER.encode(value).encode("utf-8")
    except RecursionError:
        raise ValueError("nested too deeply") from None
