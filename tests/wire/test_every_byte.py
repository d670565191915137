"""Requests and answers cut at every single byte: no verdict is unsound."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from aivideo_async import (
    APIError,
    AsyncClient,
    GptImage2,
    NotSentError,
    OutcomeUnknownError,
    Task,
    Timeouts,
)
from tests.wire.answers import accepted, chunked, http, refusal
from tests.wire.clients import Result, outcome_of, quick_client, serving
from tests.wire.conftest import Certificates
from tests.wire.fault_server import FaultServer, Line, Script, fault_server
from tests.wire.scripts import Ending, Speech

ENDINGS = [
    pytest.param(Line.close, id="close"),
    pytest.param(Line.reset, id="reset"),
]
TRANSPORTS = [pytest.param(False, id="plain"), pytest.param(True, id="TLS")]
PROMPT = "cut {:04}"
CALM = Timeouts(connect=5, read=5, total=10)
"""Nothing hangs here, and many creates at once take their time."""


def assert_sound(result: Result, prompt: str, server: FaultServer) -> None:
    """Check one of many verdicts against what the server charged for that prompt."""
    paid = [i for i, body in server.charged.items() if prompt.encode() in body]
    match result:
        case Task():
            assert [result.id] == paid
        case NotSentError() | APIError():
            assert not paid
        case _:
            assert isinstance(result, OutcomeUnknownError)


def client_for(server: FaultServer, certificates: Certificates) -> AsyncClient:
    """Make a client that is not in a hurry."""
    return quick_client(server.origin, certificates.trusting, timeouts=CALM)


async def submit_all(
    client: AsyncClient, server: FaultServer, count: int, step: int
) -> list[Result]:
    """Submit one create for each offset, many at once, and judge every verdict."""
    prompts = [PROMPT.format(offset) for offset in range(0, count, step)]
    offsets = iter(prompts)
    results: dict[str, Result] = {}

    async def lane() -> None:
        for prompt in offsets:
            results[prompt] = await outcome_of(client, GptImage2(prompt))

    async with asyncio.TaskGroup() as lanes:
        for _ in range(64):
            lanes.create_task(lane())
    for prompt, result in results.items():
        assert_sound(result, prompt, server)
    assert len(prompts) == len(results)
    assert server.posts <= len(prompts)
    return list(results.values())


async def length_of_a_request() -> int:
    """Measure how many bytes a create of ours has."""
    async with serving() as (server, client):
        await client.submit(GptImage2(PROMPT.format(0)))
    return server.bytes_seen


def cut_requests(end: Ending, length: int, step: int) -> Iterator[Script]:
    """Make scripts that read 0, 1, 2 … bytes of a request, then end."""
    for count in range(0, length, step):

        async def script(line: Line, count: int = count) -> None:
            await line.read(count)
            await end(line)

        yield script


@pytest.mark.parametrize("tls", TRANSPORTS)
@pytest.mark.parametrize("end", ENDINGS)
async def test_requests_cut_at_every_byte(
    end: Ending, tls: bool, certificates: Certificates
):
    """Not a byte of an answer: not one verdict that pretends to know."""
    step = 7 if tls else 1
    length = await length_of_a_request()
    scripts = cut_requests(end, length, step)
    async with fault_server(*scripts, tls=certificates.good if tls else None) as server:
        async with client_for(server, certificates) as client:
            results = await submit_all(client, server, length, step)
        async with asyncio.timeout(2):
            await server.all_closed()
    allowed = (OutcomeUnknownError, NotSentError)
    assert all(isinstance(result, allowed) for result in results)
    assert {} == server.charged


def cut_answers(say: Speech, end: Ending, *, charged: bool) -> Script:
    """Make the script that cuts an answer at the byte that the prompt names."""

    async def script(line: Line) -> None:
        received = await line.request()
        if received.method == "GET":
            await line.send(line.server.look(received.path.rpartition("/")[2]))
        else:
            offset = int(received.prompt.split()[1])
            said = say(line.charge(received) if charged else "never-charged")
            await line.send(said[:offset])
            await end(line)

    return script


def in_chunks(body: bytes) -> bytes:
    """Return an answer in chunks of 9 bytes."""
    return chunked(200, [body[at : at + 9] for at in range(0, len(body), 9)])


GOOD_ANSWERS: dict[str, Speech] = {
    "length": lambda i: http(200, accepted(i)),
    "chunked": lambda i: in_chunks(accepted(i)),
    "until closed": lambda i: http(200, accepted(i), length=None),
    "old": lambda i: http(200, accepted(i), version="HTTP/1.0", length=None),
}


@pytest.mark.parametrize("tls", TRANSPORTS)
@pytest.mark.parametrize("end", ENDINGS)
@pytest.mark.parametrize("say", GOOD_ANSWERS.values(), ids=GOOD_ANSWERS)
async def test_answers_cut_at_every_byte(
    say: Speech, end: Ending, tls: bool, certificates: Certificates
):
    """The id once it is there in full, else unknown; and every id was looked at."""
    step, length = 2 if tls else 1, len(say("task-0001"))
    async with fault_server(
        tls=certificates.good if tls else None,
        beyond=cut_answers(say, end, charged=True),
    ) as server:
        async with client_for(server, certificates) as client:
            results = await submit_all(client, server, length, step)
        async with asyncio.timeout(2):
            await server.all_closed()
    tasks = [result for result in results if isinstance(result, Task)]
    unknown = [result for result in results if isinstance(result, OutcomeUnknownError)]
    looks = [r.path for r in server.requests if r.method == "GET"]
    assert len(results) == len(tasks) + len(unknown)
    assert {f"/v1/tasks/{task.id}" for task in tasks} <= set(looks)
    assert tasks


REFUSALS: dict[str, bytes] = {
    "400": http(400, refusal("invalid_request", "invalid_request_error")),
    "429": http(429, refusal("spend_limit_exceeded", "billing_error")),
    "503": http(503, refusal("upstream_error", "upstream_error")),
}


@pytest.mark.parametrize("end", ENDINGS)
@pytest.mark.parametrize("said", REFUSALS.values(), ids=REFUSALS)
async def test_refusals_cut_at_every_byte(said: bytes, end: Ending):
    """Half a refusal never becomes a task, nor is it sent again."""
    script = cut_answers(lambda _: said, end, charged=False)
    async with fault_server(beyond=script) as server, asyncio.TaskGroup() as clients:
        for offset in range(len(said)):
            clients.create_task(refused(server, offset))
    assert server.posts == len(said)


async def refused(server: FaultServer, offset: int) -> None:
    """Be refused with a client of its own: a spend limit stops the whole client."""
    async with quick_client(server.origin, timeouts=CALM) as client:
        result = await outcome_of(client, GptImage2(PROMPT.format(offset)))
    assert isinstance(result, APIError | OutcomeUnknownError)
