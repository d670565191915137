"""The emulator's own time."""

from __future__ import annotations

import math

import pytest

from aivideo_async.emulator.clock import EPOCH, Clock


def test_it_begins_once():
    """The first request sets it; later ones read it."""
    clock = Clock(1.0)
    for now in (50.0, 60.0):
        clock.start(now)
    assert (EPOCH + 12, 12.5) == (clock.unix(62.9), clock.elapsed(62.5))


@pytest.mark.parametrize("seconds", [0.0, 30.0, math.inf])
def test_what_the_service_does_is_as_much_faster_as_it_was_told(seconds: float):
    """Also for ever."""
    assert seconds / 20 == Clock(20.0).wait(seconds)


@pytest.mark.parametrize(
    ("speed", "expected"), [(1.0, 86_400.0), (1000.0, 86.4), (1e9, 86.4)]
)
def test_a_day_is_never_shorter_than_a_minute(speed: float, expected: float):
    """However fast tasks are, an address outlives the wish to fetch it."""
    assert expected == Clock(speed).span(86_400.0)


def test_a_clock_may_be_ahead_or_behind():
    """Only the one that stamps the ends."""
    clock = Clock(1.0, skew=-3600.0)
    assert (EPOCH + 10, EPOCH - 3590) == (clock.unix(10.0), clock.skewed(10.0))


@pytest.mark.parametrize("speed", [0.0, -1.0, math.nan, math.inf])
def test_a_speed_that_makes_no_sense_is_refused(speed: float):
    """Tasks would never end, or the stuck ones would."""
    with pytest.raises(ValueError, match="use a number above 0"):
        Clock(speed)
