"""The emulator as people use it: one object, with a server when it is entered."""

from __future__ import annotations

import asyncio
import random
from decimal import Decimal
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from attrs import evolve

from aivideo_async.emulator.core import API_KEY, Core, Received, Request
from aivideo_async.emulator.ledger import Ledger
from aivideo_async.emulator.live import Live
from aivideo_async.emulator.reply import Reply
from aivideo_async.emulator.scenario import RetryAfter, Scenario, named

if TYPE_CHECKING:
    from aivideo_async.client import AsyncClient
    from aivideo_async.emulator.server import Server

__all__ = ["Emulator"]


class Emulator:
    """
    A stand-in for the service: tasks, money, limits, faults and pictures.

    Entered with ``async with`` it is a server on the loopback; without that, an
    `EmulatorTransport` talks to it in memory. Either way it takes the time from the
    running loop, and the same seed gives the same story.

    Args:
        scenario: How it behaves: a name out of `SCENARIOS`, or a `Scenario`.
        speed: How many times faster than in reality tasks get done. Rate limits,
            Retry-After and everything else stay in the client's own seconds.
        seed: Another seed, other chances.
        balance: Credits at the start, in place of the scenario's (10 000 in most).
        rate: Requests per second that the key may make, in place of the scenario's.
        burst: Requests that may come at once; by default a second's worth.
        retry_after: What its 429 says: ``seconds``, an HTTP ``date``, or nothing.
        spend_limit: Credits that the key may spend in all.
        port: Where the server listens; 0 for any free port.

    Raises:
        ValueError: An unknown scenario, or a number that makes no sense.

    Example:
        >>> async with Emulator("steady") as emulator:
        ...     emulator.ledger.balance, emulator.url.rpartition(":")[0]
        (Decimal('10000'), 'http://127.0.0.1')
    """

    def __init__(
        self,
        scenario: str | Scenario = "steady",
        *,
        speed: float = 20.0,
        seed: int = 1,
        balance: Decimal | float | str | None = None,
        rate: float | None = None,
        burst: float | None = None,
        retry_after: RetryAfter | None = None,
        spend_limit: Decimal | float | str | None = None,
        port: int = 0,
    ) -> None:
        chosen = scenario if isinstance(scenario, Scenario) else named(scenario)
        own: dict[str, Any] = {
            "balance": balance,
            "rate": rate,
            "burst": burst,
            "retry_after": retry_after,
            "spend_limit": spend_limit,
        }
        given = {name: value for name, value in own.items() if value is not None}
        self.scenario = evolve(chosen, **given)
        self._core = Core(self.scenario, random.Random(seed), speed=speed)
        self._port = port
        self._server: Server | None = None

    @property
    def url(self) -> str:
        """The base URL; it leads nowhere before the emulator is entered."""
        return self._core.base_url

    @property
    def api_key(self) -> str:
        """The only key that it accepts; it is no secret."""
        return API_KEY

    @property
    def ledger(self) -> Ledger:
        """Every charge and refund so far."""
        return self._core.ledger

    @property
    def requests(self) -> list[Received]:
        """Every request so far, in order."""
        return self._core.requests

    def client(self, **options: Any) -> AsyncClient:
        """
        Return a client of this emulator, which has to be entered first.

        *options* are those of `AsyncClient`; with an `EmulatorTransport` as its
        ``transport`` the client talks to it in memory, entered or not.
        """
        from aivideo_async import AsyncClient

        return AsyncClient(self.api_key, base_url=self.url, **options)

    def handle(self, request: Request) -> Reply:
        """Answer *request* now, by the running loop's clock."""
        return self._core.handle(request, asyncio.get_running_loop().time())

    async def __aenter__(self) -> Self:
        """Start the server."""
        from aivideo_async.emulator.server import Server

        self._server = Server(self.handle, Live(self._core), self._port)
        self._core.base_url = await self._server.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop the server; the ledger and the requests stay readable."""
        if self._server is not None:
            await self._server.close()

    def __repr__(self) -> str:
        tasks, balance = len(self.ledger.charges), self.ledger.balance
        return (
            f"<Emulator {self.scenario.name} at {self.url} "
            f"[tasks: {tasks}, balance: {balance}]>"
        )
