"""How long tasks take, and how many are ready in a minute. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from math import ceil

from attrs import frozen

__all__ = ["LATELY", "MOST", "Pace", "pace_of", "percentile"]

LATELY = timedelta(minutes=5)
"""What is older says little of how fast it goes now."""

MOST = 1000
"""So many tasks are looked at, the newest ones."""


@frozen
class Pace:
    """
    How fast a run goes.

    Attributes:
        p50: Seconds that half of the tasks took at most; None if none is ready.
        p95: Seconds that 95 of 100 took at most.
        per_minute: Pictures per minute lately; None if nobody makes any.
    """

    p50: float | None
    p95: float | None
    per_minute: float | None

    def eta(self, left: int) -> float | None:
        """Return the seconds that *left* pictures take, if that can be said."""
        return left * 60 / self.per_minute if self.per_minute else None


def pace_of(
    seconds: Sequence[float],
    ends: Sequence[datetime],
    now: datetime,
    since: datetime | None,
) -> Pace:
    """
    Tell how fast a run goes.

    Args:
        seconds: How long the newest tasks took.
        ends: When the newest ended, at most `MOST` of them.
        now: The present time.
        since: When the run was taken up; None if nobody carries it out.
    """
    return Pace(
        p50=percentile(seconds, 50),
        p95=percentile(seconds, 95),
        per_minute=None if since is None else _per_minute(ends, now, since),
    )


def _per_minute(ends: Sequence[datetime], now: datetime, since: datetime) -> float:
    start = max(since, now - LATELY)
    recent = [end for end in ends if start <= end <= now]
    if len(recent) == MOST:  # there may have been more before
        start = min(recent)
    minutes = (now - start).total_seconds() / 60
    return len(recent) / minutes if minutes > 0 else 0.0


def percentile(values: Sequence[float], share: int) -> float | None:
    """
    Return the least of *values* that *share* of a hundred do not exceed.

    Example:
        >>> percentile([9.0, 1.0, 2.0], 50), percentile([], 50)
        (2.0, None)
    """
    if not values:
        return None
    return sorted(values)[ceil(len(values) * share / 100) - 1]
