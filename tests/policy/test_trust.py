"""Callbacks are relied upon while they arrive, and no longer."""

from __future__ import annotations

import pytest

from aivideo_async.policy.trust import CallbackTrust


def trust(story: str) -> CallbackTrust:
    """
    Tell a story, ten seconds between its events, the last of them long ago.

    Each ``+`` is a callback that came, each ``-`` one that did not.
    """
    told = CallbackTrust()
    for number, what in enumerate(story):
        now = -1000.0 + 10.0 * number
        if what == "+":
            told.arrived(now)
        else:
            told.found(f"t-{number}", now)
    return told


@pytest.mark.parametrize(
    ("story", "relied_upon"),
    [
        ("", False),
        ("++", False),
        ("+++", True),
        ("---", False),
        ("+++--", True),
        ("+-+-+", True),
        ("+++---", False),
        ("--+-+++++++", True),
        ("---+++++++", False),
        ("---++++++++", True),
        ("+-+-+-+-+-", False),
    ],
)
def test_three_have_to_come_and_fewer_than_three_be_missed(
    story: str, relied_upon: bool
):
    """Of the last ten."""
    told = trust(story)
    assert relied_upon is told.holds(0.0)


def test_callbacks_that_were_relied_upon_and_fail_have_lapsed():
    """Those that never were, such as every second one, have not."""
    assert trust("+++---").lapsed(0.0)
    assert not trust("+++--").lapsed(0.0)
    assert not trust("-+-+-+-+-+").lapsed(0.0)
    assert not trust("---").lapsed(0.0)


def test_a_callback_may_follow_the_look_by_five_seconds():
    """It is counted as missed at the fifth second and not before."""
    told = trust("+++")
    for number in range(3):
        told.found(f"t-{number}", 10.0)
    assert told.holds(14.9)
    assert not told.holds(15.0)


def test_a_callback_that_follows_a_look_has_come():
    """The task had been looked at a moment too early to be called back."""
    told = trust("+++")
    for number in range(3):
        told.found(f"t-{number}", 10.0)
    assert told.followed("t-1", 12.0)
    assert told.holds(20.0)


def test_a_callback_about_a_task_of_nobody_is_no_evidence():
    """Nor is the second copy of one."""
    told = trust("")
    assert not told.followed("t-9", 1.0)
    told.found("t-1", 1.0)
    assert told.followed("t-1", 2.0)
    assert not told.followed("t-1", 3.0)


def test_a_callback_that_comes_too_late_was_missed():
    """Six seconds after the look."""
    told = trust("+++")
    for number in range(3):
        told.found(f"t-{number}", 10.0)
    assert not told.followed("t-0", 16.0)
    assert told.lapsed(16.0)
