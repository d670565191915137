"""
Callbacks: which are due, which are tried again, and what became of them.

Pure, like the core that it serves: it says what to send and is told the result; the
courier does the sending. The schedule is the documented one: three attempts in all, at
once, and 3 and 10 minutes after the first; then the callback is given up.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Mapping
from itertools import count

from attrs import field, frozen

__all__ = ["SCHEDULE", "Call", "Callbacks", "Called"]

SCHEDULE = (0.0, 180.0, 600.0)
"""When each attempt is made, in seconds of the service after the first was due."""

KEPT = 20_000
"""How many lines of the log are kept at least."""


@frozen
class Call:
    """
    One attempt at a callback, to be made now.

    Attributes:
        task_id: Whose end it tells.
        url: Where it goes.
        attempt: 1, 2 or 3.
        since: When the first attempt was due, in seconds of the loop.
        headers: Of the POST.
        body: The bytes of it: what a look at the task answers.
    """

    task_id: str
    url: str
    attempt: int
    since: float
    headers: Mapping[str, str] = field(factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)


@frozen
class Called:
    """
    One line of the log of callbacks.

    Attributes:
        at: When its result was known, in seconds of the loop.
        task_id: Whose end it told.
        url: Where it went.
        attempt: 1, 2 or 3.
        status: The HTTP status that came back, or None if none did.
        reason: Why none did; empty otherwise.
    """

    at: float
    task_id: str
    url: str
    attempt: int
    status: int | None
    reason: str = ""

    @property
    def ok(self) -> bool:
        """Whether it was taken: any 2xx; otherwise there is another attempt, up to three."""
        return self.status is not None and 200 <= self.status < 300


class Callbacks:
    """
    The callbacks that are still to be made, and the log of those that were.

    Args:
        wait: Turns seconds of the service into seconds of the loop.

    Attributes:
        log: Every attempt whose result is known, in order; the newest 20,000 at least.
        results: How many attempts were taken (True) and how many were not, over all.

    Example:
        >>> callbacks = Callbacks(lambda seconds: seconds)
        >>> callbacks.expect("t-1", "http://127.0.0.1/hook", due=5.0)
        >>> callbacks.due(now=4.9), callbacks.next_due
        ([], 5.0)
        >>> (call,) = callbacks.due(now=5.0)
        >>> callbacks.note(call, now=5.1, status=500)
        >>> callbacks.next_due, callbacks.log[0].ok
        (185.0, False)
    """

    def __init__(self, wait: Callable[[float], float]) -> None:
        self.log: list[Called] = []
        self.results: Counter[bool] = Counter()
        self._wait = wait
        self._waiting: list[tuple[float, int, Call]] = []
        self._numbers = count()

    def expect(self, task_id: str, url: str, due: float) -> None:
        """Call *url* at the time *due*."""
        self._push(due, Call(task_id, url, 1, due))

    def due(self, now: float) -> list[Call]:
        """Hand over what is due by *now*; whoever takes it notes the result."""
        calls = []
        while self._waiting and self._waiting[0][0] <= now:
            calls.append(heapq.heappop(self._waiting)[2])
        return calls

    @property
    def next_due(self) -> float | None:
        """When the next attempt is due, in seconds of the loop; None if there is none."""
        return self._waiting[0][0] if self._waiting else None

    def note(
        self, call: Call, *, now: float, status: int | None, reason: str = ""
    ) -> None:
        """Log what became of *call*; without a 2xx it is tried again, as documented."""
        line = Called(now, call.task_id, call.url, call.attempt, status, reason)
        self.results[line.ok] += 1
        self.log.append(line)
        if len(self.log) >= 2 * KEPT:
            del self.log[:KEPT]
        if not line.ok and call.attempt < len(SCHEDULE):
            due = max(now, call.since + self._wait(SCHEDULE[call.attempt]))
            self._push(due, Call(call.task_id, call.url, call.attempt + 1, call.since))

    def _push(self, due: float, call: Call) -> None:
        heapq.heappush(self._waiting, (due, next(self._numbers), call))
