"""The emulated rate limit: a token bucket, pure arithmetic on the caller's clock."""

from __future__ import annotations

import math

__all__ = ["TokenBucket"]

# What rounding may steal from a client that keeps exactly to the rate.
EPSILON = 1e-9


class TokenBucket:
    """
    Let *burst* requests pass at once and *rate* per second after that.

    In any window of w seconds at most burst + rate x w requests pass; a refused one
    takes nothing.

    Example:
        >>> bucket = TokenBucket(rate=2.0, burst=1.0)
        >>> bucket.take(now=0.0), bucket.take(now=0.0), bucket.take(now=0.5)
        (0.0, 0.5, 0.0)
    """

    def __init__(self, rate: float, burst: float) -> None:
        if not rate > 0 or not burst >= 1:
            raise ValueError(
                f"rate={rate!r}, burst={burst!r}: use a rate above 0 and a burst from 1"
            )
        self._rate = rate
        self._burst = self._tokens = float(burst)
        self._last = -math.inf

    def take(self, now: float) -> float:
        """Take one token and return 0, or return the seconds until there is one."""
        elapsed = max(0.0, now - self._last)
        self._tokens = min(self._burst, self._tokens + elapsed * self._rate)
        self._last = max(self._last, now)
        if self._tokens >= 1 - EPSILON:
            self._tokens -= 1
            return 0.0
        return (1 - self._tokens) / self._rate
