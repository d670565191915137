"""``aivideo run`` under way: signals, another process, a disk that is full."""

from __future__ import annotations

import json
import resource
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import anyio
import pytest
import pytest_asyncio

from aivideo_async.emulator import Act, Emulator, Rule, Scenario
from aivideo_async.journal import Journal, State
from tests.cli.conftest import Aivideo
from tests.cli.processes import charged, ids_of, running
from tests.cli.sheets import creates, prompts, states, wide
from tests.cli.terminal import ESCAPE, plain
from tests.cli.test_on_terminals import at_terminal

pytestmark = pytest.mark.slow

BUSY = Scenario(median=1.5, spread=0, rate=20, burst=5)
"""Most purchases wait for the rate limit when the signal comes; some run."""

NEVER_DONE = Scenario(median=10_000, spread=0)


@pytest_asyncio.fixture
async def busy() -> AsyncIterator[Emulator]:
    """Serve an API that takes its time; its ledger is clean in the end."""
    async with Emulator(BUSY, speed=1) as emulator:
        yield emulator
    emulator.ledger.assert_clean()


@pytest_asyncio.fixture
async def stuck() -> AsyncIterator[Emulator]:
    """Serve an API on which nothing ever ends."""
    async with Emulator(NEVER_DONE, speed=1) as emulator:
        yield emulator
    emulator.ledger.assert_clean()


def command(folder: Path, count: int, *more: str) -> tuple[str, ...]:
    """Return the words that make *count* pictures, 64 at once."""
    sheet = wide(folder / "a.csv", count)
    return ("run", str(sheet), "-o", "r", "--yes", "-c", "64", *more)


async def test_the_first_ctrl_c_collects_and_the_same_command_goes_on(
    busy: Emulator, tmp_path: Path
):
    """Exit code 130; nothing is bought twice, nothing is left out."""
    words = command(tmp_path, 24)
    async with running(busy, tmp_path, *words) as process:
        await charged(busy, 6)
        process.interrupt(signal.SIGINT)
        await process.says("Stopping: nothing new is sent; ")
        bought = len(busy.ledger.charges)
        ran = await process.ends()
    assert (130, bought) == (ran.code, len(busy.ledger.charges))
    assert f"{bought} ok, {24 - bought} queued" in ran.stdout
    assert f"{24 - bought} pictures to go, at most" in ran.stdout
    assert ran.stderr.endswith("Stopped.\n")
    async with running(busy, tmp_path, *words) as process:
        ran = await process.ends()
    assert (0, 24) == (ran.code, len(busy.ledger.charges))
    assert {*states(tmp_path / "r").values()} == {State.SAVED}


async def test_the_second_ctrl_c_leaves_and_loses_nothing(
    stuck: Emulator, tmp_path: Path
):
    """64 in flight: no id is listed, each is in the journal; exit code 130."""
    async with running(stuck, tmp_path, *command(tmp_path, 100)) as process:
        await charged(stuck, 64)
        process.interrupt(signal.SIGINT)
        await process.says("Stopping")
        process.interrupt(signal.SIGINT)
        ran = await process.ends()
    assert (130, "", 64) == (ran.code, ran.stdout, len(stuck.ledger.charges))
    assert "Left at once. What was bought is in the journal" in ran.stderr
    assert "aivideo task" not in ran.stderr
    running_now = [*states(tmp_path / "r").values()].count(State.RUNNING)
    assert 64 == running_now


async def test_sigterm_collects_for_ten_seconds(busy: Emulator, tmp_path: Path):
    """As the first Ctrl-C, with the code that a supervisor expects."""
    async with running(busy, tmp_path, *command(tmp_path, 24)) as process:
        await charged(busy, 5)
        process.interrupt(signal.SIGTERM)
        await process.says("being collected, for 10 s at most. Then the same command")
        ran = await process.ends()
    assert 143 == ran.code
    ended = [*states(tmp_path / "r").values()].count(State.SAVED)
    assert len(busy.ledger.charges) == ended


async def test_a_drain_bounds_the_collecting(stuck: Emulator, tmp_path: Path):
    """After so many seconds it leaves by itself, and tells how it stands, as ever."""
    words = command(tmp_path, 3, "--drain", "0.2")
    async with running(stuck, tmp_path, *words) as process:
        await charged(stuck, 3)
        process.interrupt(signal.SIGINT)
        await process.says("being collected, for 0.2 s at most.")
        ran = await process.ends()
    assert 130 == ran.code
    assert {*states(tmp_path / "r").values()} == {State.RUNNING}
    assert ": 3 in flight\n" in ran.stdout
    assert "Next      aivideo run " in ran.stdout
    assert "Left at once" not in ran.stderr
    manifest = (tmp_path / "r" / "manifest.jsonl").read_text("utf-8")
    assert 3 == manifest.count('"status":"in_flight"')
    assert (tmp_path / "r" / "report.html").is_file()


async def test_a_drain_ends_downloads_and_leaves_nothing_of_them(tmp_path: Path):
    """What is not on disk is to be saved; programs get the counts, too."""
    never = Scenario(rules=(Rule("file", Act(delay=10_000)),))
    async with Emulator(never, speed=1000) as emulator:
        words = command(tmp_path, 3, "--drain", "0.2", "--json")
        async with running(emulator, tmp_path, *words) as process:
            await charged(emulator, 3)
            while {*states(tmp_path / "r").values()} != {State.DONE}:
                await anyio.sleep(0.05)
            process.interrupt(signal.SIGINT)
            ran = await process.ends()
    summary = json.loads(ran.stdout.splitlines()[-1])
    assert (130, {"ok": 3}, 3) == (ran.code, summary["counts"], summary["to_save"])
    assert not (tmp_path / "r" / "images" / ".arriving").exists()
    emulator.ledger.assert_clean()


async def test_waiting_for_a_limit_ends_at_the_first_ctrl_c(tmp_path: Path):
    """With --on-spend wait; what was bought before is there."""
    async with Emulator(speed=1000, spend_limit=24) as emulator:
        words = command(tmp_path, 15, "--on-spend", "wait")
        async with running(emulator, tmp_path, *words) as process:
            await process.says("then it is tried again")
            process.interrupt(signal.SIGINT)
            ran = await process.ends()
    assert (130, 10) == (ran.code, len(emulator.ledger.charges))
    assert "10 ok, 5 queued" in ran.stdout
    emulator.ledger.assert_clean()


async def test_one_process_at_a_time(stuck: Emulator, tmp_path: Path):
    """The second names the first, and exits with 2; it sends no purchase."""
    words = command(tmp_path, 3)
    async with running(stuck, tmp_path, *words) as first:
        await charged(stuck, 3)
        async with running(stuck, tmp_path, *words) as second:
            ran = await second.ends()
        assert (2, 3) == (ran.code, creates(stuck))
        assert f"is in use by process {first.pid} on " in ran.stderr
        first.interrupt(signal.SIGTERM)
        first.interrupt(signal.SIGINT)
        await first.ends()


async def test_without_a_terminal_nothing_is_drawn(busy: Emulator, tmp_path: Path):
    """No escape code, no carriage return, and no line for what goes well."""
    async with running(busy, tmp_path, *command(tmp_path, 20)) as process:
        ran = await process.ends()
    assert 0 == ran.code
    assert not {"\x1b", "\r"} & {*ran.stdout, *ran.stderr}
    assert not any(line.startswith(" 1/20") for line in ran.stderr.splitlines())


async def test_programs_that_stop_it_get_whole_lines(busy: Emulator, tmp_path: Path):
    """Each line is an object, with the signal's code in the last."""
    words = command(tmp_path, 24, "--json")
    async with running(busy, tmp_path, *words) as process:
        await charged(busy, 6)
        process.interrupt(signal.SIGINT)
        ran = await process.ends()
    records = [json.loads(line) for line in ran.stdout.splitlines()]
    kinds = {record["type"] for record in records}
    assert {"plan", "task", "warning", "summary"} == kinds
    assert (130, 130) == (ran.code, records[-1]["exit"])
    keys = [record["key"] for record in records if record["type"] == "task"]
    assert len(keys) == len({*keys}) == len(busy.ledger.charges)


async def test_a_terminal_shows_it_live(emulator: Emulator, tmp_path: Path):
    """A bar, the counts, the money, and how to stop it, within 80 columns."""
    wide(tmp_path / "a.csv", 12)
    ran = await at_terminal(
        *(emulator, tmp_path, "run", "a.csv", "-o", "r", "--max-cost", "0.10"),
        typed="y\n",
    )
    lines = plain(ran.stderr)
    assert (5, 8) == (ran.code, creates(emulator))
    assert "Limit     20 credits ($0.10) for the whole run" in ran.stderr
    assert "Spend up to $0.10? [y/N]" in ran.stderr
    assert any(line.startswith("spent $") and "cap $0.10" in line for line in lines)
    assert any("in flight" in line and "queued" in line for line in lines)
    assert "8/12" in ran.stderr
    free = ("Spend up to", "Report")  # what was typed is not echoed; a path is whole
    assert max(len(line) for line in lines if not line.startswith(free)) <= 80
    assert not ESCAPE.search(ran.stdout)


async def test_a_sample_can_be_asked_for(emulator: Emulator, tmp_path: Path):
    """Above twenty pictures the question offers ten of them first."""
    wide(tmp_path / "a.csv", 30)
    ran = await at_terminal(
        *(emulator, tmp_path, "run", "a.csv", "-o", "r", "--no-download"),
        typed="s\ny\n",
    )
    assert "Spend up to $0.36? [y/N/s = a sample of 10]" in ran.stderr
    assert (0, 10) == (ran.code, creates(emulator))


async def test_a_second_sample_is_of_what_is_left(emulator: Emulator, tmp_path: Path):
    """Within the limit of the selection; what the first one bought is not asked for."""
    wide(tmp_path / "a.csv", 60)
    words = ("run", "a.csv", "-o", "r", "--no-download", "--limit", "40")
    for count in (10, 20):
        ran = await at_terminal(emulator, tmp_path, *words, typed="s\ny\n")
        assert "Spend up to $0.12? [y/N]" in ran.stderr
        assert (0, count) == (ran.code, creates(emulator))
    numbers = [int(prompt.removeprefix("shot ")) for prompt in prompts(emulator)]
    assert len({*numbers}) == 20
    assert max(numbers) < 40


async def test_only_a_yes_buys(emulator: Emulator, tmp_path: Path):
    """Anything else is a no, with exit code 2."""
    wide(tmp_path / "a.csv", 3)
    ran = await at_terminal(
        *(emulator, tmp_path, "run", "a.csv", "-o", "r"), typed="\n"
    )
    assert (2, 0) == (ran.code, creates(emulator))


@pytest.fixture
def small_files() -> Callable[[], None]:
    """Return what keeps a process from writing files of more than 300 kB."""
    if sys.platform != "linux":
        pytest.skip("needs RLIMIT_FSIZE as on Linux")

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))

    return limit


async def test_a_full_disk_loses_nothing(
    emulator: Emulator, tmp_path: Path, small_files: Callable[[], None]
):
    """Exit code 8; what was paid for is in the journal, or is named."""
    words = command(tmp_path, 12, "-c", "2")
    async with running(emulator, tmp_path, *words, preexec_fn=small_files) as process:
        ran = await process.ends()
    with Journal.reading(tmp_path / "r" / "journal.db") as known:
        ids = ids_of(emulator)
        forgotten = [task_id for task_id in ids if not known.has_task(task_id)]
    assert 8 == ran.code
    assert 0 < len(ids) < 12
    assert all(task_id in ran.stderr for task_id in forgotten)


async def test_pictures_that_cannot_be_saved_stop_the_buying(
    aivideo: Aivideo, emulator: Emulator, tmp_path: Path
):
    """Exit code 8; the same command saves them when there is a place for them."""
    words = command(tmp_path, 30, "-c", "2")
    await aivideo(*words, "--limit", "1")
    images = tmp_path / "r" / "images"
    images.rename(tmp_path / "aside")
    images.touch()
    said = await aivideo(*words)
    assert 8 == said.code
    assert len(emulator.ledger.charges) < 30
    assert "made, but not saved" in said.stderr
    assert "the balance fell" not in said.stderr
    images.unlink()
    (tmp_path / "aside").rename(images)
    assert 0 == (await aivideo(*words)).code
    assert {*states(tmp_path / "r").values()} == {State.SAVED}
