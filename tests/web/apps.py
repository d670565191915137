"""The example apps as people run them: real servers, in processes of their own."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
from attrs import define, field

from aivideo_async import Emulator

__all__ = ["SERVERS", "App", "Event", "serve"]

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"

UVICORN = "uvicorn fastapi_app:app --timeout-graceful-shutdown {patience} --port {port}"
AIOHTTP = "aiohttp.web aiohttp_app:make_app -H 127.0.0.1 -P {port}"
SERVERS = {"fastapi": UVICORN, "aiohttp": AIOHTTP}

Event = tuple[str, Any]


@define
class App:
    """
    One of the apps, running.

    Attributes:
        url: Where it listens.
        process: Its process.
        session: A visitor's browser.
        log: What it has written so far.
        news: Set when it has written more, or has ended.
    """

    url: str
    process: Process
    session: aiohttp.ClientSession
    log: list[str] = field(factory=list)
    news: asyncio.Event = field(factory=asyncio.Event)

    async def order(self, prompt: str = "a red mug", user: str = "ann") -> Any:
        """Order a picture, and return the answer and its status."""
        return await self.ask("POST", "/shots", json={"prompt": prompt}, user=user)

    async def ask(
        self, method: str, path: str, *, user: str | None = "ann", **request: Any
    ) -> tuple[int, Any, Any]:
        """Return status, body and headers of an answer."""
        headers = {} if user is None else {"X-User": user}
        async with self.session.request(
            method, self.url + path, headers=headers, **request
        ) as answer:
            text = await answer.text()
            is_json = answer.content_type == "application/json"
            return answer.status, json.loads(text) if is_json else text, answer.headers

    async def watch(self, path: str) -> AsyncGenerator[Event]:
        """Yield the events of a stream until the server ends it."""
        headers = {"X-User": "ann"}
        async with self.session.get(self.url + path, headers=headers) as answer:
            assert (200, "text/event-stream") == (answer.status, answer.content_type)
            name = ""
            async for line in answer.content:
                kind, _, value = line.decode().rstrip("\n").partition(": ")
                if kind == "event":
                    name = value
                elif kind == "data":
                    yield name, json.loads(value)

    def stop(self, number: int) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    async def collect_log(self) -> None:
        """Read what it writes until it ends."""
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            self.log.append(line.decode())
            self.news.set()
        await self.process.wait()
        self.news.set()

    async def logged(self, text: str) -> None:
        """Wait until it has written *text*."""
        while not any(text in line for line in self.log):
            assert self.process.returncode is None, "".join(self.log)
            self.news.clear()
            await self.news.wait()


@asynccontextmanager
async def serve(
    kind: str, emulator: Emulator, *, patience: int = 10
) -> AsyncIterator[App]:
    """Run an app against *emulator*; kill it if it is still there at the end."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = SERVERS[kind].format(port=port, patience=patience).split()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-W", "error", "-m", *command),
        stdout=PIPE,
        stderr=STDOUT,
        env={
            "AIVIDEOAPI_API_KEY": emulator.api_key,
            "AIVIDEOAPI_BASE_URL": emulator.url,
            "PUBLIC_URL": f"http://127.0.0.1:{port}",
            "PYTHONPATH": os.pathsep.join(map(str, (ROOT, EXAMPLES))),
            "PYTHONUNBUFFERED": "1",
        },
    )
    connections = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connections) as session:
        app = App(f"http://127.0.0.1:{port}", process, session)
        reading = asyncio.ensure_future(app.collect_log())
        try:
            await app.logged("unning on ")
            yield app
        finally:
            if process.returncode is None:
                process.kill()
            await reading
