"""
Three hundred creates at once, against a limit of 20 per second with a burst of 10.

The ideal is 300 POSTs in 14.5 seconds. Each client is used as its documents show, with
its defaults, one coroutine per create; ours without and with the limit known to it.
Nothing is simulated: every client takes its quarter of a minute or more.

    python -m benchmarks.submit_burst [--runs 3] [--peers] [--save NAME]
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from statistics import median
from typing import Any

from attrs import asdict, frozen

from aivideo_async import AsyncClient, GptImage2
from benchmarks._peers import PEERS, Peer
from benchmarks._report import save, table
from benchmarks._serving import fake_server
from benchmarks._sides import CREATE, payload

RATE, BURST, CREATES = 20, 10, 300
IDEAL = (CREATES - BURST) / RATE

Create = Callable[[int], Awaitable[Any]]
Open = Callable[[str], AbstractAsyncContextManager[Create]]
"""Opens a client on a URL; yields what makes its n-th create."""


def ours(rate: float | None) -> Open:
    """Open our client, with the limit known to it or not."""

    @asynccontextmanager
    async def opened(url: str) -> AsyncIterator[Create]:
        async with AsyncClient("sk-bench", base_url=url, rate=rate) as client:
            yield lambda number: client.submit(GptImage2(f"a mug {number}"))

    return opened


def theirs(peer: Peer) -> Open:
    """Open a peer."""

    @asynccontextmanager
    async def opened(url: str) -> AsyncIterator[Create]:
        async with peer(url) as calls:
            yield lambda number: calls.post(CREATE, payload(number))

    return opened


@frozen
class Burst:
    """What came of one burst; *times* is its duration as a multiple of the ideal."""

    succeeded: int
    posts: int
    times: float


async def burst(opens: Open, url: str) -> tuple[int, float]:
    """Make all creates at once; return how many succeeded, and the seconds it took."""
    succeeded = 0
    async with opens(url) as create:

        async def one(number: int) -> None:
            nonlocal succeeded
            try:
                await create(number)
            except Exception:
                logging.getLogger(__name__).debug("create %d", number, exc_info=True)
            else:
                succeeded += 1

        start = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for number in range(CREATES):
                group.create_task(one(number))
        return succeeded, time.monotonic() - start


def run(opens: Open) -> Burst:
    """Let one client meet a server of its own."""
    with fake_server("--rate", str(RATE), "--burst", str(BURST)) as server:
        succeeded, seconds = asyncio.run(burst(opens, server.url))
        return Burst(succeeded, server.counts()["posts"], seconds / IDEAL)


def typical(runs: list[Burst]) -> Burst:
    """Return the medians."""
    return Burst(
        round(median(one.succeeded for one in runs)),
        round(median(one.posts for one in runs)),
        median(one.times for one in runs),
    )


def measure(runs: int, *, peers: bool) -> dict[str, Burst]:
    """Let all clients take their turns."""
    sides = {"ours, nothing known": ours(None), "ours, rate=20": ours(RATE)}
    if peers:
        sides |= {name: theirs(peer) for name, peer in PEERS.items()}
    turns = [{name: run(opens) for name, opens in sides.items()} for _ in range(runs)]
    return {name: typical([turn[name] for turn in turns]) for name in sides}


def show(found: Mapping[str, Burst]) -> None:
    """Print the table."""
    print(
        f"{CREATES} creates at once against {RATE}/s, burst {BURST}; ideal {IDEAL} s\n"
    )
    head = ["", "succeeded", "POSTs", "seconds ÷ ideal"]
    table(
        [head]
        + [
            [n, one.succeeded, one.posts, f"{one.times:.2f}"]
            for n, one in found.items()
        ]
    )


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--runs", type=int, default=1, help="medians of so many")
    parser.add_argument("--peers", action="store_true", help="needs their group")
    parser.add_argument("--save", metavar="NAME", help="write NAME.json")
    options = parser.parse_args()
    found = measure(options.runs, peers=options.peers)
    show(found)
    if options.save:
        save(options.save, {name: asdict(one) for name, one in found.items()})


if __name__ == "__main__":
    main()
