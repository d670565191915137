"""The scenarios by name: each does what its name says, and the money is right."""

from __future__ import annotations

import random
from collections import Counter
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any

import pytest

from aivideo_async.emulator import SCENARIOS, Core, Fate, Scenario
from aivideo_async.emulator.scenario import named
from tests.emulator.calls import CREATE, buy, get, look, order, post, read


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


def test_charged_500_charges_every_fifth_create():
    """And answers 500; the task goes on, and its id is known to nobody."""
    core = scene("charged-500")
    statuses = [post(core, order(str(index))).status for index in range(10)]
    assert [200, 200, 200, 200, 500] * 2 == statuses
    assert 10 == len(core.ledger.charges)
    core.ledger.assert_clean()


def test_rate_limited_silent_says_nothing():
    """As the service: no Retry-After is documented."""
    core = scene("rate-limited-silent")
    replies = [get(core, "/v1/credits") for _ in range(6)]
    assert [200] * 5 + [429] == [reply.status for reply in replies]
    assert {"content-type"} == set(replies[-1].headers)


def test_slow_takes_minutes():
    """One task in twenty takes more than five."""
    core = scene("slow")
    tasks = [buy(core, order(str(index))) for index in range(400)]
    late = sum(look(core, each, 300.0)["status"] == "processing" for each in tasks)
    assert 8 < late < 36
    core.ledger.assert_clean()


def test_stuck_tasks_never_end():
    """Paid for, and processing for ever; there is nothing to call back."""
    core = scene("stuck")
    task_id = buy(core, order() | {"callback_url": "http://127.0.0.1:1/hook"})
    assert "processing" == look(core, task_id, now=1e9)["status"]
    assert [] == core.due_calls(now=1e9)
    core.ledger.assert_clean()


def files(core: Core, now: float) -> list[Any]:
    """Look at the task twice, and fetch what each look shows."""
    task_id = buy(core)
    urls = [look(core, task_id, now)["output"]["urls"][0] for _ in range(2)]
    return [get(core, url.removeprefix(core.base_url), now) for url in urls]


def test_expired_urls_need_a_second_look():
    """The first address of each file is dead, the second one is not."""
    core = scene("expired-urls")
    for _ in range(2):
        assert [403, 200] == [reply.status for reply in files(core, now=100.0)]


def test_truncated_downloads_need_a_second_try():
    """The first download of each file breaks off."""
    core = scene("truncated-download")
    for _ in range(2):
        fates = [reply.fate for reply in files(core, now=100.0)]
        assert [Fate.TRUNCATE, Fate.ANSWER] == fates


def test_callback_storm_calls_too_often_too_late_or_never():
    """Out of order, too; the money is right all the same."""
    core = scene("callback-storm")
    hook = {"callback_url": "http://127.0.0.1:1/hook"}
    tasks = [buy(core, order(str(index)) | hook) for index in range(42)]
    prompt = [call.task_id for call in core.due_calls(now=100.0)]
    late = [call.task_id for call in core.due_calls(now=1000.0)]
    heard = Counter(prompt + late)
    assert {0, 1, 3} == {heard[task_id] for task_id in tasks}
    assert {*late}.isdisjoint(prompt)
    assert 0 < len(late) < len(prompt)
    core.ledger.assert_clean()


def test_clock_skew_ends_tasks_before_they_began():
    """The clocks disagree by an hour, in the callback's header as well."""
    core = scene("clock-skew")
    hook = {"callback_url": "http://127.0.0.1:1/hook"}
    task = look(core, buy(core, order() | hook), now=100.0)
    (call,) = core.due_calls(now=100.0)
    assert -3600 < task["completed_at"] - task["created_at"] < -3500
    assert task["created_at"] + 100 - 3600 == int(call.headers["X-Timestamp"])


def test_clock_skew_tells_dates_by_its_own_clock():
    """Date and Retry-After are of the same clock, so their difference is right."""
    core = scene("clock-skew")
    replies = [get(core, "/v1/credits") for _ in range(6)]
    headers = replies[-1].headers
    date, until = (parsedate_to_datetime(headers[k]) for k in ("date", "retry-after"))
    assert 1 == (until - date).total_seconds()


def test_odd_shapes_shows_what_nobody_documents():
    """Unknown statuses, odd progress, no files, 200 around an error, 404 at first."""
    core = scene("odd-shapes")
    creates = [post(core, order(str(index))) for index in range(70)]
    answers = [read(reply) for reply in creates]
    tasks = [answer["data"]["taskId"] for answer in answers if answer["data"]]
    looks = [
        get(core, f"/v1/tasks/{each}", now) for now in (5.0, 99.0) for each in tasks
    ]
    seen = [read(reply) for reply in looks[1:]]
    running = [task for task in seen if not {"output", "error"} & {*task}]
    assert {200, 500} == {answer["code"] for answer in answers}
    assert 404 == looks[0].status
    assert "reviewing" in {task["status"] for task in seen}
    assert {None, "12%", 50, "absent"} == {
        task.get("progress", "absent") for task in running
    }
    assert [] in [task["output"]["urls"] for task in seen if "output" in task]
    assert "Generation failed" in [task.get("error") for task in seen]
    assert len(tasks) == len(core.ledger.charges)
    core.ledger.assert_clean()


def test_each_scenario_says_what_it_does():
    """In a line, for whoever chooses one."""
    assert all(0 < len(scenario.about) < 72 for scenario in SCENARIOS.values())


@pytest.mark.parametrize("name", SCENARIOS)
def test_each_scenario_sells_and_keeps_its_books(name: str):
    """Thirty creates, all ends seen: what was charged is right to the last credit."""
    core = scene(name)
    for index in range(30):
        post(core, order(str(index)), now=index / 2)
    for task_id in list(core.jobs):
        get(core, f"/v1/tasks/{task_id}", now=5000.0)
    assert core.ledger.charges
    core.ledger.assert_clean()


@pytest.mark.parametrize(
    "fields",
    [
        {"median": -1},
        {"spread": -1},
        {"retry_after": "minutes"},
        {"price_table": 2},
        {"url_lifetime": 0},
    ],
    ids=str,
)
def test_a_scenario_that_makes_no_sense_is_refused(fields: dict[str, Any]):
    """When it is written, not when it is met."""
    with pytest.raises(ValueError):
        Scenario(**fields)


def test_money_may_be_written_as_any_number():
    """A float is meant as it is written."""
    scenario = Scenario(balance=2.2, spend_limit="4.8")
    assert (Decimal("2.2"), Decimal("4.8")) == (scenario.balance, scenario.spend_limit)
