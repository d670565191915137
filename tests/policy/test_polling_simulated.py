"""
Looking at thousands of tasks in virtual time: learned schedules against the best there is.

A cost is seconds of delay, a look being worth half a second. Each claim holds on the
average of several seeds, with a margin.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import chain, count, islice
from statistics import fmean

import pytest

from aivideo_async import Backoff, LearnedPolling
from aivideo_async.policy.polling import PollSchedule
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

SEEDS = (1, 2, 3, 4)
WARM = 300
"""Ends after which a schedule knows a law."""
IMAGES, TIGHT, BIMODAL, VIDEO = LAWS
SHARP = "sharp, 45 s, spread .05"

Durations = Callable[[int], Iterator[float]]


def longest(age: float) -> float:
    """Return the longest gap that is promised after a look at *age*."""
    return max(15.0, age / 2.0)


def learned(seed: int, poll_cost: float = 0.5) -> PollSchedule:
    """Make a schedule that will learn."""
    polling = LearnedPolling(poll_cost=poll_cost)
    return polling.schedule("kind", random.Random(seed))


def backoff(seed: int) -> PollSchedule:
    """Make the default schedule."""
    return Backoff().schedule("kind", random.Random(seed))


def warm(make: Callable[[int], PollSchedule], law: Law, tasks: int = 600) -> list[Seen]:
    """Look at tasks with each seed; return those after the first few hundred."""
    runs = (watch(make(seed), law.durations(seed), WARM + tasks) for seed in SEEDS)
    return [one for run in runs for one in run[WARM:]]


def cost(seen: Sequence[Seen], poll_cost: float = 0.5) -> float:
    """Return the mean cost of a task."""
    return fmean(one.cost(poll_cost) for one in seen)


@cache
def least(law: Law, poll_cost: float = 0.5, *, bounded: bool = False) -> float:
    """Return the least cost there is, with the promised bound or without any."""
    best = optimum(law, poll_cost, longest) if bounded else optimum(law, poll_cost)
    return best.cost(poll_cost)


# --- the optimum ------------------------------------------------------------------


def test_the_optimum_of_a_law_without_memory_is_a_fixed_gap():
    """Exponential ends: known in closed form, by trying gaps."""
    law, mean = UNSEEN["exponential, 40 s"], 40.0

    def steady(gap: float) -> float:
        looks = 1.0 / -math.expm1(-gap / mean)
        return 0.5 * looks + looks * gap - mean

    expected = min(steady(gap / 100) for gap in range(100, 2000))
    assert expected == pytest.approx(least(law), rel=0.01)


@pytest.mark.parametrize("name", LAWS)
def test_no_schedule_beats_the_optimum(name: str):
    """It is a lower bound, within what chance allows."""
    law = LAWS[name]
    for make in (backoff, learned, lambda seed: Every(4.0, 1.0, seed)):
        assert cost(warm(make, law)) >= 0.97 * least(law)
    assert least(law) <= least(law, bounded=True)


# --- warm -------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("poll_cost", [0.25, 0.5, 2.0])
@pytest.mark.parametrize("name", LAWS)
def test_the_laws_of_the_design_are_learned(name: str, poll_cost: float):
    """After 300 ends the cost is at most 1.15 × the optimum's that knows the law."""
    seen = warm(lambda seed: learned(seed, poll_cost), LAWS[name])
    bound = 1.15 if poll_cost <= 0.5 else 1.3  # the longest gap costs looks
    assert cost(seen, poll_cost) <= bound * least(LAWS[name], poll_cost)


@pytest.mark.slow
@pytest.mark.parametrize("name", UNSEEN)
def test_other_laws_are_learned_too(name: str):
    """1.3 × at most, and always less than backoff; a sharp law pays for the bound."""
    law, seen = UNSEEN[name], warm(learned, UNSEEN[name])
    assert cost(seen) <= 1.3 * least(law, bounded=name == SHARP)
    assert cost(seen) <= 0.95 * cost(warm(backoff, law))


@pytest.mark.parametrize(
    ("name", "poll_cost", "bound"),
    [(IMAGES, 0.25, 0.4), (TIGHT, 0.25, 0.4), (BIMODAL, 0.23, 0.4), (VIDEO, 0.2, 0.75)],
)
def test_with_as_many_looks_the_delay_is_a_fraction(
    name: str, poll_cost: float, bound: float
):
    """.4 of backoff's for images, .75 for video."""
    seen = warm(lambda seed: learned(seed, poll_cost), LAWS[name])
    other = warm(backoff, LAWS[name])
    assert looks(seen) <= 1.01 * looks(other)
    assert delay(seen) <= bound * delay(other)


@pytest.mark.slow
@pytest.mark.parametrize("gap", [0.1, 0.5])
@pytest.mark.parametrize("name", [IMAGES, TIGHT, BIMODAL])
def test_fixed_intervals_need_ten_times_the_looks(name: str, gap: float):
    """What others do ten or two times a second, for a delay of 3 s at most."""
    seen = warm(learned, LAWS[name])
    fixed = watch(Every(gap), LAWS[name].durations(1), 200)
    assert looks(fixed) >= 10.0 * looks(seen)
    assert delay(seen) <= 3.0


# --- cold, and when the world changes ---------------------------------------------


@pytest.mark.parametrize("name", LAWS | UNSEEN)
def test_the_first_fifty_tasks_cost_no_more_than_with_backoff(name: str):
    """Backoff is the prior, and what is learned pays from the start."""
    law = (LAWS | UNSEEN)[name]
    first = [
        [one for seed in range(8) for one in watch(make(seed), law.durations(seed), 50)]
        for make in (learned, backoff)
    ]
    assert cost(first[0]) <= 1.05 * cost(first[1])


def shifted(before: Law, after: Law) -> Durations:
    """Let a law hold for 300 tasks, and another one from then on."""
    return lambda seed: chain(
        islice(before.durations(seed), WARM), after.durations(seed)
    )


@pytest.mark.parametrize("spread", [0.2, 0.45])
def test_a_speed_up_is_noticed(spread: float):
    """From 90 to 20 s: no delay beyond 20 s, and soon cheaper than backoff again."""
    durations = shifted(lognormal(90, spread), lognormal(20, 0.2))
    for seed in SEEDS:
        seen = watch(learned(seed), durations(seed), 700)[WARM:]
        other = watch(backoff(seed), durations(seed), 700)[WARM:]
        assert max(one.delay for one in seen[32:]) <= 20.0
        assert cost(seen[100:150]) <= 1.3 * cost(other[100:150])
        assert cost(seen[250:]) <= cost(other[250:])


def test_a_slow_down_is_noticed():
    """From 20 to 90 s: cheaper than backoff again after a hundred."""
    durations = shifted(lognormal(20, 0.2), lognormal(90, 0.2))
    for seed in SEEDS:
        seen = watch(learned(seed), durations(seed), 700)[WARM + 100 :]
        other = watch(backoff(seed), durations(seed), 700)[WARM + 100 :]
        assert cost(seen) <= 0.9 * cost(other)


@pytest.mark.parametrize("name", [TIGHT, VIDEO])
def test_a_task_that_never_ends_is_looked_at_as_seldom_as_with_backoff(name: str):
    """And is never unseen for longer than promised, however well the law is known."""
    schedule = learned(1)
    watch(schedule, LAWS[name].durations(1), 1000)
    age, seen = 0.0, 0
    while age < 3600.0:
        later = schedule.next(age)
        assert later - age <= longest(age) + 1e-9
        schedule.running(age, later)
        age, seen = later, seen + 1
    assert seen <= 380  # backoff: 365


def test_tasks_that_hang_hardly_spoil_what_is_known():
    """One in twenty takes an hour: the others cost little more than they did."""
    law, seen = LAWS[IMAGES], list[Seen]()
    for seed in SEEDS:
        usual, hanging = law.durations(seed), random.Random(seed)
        mixed = (3600.0 if hanging.random() < 0.05 else next(usual) for _ in count())
        run = watch(learned(seed), mixed, WARM + 300)[WARM:]
        seen += [one for one in run if one.looks < 50]
    assert cost(seen) <= 1.2 * cost(warm(learned, law))


# --- callbacks --------------------------------------------------------------------


def test_with_callbacks_a_look_in_three_tasks_is_enough():
    """And if all of them get lost, the delay is 16 s or so, half of backoff's."""
    law, polled, lost, other = LAWS[IMAGES], [], list[Seen](), list[Seen]()
    for seed in SEEDS:
        schedule = learned(seed)
        polled += watch(
            schedule, law.durations(seed), 600, rarely=True, called_back=True
        )[WARM:]
        lost += watch(schedule, law.durations(-seed), 100, rarely=True)
        other += watch(backoff(seed), law.durations(-seed), 100, rarely=True)
    assert looks(polled) <= 0.45
    assert delay(lost) <= min(18.0, 0.65 * delay(other))


# --- a budget of looks ------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "bound"), [(IMAGES, 0.75), (TIGHT, 0.6), (BIMODAL, 0.95), (VIDEO, 0.85)]
)
def test_the_most_urgent_first_beats_taking_turns(name: str, bound: float):
    """200 tasks at once and 10 looks a second: less delay than round robin."""
    urgent, turns = (
        fmean(
            chain.from_iterable(
                queue_up(order(seed), LAWS[name].durations(seed), 1500)[500:]
                for seed in SEEDS[:2]
            )
        )
        for order in (learned, lambda seed: InTurn(learned(seed)))
    )
    assert urgent <= bound * turns
