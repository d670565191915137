"""
A service with a limit nobody is told, and clients that ask it, in virtual time.

A small discrete event loop: a send reaches the service after half a round trip, the
answer comes back after the other half. Clients behave as the engine does: they look
at the throttle after each of their own answers, when their timer rings, and when the
throttle wakes them; nobody else tells them anything.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Callable
from heapq import heappop, heappush
from typing import Protocol

from attrs import define, field

from aivideo_async.policy.rate import RateController

__all__ = ["Bucket", "Changing", "Client", "Limit", "Window", "World"]

COALESCE = 0.01
"""The engine's timers ring at most every 10 ms."""


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
    """*most* requests in each window of *seconds*."""

    most: int
    seconds: float
    counts: Counter[int] = field(factory=Counter)

    def accepts(self, now: float) -> bool:
        """Count one request, if the window has room."""
        window = int(now // self.seconds)
        if self.counts[window] >= self.most:
            return False
        self.counts[window] += 1
        return True


@define
class Changing:
    """One limit until *at*, another one from then on."""

    before: Limit
    after: Limit
    at: float

    def accepts(self, now: float) -> bool:
        """Ask the limit that holds now."""
        return (self.before if now < self.at else self.after).accepts(now)


@define(eq=False)
class Client:
    """One process: its throttle, its work, and what it saw."""

    throttle: RateController
    work: float
    connections: int
    sent: list[float] = field(factory=list)
    accepted: list[float] = field(factory=list)
    refused: list[float] = field(factory=list)
    open: int = 0
    waited: bool = False
    timer: float = math.inf

    def rate(self, since: float, until: float) -> float:
        """Accepted requests per second between two moments."""
        seen = sum(since <= moment < until for moment in self.accepted)
        return seen / (until - since)


@define
class World:
    """The clock, the wire and the service."""

    limit: Limit
    rtt: float
    retry_after: float | None = None
    ties: random.Random | None = None
    now: float = 0.0
    _events: list[tuple[float, float, int, Callable[[], None]]] = field(factory=list)
    _seq: int = 0

    def client(
        self, throttle: RateController, work: float, connections: int = 64
    ) -> Client:
        """Add a client that is hungry from the present moment on."""
        client = Client(throttle, work, connections)
        self.at(self.now, lambda: self.pump(client))
        return client

    def at(self, moment: float, act: Callable[[], None]) -> None:
        """Let *act* happen at *moment*."""
        self._seq += 1
        tie = self.ties.random() if self.ties else 0.0
        heappush(self._events, (moment, tie, self._seq, act))

    def run(self, until: float) -> None:
        """Let time pass, at most to *until*, as long as anything happens."""
        while self._events and self._events[0][0] <= until:
            self.now, _, _, act = heappop(self._events)
            act()

    def give(self, client: Client, work: int) -> None:
        """Give *client* more to do."""
        client.work += work
        self.pump(client)

    def pump(self, client: Client) -> None:
        """Send all that may leave now; else ring again when it may."""
        while client.work >= 1 and client.open < client.connections:
            opens = client.throttle.when(self.now)
            if opens > self.now:
                client.waited = True
                self._ring(client, opens)
                return
            self._send(client)
        if client.work < 1:
            client.waited = False

    def _ring(self, client: Client, opens: float) -> None:
        moment = max(opens, self.now + COALESCE)
        if moment < client.timer:
            client.timer = moment
            self.at(moment, lambda: self._rung(client, moment))

    def _rung(self, client: Client, moment: float) -> None:
        if client.timer == moment:
            client.timer = math.inf
            self.pump(client)

    def _send(self, client: Client) -> None:
        token, limited = client.throttle.sent(self.now), client.waited
        client.work, client.open = client.work - 1, client.open + 1
        client.sent.append(self.now)

        def arrive() -> None:
            accepted = self.limit.accepts(self.now)
            self.at(self.now + self.rtt / 2, lambda: answer(accepted))

        def answer(accepted: bool) -> None:
            client.open -= 1
            if accepted:
                client.accepted.append(self.now)
                client.throttle.ok(self.now, token, limited)
            else:
                client.refused.append(self.now)
                client.work += 1
                client.throttle.reject(self.now, token, self.retry_after)
            self.pump(client)

        self.at(self.now + self.rtt / 2, arrive)
