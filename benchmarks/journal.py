"""
The journal: durable operations per second, and the CPU that each costs.

Writers take turns with the disk: each writes an intent, waits until it is durable, writes
the acceptance, waits again, like a worker of the client. Group commit is the journal as
it is; the other side commits each operation by itself. Both flush every commit, and they
are measured in turn, since a shared disk has its moods: only their ratio counts.

    python -m benchmarks.journal [--writers 1 16 64 256] [--seconds S] [--rounds N]
                                 [--folder PATH] [--save NAME]
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from attrs import asdict, frozen

from aivideo_async.journal import Intent, Journal, fingerprint
from aivideo_async.journal.writer import Job, Writer
from benchmarks._report import Series, plot, save, table

PATH = "/v1/images/generations"
BODY = b'{"model":"gpt-image-2","input":{"prompt":"%s"}}' % (b"a red mug, " * 20)
FINGERPRINT = fingerprint(PATH, BODY)
GROUP, EACH = "group commit", "a commit each"


@frozen
class Speed:
    """Durable operations per second, and microseconds of CPU for each."""

    per_second: float
    cpu: float


class OneByOne(Writer):
    """Commits each operation by itself."""

    def _start(self) -> Job | None:
        rest, self._queue = self._queue[1:], self._queue[:1]
        job = super()._start()
        self._queue += rest
        return job


@contextmanager
def opened(folder: Path, side: str) -> Iterator[Journal]:
    """Open a new journal that writes as *side* does."""
    with TemporaryDirectory(dir=folder) as name:
        journal = Journal(Path(name) / "bench.db")
        journal.open(origin="https://api.aivideoapi.ai", key_fingerprint="bench")
        if side == EACH and journal._writer is not None:
            journal._writer.__class__ = OneByOne
        yield journal


async def write(folder: Path, side: str, writers: int, seconds: float) -> Speed:
    """Let *writers* write for so many seconds."""
    done = 0

    async def one(number: int, end: float) -> None:
        nonlocal done
        count = 0
        while time.monotonic() < end:
            count += 1
            key = f"{number}-{count}"
            attempt, durable = journal.intend(
                Intent(key, "gpt-image-2", "POST", PATH, BODY, FINGERPRINT, 4700)
            )
            await durable
            await journal.accept(attempt, f"task-{key}")
            done += 2

    with opened(folder, side) as journal:
        cpu, start = time.process_time(), time.monotonic()
        async with asyncio.TaskGroup() as group:
            for number in range(writers):
                group.create_task(one(number, start + seconds))
        cpu, took = time.process_time() - cpu, time.monotonic() - start
        await journal.aclose()
    return Speed(done / took, cpu / done * 1e6)


def compare(folder: Path, writers: int, seconds: float, rounds: int) -> list[Speed]:
    """Let both sides take turns; return the medians of group commit and of the other."""
    runs = [
        [asyncio.run(write(folder, side, writers, seconds)) for side in (GROUP, EACH)]
        for _ in range(rounds)
    ]
    return [
        Speed(median(one.per_second for one in side), median(one.cpu for one in side))
        for side in zip(*runs, strict=True)
    ]


def show(found: dict[int, list[Speed]]) -> None:
    """Print the table."""
    print("Durable operations per second (µs of CPU for each)\n")
    head = ["writers", GROUP, EACH, "ratio"]
    rows: list[list[object]] = [
        [
            writers,
            f"{group.per_second:,.0f} ({group.cpu:.0f})",
            f"{each.per_second:,.0f} ({each.cpu:.0f})",
            f"{group.per_second / each.per_second:.1f}",
        ]
        for writers, (group, each) in found.items()
    ]
    table([head, *rows])


def keep(name: str, found: dict[int, list[Speed]]) -> None:
    """Write the figures and the picture."""
    sides = {
        side: {writers: speeds[place] for writers, speeds in found.items()}
        for place, side in enumerate((GROUP, EACH))
    }
    save(
        name,
        {
            side: {writers: asdict(speed) for writers, speed in speeds.items()}
            for side, speeds in sides.items()
        },
    )
    plot(
        name,
        "Durable operations per second",
        "writers",
        "per second",
        [
            Series(side, [(writers, one.per_second) for writers, one in speeds.items()])
            for side, speeds in sides.items()
        ],
    )


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--writers", type=int, nargs="+", default=[1, 16, 64, 256])
    parser.add_argument("--seconds", type=float, default=1.0, help="for each turn")
    parser.add_argument("--rounds", type=int, default=5, help="medians of so many")
    parser.add_argument("--folder", type=Path, help="on the disk to measure")
    parser.add_argument("--save", metavar="NAME", help="write NAME.json and NAME.svg")
    options = parser.parse_args()
    found = {
        writers: compare(options.folder, writers, options.seconds, options.rounds)
        for writers in options.writers
    }
    show(found)
    if options.save:
        keep(options.save, found)


if __name__ == "__main__":
    main()
