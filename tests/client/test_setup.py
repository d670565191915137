"""How a client is made, what it believes, and where it may be used."""

from __future__ import annotations

import asyncio
import gc
import itertools
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from aivideo_async import (
    AsyncClient,
    AuthenticationError,
    ConfigurationError,
    Emulator,
    LocalThrottle,
)
from aivideo_async.emulator import Rule, acts
from tests.client.conftest import Emulate
from tests.client.scripted import Prompt, Scripted, accepted, view
from tests.client.world import World, mug, mugs
from tests.warp import warped

KEY = "sk-0123456789"


# --- the key ----------------------------------------------------------------------


@pytest.mark.parametrize("key", [None, "", "   ", "\n"])
def test_without_a_key_there_is_no_client(key: str | None):
    """The error names the variable, the argument and a way without a key."""
    with pytest.raises(ConfigurationError, match="AIVIDEOAPI_API_KEY") as caught:
        AsyncClient(key)
    assert "api_key" in str(caught.value)
    assert "demo" in str(caught.value)


@pytest.mark.parametrize(
    "key", ["sk-with blank", "sk-with\nline", "sk-ümlaut", "Bearer x"]
)
def test_a_key_that_no_header_could_hold_is_refused(key: str):
    """And is not shown."""
    with pytest.raises(ConfigurationError) as caught:
        AsyncClient(key)
    assert key not in str(caught.value)


NAMES = [
    "AIVIDEOAPI_API_KEY",
    "AIVIDEOAPI_KEY",
    "AI_VIDEO_API_KEY",
    "AIVIDEO_API_KEY",
]


async def key_in_use(emulator: Emulator, **options: Any) -> bool:
    """Tell whether a client without a key of its own uses the emulator's."""
    async with AsyncClient(base_url=emulator.url, **options) as client:
        try:
            await client.credits()
        except AuthenticationError:
            return False
    return True


@pytest.mark.parametrize("place", range(4), ids=NAMES)
async def test_the_key_comes_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, place: int
):
    """The first name that is set and not empty wins over all after it."""
    async with Emulator() as emulator:
        for name in NAMES[:place]:
            monkeypatch.setenv(name, "")
        monkeypatch.setenv(NAMES[place], emulator.api_key)
        for name in NAMES[place + 1 :]:
            monkeypatch.setenv(name, "sk-wrong")
        assert await key_in_use(emulator)


async def test_a_key_that_is_passed_wins_over_the_environment(
    monkeypatch: pytest.MonkeyPatch,
):
    """The nearest word counts."""
    monkeypatch.setenv("AIVIDEOAPI_API_KEY", "sk-wrong")
    async with Emulator() as emulator:
        assert await key_in_use(emulator, api_key=emulator.api_key)
        assert not await key_in_use(emulator)


@warped
async def test_another_transport_needs_no_key():
    """It brings its own, or none."""
    async with AsyncClient(transport=Prompt()) as client:
        assert (await client.submit(mug())).id


# --- the address ------------------------------------------------------------------


def test_the_service_is_the_default():
    """Its repr says where a client sends to."""
    assert "https://api.aivideoapi.ai" in repr(AsyncClient(KEY))


def test_the_address_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch):
    """Unless one is passed."""
    monkeypatch.setenv("AIVIDEOAPI_BASE_URL", "https://eu.example.test/v1")
    assert "https://eu.example.test " in repr(AsyncClient(KEY))
    passed = AsyncClient(KEY, base_url="https://us.example.test")
    assert "https://us.example.test " in repr(passed)


@pytest.mark.parametrize(
    "url",
    [
        "api.aivideoapi.ai",
        "not a url",
        "http://api.aivideoapi.ai",
        "http://127.0.0.1.evil.test",
        "http://localhost.evil.test",
        "ftp://api.aivideoapi.ai",
        "https://user:pass@api.aivideoapi.ai",
        "https://api.aivideoapi.ai/?key=1",
        "https://api.aivideoapi.ai/#here",
        "https://",
    ],
)
def test_an_address_that_would_leak_the_key_is_refused(url: str):
    """https only, except on this machine; no user, no query."""
    with pytest.raises(ConfigurationError, match="base_url"):
        AsyncClient(KEY, base_url=url)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1", "http://localhost:1/v1/", "http://[::1]:1"]
)
def test_this_machine_may_be_spoken_to_in_the_clear(url: str):
    """For the emulator."""
    assert "closed" not in repr(AsyncClient(KEY, base_url=url))


# --- options ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("polling", 5),
        ("polling", None),
        ("retry", 3),
        ("retry", None),
        ("timeouts", 30),
        ("timeouts", None),
        ("throttle", 5),
        ("transport", 5),
        ("proxy", 5),
        ("proxy", "not a url"),
        ("proxy", "socks5://localhost:1"),
        ("ssl", True),
        ("ssl", "off"),
        ("base_url", 5),
        ("api_key", 5),
    ],
)
def test_an_option_that_makes_no_sense_is_found_when_the_client_is_made(
    name: str, value: object
):
    """Not when the first task has been paid for; the error names the option."""
    options: dict[str, Any] = {"api_key": KEY, name: value}
    with pytest.raises(ConfigurationError, match=name):
        AsyncClient(**options)


def test_a_proxy_towards_plain_http_is_refused():
    """It would read the key, and this machine needs none to reach itself."""
    with pytest.raises(ConfigurationError, match="proxy"):
        AsyncClient(KEY, base_url="http://127.0.0.1:1", proxy="http://proxy.test:3128")


def test_options_are_keyword_only():
    """Only the key may be passed by place."""
    with pytest.raises(TypeError):
        AsyncClient(KEY, "https://api.aivideoapi.ai")  # type: ignore[call-arg]


def test_an_unknown_option_is_refused():
    """A typo is no silence."""
    with pytest.raises(TypeError, match="max_inflight"):
        AsyncClient(KEY, max_inflight=5)  # type: ignore[call-arg]


@warped
async def test_a_polling_that_breaks_loses_no_paid_task():
    """A schedule of one's own that raises after the purchase: the id is still known."""

    class Broken:
        """A way of polling with a bug."""

        def schedule(self, *args: object) -> Any:
            raise ZeroDivisionError

    wire = Scripted([accepted("t-1")], [view("t-1")])
    async with AsyncClient(transport=wire, polling=Broken()) as client:
        call = asyncio.ensure_future(client.generate(mug()))
        await asyncio.wait([call], timeout=60)
        known = {*client.unclaimed, getattr(call.exception(), "task_id", None)}
        assert "t-1" in known


def every_second_time(method: Callable[..., Any]) -> Callable[..., Any]:
    """Let *method* work every second time only."""
    calls = itertools.count()

    def unreliable(*args: object) -> Any:
        if next(calls) % 2 == 0:
            raise ConnectionError("the store is gone")
        return method(*args)

    return unreliable


@warped
@pytest.mark.parametrize("method", ["when", "sent", "ok", "reject", "lost"])
async def test_a_throttle_that_breaks_loses_no_paid_task(emulate: Emulate, method: str):
    """Its store is out of reach now and then: an outcome for each, every id known."""

    limit = acts.refuse("rate_limit_exceeded")
    world = emulate(Rule("create", limit, nth=2), Rule("create", acts.DROPPED, nth=4))
    throttle = LocalThrottle(rate=1000)
    setattr(throttle, method, every_second_time(getattr(throttle, method)))
    async with world.client(rate=None, throttle=throttle) as client:
        outcomes = await world.collect(client.generate_many(mugs(6), timeout=600))
    assert [0, 1, 2, 3, 4, 5] == sorted(outcome.index for outcome in outcomes)
    # A probe that nobody hears of keeps the gate shut; the ids are known all the same.
    assert method == "ok" or 5 == sum(outcome.ok for outcome in outcomes)


# --- loops ------------------------------------------------------------------------

VERBS: dict[str, Callable[[AsyncClient], Awaitable[object]]] = {
    "submit": lambda client: client.submit(mug()),
    "generate": lambda client: client.generate(mug()),
    "wait": lambda client: client.wait("t-1"),
    "credits": lambda client: client.credits(),
    "aenter": lambda client: client.__aenter__(),
    "aclose": lambda client: client.aclose(),
}


def run(call: Callable[[], Awaitable[object]]) -> None:
    """Await *call* in a loop of its own."""

    async def main() -> None:
        await call()

    with asyncio.Runner() as runner:
        runner.run(main())


@pytest.mark.parametrize("verb", VERBS.values(), ids=VERBS)
def test_a_client_belongs_to_the_loop_that_used_it_first(
    verb: Callable[[AsyncClient], Awaitable[object]],
):
    """Elsewhere it would wait for ever, so it says how to mend that; nothing is sent."""
    wire = Prompt()
    client = AsyncClient(transport=wire)
    with asyncio.Runner() as home:
        home.run(client.submit(mug()))
        with pytest.raises(ConfigurationError, match="loop") as caught:
            run(lambda: verb(client))
        home.run(client.aclose())
    assert "one client per asyncio.run" in str(caught.value)
    assert "one loop" in str(caught.value)
    assert 1 == wire.made


def test_a_throttle_belongs_to_one_loop():
    """Waking a client of another loop would not be safe, so it is refused."""
    shared = LocalThrottle()
    first = AsyncClient(transport=Prompt(), throttle=shared)
    second = AsyncClient(transport=Prompt(), throttle=shared)
    with asyncio.Runner() as home:
        home.run(first.submit(mug()))
        with pytest.raises(ConfigurationError, match="loop"):
            run(lambda: second.submit(mug()))
        home.run(first.aclose())

    async def alone() -> None:
        async with second:
            await second.submit(mug())

    run(alone)


def test_a_client_may_be_made_before_there_is_a_loop():
    """It is bound when it is first used."""
    client = AsyncClient(transport=Prompt())

    async def main() -> None:
        async with client:
            await client.generate(mug())

    run(main)


def test_a_client_may_be_closed_in_a_loop_that_never_used_it():
    """It was never used at all."""
    client = AsyncClient(transport=Prompt())
    run(client.aclose)


@warped
async def test_one_client_serves_many_tasks(world: World):
    """A web app has one client and awaits in every request handler."""
    async with world.client() as client, asyncio.TaskGroup() as group:
        for number in range(50):
            group.create_task(world.call(client.generate, mug(number)))
    assert 50 == len(world.charged)


# --- repr and warnings ------------------------------------------------------------


@warped
async def test_the_repr_says_what_is_under_way(world: World):
    """Where to, how much, and never the key."""
    client = world.client(max_in_flight=2)
    assert "new" in repr(client)
    async with client:
        calls = [
            asyncio.ensure_future(world.call(client.generate, mug(number)))
            for number in range(3)
        ]
        await asyncio.sleep(1)
        busy = repr(client)
        await asyncio.wait(calls)
    assert "2/2 in flight" in busy
    assert "1 queued" in busy
    assert "0 unclaimed" in busy
    assert "closed" in repr(client)


def test_a_client_that_could_not_be_made_can_still_be_shown():
    """A debugger and a crash reporter print what they find in the frames."""
    assert "AsyncClient" in repr(AsyncClient.__new__(AsyncClient))


@warped
async def test_a_client_that_was_never_closed_is_a_resource_warning():
    """It says how to do it right."""
    client = AsyncClient(transport=Prompt())
    await client.__aenter__()
    with pytest.warns(ResourceWarning, match="async with"):
        client = AsyncClient(transport=Prompt())


@warped
async def test_a_client_that_was_never_used_may_be_forgotten():
    """There is nothing to close."""
    AsyncClient(transport=Prompt())
    gc.collect()


@warped
async def test_a_closed_client_may_be_forgotten():
    """No warning."""
    client = AsyncClient(transport=Prompt())
    await client.submit(mug())
    await client.aclose()
    del client
    gc.collect()
