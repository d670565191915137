"""How a run stands while it is under way, counted as its pictures come. Pure."""

from __future__ import annotations

from bisect import insort
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from attrs import Factory, define, field

from aivideo_async import Stats
from aivideo_async.bulk.manifest import Entry, Status
from aivideo_async.bulk.overview import Overview
from aivideo_async.bulk.run import Result
from aivideo_async.cli import money

__all__ = ["Board", "duration", "price_of_entry"]

WAITING = (Status.QUEUED, Status.IN_FLIGHT)
REFUSALS = (Status.REFUSED, Status.INVALID)

ENOUGH = {50: 5, 95: 59}
"""Of how many tasks a percentile can be told with some certainty."""

WINDOW = 5.0
"""Seconds over which the rate of requests is taken."""


@define(kw_only=True)
class Board:
    """
    The counts, the money and the pace.

    Attributes:
        counts: How many pictures stand how.
        before: How the run stood when this command began.
        cap: Credits that the run may spend, or None.
        max_in_flight: How many may be made at once.
        begun: The loop's time at the beginning.
        spent: Credits for what this command bought and got.
        collected: Credits for what an earlier one bought and this one got.
        refunded: Credits for what failed meanwhile.
        ended: How many pictures came to an end meanwhile.
        saved: How many of these are there.
    """

    counts: Counter[Status]
    before: Overview
    cap: Decimal | None
    max_in_flight: int
    begun: float
    spent: Decimal = Decimal(0)
    collected: Decimal = Decimal(0)
    refunded: Decimal = Decimal(0)
    ended: int = 0
    saved: int = 0
    _seconds: list[float] = Factory(list)
    _requests: tuple[float, int] = (0.0, 0)
    _rate: float = 0.0
    _at_first: Counter[Status] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._at_first = self.counts.copy()

    @property
    def total(self) -> int:
        """How many pictures there are."""
        return self.counts.total()

    @property
    def done(self) -> int:
        """How many have come to an end, now or before."""
        return self.total - sum(self.counts[status] for status in WAITING)

    @property
    def carried(self) -> int:
        """How many were in flight when this command began."""
        return self._at_first[Status.IN_FLIGHT]

    @property
    def spent_in_all(self) -> Decimal:
        """Credits for all that is there."""
        return self.before.spent + self.collected + self.spent

    def note(self, result: Result) -> bool:
        """Count one picture; return whether it has come to an end by this."""
        entry = result.entry
        self.counts[result.before] -= 1
        self.counts[entry.status] += 1
        if result.before not in WAITING or entry.status in WAITING:
            return False
        self.ended += 1
        if entry.status is Status.OK:
            self.saved += 1
            self._paid(result.before, entry)
        elif entry.status is Status.FAILED:
            self.refunded += price_of_entry(entry)
        return True

    def _paid(self, before: Status, entry: Entry) -> None:
        if before is Status.QUEUED:
            self.spent += entry.credits or 0
        else:
            self.collected += entry.credits or 0
        if entry.created_at and entry.completed_at:
            took = entry.completed_at - entry.created_at
            insort(self._seconds, took.total_seconds())

    # --- telling ------------------------------------------------------------------

    def lines(self, stats: Stats, now: float) -> Iterator[str]:
        """Tell how things stand, for people."""
        yield " · ".join(self._pace(now))
        yield " · ".join(self._counts(stats))
        yield " · ".join(self._money(stats))
        yield " · ".join(self._traffic(stats, now))

    def fields(self, stats: Stats, now: float) -> dict[str, Any]:
        """Tell how things stand, for programs."""
        return {
            "done": self.done,
            "total": self.total,
            "counts": {str(status): count for status, count in self.counts.items()},
            "in_flight": stats.following,
            "queued": self._queued(stats),
            "spent": self.spent,
            "spent_in_all": self.spent_in_all,
            "committed": self.committed(stats),
            "cap": self.cap,
            "rate_limited": stats.rate_limited,
            "eta": self._eta(now),
        }

    def committed(self, stats: Stats) -> Decimal:
        """Return the credits for what is in flight, unknown, or about to be bought."""
        return max(Decimal(0), stats.committed - self.spent_in_all)

    def _pace(self, now: float) -> Iterator[str]:
        yield f"{100 * self.done // max(1, self.total)} %"
        eta = self._eta(now)
        if eta is not None:
            yield f"eta {duration(eta)}"
            yield f"{60 * self.ended / (now - self.begun):.1f} pictures/min"
        found = {
            percent: self._seconds[len(self._seconds) * percent // 100]
            for percent, least in ENOUGH.items()
            if len(self._seconds) >= least
        }
        if found:
            parts = (f"p{percent} {took:.0f} s" for percent, took in found.items())
            yield f"task {' '.join(parts)}"

    def _eta(self, now: float) -> float | None:
        if self.ended < ENOUGH[50] or now <= self.begun:
            return None
        return (now - self.begun) / self.ended * (self.total - self.done)

    def _counts(self, stats: Stats) -> Iterator[str]:
        yield f"ok {self.counts[Status.OK]:,}"
        for status in (Status.FAILED, Status.REFUSED, Status.INVALID, Status.UNKNOWN):
            if self.counts[status]:
                yield f"{status} {self.counts[status]:,}"
        yield f"in flight {stats.following}/{self.max_in_flight}"
        queued = self._queued(stats)
        saving = self.total - self.done - stats.following - queued
        if saving > 0:
            yield f"saving {saving:,}"
        yield f"queued {queued:,}"

    def _queued(self, stats: Stats) -> int:
        """Return how many have not been sent yet."""
        refused = sum(self.counts[s] - self._at_first[s] for s in REFUSALS)
        left = self._at_first[Status.QUEUED] - stats.accepted - stats.unknown - refused
        return max(0, left)

    def _money(self, stats: Stats) -> Iterator[str]:
        spent = f"spent {money.dollars(self.spent)}"
        if self.spent_in_all != self.spent:
            spent += f" ({money.dollars(self.spent_in_all)} in all)"
        yield spent
        yield f"committed {money.dollars(self.committed(stats))}"
        if self.cap is not None:
            yield f"cap {money.dollars(self.cap)}"
        if self.before.spent:
            yield f"saved by resuming {money.dollars(self.before.spent)}"

    def _traffic(self, stats: Stats, now: float) -> Iterator[str]:
        sent = stats.creates_sent + stats.looks_sent
        since, then = self._requests
        if now - since >= WINDOW:
            self._rate = (sent - then) / (now - since) if since else 0.0
            self._requests = (now, sent)
        yield f"{self._rate:.1f} requests/s"
        if stats.rate_limited:
            yield f"slowed by 429: {stats.rate_limited} times"
        if stats.held_for >= 1:
            yield f"held back for {stats.held_for:.0f} s"


def duration(seconds: float) -> str:
    """
    Write how long something takes.

    Example:
        >>> duration(41.3), duration(754), duration(7500)
        ('41 s', '12 m 34 s', '2 h 5 m')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours:,} h {minutes} m"
    return f"{minutes} m {rest} s" if minutes else f"{rest} s"


def price_of_entry(entry: Entry) -> Decimal:
    """Return what a picture of the resolution of *entry* costs, in credits."""
    return Decimal(money.tables()[0]["credits"].get(entry.resolution or "1k", 0))
