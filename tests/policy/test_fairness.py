"""Fair shares: neither buying nor looking starves the other."""

from __future__ import annotations

from hypothesis import given, strategies as st

from aivideo_async.policy.fairness import FairShare


def turns(share: FairShare, count: int) -> str:
    """Let both wait; return whose turns they are."""
    taken = ""
    for _ in range(count):
        if share.submit_first():
            share.took_submit()
            taken += "S"
        else:
            share.took_look()
            taken += "L"
    return taken


def test_while_both_wait_they_alternate():
    """One to one, submits first."""
    assert "SLSLSLSL" == turns(FairShare(), 8)


def test_turns_taken_alone_are_owed_up_to_five():
    """A thousand submits while nothing was to be looked at cost five turns."""
    share = FairShare()
    for _ in range(1000):
        share.took_submit()
    assert "LLLLLSLS" == turns(share, 8)


def test_looks_owe_as_much():
    """The same the other way round; level again, it is a submit's turn."""
    share = FairShare()
    for _ in range(1000):
        share.took_look()
    assert "SSSSSSLS" == turns(share, 8)


def test_a_small_debt_is_paid_exactly():
    """Two submits alone, two looks first."""
    share = FairShare()
    share.took_submit()
    share.took_submit()
    assert "LLSL" == turns(share, 4)


@given(st.text("SL-", max_size=200))
def test_whatever_came_before_both_get_half_of_what_follows(before: str):
    """At most five turns aside."""
    share = FairShare()
    for turn in before:
        if turn == "S":
            share.took_submit()
        elif turn == "L":
            share.took_look()
    following = turns(share, 100)
    assert abs(following.count("S") - 50) <= 3
    assert "S" * 7 not in following
    assert "L" * 6 not in following
