"""The learned schedule: backoff at first, then where the ends are, always in bounds."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, strategies as st

from aivideo_async import ConfigurationError, LearnedPolling
from aivideo_async.policy import hazard
from aivideo_async.policy.hazard import HazardPoll
from aivideo_async.policy.polling import Backoff

AGES = st.floats(0, 2e5)
COSTS = st.floats(0.01, 1000)
SEEN = st.lists(
    st.tuples(st.floats(0, 1e4), st.floats(0, 100), st.booleans()), max_size=60
)


class Calm(random.Random):
    """Chance without any: every jitter is nil."""

    def uniform(self, a: float, b: float) -> float:
        """Return the middle."""
        return (a + b) / 2.0


def schedule(poll_cost: float = 0.5, rng: random.Random | None = None) -> HazardPoll:
    """Make a schedule that knows nothing."""
    return HazardPoll(poll_cost, Backoff().gap, rng or Calm())


def taught(
    *durations: float, poll_cost: float = 0.5, every: float = 1.0, times: int = 100
) -> HazardPoll:
    """Make a schedule that has seen tasks of these durations, *times* each."""
    learned = schedule(poll_cost)
    for _ in range(times):
        for duration in durations:
            teach(learned, duration, every)
    return learned


def teach(learned: HazardPoll, duration: float, every: float) -> None:
    """Show one task to a schedule, with a look *every* so many seconds."""
    age = 0.0
    while age + every < duration:
        learned.running(age, age + every)
        age += every
    learned.done(age, age + every)


def ages(of: HazardPoll, until: float, *, rarely: bool = False) -> Iterator[float]:
    """Yield the ages at which a task is looked at that runs on."""
    age = of.next(0.0, rarely=rarely)
    while age <= until:
        yield age
        age = of.next(age, rarely=rarely)


def gap(of: HazardPoll, age: float, *, rarely: bool = False) -> float:
    """Return the gap after a look at *age*."""
    return of.next(age, rarely=rarely) - age


# --- the prior --------------------------------------------------------------------


@pytest.mark.parametrize("poll_cost", [0.01, 0.5, 20.0, 1000.0])
def test_with_nothing_seen_it_looks_as_often_as_backoff(poll_cost: float):
    """Whatever a look costs: the first minutes have as many looks, within one in eight."""
    looks = len(list(ages(schedule(poll_cost), 300.0)))
    backoff = Backoff().schedule("kind", Calm())
    age, expected = backoff.next(0.0), 0
    while age <= 300.0:
        age, expected = backoff.next(age), expected + 1
    assert expected == pytest.approx(looks, rel=1 / 8)


@given(st.floats(30, 7000))
def test_with_nothing_seen_an_old_task_has_the_gap_of_backoff(age: float):
    """Its cap, ten seconds."""
    assert 10.0 == pytest.approx(gap(schedule(), age))


def test_four_ends_change_nothing_and_the_fifth_does():
    """Learning costs something, so it is done for a few ends at a time."""
    learned, fresh = schedule(), schedule()
    for number in range(1, 6):
        teach(learned, 20.0, 1.0)
        assert (number < 5) is (learned.next(10.0) == fresh.next(10.0))


# --- what it learns ---------------------------------------------------------------


def test_it_looks_around_the_age_at_which_tasks_end():
    """At most once before, and every second or so while they are ending."""
    looked = list(ages(taught(40, 41, 42, 43, 44), 46.0))
    assert len([age for age in looked if age < 35.0]) <= 2
    assert len([age for age in looked if 38.0 <= age <= 46.0]) >= 4


def test_what_still_runs_counts_as_much_as_what_ended():
    """One end a second among one task, or among ten: the more run on, the longer the gap."""
    few, many = taught(5.5), schedule()
    for _ in range(100):
        teach(many, 5.5, 1.0)
        for _ in range(9):
            many.running(5.0, 6.0)
    assert gap(many, 5.2) > 2.0 * gap(few, 5.2)


def test_the_hazard_sets_the_gap():
    """√(2κ/h): tasks of which a tenth ends in each second have one of 3.2 s."""
    learned = schedule(poll_cost=0.5)
    for _ in range(20):
        for age in range(1, 200):
            for _ in range(9):
                learned.running(age - 1.0, age)
            learned.done(age - 1.0, age)
    expected = math.sqrt(2.0 * 0.5 / (1.0 / 9.5))
    assert expected == pytest.approx(gap(learned, 30.0), rel=0.1)


@pytest.mark.parametrize("poll_cost", [0.1, 0.5, 1.0])
def test_four_times_the_cost_makes_twice_the_gap(poll_cost: float):
    """As the docstring says."""
    durations = [3.0 + number / 2 for number in range(60)]
    cheap = taught(*durations, poll_cost=poll_cost, every=0.5, times=5)
    dear = taught(*durations, poll_cost=4.0 * poll_cost, every=0.5, times=5)
    assert 2.0 == pytest.approx(gap(dear, 10.0) / gap(cheap, 10.0), rel=0.15)


def test_an_end_lies_in_the_middle_of_the_looks_it_fell_between():
    """Seen at 30, running at 20: about 25."""
    learned = schedule()
    for _ in range(200):
        learned.running(0.0, 20.0)
        learned.done(20.0, 30.0)
    counts = {age: learned.urgency(age + 1.0, age) for age in range(5, 60)}
    assert max(counts, key=lambda age: counts[age]) in {24, 25, 26}


def test_what_was_seen_fades():
    """After a thousand tasks of another kind the first thousand count for nothing."""
    learned = taught(20.5, times=1000)
    assert gap(learned, 20.0) < 1.5
    for _ in range(1000):
        teach(learned, 60.5, 1.0)
    assert gap(learned, 20.0) > 9.0
    assert gap(learned, 60.0) < 2.5


def test_tasks_that_are_stuck_by_the_thousand_are_forgotten_as_others_end():
    """Two hundred ends later it looks closely again, however many they were."""
    poll = taught(20.0, times=300)
    for _ in range(30_000):
        poll.running(0.0, 3600.0)
    for _ in range(200):
        poll.running(0.0, 20.0)
        poll.done(20.0, 22.0)
    assert poll.next(20.0) - 20.0 <= 4.0


def test_where_nothing_was_seen_the_prior_holds():
    """After ten thousand early ends an old task is still looked at as by backoff."""
    learned = taught(10.5, times=10_000, every=2.0)
    assert 10.0 == pytest.approx(gap(learned, 300.0), rel=0.05)


def test_an_age_at_which_no_task_ever_ended_is_never_quite_ruled_out():
    """A twentieth of the prior stays, after thousands of tasks too."""
    learned = taught(41.0, times=5000, every=40.0)
    growth = learned.urgency(20.0, 10.0) - 10.0 / 60.0
    assert 0.005 < growth < 0.1


# --- bounds -----------------------------------------------------------------------


@given(SEEN, COSTS, AGES, st.booleans(), st.integers())
def test_no_gap_leaves_its_bounds(
    seen: list[tuple[float, float, bool]],
    poll_cost: float,
    age: float,
    rarely: bool,
    seed: int,
):
    """Half a second to 15 s or half the age; a minute while callbacks arrive."""
    learned = schedule(poll_cost, random.Random(seed))
    for since, seconds, ended in seen:
        tell = learned.done if ended else learned.running
        tell(since, since + seconds)
    longest = max(60.0 if rarely else 15.0, age / 2.0)
    assert 0.48 <= gap(learned, age, rarely=rarely) <= longest + 1e-6


@given(SEEN, AGES)
def test_urgency_grows_while_a_look_waits(
    seen: list[tuple[float, float, bool]], last: float
):
    """From nothing, whatever was seen."""
    learned = schedule()
    for since, seconds, ended in seen:
        tell = learned.done if ended else learned.running
        tell(since, since + seconds)
    urgencies = [learned.urgency(last + wait, last) for wait in range(0, 600, 30)]
    assert 0.0 == urgencies[0]
    assert all(later > sooner for sooner, later in pairwise(urgencies))


def test_a_look_that_is_unlikely_to_find_anything_becomes_urgent_in_time():
    """By a sixtieth a second at the least: no task waits for ever."""
    learned = taught(200.0, times=300, every=100.0)
    assert 0.5 <= learned.urgency(31.0, 1.0) <= 1.0


def test_no_task_is_looked_at_twice_in_half_a_second():
    """Not even if looks cost next to nothing and tasks next to no time."""
    learned = taught(0.3, 0.6, 0.9, poll_cost=0.01, every=0.1)
    assert 0.5 == pytest.approx(gap(learned, 0.5))


def test_a_look_that_is_likely_to_find_the_end_is_more_urgent():
    """Three seconds around 42 against three long before, or after."""
    learned = taught(40, 41, 42, 43, 44)
    before, then = learned.urgency(23.0, 20.0), learned.urgency(44.0, 41.0)
    assert then > 5.0 * before
    assert then > 5.0 * learned.urgency(103.0, 100.0)


def test_looks_are_spread_by_three_percent():
    """Tasks submitted together are not looked at together."""
    learned = HazardPoll(0.5, lambda age: 10.0, random.Random(1))
    gaps = [gap(learned, 100.0) for _ in range(200)]
    assert 9.7 <= min(gaps) < 9.8
    assert 10.2 < max(gaps) <= 10.3


def test_the_bins_cover_all_ages_without_a_gap():
    """From nothing to two hours, and the last one stands for all that is older."""
    edges = hazard.EDGES
    assert 0.0 == edges[0]
    assert edges[-1] >= 7200.0
    assert all(low < high for low, high in pairwise(edges))
    for number, (low, high) in enumerate(pairwise(edges)):
        assert number == hazard._bin((low + high) / 2.0)
    assert len(edges) - 2 == hazard._bin(1e9)


# --- callbacks --------------------------------------------------------------------


def test_while_callbacks_arrive_looks_are_rare():
    """A look costs forty times as much, so there is one where there were six."""
    learned = taught(*range(20, 60), every=1.0, times=10)
    often, rare = (
        len(list(ages(learned, 60.0, rarely=rarely))) for rarely in (False, True)
    )
    assert often >= 7
    assert rare <= 2


def test_looks_that_are_rare_anyway_do_not_become_frequent():
    """With a poll cost beyond that of callbacks."""
    learned = taught(*range(20, 60), every=1.0, poll_cost=100.0)
    for age in (0.0, 20.0, 50.0):
        assert gap(learned, age, rarely=True) >= gap(learned, age)


# --- the option -------------------------------------------------------------------


def test_each_schedule_learns_for_itself():
    """Kinds and clients that share the option share nothing else."""
    polling = LearnedPolling()
    one, other = (polling.schedule("kind", Calm()) for _ in range(2))
    before = other.next(15.0)
    for _ in range(50):
        one.running(0.0, 20.0)
        one.done(20.0, 21.0)
    assert before == other.next(15.0) != one.next(15.0)


def test_a_look_costs_half_a_second_of_delay_by_default():
    """As documented; the option shows it."""
    assert "LearnedPolling(poll_cost=0.5)" == repr(LearnedPolling())
    own, default = LearnedPolling().schedule("kind", Calm()), schedule(0.5)
    assert [default.next(age) for age in (0, 9, 99)] == [
        own.next(age) for age in (0, 9, 99)
    ]


@pytest.mark.parametrize(
    "value", [0, 0.009, -1, 1001, math.nan, math.inf, True, None, "1"], ids=repr
)
def test_a_cost_that_makes_no_sense_is_refused(value: Any):
    """By its name, its value and the range."""
    with pytest.raises(ConfigurationError) as caught:
        LearnedPolling(poll_cost=value)
    told = f"LearnedPolling.poll_cost={value!r}: use a number from 0.01 to 1000."
    assert told == str(caught.value)
