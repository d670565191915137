"""Callbacks: hints that hasten looks and bring lost outcomes to light, and no more."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from weakref import ref

import pytest

from aivideo_async import (
    AsyncClient,
    Backoff,
    GenerationRequest,
    InvalidRequestError,
    OutcomeUnknownError,
    TaskStatus,
)
from aivideo_async.emulator import Rule, acts
from aivideo_async.models.wire import Exchange, Fault, FaultKind
from tests.client.conftest import Emulate
from tests.client.scripted import Scripted, accepted, lost, refused, view
from tests.client.world import World, collect, mug, mugs
from tests.warp import warped

CUT = Fault(FaultKind.BROKEN, "the answer broke off")

RARELY = Backoff(initial=100.0, factor=1.0, cap=100.0, jitter=0.0)
"""A look every 100 seconds: what comes earlier came by a callback."""

HOOK = "https://shop.example/hooks/secret/token"


def clock() -> float:
    """Read the loop's clock."""
    return asyncio.get_running_loop().time()


def hook_of(request: GenerationRequest) -> str:
    """Make a URL for each request."""
    return f"{HOOK}-{request.key}"


# --- looks come sooner ------------------------------------------------------------


@warped
@pytest.mark.parametrize("verb", ["wait", "watch", "generate"])
async def test_a_callback_ends_the_waiting(world: World, verb: str):
    """Whoever waits has the task looked at at once; the next poll is far away."""
    async with world.client(polling=RARELY) as client:

        async def finish() -> TaskStatus:
            if verb == "generate":
                return (await world.call(client.generate, mug())).status
            task = await world.call(client.submit, mug())
            if verb == "wait":
                return (await client.wait(task)).status
            *_, last = [seen async for seen in client.watch(task)]
            return last.status

        begun = clock()
        finishing = asyncio.ensure_future(finish())
        await asyncio.sleep(12.0)
        assert client.called_back(world.charged[0], HOOK)
        assert TaskStatus.COMPLETED is await finishing
        assert 12.0 == pytest.approx(clock() - begun)


@warped
async def test_without_a_callback_the_poll_finds_it(world: World):
    """Whichever comes first."""
    async with world.client(polling=RARELY) as client:
        begun = clock()
        await world.call(client.generate, mug(), callback_url=HOOK)
        assert 100.0 == pytest.approx(clock() - begun)


@warped
async def test_a_forged_callback_finishes_nothing(world: World):
    """The task still runs, as a look shows; the polling goes on as before."""
    async with world.client(polling=RARELY) as client:
        waiting = asyncio.ensure_future(world.call(client.generate, mug()))
        await asyncio.sleep(3.0)
        client.called_back(world.charged[0])
        await asyncio.sleep(3.0)
        assert not waiting.done()
        assert 1 == len(world.times("GET"))
        await waiting
        assert 2 == len(world.times("GET"))


@warped
async def test_a_storm_of_callbacks_costs_a_look_a_second(world: World):
    """However many come, and however they are spread."""
    async with world.client(polling=RARELY) as client:
        waiting = asyncio.ensure_future(world.call(client.generate, mug()))
        await asyncio.sleep(1.0)
        for _ in range(800):
            client.called_back(world.charged[0])
            await asyncio.sleep(0.01)
        assert len(world.times("GET")) <= 10
        client.called_back(world.charged[0])
        await waiting


@warped
async def test_a_callback_during_a_look_is_not_lost(emulate: Emulate):
    """That look may have been a moment too early, so another follows."""
    world = emulate(Rule("task", acts.slow(5.0), nth=1), median=4.0)
    async with world.client(polling=RARELY) as client:
        begun = clock()
        waiting = asyncio.ensure_future(world.call(client.generate, mug()))
        await asyncio.sleep(2.0)
        client.called_back(world.charged[0])  # a look leaves, and shows it running
        await asyncio.sleep(3.0)
        client.called_back(world.charged[0])  # it is finished, the look still under way
        await waiting
        assert 8.0 == pytest.approx(clock() - begun)


@warped
async def test_a_callback_about_a_task_of_nobody_does_nothing(world: World):
    """No look, no trace, and it says so."""
    async with world.client() as client:
        assert not client.called_back("57c8772c-f834-46f3-9b7d-81f92e104050", HOOK)
        await asyncio.sleep(1.0)
    assert not client.called_back("57c8772c-f834-46f3-9b7d-81f92e104050", HOOK)
    assert not world.emulator.requests


@warped
async def test_a_callback_after_the_end_of_the_client_does_nothing(emulate: Emulate):
    """Not even one that would settle an unknown outcome."""
    world = emulate(Rule("create", acts.LOST_REPLY))
    async with world.client() as client:
        error = await lose(world, client)
    assert not client.called_back(world.charged[0], f"{HOOK}-7")
    await asyncio.sleep(1.0)
    assert error.task_id is None
    assert not world.times("GET")


@warped
@pytest.mark.parametrize("task_id", ["../credits", "", "x" * 129, None, ["t-1"]])
async def test_what_cannot_be_an_id_does_nothing(world: World, task_id: Any):
    """It never gets into a path, and a handler that passes it on does not fail."""
    async with world.client() as client:
        assert not client.called_back(task_id, HOOK)
        await asyncio.sleep(1.0)
    assert not world.emulator.requests


@warped
@pytest.mark.parametrize("looks", [acts.BAD_GATEWAY, acts.DROPPED])
async def test_a_storm_costs_a_look_a_second_while_looks_break(
    emulate: Emulate, looks: acts.Act
):
    """No look has shown the task running, and still it is not looked at more often."""
    world = emulate(Rule("task", looks, times=30))
    async with world.client(polling=RARELY) as client:
        waiting = asyncio.ensure_future(world.call(client.generate, mug()))
        await asyncio.sleep(1.0)
        for _ in range(800):
            client.called_back(world.charged[0])
            await asyncio.sleep(0.01)
        assert len(world.times("GET")) <= 10
        await waiting


@warped
async def test_a_callback_may_come_a_moment_before_the_service_shows_the_end(
    emulate: Emulate,
):
    """The usual looks go on then, though callbacks are relied upon."""
    world = emulate(median=10.0)
    async with world.client() as client:
        await rounds(world, client, "+++")
        begun = clock()
        waiting = asyncio.ensure_future(
            world.call(client.generate, mug(9), callback_url=hook_of)
        )
        await asyncio.sleep(9.5)
        client.called_back(world.charged[-1])
        await waiting
        assert clock() - begun < 12.0


# --- polling thins out ------------------------------------------------------------


async def rounds(
    world: World, client: AsyncClient, story: str, first: int = 0
) -> list[int]:
    """Generate one after the other, called back or not; count the looks at each."""
    counts = []
    for number, what in enumerate(story, first):
        before = len(world.times("GET"))
        running = asyncio.ensure_future(
            world.call(client.generate, mug(number), callback_url=hook_of)
        )
        await asyncio.sleep(10.05)
        if what == "+":
            client.called_back(world.charged[-1])
        await running
        counts.append(len(world.times("GET")) - before)
        await asyncio.sleep(10.0)
    return counts


@warped
async def test_while_callbacks_arrive_one_look_a_task_is_enough(emulate: Emulate):
    """Three tasks are looked at as usual, from then on the callback leads to the look."""
    world = emulate(median=10.0)
    async with world.client() as client:
        assert [10, 10, 10, 1, 1] == await rounds(world, client, "+++++")


@warped
async def test_a_lost_callback_costs_a_minute_at_most(emulate: Emulate):
    """The safety gap, once: a look that breaks then does not open another one."""
    world = emulate(Rule("task", acts.BAD_GATEWAY, between=(175, 182)), median=10.0)
    async with world.client() as client:
        await rounds(world, client, "+++")
        for number in (9, 10):
            begun = clock()
            await world.call(client.generate, mug(number), callback_url=hook_of)
            assert 60.0 <= clock() - begun < 65.0
    assert world.times("GET", 502), "the looks at the second one broke"


@warped
async def test_whoever_waits_for_less_than_a_minute_sees_the_end_before(
    emulate: Emulate,
):
    """The task is looked at once more before the time is up."""
    world = emulate(median=10.0)
    async with world.client() as client:
        await rounds(world, client, "+++")
        task = await world.call(
            client.generate, mug(9), timeout=30.0, callback_url=hook_of
        )
        assert TaskStatus.COMPLETED is task.status


@warped
async def test_three_lost_callbacks_bring_the_polling_back(emulate: Emulate):
    """It is said once, and it ends when they arrive again."""
    world = emulate(median=10.0)
    async with world.client() as client:
        counts = await rounds(world, client, "+++---" + "-+++++++++++")
        assert [1, 1, 1, 10] == counts[3:7]
        assert 1 == counts[-1]
    assert 1 == len(world.logged("Callbacks used to arrive"))


@warped
async def test_tasks_without_a_callback_are_looked_at_as_ever(emulate: Emulate):
    """However well the callbacks of others arrive; and they count as no missed ones."""
    world = emulate(median=10.0)
    async with world.client() as client:
        await rounds(world, client, "+++")
        for number in range(10, 15):
            before = len(world.times("GET"))
            await world.call(client.generate, mug(number))
            assert 10 == len(world.times("GET")) - before
        assert [1] == await rounds(world, client, "+", first=3)


@warped
async def test_callbacks_that_never_come_change_nothing(emulate: Emulate):
    """Somebody else receives them, perhaps: that is no reason to warn."""
    world = emulate(median=10.0)
    async with world.client() as client:
        assert [10] * 6 == await rounds(world, client, "------")
    assert [] == world.logged("Callbacks")


@warped
async def test_a_second_follower_makes_no_callback_a_missed_one(emulate: Emulate):
    """It came a moment after the look of one, while another still followed."""
    world = emulate(median=10.0)
    async with world.client() as client:
        await rounds(world, client, "+++")
        for number in range(10, 14):
            buying = asyncio.ensure_future(
                world.call(client.generate, mug(number), callback_url=hook_of)
            )
            await asyncio.sleep(0.5)
            other = asyncio.ensure_future(client.wait(world.charged[-1], timeout=200.0))
            await buying
            client.called_back(world.charged[-1])
            await other
        assert not world.logged("Callbacks used to arrive")


# --- unknown outcomes -------------------------------------------------------------


async def lose(world: World, client: AsyncClient) -> OutcomeUnknownError:
    """Buy one whose answer is lost; the emulator has charged it."""
    with pytest.raises(OutcomeUnknownError) as caught:
        await client.submit(mug(7), callback_url=hook_of)
    return caught.value


@warped
@pytest.mark.parametrize("late", [1.0, 30.0, 700.0])
async def test_a_callback_settles_an_unknown_outcome(emulate: Emulate, late: float):
    """Its id is in the error, in `unclaimed` and in the log, with the caller's label."""
    world = emulate(Rule("create", acts.LOST_REPLY))
    async with world.client() as client:
        error = await lose(world, client)
        assert (1, 0) == (client.stats().unknown, client.stats().accepted)
        await asyncio.sleep(late)
        assert client.called_back(world.charged[0], f"{HOOK}-7")
        await asyncio.sleep(1.0)
        assert world.charged == [error.task_id] == list(client.unclaimed)
        assert (0, 1) == (client.stats().unknown, client.stats().accepted)
        assert world.logged("made " + world.charged[0])
        assert world.logged("(7)")
        final = await world.call(client.wait, world.charged[0])
    assert TaskStatus.COMPLETED is final.status
    assert () == client.unclaimed


@warped
async def test_a_lost_task_that_failed_is_refunded_and_nobodys_to_claim(
    emulate: Emulate,
):
    """It is off the budget, and the log says why."""
    world = emulate(Rule("create", acts.LOST_REPLY), failure_share=1.0)
    async with world.client() as client:
        error = await lose(world, client)
        assert Decimal("2.4") == client.stats().committed
        await asyncio.sleep(20.0)
        client.called_back(world.charged[0], f"{HOOK}-7")
        await asyncio.sleep(1.0)
        assert Decimal(0) == client.stats().committed
        assert () == client.unclaimed
    assert world.charged == [error.task_id]
    assert world.logged("failed and is refunded")


@warped
async def test_the_copies_of_a_callback_settle_nothing_more(emulate: Emulate):
    """Five at once, and five later."""
    world = emulate(Rule("create", acts.LOST_REPLY))
    async with world.client() as client:
        await lose(world, client)
        for _ in range(2):
            for _ in range(5):
                client.called_back(world.charged[0], f"{HOOK}-7")
            await asyncio.sleep(5.0)
        assert (0, 1) == (client.stats().unknown, client.stats().accepted)
        assert 1 == len(client.unclaimed)
        await world.call(client.wait, world.charged[0])


def forged(task: Callable[[World, AsyncClient], Any]) -> Any:
    """Name a case."""
    return pytest.param(task, id=task.__name__)


def no_task(world: World, client: AsyncClient) -> str:
    """Name a task that does not exist."""
    return "57c8772c-f834-46f3-9b7d-81f92e104050"


def another_of_ours(world: World, client: AsyncClient) -> str:
    """Name a task that another create of this client made."""
    return world.charged[0]


@warped
@pytest.mark.parametrize("task", [forged(no_task), forged(another_of_ours)])
async def test_a_forged_callback_settles_nothing(
    emulate: Emulate, task: Callable[[World, AsyncClient], str]
):
    """The outcome stays unknown, and the true callback still settles it."""
    world = emulate(Rule("create", acts.LOST_REPLY, nth=2))
    async with world.client() as client:
        await world.call(client.submit, mug(1))
        error = await lose(world, client)
        client.called_back(task(world, client), f"{HOOK}-7")
        await asyncio.sleep(5.0)
        assert (None, 1) == (error.task_id, client.stats().unknown)
        client.called_back(world.charged[1], f"{HOOK}-7")
        await asyncio.sleep(5.0)
        assert world.charged[1] == error.task_id
        await world.call(client.wait, error.task_id)


@warped
async def test_a_forged_callback_hides_no_paid_task(emulate: Emulate):
    """It named another of the account's tasks first; both are kept, and said so."""
    world = emulate(Rule("create", acts.LOST_REPLY, nth=2))
    async with world.client() as another:
        await world.call(another.submit, mug(1))
    async with world.client() as client:
        await lose(world, client)
        client.called_back(world.charged[0], f"{HOOK}-7")
        await asyncio.sleep(1.0)
        assert client.called_back(world.charged[1], f"{HOOK}-7")
        await asyncio.sleep(1.0)
        assert world.charged == list(client.unclaimed)
        assert (0, 1) == (client.stats().unknown, client.stats().accepted)


@warped
async def test_a_flood_of_forged_callbacks_costs_three_looks_at_once(emulate: Emulate):
    """Whoever knows the URL of a lost create cannot crowd out the other requests."""
    world = emulate(Rule("create", acts.LOST_REPLY), Rule("task", acts.slow(5.0)))
    async with world.client() as client:
        await lose(world, client)
        for number in range(3000):
            client.called_back(f"forged-{number}", f"{HOOK}-7")
        await asyncio.sleep(4.0)
        assert 3 == len(world.times("GET"))


@warped
async def test_a_task_of_another_model_settles_nothing():
    """The look shows what it is."""
    wire = Scripted([lost()], [view("t-9", model="sora-2")])
    async with AsyncClient(transport=wire) as client:
        with pytest.raises(OutcomeUnknownError) as caught:
            await client.submit(mug(7), callback_url=HOOK)
        client.called_back("t-9", HOOK)
        await asyncio.sleep(1.0)
    assert caught.value.task_id is None


@warped
async def test_a_callback_that_overtakes_a_lost_answer_settles_it(emulate: Emulate):
    """It was answered 204, so it does not come again; the answer is given up later."""
    world = emulate(Rule("create", acts.HANGING), median=8.0)
    async with world.client() as client:
        losing = asyncio.ensure_future(lose(world, client))
        await asyncio.sleep(9.0)
        assert client.called_back(world.charged[0], f"{HOOK}-7")
        error = await losing
        await asyncio.sleep(1.0)
        assert world.charged == [error.task_id] == list(client.unclaimed)
        await world.call(client.wait, world.charged[0])


@warped
async def test_a_callback_that_overtakes_the_answer_hastens_the_first_look(
    emulate: Emulate,
):
    """The create took longer than its task."""
    world = emulate(Rule("create", acts.slow(12.0)), median=8.0)
    async with world.client(polling=RARELY) as client:
        begun = clock()
        buying = asyncio.ensure_future(
            world.call(client.generate, mug(7), callback_url=hook_of)
        )
        await asyncio.sleep(9.0)
        assert client.called_back(world.charged[0], f"{HOOK}-7")
        await buying
        assert clock() - begun < 14.0


@warped
@pytest.mark.parametrize(
    "look", [acts.BAD_GATEWAY, acts.DROPPED, acts.refuse("rate_limit_exceeded")]
)
async def test_a_look_that_breaks_leaves_no_outcome_unknown(
    emulate: Emulate, look: acts.Act
):
    """It is tried again: no other callback will come."""
    world = emulate(Rule("create", acts.LOST_REPLY), Rule("task", look, nth=1))
    async with world.client() as client:
        error = await lose(world, client)
        client.called_back(world.charged[0], f"{HOOK}-7")
        await asyncio.sleep(20.0)
        assert world.charged == [error.task_id]
        await world.call(client.wait, world.charged[0])


@warped
async def test_the_copies_of_a_callback_share_one_look(emulate: Emulate):
    """Five hundred of them, while the look is under way."""
    world = emulate(Rule("create", acts.LOST_REPLY), Rule("task", acts.slow(5.0)))
    async with world.client() as client:
        await lose(world, client)
        for _ in range(500):
            client.called_back(world.charged[0], f"{HOOK}-7")
            await asyncio.sleep(0.001)
        await asyncio.sleep(10.0)
        assert 1 == len(world.times("GET"))
        await world.call(client.wait, world.charged[0])


@warped
async def test_a_salvaged_id_is_settled_by_its_callback():
    """It could not be confirmed when it was salvaged."""
    cut = Exchange(True, 200, body=accepted("t-1").body[:-2], error=CUT)
    broken = [lost()] * 4
    wire = Scripted([cut], [*broken, view("t-1")])
    async with AsyncClient(transport=wire) as client:
        with pytest.raises(OutcomeUnknownError) as caught:
            await client.submit(mug(7), callback_url=hook_of)
        assert (1, 0) == (client.stats().unknown, client.stats().accepted)
        client.called_back("t-1", f"{HOOK}-7")
        await asyncio.sleep(5.0)
        assert (0, 1) == (client.stats().unknown, client.stats().accepted)
        assert ("t-1",) == client.unclaimed
    assert "t-1" == caught.value.task_id


@warped
@pytest.mark.parametrize("url", [HOOK, lambda _: HOOK], ids=["plain", "function"])
async def test_a_url_of_several_creates_settles_none(emulate: Emulate, url: Any):
    """Whose task it is nobody can tell; it may be another process's."""
    world = emulate(Rule("create", acts.LOST_REPLY))
    async with world.client() as client:
        errors = []
        for number in (1, 2):
            with pytest.raises(OutcomeUnknownError) as caught:
                await client.submit(mug(number), callback_url=url)
            errors.append(caught.value)
        for task_id in world.charged:
            assert not client.called_back(task_id, HOOK)
        await asyncio.sleep(5.0)
        assert [None, None] == [error.task_id for error in errors]
    assert not world.times("GET")


@warped
async def test_a_lost_outcome_keeps_no_caller_alive(emulate: Emulate):
    """What is kept for its callback holds no traceback, and with it no handler's data."""
    world = emulate(Rule("create", acts.LOST_REPLY))
    async with world.client() as client:
        error = ref(await lose(world, client))
        await asyncio.sleep(1.0)
        gc.collect()
        assert error() is None
        client.called_back(world.charged[0], f"{HOOK}-7")
        await asyncio.sleep(1.0)
        assert world.charged == list(client.unclaimed)
        await world.call(client.wait, world.charged[0])


@warped
async def test_a_callback_without_its_url_settles_nothing(emulate: Emulate):
    """Which of several unknown creates it was, only the URL tells."""
    world = emulate(Rule("create", acts.LOST_REPLY))
    async with world.client() as client:
        error = await lose(world, client)
        assert not client.called_back(world.charged[0])
        assert not client.called_back(world.charged[0], f"{HOOK}-8")
        await asyncio.sleep(1.0)
    assert error.task_id is None


@warped
async def test_each_request_of_a_run_has_a_url_of_its_own(emulate: Emulate):
    """So each of several unknown outcomes is settled by its own callback."""
    world = emulate(Rule("create", acts.LOST_REPLY, every=2))
    async with world.client() as client:
        outcomes = await world.collect(
            client.generate_many(mugs(6), callback_url=hook_of)
        )
        unknown = [
            one for one in outcomes if isinstance(one.error, OutcomeUnknownError)
        ]
        assert 3 == len(unknown)
        for outcome, task_id in zip(unknown, world.charged[1::2], strict=True):
            client.called_back(task_id, f"{HOOK}-{outcome.request.key}")
        await asyncio.sleep(1.0)
        assert world.charged[1::2] == [
            one.error.task_id for one in unknown if one.error
        ]
        for task_id in client.unclaimed:
            await world.call(client.wait, task_id)


@warped
async def test_a_function_that_gives_no_url_sends_nothing():
    """Its mistake is found before the request leaves."""
    wire = Scripted([accepted()])
    async with AsyncClient(transport=wire) as client:
        with pytest.raises(InvalidRequestError, match="callback_url"):
            await client.submit(mug(), callback_url=lambda _: "hooks/1")
        with pytest.raises(InvalidRequestError, match="callback_url"):
            await collect(client.generate_many(mugs(1), callback_url=lambda _: "x"))
        with pytest.raises(ZeroDivisionError):
            await client.generate(mug(), callback_url=lambda _: str(1 // 0))
    assert [] == wire.creates


@warped
async def test_the_url_of_a_request_is_what_is_sent(world: World):
    """A function is asked once for each request, however often it is sent."""
    asked: list[GenerationRequest] = []
    wire = Scripted([refused("rate_limit_exceeded"), accepted()], [view()])

    def url(request: GenerationRequest) -> str:
        asked.append(request)
        return hook_of(request)

    async with AsyncClient(transport=wire) as client:
        await client.submit(mug(3), callback_url=url)
    assert ["3"] == [request.key for request in asked]
    assert 2 == len(wire.creates)
    assert all(f"{HOOK}-3".encode() in (one.body or b"") for one in wire.creates)
