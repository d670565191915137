"""Sheets: whatever program wrote them, the rows are what people see in it."""

from __future__ import annotations

import csv
import io
import json
import os
import sys
import threading
import tracemalloc
from hashlib import sha256
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given, strategies as st

from aivideo_async.bulk.rows import Problems, Row
from aivideo_async.bulk.sheet import open_sheet
from aivideo_async.errors import ConfigurationError
from tests.bulk.sheets import read, save

TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
HEADERS = st.sampled_from(
    [["sku", "prompt"], ["Variant SKU", "a;b,c\td", "prompt"], ["prompt", 'the "x"']]
)
FORMS: list[
    tuple[Literal[0, 1], str]
] = [  # the stdlib quotes a newline at other line ends only if it quotes everything
    (csv.QUOTE_MINIMAL, "\r\n"),
    (csv.QUOTE_ALL, "\r\n"),
    (csv.QUOTE_ALL, "\n"),
    (csv.QUOTE_ALL, "\r"),
]


@given(
    header=HEADERS,
    table=st.lists(st.lists(TEXTS, min_size=3, max_size=3), max_size=5),
    delimiter=st.sampled_from([",", ";", "\t"]),
    form=st.sampled_from(FORMS),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_what_a_spreadsheet_writes_is_read_back(
    header: list[str],
    table: list[list[str]],
    delimiter: str,
    form: tuple[Literal[0, 1], str],
    encoding: str,
):
    """Any dialect and encoding gives the same cells, to the last blank and newline."""
    table = [record[: len(header)] for record in table]
    text = io.StringIO(newline="")
    quoting, end = form
    writer = csv.writer(text, delimiter=delimiter, lineterminator=end, quoting=quoting)
    writer.writerows([header, *table])
    rows, errors = read(text.getvalue().encode(encoding))
    wanted = [record for record in table if any(map(str.strip, record))]
    assert [] == errors
    assert wanted == [[*row.cells.values()] for row in rows]
    assert all(header == [*row.cells] for row in rows)


@given(st.lists(st.dictionaries(TEXTS, TEXTS, min_size=1), max_size=5))
def test_json_lines_are_read_back(objects: list[dict[str, str]]):
    """Every text of every object arrives as it is."""
    content = "\n\n".join(map(json.dumps, objects))
    rows, errors = read(content)
    if objects:
        assert [] == errors
    assert objects == [row.cells for row in rows]


def test_each_row_knows_the_line_on_which_it_begins():
    """Blank lines, rows of nothing but delimiters and quoted newlines all count."""
    rows, _ = read('\nsku,prompt\nA,"one\ntwo"\n\n,\nB,three\n')
    assert [Row(3, {"sku": "A", "prompt": "one\ntwo"}), (7)] == [rows[0], rows[1].line]


def test_a_delimiter_in_a_quoted_header_separates_nothing():
    """Only those outside of quotes are counted."""
    rows, _ = read('"sku;old;new;first;last",prompt\nA,x\n')
    assert [{"sku;old;new;first;last": "A", "prompt": "x"}] == [r.cells for r in rows]


def test_the_delimiter_is_the_one_that_makes_sense_of_the_header():
    """Not the one that is there most often."""
    rows, _ = read("sku;prompt;size,color,weight,price\nA;x;1,2,3,4\n")
    assert [{"sku": "A", "prompt": "x", "size,color,weight,price": "1,2,3,4"}] == [
        row.cells for row in rows
    ]


def test_a_sheet_of_one_column_needs_no_delimiter():
    """A list of prompts is a sheet, commas and all."""
    rows, errors = read("prompt\na red mug, on a table\n")
    assert ([{"prompt": "a red mug, on a table"}], []) == (
        [row.cells for row in rows],
        errors,
    )


@pytest.mark.parametrize(
    ("record", "column"),
    [
        ("A", "prompt"),
        ("A,x", "ratio"),
        ("A,x,1:1,more", "column 4"),
        ("A,x,,", "column 4"),
    ],
)
def test_a_ragged_row_is_an_error_with_its_line_and_column(record: str, column: str):
    """The rows around it are read."""
    rows, (error,) = read(f"sku,prompt,ratio\nA,x,1:1\n{record}\nB,y,1:1\n")
    assert (3, column) == (error.line, error.column)
    assert [2, 4] == [row.line for row in rows]


def test_columns_without_a_name_may_be_empty():
    """Spreadsheets leave such columns at the right; a value there is an error."""
    rows, (error,) = read("sku,prompt,\nA,x,\nB,y,z\n")
    assert [{"sku": "A", "prompt": "x"}] == [row.cells for row in rows]
    assert (3, "column 3") == (error.line, error.column)


@pytest.mark.parametrize("content", ["", "\n \n", "\ufeff"], ids=repr)
def test_an_empty_sheet_is_an_error(content: str):
    """It says so, without a line."""
    rows, errors = read(content)
    assert ([], ["The sheet is empty."]) == (rows, [*map(str, errors)])


@pytest.mark.parametrize(
    "content", ['sku,prompt\nA,"x\nB,y\n', 'sku,prompt\nA,"x"y\n'], ids=["open", "more"]
)
def test_broken_quotes_end_the_reading(content: str):
    """Nobody can tell where the next row begins, and it says so."""
    rows, (error,) = read(content)
    assert ([], 2) == (rows, error.line)
    assert "nor can what follows" in error.text


def test_a_quote_that_swallows_the_sheet_is_found_in_bounded_memory():
    """A text of more than 128 KiB is a quote that nobody closed."""
    rows, (error,) = read('sku,prompt\nA,"x\n' + "B,y\n" * 100_000)
    assert ([], 2) == (rows, error.line)


@pytest.mark.parametrize(
    "content",
    ["sku,prompt\nA,caf\xe9\n".encode("latin-1"), '{"prompt": "\\ud800"}'],
    ids=["latin-1", "half a character"],
)
def test_what_is_not_unicode_is_an_error_of_its_cell(content: str | bytes):
    """It names line and column, and how to save a sheet as UTF-8."""
    rows, (error,) = read(content)
    assert ([], "prompt") == (rows, error.column)
    assert "UTF-8" in error.hint


@pytest.mark.parametrize(
    "content",
    [
        "sku,prompt\nA,x\n".encode("utf-16-le"),
        "pr\xe9prompt\nx\n".encode("latin-1"),
        b"\xff\xfes\0k\0u\0\n\0\x00\xd8",
        b'{"prompt": "caf\xe9"}',
        b'{"prompt": "x", "\\ud800": "y"}',
    ],
    ids=["utf-16 without mark", "header", "broken utf-16", "json", "name"],
)
def test_another_encoding_is_an_error(content: bytes):
    """No row is read, and nobody has to see a traceback."""
    rows, errors = read(content)
    assert [] == rows
    assert any("is not utf-" in str(error).lower() for error in errors)


def test_two_columns_of_one_name_are_an_error():
    """One of them would be lost."""
    rows, (error,) = read("prompt,color,color\nx,red,blue\n")
    assert ([], "color") == (rows, error.column)


@pytest.mark.parametrize(
    "line", ['{"prompt":', "[1]", '"x"', '{"a": 1, "a": 2}', '{"a": {}}', '{"a": NaN}']
)
def test_a_broken_line_of_json_is_an_error_of_its_line(line: str):
    """The lines around it are read."""
    rows, (error,) = read(f'{{"prompt": "x"}}\n{line}\n{{"prompt": "y"}}\n')
    assert [1, 3] == [row.line for row in rows]
    assert 2 == error.line


def test_values_of_json_become_what_a_cell_would_hold():
    """Numbers and truth values are written out, null is empty, pictures are a list."""
    (row,), _ = read('{"sku": 12, "skip": false, "title": null, "images": ["a", "b"]}')
    assert {"sku": "12", "skip": "false", "title": "", "images": "a\nb"} == row.cells


@pytest.mark.parametrize("start", [b"PK\x03\x04", b"\xd0\xcf\x11\xe0"], ids=repr)
def test_a_workbook_is_refused(start: bytes, tmp_path: Path):
    """It says what to save instead."""
    with pytest.raises(ConfigurationError, match="CSV UTF-8"):
        open_sheet(save(start + b"...", tmp_path))


def test_a_file_that_is_not_there_is_named(tmp_path: Path):
    """With the system's reason."""
    with pytest.raises(ConfigurationError, match=r"lost\.csv cannot be read: No such"):
        open_sheet(tmp_path / "lost.csv")


def test_the_standard_input_can_be_read_twice(monkeypatch: pytest.MonkeyPatch):
    """First to check it, then to work on it; its hash is that of its bytes."""
    content = b"sku,prompt\nA,x\n"
    stdin = io.TextIOWrapper(io.BytesIO(content))
    monkeypatch.setattr(sys, "stdin", stdin)
    with open_sheet("-") as sheet:
        first, second = ([*sheet.rows(Problems())] for _ in range(2))
        assert sha256(content).hexdigest() == sheet.sha256()
    assert [Row(2, {"sku": "A", "prompt": "x"})] == first == second


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_a_sheet_like_any_other(tmp_path: Path):
    """As from ``<(…)`` in a shell."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=[b"prompt\nx\n"])
    writer.start()
    with open_sheet(pipe) as sheet:
        assert [Row(2, {"prompt": "x"})] == [*sheet.rows(Problems())]
    writer.join()


def test_rows_do_not_lie_in_memory_together(tmp_path: Path):
    """1,000 rows of 10 KB need less than 2 MB."""
    path = save("sku,prompt\n" + f"A,{'x' * 10_000}\n" * 1000, tmp_path)
    tracemalloc.start()
    with open_sheet(path) as sheet:
        assert 1000 == sum(1 for _ in sheet.rows(Problems()))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2_000_000
