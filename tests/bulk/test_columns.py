"""Columns: the headers of other programs are understood, and nothing is guessed."""

from __future__ import annotations

import pytest

from aivideo_async.bulk.columns import ALIASES, columns_of
from tests.bulk.sheets import items_of, problems_of, warnings_of


@pytest.mark.parametrize(
    ("meaning", "name"),
    [
        (meaning, name)
        for meaning, names in ALIASES.items()
        for name in (meaning, *names)
    ],
)
def test_a_column_is_known_by_all_its_names(meaning: str, name: str):
    """Whatever its case, and however its words are joined."""
    for written in (name, name.upper(), name.replace(" ", "_"), f" {name}-"):
        assert {meaning: written}.items() <= columns_of((written,)).by_meaning.items()


def test_other_columns_are_carried_along():
    """They mean nothing, need no warning, and are there in the item."""
    (item,), problems = items_of("sku,prompt,Farbe\nA,x,rot\n")
    assert "rot" == item.cells["Farbe"]
    assert 0 == problems.error_count + problems.warning_count


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("promtp", "prompt"),
        ("aspect", "aspect_ratio"),
        ("aspect_ration", "aspect_ratio"),
        ("resolutoin", "resolution"),
        ("nsfw", "nsfw_checker"),
        ("skuu", "sku"),
    ],
)
def test_a_near_miss_gets_a_question(name: str, meant: str):
    """It may decide about money, so it is not passed over in silence."""
    header = ["sku", "prompt"]
    header = [name if column == meant else column for column in header]
    header += [name] if name not in header else []
    problems = columns_of(tuple(header)).problems
    (warning,) = (problem for problem in problems if problem.column == name)
    assert warning.warning
    assert f"Did you mean {meant!r}?" == warning.hint


@pytest.mark.parametrize(
    "name", ["title", "color", "category", "Status", "price", "type"]
)
def test_an_ordinary_column_gets_no_question(name: str):
    """A warning for everything would be read by nobody."""
    assert () == columns_of(("sku", "prompt", name)).problems


def test_without_prompts_nothing_can_be_read():
    """The error names the columns that there are."""
    (error,) = problems_of("sku,title\nA,x\nB,y\n")
    assert "no column 'prompt'" in error
    assert "sku, title" in error


def test_without_skus_rows_are_known_by_their_content():
    """A warning says what that means for later changes."""
    (warning,) = warnings_of("prompt\nx\n")
    assert "A row that is changed later counts as a new one" in warning


@pytest.mark.parametrize(
    "header", [("prompt", "Handle", "Variant SKU"), ("prompt", "sku", "SKU")], ids=str
)
def test_two_columns_of_one_meaning_are_an_error(header: tuple[str, ...]):
    """It names both, and what to do."""
    (error,) = (p for p in columns_of(header).problems if not p.warning)
    assert repr(header[1]) in error.text
    assert repr(header[2]) in error.text
    assert "Call the right one 'sku'." == error.hint


def test_a_column_s_own_name_comes_before_an_alias():
    """A warning names the column that is not used."""
    columns = columns_of(("id", "sku", "prompt"))
    assert "sku" == columns.by_meaning["sku"]
    (warning,) = columns.problems
    assert ("id", True) == (warning.column, warning.warning)


def test_json_lines_may_each_have_their_own_columns():
    """What is wrong with those of a later line is told with that line, once."""
    lines = ['{"sku": "A", "prompt": "x"}'] + ['{"sku": "B", "title": "y"}'] * 3
    items, problems = items_of("\n".join(lines))
    assert ["A"] == [item.key for item in items]
    assert [2] == [error.line for error in problems.errors]


def test_a_column_is_found_by_any_of_its_names():
    """Its own name first, then what it means."""
    columns = columns_of(("Variant SKU", "prompt", "Colour Name"))
    assert ["Variant SKU"] * 2 == [*map(columns.find, ("sku", "variant_sku"))]
    assert "Colour Name" == columns.find("colour_name")
    assert columns.find("price") is None
