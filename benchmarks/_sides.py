"""
The sides of a comparison: the same work, done by different clients.

One task is one create and three looks with no pause in between, so that nothing but
the client's own work remains.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import aiohttp
from orjson import dumps, loads

from aivideo_async import AsyncClient, Backoff, GptImage2
from benchmarks._peers import PEERS, Peer

__all__ = ["CREATE", "LOOK", "PEER_SIDES", "Side", "bare", "ours", "payload"]

CREATE, LOOK = "/v1/images/generations", "/v1/tasks"
HEADERS = {"Authorization": "Bearer sk-bench", "Content-Type": "application/json"}

Side = Callable[[str, int, int], Coroutine[None, None, None]]
"""Does so many tasks against a URL, so many of them in flight."""


def payload(number: int) -> dict[str, Any]:
    """Return the body of a create."""
    return {"model": "gpt-image-2", "input": {"prompt": f"a mug {number}"}}


async def bare(url: str, tasks: int, in_flight: int) -> None:
    """Do it by hand: one coroutine per task, nothing checked, nothing kept."""
    gate = asyncio.Semaphore(in_flight)
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, headers=HEADERS) as session:

        async def one(number: int) -> None:
            body = dumps(payload(number))
            async with gate:
                async with session.post(url + CREATE, data=body) as response:
                    task_id = loads(await response.read())["data"]["taskId"]
                while True:
                    async with session.get(f"{url}{LOOK}/{task_id}") as response:
                        task = loads(await response.read())
                    if task["status"] == "completed":
                        return

        async with asyncio.TaskGroup() as group:
            for number in range(tasks):
                group.create_task(one(number))


async def ours(url: str, tasks: int, in_flight: int) -> None:
    """Do it with the client, every safety piece on."""
    async with AsyncClient(
        "sk-bench",
        base_url=url,
        max_in_flight=in_flight,
        rate=1e6,
        polling=Backoff(initial=0, cap=0),
    ) as client:
        prompts = (GptImage2(f"a mug {number}") for number in range(tasks))
        async for outcome in client.generate_many(prompts):
            outcome.unwrap()


def _side(peer: Peer) -> Side:
    """Let *peer* do it, one coroutine per task."""

    async def run(url: str, tasks: int, in_flight: int) -> None:
        gate = asyncio.Semaphore(in_flight)
        async with peer(url) as calls:

            async def one(number: int) -> None:
                async with gate:
                    reply = await calls.post(CREATE, payload(number))
                    path = f"{LOOK}/{reply['data']['taskId']}"
                    while (await calls.get(path))["status"] != "completed":
                        pass

            async with asyncio.TaskGroup() as group:
                for number in range(tasks):
                    group.create_task(one(number))

    return run


PEER_SIDES: dict[str, Side] = {name: _side(peer) for name, peer in PEERS.items()}
