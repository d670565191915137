"""The scenarios by name: each does what its name says, and the money is right."""

from __future__ import annotations

import random
from decimal import Decimal
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
