"""
The emulator without a socket: the client's transport port, answered in memory.

It turns each `Fate` into the `Exchange` that a real wire would leave behind. Waiting
is done on the running loop, so under a loop whose clock jumps a hang costs nothing.
"""

from __future__ import annotations

import asyncio

from aivideo_async.emulator.core import API_KEY
from aivideo_async.emulator.emulator import ELSEWHERE, Emulator
from aivideo_async.emulator.reply import Fate, Reply
from aivideo_async.emulator.request import Request
from aivideo_async.models.wire import Exchange, Fault, FaultKind, WireRequest

__all__ = ["EmulatorTransport"]

HEADERS = {"authorization": f"Bearer {API_KEY}", "content-type": "application/json"}


class EmulatorTransport:
    """
    Exchange requests with *emulator* in memory.

    It brings the emulator's key by itself. Like every transport it never raises but
    CancelledError, and it sets ``request.sent`` before the emulator works.

    Args:
        emulator: Who answers; it need not be entered. One that is served in another
            loop cannot be reached like this.
        total: Seconds after which an answer that does not come is a timeout.

    Example:
        >>> from aivideo_async.emulator import Emulator
        >>> transport = EmulatorTransport(Emulator())
        >>> exchange = await transport.exchange(WireRequest("GET", "/v1/credits"))
        >>> exchange.status
        200
    """

    def __init__(self, emulator: Emulator, *, total: float = 120.0) -> None:
        self._emulator = emulator
        self._total = total

    async def exchange(self, request: WireRequest) -> Exchange:
        """Send *request* once and describe what happened."""
        await asyncio.sleep(0)  # a caller may be cancelled before anything is sent
        if not self._emulator.within_reach:
            return Exchange(False, error=Fault(FaultKind.CONNECT, ELSEWHERE))
        request.sent = True
        reply = self._emulator.handle(
            Request(request.method, request.path, HEADERS, request.body or b"")
        )
        if reply.fate is Fate.HANG or reply.delay > self._total:
            await asyncio.sleep(self._total)
            return _broken(FaultKind.TIMEOUT, f"no answer within {self._total:g} s")
        await asyncio.sleep(reply.delay)
        return _exchange(reply)

    async def aclose(self) -> None:
        """Close nothing: there is no connection."""


def _exchange(reply: Reply) -> Exchange:
    if not reply.answered:
        return _broken(FaultKind.BROKEN, "server disconnected")
    content = reply.content()
    headers = {**reply.headers, "content-length": str(len(content))}
    if reply.fate is Fate.ANSWER:
        return Exchange(True, reply.status, headers, content)
    fault = Fault(FaultKind.BROKEN, "the answer broke off")
    return Exchange(True, reply.status, headers, content[: len(content) // 2], fault)


def _broken(kind: FaultKind, detail: str) -> Exchange:
    return Exchange(True, error=Fault(kind, detail))
