"""Short words that the tests of downloads share."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from yarl import URL

from aivideo_async.downloads import Downloader, Limits
from aivideo_async.errors import DownloadError
from aivideo_async.models import Output, Task, TaskStatus
from tests.downloads.hosts import Handler

__all__ = [
    "NO_SECOND_TRY",
    "completed",
    "downloading",
    "failure",
    "names",
    "no_look",
    "part_file",
    "serving",
]

QUICK = Limits(pause=0.0)
NO_SECOND_TRY = Limits(pause=1e6)  # it would outlast the test


def completed(*urls: object, task_id: str = "t-1") -> Task:
    """Return a completed task with these files."""
    output = Output(urls=tuple(map(str, urls)))
    return Task(task_id, status=TaskStatus.COMPLETED, output=output)


async def no_look(task_id: str) -> Task:
    """Fail a test whose downloads should need no fresh look."""
    raise AssertionError(task_id)


@asynccontextmanager
async def downloading(
    own_origin: URL | None, **options: Any
) -> AsyncIterator[Downloader]:
    """Give a downloader with quick retries, and close it."""
    options = {"user_agent": "tests/1.0", "limits": QUICK, **options}
    downloader = Downloader(own_origin=own_origin, **options)
    try:
        yield downloader
    finally:
        await downloader.aclose()


def serving(body: bytes) -> Handler:
    """Answer every request with *body*."""

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(body=body)

    return handler


def names(folder: Path) -> list[str]:
    """Return everything that lies in *folder*, hidden files too."""
    return sorted(path.name for path in folder.iterdir())


async def part_file(folder: Path) -> None:
    """Wait until a download has begun to write into *folder*."""
    while not names(folder):
        await asyncio.sleep(0)


async def failure(
    downloader: Downloader, task: Task, folder: Path, **options: Any
) -> DownloadError:
    """Return the error that saving *task* raises."""
    with pytest.raises(DownloadError) as caught:
        await downloader.save(task, folder, **{"refresh": no_look, **options})
    return caught.value
