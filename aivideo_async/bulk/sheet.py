"""
Sheets, read row by row: CSV, TSV and JSON lines, from a file or from the standard input.

What they are is seen from their content: the encoding from a byte order mark (UTF-8
without one), JSON lines from a ``{`` at the start, the delimiter from the header. The
rows never lie in memory together.
"""

from __future__ import annotations

import codecs
import csv
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from hashlib import file_digest
from io import BufferedRandom, BufferedReader, TextIOWrapper
from pathlib import Path
from typing import Any, BinaryIO, Self, TextIO, TypeAlias

from aivideo_async.bulk.columns import columns_of, meaning_of
from aivideo_async.bulk.rows import Problem, Problems, Row
from aivideo_async.errors import ConfigurationError
from aivideo_async.models.strictjson import decode
from aivideo_async.models.text import printable, show

__all__ = ["Sheet", "open_sheet"]

BufferedFile: TypeAlias = BufferedReader | BufferedRandom

DELIMITERS = ("\t", ";", ",")

MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
"""The encodings that a file tells by its first bytes."""

WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
"""How the files of Excel, Numbers and LibreOffice themselves begin."""

SAVE_AS_UTF8 = "Save the sheet as UTF-8: in Excel as 'CSV UTF-8'."


def open_sheet(source: str | os.PathLike[str]) -> Sheet:
    """
    Open a sheet.

    Args:
        source: Its path, or ``-`` for the standard input. What cannot be read twice
            (a pipe) is copied into a temporary file first.

    Raises:
        ConfigurationError: It cannot be read, or is a workbook. Nothing was sent.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     path = Path(folder, "products.csv")
        ...     _ = path.write_text("sku;prompt\\nMUG;a red mug\\n")
        ...     with open_sheet(path) as sheet:
        ...         [*sheet.rows(Problems())]
        [Row(line=2, cells={'sku': 'MUG', 'prompt': 'a red mug'})]
    """
    name = os.fspath(source)
    try:
        file = _opened(name)
        start = file.read(4)
    except OSError as error:
        raise ConfigurationError(
            f"{printable(name)} cannot be read: {error.strerror}. Nothing was sent."
        ) from None
    if start in WORKBOOKS:
        file.close()
        raise ConfigurationError(
            f"{printable(name)} is a workbook, not a text: save the sheet as "
            "'CSV UTF-8'. Nothing was sent."
        )
    return Sheet(file, name)


def _opened(name: str) -> BufferedFile:
    if name == "-":
        return _copied(sys.stdin.buffer)
    file = Path(name).open("rb")  # noqa: SIM115  (the sheet closes it)
    if file.seekable():
        return file
    with file:
        return _copied(file)


def _copied(file: BinaryIO) -> BufferedFile:
    copy = tempfile.TemporaryFile("w+b")  # noqa: SIM115  (the sheet closes it)
    shutil.copyfileobj(file, copy)
    copy.seek(0)
    return copy


class Sheet:
    """
    An open sheet; a context manager, and `close` closes it, too.

    It may be read any number of times, but by one reader at a time. `open_sheet` makes
    it.

    Attributes:
        name: Where it is from, as it was named.
    """

    def __init__(self, file: BufferedFile, name: str) -> None:
        self.name = name
        self._file = file

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *about: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def sha256(self) -> str:
        """Return the hash of its bytes, in hexadecimal."""
        self._file.seek(0)
        return file_digest(self._file, "sha256").hexdigest()

    def rows(self, problems: Problems) -> Iterator[Row]:
        """
        Read the rows in their order; blank ones are passed over.

        Args:
            problems: Where errors go. A row with an error is left out, and the reading
                goes on, unless nobody can tell any more where a row begins.
        """
        with self._text() as text:
            try:
                first = next((line for line in text if line.strip()), "")
                text.seek(0)
                read = _json_rows if first.lstrip()[:1] in ("{", "[") else _csv_rows
                for row in read(text, problems):
                    if _is_text(row, problems):
                        yield row
            except UnicodeDecodeError as error:
                claim = f"The sheet is not {error.encoding}, as its first bytes say."
                problems.add(Problem(None, None, claim, SAVE_AS_UTF8))

    @contextmanager
    def _text(self) -> Iterator[TextIO]:
        self._file.seek(0)
        start = self._file.read(3)
        found = (name for mark, name in MARKS.items() if start.startswith(mark))
        self._file.seek(0)
        # What is not UTF-8 is found in its cell, where people can look for it.
        text = TextIOWrapper(
            self._file, next(found, "utf-8"), "surrogateescape", newline=""
        )
        try:
            yield text
        finally:
            text.detach()


def _is_text(row: Row, problems: Problems) -> bool:
    cells = row.cells.items()
    broken = [name for name, cell in cells if not _is_unicode(f"{name}{cell}")]
    for name in broken:
        problems.add(Problem(row.line, name, "is not UTF-8 text.", SAVE_AS_UTF8))
    return not broken


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


# --- CSV and TSV ----------------------------------------------------------------


def _csv_rows(text: TextIO, problems: Problems) -> Iterator[Row]:
    records = _records(text, _delimiter(text), problems)
    line, header = next(records, (0, []))
    names = [name.strip() for name in header]
    if not _is_header(line, names, problems):
        return
    for line, record in records:
        if _fits(line, names, record, problems):
            cells = zip(names, record, strict=True)
            yield Row(line, {name: cell for name, cell in cells if name})


def _delimiter(text: TextIO) -> str:
    """Choose the one by which the header has most columns that mean something."""

    def columns(delimiter: str) -> tuple[int, int]:
        text.seek(0)
        _, names = next(_records(text, delimiter, Problems()), (0, []))
        return len(columns_of(tuple(names)).by_meaning), len(names)

    best = max(DELIMITERS, key=columns)
    text.seek(0)
    return best


def _records(
    lines: Iterable[str], delimiter: str, problems: Problems
) -> Iterator[tuple[int, list[str]]]:
    """Yield each record that is not blank, with the line on which it begins."""
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            record = next(reader, None)
        except csv.Error as error:
            problems.add(
                Problem(
                    line,
                    None,
                    f"The quotes cannot be read ({error}); nor can what follows.",
                    "A text in quotes ends with one, and a quote in it stands twice.",
                )
            )
            return
        if record is None:
            return
        if any(map(str.strip, record)):
            yield line, record


def _is_header(line: int, names: list[str], problems: Problems) -> bool:
    if not any(names):
        if not problems.error_count:
            problems.add(Problem(None, None, "The sheet is empty."))
        return False
    text = "".join(names)
    if "\0" in text or not _is_unicode(text):
        problems.add(Problem(line, None, "is not UTF-8 text.", SAVE_AS_UTF8))
        return False
    repeated = {name for name in names if name and names.count(name) > 1}
    for name in sorted(repeated):
        found = "Two columns have this name."
        problems.add(Problem(line, name, found, "Rename or remove one."))
    return not repeated


def _fits(line: int, names: list[str], record: list[str], problems: Problems) -> bool:
    surplus, lacking = len(record) - len(names), names[len(record) :]
    if surplus:
        column = lacking[0] if lacking else f"column {len(names) + 1}"
        text = f"The header has {len(names)} cells, this row has {len(record)}."
        hint = "A text that holds the delimiter needs quotes around it."
        if lacking:
            hint = "An empty cell needs its delimiter, too."
        problems.add(Problem(line, column, text, hint))
        return False
    nameless = [
        index
        for index, (name, cell) in enumerate(zip(names, record, strict=True), 1)
        if cell.strip() and not name
    ]
    for index in nameless:
        text = "has a value here, but no name in the header."
        problems.add(Problem(line, f"column {index}", text, "Name it, or empty it."))
    return not nameless


# --- JSON lines -----------------------------------------------------------------


def _json_rows(text: TextIO, problems: Problems) -> Iterator[Row]:
    for number, line in enumerate(text, 1):
        if line.strip():
            try:
                yield Row(number, _cells(line))
            except ValueError as error:
                hint = 'Each line holds one object, such as {"sku": …, "prompt": …}.'
                problems.add(Problem(number, None, _reason(error), hint))


def _cells(line: str) -> dict[str, str]:
    if not _is_unicode(line):
        raise ValueError("is not UTF-8 text")
    record = decode(line.encode())
    if not isinstance(record, dict):
        raise ValueError(f"{show(record)} is not an object")  # noqa: TRY004
    return {name: _cell(name, value) for name, value in record.items()}


def _cell(name: str, value: Any) -> str:
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, list) and (meaning_of(name) or "").startswith("image"):
        return "\n".join(_cell(name, entry) for entry in value)
    if isinstance(value, list | dict):
        raise ValueError(f"{name} is neither text nor a number")  # noqa: TRY004
    return json.dumps(value)


def _reason(error: ValueError) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"is not JSON: {error.msg} at character {error.pos + 1}."
    return f"{error}."
