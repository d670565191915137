"""
How often a create is sent whose answer is lost; each time may be charged.

The server reads the whole request and closes the connection without a word, as a proxy
that restarts does. One call with each client's defaults; the right number is 1, and an
error that says that nobody knows what became of it.

    python -m benchmarks.lost_answer [--peers] [--save NAME]
"""

from __future__ import annotations

import argparse
import asyncio
import logging
from collections.abc import Mapping

from attrs import asdict, frozen

from benchmarks._peers import PEERS
from benchmarks._report import save, table
from benchmarks._serving import fake_server
from benchmarks.submit_burst import Open, ours, theirs


@frozen
class Lost:
    """How many requests the server read, and what the caller was told."""

    posts: int
    told: str


async def call(opens: Open, url: str) -> str:
    """Make one create; return the name of the error."""
    async with opens(url) as create:
        try:
            await create(0)
        except Exception as error:  # noqa: BLE001  (whatever a client raises)
            return type(error).__name__
    return "nothing"


def run(opens: Open) -> Lost:
    """Let one client lose an answer."""
    with fake_server("--lossy") as server:
        told = asyncio.run(call(opens, server.url))
        return Lost(server.counts()["posts"], told)


def measure(*, peers: bool) -> dict[str, Lost]:
    """Let each client lose one."""
    sides = {"ours": ours(None)}
    if peers:
        sides |= {name: theirs(peer) for name, peer in PEERS.items()}
    return {name: run(opens) for name, opens in sides.items()}


def show(found: Mapping[str, Lost]) -> None:
    """Print the table."""
    rows = [[name, one.posts, one.told] for name, one in found.items()]
    table([["", "POSTs for one call", "raised"], *rows])


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--peers", action="store_true", help="needs their group")
    parser.add_argument("--save", metavar="NAME", help="write NAME.json")
    options = parser.parse_args()
    logging.disable()  # the table says it
    found = measure(peers=options.peers)
    show(found)
    if options.save:
        save(options.save, {name: asdict(one) for name, one in found.items()})


if __name__ == "__main__":
    main()
