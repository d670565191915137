"""
The three requests of the service's own page for GPT Image 2.

Key and address come from AIVIDEOAPI_API_KEY and AIVIDEOAPI_BASE_URL; the test suite runs
it against the emulator.
"""

import asyncio

from aivideo_async import AsyncClient, GptImage2

REQUESTS = [
    GptImage2(
        "A cinematic night city poster with neon reflections on a rainy street.",
        aspect_ratio="16:9",
        nsfw_checker=True,
    ),
    GptImage2(
        "Convert this room into a warm Scandinavian interior design render",
        image_urls=["https://example.com/room.jpg"],
        aspect_ratio="3:2",
    ),
    GptImage2(
        "An ancient castle under a starry sky, cinematic composition",
        aspect_ratio="16:9",
        resolution="4k",
    ),
]


async def main() -> None:
    """Send them one after the other."""
    async with AsyncClient() as client:
        for request in REQUESTS:
            task = await client.generate(request)
            print(request.resolution, request.price, "credits", *task.output.urls)


asyncio.run(main())
