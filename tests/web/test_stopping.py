"""Hundreds of visitors are watching when the server is told to stop."""

from __future__ import annotations

import asyncio
import signal
import sys
import time

import pytest

from aivideo_async import Emulator
from aivideo_async.emulator import Rule, Scenario, acts
from tests.client.world import WatchedEmulator
from tests.web.apps import SERVERS, App, Event, serve

DEADLINE = 60.0
"""Seconds after which a server hangs for certain, however busy the machine is."""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(120),
    pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX"),
]


async def visit(app: App, number: int, ids: list[str], watching: list[int]) -> Event:
    """Order a picture, watch it to the end of the stream, and return the last event."""
    status, shot, _ = await app.order(f"mug number {number}")
    assert 202 == status
    ids.append(shot["id"])
    last: Event = ("", None)
    async for event in app.watch(shot["events"]):
        if not last[0]:
            watching.append(number)
        last = event
    return last


@pytest.mark.parametrize(
    ("stop", "visitors"),
    [(signal.SIGTERM, 200), (signal.SIGINT, 20)],
    ids=["SIGTERM", "SIGINT"],
)
@pytest.mark.parametrize("kind", SERVERS)
async def test_every_stream_gets_its_last_word_and_no_task_is_lost(
    kind: str, stop: signal.Signals, visitors: int
):
    """The final snapshot or ``closing``; the visitor has the id of all that was bought."""
    scenario = Scenario(median=6.0, spread=1.0)
    async with Emulator(scenario, speed=1.0) as emulator, serve(kind, emulator) as app:
        ids: list[str] = []
        watching: list[int] = []
        visits = [
            asyncio.ensure_future(visit(app, number, ids, watching))
            for number in range(visitors)
        ]
        while len(watching) < visitors or not any(visit.done() for visit in visits):
            await asyncio.sleep(0.01)
        left = sum(not visit.done() for visit in visits)
        started = time.monotonic()
        app.stop(stop)
        async with asyncio.timeout(DEADLINE):
            last = [await visit for visit in visits]
            await app.process.wait()
        print(f"{kind}: {left} streams, down in {time.monotonic() - started:.2f} s")
    assert {"completed", "closing"} == {name for name, _ in last}
    assert left >= sum(name == "closing" for name, _ in last)
    assert {entry.task_id for entry in emulator.ledger.charges} == {*ids}
    assert visitors == len(ids)
    emulator.ledger.assert_clean()
    assert [] == [line for line in app.log if "Traceback" in line or "ERROR" in line]


@pytest.mark.parametrize("kind", SERVERS)
async def test_orders_on_the_wire_get_their_answers(kind: str):
    """Told to stop while fifty creates are on the wire: each visitor has an id."""
    scenario = Scenario(rules=(Rule("create", acts.slow(1.0)),), median=1e6)
    async with (
        WatchedEmulator(scenario, speed=1.0) as emulator,
        serve(kind, emulator) as app,
    ):
        orders = [asyncio.ensure_future(app.order(f"mug {n}")) for n in range(50)]
        await emulator.bought(10)
        app.stop(signal.SIGTERM)
        async with asyncio.timeout(DEADLINE):
            answers = [await order for order in orders]
            await app.process.wait()
    ids = {body["id"] for status, body, _ in answers if status == 202}
    assert {202, 503} >= {status for status, _, _ in answers}
    assert {entry.task_id for entry in emulator.ledger.charges} == ids
    emulator.ledger.assert_clean()


async def test_an_order_that_the_server_gave_up_is_in_the_log():
    """The handler was cancelled, its create was not: the client waits for the id."""
    scenario = Scenario(rules=(Rule("create", acts.slow(2.0)),), median=1e6)
    async with (
        WatchedEmulator(scenario, speed=1.0) as emulator,
        serve("fastapi", emulator, patience=1) as app,
    ):
        order = asyncio.ensure_future(app.order())
        await emulator.bought(1)
        app.stop(signal.SIGTERM)
        async with asyncio.timeout(DEADLINE):
            assert 500 == (await order)[0]
            await app.process.wait()
    (charge,) = emulator.ledger.charges
    warnings = [line for line in app.log if "WARNING:aivideo_async" in line]
    assert charge.task_id in "".join(warnings)
    emulator.ledger.assert_clean()
