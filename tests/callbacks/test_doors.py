"""The same promises at every kind of door: who gets in, and what it is believed."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from aivideo_async import NetworkError, Task, TaskStatus
from aivideo_async.callbacks import CallbackReceiver
from aivideo_async.callbacks.receiver import MOST_AT_WORK
from tests.callbacks.doors import DOORS, SECRET, Desk, Door, done, open_door

JSON = {"Content-Type": "application/json"}
LIMIT = 64 * 1024


@pytest.fixture(params=DOORS)
def kind(request: pytest.FixtureRequest) -> Any:
    """Name each kind of door."""
    return request.param


@pytest_asyncio.fixture
async def door(kind: str) -> AsyncIterator[Door]:
    """Open a door of each kind, without an ``on_task``."""
    async with open_door(kind) as door:
        yield door


def body_of(size: int) -> bytes:
    """Make a callback of exactly *size* bytes."""
    return (
        json.dumps({"id": "t-1", "pad": ""})
        .encode()
        .replace(
            b'"pad": ""',
            b'"pad": "%s"' % (b"x" * (size - len('{"id": "t-1", "pad": ""}'))),
        )
    )


# --- who gets in ----------------------------------------------------------------


async def test_a_callback_is_taken_and_the_client_told(door: Door):
    """204, and the client hears of the task and of the address that was called."""
    url = door.receiver.url_for()
    assert 204 == await door.call(url)
    assert [("t-1", url)] == door.desk.told
    assert [] == door.desk.waits


def forgeries() -> dict[str, str]:
    """Make paths that only look like ours."""
    url = "https://shop.example/hooks"
    ours = CallbackReceiver(Desk(), url=url, secret=SECRET)
    other = CallbackReceiver(Desk(), url=url, secret=SECRET[::-1])
    nonce, seal = ours.url_for().removeprefix(url).split(".")
    another, _ = ours.url_for().removeprefix(url).split(".")
    return {
        "another secret": other.url_for().removeprefix(url),
        "another nonce": f"{another}.{seal}",
        "no seal": nonce,
        "an empty seal": f"{nonce}.",
        "half a seal": f"{nonce}.{seal[:11]}",
        "a seal and more": f"{nonce}.{seal}A",
        "a line more": f"{nonce}.{seal}%0A",
        "letters of elsewhere": f"{nonce}.%C3%A9{seal[1:]}",
        "no Unicode": f"{nonce}.%FF{seal[1:]}",
        "the secret itself": f"/{SECRET}",
        "nothing": "/",
    }


@pytest.mark.parametrize("method", ["POST", "GET"])
@pytest.mark.parametrize("path", forgeries().values(), ids=forgeries().keys())
async def test_another_address_is_not_found(door: Door, path: str, method: str):
    """Whatever is sent there, nobody is told, and nothing is looked up."""
    status, headers = 404, {"X-Task-Id": "t-1"}
    url = f"{door.url}{path}"
    async with door.session.request(method, url, json={}, headers=headers) as response:
        assert status == response.status
    assert ([], []) == (door.desk.told, door.desk.waits)


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
async def test_only_a_post_is_a_callback(door: Door, method: str):
    """405, which says so."""
    url = door.receiver.url_for()
    async with door.session.request(method, url, json={"id": "t-1"}) as response:
        assert (405, "POST") == (response.status, response.headers["Allow"])
    assert [] == door.desk.told


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json", 204),
        ("Application/JSON; charset=utf-8", 204),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("", 415),
    ],
)
async def test_only_json_is_a_callback(door: Door, content_type: str, status: int):
    """A form, which any web page may send through a browser, is none."""
    headers = {"Content-Type": content_type}
    assert status == await door.call(data=b'{"id":"t-1"}', headers=headers)
    assert (204 == status) == bool(door.desk.told)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'"t-1"',
        b"null",
        b"{}",
        b'{"id": 1}',
        b'{"id": ""}',
        b'{"id": "../credits"}',
        b'{"id": "t-1\\n"}',
        b'{"id": "t-1", "id": "t-2"}',
        b'{"id": "%s"}' % (b"t" * 129),
        b"[" * 60_000,
        b"\xff",
    ],
    ids=lambda body: body.decode(errors="replace")[:24],
)
async def test_what_names_no_task_is_a_bad_request(door: Door, body: bytes):
    """400, and nobody is told."""
    assert 400 == await door.call(data=body, headers=JSON)
    assert [] == door.desk.told


async def test_the_header_names_the_task_if_the_body_does_not(door: Door):
    """As X-Task-Id, which the service sends too; it is checked as strictly."""
    assert 204 == await door.call(json={}, headers={"X-Task-Id": "t-1"})
    assert 400 == await door.call(json={}, headers={"X-Task-Id": "../credits"})
    assert ["t-1"] == [task_id for task_id, _ in door.desk.told]


@pytest.mark.parametrize(
    ("size", "status"),
    [(LIMIT, 204), (LIMIT + 1, 413), (1_000_000, 413)],
    ids=["just", "one more", "far more"],
)
async def test_a_huge_body_is_refused(door: Door, size: int, status: int):
    """64 KiB at most, whatever it says of itself."""
    assert size == len(body_of(size))
    assert status == await door.call(data=body_of(size), headers=JSON)
    assert (204 == status) == bool(door.desk.told)


async def test_a_body_without_an_end_is_refused_while_it_comes(door: Door):
    """Counted while it is read, not once it is there."""
    head = b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = b"8000\r\n" + b"x" * 0x8000 + b"\r\n"
    async with door.raw(head, chunk, chunk, chunk) as (answer, rest):
        assert b" 413 " in await answer.readline()
        rest.write(b"0\r\n\r\n")  # else aiohttp waits ten seconds for it
    assert [] == door.desk.told


async def test_a_small_body_that_unpacks_to_a_huge_one_is_refused(door: Door):
    """Counted as it is read, be it unpacked by the server or not at all."""
    bomb = gzip.compress(body_of(50_000_000))
    headers = {**JSON, "Content-Encoding": "gzip"}
    assert await door.call(data=bomb[:LIMIT], headers=headers) in (400, 413)
    assert [] == door.desk.told


@pytest.mark.parametrize(
    "rest",
    [
        b'Content-Length: 99\r\n\r\n{"id":',
        b"Transfer-Encoding: chunked\r\n\r\n6\r\n",
    ],
    ids=["length", "chunks"],
)
async def test_a_caller_that_hangs_up_is_forgotten(
    door: Door, rest: bytes, caplog: pytest.LogCaptureFixture
):
    """No traceback in the log, and the next one is served."""
    async with door.raw(b"Content-Type: application/json\r\n" + rest):
        pass
    assert 204 == await door.call()
    assert ["t-1"] == [task_id for task_id, _ in door.desk.told]
    assert [] == [record for record in caplog.records if record.exc_info]


async def test_a_body_that_does_not_unpack_is_a_bad_request(door: Door):
    """Its label says gzip, and it is not."""
    headers = {**JSON, "Content-Encoding": "gzip"}
    assert 400 == await door.call(data=b"nonsense", headers=headers)
    assert [] == door.desk.told


async def test_every_process_knows_the_addresses_of_all(door: Door):
    """Made by one that has the same secret, before or after a restart."""
    other = CallbackReceiver(Desk(), url=door.url, secret=SECRET)
    url = other.url_for()
    assert 204 == await door.call(url)
    assert [("t-1", url)] == door.desk.told


# --- what it is believed --------------------------------------------------------


async def test_the_task_is_what_our_own_key_sees(kind: str):
    """The body claims a failure and another picture; nobody reads it."""
    reports: asyncio.Queue[Task] = asyncio.Queue()
    async with open_door(kind, on_task=reports.put) as door:
        lie = {"id": "t-1", "status": "failed", "output": {"urls": ["http://evil"]}}
        assert 204 == await door.call(json=lie)
        assert done() == await reports.get()


async def test_a_failed_task_is_reported_like_a_completed_one(kind: str):
    """It is final, and refunded."""
    reports: asyncio.Queue[Task] = asyncio.Queue()
    async with open_door(kind, on_task=reports.put) as door:
        door.desk.tasks["t-1"] = failed = done(status=TaskStatus.FAILED)
        assert 204 == await door.call()
        assert failed == await reports.get()


async def test_the_answer_does_not_wait_for_the_work(kind: str):
    """204 at once, also to the next call on the same connection."""
    reports: asyncio.Queue[Task] = asyncio.Queue()
    async with open_door(kind, on_task=reports.put) as door:
        door.desk.slow.clear()
        assert 204 == await door.call()
        assert 204 == await door.call(json={"id": "t-2"})
        assert reports.empty()
        door.desk.tasks["t-2"] = done("t-2")
        door.desk.slow.set()
        assert {"t-1", "t-2"} == {(await reports.get()).id for _ in range(2)}


async def test_a_task_is_reported_once(kind: str):
    """However often it is delivered, at the same time or later."""
    reports: asyncio.Queue[Task] = asyncio.Queue()
    async with open_door(kind, on_task=reports.put) as door:
        calls = [asyncio.ensure_future(door.call()) for _ in range(5)]
        assert [204] * 5 == [await call for call in calls]
        assert done() == await reports.get()
        assert 204 == await door.call()
    assert reports.empty()
    assert 6 == len(door.desk.told)
    assert ["t-1"] == door.desk.waits


async def test_a_callback_that_led_to_nothing_may_come_again(
    kind: str, caplog: pytest.LogCaptureFixture
):
    """The look broke: a WARNING, and the next delivery is taken up."""
    reports: asyncio.Queue[Task] = asyncio.Queue()
    async with open_door(kind, on_task=reports.put) as door:
        door.desk.tasks["t-1"] = NetworkError("the look broke")
        assert 204 == await door.call()
        async with asyncio.timeout(10):
            while "the look broke" not in caplog.text:
                await asyncio.sleep(0)
        door.desk.tasks["t-1"] = done()
        assert 204 == await door.call()
        assert done() == await reports.get()


async def test_a_forged_id_is_reported_to_nobody(
    kind: str, caplog: pytest.LogCaptureFixture
):
    """Our key does not know the task."""
    reports: asyncio.Queue[Task] = asyncio.Queue()
    async with open_door(kind, on_task=reports.put) as door:
        assert 204 == await door.call(json={"id": "forged"})
    assert reports.empty()
    assert "A callback about task forged led to nothing" in caplog.text


async def test_what_on_task_raises_is_logged(
    kind: str, caplog: pytest.LogCaptureFixture
):
    """The server never sees it, and the task is not reported again."""
    calls: list[str] = []

    async def fail(task: Task) -> None:
        calls.append(task.id)
        raise LookupError("no such row")

    async with open_door(kind, on_task=fail) as door:
        assert 204 == await door.call()
        assert 204 == await door.call()
    (record,) = [record for record in caplog.records if record.exc_info]
    assert ("aivideo_async", logging.ERROR) == (record.name, record.levelno)
    assert "no such row" in caplog.text
    assert ["t-1"] == calls


async def test_a_flood_is_sent_away_and_comes_back(kind: str):
    """503 while too many are at work, so that the service delivers again."""
    reports: asyncio.Queue[Task] = asyncio.Queue()
    async with open_door(kind, on_task=reports.put) as door:
        door.desk.slow.clear()
        names = [f"f-{number}" for number in range(MOST_AT_WORK)]
        door.desk.tasks |= {name: done(name) for name in names}
        for name in names:
            assert 204 == await door.call(json={"id": name})
        assert 503 == await door.call()
        assert 404 == await door.call(f"{door.url}/nonsense")
        door.desk.slow.set()
        assert {*names} == {(await reports.get()).id for _ in names}
        assert 204 == await door.call()
        assert done() == await reports.get()
