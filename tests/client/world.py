"""
The emulated service in memory, and the books that a test keeps about it.

What the service charged and did not refund must be somewhere: in a result, in an
error, or in ``client.unclaimed``. `World.check` compares; the fixture `emulate` does so
after every test.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterable, Awaitable, Callable, Iterator
from typing import Any, ParamSpec, TypeVar

from aivideo_async import (
    AIVideoError,
    AsyncClient,
    Backoff,
    Emulator,
    EmulatorTransport,
    GptImage2,
    Outcome,
    Task,
)
from aivideo_async.emulator import Reply, Request, Rule, Scenario
from aivideo_async.models.wire import Exchange, WireRequest
from aivideo_async.transport import Transport

__all__ = [
    "AT_ONCE",
    "STEADY",
    "Meter",
    "WatchedEmulator",
    "World",
    "collect",
    "mug",
    "mugs",
]

P = ParamSpec("P")
T = TypeVar("T")

STEADY = Backoff(initial=1.0, factor=1.0, cap=1.0, jitter=0.0)
"""A look every second, so that a test can say what happens when."""

AT_ONCE = Backoff(initial=0.0, cap=0.0, jitter=0.0)
"""No pause between two looks."""


def mug(number: int = 0) -> GptImage2:
    """Build a request like no other, so that a body bought twice is a fault."""
    return GptImage2(f"mug number {number}", key=str(number))


def mugs(count: int, first: int = 0) -> Iterator[GptImage2]:
    """Build that many different requests."""
    return (mug(number) for number in range(first, first + count))


async def collect(run: AsyncIterable[Outcome]) -> list[Outcome]:
    """Read a run to its end."""
    return [outcome async for outcome in run]


class Meter:
    """
    A wire that counts what is open on another one.

    Args:
        wire: The other one.
        turns: How often each exchange pauses, before it is sent and after.
        pause: Seconds of such a pause; 0 is a turn of the loop.

    Attributes:
        open: Exchanges open now, by method.
        most: The most there were at once, by method; under ``""`` of all.
        seconds: How long such a pause is now.
    """

    def __init__(self, wire: Transport, *, turns: int = 0, pause: float = 0.0) -> None:
        self._wire = wire
        self._turns = turns
        self.seconds = pause
        self.open: dict[str, int] = {"GET": 0, "POST": 0}
        self.most: dict[str, int] = {"GET": 0, "POST": 0, "": 0}

    async def exchange(self, request: WireRequest) -> Exchange:
        """Pass *request* on."""
        self.open[request.method] += 1
        now = {**self.open, "": sum(self.open.values())}
        self.most = {name: max(self.most[name], now[name]) for name in now}
        try:
            await self._pause()
            exchange = await self._wire.exchange(request)
            await self._pause()
            return exchange
        finally:
            self.open[request.method] -= 1

    async def aclose(self) -> None:
        """Close the other one."""
        await self._wire.aclose()

    async def _pause(self) -> None:
        for _ in range(self._turns):
            await asyncio.sleep(self.seconds)


class WatchedEmulator(Emulator):
    """An emulator that tells when it has sold so many tasks."""

    _wanted: tuple[int, asyncio.Event] | None = None

    async def bought(self, count: int) -> None:
        """Wait until there are *count* charges."""
        self._wanted = count, asyncio.Event()
        await self._wanted[1].wait()

    def handle(self, request: Request) -> Reply:
        """Answer, and count."""
        reply = super().handle(request)
        if self._wanted is not None and len(self.ledger.charges) >= self._wanted[0]:
            self._wanted[1].set()
        return reply


class World:
    """
    One emulated service, its clients, and who got which task.

    Tasks take *median* seconds of the loop, all of them the same unless there is a
    *spread*.

    Attributes:
        emulator: The service.
        meter: The wire that its clients share.
        got: The ids that callers were given, in a result or in an error.
        records: What was logged.
    """

    def __init__(
        self,
        *rules: Rule,
        median: float = 10.0,
        turns: int = 0,
        pause: float = 0.0,
        **options: Any,
    ) -> None:
        scenario = Scenario(rules=rules, median=median, **{"spread": 0.0} | options)
        self.emulator = WatchedEmulator(scenario, speed=1.0)
        wire = EmulatorTransport(self.emulator)
        self.meter = Meter(wire, turns=turns, pause=pause)
        self.clients: list[AsyncClient] = []
        self.got: set[str] = set()
        self.records: list[logging.LogRecord] = []
        self._listener = _Listener(self.records)
        logging.getLogger("aivideo_async").addHandler(self._listener)

    def client(self, **options: Any) -> AsyncClient:
        """Return a client of this world; it looks every second."""
        own: dict[str, Any] = {"transport": self.meter, "polling": STEADY, "rate": 1e9}
        client = AsyncClient(**{**own, **options})
        self.clients.append(client)
        return client

    def remote(self, **options: Any) -> AsyncClient:
        """Return a client that speaks HTTP; the emulator must have been entered."""
        client = self.emulator.client(**{"polling": STEADY, "rate": 1e9} | options)
        self.clients.append(client)
        return client

    # --- who got what ----------------------------------------------------------------

    async def call(
        self, verb: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Await *verb* and note the id that came out of it."""
        try:
            result = await verb(*args, **kwargs)
        except AIVideoError as error:
            self.note(error)
            raise
        self.note(result)
        return result

    def note(self, *things: object) -> None:
        """Note the ids of what a caller was given."""
        for thing in things:
            if isinstance(thing, Outcome):
                self.note(thing.task, thing.error)
            elif isinstance(thing, Task):
                self.got.add(thing.id)
            elif isinstance(thing, AIVideoError) and thing.task_id is not None:
                self.got.add(thing.task_id)

    async def collect(self, run: AsyncIterable[Outcome]) -> list[Outcome]:
        """Read a run to its end, noting every outcome when it comes."""
        outcomes = []
        async for outcome in run:
            self.note(outcome)
            outcomes.append(outcome)
        return outcomes

    # --- what the service saw --------------------------------------------------------

    @property
    def charged(self) -> list[str]:
        """The ids of all tasks that were bought, oldest first."""
        return [entry.task_id for entry in self.emulator.ledger.charges]

    def times(self, method: str = "POST", status: int | None = 0) -> list[float]:
        """When requests of *method* came, all of them or those answered so."""
        return [
            received.at
            for received in self.emulator.requests
            if received.method == method and status in (0, received.status)
        ]

    def logged(self, text: str) -> list[str]:
        """The messages from WARNING up that hold *text*."""
        messages = [
            record.getMessage()
            for record in self.records
            if record.levelno >= logging.WARNING
        ]
        return [message for message in messages if text in message]

    # --- whether it adds up ----------------------------------------------------------

    @property
    def lost(self) -> set[str]:
        """What is paid for and is in no result, no error and no list."""
        unclaimed = {name for client in self.clients for name in client.unclaimed}
        refunded = {entry.task_id for entry in self.emulator.ledger.refunds}
        return set(self.charged) - refunded - self.got - unclaimed

    def check(self) -> None:
        """Compare the service's ledger with what the callers know."""
        logging.getLogger("aivideo_async").removeHandler(self._listener)
        self.emulator.ledger.assert_clean()
        unclaimed = {name for client in self.clients for name in client.unclaimed}
        assert self.got | unclaimed <= set(self.charged), "an id out of nowhere"
        for name in unclaimed:
            assert self.logged(name), f"{name} is unclaimed and not in the log"
        unknown = len(self.logged("its outcome is unknown"))
        assert len(self.lost) <= unknown, f"lost: {self.lost}, unknown: {unknown}"


class _Listener(logging.Handler):
    """Keep what is logged."""

    def __init__(self, records: list[logging.LogRecord]) -> None:
        super().__init__()
        self._records = records

    def emit(self, record: logging.LogRecord) -> None:
        self._records.append(record)
