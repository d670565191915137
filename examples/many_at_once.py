"""
Many pictures at once: outcomes as they complete, one failure among them no drama.

The prompts are read lazily, so they may come from a file of any size.
"""

import asyncio
from collections.abc import Iterator

from aivideo_async import AsyncClient, GptImage2

COLOURS = ["red", "blue", "green", "white", "black", "yellow"]


def catalogue() -> Iterator[GptImage2]:
    """One request per article; the key is the article's number."""
    for colour in COLOURS:
        prompt = f"a {colour} enamel mug on a white table, studio light"
        yield GptImage2(prompt, aspect_ratio="1:1", key=f"MUG-{colour.upper()}")


async def main() -> None:
    """Generate and download the whole catalogue, four at a time."""
    async with AsyncClient(max_in_flight=4) as client:
        async for outcome in client.generate_many(catalogue()):
            if outcome.ok:
                paths = await client.download(outcome.unwrap(), "pictures")
                print(outcome.request.key, *paths)
            else:
                print(outcome.request.key, "failed:", outcome.error)
        print((await client.credits()).balance, "credits left")


asyncio.run(main())
