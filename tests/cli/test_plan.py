"""``aivideo plan``: what a sheet would cost, what is wrong with it, and no purchase."""

from __future__ import annotations

import io
import sys
from decimal import Decimal
from pathlib import Path

import pytest
from rich.cells import cell_len

from aivideo_async.bulk.manifest import Status
from aivideo_async.bulk.plan import Plan
from aivideo_async.bulk.rows import Problem
from aivideo_async.cli.plan.screen import lines
from aivideo_async.emulator import Emulator
from tests.cli.conftest import Aivideo
from tests.cli.sheets import creates, save, wide

SHEET = ["MUG,a red mug,1k", "CUP,a blue cup,2k"]
HEADER = "sku,prompt,resolution"


async def test_it_needs_no_key_and_no_network(
    aivideo: Aivideo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    """The price is from the table; the balance is missing, and it says so."""
    monkeypatch.delenv("AIVIDEOAPI_API_KEY", raising=False)
    sheet = save(tmp_path / "a.csv", SHEET, HEADER)
    said = await aivideo("plan", sheet.name)
    assert 0 == said.code
    assert [
        "Sheet     a.csv: 2 pictures",
        "Examples  MUG: a red mug",
        "          CUP: a blue cup",
        "To buy    2 pictures: 1 of 1k for $0.012, 1 of 2k for $0.024",
        "Cost      7.2 credits ($0.036) at most, by the price table of 2026-04; what",
        "          fails is refunded",
    ] == said.lines
    assert "no API key" in said.stderr
    assert not (tmp_path / "runs").exists()


async def test_with_a_key_it_shows_the_balance(
    aivideo: Aivideo, emulator: Emulator, tmp_path: Path
):
    """And sends nothing but that one look."""
    said = await aivideo("plan", wide(tmp_path / "a.csv", 3))
    assert "Balance   10,000 credits ($50.00)" in said.lines
    assert ["GET"] == [request.method for request in emulator.requests]


async def test_offline_it_asks_nobody(
    aivideo: Aivideo, emulator: Emulator, tmp_path: Path
):
    """Not even for the balance."""
    said = await aivideo("plan", wide(tmp_path / "a.csv", 3), "--offline")
    assert (0, "") == (said.code, said.stderr)
    assert not emulator.requests


async def test_a_service_that_cannot_be_reached_is_no_hindrance(
    aivideo: Aivideo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    """It is a warning."""
    monkeypatch.setenv("AIVIDEOAPI_API_KEY", "sk-emulator")
    monkeypatch.setenv("AIVIDEOAPI_BASE_URL", "http://127.0.0.1:9")
    said = await aivideo("plan", wide(tmp_path / "a.csv", 3))
    assert 0 == said.code
    assert "Warning: the balance could not be read" in said.stderr


async def test_errors_are_told_with_their_places(
    aivideo: Aivideo, emulator: Emulator, tmp_path: Path
):
    """All at once, with what to do; exit code 2, and nothing is sent."""
    rows = ["MUG,a red mug,1k", "CUP,,2k", "JUG,a jug,3k"]
    said = await aivideo("plan", save(tmp_path / "a.csv", rows, HEADER))
    assert 2 == said.code
    assert "Problems  2 errors" in said.lines
    assert any(line.startswith("  error: line 3, prompt") for line in said.lines)
    assert any(line.startswith("  error: line 4, resolution") for line in said.lines)
    assert "2 errors in" in said.stderr
    assert "Nothing was sent." in said.stderr
    assert not emulator.requests


async def test_programs_get_all_of_it(aivideo: Aivideo, tmp_path: Path):
    """As one object: the money as numbers, each problem with its line and column."""
    rows = [f"SKU-{number},a mug,9k" for number in range(30)]
    said = await aivideo("plan", save(tmp_path / "a.csv", rows, HEADER), "--json")
    plan, error, summary = said.records
    assert ("plan", 30, 30) == (plan["type"], plan["errors"], len(plan["problems"]))
    assert {2, "resolution"} < {*plan["problems"][0].values()}
    assert ("error", "summary", 2) == (error["type"], summary["type"], summary["exit"])


async def test_a_plan_compares_with_the_run(
    aivideo: Aivideo, emulator: Emulator, tmp_path: Path
):
    """What is there is not bought again, and a row that was changed is named."""
    sheet = wide(tmp_path / "a.csv", 3)
    await aivideo("run", sheet, "-o", "r", "--yes")
    bought = creates(emulator)
    save(sheet, ["SKU-000,another", "SKU-001,shot 1", "SKU-009,a new one"])
    said = await aivideo("plan", sheet, "-o", "r", "--json")
    plan = said.records[0]
    assert {"ok": 2, "queued": 1} == plan["counts"]
    assert (1, ["SKU-000"]) == (plan["to_buy"], plan["changed"])
    assert bought == creates(emulator)


async def test_a_folder_with_other_things_is_refused(aivideo: Aivideo, tmp_path: Path):
    """Nothing in it is touched; exit code 2."""
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "me.jpg").touch()
    said = await aivideo("plan", wide(tmp_path / "a.csv", 1), "-o", "photos")
    assert 2 == said.code
    assert "photos holds other files, and no run" in said.stderr


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("missing.csv",), "missing.csv cannot be read"),
        (("a.csv", "--where", "nonsense"), "is no condition"),
        (("a.csv", "--where", "colour=red"), "error"),
        (("a.csv", "--name", "{sku"), "The name pattern"),
        (("a.csv", "-o", "a.csv"), "a.csv is a file"),
    ],
    ids=["no sheet", "no condition", "no column", "a broken pattern", "no folder"],
)
async def test_what_cannot_be_used_is_wrong_usage(
    words: tuple[str, ...], reason: str, aivideo: Aivideo, tmp_path: Path
):
    """Exit code 2, and the reason."""
    wide(tmp_path / "a.csv", 1)
    said = await aivideo("plan", *words)
    assert 2 == said.code
    assert reason in said.stderr


async def test_the_part_that_is_meant(aivideo: Aivideo, tmp_path: Path):
    """By a condition, by a limit, by a sample, and by defaults for its cells."""
    sheet = wide(tmp_path / "a.csv", 30)
    for words, count in (
        (("--where", "sku=SKU-01*"), 10),
        (("--limit", "4"), 4),
        (("--sample", "7"), 7),
        (("--sample", "7", "--limit", "5"), 5),
        (("--variants", "3"), 90),
    ):
        said = await aivideo("plan", sheet, *words, "--offline", "--json")
        assert count == said.records[0]["pictures"]


async def test_a_sample_is_of_what_a_limit_leaves(aivideo: Aivideo, tmp_path: Path):
    """Both together mean a few of the first."""
    sheet = wide(tmp_path / "a.csv", 30)
    words = ("--limit", "10", "--sample", "2", "--offline", "--json")
    said = await aivideo("plan", sheet, *words)
    assert ["SKU-000", "SKU-005"] == [*said.records[0]["examples"]]


async def test_a_condition_may_ask_for_what_only_some_rows_have(
    aivideo: Aivideo, tmp_path: Path
):
    """In JSON lines each object has its own names."""
    sheet = tmp_path / "a.jsonl"
    first, second = '{"sku":"A","prompt":"a"}', '{"sku":"B","prompt":"b","kind":"mug"}'
    sheet.write_text(f"{first}\n{second}\n", "utf-8")
    said = await aivideo("plan", sheet, "--where", "kind=mug", "--offline", "--json")
    assert (0, 1) == (said.code, said.records[0]["pictures"])


async def test_a_sheet_from_standard_input(
    aivideo: Aivideo, monkeypatch: pytest.MonkeyPatch
):
    """Called what it is."""
    stdin = io.TextIOWrapper(io.BytesIO(b"sku,prompt\nMUG,a mug\n"))
    monkeypatch.setattr(sys, "stdin", stdin)
    said = await aivideo("plan", "-", "--offline")
    assert (0, "Sheet     standard input: 1 picture") == (said.code, said.lines[0])


def test_many_problems_are_counted():
    """Twenty are shown, and nothing is wider than a terminal."""
    plan = Plan()
    for line in range(50):
        plan.problems.add(Problem(line, "prompt", "is much too long. " * 9))
    shown = [*lines("a.csv", plan, None)]
    assert "  ... and 30 more" == shown[-1]
    assert max(map(len, shown)) <= 80


def test_wide_characters_take_two_columns():
    """A prompt, a key and a problem in Japanese stay within a terminal."""
    wide = "赤いマグカップ" * 20
    plan = Plan(examples={wide: wide}, changed=[wide, wide])
    plan.problems.add(Problem(2, wide[:20], f"{wide} is too long.", warning=True))
    plan.counts[Status.QUEUED] = 1
    shown = [*lines(f"{wide}.csv", plan, None)]
    assert max(map(cell_len, shown)) <= 80
    assert "赤い" in "".join(shown)


def test_a_balance_that_is_too_small_says_how_far_it_goes():
    """In pictures."""
    plan = Plan(cost=Decimal(100), by_resolution={"1k": (10, Decimal(100))})
    plan.counts[Status.QUEUED] = 10
    assert "Balance   45 credits ($0.225): covers about 4 of 10" in [
        *lines("a.csv", plan, Decimal(45))
    ]


def test_foreign_text_cannot_drive_the_terminal():
    """The control characters of a prompt, a key and a file's name are gone."""
    plan = Plan(examples={"\x1b[2J": "\x1b]0;owned\x07\r\n"}, changed=["\x9b31m"])
    plan.counts[Status.QUEUED] = 1
    shown = "".join(lines("\x1b.csv", plan, None))
    assert not {*"\x1b\x07\r\n\x9b"} & {*shown}
