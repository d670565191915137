"""The emulator as people use it: one object, with a server when it is entered."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from contextlib import AsyncExitStack, ExitStack
from decimal import Decimal
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from attrs import evolve

from aivideo_async.emulator.callbacks import Called
from aivideo_async.emulator.core import API_KEY, Core
from aivideo_async.emulator.jobs import Job
from aivideo_async.emulator.ledger import Ledger
from aivideo_async.emulator.live import Live
from aivideo_async.emulator.reply import Reply
from aivideo_async.emulator.request import Received, Request
from aivideo_async.emulator.scenario import RetryAfter, Scenario, named

if TYPE_CHECKING:
    from aivideo_async.client import AsyncClient
    from aivideo_async.emulator.courier import Courier

__all__ = ["Emulator"]


class Emulator:
    """
    A stand-in for the service: tasks, money, limits, faults and pictures.

    Entered with ``async with`` it is a server on the loopback. Entered with a plain
    ``with`` it is the same server, in a thread with a loop of its own: for programs that
    have none, such as the tests of a Django project or of another language. Without
    either, an `EmulatorTransport` talks to it in memory. It takes the time from its
    loop, and the same seed gives the same story.

    While it is entered, its address shows what happens live in a browser, with an alarm
    when anything is charged twice. It also makes the callbacks that creates ask for, as
    documented and to this machine only. It can be entered again, with the same tasks
    and money.

    Args:
        scenario: How it behaves: a name out of `SCENARIOS`, or a `Scenario`.
        speed: How many times faster than in reality tasks get done, callbacks are tried
            again, spend windows and addresses run out (hours and days at most 1,000
            times). Rate limits, Retry-After and everything else stay in the client's
            own seconds.
        seed: Another seed, other chances.
        balance: Credits at the start, in place of the scenario's (10 000 in most).
        rate: Requests per second that the key may make, in place of the scenario's.
        burst: Requests that may come at once; by default a second's worth.
        retry_after: What its 429 says: ``seconds``, an HTTP ``date``, or nothing.
        spend_limit: Credits that the key may spend in all.
        spend_limit_hourly: Credits that it may spend in any hour.
        spend_limit_daily: Credits that it may spend in any day.
        price_table: Which of the catalogue's price tables is charged, 0 or 1.
        port: Where the server listens; 0 for any free port.

    Raises:
        ValueError: An unknown scenario, or a number that makes no sense.
        OSError: On entering: the port is taken.
        RuntimeError: On entering: it is entered already.

    Example:
        >>> with Emulator("steady") as emulator:
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
        spend_limit_hourly: Decimal | float | str | None = None,
        spend_limit_daily: Decimal | float | str | None = None,
        price_table: int | None = None,
        port: int = 0,
    ) -> None:
        chosen = scenario if isinstance(scenario, Scenario) else named(scenario)
        own: dict[str, Any] = {
            "balance": balance,
            "rate": rate,
            "burst": burst,
            "retry_after": retry_after,
            "spend_limit": spend_limit,
            "spend_limit_hourly": spend_limit_hourly,
            "spend_limit_daily": spend_limit_daily,
            "price_table": price_table,
        }
        given = {name: value for name, value in own.items() if value is not None}
        self.scenario = evolve(chosen, **given)
        self._core = Core(self.scenario, random.Random(seed), speed=speed)
        self._port = port
        self._courier: Courier | None = None
        self._open = AsyncExitStack()
        self._thread = ExitStack()

    @property
    def url(self) -> str:
        """The base URL; it leads nowhere before the emulator is entered."""
        return self._core.base_url

    @property
    def api_key(self) -> str:
        """The only key that it accepts; it is no secret."""
        return API_KEY

    @property
    def environment(self) -> dict[str, str]:
        """
        The variables by which a program finds it: its address and its key.

        Example:
            >>> sorted(Emulator().environment)
            ['AIVIDEOAPI_API_KEY', 'AIVIDEOAPI_BASE_URL']
        """
        return {"AIVIDEOAPI_BASE_URL": self.url, "AIVIDEOAPI_API_KEY": self.api_key}

    @property
    def ledger(self) -> Ledger:
        """Every charge and refund so far."""
        return self._core.ledger

    @property
    def requests(self) -> list[Received]:
        """Every request so far, in order; of a great many, the newest 20,000 at least."""
        return self._core.requests

    @property
    def jobs(self) -> Mapping[str, Job]:
        """Every task so far by its id, the oldest first."""
        return self._core.jobs

    @property
    def callbacks(self) -> list[Called]:
        """Every attempt at a callback so far, in order."""
        return self._core.callbacks.log

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
        reply = self._core.handle(request, asyncio.get_running_loop().time())
        if self._courier is not None:
            self._courier.look()
        return reply

    async def __aenter__(self) -> Self:
        """Start the server, and make callbacks from now on."""
        from aivideo_async.emulator.courier import Courier
        from aivideo_async.emulator.server import Server

        if self._courier is not None:
            raise RuntimeError("This emulator is entered already: leave it first.")
        async with AsyncExitStack() as stack:
            server = Server(self.handle, Live(self._core), self._port)
            stack.push_async_callback(server.close)
            self._core.base_url = await server.start()
            self._courier = Courier(self._core)
            stack.push_async_callback(self._courier.close)
            self._courier.look()
            self._open = stack.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop the server; the ledger and the logs stay readable."""
        self._courier = None
        await self._open.aclose()

    def __enter__(self) -> Self:
        """Start the server in a thread of its own."""
        from anyio.from_thread import start_blocking_portal

        with ExitStack() as stack:
            portal = stack.enter_context(start_blocking_portal())
            stack.enter_context(portal.wrap_async_context_manager(self))
            self._thread = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop the server and its thread; the ledger and the logs stay readable."""
        self._thread.close()

    def __repr__(self) -> str:
        tasks, balance = len(self.ledger.charges), self.ledger.balance
        return (
            f"<Emulator {self.scenario.name} at {self.url} "
            f"[tasks: {tasks}, balance: {balance}]>"
        )
