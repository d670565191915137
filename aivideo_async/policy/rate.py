"""
How fast to ask: a token bucket that obeys, and finds, a limit nobody publishes.

One bucket per API key. It knows no clock and no socket: the caller says what time it
is, takes a token with `sent` in the same step in which `when` allowed it, and closes
every token with exactly one of `ok`, `reject` and `lost`.

- A 429 holds everybody, for as long as Retry-After says, and then lets one request
  through; only its success opens the gate again.
- All refusals of requests that were sent before the last one handled are old news:
  one congestion event, one cut.
- Nothing is reserved ahead: every permission is computed at the current rate, so
  nobody holds a slot at an old one.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import random

__all__ = ["RateController", "TokenBucket"]

START_RATE, START_BURST = 10.0, 10.0
TOP_RATE = 10_000.0
BOTTOM_RATE = 1 / 60
LATENESS = 0.02
"""Seconds the pace may fall behind: coalesced wake-ups must not cap the rate."""
SHORTEST_HOLD, LONGEST_PROBE_GAP = 0.05, 15.0
GROWTH, GROWTH_PERIOD, GROWTH_STAGE = 1.028, 2.0, 6
IDLE = 1.0
"""Seconds without a request after which a measurement begins anew."""
ENOUGH = 5
"""Accepted requests between two refusals that make their ratio a measurement."""


class RateController(Protocol):
    """What decides when the next request of a key may leave."""

    def when(self, now: float) -> float:
        """Return when the next request may leave; infinity while a probe is out."""

    def sent(self, now: float) -> int:
        """Take the permission; return the token that the answer must bring back."""

    def ok(self, now: float, token: int, limited: bool = True) -> None:
        """
        Close *token*: any answer but a refusal by the rate limit.

        *limited* is False when there was no work waiting for this permission: then
        success is no evidence that a higher rate would be accepted.
        """

    def reject(self, now: float, token: int, retry_after: float | None = None) -> None:
        """Close *token*: refused by the rate limit."""

    def lost(self, now: float, token: int) -> None:
        """Close *token*: no answer (timeout, cancellation, broken connection)."""


class TokenBucket:
    """
    A token bucket, first come first served.

    Args:
        rate: Requests per second, fixed; or None to find the limit: start at 10/s,
            double after each second's worth of accepted requests until the first
            refusal, then run at what was measured, growing by 2.8 % every 2 s (or
            every 6 requests, if that takes longer).
        rng: Spreads the probes of several clients.

    Example:
        >>> import random
        >>> bucket = TokenBucket(2.0, random.Random(1))
        >>> bucket.when(100.0)
        100.0
        >>> token = bucket.sent(100.0)
        >>> round(bucket.when(100.0), 2)
        100.48
        >>> bucket.reject(100.1, token, retry_after=3.0)
        >>> 103.1 <= bucket.when(100.2) <= 103.3
        True
    """

    def __init__(self, rate: float | None, rng: random.Random) -> None:
        self._learns = rate is None
        self._rate = START_RATE if rate is None else float(rate)
        self._rng = rng
        self._burst = START_BURST if rate is None else 1.0
        self._next = -math.inf  # when the bucket holds one token again, at this pace
        self._hold = -math.inf  # nobody leaves before
        self._tokens = 0
        self._event = 0  # the last token given out before the last refusal handled
        self._probe: int | None = None
        self._blocked = False
        self._failed_probes = 0
        self._starting = True
        self._accepted = 0  # since the last event
        self._since = math.inf
        self._stage = 0  # accepted since the rate last grew
        self._grown = -math.inf

    @property
    def rate(self) -> float:
        """The present pace in requests per second."""
        return self._rate

    def when(self, now: float) -> float:
        """Return when the next request may leave; infinity while a probe is out."""
        if self._probe is not None:
            return math.inf
        return max(now, self._hold, self._next - (self._burst - 1.0) / self._rate)

    def sent(self, now: float) -> int:
        """Take the permission; return the token that the answer must bring back."""
        if now - self._next > IDLE:
            # The allowance has filled up: what was accepted before says nothing.
            self._accepted, self._since = 0, now
        self._next = max(now - LATENESS, self._next) + 1.0 / self._rate
        self._tokens += 1
        if self._blocked:
            self._probe = self._tokens
        return self._tokens

    def ok(self, now: float, token: int, limited: bool = True) -> None:
        """Close *token*: any answer but a refusal by the rate limit."""
        self._accepted += 1
        if token == self._probe:
            self._probe, self._blocked, self._failed_probes = None, False, 0
        if self._learns and limited and not self._blocked:
            self._grow(now)

    def reject(self, now: float, token: int, retry_after: float | None = None) -> None:
        """Close *token*: refused by the rate limit; everybody waits."""
        was_probe = token == self._probe
        if was_probe:
            self._probe = None
            self._failed_probes += 1
        if token > self._event:
            self._event = self._tokens
            if self._learns and not was_probe:
                self._cut(now)
            self._blocked, self._burst = True, 1.0
            self._hold = max(self._hold, now + self._probe_gap())
        if retry_after is not None:
            jitter = min(1.0, 0.05 * retry_after) * self._rng.random()
            self._hold = max(self._hold, now + retry_after + jitter)
        self._next = max(self._next, self._hold)

    def lost(self, now: float, token: int) -> None:
        """Close *token*: no answer; a lost probe must not block the key."""
        if token == self._probe:
            self._probe = None
            self._hold = max(self._hold, now + self._probe_gap())

    def _probe_gap(self) -> float:
        doublings = min(self._failed_probes, 20)  # no float overflows
        gap = max(SHORTEST_HOLD, 1.0 / self._rate) * 2.0**doublings
        return min(LONGEST_PROBE_GAP, gap) * self._rng.uniform(0.9, 1.1)

    def _cut(self, now: float) -> None:
        """
        Fall to what was measured since the last event.

        Between two moments at which the allowance is empty, accepted ÷ elapsed *is*
        the limit, whatever the burst (the idea of BBR's policer detection).
        """
        elapsed = now - self._since
        measured = self._accepted / elapsed if elapsed > 0 else self._rate
        if self._accepted < ENOUGH:
            measured = 0.7 * self._rate
        self._rate = min(0.95 * self._rate, max(0.25 * self._rate, measured))
        self._rate = max(BOTTOM_RATE, self._rate)
        self._starting, self._accepted, self._since = False, 0, now
        self._stage, self._grown = 0, now

    def _grow(self, now: float) -> None:
        self._stage += 1
        if self._starting:
            if self._stage >= self._rate:
                self._rate, self._stage = min(TOP_RATE, 2.0 * self._rate), 0
        elif self._stage >= GROWTH_STAGE and now - self._grown >= GROWTH_PERIOD:
            self._rate = min(TOP_RATE, self._rate * GROWTH)
            self._stage, self._grown = 0, now
