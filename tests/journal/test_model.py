"""The journal against a dict: whatever happens, in whatever order, also with crashes."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from attrs import define
from hypothesis import settings
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    rule,
)

from aivideo_async import JournalError
from aivideo_async.journal import Journal, Record, SavedFile, State, Word
from aivideo_async.models import Evidence
from tests.journal.helpers import KEY, ORIGIN, intent
from tests.warp import WarpLoop

AGAIN = {State.NOT_SENT, State.REFUSED}
UNSETTLED = {State.UNKNOWN, State.RUNNING}
ENDS = {*UNSETTLED, State.FAILED, State.REFUSED, State.DONE, State.SAVED}
SPENT = {
    State.SUBMITTING,
    State.RUNNING,
    State.DONE,
    State.SAVED,
    State.UNKNOWN,
}
KEYS = st.sampled_from(["mug", "cup", "jug", None])
TASKS = st.sampled_from([f"t-{number}" for number in range(6)])


@define
class Attempt:
    """What the model knows of one attempt."""

    key: str | None
    state: State = State.SUBMITTING
    task_id: str | None = None
    claimed: bool = False
    word: Word | None = None


class JournalMachine(RuleBasedStateMachine):
    """Each rule does the same to the journal and to a dict of attempts."""

    attempts = Bundle("attempts")

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.loop = WarpLoop()
        self.model: dict[int, Attempt] = {}
        self.open()

    def open(self) -> None:
        """Open the journal as a process does that just began."""
        self.journal = Journal(self.folder / "jobs.db")
        self.within(self.opening())

    async def opening(self) -> None:
        """Open it inside the loop; no power is lost here, so nothing is flushed."""
        self.journal.open(origin=ORIGIN, key_fingerprint=KEY)
        assert self.journal._writer is not None
        self.journal._writer._db.execute("PRAGMA synchronous = OFF")

    def within(self, awaitable: Coroutine[Any, Any, Any]) -> Any:
        """Run something on the loop."""
        return self.loop.run_until_complete(awaitable)

    def does(self, verb: str, *values: Any, fits: bool = True, **named: Any) -> None:
        """Do what a verb says; it has to fit or to be refused, as the model knows."""

        async def done() -> None:
            await getattr(self.journal, verb)(*values, **named)

        if fits:
            self.within(done())
        else:
            with pytest.raises(JournalError):
                self.within(done())

    def newest(self, key: str) -> Attempt | None:
        """Return the newest attempt of a label."""
        return next(
            (one for one in reversed(self.model.values()) if one.key == key), None
        )

    def shapes(self, state: State) -> list[tuple[object, ...]]:
        """Return the attempts that are in a state."""
        return [shape(one) for one in self.model.values() if one.state is state]

    def by_task(self, task_id: str) -> Attempt | None:
        """Return the attempt that made a task."""
        return next(
            (one for one in self.model.values() if one.task_id == task_id), None
        )

    @rule(target=attempts, key=KEYS)
    def intend(self, key: str | None) -> int:
        """Buy, unless it was bought."""
        newest = None if key is None else self.newest(key)

        async def done() -> int:
            attempt, durable = self.journal.intend(intent(key))
            if newest is None or newest.state in AGAIN or newest.word is Word.RELEASED:
                await durable
                self.model[attempt] = Attempt(key)
            else:
                with pytest.raises(JournalError):
                    await durable
            return attempt

        return int(self.within(done()))

    @rule(number=attempts, task_id=TASKS)
    def accept(self, number: int, task_id: str) -> None:
        """An attempt on its way, or an unknown one, gets its task."""
        one = self.model.get(number)
        new = self.by_task(task_id) is None
        if one and one.state in {State.SUBMITTING, State.UNKNOWN} and new:
            self.does("accept", number, task_id)
            one.state, one.task_id, one.word = State.RUNNING, task_id, None
        else:
            self.does("accept", number, task_id, fits=False)

    @rule(number=attempts, sent=st.booleans())
    def refuse(self, number: int, sent: bool) -> None:
        """An attempt on its way was not bought."""
        self.does("refuse", number, sent=sent, status=None, reason="no")
        one = self.model.get(number)
        if one and one.state is State.SUBMITTING:
            one.state = State.REFUSED if sent else State.NOT_SENT

    @rule(number=attempts)
    def lose(self, number: int) -> None:
        """Nobody knows what became of an attempt."""
        one = self.model.get(number)
        under_way = {State.SUBMITTING, State.RUNNING, State.UNKNOWN}
        fits = one is not None and one.state in under_way
        self.does("lose", number, Evidence(reason="lost"), fits=fits)
        if one and fits:
            one.state, one.task_id = State.UNKNOWN, None

    @rule(task_id=TASKS, failed=st.booleans())
    def end(self, task_id: str, failed: bool) -> None:
        """A task is final."""
        self.does("end", task_id, failed=failed, answer={"id": task_id})
        one = self.by_task(task_id)
        if one and one.state is State.RUNNING:
            one.state = State.FAILED if failed else State.DONE

    @rule(task_id=TASKS)
    def claim(self, task_id: str) -> None:
        """Somebody got a task."""
        self.does("claim", task_id)
        if one := self.by_task(task_id):
            one.claimed = True

    @rule(task_id=TASKS)
    def save(self, task_id: str) -> None:
        """The files of a task are on disk."""
        self.does("save", task_id, [SavedFile("a.png", 1, "ff")])
        one = self.by_task(task_id)
        if one and one.state is State.DONE:
            one.state = State.SAVED

    @rule(key=KEYS.filter(bool))
    def release(self, key: str) -> None:
        """The user lets it be bought again."""
        one = self.newest(key)
        fits = one is not None and one.state in ENDS
        self.does("release", key, fits=fits)
        if one and fits:
            one.word = Word.RELEASED

    @rule(key=KEYS.filter(bool))
    def forget(self, key: str) -> None:
        """The user lets one rest of which nobody knows the end."""
        one = self.newest(key)
        fits = one is not None and one.state in UNSETTLED
        self.does("forget", key, fits=fits)
        if one and fits:
            one.word = Word.FORGOTTEN

    @rule(task_id=TASKS)
    def disclaim(self, task_id: str) -> None:
        """Whoever got a task is gone."""
        self.does("disclaim", task_id)
        if one := self.by_task(task_id):
            one.claimed = False

    @rule(key=KEYS.filter(bool), task_id=TASKS)
    def adopt(self, key: str, task_id: str) -> None:
        """The user knows which task came of it."""
        one, new = self.newest(key), self.by_task(task_id) is None
        fits = one is not None and one.state is State.UNKNOWN and new
        self.does("adopt", key, task_id, fits=fits)
        if one and fits:
            one.state, one.task_id, one.word = State.RUNNING, task_id, None

    @rule()
    def close_and_open(self) -> None:
        """A process ends well, and the next one begins."""
        self.within(self.journal.aclose())
        self.begin_again()

    @rule()
    def crash(self) -> None:
        """A process dies: the next one finds the files as they were in that instant."""
        copy = Path(tempfile.mkdtemp())
        for path in self.folder.iterdir():
            shutil.copy(path, copy)
        self.within(self.journal.aclose())
        shutil.rmtree(self.folder)
        self.folder = copy
        self.begin_again()

    def begin_again(self) -> None:
        """Open it; what was on its way is unknown."""
        self.open()
        for one in self.model.values():
            if one.state is State.SUBMITTING:
                one.state = State.UNKNOWN

    @invariant()
    def both_know_the_same(self) -> None:
        """Every question has the answer that the model gives."""
        for key in ("mug", "cup", "jug"):
            expected, record = self.newest(key), self.journal.find(key)
            assert (expected is None) == (record is None)
            if expected and record:
                assert shape(expected) == shape(record)
        by_state = {state: self.shapes(state) for state in State}
        running = [one for one in by_state[State.RUNNING] if one[-1] is None]
        assert running == shapes(self.journal.unfinished())
        unknown = [one for one in by_state[State.UNKNOWN] if one[-1] is None]
        assert unknown == shapes(self.journal.unknown())
        unclaimed = [one for one in by_state[State.DONE] if not one[-2]]
        assert unclaimed == shapes(self.journal.unclaimed())
        for number in range(6):
            one = self.by_task(f"t-{number}")
            assert (one is not None) == self.journal.has_task(f"t-{number}")
            is_open = one is not None and (
                one.state is State.RUNNING
                or (one.state is State.DONE and not one.claimed)
            )
            assert is_open == self.journal.is_open(f"t-{number}")

    @invariant()
    def money_is_never_forgotten(self) -> None:
        """What may have been paid is committed."""
        spent = [one for one in self.model.values() if one.state in SPENT]
        assert 4700 * len(spent) == self.journal.committed()

    def teardown(self) -> None:
        """Close everything."""
        self.within(self.journal.aclose())
        self.loop.close()
        asyncio.set_event_loop(None)
        shutil.rmtree(self.folder)


def shape(one: Attempt | Record) -> tuple[object, ...]:
    """Return what both sides know."""
    return one.key, one.state, one.task_id, one.claimed, one.word


def shapes(records: list[Record]) -> list[tuple[object, ...]]:
    """Return what both sides know of each."""
    return [shape(record) for record in records]


@pytest.mark.slow
@pytest.mark.timeout(120)
class TestJournal(JournalMachine.TestCase):  # type: ignore[misc, valid-type]
    """Forty walks of twenty-five steps."""

    settings = settings(max_examples=40, stateful_step_count=25)
