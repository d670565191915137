"""
One ``generate_many``: a lazy input, a bounded number of jobs, outcomes as they come.

The input is read only as far as there is room, so memory follows what is in flight and
not what is asked for. One failure never touches its siblings; a condition that concerns
them all stops the reading, and what was paid for is still handed out.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections import deque
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
)
from typing import Any

from aivideo_async.engine.engine import Engine
from aivideo_async.engine.jobs import Job
from aivideo_async.errors import (
    AIVideoError,
    APIError,
    AuthenticationError,
    BillingError,
    BudgetExceededError,
    ConfigurationError,
    JournalError,
    NotSentError,
    PermissionDeniedError,
    TaskFailedError,
)
from aivideo_async.models.requests import GenerationRequest
from aivideo_async.models.tasks import Outcome, Task

__all__ = ["Requests", "Run"]

CONCERNS_ALL = (
    BillingError,
    BudgetExceededError,
    AuthenticationError,
    PermissionDeniedError,
    ConfigurationError,
    JournalError,
)
_END: Any = object()

BREATH = 32
"""Requests read in one go; thousands would stop the loop for a third of a second."""

Requests = Iterable[GenerationRequest] | AsyncIterable[GenerationRequest]


class Run:
    """
    Reads requests while there is room, and collects their outcomes.

    Args:
        engine: Carries the jobs out.
        requests: An iterable or async iterable, read lazily.
        limit: How many requests may be read and not yet handed out as outcomes.
        make_job: Makes the job of a request for a recipient.
        timeout: Seconds for each request, from the moment it is read.
        until: Ends the buying once it is set.
    """

    def __init__(
        self,
        engine: Engine,
        requests: Requests,
        *,
        limit: int,
        make_job: Callable[[GenerationRequest, Any], Job],
        timeout: float | None,
        until: asyncio.Event | None,
    ) -> None:
        self._engine = engine
        self._requests = requests
        self._limit = limit
        self._make_job = make_job
        self._timeout = timeout
        self._until = until
        self._live: dict[int, Job] = {}
        self._ready: deque[Outcome] = deque()
        self._reading = True
        self._index = 0
        self._closed = False
        self._error: BaseException | None = None
        self._news: asyncio.Future[None] | None = None
        self._room: asyncio.Future[None] | None = None

    async def outcomes(self) -> AsyncGenerator[Outcome]:
        """Yield outcomes as they come; then raise what stopped the run, if anything."""
        self._engine.at_close.add(self._keep_unread)
        feeder = self._engine.loop.create_task(
            self._feed(), context=contextvars.copy_context()
        )
        stopper = self._engine.loop.create_task(self._stop_in_time())
        try:
            while True:
                while self._ready:
                    outcome = self._ready.popleft()
                    _ring(self._room)
                    if outcome.ok and outcome.task is not None:
                        self._engine.claim(outcome.task.id)
                    yield outcome
                if not self._reading and not self._live:
                    break
                self._news = self._engine.loop.create_future()
                await self._news
            if self._error is not None:
                raise self._error
        finally:
            self._engine.at_close.discard(self._keep_unread)
            self._abandon()
            feeder.cancel()
            stopper.cancel()

    # --- reading -----------------------------------------------------------------

    async def _feed(self) -> None:
        """Read a request whenever there is room for one."""
        try:
            async for request in _read(self._requests, self._has_room):
                self._start(self._index, request)
                self._index += 1
                if self._index % BREATH == 0:
                    await asyncio.sleep(0)  # others have their turn
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001
            # Raised to the consumer; only a cancellation of the feeder itself is not.
            error.add_note(f"while reading requests[{self._index}]")
            if not self._closed:
                self._stop(error)
        finally:
            self._reading = False
            _ring(self._news)

    async def _stop_in_time(self) -> None:
        """Read no more once `until` is set; withdraw what was read and not sent."""
        if self._until is not None:
            await self._until.wait()
            self._reading = False
            _ring(self._room)
            _ring(self._news)
            self._withdraw_unsent()

    async def _has_room(self) -> bool:
        """Wait for room; return False when nothing more is to be read."""
        while self._reading and len(self._live) + len(self._ready) >= self._limit:
            self._room = self._engine.loop.create_future()
            await self._room
        return self._reading

    def _start(self, index: int, request: GenerationRequest) -> None:
        if not isinstance(request, GenerationRequest):
            raise TypeError(
                f"requests[{index}] is {type(request).__name__}, not a request: wrap "
                "it, as in GptImage2(prompt). It was not sent."
            )
        job = self._make_job(request, _Place(self, index, request))
        self._live[index] = job
        if self._reading:
            self._engine.buy(job, self._timeout)
        else:  # the input took its time
            self._engine.refuse(job, self._why_stopped())

    # --- results -----------------------------------------------------------------

    def put(self, outcome: Outcome) -> bool:
        """Take a request's one outcome, unless nobody listens; some stop the reading."""
        if self._closed or self._live.pop(outcome.index, None) is None:
            return False
        self._ready.append(outcome)
        _ring(self._news)
        if isinstance(outcome.error, CONCERNS_ALL) and not _is_unpriced(outcome.error):
            self._stop(outcome.error)
        return True

    def _stop(self, error: BaseException) -> None:
        """Read no more; withdraw what was read and not sent."""
        if self._error is not None:
            return
        self._error, self._reading = error, False
        _ring(self._room)
        if isinstance(error, BudgetExceededError):
            return  # those queued before it have their money set aside
        self._withdraw_unsent()

    def _withdraw_unsent(self) -> None:
        for job in list(self._live.values()):
            self._engine.withdraw(job, self._why_stopped())

    def _why_stopped(self) -> AIVideoError:
        """Make the error of a request that was read, but not sent."""
        error = self._error
        if isinstance(error, CONCERNS_ALL) and isinstance(error, APIError):
            return error.for_another()
        why = "was told to" if error is None else repr(error)
        return NotSentError(f"Not sent, nothing was charged: the run stopped ({why}).")

    def _abandon(self) -> None:
        """The consumer is gone: keep the ids of what was paid for and not handed out."""
        self._closed, self._reading = True, False
        for job in list(self._live.values()):
            self._engine.abandon(job)
        self._keep_unread()
        self._live.clear()
        self._ready.clear()

    def _keep_unread(self) -> None:
        """Keep the ids of outcomes that nobody has read (yet)."""
        for outcome in self._ready:
            if outcome.task and not isinstance(outcome.error, TaskFailedError):
                self._engine.keep_unclaimed(outcome.task.id)


class _Place:
    """The place of one request in the run; receives its result."""

    __slots__ = ("_index", "_request", "_run")
    claims = False  # only when its outcome is yielded

    def __init__(self, run: Run, index: int, request: GenerationRequest) -> None:
        self._run, self._index, self._request = run, index, request

    def give(self, result: Task) -> bool:
        """Put a completed task among the outcomes."""
        return self._run.put(Outcome(self._index, self._request, result))

    def fail(self, error: AIVideoError) -> bool:
        """Put an error among the outcomes, with its task if one is known."""
        task = error.task if isinstance(error, TaskFailedError) else None
        if task is None and error.task_id is not None:
            task = Task(error.task_id, model=self._request.model)
        return self._run.put(Outcome(self._index, self._request, task, error))


async def _read(
    requests: Requests, has_room: Callable[[], Awaitable[bool]]
) -> AsyncIterator[GenerationRequest]:
    """Read each request only once there is room for it."""
    if isinstance(requests, AsyncIterable):
        iterator = aiter(requests)
        while await has_room():
            if (request := await anext(iterator, _END)) is _END:
                return
            yield request
    else:
        plain = iter(requests)
        while await has_room():
            if (request := next(plain, _END)) is _END:
                return
            yield request


def _is_unpriced(error: AIVideoError) -> bool:
    """Tell whether it concerns this request only: its price is not known."""
    return isinstance(error, BudgetExceededError) and error.price is None


def _ring(bell: asyncio.Future[None] | None) -> None:
    if bell is not None and not bell.done():
        bell.set_result(None)
