"""
What a sheet is made of, and what is wrong with it.

A sheet is read to its end before anything is bought, so whoever made it gets all its
errors at once. `Problems` collects them on the way, in bounded memory.
"""

from __future__ import annotations

from collections.abc import Mapping

from attrs import Factory, define, frozen

from aivideo_async.models.text import printable

__all__ = ["KEPT", "Problem", "Problems", "Row"]

KEPT = 1000
"""How many errors, and how many warnings, are kept; the rest is counted."""


@frozen
class Row:
    """
    One row, as it stands in the sheet.

    Attributes:
        line: The line on which it begins, from 1; the header is a line too.
        cells: Its texts by the names of their columns, unchanged.
    """

    line: int
    cells: Mapping[str, str]


@frozen
class Problem:
    """
    Something that is wrong with a sheet.

    Attributes:
        line: Where it is; None for the sheet as a whole.
        column: The column's name in the sheet; None for the row as a whole.
        text: What is wrong.
        hint: What to do about it; may be empty.
        warning: Whether the run may go on nevertheless.

    Example:
        >>> print(Problem(17, "ratio", "'16x9' is not allowed.", "Did you mean 16:9?"))
        line 17, ratio: '16x9' is not allowed. Did you mean 16:9?
    """

    line: int | None
    column: str | None
    text: str
    hint: str = ""
    warning: bool = False

    def __str__(self) -> str:
        parts = [f"line {self.line}"] if self.line is not None else []
        parts += [self.column] if self.column is not None else []
        where = f"{', '.join(parts)}: " if parts else ""
        return printable(f"{where}{self.text} {self.hint}".rstrip())


@define
class Problems:
    """
    All that was found wrong with a sheet so far.

    Attributes:
        errors: What forbids the run; the first `KEPT` of them.
        warnings: What does not; the first `KEPT` of them.
        error_count: How many errors there are in all.
        warning_count: How many warnings there are in all.

    Example:
        >>> problems = Problems()
        >>> problems.add(Problem(2, "sku", "is empty."))
        >>> problems.error_count, problems.warnings
        (1, [])
    """

    errors: list[Problem] = Factory(list)
    warnings: list[Problem] = Factory(list)
    error_count: int = 0
    warning_count: int = 0

    def add(self, problem: Problem) -> None:
        """Count *problem*, and keep it unless there are too many."""
        if problem.warning:
            self.warning_count += 1
        else:
            self.error_count += 1
        kept = self.warnings if problem.warning else self.errors
        if len(kept) < KEPT:
            kept.append(problem)
