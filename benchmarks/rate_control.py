"""
Rate control against limits that nobody publishes, in virtual time.

A client that always has work (100 calls at once, 50 ms away) meets a limit it does not
know. The tables show which part of the limit it used and how many of a thousand
requests were refused, after the first five minutes of an hour; what a crowd of 300
creates costs; and how long a changed limit takes to find.

    python -m benchmarks.rate_control [--short]
"""

from __future__ import annotations

import argparse
import math
import random
import time
from collections.abc import Callable
from typing import Any

from aivideo_async.policy.pinprobe import PinProbe
from aivideo_async.policy.rate import RateController, TokenBucket
from benchmarks._report import Series, plot, save, table
from benchmarks._rivals import AIMD, AWSAdaptive, backing_off
from benchmarks.simulation import (
    Bucket,
    Changing,
    Client,
    Limit,
    Sliding,
    Window,
    World,
)

LIMITS: dict[str, tuple[Callable[[], Limit], float]] = {
    "10/s, burst 20": (lambda: Bucket(10, 20), 10),
    "1/s, burst 10": (lambda: Bucket(1, 10), 1),
    "50/s, burst 100": (lambda: Bucket(50, 100), 50),
    "60 a minute": (lambda: Window(60), 1),
    "600 a minute": (lambda: Window(600), 10),
    "300 in any minute": (lambda: Sliding(300), 5),
}
HUNGRY = math.inf
BACKOFF = "backoff of each call"
RIVALS: dict[str, Callable[[float], RateController]] = {
    "the right bucket": lambda rate: TokenBucket(rate, random.Random(1)),
    "AIMD": lambda _: AIMD(),
    "AWS adaptive": lambda _: AWSAdaptive(),
    "PinProbe": lambda _: PinProbe(random.Random(1)),
}
Row = dict[str, Any]


def run(
    name: str, limit: Limit, rate: float, until: float, work: float = HUNGRY
) -> Client:
    """Let a client of that kind meet *limit*."""
    world = World(limit, rtt=0.05)
    if name == BACKOFF:
        client = backing_off(world, work, 100 if work == HUNGRY else int(work))
    else:
        client = world.client(RIVALS[name](rate), work, connections=300)
    world.run(until)
    return client


def steady(name: str, until: float, since: float) -> Row:
    """Return what a hungry client uses of each limit, and how much is refused."""
    row: Row = {}
    for title, (limit, rate) in LIMITS.items():
        client = run(name, limit(), rate, until)
        sent = client.count(client.sent, since, until)
        refused = client.refusals(since, until)
        used = client.rate(since, until) / rate
        row[title] = {"used": used, "refused": 1000 * refused / max(1, sent)}
    return row


def crowd(name: str, rates: tuple[int, ...]) -> Row:
    """Return what 300 creates at once cost, as POSTs and as a multiple of the ideal."""
    row: Row = {}
    for rate in rates:
        burst = max(1, rate // 2)
        client = run(name, Bucket(rate, burst), rate, 3600.0, work=300)
        done = max(client.accepted) / ((300 - burst) / rate)
        row[f"{rate}/s"] = {"posts": len(client.sent), "times": done}
    return row


def change(before: float, after: float, at: float = 300.0) -> Row:
    """Return what a limit that changes costs: refusals in a minute, seconds to .9 of it."""
    limit = Changing(Bucket(before, before), Bucket(after, after), at)
    client = run("PinProbe", limit, after, at + 400)
    found = next(
        (s for s in range(390) if client.rate(at + s, at + s + 10) >= 0.9 * after), None
    )
    return {
        "refused": client.refusals(at, at + 60),
        "seconds": found,
        "used from 1 min on": round(client.rate(at + 60, at + 400) / after, 3),
    }


def strangers(limit: Callable[[], Limit], runs: int) -> Row:
    """Return how two clients share that know nothing of each other."""
    shares = []
    for seed in range(1, runs + 1):
        world = World(limit(), 0.05, ties=random.Random(seed))
        pair = []
        for number in (0, 1):
            control = PinProbe(random.Random(10 * seed + number))
            pair.append(world.client(control, HUNGRY, 100))
            world.run(world.now + 60 * (seed % 2))
        start = world.now + 100
        world.run(start + 900)
        rates = [client.rate(start, start + 900) for client in pair]
        shares.append(min(rates) / max(rates))
    return {"mean": sum(shares) / runs, "least": min(shares)}


def cpu(control: RateController, requests: int = 50_000) -> float:
    """Return the microseconds of when + sent + ok."""
    now, start = 0.0, time.process_time()
    for _ in range(requests):
        now = control.when(now)
        control.ok(now, control.sent(now))
    return (time.process_time() - start) / requests * 1e6


def stairs(name: str, step: float) -> Series:
    """Return what a client gets of a limit of 20, 5, 10, 40, 20 per second."""
    limit: Limit = Bucket(20, 20)
    for number, rate in enumerate((5, 10, 40, 20), 1):
        limit = Changing(limit, Bucket(rate, rate), number * step)
    client = run(name, limit, 20, 5 * step)
    width = step / 40
    points = [(k * width, client.rate(k * width, (k + 1) * width)) for k in range(200)]
    return Series(name, points)


def draw(step: float) -> None:
    """Draw how the learners follow a limit that changes."""
    rates = (20.0, 5.0, 10.0, 40.0, 20.0)
    truth = [(at * step, rate) for k, rate in enumerate(rates) for at in (k, k + 0.999)]
    learners = [stairs(name, step) for name in ("PinProbe", "AIMD", "AWS adaptive")]
    plot(
        "rate_control",
        "A limit that changes, and who finds it",
        "seconds",
        "per second",
        [Series("the limit", truth), *learners],
        linear=True,
    )


def measure(*, short: bool) -> dict[str, Row]:
    """Run everything."""
    until, since = (900.0, 300.0) if short else (3600.0, 300.0)
    names = [BACKOFF, *RIVALS]
    pairs: dict[str, Callable[[], Limit]] = {
        "1/s": lambda: Bucket(1, 10),
        "5/s": lambda: Bucket(5, 5),
        "20/s": lambda: Bucket(20, 20),
        "600 a minute": lambda: Window(600),
    }
    changes = [(20, 5), (20, 2), (100, 10), (5, 20), (25, 100)]
    return {
        "steady": {name: steady(name, until, since) for name in names},
        "crowd": {name: crowd(name, (1, 7, 20, 70)) for name in names},
        "change": {f"{a} → {b} per s": change(a, b) for a, b in changes},
        "strangers": {
            name: strangers(limit, 2 if short else 10) for name, limit in pairs.items()
        },
        "cpu": {
            "the right bucket": cpu(TokenBucket(50.0, random.Random(1))),
            "PinProbe": cpu(PinProbe(random.Random(1))),
        },
    }


def tell(title: str, rows: Row, cell: Callable[[Any], str]) -> None:
    """Print rows of cells."""
    columns = list(next(iter(rows.values())))
    print(f"{title}\n")
    lines = [[name, *(cell(row[key]) for key in columns)] for name, row in rows.items()]
    table([["", *columns], *lines])


def show(results: dict[str, Row]) -> None:
    """Print all tables."""
    tell(
        "Used of the limit / refused of 1,000",
        results["steady"],
        lambda cell: f"{cell['used']:.2f} / {cell['refused']:.1f}",
    )
    tell(
        "300 creates at once, burst half a second: POSTs / times the ideal",
        results["crowd"],
        lambda cell: f"{cell['posts']} / {cell['times']:.2f}",
    )
    tell("A limit that changes: PinProbe", results["change"], str)
    tell(
        "Two strangers with one key: smaller ÷ larger share",
        results["strangers"],
        lambda cell: f"{cell:.2f}",
    )
    print("CPU of when + sent + ok, µs:", end=" ")
    print(", ".join(f"{name} {us:.1f}" for name, us in results["cpu"].items()))


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--short", action="store_true", help="seconds, not minutes")
    options = parser.parse_args()
    results = measure(short=options.short)
    show(results)
    if not options.short:
        save("rate_control", results)
        draw(180.0)


if __name__ == "__main__":
    main()
