"""Scenarios: which request meets which act, and what each act does."""

from __future__ import annotations

import random
from decimal import Decimal
from typing import Any

import pytest

from aivideo_async.emulator import SCENARIOS, Act, Core, Fate, Rule, Scenario, acts
from aivideo_async.emulator.rules import RuleBook
from aivideo_async.emulator.scenario import named
from tests.emulator.calls import (
    CREATE,
    buy,
    core_of,
    error_code,
    get,
    look,
    order,
    post,
    read,
)

BUSY = acts.refuse("internal_error")


def hits(rule: Rule, count: int = 10, elapsed: float = 0.0) -> list[int]:
    """Tell which out of *count* creates meet the rule, counted from 1."""
    book = RuleBook((rule,))
    rng = random.Random(1)
    numbers = range(1, count + 1)
    return [number for number in numbers if book.pick("create", elapsed, rng)]


# --- rules ------------------------------------------------------------------------------


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


# --- acts -------------------------------------------------------------------------------

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


# --- the scenarios by name --------------------------------------------------------------


def scene(name: str, **fields: Any) -> Core:
    """Build a core of a named scenario."""
    return Core(named(name), random.Random(1), speed=1.0, **fields)


def test_every_scenario_goes_by_its_own_name():
    """And ``steady`` is the default of everything."""
    assert all(name == scenario.name for name, scenario in SCENARIOS.items())
    assert Scenario(name="steady") == SCENARIOS["steady"]


def test_an_unknown_name_lists_the_known_ones():
    """The way out is in the text."""
    with pytest.raises(ValueError, match="use steady, lost-reply, "):
        named("stormy")


def test_steady_serves_everything():
    """Nothing fails, nothing is lost."""
    core = scene("steady")
    tasks = [buy(core, order(str(index))) for index in range(20)]
    ends = {look(core, task_id, now=100.0)["status"] for task_id in tasks}
    assert {"completed"} == ends
    core.ledger.assert_clean()


def test_lost_reply_loses_every_fifth_create():
    """Charged all the same."""
    core = scene("lost-reply")
    fates = [post(core, order(str(index))).fate for index in range(10)]
    assert [5, 10] == [n for n, fate in enumerate(fates, 1) if fate is Fate.DROP_AFTER]
    assert 10 == len(core.ledger.charges)


def test_rate_limited_lets_five_per_second_pass():
    """The sixth is told how long to wait."""
    core = scene("rate-limited")
    replies = [get(core, "/v1/credits") for _ in range(6)]
    assert [200] * 5 + [429] == [reply.status for reply in replies]
    assert "1" == replies[-1].headers["retry-after"]


def test_flaky_fails_some_of_everything():
    """Tasks, creates and looks; the money is right all the same."""
    core = scene("flaky")
    creates = [post(core, order(str(index))) for index in range(400)]
    tasks = [read(reply)["data"]["taskId"] for reply in creates if reply.status == 200]
    looks = [get(core, f"/v1/tasks/{task_id}", now=100.0) for task_id in tasks]
    assert {200, 503} == {reply.status for reply in creates}
    assert {0, 200, 502} == {reply.status for reply in looks}
    assert 5 < len(core.ledger.refunds) < 40
    core.ledger.assert_clean()


@pytest.mark.parametrize(
    ("name", "code"),
    [("broke", "insufficient_credits"), ("spend-limit", "spend_limit_exceeded")],
)
def test_the_money_ends_after_ten_pictures(name: str, code: str):
    """The eleventh of 1k is refused."""
    core = scene(name)
    replies = [post(core, order(str(index))) for index in range(11)]
    assert code == read(replies[10])["error"]["code"]
    assert Decimal(24) == core.ledger.consumed


def test_outage_is_a_minute_of_html():
    """Two seconds in; before and after it all is well."""
    core = scene("outage")
    statuses = [
        post(core, order(str(now)), now).status for now in (0.0, 2.0, 61.0, 62.0)
    ]
    assert [200, 502, 502, 200] == statuses
    assert CREATE == core.requests[0].path


def test_refused_fails_and_refunds_every_task():
    """As content that the provider does not accept."""
    core = scene("refused")
    task = look(core, buy(core), now=100.0)
    assert {"code": "upstream_error", "message": "Generation failed"} == task["error"]
    assert Decimal(0) == core.ledger.consumed


@pytest.mark.parametrize(
    "fields", [{"median": -1}, {"spread": -1}, {"retry_after": "minutes"}], ids=str
)
def test_a_scenario_that_makes_no_sense_is_refused(fields: dict[str, Any]):
    """When it is written, not when it is met."""
    with pytest.raises(ValueError):
        Scenario(**fields)


def test_money_may_be_written_as_any_number():
    """A float is meant as it is written."""
    scenario = Scenario(balance=2.2, spend_limit="4.8")
    assert (Decimal("2.2"), Decimal("4.8")) == (scenario.balance, scenario.spend_limit)
