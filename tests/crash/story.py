"""
The story of one sheet: its buyer is killed again and again, and starts anew each time.

The service is an emulator in the test's own process, so that its ledger outlives every
buyer and says what was really charged. Buyers are forked from a process that has imported
everything, which makes a start cheap; they die by SIGKILL, like any other process.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import multiprocessing
import random
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from attrs import Factory, define, frozen

from aivideo_async import Emulator
from aivideo_async.emulator import Reply, Request, Scenario
from aivideo_async.journal import Journal, Reader, State
from tests.crash.buyer import CONNECTIONS, RUN, SHEET

__all__ = ["Buyer", "Story"]

Buyer = Callable[[str, str], None]
"""Runs in the child: takes the service's address, and the folder with the sheet."""

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["tests.crash.buyer"])

BOUGHT = (State.RUNNING, State.DONE, State.SAVED, State.FAILED)
PERHAPS = (State.SUBMITTING, State.UNKNOWN)


class Service(Emulator):
    """An emulator that does something as soon as it has been asked so often."""

    _left = 0
    _then: Callable[[], object] = bool

    def after(self, requests: int, call: Callable[[], object]) -> None:
        """Call *call* after so many requests, before the last one is answered."""
        self._left, self._then = requests, call

    def handle(self, request: Request) -> Reply:
        """Answer, and count."""
        reply = super().handle(request)
        self._left -= 1
        if self._left == 0:
            self._then()
        return reply


@frozen
class Attempt:
    """One attempt as the journal knows it."""

    key: str
    prompt: str
    state: State
    task_id: str | None
    price: int


@define
class Story:
    """
    One sheet, one service, one folder, and many buyers.

    Attributes:
        folder: Where the run lies.
        buyer: What runs in the child.
        scenario: How the service behaves.
        pictures: How many rows the sheet has.
        requests: Within how many requests each buyer dies.
        seed: Of the instants at which buyers die.
        left: How many creates were open in the journal after each kill.
    """

    folder: Path
    buyer: Buyer
    scenario: Scenario
    pictures: int
    requests: int
    seed: int
    left: list[int] = Factory(list)

    async def run(self, kills: int) -> None:
        """Kill *kills* buyers, checking the books each time, and let the last one end."""
        rng = random.Random(self.seed)
        self._write_sheet()
        async with Service(self.scenario, speed=1.0, seed=self.seed) as service:
            for _ in range(kills):
                await self._kill_one(service, rng)
                self._check(service)
            await self._let_one_end(service)
            self._check(service)
        self._check_end()

    def _write_sheet(self) -> None:
        lines = [f"MUG-{n},mug number {n}\n" for n in range(self.pictures)]
        (self.folder / SHEET).write_text("sku,prompt\n" + "".join(lines), "utf-8")

    async def _kill_one(self, service: Service, rng: random.Random) -> None:
        """Start a buyer; kill it while some request is answered, or a moment after."""
        process = self._start(service)
        moment = rng.choice((0, rng.uniform(0, 0.01)))
        later = partial(asyncio.get_running_loop().call_later, moment, process.kill)
        service.after(
            rng.randrange(1, self.requests), later if moment else process.kill
        )
        await asyncio.to_thread(process.join)
        assert -9 == process.exitcode, "it came to an end by itself"

    async def _let_one_end(self, service: Service) -> None:
        process = self._start(service)
        await asyncio.to_thread(process.join)
        assert 0 == process.exitcode

    def _start(self, service: Service) -> multiprocessing.process.BaseProcess:
        process = PROCESSES.Process(
            target=self.buyer, args=(service.url, str(self.folder)), daemon=True
        )
        process.start()
        return process

    # --- what must be true after each death ---------------------------------------

    def _check(self, service: Service) -> None:
        """Compare the journal, as a dead process left it, with the service's ledger."""
        if not self._journal.exists():  # it died before it began
            assert not service.ledger.charges
            return
        with Journal.reading(self._journal) as known:
            assert [("ok",)] == known._rows("PRAGMA quick_check")
            attempts = [*_attempts(known)]
        assert not service.ledger.double_charges
        by_task = {one.task_id: one for one in attempts if one.task_id is not None}
        perhaps = {one.prompt: one for one in attempts if one.state in PERHAPS}
        for charge in service.ledger.charges:
            prompt = service.jobs[charge.task_id].picture.prompt
            one = by_task.pop(charge.task_id, None) or perhaps.pop(prompt, None)
            assert one is not None, f"{charge.task_id} is paid for and nowhere"
            assert (prompt, charge.millicredits) == (one.prompt, one.price)
        assert not by_task, "the journal names tasks that nobody made"
        self.left.append(sum(one.state is State.SUBMITTING for one in attempts))
        assert self.left[-1] <= CONNECTIONS

    @property
    def _journal(self) -> Path:
        return self.folder / RUN / "journal.db"

    def _check_end(self) -> None:
        """Each row has come to an end, and its file is what the journal says."""
        with Journal.reading(self._journal) as known:
            rows = [*known.rows()]
        assert self.pictures == len(rows)
        for row in rows:
            assert row.record.state in (State.DONE, State.SAVED, State.UNKNOWN)
            for file in row.files:
                content = (self.folder / RUN / file.path).read_bytes()
                assert (file.size, file.sha256) == (
                    len(content),
                    hashlib.sha256(content).hexdigest(),
                )


def _attempts(known: Reader) -> Iterator[Attempt]:
    for key, body, state, task_id, price in known._rows(
        "SELECT item.key, item.body, attempt.state, attempt.task_id, attempt.price"
        " FROM attempt JOIN item ON item.id = attempt.item"
    ):
        prompt = json.loads(body)["input"]["prompt"]
        yield Attempt(key, prompt, State(state), task_id, price)
