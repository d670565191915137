"""The ledger: exact sums, and a loud account of what does not add up."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, strategies as st

from aivideo_async.emulator import Ledger
from aivideo_async.models.money import milli

PRICES = st.integers(min_value=0, max_value=50_000)


def bought(*tasks: str, balance: int = 100) -> Ledger:
    """Build a ledger in which each task cost 2.4 credits."""
    ledger = Ledger(balance)
    for at, task in enumerate(tasks):
        ledger.charge(task, 2400, at=float(at), fingerprint=f"body of {task}")
    return ledger


@pytest.mark.parametrize(
    ("credits", "millicredits"),
    [("2.4", 2400), (7, 7000), (Decimal("0.0001"), 1), (0, 0), ("1.0005", 1001)],
)
def test_credits_become_whole_millicredits(
    credits: Decimal | int | str, millicredits: int
):
    """Rounded up where there is less than a thousandth."""
    assert millicredits == milli(credits)


def test_a_charge_is_kept_with_its_circumstances():
    """Task, amount, time and fingerprint."""
    (entry,) = bought("t-1").charges
    assert ("t-1", Decimal("2.4"), 0.0, "body of t-1") == (
        entry.task_id,
        entry.credits,
        entry.at,
        entry.fingerprint,
    )


@given(st.lists(st.tuples(PRICES, st.booleans()), max_size=30))
def test_the_sums_are_exact(tasks: list[tuple[int, bool]]):
    """Whatever is charged and refunded, not a thousandth is lost."""
    ledger = Ledger(1000)
    for index, (price, fails) in enumerate(tasks):
        ledger.charge(str(index), price, at=0.0, fingerprint=str(index))
        if fails:
            ledger.fail(str(index))
            ledger.refund(str(index), at=1.0)
    kept = sum(price for price, fails in tasks if not fails)
    ledger.assert_clean()
    assert Decimal(kept) / 1000 == ledger.consumed
    assert Decimal(1_000_000 - kept) / 1000 == ledger.balance
    assert sum(price for price, _ in tasks) == ledger.charged


def test_a_clean_ledger_says_nothing():
    """A refunded failure is clean."""
    ledger = bought("t-1", "t-2")
    ledger.fail("t-2")
    ledger.refund("t-2", at=9.0)
    ledger.assert_clean()


def test_a_double_charge_is_not_clean():
    """The text names the task and shows the sums."""
    ledger = bought("t-1")
    ledger.charge("t-2", 2400, at=1.0, fingerprint="body of t-1")
    with pytest.raises(AssertionError, match=r"t-2 was charged 2\.4 .*\n.*start +100"):
        ledger.assert_clean()


def test_a_failure_without_a_refund_is_not_clean():
    """It was paid for nothing."""
    ledger = bought("t-1")
    ledger.fail("t-1")
    with pytest.raises(AssertionError, match="t-1 failed and was not refunded"):
        ledger.assert_clean()


def test_a_second_refund_is_not_clean():
    """Nor is money that was given back twice."""
    ledger = bought("t-1")
    ledger.fail("t-1")
    ledger.refund("t-1", at=1.0)
    ledger.refund("t-1", at=2.0)
    with pytest.raises(AssertionError, match="t-1 was refunded 2 times"):
        ledger.assert_clean()


def test_a_refund_without_a_failure_is_not_clean():
    """A task that goes on keeps its price."""
    ledger = bought("t-1")
    ledger.refund("t-1", at=1.0)
    with pytest.raises(AssertionError, match="t-1 was refunded and had not failed"):
        ledger.assert_clean()


def test_a_lost_entry_is_not_clean():
    """The sums are kept apart from the list."""
    ledger = bought("t-1", "t-2")
    ledger.charges.pop()
    with pytest.raises(
        AssertionError, match=r"2\.4 charged - 0 refunded is not the 4\.8"
    ):
        ledger.assert_clean()


def test_a_wrong_balance_is_not_clean():
    """It must be what was there, less what was consumed."""
    ledger = bought("t-1")
    ledger._balance += 1
    with pytest.raises(AssertionError, match=r"balance is 97\.601, not 100 - 2\.4"):
        ledger.assert_clean()
