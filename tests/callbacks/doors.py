"""A receiver behind a real server of each kind, and a client that it can talk to."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import aiohttp
import uvicorn
from aiohttp import web
from attrs import define, field
from uvicorn.lifespan.off import LifespanOff

from aivideo_async import Task, TaskFailedError, TaskNotFoundError, TaskStatus
from aivideo_async.callbacks import CallbackReceiver

__all__ = ["DOORS", "SECRET", "Desk", "Door", "done", "open_door"]

OnTask = Callable[[Task], Awaitable[object]]

SECRET = "no-one-will-ever-guess-this"


def done(task_id: str = "t-1", status: TaskStatus = TaskStatus.COMPLETED) -> Task:
    """Make a task as our own key would see it."""
    return Task(task_id, status, model="gpt-image-2")


@define
class Desk:
    """
    A client that knows some tasks, and notes what a receiver asks of it.

    Attributes:
        tasks: What `wait` finds: a task, or what it raises.
        told: Each task that it was told of, with the address.
        waits: Each task that was waited for.
        slow: `wait` takes no end of time while this is not set.
    """

    tasks: dict[str, Task | Exception] = field(factory=dict)
    told: list[tuple[str, str | None]] = field(factory=list)
    waits: list[str] = field(factory=list)
    slow: asyncio.Event = field(factory=asyncio.Event)

    def called_back(self, task_id: str, callback_url: str | None = None) -> bool:
        """Note it."""
        self.told.append((task_id, callback_url))
        return task_id in self.tasks

    async def wait(self, task: str, *, timeout: float | None) -> Task:  # noqa: ASYNC109
        """Return the final task."""
        self.waits.append(task)
        await self.slow.wait()
        found = self.tasks.get(task, TaskNotFoundError("no such task", status=404))
        if isinstance(found, Exception):
            raise found
        if found.status is TaskStatus.FAILED:
            raise TaskFailedError(found)
        return found


@define
class Door:
    """
    A receiver that is being served.

    Attributes:
        desk: Its client.
        receiver: The receiver.
        url: Where it is mounted.
        session: Speaks HTTP to it.
    """

    desk: Desk
    receiver: CallbackReceiver
    url: str
    session: aiohttp.ClientSession

    async def call(
        self, url: str | None = None, *, method: str = "POST", **request: Any
    ) -> int:
        """Call *url*, a fresh address by default, and return the status."""
        if not {"json", "data"} & request.keys():
            request["json"] = {"id": "t-1", "status": "completed"}
        url = self.receiver.url_for() if url is None else url
        async with self.session.request(method, url, **request) as response:
            assert b"" == await response.read()
            return response.status

    @asynccontextmanager
    async def raw(
        self, *parts: bytes
    ) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        """
        Send raw bytes to a fresh address, and hang up at the end.

        The first part goes below the request line and the Host.
        """
        host, _, path = self.receiver.url_for().removeprefix("http://").partition("/")
        reader, writer = await asyncio.open_connection(*host.split(":"))
        writer.write(f"POST /{path} HTTP/1.1\r\nHost: {host}\r\n".encode())
        for part in parts:
            writer.write(part)
            await writer.drain()
        yield reader, writer
        writer.write_eof()
        with suppress(ConnectionError):
            await reader.read()  # until the server has noticed
        writer.close()


@asynccontextmanager
async def on_uvicorn(
    receiver: CallbackReceiver, listener: socket.socket
) -> AsyncIterator[None]:
    """Serve it as the ASGI app that it is."""
    server = uvicorn.Server(config := uvicorn.Config(receiver, log_config=None))
    config.load()
    server.lifespan = LifespanOff(config)
    await server.startup([listener])  # no `serve`, which looks ten times a second
    yield
    await server.shutdown([listener])


@asynccontextmanager
async def on_aiohttp(
    receiver: CallbackReceiver, listener: socket.socket
) -> AsyncIterator[None]:
    """Serve its routes."""
    app = web.Application()
    app.add_routes(receiver.aiohttp_routes("/hooks"))
    runner = web.AppRunner(app)
    await runner.setup()
    await web.SockSite(runner, listener).start()
    yield
    await runner.cleanup()


DOORS = {"uvicorn": on_uvicorn, "aiohttp": on_aiohttp}


@asynccontextmanager
async def open_door(kind: str, on_task: OnTask | None = None) -> AsyncIterator[Door]:
    """Serve a receiver on the loopback."""
    desk = Desk({"t-1": done()})
    desk.slow.set()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/hooks"
        receiver = CallbackReceiver(desk, url=url, secret=SECRET, on_task=on_task)
        async with DOORS[kind](receiver, listener), aiohttp.ClientSession() as session:
            yield Door(desk, receiver, url, session)
