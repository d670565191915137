"""
Which rows of a sheet are wanted: those that meet conditions, or a few of them all.

Small and pure: everything works on any iterable of rows or items, lazily. The first few
are ``itertools.islice``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TypeVar

from attrs import field, frozen

from aivideo_async.bulk.columns import columns_of
from aivideo_async.bulk.items import Item
from aivideo_async.bulk.rows import Problem, Row
from aivideo_async.errors import ConfigurationError
from aivideo_async.models.text import show

__all__ = ["Condition", "read_condition", "sample", "selected", "unknown_columns"]

T = TypeVar("T")
Selectable = TypeVar("Selectable", Row, Item)


@frozen
class Condition:
    """
    What a cell has to be, or not to be.

    Attributes:
        column: The column's name, a meaning such as ``sku``, or another name for it.
        pattern: The whole text, whatever its case; ``*`` stands for any text.
        negated: Whether it must be anything else.
    """

    column: str
    pattern: str
    negated: bool = False
    _matches: re.Pattern[str] = field(init=False, repr=False, eq=False)

    @_matches.default
    def _compiled(self) -> re.Pattern[str]:
        texts = map(re.escape, self.pattern.casefold().split("*"))
        return re.compile(".*".join(texts), re.DOTALL)

    def holds(self, cells: Mapping[str, str]) -> bool:
        """Tell whether *cells*, by the names of their columns, meet it."""
        column = columns_of(tuple(cells)).find(self.column)
        text = cells[column].strip() if column is not None else ""
        matches = self._matches.fullmatch(text.casefold()) is not None
        return matches is not self.negated


def read_condition(text: str) -> Condition:
    """
    Read a condition as people write it: ``column=text`` or ``column!=text``.

    Raises:
        ConfigurationError: It is neither.

    Example:
        >>> read_condition("category=shoe*").holds({"Category": "Shoes"})
        True
    """
    column, equals, pattern = text.partition("=")
    name = column.removesuffix("!").strip()
    if not equals or not name:
        raise ConfigurationError(
            f"where={show(text)} is no condition: write column=text or column!=text."
        )
    return Condition(name, pattern.strip(), negated=column.endswith("!"))


def selected(
    things: Iterable[Selectable], conditions: Iterable[Condition]
) -> Iterator[Selectable]:
    """
    Yield the rows or items that meet all of *conditions*.

    Example:
        >>> rows = [Row(2, {"sku": "A"}), Row(3, {"sku": "B"})]
        >>> [row.line for row in selected(rows, [read_condition("sku!=a")])]
        [3]
    """
    wanted = [*conditions]
    for thing in things:
        if all(condition.holds(thing.cells) for condition in wanted):
            yield thing


def unknown_columns(
    conditions: Iterable[Condition], names: Iterable[str]
) -> Iterator[Problem]:
    """Yield an error for each of *conditions* that asks for none of the columns."""
    columns = columns_of(tuple(names))
    for condition in conditions:
        if columns.find(condition.column) is None:
            text = f"A condition asks for {condition.column!r}, which is no column."
            yield Problem(None, None, text, columns.suggest(condition.column))


def sample(things: Iterable[T], wanted: int, total: int) -> Iterator[T]:
    """
    Yield *wanted* of *total* things, spread evenly, and the same ones every time.

    Args:
        things: All of them.
        wanted: How many to yield; all if there are fewer.
        total: How many *things* there are.

    Example:
        >>> [*sample("abcdefghi", 3, 9)]
        ['a', 'd', 'g']
    """
    taken = 0
    for index, thing in enumerate(things):
        if index * wanted >= taken * total:
            taken += 1
            yield thing
