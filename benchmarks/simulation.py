"""
A service with a limit nobody is told, and clients that ask it, in virtual time.

A small discrete event loop: a send reaches the service after half a round trip, the
answer comes back after the other half. Clients behave as the engine does: they look
at the throttle after each of their own answers, when their timer rings, and when the
throttle wakes them; nobody else tells them anything. The tests of the rate control and
``rate_control.py`` share it.
"""

from __future__ import annotations

import math
import random
from collections import Counter, deque
from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any, Protocol

from attrs import define, field

from aivideo_async.policy.rate import RateController

__all__ = [
    "All",
    "Bucket",
    "Changing",
    "Client",
    "Closed",
    "Limit",
    "Sliding",
    "Window",
    "World",
]

COALESCE = 0.01
"""The engine's timers ring at most every 10 ms."""
AT_ONCE = 0.05
"""As the engine has it: who leaves later than this was not held by the throttle."""


class Limit(Protocol):
    """What the service allows."""

    def accepts(self, now: float) -> bool:
        """Tell whether the request that arrives *now* is accepted."""


@define
class Bucket:
    """*rate* requests per second after a first *burst*."""

    rate: float
    burst: float
    level: float = field(init=False)
    filled: float = 0.0

    def __attrs_post_init__(self) -> None:
        self.level = self.burst

    def accepts(self, now: float) -> bool:
        """Take one token, if there is one."""
        gained = (now - self.filled) * self.rate
        self.level, self.filled = min(self.burst, self.level + gained), now
        if self.level < 1:
            return False
        self.level -= 1
        return True


@define
class Window:
    """*most* requests in each window of *seconds*; the first one is partly over."""

    most: int
    seconds: float = 60.0
    over: float = 0.0
    counts: Counter[int] = field(factory=Counter)

    def accepts(self, now: float) -> bool:
        """Count one request, if the window has room."""
        window = int((now + self.over) // self.seconds)
        if self.counts[window] >= self.most:
            return False
        self.counts[window] += 1
        return True


@define
class Sliding:
    """*most* requests in any *seconds*."""

    most: int
    seconds: float = 60.0
    taken: deque[float] = field(factory=deque)

    def accepts(self, now: float) -> bool:
        """Count one request, if fewer than *most* were accepted lately."""
        while self.taken and self.taken[0] <= now - self.seconds:
            self.taken.popleft()
        if len(self.taken) >= self.most:
            return False
        self.taken.append(now)
        return True


@define
class All:
    """Several limits at once: a request must fit them all."""

    first: Limit
    second: Limit

    def accepts(self, now: float) -> bool:
        """Ask both."""
        return self.first.accepts(now) and self.second.accepts(now)


@define
class Changing:
    """One limit until *at*, another one from then on."""

    before: Limit
    after: Limit
    at: float

    def accepts(self, now: float) -> bool:
        """Ask the limit that holds now."""
        return (self.before if now < self.at else self.after).accepts(now)


@define
class Closed:
    """A limit that refuses everything for *seconds* from *at* on."""

    limit: Limit
    at: float
    seconds: float

    def accepts(self, now: float) -> bool:
        """Refuse while it is closed."""
        shut = self.at <= now < self.at + self.seconds
        return not shut and self.limit.accepts(now)


@define(eq=False)
class Client:
    """One process: its throttle, its work, and what it saw."""

    throttle: RateController
    work: float
    connections: int
    clock: Callable[[float], float]
    sent: list[float] = field(factory=list)
    accepted: list[float] = field(factory=list)
    refused: list[float] = field(factory=list)
    open: int = 0
    opened: int = 0
    held: float = -math.inf
    timer: float = math.inf

    def rate(self, since: float, until: float) -> float:
        """Accepted requests per second between two moments."""
        return self.count(self.accepted, since, until) / (until - since)

    def refusals(self, since: float, until: float) -> int:
        """How many were refused between two moments."""
        return self.count(self.refused, since, until)

    @staticmethod
    def count(moments: list[float], since: float, until: float) -> int:
        """How many of *moments* lie between two."""
        return sum(since <= moment < until for moment in moments)


@define
class World:
    """
    The clock, the wire and the service.

    Args:
        limit: What the service allows.
        rtt: Seconds of a round trip.
        connect: Seconds that a connection takes to open; it is kept from then on.
        retry_after: What a refusal says of it.
        ties: Shuffles what happens in one instant.
        loses: The share of answers that never come.
    """

    limit: Limit
    rtt: float
    retry_after: float | None = None
    connect: float = 0.0
    ties: random.Random | None = None
    loses: float = 0.0
    now: float = 0.0
    _events: list[tuple[float, float, int, Callable[..., None], tuple[Any, ...]]] = (
        field(factory=list)
    )
    _seq: int = 0
    _luck: random.Random = field(factory=lambda: random.Random(1))

    def client(
        self,
        throttle: RateController,
        work: float,
        connections: int = 64,
        clock: Callable[[float], float] = float,
    ) -> Client:
        """Add a client that is hungry from the present moment on."""
        client = Client(throttle, work, connections, clock)
        self.at(self.now, self.pump, client)
        return client

    def at(self, moment: float, act: Callable[..., None], *args: Any) -> None:
        """Let *act* happen at *moment*."""
        self._seq += 1
        tie = self.ties.random() if self.ties else 0.0
        heappush(self._events, (moment, tie, self._seq, act, args))

    def run(self, until: float) -> None:
        """Let time pass, at most to *until*, as long as anything happens."""
        events = self._events
        while events and events[0][0] <= until:
            self.now, _, _, act, args = heappop(events)
            act(*args)

    def give(self, client: Client, work: int) -> None:
        """Give *client* more to do."""
        client.work += work
        self.pump(client)

    def pump(self, client: Client) -> None:
        """Send all that may leave now; else ring again when it may."""
        while client.work >= 1 and client.open < client.connections:
            now = client.clock(self.now)
            opens = client.throttle.when(now)
            client.held = opens if opens > now else min(client.held, now)
            if opens > now:
                self._ring(client, self.now + (opens - now))
                return
            self._send(client, now)
        if client.work < 1:
            client.held = -math.inf

    def _ring(self, client: Client, opens: float) -> None:
        moment = max(opens, self.now + COALESCE)
        if moment < client.timer:
            client.timer = moment
            self.at(moment, self._rung, client, moment)

    def _rung(self, client: Client, moment: float) -> None:
        if client.timer == moment:
            client.timer = math.inf
            self.pump(client)

    def _send(self, client: Client, now: float) -> None:
        token, limited = client.throttle.sent(now), now - client.held <= AT_ONCE
        client.work, client.open = client.work - 1, client.open + 1
        client.sent.append(self.now)
        way = self.rtt / 2
        if client.open > client.opened:
            client.opened, way = client.open, way + self.connect
        self.at(self.now + way, self._arrive, client, token, limited)

    def _arrive(self, client: Client, token: int, limited: bool) -> None:
        accepted = self.limit.accepts(self.now)
        act = self._answer
        if self.loses and self._luck.random() < self.loses:
            act = self._lose
        self.at(self.now + self.rtt / 2, act, client, token, limited, accepted)

    def _answer(
        self, client: Client, token: int, limited: bool, accepted: bool
    ) -> None:
        client.open -= 1
        now = client.clock(self.now)
        if accepted:
            client.accepted.append(self.now)
            client.throttle.ok(now, token, limited)
        else:
            client.refused.append(self.now)
            client.work += 1
            client.throttle.reject(now, token, self.retry_after)
        self.pump(client)

    def _lose(self, client: Client, token: int, limited: bool, accepted: bool) -> None:
        client.open -= 1
        client.work += not accepted
        client.throttle.lost(client.clock(self.now), token)
        self.pump(client)
