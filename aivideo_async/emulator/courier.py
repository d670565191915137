"""
Sends the emulator's callbacks, to this machine only.

The emulator is offline: an address that is not the loopback counts as unreachable, and
its name is not even looked up. An alarm on the loop is all there is between two
callbacks.
"""

from __future__ import annotations

import asyncio

import aiohttp
from yarl import URL

from aivideo_async.downloads.guard import loopback_origin, loopback_socket
from aivideo_async.emulator.callbacks import Call
from aivideo_async.emulator.core import Core

__all__ = ["Courier"]

PATIENCE = 10.0
"""Seconds for one attempt; how long the service waits is not documented."""

AT_ONCE = 50
"""How many attempts are under way at the same time."""

ELSEWHERE = "unreachable: the emulator calls this machine only"


class Courier:
    """
    Makes the callbacks of *core* when they are due, by the running loop's clock.

    Args:
        core: Says what is due, and is told the result.
        patience: Seconds for one attempt.
    """

    def __init__(self, core: Core, *, patience: float = PATIENCE) -> None:
        self._core = core
        self._patience = patience
        self._loop = asyncio.get_running_loop()
        self._alarm: asyncio.TimerHandle | None = None
        self._calls: set[asyncio.Task[None]] = set()
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, socket_factory=loopback_socket),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": "aivideo-async-emulator"},
            timeout=aiohttp.ClientTimeout(total=patience),
            trust_env=False,
        )

    def look(self) -> None:
        """Set the alarm for the next callback; to be called when one may be new."""
        due = self._core.callbacks.next_due
        if self._alarm is not None:
            if self._alarm.when() == due:
                return
            self._alarm.cancel()
            self._alarm = None
        if due is not None:
            self._alarm = self._loop.call_at(due, self._ring)

    async def close(self) -> None:
        """Send nothing more, and leave what is under way."""
        if self._alarm is not None:
            self._alarm.cancel()
        for task in self._calls:
            task.cancel()
        if self._calls:
            await asyncio.wait(self._calls)
        await self._session.close()

    def _ring(self) -> None:
        self._alarm = None
        for call in self._core.due_calls(self._loop.time()):
            task = self._loop.create_task(self._make(call))
            self._calls.add(task)
            task.add_done_callback(self._calls.discard)
        self.look()

    async def _make(self, call: Call) -> None:
        status, reason = None, ""
        try:
            async with self._slots:
                status = await self._post(call)
        except TimeoutError:
            reason = f"no answer within {self._patience:g} seconds"
        except (aiohttp.ClientError, OSError, ValueError) as error:
            reason = str(error) or type(error).__name__
        self._core.callbacks.note(
            call, now=self._loop.time(), status=status, reason=reason
        )
        self.look()

    async def _post(self, call: Call) -> int:
        url = URL(call.url)
        if loopback_origin(url) is None:
            raise ConnectionRefusedError(ELSEWHERE)
        async with self._session.post(
            url, data=call.body, headers=call.headers, allow_redirects=False
        ) as response:
            return response.status
