"""The spend limits of the key: hourly, daily, in all."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, strategies as st

from aivideo_async.emulator.spending import SpendWindow
from tests.emulator.calls import buy, core_of, error_code, look, order, post

PURCHASES = st.lists(st.tuples(st.integers(1, 50), st.integers(1, 40)), max_size=60)


@given(PURCHASES)
def test_no_window_ever_holds_more_than_the_limit(purchases: list[tuple[int, int]]):
    """Wherever the window is laid, and as much as fits is let through."""
    window, now = SpendWindow(limit=100, seconds=60.0), 0.0
    charges: list[tuple[float, int]] = []
    for price, pause in purchases:
        now += pause
        recent = sum(paid for at, paid in charges if now - at < 60.0)
        assert (recent + price <= 100) is window.allows(price, now)
        if window.allows(price, now):
            window.spend(price, now)
            charges.append((now, price))


def codes(times: list[float], **limits: Any) -> list[str]:
    """Create a picture of 1k at each of these *times* and return what is answered."""
    core = core_of(**limits)
    replies = [post(core, order(f"mug {now}"), now) for now in times]
    core.ledger.assert_clean()
    return ["ok" if r.status == 200 else error_code(r)[1] for r in replies]


SPENT = "spend_limit_exceeded"


@pytest.mark.parametrize(
    ("name", "third", "room"),
    [
        ("spend_limit_hourly", 3_599.9, 3_600.0),
        ("spend_limit_daily", 86_399.9, 86_400.0),
    ],
)
def test_a_window_is_an_hour_or_a_day(name: str, third: float, room: float):
    """The error is the same for both."""
    assert ["ok", "ok", SPENT, "ok"] == codes([0.0, 1.0, third, room], **{name: 5})


def test_the_total_never_gives_room_back():
    """However long one waits."""
    assert ["ok", "ok", SPENT, SPENT] == codes([0.0, 1.0, 9e4, 9e9], spend_limit=5)


@pytest.mark.parametrize(
    ("name", "seconds"), [("spend_limit_hourly", 3600), ("spend_limit_daily", 86_400)]
)
def test_a_window_rolls(name: str, seconds: float):
    """Each charge gives its room back when it is as old as the window is long."""
    times = [0.0, 10.0, seconds - 0.1, seconds, seconds + 9.9, seconds + 10]
    assert ["ok", "ok", SPENT, "ok", SPENT, "ok"] == codes(times, **{name: 5})


def test_the_tightest_limit_counts():
    """All of them are kept at the same time."""
    limits = {"spend_limit_hourly": 5, "spend_limit_daily": 8, "spend_limit": 10}
    times = [0.0, 1.0, 2.0, 3601.0, 7300.0, 90_000.0, 180_000.0]
    assert ["ok", "ok", SPENT, "ok", SPENT, "ok", SPENT] == codes(times, **limits)


def test_the_windows_run_on_the_emulator_s_clock():
    """At twenty times the speed an hour is three minutes."""
    core = core_of(speed=20.0, spend_limit_hourly=3)
    assert [200, 429, 200] == [
        post(core, order(str(now)), now).status for now in (0.0, 179.9, 180.0)
    ]


def test_a_limit_stops_buying_and_not_looking():
    """What was bought can be collected."""
    core = core_of(spend_limit_hourly="2.4")
    task_id = buy(core)
    assert (429, SPENT) == error_code(post(core))
    assert "completed" == look(core, task_id, now=10.0)["status"]


def test_a_refund_gives_no_room_back():
    """The harsher reading of what is not documented, for all three."""
    for name in ("spend_limit_hourly", "spend_limit_daily", "spend_limit"):
        limits: dict[str, Any] = {name: "2.4"}
        core = core_of(failure_share=1.0, **limits)
        buy(core)
        assert (429, SPENT) == error_code(post(core, now=10.0))
        assert 1 == len(core.ledger.refunds)


def test_what_is_refused_takes_no_room():
    """Only charges count."""
    core = core_of(spend_limit_hourly="2.4")
    post(core, {"model": "gpt-image-2", "input": {}})
    assert 200 == post(core).status
