"""Polling that learns, in a client: who learns together, and which look goes first."""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Hashable

import pytest

from aivideo_async import AsyncClient, Backoff, GptImage2, LearnedPolling, RawRequest
from aivideo_async.models.wire import Exchange, WireRequest
from aivideo_async.policy.polling import PollSchedule
from tests.client.conftest import Emulate
from tests.client.scripted import Prompt
from tests.client.world import World, mug, mugs
from tests.warp import warped

HOOK = "https://shop.example/hooks/secret/token"


def clock() -> float:
    """Read the loop's clock."""
    return asyncio.get_running_loop().time()


class Noted:
    """A look every seven seconds; it notes which kinds there are, and what it is told."""

    def __init__(self) -> None:
        self.kinds: list[Hashable] = []
        self.runs: list[tuple[float, float]] = []
        self.ends: list[tuple[float, float]] = []

    def schedule(self, kind: Hashable, rng: random.Random) -> PollSchedule:
        """Note the kind."""
        self.kinds.append(kind)
        return self

    def next(self, age: float, *, rarely: bool = False) -> float:
        """Return an age seven seconds later, or a minute."""
        return age + (60.0 if rarely else 7.0)

    def urgency(self, age: float, last: float) -> float:
        """Prefer the young."""
        return -age

    def running(self, since: float, age: float) -> None:
        """Note the ages between which a task ran on."""
        self.runs.append((since, age))

    def done(self, since: float, age: float) -> None:
        """Note the ages between which a task ended."""
        self.ends.append((since, age))


# --- what is learned --------------------------------------------------------------


async def looks_per_task(world: World, polling: LearnedPolling | Backoff) -> float:
    """Return the looks at each of the last hundred of three hundred tasks."""
    async with world.client(polling=polling) as client:
        counts = []
        async for outcome in client.generate_many(mugs(300), max_in_flight=20):
            world.note(outcome)
            counts.append(len(world.times("GET")))
    return (counts[-1] - counts[-101]) / 100


@warped
async def test_a_client_learns_to_look_less_and_to_know_sooner(emulate: Emulate):
    """A third of the looks less than by backoff, and done earlier."""
    results = []
    for polling in (LearnedPolling(), Backoff()):
        begun = clock()
        world = emulate(median=20.0, spread=0.2)
        results.append((await looks_per_task(world, polling), clock() - begun))
    (looks, seconds), (other_looks, other_seconds) = results
    assert looks <= 0.75 * other_looks
    assert seconds <= 0.9 * other_seconds


@warped
async def test_tasks_of_one_kind_learn_together(world: World):
    """Model, resolution and mode make a kind; tasks bought elsewhere are one too."""
    noted = Noted()
    requests = [
        mug(1),
        mug(2),
        GptImage2("large", resolution="4k", aspect_ratio="16:9"),
        GptImage2("like this", image_urls=["https://shop.example/mug.png"]),
        mug(3),
        RawRequest(
            "gpt-image-2", endpoint="/v1/images/generations", input={"prompt": "a sea"}
        ),
    ]
    async with world.client(polling=noted) as client:
        for request in requests:
            await world.call(client.generate, request)
        for number in (4, 5):
            await client.wait((await world.call(client.submit, mug(number))).id)
    assert len(set(noted.kinds)) == len(noted.kinds) == 5
    assert {"gpt-image-2", None} < set(noted.kinds)


@warped
async def test_each_client_learns_for_itself(world: World):
    """What one knows of its key's tasks is no business of another's."""
    noted = Noted()
    for number in range(2):
        async with world.client(polling=noted) as client:
            await world.call(client.generate, mug(number))
    assert 2 == len(noted.kinds)


@warped
async def test_an_end_lies_between_two_looks(world: World):
    """Seen running at 7 s, finished at 14."""
    noted = Noted()
    async with world.client(polling=noted) as client:
        await world.call(client.generate, mug())
    assert [(0.0, 7.0)] == noted.runs
    assert [(7.0, 14.0)] == noted.ends


@warped
async def test_a_fast_task_teaches_at_the_first_look(emulate: Emulate):
    """Its beginning is known: the client's own create."""
    world, noted = emulate(median=3.0), Noted()
    async with world.client(polling=noted) as client:
        await world.call(client.generate, mug())
    assert [(0.0, 7.0)] == noted.ends


@warped
async def test_a_task_that_had_ended_before_teaches_nothing(world: World):
    """Nobody knows when it did; one that ends while it is waited for does teach."""
    noted = Noted()
    async with world.client(polling=noted) as client:
        early, late = [await world.call(client.submit, mug(n)) for n in range(2)]
        waiting = asyncio.ensure_future(client.wait(late))
        await asyncio.sleep(20.0)
        assert [(7.0, 14.0)] == noted.ends
        await client.wait(early)
        await waiting
    assert [(7.0, 14.0)] == noted.ends


# --- callbacks --------------------------------------------------------------------


@warped
async def test_a_callback_tells_exactly_when_a_task_ended(world: World):
    """No half-way guess is needed."""
    noted = Noted()
    async with world.client(polling=noted) as client:
        call = asyncio.ensure_future(
            world.call(client.generate, mug(), callback_url=HOOK)
        )
        await asyncio.sleep(10.5)
        client.called_back(world.charged[0])
        await call
    assert [(0.0, 7.0), (7.0, 10.5)] == noted.runs
    assert [(10.5, 10.5)] == noted.ends


@warped
async def test_while_callbacks_arrive_a_learned_schedule_looks_rarely(emulate: Emulate):
    """The callback's look is nearly the only one; one that is lost costs a minute at most."""
    world = emulate(median=30.0)
    async with world.client(polling=LearnedPolling()) as client:
        for number in range(40):
            before = len(world.times("GET"))
            call = asyncio.ensure_future(
                world.call(client.generate, mug(number), callback_url=HOOK)
            )
            await asyncio.sleep(30.05)
            client.called_back(world.charged[-1])
            await call
            if number >= 10:
                assert len(world.times("GET")) - before <= 2
        begun = clock()
        await world.call(client.generate, mug(99), callback_url=HOOK)
        assert clock() - begun <= 61.0


# --- when looks are scarce --------------------------------------------------------


class AllAtOnce(Noted):
    """Has the tasks of eight purchases a second apart looked at in the same moment."""

    def next(self, age: float, *, rarely: bool = False) -> float:
        """Return 30, 29, 28 …"""
        self.ends.append((0.0, 0.0))
        return 31.0 - len(self.ends)


class Recorded(Prompt):
    """A wire that finishes tasks at once, and notes at which it was looked."""

    def __init__(self) -> None:
        super().__init__()
        self.looked = ""

    async def exchange(self, request: WireRequest) -> Exchange:
        """Note the number of a task that is looked at, and answer."""
        if request.method == "GET":
            self.looked += request.path[-1]
        return await super().exchange(request)


async def looked_at(polling: Noted, *, rate: float) -> str:
    """Buy eight tasks a second apart; return the order of the looks at them."""
    wire = Recorded()
    async with AsyncClient(transport=wire, polling=polling, rate=rate) as client:
        calls = []
        for number in range(8):
            calls.append(asyncio.ensure_future(client.generate(mug(number))))
            await asyncio.sleep(1.0)
        await asyncio.wait(calls)
    return wire.looked


@warped
async def test_while_requests_have_to_wait_the_most_urgent_look_goes_first():
    """Here: at the youngest task, though it was bought last; one had left before."""
    assert "18765432" == await looked_at(AllAtOnce(), rate=1.0)


@warped
async def test_with_requests_to_spare_looks_go_when_they_are_due():
    """Nothing has to wait, so nothing is ranked."""
    assert "12345678" == await looked_at(AllAtOnce(), rate=1e6)


@warped
async def test_a_schedule_that_cannot_rank_stops_nothing(
    caplog: pytest.LogCaptureFixture,
):
    """Looks go in the order they came, and the log tells."""

    class Broken(AllAtOnce):
        """A schedule with a bug."""

        def urgency(self, age: float, last: float) -> float:
            raise ZeroDivisionError

    assert "12345678" == await looked_at(Broken(), rate=1.0)
    assert "in the order they came" in caplog.text


class Odd:
    """Somebody's schedule that names no moment."""

    def __init__(self, moment: float) -> None:
        self._moment = moment

    def schedule(self, kind: Hashable, rng: random.Random) -> Odd:
        """Return itself."""
        return self

    def next(self, age: float, *, rarely: bool = False) -> float:
        """Return what is no age."""
        return self._moment

    def urgency(self, age: float, last: float) -> float:
        """Tell nothing."""
        return 0.0

    def running(self, since: float, age: float) -> None:
        """Learn nothing."""

    def done(self, since: float, age: float) -> None:
        """Learn nothing."""


@warped
@pytest.mark.parametrize("moment", [math.inf, -math.inf, math.nan])
async def test_a_schedule_that_names_no_moment_leaves_nobody_waiting_for_ever(
    emulate: Emulate, moment: float
):
    """The next look is in ten seconds, and the log tells of it once."""
    world = emulate(median=25.0)
    async with world.client(polling=Odd(moment)) as client:
        await world.call(client.generate, mug())
        assert 30 == round(asyncio.get_running_loop().time())
    assert 1 == len(world.logged("no moment"))
