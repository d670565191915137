"""Backoff: gaps that grow up to a cap, as a function of a task's age."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest
from attrs import fields
from hypothesis import given, strategies as st

from aivideo_async.errors import ConfigurationError
from aivideo_async.policy.polling import Backoff

SECONDS = st.floats(0, 1e6)
BACKOFFS = st.builds(
    Backoff,
    initial=SECONDS,
    factor=st.floats(1, 1e6),
    cap=SECONDS,
    jitter=st.floats(0, 1),
)


def ages(backoff: Backoff, looks: int) -> list[float]:
    """Return the ages of the first looks, jitter aside or seeded."""
    schedule = backoff.schedule("kind", random.Random(1))
    age, found = 0.0, []
    for _ in range(looks):
        age = schedule.next(age)
        found.append(age)
    return found


def test_the_default_gaps_are_those_of_the_documents():
    """1 s × 1.5 each, at most 10 s."""
    found = ages(Backoff(jitter=0), 9)
    gaps = [later - age for age, later in zip([0.0, *found], found, strict=False)]
    expected = [1.0, 1.5, 2.25, 3.375, 5.0625, 7.59375, 10.0, 10.0, 10.0]
    assert expected == pytest.approx(gaps)


@given(BACKOFFS, SECONDS, st.integers())
def test_no_gap_leaves_its_bounds(backoff: Backoff, age: float, seed: int):
    """Never into the past, never beyond the cap and its jitter, always finite."""
    later = backoff.schedule("kind", random.Random(seed)).next(age)
    longest = backoff.cap * (1 + backoff.jitter)
    assert age <= later <= age + longest + 1e-6
    assert math.isfinite(later)


@given(BACKOFFS, SECONDS, SECONDS)
def test_the_longer_a_task_runs_the_longer_the_gap(
    backoff: Backoff, one: float, other: float
):
    """Up to the cap; jitter aside."""
    calm = Backoff(
        initial=backoff.initial, factor=backoff.factor, cap=backoff.cap, jitter=0
    ).schedule("kind", random.Random())
    young, old = sorted((one, other))
    assert calm.next(young) - young <= calm.next(old) - old + 1e-6


@given(st.floats(0.01, 100), st.floats(1, 10), st.floats(0.01, 100))
def test_the_first_gap_is_the_initial_one(initial: float, factor: float, cap: float):
    """Or the cap, if that is shorter."""
    schedule = Backoff(initial=initial, factor=factor, cap=cap, jitter=0)
    assert min(initial, cap) == schedule.schedule("kind", random.Random()).next(0.0)


@given(st.floats(0.01, 1), st.integers())
def test_the_jitter_is_a_share_of_the_gap(jitter: float, seed: int):
    """Both ways, and not always the same."""
    schedule = Backoff(jitter=jitter).schedule("kind", random.Random(seed))
    gaps = [schedule.next(100.0) - 100.0 for _ in range(100)]
    assert all(
        10 * (1 - jitter) - 1e-9 <= gap <= 10 * (1 + jitter) + 1e-9 for gap in gaps
    )
    assert min(gaps) < 10 < max(gaps)


@given(SECONDS, st.floats(1, 10), st.floats(0, 1))
def test_zeros_look_again_at_once(age: float, factor: float, jitter: float):
    """For measuring; an initial gap of zero stays zero."""
    nothing = Backoff(initial=0, cap=0, factor=factor, jitter=jitter)
    assert age == nothing.schedule("kind", random.Random()).next(age)
    still = Backoff(initial=0, factor=factor, jitter=jitter)
    assert age == still.schedule("kind", random.Random()).next(age)


def test_a_factor_of_1_keeps_the_gap():
    """Like everybody's fixed interval."""
    assert [2.0, 4.0, 6.0] == ages(Backoff(initial=2, factor=1, jitter=0), 3)


@given(st.lists(st.tuples(SECONDS, SECONDS)))
def test_it_has_nothing_to_learn(seen: list[tuple[float, float]]):
    """What was seen before changes nothing."""
    schedule = Backoff(jitter=0).schedule("kind", random.Random())
    before = schedule.next(3.0)
    for since, age in seen:
        schedule.running(since, age)
        schedule.done(since, age)
    assert before == schedule.next(3.0)


def test_the_defaults_are_the_documented_ones():
    """Shared by the class, the documents and the poll schedule's prior."""
    defaults = {field.name: field.default for field in fields(Backoff)}
    assert {"initial": 1.0, "factor": 1.5, "cap": 10.0, "jitter": 0.1} == defaults


@pytest.mark.parametrize("name", ["initial", "factor", "cap", "jitter"])
@pytest.mark.parametrize(
    "value", [-1, -0.001, math.nan, math.inf, -math.inf, True, None, "1"], ids=repr
)
def test_a_number_that_makes_no_sense_is_refused(name: str, value: Any):
    """By its name and value."""
    with pytest.raises(ConfigurationError) as caught:
        Backoff(**{name: value})
    assert str(caught.value).startswith(f"Backoff.{name}={value!r}: use ")


@pytest.mark.parametrize(
    ("values", "rule"),
    [
        ({"factor": 0.99}, "from 1"),
        ({"factor": 0}, "from 1"),
        ({"cap": -1}, "from 0"),
        ({"jitter": 1.01}, "1"),
        ({"jitter": -0.1}, "0"),
    ],
    ids=str,
)
def test_a_refusal_tells_the_bound_that_was_broken(values: dict[str, Any], rule: str):
    """Or nobody can mend it."""
    with pytest.raises(ConfigurationError) as caught:
        Backoff(**values)
    _, _, told = str(caught.value).partition(": ")
    assert rule in told


@pytest.mark.parametrize(("cap", "gap"), [(10.0, 60.0), (100.0, 100.0)])
def test_while_callbacks_arrive_looks_are_a_minute_apart(cap: float, gap: float):
    """Or as far apart as without, if that is further."""
    calm = Backoff(cap=cap, jitter=0).schedule("kind", random.Random())
    assert 300.0 + gap == calm.next(300.0, rarely=True)


def test_rare_looks_are_spread_too():
    """By the same share."""
    schedule = Backoff(jitter=0.1).schedule("kind", random.Random(1))
    gaps = [schedule.next(0.0, rarely=True) for _ in range(100)]
    assert 54.0 <= min(gaps) < 60.0 < max(gaps) <= 66.0


def test_one_schedule_serves_all_tasks_of_a_kind():
    """It is a function of the age alone."""
    schedule = Backoff(jitter=0).schedule("kind", random.Random())
    first = [schedule.next(age) for age in (0.0, 7.0, 2.0)]
    again = [schedule.next(age) for age in (0.0, 7.0, 2.0)]
    assert first == again
