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

AT_ONCE = 200
"""
How many attempts are under way at the same time.

A receiver that hangs holds a place for each of its tasks until patience runs out; with
so many places the callbacks to others still come on time.
"""

LEFT = "the emulator was left"

ELSEWHERE = "unreachable: the emulator calls this machine only"


class Courier:
    """
    Makes the callbacks of *core* when they are due, by the running loop's clock.

    Args:
        core: Says what is due, and is told the result.
        patience: Seconds for one attempt.
        at_once: How many attempts are under way at the same time.

    Attributes:
        loop: The loop that it lives in, whose clock is the core's.
    """

    def __init__(
        self, core: Core, *, patience: float = PATIENCE, at_once: int = AT_ONCE
    ) -> None:
        self._core = core
        self._patience = patience
        self._at_once = at_once
        self.loop = asyncio.get_running_loop()
        self._alarm: asyncio.TimerHandle | None = None
        self._calls: dict[asyncio.Task[tuple[int | None, str]], Call] = {}
        self._closed = False
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, socket_factory=loopback_socket),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": "aivideo-async-emulator"},
            timeout=aiohttp.ClientTimeout(total=patience),
            trust_env=False,
        )

    def look(self) -> None:
        """Set the alarm for the next callback; to be called when one may be new."""
        busy = self._closed or len(self._calls) >= self._at_once
        due = None if busy else self._core.callbacks.next_due
        if self._alarm is not None:
            if self._alarm.when() == due:
                return
            self._alarm.cancel()
            self._alarm = None
        if due is not None:
            self._alarm = self.loop.call_at(due, self._ring)

    async def close(self) -> None:
        """Send nothing more, and leave what is under way; the rest stays planned."""
        self._closed = True
        self.look()
        for task in self._calls:
            task.cancel()
        if self._calls:
            await asyncio.wait(self._calls)
        await self._session.close()

    def _ring(self) -> None:
        self._alarm = None
        room = self._at_once - len(self._calls)
        for call in self._core.callbacks.due(self.loop.time(), room):
            task = self.loop.create_task(self._make(call))
            self._calls[task] = call
            task.add_done_callback(self._note)
        self.look()

    def _note(self, task: asyncio.Task[tuple[int | None, str]]) -> None:
        call, now = self._calls.pop(task), self.loop.time()
        status, reason = (None, LEFT) if task.cancelled() else task.result()
        self._core.callbacks.note(call, now=now, status=status, reason=reason)
        self.look()

    async def _make(self, call: Call) -> tuple[int | None, str]:
        """Make one attempt; return the status that came back, or why none did."""
        try:
            return await self._post(call), ""
        except TimeoutError:
            return None, f"no answer within {self._patience:g} seconds"
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return None, str(error) or type(error).__name__

    async def _post(self, call: Call) -> int:
        url = URL(call.url)
        if loopback_origin(url) is None:
            raise ConnectionRefusedError(ELSEWHERE)
        call = self._core.written(call, self.loop.time())
        async with self._session.post(
            url, data=call.body, headers=call.headers, allow_redirects=False
        ) as response:
            return response.status
