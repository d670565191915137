"""
PinProbe: find a rate limit nobody publishes, use it, and notice when it changes.

Two ideas carry it.

**Pin.** Whatever the limit is, a bucket with any burst or a window, between two moments
at which it has just let something through again, accepted ÷ elapsed *is* the limit (the
idea of policer detection in Linux's BBR). So every refusal ends in a measurement.

**Probe.** From 1 % below what was measured the pace rises by a raise that starts at a
quarter of a percent and doubles: every 2 s after a surprise, half as often after each
refusal that only confirmed the limit, at last every 32 s, or 72 requests. One curve
starts the client, keeps it near the limit with few refusals, and runs after a limit
that has risen.

What a refusal means is decided when the gate opens again (`_reopened`):

========= ============================================= ===============================
start     it is the first, and little more was accepted nothing is known yet: go on
          than the burst that we began with             with the start
yield     the pace was below the limit, and had been    somebody else uses the key, or
          for 10 s                                      the limit fell: give up a quarter
few       less than ten were accepted since the last    it is much lower: fall, to half
          measurement                                   at most, and go on measuring
window    the gate was shut for longer than a bucket's  what the last minute accepted is
          can be                                        the limit; be patient, unless that
                                                        is far below what was known
pin       a raise was refused                           1 % below what was measured; if
                                                        that is no news, more patience
========= ============================================= ===============================

Success that nobody had to wait for is no evidence for a raise, and time in which leave
was not used is no part of a measurement.
"""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING

from aivideo_async.policy.rate import TokenBucket

if TYPE_CHECKING:
    import random

__all__ = ["PinProbe"]

START_RATE, START_BURST = 15.0, 10.0
TOP_RATE = 10_000.0
BOTTOM_RATE = 1 / 60
"""Once a minute, or nothing would ever be learned again."""

MARGIN = 0.99
"""Of what was measured, to begin with; the raise soon makes up for it."""
PROVED = 0.9975
"""Of what was counted in a window, or, at most, measured when a pace had held before."""
FIRST_RAISE = 0.0025
REAL_RAISE = 0.05
"""Accepted so far above the limit, it has risen: run after it."""
START_DOUBLING, QUICK_DOUBLING = 0.7, 2.0
"""Seconds in which the raise doubles: until the first refusal, and after a surprise."""
SLOW_DOUBLING, SLOW_REQUESTS = 32.0, 72.0
"""The longest, in seconds or in requests: a refusal every two to four minutes."""
MOST = 0.5
"""What was counted in a window is believed if it is that part of what is known."""
HASTE, LEAST_HASTE = 8.0, 4.0
"""A real raise doubles so many times as fast, but not within fewer seconds."""

FEW = 10
"""Accepted requests that make a measurement."""
DEEPEST_CUT = 0.5
SAME, FAR = 0.1, 0.5
"""Two measurements that differ by less confirm each other; not at the end of a slow
raise that went so far: then what they measure is mostly our own restraint."""
YIELD, PLATEAU = 0.75, 10.0
"""What is left after giving way; seconds for which a pace has to hold before that."""

WINDOW = 60.0
LONG = 3.0
"""Seconds (and two requests' time) that no bucket at this pace shuts anybody out for."""
IDLE = 0.1
"""Seconds (or one request's time) of unused leave that end a measurement."""


class PinProbe:
    """
    A rate controller that learns; one for each API key.

    Args:
        rng: Spreads the probes of several clients.

    Example:
        >>> import random
        >>> control = PinProbe(random.Random(1))
        >>> now = 0.0
        >>> for _ in range(40):
        ...     now = control.when(now)
        ...     control.ok(now, control.sent(now))  # accepted
        >>> reached = control.rate
        >>> reached > 20
        True
        >>> control.reject(now, control.sent(now))
        >>> now = control.when(now)
        >>> control.ok(now, control.sent(now))  # the probe
        >>> control.rate < reached
        True
    """

    def __init__(self, rng: random.Random) -> None:
        self._bucket = TokenBucket(START_RATE, rng, START_BURST)
        self._base, self._raise = START_RATE / 2, 1.0  # the pace is base × (1 + raise)
        self._doubling = START_DOUBLING
        self._climbed = math.inf  # when the raise last grew
        self._limit = 0.0  # as last measured; 0 while nothing is known
        self._accepted, self._since = 0, 0.0  # of the measurement under way
        self._opened = -math.inf
        self._lately = _Lately()

    @property
    def rate(self) -> float:
        """The present pace in requests per second."""
        return self._bucket.rate

    def when(self, now: float) -> float:
        """Return when the next request may leave; infinity while a probe is out."""
        return self._bucket.when(now)

    def sent(self, now: float) -> int:
        """Take the permission; return the token that the answer must bring back."""
        bucket = self._bucket
        if bucket.shut is None:
            unused = now - max(self._opened, bucket.when(-math.inf))
            if unused > max(IDLE, 1.0 / bucket.rate):
                # The allowance has filled up: what was accepted before says nothing.
                self._accepted, self._since = 0, now
        return bucket.sent(now)

    def ok(self, now: float, token: int, limited: bool = True) -> None:
        """Close *token*: any answer but a refusal by the rate limit."""
        self._accepted += 1
        self._lately.add(now)
        shut = self._bucket.shut
        self._bucket.ok(now, token)
        if self._bucket.shut is not None:
            return
        if shut is not None:
            self._reopened(now, shut)
        elif limited:
            self._climb(now)
        else:
            self._climbed = now

    def reject(self, now: float, token: int, retry_after: float | None = None) -> None:
        """Close *token*: refused by the rate limit; everybody waits."""
        self._bucket.reject(now, token, retry_after)

    def lost(self, now: float, token: int) -> None:
        """Close *token*: no answer; a lost probe must not block the key."""
        self._bucket.lost(now, token)

    def _climb(self, now: float) -> None:
        """Let the raise grow with the time in which what was asked for was accepted."""
        doubling = self._doubling
        if self._raise >= REAL_RAISE:
            doubling = min(doubling, max(LEAST_HASTE, doubling / HASTE))
        # A pause of the caller is no evidence; the wait of a slow one is.
        longest = max(doubling, 2.0 / self.rate)
        elapsed = min(max(0.0, now - self._climbed), longest)
        self._climbed = now
        grown = self._raise * 2.0 ** (elapsed / doubling)
        twice = 1.0 + 2.0 * self._raise  # with one answer the pace doubles at most
        self._go(self._base, min(grown, twice, TOP_RATE / self._base))

    def _reopened(self, now: float, shut: float) -> None:
        """Decide what the refusals since *shut* meant, and at which pace to go on."""
        pace, held = self.rate, shut - max(self._opened, self._since)
        long = now - shut > LONG + 2.0 / pace
        accepted, measured = self._measurement(now, shut, long=long)
        measured = min(pace, measured)
        limit, by, doubling = measured, FIRST_RAISE, QUICK_DOUBLING
        if self._opened == -math.inf and accepted < START_BURST + FEW:
            base, limit, by, doubling = self._base, 0.0, self._raise, START_DOUBLING
        elif pace < self._limit and held >= PLATEAU:
            base = YIELD * pace
        elif accepted < FEW:
            base, limit = _cut(pace, measured), 0.0
        elif long:
            base = PROVED * measured  # it was counted, not timed
            doubling = self._doubling_in_window(now, measured)
        else:
            base, doubling = self._pin(pace, measured, held)
        self._limit, self._opened, self._climbed = limit, now, now
        if accepted >= FEW:
            self._accepted, self._since = 0, now
        self._go(base, by)
        slowest = max(SLOW_DOUBLING, SLOW_REQUESTS / self._base)
        self._doubling = min(doubling, slowest)

    def _pin(self, pace: float, measured: float, held: float) -> tuple[float, float]:
        """Return the new base, and how slowly to rise from it, after a failed raise."""
        base = _cut(pace, measured)
        if held >= max(PLATEAU, self._doubling):
            # Time spent below the limit must not pull it down, again and again.
            base = max(base, min(self._base, PROVED * measured))
        same = abs(measured - self._limit) <= SAME * self._limit
        far = self._raise >= FAR and self._doubling > LEAST_HASTE
        return base, 2.0 * self._doubling if same and not far else QUICK_DOUBLING

    def _doubling_in_window(self, now: float, measured: float) -> float:
        """
        Return how slowly to rise from what was counted in a window.

        Far less than what is known, or than the pace if we are new, is hardly all that
        the window allows: others used it too, or the block was none of a window's.
        """
        new = now - self._since < WINDOW
        known = self._limit or (self.rate if new else measured)
        return math.inf if measured >= MOST * known else QUICK_DOUBLING

    def _measurement(self, now: float, shut: float, *, long: bool) -> tuple[int, float]:
        """
        Return how many were accepted, and per second.

        A window began when its predecessor ended, which was at the last probe or up to
        a gap before: half a gap is the best guess, unless all we ever got was in it.
        What let us in now belongs to the next one already. How long the very first
        refusal held us says nothing: no earlier one did before the time it ended.
        """
        first = self._opened == -math.inf
        elapsed, gap = (shut if first else now) - self._since, self._bucket.gap
        rate = self._accepted / elapsed if elapsed > 0 else math.inf
        if not long:
            return self._accepted, rate
        begun = now - WINDOW - (gap / 2 if self._limit else gap)
        lately = self._lately.since(begun) - 1
        return lately, max(lately / WINDOW, rate if elapsed >= WINDOW else 0.0)

    def _go(self, base: float, by: float) -> None:
        self._base, self._raise = max(BOTTOM_RATE, base), by
        self._bucket.rate = min(TOP_RATE, self._base * (1.0 + by))


def _cut(pace: float, measured: float) -> float:
    """Return the pace to go on with: just below what was measured, half at the least."""
    return MARGIN * max(DEEPEST_CUT * pace, measured)


class _Lately:
    """How many were accepted in each of the last seconds."""

    KEPT = 80
    """Seconds: a window and the longest gap between two probes."""

    def __init__(self) -> None:
        self._counts: deque[list[int]] = deque()

    def add(self, now: float) -> None:
        """Count one more."""
        second = int(now)
        if self._counts and self._counts[-1][0] == second:
            self._counts[-1][1] += 1
            return
        self._counts.append([second, 1])
        while self._counts[0][0] < second - self.KEPT:
            self._counts.popleft()

    def since(self, moment: float) -> int:
        """Return how many there were from the second of *moment* on."""
        first = int(moment)
        return sum(count for second, count in self._counts if second >= first)
