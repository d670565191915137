"""What others do about a rate limit, in the terms of our simulator."""

from __future__ import annotations

import math
import random

from attrs import define, field

from benchmarks.simulation import Client, World

__all__ = ["AIMD", "AWSAdaptive", "backing_off"]


@define
class _Paced:
    """A pace that reacts at every answer; nothing is known of probes or events."""

    rate: float = 10.0
    next: float = -math.inf
    tokens: int = 0

    def when(self, now: float) -> float:
        """Return when the next request may leave."""
        return max(now, self.next)

    def sent(self, now: float) -> int:
        """Take the permission."""
        self.next = max(now, self.next) + 1.0 / self.rate
        self.tokens += 1
        return self.tokens

    def lost(self, now: float, token: int) -> None:
        """Learn nothing."""


@define
class AIMD(_Paced):
    """Add a tenth of a request per second with each second, halve at each event."""

    cut: float = -math.inf
    grown: float = 0.0

    def ok(self, now: float, token: int, limited: bool = True) -> None:
        """Add."""
        self.rate += 0.1 * max(0.0, now - self.grown)
        self.grown = now

    def reject(self, now: float, token: int, retry_after: float | None = None) -> None:
        """Halve, once a second at most."""
        if now - self.cut >= 1.0:
            self.rate, self.cut = max(0.05, self.rate / 2), now


@define
class AWSAdaptive(_Paced):
    """
    The adaptive mode of the AWS SDKs, by its published constants.

    A cubic: at a refusal .7 of the rate measured, then back to where it was and beyond.
    """

    BETA, SCALE, SMOOTH, LEAST = 0.7, 0.4, 0.8, 0.5

    enabled: bool = False
    measured: float = 0.0
    bin: float = 0.0
    count: int = 0
    peak: float = 0.0
    refused: float = 0.0
    rate: float = 1e6

    def ok(self, now: float, token: int, limited: bool = True) -> None:
        """Follow the cubic, up to twice what was measured."""
        self._measure(now)
        if self.enabled:
            turn = (self.peak * (1 - self.BETA) / self.SCALE) ** (1 / 3)
            cubic = self.SCALE * (now - self.refused - turn) ** 3 + self.peak
            self._set(min(cubic, 2.0 * self.measured))

    def reject(self, now: float, token: int, retry_after: float | None = None) -> None:
        """Fall to .7."""
        self._measure(now)
        at = min(self.rate, self.measured) if self.enabled else self.measured
        self.enabled, self.peak, self.refused = True, at, now
        self._set(self.BETA * at)

    def _set(self, rate: float) -> None:
        self.rate = max(self.LEAST, rate)

    def _measure(self, now: float) -> None:
        """Smooth the rate of answers, by half seconds."""
        self.count += 1
        half = math.floor(now * 2) / 2
        if half > self.bin:
            rate = self.count / (half - self.bin)
            self.measured += self.SMOOTH * (rate - self.measured)
            self.count, self.bin = 0, half


@define(eq=False)
class _Caller:
    """One coroutine that backs off by itself, as the clients of most services do."""

    world: World
    client: Client
    rng: random.Random
    failed: int = field(default=0)

    def send(self) -> None:
        """Ask; the answer comes after a round trip."""
        self.client.sent.append(self.world.now)
        self.world.at(self.world.now + self.world.rtt / 2, self.arrive)

    def arrive(self) -> None:
        """Be counted by the service."""
        accepted = self.world.limit.accepts(self.world.now)
        self.world.at(self.world.now + self.world.rtt / 2, self.answer, accepted)

    def answer(self, accepted: bool) -> None:
        """Go on at once, or after 0.5 s × 2ⁿ, at most 8 s, with jitter."""
        seen = self.client.accepted if accepted else self.client.refused
        seen.append(self.world.now)
        pause = min(8.0, 0.5 * 2.0 ** min(self.failed, 9)) * self.rng.uniform(0.75, 1)
        self.failed = 0 if accepted else self.failed + 1
        if not accepted:
            self.world.at(self.world.now + pause, self.send)
        elif self.client.work >= 1:
            self.client.work -= 1
            self.send()


def backing_off(world: World, work: float, callers: int) -> Client:
    """Let so many coroutines ask, each on its own."""
    client = Client(AIMD(), work - callers, callers, float)
    rng = random.Random(1)
    for _ in range(callers):
        world.at(0.0, _Caller(world, client, rng).send)
    return client
