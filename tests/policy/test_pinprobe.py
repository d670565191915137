"""PinProbe: what it makes of an answer. Whether that is wise, test_rate_simulated tells."""

from __future__ import annotations

import random

import pytest

from aivideo_async.policy.pinprobe import BOTTOM_RATE, TOP_RATE, PinProbe
from aivideo_async.policy.rate import LATENESS


def learner(seed: int = 1) -> PinProbe:
    """Build one that knows nothing."""
    return PinProbe(random.Random(seed))


def accept(at: PinProbe, start: float, seconds: float, rate: float) -> float:
    """Let *rate* requests a second be accepted, if permitted; return the end."""
    now = start
    for number in range(1, round(seconds * rate) + 1):
        now = at.when(max(now, start + number / rate))
        at.ok(now, at.sent(now))
    return now


def refuse(at: PinProbe, now: float, seconds: float = 0.0) -> float:
    """Refuse a request *now*, and all probes for so long; return when one passed."""
    shut = now
    at.reject(now, at.sent(now))
    while True:
        now = at.when(now)
        probe = at.sent(now)
        if now >= shut + seconds:
            at.ok(now, probe)
            return now
        at.reject(now, probe)


def known(rate: float) -> tuple[PinProbe, float]:
    """Build one that has just measured *rate*; return it and the time."""
    at = learner()
    now = refuse(at, accept(at, 0.0, 0.5, 70.0))  # as fast as it allows
    for _ in range(4):
        now = refuse(at, accept(at, now, 5.0, rate))
    return at, now


# --- the start --------------------------------------------------------------------


def test_it_starts_with_ten_at_once():
    """Then at 15 per second."""
    at = learner()
    for _ in range(10):
        assert 0.0 == at.when(0.0)
        at.sent(0.0)
    assert at.when(0.0) == pytest.approx(1 / 15, abs=LATENESS + 1e-9)


def test_what_is_added_at_the_start_doubles():
    """7.5 on top of 7.5, then 15, 30, 60, in 0.7 s each."""
    at = learner()
    at.ok(0.0, at.sent(0.0))
    rates = [accept(at, 0.7 * step, 0.7, 10.0) and at.rate for step in range(4)]
    assert [22.5, 37.5, 67.5, 127.5] == pytest.approx(rates)


def test_a_refusal_right_after_the_first_burst_ends_no_start():
    """What the burst let through says nothing about the rate; the second refusal does."""
    at = learner()
    for token in [at.sent(0.0) for _ in range(10)]:
        at.ok(0.01, token)
    now = refuse(at, at.when(0.0))
    assert 15.0 == at.rate
    now = accept(at, now, 0.7, 15.0)
    pace = at.rate
    assert pace == pytest.approx(22.5, rel=0.1)
    refuse(at, now)
    assert at.rate < 0.8 * pace


def test_success_that_nobody_waited_for_is_no_evidence():
    """Otherwise an idle client would believe in any rate."""
    at = learner()
    for second in range(1000):
        at.ok(float(second), at.sent(float(second)), limited=False)
    assert 15.0 == at.rate


def test_a_pause_between_two_requests_is_no_evidence():
    """However long it was, one answer doubles what is added at the most."""
    at = learner()
    at.ok(0.0, at.sent(0.0))
    at.ok(86_400.0, at.sent(86_400.0))
    assert 22.5 == at.rate


def test_a_limit_that_is_never_met_overflows_nothing():
    """It stops at 10,000 per second, for days."""
    at = learner()
    accept(at, 0.0, 100_000.0, 1.0)
    assert TOP_RATE == at.rate
    assert BOTTOM_RATE <= (refuse(at, 100_000.0) and at.rate) <= TOP_RATE


# --- pin --------------------------------------------------------------------------


def test_accepted_over_elapsed_is_the_limit():
    """Between two moments at which something was let through again; 1 % below it."""
    at, now = known(20.0)
    again = refuse(at, accept(at, now, 8.0, 15.0))
    measured = (8 * 15 + 1) / (again - now)
    assert at.rate == pytest.approx(0.99 * measured, rel=0.003)


def test_a_refusal_takes_half_at_most():
    """A short measurement can be far off."""
    at, now = known(20.0)
    pace = at.rate
    refuse(at, accept(at, now, 1.0, 20.0), 1.5)
    assert at.rate == pytest.approx(pace / 2, rel=0.02)


@pytest.mark.parametrize("accepted", range(9))
def test_a_few_make_no_measurement(accepted: int):
    """Refused again and again, it halves; what was accepted meanwhile is counted on."""
    at, now = known(20.0)
    pace = at.rate
    for _ in range(accepted):
        at.ok(now, at.sent(now))
    now = refuse(at, now + 0.01)
    assert at.rate < pace
    pace = at.rate
    refuse(at, accept(at, now, 1.0, 4.0))
    assert at.rate < pace


def test_nothing_is_decided_before_the_gate_opens_again():
    """How long it stays shut is half the evidence."""
    at, now = known(20.0)
    pace = at.rate
    at.reject(now, at.sent(now))
    for _ in range(20):
        now = at.when(now)
        at.reject(now, at.sent(now))
    assert pace == at.rate


def test_idleness_begins_a_new_measurement():
    """What was accepted before it, and the idle time itself, say nothing."""
    at, now = known(20.0)
    begun = accept(at, now, 2.0, 20.0) + 1000.0
    ended = refuse(at, accept(at, begun, 5.0, 15.0))
    assert at.rate == pytest.approx(0.99 * 76 / (ended - begun), rel=0.02)


def test_a_long_block_is_a_window_s():
    """Then the last minute counts, whatever the pace was before."""
    at = learner()
    now = accept(at, 0.0, 6.0, 50.0)
    refuse(at, now, 54.0)
    assert at.rate == pytest.approx(300 / 60, rel=0.02)


def test_a_long_block_below_the_limit_is_doubted():
    """An outage of 45 s must not make a minute window of a bucket."""
    at, now = known(20.0)
    now = accept(at, now, 11.0, 20.0)
    pace = at.rate
    refuse(at, now, 45.0)
    assert at.rate == pytest.approx(0.75 * pace, rel=0.01)


def test_below_a_limit_that_is_known_it_gives_way():
    """Somebody else uses the key, or the limit fell."""
    at, now = known(20.0)
    now = accept(at, now, 11.0, 20.0)
    pace = at.rate
    refuse(at, now)
    assert at.rate == pytest.approx(0.75 * pace, rel=0.01)


def test_a_refusal_soon_after_another_is_no_reason_to_give_way():
    """The measurement may have been a little too high."""
    at, now = known(20.0)
    now = accept(at, now, 9.0, 20.0)
    pace = at.rate
    refuse(at, now)
    assert at.rate >= 0.97 * pace


def test_a_plateau_that_held_is_gone_back_to():
    """The time below the limit must not pull the measurement down, again and again."""
    at, now = known(20.0)
    now = accept(at, now, 40.0, 20.0)
    plateau = 0.99 * 20
    for _ in range(5):
        now = accept(at, now, 150.0, 0.98 * 20)
        now = refuse(at, now)
        assert at.rate >= 0.995 * plateau


# --- probe ------------------------------------------------------------------------


def seconds_to(at: PinProbe, now: float, share: float) -> float:
    """Accept what is asked until the rate has grown by *share*; return how long."""
    start, rate = now, at.rate
    while at.rate < (1 + share) * rate:
        now = at.when(now)
        at.ok(now, at.sent(now))
    return now - start


def test_after_a_surprise_it_is_quick():
    """Five percent more within ten seconds."""
    at, now = known(20.0)
    now = refuse(at, now + 0.1)
    assert seconds_to(at, now, 0.05) <= 10.0


def test_every_confirmation_makes_it_more_patient():
    """Half as quick, and at last a minute and a half for two percent."""
    at, now = known(20.0)
    now = refuse(at, refuse(at, now + 0.1) + 0.1)
    seconds = []
    for _ in range(6):
        seconds.append(seconds_to(at, now, 0.02))
        now = refuse(at, now + seconds[-1])
    assert seconds[1:] == sorted(seconds[1:])
    assert seconds[3] == pytest.approx(2 * seconds[2], rel=0.1)
    assert 90.0 <= seconds[-1] <= 120.0


def test_one_that_has_become_slow_doubles_with_each_answer():
    """Time helps it, or it would starve beside one that gets many answers."""
    at, now = learner(), 0.0
    for _ in range(100):
        now = refuse(at, now)
    slow = at.rate
    for _ in range(3):
        now = at.when(now)
        at.ok(now, at.sent(now))
    assert at.rate == pytest.approx(2**3 * slow, rel=0.01)


def test_after_a_limit_that_has_risen_it_runs():
    """From five percent on; fourfold within half a minute more."""
    at, now = known(20.0)
    first = seconds_to(at, now, 0.05)
    assert seconds_to(at, now + first, 2.8) <= 30.0


def test_the_rate_never_falls_below_one_a_minute():
    """Or nothing would ever be learned again."""
    at, now = learner(), 0.0
    for _ in range(100):
        now = refuse(at, now)
    assert BOTTOM_RATE <= at.rate <= 1.01 * BOTTOM_RATE
    assert at.when(now) <= now + 61.0


def test_nobody_keeps_a_slot_at_an_old_rate():
    """Who waited at 1,000 per second leaves at the new pace after a refusal."""
    at = learner()
    now = accept(at, 0.0, 10.0, 10.0)
    assert at.rate > 1000
    now = refuse(at, now, 5.0)
    gap = 1 / at.rate
    assert gap > 0.05
    left = []
    for _ in range(100):
        now = at.when(now)
        at.sent(now)
        left.append(now)
    assert left[-1] - left[0] == pytest.approx(99 * gap, rel=0.01)
