"""kill -9 at random instants: nothing is bought twice, and nothing paid is lost."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from aivideo_async.emulator import Rule, Scenario, acts
from tests.crash.buyer import buy, buy_and_save, buy_slowly, command
from tests.crash.story import Buyer, Story

KILLS = int(os.environ.get("AIVIDEO_KILLS", "50"))
"""How many in all; CONTRIBUTING.md tells of long nights."""

EACH = 8
"""How often the buyer of one sheet is killed."""


def service(*rules: Rule, **options: float) -> Scenario:
    """Describe a service that is fast, and does this."""
    return Scenario(median=0.1, spread=0.35, rules=rules, **options)  # type: ignore[arg-type]


STORIES: dict[str, tuple[Buyer, Scenario, int, int]] = {
    "well": (buy, service(), 800, 120),
    "lost": (buy, service(Rule("create", acts.LOST_REPLY, share=0.1)), 800, 120),
    "late": (buy, service(Rule("create", acts.slow(0.05), share=0.5)), 800, 120),
    "busy": (buy_slowly, service(rate=200.0, burst=20.0), 200, 40),
    "command": (command, service(), 300, 150),
    "saved": (buy_and_save, service(Rule("file", acts.DROPPED, share=0.05)), 300, 80),
}
"""Who buys, what the service does, how many pictures, within how many requests he dies."""


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(max(1, KILLS // EACH // len(STORIES))))
@pytest.mark.parametrize("name", STORIES)
async def test_whatever_kills_a_run_its_books_are_right(
    name: str, seed: int, tmp_path: Path
):
    """Each charge is in the journal, by its id or as a row whose outcome is unknown."""
    story = Story(tmp_path, *STORIES[name], seed)
    await story.run(EACH)
    print(f"{name}: open creates after each kill {story.left}")
