"""The ceiling on credits: it counts what is in flight, and comes down for nobody."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest

from aivideo_async import (
    NO_RETRY,
    AIVideoError,
    AsyncClient,
    BudgetExceededError,
    ConfigurationError,
    GptImage2,
    NotSentError,
    OutcomeUnknownError,
    RateLimitError,
    RawRequest,
    TaskFailedError,
    UpstreamError,
    WaitTimeoutError,
)
from aivideo_async.emulator import Rule, acts
from aivideo_async.emulator.acts import Act
from aivideo_async.models.wire import Exchange
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
from tests.client.world import World, mug, mugs
from tests.warp import warped

PRICE = Decimal("2.4")


def committed(client: AsyncClient) -> Decimal:
    """Read what the client holds for spent."""
    return client.stats().committed


# --- the ceiling ------------------------------------------------------------------


@warped
async def test_a_request_beyond_the_ceiling_is_never_sent(world: World):
    """The error says so, and the earlier one is unharmed."""
    async with world.client(max_credits="4.7") as client:
        await world.call(client.submit, mug(0))
        with pytest.raises(BudgetExceededError, match="Nothing was sent"):
            await client.submit(mug(1))
    assert 1 == len(world.charged)


@warped
@pytest.mark.parametrize("verb", ["submit", "generate"])
async def test_64_at_once_never_pass_the_ceiling(emulate: Emulate, verb: str):
    """Whatever is in flight counts, however slow its answer; to a tenth of a credit."""
    world = emulate(Rule("create", acts.slow(30.0)))
    async with world.client(max_credits=PRICE * 10 + Decimal("2.3")) as client:

        async def buy(number: int) -> None:
            with suppress(BudgetExceededError):
                await world.call(getattr(client, verb), mug(number))

        async with asyncio.TaskGroup() as group:
            for number in range(64):
                group.create_task(buy(number))
    assert 10 == len(world.charged)


@warped
async def test_a_run_ends_in_order_at_the_ceiling(world: World):
    """All that fit are bought and handed out, the next is told why not; then it raises."""
    outcomes = []
    async with world.client(max_credits=PRICE * 3, max_in_flight=8) as client:
        with pytest.raises(BudgetExceededError):
            async for outcome in client.generate_many(mugs(100)):
                world.note(outcome)
                outcomes.append(outcome)
    assert 3 == sum(outcome.ok for outcome in outcomes)
    assert 3 == len(world.charged)
    (beyond,) = [outcome for outcome in outcomes if not outcome.ok]
    assert 3 == beyond.index
    assert isinstance(beyond.error, BudgetExceededError)


@warped
async def test_with_a_ceiling_what_has_no_price_is_refused(world: World):
    """A raw request needs a price, and a POST by hand can have none."""
    request = RawRequest("veo-3", endpoint="/v1/videos/generations", input={})
    async with world.client(max_credits=1000) as client:
        for call in (
            client.submit(request),
            client.request("POST", "/v1/images/generations", {}),
        ):
            with pytest.raises(BudgetExceededError, match="known price"):
                await call
    assert not world.emulator.requests


@warped
async def test_a_row_without_a_price_ends_no_run(world: World):
    """It is refused alone; those behind it have a price."""
    raw = RawRequest("veo-3", endpoint="/v1/videos/generations", input={})
    async with world.client(max_credits=100) as client:
        outcomes = await world.collect(client.generate_many([mug(0), raw, mug(1)]))
    ends = {outcome.index: outcome.ok for outcome in outcomes}
    assert {0: True, 1: False, 2: True} == ends


@warped
async def test_own_prices_count_against_the_ceiling(world: World):
    """The dated table would let two pass."""
    async with world.client(
        max_credits=5, prices={"gpt-image-2": {"1k": "4.7"}}
    ) as client:
        await world.call(client.submit, mug(0))
        assert Decimal("4.7") == committed(client)
        with pytest.raises(BudgetExceededError):
            await client.submit(mug(1))


@pytest.mark.parametrize("value", [-1, "much", True, float("nan"), [], b"5"])
def test_an_odd_ceiling_is_refused_when_the_client_is_made(value: Any):
    """The text names the option."""
    with pytest.raises(ConfigurationError, match="max_credits"):
        AsyncClient("sk-key", max_credits=value)


# --- what comes back, and what does not -------------------------------------------


async def after(
    create: Exchange,
    look: Exchange = view("t-1"),  # noqa: B008  (frozen)
    *,
    then: Callable[[AsyncClient], Any] | None = None,
) -> tuple[Decimal, BaseException | None]:
    """Generate once on a wire that answers so; return what stays committed, and why."""
    wire = Scripted([create], [look])
    async with AsyncClient(transport=wire, max_credits=5) as client:
        error = None
        try:
            await client.generate(mug(), timeout=60.0)
        except AIVideoError as caught:
            error = caught
        if then is not None:
            await then(client)
        return committed(client), error


@warped
@pytest.mark.parametrize(
    ("create", "error"),
    [
        pytest.param(not_sent(), NotSentError, id="not-sent"),
        pytest.param(refused("invalid_request"), ValueError, id="invalid"),
        pytest.param(refused("insufficient_credits"), AIVideoError, id="no-credits"),
        pytest.param(refused("upstream_error"), UpstreamError, id="upstream"),
    ],
)
async def test_what_cost_nothing_comes_back(
    create: Exchange, error: type[BaseException]
):
    """Not sent, rejected, or documented as refunded."""
    held, raised = await after(create)
    assert Decimal(0) == held
    assert isinstance(raised, error)


@warped
async def test_a_failed_task_comes_back():
    """It was seen to fail, and the service refunds it."""
    held, raised = await after(accepted(), view(status="failed"))
    assert Decimal(0) == held
    assert isinstance(raised, TaskFailedError)


@warped
@pytest.mark.parametrize(
    ("create", "look", "error"),
    [
        pytest.param(accepted(), view(), type(None), id="completed"),
        pytest.param(lost(), view(), OutcomeUnknownError, id="unknown"),
        pytest.param(answer({}, 500), view(), OutcomeUnknownError, id="500"),
        pytest.param(
            accepted(), view(status="processing"), WaitTimeoutError, id="timeout"
        ),
        pytest.param(
            accepted(), view(model="sora-2"), OutcomeUnknownError, id="foreign"
        ),
        pytest.param(accepted(), refused("task_not_found"), AIVideoError, id="gone"),
    ],
)
async def test_what_may_have_been_charged_stays(
    create: Exchange, look: Exchange, error: type[BaseException]
):
    """Completed, unknown, or given up while it runs."""
    held, raised = await after(create, look)
    assert PRICE == held
    assert isinstance(raised, error)


@warped
@pytest.mark.parametrize("verb", ["wait", "get_task"])
async def test_a_bare_submit_comes_back_once_it_is_seen_to_fail(
    emulate: Emulate, verb: str
):
    """By whichever verb somebody looks."""
    world = emulate(failure_share=1.0)
    async with world.client() as client:
        task = await world.call(client.submit, mug())
        assert PRICE == committed(client)
        await asyncio.sleep(20.0)
        with suppress(TaskFailedError):
            await getattr(client, verb)(task.id)
        assert Decimal(0) == committed(client)


@warped
async def test_a_foreign_task_gives_back_nothing_of_ours():
    """It fails and is refunded, to whoever bought it."""
    wire = Scripted(
        [accepted("t-9")],
        [view("t-9", model="sora-2"), view("t-9", "failed", model="sora-2")],
    )
    async with AsyncClient(transport=wire, max_credits=PRICE) as client:
        with pytest.raises(OutcomeUnknownError) as caught:
            await client.generate(mug())
        assert (1, 0) == (client.stats().unknown, client.stats().accepted)
        await client.get_task("t-9")
        assert PRICE == committed(client)
    assert caught.value.task_id is None, "it would lead to another's task"


@warped
async def test_refusals_by_the_rate_limit_change_nothing(emulate: Emulate):
    """A create that goes back into the queue is reserved for once."""
    world = emulate(Rule("create", acts.refuse("rate_limit_exceeded"), times=3))
    async with world.client(max_credits=PRICE) as client:
        await world.call(client.generate, mug())
        assert PRICE == committed(client)


@warped
async def test_a_create_withdrawn_from_the_queue_comes_back():
    """By cancelling its caller, by its deadline, and when the client closes."""
    wire = Scripted([accepted()])
    client = AsyncClient(transport=wire, rate=0.001, max_credits=100)
    async with client:
        await client.submit(mug(0))
        cancelled = asyncio.ensure_future(client.submit(mug(1)))
        await asyncio.sleep(1.0)
        assert PRICE * 2 == committed(client)
        cancelled.cancel()
        with pytest.raises(WaitTimeoutError):
            await client.generate(mug(2), timeout=5.0)
        waiting = asyncio.ensure_future(client.submit(mug(3)))
        await asyncio.sleep(1.0)
        assert PRICE * 2 == committed(client)
    with pytest.raises(NotSentError):
        await waiting
    assert PRICE == committed(client)


@warped
async def test_a_create_cut_off_by_a_forced_close_stays(emulate: Emulate):
    """Nobody knows whether it was charged."""
    world = emulate(Rule("create", acts.HANGING))
    client = world.client(max_credits=100)

    async def buy() -> None:
        async with client:
            await client.submit(mug())

    task = asyncio.ensure_future(buy())
    await asyncio.sleep(1.0)
    task.cancel()
    await asyncio.sleep(1.0)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert PRICE == committed(client)


# --- drift ------------------------------------------------------------------------


async def drifted(world: World, **options: Any) -> list[str]:
    """Read the credits, buy three, read them again; return what was warned of."""
    async with world.client(**options) as client:
        await client.credits()
        async for outcome in client.generate_many(mugs(3)):
            world.note(outcome)
        await client.credits()
    return world.logged("price table")


@warped
async def test_a_balance_that_falls_as_expected_warns_of_nothing(world: World):
    """The emulator charges by the same table."""
    assert [] == await drifted(world)


@warped
async def test_a_balance_that_falls_faster_is_warned_of(world: World):
    """With both figures, and both possible reasons."""
    cheap = {"gpt-image-2": {"1k": 1}}
    (warning,) = await drifted(world, prices=cheap)
    for word in ("7.2 credits", "explains 3 at most", "prices=", "elsewhere"):
        assert word in warning


@warped
async def test_refunds_warn_of_nothing(emulate: Emulate):
    """Every other task fails and comes back."""
    doomed = Rule("create", Act(works=True, dooms=True), every=2)
    assert [] == await drifted(emulate(doomed))


@warped
async def test_a_lost_create_that_was_charged_warns_of_nothing(emulate: Emulate):
    """It may have been charged, so its charge is explained."""
    world = emulate(Rule("create", acts.LOST_REPLY, nth=2))
    assert [] == await drifted(world)


@warped
async def test_a_refused_create_explains_nothing(emulate: Emulate):
    """It was not charged, so the balance has no reason to fall for it."""
    rejected = Rule("create", acts.refuse("invalid_request"), nth=(2, 3))
    world = emulate(rejected)
    cheap = {"gpt-image-2": {"1k": 1}}
    (warning,) = await drifted(world, prices=cheap)
    assert "2.4 credits are gone" in warning
    assert "explains 1 at most" in warning


# --- asking the service -----------------------------------------------------------


@warped
@pytest.mark.parametrize(
    ("reply", "credits"),
    [
        ({"code": 200, "data": {"credits": 2.4}}, "2.4"),
        ({"credits": "2.4"}, "2.4"),
        ({"data": {"estimated_credits": 48}}, "48"),
        ({"data": 7.2}, "7.2"),
        (4.8, "4.8"),
        ({"data": {"price": "cheap"}}, None),
        ({"data": None}, None),
        ([], None),
    ],
)
async def test_an_estimate_reads_whatever_comes(reply: Any, credits: str | None):
    """The shape is not documented; what came is there too."""
    async with AsyncClient(transport=Scripted([answer(reply)])) as client:
        estimate = await client.estimate(GptImage2("a mug"))
        assert 0 == client.stats().creates_sent
    assert (None if credits is None else Decimal(credits)) == estimate.credits
    assert reply == estimate.raw


@warped
async def test_a_cancelled_estimate_holds_nobody_up():
    """Not even if it was the one that probes whether the rate limit has cleared."""
    limited = [refused("rate_limit_exceeded")]
    wire = Scripted([answer({}), accepted()], limited, latency=5.0)
    async with AsyncClient(transport=wire, retry=NO_RETRY) as client:
        with pytest.raises(RateLimitError):
            await client.get_task("t-1")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(3.0):
                await client.estimate(mug())
        assert "/v1/estimate" == wire.creates[0].path
        async with asyncio.timeout(60.0):
            assert "t-1" == (await client.submit(mug())).id


@warped
async def test_an_estimate_is_asked_again_and_buys_nothing():
    """It is free, so a broken answer is no unknown outcome, and no ceiling counts it."""
    wire = Scripted([lost(), answer({"data": {"credits": 2.4}})])
    async with AsyncClient(transport=wire, max_credits=0) as client:
        assert PRICE == (await client.estimate(mug())).credits
    assert ["/v1/estimate"] * 2 == [create.path for create in wire.creates]
