"""The event that is set before the server's own handler hears of a signal."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from aivideo_async import shutdown_event

ROOT = Path(__file__).parent.parent
STOPS = [signal.SIGTERM, signal.SIGINT]

stops = pytest.mark.parametrize("number", STOPS, ids=lambda number: number.name)
posix = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")


@pytest.fixture(autouse=True)
def handlers_as_before() -> Iterator[None]:
    """Leave the handlers of the test run as they were, whatever a test does."""
    before = [signal.getsignal(number) for number in STOPS]
    yield
    for number, handler in zip(STOPS, before, strict=True):
        signal.signal(number, handler)


def handled(number: int) -> list[int]:
    """Handle *number* as a server does; return the list of the signals it got."""
    got: list[int] = []
    signal.signal(number, lambda number, frame: got.append(number))
    return got


@stops
async def test_a_signal_sets_the_event_and_still_reaches_the_server(number: int):
    """A handler of ``signal.signal``, as uvicorn has it."""
    got = handled(number)
    async with shutdown_event() as closing:
        assert not closing.is_set()
        signal.raise_signal(number)
        await closing.wait()
    assert [number] == got


@posix
@stops
async def test_the_loops_own_handlers_find_the_event_set(number: int):
    """A handler of ``loop.add_signal_handler``, as aiohttp's ``run_app`` has it."""
    loop = asyncio.get_running_loop()
    found: asyncio.Future[list[bool]] = loop.create_future()
    events: list[asyncio.Event] = []

    def stop() -> None:
        found.set_result([event.is_set() for event in events])

    loop.add_signal_handler(number, stop)
    try:
        async with shutdown_event() as closing:
            events.append(closing)
            signal.raise_signal(number)
            assert [True] == await found
    finally:
        loop.remove_signal_handler(number)


@stops
async def test_a_signal_may_come_twice(number: int):
    """The event stays set, and the server hears of both."""
    got = handled(number)
    async with shutdown_event() as closing:
        signal.raise_signal(number)
        signal.raise_signal(number)
        await closing.wait()
    assert [number, number] == got


async def test_a_handler_that_raises_comes_second():
    """As Python's own for Ctrl-C does: the event is on its way by then."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    async with shutdown_event() as closing:
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        await closing.wait()


@stops
async def test_the_handler_is_put_back(number: int):
    """After the block a signal goes to the server alone."""
    handled(number)
    server = signal.getsignal(number)
    async with shutdown_event():
        assert server is not signal.getsignal(number)
    assert server is signal.getsignal(number)


@stops
async def test_uses_may_end_in_any_order(number: int):
    """As those of many streams do: each event hears, and the server in the end."""
    got = handled(number)
    server = signal.getsignal(number)
    uses = [shutdown_event() for _ in range(2000)]
    events = [await use.__aenter__() for use in uses]
    signal.raise_signal(number)
    for event in events:
        await event.wait()
    for use in uses:
        await use.__aexit__(None, None, None)
    assert server is signal.getsignal(number)
    signal.raise_signal(number)
    assert [number, number] == got


@stops
async def test_a_handler_that_came_later_is_left_alone(number: int):
    """Whoever took the signal over inside the block keeps it."""
    async with shutdown_event():
        got = handled(number)
    signal.raise_signal(number)
    assert [number] == got


@stops
async def test_a_signal_that_is_ignored_stays_ignored(number: int):
    """As under nohup, or in a background job."""
    signal.signal(number, signal.SIG_IGN)
    async with shutdown_event() as closing:
        signal.raise_signal(number)
        await asyncio.sleep(0)
        assert signal.SIG_IGN is signal.getsignal(number)
        assert not closing.is_set()


async def test_two_blocks_hear_of_the_same_signal():
    """Two apps in one process, each with its own."""
    got = handled(signal.SIGTERM)
    async with shutdown_event() as one, shutdown_event() as two:
        signal.raise_signal(signal.SIGTERM)
        await one.wait()
        await two.wait()
    assert [signal.SIGTERM] == got


async def test_the_end_of_the_block_sets_the_event_too():
    """A server that ends without a signal leaves no stream behind."""
    with pytest.raises(LookupError):
        async with shutdown_event() as closing:
            raise LookupError
    assert closing.is_set()


def test_a_loop_that_is_gone_is_not_told():
    """A block that was never left, its loop closed: the server still hears."""
    got = handled(signal.SIGTERM)
    block = shutdown_event()
    loop = asyncio.new_event_loop()
    loop.run_until_complete(block.__aenter__())
    loop.close()
    signal.raise_signal(signal.SIGTERM)
    assert [signal.SIGTERM] == got


def test_outside_the_main_thread_it_is_a_plain_event():
    """No handler is touched, which Python would refuse there."""
    seen: list[bool] = []

    async def main() -> None:
        before = signal.getsignal(signal.SIGTERM)
        async with shutdown_event() as closing:
            seen.append(before is signal.getsignal(signal.SIGTERM))
        seen.append(closing.is_set())

    thread = threading.Thread(target=asyncio.run, args=(main(),))
    thread.start()
    thread.join()
    assert [True, True] == seen


SCRIPT = """
import asyncio
from functools import partial
from aivideo_async import shutdown_event

async def main():
    async with shutdown_event() as closing:
        # Said when the loop is about to sleep, out of which a signal has to wake it.
        asyncio.get_running_loop().call_soon(partial(print, "ready", flush=True))
        await closing.wait()
        print("closing", flush=True)
        if {again}:
            await asyncio.Event().wait()

asyncio.run(main())
"""


@contextmanager
def script(*, again: bool = False) -> Iterator[subprocess.Popen[str]]:
    """Start a script that ends by itself when it is told, unless *again*."""
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-c", SCRIPT.format(again=again)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert "ready\n" == process.stdout.readline()
        try:
            yield process
        finally:
            process.kill()


@posix
def test_a_script_without_a_handler_ends_in_its_own_way():
    """The first SIGTERM only tells it, also when its loop is asleep."""
    with script() as process:
        process.terminate()
        out, _ = process.communicate()
    assert ("closing\n", 0) == (out, process.returncode)


@posix
def test_a_second_signal_ends_a_script_that_does_not_listen():
    """As SIGTERM does to any program."""
    with script(again=True) as process:
        process.terminate()
        assert process.stdout is not None
        assert "closing\n" == process.stdout.readline()
        process.terminate()
        process.wait()
    assert -signal.SIGTERM == process.returncode
