"""Sheets for tests: their bytes in, rows or items and problems out."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from aivideo_async.bulk.items import Item, ItemReader
from aivideo_async.bulk.rows import Problem, Problems, Row
from aivideo_async.bulk.sheet import open_sheet


def read(content: str | bytes) -> tuple[list[Row], list[Problem]]:
    """Return the rows of a sheet, and its errors."""
    problems = Problems()
    with TemporaryDirectory() as folder:
        with open_sheet(save(content, folder)) as sheet:
            rows = [*sheet.rows(problems)]
    return rows, problems.errors


def items_of(content: str | bytes, **about: Any) -> tuple[list[Item], Problems]:
    """Return the items of a sheet, and its problems."""
    problems = Problems()
    reader = ItemReader(problems, **about)
    with TemporaryDirectory() as folder:
        with open_sheet(save(content, folder)) as sheet:
            items = [*reader.items(sheet.rows(problems))]
    return items, problems


def problems_of(content: str | bytes, **about: Any) -> list[str]:
    """Return the errors of a sheet, as they are shown."""
    return [*map(str, items_of(content, **about)[1].errors)]


def warnings_of(content: str | bytes) -> list[str]:
    """Return the warnings of a sheet, as they are shown."""
    return [*map(str, items_of(content)[1].warnings)]


def save(content: str | bytes, folder: str | Path) -> Path:
    """Write a sheet into *folder*."""
    path = Path(folder, "products.csv")
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path
