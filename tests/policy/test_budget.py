"""The budget: the ceiling holds, and only what is surely free comes back."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    rule,
)

from aivideo_async import BudgetExceededError
from aivideo_async.policy.budget import Budget, Drift, Marks

PRICE = Decimal("2.4")


def bought(budget: Budget, task_id: str = "t-1") -> None:
    """Buy a task for the price."""
    amount = budget.reserve(PRICE)
    budget.sent(amount)
    budget.bought(task_id, amount)


# --- the ceiling ------------------------------------------------------------------


def test_the_ceiling_itself_may_be_reached():
    """Twice 2.4 is 4.8, to the tenth."""
    budget = Budget(Decimal("4.8"))
    budget.reserve(PRICE)
    budget.reserve(PRICE)
    assert Decimal("4.8") == budget.committed


def test_a_tenth_of_a_credit_beyond_the_ceiling_is_refused():
    """The text names the ceiling, what is committed, the price, and that it is safe."""
    budget = Budget(Decimal("4.7"))
    budget.reserve(PRICE)
    with pytest.raises(BudgetExceededError) as caught:
        budget.reserve(PRICE)
    for word in (
        "max_credits=4.7",
        "2.4 are committed",
        "costs 2.4",
        "Nothing was sent",
    ):
        assert word in str(caught.value)
    assert PRICE == budget.committed


def test_with_a_ceiling_an_unknown_price_is_refused():
    """It could be anything; the text says how to name it."""
    with pytest.raises(BudgetExceededError, match="prices="):
        Budget(Decimal(1000)).reserve(None)


def test_without_a_ceiling_an_unknown_price_counts_as_nothing():
    """There is nothing to hold."""
    budget = Budget()
    assert budget.reserve(None) is None
    budget.sent(None)
    budget.bought("t-1", None)
    budget.ended("t-1", refunded=True)
    assert Decimal(0) == budget.committed


def test_what_is_free_may_be_had_at_a_ceiling_of_nothing():
    """A price of 0 passes no ceiling."""
    assert 0 == Budget(Decimal(0)).reserve(Decimal(0))


def test_a_ceiling_finer_than_a_thousandth_rounds_down():
    """So that it is not passed by a mite."""
    with pytest.raises(BudgetExceededError):
        Budget(Decimal("2.3999999")).reserve(PRICE)


def test_prices_finer_than_a_thousandth_round_up():
    """So a ceiling cannot be passed by rounding."""
    budget = Budget(Decimal("0.002"))
    assert 1 == budget.reserve(Decimal("0.0001"))
    assert 1 == budget.reserve(Decimal("0.0009"))
    with pytest.raises(BudgetExceededError):
        budget.reserve(Decimal("0.0001"))


# --- what comes back --------------------------------------------------------------


def test_a_failed_task_makes_room_again():
    """The service refunds it."""
    budget = Budget(PRICE)
    bought(budget)
    budget.ended("t-1", refunded=True)
    assert PRICE == budget.committed + PRICE
    budget.reserve(PRICE)


def test_a_task_fails_once():
    """However often it is looked at."""
    budget = Budget()
    bought(budget)
    bought(budget, "t-2")
    budget.ended("t-1", refunded=True)
    budget.ended("t-1", refunded=True)
    assert PRICE == budget.committed


def test_a_completed_task_stays_paid():
    """Also if it is said to have failed later."""
    budget = Budget()
    bought(budget)
    budget.ended("t-1", refunded=False)
    budget.ended("t-1", refunded=True)
    assert PRICE == budget.committed


def test_a_task_that_turned_out_to_be_anothers_gives_nothing_back():
    """The reservation stays with the create, whose outcome is unknown now."""
    budget = Budget()
    bought(budget)
    budget.not_bought("t-1", 2400)
    budget.ended("t-1", refunded=True)
    assert PRICE == budget.committed
    assert marks(0, 2400) == budget.marks()


def test_the_latest_ten_thousand_refunds_are_noticed():
    """A web app runs for months, and most of its tasks end unseen."""
    budget = Budget()
    for number in range(10_001):
        bought(budget, f"t-{number}")
    committed = budget.committed
    budget.ended("t-0", refunded=True)
    assert committed == budget.committed
    budget.ended("t-1", refunded=True)
    assert committed - PRICE == budget.committed


def test_somebody_elses_failed_task_makes_no_room():
    """It was never paid from this budget."""
    budget = Budget()
    bought(budget)
    budget.ended("t-9", refunded=True)
    assert PRICE == budget.committed


class Spending(RuleBasedStateMachine):
    """Any order of reserving, sending, refusing, losing, buying and failing."""

    queued: Bundle[int] = Bundle("queued")
    on_wire: Bundle[int] = Bundle("on_wire")
    running: Bundle[tuple[str, int]] = Bundle("running")

    @initialize(limit=st.integers(0, 40))
    def open(self, limit: int) -> None:
        """Start with nothing spent."""
        self.limit = Decimal(limit)
        self.budget = Budget(self.limit)
        self.held = self.charged = 0
        self.tasks = 0

    @rule(target=queued, price=st.sampled_from(["0", "2.4", "4.8", "7.2"]))
    def reserve(self, price: str) -> int:
        """Queue a create, or be refused."""
        try:
            amount = self.budget.reserve(Decimal(price))
        except BudgetExceededError:
            return 0
        assert amount is not None
        self.held += amount
        return amount

    @rule(amount=consumes(queued))
    def withdraw(self, amount: int) -> None:
        """Take it back."""
        self.budget.release(amount)
        self.held -= amount

    @rule(target=on_wire, amount=consumes(queued))
    def send(self, amount: int) -> int:
        """Let it leave."""
        self.budget.sent(amount)
        return amount

    @rule(target=queued, amount=consumes(on_wire))
    def refuse(self, amount: int) -> int:
        """Send it back."""
        self.budget.refused(amount)
        return amount

    @rule(amount=consumes(on_wire), charged=st.booleans())
    def lose(self, amount: int, charged: bool) -> None:
        """Never hear of it again."""
        self.charged += amount * charged

    @rule(target=running, amount=consumes(on_wire))
    def accept(self, amount: int) -> tuple[str, int]:
        """Make a task of it."""
        self.tasks += 1
        self.budget.bought(f"t-{self.tasks}", amount)
        self.charged += amount
        return f"t-{self.tasks}", amount

    @rule(task=consumes(running), refunded=st.booleans())
    def end(self, task: tuple[str, int], refunded: bool) -> None:
        """See it at its end."""
        name, amount = task
        self.budget.ended(name, refunded=refunded)
        self.held -= amount * refunded
        self.charged -= amount * refunded

    @invariant()
    def holds(self) -> None:
        """What is held is known to the thousandth, and never beyond the ceiling."""
        assert Decimal(self.held) / 1000 == self.budget.committed <= self.limit

    @invariant()
    def covers(self) -> None:
        """What was really charged is held, and lies below the upper mark."""
        assert Decimal(self.charged) / 1000 <= self.budget.committed
        marks = self.budget.marks()
        assert marks.least <= marks.most


TestSpending = Spending.TestCase


# --- drift ------------------------------------------------------------------------


def marks(
    least: int = 0, most: int | None = None, unpriced: int = 0, open_: int = 0
) -> Marks:
    """Mark so many milli-credits."""
    return Marks(least, least if most is None else most, unpriced, open_)


def readings(*story: tuple[str, Marks, Marks]) -> list[object]:
    """Take readings one after the other."""
    drift = Drift()
    return [drift.read(Decimal(left), *between) for left, *between in story]


def test_the_first_reading_says_nothing():
    """There is nothing to compare it with."""
    assert [None] == readings(("5", marks(), marks()))


def test_what_the_table_explains_is_no_drift():
    """Two tasks of 2.4 are 4.8 credits."""
    spent = marks(4800)
    assert [None, None] == readings(("100", marks(), marks()), ("95.2", spent, spent))


def test_what_the_table_does_not_explain_is_told():
    """Two tasks that cost 4.7 each, and the table says 2.4."""
    spent = marks(4800)
    told = (Decimal("9.4"), Decimal("4.8"))
    assert told == readings(("100", marks(), marks()), ("90.6", spent, spent))[1]


def test_a_refund_is_no_drift():
    """The balance falls by less than was bought."""
    spent = marks(4800)
    assert [None, None] == readings(("100", marks(), marks()), ("100", spent, spent))


def test_what_was_on_the_wire_at_the_first_reading_may_be_charged_after_it():
    """It was not accepted before that reading was asked for."""
    before, after = marks(0, 2400), marks(2400)
    assert None is readings(("100", before, before), ("97.6", after, after))[1]


def test_what_leaves_during_a_reading_may_be_in_it():
    """The upper mark is taken when the answer is there."""
    during = marks(0, 2400)
    assert None is readings(("100", marks(), marks()), ("97.6", marks(), during))[1]


def test_an_unpriced_create_explains_anything():
    """What it cost nobody knows."""
    after = marks(0, 0, 1)
    assert None is readings(("100", marks(), marks()), ("1", after, after))[1]


def test_an_unpriced_create_that_was_open_explains_anything():
    """It may be charged between the readings, though it left before both."""
    early, late = marks(0, 0, 1, 1), marks(0, 0, 1, 0)
    assert None is readings(("100", early, early), ("50", late, late))[1]


@pytest.mark.parametrize("left", ["97", "96.6", "97.59999999999999"])
def test_rounding_is_no_drift(left: str):
    """The service documents whole credits, and may count in floats."""
    spent = marks(2400)
    assert None is readings(("100", marks(), marks()), (left, spent, spent))[1]


def test_each_reading_counts_from_the_last_one():
    """What was told once is not told again."""
    spent = marks(2400)
    story = [("100", marks(), marks()), ("90", spent, spent), ("90", spent, spent)]
    assert None is readings(*story)[2]
