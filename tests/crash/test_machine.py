"""A client, its journal and the service through anything: the books always agree."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Coroutine
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from attrs import define
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from aivideo_async import (
    AIVideoError,
    AsyncClient,
    Emulator,
    GptImage2,
    JournalError,
    Outcome,
    Task,
)
from aivideo_async.emulator import Scenario
from aivideo_async.journal import Journal, Record, State
from aivideo_async.models.wire import WireRequest
from tests.client.world import STEADY
from tests.crash.wire import FAULTS, Arrived, Wire
from tests.journal.helpers import stop_writing, write_again
from tests.warp import WarpLoop

EXAMPLES = int(os.environ.get("AIVIDEO_WALKS", "25"))
"""How many walks; CONTRIBUTING.md tells of long nights."""

KEYS = st.sampled_from(["mug", "cup", "jug", None])
LABELS = st.sampled_from(["mug", "cup", "jug"])
CEILING = Decimal(12)
"""Credits for five pictures that were not refunded."""

UNCERTAIN = ("submitting", "unknown")
SECONDS = st.sampled_from([0.0, 0.1, 0.3, 0.6, 1.2, 5.0, 20.0, 90.0, 4000.0])
HOOK = "https://shop.example/hooks/"


@define(eq=False)
class Call:
    """
    Somebody who asked for a picture.

    Attributes:
        request: What for.
        future: What they wait for.
    """

    request: GptImage2
    future: asyncio.Future[Any]


class Machine(RuleBasedStateMachine):
    """Rules do what people, disks, services and power cuts do; time passes in between."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = WarpLoop()
        self.complaints: list[dict[str, Any]] = []
        self.loop.set_exception_handler(lambda _, about: self.complaints.append(about))
        scenario = Scenario(median=10.0, spread=0.0, failure_share=0.2)
        self.emulator = Emulator(scenario, speed=1.0)
        self.folder = Path(tempfile.mkdtemp())
        self.arrived: list[Arrived] = []
        self.hasty: list[WireRequest] = []
        self.calls: list[Call] = []
        self.got: set[str] = set()  # in a result or an error
        self.had: set[str] = set()  # in a result
        self.released: Counter[str] = Counter()
        self.forgotten: set[str] = set()
        self.labels: dict[str, str | None] = {}
        self.numbers = iter(range(10**9))
        self.full = False
        self.open()

    # --- the life of processes ----------------------------------------------------

    @property
    def path(self) -> Path:
        """The journal's file."""
        return self.folder / "jobs.db"

    def open(self) -> None:
        """Begin as a process does that just started."""
        self.journal = Journal(self.path)
        self.wire = Wire(self.emulator, self.path, self.arrived, self.hasty)
        self.client = AsyncClient(
            transport=self.wire,
            journal=self.journal,
            polling=STEADY,
            rate=1e9,
            max_credits=CEILING,
        )
        self.within(self.client.__aenter__())
        assert not self.journal._rows(
            "SELECT 1 FROM attempt WHERE state = 'submitting'"
        )
        assert self.journal._writer is not None
        self.journal._writer._db.execute("PRAGMA synchronous = OFF")

    def within(self, awaitable: Coroutine[Any, Any, Any]) -> Any:
        """Run something on the loop, until the disk has what was written."""
        result = self.loop.run_until_complete(awaitable)
        self.idle()
        return result

    def idle(self) -> None:
        """Let the writer's thread finish what it is at."""
        if self.journal._writer is not None:
            self.journal._writer._thread.submit(int).result()

    @rule()
    def crash(self) -> None:
        """A process dies; the next one finds the files as they were in that instant."""
        copy, wire, client = Path(tempfile.mkdtemp()), self.wire, self.client
        for path in self.folder.glob(f"{self.path.name}*"):
            if not path.name.endswith("-lock"):
                shutil.copy(path, copy)
        # What could not be written yet is as good as never had.
        self.had &= {
            name for (name,) in self.journal._rows("SELECT task_id FROM attempt")
        }
        wire.cut = True
        self.bury(client)
        shutil.rmtree(self.folder)
        self.folder, self.full = copy, False
        self.open()

    def bury(self, client: AsyncClient) -> None:
        """Take a dead process out of the loop: what it does no longer matters."""
        if self.full:
            write_again(self.journal)
        for call in self.calls:
            call.future.cancel()
        self.calls.clear()
        self.within(client.aclose())

    @rule()
    def close_and_open(self) -> None:
        """A process ends well, and the next one begins."""
        self.has_room()
        self.within(self.client.aclose())
        self.within(asyncio.sleep(0.1))  # callers have their turn
        self.hear()
        assert not self.calls, "a closed client lets nobody go on waiting"
        self.open()

    # --- those who buy --------------------------------------------------------------

    @rule(
        key=KEYS,
        other=st.sampled_from([False] * 5 + [True]),
        verb=st.sampled_from(["submit", "generate"]),
        called=st.booleans(),
        fault=st.sampled_from([None, None, None, *FAULTS]),
        seconds=SECONDS,
    )
    def ask(
        self,
        key: str | None,
        other: bool,
        verb: str,
        called: bool,
        fault: str | None,
        seconds: float,
    ) -> None:
        """Somebody asks for a picture, perhaps for another one by the same key."""
        self.wire.fault = fault
        number = next(self.numbers) if key is None or other else 0
        request = GptImage2(f"a {key} of kind {number}", key=key)
        self.labels[request.prompt or ""] = key
        options: dict[str, Any] = {}
        if called:
            options["callback_url"] = lambda _: f"{HOOK}{next(self.numbers)}"

        async def asking() -> Any:
            return await getattr(self.client, verb)(request, **options)

        future = self.loop.create_task(asking())
        self.calls.append(Call(request, future))
        self.wait(seconds)

    @rule()
    def ask_for_all(self) -> None:
        """Somebody asks for all keys in one run."""
        requests = [GptImage2(f"a {key} of kind 0", key=key) for key in ("mug", "cup")]
        self.labels |= {request.prompt or "": request.key for request in requests}

        async def asking() -> list[Outcome]:
            outcomes = []
            try:
                async for outcome in self.client.generate_many(requests):
                    outcomes.append(outcome)  # noqa: PERF401  (it raises)
            except AIVideoError:
                pass
            return outcomes

        future = self.loop.create_task(asking())
        self.calls.append(Call(requests[0], future))

    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        """Somebody who asked goes away."""
        if self.calls:
            data.draw(st.sampled_from(self.calls)).future.cancel()

    @rule(seconds=SECONDS)
    def wait(self, seconds: float) -> None:
        """Time passes."""
        self.within(asyncio.sleep(seconds))

    # --- the disk --------------------------------------------------------------------

    @rule()
    def is_full(self) -> None:
        """The disk is full from now on."""
        self.idle()
        stop_writing(self.journal)
        self.full = True

    @rule()
    def has_room(self) -> None:
        """There is room on the disk."""
        self.idle()
        write_again(self.journal)
        self.full = False

    # --- callbacks -------------------------------------------------------------------

    @rule(data=st.data(), forged=st.booleans())
    def call_back(self, data: st.DataObject, forged: bool) -> None:
        """A callback comes, once more perhaps, or somebody forges one."""
        called = [one for one in self.arrived if one.callback_url and one.charge]
        if called:
            one = data.draw(st.sampled_from(called))
            task_id = one.charge.task_id if one.charge and not forged else "t-forged"
            self.within(self.hears_back(task_id, one.callback_url or ""))

    async def hears_back(self, task_id: str, url: str) -> None:
        """Be told of a task."""
        self.client.called_back(task_id, url)

    # --- the user's word -------------------------------------------------------------

    @rule(key=LABELS)
    def release(self, key: str) -> None:
        """The user lets it be bought again."""
        self.says(key, "release", key)

    @rule(key=LABELS)
    def forget(self, key: str) -> None:
        """The user lets an unknown one rest, perhaps just before it is bought again."""
        self.forgotten.add(key)
        self.says(key, "forget", key)

    @rule(key=LABELS)
    def adopt(self, key: str) -> None:
        """The user finds out which task came of an unknown create, and says so."""
        record = self.journal.find(key)
        if record is not None and record.state is State.UNKNOWN:
            for charge in self.charges_of(record):
                if not self.journal.has_task(charge):
                    self.says(key, "adopt", key, charge)
                    self.got.add(charge)  # whoever names it has it
                    return

    def says(self, key: str, verb: str, *values: str) -> None:
        """Tell the journal; it may have another opinion."""

        async def saying() -> None:
            try:
                await getattr(self.journal, verb)(*values)
            except JournalError:
                return
            self.released[key] += verb == "release"
            record = self.journal.find(key)
            if record is not None and record.task_id is not None:
                self.got.add(record.task_id)  # whoever settles it knows of it

        self.within(saying())

    def charges_of(self, record: Record) -> list[str]:
        """Return the tasks that were made of the very bytes of an attempt."""
        with closing(sqlite3.connect(self.path)) as db:
            ((digest,),) = db.execute(
                "SELECT sent_sha256 FROM attempt WHERE id = ?", (record.attempt,)
            )
        return [
            one.charge.task_id
            for one in self.arrived
            if one.charge is not None and one.sha256 == digest
        ]

    # --- what is always true ---------------------------------------------------------

    @invariant()
    def every_charge_is_in_the_journal(self) -> None:
        """By its id, or as an attempt of those very bytes whose outcome is unknown."""
        with closing(sqlite3.connect(self.path)) as db:
            attempts = db.execute(
                "SELECT state, task_id, sent_sha256, price FROM attempt"
            ).fetchall()
        by_id = {task_id: about for _, task_id, *about in attempts if task_id}
        uncertain = Counter(
            digest for state, _, digest, _ in attempts if state in UNCERTAIN
        )
        for one in self.arrived:
            if one.charge is None:
                continue
            about = by_id.pop(one.charge.task_id, None)
            if about is not None:
                assert [one.sha256, one.charge.millicredits] == about, "a wrong id"
            else:
                assert uncertain[one.sha256], f"{one.charge.task_id} is nowhere"
                uncertain[one.sha256] -= 1
        assert not by_id, "ids out of nowhere"
        assert not self.hasty, "a create left before its intent was durable"

    @invariant()
    def nothing_is_bought_twice(self) -> None:
        """But on the user's word."""
        jobs = self.emulator.jobs
        charged = Counter(
            self.labels[jobs[entry.task_id].picture.prompt]
            for entry in self.emulator.ledger.charges
        )
        for key, times in charged.items():
            assert key is None or times <= 1 + self.released[key]

    @invariant()
    def the_ceiling_holds(self) -> None:
        """Neither the service nor the journal knows of more."""
        ledger = self.emulator.ledger
        assert ledger.start - ledger.balance <= CEILING
        assert self.journal.committed() <= CEILING * 1000
        assert self.client.stats().unknown >= 0

    @invariant()
    def what_was_given_is_what_was_asked_for(self) -> None:
        """Whoever has a result has their own picture; nobody complains."""
        self.hear()
        assert not self.complaints

    def hear(self) -> None:
        """Note what those got who are done."""
        for call in [call for call in self.calls if call.future.done()]:
            self.calls.remove(call)
            if not call.future.cancelled():
                self.note(call.request, call.future.exception() or call.future.result())

    def note(self, request: GptImage2, thing: Any) -> None:
        """Note the ids in a result or an error."""
        if isinstance(thing, list):
            for outcome in thing:
                self.note(outcome.request, outcome.error or outcome.task)
        elif isinstance(thing, Task):
            picture = self.emulator.jobs[thing.id].picture
            assert request.prompt == picture.prompt
            self.got.add(thing.id)
            self.had.add(thing.id)
        elif isinstance(thing, AIVideoError):
            two = "in the journal already" in str(thing)
            assert not two or request.key in self.forgotten
            self.got.add(thing.task_id or "")
        else:
            raise thing

    @rule()
    def all_comes_to_rest(self) -> None:
        """With room on the disk everybody is served in the end, and nothing is lost."""
        self.has_room()
        self.wire.fault = None
        self.within(asyncio.sleep(8000))
        self.hear()
        assert not self.calls, "somebody waits for ever"
        assert not self.journal._rows(
            "SELECT 1 FROM attempt WHERE state = 'submitting'"
        )
        assert all(self.journal.has_task(task_id) for task_id in self.had)
        ledger, unclaimed = self.emulator.ledger, set(self.client.unclaimed)
        paid = {entry.task_id for entry in ledger.charges}
        refunded = {entry.task_id for entry in ledger.refunds}
        assert unclaimed <= paid
        for task_id in paid - refunded - self.got - unclaimed:
            assert not self.journal.has_task(task_id), f"nobody has {task_id}"

    def teardown(self) -> None:
        """Close everything."""
        self.all_comes_to_rest()
        self.every_charge_is_in_the_journal()
        self.within(self.client.aclose())
        self.loop.close()
        asyncio.set_event_loop(None)
        shutil.rmtree(self.folder)


@pytest.mark.slow
@pytest.mark.timeout(1200)
class TestMachine(Machine.TestCase):  # type: ignore[misc, valid-type]
    """A walk of fifty steps, many times."""

    settings = settings(max_examples=EXAMPLES, stateful_step_count=50)
