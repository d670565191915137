"""
One URL into one file: limits, and another attempt where it may help.

A GET of a file costs nothing, so unlike a create it may be repeated: after a broken
connection, a cut-off file, a 429 or a 5xx. An attempt that brought the file well
forward counts as none, so that a large one arrives over a line that breaks often.

Rule: received bytes are counted, not promised ones.
"""

from __future__ import annotations

import asyncio
import ssl
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
from attrs import frozen
from yarl import URL

from aivideo_async.downloads.errors import ExpiredError, FetchError
from aivideo_async.downloads.hosts import Hosts, explained, read_url, shown
from aivideo_async.downloads.incoming import Incoming
from aivideo_async.policy.retry import read_retry_after

__all__ = ["Fetcher", "Limits"]

_EXPIRED = frozenset({401, 403, 404, 410})
_BUSY = frozenset({408, 425, 429})
_LONGEST_PAUSE = 30.0
_STRIDE = 64 * 1024  # bytes that count as progress


@frozen(kw_only=True)
class Limits:
    """
    What one file may take.

    Attributes:
        max_bytes: The largest file. It only keeps a broken host from filling the disk:
            ten minutes of 1080p video, the longest result that is documented, is
            smaller; memory holds some 3 MiB of a file, whatever its size.
        stall: Seconds within which an answer has to begin, and then each 64 KiB of it
            has to arrive: a trickle of bytes cannot hold its place.
        total: Seconds after which an attempt is given up however it goes. The next one
            queues behind the other files and continues; a file that cannot be
            continued has failed.
        attempts: Attempts in a row that bring a file forward by less than 64 KiB.
        pause: Seconds before the second attempt; doubled before each further one. A
            Retry-After counts instead, up to 30 seconds.

    Example:
        >>> Limits(attempts=1).stall
        60.0
    """

    max_bytes: int = 1024**3
    stall: float = 60.0
    total: float = 1800.0
    attempts: int = 3
    pause: float = 0.5


class Fetcher:
    """
    Fetches URLs into files, a few at a time.

    Args:
        own_origin: The API's origin; it may be local if it is loopback.
        proxy: The URL of an HTTP proxy for everything.
        ssl_context: Instead of aiohttp's own TLS settings.
        user_agent: What the hosts see.
        parallel: How many files are fetched at once.
        limits: What one file may take.

    Example:
        >>> fetcher = Fetcher(user_agent="shop/1.0", parallel=2)
        >>> asyncio.run(fetcher.aclose())
    """

    def __init__(
        self,
        *,
        own_origin: URL | None = None,
        proxy: str | URL | None = None,
        ssl_context: ssl.SSLContext | None = None,
        user_agent: str,
        parallel: int,
        limits: Limits | None = None,
    ) -> None:
        self._limits = limits or Limits()
        self._slots = asyncio.Semaphore(parallel)
        self._hosts = Hosts(
            own_origin=own_origin,
            proxy=proxy,
            ssl_context=ssl_context,
            user_agent=user_agent,
        )

    async def fetch(self, url: str, file: Incoming) -> Path:
        """
        Complete *file* from *url* and return its path.

        Raises:
            ExpiredError: The host does not serve it (401, 403, 404, 410); another URL
                may continue *file*.
            FetchError: Anything else.
        """
        failed, reached = 0, file.kept
        while True:
            try:
                async with self._slots:
                    return await self._attempt(read_url(url), file)
            except FetchError as error:
                failed += 1
                if file.kept >= reached + _STRIDE:
                    failed, reached = 1, file.kept
                if not error.transient or failed >= self._limits.attempts:
                    raise
                pause = error.retry_after or self._limits.pause * 2 ** (failed - 1)
            await asyncio.sleep(min(pause, _LONGEST_PAUSE))

    async def aclose(self) -> None:
        """Close the connections; downloads under way fail."""
        await self._hosts.aclose()

    async def _attempt(self, url: URL, file: Incoming) -> Path:
        """Ask for what is missing of *file*, and take what comes."""
        loop, limits, wanted = asyncio.get_running_loop(), self._limits, file.ask()
        end = loop.time() + limits.total
        try:
            async with (
                asyncio.timeout(min(limits.stall, limits.total)) as deadline,
                await self._hosts.get(url, wanted) as response,
            ):
                _check_status(response, file, is_part_wanted=bool(wanted))
                with explained(response.url):
                    return await self._receive(response, file, deadline, end)
        except TimeoutError:
            if loop.time() < end:
                what = f"sent less than 64 KiB in {limits.stall:g} seconds"
                raise FetchError(f"{shown(url)} {what}", transient=True) from None
            what = f"took over {limits.total:g} seconds"
            again = file.kept > 0  # or the next attempt would only take as long
            raise FetchError(f"{shown(url)} {what}", transient=again) from None

    async def _receive(
        self,
        response: aiohttp.ClientResponse,
        file: Incoming,
        deadline: asyncio.Timeout,
        end: float,
    ) -> Path:
        """Move an answer into *file*, and *deadline* on with each stride, up to *end*."""
        loop, stall, goal = asyncio.get_running_loop(), self._limits.stall, 0
        place = str(response.url.with_query(None))
        await file.begin(response.status, place, response.headers)
        self._check_size(response.url, file.total or 0)
        while data := await response.content.readany():
            await file.add(data)
            self._check_size(response.url, file.received)
            if file.received >= goal:
                goal = file.received + _STRIDE
                deadline.reschedule(min(loop.time() + stall, end))
        deadline.reschedule(None)  # it is all here: the disk may take its time
        return await file.finish()

    def _check_size(self, url: URL, size: int) -> None:
        most = self._limits.max_bytes
        if size > most:
            raise FetchError(f"{shown(url)} is larger than {most} bytes")


def _check_status(
    response: aiohttp.ClientResponse, file: Incoming, *, is_part_wanted: bool
) -> None:
    status = response.status
    if status == 200 or (status == 206 and is_part_wanted):
        return
    what = f"{shown(response.url)} answered {status}"
    if status in _EXPIRED:
        raise ExpiredError(what)
    passes = status in _BUSY or status >= 500
    if is_part_wanted and not passes:
        file.forget()
    raise FetchError(
        what,
        transient=passes or is_part_wanted,
        retry_after=read_retry_after(response.headers, datetime.now(UTC)),
    )
