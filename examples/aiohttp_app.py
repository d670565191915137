"""
Pictures in an aiohttp app: order one, look at it, or watch it live.

    python -m aiohttp.web -H 127.0.0.1 -P 8000 aiohttp_app:make_app
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress

from aiohttp import web
from aiohttp.typedefs import Handler

import aivideo_async as ai
from _shop import PATIENCE, answer, callback_url_of, owners, receiver_of, view
from aivideo_async.callbacks import CallbackReceiver

CLIENT = web.AppKey("CLIENT", ai.AsyncClient)
CLOSING = web.AppKey("CLOSING", asyncio.Event)
RECEIVER = web.AppKey("RECEIVER", CallbackReceiver)
STREAM = {"Content-Type": "text/event-stream", "Cache-Control": "no-store"}


def user(request: web.Request) -> str:
    """Say who is signed in; put your own sessions here."""
    if "X-User" not in request.headers:
        raise web.HTTPUnauthorized
    return request.headers["X-User"]


def own(request: web.Request) -> str:
    """Whoever knows an id could see the picture: let each see their own only."""
    if owners.get(task_id := request.match_info["task_id"]) != user(request):
        raise web.HTTPNotFound(text="No such shot.")
    return task_id


async def order(request: web.Request) -> web.Response:
    """Buy a picture, and do not wait for it."""
    app, name = request.app, user(request)
    try:
        prompt = (await request.json())["prompt"]
    except (ValueError, TypeError, KeyError):
        raise web.HTTPBadRequest(text='Send {"prompt": "…"}.') from None
    shot = ai.GptImage2(prompt, aspect_ratio="1:1")
    url = callback_url_of(app[RECEIVER])
    task = await app[CLIENT].submit(shot, callback_url=url)
    owners[task.id] = name
    links = {"id": task.id, "events": f"/shots/{task.id}/events"}
    return web.json_response(links, status=202)


async def look(request: web.Request) -> web.Response:
    """Look once."""
    return web.json_response(view(await request.app[CLIENT].get_task(own(request))))


async def events(request: web.Request) -> web.StreamResponse:
    """Tell each change; at a final one the browser has to close its EventSource."""
    task_id, app, task = own(request), request.app, None
    stream = web.StreamResponse(headers=STREAM)
    await stream.prepare(request)
    with suppress(ConnectionError):  # the browser has left
        try:
            async for task in app[CLIENT].watch(task_id, until=app[CLOSING]):
                await stream.write(event(task.status, view(task)))
        except ai.AIVideoError as error:  # too late for another status
            await stream.write(event("trouble", answer(error)[1]))
        else:
            if task is None or not task.is_final:  # the browser comes again
                await stream.write(event("closing", {}) + b"retry: 1000\n\n")
    return stream


def event(name: str, data: object) -> bytes:
    """Write one server-sent event."""
    return f"event: {name}\ndata: {json.dumps(data)}\n\n".encode()


@web.middleware
async def catch(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Say what it means for a visitor; what it means for your money is in the log."""
    try:
        return await handler(request)
    except ai.AIVideoError as error:
        status, body, headers = answer(error)
        return web.json_response(body, status=status, headers=headers)


async def one_client(app: web.Application) -> AsyncIterator[None]:
    """Close the client when the last answer is out."""
    async with app[CLIENT]:
        yield


async def close_streams(app: web.Application) -> None:
    """End what would not end by itself; aiohttp waits for answers after this."""
    app[CLOSING].set()


def make_app(arguments: list[str]) -> web.Application:
    """Put it together: one client for the whole process."""
    app = web.Application(middlewares=[catch])
    app[CLIENT], app[CLOSING] = ai.AsyncClient(retry=PATIENCE), asyncio.Event()
    app[RECEIVER] = receiver_of(app[CLIENT])
    app.add_routes(app[RECEIVER].aiohttp_routes("/hooks"))
    app.router.add_post("/shots", order)
    app.router.add_get("/shots/{task_id}", look)
    app.router.add_get("/shots/{task_id}/events", events)
    app.cleanup_ctx.append(one_client)
    app.on_shutdown.append(close_streams)
    return app
