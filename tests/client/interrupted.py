"""
A script as people write it, to be interrupted: many at once, and a report at the end.

    python interrupted.py URL COUNT
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys

from aivideo_async import AsyncClient, GptImage2

__all__ = ["main"]


async def main(url: str, count: int) -> None:
    """Generate *count* pictures at once; say at the end what nobody got."""
    client = AsyncClient(
        "sk-emulator", base_url=url, max_connections=count, rate=1_000_000
    )
    requests = (GptImage2(f"a mug, number {number}") for number in range(count))
    try:
        async with client:
            await asyncio.gather(*(client.generate(request) for request in requests))
    finally:
        sys.stdout.write(json.dumps(client.unclaimed))


if __name__ == "__main__":
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
