"""
Run as a program: submit one create after another and tell what each cost in memory.

It takes the origin and a number of creates, and prints a line for each: the class of
the result, and by how many bytes the process grew beyond what it had ever needed.
"""

from __future__ import annotations

import asyncio
import logging
import re
import resource
import sys
from pathlib import Path

from aivideo_async import NO_RETRY, AsyncClient, GptImage2, Timeouts

STATUS = Path("/proc/self/status")


def peak() -> int:
    """Return the most bytes of memory that this program has ever used."""
    if STATUS.exists():  # else the peak of the process that started it counts too
        [line] = re.findall(r"VmHWM:\s+(\d+) kB", STATUS.read_text())
        return int(line) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


async def main(origin: str, count: int) -> None:
    """Submit and print."""
    logging.disable()
    limits = Timeouts(connect=1, read=1, total=2)
    async with AsyncClient(
        "sk-key", base_url=origin, retry=NO_RETRY, timeouts=limits, rate=1e6
    ) as client:
        for _ in range(count):
            before = peak()
            try:
                result: object = await client.submit(GptImage2("a mug"))
            except Exception as error:
                result = error
            print(type(result).__name__, peak() - before, flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
