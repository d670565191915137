"""
All files of one task into a folder, with one fresh look when their URLs have expired.

Saving is free and can be repeated: nothing here creates a task, and a file that is
already there is replaced by the same result.
"""

from __future__ import annotations

import os
import ssl as tls
from collections.abc import Awaitable, Callable
from pathlib import Path

import anyio
from yarl import URL

from aivideo_async.downloads.errors import ExpiredError, FetchError
from aivideo_async.downloads.fetch import Fetcher, Limits
from aivideo_async.downloads.files import PartFile, file_stem
from aivideo_async.downloads.incoming import Incoming
from aivideo_async.downloads.progress import Meter, OnProgress
from aivideo_async.errors import AIVideoError, DownloadError, OutputExpiredError
from aivideo_async.models.tasks import Task, TaskStatus, is_task_id
from aivideo_async.models.wire import printable

__all__ = ["Downloader"]

_Found = dict[int, Path | FetchError | AIVideoError]


class Downloader:
    """
    Saves the files of completed tasks; makes no connection before the first save.

    It has connections of its own and is never told the API key. It fetches from public
    https hosts only, and from the API's own origin when that is loopback (the emulator).

    Args:
        own_origin: The API's origin.
        proxy: The URL of an HTTP proxy, through which everything goes. It resolves the
            names and connects, so a private address behind a public name is then the
            proxy's to refuse; addresses and local names in a URL still are ours.
        ssl: TLS settings instead of the default ones.
        user_agent: What the file hosts see.
        parallel: How many files are fetched at once, over all saves.
        limits: What one file may take.

    Example:
        >>> import asyncio
        >>> downloader = Downloader(user_agent="shop/1.0", parallel=4)
        >>> asyncio.run(downloader.aclose())
    """

    def __init__(
        self,
        *,
        own_origin: URL | None = None,
        proxy: str | URL | None = None,
        ssl: tls.SSLContext | None = None,
        user_agent: str,
        parallel: int = 8,
        limits: Limits | None = None,
    ) -> None:
        self._fetcher = Fetcher(
            own_origin=own_origin,
            proxy=proxy,
            ssl_context=ssl,
            user_agent=user_agent,
            parallel=parallel,
            limits=limits,
        )

    async def save(
        self,
        task: Task,
        folder: str | os.PathLike[str],
        *,
        refresh: Callable[[str], Awaitable[Task]],
        on_progress: OnProgress | None = None,
    ) -> list[Path]:
        """
        Save the files of *task* as ``{task.id}.png``, ``{task.id}-2.png`` … in *folder*.

        Each file appears complete or not at all, also under a cancel, a crash or a full
        disk; the suffix follows its content (``.bin`` if that is unknown). One file that
        fails does not keep its siblings from being saved.

        Args:
            task: A completed task.
            folder: Where the files go; created when missing.
            refresh:
                Looks the task up anew, when a host does not serve a URL (any more), also
                in the middle of a file. One look serves all files; what it raises
                passes through.
            on_progress: Told how far each file is, on the loop's thread.

        Returns:
            The paths, in the order of ``task.output.urls``.

        Raises:
            OutputExpiredError: A file is not served, not even at a fresh URL.
            DownloadError: A file could not be saved, for the reason in its text. The
                task stays paid and its result is not lost.

        Example:
            >>> import asyncio
            >>> async def look(task_id: str) -> Task:
            ...     return Task(task_id)
            >>> downloader = Downloader(user_agent="shop/1.0")
            >>> try:
            ...     asyncio.run(downloader.save(Task("t-1"), "out", refresh=look))
            ... except DownloadError as error:
            ...     print(error)
            Task t-1 has no files: it is pending, not completed.
        """
        links, found = _Links(task, refresh), _Found()

        async def save_one(index: int) -> None:
            meter = Meter(on_progress, task.id, index)
            part = PartFile(Path(folder), file_stem(task.id, index))
            try:
                async with Incoming(part, meter) as file:
                    found[index] = await self._fetch(links, index, file)
            except (FetchError, AIVideoError) as error:
                found[index] = error  # a result, so that it stops no sibling

        try:
            async with anyio.create_task_group() as group:
                for index in links.urls:
                    group.start_soon(save_one, index)
        except BaseExceptionGroup as errors:  # callers know nothing of the group
            raise errors.exceptions[0] from None
        return [_path(task.id, found[index]) for index in sorted(found)]

    async def aclose(self) -> None:
        """Close the connections; saves under way fail with `DownloadError`."""
        await self._fetcher.aclose()

    async def _fetch(self, links: _Links, index: int, file: Incoming) -> Path:
        """Complete *file*, if need be in its middle from a fresh URL."""
        try:
            return await self._fetcher.fetch(links.urls[index], file)
        except ExpiredError:
            fresh = await links.fresh(index)
            if fresh is None:
                raise
            return await self._fetcher.fetch(fresh, file)


class _Links:
    """The URLs of one task; one fresh look is enough for all its files."""

    def __init__(self, task: Task, refresh: Callable[[str], Awaitable[Task]]) -> None:
        self.urls = _urls(task)
        self._task_id = task.id
        self._refresh = refresh
        self._fresh: dict[int, str] | None = None
        self._lock = anyio.Lock()

    async def fresh(self, index: int) -> str | None:
        """Return the fresh URL of a file, or None if there is none any more."""
        async with self._lock:
            if self._fresh is None:
                self._fresh = _urls(await self._refresh(self._task_id))
        return self._fresh.get(index)


def _urls(task: Task) -> dict[int, str]:
    """Return the URLs of *task* by their place, or raise why there are none."""
    if not is_task_id(task.id):
        raise DownloadError(f"{printable(task.id, 40)!r} is not a task id.")
    if task.status is not TaskStatus.COMPLETED:
        raise DownloadError(
            f"Task {task.id} has no files: it is {task.status.value}, not completed.",
            task_id=task.id,
        )
    if task.output is None or not task.output.urls:
        raise DownloadError(
            f"Task {task.id} is completed, but its output names no file; "
            "look at it again with get_task, which costs nothing.",
            task_id=task.id,
        )
    return dict(enumerate(task.output.urls))


def _path(task_id: str, found: Path | FetchError | AIVideoError) -> Path:
    if isinstance(found, Path):
        return found
    if isinstance(found, AIVideoError):
        raise found
    if isinstance(found, ExpiredError):
        raise OutputExpiredError(
            f"Task {task_id}: {found}, and a fresh look at the task gave no URL that "
            "works. The task is paid; its id is what to ask the service's support with.",
            task_id=task_id,
        )
    raise DownloadError(
        f"Task {task_id} could not be saved: {found}. The task is paid and its result "
        "is not lost; call download again.",
        task_id=task_id,
    ) from found.__cause__
