"""
The emulator on a real socket, for clients that speak HTTP.

It listens on the loopback only. All it adds to the core is the wire: bytes in, bytes
out, and every `Fate` as it looks from the other end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from aiohttp import web

from aivideo_async.emulator.live import Live
from aivideo_async.emulator.page import LivePage
from aivideo_async.emulator.reply import Fate, Reply
from aivideo_async.emulator.request import Request

__all__ = ["Server"]

HOST = "127.0.0.1"


class Server:
    """
    Serve what *handle* answers, and the live page in front of it.

    Args:
        handle: Turns a request into a reply, at once.
        live: What the live page shows.
        port: Where to listen; 0 for any free port.
    """

    def __init__(
        self, handle: Callable[[Request], Reply], live: Live, port: int = 0
    ) -> None:
        self._handle = handle
        self._port = port
        self._closing = asyncio.Event()
        app = web.Application()
        LivePage(live).add_to(app)
        app.router.add_route("*", "/{path:.*}", self._serve)
        app.on_response_prepare.append(_stay_anonymous)
        # Cancelled with its connection, so a hanging answer ends when the client goes.
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True)

    async def start(self) -> str:
        """
        Begin to listen and return the URL.

        Raises:
            OSError: The port is taken.
        """
        await self._runner.setup()
        await web.TCPSite(self._runner, HOST, self._port).start()
        return f"http://{HOST}:{self._runner.addresses[0][1]}"

    async def close(self) -> None:
        """End every connection, also those whose answer never comes."""
        self._closing.set()
        await self._runner.cleanup()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        reply = self._handle(
            Request(request.method, request.raw_path, request.headers, body)
        )
        if reply.delay:
            await self._pause(reply.delay)
        if reply.fate is Fate.HANG:
            await self._pause(None)
        if not reply.answered:
            return _drop(request, abruptly=reply.fate is not Fate.DROP_AFTER)
        content = reply.body
        if reply.picture is not None:
            content = await asyncio.to_thread(reply.content)
        if reply.fate is Fate.TRUNCATE:
            return await _truncate(request, reply, content)
        return web.Response(status=reply.status, headers=reply.headers, body=content)

    async def _pause(self, seconds: float | None) -> None:
        """Wait *seconds*, or without an end, but no longer than the server lives."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._closing.wait()


async def _stay_anonymous(request: web.Request, response: web.StreamResponse) -> None:
    response.headers.pop("Server", None)


def _drop(request: web.Request, *, abruptly: bool) -> web.Response:
    """Close the connection, with a reset or politely: a client meets both."""
    if request.transport is not None:
        if abruptly:
            request.transport.abort()
        else:
            request.transport.close()
    return web.Response()  # written to a closed connection, which aiohttp forgives


async def _truncate(
    request: web.Request, reply: Reply, content: bytes
) -> web.StreamResponse:
    """Promise the whole content, send half of it, and close."""
    response = web.StreamResponse(status=reply.status, headers=reply.headers)
    response.content_length = len(content)
    await response.prepare(request)
    await response.write(content[: len(content) // 2])
    if request.transport is not None:
        request.transport.close()
    return response
