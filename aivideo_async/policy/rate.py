"""
How fast to ask: what decides that, and a token bucket that keeps to a known rate.

A controller knows no clock and no socket: the caller says what time it is, takes a
token with `sent` in the same step in which `when` allowed it, and closes every token
with exactly one of `ok`, `reject` and `lost`.

- A 429 holds everybody, for as long as Retry-After says, and then lets one request
  through at a time; only the success of such a probe opens the gate again.
- All refusals of requests that were sent before the last one handled are old news:
  one event, one reaction. Tokens are numbered, so this holds on a coarse clock too.
- Nothing is reserved ahead: every permission is computed at the present rate, so
  nobody holds a slot at an old one.

`pinprobe.PinProbe` finds a rate that nobody publishes.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import random

__all__ = ["RateController", "TokenBucket"]

LATENESS = 0.02
"""Seconds the pace may fall behind: coalesced wake-ups must not cap the rate."""
SHORTEST_HOLD, SHORTEST_GAP, LONGEST_GAP = 0.05, 0.25, 15.0
"""Seconds of the first hold, and between probes that fail."""


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
    A token bucket, first come first served, with a gate that a refusal shuts.

    Args:
        rate: Requests per second; may be changed at any time.
        rng: Spreads the probes of several clients.
        burst: How many may leave at once until the first refusal; one from then on.

    Attributes:
        rate: The present pace in requests per second.
        shut: Since when the gate has been shut, or None.
        gap: Seconds of the last hold: the gate may have been open for that long.

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

    def __init__(self, rate: float, rng: random.Random, burst: float = 1.0) -> None:
        self.rate = float(rate)
        self.shut: float | None = None
        self.gap = 0.0
        self._rng = rng
        self._burst = burst
        self._sent = -math.inf  # when the last request left
        self._slot = -math.inf  # the moment for which the last permission was due
        self._hold = -math.inf  # nobody leaves before
        self._tokens = 0
        self._event = 0  # the last token given out before the last refusal handled
        self._probe: int | None = None
        self._failed_probes = 0

    def when(self, now: float) -> float:
        """Return when the next request may leave; infinity while a probe is out."""
        self._set_back(now)
        if self._probe is not None:
            return math.inf
        return max(now, self._hold, self._slot + (2.0 - self._burst) / self.rate)

    def sent(self, now: float) -> int:
        """Take the permission; return the token that the answer must bring back."""
        self._set_back(now)
        self._sent = now
        self._slot = max(now - LATENESS, self._slot + 1.0 / self.rate)
        self._tokens += 1
        if self.shut is not None:
            self._probe = self._tokens
        return self._tokens

    def ok(self, now: float, token: int, limited: bool = True) -> None:
        """Close *token*: any answer but a refusal by the rate limit."""
        if token == self._probe:
            self._probe, self.shut, self._failed_probes = None, None, 0

    def reject(self, now: float, token: int, retry_after: float | None = None) -> None:
        """Close *token*: refused by the rate limit; everybody waits."""
        if token == self._probe:
            self._probe = None
            self._failed_probes += 1
        if token > self._event:
            self._event, self._burst = self._tokens, 1.0
            self.shut = now if self.shut is None else self.shut
            self._hold_on(now)
        if retry_after is not None:
            jitter = min(1.0, 0.05 * retry_after) * self._rng.random()
            self._hold = max(self._hold, now + retry_after + jitter)

    def lost(self, now: float, token: int) -> None:
        """Close *token*: no answer; a lost probe must not block the key."""
        if token == self._probe:
            self._probe = None
            self._hold_on(now)

    def _set_back(self, now: float) -> None:
        """Move what is noted along with a clock that was set back since the last send."""
        back = self._sent - now
        if 0 < back < math.inf:
            self._sent = now
            self._slot -= back
            self._hold -= back
            if self.shut is not None:
                self.shut -= back

    def _hold_on(self, now: float) -> None:
        """Hold everybody: for one request's time at first, then longer and longer."""
        gap = max(SHORTEST_HOLD, 1.0 / self.rate)
        if self._failed_probes:
            doublings = min(self._failed_probes - 1, 20)  # no float overflows
            gap = max(SHORTEST_GAP, gap) * 2.0**doublings
        self.gap = min(LONGEST_GAP, gap) * self._rng.uniform(0.9, 1.1)
        self._hold = max(self._hold, now + self.gap)
