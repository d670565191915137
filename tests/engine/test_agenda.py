"""The agenda: first come first served, fair, and never more than the pool allows."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from aivideo_async.engine.agenda import Agenda
from aivideo_async.engine.jobs import Job, Stage
from aivideo_async.errors import AIVideoError
from aivideo_async.policy.polling import Backoff, PollSchedule
from aivideo_async.policy.retry import NO_RETRY, Attempts


class Nobody:
    """A recipient that is gone."""

    def give(self, result: Any) -> bool:
        """Take nothing."""
        return False

    def fail(self, error: AIVideoError) -> bool:
        """Take nothing."""
        return False


class Older:
    """A schedule by which looks are the more urgent the older their task is."""

    def next(self, age: float, *, rarely: bool = False) -> float:
        """Return the same age."""
        return age

    def urgency(self, age: float, last: float) -> float:
        """Return the age."""
        return age

    def running(self, since: float, age: float) -> None:
        """Learn nothing."""

    def done(self, since: float, age: float) -> None:
        """Learn nothing."""


def job(stage: Stage, path: str = "", since: float = 0.0) -> Job:
    """Make a job; its path is its name, and its task is as old as *since* tells."""
    one = Job(stage, Nobody(), Attempts(NO_RETRY, None), path=path, since=since)
    one.schedule = Older()
    return one


def agenda(creates: str = "", looks: str = "", *, slots: int = 100) -> Agenda:
    """Queue a create and a look for each letter."""
    plan = Agenda(slots)
    for name in creates:
        plan.add_create(job(Stage.CREATE, name))
    for name in looks:
        plan.add_look(job(Stage.LOOK, name))
    return plan


def taken(plan: Agenda, now: float = 0.0, most: int = 100) -> str:
    """Take what is ready; return the names in order."""
    names = ""
    while len(names) < most and plan.ready(now):
        names += plan.next().path
    return names


def test_an_empty_agenda_has_nothing_to_give():
    """Now or ever."""
    plan = Agenda(1)
    assert not plan.ready(1e9)
    assert math.inf == plan.next_due()


@pytest.mark.parametrize("kind", ["create", "look", "again", "later", "ranked"])
def test_an_agenda_is_empty_once_the_last_job_is_taken(kind: str):
    """And not before, wherever that job waits."""
    plan = Agenda(1)
    one = job(Stage.LOOK if kind in {"look", "ranked"} else Stage.CREATE, "1")
    if kind == "create":
        plan.add_create(one)
    elif kind == "again":
        plan.add_again(one)
    elif kind == "later":
        plan.add_later(5.0, one)
    else:
        plan.add_look(one)
    if kind == "ranked":
        plan.add_look(job(Stage.LOOK, "2"))
        plan.rank_looks(0.0)
        assert "1" == taken(plan, most=1)
    assert not plan.is_empty()
    taken(plan, 9.0)
    assert plan.is_empty()


def test_creates_come_first_come_first_served():
    """And so do looks."""
    assert "abcdef" == taken(agenda(creates="abcdef"))
    assert "abcdef" == taken(agenda(looks="abcdef"))


def test_while_both_wait_they_alternate():
    """What is left over goes on alone."""
    assert "a1b2cdef" == taken(agenda(creates="abcdef", looks="12"))
    assert "a1b23456" == taken(agenda(creates="ab", looks="123456"))


def test_a_crowd_of_creates_owes_the_looks_at_most_five_turns():
    """Credit is clipped."""
    plan = agenda(creates="abcdefghijkl")
    taken(plan, most=8)
    for name in "12345678":
        plan.add_look(job(Stage.LOOK, name))
    assert "12345i6j7k8l" == taken(plan)


# --- slots ----------------------------------------------------------------------


def test_a_create_takes_a_slot_a_look_does_not():
    """With the pool full, looks go on."""
    plan = agenda(creates="abc", looks="1234", slots=2)
    assert "a1b234" == taken(plan)
    assert 2 == plan.in_flight


def test_a_slot_given_back_lets_the_next_one_in():
    """Each job gives back only what it holds, and only once."""
    plan = agenda(creates="abc", slots=1)
    first = plan.next() if plan.ready(0.0) else None
    assert first is not None
    assert first.holds_slot
    assert not plan.ready(0.0)
    plan.release(first)
    plan.release(first)
    plan.release(job(Stage.LOOK))
    assert 0 == plan.in_flight
    assert "b" == taken(plan)
    assert 1 == plan.in_flight


# --- sent back ------------------------------------------------------------------


def take(plan: Agenda, count: int) -> list[Job]:
    """Take so many jobs."""
    assert plan.ready(0.0)
    return [plan.next() for _ in range(count) if plan.ready(0.0)]


def test_a_refused_create_keeps_its_place():
    """It goes before all that came later, in the old order."""
    plan = agenda(creates="abcdef")
    first, second, third = take(plan, 3)
    plan.add_again(third)
    plan.add_again(first)
    plan.add_again(second)
    assert "abcdef" == taken(plan)


def test_a_refused_create_keeps_its_slot():
    """It needs no second one, and lets nobody else have it."""
    plan = agenda(creates="ab", slots=1)
    (first,) = take(plan, 1)
    plan.add_again(first)
    assert 1 == plan.in_flight
    assert "a" == taken(plan)
    assert 1 == plan.in_flight


def test_a_refused_create_still_alternates_with_looks():
    """A hold must not let looks wait for ever, nor the other way round."""
    plan = agenda(creates="ab", looks="12")
    for refused in take(plan, 4):
        if refused.stage is Stage.CREATE:
            plan.add_again(refused)
    for name in "34":
        plan.add_look(job(Stage.LOOK, name))
    assert "a3b4" == taken(plan)


def test_what_was_sent_back_can_be_listed():
    """Those that still want to be sent."""
    plan = agenda(creates="abc")
    for refused in take(plan, 3):
        plan.add_again(refused)
        if refused.path == "b":
            refused.stage = Stage.DONE
    assert ["a", "c"] == sorted(refused.path for refused in plan.sent_back())


# --- later ----------------------------------------------------------------------


def test_what_is_due_later_comes_when_it_is_due():
    """The earliest first, whatever the order in which it was put down."""
    plan = Agenda(1)
    for due in (3.0, 1.0, 2.0):
        plan.add_later(due, job(Stage.FOLLOW, str(int(due))))
    assert not plan.ready(0.999)
    assert 1.0 == plan.next_due()
    assert "1" == taken(plan, 1.0)
    assert 2.0 == plan.next_due()
    assert "23" == taken(plan, 3.0)
    assert math.inf == plan.next_due()


def test_what_is_due_at_the_same_time_keeps_its_order():
    """Jobs themselves are never compared."""
    plan = Agenda(1)
    for name in "abcdef":
        plan.add_later(5.0, job(Stage.FOLLOW, name))
    assert "abcdef" == taken(plan, 5.0)


def test_what_is_brought_forward_comes_earlier_and_once():
    """Its old time passes without it."""
    plan = Agenda(1)
    hint, other = job(Stage.FOLLOW, "h"), job(Stage.FOLLOW, "o")
    plan.add_later(9.0, hint)
    plan.add_later(5.0, other)
    assert plan.bring_forward(2.0, hint)
    assert 2.0 == plan.next_due()
    assert "h" == taken(plan, 2.0)
    assert "o" == taken(plan, 20.0)
    assert math.inf == plan.next_due()


def test_nothing_is_put_off_by_being_brought_forward():
    """It comes at the earlier of both times."""
    plan = Agenda(1)
    one = job(Stage.FOLLOW, "a")
    plan.add_later(1.0, one)
    assert plan.bring_forward(5.0, one)
    assert "a" == taken(plan, 1.0)
    assert "" == taken(plan, 9.0)


def test_what_is_queued_or_gone_out_cannot_be_brought_forward():
    """It would come twice."""
    plan = Agenda(1)
    one = job(Stage.FOLLOW, "a")
    plan.add_later(1.0, one)
    assert plan.ready(1.0)
    assert not plan.bring_forward(1.0, one)
    assert "a" == taken(plan, 1.0)
    assert not plan.bring_forward(1.0, one)


def test_a_create_that_is_due_again_has_its_old_place():
    """Before those that came later, also if these are in the queue already."""
    plan = agenda(creates="abc")
    (first,) = take(plan, 1)
    plan.add_later(5.0, first)
    assert "bc" == taken(plan, 4.0)
    plan.add_create(job(Stage.CREATE, "d"))
    assert "ad" == taken(plan, 5.0)


# --- the most urgent first ----------------------------------------------------------


def polls(names: str, *, schedule: PollSchedule | None = None) -> Agenda:
    """Queue a poll for each letter: z is the most urgent, a the least."""
    plan = Agenda(1)
    for name in names:
        one = job(Stage.FOLLOW, name, since=-float(ord(name)))
        one.schedule = schedule or one.schedule
        plan.add_look(one)
    return plan


def test_ranked_looks_go_by_urgency():
    """Unranked they go as they came."""
    assert "hbzdkq" == taken(polls("hbzdkq"))
    plan = polls("hbzdkq")
    plan.rank_looks(0.0)
    assert "zqkhdb" == taken(plan)


def test_equally_urgent_looks_go_as_they_came():
    """With backoff all of them are."""
    plan = polls("hbzdkq", schedule=Backoff().schedule("kind", random.Random()))
    plan.rank_looks(0.0)
    assert "hbzdkq" == taken(plan)


def test_what_comes_after_a_ranking_waits_behind_it():
    """An eighth is ranked ahead; the next ranking is when that has gone, not sooner."""
    plan = polls("abcdefghijklmnop")
    plan.rank_looks(0.0)
    for name in "yz":
        plan.add_look(job(Stage.FOLLOW, name, since=-float(ord(name))))
    plan.rank_looks(0.0)
    assert "po" == taken(plan, most=2)
    plan.rank_looks(0.0)
    assert "zy" == taken(plan, most=2)


def test_looks_that_cannot_wait_go_before_all_others():
    """A single look, one about a callback: somebody or something waits for just that."""
    plan = polls("abcdefgh")
    hinted = job(Stage.FOLLOW, "+")
    hinted.called_back = True
    plan.add_look(hinted)
    plan.add_look(job(Stage.LOOK, "!"))
    plan.rank_looks(0.0)
    assert "+!hgfedcba" == taken(plan)


def test_looks_that_cannot_wait_do_not_starve_the_others():
    """However many come, a poll goes after those that came before it was ranked."""
    plan, order = polls("ab"), ""
    for _ in range(6):
        for _ in range(2):
            plan.add_look(job(Stage.LOOK, "!"))
        plan.rank_looks(0.0)
        order += taken(plan, most=2)
    assert {"a", "b"} < set(order)


def test_ranked_looks_still_alternate_with_creates():
    """Urgency is among looks alone."""
    plan = polls("ab")
    for name in "12":
        plan.add_create(job(Stage.CREATE, name))
    plan.rank_looks(0.0)
    assert "1ba" == taken(plan)


def test_withdrawn_looks_are_skipped_ranked_or_not():
    """Also one that was ranked before."""
    plan = Agenda(1)
    jobs = {name: job(Stage.FOLLOW, name, since=-float(ord(name))) for name in "abcdef"}
    for one in jobs.values():
        plan.add_look(one)
    jobs["c"].stage = Stage.DONE
    plan.rank_looks(0.0)
    jobs["f"].stage = Stage.DONE
    assert plan.ready(0.0)
    assert "edba" == taken(plan)


def test_single_looks_can_be_listed_ranked_or_not():
    """Those whose callers may lose their patience."""
    plan = polls("abc")
    plan.add_look(job(Stage.LOOK, "!"))
    plan.rank_looks(0.0)
    plan.add_look(job(Stage.LOOK, "?"))
    assert ["!", "?"] == [one.path for one in plan.looks()]


def test_jobs_that_are_due_at_once_go_in_the_order_of_arrival():
    """Whichever of them was put off last."""
    plan = Agenda(1)
    first, second = job(Stage.FOLLOW, "1"), job(Stage.FOLLOW, "2")
    for due in (1.0, 2.0):
        plan.add_later(due, first)
        plan.add_later(due, second)
        assert "12" == taken(plan, due)
    plan.add_later(3.0, second)
    plan.add_later(3.0, first)
    assert "12" == taken(plan, 3.0)


def test_a_job_that_is_due_again_when_it_once_was_is_taken_once():
    """It was brought forward, and the moment it had before is free again."""
    plan = Agenda(1)
    one = job(Stage.FOLLOW, "1")
    plan.add_later(5.0, one)
    plan.bring_forward(3.0, one)
    assert "1" == taken(plan, 3.0)
    plan.add_later(5.0, one)
    assert "1" == taken(plan, 5.0)
    assert math.inf == plan.next_due()


# --- withdrawn ------------------------------------------------------------------


@pytest.mark.parametrize("gone", ["", "a", "c", "f", "abc", "bdf", "abcdef"], ids=repr)
@pytest.mark.parametrize("kind", ["creates", "looks", "again", "later", "create later"])
def test_withdrawn_jobs_are_skipped(kind: str, gone: str):
    """Wherever they are; the others come in order, and nothing stays behind."""
    plan = Agenda(100)
    for number, name in enumerate("abcdef", start=1):
        one = job(Stage.LOOK if kind in {"looks", "later"} else Stage.CREATE, name)
        one.seq = number
        if kind == "creates":
            plan.add_create(one)
        elif kind == "looks":
            plan.add_look(one)
        elif kind == "again":
            plan.add_again(one)
        else:
            plan.add_later(1.0 + number, one)
        if name in gone:
            one.stage = Stage.DONE
    left = "".join(name for name in "abcdef" if name not in gone)
    assert bool(left) == plan.ready(10.0)
    assert left == taken(plan, 10.0)
    assert math.inf == plan.next_due()


def test_a_job_withdrawn_while_it_waits_for_its_time_wakes_nobody():
    """The next one to become due is one that still wants to."""
    plan = Agenda(1)
    early = job(Stage.FOLLOW)
    plan.add_later(1.0, early)
    plan.add_later(9.0, job(Stage.FOLLOW))
    early.stage = Stage.DONE
    assert not plan.ready(0.0)
    assert 9.0 == plan.next_due()


def test_a_withdrawn_create_does_not_take_a_slot():
    """Nor does it stand in the way of the next."""
    plan = Agenda(1)
    first = job(Stage.CREATE, "a")
    plan.add_create(first)
    plan.add_create(job(Stage.CREATE, "b"))
    first.stage = Stage.DONE
    assert "b" == taken(plan)
    assert 1 == plan.in_flight


def test_a_refused_create_that_is_followed_by_now_is_not_sent_again():
    """Its task was found in another way."""
    plan = agenda(creates="ab")
    (first,) = take(plan, 1)
    plan.add_again(first)
    first.stage = Stage.FOLLOW
    assert "b" == taken(plan)


class Day(RuleBasedStateMachine):
    """Any order of adding, taking, sending back, withdrawing and waiting."""

    @initialize(slots=st.integers(1, 4))
    def open(self, slots: int) -> None:
        """Start with nothing to do."""
        self.plan, self.slots, self.now, self.count = Agenda(slots), slots, 0.0, 0
        self.waiting: list[Job] = []
        self.out: list[Job] = []

    def new(self, stage: Stage) -> Job:
        """Make a job that waits."""
        self.count += 1
        one = job(stage, str(self.count))
        self.waiting.append(one)
        return one

    @rule()
    def add_create(self) -> None:
        """Buy."""
        self.plan.add_create(self.new(Stage.CREATE))

    @rule()
    def add_look(self) -> None:
        """Look now."""
        self.plan.add_look(self.new(Stage.LOOK))

    @rule(seconds=st.floats(0, 3))
    def add_later(self, seconds: float) -> None:
        """Look later."""
        self.plan.add_later(self.now + seconds, self.new(Stage.FOLLOW))

    @rule(seconds=st.floats(0, 3))
    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds

    @rule()
    def rank(self) -> None:
        """Have to wait."""
        self.plan.rank_looks(self.now)

    @rule()
    def take(self) -> None:
        """Take the job whose turn it is; it was waiting, and waits no more."""
        if self.plan.ready(self.now):
            one = self.plan.next()
            self.waiting.remove(one)
            self.out.append(one)

    @precondition(lambda self: self.out)
    @rule(later=st.booleans())
    def come_back(self, later: bool) -> None:
        """End a look; send a create back, at once or later."""
        one = self.out.pop(0)
        if one.stage is Stage.CREATE:
            self.waiting.append(one)
            if later:
                self.plan.add_later(self.now + 1.0, one)
            else:
                self.plan.add_again(one)

    @precondition(lambda self: self.waiting)
    @rule(place=st.integers(0, 99))
    def withdraw(self, place: int) -> None:
        """Give one up that waits."""
        one = self.waiting.pop(place % len(self.waiting))
        one.stage = Stage.DONE
        self.plan.release(one)

    @invariant()
    def the_pool_is_kept(self) -> None:
        """As many slots are taken as jobs hold one."""
        holders = [one for one in (*self.waiting, *self.out) if one.holds_slot]
        assert len(holders) == self.plan.in_flight <= self.slots

    def teardown(self) -> None:
        """All that waits comes, once."""
        self.wait(10.0)
        while self.waiting:
            for one in self.out:
                self.plan.release(one)
            self.out.clear()
            before = len(self.waiting)
            self.take()
            assert before - 1 == len(self.waiting)
        assert not self.plan.ready(self.now)


TestDay = Day.TestCase
TestDay.__doc__ = "No job is lost or given twice, whatever the day brings."
