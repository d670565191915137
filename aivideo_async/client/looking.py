"""The verbs that cost nothing: they look, wait, read and save, and may be repeated."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import TYPE_CHECKING

from aivideo_async.client.options import read_seconds, read_task_id
from aivideo_async.client.session import Session
from aivideo_async.errors import TaskFailedError
from aivideo_async.models.requests import GenerationRequest
from aivideo_async.models.tasks import (
    Credits,
    Estimate,
    Task,
    TaskStatus,
    is_task_id,
)

if TYPE_CHECKING:
    from aivideo_async.downloads import DownloadProgress

__all__ = ["Looking"]


class Looking:
    """`wait`, `watch`, `get_task`, `credits`, `estimate`, `download` and `called_back`."""

    _session: Session

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

    def watch(
        self, task: Task | str, *, until: asyncio.Event | None = None
    ) -> AsyncGenerator[Task]:
        """
        Watch a task: yield it as it is now, then each time that it changes.

        All who watch a task share one poller, and a slow one skips snapshots. It ends
        after the final snapshot, be the task completed or failed: that is no error.

        Args:
            task: A task or its id.
            until: Ends the watching when it is set, such as the event of
                `shutdown_event`, so that a stream to a browser does not keep a server
                from stopping.

        Yields:
            The task; its ``status`` or ``progress`` is new each time.

        Raises:
            TaskNotFoundError: No such task for this key (tolerated for 30 s after our
                own create). Looks that merely break end nothing.
            WaitTimeoutError: The client was closed first; the task goes on.

        Leaving the loop or cancelling it never touches the task.

        Example:
            >>> task = await client.submit(GptImage2("a blue mug"))
            >>> [seen.status.value async for seen in client.watch(task)][-1]
            'completed'
        """
        return self._session.watch(read_task_id(task), until)

    def called_back(self, task_id: str, callback_url: str | None = None) -> bool:
        """
        Take the hint that something happened to a task: look at it now.

        This is for whoever receives the service's callbacks, as `CallbackReceiver`
        does. Nothing is believed: whoever waits for the task has it looked at once, at
        most every second, so that a forged hint or the tenth copy of one does no harm.

        Args:
            task_id: The id that the callback names.
            callback_url: The URL that was called. If a function made it for one request
                only, and the outcome of that create is unknown, the task is looked at;
                if it fits, it is kept in `unclaimed`, and its id is set as ``task_id``
                of the `OutcomeUnknownError` that was raised.

        Returns:
            Whether anybody here was waiting for that task or that URL.

        Example:
            >>> client.called_back("57c8772c-f834-46f3-9b7d-81f92e104050")
            False
        """
        return is_task_id(task_id) and self._session.called_back(task_id, callback_url)

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

        If they fell by more since the last reading than the price table explains, a
        WARNING says so: the table is out of date, or the account is used elsewhere.

        Example:
            >>> (await client.credits()).balance > 0
            True
        """
        return await self._session.credits()

    async def estimate(self, request: GenerationRequest) -> Estimate:
        """
        Ask the service what *request* would cost; buys nothing.

        The path (``POST /v1/estimate``) is documented for one model and its answer for
        none, so ``credits`` may be None; ``raw`` holds what came.

        Raises:
            APIError: The service does not estimate this one.
            NetworkError, UnexpectedResponseError: The question broke; ask again.

        Example:
            >>> (await client.estimate(GptImage2("a red mug"))).raw["code"]
            200
        """
        return await self._session.estimate(request)

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
        Download as many tasks at once as you like: a few files are fetched at a time,
        and the others wait. Cancelling leaves nothing behind.

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
