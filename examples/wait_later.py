"""
Buy now, pick up later: a task outlives the program that bought it.

Only the id matters; keep it wherever you keep things.
"""

import asyncio
from pathlib import Path

from aivideo_async import AsyncClient, GptImage2, WaitTimeoutError

NOTE = Path("task.txt")


async def buy() -> str:
    """Submit, and return the id without waiting."""
    async with AsyncClient() as client:
        task = await client.submit(GptImage2("a blue mug on a white table"))
        print("bought", task.id)
        return task.id


async def pick_up(task_id: str) -> None:
    """Wait for a task that some other program bought."""
    async with AsyncClient() as client:
        try:
            task = await client.wait(task_id, timeout=600)
        except WaitTimeoutError as error:
            print("not yet; try again later:", error.task_id)
        else:
            print("ready:", *await client.download(task, "pictures"))


NOTE.write_text(asyncio.run(buy()))
asyncio.run(pick_up(NOTE.read_text()))
