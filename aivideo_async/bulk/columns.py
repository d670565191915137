"""
Which column means what: exports keep their own headers, and are understood.

A name is matched whatever its case, blanks, underscores and hyphens. Columns that mean
nothing here are carried along; one that nearly means something gets a warning.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from functools import lru_cache

from attrs import frozen

from aivideo_async.bulk.rows import Problem

__all__ = ["ALIASES", "Columns", "columns_of", "meaning_of", "nearest", "plain"]

ALIASES: Mapping[str, tuple[str, ...]] = {
    "sku": ("variant sku", "id", "item id", "product id", "asin", "handle"),
    "prompt": (),
    "image": (
        "images",
        "image src",
        "image url",
        "image urls",
        "image link",
        "product image url",
        "variant image",
        "photo",
        "reference",
    ),
    **{f"image_{number}": () for number in range(1, 17)},
    "aspect_ratio": ("ratio",),
    "resolution": ("res",),
    "nsfw_checker": (),
    "variants": ("n",),
    "skip": (),
}
"""The columns that mean something, by their own name, and what else they are called."""


def plain(name: str) -> str:
    """
    Reduce a column's name to what is compared.

    Example:
        >>> plain("Aspect-Ratio") == plain("aspect_ratio")
        True
    """
    return re.sub(r"[\s_-]+", "", name).casefold()


_MEANINGS = {
    plain(name): meaning
    for meaning, aliases in ALIASES.items()
    for name in (meaning, *aliases)
}


@lru_cache(maxsize=4096)
def meaning_of(name: str) -> str | None:
    """
    Return what a column called *name* means, as a key of `ALIASES`; None for nothing.

    Example:
        >>> meaning_of("Image Src"), meaning_of("color")
        ('image', None)
    """
    return _MEANINGS.get(plain(name))


def nearest(word: str, known: Iterable[str]) -> str | None:
    """
    Return which of the *known* words *word* was probably meant to be.

    Example:
        >>> nearest("promt", ["prompt", "sku"]), nearest("color", ["prompt", "sku"])
        ('prompt', None)
    """
    by_plain = {plain(candidate): candidate for candidate in known}
    start = plain(word)
    longer = [name for name in by_plain if len(start) >= 4 and name.startswith(start)]
    found = longer or get_close_matches(start, by_plain, n=1, cutoff=0.8)
    return by_plain[found[0]] if found else None


@frozen
class Columns:
    """
    The columns of a sheet.

    Attributes:
        names: Their names, as they stand in the sheet.
        by_meaning: The names of those that mean something, by `ALIASES`' own names.
        problems: What is wrong with them, without a line.
    """

    names: tuple[str, ...]
    by_meaning: Mapping[str, str]
    problems: tuple[Problem, ...]

    @property
    def usable(self) -> bool:
        """Whether rows can be read by them."""
        return all(problem.warning for problem in self.problems)

    def find(self, name: str) -> str | None:
        """Return the column that is called *name*, or that means it."""
        alike = [known for known in self.names if plain(known) == plain(name)]
        if name in alike:
            return name
        return alike[0] if alike else self.by_meaning.get(meaning_of(name) or "")

    def suggest(self, name: str) -> str:
        """Say which column *name* may have been meant to be, and which there are."""
        near = nearest(name, (*self.names, *self.by_meaning))
        question = f"Did you mean {near!r}? " if near else ""
        return f"{question}The columns are {', '.join(self.names)}."


@lru_cache(maxsize=1024)  # one in a CSV; in JSONL every row may have its own
def columns_of(names: tuple[str, ...]) -> Columns:
    """
    Find out what the columns *names* mean.

    Example:
        >>> columns_of(("Variant SKU", "Prompt", "color")).by_meaning
        {'sku': 'Variant SKU', 'prompt': 'Prompt'}
    """
    by_meaning: dict[str, str] = {}
    problems: list[Problem] = []
    for meaning in ALIASES:
        meant = [name for name in names if meaning_of(name) == meaning]
        if meant:
            by_meaning[meaning] = _preferred(meaning, meant)
            problems += _rivals(meaning, by_meaning[meaning], meant)
    problems += _missing(names, by_meaning)
    problems += _near_misses(names, by_meaning)
    return Columns(names, by_meaning, tuple(problems))


def _preferred(meaning: str, meant: list[str]) -> str:
    """Choose the column that has the meaning's own name before one with an alias."""
    return next((name for name in meant if plain(name) == plain(meaning)), meant[0])


def _rivals(meaning: str, chosen: str, meant: list[str]) -> Iterator[Problem]:
    own = [name for name in meant if plain(name) == plain(meaning)]
    others = list(meant)
    others.remove(chosen)
    if len(own) == 1:
        for name in others:
            text = f"could mean {meaning}, too; {chosen!r} is used."
            yield Problem(None, name, text, warning=True)
    elif others:
        listed = ", ".join(map(repr, meant))
        text = f"{len(meant)} columns mean {meaning}: {listed}."
        yield Problem(None, None, text, f"Call the right one {meaning!r}.")


def _missing(
    names: tuple[str, ...], by_meaning: Mapping[str, str]
) -> Iterator[Problem]:
    if "prompt" not in by_meaning:
        near = nearest("prompt", names)
        hint = f"Is it {near!r}? " if near else ""
        text = f"There is no column 'prompt'. The columns are {', '.join(names)}."
        yield Problem(None, None, text, f"{hint}Call the one with the texts 'prompt'.")
    if "sku" not in by_meaning:
        text = "There is no column 'sku': each row is known by its content."
        hint = "A row that is changed later counts as a new one, and is bought."
        yield Problem(None, None, text, hint, warning=True)


def _near_misses(
    names: tuple[str, ...], by_meaning: Mapping[str, str]
) -> Iterator[Problem]:
    absent = [meaning for meaning in ALIASES if meaning not in by_meaning]
    for name in names:
        near = nearest(name, absent) if meaning_of(name) is None else None
        if near is not None:
            text = "means nothing here, and is only carried along."
            yield Problem(None, name, text, f"Did you mean {near!r}?", warning=True)
