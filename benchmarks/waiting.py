"""
Tasks that take their time, and clients that look at them, in virtual time.

A pool of tasks runs at once; each is looked at when its schedule says so, and replaced
by a new one when it is seen finished. A law says how long tasks take, and `optimum` what
the best schedule would reach that knew it. Answers take no time here: a round trip would
delay every schedule by the same. The tests of the poll schedules and ``polling.py``
share it.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Sequence
from heapq import heapify, heapreplace
from itertools import count, pairwise
from statistics import NormalDist, fmean

from attrs import frozen

from aivideo_async.engine.agenda import Agenda
from aivideo_async.engine.jobs import Job, Stage
from aivideo_async.errors import AIVideoError
from aivideo_async.policy.polling import PollSchedule
from aivideo_async.policy.retry import NO_RETRY, Attempts

__all__ = [
    "LAWS",
    "UNSEEN",
    "Every",
    "InTurn",
    "Law",
    "Seen",
    "delay",
    "lognormal",
    "looks",
    "mixture",
    "optimum",
    "queue_up",
    "uniform",
    "watch",
    "weibull",
]

POOL = 16

# --- how long tasks take ----------------------------------------------------------


@frozen
class Law:
    """How long tasks take: *draw* a duration; the share that has *ended* by an age."""

    draw: Callable[[random.Random], float]
    ended: Callable[[float], float]

    def durations(self, seed: int) -> Iterator[float]:
        """Draw for ever."""
        rng = random.Random(seed)
        while True:
            yield self.draw(rng)

    def age(self, share: float) -> float:
        """Return the age by which *share* of the tasks has ended."""
        low, high = 0.0, 1.0
        while self.ended(high) < share:
            low, high = high, 2.0 * high
        for _ in range(40):
            middle = (low + high) / 2.0
            low, high = (middle, high) if self.ended(middle) < share else (low, middle)
        return high


def lognormal(median: float, sigma: float) -> Law:
    """Return the usual law of work: a median in seconds, a spread in factors of e."""
    cdf = NormalDist(math.log(median), sigma).cdf
    return Law(
        lambda rng: median * math.exp(rng.gauss(0.0, sigma)),
        lambda age: cdf(math.log(age)) if age > 0.0 else 0.0,
    )


def uniform(least: float, most: float) -> Law:
    """Return a law by which every duration in a range is as likely."""
    return Law(
        lambda rng: rng.uniform(least, most),
        lambda age: min(1.0, max(0.0, (age - least) / (most - least))),
    )


def weibull(scale: float, shape: float, *, start: float = 0.0) -> Law:
    """Return a law of waiting: at shape 1, once begun, ends are as likely at any age."""
    return Law(
        lambda rng: start + rng.weibullvariate(scale, shape),
        lambda age: -math.expm1(-((max(0.0, age - start) / scale) ** shape)),
    )


def mixture(*parts: tuple[float, Law]) -> Law:
    """Return a law that follows each of some with its share."""
    shares, laws = zip(*parts, strict=True)
    return Law(
        lambda rng: float(rng.choices(laws, shares)[0].draw(rng)),
        lambda age: sum(share * law.ended(age) for share, law in parts),
    )


LAWS = {
    "images, 35 s, spread .45": lognormal(35, 0.45),
    "tight, 20 s, spread .2": lognormal(20, 0.2),
    "bimodal, 15 or 90 s": mixture(
        (0.6, lognormal(15, 0.2)), (0.4, lognormal(90, 0.2))
    ),
    "video, 120 s, spread .6": lognormal(120, 0.6),
}
"""The laws of the design; lognormal."""

UNSEEN = {
    "uniform, 10 to 60 s": uniform(10, 60),
    "exponential, 40 s": weibull(40, 1),
    "Weibull, 60 s shape 2": weibull(60, 2),
    "8 s, then exponential 12 s": weibull(12, 1, start=8),
    "trimodal, 8, 30 or 150 s": mixture(
        (0.4, lognormal(8, 0.15)),
        (0.4, lognormal(30, 0.15)),
        (0.2, lognormal(150, 0.15)),
    ),
    "heavy tail, 25 s, spread 1": lognormal(25, 1.0),
    "fast, 4 s, spread .5": lognormal(4, 0.5),
    "slow, 400 s, spread .3": lognormal(400, 0.3),
    "sharp, 45 s, spread .05": lognormal(45, 0.05),
}
"""Laws for which nothing was tuned."""


# --- what is best -----------------------------------------------------------------


def optimum(
    law: Law,
    poll_cost: float,
    longest: Callable[[float], float] = lambda age: math.inf,
    points: int = 500,
) -> Seen:
    """
    Return the looks and the delay of the best schedule there is, on a grid of ages.

    Dynamic programming from the last age back. With F the share ended by an age and G
    its integral, a task that runs at a and is looked at next at b costs a look, and for
    all that end in between the rest of the gap: G(b) - G(a) - F(a)·(b - a).

    Args:
        law: How long tasks take.
        poll_cost: Seconds of delay that a look is worth.
        longest: The longest gap that is allowed after a look at an age.
        points: Half of the grid's: as many at equal distances in time as in share.
    """
    ages = _grid(law, points)
    ended = [law.ended(age) for age in ages]
    area = _integral(ages, ended)
    total, most = [0.0] * len(ages), len(ages) - 1
    looks = [0.0] * len(ages)
    for at in reversed(range(most)):
        age, share = ages[at], ended[at]
        until = age + longest(age)
        cost, best = min(
            (area[to] - share * ages[to] + total[to], to)
            for to in range(at + 1, most + 1)
            if ages[to] <= until or to == at + 1
        )
        total[at] = poll_cost * (1.0 - share) + cost - area[at] + share * age
        looks[at] = 1.0 - share + looks[best]
    return Seen(looks[0], total[0] - poll_cost * looks[0])


def _grid(law: Law, points: int) -> list[float]:
    last = law.age(0.9999)
    by_time = {last * point / points for point in range(points + 1)}
    return sorted(by_time | {law.age(point / points) for point in range(1, points)})


def _integral(ages: list[float], values: list[float]) -> list[float]:
    areas = [0.0]
    for (start, low), (end, high) in pairwise(zip(ages, values, strict=True)):
        areas.append(areas[-1] + (low + high) / 2.0 * (end - start))
    return areas


# --- looking ----------------------------------------------------------------------


@frozen
class Seen:
    """One task: how often it was looked at, and for how long it was finished unseen."""

    looks: float
    delay: float

    def cost(self, poll_cost: float) -> float:
        """Return what that is worth in seconds of delay."""
        return poll_cost * self.looks + self.delay


def looks(seen: Sequence[Seen]) -> float:
    """Return the looks per task."""
    return fmean(one.looks for one in seen)


def delay(seen: Sequence[Seen]) -> float:
    """Return the mean delay."""
    return fmean(one.delay for one in seen)


class Every:
    """A look every so many seconds, as most clients do."""

    def __init__(self, gap: float, jitter: float = 0.0, seed: int = 1) -> None:
        self._gap, self._jitter, self._rng = gap, jitter, random.Random(seed)

    def next(self, age: float, *, rarely: bool = False) -> float:
        """Return the age of the next look."""
        return age + self._gap + self._jitter * self._rng.uniform(-1.0, 1.0)

    def urgency(self, age: float, last: float) -> float:
        """Return the same for all."""
        return 0.0

    def running(self, since: float, age: float) -> None:
        """Learn nothing."""

    def done(self, since: float, age: float) -> None:
        """Learn nothing."""


def watch(
    schedule: PollSchedule,
    durations: Iterator[float],
    tasks: int,
    *,
    rarely: bool = False,
    called_back: bool = False,
) -> list[Seen]:
    """
    Look at so many tasks, some at once; return them in the order they were seen to end.

    Args:
        schedule: When to look.
        durations: How long they take, in the order they are started.
        tasks: How many of them.
        rarely: Whether looks may be rare.
        called_back: Whether callbacks arrive at once. A look that one led to is not
            counted: every client has it.
    """
    numbers, seen = count(), list[Seen]()

    def plan(start: float, duration: float, age: float, looks: int) -> _Plan:
        due = schedule.next(age, rarely=rarely)
        called = called_back and duration <= due
        due = duration if called else due
        return start + due, next(numbers), start, duration, age, looks + (not called)

    running = [plan(float(number), next(durations), 0.0, 0) for number in range(POOL)]
    heapify(running)
    while len(seen) < tasks:
        now, _, start, duration, last, looks = running[0]
        age = now - start
        if age < duration and not math.isclose(age, duration):
            schedule.running(last, age)
            heapreplace(running, plan(start, duration, age, looks))
            continue
        if called_back and math.isclose(age, duration):
            schedule.running(last, age)
            last = age
        schedule.done(last, age)
        seen.append(Seen(looks, max(0.0, age - duration)))
        heapreplace(running, plan(now, next(durations), 0.0, 0))
    return seen


_Plan = tuple[float, int, float, float, float, int]


# --- looking when looks are scarce ------------------------------------------------


class _Nobody:
    """A recipient that is gone."""

    claims = True

    def give(self, result: object) -> bool:
        """Take nothing."""
        return False

    def fail(self, error: AIVideoError) -> bool:
        """Take nothing."""
        return False


class InTurn:
    """Another schedule's looks in turn: the one that was made first is the next."""

    def __init__(self, schedule: PollSchedule) -> None:
        self.next, self.running = schedule.next, schedule.running
        self.done = schedule.done

    def urgency(self, age: float, last: float) -> float:
        """Return the seconds since the last look."""
        return age - last


def queue_up(
    schedule: PollSchedule,
    durations: Iterator[float],
    tasks: int,
    *,
    pool: int = 200,
    rate: float = 10.0,
) -> list[float]:
    """
    Look at tasks through the client's own agenda, at most *rate* times a second.

    Args:
        schedule: When to look, and which look is the most urgent.
        durations: How long they take.
        tasks: How many are to be seen finished.
        pool: How many run at once.
        rate: Looks per second.

    Returns:
        The delay of each.
    """
    agenda, ends, delays = Agenda(pool), dict[Job, float](), list[float]()

    def start(now: float) -> None:
        job = Job(Stage.FOLLOW, _Nobody(), Attempts(NO_RETRY, None), since=now)
        job.schedule, ends[job] = schedule, now + next(durations)
        agenda.add_later(now + schedule.next(0.0), job)

    def look(job: Job, now: float) -> None:
        age = now - job.since
        if now < ends[job]:
            schedule.running(job.age, age)
            job.age = age
            agenda.add_later(job.since + schedule.next(age), job)
        else:
            schedule.done(job.age, age)
            delays.append(now - ends.pop(job))
            start(now)

    for number in range(pool):
        start(number / rate)
    ticks = count()
    while len(delays) < tasks:
        now = next(ticks) / rate
        if agenda.ready(now):
            look(agenda.next(), now)
            agenda.rank_looks(now)
    return delays
