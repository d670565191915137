"""The example apps, met by their visitors and by the service."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from decimal import Decimal
from typing import Any

import pytest
import pytest_asyncio

from aivideo_async import Emulator
from aivideo_async.emulator import Rule, Scenario, acts
from tests.web.apps import SERVERS, App, serve

pytestmark = pytest.mark.slow


@pytest.fixture(params=SERVERS)
def kind(request: pytest.FixtureRequest) -> Any:
    """Name each kind of app."""
    return request.param


@pytest_asyncio.fixture
async def emulator() -> AsyncIterator[Emulator]:
    """Serve tasks that take half a second, and balance the books at the end."""
    async with Emulator(Scenario(median=0.5, spread=0.0), speed=1.0) as emulator:
        yield emulator
        emulator.ledger.assert_clean()


@pytest_asyncio.fixture
async def app(kind: str, emulator: Emulator) -> AsyncIterator[App]:
    """Run each kind of app."""
    async with serve(kind, emulator) as app:
        yield app


async def test_a_visitor_orders_a_picture_and_watches_it(app: App, emulator: Emulator):
    """202 with an id and the address of its events, which end with the picture."""
    status, shot, _ = await app.order()
    seen = [event async for event in app.watch(shot["events"])]
    looked = await app.ask("GET", f"/shots/{shot['id']}")
    assert 202 == status
    assert [entry.task_id for entry in emulator.ledger.charges] == [shot["id"]]
    names = [name for name, _ in seen]
    assert "completed" == names[-1]
    assert len(names) == len(set(names))
    status, view, _ = looked
    assert 200 == status
    assert unsigned(seen[-1][1]) == unsigned(view)
    assert seen[-1][1]["urls"][0].startswith(emulator.url)


def unsigned(view: dict[str, Any]) -> dict[str, Any]:
    """Leave out the signatures of its addresses, which are fresh at each look."""
    return {**view, "urls": [url.partition("?")[0] for url in view["urls"]]}


async def test_nobody_sees_the_shots_of_others(app: App):
    """404, as for those that never were; and nobody unknown gets anything."""
    _, shot, _ = await app.order(user="ann")
    for path in (f"/shots/{shot['id']}", shot["events"], "/shots/t-1"):
        assert 404 == (await app.ask("GET", path, user="bob"))[0]
        assert (await app.ask("GET", path, user=None))[0] in (401, 422)


@pytest.mark.parametrize("body", ["not json", "[1]", '"x"', "{}", ""])
async def test_an_odd_body_is_the_visitors_own_fault(
    app: App, emulator: Emulator, body: str
):
    """Never a fault of the server's."""
    status, _, _ = await app.ask("POST", "/shots", data=body)
    assert status in (400, 422)
    assert [] == emulator.requests


async def test_a_prompt_that_breaks_a_rule_is_the_visitors_own_fault(
    app: App, emulator: Emulator
):
    """422 with the rule, and nothing was sent."""
    status, body, _ = await app.order("x" * 20_001)
    assert 422 == status
    assert "prompt" in body["error"]
    assert [] == emulator.requests


async def test_the_service_calls_back(app: App, emulator: Emulator):
    """The address that it was given takes the callback; its neighbours are not found."""
    _, shot, _ = await app.order()
    while not emulator.callbacks:
        await asyncio.sleep(0.01)
    (called,) = emulator.callbacks
    path = called.url.removeprefix(app.url)
    assert (shot["id"], 204) == (called.task_id, called.status)
    assert 404 == (await app.ask("POST", path[:-1], json={}, user=None))[0]


async def test_an_empty_account_is_an_alarm_and_no_riddle(kind: str):
    """503, a time to come again, and CRITICAL in the log; visitors read no details."""
    async with (
        Emulator(spend_limit=Decimal("2.4")) as emulator,
        serve(kind, emulator) as app,
    ):
        assert 202 == (await app.order())[0]
        status, body, headers = await app.order("a blue mug")
        assert 503 == status
        assert int(headers["Retry-After"]) > 0
        assert "limit" not in body["error"]
        await app.logged("spend_limit_exceeded")
    assert 1 == len(emulator.ledger.charges)


async def test_an_unknown_outcome_is_told_and_not_repeated(kind: str):
    """502 that says it; one charge, and CRITICAL in the log."""
    async with (
        Emulator(Scenario(rules=(Rule("create", acts.LOST_REPLY),))) as emulator,
        serve(kind, emulator) as app,
    ):
        status, body, _ = await app.order()
        assert 502 == status
        assert "Perhaps paid; not sent again" in body["error"]
        await app.logged("It may have been charged")
    assert 1 == len(emulator.ledger.charges)


async def test_a_stream_that_breaks_ends_with_a_word(kind: str):
    """The key is refused in its middle; the operator is told, in capitals."""
    broken = Rule("task", acts.refuse("invalid_api_key"), nth=range(2, 100))
    scenario = Scenario(median=60.0, spread=0.0, rules=(broken,))
    async with Emulator(scenario, speed=1.0) as emulator, serve(kind, emulator) as app:
        _, shot, _ = await app.order()
        seen = [event async for event in app.watch(shot["events"])]
        assert ["pending", "trouble"] == [name for name, _ in seen]
        assert "error" in seen[-1][1]
        await app.logged("CRITICAL")


async def test_a_browser_that_leaves_costs_nothing(app: App, emulator: Emulator):
    """The task goes on, to be watched by whoever comes next."""
    _, shot, _ = await app.order()
    async with aclosing(app.watch(shot["events"])) as leaving:
        await anext(leaving)
    seen = [name async for name, _ in app.watch(shot["events"])]
    assert "completed" == seen[-1]
    assert 1 == len(emulator.ledger.charges)
    assert "Traceback" not in "".join(app.log)
