"""Rules: which request meets which act."""

from __future__ import annotations

import random

import pytest

from aivideo_async.emulator import Rule, acts
from aivideo_async.emulator.rules import RuleBook
from tests.emulator.calls import core_of, post

BUSY = acts.refuse("internal_error")


def hits(rule: Rule, count: int = 10, elapsed: float = 0.0) -> list[int]:
    """Tell which out of *count* creates meet the rule, counted from 1."""
    book = RuleBook((rule,))
    rng = random.Random(1)
    numbers = range(1, count + 1)
    return [number for number in numbers if book.pick("create", elapsed, rng)]


def test_a_rule_without_conditions_always_fires():
    """The plainest outage."""
    assert [1, 2, 3] == hits(Rule("create", BUSY), count=3)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (Rule("create", BUSY, nth=3), [3]),
        (Rule("create", BUSY, nth=(2, 4)), [2, 4]),
        (Rule("create", BUSY, nth=range(8, 100)), [8, 9, 10]),
        (Rule("create", BUSY, every=4), [4, 8]),
        (Rule("create", BUSY, times=2), [1, 2]),
        (Rule("create", BUSY, every=2, times=3), [2, 4, 6]),
        (Rule("create", BUSY, share=1.0), list(range(1, 11))),
        (Rule("create", BUSY, share=0.0), []),
        (Rule("any", BUSY, nth=1), [1]),
        (Rule("task", BUSY), []),
    ],
    ids=repr,
)
def test_a_rule_fires_where_its_conditions_hold(rule: Rule, expected: list[int]):
    """nth, every, share and times, alone and together."""
    assert expected == hits(rule)


def test_a_share_is_a_matter_of_chance():
    """About as often as it says."""
    assert 250 < len(hits(Rule("create", BUSY, share=0.3), count=1000)) < 350


@pytest.mark.parametrize(
    ("elapsed", "count"), [(1.9, 0), (2.0, 3), (61.9, 3), (62.0, 0)]
)
def test_a_rule_may_hold_for_a_while(elapsed: float, count: int):
    """From the first second up to the second, which is outside."""
    assert count == len(hits(Rule("create", BUSY, between=(2.0, 62.0)), 3, elapsed))


def test_the_first_rule_in_order_wins():
    """Each counts what it sees, also what another one took."""
    rules = (Rule("create", BUSY, nth=1), Rule("create", acts.DROPPED, nth=(1, 2)))
    book, rng = RuleBook(rules), random.Random(1)
    assert [BUSY, acts.DROPPED, None] == [
        book.pick("create", 0.0, rng) for _ in range(3)
    ]


def test_a_request_refused_by_the_limit_meets_no_rule():
    """The nth create is the nth that was let in."""
    core = core_of(Rule("create", BUSY, nth=2), rate=1.0, burst=1)
    statuses = [post(core, now=now).status for now in (0.0, 0.1, 1.0)]
    assert [200, 429, 500] == statuses


def test_a_place_that_does_not_exist_is_refused():
    """A typing error would make a rule that never fires."""
    with pytest.raises(ValueError, match="where"):
        Rule("creates", BUSY)  # type: ignore[arg-type]
