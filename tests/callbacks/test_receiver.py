"""The receiver as an ASGI app, without a server: what servers seldom do."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from aivideo_async import Task
from aivideo_async.callbacks import CallbackReceiver
from aivideo_async.callbacks.intake import READ_SECONDS
from aivideo_async.callbacks.receiver import MOST_REMEMBERED
from tests.callbacks.asgi import END, URL, call, part, whole
from tests.callbacks.doors import SECRET, Desk, done
from tests.warp import warped


@pytest.fixture
def desk() -> Desk:
    """Know one task, and let nobody wait for it."""
    desk = Desk({"t-1": done()})
    desk.slow.set()
    return desk


@pytest.fixture
def receiver(desk: Desk) -> CallbackReceiver:
    """Make one without an ``on_task``."""
    return CallbackReceiver(desk, url=URL, secret=SECRET)


@pytest.mark.parametrize("path", ["/hooks{}", "{}", "/api/v2/hooks{}", "{}/"])
async def test_it_may_be_mounted_anywhere(
    receiver: CallbackReceiver, desk: Desk, path: str
):
    """Frameworks and proxies differ in what of the path an app gets to see."""
    assert 204 == await call(receiver, whole("t-1"), path=path)
    assert 1 == len(desk.told)


async def test_a_body_may_come_in_pieces(receiver: CallbackReceiver, desk: Desk):
    """Also in empty ones."""
    pieces = [part(b""), part(b'{"id"'), part(b""), part(b':"t-1"}', more=False)]
    assert 204 == await call(receiver, *pieces)
    assert ["t-1"] == [task_id for task_id, _ in desk.told]


async def test_a_caller_that_hung_up_is_told_nothing_of_use(
    receiver: CallbackReceiver, desk: Desk
):
    """What breaks off is no callback, even if all of it that came makes sense."""
    assert 400 == await call(receiver, part(b'{"id":"t-1"}'), END)
    assert [] == desk.told


@warped
async def test_a_body_that_stalls_is_given_up(receiver: CallbackReceiver, desk: Desk):
    """It would keep a place for ever."""
    loop = asyncio.get_running_loop()
    assert 408 == await call(receiver, part(b'{"id":'))
    assert READ_SECONDS == loop.time()
    assert [] == desk.told


async def test_an_answer_that_nobody_hears_changes_nothing(
    receiver: CallbackReceiver, desk: Desk
):
    """The callback came in whole, so the client is told."""

    async def receive() -> dict[str, Any]:
        return whole("t-1")

    async def send(message: Any) -> None:
        raise OSError("nobody listens")

    scope = {
        "type": "http",
        "method": "POST",
        "path": receiver.url_for().removeprefix("https://shop.example"),
        "headers": [(b"content-type", b"application/json")],
    }
    await receiver(scope, receive, send)
    assert 1 == len(desk.told)


async def test_the_ids_that_it_remembers_are_bounded(desk: Desk):
    """The oldest is forgotten, and reported again if it ever comes again."""
    reports: list[str] = []

    async def note(task: Task) -> None:
        reports.append(task.id)

    receiver = CallbackReceiver(desk, url=URL, secret=SECRET, on_task=note)
    names = [f"t-{number}" for number in range(MOST_REMEMBERED + 1)]
    desk.tasks |= {name: done(name) for name in names}
    for name in [*names, names[-1], names[1], names[0]]:
        assert 204 == await call(receiver, whole(name))
    assert [*names, names[0]] == reports


async def test_an_on_task_that_is_stopped_is_told_and_may_come_again(
    desk: Desk, caplog: pytest.LogCaptureFixture
):
    """A server that stops cancels it; the service has its answer and comes no more."""
    started = asyncio.Event()
    reports: list[str] = []

    async def note(task: Task) -> None:
        if not started.is_set():
            started.set()
            await asyncio.Event().wait()
        reports.append(task.id)

    receiver = CallbackReceiver(desk, url=URL, secret=SECRET, on_task=note)
    calling = asyncio.ensure_future(call(receiver, whole("t-1")))
    await started.wait()
    calling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await calling
    assert "on_task was stopped for task t-1" in caplog.text
    assert 204 == await call(receiver, whole("t-1"))
    assert ["t-1"] == reports


async def test_a_websocket_is_closed(receiver: CallbackReceiver):
    """The way to refuse one."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> dict[str, Any]:
        raise NotImplementedError

    await receiver({"type": "websocket", "path": "/"}, receive, send)
    assert [{"type": "websocket.close"}] == sent


async def test_it_has_no_lifespan(receiver: CallbackReceiver):
    """A server takes the error for: not supported."""

    async def silence(*_: object) -> dict[str, Any]:
        raise NotImplementedError

    with pytest.raises(ValueError, match="'lifespan'"):
        await receiver({"type": "lifespan"}, silence, silence)  # type: ignore[arg-type]
