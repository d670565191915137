"""What one row asks for, and everything that is wrong with it, in one pass."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from attrs import frozen

from aivideo_async.bulk.cells import (
    MOST_VARIANTS,
    hint_for,
    read_choice,
    read_flag,
    split_images,
)
from aivideo_async.bulk.columns import Columns
from aivideo_async.bulk.rows import Problem, Row
from aivideo_async.errors import InvalidRequestError
from aivideo_async.models.catalogue import ModelSpec, catalogue, problems
from aivideo_async.models.requests import GptImage2
from aivideo_async.models.text import show

__all__ = ["DEFAULTS", "Defaults", "Order", "read_order"]


@frozen(kw_only=True)
class Defaults:
    """What counts where a row says nothing; see `aivideo_async.GptImage2`."""

    aspect_ratio: str = "auto"
    resolution: str = "1k"
    nsfw_checker: bool = True
    variants: int = 1


DEFAULTS = Defaults()


@frozen(kw_only=True)
class Order:
    """
    What one row asks for.

    Attributes:
        skipped: Whether it asks for nothing.
        sku: The key of the row; None when the sheet has no column for it.
        variants: How many pictures.
        request: The request, still without a key; None if something is wrong.
        problems: What is wrong.
    """

    skipped: bool = False
    sku: str | None = None
    variants: int = 1
    request: GptImage2 | None = None
    problems: tuple[Problem, ...] = ()


def read_order(row: Row, columns: Columns, defaults: Defaults = DEFAULTS) -> Order:
    """
    Read what *row* asks for; its cells come before *defaults*.

    Example:
        >>> from aivideo_async.bulk.columns import columns_of
        >>> row = Row(2, {"prompt": "a red mug", "ratio": "16x9"})
        >>> print(*read_order(row, columns_of(("prompt", "ratio"))).problems)
        line 2, ratio: aspect_ratio='16x9' is not ... Did you mean 16:9?
    """
    return _Reading(row, columns, defaults).order()


class _Reading:
    def __init__(self, row: Row, columns: Columns, defaults: Defaults) -> None:
        self._row = row
        self._columns = columns
        self._defaults = defaults
        self._found: list[Problem] = []

    def order(self) -> Order:
        skipped = read_flag(self._text("skip") or "no")
        if skipped is True:
            return Order(skipped=True)
        if skipped is not False:
            self._report("skip", f"{show(skipped)} is neither yes nor no.")
        sku, variants, request = self._sku(), self._variants(), self._request()
        if self._found:
            return Order(problems=tuple(self._found))
        return Order(sku=sku, variants=variants, request=request)

    def _text(self, meaning: str) -> str:
        name = self._columns.by_meaning.get(meaning)
        return "" if name is None else self._row.cells[name]

    def _report(self, meaning: str, text: str, hint: str = "") -> None:
        column = self._columns.by_meaning.get(meaning)
        self._found.append(Problem(self._row.line, column, text, hint))

    def _sku(self) -> str | None:
        if "sku" not in self._columns.by_meaning:
            return None
        sku = self._text("sku").strip()
        if not sku:
            self._report("sku", "is empty.", "Each row needs a name of its own.")
        return sku

    def _variants(self) -> int:
        text = self._text("variants").strip()
        if not text:
            return self._defaults.variants
        if text.isdecimal() and len(text) < 9 and 1 <= int(text) <= MOST_VARIANTS:
            return int(text)
        limit = f"Write a whole number from 1 to {MOST_VARIANTS}."
        self._report("variants", f"{show(text)} is no number of pictures.", limit)
        return 1

    def _request(self) -> GptImage2 | None:
        images = [*self._images()]
        values = {
            "prompt": self._text("prompt") or None,
            "image_urls": tuple(url for _, url in images),
            "aspect_ratio": self._choice("aspect_ratio", self._defaults.aspect_ratio),
            "resolution": self._choice("resolution", self._defaults.resolution),
            "nsfw_checker": self._flag("nsfw_checker", self._defaults.nsfw_checker),
        }
        try:
            return GptImage2(**values)
        except InvalidRequestError:
            refusals = problems(_spec(), values)
        for refusal in refusals:
            meaning, value = refusal.field, values.get(refusal.field)
            if refusal.index is not None:
                meaning, value = images[refusal.index]
            hint = hint_for(_spec().fields[refusal.field], value)
            self._report(meaning, refusal.text, hint)
        return None

    def _images(self) -> Iterator[tuple[str, str]]:
        """Yield each reference picture with the column that it is from."""
        for meaning in self._columns.by_meaning:  # in the order of ALIASES
            if meaning.startswith("image"):
                for url in split_images(self._text(meaning)):
                    yield meaning, url

    def _choice(self, meaning: str, default: str) -> str:
        text = self._text(meaning)
        choices = _spec().fields[meaning].choices
        return read_choice(text, choices) if text.strip() else default

    def _flag(self, meaning: str, default: bool) -> Any:
        text = self._text(meaning)
        return read_flag(text) if text.strip() else default


@cache
def _spec() -> ModelSpec:
    return catalogue()[GptImage2.MODEL]
