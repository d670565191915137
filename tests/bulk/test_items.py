"""Items: one picture for each row, and every error of the whole sheet at once."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator

import pytest

from aivideo_async import GptImage2
from aivideo_async.bulk.items import ItemReader
from aivideo_async.bulk.naming import NamePattern
from aivideo_async.bulk.orders import Defaults
from aivideo_async.bulk.rows import KEPT, Problem, Problems, Row
from tests.bulk.sheets import items_of, problems_of

HTTPS = "https://shop.example/"


def test_a_row_is_one_picture_whose_prompt_is_sent_as_it_stands():
    """No blank is stripped, no brace is filled in."""
    prompt = "  A {title} in {{ color }},\n\n soft light  "
    (item,), _ = items_of(f'sku,prompt,color\n MUG ,"{prompt}",red\n')
    assert GptImage2(prompt, key="MUG") == item.request
    assert ("MUG", "MUG", 1, 2, "MUG") == (
        item.key,
        item.sku,
        item.variant,
        item.line,
        item.name,
    )


def test_cells_come_before_the_defaults():
    """Where a cell is empty, the default counts."""
    (first, second), _ = items_of(
        "sku,prompt,ratio,res,nsfw_checker\nA,x,16:9,4K, No \nB,x,,,\n",
        defaults=Defaults(aspect_ratio="1:1", resolution="2k", nsfw_checker=True),
    )
    assert first.request == GptImage2(
        "x", aspect_ratio="16:9", resolution="4k", nsfw_checker=False, key="A"
    )
    assert (
        GptImage2("x", key="B", aspect_ratio="1:1", resolution="2k") == second.request
    )


def test_pictures_to_work_from_are_gathered_in_order():
    """``image`` first, then the numbered ones, whatever their order in the sheet."""
    (item,), _ = items_of(
        "sku;prompt;image_2;Image Src;image 1\n"
        f'A;x;{HTTPS}4;"{HTTPS}1;{HTTPS}2\n";{HTTPS}3|\n'
    )
    assert tuple(f"{HTTPS}{n}" for n in (1, 2, 3, 4)) == item.request.image_urls


def test_variants_are_items_of_their_own():
    """Each has its key and its file."""
    items, _ = items_of("sku,prompt,variants\nA,x,2\nB,y,1\nC,z,\n")
    assert ["A", "A__v2", "B", "C"] == [item.key for item in items]
    assert ["A/A__v1", "A/A__v2", "B", "C"] == [item.name for item in items]
    assert [item.key for item in items] == [item.request.key for item in items]


@pytest.mark.parametrize("value", ["0", "100", "-1", "two", "1.5", "²", "9" * 5000])
def test_variants_are_a_whole_number_to_99(value: str):
    """Anything else could buy by accident."""
    (problem,) = problems_of(f"sku,prompt,n\nA,x,{value}\n")
    assert "Write a whole number from 1 to 99." in problem


@pytest.mark.parametrize("value", ["yes", "TRUE", " 1 "])
def test_rows_to_be_skipped_are_counted(value: str):
    """Nothing else of them is read, not even their errors."""
    problems = Problems()
    reader = ItemReader(problems)
    rows = [
        Row(2, {"sku": "", "prompt": "", "skip": value}),
        Row(3, {"sku": "A", "prompt": "x", "skip": "no"}),
        Row(4, {"sku": "B", "prompt": "x", "skip": ""}),
    ]
    assert ["A", "B"] == [item.key for item in reader.items(rows)]
    assert (1, 0) == (reader.skipped, problems.error_count)


@pytest.mark.parametrize(
    ("column", "value", "hint"),
    [
        ("ratio", "16x9", "Did you mean 16:9?"),
        ("ratio", "16:09:00", "Did you mean 16:9?"),
        ("ratio", "01:01", "Did you mean 1:1?"),
        ("ratio", "autoo", "Did you mean auto?"),
        ("resolution", "2 K", "Did you mean 2k?"),
        ("nsfw_checker", "perhaps", "Write yes or no."),
        ("image", "photos/mug.jpg", "a file on this machine"),
        ("image", "C:\\photos\\mug.jpg", "a file on this machine"),
        ("image", f"{HTTPS}a|mug.jpg", "a file on this machine"),
        ("skip", "perhaps", "neither yes nor no"),
        ("sku", " ", "is empty"),
    ],
)
def test_an_error_says_where_it_is_and_what_was_meant(
    column: str, value: str, hint: str
):
    """With the sheet's own name of the column."""
    row = {"sku": "A", "prompt": "x"} | {column: value}
    text = "\n".join(("\t".join(row), "\t".join(row.values())))
    (problem,) = problems_of(text)
    assert problem.startswith(f"line 2, {column}: ")
    assert hint in problem


def test_the_request_itself_says_what_is_wrong():
    """Its rules and words are those of the client."""
    (problem,) = problems_of("sku,prompt,resolution\nA,x,4k\n")
    with pytest.raises(
        ValueError, match="aspect_ratio='auto' is not allowed"
    ) as caught:
        GptImage2("x", resolution="4k")
    assert problem.removeprefix("line 2: ") in str(caught.value)


def test_all_errors_of_a_sheet_come_at_once():
    """Those of one row, of many rows, and of the rows that are no rows."""
    problems = problems_of("sku,prompt,ratio,n\n,x,16x9,0\nB\nC, ,1:1,1\n")
    assert [
        "line 2, sku",
        "line 2, n",
        "line 2, ratio",
        "line 3",
        "line 4, prompt",
    ] == [
        problem.partition(":")[0].replace("line 3, prompt", "line 3")
        for problem in problems
    ]


def test_only_the_first_problems_are_kept():
    """The rest is counted; warnings and errors do not crowd out each other."""
    problems = Problems()
    for line in range(KEPT + 5):
        problems.add(Problem(line, None, "x"))
        problems.add(Problem(line, None, "x", warning=True))
    assert (KEPT, KEPT) == (len(problems.errors), len(problems.warnings))
    assert (KEPT + 5, KEPT + 5) == (problems.error_count, problems.warning_count)


@pytest.mark.parametrize(
    "sheet", ["sku,prompt\nA,x\nA ,y\n", "sku,prompt,n\nA,x,2\nA__v2,y,\n"], ids=repr
)
def test_a_key_that_stands_twice_is_an_error(sheet: str):
    """It names both lines."""
    (problem,) = problems_of(sheet)
    assert problem.startswith("line 3, sku: ")
    assert "line 2" in problem


def test_without_a_sku_the_same_row_has_the_same_key():
    """Wherever it stands; of two equal rows the second is another picture."""
    first, _ = items_of("prompt,color\nx,red\ny,red\nx,blue\n")
    second, _ = items_of("color,prompt\nblue,y\ngreen,x\ngreen,x\n")
    assert 3 == len({item.key for item in first})
    assert {item.key for item in first} == {item.key for item in second}


def test_another_resolution_is_another_row():
    """The key is made of all that would be sent."""
    items, _ = items_of("prompt,res\nx,1k\nx,2k\n")
    assert 2 == len({item.key.removesuffix("-2") for item in items})


@pytest.mark.parametrize(
    "skus",
    [
        ("mug", "MUG"),
        ("café", "cafe\u0301"),
        ("a/b", "a:b"),
        ("x" * 151 + "1", "x" * 151 + "2"),
        ("mug.", "mug"),
    ],
    ids=["capitals", "accents", "slashes", "trimmed", "dots"],
)
def test_two_names_for_one_file_are_an_error(skus: tuple[str, str]):
    """On some system one picture would replace the other; it names both lines."""
    items, problems = items_of("sku,prompt\n{},x\n{},y\n".format(*skus))
    (problem,) = map(str, problems.errors)
    assert [2] == [item.line for item in items]
    assert problem.startswith("line 3: ")
    assert "line 2" in problem


def test_a_pattern_without_the_variant_is_an_error():
    """It says what the pattern lacks."""
    (problem,) = problems_of("sku,prompt,n\nA,x,2\n", pattern=NamePattern("{sku}"))
    assert "lacks {variant}" in problem


def test_a_pattern_may_name_columns():
    """By any of their names, and the line."""
    pattern = NamePattern("{Category}/{variant-sku}-{line}-{variant}")
    (item,), _ = items_of("sku,prompt,category\nA,x,Mugs\n", pattern=pattern)
    assert "Mugs/A-2-1" == item.name


def test_a_pattern_that_names_no_column_is_an_error():
    """It is told once, with what was meant."""
    pattern = NamePattern("{colour}/{sku}")
    (problem,) = problems_of("sku,prompt,color\nA,x,red\nB,y,red\n", pattern=pattern)
    assert "asks for 'colour'" in problem
    assert "Did you mean 'color'?" in problem


def test_rows_are_not_kept():
    """Keys and names are remembered as hashes, however long they are."""

    def rows() -> Iterator[Row]:
        for line in range(500):
            yield Row(line, {"sku": f"{line}{'x' * 100}", "prompt": "y" * 20_000})

    reader = ItemReader(problems := Problems(), pattern=NamePattern("{line}-{sku}"))
    tracemalloc.start()
    assert 500 == sum(1 for _ in reader.items(rows()))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert 0 == problems.error_count
    assert peak < 1_000_000
