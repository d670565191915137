"""The money circuit: one refusal stops buying, one probe at a time asks again."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
)

from aivideo_async.errors import InsufficientCreditsError, SpendLimitError
from aivideo_async.policy.circuit import MoneyCircuit

LIMIT = SpendLimitError("limit reached", status=429)
EMPTY = InsufficientCreditsError("no credits", status=402)
GAPS = (60, 120, 300, 600, 1200, 2400, 3600, 3600, 3600)


def tripped(now: float = 0.0) -> MoneyCircuit:
    """Return a circuit that was tripped at *now*."""
    circuit = MoneyCircuit()
    circuit.trip(now, LIMIT)
    return circuit


def test_as_long_as_money_flows_nothing_is_a_probe():
    """Any number of creates may pass."""
    circuit = MoneyCircuit()
    assert not any(circuit.sent() for _ in range(100))
    assert circuit.allows(0.0)
    assert None is circuit.error
    assert circuit.opens() < 0


def test_a_refusal_stops_buying_for_a_minute():
    """The refusal is kept, to be raised for the others."""
    circuit = tripped(now=1000.0)
    assert LIMIT is circuit.error
    assert 1060.0 == circuit.opens()
    assert (False, False) == (circuit.allows(1000.0), circuit.allows(1059.9))
    assert circuit.allows(1060.0)


def test_the_gaps_between_probes_grow_to_an_hour():
    """1, 2, 5, 10, 20, 40, 60 minutes, and then every hour."""
    circuit, now = tripped(), 0.0
    for gap in GAPS:
        assert now + gap == circuit.opens()
        assert not circuit.allows(now + gap - 0.001)
        now += gap
        assert circuit.allows(now)
        assert circuit.sent()
        circuit.trip(now, LIMIT, probe=True)


def test_only_one_probe_is_out():
    """The others wait for its answer, however long it takes."""
    circuit = tripped()
    assert circuit.sent()
    assert not circuit.allows(60.0)
    assert not circuit.allows(1e9)


def test_the_success_of_the_probe_closes_the_circuit():
    """Everybody may buy again, and the next trip starts with a minute."""
    circuit = tripped()
    circuit.sent()
    circuit.trip(60.0, LIMIT, probe=True)
    circuit.sent()
    circuit.passed(probe=True)
    assert None is circuit.error
    assert circuit.allows(181.0)
    assert not circuit.sent()
    circuit.trip(200.0, EMPTY)
    assert EMPTY is circuit.error
    assert 260.0 == circuit.opens()


def test_an_inconclusive_probe_lets_another_one_pass():
    """An answer that says nothing about money, or none: at once, by the same gap."""
    circuit = tripped()
    circuit.sent()
    circuit.inconclusive(probe=True)
    assert circuit.allows(60.0)
    assert circuit.sent()
    circuit.trip(70.0, LIMIT, probe=True)
    assert 190.0 == circuit.opens()


def test_older_creates_change_nothing():
    """They were sent before the limit was known, whatever becomes of them."""
    circuit = tripped()
    circuit.trip(30.0, EMPTY)
    circuit.passed(probe=False)
    circuit.inconclusive(probe=False)
    assert LIMIT is circuit.error
    assert 60.0 == circuit.opens()
    circuit.sent()
    circuit.trip(61.0, EMPTY)
    circuit.passed(probe=False)
    circuit.inconclusive(probe=False)
    assert LIMIT is circuit.error
    assert not circuit.allows(62.0)


def test_the_probe_tells_the_latest_reason():
    """A spend limit may have become an empty balance."""
    circuit = tripped()
    circuit.sent()
    circuit.trip(60.0, EMPTY, probe=True)
    assert EMPTY is circuit.error


class Buying(RuleBasedStateMachine):
    """Any story of creates, answers and time."""

    def __init__(self) -> None:
        super().__init__()
        self.circuit = MoneyCircuit()
        self.now = 0.0
        self.out: list[bool] = []
        self.tripped_at: float | None = None

    @rule(seconds=st.floats(0, 5000))
    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds

    @precondition(lambda self: self.circuit.allows(self.now))
    @rule()
    def buy(self) -> None:
        """Send a create, as soon as that is allowed."""
        self.out.append(self.circuit.sent())

    @precondition(lambda self: self.out)
    @rule(data=st.data())
    def answer(self, data: st.DataObject) -> None:
        """Answer any create that is out."""
        probe = self.out.pop(data.draw(st.integers(0, len(self.out) - 1)))
        was_tripped = self.circuit.error is not None
        what = data.draw(st.sampled_from(["refused", "accepted", "neither"]))
        if what == "refused":
            self.circuit.trip(self.now, LIMIT, probe=probe)
            if probe or not was_tripped:
                self.tripped_at = self.now
        elif what == "accepted":
            self.circuit.passed(probe=probe)
        else:
            self.circuit.inconclusive(probe=probe)
        closed = probe and what == "accepted"
        tripped = what == "refused" or (was_tripped and not closed)
        assert tripped == (self.circuit.error is not None)

    @invariant()
    def at_most_one_probe_is_out(self) -> None:
        """Never two."""
        assert sum(self.out) <= 1

    @invariant()
    def buying_is_never_over(self) -> None:
        """An hour after the last refusal a create may pass, if no probe is out."""
        if not any(self.out):
            assert self.circuit.allows((self.tripped_at or self.now) + 3600.0)

    @invariant()
    def a_tripped_circuit_holds_for_a_minute(self) -> None:
        """At the least."""
        if self.circuit.error is not None and self.tripped_at is not None:
            assert not self.circuit.allows(self.tripped_at + 59.9)


TestBuying = Buying.TestCase
TestBuying.__doc__ = "No story of creates and answers breaks the circuit."


def test_after_an_empty_balance_the_credits_are_looked_at_first():
    """While they are, nothing may pass; then one create may, as the probe."""
    circuit = MoneyCircuit()
    circuit.trip(0.0, EMPTY)
    assert circuit.asks_balance()
    circuit.asking()
    assert not circuit.allows(60.0)
    circuit.answered(60.0, funded=True)
    assert circuit.allows(60.0)
    assert not circuit.asks_balance()
    assert circuit.sent()


def test_a_balance_that_is_too_low_prolongs_the_pause():
    """As a refused probe would."""
    circuit = MoneyCircuit()
    circuit.trip(0.0, EMPTY)
    circuit.asking()
    circuit.answered(60.0, funded=False)
    assert 180.0 == circuit.opens()
    assert circuit.asks_balance()


def test_a_refusal_after_a_good_look_asks_for_another_look():
    """The balance can have been enough for something else."""
    circuit = MoneyCircuit()
    circuit.trip(0.0, EMPTY)
    circuit.answered(60.0, funded=True)
    circuit.sent()
    circuit.trip(61.0, EMPTY, probe=True)
    assert circuit.asks_balance()
    assert 181.0 == circuit.opens()


def test_a_spend_limit_asks_for_no_look():
    """The credits do not show it."""
    assert not tripped().asks_balance()
    assert not MoneyCircuit().asks_balance()
