"""
The emulated account: every charge, every refund, and whether they add up.

Money is integer milli-credits inside and `Decimal` credits outside. The ledger is the
oracle of the tests: it is told what happens and keeps sums of its own, so that
`Ledger.assert_clean` compares two independent accounts. It may be read from another
thread than the one that it is told in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from operator import attrgetter
from threading import RLock

from attrs import frozen

from aivideo_async.models.money import from_milli, milli

__all__ = ["Entry", "Ledger"]


@frozen
class Entry:
    """
    One charge or refund.

    Attributes:
        task_id: Whose it is.
        millicredits: How much, always positive.
        at: When, in seconds of the loop.
        fingerprint: The hash of what was bought: the model and its input. Another spelling
            of it, or another address for the callback, has the same.
    """

    task_id: str
    millicredits: int
    at: float
    fingerprint: str

    @property
    def credits(self) -> Decimal:
        """How much, in credits."""
        return from_milli(self.millicredits)


class Ledger:
    """
    The account of one emulated key.

    Args:
        balance: Credits at the start.

    Attributes:
        charges: One `Entry` per task that was made, oldest first.
        refunds: One `Entry` per task that failed, oldest first.

    Example:
        >>> ledger = Ledger(10)
        >>> ledger.charge("t-1", milli("2.4"), at=0.0, fingerprint="a")
        >>> ledger.balance
        Decimal('7.6')
        >>> ledger.assert_clean()
    """

    def __init__(self, balance: Decimal | int | str = 10_000) -> None:
        self.charges: list[Entry] = []
        self.refunds: list[Entry] = []
        self._start = self._balance = milli(balance)
        self._consumed = self._charged = 0
        self._by_task: dict[str, Entry] = {}
        self._orders: set[str] = set()
        self._doubles: list[Entry] = []
        self._failed: set[str] = set()
        self._refunded: Counter[str] = Counter()
        self._unmatched: set[str] = set()
        self._lock = RLock()

    def charge(
        self, task_id: str, millicredits: int, *, at: float, fingerprint: str
    ) -> None:
        """Take the price of a new task from the balance."""
        entry = Entry(task_id, millicredits, at, fingerprint)
        with self._lock:
            self.charges.append(entry)
            self._by_task[task_id] = entry
            if fingerprint in self._orders:
                self._doubles.append(entry)
            self._orders.add(fingerprint)
            self._balance -= millicredits
            self._consumed += millicredits
            self._charged += millicredits

    def fail(self, task_id: str) -> None:
        """Note that a task failed: it is owed a refund."""
        with self._lock:
            self._failed.add(task_id)
            self._match(task_id)

    def refund(self, task_id: str, *, at: float) -> None:
        """Give back what the task cost."""
        charge = self._by_task[task_id]
        given = Entry(task_id, charge.millicredits, at, charge.fingerprint)
        with self._lock:
            self.refunds.append(given)
            self._balance += given.millicredits
            self._consumed -= given.millicredits
            self._refunded[task_id] += 1
            self._match(task_id)

    def fail_and_refund(self, task_id: str, *, at: float) -> None:
        """Do both in one step, so that no reader sees a failure without its refund."""
        with self._lock:
            self.fail(task_id)
            self.refund(task_id, at=at)

    def _match(self, task_id: str) -> None:
        """Remember a task as long as its refunds do not match its failure."""
        if self._refunded[task_id] == (task_id in self._failed):
            self._unmatched.discard(task_id)
        else:
            self._unmatched.add(task_id)

    def affords(self, millicredits: int) -> bool:
        """Tell whether the balance covers *millicredits*."""
        return millicredits <= self._balance

    @property
    def start(self) -> Decimal:
        """Credits at the start."""
        return from_milli(self._start)

    @property
    def balance(self) -> Decimal:
        """Credits that are left."""
        return from_milli(self._balance)

    @property
    def consumed(self) -> Decimal:
        """Credits spent, refunds taken off."""
        return from_milli(self._consumed)

    @property
    def charged(self) -> int:
        """Milli-credits ever charged, refunds not taken off."""
        return self._charged

    @property
    def double_charges(self) -> tuple[Entry, ...]:
        """
        Charges for an order that had been charged before.

        The same model and input are the same order, whatever address is to be called
        back. One that was meant to be bought twice is listed too: the service cannot
        tell either. Tests use a prompt of its own for each request.
        """
        return tuple(self._doubles)

    @property
    def discrepancies(self) -> tuple[str, ...]:
        """
        What else does not add up, each in a sentence.

        It takes no longer however much was charged; `assert_clean` also adds up every
        single entry.
        """
        with self._lock:
            return (*self._refund_trouble(), *self._balance_trouble())

    def assert_clean(self) -> None:
        """
        Check that nothing was paid twice and that every sum agrees.

        Raises:
            AssertionError: It does not add up; the text is a readable account.
        """
        with self._lock:
            found = [
                *self._double_trouble(),
                *self._refund_trouble(),
                *self._entry_trouble(),
                *self._balance_trouble(),
            ]
            account = self._account() if found else []
        if found:
            lines = ["The ledger is not clean.", *(f"- {text}" for text in found)]
            raise AssertionError("\n".join([*lines, *account]))

    def _double_trouble(self) -> Iterable[str]:
        for entry in self.double_charges:
            yield (
                f"task {entry.task_id} was charged {entry.credits} for an order that "
                f"had been charged before ({entry.fingerprint}); if that was meant, "
                "give each request a prompt of its own"
            )

    def _refund_trouble(self) -> Iterable[str]:
        for task_id in sorted(self._unmatched):
            times = self._refunded[task_id]
            if not times:
                yield f"task {task_id} failed and was not refunded"
            elif task_id not in self._failed:
                yield f"task {task_id} was refunded and had not failed"
            if times > 1:
                yield f"task {task_id} was refunded {times} times"

    def _entry_trouble(self) -> Iterable[str]:
        charged, refunded = _total(self.charges), _total(self.refunds)
        if charged - refunded != self.consumed:
            yield (
                f"{charged} charged - {refunded} refunded is not the "
                f"{self.consumed} consumed"
            )

    def _balance_trouble(self) -> Iterable[str]:
        if self.balance != self.start - self.consumed:
            yield f"the balance is {self.balance}, not {self.start} - {self.consumed}"

    def _account(self) -> list[str]:
        return [
            f"  start     {self.start}",
            f"  charged   {_total(self.charges)} in {len(self.charges)} charges",
            f"  refunded  {_total(self.refunds)} in {len(self.refunds)} refunds",
            f"  consumed  {self.consumed}",
            f"  balance   {self.balance}",
        ]


def _total(entries: Iterable[Entry]) -> Decimal:
    return from_milli(sum(map(attrgetter("millicredits"), entries)))
