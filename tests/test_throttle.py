"""The shared throttle: one bucket, and a call for those who wait at it."""

from __future__ import annotations

import asyncio
import math

import pytest

from aivideo_async.errors import ConfigurationError
from aivideo_async.throttle import LocalThrottle


class Waiter:
    """Somebody who wants to know when the gate may have opened."""

    def __init__(self) -> None:
        self.woken = 0

    def wake(self) -> None:
        """Be called."""
        self.woken += 1


def waiters(throttle: LocalThrottle, count: int) -> list[Waiter]:
    """Let so many subscribe."""
    found = [Waiter() for _ in range(count)]
    for waiter in found:
        throttle.subscribe(waiter.wake)
    return found


def test_it_keeps_a_fixed_rate():
    """Whoever asks."""
    throttle = LocalThrottle(rate=2)
    throttle.sent(0.0)
    assert throttle.when(0.0) == pytest.approx(0.5, abs=0.021)


def test_it_learns_without_one():
    """It starts with a burst of ten."""
    throttle = LocalThrottle()
    for _ in range(10):
        assert 0.0 == throttle.when(0.0)
        throttle.sent(0.0)
    assert throttle.when(0.0) > 0.0


def test_each_client_sees_what_the_others_did():
    """A refusal of one holds all; its probe opens the gate for all."""
    throttle = LocalThrottle(rate=10)
    throttle.reject(0.0, throttle.sent(0.0), retry_after=5.0)
    opens = throttle.when(0.0)
    assert 5.0 <= opens <= 6.0
    probe = throttle.sent(opens)
    assert math.inf == throttle.when(opens)
    throttle.ok(opens, probe)
    assert throttle.when(opens) <= opens + 0.1


def test_a_lost_probe_lets_the_next_one_pass():
    """Whichever client sends it."""
    throttle = LocalThrottle(rate=10)
    throttle.reject(0.0, throttle.sent(0.0))
    throttle.lost(1.0, throttle.sent(1.0))
    assert throttle.when(1.0) < 2.0


def test_success_that_nobody_waited_for_is_passed_on_as_such():
    """Ten of them do not double the rate."""
    throttle = LocalThrottle()
    for _ in range(10):
        throttle.ok(0.0, throttle.sent(0.0), limited=False)
    assert throttle.when(0.0) >= 1 / 15 - 0.02 - 1e-9


@pytest.mark.parametrize("answer", ["ok", "reject", "lost"])
def test_every_answer_wakes_all_who_share_it(answer: str):
    """The gate may have opened, or they may have to wait longer."""
    throttle = LocalThrottle()
    first, second = waiters(throttle, 2)
    getattr(throttle, answer)(0.0, throttle.sent(0.0))
    assert (1, 1) == (first.woken, second.woken)


@pytest.mark.parametrize("answer", ["ok", "reject", "lost"])
def test_a_lone_client_is_not_woken(answer: str):
    """It looks at the gate by itself after each of its own answers."""
    throttle = LocalThrottle()
    (alone,) = waiters(throttle, 1)
    getattr(throttle, answer)(0.0, throttle.sent(0.0))
    assert 0 == alone.woken


def test_who_left_is_not_woken():
    """The others still are."""
    throttle = LocalThrottle()
    first, second, third = waiters(throttle, 3)
    throttle.unsubscribe(second.wake)
    throttle.lost(0.0, throttle.sent(0.0))
    assert (1, 0, 1) == (first.woken, second.woken, third.woken)


def test_leaving_while_being_woken_hides_the_call_from_nobody():
    """A client may close in consequence of what it learns."""
    throttle = LocalThrottle()

    def leave() -> None:
        throttle.unsubscribe(leave)

    throttle.subscribe(leave)
    first, second = waiters(throttle, 2)
    throttle.lost(0.0, throttle.sent(0.0))
    assert (1, 1) == (first.woken, second.woken)


def test_the_answer_to_the_probe_of_a_client_that_left_wakes_the_one_that_stayed():
    """Otherwise it would wait for ever at a gate that is open."""
    throttle = LocalThrottle(rate=10)
    gone, left = waiters(throttle, 2)
    throttle.reject(0.0, throttle.sent(0.0))
    probe = throttle.sent(1.0)
    throttle.unsubscribe(gone.wake)
    left.woken = 0
    throttle.ok(1.1, probe)
    assert 1 == left.woken


def test_one_throttle_serves_one_loop():
    """Waking a client of another thread would break both; a free one may move."""

    async def subscribe() -> None:
        throttle.subscribe(Waiter().wake)

    throttle = LocalThrottle()
    (first,) = waiters(throttle, 1)
    with pytest.raises(ConfigurationError, match="make one for each loop"):
        asyncio.run(subscribe())
    throttle.unsubscribe(first.wake)
    asyncio.run(subscribe())


def test_who_sends_lets_the_others_go_first():
    """Those whose timers ring second would never get a turn; a lone client waits for nobody."""
    shared, alone = LocalThrottle(rate=1), LocalThrottle(rate=1)
    waiters(shared, 2)
    waiters(alone, 1)
    shared.sent(0.0)
    alone.sent(0.0)
    senders, others = shared.when(0.0), shared.when(0.0)
    assert others < senders < others + 0.01
    assert others == alone.when(0.0)


@pytest.mark.parametrize("rate", [0, -1, -0.5, math.nan, math.inf, -math.inf], ids=repr)
def test_a_rate_that_makes_no_sense_is_refused(rate: float):
    """The error names it and says what to use."""
    with pytest.raises(ConfigurationError) as caught:
        LocalThrottle(rate)
    assert str(caught.value).startswith(f"rate={rate!r}: use a number above 0")


@pytest.mark.parametrize("rate", [1e-3, 1, 2.5, 10_000, None], ids=repr)
def test_every_other_rate_is_accepted(rate: float | None):
    """From one in a quarter of an hour."""
    assert 5.0 == LocalThrottle(rate).when(5.0)
