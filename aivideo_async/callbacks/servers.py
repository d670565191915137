"""
The two kinds of door, each as thin as its server allows.

Both hand a `Call` to *take*, together with a way to answer that returns when the answer
has gone out; what *take* does afterwards keeps nobody waiting.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from aivideo_async.callbacks.intake import Call, Refused

if TYPE_CHECKING:
    from aiohttp import web

__all__ = ["Receive", "Scope", "Send", "Take", "serve_aiohttp", "serve_asgi"]

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Take = Callable[[Call, Callable[[int], Awaitable[None]]], Awaitable[None]]


async def serve_asgi(take: Take, scope: Scope, receive: Receive, send: Send) -> None:
    """Serve one ASGI connection."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.close"})
        return
    if scope["type"] != "http":
        raise ValueError(f"A CallbackReceiver does not serve {scope['type']!r}.")
    headers = {
        name.decode("latin-1"): value.decode("latin-1")
        for name, value in scope["headers"]
    }

    async def answer(status: int) -> None:
        lines = _headers(status).items()
        head = [(name.lower().encode(), value.encode()) for name, value in lines]
        with suppress(OSError):  # nobody listens any more
            await send(
                {"type": "http.response.start", "status": status, "headers": head}
            )
            await send({"type": "http.response.body"})

    call = Call(
        method=scope["method"],
        token=scope["path"].rstrip("/").rpartition("/")[2],
        content_type=headers.get("content-type", ""),
        task_id=headers.get("x-task-id", ""),
        read=_reader(receive),
    )
    await take(call, answer)


def _reader(receive: Receive) -> Callable[[], Awaitable[bytes]]:
    more = True

    async def read() -> bytes:
        nonlocal more
        chunk = b""
        while more and not chunk:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise Refused(400)
            chunk = message.get("body", b"")
            more = message.get("more_body", False)
        return chunk

    return read


async def serve_aiohttp(take: Take, request: web.Request) -> web.StreamResponse:
    """Serve one request to an aiohttp route that ends in ``{token}``."""
    from aiohttp import web

    response = web.Response()
    response.force_close()  # the connection is ours until we are done

    async def read() -> bytes:
        try:
            return await request.content.readany()
        except (ConnectionError, web.RequestPayloadError):
            raise Refused(400) from None

    async def answer(status: int) -> None:
        response.set_status(status)
        response.headers.update(_headers(status))
        with suppress(ConnectionError):  # nobody listens any more
            await response.prepare(request)
            await response.write_eof()

    call = Call(
        method=request.method,
        token=request.match_info["token"],
        content_type=request.headers.get("Content-Type", ""),
        task_id=request.headers.get("X-Task-Id", ""),
        read=read,
    )
    await take(call, answer)
    return response


def _headers(status: int) -> dict[str, str]:
    headers = {} if status == 204 else {"Content-Length": "0"}
    return headers | ({"Allow": "POST"} if status == 405 else {})
