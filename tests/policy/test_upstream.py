"""The provider's circuit: five different creates in a row, then one at a time."""

from __future__ import annotations

import math

import pytest

from aivideo_async.policy.upstream import REMEMBERED, UpstreamCircuit


def down(now: float = 0.0) -> UpstreamCircuit:
    """Build one that has just been tripped."""
    circuit = UpstreamCircuit()
    for item in range(5):
        circuit.refused(now, item)
    return circuit


def test_as_long_as_the_provider_is_there_nothing_waits():
    """Any number of creates may leave, and none of them is a trial."""
    circuit = UpstreamCircuit()
    assert not any(circuit.sent() for _ in range(100))
    assert circuit.opens() < 0


def test_five_different_ones_in_a_row_trip_it():
    """Not four; and only the fifth says so."""
    circuit = UpstreamCircuit()
    tripped = [circuit.refused(10.0, item) for item in range(8)]
    assert [False] * 4 + [True] + [False] * 3 == tripped
    assert 11.0 == circuit.opens()


def test_the_same_one_again_and_again_trips_nothing():
    """It may well be its content."""
    circuit = UpstreamCircuit()
    for _ in range(100):
        circuit.refused(0.0, "prohibited")
    assert circuit.opens() < 0


def test_one_that_is_accepted_ends_the_row():
    """Two in a hundred is no outage."""
    circuit = UpstreamCircuit()
    for item in range(100):
        circuit.refused(0.0, item)
        if item % 4 == 3:
            circuit.passed()
    assert circuit.opens() < 0


def test_one_at_a_time_tries_after_1_2_4_to_60_seconds():
    """Each failed trial doubles the pause."""
    circuit, now, gaps = down(), 0.0, []
    for item in range(10):
        gaps.append(circuit.opens() - now)
        now = circuit.opens()
        assert circuit.sent()
        assert math.inf == circuit.opens()
        circuit.refused(now, f"new {item}", trial=True)
    assert [1, 2, 4, 8, 16, 32, 60, 60, 60, 60] == gaps


def test_the_success_of_the_trial_lets_everybody_pass():
    """And the next outage begins at one second again."""
    circuit = down()
    circuit.sent()
    circuit.refused(1.0, "new", trial=True)
    circuit.sent()
    circuit.passed()
    assert circuit.opens() < 0
    assert not circuit.sent()
    for item in range(5):
        circuit.refused(100.0, item)
    assert 101.0 == circuit.opens()


def test_a_trial_that_says_nothing_lets_another_try_at_once():
    """Lost, or refused for another reason."""
    circuit = down()
    circuit.sent()
    circuit.inconclusive(trial=True)
    assert 1.0 == circuit.opens()
    circuit.sent()
    circuit.inconclusive(trial=False)
    assert math.inf == circuit.opens()


@pytest.mark.parametrize("others", [0, 1], ids=["nothing passed", "another passed"])
def test_refused_twice_while_others_pass_is_its_own_fault(others: int):
    """While nothing passes it may be the provider's."""
    circuit = UpstreamCircuit()
    circuit.refused(0.0, "prohibited")
    assert not circuit.hopeless("prohibited")
    for _ in range(others):
        circuit.passed()
    circuit.refused(1.0, "prohibited")
    assert bool(others) == circuit.hopeless("prohibited")
    assert not circuit.hopeless("another")


def test_what_was_refused_long_ago_is_forgotten():
    """Memory stays bounded."""
    circuit = UpstreamCircuit()
    for item in range(2 * REMEMBERED):
        circuit.refused(0.0, item)
    circuit.passed()
    circuit.refused(0.0, 0)
    assert not circuit.hopeless(0)
