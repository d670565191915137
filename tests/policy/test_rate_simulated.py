"""The token bucket against limits it does not know, for hours of virtual time."""

from __future__ import annotations

import math
import random
from functools import partial

import pytest

from aivideo_async.policy.rate import TokenBucket
from aivideo_async.throttle import LocalThrottle
from benchmarks.simulation import Bucket, Changing, Client, Limit, Window, World

HUNGRY = math.inf
HOUR = 3600.0


def learner(seed: int = 1) -> TokenBucket:
    """Build a bucket that knows nothing."""
    return TokenBucket(None, random.Random(seed))


def saturated(
    limit: Limit, *, until: float, retry_after: float | None = None
) -> Client:
    """Run one client that always has work; 50 ms away."""
    world = World(limit, rtt=0.05, retry_after=retry_after)
    client = world.client(learner(), HUNGRY, connections=100)
    world.run(until)
    return client


def sharing(world: World, throttle: LocalThrottle, count: int) -> list[Client]:
    """Let hungry clients share a throttle, as those of one process do."""
    clients = [world.client(throttle, HUNGRY) for _ in range(count)]
    for client in clients:
        throttle.subscribe(partial(world.pump, client))
    return clients


# --- many at once ---------------------------------------------------------------


@pytest.mark.parametrize("rtt", [0.005, 0.05, 0.3], ids="{:g} s away".format)
def test_300_creates_at_once_meet_an_unknown_limit(rtt: float):
    """20/s, burst 10: all succeed, with at most 310 sends, in 1.4 × the ideal time."""
    world = World(Bucket(20, 10), rtt)
    client = world.client(learner(), 300)
    world.run(HOUR)
    assert 300 == len(client.accepted)
    assert len(client.sent) <= 310
    assert client.accepted[-1] <= 1.4 * (300 - 10) / 20


@pytest.mark.parametrize("rtt", [0.005, 0.05, 0.3], ids="{:g} s away".format)
def test_300_creates_at_once_keep_to_a_known_limit(rtt: float):
    """With ``rate=20`` next to nothing is refused, in 1.05 × the time that takes."""
    world = World(Bucket(20, 10), rtt)
    client = world.client(TokenBucket(20, random.Random(1)), 300)
    world.run(HOUR)
    assert 300 == len(client.accepted)
    assert len(client.sent) <= 301
    assert client.accepted[-1] <= 1.05 * 300 / 20


def test_a_burst_after_an_hour_of_idleness_is_no_worse_than_the_first():
    """Time in which nothing was asked is no measurement of the limit."""
    world = World(Bucket(20, 10), 0.05)
    client = world.client(learner(), 0)
    starts = [number * HOUR for number in range(6)]
    for start in starts:
        world.at(start, lambda: world.give(client, 300))
    world.run(7 * HOUR)
    ends = client.accepted[299::300]
    ratios = [(end - at) / 14.5 for at, end in zip(starts, ends, strict=True)]
    assert max(ratios) <= 1.4


@pytest.mark.parametrize("rtt", [0.05, 0.3, 1.0], ids="{:g} s away".format)
@pytest.mark.parametrize(
    "limit",
    [
        pytest.param((1, 10), id="1 per s"),
        pytest.param((2, 2), id="2 per s"),
        pytest.param((5, 5), id="5 per s"),
    ],
)
def test_a_crowd_at_a_low_limit_gets_through(limit: tuple[float, float], rtt: float):
    """A gate that reserved slots ahead at a stale rate collapsed here."""
    rate, burst = limit
    world = World(Bucket(rate, burst), rtt)
    client = world.client(learner(), 100, connections=100)
    world.run(HOUR)
    assert 100 == len(client.accepted)
    assert client.accepted[-1] <= 1.4 * (100 - burst) / rate


@pytest.mark.parametrize(("before", "after"), [(100, 5), (1000, 2)])
@pytest.mark.parametrize("rtt", [0.005, 0.3], ids="{:g} s away".format)
def test_a_crowd_gets_through_a_limit_that_collapses(
    before: float, after: float, rtt: float
):
    """Nobody holds a slot that was reserved at the old rate, for minutes or for ever."""
    limit = Changing(Bucket(before, before), Bucket(after, after), at=1.0)
    world = World(limit, rtt)
    client = world.client(learner(), 300, connections=100)
    world.run(HOUR)
    late = sum(moment >= 1.0 for moment in client.accepted)
    assert 300 == len(client.accepted)
    assert client.accepted[-1] - 1.0 <= 1.2 * late / after


# --- always hungry --------------------------------------------------------------


@pytest.mark.parametrize("retry_after", [None, 1.0], ids=["", "Retry-After"])
@pytest.mark.parametrize("rate", [1, 2, 5, 10, 30, 100], ids="{} per s".format)
def test_a_hungry_client_uses_an_unknown_limit(rate: float, retry_after: float | None):
    """At least .9 of it over 300 s, and never less than .6 in any 30 s."""
    client = saturated(Bucket(rate, rate), until=300.0, retry_after=retry_after)
    assert client.rate(0, 300) >= 0.9 * rate
    assert min(client.rate(at, at + 30) for at in range(0, 300, 30)) >= 0.6 * rate


@pytest.mark.parametrize("most", [60, 300, 600], ids="{} per minute".format)
def test_a_hungry_client_uses_a_window(most: int):
    """At least .9 of what ten minutes allow."""
    client = saturated(Window(most, 60), until=600.0)
    assert 60 * client.rate(0, 600) >= 0.9 * most


@pytest.mark.parametrize(
    ("before", "after"), [(20, 5), (20, 2), (100, 10)], ids=["4×", "10×", "fast 10×"]
)
def test_a_limit_that_falls_is_found_again(before: float, after: float):
    """Within a minute it is used as before."""
    limit = Changing(Bucket(before, before), Bucket(after, after), at=100.0)
    client = saturated(limit, until=400.0)
    assert client.rate(160, 400) >= 0.95 * after


@pytest.mark.parametrize(("before", "after"), [(2, 8), (5, 20), (25, 100)])
def test_a_limit_that_rises_is_found_again(before: float, after: float):
    """Four times as much: .9 of it within 150 s."""
    limit = Changing(Bucket(before, before), Bucket(after, after), at=100.0)
    client = saturated(limit, until=300.0)
    assert client.rate(250, 300) >= 0.9 * after


# --- not alone ------------------------------------------------------------------


@pytest.mark.parametrize("rate", [5, 20, 100], ids="{} per s".format)
def test_two_clients_that_share_a_throttle_share_the_limit(rate: float):
    """Together they use it, and each gets a quarter at the least."""
    world = World(Bucket(rate, rate), 0.05, ties=random.Random(1))
    clients = sharing(world, LocalThrottle(), 2)
    world.run(300.0)
    rates = [client.rate(0, 300) for client in clients]
    assert sum(rates) >= 0.9 * rate
    assert min(rates) >= 0.25 * sum(rates)


@pytest.mark.parametrize("rate", [5, 20], ids="{} per s".format)
def test_sharers_that_wake_up_in_the_same_order_take_turns(rate: float):
    """Timers for the same instant ring one after the other: the second must not starve."""
    world = World(Bucket(rate, rate), 0.05)
    clients = sharing(world, LocalThrottle(rate), 2)
    world.run(100.0)
    rates = [client.rate(0, 100) for client in clients]
    assert min(rates) >= 0.25 * sum(rates)


@pytest.mark.parametrize("rate", [5, 20], ids="{} per s".format)
def test_two_clients_that_do_not_know_of_each_other_both_live(rate: float):
    """Each gets a quarter at the least, and together they use the limit."""
    world = World(Bucket(rate, rate), 0.05)
    clients = [world.client(learner(seed), HUNGRY) for seed in (1, 2)]
    world.run(600.0)
    rates = [client.rate(100, 600) for client in clients]
    assert sum(rates) >= 0.9 * rate
    assert min(rates) >= 0.25 * sum(rates)
