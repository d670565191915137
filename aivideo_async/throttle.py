"""
The shared throttle: one per API key, however many clients use it.

A `Throttle` is a rate controller that several clients may share: whoever blocks the
gate wakes the others when it opens again. `LocalThrottle` serves one process.
"""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Callable
from typing import Protocol

from aivideo_async.errors import ConfigurationError
from aivideo_async.models.numbers import check_number
from aivideo_async.policy.pinprobe import PinProbe
from aivideo_async.policy.rate import RateController, TokenBucket

__all__ = ["LocalThrottle", "Throttle"]


COURTESY = 0.001
"""Seconds by which a sender lets those go first that share its throttle."""


class Throttle(RateController, Protocol):
    """A rate controller with listeners."""

    def subscribe(self, wake: Callable[[], None]) -> None:
        """Call *wake* when the next request may leave earlier than `when` said."""

    def unsubscribe(self, wake: Callable[[], None]) -> None:
        """Stop calling *wake*."""


class LocalThrottle:
    """
    The throttle of one process; share it among clients that use the same key.

    Args:
        rate: Requests per second, or None to learn what the API accepts.

    Example:
        >>> from aivideo_async import AsyncClient
        >>> shared = LocalThrottle(rate=5)
        >>> one = AsyncClient("sk-key", throttle=shared)
        >>> two = AsyncClient("sk-key", throttle=shared)  # 5 requests/s for both
    """

    def __init__(self, rate: float | None = None) -> None:
        if rate is not None:
            check_number("rate", rate, above=True)
        self._control: RateController = (
            PinProbe(random.Random())
            if rate is None
            else TokenBucket(rate, random.Random())
        )
        self._listeners: list[Callable[[], None]] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._just_sent = False

    def when(self, now: float) -> float:
        """Return when the next request may leave; infinity while a probe is out."""
        opens = self._control.when(now)
        if self._just_sent and opens > now and len(self._listeners) > 1:
            # Whoever asks right after a send is the sender: the others go first, else
            # those whose timers ring second would never get a turn.
            opens += COURTESY
        self._just_sent = False
        return opens

    def sent(self, now: float) -> int:
        """Take the permission; return the token that the answer must bring back."""
        self._just_sent = True
        return self._control.sent(now)

    def ok(self, now: float, token: int, limited: bool = True) -> None:
        """Close *token*: any answer but a refusal by the rate limit."""
        self._close(self._control.ok, now, token, limited)

    def reject(self, now: float, token: int, retry_after: float | None = None) -> None:
        """Close *token*: refused by the rate limit."""
        self._close(self._control.reject, now, token, retry_after)

    def lost(self, now: float, token: int) -> None:
        """Close *token*: no answer."""
        self._close(self._control.lost, now, token)

    def subscribe(self, wake: Callable[[], None]) -> None:
        """
        Call *wake* after every answer, which is when the gate may have opened.

        Raises:
            ConfigurationError: Another event loop uses this throttle.
        """
        loop = _running_loop()
        if self._listeners and loop is not self._loop:
            raise ConfigurationError(
                "A LocalThrottle serves the clients of one event loop: make one for "
                "each loop, with a share of the rate."
            )
        self._loop = loop
        self._listeners.append(wake)

    def unsubscribe(self, wake: Callable[[], None]) -> None:
        """Stop calling *wake*."""
        self._listeners.remove(wake)

    def _close(
        self, close: Callable[..., None], now: float, *answer: float | None
    ) -> None:
        """Close a token, then wake all who may have been waiting for that."""
        blocked = self._control.when(now) == math.inf
        close(now, *answer)
        # A lone client looks at the gate by itself after each of its own answers; but
        # the answer to a probe may come from a client that has gone.
        if blocked or len(self._listeners) > 1:
            listeners = tuple(self._listeners)
            # Each is the first in turn, or the first would take it all at a high rate.
            self._listeners[:] = listeners[1:] + listeners[:1]
            for wake in listeners:
                wake()


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
