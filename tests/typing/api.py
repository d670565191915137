"""The types that a user's editor shows; a wrong one fails `make check`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import assert_type

from aivideo_async import (
    AIVideoError,
    AsyncClient,
    Backoff,
    Credits,
    DownloadProgress,
    Estimate,
    Evidence,
    GenerationRequest,
    GptImage2,
    LearnedPolling,
    LocalThrottle,
    Outcome,
    OutcomeUnknownError,
    Output,
    RateLimitError,
    RawRequest,
    RetryPolicy,
    SpendLimitError,
    Task,
    TaskFailedError,
    TaskFailure,
    TaskStatus,
    Timeouts,
    WaitTimeoutError,
)
from aivideo_async.emulator import Emulator

REQUEST = GptImage2("a red mug", aspect_ratio="1:1", resolution="2k", key="mug-1")


def requests() -> None:
    """Both kinds of request are requests, with a price and a label of one's own."""
    raw = RawRequest("m", endpoint="/v1/x", input={"seed": 1}, price=Decimal("2.5"))
    several: list[GenerationRequest] = [REQUEST, raw]
    for request in several:
        assert_type(request.model, str)
        assert_type(request.price, Decimal | None)
        assert_type(request.key, str | None)


def tasks(task: Task) -> None:
    """A task tells what is known so far."""
    assert_type(task.id, str)
    assert_type(task.status, TaskStatus)
    assert_type(task.created_at, datetime | None)
    assert_type(task.error, TaskFailure | None)
    assert_type(task.output, Output)
    assert_type(task.output.urls, tuple[str, ...])


def outcomes(outcome: Outcome) -> None:
    """An outcome holds a task or says why not."""
    assert_type(outcome.ok, bool)
    assert_type(outcome.index, int)
    assert_type(outcome.request, GenerationRequest)
    assert_type(outcome.task, Task | None)
    assert_type(outcome.error, AIVideoError | None)
    assert_type(outcome.unwrap(), Task)


async def verbs(client: AsyncClient) -> None:
    """Each verb takes what its signature names and returns plain data."""
    assert_type(await client.generate(REQUEST, timeout=None), Task)
    task = assert_type(await client.submit(REQUEST, callback_url="https://h/x"), Task)
    assert_type(await client.wait(task), Task)
    assert_type(await client.wait(task.id, timeout=60), Task)
    assert_type(await client.get_task(task.id), Task)
    assert_type(await client.credits(), Credits)
    assert_type(await client.download(task, "out"), list[Path])
    assert_type(await client.download(task, Path("out")), list[Path])
    assert_type(await client.estimate(REQUEST), Estimate)
    assert_type(client.called_back(task.id, "https://h/x"), bool)
    async for seen in client.watch(task, until=asyncio.Event()):
        assert_type(seen, Task)
    await client.submit(REQUEST, callback_url=lambda request: f"https://{request.key}")

    def show(progress: DownloadProgress) -> None:
        assert_type(progress.received, int)
        assert_type(progress.total, int | None)

    await client.download(task, "out", on_progress=show)


async def many(client: AsyncClient, later: AsyncIterator[GptImage2]) -> None:
    """`generate_many` reads any iterable or async iterable."""
    async for outcome in client.generate_many([REQUEST], max_in_flight=8):
        assert_type(outcome, Outcome)
    async for outcome in client.generate_many(GptImage2(p) for p in ("a", "b")):
        assert_type(outcome, Outcome)
    async for outcome in client.generate_many(later):
        assert_type(outcome, Outcome)


async def options() -> None:
    """Every option has a value of its own; the client is a context manager."""
    async with AsyncClient(
        "sk-key",
        max_in_flight=16,
        rate=None,
        polling=Backoff(initial=0.5),
        retry=RetryPolicy(patience=None),
        timeouts=Timeouts(connect=5.0),
        throttle=LocalThrottle(rate=5.0),
        max_credits="24.5",
        prices={"gpt-image-2": {"1k": 4.7, "2k": Decimal("9.4")}, "suno-v5": 24},
    ) as client:
        assert_type(client, AsyncClient)
    await AsyncClient("sk-key", polling=LearnedPolling(poll_cost=1)).aclose()


async def emulated() -> None:
    """The emulator gives a client of its own."""
    async with Emulator(speed=200) as emulator, emulator.client() as client:
        assert_type(emulator.url, str)
        assert_type(emulator.api_key, str)
        assert_type(client, AsyncClient)


async def failures(client: AsyncClient) -> None:
    """An error carries its evidence with the right type."""
    try:
        await client.generate(REQUEST)
    except OutcomeUnknownError as error:
        assert_type(error.evidence, Evidence)
    except TaskFailedError as error:
        assert_type(error.task, Task)
    except RateLimitError as error:
        assert_type(error.retry_after, float | None)
    except SpendLimitError as error:
        assert_type(error.retry_at, datetime | None)
    except WaitTimeoutError as error:
        assert_type(error.task_id, str | None)
