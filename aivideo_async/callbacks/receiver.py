"""The receiver: an address for each request, and the door at its end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Protocol

from aivideo_async.callbacks.address import Addresses
from aivideo_async.callbacks.intake import Call, Refused, read_task_id
from aivideo_async.callbacks.servers import (
    Receive,
    Scope,
    Send,
    serve_aiohttp,
    serve_asgi,
)
from aivideo_async.errors import AIVideoError, TaskFailedError

if TYPE_CHECKING:
    from aiohttp.web import RouteDef

    from aivideo_async.models.requests import GenerationRequest
    from aivideo_async.models.tasks import Task

__all__ = ["CallbackClient", "CallbackReceiver"]

MOST_AT_WORK = 256
MOST_REMEMBERED = 10_000
SETTLING = 5.0
"""Seconds for the service to say itself what its callback said; a stop waits for it."""

log = logging.getLogger("aivideo_async")


class CallbackClient(Protocol):
    """What a receiver asks of `AsyncClient`."""

    def called_back(self, task_id: str, callback_url: str | None = None) -> bool:
        """Note that the service says something about this task."""

    async def wait(self, task: str, *, timeout: float | None) -> Task:  # noqa: ASYNC109
        """Wait until the task is final."""


class CallbackReceiver:
    """
    Receives the service's callbacks, and believes none of them.

    It is an ASGI app, to be mounted in FastAPI, Starlette or Litestar; for aiohttp
    there is `aiohttp_routes`. Each request gets an address of its own from
    `url_for`. A call to another address is answered 404, one that is no callback 4xx, a
    good one 204 at once; and only then does the client look at that task again, so that
    whoever waits for it learns of its end now and not at the next poll. Polling goes on
    all the same: a lost callback costs time, never a result.

    Calls cost nothing. What a forged one can do is to make the client look once more,
    and with *on_task* for five seconds.

    Args:
        client: The `AsyncClient` whose tasks these are.
        url: The public address under which the receiver is mounted.
        secret: At least 22 characters that nobody can guess, the same in every process
            and after a restart, so that any of them takes any callback.
        on_task: Awaited with the final task, as the service tells it to our own key, once
            for each id; that is per process, so let it be harmless to repeat. It runs
            after the answer, before the server takes the call as done. What it raises
            is logged, and it is not called again for that task; when a server stops
            it, a WARNING names the task.

    Raises:
        ConfigurationError: The secret could be guessed, or the URL cannot be called.

    Example:
        >>> from aivideo_async.callbacks import CallbackReceiver
        >>> receiver = CallbackReceiver(
        ...     client, url="https://shop.example/hooks", secret="s" * 32
        ... )
        >>> task = await client.submit(
        ...     GptImage2("a blue mug"), callback_url=receiver.url_for
        ... )
    """

    def __init__(
        self,
        client: CallbackClient,
        *,
        url: str,
        secret: str,
        on_task: Callable[[Task], Awaitable[object]] | None = None,
    ) -> None:
        self._client = client
        self._addresses = Addresses(url, secret)
        self._on_task = on_task
        self._at_work = 0
        self._remembered: dict[str, None] = {}  # in the order of arrival

    def url_for(self, request: GenerationRequest | None = None) -> str:
        """
        Return a fresh address, for one request only.

        Pass the method itself, ``callback_url=receiver.url_for``, and the client asks it
        once for each request. So a callback also tells which request it belongs to, and
        can settle a create whose answer was lost.
        """
        return self._addresses.fresh()

    def aiohttp_routes(self, path: str) -> list[RouteDef]:
        """
        Return the receiver as routes of an aiohttp app, below *path*.

        The app's ``handler_cancellation`` has to stay off, as it is: the service hangs
        up after the answer, and the work begins there.

        Example:
            >>> from aiohttp import web
            >>> from aivideo_async.callbacks import CallbackReceiver
            >>> receiver = CallbackReceiver(
            ...     client, url="https://shop.example/hooks", secret="s" * 32
            ... )
            >>> len(web.Application().add_routes(receiver.aiohttp_routes("/hooks")))
            1
        """
        from aiohttp import web

        address = path.rstrip("/") + "/{token}"
        return [web.route("*", address, partial(serve_aiohttp, self._take))]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one call as an ASGI app."""
        await serve_asgi(self._take, scope, receive, send)

    async def _take(self, call: Call, answer: Callable[[int], Awaitable[None]]) -> None:
        """Answer *call* first, and act upon it then."""
        if not self._addresses.knows(call.token):
            await answer(404)
        elif self._at_work >= MOST_AT_WORK:
            await answer(503)  # the service delivers again in some minutes
        else:
            self._at_work += 1
            try:
                await self._admit(call, answer)
            finally:
                self._at_work -= 1

    async def _admit(
        self, call: Call, answer: Callable[[int], Awaitable[None]]
    ) -> None:
        try:
            task_id = await read_task_id(call)
        except Refused as refusal:
            await answer(refusal.status)
            return
        await answer(204)
        self._client.called_back(task_id, self._addresses.of(call.token))
        if self._on_task is None or task_id in self._remembered:
            return
        self._remember(task_id)
        try:
            await self._report(task_id, self._on_task)
        except asyncio.CancelledError:  # the server stops, or cancels its handlers
            self._remembered.pop(task_id, None)
            log.warning(
                "on_task was stopped for task %s, or before it. The task itself is "
                "safe: client.get_task(%r)",
                task_id,
                task_id,
            )
            raise

    def _remember(self, task_id: str) -> None:
        self._remembered[task_id] = None
        if len(self._remembered) > MOST_REMEMBERED:
            del self._remembered[next(iter(self._remembered))]

    async def _report(
        self, task_id: str, on_task: Callable[[Task], Awaitable[object]]
    ) -> None:
        try:
            task = await self._final(task_id)
        except AIVideoError as error:
            self._remembered.pop(task_id, None)  # so that another delivery may succeed
            log.warning("A callback about task %s led to nothing: %s", task_id, error)
            return
        try:
            await on_task(task)
        except Exception:
            log.exception(
                "on_task raised for task %s, and is not called again for it. The task "
                "itself is safe: client.get_task(%r)",
                task_id,
                task_id,
            )

    async def _final(self, task_id: str) -> Task:
        try:
            return await self._client.wait(task_id, timeout=SETTLING)
        except TaskFailedError as error:
            return error.task
