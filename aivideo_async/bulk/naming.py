"""
File names out of a sheet: the same on every system, and never outside their folder.

The texts in a sheet are data: a value never makes a folder, however many slashes it
holds; only a slash in the pattern does.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from attrs import field, frozen

from aivideo_async.downloads.files import DEVICES
from aivideo_async.errors import ConfigurationError
from aivideo_async.models.text import show

__all__ = ["ONE", "SEVERAL", "NamePattern", "same_file"]

LONGEST = 150
"""Bytes of one part; there is room left for what a file is called while it arrives."""

CUT = LONGEST - 2  # two underscores may follow

FORBIDDEN = frozenset('<>:"/\\|?*~')
"""What no system takes, and the tilde, which marks what is more than one row's file."""
PICTURE = re.compile(r"\.(png|jpe?g|webp|gif|avif)$", re.IGNORECASE)


@frozen
class NamePattern:
    """
    What the files of a run are called, without their suffix.

    Args:
        text: Such as ``{category}/{sku}``: in braces the name of a column, or ``sku``,
            ``variant`` or ``line``; a slash makes a folder.

    Raises:
        ConfigurationError: Its braces do not match, or it leads out of its folder.

    Example:
        >>> NamePattern("{type}/{sku}").stem({"type": "a/b", "sku": "con"}.__getitem__)
        'a_b/con_'
    """

    text: str
    _pieces: tuple[str, ...] = field(init=False, repr=False, eq=False)

    @_pieces.default
    def _read(self) -> tuple[str, ...]:
        pieces = re.split(r"\{([^{}]+)\}", self.text)  # texts and fields in turn
        if any(char in "{}" for piece in pieces[::2] for char in piece):
            raise _refused(
                self.text, "write each field as {sku}, in one pair of braces"
            )
        parts = "x".join(pieces[::2]).split("/")
        if "\\" in self.text or any(not part.strip(" .") for part in parts):
            raise _refused(
                self.text,
                "it must stay in its folder: no '..', no '\\', no "
                "slash at its start or end",
            )
        return tuple(pieces)

    @property
    def fields(self) -> tuple[str, ...]:
        """What stands in braces."""
        return self._pieces[1::2]

    def stem(self, value_of: Callable[[str], str]) -> str:
        """
        Return the path of one file below the folder, without its suffix.

        Args:
            value_of: Tells the value of a field; it may hold anything.
        """
        texts = list(self._pieces)
        texts[1::2] = [value_of(name).replace("/", "_") for name in self.fields]
        *folders, name = map(_safe, "".join(texts).split("/"))
        # A folder A.png would stand in the way of the picture of A.
        folders = [f"{each}_" if PICTURE.search(each) else each for each in folders]
        return "/".join((*folders, name))


ONE = NamePattern("{sku}")
"""For one picture of each row."""

SEVERAL = NamePattern("{sku}/{sku}__v{variant}")
"""For several pictures of a row."""


def same_file(stem: str) -> str:
    """
    Reduce *stem* to what it has in common with all that some system takes for the same.

    Example:
        >>> same_file("Mug") == same_file("mug"), same_file("Mug") == same_file("Mugs")
        (True, False)
    """
    folded = unicodedata.normalize("NFD", stem).casefold()
    return unicodedata.normalize("NFC", folded)


def _safe(part: str) -> str:
    """Make one part of a path that every system takes, and takes for a plain name."""
    part = "".join(
        char if char.isprintable() and char not in FORBIDDEN else "_"
        for char in unicodedata.normalize("NFC", part)[:CUT]
    )
    part = part.encode()[:CUT].decode("utf-8", "ignore").strip(" ").rstrip(". ")
    if part.startswith("."):
        part = f"_{part[1:]}"  # or nobody would see it
    base = unicodedata.normalize("NFKC", part.partition(".")[0]).strip().upper()
    if not base or base in DEVICES:
        part = part.replace(".", "_.", 1) if "." in part else f"{part}_"
    return part


def _refused(text: str, reason: str) -> ConfigurationError:
    return ConfigurationError(f"The name pattern {show(text)}: {reason}.")
