"""
The façade: `AsyncClient`, the one object a program holds.

It checks what it is given, turns calls into jobs for the engine, and turns their
results into tasks. One client per process is right; it is bound to the event loop in
which it is first used.
"""

from __future__ import annotations

import asyncio
import os
import platform
import random
import ssl as ssl_module
import warnings
from collections.abc import AsyncGenerator, AsyncIterable, Iterable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from aiohttp import __version__ as aiohttp_version

from aivideo_async._version import __version__
from aivideo_async.engine import Engine, Stats
from aivideo_async.engine.jobs import Caller, Job, Recipient, Stage
from aivideo_async.engine.runs import Run
from aivideo_async.errors import (
    ConfigurationError,
    InvalidRequestError,
    TaskFailedError,
    UnexpectedResponseError,
)
from aivideo_async.models.catalogue import is_absolute_http
from aivideo_async.models.requests import GenerationRequest, check_path
from aivideo_async.models.strictjson import encode
from aivideo_async.models.tasks import Credits, Outcome, Task, TaskStatus, is_task_id
from aivideo_async.policy.polling import Backoff, Polling
from aivideo_async.policy.retry import DEFAULT_PATIENCE, Attempts, RetryPolicy
from aivideo_async.throttle import LocalThrottle, Throttle
from aivideo_async.transport.base import Timeouts, Transport
from aivideo_async.transport.http import HTTPTransport
from aivideo_async.transport.origin import (
    is_loopback,
    proxy_for,
    read_base_url,
    read_proxy,
)
from aivideo_async.transport.secret import Secret

if TYPE_CHECKING:
    from aivideo_async.downloads import Downloader

__all__ = ["AsyncClient"]

BASE_URL = "https://api.aivideoapi.ai"
# The first is ours; the others are what public code that calls the service reads.
KEY_VARIABLES = (
    "AIVIDEOAPI_API_KEY",
    "AIVIDEOAPI_KEY",
    "AI_VIDEO_API_KEY",
    "AIVIDEO_API_KEY",
)
USER_AGENT = (
    f"aivideo-async/{__version__} "
    f"(python/{platform.python_version()}; aiohttp/{aiohttp_version})"
)


class AsyncClient:
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

        polling: When to look at running tasks; see `Backoff`.

        retry: How often to try again what costs nothing to try; see `RetryPolicy`.

        timeouts: For one HTTP exchange, never for a task; see `Timeouts`.

        throttle: A `Throttle` to share among clients with the same key, instead of
            *rate*.

        proxy: The URL of an http(s) proxy; by default what the environment says when
            the client is made.

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
        throttle: Throttle | None = None,
        proxy: str | None = None,
        ssl: ssl_module.SSLContext | None = None,
        transport: Transport | None = None,
    ) -> None:
        key = None if api_key is None else Secret(api_key)
        del api_key  # no traceback of ours may show the key among its locals
        self._base_url = read_base_url(
            base_url or os.environ.get("AIVIDEOAPI_BASE_URL") or BASE_URL
        )
        if rate is not None and throttle is not None:
            raise ConfigurationError("Give rate= or throttle=, not both.")
        self._max_in_flight = _count("max_in_flight", max_in_flight)
        self._max_connections = _count("max_connections", max_connections)
        self._throttle: Throttle = throttle or LocalThrottle(rate)
        self._polling = polling
        self._retry = retry
        self._timeouts = timeouts
        self._proxy = read_proxy(proxy) if proxy else proxy_for(self._base_url)
        self._ssl = ssl
        if transport is None:
            transport = HTTPTransport(
                self._base_url,
                _checked_key(key),
                timeouts=timeouts,
                max_connections=max_connections,
                user_agent=USER_AGENT,
                proxy=self._proxy,
                ssl=ssl,
            )
        self._transport = transport
        self._engine: Engine | None = None
        self._downloader: Downloader | None = None
        self._closed = False

    # --- verbs that spend --------------------------------------------------------

    async def submit(
        self, request: GenerationRequest, *, callback_url: str | None = None
    ) -> Task:
        """
        Create a task and return it at once; the one verb that spends.

        The request is sent at most once on its own. Refusals by the rate limit wait
        their turn; they are no failure.

        Args:
            request: What to generate. It was checked when you built it.
            callback_url: Where the service reports the end of the task, as an
                absolute http(s) URL.

        Returns:
            The pending task: its ``id`` is what you paid for; ``created_at`` is None
            until the first look.

        Raises:
            OutcomeUnknownError: Sent, but the answer was lost; possibly paid for.
            NotSentError: It could not be sent; nothing was charged.
            APIError: The API refused it; nothing was charged.

        Cancelling this coroutine withdraws a create that is still queued. One on the
        wire goes on; if it is accepted, its id goes to `unclaimed` and to the log.

        Example:
            >>> task = await client.submit(GptImage2("a blue mug"))
            >>> task.status
            <TaskStatus.PENDING: 'pending'>
        """
        job, caller = self._purchase(request, callback_url, follow=False)
        task: Task = await self._bought(job, caller)
        return task

    async def generate(
        self,
        request: GenerationRequest,
        *,
        timeout: float | None = 3600.0,  # noqa: ASYNC109  (it ends the waiting only)
        callback_url: str | None = None,
    ) -> Task:
        """
        Submit *request* and wait until its task is final.

        The request is sent at most once: if the connection breaks after it went out,
        nobody can know whether the API accepted it, and sending it again might pay
        twice. `OutcomeUnknownError` leaves that choice to you.

        Args:
            request: What to generate. It was checked when you built it.

            timeout:
                Seconds from this call to its end, or None to wait for as long as it
                takes. Running out of time stops the waiting, never the task: pick it
                up again with `wait`.

            callback_url: Where the service reports the end of the task.

        Returns:
            The completed task; its files are in ``task.output.urls``.

        Raises:
            TaskFailedError: The generation failed. The service refunds it.
            WaitTimeoutError: Still not final; carries the ``task_id``, unless the
                request was withdrawn before it was sent or was on the wire.
            OutcomeUnknownError: Sent, but the answer was lost; possibly paid for.
            NotSentError: It could not be sent; nothing was charged.
            APIError: The API refused it; nothing was charged.

        Cancelling this coroutine stops the waiting only: the client finishes a
        request that is on the wire and keeps its id in `unclaimed`.

        Example:
            >>> task = await client.generate(GptImage2("a red bicycle"))
            >>> len(task.output.urls)
            1
        """
        job, caller = self._purchase(request, callback_url, follow=True)
        task: Task = await self._bought(job, caller, _seconds(timeout))
        return task

    def generate_many(
        self,
        requests: Iterable[GenerationRequest] | AsyncIterable[GenerationRequest],
        *,
        max_in_flight: int | None = None,
        timeout: float | None = None,
        callback_url: str | None = None,
    ) -> AsyncGenerator[Outcome]:
        """
        Generate many, and yield an `Outcome` for each as it completes.

        The input is read lazily: at most *max_in_flight* requests are read and not
        yet yielded as outcomes. One failure never cancels paid siblings. Refusals by
        the rate limit are waited out for as long as it takes, unless the client's
        `RetryPolicy` names a patience of its own.

        Args:
            requests: Any iterable or async iterable of requests.
            max_in_flight: How many at once; at most the client's own.
            timeout: Seconds for each request, from the moment it is read; it ends
                the waiting, never the task. None is for ever.
            callback_url: Where the service reports the end of each task.

        Yields:
            Outcomes in the order of completion; ``outcome.index`` is the request's
            place in the input.

        Raises:
            BillingError, AuthenticationError, PermissionDeniedError: It concerns all
                requests. Nothing more is read; what is in flight is yielded, what was
                read and not sent is yielded with the error, then it is raised.
            Exception: What your input raised, after the same orderly end.

        Leaving the loop early, or cancelling it, cancels nothing paid: ids that were
        not yielded go to `unclaimed`.

        Example:
            >>> async for outcome in client.generate_many(
            ...     GptImage2(f"a {colour} mug") for colour in ("red", "blue")
            ... ):
            ...     print(outcome.unwrap().status)
            completed
            completed
        """
        _check_callback(callback_url)
        limit = self._max_in_flight
        if max_in_flight is not None:
            limit = min(limit, _count("max_in_flight", max_in_flight))

        def make_job(request: GenerationRequest, recipient: Recipient) -> Job:
            return self._create_job(request, recipient, callback_url, self._endless())

        run = Run(
            self._open(),
            requests,
            limit=limit,
            make_job=make_job,
            timeout=_seconds(timeout),
        )
        return run.outcomes()

    # --- verbs that cost nothing -------------------------------------------------

    async def wait(
        self,
        task: Task | str,
        *,
        timeout: float | None = 3600.0,  # noqa: ASYNC109  (it ends the waiting only)
    ) -> Task:
        """
        Wait until a task is final; costs nothing.

        Args:
            task: A task or its id, be it from this client, another one, or yesterday.
            timeout: Seconds from this call to its end, or None for ever. It ends the
                waiting, never the task.

        Returns:
            The completed task.

        Raises:
            TaskFailedError: The generation failed. The service refunds it.
            WaitTimeoutError: Still not final; call `wait` again.
            TaskNotFoundError: No such task for this key (tolerated for 30 s after our
                own create). Looks that merely break never end the waiting.

        Example:
            >>> task = await client.submit(GptImage2("a blue mug"))
            >>> (await client.wait(task)).status
            <TaskStatus.COMPLETED: 'completed'>
        """
        task_id = _task_id(task)
        if isinstance(task, Task) and task.is_final:
            if task.status is TaskStatus.FAILED:
                raise TaskFailedError(task)
            return task
        engine = self._open()
        caller = Caller(engine.loop)
        job = Job(Stage.FOLLOW, caller, self._attempts(), task_id=task_id)
        engine.follow(job, _seconds(timeout))
        return await _result(engine, job, caller)  # type: ignore[no-any-return]

    async def get_task(self, task_id: str) -> Task:
        """
        Look at a task once; costs nothing.

        Args:
            task_id: The task's id.

        Raises:
            TaskNotFoundError: No such task for this key.
            NetworkError: The look broke, several times over.

        Example:
            >>> task = await client.submit(GptImage2("a blue mug"))
            >>> (await client.get_task(task.id)).model
            'gpt-image-2'
        """
        task_id = _task_id(task_id)
        task: Task = await self._look(f"/v1/tasks/{task_id}", task_id)
        return task

    async def credits(self) -> Credits:
        """
        Read the account's credits; costs nothing.

        Example:
            >>> (await client.credits()).balance > 0
            True
        """
        data = await self._look("/v1/credits")
        try:
            return Credits.from_json(data)
        except ValueError as error:
            raise UnexpectedResponseError(
                f"The credits cannot be read: {error}. Asking costs nothing.",
                status=200,
                body=repr(data)[:2048],
            ) from None

    async def download(self, task: Task, folder: str | os.PathLike[str]) -> list[Path]:
        """
        Save a completed task's files; costs nothing.

        Files are named ``{task.id}.png``, ``{task.id}-2.png`` …, with the suffix of
        what they really are. Each appears whole or not at all. The API key is never
        sent to the host of the files. An expired URL is replaced once by looking at
        the task again.

        Args:
            task: A completed task.
            folder: Where to put the files; made if missing.

        Returns:
            The paths, in the order of ``task.output.urls``.

        Raises:
            OutputExpiredError: The file is gone, also at a fresh URL.
            DownloadError: It could not be fetched or saved; the task is not lost.

        Example:
            >>> task = await client.generate(GptImage2("a red mug"))
            >>> [path.suffix for path in await client.download(task, "out")]
            ['.png']
        """
        self._open()
        return await self._files().save(task, folder, refresh=self.get_task)

    async def request(self, method: str, path: str, body: Any = None) -> Any:
        """
        Call any path of the API: the escape hatch.

        A GET costs nothing and is tried again like every look. Anything else is taken
        for a purchase: sent at most once, with unknown outcomes as errors.

        Args:
            method: The HTTP method.
            path: A path that starts with ``/v1/``.
            body: What to send as JSON, or None.

        Returns:
            The decoded answer.

        Example:
            >>> (await client.request("GET", "/v1/credits"))["code"]
            200
        """
        check_path(path)
        method = method.upper()
        if method == "GET":
            if body is not None:
                raise InvalidRequestError("A GET has no body.", field="body")
            return await self._look(path)
        engine = self._open()
        caller = Caller(engine.loop)
        job = Job(
            Stage.CREATE,
            caller,
            self._attempts(),
            method=method,
            path=path,
            body=b"" if body is None else encode(body),
        )
        return await self._bought(job, caller)

    # --- the client itself -------------------------------------------------------

    @property
    def unclaimed(self) -> tuple[str, ...]:
        """Ids of tasks that were paid for and that no caller got, oldest first."""
        return self._engine.unclaimed if self._engine is not None else ()

    def stats(self) -> Stats:
        """
        Return a snapshot of what the client is doing and has done.

        Example:
            >>> client.stats().in_flight
            0
        """
        return self._open().stats()

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
        self._closed = True
        try:
            if self._engine is not None:
                await self._engine.aclose(self._timeouts.total)
        finally:
            if self._downloader is not None:
                await self._downloader.aclose()
            await self._transport.aclose()

    async def __aenter__(self) -> Self:
        self._open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        state = "new"
        if self._closed:
            state = "closed"
        elif self._engine is not None:
            stats = self._engine.stats()
            state = (
                f"{stats.in_flight}/{self._max_in_flight} in flight, "
                f"{stats.queued} queued, {stats.unclaimed} unclaimed"
            )
        return f"<AsyncClient {self._base_url} [{state}]>"

    def __del__(self, _warn: Any = warnings.warn) -> None:
        if getattr(self, "_engine", None) is not None and not self._closed:
            _warn(
                f"{self!r} was never closed: use 'async with', or await aclose().",
                ResourceWarning,
                source=self,
                stacklevel=2,
            )

    # --- helpers -----------------------------------------------------------------

    def _open(self) -> Engine:
        """Return the engine, made on first use and bound to that loop."""
        loop = asyncio.get_running_loop()
        if self._closed:
            raise ConfigurationError(
                "This client is closed; nothing was sent. Use it inside its "
                "'async with', or make a new one."
            )
        if self._engine is None:
            self._engine = Engine(
                self._transport,
                self._throttle,
                self._polling,
                max_in_flight=self._max_in_flight,
                max_connections=self._max_connections,
                rng=random.Random(),
            )
        if self._engine.loop is not loop:
            raise ConfigurationError(
                "This client belongs to another event loop; nothing was sent. Make it "
                "inside the loop that uses it (one client per asyncio.run), or run "
                "everything in one loop."
            )
        return self._engine

    def _purchase(
        self, request: GenerationRequest, callback_url: str | None, *, follow: bool
    ) -> tuple[Job, Caller]:
        if not isinstance(request, GenerationRequest):
            raise InvalidRequestError(
                f"{type(request).__name__} is not a request: wrap it, as in "
                "GptImage2(prompt).",
                field="request",
            )
        _check_callback(callback_url)
        caller = Caller(self._open().loop)
        job = self._create_job(request, caller, callback_url, self._attempts())
        job.follow = follow
        return job, caller

    def _create_job(
        self,
        request: GenerationRequest,
        recipient: Recipient,
        callback_url: str | None,
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

    def _attempts(self) -> Attempts:
        return Attempts(self._retry, self._retry.patience)

    def _endless(self) -> Attempts:
        """A run is patient for ever, unless its client names a patience."""
        named = self._retry.patience != DEFAULT_PATIENCE
        return Attempts(self._retry, self._retry.patience if named else None)

    async def _bought(
        self, job: Job, caller: Caller, seconds: float | None = None
    ) -> Any:
        engine = self._open()
        engine.buy(job, seconds)
        return await _result(engine, job, caller)

    async def _look(self, path: str, task_id: str | None = None) -> Any:
        engine = self._open()
        caller = Caller(engine.loop)
        job = Job(Stage.LOOK, caller, self._attempts(), path=path, task_id=task_id)
        engine.look(job)
        return await _result(engine, job, caller)

    def _files(self) -> Downloader:
        if self._downloader is None:
            from aivideo_async.downloads import Downloader

            own = self._base_url.origin() if is_loopback(self._base_url) else None
            self._downloader = Downloader(
                own_origin=own,
                proxy=self._proxy,
                ssl=self._ssl,
                user_agent=USER_AGENT,
            )
        return self._downloader


async def _result(engine: Engine, job: Job, caller: Caller) -> Any:
    """Await the result; whatever ends the awaiting, the job is not forgotten."""
    try:
        return await caller.future
    except asyncio.CancelledError:
        engine.abandon(job)
        raise


def _checked_key(key: Secret | None) -> Secret:
    """Find the key; its text stays inside `Secret`."""
    if key is None:
        for name in KEY_VARIABLES:
            if os.environ.get(name):
                key = Secret(os.environ[name])
                break
    if key is None or key.is_blank():
        raise ConfigurationError(
            "No API key: set AIVIDEOAPI_API_KEY, or pass AsyncClient(api_key=…). Keys "
            "are made in the dashboard under API keys. Without one, try the emulator: "
            "python -m aivideo_async demo"
        )
    if not key.is_header_safe():
        raise ConfigurationError(
            "The API key holds blanks or characters that no key has: copy it again."
        )
    return key


def _count(name: str, value: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ConfigurationError(f"{name}={value!r}: use a whole number from 1.")
    return value


def _seconds(timeout: float | None) -> float | None:
    if timeout is None:
        return None
    if isinstance(timeout, bool) or not isinstance(timeout, int | float):
        raise ConfigurationError(f"timeout={timeout!r}: use seconds, or None.")
    if not timeout >= 0:
        raise ConfigurationError(f"timeout={timeout!r}: use seconds from 0, or None.")
    return None if timeout == float("inf") else timeout


def _task_id(task: Task | str) -> str:
    task_id = task.id if isinstance(task, Task) else task
    if not is_task_id(task_id):
        raise InvalidRequestError(
            f"task id {task_id!r}: use a Task, or an id as the service gave it "
            "(letters, digits, '-' and '_').",
            field="task_id",
        )
    return task_id


def _check_callback(url: str | None) -> None:
    if url is not None and not is_absolute_http(url):
        raise InvalidRequestError(
            f"callback_url={url!r} is not an absolute http(s) URL that the service "
            "could call.",
            field="callback_url",
        )
