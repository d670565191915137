"""
The client: what it is made of, its life, and its two kinds of verbs.

One client per process is right; it is bound to the event loop that first uses it.
"""

from __future__ import annotations

import os
import ssl as ssl_module
import warnings
from decimal import Decimal
from typing import Any, Self

from aivideo_async.client.buying import Buying
from aivideo_async.client.looking import Looking
from aivideo_async.client.options import (
    read_address,
    read_ceiling,
    read_count,
    read_journal,
    read_proxy_option,
)
from aivideo_async.client.session import Session
from aivideo_async.client.setup import Setup
from aivideo_async.engine import Stats
from aivideo_async.errors import ConfigurationError, InvalidRequestError
from aivideo_async.journal import Journal
from aivideo_async.models.prices import PriceOverrides, read_prices
from aivideo_async.models.requests import check_path
from aivideo_async.policy.polling import Backoff, Polling
from aivideo_async.policy.retry import RetryPolicy
from aivideo_async.throttle import LocalThrottle, Throttle
from aivideo_async.transport.base import Timeouts, Transport
from aivideo_async.transport.secret import Secret

__all__ = ["AsyncClient"]


class AsyncClient(Buying, Looking):
    """
    Submits paid generation tasks, waits for them, and loses none.

    A paid request is sent at most once on its own: what was refused or never left may
    be sent again, what was lost is raised as `OutcomeUnknownError`. While the client is
    open, a paid task's id is returned, is in the error, or is in `unclaimed`.

    Args:
        api_key: The key; by default from ``AIVIDEOAPI_API_KEY`` (then
            ``AIVIDEOAPI_KEY``, ``AI_VIDEO_API_KEY``, ``AIVIDEO_API_KEY``).
        base_url: The API's address with or without ``/v1``; by default from
            ``AIVIDEOAPI_BASE_URL``, else the service's own. https only, except on
            this machine.
        max_in_flight: The pool: how many tasks this client follows at once.
            `generate` and `generate_many` hold a slot from before the create until
            the task is final or given up, `submit` only while its create is under
            way, `wait` and `get_task` none.
        max_connections: How many HTTP requests are open at once.
        rate: Requests per second for creates, polls and all; None learns the limit.
        polling: When to look at running tasks: `Backoff`, or `LearnedPolling`, which
            learns it from how long tasks take.
        max_credits: What this client may spend in all, by the price table and with
            what is in flight; beyond it, and where no price is known, nothing is sent
            (`BudgetExceededError`). What failed or was refused counts no more, an
            unknown outcome does.
        prices: Your own prices in credits, before the dated table's: by model one
            number, or one for each resolution, as in
            ``{"gpt-image-2": {"1k": "4.7", "2k": "9.4", "4k": "14.1"}}``.
        journal: The path of a file that remembers what was bought, across crashes
            too; one client at a time has it. A request with a `key` that it knows
            returns its task instead of buying again (another request with the same
            key is refused), what still runs is followed from the start on, and
            *max_credits* counts all that stands in it. See `Journal`.
        retry: How often to try again what costs nothing to try; see `RetryPolicy`.
        timeouts: For one HTTP exchange, never for a task; see `Timeouts`.
        throttle: One to share among clients of the same key, instead of *rate*.
        proxy: The URL of an http(s) proxy; by default the environment's.
        ssl: A context of your own; by default the system's certificates.
        transport: Another wire, such as the emulator's in memory.

    Raises:
        ConfigurationError: No key, a base URL that would leak it, or an option that
            makes no sense. Nothing was sent.

    Example:
        >>> async with AsyncClient() as client:
        ...     task = await client.generate(GptImage2("a red mug on a white table"))
        ...     print(len(task.output.urls))
        1
    """

    def __init__(
        self,
        api_key: str | None = None,
        *,
        base_url: str | None = None,
        max_in_flight: int = 256,
        max_connections: int = 64,
        rate: float | None = None,
        polling: Polling = Backoff(),  # noqa: B008  (frozen)
        retry: RetryPolicy = RetryPolicy(),  # noqa: B008  (frozen)
        timeouts: Timeouts = Timeouts(),  # noqa: B008  (frozen)
        max_credits: Decimal | float | str | None = None,
        prices: PriceOverrides | None = None,
        journal: Journal | str | os.PathLike[str] | None = None,
        throttle: Throttle | None = None,
        proxy: str | None = None,
        ssl: ssl_module.SSLContext | None = None,
        transport: Transport | None = None,
    ) -> None:
        key = None if api_key is None else Secret(api_key)
        del api_key  # no traceback of ours may show the key among its locals
        if rate is not None and throttle is not None:
            raise ConfigurationError("Give rate= or throttle=, not both.")
        address = read_address(base_url)
        setup = Setup(
            base_url=address,
            proxy=read_proxy_option(proxy, address),
            ssl=ssl,
            throttle=LocalThrottle(rate) if throttle is None else throttle,
            polling=polling,
            retry=retry,
            timeouts=timeouts,
            max_in_flight=read_count("max_in_flight", max_in_flight),
            max_connections=read_count("max_connections", max_connections),
            max_credits=read_ceiling(max_credits),
            prices=read_prices(prices),
            journal=read_journal(journal),
        )
        self._session = Session(setup, transport, key)

    async def request(self, method: str, path: str, body: Any = None) -> Any:
        """
        Call any path of the API: the escape hatch.

        A GET costs nothing and is tried again like every look. Anything else is taken
        for a purchase: sent at most once, with unknown outcomes as errors.

        Args:
            method: The HTTP method.
            path: A path that starts with ``/v1/``.
            body: What to send as JSON, or None.

        Example:
            >>> (await client.request("GET", "/v1/credits"))["code"]
            200
        """
        check_path(path)
        method = method.upper()
        if method == "GET":
            if body is not None:
                raise InvalidRequestError("A GET has no body.", field="body")
            return await self._session.look(path)
        return await self._session.buy_raw(method, path, body)

    @property
    def unclaimed(self) -> tuple[str, ...]:
        """Ids of tasks that were paid for and that no caller got, oldest first."""
        engine = self._session.engine
        return engine.unclaimed if engine is not None else ()

    def stats(self) -> Stats:
        """
        Return a snapshot of what the client is doing and has done.

        Example:
            >>> client.stats().in_flight
            0
        """
        return self._session.stats()

    async def aclose(self) -> None:
        """
        Close the client; idempotent.

        New calls are refused, queued creates get `NotSentError`, waiters get
        `WaitTimeoutError` with their id. Creates on the wire are waited for, up to
        ``timeouts.total`` seconds, because only their answers tell what was paid for.
        A second cancellation ends that wait and logs each open create as unknown.

        Example:
            >>> client = AsyncClient("sk-key")
            >>> await client.aclose()
        """
        await self._session.aclose()

    async def __aenter__(self) -> Self:
        try:
            self._session.open()
        except BaseException:
            await self.aclose()  # nobody else will
            raise
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        session = getattr(self, "_session", None)
        return f"<AsyncClient {session.describe() if session else '[not made]'}>"

    def __del__(self, _warn: Any = warnings.warn) -> None:
        session = getattr(self, "_session", None)
        if session is not None and session.engine is not None and not session.closed:
            text = f"{self!r} was never closed: use 'async with', or await aclose()."
            _warn(text, ResourceWarning, source=self, stacklevel=2)
