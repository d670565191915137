"""What the engine counts, and how it is shown."""

from __future__ import annotations

from decimal import Decimal

from attrs import define, frozen

__all__ = ["Counters", "Stats"]


@define
class Counters:
    """Running totals since the client was opened."""

    creates_sent: int = 0
    looks_sent: int = 0
    accepted: int = 0
    completed: int = 0
    failed: int = 0
    unknown: int = 0
    rate_limited: int = 0


@frozen(kw_only=True)
class Stats:
    """
    A snapshot of a client.

    Attributes:
        in_flight: Tasks that hold a slot of the pool now.
        queued: Creates that wait for a slot or for the throttle.
        following: Tasks that are waited for.
        connections: Requests on the wire now.
        creates_sent: POSTs that left, refused ones included.
        looks_sent: GETs that left.
        accepted: Creates that became a task.
        completed: Tasks seen to complete.
        failed: Tasks seen to fail; the service refunds them.
        unknown: Creates whose outcome is unknown.
        rate_limited: Answers that were 429 of the rate limit.
        unclaimed: Task ids paid for that no caller got.
        held_for: Seconds for which the throttle lets nothing leave.
        committed: Credits for all that is queued, running or bought by this client, by
            the price table, less what was seen to fail. An estimate: unknown prices
            count as nothing.
    """

    in_flight: int = 0
    queued: int = 0
    following: int = 0
    connections: int = 0
    creates_sent: int = 0
    looks_sent: int = 0
    accepted: int = 0
    completed: int = 0
    failed: int = 0
    unknown: int = 0
    rate_limited: int = 0
    unclaimed: int = 0
    held_for: float = 0.0
    committed: Decimal = Decimal(0)
