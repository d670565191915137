"""The rate limit: never more than it says, and never less."""

from __future__ import annotations

from itertools import accumulate, combinations_with_replacement

import pytest
from hypothesis import given, strategies as st

from aivideo_async.emulator.bucket import TokenBucket

RATES = st.floats(min_value=0.1, max_value=100)
BURSTS = st.integers(min_value=1, max_value=20)
GAPS = st.lists(st.floats(min_value=0, max_value=3), min_size=1, max_size=60)


@given(RATES, BURSTS, GAPS)
def test_no_window_lets_more_pass_than_burst_and_rate(
    rate: float, burst: int, gaps: list[float]
):
    """In any window of w seconds at most burst + rate x w."""
    bucket = TokenBucket(rate, burst)
    passed = [now for now in accumulate(gaps) if bucket.take(now) == 0]
    numbered = list(enumerate(passed))
    for (first, start), (last, end) in combinations_with_replacement(numbered, 2):
        assert last - first + 1 <= burst + rate * (end - start) + 1e-6


@given(RATES, BURSTS, GAPS)
def test_who_waits_as_told_passes(rate: float, burst: int, gaps: list[float]):
    """The seconds of a refusal are enough."""
    bucket = TokenBucket(rate, burst)
    for now in accumulate(gaps):
        wait = bucket.take(now)
        if wait:
            assert 0 == bucket.take(now + wait)
            return


def test_a_client_that_keeps_to_the_rate_is_never_refused():
    """Rounding does not add up to a refusal."""
    bucket = TokenBucket(rate=10.0, burst=1)
    assert {0.0} == {bucket.take(tick / 10) for tick in range(10_000)}


def test_a_refusal_takes_nothing():
    """Asking in vain does not postpone the next token."""
    bucket = TokenBucket(rate=1.0, burst=1)
    waits = [bucket.take(now) for now in (0.0, 0.25, 0.5, 0.75, 1.0)]
    assert [0.0, 0.75, 0.5, 0.25, 0.0] == waits


def test_a_clock_that_goes_back_gives_nothing():
    """The same second is not counted twice."""
    bucket = TokenBucket(rate=1.0, burst=1)
    assert [0.0, 1.0, 1.0] == [bucket.take(now) for now in (5.0, 4.0, 5.0)]


@pytest.mark.parametrize(
    ("rate", "burst"), [(0, 1), (-1, 1), (1, 0), (float("nan"), 1)]
)
def test_a_limit_that_lets_nothing_pass_is_refused(rate: float, burst: float):
    """It would be an outage by mistake."""
    with pytest.raises(ValueError, match="use a rate above 0"):
        TokenBucket(rate, burst)
