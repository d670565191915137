"""What is sent again, how often and when; and what never is."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from aivideo_async import (
    NO_RETRY,
    AIVideoError,
    AsyncClient,
    NotSentError,
    OutcomeUnknownError,
    RetryPolicy,
    UpstreamError,
)
from aivideo_async.emulator import Rule, acts
from aivideo_async.models.wire import Exchange, Fault, FaultKind
from tests.client.conftest import Emulate
from tests.client.scripted import (
    Scripted,
    accepted,
    answer,
    lost,
    not_sent,
    refused,
    view,
)
from tests.client.world import mug, mugs
from tests.warp import warped

LIMIT = "rate_limit_exceeded"
EAGER = RetryPolicy(
    patience=None, not_sent_attempts=99, upstream_attempts=99, get_attempts=99
)


def clock() -> float:
    """Read the loop's clock."""
    return asyncio.get_running_loop().time()


# --- not sent ---------------------------------------------------------------------


@warped
@pytest.mark.parametrize("attempts", [1, 2, 4, 7])
async def test_what_never_left_is_tried_not_sent_attempts_times(attempts: int):
    """Then `NotSentError`: nothing was charged."""
    wire = Scripted([not_sent()])
    retry = RetryPolicy(not_sent_attempts=attempts)
    async with AsyncClient(transport=wire, retry=retry) as client:
        with pytest.raises(NotSentError):
            await client.submit(mug())
    assert attempts == len(wire.creates)


@warped
async def test_four_attempts_are_the_default_with_growing_pauses():
    """Up to a quarter, a half, a second apart."""
    wire = Scripted([not_sent(), not_sent(), not_sent(), accepted()])
    async with AsyncClient(transport=wire) as client:
        assert "t-1" == (await client.submit(mug())).id
    pauses = [b - a for a, b in itertools.pairwise(wire.times)]
    assert [True] * 3 == [
        most / 2 <= pause <= most + 0.02
        for pause, most in zip(pauses, (0.25, 0.5, 1.0), strict=True)
    ]


@warped
async def test_a_refused_certificate_is_not_tried_again():
    """Trying again does not mend it."""
    wire = Scripted([not_sent(FaultKind.CERTIFICATE)])
    async with AsyncClient(transport=wire, retry=EAGER) as client:
        with pytest.raises(NotSentError, match="certificate"):
            await client.submit(mug())
    assert 1 == len(wire.creates)


@warped
async def test_an_unclean_connection_costs_no_attempt():
    """Nothing was written to it: the next one is taken at once."""
    dirty = [not_sent(FaultKind.UNCLEAN)] * 9
    wire = Scripted([*dirty, accepted()])
    async with AsyncClient(transport=wire, retry=NO_RETRY) as client:
        assert "t-1" == (await client.submit(mug())).id


@warped
async def test_refusals_do_not_use_up_the_attempts_of_what_never_left():
    """Each kind of failure has its own count."""
    limit = refused(LIMIT)
    wire = Scripted([not_sent(), limit, limit, not_sent(), limit, accepted()])
    retry = RetryPolicy(not_sent_attempts=3)
    async with AsyncClient(transport=wire, retry=retry) as client:
        assert "t-1" == (await client.submit(mug())).id


# --- unknown ----------------------------------------------------------------------

CUT = Fault(FaultKind.BROKEN, "connection lost")
UNKNOWN: dict[str, Exchange] = {
    "no answer": lost(),
    "timeout": lost(FaultKind.TIMEOUT),
    "cancelled": lost(FaultKind.CANCELLED),
    "too large": Exchange(True, 200, body=b"{", error=Fault(FaultKind.TOO_LARGE)),
    "half an answer": Exchange(True, 200, body=b'{"code":200,"da', error=CUT),
    "html": Exchange(True, 200, body=b"<html>"),
    "empty": Exchange(True, 200),
    "no id": answer({"code": 200, "data": {}}),
    "id of a wrong type": answer({"code": 200, "data": {"taskId": 7}}),
    "code 500": answer({"code": 500, "data": None}),
    "redirect": Exchange(True, 302, {"location": "https://elsewhere.test/"}),
    "408": answer({}, 408),
    "409": answer({}, 409),
    "internal error": refused("internal_error"),
    "502 html": Exchange(True, 502, body=b"<html>"),
    "503 html": Exchange(True, 503, body=b"<html>"),
    "504": Exchange(True, 504),
}


@warped
@pytest.mark.parametrize("exchange", UNKNOWN.values(), ids=UNKNOWN)
async def test_an_unknown_outcome_is_never_sent_again(exchange: Exchange):
    """Whatever the policy: one POST, an error with its evidence, a line in the log."""
    wire = Scripted([exchange])
    async with AsyncClient(transport=wire, retry=EAGER) as client:
        with pytest.raises(OutcomeUnknownError) as caught:
            await client.generate(mug())
        assert 1 == client.stats().unknown
    assert 1 == len(wire.creates)
    assert exchange.status == caught.value.evidence.status
    assert caught.value.evidence.reason


@warped
async def test_an_unknown_outcome_is_logged_with_the_caller_s_own_key(emulate: Emulate):
    """So that it can be found again in the sheet it came from."""
    world = emulate(Rule("create", acts.LOST_REPLY))
    async with world.client() as client:
        with pytest.raises(OutcomeUnknownError):
            await world.call(client.submit, mug(4711))
    (line,) = world.logged("its outcome is unknown")
    assert "4711" in line


@warped
async def test_one_unknown_outcome_in_a_run_is_one_outcome(emulate: Emulate):
    """Its siblings go on; it is not bought again."""
    world = emulate(Rule("create", acts.LOST_REPLY, nth=3))
    async with world.client(retry=EAGER) as client:
        outcomes = await world.collect(client.generate_many(mugs(6)))
    (odd,) = [outcome for outcome in outcomes if not outcome.ok]
    assert OutcomeUnknownError is type(odd.error)
    assert odd.task is None
    assert (6, 6) == (len(outcomes), len(world.times("POST")))


# --- 503 --------------------------------------------------------------------------


@warped
@pytest.mark.parametrize("attempts", [1, 2, 5])
async def test_an_upstream_error_is_bought_again_only_on_the_caller_s_word(
    emulate: Emulate, attempts: int
):
    """`upstream_attempts` in all, two to ten seconds apart."""
    world = emulate(Rule("create", acts.refuse("upstream_error")))
    retry = RetryPolicy(upstream_attempts=attempts)
    async with world.client(retry=retry) as client:
        with pytest.raises(UpstreamError):
            await world.call(client.submit, mug())
    times = world.times("POST")
    assert attempts == len(times)
    assert all(2 <= b - a <= 10.02 for a, b in itertools.pairwise(times))


@warped
async def test_an_upstream_error_that_passes_is_forgotten(emulate: Emulate):
    """The second purchase is the one that is paid."""
    world = emulate(Rule("create", acts.refuse("upstream_error"), nth=1))
    async with world.client(retry=RetryPolicy(upstream_attempts=2)) as client:
        await world.call(client.generate, mug())
    assert 1 == len(world.charged)


@warped
async def test_what_never_left_does_not_use_up_the_upstream_attempts():
    """Two attempts at the provider are two, also after one that was not sent."""
    wire = Scripted([not_sent(), refused("upstream_error"), accepted()])
    retry = RetryPolicy(upstream_attempts=2)
    async with AsyncClient(transport=wire, retry=retry) as client:
        assert "t-1" == (await client.submit(mug())).id


# --- the transport ----------------------------------------------------------------


class Bursting(Scripted):
    """A wire that breaks its promise and raises."""

    async def exchange(self, request: object) -> Exchange:
        """Raise."""
        self.times.append(clock())
        raise RuntimeError("not as promised")


@warped
async def test_a_transport_that_raises_leaves_an_unknown_outcome():
    """What it sent is anybody's guess: no hang, no second create."""
    wire = Bursting()
    async with AsyncClient(transport=wire, retry=EAGER) as client:
        with pytest.raises(OutcomeUnknownError):
            await client.submit(mug())
        assert 1 == len(wire.times)


@warped
async def test_a_transport_that_raises_on_a_look_is_an_error_of_the_look():
    """It costs nothing, so it is tried again and then raised."""
    wire = Bursting()
    async with AsyncClient(transport=wire) as client:
        with pytest.raises(AIVideoError):
            await client.credits()
    assert 4 == len(wire.times)


@warped
async def test_no_retry_tries_everything_once():
    """One look, one create, no patience."""
    wire = Scripted([not_sent()], [lost()])
    async with AsyncClient(transport=wire, retry=NO_RETRY) as client:
        with pytest.raises(NotSentError):
            await client.submit(mug())
        with pytest.raises(AIVideoError):
            await client.get_task("t-1")
    assert (1, 1) == (len(wire.creates), len(wire.looks))


@warped
@pytest.mark.parametrize("attempts", [1, 3, 6])
async def test_get_attempts_counts_all_attempts_of_a_look(attempts: int):
    """A broken look is tried that often in all."""
    wire = Scripted(looks=[view(status="odd"), lost()])
    retry = RetryPolicy(get_attempts=attempts)
    async with AsyncClient(transport=wire, retry=retry) as client:
        await client.get_task("t-1")
        with pytest.raises(AIVideoError):
            await client.get_task("t-1")
    assert 1 + attempts == len(wire.looks)
