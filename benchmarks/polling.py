"""
Looks per task and delay until its end is seen, for several ways of polling.

In virtual time, on laws of how long tasks take that no schedule is told; the optimum is
that of a schedule which knows the law (dynamic programming). A look is worth half a
second of delay. The intervals are those of other clients' sources.

    python -m benchmarks.polling [--short]
"""

from __future__ import annotations

import argparse
import random
import time
import timeit
from collections.abc import Callable, Mapping
from itertools import chain, islice
from pathlib import Path
from statistics import fmean

from aivideo_async import Backoff, LearnedPolling
from aivideo_async.policy.polling import PollSchedule
from benchmarks._report import Series, plot, save, table
from benchmarks.waiting import (
    LAWS,
    UNSEEN,
    Every,
    InTurn,
    Law,
    Seen,
    delay,
    lognormal,
    looks,
    optimum,
    queue_up,
    watch,
)

POLL_COST = 0.5
WARM = 300
"""Tasks that are not counted: until then a schedule may learn."""
FRONTIER = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 20.0)
"""Costs of a look, for the picture."""

Make = Callable[[int], PollSchedule]


def learned(poll_cost: float) -> Make:
    """Return what makes schedules that learn."""
    polling = LearnedPolling(poll_cost=poll_cost)
    return lambda seed: polling.schedule("kind", random.Random(seed))


def backoff(seed: int) -> PollSchedule:
    """Make the default schedule."""
    return Backoff().schedule("kind", random.Random(seed))


WAYS: dict[str, Make] = {
    "fal-client, every 0.1 s": lambda seed: Every(0.1),
    "replicate, every 0.5 s": lambda seed: Every(0.5),
    "runwayml, 6 ± 1.5 s": lambda seed: Every(6.0, 1.5, seed),
    "Backoff()": backoff,
    "LearnedPolling()": learned(POLL_COST),
}


def longest(age: float) -> float:
    """Return the longest gap that `LearnedPolling` promises after a look at *age*."""
    return max(15.0, age / 2.0)


def measure(make: Make, law: Law, seeds: int, tasks: int) -> Seen:
    """Return the mean looks and delay of a task once the schedule is warm."""
    runs = (
        watch(make(seed), law.durations(seed), WARM + tasks) for seed in range(seeds)
    )
    seen = list(chain.from_iterable(run[WARM:] for run in runs))
    return Seen(looks(seen), delay(seen))


def shown(one: Seen) -> str:
    """Show looks / delay."""
    return f"{one.looks:.{0 if one.looks > 30 else 1}f} / {one.delay:.2f}"


# --- the tables -------------------------------------------------------------------


def ways(seeds: int, tasks: int) -> dict[str, dict[str, Seen]]:
    """Compare the ways of polling on the laws of the design."""
    found = {
        name: {law: measure(make, LAWS[law], seeds, tasks) for law in LAWS}
        for name, make in WAYS.items()
    }
    best = {law: optimum(LAWS[law], POLL_COST) for law in LAWS}
    found["optimum, the law known"] = best
    print("Looks per task / mean delay in seconds\n")
    table(
        [
            ["", *LAWS],
            *([name, *map(shown, row.values())] for name, row in found.items()),
        ]
    )
    return found


def costs(seeds: int, tasks: int) -> dict[str, dict[str, float]]:
    """Compare learned polling with the optimum and with backoff, on all laws."""
    found = {}
    for name, law in (LAWS | UNSEEN).items():
        mine, other = (
            measure(make, law, seeds, tasks).cost(POLL_COST)
            for make in (learned(POLL_COST), backoff)
        )
        found[name] = {
            "÷ optimum": mine / optimum(law, POLL_COST).cost(POLL_COST),
            "÷ bounded optimum": mine
            / optimum(law, POLL_COST, longest).cost(POLL_COST),
            "÷ backoff": mine / other,
            "÷ backoff, first 50": first(law, learned(POLL_COST)) / first(law, backoff),
        }
    print("Cost of LearnedPolling() (a look is worth half a second of delay)\n")
    print("Bounded: the optimum among schedules that look each 15 s or half the age\n")
    _ratios(found)
    return found


def first(law: Law, make: Make) -> float:
    """Return the mean cost of the first fifty tasks."""
    runs = (watch(make(seed), law.durations(seed), 50) for seed in range(8))
    return fmean(one.cost(POLL_COST) for run in runs for one in run)


def shift(seeds: int) -> dict[str, dict[str, float]]:
    """Let tasks that took 90 s take 20 s from one moment on."""

    def after(make: Make, seed: int) -> list[Seen]:
        slow, fast = (lognormal(median, 0.2).durations(seed) for median in (90, 20))
        return watch(make(seed), chain(islice(slow, WARM), fast), WARM + 400)[WARM:]

    mine, other = (
        [after(make, seed) for seed in range(seeds)]
        for make in (learned(POLL_COST), backoff)
    )
    found = {}
    for start in (0, 50, 100, 200, 300):
        parts = [[run[start : start + 50] for run in runs] for runs in (mine, other)]
        cost, theirs = (
            fmean(one.cost(POLL_COST) for run in runs for one in run) for runs in parts
        )
        worst = max(one.delay for run in parts[0] for one in run)
        found[f"tasks {start} to {start + 49}"] = {
            "cost ÷ backoff": cost / theirs,
            "longest delay": worst,
        }
    print("From 90 to 20 s\n")
    _ratios(found)
    return found


def called_back(seeds: int, tasks: int) -> dict[str, dict[str, float]]:
    """Count looks while callbacks arrive, and the delay when all of them get lost."""
    found = {}
    for name, law in LAWS.items():
        row = {}
        for way, make in (
            ("LearnedPolling()", learned(POLL_COST)),
            ("Backoff()", backoff),
        ):
            arrived, lost = list[Seen](), list[Seen]()
            for seed in range(seeds):
                schedule = make(seed)
                arrived += watch(
                    schedule,
                    law.durations(seed),
                    WARM + tasks,
                    rarely=True,
                    called_back=True,
                )[WARM:]
                lost += watch(schedule, law.durations(-seed - 1), 100, rarely=True)
            row[f"{way}, looks"] = looks(arrived)
            row[f"{way}, delay if lost"] = delay(lost)
        found[name] = row
    print(
        "While callbacks arrive: looks besides the callback's; delay if all get lost\n"
    )
    _ratios(found)
    return found


def scarce(seeds: int) -> dict[str, dict[str, float]]:
    """Compare who goes first while looks are scarce: the most urgent, or each in turn."""
    found = {}
    for name, law in LAWS.items():
        for rate in (20.0, 10.0, 5.0):
            urgent, turns = (
                fmean(
                    chain.from_iterable(
                        queue_up(order(seed), law.durations(seed), 1500, rate=rate)[
                            500:
                        ]
                        for seed in range(seeds)
                    )
                )
                for order in (
                    learned(POLL_COST),
                    lambda seed: InTurn(learned(POLL_COST)(seed)),
                )
            )
            found[f"{name}; {rate:g}/s"] = {
                "urgent first": urgent,
                "in turn": turns,
                "ratio": urgent / turns,
            }
    print("200 tasks at once, looks per second limited: mean delay in seconds\n")
    _ratios(found)
    return found


def speed() -> dict[str, dict[str, float]]:
    """Measure what learning costs, against `Backoff` in the same run."""
    mine, other = learned(POLL_COST)(1), backoff(1)

    def task() -> None:
        mine.running(0.0, 15.0)
        mine.running(15.0, 27.0)
        mine.done(27.0, 30.0)

    calls: dict[str, Callable[[], object]] = {
        "Backoff: next": lambda: other.next(23.0),
        "next": lambda: mine.next(23.0),
        "urgency": lambda: mine.urgency(23.0, 21.0),
        "running": lambda: mine.running(15.0, 27.0),
        "done, N drawn anew each 5th time": lambda: mine.done(27.0, 30.0),
        "a task with three looks": task,
    }
    times = {
        name: min(timeit.repeat(call, timer=time.process_time, number=2000, repeat=9))
        for name, call in calls.items()
    }
    unit = times["Backoff: next"]
    found = {
        name: {"µs": seconds / 2000 * 1e6, "÷ Backoff: next": seconds / unit}
        for name, seconds in times.items()
    }
    print("CPU per call\n")
    _ratios(found)
    return found


def _ratios(found: Mapping[str, Mapping[str, float]]) -> None:
    head = ["", *next(iter(found.values()))]
    rows = ([name, *(f"{x:.2f}" for x in row.values())] for name, row in found.items())
    table([head, *rows])


# --- the picture ------------------------------------------------------------------


def picture(found: Mapping[str, Mapping[str, Seen]], seeds: int, tasks: int) -> Path:
    """Draw what can be had for how many looks, on the first law."""
    name, law = next(iter(LAWS.items()))

    def line(title: str, points: list[Seen]) -> Series:
        return Series(title, [(one.looks, one.delay) for one in points])

    lines = [
        line(
            "LearnedPolling, any cost",
            [measure(learned(cost), law, seeds, tasks) for cost in FRONTIER],
        ),
        line("optimum, the law known", [optimum(law, cost) for cost in FRONTIER]),
    ]
    marks = [
        Series(way, [(found[way][name].looks, found[way][name].delay)], line=False)
        for way in WAYS
    ]
    title = f"Looks and delay: {name}"
    return plot("polling", title, "looks per task", "mean delay, s", [*lines, *marks])


def main() -> None:
    """Print the tables, write the numbers and the picture."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument(
        "--short", action="store_true", help="fewer tasks, one seed, tables only"
    )
    short = parser.parse_args().short
    seeds, tasks = (1, 300) if short else (8, 1000)
    found = ways(seeds, tasks)
    numbers = {
        "ways": {
            way: {law: [one.looks, one.delay] for law, one in row.items()}
            for way, row in found.items()
        },
        "costs": costs(seeds, tasks),
        "shift": shift(seeds),
        "called back": called_back(seeds, tasks),
        "scarce": scarce(min(seeds, 4)),
        "speed": speed(),
    }
    if not short:
        print(save("polling", numbers), picture(found, seeds, tasks), sep="\n")


if __name__ == "__main__":
    main()
