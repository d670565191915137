"""
The life of a client: opened on first use, bound to that loop, closed once.

Its engine is made lazily, because a client may be made before any loop runs; used from
another loop it would wait for ever, so that is refused with both ways out.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncGenerator, Awaitable
from contextlib import AsyncExitStack, suppress
from typing import TYPE_CHECKING, Any

import anyio

from aivideo_async.client.options import (
    CallbackURL,
    check_port,
    check_request,
    read_callback,
    read_key,
)
from aivideo_async.client.setup import Setup
from aivideo_async.engine import Engine, Stats
from aivideo_async.engine.jobs import Caller, Job, Recipient, Stage, Watcher
from aivideo_async.engine.runs import Requests, Run
from aivideo_async.engine.watches import Watches
from aivideo_async.errors import (
    AIVideoError,
    ConfigurationError,
    InvalidRequestError,
    UnexpectedResponseError,
)
from aivideo_async.models.requests import GenerationRequest
from aivideo_async.models.strictjson import encode
from aivideo_async.models.tasks import Credits, Estimate, Task
from aivideo_async.models.wire import printable
from aivideo_async.policy.budget import Budget, Drift
from aivideo_async.policy.retry import DEFAULT_PATIENCE, Attempts
from aivideo_async.transport.base import Transport
from aivideo_async.transport.secret import Secret

if TYPE_CHECKING:
    from aivideo_async.downloads import Downloader

__all__ = ["Session"]

log = logging.getLogger("aivideo_async")

CLOSED = (
    "This client is closed; nothing was sent. Use it inside its 'async with', or make "
    "a new one."
)
OTHER_LOOP = (
    "This client belongs to another event loop; nothing was sent. Make it inside the "
    "loop that uses it (one client per asyncio.run), or run everything in one loop."
)


class Session:
    """One client's engine, and what is closed with it."""

    def __init__(
        self, setup: Setup, transport: Transport | None, key: Secret | None
    ) -> None:
        if transport is None:
            key = read_key(key)
            transport = setup.wire(key)
        check_port("transport", transport, "pass a Transport", "exchange", "aclose")
        self.setup = setup
        self._transport = transport
        self._key_fingerprint = "" if key is None else key.fingerprint()
        self.engine: Engine | None = None
        self._watches: Watches | None = None
        self._drift = Drift()
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
            self._open_journal()
            self.engine = Engine(
                self._transport,
                setup.throttle,
                setup.polling,
                Budget(setup.max_credits),
                max_in_flight=setup.max_in_flight,
                max_connections=setup.max_connections,
                rng=random.Random(),
                journal=setup.journal,
            )
        if self.engine.loop is not loop:
            raise ConfigurationError(OTHER_LOOP)
        return self.engine

    def _open_journal(self) -> None:
        if self.setup.journal is not None:
            self.setup.journal.open(
                origin=str(self.setup.base_url.origin()),
                key_fingerprint=self._key_fingerprint,
            )

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
        async with AsyncExitStack() as closing:  # each, whatever the others do
            if self.setup.journal is not None:
                closing.push_async_callback(self.setup.journal.aclose)
            if self._downloader is not None:
                closing.push_async_callback(self._downloader.aclose)
            closing.push_async_callback(self._transport.aclose)

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

    def buy(
        self,
        request: GenerationRequest,
        callback_url: CallbackURL | None,
        *,
        follow: bool,
        seconds: float | None = None,
    ) -> Awaitable[Task]:
        """Buy *request*; the result is awaited: its task, final if *follow*."""
        check_request(request)
        engine = self.open()
        caller = Caller(engine.loop)
        job = self._create(request, callback_url, caller, self._attempts())
        job.follow = follow
        engine.buy(job, seconds)
        return _result(engine, job, caller)  # no frame of its own while it waits

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
        callback_url: CallbackURL | None,
        until: asyncio.Event | None,
    ) -> Run:
        """Prepare a run of many; it is patient for ever, unless the client is not."""
        patience = self.setup.retry.patience
        if patience is DEFAULT_PATIENCE:  # the very object: nobody named one
            patience = None

        def make_job(request: GenerationRequest, recipient: Recipient) -> Job:
            attempts = Attempts(self.setup.retry, patience)
            return self._create(request, callback_url, recipient, attempts)

        return Run(
            self.open(),
            requests,
            limit=limit,
            make_job=make_job,
            timeout=seconds,
            until=until,
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

    def watch(self, task_id: str, until: asyncio.Event | None) -> AsyncGenerator[Task]:
        """Return what is new of a task; all who watch it share one poller."""

        def new_job(task_id: str, watcher: Watcher) -> Job:
            return Job(
                Stage.FOLLOW,
                watcher,
                self._attempts(),
                watcher=watcher,
                task_id=task_id,
            )

        engine = self.open()
        if self._watches is None:
            self._watches = Watches(engine, new_job)
        return self._watches.snapshots(task_id, until)

    def called_back(self, task_id: str, url: str | None) -> bool:
        """Have a task looked at because of a callback, if anybody waits for it."""
        engine = self.engine
        return engine is not None and engine.called_back(task_id, url)

    async def estimate(self, request: GenerationRequest) -> Estimate:
        """Ask the service for a price; asking is free, so it is a look."""
        check_request(request)
        engine = self.open()
        caller = Caller(engine.loop)
        job = Job(
            Stage.LOOK,
            caller,
            self._attempts(),
            method="POST",
            path="/v1/estimate",
            body=request.body(),
        )
        engine.look(job)
        return Estimate.from_json(await _result(engine, job, caller))

    async def credits(self) -> Credits:
        """Look at the account's credits, and compare them with the price table."""
        budget = self.open().budget
        before = budget.marks()
        credits = await self._read_credits()
        left = credits.balance - (credits.total_purchased or 0)
        drift = self._drift.read(left, before, budget.marks())
        if drift is not None:
            log.warning(
                "%s credits are gone since the last reading, and the price table "
                "explains %s at most: either it is out of date (pass prices=…), or "
                "this account is used elsewhere too.",
                *drift,
            )
        return credits

    async def _read_credits(self) -> Credits:
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
        callback_url: CallbackURL | None,
        recipient: Recipient,
        attempts: Attempts,
    ) -> Job:
        url = read_callback(callback_url, request)
        own = url if callable(callback_url) else None  # others may share a plain one
        return Job(
            Stage.CREATE,
            recipient,
            attempts,
            method="POST",
            path=request.endpoint,
            body=request.body(url),
            request=request,
            callback_url=url,
            own_url=own,
            price=self.setup.prices.of(request),
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
        with suppress(AIVideoError):
            await caller.future
        await engine.kept(job)  # only what is durable is handed over
    except (asyncio.CancelledError, GeneratorExit):
        engine.abandon(job)
        raise
    return caller.future.result()
