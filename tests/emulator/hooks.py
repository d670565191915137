"""A receiver of callbacks, as a user's web application has one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from attrs import field, frozen

__all__ = ["Receiver", "receiving", "until"]


@frozen
class Receiver:
    """
    Where callbacks arrive.

    Attributes:
        url: Its address.
        got: The headers and the body of each callback, in order.
    """

    url: str
    got: list[tuple[dict[str, str], Any]] = field(factory=list)


@asynccontextmanager
async def receiving(*statuses: int | None) -> AsyncIterator[Receiver]:
    """
    Serve a receiver that answers with these statuses in turn, then with 200.

    None never answers.
    """
    answers: Iterator[int | None] = iter(statuses)
    closing = asyncio.Event()

    async def hook(request: web.Request) -> web.Response:
        receiver.got.append((dict(request.headers), await request.json()))
        status = next(answers, 200)
        if status is None:
            await closing.wait()
        headers = {"Location": "/elsewhere"} if status == 302 else {}
        return web.Response(status=status or 200, headers=headers)

    app = web.Application()
    app.router.add_post("/hook", hook)
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    receiver = Receiver(f"http://127.0.0.1:{runner.addresses[0][1]}/hook")
    try:
        yield receiver
    finally:
        closing.set()
        await runner.cleanup()


async def until(happened: Callable[[], object]) -> None:
    """Let the loop turn until something *happened*."""
    while not happened():
        await asyncio.sleep(0)
