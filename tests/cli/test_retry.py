"""``aivideo retry``: what failed is bought again, and nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from aivideo_async.bulk.folder import RunFolder
from aivideo_async.cli.exits import UnusableError
from aivideo_async.cli.retry.choosing import choose
from aivideo_async.emulator import Act, Emulator, Rule, Scenario, acts
from aivideo_async.journal import Journal, State
from tests.cli.conftest import Aivideo, point_at
from tests.cli.sheets import creates, prompts, save, states, wide

FAILS_ONCE = Rule("create", Act(works=True, dooms=True), nth=2)
REFUSES_ONCE = Rule("create", acts.refuse("upstream_error"), nth=2)


@pytest_asyncio.fixture
async def again(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Emulator]:
    """Serve a quick API, from which one picture is bought twice on purpose."""
    async with Emulator(speed=1000) as emulator:
        point_at(emulator, monkeypatch)
        yield emulator
    assert 1 == len(emulator.ledger.double_charges)


@pytest.mark.parametrize(
    "rule", [FAILS_ONCE, REFUSES_ONCE], ids=["a task failed", "503"]
)
async def test_what_may_go_better_is_bought_again(
    rule: Rule, aivideo: Aivideo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    """As a new attempt, without the sheet; then the run is complete."""
    sheet = wide(tmp_path / "a.csv", 3)
    async with Emulator(Scenario(rules=(rule,)), speed=1000) as emulator:
        point_at(emulator, monkeypatch)
        first = await aivideo("run", sheet, "-o", "r", "--yes", "-c", "1")
        sheet.unlink()
        said = await aivideo("retry", "r", "--yes")
    assert (3, 0) == (first.code, said.code)
    assert "To retry  1 picture: SKU-001" in said.stderr
    assert ["shot 0", "shot 1", "shot 2", "shot 1"] == prompts(emulator)
    assert {*states(tmp_path / "r").values()} == {State.SAVED}
    assert len(emulator.ledger.double_charges) == (rule is FAILS_ONCE)  # refunded


async def test_who_was_asked_earlier_does_not_buy_again(
    aivideo: Aivideo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    """Two at their prompts, both say yes: the second is told that it has changed."""
    async with Emulator(Scenario(rules=(FAILS_ONCE,)), speed=1000) as emulator:
        point_at(emulator, monkeypatch)
        await aivideo("run", wide(tmp_path / "a.csv", 2), "-o", "r", "--yes")
        path = RunFolder(tmp_path / "r").journal
        with Journal.reading(path) as known:
            choice = choose(known, every=True, keys=())
        assert 0 == (await aivideo("retry", "r", "--all", "--yes")).code
        journal = Journal(path)
        async with emulator.client(journal=journal):
            with pytest.raises(UnusableError, match=r"changed .* Nothing was sent"):
                await choice.release(journal)
        assert 0 == (await aivideo("run", "a.csv", "-o", "r", "--yes")).code
    assert 3 == creates(emulator)


async def test_what_failed_for_good_is_left_alone(
    aivideo: Aivideo, again: Emulator, tmp_path: Path
):
    """Unless --all asks for it."""
    sheet = save(tmp_path / "a.csv", ["MUG,a mug @fail:invalid_request", "CUP,a cup"])
    await aivideo("run", sheet, "-o", "r", "--yes")
    said = await aivideo("retry", "r", "--yes")
    assert (0, 2) == (said.code, creates(again))
    assert "Nothing failed in a way that may go better now." in said.stdout
    said = await aivideo("retry", "r", "--yes", "--all")
    assert (3, 3) == (said.code, creates(again))


async def test_a_picture_that_is_there_can_be_made_anew(
    aivideo: Aivideo, again: Emulator, tmp_path: Path
):
    """By its key, and with a word of its own; the old file stays."""
    sheet = wide(tmp_path / "a.csv", 2)
    await aivideo("run", sheet, "-o", "r", "--yes")
    words = ("retry", "r", "--keys", "SKU-001")
    refused = await aivideo(*words, "--max-cost", "9")
    assert (2, 2) == (refused.code, creates(again))
    assert "1 picture is there already, and paid for: add --yes" in refused.stderr
    said = await aivideo(*words, "--yes")
    assert (0, 3) == (said.code, creates(again))
    assert {"SKU-000.png", "SKU-001.png", "SKU-001~r2.png"} == {
        path.name for path in (tmp_path / "r" / "images").iterdir()
    }


@pytest.mark.parametrize(
    ("key", "reason"),
    [("SKU-009", "is no key"), ("SKU-001", "aivideo resolve settles that first")],
    ids=["no key", "unknown"],
)
async def test_what_cannot_be_retried_is_refused(
    key: str,
    reason: str,
    aivideo: Aivideo,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
):
    """With the reason; exit code 2, and nothing is sent."""
    lost = Scenario(rules=(Rule("create", acts.LOST_REPLY, nth=2),))
    async with Emulator(lost, speed=1000) as emulator:
        point_at(emulator, monkeypatch)
        sheet = wide(tmp_path / "a.csv", 2)
        await aivideo("run", sheet, "-o", "r", "--yes", "-c", "1")
        said = await aivideo("retry", "r", "--keys", key, "--yes")
    assert (2, 2) == (said.code, creates(emulator))
    assert reason in said.stderr


async def test_without_a_terminal_somebody_has_to_agree(
    aivideo: Aivideo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    """As in aivideo run."""
    async with Emulator(Scenario(rules=(FAILS_ONCE,)), speed=1000) as emulator:
        point_at(emulator, monkeypatch)
        await aivideo("run", wide(tmp_path / "a.csv", 2), "-o", "r", "--yes")
        said = await aivideo("retry", "r")
    assert (2, 2) == (said.code, creates(emulator))
    assert "add --yes" in said.stderr


async def test_the_limit_is_that_of_the_whole_run(
    aivideo: Aivideo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    """What was bought before counts; exit code 5."""
    async with Emulator(Scenario(rules=(FAILS_ONCE,)), speed=1000) as emulator:
        point_at(emulator, monkeypatch)
        await aivideo("run", wide(tmp_path / "a.csv", 3), "-o", "r", "--yes")
        said = await aivideo("retry", "r", "--max-credits", "7")
        assert (5, 3) == (said.code, creates(emulator))
        said = await aivideo("retry", "r", "--max-credits", "7.2")
    # It was released by the first retry, so it is not bought yet, and no failure.
    assert (0, 3) == (said.code, creates(emulator))


async def test_a_folder_without_a_run_is_refused(aivideo: Aivideo, tmp_path: Path):
    """Exit code 2, and what to name instead."""
    (tmp_path / "photos").mkdir()
    said = await aivideo("retry", "photos")
    assert 2 == said.code
    assert "photos holds no run" in said.stderr


async def test_only_one_choice_at_a_time(aivideo: Aivideo):
    """--all and --keys contradict each other."""
    said = await aivideo("retry", "r", "--all", "--keys", "a")
    assert 2 == said.code
    assert "Give one of --failed, --all and --keys." in said.stderr
