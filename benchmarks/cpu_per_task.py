"""
CPU per task of the whole client, against a bare aiohttp loop.

One task is one create and three looks at a poll interval of zero, so that nothing but
the client's own work remains. Both sides do the same work against the same server, in
turn, and the table shows the median ratio of the pairs: absolute times are not stable
on a shared machine.

    python benchmarks/cpu_per_task.py [--tasks 3000] [--pairs 7] [--in-flight 64 512]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import aiohttp
from orjson import dumps, loads

from aivideo_async import AsyncClient, Backoff, GptImage2

HEADERS = {"Authorization": "Bearer sk-bench", "Content-Type": "application/json"}


@contextmanager
def fake_server() -> Iterator[str]:
    """Start the empty server in a process of its own; yield its URL."""
    command = [sys.executable, str(Path(__file__).with_name("_fake_server.py"))]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            port = json.loads(process.stdout.readline())["port"]
            yield f"http://127.0.0.1:{port}"
        finally:
            process.stdin.close()


async def bare(url: str, tasks: int, in_flight: int) -> None:
    """Do it by hand: one coroutine per task, nothing checked, nothing kept."""
    gate = asyncio.Semaphore(in_flight)
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, headers=HEADERS) as session:

        async def one(number: int) -> None:
            payload = {"model": "gpt-image-2", "input": {"prompt": f"a mug {number}"}}
            async with gate:
                async with session.post(
                    f"{url}/v1/images/generations", data=dumps(payload)
                ) as response:
                    task_id = loads(await response.read())["data"]["taskId"]
                while True:
                    async with session.get(f"{url}/v1/tasks/{task_id}") as response:
                        task = loads(await response.read())
                    if task["status"] == "completed":
                        return

        async with asyncio.TaskGroup() as group:
            for number in range(tasks):
                group.create_task(one(number))


async def ours(url: str, tasks: int, in_flight: int) -> None:
    """Do it with the client, every safety piece on."""
    async with AsyncClient(
        "sk-bench",
        base_url=url,
        max_in_flight=in_flight,
        rate=1e6,
        polling=Backoff(initial=0, cap=0),
    ) as client:
        prompts = (GptImage2(f"a mug {number}") for number in range(tasks))
        async for outcome in client.generate_many(prompts):
            outcome.unwrap()


Side = Callable[[str, int, int], Coroutine[None, None, None]]


def cpu_per_task(side: Side, url: str, tasks: int, in_flight: int) -> float:
    """Return the CPU seconds of this process per task."""
    start = time.process_time()
    asyncio.run(side(url, tasks, in_flight))
    return (time.process_time() - start) / tasks


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--tasks", type=int, default=3000)
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--in-flight", type=int, nargs="+", default=[64, 512])
    options = parser.parse_args()
    print(
        f"Python {platform.python_version()}, aiohttp {version('aiohttp')}, "
        f"{options.tasks} tasks, {options.pairs} pairs"
    )
    print(f"{'in flight':>9}  {'bare µs':>8}  {'ours µs':>8}  ratio (min … max)")
    with fake_server() as url:
        for side in (bare, ours):
            cpu_per_task(side, url, 200, 64)  # warm up
        for in_flight in options.in_flight:
            pairs = [
                tuple(
                    cpu_per_task(side, url, options.tasks, in_flight)
                    for side in (bare, ours)
                )
                for _ in range(options.pairs)
            ]
            ratios = sorted(mine / theirs for theirs, mine in pairs)
            print(
                f"{in_flight:>9}  "
                f"{statistics.median(p[0] for p in pairs) * 1e6:>8.0f}  "
                f"{statistics.median(p[1] for p in pairs) * 1e6:>8.0f}  "
                f"{statistics.median(ratios):.2f} "
                f"({ratios[0]:.2f} … {ratios[-1]:.2f})"
            )


if __name__ == "__main__":
    main()
