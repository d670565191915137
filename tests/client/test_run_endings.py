"""
How a run ends before its input does: a condition that concerns all, or a broken input.

Either way it stops reading, yields what is in flight, yields errors for what was read
and not sent, and then raises.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from aivideo_async import (
    AIVideoError,
    AuthenticationError,
    InsufficientCreditsError,
    NotSentError,
    Outcome,
    PermissionDeniedError,
    SpendLimitError,
)
from aivideo_async.emulator import Rule, acts
from aivideo_async.models import GenerationRequest
from tests.client.conftest import Emulate
from tests.client.world import World, mug, mugs
from tests.warp import warped

FATAL: dict[str, type[AIVideoError]] = {
    "spend_limit_exceeded": SpendLimitError,
    "insufficient_credits": InsufficientCreditsError,
    "invalid_api_key": AuthenticationError,
    "ip_not_allowed": PermissionDeniedError,
}
fatal = pytest.mark.parametrize("code", FATAL)


class BrokenInputError(Exception):
    """What an input fails with."""


async def read_to_the_end(
    world: World, run: AsyncIterator[Outcome]
) -> tuple[list[Outcome], BaseException | None]:
    """Collect the outcomes, and what the run raised in the end."""
    outcomes = []
    try:
        async for outcome in run:
            world.note(outcome)
            outcomes.append(outcome)
    except BaseException as error:
        return outcomes, error
    return outcomes, None


# --- what concerns all ------------------------------------------------------------


@warped
@fatal
async def test_what_concerns_all_stops_the_reading(emulate: Emulate, code: str):
    """Paid siblings are yielded as they complete; then the error is raised."""
    world = emulate(Rule("create", acts.refuse(code), nth=range(4, 999)))
    read = []

    def source() -> Iterator[GenerationRequest]:
        for request in mugs(1000):
            read.append(request)
            yield request

    async with world.client(max_in_flight=8, max_connections=1) as client:
        outcomes, error = await read_to_the_end(world, client.generate_many(source()))
    assert FATAL[code] is type(error)
    assert [0, 1, 2] == sorted(outcome.index for outcome in outcomes if outcome.ok)
    assert len(read) == len(outcomes) <= 9
    for outcome in outcomes:
        assert outcome.ok or FATAL[code] is type(outcome.error)
    assert 4 == len(world.times("POST"))


@warped
@fatal
async def test_what_is_in_flight_is_yielded_before_the_error(
    emulate: Emulate, code: str
):
    """However long it takes."""
    world = emulate(Rule("create", acts.refuse(code), nth=2), median=500.0)
    async with world.client(max_connections=1) as client:
        outcomes, error = await read_to_the_end(world, client.generate_many(mugs(2)))
    assert [1, 0] == [outcome.index for outcome in outcomes]
    assert outcomes[1].ok
    assert FATAL[code] is type(error)


@warped
@fatal
async def test_what_is_read_after_the_end_is_not_sent(emulate: Emulate, code: str):
    """An input that hands out one more row is too late: it is not bought."""
    world = emulate(Rule("create", acts.refuse(code), nth=2), median=60.0)

    async def source() -> AsyncIterator[GenerationRequest]:
        yield mug(0)
        yield mug(1)
        await asyncio.sleep(20)
        yield mug(2)
        await asyncio.sleep(20)
        yield mug(3)

    async with world.client() as client:
        outcomes, error = await read_to_the_end(world, client.generate_many(source()))
    assert FATAL[code] is type(error)
    assert 2 == len(world.times("POST"))
    assert {0, 1} <= {outcome.index for outcome in outcomes} <= {0, 1, 2}
    late = [outcome.error for outcome in outcomes if outcome.index == 2]
    assert all(isinstance(error, AIVideoError) for error in late)


@warped
async def test_an_input_that_waits_does_not_delay_the_end(emulate: Emulate):
    """It is cancelled where it waits for its next row."""
    world = emulate(Rule("create", acts.refuse("invalid_api_key")))
    left = []

    async def source() -> AsyncIterator[GenerationRequest]:
        try:
            yield mug(0)
            await asyncio.sleep(1e9)
        finally:
            left.append(asyncio.get_running_loop().time())

    async with world.client() as client:
        outcomes, error = await read_to_the_end(world, client.generate_many(source()))
        await asyncio.sleep(1)
    assert (1, AuthenticationError) == (len(outcomes), type(error))
    assert [0.0] == left


@warped
async def test_other_runs_hear_of_money_but_not_of_each_other(emulate: Emulate):
    """Two runs, one empty purse: each ends in its own order."""
    world = emulate(balance=12)
    async with world.client() as client, asyncio.TaskGroup() as group:
        ends = [
            group.create_task(
                read_to_the_end(world, client.generate_many(mugs(10, first)))
            )
            for first in (0, 100)
        ]
    assert 5 == len(world.charged)
    for end in ends:
        outcomes, error = end.result()
        assert InsufficientCreditsError is type(error)
        assert 10 == len(outcomes)
    assert 5 == sum(outcome.ok for end in ends for outcome in end.result()[0])


@warped
async def test_an_error_that_concerns_one_request_stops_nothing(emulate: Emulate):
    """400, 404 and 503 are no reason to stop."""
    world = emulate(
        Rule("create", acts.refuse("invalid_request"), nth=1),
        Rule("create", acts.refuse("model_not_found"), nth=2),
        Rule("create", acts.refuse("upstream_error"), nth=3),
    )
    async with world.client() as client:
        outcomes, error = await read_to_the_end(world, client.generate_many(mugs(9)))
    assert (9, None) == (len(outcomes), error)
    assert 6 == sum(outcome.ok for outcome in outcomes)


# --- a broken input ---------------------------------------------------------------


def breaking(count: int) -> Iterator[GenerationRequest]:
    """Break after that many requests."""
    yield from mugs(count)
    raise BrokenInputError


async def breaking_async(count: int) -> AsyncIterator[GenerationRequest]:
    """Break after that many requests, and a while."""
    for request in mugs(count):
        yield request
    await asyncio.sleep(0.5)
    raise BrokenInputError


@warped
@pytest.mark.parametrize("count", [0, 1, 3])
@pytest.mark.parametrize("kind", [breaking, breaking_async])
async def test_an_input_that_raises_ends_the_run_with_its_error(
    world: World, kind: Any, count: int
):
    """An outcome for each request that was read, then the input's own exception."""
    async with world.client() as client:
        outcomes, error = await read_to_the_end(
            world, client.generate_many(kind(count))
        )
        await asyncio.sleep(60)
        assert () == client.unclaimed
    assert BrokenInputError is type(error)
    assert list(range(count)) == sorted(outcome.index for outcome in outcomes)
    for outcome in outcomes:
        assert outcome.ok or isinstance(outcome.error, NotSentError)
    assert len(world.charged) == sum(outcome.ok for outcome in outcomes)


@warped
async def test_what_is_in_flight_when_the_input_breaks_is_yielded(world: World):
    """Tasks that run complete; what is queued is withdrawn."""
    async with world.client(max_in_flight=6, rate=4) as client:
        outcomes, error = await read_to_the_end(
            world, client.generate_many(breaking_async(5))
        )
    assert BrokenInputError is type(error)
    assert 5 == len(outcomes)
    assert len(world.charged) == sum(outcome.ok for outcome in outcomes) <= 3


@warped
async def test_an_input_that_is_cancelled_does_not_look_finished(world: World):
    """A feed that dies of a cancellation of its own is no end of the input."""

    async def source() -> AsyncIterator[GenerationRequest]:
        yield mug(0)
        feed = asyncio.ensure_future(asyncio.sleep(1e9))
        asyncio.get_running_loop().call_later(1, feed.cancel)
        await feed
        yield mug(1)

    async with world.client() as client:
        outcomes, error = await read_to_the_end(world, client.generate_many(source()))
    assert 1 == len(outcomes)
    assert error is not None


@warped
@pytest.mark.parametrize("thing", ["a mug", None, {"prompt": "a mug"}, 7])
async def test_what_is_no_request_ends_the_run_and_names_its_place(
    world: World, thing: Any
):
    """What was read before is yielded; the error says how to wrap it."""
    async with world.client() as client:
        outcomes, error = await read_to_the_end(
            world, client.generate_many([mug(0), mug(1), thing, mug(3)])
        )
    assert [0, 1] == sorted(outcome.index for outcome in outcomes)
    assert isinstance(error, TypeError | ValueError)
    assert "2" in str(error)
    assert "GptImage2" in str(error)
    assert str(mug(3).prompt) not in str(world.emulator.requests)


@warped
@pytest.mark.parametrize("thing", [7, None, object()], ids=["7", "None", "object"])
async def test_what_is_no_iterable_is_refused(world: World, thing: Any):
    """By the run, if not by the call."""
    async with world.client() as client:
        with pytest.raises((TypeError, ValueError)):
            await world.collect(client.generate_many(thing))


@warped
async def test_one_request_instead_of_many_is_refused(world: World):
    """It is not an input of one."""
    async with world.client() as client:
        with pytest.raises((TypeError, ValueError)):
            await world.collect(client.generate_many(mug()))  # type: ignore[arg-type]
    assert [] == world.emulator.requests


@warped
async def test_a_request_that_cannot_be_written_is_a_broken_input(world: World):
    """A class of the caller's own whose body raises."""

    class Odd(GenerationRequest):
        key = None
        model = "odd"
        endpoint = "/v1/images/generations"

        @property
        def input(self) -> dict[str, Any]:
            raise BrokenInputError

    async with world.client() as client:
        outcomes, error = await read_to_the_end(
            world, client.generate_many([mug(0), Odd()])
        )
    assert BrokenInputError is type(error)
    assert 0 in {outcome.index for outcome in outcomes}


# --- told to stop -----------------------------------------------------------------


def names(outcomes: list[Outcome]) -> list[str]:
    """Tell what each is: ``ok``, or the class of its error."""
    return ["ok" if one.ok else type(one.error).__name__ for one in outcomes]


@warped
async def test_a_run_that_is_told_to_stop_collects_what_it_bought(world: World):
    """What was read and not sent comes as `NotSentError`; nothing more is read."""
    until = asyncio.Event()
    outcomes = []
    async with world.client(max_in_flight=8) as client:
        async for outcome in client.generate_many(mugs(1000), until=until):
            world.note(outcome)
            outcomes.append(outcome)
            until.set()
    assert names(outcomes).count("ok") == len(world.charged)
    assert {"ok", "NotSentError"} >= set(names(outcomes))
    assert 32 > len(outcomes)


@warped
async def test_a_run_that_was_told_before_buys_nothing(world: World):
    """Not even what it has read already."""
    until = asyncio.Event()
    until.set()
    async with world.client() as client:
        run = client.generate_many(mugs(1000), until=until)
        outcomes, error = await read_to_the_end(world, run)
    assert error is None
    assert {"NotSentError"} >= set(names(outcomes))
    assert [] == world.emulator.requests


@warped
async def test_an_input_that_takes_its_time_does_not_hold_up_the_stop(world: World):
    """It is left where it is."""
    left = asyncio.Event()

    async def endless() -> AsyncIterator[GenerationRequest]:
        yield mug(0)
        try:
            await asyncio.Event().wait()
        finally:
            left.set()

    until = asyncio.Event()
    outcomes = []
    async with world.client() as client:
        async for outcome in client.generate_many(endless(), until=until):
            world.note(outcome)
            outcomes.append(outcome)
            until.set()
        assert ["ok"] == names(outcomes)
        async with asyncio.timeout(60):
            await left.wait()


@warped
async def test_what_the_rate_limit_holds_back_is_withdrawn_by_a_stop(emulate: Emulate):
    """It was refused, so it was not bought; it comes with the refusal or as not sent."""
    world = emulate(rate=0.1, burst=1)
    until = asyncio.Event()
    outcomes = []
    async with world.client(rate=None) as client:
        asyncio.get_running_loop().call_later(100, until.set)
        async for outcome in client.generate_many(mugs(50), until=until):
            world.note(outcome)
            outcomes.append(outcome)
    assert 50 == len(outcomes)
    assert names(outcomes).count("ok") == len(world.charged) < 50
    assert {"ok", "NotSentError"} == set(names(outcomes))
