"""``aivideo price``: what a picture costs, by whom and since when."""

from __future__ import annotations

from decimal import Decimal

from aivideo_async.cli.money import choices, tables
from aivideo_async.models.catalogue import catalogue
from tests.cli.conftest import Aivideo
from tests.cli.test_main import python


async def test_it_shows_every_table_with_its_date_and_source(aivideo: Aivideo):
    """The one that counts comes first; other copies disagree."""
    said = await aivideo("price")
    assert (0, "") == (said.code, said.stderr)
    assert said.lines[0].startswith("gpt-image-2, one picture (2026-04)")
    assert "  1k     2.4 credits   $0.012" == said.lines[1]
    assert "Elsewhere (undated)" in said.lines
    assert "  4k    14.1 credits   $0.0705" in said.lines
    assert 2 == sum(line.startswith("  Source: ") for line in said.lines)
    assert max(map(len, said.lines)) <= 80


async def test_a_resolution_alone_for_programs(aivideo: Aivideo):
    """One record for each table, and which one counts."""
    *prices, summary = (await aivideo("price", "--resolution", "2k", "--json")).records
    assert [("2k", 4.8, 0.024, True), ("2k", 9.4, 0.047, False)] == [
        (p["resolution"], p["credits"], p["dollars"], p["default"]) for p in prices
    ]
    assert 0 == summary["exit"]


def test_it_is_the_catalogue():
    """The quick reader and the catalogue's own agree."""
    spec = catalogue()["gpt-image-2"]
    for table, price in zip(tables(), spec.prices, strict=True):
        credits = {name: Decimal(value) for name, value in table["credits"].items()}
        assert (price.credits, price.dated) == (credits, table["dated"])
    assert list(spec.fields["aspect_ratio"].choices) == choices("aspect_ratio")


def test_it_loads_nothing_heavy():
    """Neither does any help text."""
    done = python(
        "import sys\n"
        "from aivideo_async.cli.app import COMMANDS, run\n"
        "run(['price'])\n"
        "for name in COMMANDS: run([name, '--help'])\n"
        "run(['task', 'wait', '--help'])\n"
        "print({'aiohttp', 'attr', 'cattrs', 'jinja2', 'rich'} & {*sys.modules})\n"
    )
    assert (0, "") == (done.returncode, done.stderr)
    assert done.stdout.endswith("set()\n")
