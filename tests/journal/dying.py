"""A program that buys until it is killed, and says what it knows to be durable."""

from __future__ import annotations

import asyncio
import os
import resource
import sys

from aivideo_async import JournalError
from aivideo_async.journal import Journal
from tests.journal.helpers import KEY, ORIGIN, intent

WRITERS = 16


async def buy(journal: Journal, writer: int) -> None:
    """Buy one item after the other."""
    number = 0
    while True:
        number += 1
        key = f"{os.getpid()}-{writer}-{number}"
        attempt, durable = journal.intend(intent(key))
        await durable
        print("intended", key, flush=True)
        await journal.accept(attempt, f"t-{key}")
        print("accepted", key, flush=True)


async def main(path: str, limit: int) -> None:
    """Buy for ever, or until the file would pass *limit* bytes."""
    journal = Journal(path)
    journal.open(origin=ORIGIN, key_fingerprint=KEY)
    if limit:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    trouble: asyncio.Future[JournalError] = asyncio.get_running_loop().create_future()

    def tell(error: JournalError) -> None:
        if not trouble.done():
            trouble.set_result(error)

    journal.on_trouble(tell)
    try:
        async with asyncio.TaskGroup() as group:
            for writer in range(WRITERS):
                group.create_task(buy(journal, writer))
            raise await trouble  # all of them may wait for room
    except* JournalError as group_error:
        print("refused", group_error.exceptions[0], flush=True)
    await journal.aclose()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
