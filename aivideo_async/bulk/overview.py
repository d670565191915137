"""How a whole run stands: how many pictures stand how, and what they cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from decimal import Decimal

from attrs import frozen

from aivideo_async.bulk.manifest import Status
from aivideo_async.bulk.standing import status_of
from aivideo_async.journal import Journal, Reader, State
from aivideo_async.models.money import from_milli

__all__ = ["Overview", "overview_of"]

AT_STAKE = (State.SUBMITTING, State.RUNNING, State.UNKNOWN)


@frozen(kw_only=True)
class Overview:
    """
    How a run stands, by its journal.

    Attributes:
        counts: How many pictures of the present plan stand how.
        spent: Credits for what was paid and is ready, whatever plan it was of.
        at_stake: Credits for what is in flight or unknown in the present plan.
    """

    counts: Mapping[Status, int]
    spent: Decimal
    at_stake: Decimal

    @property
    def total(self) -> int:
        """How many pictures the present plan has."""
        return sum(self.counts.values())

    @property
    def ended(self) -> int:
        """How many have come to an end, good or bad."""
        waiting = (Status.QUEUED, Status.IN_FLIGHT)
        return sum(
            count for status, count in self.counts.items() if status not in waiting
        )


def overview_of(known: Journal | Reader) -> Overview:
    """Read how the run stands."""
    counts: Counter[Status] = Counter()
    at_stake = 0
    for count in known.counts():
        counts[status_of(count.state, count.word, count.status)] += count.rows
        if count.state in AT_STAKE:
            at_stake += count.price
    return Overview(
        counts=counts,
        spent=from_milli(known.committed() - at_stake),
        at_stake=from_milli(at_stake),
    )
