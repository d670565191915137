"""The provider's circuit: five different creates in a row, then one at a time."""

from __future__ import annotations

import math

import pytest

from aivideo_async.policy.upstream import UpstreamCircuit


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
        trial = circuit.sent()
        assert math.inf == circuit.opens()
        circuit.refused(now, f"new {item}", trial=trial)
    assert [1, 2, 4, 8, 16, 32, 60, 60, 60, 60] == gaps


def test_the_success_of_the_trial_lets_everybody_pass():
    """And the next outage begins at one second again."""
    circuit = down()
    circuit.refused(1.0, "new", trial=circuit.sent())
    circuit.sent()
    circuit.passed()
    assert circuit.opens() < 0
    assert not circuit.sent()
    for item in range(5):
        circuit.refused(100.0, item)
    assert 101.0 == circuit.opens()


def test_a_trial_that_says_nothing_lets_another_try_at_once():
    """Withdrawn, or refused for another reason."""
    circuit = down()
    trial = circuit.sent()
    circuit.inconclusive(trial=trial)
    assert 1.0 == circuit.opens()
    circuit.sent()
    circuit.inconclusive(trial=0)
    assert math.inf == circuit.opens()


def test_a_trial_that_is_lost_lets_another_try_after_the_same_gap():
    """Each may have been charged: they are not to follow each other at once."""
    circuit, now = down(), 0.0
    for _ in range(3):
        now = circuit.opens()
        circuit.lost(now, trial=circuit.sent())
        assert now + 1.0 == circuit.opens()
    circuit.refused(now, "new", trial=circuit.sent())
    assert now + 2.0 == circuit.opens()


def test_a_create_that_is_lost_and_no_trial_changes_nothing():
    """Before an outage and in it."""
    circuit = UpstreamCircuit()
    circuit.lost(0.0, trial=circuit.sent())
    assert circuit.opens() < 0
    circuit = down()
    circuit.lost(0.5, trial=0)
    assert 1.0 == circuit.opens()


@pytest.mark.parametrize("answer", ["refused", "lost", "inconclusive"])
def test_a_trial_of_an_older_outage_says_nothing_about_this_one(answer: str):
    """The provider came back meanwhile, and went again."""
    circuit = down()
    old = circuit.sent()
    circuit.passed()
    for item in range(5):
        circuit.refused(10.0, item)
    new = circuit.sent()
    if answer == "refused":
        circuit.refused(12.0, "old", trial=old)
    elif answer == "lost":
        circuit.lost(12.0, trial=old)
    else:
        circuit.inconclusive(trial=old)
    assert math.inf == circuit.opens()
    circuit.refused(13.0, "new", trial=new)
    assert 15.0 == circuit.opens()
