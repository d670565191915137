"""
CPU per task of the whole client, against a bare aiohttp loop and other clients.

One task is one create and three looks at a poll interval of zero. All sides do the
same work against the same server, in turn, client and server on a core each where the
system can do that. What counts is the median of each side's ratio to the bare loop of
the same round: absolute times are not stable on a shared machine.

    python -m benchmarks.cpu_per_task [--in-flight 64 512 4096] [--tasks N] [--rounds N]
                                      [--uvloop] [--peers] [--save NAME]

Peers take no part above 512 in flight, where most of them do not come to an end; one
that lets a task fail is left out of that column.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import math
import time
from collections.abc import Callable, Mapping
from statistics import median

from attrs import asdict, frozen

from benchmarks._pinning import CLIENT, pin
from benchmarks._report import Series, plot, save, table
from benchmarks._serving import FakeServer, fake_server
from benchmarks._sides import PEER_SIDES, Side, bare, ours

MOST_FOR_PEERS = 512
WARM_UP = 64
NewLoop = Callable[[], asyncio.AbstractEventLoop]


@frozen
class Runner:
    """A side, and the event loop it runs on."""

    side: Side
    new_loop: NewLoop = asyncio.new_event_loop

    def cpu(self, url: str, tasks: int, in_flight: int) -> float:
        """Return the CPU seconds of this process per task; infinity if one failed."""
        with asyncio.Runner(loop_factory=self.new_loop) as runner:
            start = time.process_time()
            try:
                runner.run(self.side(url, tasks, in_flight))
            except ExceptionGroup as failed:
                print("A task failed, so that side does not count:", failed)
                return math.inf
            return (time.process_time() - start) / tasks


@frozen
class Cost:
    """What a task costs one side: its median, and its ratios to the bare loop."""

    microseconds: float
    ratio: float
    least: float
    most: float

    def __str__(self) -> str:
        return f"{self.ratio:.2f} ({self.least:.2f} … {self.most:.2f})"


def runners(*, uvloop: bool, peers: bool) -> dict[str, Runner]:
    """Return who takes part; the bare loop comes first."""
    found = {"bare aiohttp": Runner(bare), "ours": Runner(ours)}
    if uvloop and importlib.util.find_spec("uvloop"):
        from uvloop import new_event_loop

        found["ours, uvloop"] = Runner(ours, new_event_loop)
    if peers:
        found |= {name: Runner(side) for name, side in PEER_SIDES.items()}
    return found


def compare(
    sides: Mapping[str, Runner], url: str, tasks: int, in_flight: int, rounds: int
) -> dict[str, Cost]:
    """Let all sides do the same in turn, several times."""
    for runner in sides.values():
        runner.cpu(url, WARM_UP, WARM_UP)
    seen = [
        {name: runner.cpu(url, tasks, in_flight) for name, runner in sides.items()}
        for _ in range(rounds)
    ]
    costs = {name: _cost(name, seen) for name in sides}
    return {name: cost for name, cost in costs.items() if cost.most < math.inf}


def _cost(name: str, seen: list[dict[str, float]]) -> Cost:
    ratios = [one[name] / one["bare aiohttp"] for one in seen]
    microseconds = round(median(one[name] for one in seen) * 1e6, 1)
    return Cost(microseconds, median(ratios), min(ratios), max(ratios))


def measure(
    server: FakeServer, sides: Mapping[str, Runner], options: argparse.Namespace
) -> dict[int, dict[str, Cost]]:
    """Compare at each number in flight."""
    found = {}
    for in_flight in options.in_flight:
        present = sides
        if in_flight > MOST_FOR_PEERS:
            present = {n: one for n, one in sides.items() if n not in PEER_SIDES}
        tasks = max(options.tasks, in_flight)
        found[in_flight] = compare(
            present, server.url, tasks, in_flight, options.rounds
        )
    return found


def show(found: Mapping[int, Mapping[str, Cost]]) -> None:
    """Print ratios, and what the bare loop took."""
    head = ["CPU ÷ bare (min … max)", *(f"{n} in flight" for n in found)]
    names = list(dict.fromkeys(name for row in found.values() for name in row))
    rows = [[n, *(str(row.get(n, "–")) for row in found.values())] for n in names]
    took = (f"{row['bare aiohttp'].microseconds:.0f} µs" for row in found.values())
    table([head, *rows, ["bare aiohttp, per task", *took]])


def keep(name: str, found: Mapping[int, Mapping[str, Cost]]) -> None:
    """Write the numbers and the picture."""
    rows = {
        str(n): {side: asdict(cost) for side, cost in row.items()}
        for n, row in found.items()
    }
    save(name, {"cpu": rows})
    sides = dict.fromkeys(side for row in found.values() for side in row)
    lines = [
        Series(s, [(n, row[s].ratio) for n, row in found.items() if s in row])
        for s in sides
    ]
    plot(name, "CPU per task, bare aiohttp = 1", "tasks in flight", "÷ bare", lines)


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--tasks", type=int, default=2000, help="at least in flight")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--in-flight", type=int, nargs="+", default=[64, 512, 4096])
    parser.add_argument("--uvloop", action="store_true", help="ours on uvloop, too")
    parser.add_argument("--peers", action="store_true", help="needs their group")
    parser.add_argument("--save", metavar="NAME", help="write NAME.json and NAME.svg")
    options = parser.parse_args()
    sides = runners(uvloop=options.uvloop, peers=options.peers)
    with fake_server() as server:
        pin(CLIENT)
        found = measure(server, sides, options)
    show(found)
    if options.save:
        keep(options.save, found)


if __name__ == "__main__":
    main()
