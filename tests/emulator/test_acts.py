"""Acts: what can go wrong, and what it costs."""

from __future__ import annotations

from typing import Any

import pytest

from aivideo_async.emulator import Act, Fate, Rule, acts
from tests.emulator.calls import (
    buy,
    core_of,
    error_code,
    get,
    look,
    post,
)

CHARGED = {
    "500 after the charge": (acts.refuse("internal_error", charged=True), 500),
    "503 after the charge": (acts.refuse("upstream_error", charged=True), 503),
    "lost reply": (acts.LOST_REPLY, None),
    "hanging": (acts.HANGING, None),
    "truncated": (acts.TRUNCATED, 200),
    "broken JSON": (acts.BROKEN_JSON, 200),
    "slow": (acts.slow(5), 200),
}
UNCHARGED = {
    "429": (acts.refuse("rate_limit_exceeded"), 429),
    "402": (acts.refuse("insufficient_credits"), 402),
    "500 before the charge": (acts.refuse("internal_error"), 500),
    "503 before the charge": (acts.refuse("upstream_error"), 503),
    "dropped": (acts.DROPPED, None),
    "HTML 502": (acts.BAD_GATEWAY, 502),
    "odd code": (acts.ODD_CODE, 200),
}


@pytest.mark.parametrize(("act", "status"), CHARGED.values(), ids=CHARGED.keys())
def test_what_comes_after_the_work_is_charged(act: Act, status: int | None):
    """The log shows the status that went out, None where none did."""
    core = core_of(Rule("create", act, nth=1))
    post(core)
    assert [1, [status]] == [
        len(core.ledger.charges),
        [r.status for r in core.requests],
    ]
    core.ledger.assert_clean()


@pytest.mark.parametrize(("act", "status"), UNCHARGED.values(), ids=UNCHARGED.keys())
def test_what_comes_before_the_work_costs_nothing(act: Act, status: int | None):
    """No task, no charge."""
    core = core_of(Rule("create", act, nth=1))
    post(core)
    assert [0, [status]] == [
        len(core.ledger.charges),
        [r.status for r in core.requests],
    ]


def test_a_503_after_the_charge_is_refunded_at_once():
    """The service documents a refund for it."""
    core = core_of(Rule("create", acts.refuse("upstream_error", charged=True)))
    post(core)
    assert (1, 1) == (len(core.ledger.charges), len(core.ledger.refunds))
    core.ledger.assert_clean()


def test_a_500_after_the_charge_leaves_a_task_that_goes_on():
    """It is paid for, and its id is known to nobody."""
    core = core_of(Rule("create", acts.refuse("internal_error", charged=True)))
    post(core)
    (charge,) = core.ledger.charges
    assert "completed" == look(core, charge.task_id, now=10.0)["status"]


@pytest.mark.parametrize(
    ("act", "fate"),
    [
        (acts.DROPPED, Fate.DROP_BEFORE),
        (acts.LOST_REPLY, Fate.DROP_AFTER),
        (acts.HANGING, Fate.HANG),
        (acts.TRUNCATED, Fate.TRUNCATE),
        (acts.BAD_GATEWAY, Fate.ANSWER),
    ],
)
def test_each_act_has_its_fate(act: Act, fate: Fate):
    """It tells the wire what to do."""
    assert fate is post(core_of(Rule("create", act))).fate


def test_a_bad_request_is_refused_before_its_answer_is_lost():
    """What never became a task is not charged by losing the answer."""
    core = core_of(Rule("create", acts.LOST_REPLY))
    reply = post(core, {"input": {}})
    assert (Fate.DROP_AFTER, 400) == (reply.fate, reply.status)
    assert [] == core.ledger.charges


def test_a_retry_after_may_be_anything():
    """Also what a client should not believe."""
    act = acts.refuse("rate_limit_exceeded", retry_after="soon")
    assert "soon" == post(core_of(Rule("create", act))).headers["retry-after"]


def test_a_slow_answer_comes_late_and_is_true():
    """The delay is data; the wire does the waiting."""
    reply = post(core_of(Rule("create", acts.slow(2.5))))
    assert (2.5, 200) == (reply.delay, reply.status)


def test_what_is_late_twice_is_as_late_as_both():
    """A scenario's act may meet the answer that a prompt's act has made."""
    reply = acts.slow(2.0).alter(acts.slow(1.0).alter(None))
    assert 3.0 == reply.delay


def test_a_task_may_be_unknown_just_after_its_create():
    """404 at the first look, found at the second."""
    core = core_of(Rule("task", acts.refuse("task_not_found"), nth=1))
    task_id = buy(core)
    first = get(core, f"/v1/tasks/{task_id}")
    assert (404, "task_not_found") == error_code(first)
    assert "pending" == look(core, task_id, now=0.0)["status"]


@pytest.mark.parametrize(
    ("fields", "now"),
    [
        ({"progress": 37}, 5.0),
        ({"progress": "87%"}, 5.0),
        ({"status": "reviewing"}, 5.0),
        ({"created_at": "yesterday"}, 10.0),
    ],
    ids=str,
)
def test_an_edit_changes_what_it_names(fields: dict[str, Any], now: float):
    """The rest of the task stays true."""
    core = core_of(Rule("task", acts.edit(**fields), nth=2))
    task_id = buy(core)
    honest, edited = look(core, task_id, now), look(core, task_id, now)
    assert honest | fields == edited


def test_an_edit_changes_nothing_that_is_not_there():
    """A running task has no output, so no empty one either."""
    core = core_of(Rule("task", acts.NO_URLS))
    task_id = buy(core)
    assert "output" not in look(core, task_id, now=5.0)
    assert {"urls": [], "metadata": {}} == look(core, task_id, now=10.0)["output"]


def test_only_json_can_be_edited():
    """Asking that of a file changes nothing."""
    core = core_of(Rule("file", acts.edit(status="odd")))
    assert b"Not Found" == get(core, "/files/a.png").body


def test_the_address_of_a_file_may_expire():
    """403, as a signed address that is too old."""
    core = core_of(Rule("file", acts.EXPIRED_FILE, nth=1))
    task = look(core, buy(core), now=10.0)
    path = task["output"]["urls"][0].removeprefix(core.base_url)
    assert [403, 200] == [get(core, path, now=10.0).status for _ in range(2)]


def test_an_error_that_is_not_documented_cannot_be_asked_for():
    """The table is the service's."""
    with pytest.raises(KeyError):
        acts.refuse("teapot")
