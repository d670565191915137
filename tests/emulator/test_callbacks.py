"""Which callbacks are due when, and what they carry; nothing is sent here."""

from __future__ import annotations

import json
from typing import Any

import pytest

from aivideo_async.emulator import Called, Core, Rule, acts
from aivideo_async.emulator.callbacks import KEPT, Call, Callbacks
from tests.emulator.calls import buy, core_of, get, order, post

HOOK = "http://127.0.0.1:1/hook"


def real(seconds: float) -> float:
    """Let time pass as it does in reality."""
    return seconds


def asked(prompt: str = "a red mug") -> dict[str, Any]:
    """Write the body of a create that asks for a callback."""
    return order(prompt) | {"callback_url": HOOK}


def timetable(core: Core, status: int | None) -> list[float]:
    """Answer every attempt with *status*, and return when each was due."""
    times = []
    while (due := core.callbacks.next_due) is not None:
        for call in core.due_calls(due):
            times.append(due)
            core.callbacks.note(call, now=due, status=status)
    return times


# --- when -------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_a_callback_that_is_taken_is_made_once(status: int):
    """Any 2xx; at the moment in which the task ends."""
    core = core_of()
    buy(core, asked())
    assert [10.0] == timetable(core, status)


@pytest.mark.parametrize("status", [None, 100, 199, 300, 302, 404, 500])
def test_a_callback_that_is_not_taken_is_tried_three_times(status: int | None):
    """At once, 3 and 10 minutes after the first attempt; then it is given up."""
    core = core_of()
    buy(core, asked())
    assert [10.0, 190.0, 610.0] == timetable(core, status)


def test_the_schedule_is_as_much_faster_as_tasks_are():
    """At twenty times the speed, 9 and 30 seconds."""
    core = core_of(speed=20.0)
    buy(core, asked())
    assert [0.5, 9.5, 30.5] == timetable(core, None)


def test_an_attempt_that_takes_long_does_not_hurry_the_next_one():
    """The next one is never due in the past."""
    callbacks = Callbacks(real)
    callbacks.expect("t-1", HOOK, due=0.0)
    (call,) = callbacks.due(now=0.0)
    callbacks.note(call, now=200.0, status=None)
    assert 200.0 == callbacks.next_due


def test_what_is_due_is_handed_over_once():
    """Whoever took it notes the result."""
    callbacks = Callbacks(real)
    callbacks.expect("t-1", HOOK, due=1.0)
    assert [0, 1, 0] == [len(callbacks.due(now)) for now in (0.9, 1.0, 2.0)]
    assert callbacks.next_due is None


def test_callbacks_come_in_the_order_of_their_ends():
    """Not in that of their creates; equal ones as they came."""
    callbacks = Callbacks(real)
    for name, due in (("late", 3.0), ("early", 1.0), ("also late", 3.0)):
        callbacks.expect(name, HOOK, due)
    assert ["early", "late", "also late"] == [c.task_id for c in callbacks.due(5.0)]


def test_without_a_url_nobody_is_called():
    """It is optional."""
    core = core_of()
    buy(core)
    assert core.callbacks.next_due is None


def test_a_refused_create_calls_nobody():
    """There is no task."""
    core = core_of(balance=0)
    post(core, asked())
    assert core.callbacks.next_due is None


# --- what -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("share", "event"), [(0.0, "task.completed"), (1.0, "task.failed")]
)
def test_its_headers_are_the_documented_ones(share: float, event: str):
    """Content-Type, X-Event, X-Task-Id, X-Timestamp."""
    core = core_of(failure_share=share)
    task_id = buy(core, asked())
    (call,) = core.due_calls(now=12.0)
    assert {
        "Content-Type": "application/json",
        "X-Event": event,
        "X-Task-Id": task_id,
        "X-Timestamp": "1775383920",
    } == call.headers


def test_each_attempt_carries_what_a_look_would_show_then():
    """A later attempt has a fresh address."""
    core = core_of()
    task_id = buy(core, asked())
    (first,) = core.due_calls(now=10.0)
    core.callbacks.note(first, now=10.0, status=503)
    (again,) = core.due_calls(now=190.0)
    assert get(core, f"/v1/tasks/{task_id}", now=190.0).body == again.body
    assert first.body != again.body
    assert (1, 2) == (first.attempt, again.attempt)


def test_a_failure_that_is_told_is_refunded():
    """Nobody needs to look first."""
    core = core_of(failure_share=1.0)
    buy(core, asked())
    (call,) = core.due_calls(now=10.0)
    assert "failed" == json.loads(call.body)["status"]
    assert 1 == len(core.ledger.refunds)
    core.ledger.assert_clean()


# --- the log ----------------------------------------------------------------------------


def test_every_attempt_is_logged():
    """Time, task, address, attempt, status or the reason."""
    callbacks = Callbacks(real)
    call = Call("t-1", HOOK, 1, since=0.0)
    callbacks.note(call, now=0.1, status=None, reason="refused")
    (again,) = callbacks.due(now=500.0)
    callbacks.note(again, now=500.2, status=204)
    assert [
        Called(0.1, "t-1", HOOK, 1, None, "refused"),
        Called(500.2, "t-1", HOOK, 2, 204),
    ] == callbacks.log
    assert [False, True] == [line.ok for line in callbacks.log]


def test_the_log_does_not_grow_for_ever():
    """The newest stay."""
    callbacks = Callbacks(real)
    for number in range(2 * KEPT + 5):
        call = Call(f"t-{number}", HOOK, 1, since=0.0)
        callbacks.note(call, now=0.0, status=200)
    assert KEPT <= len(callbacks.log) < 2 * KEPT
    assert f"t-{2 * KEPT + 4}" == callbacks.log[-1].task_id


# --- what can go wrong ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("course", "expected"),
    [
        ({"calls": 0}, []),
        ({"calls": 3}, [10.0, 10.0, 10.0]),
        ({"call_delay": 60.0}, [70.0]),
        ({"seconds": float("inf")}, []),
    ],
    ids=["lost", "three times", "late", "never"],
)
def test_a_callback_may_be_lost_repeated_or_late(
    course: dict[str, Any], expected: list[float]
):
    """As the task's course says; a task that never ends has nothing to tell."""
    core = core_of(Rule("create", acts.becoming(**course)))
    buy(core, asked())
    assert expected == timetable(core, 200)


def test_lateness_is_counted_at_real_speed():
    """As all that the service does by itself."""
    core = core_of(Rule("create", acts.becoming(call_delay=60.0)), speed=20.0)
    buy(core, asked())
    assert [3.5] == timetable(core, 200)


def test_callbacks_may_come_out_of_order():
    """The task that ended first is told of last."""
    core = core_of(Rule("create", acts.becoming(call_delay=60.0), nth=1))
    first, second = buy(core, asked("one")), buy(core, asked("two"), now=5.0)
    assert [second, first] == [call.task_id for call in core.due_calls(now=100.0)]
