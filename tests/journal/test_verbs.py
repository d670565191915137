"""What each verb changes, and what it leaves alone."""

from __future__ import annotations

import asyncio
import hashlib
import sqlite3
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from aivideo_async import ConfigurationError, JournalError
from aivideo_async.journal import (
    ChangedError,
    Journal,
    Record,
    SavedFile,
    Seen,
    State,
    Word,
    fingerprint,
)
from aivideo_async.models import Evidence
from tests.journal.helpers import KEY, ORIGIN, PATH, intent, opened, run
from tests.warp import warped

pytestmark = warped

ANSWER = {"id": "t-1", "status": "completed", "output": {"urls": ["https://h/x.png"]}}
LOST = Evidence(status=502, body="<html>", fault="", reason="no task id")


def known(journal: Journal, key: str) -> Record:
    """Return what is known of an item that is there."""
    record = journal.find(key)
    assert record is not None
    return record


async def to_submitting(journal: Journal) -> None:
    """Bring item ``mug`` to SUBMITTING."""
    _, durable = journal.intend(intent("mug"))
    await durable


async def to_running(journal: Journal) -> None:
    """Bring it to RUNNING, as task ``t-1``."""
    await run(journal, "mug", "t-1")


async def to_done(journal: Journal) -> None:
    """Bring it to DONE."""
    await to_running(journal)
    await journal.end("t-1", failed=False, answer=ANSWER)


async def to_saved(journal: Journal) -> None:
    """Bring it to SAVED."""
    await to_done(journal)
    await journal.save("t-1", [SavedFile("mug.png", 3, "ab")])


async def to_failed(journal: Journal) -> None:
    """Bring it to FAILED."""
    await to_running(journal)
    await journal.end("t-1", failed=True, answer=ANSWER)


async def to_unknown(journal: Journal) -> None:
    """Bring it to UNKNOWN."""
    await to_submitting(journal)
    await journal.lose(1, LOST)


async def to_not_sent(journal: Journal) -> None:
    """Bring it to NOT_SENT."""
    await to_submitting(journal)
    await journal.refuse(1, sent=False, status=None, reason="no connection")


async def to_refused(journal: Journal) -> None:
    """Bring it to REFUSED."""
    await to_submitting(journal)
    await journal.refuse(1, sent=True, status=400, reason="prompt is too long")


WAYS: dict[State, Callable[[Journal], Awaitable[None]]] = {
    State.SUBMITTING: to_submitting,
    State.RUNNING: to_running,
    State.DONE: to_done,
    State.SAVED: to_saved,
    State.FAILED: to_failed,
    State.UNKNOWN: to_unknown,
    State.NOT_SENT: to_not_sent,
    State.REFUSED: to_refused,
}
MAY_BE_BOUGHT = {State.NOT_SENT, State.REFUSED}
MAY_BE_RELEASED = (
    *(State.UNKNOWN, State.RUNNING, State.FAILED, State.REFUSED),
    *(State.DONE, State.SAVED),
)


@pytest.mark.parametrize("state", WAYS)
async def test_each_state_is_reached_and_survives(state: State, tmp_path: Path):
    """And is read again by the next process, but for what was under way."""
    async with opened(tmp_path / "jobs.db") as journal:
        await WAYS[state](journal)
        assert state is known(journal, "mug").state
        before = known(journal, "mug")
    async with opened(tmp_path / "jobs.db") as journal:
        after = known(journal, "mug")
    if state is State.SUBMITTING:
        assert State.UNKNOWN is after.state
        assert after.evidence is not None
        assert "the process ended while" in after.evidence.reason
    else:
        assert before == after


@pytest.mark.parametrize("state", WAYS)
async def test_what_was_or_may_be_bought_is_not_bought_again(
    state: State, tmp_path: Path
):
    """By its label; what certainly was not is a new attempt."""
    async with opened(tmp_path / "jobs.db") as journal:
        await WAYS[state](journal)
        attempt, durable = journal.intend(intent("mug", b"other"))
        if state in MAY_BE_BOUGHT:
            await durable
            assert (2, State.SUBMITTING) == (attempt, known(journal, "mug").state)
            assert fingerprint(PATH, b"other") == known(journal, "mug").fingerprint
            return
        with pytest.raises(JournalError, match=f"'mug' is {state} in the journal"):
            await durable
        assert state is known(journal, "mug").state
        assert fingerprint(PATH, b"{}") == known(journal, "mug").fingerprint


async def test_the_newest_attempt_counts(tmp_path: Path):
    """Not that the first was refused, once the second was bought."""
    async with opened(tmp_path / "jobs.db") as journal:
        await to_refused(journal)
        await run(journal, "mug", "t-1")
        with pytest.raises(JournalError, match="'mug' is running"):
            await journal.intend(intent("mug"))[1]
        assert "t-1" == known(journal, "mug").task_id


async def test_two_of_a_label_at_once_are_one_purchase(tmp_path: Path):
    """Also within one batch, where neither is in the journal yet."""
    async with opened(tmp_path / "jobs.db") as journal:
        _, first = journal.intend(intent("mug"))
        _, second = journal.intend(intent("mug"))
        await first
        with pytest.raises(JournalError, match="Nothing was sent"):
            await second
        assert 4700 == journal.committed()


async def test_a_second_purchase_is_refused_with_the_task_of_the_first(tmp_path: Path):
    """So that it can be waited for instead."""
    async with opened(tmp_path / "jobs.db") as journal:
        await to_running(journal)
        with pytest.raises(JournalError) as caught:
            await journal.intend(intent("mug"))[1]
    assert "t-1" == caught.value.task_id


async def test_without_a_label_equal_requests_are_different_items(tmp_path: Path):
    """Nobody said that they are the same."""
    async with opened(tmp_path / "jobs.db") as journal:
        await run(journal, None, "t-1")
        await run(journal, None, "t-2")
        assert ["t-1", "t-2"] == [record.task_id for record in journal.unfinished()]
        assert 2 == len({record.item for record in journal.unfinished()})


# --- which change is possible ---------------------------------------------------

Change = Callable[[Journal], Awaitable[Any]]
CHANGES: dict[str, tuple[Change, dict[State, State]]] = {
    "accept": (
        lambda journal: journal.accept(1, "t-2"),
        {State.SUBMITTING: State.RUNNING, State.UNKNOWN: State.RUNNING},
    ),
    "refuse": (
        lambda journal: journal.refuse(1, sent=True, status=400, reason="no"),
        {State.SUBMITTING: State.REFUSED},
    ),
    "not sent": (
        lambda journal: journal.refuse(1, sent=False, status=None, reason="no"),
        {State.SUBMITTING: State.NOT_SENT},
    ),
    "lose": (
        lambda journal: journal.lose(1, LOST),
        {
            State.SUBMITTING: State.UNKNOWN,
            State.RUNNING: State.UNKNOWN,
            State.UNKNOWN: State.UNKNOWN,
        },
    ),
    "done": (
        lambda journal: journal.end("t-1", failed=False, answer={}),
        {State.RUNNING: State.DONE},
    ),
    "failed": (
        lambda journal: journal.end("t-1", failed=True, answer={}),
        {State.RUNNING: State.FAILED},
    ),
    "save": (
        lambda journal: journal.save("t-1", []),
        {State.DONE: State.SAVED, State.SAVED: State.SAVED},
    ),
    "release": (
        lambda journal: journal.release("mug"),
        {state: state for state in MAY_BE_RELEASED},
    ),
    "forget": (
        lambda journal: journal.forget("mug"),
        {state: state for state in (State.UNKNOWN, State.RUNNING)},
    ),
    "adopt": (
        lambda journal: journal.adopt("mug", "t-2"),
        {State.UNKNOWN: State.RUNNING},
    ),
}
STRICT = {"accept", "lose", "release", "forget", "adopt"}
"""Those that tell when they do not fit."""


@pytest.mark.parametrize("state", WAYS)
@pytest.mark.parametrize("name", CHANGES)
async def test_each_verb_changes_the_states_that_it_names(
    name: str, state: State, tmp_path: Path
):
    """And nothing of any other."""
    change, fits = CHANGES[name]
    async with opened(tmp_path / "jobs.db") as journal:
        await WAYS[state](journal)
        before = known(journal, "mug")
        if name in STRICT and state not in fits:
            with pytest.raises(JournalError):
                await change(journal)
        else:
            await change(journal)
        assert fits.get(state, state) is known(journal, "mug").state
        if state not in fits:
            assert before == known(journal, "mug")


async def test_an_id_that_was_anothers_is_forgotten(tmp_path: Path):
    """The task may then be the task of whoever it belongs to."""
    async with opened(tmp_path / "jobs.db") as journal:
        await to_running(journal)
        await journal.lose(1, LOST)
        record = known(journal, "mug")
        assert (None, LOST) == (record.task_id, record.evidence)
        assert not journal.has_task("t-1")
        await run(journal, "cup", "t-1")
        assert journal.has_task("t-1")


async def test_a_task_belongs_to_one_attempt(tmp_path: Path):
    """The second is refused alone: what stands beside it in its batch is written."""
    async with opened(tmp_path / "jobs.db") as journal:
        for key in ("mug", "cup", "jug"):
            journal.intend(intent(key))
        first = journal.accept(1, "t-1")
        second = journal.accept(2, "t-1")
        third = journal.accept(3, "t-3")
        await first
        await third
        with pytest.raises(JournalError, match="refuses an entry") as caught:
            await second
        assert "t-1" == caught.value.task_id
        assert State.SUBMITTING is known(journal, "cup").state
        assert ["t-1", "t-3"] == [record.task_id for record in journal.unfinished()]


async def test_what_comes_to_light_has_not_ended(tmp_path: Path):
    """It runs; why it was unknown for a while is kept."""
    async with opened(tmp_path / "jobs.db") as journal:
        await to_unknown(journal)
        assert known(journal, "mug").ended_at is not None
        await journal.adopt("mug", "t-1")
        record = known(journal, "mug")
        assert (None, LOST) == (record.ended_at, record.evidence)


@pytest.mark.parametrize("state", MAY_BE_RELEASED)
async def test_what_the_user_releases_is_bought_anew(state: State, tmp_path: Path):
    """The old attempt stays as it is: it is the evidence."""
    async with opened(tmp_path / "jobs.db") as journal:
        await WAYS[state](journal)
        before = known(journal, "mug")
        await journal.release("mug")
        assert evolve(before, word=Word.RELEASED) == known(journal, "mug")
        await run(journal, "mug", "t-2")
        assert ("t-2", None) == (
            known(journal, "mug").task_id,
            known(journal, "mug").word,
        )
        assert (before.task_id is not None) == journal.has_task("t-1")


@pytest.mark.parametrize("state", [State.UNKNOWN, State.RUNNING])
async def test_what_the_user_forgets_is_neither_asked_about_nor_bought(
    state: State, tmp_path: Path
):
    """It goes on counting: it may have been paid for."""
    async with opened(tmp_path / "jobs.db") as journal:
        await WAYS[state](journal)
        await journal.forget("mug")
        assert [] == [*journal.unknown(), *journal.unfinished()]
        assert 4700 == journal.committed()
        with pytest.raises(JournalError, match=f"'mug' is {state}"):
            await journal.intend(intent("mug"))[1]


WORDS: dict[str, Callable[[Journal, Seen], asyncio.Future[None]]] = {
    "release": lambda journal, seen: journal.release("mug", seen),
    "forget": lambda journal, seen: journal.forget("mug", seen),
    "adopt": lambda journal, seen: journal.adopt("mug", "t-2", seen),
}
"""What the user says of something that was shown."""


async def bought_again(journal: Journal) -> None:
    """Let somebody else release it, and its new attempt get lost, too."""
    await journal.release("mug")
    attempt, _ = journal.intend(intent("mug"))
    await journal.lose(attempt, LOST)


async def came_to_light(journal: Journal) -> None:
    """Let the task of the shown attempt be found, and be done."""
    await journal.adopt("mug", "t-1")
    await journal.end("t-1", failed=False, answer={})


CHANGED: dict[str, Callable[[Journal], Awaitable[None]]] = {
    "bought again": bought_again,
    "came to light": came_to_light,
    "forgotten": lambda journal: journal.forget("mug"),
}


@pytest.mark.parametrize("changed", CHANGED)
@pytest.mark.parametrize("word", WORDS)
async def test_a_word_is_of_what_was_seen(word: str, changed: str, tmp_path: Path):
    """What has changed since is not what the user decided about: it stays as it is."""
    async with opened(tmp_path / "jobs.db") as journal:
        await to_unknown(journal)
        seen = known(journal, "mug").seen
        await CHANGED[changed](journal)
        before = known(journal, "mug")
        with pytest.raises(ChangedError, match=r"'mug' has changed .* run this again"):
            await WORDS[word](journal, seen)
        assert before == known(journal, "mug")


@pytest.mark.parametrize("word", WORDS)
async def test_a_word_of_what_stands_as_it_was_seen_counts(word: str, tmp_path: Path):
    """Nothing else is in its way."""
    async with opened(tmp_path / "jobs.db") as journal:
        await to_unknown(journal)
        before = known(journal, "mug")
        await WORDS[word](journal, before.seen)
        assert before.seen != known(journal, "mug").seen


@pytest.mark.parametrize("word", Word)
@pytest.mark.parametrize("adopting", [True, False], ids=["adopted", "healed"])
async def test_what_comes_to_light_is_followed_whatever_was_said(
    word: Word, adopting: bool, tmp_path: Path
):
    """It is there: neither bought a second time nor left uncollected."""
    async with opened(tmp_path / "jobs.db") as journal:
        await to_unknown(journal)
        await (journal.release if word is Word.RELEASED else journal.forget)("mug")
        await (journal.adopt("mug", "t-1") if adopting else journal.accept(1, "t-1"))
        assert known(journal, "mug").word is None
        assert ["mug"] == [record.key for record in journal.unfinished()]
        with pytest.raises(JournalError, match="'mug' is running"):
            await journal.intend(intent("mug"))[1]


async def test_an_older_attempt_that_comes_to_light_changes_no_other(tmp_path: Path):
    """The label was bought anew: that stays what is known of it, and both count."""
    async with opened(tmp_path / "jobs.db") as journal:
        await to_unknown(journal)
        await journal.release("mug")
        await run(journal, "mug", "t-2")
        before = known(journal, "mug")
        await journal.accept(1, "t-1")
        assert before == known(journal, "mug")
        assert ["t-1", "t-2"] == [record.task_id for record in journal.unfinished()]
        assert 2 * 4700 == journal.committed()


async def test_a_label_that_was_never_asked_for_cannot_be_released(tmp_path: Path):
    """Nor adopted; a typing error is told."""
    async with opened(tmp_path / "jobs.db") as journal:
        for change in (journal.release("mug"), journal.adopt("mug", "t-1")):
            with pytest.raises(JournalError, match="'mug' is not in the journal"):
                await change


async def test_claiming_takes_a_task_off_the_unclaimed(tmp_path: Path):
    """A task that is not ours, or not final, changes nothing."""
    async with opened(tmp_path / "jobs.db") as journal:
        await to_done(journal)
        await journal.claim("t-9")
        assert ["mug"] == [record.key for record in journal.unclaimed()]
        await journal.claim("t-1")
        assert [] == journal.unclaimed()
        assert known(journal, "mug").claimed


async def test_a_record_tells_all_that_is_known(tmp_path: Path):
    """What was asked for, what came of it, and when."""
    about = {"callback_url": "https://h/hook/1"}
    async with opened(tmp_path / "jobs.db") as journal:
        _, durable = journal.intend(intent("mug", b'{"prompt":"a mug"}', **about))
        await durable
        await journal.accept(1, "t-1")
        await journal.end("t-1", failed=False, answer=ANSWER)
        record = known(journal, "mug")
    assert (1, 1, "mug", "t-1") == (
        record.item, record.attempt, record.key, record.task_id
    )  # fmt: skip
    assert ("gpt-image-2", "POST", PATH) == (record.model, record.method, record.path)
    assert (4700, "https://h/hook/1") == (record.price, record.callback_url)
    assert (ANSWER, None) == (record.answer, record.evidence)
    assert record.intended_at is not None
    assert record.ended_at is not None
    assert timedelta(0) == record.ended_at.utcoffset()
    assert record.intended_at <= record.ended_at <= datetime.now(UTC)


async def test_a_refusal_is_kept_with_its_reason(tmp_path: Path):
    """Made printable, since it is the server's."""
    async with opened(tmp_path / "jobs.db") as journal:
        await to_submitting(journal)
        await journal.refuse(1, sent=True, status=400, reason="no\x1b[31m\ud800")
        expected = Evidence(status=400, reason="no [31m ")
        assert expected == known(journal, "mug").evidence


async def test_an_answer_is_kept_as_it_is(tmp_path: Path):
    """Whatever the service wrote into it, half a character included."""
    answer = {"id": "t-1", "output": {"metadata": {"x": [None, 1.5, "é\ud800"]}}}
    async with opened(tmp_path / "jobs.db") as journal:
        await to_running(journal)
        await journal.end("t-1", failed=False, answer=answer)
        assert answer == known(journal, "mug").answer


async def test_the_body_is_kept_to_the_byte(tmp_path: Path):
    """And each attempt has the hash of what was sent."""
    path = tmp_path / "jobs.db"
    async with opened(path) as journal:
        for body in (b"\x00\xff one", b"two"):
            attempt, durable = journal.intend(intent("mug", body))
            await durable
            await journal.refuse(attempt, sent=False, status=None, reason="")
    db = sqlite3.connect(path)
    hashes = [hashlib.sha256(body).hexdigest() for body in (b"\x00\xff one", b"two")]
    assert [(b"two",)] == db.execute("SELECT body FROM item").fetchall()
    assert [(1, hashes[0]), (2, hashes[1])] == db.execute(
        "SELECT k, sent_sha256 FROM attempt ORDER BY k"
    ).fetchall()
    db.close()


async def test_saved_files_are_listed(tmp_path: Path):
    """In their order, with what tells whether they are whole."""
    path = tmp_path / "jobs.db"
    async with opened(path) as journal:
        await to_done(journal)
        await journal.save(
            "t-1", [SavedFile("a.png", 3, "aa"), SavedFile("b.png", 4, "bb")]
        )
    db = sqlite3.connect(path)
    rows = db.execute("SELECT number, path, size, sha256 FROM file").fetchall()
    db.close()
    assert [(1, "a.png", 3, "aa"), (2, "b.png", 4, "bb")] == rows


# --- money ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "price"),
    [
        *((state, 4700) for state in WAYS if state not in MAY_BE_BOUGHT),
        (State.NOT_SENT, 0),
        (State.REFUSED, 0),
    ],
)
async def test_what_is_or_may_be_spent_is_committed(
    state: State, price: int, tmp_path: Path
):
    """What failed is refunded; what is released may have been paid all the same."""
    async with opened(tmp_path / "jobs.db") as journal:
        await WAYS[state](journal)
        expected = 0 if state is State.FAILED else price
        assert expected == journal.committed()
        if state in MAY_BE_RELEASED:
            await journal.release("mug")
            assert expected == journal.committed()


async def test_a_task_that_the_user_gave_up_is_evidence_of_its_end_yet(tmp_path: Path):
    """Nobody follows it; if it ends after all, that is written."""
    async with opened(tmp_path / "jobs.db") as journal:
        await to_running(journal)
        await journal.release("mug")
        assert ([], 4700) == (journal.unfinished(), journal.committed())
        await journal.end("t-1", failed=True, answer=ANSWER)
        assert (State.FAILED, 0) == (known(journal, "mug").state, journal.committed())


async def test_a_released_failure_is_not_committed(tmp_path: Path):
    """It was refunded; only the new purchase counts."""
    async with opened(tmp_path / "jobs.db") as journal:
        await to_failed(journal)
        await journal.release("mug")
        assert 0 == journal.committed()
        await run(journal, "mug", "t-2")
        assert 4700 == journal.committed()


async def test_what_has_no_price_adds_nothing(tmp_path: Path):
    """It is listed all the same."""
    async with opened(tmp_path / "jobs.db") as journal:
        await journal.intend(intent("mug", price=None))[1]
        await run(journal, "cup", "t-1")
        assert 4700 == journal.committed()
        assert known(journal, "mug").price is None


# --- entries that are wrong by themselves ---------------------------------------


@pytest.mark.parametrize(
    "about",
    [{"key": "\ud800"}, {"price": 2**64}, {"callback_url": "https://h/\ud800"}],
    ids=["half a character", "more than SQLite counts", "half a character in the URL"],
)
async def test_an_intent_that_cannot_be_written_fails_alone(
    about: dict[str, Any], tmp_path: Path
):
    """Nothing of it remains, and its neighbours are written."""
    async with opened(tmp_path / "jobs.db") as journal:
        before = journal.intend(intent("one"))[1]
        wrong = journal.intend(intent(**about))[1]
        after = journal.intend(intent("two"))[1]
        await before
        await after
        with pytest.raises(JournalError, match="refuses an entry"):
            await wrong
        (count,) = journal._rows("SELECT COUNT(*) FROM item")[0]
        assert 2 == count


async def test_an_item_that_was_never_tried_is_planned(tmp_path: Path):
    """It may stand there before its first attempt, and costs nothing yet."""
    path = tmp_path / "jobs.db"
    async with opened(path):
        pass
    db = sqlite3.connect(path)
    db.execute(
        "INSERT INTO item (key, fingerprint, model, method, path, body, price)"
        " VALUES ('mug', 'f', 'm', 'POST', '/v1/x', x'', 4700)"
    )
    db.commit()
    db.close()
    async with opened(path) as journal:
        record = known(journal, "mug")
        assert (State.PLANNED, 0, None) == (
            record.state, record.attempt, record.intended_at
        )  # fmt: skip
        assert (4700, 0) == (record.price, journal.committed())
        for change in (journal.release("mug"), journal.adopt("mug", "t-1")):
            with pytest.raises(JournalError, match="'mug' is planned"):
                await change
        assert 1 == await run(journal, "mug", "t-1")
        assert (1, 1) == (known(journal, "mug").item, known(journal, "mug").attempt)


# --- before and after -----------------------------------------------------------


async def test_a_journal_that_is_not_open_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    """A fact is named in the log, so that no paid task vanishes."""
    journal = Journal(tmp_path / "jobs.db")
    assert journal.trouble is None
    with pytest.raises(ConfigurationError, match="is not open"):
        journal.find("mug")
    with pytest.raises(JournalError, match="nothing was written"):
        await journal.intend(intent("mug"))[1]
    assert "" == caplog.text
    with pytest.raises(JournalError) as caught:
        await journal.accept(1, "t-1")
    assert "t-1" == caught.value.task_id
    assert "client.wait('t-1')" in caplog.text


async def test_closing_twice_is_closing_once(tmp_path: Path):
    """And a journal that was never opened has nothing to close."""
    await Journal(tmp_path / "jobs.db").aclose()
    async with opened(tmp_path / "jobs.db") as journal:
        await journal.aclose()
    assert not (tmp_path / "jobs.db-wal").exists()


async def test_an_open_journal_is_not_opened_again(tmp_path: Path):
    """That would be a mistake; a closed one may be."""
    async with opened(tmp_path / "jobs.db") as journal:
        with pytest.raises(ConfigurationError, match="open already"):
            journal.open(origin=ORIGIN, key_fingerprint=KEY)
        await run(journal, "mug", "t-1")
        await journal.aclose()
        journal.open(origin=ORIGIN, key_fingerprint=KEY)
        assert 2 == await run(journal, "cup", "t-2")
