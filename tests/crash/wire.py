"""A wire to the emulator in memory that misbehaves on demand, and keeps the evidence."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import closing
from hashlib import sha256
from pathlib import Path

from attrs import define, evolve, frozen

from aivideo_async.emulator import Emulator, Request
from aivideo_async.emulator.ledger import Entry
from aivideo_async.emulator.reply import refusal
from aivideo_async.emulator.transport import HEADERS
from aivideo_async.models.wire import Exchange, Fault, FaultKind, WireRequest

__all__ = ["FAULTS", "Arrived", "Wire"]

BROKEN = Fault(FaultKind.BROKEN, "server disconnected")
LOST = Exchange(True, error=BROKEN)

REFUSALS = {
    "refused": "invalid_request",
    "busy": "rate_limit_exceeded",
    "spend limit": "spend_limit_exceeded",
    "500": "internal_error",
}
"""What is answered before any work."""

FAULTS = ("dropped", "not sent", "lost", "500 charged", "salvaged", "stray", *REFUSALS)
"""What can happen to a create."""


@frozen
class Arrived:
    """A create that the service has seen, and what it charged for it."""

    sha256: str
    callback_url: str | None
    charge: Entry | None


@define
class Wire:
    """
    What one client sends through.

    Attributes:
        emulator: The service.
        journal: The file in which each create must stand before it leaves.
        arrived: The creates that arrived, also through the wires of earlier clients.
        fault: What happens to the next create.
        cut: Whether the process at this end is dead: nothing arrives any more.
    """

    emulator: Emulator
    journal: Path
    arrived: list[Arrived]
    fault: str | None = None
    cut: bool = False

    async def exchange(self, request: WireRequest) -> Exchange:
        """Take half a second there, and half a second back."""
        if request.method == "POST":
            self._check_intent(request)
        await asyncio.sleep(0.5)
        if self.cut:
            return LOST
        answer = self._answer(request)
        await asyncio.sleep(0.5)
        return answer

    async def aclose(self) -> None:
        """Close nothing."""

    def _answer(self, request: WireRequest) -> Exchange:
        if request.method == "GET":
            return self._ask(request)
        fault, self.fault = self.fault, None
        if fault == "not sent":
            return Exchange(False, error=Fault(FaultKind.CONNECT, "refused"))
        request.sent = True
        if fault == "dropped":
            return LOST
        if fault in REFUSALS:
            reply = refusal(REFUSALS[fault], headers={"retry-after": "1"})
            return Exchange(True, reply.status, reply.headers, reply.body)
        return self._spoilt(self._work(request), fault)

    def _ask(self, request: WireRequest) -> Exchange:
        body = request.body or b""
        reply = self.emulator.handle(
            Request(request.method, request.path, HEADERS, body)
        )
        return Exchange(True, reply.status, reply.headers, reply.content())

    def _check_intent(self, request: WireRequest) -> None:
        """Nothing may leave that is not in the journal, on its way."""
        with closing(sqlite3.connect(self.journal)) as db:
            ((open_creates,),) = db.execute(
                "SELECT COUNT(*) FROM attempt"
                " WHERE state = 'submitting' AND sent_sha256 = ?",
                (_hash(request),),
            )
        assert open_creates, "a create was sent whose intent is not durable"

    def _work(self, request: WireRequest) -> Exchange:
        before = len(self.emulator.ledger.charges)
        exchange = self._ask(request)
        new = self.emulator.ledger.charges[before:]
        url = json.loads(request.body or b"{}").get("callback_url")
        self.arrived.append(Arrived(_hash(request), url, new[0] if new else None))
        return exchange

    def _spoilt(self, answer: Exchange, fault: str | None) -> Exchange:
        """Return what comes of an answer on its way back."""
        charge = self.arrived[-1].charge
        if fault is None or charge is None:
            return answer
        if fault == "lost":
            return LOST
        if fault == "500 charged":
            reply = refusal("internal_error")
            return Exchange(True, reply.status, reply.headers, reply.body)
        own = charge.task_id.encode()
        if fault == "salvaged":
            end = answer.body.index(own) + len(own) + 1
            return evolve(answer, body=answer.body[:end], error=BROKEN)
        other = self._earlier() or own
        return evolve(answer, body=answer.body.replace(own, other))

    def _earlier(self) -> bytes | None:
        """Return the id of a task that an earlier create is known to have made."""
        with closing(sqlite3.connect(self.journal)) as db:
            found = db.execute(
                "SELECT task_id FROM attempt WHERE task_id IS NOT NULL ORDER BY id DESC"
            ).fetchone()
        return None if found is None else bytes(found[0], "ascii")


def _hash(request: WireRequest) -> str:
    return sha256(request.body or b"").hexdigest()
