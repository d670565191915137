"""
The budget: what one client may spend, and what it has committed, by the price table.

Every create is reserved for before it is queued. What it reserved comes back only when
it is certain that nothing is to be paid: it was not sent, it was refused, or its task
was seen to fail, which the service refunds. An unknown outcome, a timeout and a task
that nobody looks at keep theirs. So the ceiling holds for what is in flight too.

Nobody here can see the bill: these are sums of estimates. `Drift` compares them with
what the balance really did. Pure, in milli-credits.
"""

from __future__ import annotations

from decimal import Decimal

from attrs import frozen

from aivideo_async.errors import BudgetExceededError
from aivideo_async.models.money import from_milli, milli

__all__ = ["Budget", "Drift", "Marks"]

REMEMBERED = 10_000
"""Running tasks whose refund would be noticed: a web app runs for months."""

ROUNDING = Decimal(1)
"""Credits by which two whole readings may be off."""


@frozen
class Marks:
    """
    What this client may have been charged, from its beginning up to some moment.

    Attributes:
        least: Milli-credits for what was certainly accepted.
        most: The same, and for what is on the wire or unknown.
        unpriced: How many creates left whose price is not known, whatever came of them.
        open: How many of these have no answer yet.
    """

    least: int
    most: int
    unpriced: int
    open: int


class Budget:
    """
    Keeps the sums, and refuses what could pass the ceiling.

    Args:
        limit: The ceiling in credits, or None for none.

    Example:
        >>> budget = Budget(Decimal(5))
        >>> budget.reserve(Decimal("2.4"))
        2400
        >>> budget.committed
        Decimal('2.4')
    """

    def __init__(self, limit: Decimal | None = None) -> None:
        self._limit = None if limit is None else int(limit * 1000)  # not a mite more
        self._committed = self._least = self._most = self._unpriced = self._open = 0
        self._running: dict[str, int] = {}  # oldest first; half of an OrderedDict

    @property
    def committed(self) -> Decimal:
        """Credits for all that is queued, running or bought, refunds taken off."""
        return from_milli(self._committed)

    def marks(self) -> Marks:
        """Return what may have been charged up to now."""
        return Marks(self._least, self._most, self._unpriced, self._open)

    def carry(self, amount: int) -> None:
        """Count what earlier clients of the same journal spent, or perhaps spent."""
        self._committed += amount

    def runs(self, task_id: str, amount: int | None) -> None:
        """Note a task of an earlier client, whose refund is to be noticed."""
        if amount:
            self._running[task_id] = amount

    def reserve(self, price: Decimal | None) -> int | None:
        """
        Set aside *price*, and return it in milli-credits.

        Raises:
            BudgetExceededError: It could pass the ceiling, or is not known.
        """
        amount = None if price is None else milli(price)
        if self._limit is not None:
            self._check(amount, self._limit)
        self._committed += amount or 0
        return amount

    def release(self, amount: int | None) -> None:
        """Take back what was set aside for a create that cost nothing after all."""
        self._committed -= amount or 0

    def sent(self, amount: int | None) -> None:
        """Note that a create leaves: from here on it may have been charged."""
        self._most += amount or 0
        self._unpriced += amount is None
        self._open += amount is None

    def answered(self, amount: int | None) -> None:
        """Note that the answer to a create came, or that none will."""
        self._open -= amount is None

    def refused(self, amount: int | None) -> None:
        """Note that a create came back and was certainly not charged."""
        self._most -= amount or 0

    def bought(self, task_id: str, amount: int | None) -> None:
        """Note that a create was accepted."""
        self._least += amount or 0
        if amount:
            self._running[task_id] = amount
        if len(self._running) > REMEMBERED:
            del self._running[next(iter(self._running))]  # no refund will be noticed

    def not_bought(self, task_id: str, amount: int | None) -> None:
        """Note that a create made another task than it seemed, or perhaps none."""
        self._least -= amount or 0
        self._running.pop(task_id, None)

    def ended(self, task_id: str, *, refunded: bool) -> None:
        """Note that a task was seen at its end; any but our own changes nothing."""
        amount = self._running.pop(task_id, 0)
        if refunded:
            self._committed -= amount

    def _check(self, amount: int | None, limit: int) -> None:
        if amount is None:
            raise BudgetExceededError(
                "With max_credits set, only what has a known price is sent: use "
                "RawRequest(price=…), name the model in prices=, or use a client "
                "without max_credits. Nothing was sent."
            )
        if self._committed + amount > limit:
            raise BudgetExceededError(
                f"max_credits={from_milli(limit)} could be passed: {self.committed} are "
                f"committed and this costs {from_milli(amount)}, by the price table. "
                "Nothing was sent, nothing was charged by it.",
                price=from_milli(amount),
            )


class Drift:
    """
    Compares two readings of the balance with what the price table explains.

    The service documents whole credits and charges fractions of them, so less than a
    whole one is no drift.

    Example:
        >>> drift, nothing, bought = Drift(), Marks(0, 0, 0, 0), Marks(4700, 4700, 0, 0)
        >>> drift.read(Decimal(100), nothing, nothing)
        >>> drift.read(Decimal(90), bought, bought)
        (Decimal('10'), Decimal('4.7'))
    """

    def __init__(self) -> None:
        self._last: tuple[Decimal, Marks] | None = None

    def read(
        self, left: Decimal, before: Marks, after: Marks
    ) -> tuple[Decimal, Decimal] | None:
        """
        Take a reading; return what is gone and what is explained, if that is too little.

        Args:
            left: What is left of all credits ever purchased, or just the balance.
            before: The marks before the reading was asked for.
            after: The marks when it came: what left meanwhile may be in it or not.

        Refunds and top-ups only make it miss a drift, never invent one.
        """
        last, self._last = self._last, (left, before)
        if last is None or last[1].open or after.unpriced != last[1].unpriced:
            return None
        gone = last[0] - left
        explained = from_milli(after.most - last[1].least)
        return (gone, explained) if gone > explained + ROUNDING else None
