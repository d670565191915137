"""The emulator's own time, pure arithmetic on the clock of whoever asks."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from email.utils import format_datetime

__all__ = ["EPOCH", "LONG_SPEED", "Clock", "http_date"]

EPOCH = 1775383908
"""
The emulator's clock at its first request, in Unix seconds (2026-04-05 10:11:48 UTC).

It then runs with the time that it is given, so two runs agree.
"""

LONG_SPEED = 1000.0
"""
How many times faster than in reality hours and days go by at most.

An emulator whose tasks are done at once would otherwise let the address of a file
expire before anybody can fetch it.
"""


class Clock:
    """
    What time it is at the service, and how long things take there.

    Args:
        speed: How many times faster than in reality.
        skew: Seconds by which the clock that stamps the ends of tasks is ahead.

    Example:
        >>> clock = Clock(speed=20.0)
        >>> clock.start(100.0)
        >>> clock.unix(102.5) - EPOCH, clock.wait(10.0)
        (2, 0.5)
    """

    def __init__(self, speed: float, skew: float = 0.0) -> None:
        if not 0 < speed < math.inf:
            raise ValueError(f"speed={speed!r}: use a number above 0, such as 20")
        self._speed = speed
        self._skew = skew
        self._begun = 0.0
        self._runs = False

    def start(self, now: float) -> None:
        """Count from *now*, unless it runs already."""
        if not self._runs:
            self._begun, self._runs = now, True

    def elapsed(self, now: float) -> float:
        """Return the seconds since it began."""
        return now - self._begun

    def exact(self, moment: float) -> float:
        """Return *moment* in Unix seconds."""
        return EPOCH + (moment - self._begun)

    def unix(self, moment: float) -> int:
        """Return *moment* in whole Unix seconds."""
        return EPOCH + int(moment - self._begun)

    def skewed(self, moment: float) -> int:
        """Return *moment* as the clock that is ahead shows it."""
        return int(self.exact(moment) + self._skew)

    def wait(self, seconds: float) -> float:
        """Return how long *seconds* of the service take here."""
        return seconds / self._speed

    def span(self, seconds: float) -> float:
        """Return how long hours and days take here: see `LONG_SPEED`."""
        return seconds / min(self._speed, LONG_SPEED)


def http_date(seconds: int) -> str:
    """
    Write Unix *seconds* as HTTP does.

    Example:
        >>> http_date(EPOCH)
        'Sun, 05 Apr 2026 10:11:48 GMT'
    """
    return format_datetime(datetime.fromtimestamp(seconds, UTC), usegmt=True)
