"""
The life of a client: opened on first use, bound to that loop, closed once.

Its engine is made lazily, because a client may be made before any loop runs; used from
another loop it would wait for ever, so that is refused with both ways out.
"""

from __future__ import annotations

import asyncio
import platform
import random
from ssl import SSLContext
from typing import TYPE_CHECKING, Any

import anyio
from aiohttp import __version__ as aiohttp_version
from attrs import field, frozen
from yarl import URL

from aivideo_async._version import __version__
from aivideo_async.client.options import (
    check_callback,
    check_kind,
    check_port,
    check_request,
    read_key,
)
from aivideo_async.engine import Engine, Stats
from aivideo_async.engine.jobs import Caller, Job, Recipient, Stage
from aivideo_async.engine.runs import Requests, Run
from aivideo_async.errors import (
    ConfigurationError,
    InvalidRequestError,
    UnexpectedResponseError,
)
from aivideo_async.models.requests import GenerationRequest
from aivideo_async.models.strictjson import encode
from aivideo_async.models.tasks import Credits, Task
from aivideo_async.models.wire import printable
from aivideo_async.policy.polling import Polling
from aivideo_async.policy.retry import DEFAULT_PATIENCE, Attempts, RetryPolicy
from aivideo_async.throttle import Throttle
from aivideo_async.transport.base import Timeouts, Transport
from aivideo_async.transport.http import HTTPTransport
from aivideo_async.transport.origin import is_loopback
from aivideo_async.transport.secret import Secret

if TYPE_CHECKING:
    from aivideo_async.downloads import Downloader

__all__ = ["Session", "Setup"]

CLOSED = (
    "This client is closed; nothing was sent. Use it inside its 'async with', or make "
    "a new one."
)
OTHER_LOOP = (
    "This client belongs to another event loop; nothing was sent. Make it inside the "
    "loop that uses it (one client per asyncio.run), or run everything in one loop."
)


USER_AGENT = (
    f"aivideo-async/{__version__} "
    f"(python/{platform.python_version()}; aiohttp/{aiohttp_version})"
)


@frozen(kw_only=True)
class Setup:
    """What a client was made of, all of it checked."""

    base_url: URL
    proxy: URL | None = field(repr=False)  # it may hold a password
    ssl: SSLContext | None
    throttle: Throttle
    polling: Polling
    retry: RetryPolicy
    timeouts: Timeouts
    max_in_flight: int
    max_connections: int

    def __attrs_post_init__(self) -> None:
        if self.ssl is not None:
            check_kind("ssl", self.ssl, SSLContext, "an ssl.SSLContext, or None")
        check_kind("retry", self.retry, RetryPolicy, "a RetryPolicy(…)")
        check_kind("timeouts", self.timeouts, Timeouts, "Timeouts(total=…)")
        check_port("polling", self.polling, "pass Backoff(…)", "schedule")
        verbs = ("when", "sent", "ok", "reject", "lost", "subscribe", "unsubscribe")
        check_port("throttle", self.throttle, "pass LocalThrottle(…)", *verbs)

    def wire(self, key: Secret) -> HTTPTransport:
        """Make the real wire to the API."""
        return HTTPTransport(
            self.base_url,
            key,
            timeouts=self.timeouts,
            max_connections=self.max_connections,
            user_agent=USER_AGENT,
            proxy=self.proxy,
            ssl=self.ssl,
        )

    def downloader(self) -> Downloader:
        """Make what saves files; on a loopback API it may fetch from the API itself."""
        from aivideo_async.downloads import Downloader

        own = self.base_url.origin() if is_loopback(self.base_url) else None
        return Downloader(
            own_origin=own, proxy=self.proxy, ssl=self.ssl, user_agent=USER_AGENT
        )


class Session:
    """One client's engine, and what is closed with it."""

    def __init__(
        self, setup: Setup, transport: Transport | None, key: Secret | None
    ) -> None:
        if transport is None:
            transport = setup.wire(read_key(key))
        check_port("transport", transport, "pass a Transport", "exchange", "aclose")
        self.setup = setup
        self._transport = transport
        self.engine: Engine | None = None
        self._downloader: Downloader | None = None
        self.closed = False

    def open(self) -> Engine:
        """
        Return the engine, made on first use and bound to that loop.

        Raises:
            ConfigurationError: The client is closed, or belongs to another loop.
        """
        loop = asyncio.get_running_loop()
        if self.closed:
            raise ConfigurationError(CLOSED)
        if self.engine is None:
            setup = self.setup
            self.engine = Engine(
                self._transport,
                setup.throttle,
                setup.polling,
                max_in_flight=setup.max_in_flight,
                max_connections=setup.max_connections,
                rng=random.Random(),
            )
        if self.engine.loop is not loop:
            raise ConfigurationError(OTHER_LOOP)
        return self.engine

    async def aclose(self) -> None:
        """Let go of callers, wait for creates on the wire, close every connection."""
        if self.engine and self.engine.loop is not asyncio.get_running_loop():
            raise ConfigurationError(OTHER_LOOP)
        self.closed = True
        try:
            if self.engine is not None:
                await self.engine.aclose(self.setup.timeouts.total)
        finally:
            # Shielded against anyio scopes, which cancel at every await again.
            with anyio.CancelScope(shield=True):
                await self._close_connections()

    async def _close_connections(self) -> None:
        try:
            await self._transport.aclose()
        finally:
            if self._downloader is not None:
                await self._downloader.aclose()

    def files(self) -> Downloader:
        """Return what saves files, made on first use."""
        self.open()
        if self._downloader is None:
            self._downloader = self.setup.downloader()
        return self._downloader

    def stats(self) -> Stats:
        """Return a snapshot, at any time of its life."""
        return Stats() if self.engine is None else self.engine.stats()

    def describe(self) -> str:
        """Say in a few words where it points and what is under way."""
        stats, most = self.stats(), self.setup.max_in_flight
        state = (
            f"{stats.in_flight}/{most} in flight, {stats.queued} queued, "
            f"{stats.unclaimed} unclaimed"
        )
        if self.engine is None:
            state = "new"
        return f"{self.setup.base_url} [{'closed' if self.closed else state}]"

    # --- jobs --------------------------------------------------------------------

    async def buy(
        self,
        request: GenerationRequest,
        callback_url: str | None,
        *,
        follow: bool,
        seconds: float | None = None,
    ) -> Task:
        """Buy *request*; return its task, final if *follow*."""
        check_request(request)
        check_callback(callback_url)
        engine = self.open()
        caller = Caller(engine.loop)
        job = self._create(request, callback_url, caller, self._attempts())
        job.follow = follow
        engine.buy(job, seconds)
        task: Task = await _result(engine, job, caller)
        return task

    async def buy_raw(self, method: str, path: str, body: Any) -> Any:
        """Send a request of the caller's own making, which may cost money."""
        engine = self.open()
        caller = Caller(engine.loop)
        job = Job(
            Stage.CREATE,
            caller,
            self._attempts(),
            method=method,
            path=path,
            body=b"" if body is None else _encoded(body),
        )
        engine.buy(job)
        return await _result(engine, job, caller)

    def run(
        self,
        requests: Requests,
        limit: int,
        seconds: float | None,
        callback_url: str | None,
    ) -> Run:
        """Prepare a run of many; it is patient for ever, unless the client is not."""
        patience = self.setup.retry.patience
        if patience is DEFAULT_PATIENCE:  # the very object: nobody named one
            patience = None

        def make_job(request: GenerationRequest, recipient: Recipient) -> Job:
            attempts = Attempts(self.setup.retry, patience)
            return self._create(request, callback_url, recipient, attempts)

        return Run(
            self.open(), requests, limit=limit, make_job=make_job, timeout=seconds
        )

    async def follow(self, task_id: str, seconds: float | None) -> Task:
        """Follow a task until it is final."""
        engine = self.open()
        caller = Caller(engine.loop)
        job = Job(Stage.FOLLOW, caller, self._attempts(), task_id=task_id)
        engine.follow(job, seconds)
        task: Task = await _result(engine, job, caller)
        return task

    async def look(self, path: str, task_id: str | None = None) -> Any:
        """Look once, with a few attempts."""
        engine = self.open()
        caller = Caller(engine.loop)
        job = Job(Stage.LOOK, caller, self._attempts(), path=path, task_id=task_id)
        engine.look(job)
        return await _result(engine, job, caller)

    async def credits(self) -> Credits:
        """Look at the account's credits."""
        data = await self.look("/v1/credits")
        try:
            return Credits.from_json(data)
        except ValueError as error:
            raise UnexpectedResponseError(
                f"The credits cannot be read: {error}. Asking costs nothing.",
                status=200,
                body=printable(repr(data)),
            ) from None

    def _attempts(self) -> Attempts:
        return Attempts(self.setup.retry, self.setup.retry.patience)

    def _create(
        self,
        request: GenerationRequest,
        callback_url: str | None,
        recipient: Recipient,
        attempts: Attempts,
    ) -> Job:
        return Job(
            Stage.CREATE,
            recipient,
            attempts,
            method="POST",
            path=request.endpoint,
            body=request.body(callback_url),
            request=request,
            follow=True,
        )


def _encoded(body: Any) -> bytes:
    try:
        return encode(body)
    except (TypeError, ValueError) as error:
        text = f"The body is not JSON: {error}."
        raise InvalidRequestError(text, field="body") from None


async def _result(engine: Engine, job: Job, caller: Caller) -> Any:
    """Await the result; whatever ends the awaiting, the job is not forgotten."""
    try:
        return await caller.future
    except (asyncio.CancelledError, GeneratorExit):
        engine.abandon(job)
        raise
