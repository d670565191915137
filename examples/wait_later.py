"""
Buy now, pick up later: a task outlives the program that bought it.

Only the id matters; keep it wherever you keep things.
"""

import asyncio
from pathlib import Path

from aivideo_async import AsyncClient, GptImage2, WaitTimeoutError

NOTE = Path("task.txt")


async def buy() -> None:
    async with AsyncClient() as client:
        task = await client.submit(GptImage2("a blue mug on a white table"))
        NOTE.write_text(task.id)
        print("bought", task.id)


async def pick_up() -> None:
    async with AsyncClient() as client:
        try:
            task = await client.wait(NOTE.read_text(), timeout=600)
        except WaitTimeoutError as error:
            print("not yet; try again later:", error.task_id)
        else:
            print("ready:", *await client.download(task, "pictures"))


asyncio.run(buy())
asyncio.run(pick_up())
