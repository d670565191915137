"""
Whether callbacks can be relied upon, so that a look now and then is enough.

Callbacks are hints: unsigned, and delivered three times at most. While they arrive,
looking often is a waste; when they stop, nobody must wait for them. So the last ten
tasks that were to be called back are remembered. One that a look found finished, and of
which no callback came within five seconds, was missed. With three that came and fewer
than three missed, callbacks are relied upon; else the polling goes on as if there were
none. So it does, mostly, where several processes share one address and each callback
reaches but one of them.
"""

from __future__ import annotations

from collections import deque

__all__ = ["SAFETY_GAP", "CallbackTrust"]

REMEMBERED = 10
ENOUGH = 3
TOO_MANY = 3
LATE = 5.0
SAFETY_GAP = 60.0
"""Seconds between looks while callbacks arrive: what a lost callback may cost."""


class CallbackTrust:
    """
    One per client; it is told of every end of a task that was to be called back.

    Example:
        >>> trust = CallbackTrust()
        >>> trust.holds(0.0)  # nothing is known yet
        False
        >>> for _ in range(3):
        ...     trust.arrived(1.0)
        >>> trust.holds(2.0)
        True
    """

    def __init__(self) -> None:
        self._came: deque[bool] = deque(maxlen=REMEMBERED)
        self._awaited: dict[str, float] = {}
        self._relied = False

    def arrived(self, now: float) -> None:
        """Note that a callback led to the look which found its task finished."""
        self._judge(now)
        self._came.append(True)

    def found(self, task_id: str, now: float) -> None:
        """Note that a look found a task finished of which no callback has come yet."""
        self._judge(now)
        self._awaited[task_id] = now

    def followed(self, task_id: str, now: float) -> bool:
        """Note a callback about a task that nobody follows; tell if it was awaited."""
        self._judge(now)
        if self._awaited.pop(task_id, None) is None:
            return False
        self._came.append(True)
        return True

    def holds(self, now: float) -> bool:
        """Tell whether looks may be rare."""
        self._judge(now)
        return self._arrive()

    def lapsed(self, now: float) -> bool:
        """Tell whether callbacks were relied upon and are no longer."""
        self._judge(now)
        return self._relied and not self._arrive()

    def _arrive(self) -> bool:
        came = self._came.count(True)
        return came >= ENOUGH and len(self._came) - came < TOO_MANY

    def _judge(self, now: float) -> None:
        """Count as missed what was awaited for too long; the oldest stand first."""
        for task_id, since in list(self._awaited.items()):
            if since > now - LATE:
                break
            del self._awaited[task_id]
            self._came.append(False)
        self._relied = self._relied or self._arrive()
