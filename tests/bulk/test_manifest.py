"""The manifest: the same for people and for programs, and harmless in a spreadsheet."""

from __future__ import annotations

import csv
import json
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from attrs import fields
from hypothesis import example, given, strategies as st

from aivideo_async.bulk.folder import RunFolder
from aivideo_async.bulk.manifest import (
    Entry,
    Status,
    read_cell,
    write_cell,
    write_manifest,
)

FULL = Entry(
    key="MUG__v2",
    sku="MUG",
    variant=2,
    status=Status.OK,
    file="images/MUG/MUG__v2.png",
    prompt='A "red" mug; soft light,\nno shadow',
    aspect_ratio="1:1",
    resolution="1k",
    credits=Decimal("2.4"),
    task_id="t-1",
    url="https://file.aivideoapi.ai/a.png",
    bytes=1234,
    sha256="0a1b",
    created_at=datetime(2026, 4, 5, 6, 7, 8, tzinfo=UTC),
    completed_at=datetime(2026, 4, 5, 6, 8, 0, tzinfo=UTC),
    attempts=1,
    retryable=False,
)
BARE = Entry(key="A", sku="A", variant=1, status=Status.QUEUED)


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    """A folder that exists."""
    return RunFolder(tmp_path)


def table(folder: RunFolder) -> list[dict[str, str]]:
    """Read the CSV as a spreadsheet does, without looking through the guard."""
    with folder.manifest_csv.open(encoding="utf-8-sig", newline="") as file:
        return [*csv.DictReader(file)]


def lines(folder: RunFolder) -> list[dict[str, Any]]:
    """Read the JSON lines."""
    return [*map(json.loads, folder.manifest_jsonl.read_text("utf-8").splitlines())]


def test_both_files_have_a_line_for_each_picture(folder: RunFolder):
    """With the same columns, in the same order."""
    write_manifest(folder, [FULL, BARE])
    columns = [field.name for field in fields(Entry)]
    for found in (table(folder), lines(folder)):
        assert ["MUG__v2", "A"] == [line["key"] for line in found]
        assert [columns] * 2 == [[*line] for line in found]


def test_the_columns_are_those_that_are_documented(folder: RunFolder):
    """Other people's programs go by their names, and their order."""
    write_manifest(folder, [])
    assert folder.manifest_csv.read_text("utf-8-sig").rstrip() == (
        "key,sku,variant,status,file,prompt,aspect_ratio,resolution,credits,task_id,url,"
        "bytes,sha256,created_at,completed_at,attempts,error_code,error_message,retryable"
    )


def test_programs_get_values_with_their_types(folder: RunFolder):
    """Numbers are numbers, and what is not known is null."""
    write_manifest(folder, [FULL, BARE])
    full, bare = lines(folder)
    assert ("ok", 2, 2.4, 1234, False) == tuple(
        full[name] for name in ("status", "variant", "credits", "bytes", "retryable")
    )
    assert "2026-04-05T06:07:08+00:00" == full["created_at"]
    assert FULL.prompt == full["prompt"]
    assert (None, None) == (bare["file"], bare["credits"])


def test_people_get_texts(folder: RunFolder):
    """What is not known is empty."""
    write_manifest(folder, [FULL, BARE])
    full, bare = table(folder)
    assert ("2.4", "1234", "false") == (
        full["credits"],
        full["bytes"],
        full["retryable"],
    )
    assert FULL.prompt == full["prompt"]
    assert ("", "", "queued") == (bare["file"], bare["credits"], bare["status"])


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "'=1"])
def test_no_cell_is_a_formula(text: str, folder: RunFolder):
    """A quote keeps it from being one; programs get the text as it is."""
    write_manifest(folder, [Entry(key=text, sku="A", variant=1, status=Status.OK)])
    assert f"'{text}" == table(folder)[0]["key"]
    assert text == lines(folder)[0]["key"]


@given(st.text(alphabet="'=+-@\t\r\n ab") | st.text())
@example("''=")
def test_the_guard_is_taken_off_again(text: str):
    """Exactly, even of a text that looks guarded already."""
    assert text == read_cell(write_cell(text))
    assert write_cell(text)[:1] not in {*"=+-@\t\r\n"}


def test_excel_is_told_the_encoding(folder: RunFolder):
    """And programs find no mark that they would stumble over."""
    write_manifest(folder, [BARE])
    assert folder.manifest_csv.read_bytes().startswith(b"\xef\xbb\xbfkey,sku,")
    assert folder.manifest_jsonl.read_bytes().startswith(b'{"key"')


def test_the_service_s_texts_are_made_printable(folder: RunFolder):
    """They could hold what changes a terminal, or the order of letters."""
    text = "no\x1b[2J\u202esecret"
    entry = Entry(
        key="A",
        sku="A",
        variant=1,
        status=Status.FAILED,
        url=text,
        error_code=text,
        error_message=text,
    )
    write_manifest(folder, [entry])
    for found in (table(folder)[0], lines(folder)[0]):
        assert {"no [2J secret"} == {
            found[name] for name in ("url", "error_code", "error_message")
        }


def test_a_long_address_stays_whole(folder: RunFolder):
    """A signed one that is cut leads nowhere."""
    url = f"https://file.aivideoapi.ai/a.png?signature={'x' * 4000}"
    entry = Entry(key="A", sku="A", variant=1, status=Status.OK, url=url)
    write_manifest(folder, [entry])
    assert url == table(folder)[0]["url"] == lines(folder)[0]["url"]


def test_an_error_on_the_way_leaves_the_old_files(folder: RunFolder):
    """Both of them."""
    write_manifest(folder, [FULL])

    def broken() -> Iterator[Entry]:
        yield BARE
        raise OSError("the journal cannot be read")

    with pytest.raises(OSError, match="the journal"):
        write_manifest(folder, broken())
    assert ["MUG__v2"] == [line["key"] for line in table(folder)]
    assert ["MUG__v2"] == [line["key"] for line in lines(folder)]
    assert 2 == len([*folder.path.iterdir()])


def test_entries_do_not_lie_in_memory_together(folder: RunFolder):
    """1,000 of 10 KB need less than 2 MB."""
    tracemalloc.start()
    write_manifest(
        folder,
        (
            Entry(key="A", sku="A", variant=1, status=Status.OK, prompt="x" * 10_000)
            for _ in range(1000)
        ),
    )
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2_000_000
