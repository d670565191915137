"""
The verbs that spend, and their promises.

A paid request is sent at most once on its own. What was refused or never left may be
sent again; what was lost is raised as `OutcomeUnknownError`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Iterable

from aivideo_async.client.options import (
    CallbackURL,
    check_callback,
    read_count,
    read_seconds,
)
from aivideo_async.client.session import Session
from aivideo_async.models.requests import GenerationRequest
from aivideo_async.models.tasks import Outcome, Task

__all__ = ["Buying"]


class Buying:
    """`submit`, `generate` and `generate_many`."""

    _session: Session

    async def submit(
        self, request: GenerationRequest, *, callback_url: CallbackURL | None = None
    ) -> Task:
        """
        Create a task and return it at once; the one verb that spends.

        Refusals by the rate limit wait their turn; they are no failure.

        Args:
            request: What to generate. It was checked when you built it.
            callback_url: Where the service reports the end of the task: a URL, or a
                function that makes one from the request, such as
                ``CallbackReceiver.url_for``.

        Returns:
            The pending task: its ``id`` is what you paid for; ``created_at`` is None
            until the first look.

        Raises:
            OutcomeUnknownError: Sent, but the answer was lost; possibly paid for.
            BudgetExceededError: It could pass ``max_credits``; nothing was sent.
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
        callback_url: CallbackURL | None = None,
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
            callback_url: Where the service reports the end of the task: a URL, or a
                function that makes one from the request, such as
                ``CallbackReceiver.url_for``.

        Returns:
            The completed task; its files are in ``task.output.urls``.

        Raises:
            TaskFailedError: The generation failed. The service refunds it.
            WaitTimeoutError: Still not final; carries the ``task_id``, unless the
                request was withdrawn before it was sent or was on the wire.
            OutcomeUnknownError: Sent, but the answer was lost; possibly paid for.
            BudgetExceededError, NotSentError, APIError: As for `submit`; nothing was
                charged.

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
        callback_url: CallbackURL | None = None,
        until: asyncio.Event | None = None,
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
            callback_url: Where the service reports the end of each task: a URL, or a
                function that makes one from the request, such as
                ``CallbackReceiver.url_for``.

            until: Once it is set, buying is over: nothing more is read, what was read
                and not sent is yielded with `NotSentError`, and what is in flight is
                still collected.

        Yields:
            Outcomes as they complete; ``outcome.index`` is the place in the input.

        Raises:
            BillingError, BudgetExceededError: It concerns all requests. Nothing more is
                read; what is in flight is yielded, what was read and not sent is
                yielded with the error, then it is raised.
            AuthenticationError, PermissionDeniedError: The same.
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
        if not callable(callback_url):
            check_callback(callback_url)
        limit = self._session.setup.max_in_flight
        if max_in_flight is not None:
            limit = min(limit, read_count("max_in_flight", max_in_flight))
        seconds = read_seconds(timeout)
        return self._session.run(
            requests, limit, seconds, callback_url, until
        ).outcomes()
