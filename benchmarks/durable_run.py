"""
What a journal costs a run: the CPU of `generate_many` with one, against the same without.

One task is one create and three looks at a poll interval of zero, so that nothing hides
what the journal takes: durable intent, acceptance, end and claim of each task, and the
questions it is asked. Both sides do the same in turn, with a new journal each time; what
counts is the median of the ratios within a round. Saving the pictures, which a real run
does too, costs both sides the same and would make the ratio look better.

    python -m benchmarks.durable_run [--in-flight 16 64 256] [--tasks N] [--rounds N]
                                     [--folder PATH] [--save NAME]
"""

from __future__ import annotations

import argparse
import asyncio
import sqlite3
import time
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from attrs import asdict, frozen

from aivideo_async import AsyncClient, Backoff, GptImage2
from benchmarks._pinning import CLIENT, pin
from benchmarks._report import Series, plot, save, table
from benchmarks._serving import fake_server


@frozen
class Cost:
    """Microseconds of CPU per task on both sides, and the ratios of the rounds."""

    plain: float
    durable: float
    ratio: float
    least: float
    most: float


async def run(url: str, tasks: int, in_flight: int, journal: Path | None) -> None:
    """Generate so many pictures, each with a key of its own."""
    async with AsyncClient(
        "sk-bench",
        base_url=url,
        max_in_flight=in_flight,
        rate=1e6,
        polling=Backoff(initial=0, cap=0),
        journal=journal,
    ) as client:
        requests = (GptImage2(f"a mug {n}", key=f"mug-{n}") for n in range(tasks))
        async for outcome in client.generate_many(requests):
            outcome.unwrap()


def cpu(url: str, tasks: int, in_flight: int, journal: Path | None) -> float:
    """Return the CPU seconds per task, those of the writer's thread included."""
    start = time.process_time()
    asyncio.run(run(url, tasks, in_flight, journal))
    return (time.process_time() - start) / tasks


def compare(
    url: str, folder: Path | None, tasks: int, in_flight: int, rounds: int
) -> Cost:
    """Let both sides do the same in turn, several times."""
    seen: list[tuple[float, float]] = []
    for _ in range(rounds):
        with TemporaryDirectory(dir=folder) as name:
            plain = cpu(url, tasks, in_flight, None)
            seen.append((plain, cpu(url, tasks, in_flight, Path(name, "bench.db"))))
    ratios = [durable / plain for plain, durable in seen]
    plain, durable = (round(median(side) * 1e6, 1) for side in zip(*seen, strict=True))
    return Cost(plain, durable, median(ratios), min(ratios), max(ratios))


def show(found: Mapping[int, Cost]) -> None:
    """Print the table."""
    rows = [
        [
            in_flight,
            f"{cost.plain:.0f}",
            f"{cost.durable:.0f}",
            f"{cost.ratio:.2f} ({cost.least:.2f} … {cost.most:.2f})",
        ]
        for in_flight, cost in found.items()
    ]
    table([["in flight", "µs without", "µs with", "ratio (min … max)"], *rows])


def keep(name: str, found: Mapping[int, Cost]) -> None:
    """Write the figures and the picture."""
    versions = {"aiohttp": version("aiohttp"), "sqlite": sqlite3.sqlite_version}
    save(name, versions | {"cpu": {str(n): asdict(one) for n, one in found.items()}})
    lines = [
        Series("with a journal", [(n, one.durable) for n, one in found.items()]),
        Series("without", [(n, one.plain) for n, one in found.items()]),
    ]
    plot(name, "CPU per task", "tasks in flight", "µs", lines)


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--in-flight", type=int, nargs="+", default=[16, 64, 256])
    parser.add_argument("--tasks", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--folder", type=Path, help="on the disk to measure")
    parser.add_argument("--save", metavar="NAME", help="write NAME.json and NAME.svg")
    options = parser.parse_args()
    with fake_server() as server:
        pin(CLIENT)
        cpu(server.url, 64, 64, None)  # warm up
        found = {
            n: compare(server.url, options.folder, options.tasks, n, options.rounds)
            for n in options.in_flight
        }
    show(found)
    if options.save:
        keep(options.save, found)


if __name__ == "__main__":
    main()
