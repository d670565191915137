"""
Time limits for many exchanges at the price of one timer.

A timer of its own for every exchange, set anew at every piece of news, costs about a
tenth of the client's CPU. Here an exchange only notes when it expires, and one sweep
now and then cancels those that have: exact to the sweep's interval, which is plenty
for limits that protect against silence.
"""

from __future__ import annotations

import asyncio
import math
from types import TracebackType
from typing import Self

from aivideo_async.transport.base import Timeouts

__all__ = ["Limit", "Watchdog"]

SLOWEST_SWEEP = 1.0
SWEEPS_PER_LIMIT = 10.0


class Watchdog:
    """Watches the exchanges of one transport; belongs to the running loop."""

    def __init__(self, timeouts: Timeouts) -> None:
        self.timeouts = timeouts
        self.loop = asyncio.get_running_loop()
        self.time = self.loop.time
        shortest = min(timeouts.connect, timeouts.read, timeouts.total)
        self._interval = min(SLOWEST_SWEEP, shortest / SWEEPS_PER_LIMIT)
        self._open: set[Limit] = set()
        self._timer: asyncio.TimerHandle | None = None

    def add(self, limit: Limit) -> None:
        """Watch *limit*."""
        self._open.add(limit)
        if self._timer is None:
            self._timer = self.loop.call_later(self._interval, self._sweep)

    def discard(self, limit: Limit) -> None:
        """Watch *limit* no more."""
        self._open.discard(limit)

    def stop(self) -> None:
        """Set no more timers."""
        if self._timer is not None:
            self._timer.cancel()

    def _sweep(self) -> None:
        self._timer = None
        now = self.time()
        for limit in self._open:
            if limit.expires() <= now:
                limit.expire()
        if self._open:
            self._timer = self.loop.call_later(self._interval, self._sweep)


class Limit:
    """The limit of one exchange, as a context; raises TimeoutError when it is passed."""

    __slots__ = ("_cancelling", "_dog", "_end", "_expired", "_heard", "_task")

    def __init__(self, dog: Watchdog) -> None:
        self._dog = dog
        self._end = dog.time() + dog.timeouts.total
        self._heard = math.inf  # until the first news the whole time is allowed
        self._expired = False
        task = asyncio.current_task(dog.loop)
        if task is None:
            raise RuntimeError("an exchange needs a task")
        self._task, self._cancelling = task, task.cancelling()

    def news(self, grace: float = 0.0) -> None:
        """Something happened: after *grace* seconds the read timeout counts anew."""
        self._heard = self._dog.time() + grace

    def expires(self) -> float:
        """Return the loop's time at which the exchange is cut off."""
        return min(self._end, self._heard + self._dog.timeouts.read)

    def expire(self) -> None:
        """Cut the exchange off."""
        if not self._expired:
            self._expired = True
            self._task.cancel()

    def __enter__(self) -> Self:
        self._dog.add(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._dog.discard(self)
        # As in asyncio.timeout: only our own cancellation becomes a TimeoutError.
        ours = self._expired and self._task.uncancel() <= self._cancelling
        if ours and kind is asyncio.CancelledError:
            raise TimeoutError("no answer in time") from error
