"""
What a cell means, in the words people write, and what to say of one that means nothing.

What is not understood stays as it is: the request itself says what is wrong with it,
and `hint_for` adds what was probably meant.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from aivideo_async.bulk.columns import nearest
from aivideo_async.models.catalogue import FieldSpec

__all__ = ["MOST_VARIANTS", "hint_for", "read_choice", "read_flag", "split_images"]

MOST_VARIANTS = 99

FLAGS = {
    **dict.fromkeys(("yes", "true", "1"), True),
    **dict.fromkeys(("no", "false", "0"), False),
}


def read_flag(text: str) -> bool | str:
    """
    Read yes or no, true or false, 1 or 0; return *text* itself if it is none of them.

    Example:
        >>> read_flag(" Yes"), read_flag("perhaps")
        (True, 'perhaps')
    """
    return FLAGS.get(text.strip().casefold(), text)


def read_choice(text: str, choices: Iterable[str]) -> str:
    """
    Return which of *choices* stands there, or *text* itself if none does.

    Example:
        >>> read_choice(" 2K", ["1k", "2k"]), read_choice("3k", ["1k", "2k"])
        ('2k', '3k')
    """
    word = text.strip().casefold()
    return word if word in choices else text


def split_images(text: str) -> list[str]:
    """
    Return the addresses in a cell: apart by ``;``, ``|`` or a new line.

    Example:
        >>> split_images("https://a.example/1.png; https://a.example/2.png")
        ['https://a.example/1.png', 'https://a.example/2.png']
    """
    return [part for part in map(str.strip, re.split(r"[;|\n]", text)) if part]


def hint_for(field: FieldSpec, value: object) -> str:
    """
    Say what was probably meant by *value*, or what to write instead.

    Args:
        field: What the field accepts.
        value: What stands in the cell.
    """
    if field.type == "flag":
        return "Write yes or no."
    if field.type == "choice" and value not in field.choices:
        near = _nearest_choice(str(value), [*map(str, field.choices)])
        return f"Did you mean {near}?" if near else ""
    if field.type == "urls" and isinstance(value, str) and ":" not in value[2:]:
        return (
            f"{value!r} seems to be a file on this machine, and the service takes "
            "public addresses only: upload it, and write its https:// address."
        )
    return ""


def _nearest_choice(text: str, choices: list[str]) -> str | None:
    """Find the choice in other ways to write it; 16:09:00 is what Excel makes of 16:9."""
    ratio = re.fullmatch(r"\s*0*(\d+)\s*[^\d\s]+\s*0*(\d+)(\D+0+)*\s*", text)
    if ratio and (near := f"{ratio[1]}:{ratio[2]}") in choices:
        return near
    word = re.sub(r"\s", "", text).casefold()
    return word if word in choices else nearest(word, choices)
