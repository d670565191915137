"""How a whole run stands: how many pictures stand how, and what they cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from decimal import Decimal

from attrs import frozen

from aivideo_async.bulk.manifest import Status
from aivideo_async.bulk.standing import entry_of, is_transient, status_of
from aivideo_async.journal import Journal, Reader, State, Word
from aivideo_async.models.money import from_milli

__all__ = ["Failures", "Overview", "failures_of", "overview_of"]

READY = (State.DONE, State.SAVED)
AT_STAKE = (State.SUBMITTING, State.RUNNING, State.UNKNOWN)


@frozen(kw_only=True)
class Overview:
    """
    How a run stands, by its journal.

    Attributes:
        counts: How many pictures of the present plan stand how.
        spent: Credits for what was paid and is ready, whatever plan it was of; and for
            what was unknown, and is settled by the user's word.
        at_stake: Credits for what else is in flight or unknown, whatever plan it was of.
        to_spend: Credits for what is not sent yet of the present plan.
        to_save: How many of those that are ready are not on this disk yet.
    """

    counts: Mapping[Status, int]
    spent: Decimal
    at_stake: Decimal
    to_spend: Decimal
    to_save: int = 0

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
    to_spend = to_save = 0
    for count in known.counts():
        status = status_of(count.state, count.word, count.status)
        counts[status] += count.rows
        if count.state is State.DONE and status is Status.OK:
            to_save += count.rows
        if status is Status.QUEUED:
            to_spend += count.price
    spent = at_stake = 0
    for (state, word), price in known.prices().items():
        settled = state in AT_STAKE and word is Word.FORGOTTEN
        spent += price * (state in READY or settled)
        at_stake += price * (state in AT_STAKE and not settled)
    return Overview(
        counts=counts,
        spent=from_milli(spent),
        at_stake=from_milli(at_stake),
        to_spend=from_milli(to_spend),
        to_save=to_save,
    )


@frozen
class Failures:
    """
    What ended badly in the present plan.

    Attributes:
        codes: How many pictures by the service's word for what went wrong.
        transient: How many of them may well go better the next time.
        price: What these would cost then, in credits, as far as that is known.
    """

    codes: Mapping[str, int]
    transient: int
    price: Decimal


def failures_of(known: Journal | Reader) -> Failures:
    """Read what failed, was refused or is invalid."""
    codes: Counter[str] = Counter()
    transient = price = 0
    for row in known.failures():
        entry = entry_of(row)
        if entry.status in (Status.FAILED, Status.REFUSED, Status.INVALID):
            codes[entry.error_code or entry.error_message or entry.status] += 1
            if is_transient(row):
                transient += 1
                price += row.planned.price or 0
    return Failures(codes, transient, from_milli(price))
