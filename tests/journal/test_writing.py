"""How operations reach the disk: in order, many at once, and never lost."""

from __future__ import annotations

import asyncio
import gc
import logging
import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path

import anyio
import pytest

from aivideo_async import JournalError
from aivideo_async.journal import Journal, State
from aivideo_async.journal.writer import AGAIN_AFTER, Operation
from aivideo_async.models import Evidence
from tests.journal.helpers import (
    KEY,
    ORIGIN,
    intent,
    opened,
    run,
    stop_writing,
    write_again,
)
from tests.warp import warped

pytestmark = warped


async def closed(journal: Journal) -> JournalError:
    """Close a journal that cannot be written; return what that raises."""
    with pytest.raises(JournalError) as caught:
        await journal.aclose()
    return caught.value


# --- order ----------------------------------------------------------------------


async def test_what_is_done_is_on_the_disk(tmp_path: Path):
    """Another connection sees it as soon as the future is done, and not before."""
    path = tmp_path / "jobs.db"
    async with opened(path) as journal:
        _, durable = journal.intend(intent("mug"))
        assert journal.find("mug") is None
        await durable
        with Journal.reading(path) as reader:
            record = reader.find("mug")
        assert record is not None
        assert State.SUBMITTING is record.state


async def test_operations_are_done_in_their_order(tmp_path: Path):
    """Over several batches, whatever their kind."""
    done: list[int] = []

    def note(number: int, _: asyncio.Future[None]) -> None:
        done.append(number)

    async with opened(tmp_path / "jobs.db") as journal:
        for number in range(300):
            future = journal.intend(intent())[1] if number % 3 else journal.claim("t-0")
            future.add_done_callback(partial(note, number))
            if number % 50 == 0:
                await asyncio.sleep(0)
        await journal.claim("t-0")
    assert [*range(300)] == done


async def test_what_is_queued_in_one_turn_is_one_commit(tmp_path: Path):
    """However many they are: a flush costs the same for one as for all."""
    path = tmp_path / "jobs.db"
    async with opened(path) as journal:
        commits: list[str] = []
        assert journal._writer is not None
        journal._writer._db.set_trace_callback(commits.append)
        futures = [journal.intend(intent())[1] for _ in range(200)]
        await futures[-1]
        assert 1 == commits.count("COMMIT")


async def test_numbers_go_on_where_the_last_process_ended(tmp_path: Path):
    """Each attempt has one of its own, for ever."""
    async with opened(tmp_path / "jobs.db") as journal:
        first, durable = journal.intend(intent())
        await durable
    async with opened(tmp_path / "jobs.db") as journal:
        second, durable = journal.intend(intent())
        await durable
    assert (1, 2) == (first, second)


async def test_closing_writes_what_is_pending(tmp_path: Path):
    """Nobody has to wait for it before."""
    path = tmp_path / "jobs.db"
    async with opened(path) as journal:
        for number in range(100):
            attempt, _ = journal.intend(intent())
            _ = journal.accept(attempt, f"t-{number}")
    with Journal.reading(path) as reader:
        assert 100 == len(reader.unfinished())


@pytest.mark.parametrize("scoped", [False, True], ids=["natively", "by a scope"])
async def test_a_cancelled_closing_still_writes(tmp_path: Path, scoped: bool):
    """The cancel is raised when the disk has it and the lock is free."""
    path = tmp_path / "jobs.db"
    journal = Journal(path)
    journal.open(origin=ORIGIN, key_fingerprint=KEY)
    attempt, _ = journal.intend(intent())
    _ = journal.accept(attempt, "t-1")
    if scoped:
        with anyio.CancelScope() as scope:
            scope.cancel()
            await journal.aclose()
    else:
        closing = asyncio.ensure_future(journal.aclose())
        await asyncio.sleep(0)
        closing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await closing
    async with opened(path) as again:
        assert ["t-1"] == [record.task_id for record in again.unfinished()]


async def test_cancelling_who_waits_changes_nothing(tmp_path: Path):
    """What was queued is written."""
    async with opened(tmp_path / "jobs.db") as journal:
        _, durable = journal.intend(intent("mug"))
        durable.cancel()
        await journal.claim("t-1")
        assert journal.find("mug") is not None


async def test_a_fact_that_fits_nothing_is_told_though_nobody_waits(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    """With the task that was paid for."""
    async with opened(tmp_path / "jobs.db") as journal:
        _ = journal.accept(7, "t-7")
        await journal.claim("t-7")
    assert "task t-7 does not fit attempt 7" in caplog.text
    assert "Task t-7 is paid for: pick it up with client.wait('t-7')" in caplog.text


async def test_nobody_has_to_wait(caplog: pytest.LogCaptureFixture):
    """Asyncio does not complain of an error that nobody fetched."""
    future = asyncio.get_running_loop().create_future()
    operation = Operation(lambda _: None, future, fact=True)
    operation.settle(JournalError("no"))
    del operation, future
    gc.collect()
    assert "" == caplog.text


# --- a disk that refuses --------------------------------------------------------


async def test_an_intent_that_cannot_be_written_fails_at_once(tmp_path: Path):
    """So nothing is sent; without facts that wait there is no trouble."""
    async with opened(tmp_path / "jobs.db") as journal:
        stop_writing(journal)
        with pytest.raises(JournalError, match=r"cannot be written.*was not sent"):
            await journal.intend(intent("mug"))[1]
        assert journal.trouble is None
        write_again(journal)
        await journal.intend(intent("mug"))[1]


async def test_a_fact_waits_for_the_disk(tmp_path: Path):
    """It is tried again every second until it is written."""
    loop = asyncio.get_running_loop()
    async with opened(tmp_path / "jobs.db") as journal:
        attempt, durable = journal.intend(intent("mug"))
        await durable
        stop_writing(journal)
        accepted = journal.accept(attempt, "t-1")
        await asyncio.sleep(100.5 * AGAIN_AFTER)
        assert not accepted.done()
        assert journal.trouble is not None
        write_again(journal)
        before = loop.time()
        await accepted
        assert loop.time() - before <= AGAIN_AFTER
        assert journal.trouble is None
        assert journal.has_task("t-1")


async def test_facts_that_waited_are_written_in_their_order(tmp_path: Path):
    """Those that came later stay behind them."""
    async with opened(tmp_path / "jobs.db") as journal:
        attempt, durable = journal.intend(intent("mug"))
        await durable
        stop_writing(journal)
        _ = journal.accept(attempt, "t-1")
        await asyncio.sleep(0.5)
        _ = journal.end("t-1", failed=False, answer={"id": "t-1"})
        await asyncio.sleep(1.0)
        claimed = journal.claim("t-1")
        write_again(journal)
        await claimed
        record = journal.find("mug")
        assert record is not None
        assert (State.DONE, True) == (record.state, record.claimed)


async def test_while_facts_wait_every_intent_fails(tmp_path: Path):
    """In the words of the trouble, before it touches the disk; each has its own."""
    async with opened(tmp_path / "jobs.db") as journal:
        attempt, durable = journal.intend(intent("mug"))
        await durable
        stop_writing(journal)
        _ = journal.accept(attempt, "t-1")
        beside = journal.intend(intent("cup"))[1]
        with pytest.raises(JournalError):
            await beside
        later = journal.intend(intent("jug"))[1].exception()
        assert str(journal.trouble) == str(later)
        assert journal.trouble is not later
        write_again(journal)
        await journal.claim("t-1")
        assert journal.find("cup") is None
        await journal.intend(intent("jug"))[1]


async def test_intents_behind_a_failing_batch_fail_with_it(tmp_path: Path):
    """They wait for no disk, while the facts among them do."""
    async with opened(tmp_path / "jobs.db") as journal:
        attempt, durable = journal.intend(intent("mug"))
        await durable
        stop_writing(journal)
        _ = journal.claim("t-0")
        await asyncio.sleep(0)  # the batch is under way
        _, behind = journal.intend(intent("cup"))
        accepted = journal.accept(attempt, "t-1")
        with pytest.raises(JournalError):
            await behind
        write_again(journal)
        await accepted


async def test_facts_behind_a_failing_batch_stay_behind_it(tmp_path: Path):
    """The batch comes first when the disk takes writes again."""
    async with opened(tmp_path / "jobs.db") as journal:
        attempt, durable = journal.intend(intent("mug"))
        await durable
        stop_writing(journal)
        _ = journal.accept(attempt, "t-1")
        await asyncio.sleep(0)  # the batch is under way
        ended = journal.end("t-1", failed=False, answer={"id": "t-1"})
        await asyncio.sleep(0.5)
        write_again(journal)
        await ended
        assert ["t-1"] == [record.task_id for record in journal.unclaimed()]


async def test_trouble_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    """To each listener and to the log; and so is its end."""
    told: list[JournalError] = []
    async with opened(tmp_path / "jobs.db") as journal:
        journal.on_trouble(told.append)
        for _ in range(2):
            stop_writing(journal)
            claimed = journal.claim("t-1")
            await asyncio.sleep(10)
            assert told[-1] is journal.trouble
            write_again(journal)
            await claimed
    assert 2 == len({*map(id, told)}) == len(told)
    assert 2 == caplog.text.count("cannot be written")
    assert 2 == caplog.text.count("can be written again")


async def test_a_journal_that_is_opened_again_tells_nobody_of_before(tmp_path: Path):
    """Who listened to it has gone with its closing."""
    told: list[JournalError] = []
    async with opened(tmp_path / "jobs.db") as journal:
        journal.on_trouble(told.append)
        await journal.aclose()
        journal.open(origin=ORIGIN, key_fingerprint=KEY)
        stop_writing(journal)
        claimed = journal.claim("t-1")
        await asyncio.sleep(0.5)
        assert journal.trouble is not None
        write_again(journal)
        await claimed
    assert [] == told


async def test_closing_tries_once_more(tmp_path: Path):
    """At once: nobody waits a second for a disk that has room again."""
    loop = asyncio.get_running_loop()
    path = tmp_path / "jobs.db"
    async with opened(path) as journal:
        attempt, durable = journal.intend(intent("mug"))
        await durable
        stop_writing(journal)
        accepted = journal.accept(attempt, "t-1")
        await asyncio.sleep(0.5)
        write_again(journal)
        before = loop.time()
        await journal.aclose()
        assert before == loop.time()
        assert accepted.done()
    with Journal.reading(path) as reader:
        assert reader.has_task("t-1")


async def test_a_paid_task_that_cannot_be_written_is_named_at_the_end(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    """With its label, as a warning; then closing raises, and the lock is free."""
    path = tmp_path / "jobs.db"
    journal = Journal(path)
    journal.open(origin=ORIGIN, key_fingerprint=KEY)
    first, _ = journal.intend(intent("mug"))
    second, durable = journal.intend(intent())
    await durable
    stop_writing(journal)
    accepted = journal.accept(first, "t-1")
    _ = journal.accept(second, "t-2")
    _ = journal.claim("t-3")
    with caplog.at_level(logging.WARNING):
        error = await closed(journal)
    assert str(error) == str(accepted.exception())
    warnings = [
        record.getMessage()
        for record in caplog.records
        if record.levelno == logging.WARNING
    ]
    assert 2 == len(warnings)
    assert "client.wait('t-1'). Its label: mug." in warnings[0]
    assert warnings[1].endswith("client.wait('t-2').")
    async with opened(path) as again:
        assert ["mug", None] == [record.key for record in again.unknown()]


async def test_closing_ends_also_where_nothing_can_be_read(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    """Each paid task is named, without its label, and the lock is free."""
    path = tmp_path / "jobs.db"
    journal = Journal(path)
    journal.open(origin=ORIGIN, key_fingerprint=KEY)
    attempts = [journal.intend(intent(key))[0] for key in ("mug", "cup")]
    await journal.flush()
    stop_writing(journal)
    for attempt in attempts:
        _ = journal.accept(attempt, f"t-{attempt}")
    assert journal._reading is not None
    journal._reading.set_authorizer(lambda *_: sqlite3.SQLITE_DENY)
    await closed(journal)
    assert "client.wait('t-1').\n" in caplog.text
    assert "client.wait('t-2').\n" in caplog.text
    async with opened(path) as again:
        assert ["mug", "cup"] == [record.key for record in again.unknown()]


async def test_a_full_disk_is_told_in_its_own_words(tmp_path: Path):
    """A create that finds no room for its intent is not sent; the rest is whole."""
    path = tmp_path / "jobs.db"
    async with opened(path) as journal:
        assert journal._writer is not None
        db = journal._writer._db
        (pages,) = db.execute("PRAGMA page_count").fetchone()
        db.execute(f"PRAGMA max_page_count = {pages + 20}")
        durable = 0
        with pytest.raises(JournalError, match="disk is full"):
            for _ in range(1000):
                await journal.intend(intent(body=b"x" * 500))[1]
                durable += 1
    with Journal.reading(path) as reader:
        assert durable == len(reader.unknown())
        assert [("ok",)] == reader._rows("PRAGMA integrity_check")


async def test_who_else_writes_the_file_is_waited_for(tmp_path: Path):
    """Somebody at an SQLite prompt keeps facts waiting, and loses none."""
    path = tmp_path / "jobs.db"
    async with opened(path) as journal:
        attempt, durable = journal.intend(intent("mug"))
        await durable
        assert journal._writer is not None
        journal._writer._db.execute("PRAGMA busy_timeout = 0")
        prompt = sqlite3.connect(path, isolation_level=None)
        prompt.execute("BEGIN IMMEDIATE")
        accepted = journal.accept(attempt, "t-1")
        await asyncio.sleep(5)
        assert "database is locked" in str(journal.trouble)
        prompt.execute("ROLLBACK")
        prompt.close()
        await accepted


async def test_a_table_that_is_locked_or_gone_keeps_facts_waiting(tmp_path: Path):
    """Whatever is wrong with the file: a fact that is not written is not given up."""
    path = tmp_path / "jobs.db"
    async with opened(path) as journal:
        attempt, durable = journal.intend(intent("mug"))
        await durable
        with closing(sqlite3.connect(path)) as prompt:
            prompt.execute("ALTER TABLE attempt RENAME TO elsewhere")
            accepted = journal.accept(attempt, "t-1")
            await asyncio.sleep(5)
            assert "no such table" in str(journal.trouble)
            prompt.execute("ALTER TABLE elsewhere RENAME TO attempt")
        await accepted
        assert journal.has_task("t-1")


async def test_a_fact_of_an_intent_that_never_was_changes_nothing(tmp_path: Path):
    """It was withdrawn while the disk was refusing it."""
    async with opened(tmp_path / "jobs.db") as journal:
        stop_writing(journal)
        attempt, durable = journal.intend(intent("mug"))
        refused = journal.refuse(attempt, sent=False, status=None, reason="withdrawn")
        with pytest.raises(JournalError):
            await durable
        write_again(journal)
        await refused
        assert journal.find("mug") is None


async def test_losing_what_is_running_needs_no_second_step(tmp_path: Path):
    """State and id change together: no reader sees one without the other."""
    path = tmp_path / "jobs.db"
    async with opened(path) as journal:
        attempt = await run(journal, "mug", "t-1")
        await journal.lose(attempt, Evidence(reason="its id was another's"))
        with pytest.raises(sqlite3.IntegrityError, match="CHECK"):
            with sqlite3.connect(path) as db:
                db.execute("UPDATE attempt SET state = 'running'")
        db.close()
