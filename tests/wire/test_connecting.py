"""What breaks before the first byte is not sent, and said to be so."""

from __future__ import annotations

import asyncio
import socket
import ssl
from typing import Any

import pytest
from aiohttp import ClientRequest, ClientResponse

from aivideo_async import GptImage2, NotSentError, OutcomeUnknownError, RetryPolicy
from tests.wire.clients import outcome_of, quick_client
from tests.wire.conftest import Certificates
from tests.wire.fault_server import FaultServer, Line, Script, fault_server
from tests.wire.scripts import Ending, say, secured, straight
from tests.wire.secrecy import KEY, visible

ALERT = b"\x15\x03\x03\x00\x02\x02\x28"
"""TLS for: I do not like you."""
PATIENT = RetryPolicy()


def https(server: FaultServer) -> str:
    """Return the origin of a plain server, called as if it spoke TLS."""
    return server.origin.replace("http:", "https:")


def assert_not_sent(result: object) -> None:
    """Check that it is `NotSentError`, without the key."""
    assert isinstance(result, NotSentError), visible(result)
    assert KEY not in visible(result)


async def test_a_refused_connection(unused_tcp_port: int):
    """Nobody listens: not sent."""
    async with quick_client(f"http://127.0.0.1:{unused_tcp_port}") as client:
        assert_not_sent(await outcome_of(client))


async def test_a_connection_that_is_never_accepted():
    """The connect timeout fires: not sent."""
    with socket.socket() as full, socket.socket() as first, socket.socket() as second:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for other in (first, second):
            other.setblocking(False)
            other.connect_ex(full.getsockname())
        port = full.getsockname()[1]
        async with quick_client(f"http://127.0.0.1:{port}") as client:
            assert_not_sent(await outcome_of(client))


async def test_a_name_that_does_not_resolve(monkeypatch: pytest.MonkeyPatch):
    """DNS says no: not sent."""

    def unknown(*args: Any, **kwargs: Any) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    async with quick_client("https://api.example") as client:
        assert_not_sent(await outcome_of(client))


async def test_a_name_that_never_resolves(monkeypatch: pytest.MonkeyPatch):
    """The total timeout fires before anything was sent: not sent."""

    async def for_ever(*args: Any, **kwargs: Any) -> None:
        await asyncio.get_running_loop().create_future()

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", for_ever)
    async with quick_client("https://api.example") as client:
        assert_not_sent(await outcome_of(client))


@pytest.mark.parametrize("which", ["strange", "expired", "elsewhere"])
async def test_a_certificate_that_is_refused(which: str, certificates: Certificates):
    """Not sent, and not tried again: trying again would not mend it."""
    shown = secured(getattr(certificates, which))
    async with (
        fault_server(beyond=shown) as server,
        quick_client(https(server), certificates.trusting, retry=PATIENT) as client,
    ):
        result = await outcome_of(client)
    assert_not_sent(result)
    assert "certificate" in str(result)
    assert 1 == server.connections
    assert 0 == server.posts


async def test_the_systems_certificates_do_not_know_ours(certificates: Certificates):
    """Without a context of its own, the client trusts the system's alone."""
    async with (
        fault_server(tls=certificates.good) as server,
        quick_client(server.origin) as client,
    ):
        assert_not_sent(await outcome_of(client))
    assert 0 == server.bytes_seen


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(straight(Line.close), id="closed"),
        pytest.param(straight(Line.reset), id="reset"),
        pytest.param(straight(Line.hang), id="stalled"),
        pytest.param(say(ALERT), id="alert"),
        pytest.param(say(b"\x16\x03\x03\xff\xff" * 999), id="rubbish"),
        pytest.param(say(b"HTTP/1.1 400 Bad\r\n\r\n"), id="plain HTTP"),
    ],
)
async def test_a_handshake_that_breaks(script: Script, certificates: Certificates):
    """Not sent: the first byte of a request follows the handshake."""
    async with fault_server(beyond=script) as server:
        async with quick_client(https(server), certificates.trusting) as client:
            assert_not_sent(await outcome_of(client))
        async with asyncio.timeout(2):
            await server.all_closed()


async def test_a_server_without_modern_tls(certificates: Certificates):
    """A protocol that is too old: not sent."""
    modern = ssl.create_default_context()
    modern.minimum_version = ssl.TLSVersion.TLSv1_3
    certificates.good.maximum_version = ssl.TLSVersion.TLSv1_2
    try:
        async with (
            fault_server(tls=certificates.good) as server,
            quick_client(server.origin, modern) as client,
        ):
            assert_not_sent(await outcome_of(client))
    finally:
        certificates.good.maximum_version = ssl.TLSVersion.MAXIMUM_SUPPORTED


async def test_plain_http_to_a_tls_server(certificates: Certificates):
    """Bytes were handed over, so nobody knows."""
    async with fault_server(tls=certificates.good) as server:
        origin = server.origin.replace("https:", "http:")
        async with quick_client(origin) as client:
            result = await outcome_of(client)
    assert isinstance(result, OutcomeUnknownError)


async def test_what_was_not_sent_is_sent_again(certificates: Certificates):
    """A handshake that broke once is followed by one create, charged once."""
    good = secured(certificates.good)
    async with (
        fault_server(straight(Line.reset), good) as server,
        quick_client(https(server), certificates.trusting, retry=PATIENT) as client,
    ):
        task = await client.submit(GptImage2("a mug"))
    assert [task.id] == list(server.charged)
    assert 2 == server.connections


@pytest.mark.parametrize("end", [Line.close, Line.reset])
@pytest.mark.parametrize("attempts", [1, 2])
async def test_a_fresh_connection_that_dies_before_the_first_byte(
    attempts: int, end: Ending, monkeypatch: pytest.MonkeyPatch
):
    """It is not sent, and counted like every attempt: never tried without end."""
    send = ClientRequest.send

    async def too_late(self: ClientRequest, connection: Any) -> ClientResponse:
        while connection.protocol.is_connected():
            await asyncio.sleep(0)
        return await send(self, connection)

    monkeypatch.setattr(ClientRequest, "send", too_late)
    retry = RetryPolicy(not_sent_attempts=attempts)
    async with (
        asyncio.timeout(2),
        fault_server(beyond=straight(end)) as server,
        quick_client(server.origin, retry=retry) as client,
    ):
        assert_not_sent(await outcome_of(client))
    assert attempts == server.connections


@pytest.mark.parametrize("attempts", [1, 3])
async def test_attempts_are_counted(attempts: int):
    """A create that is never sent is tried as often as the policy says."""
    retry = RetryPolicy(not_sent_attempts=attempts)
    async with (
        fault_server(beyond=straight(Line.reset)) as server,
        quick_client(https(server), retry=retry) as client,
    ):
        assert_not_sent(await outcome_of(client))
    assert attempts == server.connections
