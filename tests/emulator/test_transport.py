"""The emulator in memory, as a client's transport meets it."""

from __future__ import annotations

import asyncio
import json

import pytest

from aivideo_async.emulator import (
    Act,
    Emulator,
    EmulatorTransport,
    Rule,
    Scenario,
    acts,
)
from aivideo_async.models.wire import Exchange, FaultKind, WireRequest
from aivideo_async.transport import Transport
from tests.emulator.calls import CREATE, order
from tests.warp import warped


def transport_of(
    *rules: Rule, total: float = 120.0
) -> tuple[EmulatorTransport, Emulator]:
    """Build a transport, and the emulator behind it."""
    emulator = Emulator(Scenario(rules=rules, median=10, spread=0), speed=1)
    return EmulatorTransport(emulator, total=total), emulator


def a_create() -> WireRequest:
    """Build the request that makes a task."""
    return WireRequest("POST", CREATE, json.dumps(order()).encode())


async def look(transport: Transport, created: Exchange) -> Exchange:
    """Look at the task that was created."""
    task_id = json.loads(created.body)["data"]["taskId"]
    return await transport.exchange(WireRequest("GET", f"/v1/tasks/{task_id}"))


@warped
async def test_a_task_lives_by_the_loop_s_clock():
    """Pending at once, completed ten seconds later; the key is brought along."""
    transport, _ = transport_of()
    created = await transport.exchange(a_create())
    early = await look(transport, created)
    await asyncio.sleep(10)
    late = await look(transport, created)
    await transport.aclose()
    assert [200, 200, 200] == [each.status for each in (created, early, late)]
    assert ["pending", "completed"] == [
        json.loads(e.body)["status"] for e in (early, late)
    ]


@warped
async def test_a_whole_answer_is_an_exchange_without_an_error():
    """Sent, with headers in lower case and the body's length."""
    transport, _ = transport_of()
    request = a_create()
    exchange = await transport.exchange(request)
    assert request.sent
    assert exchange.sent
    assert exchange.error is None
    assert "application/json" == exchange.headers["content-type"]
    assert str(len(exchange.body)) == exchange.headers["content-length"]


@warped
@pytest.mark.parametrize(
    ("act", "charges"),
    [(acts.LOST_REPLY, 1), (acts.DROPPED, 0)],
    ids=["after", "before"],
)
async def test_a_drop_is_a_broken_exchange(act: Act, charges: int):
    """Sent in both cases: from outside they are the same."""
    transport, emulator = transport_of(Rule("create", act))
    exchange = await transport.exchange(a_create())
    assert exchange.error is not None
    assert (True, None, FaultKind.BROKEN) == (
        exchange.sent,
        exchange.status,
        exchange.error.kind,
    )
    assert charges == len(emulator.ledger.charges)


@warped
async def test_a_truncated_answer_keeps_what_arrived():
    """Status, headers, half of the body, and what broke."""
    transport, _ = transport_of(Rule("create", acts.TRUNCATED))
    exchange = await transport.exchange(a_create())
    assert exchange.error is not None
    assert (200, FaultKind.BROKEN) == (exchange.status, exchange.error.kind)
    assert int(exchange.headers["content-length"]) // 2 == len(exchange.body)


@warped
async def test_a_hang_ends_with_the_exchange_s_own_timeout():
    """It takes as long as the transport was told, in the loop's seconds."""
    transport, emulator = transport_of(Rule("create", acts.HANGING), total=45)
    exchange = await transport.exchange(a_create())
    assert exchange.error is not None
    assert (45.0, FaultKind.TIMEOUT) == (
        asyncio.get_running_loop().time(),
        exchange.error.kind,
    )
    assert 1 == len(emulator.ledger.charges)


@warped
@pytest.mark.parametrize(("delay", "whole"), [(44.0, True), (46.0, False)])
async def test_a_late_answer_may_come_too_late(delay: float, whole: bool):
    """In time it is whole, after the timeout it is none."""
    transport, _ = transport_of(Rule("create", acts.slow(delay)), total=45)
    exchange = await transport.exchange(a_create())
    assert whole is (exchange.error is None)
    assert min(delay, 45.0) == asyncio.get_running_loop().time()


@warped
async def test_cancelled_before_it_is_sent_nothing_is_charged():
    """The mark tells."""
    transport, emulator = transport_of()
    request = a_create()
    async with asyncio.TaskGroup() as group:
        group.create_task(transport.exchange(request)).cancel()
    assert not request.sent
    assert [] == emulator.requests


@warped
async def test_cancelled_while_it_hangs_it_stays_charged():
    """The mark tells that, too."""
    transport, emulator = transport_of(Rule("create", acts.HANGING))
    request = a_create()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1):
            await transport.exchange(request)
    assert request.sent
    assert 1 == len(emulator.ledger.charges)


@warped
async def test_a_file_can_be_fetched_in_memory():
    """Through a client's escape hatch, say."""
    transport, _ = transport_of()
    created = await transport.exchange(a_create())
    await asyncio.sleep(10)
    task = json.loads((await look(transport, created)).body)
    path = task["output"]["urls"][0].removeprefix("https://emulator.invalid")
    exchange = await transport.exchange(WireRequest("GET", path))
    assert b"\x89PNG" == exchange.body[:4]


def test_it_fits_the_client_s_port():
    """A type checker agrees that it is a transport."""
    port: Transport = transport_of()[0]
    assert isinstance(port, EmulatorTransport)
