"""What people see who sit at a terminal of 80 columns."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

import anyio.to_thread
import pytest

from aivideo_async import GptImage2
from aivideo_async.emulator import Emulator
from tests.cli.terminal import ESCAPE, Ran, plain, run_in_terminal

COLOUR = "\x1b[3"


async def at_terminal(
    emulator: Emulator, folder: Path, *arguments: str, **more: str
) -> Ran:
    """Run ``aivideo`` there against *emulator*."""
    ran = partial(
        run_in_terminal,
        *arguments,
        folder=folder,
        AIVIDEOAPI_BASE_URL=emulator.url,
        AIVIDEOAPI_API_KEY=emulator.api_key,
        **more,
    )
    return await anyio.to_thread.run_sync(ran)


@pytest.mark.slow
async def test_a_purchase_is_live(emulator: Emulator, tmp_path: Path):
    """A bar, the money, and how to stop; stdout stays plain."""
    ran = await at_terminal(emulator, tmp_path, "image", "a red mug", "x" * 200)
    lines = plain(ran.stderr)
    assert 0 == ran.code
    assert "2/2" in ran.stderr
    assert any("2 being made, 0 not sent yet, 0 saved." in line for line in lines)
    assert max(map(len, lines)) <= 80
    assert 2 == len(ran.stdout.splitlines())
    assert not ESCAPE.search(ran.stdout)


@pytest.mark.slow
async def test_one_terminal_for_all_shows_whole_lines(
    emulator: Emulator, tmp_path: Path
):
    """What is printed while the bar is live can still be copied."""
    bought = await at_terminal(emulator, tmp_path, "image", "a", "b", typed="")
    ids = [entry.task_id for entry in emulator.ledger.charges]
    assert {f"{task_id}.png" for task_id in ids} < {*plain(bought.stderr)}
    waited = await at_terminal(emulator, tmp_path, "task", "wait", *ids, typed="")
    lines = plain(waited.stderr)
    assert 2 == sum(" completed http" in line and ".png" in line for line in lines)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("typed", "code", "count"),
    [("y\n", 3, 84), ("n\n", 2, 0), ("\n", 2, 0)],
    ids=["yes", "no", "enter"],
)
async def test_above_a_dollar_it_asks(
    typed: str, code: int, count: int, tmp_path: Path
):
    """Only a yes buys. (All fail, so that no picture has to be drawn.)"""
    prompts = map(str, range(84))
    async with Emulator("refused", speed=1000) as emulator:
        ran = await at_terminal(emulator, tmp_path, "image", *prompts, typed=typed)
    assert "Spend about $1.008? [y/N]" in ran.stderr
    assert (code, count) == (ran.code, len(emulator.ledger.charges))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "value"),
    [("NO_COLOR", "1"), ("TERM", "dumb"), ("CI", "true")],
    ids=["NO_COLOR", "TERM=dumb", "CI"],
)
async def test_tastes_are_honoured(
    name: str, value: str, emulator: Emulator, tmp_path: Path
):
    """No colour at all; for a dumb terminal and CI no escape code either."""
    ran = await at_terminal(emulator, tmp_path, "image", "a", **{name: value})
    assert 0 == ran.code
    assert COLOUR not in ran.stderr
    assert ("NO_COLOR" == name) == ("\x1b" in ran.stderr)


@pytest.mark.slow
async def test_a_download_tells_how_much_is_here(emulator: Emulator, tmp_path: Path):
    """And how many tasks are still to go; one takes longer, so that it can be seen."""
    prompts = [*(f"shot {number}" for number in range(7)), "shot 7 @slow:3000"]
    async with emulator.client() as client:
        tasks = [await client.submit(GptImage2(prompt)) for prompt in prompts]
    ids = [task.id for task in tasks]
    ran = await at_terminal(emulator, tmp_path, "task", "download", *ids)
    assert (0, 8) == (ran.code, len(ran.stdout.splitlines()))
    assert any(
        re.match(r"\d of 8 to go, \d.\d MB here\.", x) for x in plain(ran.stderr)
    )
