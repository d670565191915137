"""
The verbs, their promises, and their names; everything else is one floor down.

One client per process is right; it is bound to the event loop that first uses it.
"""

from __future__ import annotations

import os
import ssl as ssl_module
import warnings
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from aivideo_async.client.options import (
    check_callback,
    read_address,
    read_count,
    read_proxy_option,
    read_seconds,
    read_task_id,
)
from aivideo_async.client.session import Session, Setup
from aivideo_async.engine import Stats
from aivideo_async.errors import (
    ConfigurationError,
    InvalidRequestError,
    TaskFailedError,
)
from aivideo_async.models.requests import GenerationRequest, check_path
from aivideo_async.models.tasks import Credits, Outcome, Task, TaskStatus
from aivideo_async.policy.polling import Backoff, Polling
from aivideo_async.policy.retry import RetryPolicy
from aivideo_async.throttle import LocalThrottle, Throttle
from aivideo_async.transport.base import Timeouts, Transport
from aivideo_async.transport.secret import Secret

if TYPE_CHECKING:
    from aivideo_async.downloads import DownloadProgress

__all__ = ["AsyncClient"]


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
        )
        self._session = Session(setup, transport, key)

    # --- verbs that spend --------------------------------------------------------

    async def submit(
        self, request: GenerationRequest, *, callback_url: str | None = None
    ) -> Task:
        """
        Create a task and return it at once; the one verb that spends.

        Refusals by the rate limit wait their turn; they are no failure.

        Args:
            request: What to generate. It was checked when you built it.
            callback_url: Where the service reports the end of the task.

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
        return await self._session.buy(request, callback_url, follow=False)

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
            timeout: Seconds from this call to its end, or None for ever. It ends the
                waiting, never the task: pick it up again with `wait`.
            callback_url: Where the service reports the end of the task.

        Returns:
            The completed task; its files are in ``task.output.urls``.

        Raises:
            TaskFailedError: The generation failed. The service refunds it.
            WaitTimeoutError: Still not final; carries the ``task_id``, unless the
                request was withdrawn before it was sent or was on the wire.
            OutcomeUnknownError: Sent, but the answer was lost; possibly paid for.
            NotSentError, APIError: As for `submit`; nothing was charged.

        Cancelling this coroutine stops the waiting only: the client finishes a
        request that is on the wire and keeps its id in `unclaimed`.

        Example:
            >>> task = await client.generate(GptImage2("a red bicycle"))
            >>> len(task.output.urls)
            1
        """
        seconds = read_seconds(timeout)
        return await self._session.buy(
            request, callback_url, follow=True, seconds=seconds
        )

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
            Outcomes as they complete; ``outcome.index`` is the place in the input.

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
        check_callback(callback_url)
        limit = self._session.setup.max_in_flight
        if max_in_flight is not None:
            limit = min(limit, read_count("max_in_flight", max_in_flight))
        seconds = read_seconds(timeout)
        return self._session.run(requests, limit, seconds, callback_url).outcomes()

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
        task_id, seconds = read_task_id(task), read_seconds(timeout)
        if isinstance(task, Task) and task.is_final:
            if task.status is TaskStatus.FAILED:
                raise TaskFailedError(task)
            return task
        final: Task = await self._session.follow(task_id, seconds)
        return final

    async def get_task(self, task_id: str) -> Task:
        """
        Look at a task once; costs nothing.

        Raises:
            TaskNotFoundError: No such task for this key.
            NetworkError: The look broke, several times over.

        Example:
            >>> task = await client.submit(GptImage2("a blue mug"))
            >>> (await client.get_task(task.id)).model
            'gpt-image-2'
        """
        task_id = read_task_id(task_id)
        task: Task = await self._session.look(f"/v1/tasks/{task_id}", task_id)
        return task

    async def credits(self) -> Credits:
        """
        Read the account's credits; costs nothing.

        Example:
            >>> (await client.credits()).balance > 0
            True
        """
        return await self._session.credits()

    async def download(
        self,
        task: Task,
        folder: str | os.PathLike[str],
        *,
        on_progress: Callable[[DownloadProgress], None] | None = None,
    ) -> list[Path]:
        """
        Save a completed task's files; costs nothing.

        Files are named ``{task.id}.png``, ``{task.id}-2.png`` …, with the suffix of
        what they really are. Each appears whole or not at all. The API key is never
        sent to the host of the files. A broken download continues where it stopped if
        the host can; an expired URL is replaced once by looking at the task again.
        Cancelling leaves nothing behind. Call it for many tasks at once: the client
        fetches a few files at a time, and the rest wait.

        Args:
            task: A completed task.
            folder: Where the files go; created when missing.
            on_progress: Called on the loop's thread with a `DownloadProgress`, at most
                ten times a second for each file, and when a file is there. It must not
                block. What it raises is logged, and the download goes on.

        Returns:
            The paths in *folder*, in the order of ``task.output.urls``.

        Raises:
            OutputExpiredError: The file is gone, also at a fresh URL.
            DownloadError: It could not be fetched or saved; the task is not lost.

        Example:
            >>> task = await client.generate(GptImage2("a red mug"))
            >>> [path.suffix for path in await client.download(task, "out")]
            ['.png']
        """
        return await self._session.files().save(
            task, folder, refresh=self.get_task, on_progress=on_progress
        )

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

    # --- the client itself -------------------------------------------------------

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
        self._session.open()
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
