"""Both rate controllers: what they permit, and what a 429 does."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given, strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
)

from aivideo_async.policy.pinprobe import BOTTOM_RATE, TOP_RATE, PinProbe
from aivideo_async.policy.rate import LATENESS, TokenBucket

RATES = st.floats(0.05, 500)
GAPS = st.lists(st.floats(0, 2), min_size=1, max_size=60)


Controller = TokenBucket | PinProbe


def bucket(rate: float | None = None, seed: int = 1) -> Controller:
    """Build a bucket with seeded chances; without a *rate* it learns."""
    rng = random.Random(seed)
    return PinProbe(rng) if rate is None else TokenBucket(rate, rng)


def send(at: Controller, now: float) -> tuple[float, int]:
    """Send as soon as it is permitted; return when, and the token."""
    moment = at.when(now)
    return moment, at.sent(moment)


def accept(at: Controller, now: float, count: int) -> float:
    """Send *count* requests, each accepted at once; return when the last one left."""
    for _ in range(count):
        now, token = send(at, now)
        at.ok(now, token)
    return now


# --- a fixed rate ---------------------------------------------------------------


@given(RATES, GAPS)
def test_no_window_has_more_permissions_than_the_rate(rate: float, gaps: list[float]):
    """At most 1 + rate × (window + 20 ms), wherever the window starts, in order."""
    at, now = bucket(rate), 0.0
    sent: list[float] = []
    for gap in gaps:
        now, token = send(at, now + gap)
        at.ok(now, token)
        sent.append(now)
    assert sorted(sent) == sent
    for first, start in enumerate(sent):
        for last, end in enumerate(sent[first:]):
            assert last + 1 <= 1 + rate * (end - start + LATENESS) + 1e-6


@given(RATES, st.integers(1, 200))
def test_a_hungry_client_gets_the_whole_rate(rate: float, count: int):
    """Never less: the last of n leaves at (n - 1) ÷ rate, 20 ms aside."""
    assert accept(bucket(rate), 0.0, count) <= (count - 1) / rate + 1e-6


def test_a_late_wake_up_does_not_lower_the_rate():
    """A client that always comes 15 ms late still has its 50 per second."""
    at, now = bucket(50.0), 0.0
    for _ in range(500):
        now = at.when(now) + 0.015
        at.ok(now, at.sent(now))
    assert now <= 500 / 50 + 0.1


def test_being_idle_saves_nothing_up():
    """After an hour there is one permission, not 3,600."""
    at = bucket(1.0)
    accept(at, 0.0, 3)
    first, _ = send(at, 3600.0)
    second, _ = send(at, first)
    assert 3600.0 == first
    assert second >= 3600.0 + 1.0 - LATENESS - 1e-6


def test_a_fixed_rate_learns_nothing():
    """Neither from success nor from a refusal."""
    at, now = bucket(2.0), 0.0
    for number in range(200):
        now, token = send(at, now)
        if number % 5:
            at.ok(now, token)
        else:
            at.reject(now, token)
    assert 2.0 == at.rate


@given(st.none() | RATES, GAPS)
def test_asking_reserves_nothing(rate: float | None, gaps: list[float]):
    """`when` can be asked any number of times; only `sent` takes."""
    at, now = bucket(rate), 0.0
    for gap in gaps:
        now += gap
        answers = {at.when(now) for _ in range(10)}
        assert 1 == len(answers)
        at.ok(now, at.sent(max(now, *answers)))


@given(st.none() | RATES, GAPS)
def test_waiting_as_told_is_enough(rate: float | None, gaps: list[float]):
    """The moment named is never in the past, and does not move away."""
    at, now = bucket(rate), 0.0
    for gap in gaps:
        now += gap
        moment = at.when(now)
        assert now <= moment == at.when(moment)
        at.ok(moment, at.sent(moment))


@given(st.none() | RATES, st.lists(st.floats(-1000, 1000), max_size=50))
def test_a_clock_that_goes_back_breaks_nothing(rate: float | None, steps: list[float]):
    """Permissions go on to come."""
    at, now = bucket(rate), 0.0
    for number, step in enumerate(steps):
        now += step
        token = at.sent(now)
        if number % 7:
            at.ok(now, token)
        else:
            at.reject(now, token)
        moment = at.when(now)
        assert now <= moment < math.inf
        assert BOTTOM_RATE <= at.rate <= TOP_RATE or rate == at.rate


def test_a_hold_is_as_long_by_a_clock_that_was_set_back():
    """A Retry-After of 30 s is one of 30 s still, not of an hour and 30."""
    at = bucket(10.0)
    at.reject(4000.0, at.sent(4000.0), retry_after=30.0)
    assert 29.0 <= at.when(400.0) - 400.0 <= 31.5


# --- a refusal ------------------------------------------------------------------


@pytest.mark.parametrize("rate", [None, 1.0, 1000.0])
def test_a_refusal_holds_everybody(rate: float | None):
    """For a moment at the least, whoever was refused."""
    at = bucket(rate)
    token = at.sent(0.0)
    at.reject(10.0, token)
    assert at.when(10.0) >= 10.045


@pytest.mark.parametrize("seconds", [0.5, 7.0, 3600.0, 86400.0])
def test_a_retry_after_is_kept_whole(seconds: float):
    """And exceeded by at most a second, so that not all come back at once."""
    for seed in range(20):
        at = bucket(seed=seed)
        at.reject(10.0, at.sent(0.0), retry_after=seconds)
        late = at.when(10.0) - (10.0 + seconds)
        assert 0.0 <= late <= max(1.0, 0.1)


@pytest.mark.parametrize(("seconds", "most"), [(10.0, 0.5), (100.0, 1.0)])
def test_the_return_from_a_retry_after_is_spread(seconds: float, most: float):
    """By a twentieth of it, at most a second: clients do not come back together."""
    returns = set()
    for seed in range(50):
        at = bucket(seed=seed)
        at.reject(0.0, at.sent(0.0), retry_after=seconds)
        returns.add(at.when(0.0) - seconds)
    assert 50 == len(returns)
    assert 0.0 <= min(returns) < 0.2 * most
    assert 0.8 * most < max(returns) <= most


@pytest.mark.parametrize("order", [(50.0, 5.0), (5.0, 50.0)], ids=["down", "up"])
def test_the_longer_of_two_holds_stands(order: tuple[float, float]):
    """A later, shorter Retry-After does not shorten it."""
    at = bucket()
    first, second = at.sent(0.0), at.sent(0.0)
    at.reject(1.0, first, retry_after=order[0])
    at.reject(1.0, second, retry_after=order[1])
    assert 51.0 <= at.when(1.0) <= 52.0


def test_one_event_is_one_reaction():
    """What was sent before the last refusal handled is old news; its hold is not."""
    at = bucket()
    tokens = [at.sent(0.0) for _ in range(10)]
    at.reject(5.0, tokens[9])
    opens = at.when(5.0)
    for token in tokens[1:9]:
        at.reject(5.0, token)
    assert opens == at.when(5.0)
    at.reject(5.0, tokens[0], retry_after=9.0)
    assert at.when(5.0) >= 14.0


def test_sends_within_one_step_of_a_coarse_clock_are_told_apart():
    """uvloop's clock steps in milliseconds: tokens are numbered, not timed."""
    at = bucket(1000.0)
    refused = at.sent(5.0)
    at.reject(5.0, refused)
    probe = at.sent(5.0)
    at.reject(5.0, probe)
    assert at.when(5.0) >= 5.0 + 0.9 * 0.25


def test_after_a_refusal_one_probe_at_a_time():
    """Only its success opens the gate; what was sent before says nothing."""
    at = bucket(10.0)
    old, refused = at.sent(0.0), at.sent(0.1)
    at.reject(0.2, refused)
    now, probe = send(at, 0.2)
    assert math.inf == at.when(now + 3600.0)
    at.ok(now, old)
    assert math.inf == at.when(now + 3600.0)
    at.ok(now, probe)
    assert at.when(now) < now + 0.2


def test_old_news_do_not_end_a_probe():
    """A late refusal of an earlier request changes nothing about the one out."""
    at = bucket(10.0)
    old, refused = at.sent(0.0), at.sent(0.1)
    at.reject(0.2, refused)
    now, _ = send(at, 0.2)
    at.reject(now, old)
    assert math.inf == at.when(now)


def test_a_lost_probe_frees_the_way_for_another():
    """A cancelled request must not block the key for ever."""
    at = bucket(10.0)
    at.reject(0.0, at.sent(0.0))
    for _ in range(50):
        now, probe = send(at, 1.0)
        at.lost(now, probe)
        assert now < at.when(now) < now + 1.0
    now, probe = send(at, 1.0)
    at.ok(now, probe)
    assert at.when(now) < now + 0.2


def test_after_a_lost_probe_the_next_one_waits_a_moment():
    """Even at a high rate: a broken network is not to be hammered."""
    at = bucket(1000.0)
    at.reject(0.0, at.sent(0.0))
    now, probe = send(at, 1.0)
    at.lost(now, probe)
    assert now + 0.045 <= at.when(now) <= now + 0.055


def test_a_lost_request_that_is_no_probe_changes_nothing():
    """No answer is no evidence."""
    at, other = bucket(), bucket()
    token = at.sent(0.0)
    other.sent(0.0)
    at.lost(5.0, token)
    assert (at.when(5.0), at.rate) == (other.when(5.0), other.rate)


def test_the_gaps_between_failed_probes_grow_to_15_seconds():
    """From a quarter of one on, give or take a tenth; a recovery starts afresh."""
    at, now = bucket(10.0), 0.0
    at.reject(now, at.sent(now))
    for failed in range(1, 12):
        now, probe = send(at, now)
        at.reject(now, probe)
        gap = min(15.0, 0.25 * 2 ** (failed - 1))
        assert 0.9 * gap <= at.when(now) - now <= 1.1 * gap
    now, probe = send(at, now)
    at.ok(now, probe)
    now, token = send(at, now)
    at.reject(now, token)
    assert at.when(now) - now <= 0.2


@pytest.mark.parametrize("rate", [None, 1.0, 5000.0])
def test_a_limit_that_never_lets_anything_pass_breaks_nothing(rate: float | None):
    """Refused for days, it goes on to probe every 15 seconds."""
    at, now = bucket(rate), 0.0
    for _ in range(20_000):
        moment, token = send(at, now)
        assert now <= moment <= now + 17.0
        now = moment
        at.reject(now, token)
    assert now >= 20_000 * 10.0


class Story(RuleBasedStateMachine):
    """Any order of sends, answers and pauses."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.at = bucket()
        self.out: list[int] = []
        self.last = 0
        self.event = 0
        self.told = -math.inf

    @rule(seconds=st.floats(0, 100) | st.floats(0, 0.1))
    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds

    @precondition(lambda self: self.at.when(self.now) < math.inf)
    @rule()
    def send(self) -> None:
        """Send as soon as it is permitted."""
        self.now = self.at.when(self.now)
        assert self.now >= self.told
        self.last = self.at.sent(self.now)
        self.out.append(self.last)

    @precondition(lambda self: self.out)
    @rule(data=st.data(), limited=st.booleans())
    def accept(self, data: st.DataObject, limited: bool) -> None:
        """Accept any request that is out."""
        rate, opens = self.at.rate, self.at.when(self.now)
        self.at.ok(self.now, self.take(data), limited)
        if opens == math.inf > self.at.when(self.now):
            assert self.at.rate <= rate
        else:
            assert rate <= self.at.rate <= 2 * rate
            assert limited or rate == self.at.rate

    @precondition(lambda self: self.out)
    @rule(data=st.data(), retry_after=st.none() | st.floats(0, 1000))
    def refuse(self, data: st.DataObject, retry_after: float | None) -> None:
        """Refuse any request that is out."""
        rate, token = self.at.rate, self.take(data)
        self.at.reject(self.now, token, retry_after)
        if retry_after is not None:
            self.told = max(self.told, self.now + retry_after)
        assert rate == self.at.rate
        if token > self.event:
            self.event = self.last

    @precondition(lambda self: self.out)
    @rule(data=st.data())
    def lose(self, data: st.DataObject) -> None:
        """Lose any request that is out."""
        rate = self.at.rate
        self.at.lost(self.now, self.take(data))
        assert rate == self.at.rate

    def take(self, data: st.DataObject) -> int:
        """Pick one of the requests that are out."""
        return self.out.pop(data.draw(st.integers(0, len(self.out) - 1)))

    @invariant()
    def the_rate_is_sound(self) -> None:
        """Between its bounds."""
        assert BOTTOM_RATE <= self.at.rate <= TOP_RATE

    @invariant()
    def permission_comes(self) -> None:
        """It is never in the past, and for ever only while something is out."""
        moment = self.at.when(self.now)
        assert moment >= self.now
        assert self.out or moment <= max(self.now, self.told + 1.0) + 61.0

    @invariant()
    def the_gate_opens_for_one(self) -> None:
        """While it is shut for ever, exactly one request is newer than the event."""
        if self.at.when(self.now) == math.inf:
            assert 1 == sum(token > self.event for token in self.out)


TestStory = Story.TestCase
TestStory.__doc__ = "No story of sends and answers breaks the bucket."
