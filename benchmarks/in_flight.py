"""
What thousands of tasks in flight hold: memory, connections, the event loop.

Memory is that of tasks which are accepted and waited for, in a process of its own: what
Python has allocated, and what the system counts as resident, each as the growth from a
quarter of the tasks to all of them, so that the client itself and its connections do
not count. The requests themselves and, with ``generate``, the caller's coroutines do.

Lag is how late a timer rings while all tasks are looked at without a pause, and how much
of that this process spent itself: on a shared machine the rest is the time of others.
Connections are counted by the server, at most 64 of them being allowed to ours.

    python -m benchmarks.in_flight [--in-flight 4096] [--large] [--save NAME]
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import resource
import sys
import tracemalloc
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import asynccontextmanager
from multiprocessing import get_context
from time import thread_time
from typing import Any

from aivideo_async import AsyncClient, Backoff, GptImage2
from benchmarks._pinning import CLIENT, pin
from benchmarks._report import save, table
from benchmarks._serving import fake_server
from benchmarks._sides import Side, bare, ours

LARGE = 50_000
TICK = 0.005
"""Seconds between two looks at the clock."""
WARM_UP = 64

Row = dict[str, float]
Way = Callable[[AsyncClient, range], list[Coroutine[Any, Any, None]]]


def generate(client: AsyncClient, numbers: range) -> list[Coroutine[Any, Any, None]]:
    """Await each task in a coroutine of its own."""

    async def one(number: int) -> None:
        await client.generate(GptImage2(f"a mug {number}"))

    return [one(number) for number in numbers]


def generate_many(
    client: AsyncClient, numbers: range
) -> list[Coroutine[Any, Any, None]]:
    """Await them all in one loop."""

    async def run() -> None:
        requests = (GptImage2(f"a mug {number}") for number in numbers)
        async for _ in client.generate_many(requests):
            pass

    return [run()]


WAYS: dict[str, Way] = {"generate_many": generate_many, "generate": generate}


# --- memory ----------------------------------------------------------------------


def allocated() -> int:
    """Return the bytes that Python objects hold now."""
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


def resident() -> int:
    """Return the most bytes that this process has held at once."""
    gc.collect()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


METERS: dict[str, Callable[[], int]] = {"allocated": allocated, "resident": resident}


@asynccontextmanager
async def started(
    work: list[Coroutine[Any, Any, None]],
) -> AsyncIterator[None]:
    """Run *work* in the background; it ends with the context."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one) for one in work]
        yield
        for task in tasks:
            task.cancel()


async def hold(way: str, meter: str, url: str, tasks: int) -> float:
    """Have *tasks* in flight; return the bytes that each holds."""
    client = AsyncClient(
        "sk-bench",
        base_url=url,
        max_in_flight=tasks,
        rate=1e6,
        polling=Backoff(initial=3600.0, cap=3600.0),  # they wait, and do no more
    )
    quarter = tasks // 4
    first, rest = range(quarter), range(quarter, tasks)
    async with client, started(WAYS[way](client, first)):
        await accepted(client, quarter)
        before = METERS[meter]()
        async with started(WAYS[way](client, rest)):
            await accepted(client, tasks)
            return (METERS[meter]() - before) / len(rest)


async def accepted(client: AsyncClient, tasks: int) -> None:
    """Wait until so many tasks are accepted."""
    while client.stats().accepted < tasks:  # noqa: ASYNC110  (nobody tells us)
        await asyncio.sleep(0.1)


def held(way: str, meter: str, url: str, tasks: int) -> float:
    """Do the same in a fresh process; return KiB."""
    logging.disable()  # ids that nobody fetches: here that is the point
    if meter == "allocated":
        tracemalloc.start()
    return asyncio.run(hold(way, meter, url, tasks)) / 1024


def memory(tasks: int) -> dict[str, Row]:
    """Measure each way with each meter, each in a process of its own."""
    found: dict[str, Row] = {}
    with (
        fake_server() as server,
        ProcessPoolExecutor(
            1, mp_context=get_context("spawn"), max_tasks_per_child=1
        ) as processes,
    ):
        for way in WAYS:
            found[way] = {
                meter: processes.submit(held, way, meter, server.url, tasks).result()
                for meter in METERS
            }
    return found


# --- loop and connections --------------------------------------------------------


async def watched(side: Side, url: str, in_flight: int) -> dict[str, list[float]]:
    """Let *side* fill each place three times; return how late timers rang, and why."""
    loop = asyncio.get_running_loop()
    late: dict[str, list[float]] = {"lag": [], "own lag": []}
    await side(url, WARM_UP, WARM_UP)

    async def watch() -> None:
        while True:
            due, spent = loop.time() + TICK, thread_time()
            await asyncio.sleep(TICK)
            lag = loop.time() - due
            late["lag"].append(lag)
            # What was spent before it was due counts as well: at most a tick too much.
            late["own lag"].append(min(lag, thread_time() - spent))

    async with started([watch()]):
        await side(url, 3 * in_flight, in_flight)
    return late


def liveliness(side: Side, in_flight: int) -> Row:
    """Return lags in milliseconds, and the connections that the server saw."""
    with fake_server() as server:
        pin(CLIENT)
        late = asyncio.run(watched(side, server.url, in_flight))
        counts = server.counts()
    row = {}
    for name, seconds in late.items():
        row[f"{name} p99, ms"] = sorted(seconds)[int(0.99 * len(seconds))] * 1e3
        row[f"{name} longest, ms"] = max(seconds) * 1e3
    return {**row, "connections at most": counts["most"], "opened": counts["opened"]}


def show(title: str, rows: Mapping[str, Row], digits: int) -> None:
    """Print a table of numbers."""
    print(f"{title}\n")
    head = ["", *next(iter(rows.values()))]
    table(
        [head]
        + [[n, *(f"{x:.{digits}f}" for x in row.values())] for n, row in rows.items()]
    )


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--in-flight", type=int, default=4096)
    parser.add_argument("--large", action="store_true", help=f"memory at {LARGE}, too")
    parser.add_argument("--save", metavar="NAME", help="write NAME.json")
    options = parser.parse_args()
    found: dict[str, Any] = {}
    for tasks in [options.in_flight] + [LARGE] * options.large:
        found[f"KiB at {tasks}"] = rows = memory(tasks)
        show(f"KiB per task, {tasks:,} in flight", rows, 2)
    sides = {"bare aiohttp": bare, "ours": ours}
    rows = {name: liveliness(side, options.in_flight) for name, side in sides.items()}
    found[f"loop at {options.in_flight}"] = rows
    show(f"The event loop, {options.in_flight:,} in flight", rows, 0)
    if options.save:
        save(options.save, found)


if __name__ == "__main__":
    main()
