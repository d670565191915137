"""
The spend limits of the emulated key: hourly, daily and in all.

The service documents that a key may have all three, in credits, and that their error is
one and the same. What is not documented is decided here, for the harsher: the windows
roll (a charge counts for exactly an hour or a day, on no calendar), and a refund gives
no room back.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable

__all__ = ["SpendLimits", "SpendWindow"]


class SpendWindow:
    """
    At most *limit* milli-credits in any window of so many seconds.

    Example:
        >>> window = SpendWindow(limit=5000, seconds=60.0)
        >>> window.spend(2400, now=0.0)
        >>> window.allows(2600, now=59.9), window.allows(2601, now=59.9)
        (True, False)
        >>> window.allows(5000, now=60.0)
        True
    """

    def __init__(self, limit: int, seconds: float = math.inf) -> None:
        self._limit = limit
        self._seconds = seconds
        self._spent = 0
        self._charges: deque[tuple[float, int]] = deque()

    def allows(self, millicredits: int, now: float) -> bool:
        """Tell whether there is room for *millicredits*."""
        while self._charges and self._charges[0][0] + self._seconds <= now:
            self._spent -= self._charges.popleft()[1]
        return self._spent + millicredits <= self._limit

    def spend(self, millicredits: int, now: float) -> None:
        """Note a charge."""
        self._spent += millicredits
        if self._seconds < math.inf:
            self._charges.append((now, millicredits))


class SpendLimits:
    """
    All the limits of a key; each has to allow a purchase.

    Example:
        >>> limits = SpendLimits([SpendWindow(5000, 60.0), SpendWindow(7000)])
        >>> limits.spend(5000, now=0.0)
        >>> limits.allow(2400, now=100.0), limits.allow(2000, now=100.0)
        (False, True)
    """

    def __init__(self, windows: Iterable[SpendWindow]) -> None:
        self._windows = tuple(windows)

    def allow(self, millicredits: int, now: float) -> bool:
        """Tell whether every limit has room for *millicredits*."""
        return all(window.allows(millicredits, now) for window in self._windows)

    def spend(self, millicredits: int, now: float) -> None:
        """Note a charge."""
        for window in self._windows:
            window.spend(millicredits, now)
