"""A bulk run: what it buys, what it saves, and what it leaves when something stops it."""

from __future__ import annotations

import asyncio
import hashlib
import sqlite3
import tracemalloc
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing
from itertools import count
from pathlib import Path

import anyio
import pytest
import pytest_asyncio

from aivideo_async import (
    BudgetExceededError,
    DownloadError,
    Emulator,
    JournalError,
    NotSentError,
    SpendLimitError,
)
from aivideo_async.bulk.folder import RunFolder
from aivideo_async.bulk.manifest import Status
from aivideo_async.bulk.run import rows_of
from aivideo_async.emulator import Rule, Scenario, acts
from aivideo_async.journal import Journal, State
from tests.bulk.shop import Shop
from tests.client.scripted import Prompt
from tests.client.world import AT_ONCE
from tests.journal.helpers import stop_writing, write_again
from tests.warp import warped

Open = Callable[..., Shop]


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Open]:
    """Make a shop in memory: ``shop(mugs, *rules, **about_the_service)``."""
    shops: list[Shop] = []

    def make(mugs: int, *rules: Rule, **options: object) -> Shop:
        scenario = Scenario(rules=rules, **{"median": 10.0, "spread": 0.0} | options)  # type: ignore[arg-type]
        shops.append(Shop(tmp_path, Emulator(scenario, speed=1.0), mugs))
        return shops[-1]

    yield make
    for one in shops:
        one.check()


@pytest_asyncio.fixture
async def real(tmp_path: Path) -> AsyncIterator[Shop]:
    """Make a shop of four mugs with a real server, whose tasks are done at once."""
    async with Emulator(Scenario(median=0.05, spread=0.0), speed=1.0) as emulator:
        one = Shop(tmp_path, emulator, 4)
        yield one
        one.check()


def posts(one: Shop) -> int:
    """Count the creates that the service got."""
    return sum(received.method == "POST" for received in one.emulator.requests)


# --- money ------------------------------------------------------------------------


@warped
async def test_the_ceiling_holds_with_all_in_flight_and_slow_answers(shop: Open):
    """Not a tenth of a credit more, though 64 could leave before the first answer."""
    one = shop(100, Rule("create", acts.slow(20.0)))
    async with one.visit(max_credits="26.3", max_in_flight=64) as visit:
        await visit.carry_out()
    assert isinstance(visit.run.stopped_by, BudgetExceededError)
    assert 10 == one.bought  # eleven would be 26.4
    assert {Status.OK: 10, Status.QUEUED: 90} == one.counts()


@warped
async def test_the_ceiling_counts_earlier_runs(shop: Open):
    """A second run with the same ceiling buys nothing."""
    one = shop(20)
    for _ in range(2):
        async with one.visit(max_credits=24) as visit:
            await visit.carry_out()
    assert 10 == one.bought


@warped
async def test_the_ceiling_keeps_nobody_from_what_is_paid(shop: Open):
    """Though it stands in the sheet below what does not fit any more."""
    one = shop(5)
    one.first = 5
    async with one.visit() as visit:
        with anyio.move_on_after(5.0):
            await visit.carry_out()
    one.first, one.mugs = 0, 10
    async with one.visit(max_credits=13) as visit:
        await visit.carry_out()
    assert isinstance(visit.run.stopped_by, BudgetExceededError)
    assert {Status.OK: 5, Status.QUEUED: 5} == one.counts()
    told = [result.entry.status for result in visit.results]
    assert 5 == one.bought == told.count(Status.OK)


async def test_the_ceiling_keeps_nobody_from_saving_what_is_paid(real: Shop):
    """What is ready comes first, wherever it stands."""
    real.first, real.mugs = 2, 2
    async with real.visit() as visit:
        await visit.carry_out()
    real.first, real.mugs = 0, 4
    async with real.visit(download=True, max_credits=5) as visit:
        await visit.carry_out()
    assert {State.SAVED: 2, State.PLANNED: 2} == real.states()


@warped
async def test_a_stop_collects_what_was_bought(shop: Open):
    """What is on its way comes home, what is not stays queued; then the rest follows."""
    one = shop(100, Rule("create", acts.slow(5.0)))
    async with one.visit(max_in_flight=16) as visit:
        await visit.stop_after(12.0)
    assert one.bought == len(visit.results) == one.counts()[Status.OK]
    assert 0 < one.bought < 100
    async with one.visit() as visit:
        await visit.carry_out()
    assert 100 == one.bought == one.counts()[Status.OK]


@warped
async def test_a_spend_limit_is_waited_for(shop: Open):
    """What was bought is collected, and the run goes on when the limit has cleared."""
    one = shop(25, spend_limit_hourly=24)
    pauses: list[float] = []
    async with one.visit() as visit:
        await visit.run.carry_on(visit.until, pauses.append)
    assert {Status.OK: 25} == one.counts()
    assert pauses


@warped
async def test_a_limit_that_never_clears_ends_the_run(shop: Open):
    """After a day and some hours; the rows stay queued."""
    one = shop(25, spend_limit=24)
    async with one.visit() as visit:
        await visit.run.carry_on(visit.until, lambda _: None)
    assert isinstance(visit.run.stopped_by, SpendLimitError)
    assert {Status.OK: 10, Status.QUEUED: 15} == one.counts()


# --- what becomes of a row -----------------------------------------------------------


@warped
async def test_what_failed_stays_failed(shop: Open):
    """It was refunded; only the user's word buys it again."""
    one = shop(4, Rule("create", acts.becoming(fails="upstream_error"), nth=2))
    for _ in range(2):
        async with one.visit() as visit:
            await visit.carry_out()
    assert {Status.OK: 3, Status.FAILED: 1} == one.counts()
    assert 4 == one.bought


@warped
async def test_what_is_unknown_is_not_bought_again(shop: Open):
    """Nobody knows whether it was charged."""
    one = shop(4, Rule("create", acts.LOST_REPLY, nth=2))
    for _ in range(2):
        async with one.visit() as visit:
            await visit.carry_out()
    assert {Status.OK: 3, Status.UNKNOWN: 1} == one.counts()
    assert 4 == posts(one)


@warped
async def test_what_the_rate_limit_refused_stays_queued(shop: Open):
    """A stop withdraws it; the next run buys it."""
    busy = acts.refuse("rate_limit_exceeded", retry_after="1")
    one = shop(4, Rule("create", busy, between=(0.0, 60.0)))
    async with one.visit() as visit:
        await visit.stop_after(30.0)
    assert {Status.QUEUED: 4} == one.counts()
    async with one.visit() as visit:
        await asyncio.sleep(60)
        await visit.carry_out()
    assert {Status.OK: 4} == one.counts()


@warped
async def test_what_could_be_sent_later_is_no_trouble_any_more(shop: Open):
    """Each time tells anew what could not be sent."""
    busy = acts.refuse("rate_limit_exceeded", retry_after="1")
    one = shop(4, Rule("create", busy, between=(0.0, 60.0)))
    async with one.visit() as visit:
        await visit.stop_after(30.0)
        before = visit.run.not_sent
        visit.until.clear()
        await asyncio.sleep(60)
        await visit.carry_out()
    assert isinstance(before, NotSentError)
    assert ({Status.OK: 4}, None) == (one.counts(), visit.run.not_sent)


@warped
async def test_a_clock_set_back_changes_nothing(shop: Open):
    """What was bought tomorrow is bought."""
    one = shop(4)
    async with one.visit() as visit:
        await visit.stop_after(0.5)
    with closing(sqlite3.connect(one.folder.journal)) as db, db:
        db.execute("UPDATE attempt SET intended_at = '2199-01-01T00:00:00+00:00'")
    async with one.visit() as visit:
        await visit.carry_out()
    assert {Status.OK: 4} == one.counts()
    assert 4 == one.bought


@warped
async def test_what_the_new_sheet_leaves_out_is_collected(shop: Open):
    """It is paid; nothing else of it is bought."""
    one = shop(4)
    async with one.visit() as visit:
        with anyio.move_on_after(5.0):
            await visit.carry_out()
    one.mugs = 1
    async with one.visit() as visit:
        await visit.carry_out()
    with Journal.reading(one.folder.journal) as known:
        assert {State.DONE} == {row.record.state for row in rows_of(known)}
    assert 4 == one.bought == len(visit.results)


# --- pictures -----------------------------------------------------------------------


async def test_each_picture_is_saved_and_is_what_the_journal_says(real: Shop):
    """Its size, its hash and its place."""
    async with real.visit(download=True) as visit:
        await visit.carry_out()
    assert {State.SAVED: 4} == real.states()
    for result in visit.results:
        content = (real.path / str(result.entry.file)).read_bytes()
        assert hashlib.sha256(content).hexdigest() == result.entry.sha256


async def test_without_downloads_nothing_is_saved_and_the_next_run_can(real: Shop):
    """What is done is downloaded then, and nothing is bought for it."""
    async with real.visit() as visit:
        await visit.carry_out()
    assert not real.folder.images.exists()
    assert ({State.DONE: 4}, 4) == (real.states(), posts(real))
    async with real.visit(download=True) as visit:
        await visit.carry_out()
    assert ({State.SAVED: 4}, 4) == (real.states(), posts(real))


async def test_a_picture_that_is_gone_is_fetched_again(real: Shop):
    """To where it was, without buying; the others are left alone."""
    async with real.visit(download=True) as visit:
        await visit.carry_out()
    victim = real.path / str(visit.results[0].entry.file)
    whole = victim.read_bytes()
    victim.unlink()
    real.name = "cup-{variant}-{sku}"
    async with real.visit(download=True) as visit:
        await visit.carry_out()
    assert (whole, 4, 1) == (victim.read_bytes(), posts(real), len(visit.results))


async def test_a_picture_that_was_retouched_is_left_alone(real: Shop):
    """It is somebody's work."""
    async with real.visit(download=True) as visit:
        await visit.carry_out()
    picture = real.path / str(visit.results[0].entry.file)
    picture.write_bytes(b"with a better sky")
    async with real.visit(download=True) as visit:
        await visit.carry_out()
    assert (b"with a better sky", []) == (picture.read_bytes(), visit.results)


async def test_a_name_that_another_picture_has_is_not_taken(real: Shop):
    """One row's was bought and paid for; another row has its name in the next sheet."""
    real.mugs, real.name = 1, "mug"
    async with real.visit(download=True) as first:
        await first.carry_out()
    whole = (real.path / "images/mug.png").read_bytes()
    real.first = 1
    async with real.visit(download=True) as second:
        await second.carry_out()
    assert "images/mug.png" == first.results[0].entry.file
    assert "images/mug~2.png" == second.results[0].entry.file
    assert whole == (real.path / "images/mug.png").read_bytes()


async def test_a_picture_that_the_new_sheet_leaves_out_is_saved(real: Shop):
    """Under a name of its own, should its old one be given to another row."""
    real.mugs, real.name = 1, "mug"
    async with real.visit() as visit:
        await visit.carry_out()
    real.first = 1
    async with real.visit(download=True) as visit:
        await visit.carry_out()
    pictures = {str(result.entry.file) for result in visit.results}
    assert {"images/mug.png", "images/mug~2.png"} == pictures
    for result in visit.results:
        content = (real.path / str(result.entry.file)).read_bytes()
        assert hashlib.sha256(content).hexdigest() == result.entry.sha256


async def test_what_was_saved_and_left_out_is_not_fetched_again(real: Shop):
    """Somebody may have put it elsewhere."""
    async with real.visit(download=True) as visit:
        await visit.carry_out()
    for picture in real.folder.images.iterdir():
        picture.unlink()
    real.mugs = 1
    async with real.visit(download=True) as visit:
        await visit.carry_out()
    assert ["MUG-0"] == [result.entry.key for result in visit.results]


async def test_a_picture_that_cannot_be_fetched_does_not_stop_the_others(real: Shop):
    """Not even if its task cannot be found any more; the next run tries again."""
    async with real.visit() as visit:
        await visit.carry_out()
    with closing(sqlite3.connect(real.folder.journal)) as db, db:
        db.execute(
            "UPDATE attempt SET answer = replace(replace(answer, task_id, 'gone'),"
            " 'signature=', 'signature=0') WHERE id = 2"
        )
    async with real.visit(download=True) as visit:
        await visit.carry_out()
    assert {State.SAVED: 3, State.DONE: 1} == real.states()
    assert visit.run.stopped_by is None
    assert 4 == len(visit.results)


# --- full disks ---------------------------------------------------------------------


async def test_a_disk_that_takes_no_pictures_stops_the_buying(real: Shop):
    """What cannot be kept is not worth paying for; the next run saves what was bought."""
    real.mugs = 40
    real.folder.images.touch()  # there can be no folder of that name now
    async with real.visit(download=True, max_in_flight=4) as visit:
        await visit.carry_out()
    assert isinstance(visit.run.stopped_by, DownloadError)
    assert real.bought < 40
    real.folder.images.unlink()
    real.mugs = bought = real.bought
    async with real.visit(download=True) as visit:
        await visit.carry_out()
    assert ({State.SAVED: bought}, bought) == (real.states(), real.bought)


async def test_a_journal_that_cannot_be_written_stops_the_buying(real: Shop):
    """The run ends, though its facts wait for room; they are written at the close."""
    real.mugs = 40
    async with real.visit(download=True, max_in_flight=4) as visit:
        tell = visit.results.append

        def fill(result: object) -> None:
            tell(result)  # type: ignore[arg-type]
            stop_writing(visit.journal)

        visit.run._tell = fill
        await visit.carry_out()
        assert isinstance(visit.run.stopped_by, JournalError)
        write_again(visit.journal)
    assert real.bought < 40


async def test_a_manifest_that_cannot_be_written_is_no_reason_to_stop(
    real: Shop, monkeypatch: pytest.MonkeyPatch
):
    """It can be made again from the journal."""
    monkeypatch.setattr("aivideo_async.bulk.run.REWRITTEN", 0.0)
    real.folder.manifest_csv.mkdir()
    async with real.visit(download=True) as visit:
        await visit.carry_out()
    assert {State.SAVED: 4} == real.states()


async def test_a_manifest_whose_journal_cannot_be_opened_is_no_reason_to_stop(
    real: Shop, monkeypatch: pytest.MonkeyPatch
):
    """Another process may be in the way of the look, whatever error that gives."""
    monkeypatch.setattr("aivideo_async.bulk.run.REWRITTEN", 0.0)
    aside = real.path / "aside"
    async with real.visit(download=True) as visit:
        visit.run._folder = RunFolder(aside)  # in which the journal is none
        aside.mkdir()
        RunFolder(aside).journal.write_bytes(b"no journal" * 100)
        await visit.carry_out()
    assert {State.SAVED: 4} == real.states()


# --- memory --------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.timeout(300)
@warped
async def test_twenty_thousand_rows_take_no_more_memory_than_a_few(tmp_path: Path):
    """What is done with is forgotten: two thousand more leave nothing behind."""
    one = Shop(tmp_path, Emulator(), 20_000)
    told = count(1)
    used: dict[int, int] = {}

    def measure(_: object) -> None:
        number = next(told)
        if number == 17_000:
            tracemalloc.start()
        elif number in (18_000, 20_000):
            used[number] = tracemalloc.get_traced_memory()[0]

    async with one.visit(transport=Prompt(), polling=AT_ONCE) as visit:
        visit.run._tell = measure
        await visit.carry_out()
        tracemalloc.stop()
    assert used[20_000] - used[18_000] < 100_000
