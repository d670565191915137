"""Callbacks that are really sent, to a receiver on this machine."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from aivideo_async import AsyncClient, Backoff, GptImage2
from aivideo_async.emulator import Emulator, EmulatorTransport, Rule, Scenario, acts
from aivideo_async.emulator.courier import Courier
from tests.emulator.calls import buy, core_of, order
from tests.emulator.hooks import Receiver, receiving, until


def emulator_of(*rules: Rule, **fields: Any) -> Emulator:
    """Build an emulator whose tasks and callbacks come at once."""
    return Emulator(Scenario(rules=rules, spread=0.0, **fields), speed=1e6)


def client_of(emulator: Emulator) -> AsyncClient:
    """Return a client that neither waits nor holds back."""
    return emulator.client(polling=Backoff(initial=0.0), rate=1e6)


async def ended(emulator: Emulator, receiver: Receiver, attempts: int = 1) -> str:
    """Buy a picture with a callback, and wait until that was tried so often."""
    async with client_of(emulator) as client:
        task = await client.generate(GptImage2("a mug"), callback_url=receiver.url)
        await until(lambda: len(emulator.callbacks) >= attempts)
    return task.id


async def test_a_finished_task_is_told_of():
    """A POST with the documented headers, and the task as its body."""
    async with receiving() as receiver, emulator_of() as emulator:
        task_id = await ended(emulator, receiver)
    ((headers, body),) = receiver.got
    assert (task_id, "completed") == (body["id"], body["status"])
    assert body["output"]["urls"][0].startswith(emulator.url)
    assert ("application/json", "task.completed", task_id) == (
        headers["Content-Type"],
        headers["X-Event"],
        headers["X-Task-Id"],
    )
    assert headers["X-Timestamp"].isdecimal()


async def test_each_attempt_is_in_the_log():
    """Task, address, number, status; readable afterwards."""
    async with receiving(500, 302) as receiver, emulator_of() as emulator:
        task_id = await ended(emulator, receiver, attempts=3)
    assert [(task_id, receiver.url, 1, 500), (task_id, receiver.url, 2, 302)] == [
        (line.task_id, line.url, line.attempt, line.status)
        for line in emulator.callbacks[:2]
    ]
    assert [False, False, True] == [line.ok for line in emulator.callbacks]


async def test_a_redirect_is_not_followed():
    """It is no 2xx; three attempts arrive, all at the address that was given."""
    async with receiving(302, 302, 302) as receiver, emulator_of() as emulator:
        await ended(emulator, receiver, attempts=3)
    assert 3 == len(receiver.got)


async def test_nobody_is_tried_a_fourth_time():
    """After three attempts nothing is due."""
    async with receiving(*[500] * 9) as receiver, emulator_of() as emulator:
        await ended(emulator, receiver, attempts=3)
        assert emulator._core.callbacks.next_due is None
    assert [1, 2, 3] == [line.attempt for line in emulator.callbacks]


async def test_an_address_where_nobody_listens_is_unreachable():
    """No status, and the reason in words."""
    async with receiving() as receiver:
        pass
    async with emulator_of() as emulator:
        await ended(emulator, receiver, attempts=3)
    assert [None] * 3 == [line.status for line in emulator.callbacks]
    assert all("Cannot connect" in line.reason for line in emulator.callbacks)


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/hook",
        "http://192.0.2.1/hook",
        "http://localhost.example.com/hook",
        "http://127.0.0.1.example.com/hook",
        "http://printer/hook",
    ],
)
async def test_no_other_machine_is_ever_called(url: str):
    """The emulator is offline: it says so in the log, without a look-up."""
    async with emulator_of() as emulator:
        await ended(emulator, Receiver(url), attempts=3)
    assert {"unreachable: the emulator calls this machine only"} == {
        line.reason for line in emulator.callbacks
    }


async def test_a_receiver_that_never_answers_is_given_up():
    """After the courier's patience, in words."""
    core = core_of(speed=1e6)
    async with receiving(None) as receiver:
        buy(core, order() | {"callback_url": receiver.url})
        courier = Courier(core, patience=0.02)
        courier.look()
        await until(lambda: core.callbacks.log)
        await courier.close()
    (line, *_) = core.callbacks.log
    assert (None, "no answer within 0.02 seconds") == (line.status, line.reason)


async def test_closing_leaves_what_is_under_way():
    """A receiver that hangs does not hold up the end."""
    async with receiving(None) as receiver:
        async with emulator_of() as emulator, client_of(emulator) as client:
            await client.submit(GptImage2("a mug"), callback_url=receiver.url)
            await until(lambda: receiver.got)
    assert [] == emulator.callbacks


async def test_what_was_due_before_is_made_up_for():
    """An emulator that is entered later has kept its plans."""
    emulator = emulator_of()
    transport = EmulatorTransport(emulator)
    async with receiving() as receiver:
        async with emulator.client(transport=transport) as client:
            await client.submit(GptImage2("a mug"), callback_url=receiver.url)
        async with emulator:
            await until(lambda: receiver.got)


async def test_an_earlier_callback_does_not_wait_for_a_later_one():
    """The alarm is set for whichever comes first."""
    slow = Rule("create", acts.becoming(seconds=1e12), nth=1)
    async with receiving() as receiver, emulator_of(slow) as emulator:
        async with client_of(emulator) as client:
            await client.submit(GptImage2("1"), callback_url=receiver.url)
            second = await client.submit(GptImage2("2"), callback_url=receiver.url)
            await until(lambda: receiver.got)
    assert [second.id] == [body["id"] for _, body in receiver.got]


async def test_a_callback_may_come_several_times():
    """Each is an attempt of its own."""
    rule = Rule("create", acts.becoming(calls=3))
    async with receiving() as receiver, emulator_of(rule) as emulator:
        await ended(emulator, receiver, attempts=3)
    assert 3 == len(receiver.got)
    assert [1, 1, 1] == [line.attempt for line in emulator.callbacks]


async def test_many_callbacks_all_arrive():
    """More than are under way at the same time."""
    async with receiving() as receiver, emulator_of() as emulator:
        async with client_of(emulator) as client, asyncio.TaskGroup() as group:
            for number in range(120):
                request = GptImage2(f"mug {number}")
                group.create_task(client.submit(request, callback_url=receiver.url))
        await until(lambda: len(emulator.callbacks) == 120)
    bought = {entry.task_id for entry in emulator.ledger.charges}
    assert bought == {body["id"] for _, body in receiver.got}
    emulator.ledger.assert_clean()
