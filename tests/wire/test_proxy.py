"""Through a proxy: it carries the tunnel and never sees the key."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from aivideo_async import ConfigurationError, GptImage2, NotSentError
from tests.wire.clients import outcome_of, quick_client
from tests.wire.conftest import Certificates
from tests.wire.fault_server import Line, Script, fault_server
from tests.wire.scripts import say, straight
from tests.wire.secrecy import KEY, visible

CREDENTIALS = "someone:hush-hush"
BAD_GATEWAY = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n"
WHO_ARE_YOU = (
    b"HTTP/1.1 407 Proxy Authentication Required\r\n"
    b"Proxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n"
)


class Proxy:
    """
    A proxy that opens any tunnel and listens in.

    Attributes:
        url: Where it listens.
        heads: The headers of every request that was made of it.
        overheard: Every byte that passed through its tunnels.
    """

    def __init__(self) -> None:
        self.url = ""
        self.heads: list[str] = []
        self.overheard = bytearray()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter):
        """Open the tunnel that is asked for, and nothing else."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.heads.append(head)
        method, target, _ = head.split("\r\n")[0].split(" ")
        if method == "CONNECT":
            host, _, port = target.rpartition(":")
            there, back = await asyncio.open_connection(host, int(port))
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            async with asyncio.TaskGroup() as tunnel:
                tunnel.create_task(self._carry(reader, back))
                tunnel.create_task(self._carry(there, writer))
        writer.close()

    async def _carry(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter
    ) -> None:
        with suppress(OSError):
            while data := await source.read(65536):
                self.overheard += data
                sink.write(data)
        sink.close()


@asynccontextmanager
async def proxying() -> AsyncIterator[Proxy]:
    """Run a proxy."""
    proxy = Proxy()
    async with await asyncio.start_server(proxy.serve, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()
        proxy.url = f"http://{host}:{port}"
        yield proxy


async def test_the_key_stays_inside_the_tunnel(certificates: Certificates):
    """The proxy is asked for the tunnel, once, and hears no key nor prompt."""
    async with proxying() as proxy, fault_server(tls=certificates.good) as server:
        async with quick_client(
            server.origin, certificates.trusting, proxy=proxy.url
        ) as client:
            for _ in range(2):
                await client.submit(GptImage2("a secret mug"))
        await server.all_closed()
    assert 2 == len(server.charged)
    assert 1 == len(proxy.heads)
    assert "CONNECT localhost:" in proxy.heads[0]
    heard = repr(proxy.heads) + repr(bytes(proxy.overheard))
    assert KEY not in heard
    assert "authorization" not in heard.lower()
    assert "secret mug" not in heard


async def test_the_proxys_own_password_goes_to_the_proxy_alone(
    certificates: Certificates,
):
    """It opens the tunnel; the server never sees it."""
    async with proxying() as proxy, fault_server(tls=certificates.good) as server:
        address = proxy.url.replace("//", f"//{CREDENTIALS}@")
        async with quick_client(
            server.origin, certificates.trusting, proxy=address
        ) as client:
            await client.submit(GptImage2("a mug"))
        await server.all_closed()
    assert "Proxy-Authorization: Basic" in proxy.heads[0]
    assert "proxy-authorization" not in server.requests[0].headers


async def test_the_key_is_not_sent_in_the_clear_through_a_proxy():
    """Plain http is for this machine alone, and a proxy is not this machine."""
    async with proxying() as proxy, fault_server() as server:
        with suppress(ConfigurationError):
            async with quick_client(server.origin, proxy=proxy.url) as client:
                await outcome_of(client)
    assert KEY not in repr(proxy.heads)


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(say(BAD_GATEWAY), id="502"),
        pytest.param(say(WHO_ARE_YOU), id="407"),
        pytest.param(say(b"rubbish\r\n\r\n"), id="rubbish"),
        pytest.param(straight(Line.close), id="close"),
        pytest.param(straight(Line.reset), id="reset"),
        pytest.param(straight(Line.hang), id="hang"),
    ],
)
async def test_a_proxy_that_opens_no_tunnel(script: Script):
    """Not sent; and neither key nor the proxy's password is in the error."""
    async with fault_server(beyond=script) as proxy:
        address = proxy.origin.replace("//", f"//{CREDENTIALS}@")
        async with quick_client("https://api.example", proxy=address) as client:
            result = await outcome_of(client)
    assert isinstance(result, NotSentError)
    assert KEY not in visible(result)
    assert "hush" not in visible(result)


async def test_a_proxy_that_nobody_runs(unused_tcp_port: int):
    """Not sent."""
    proxy = f"http://127.0.0.1:{unused_tcp_port}"
    async with quick_client("https://api.example", proxy=proxy) as client:
        assert isinstance(await outcome_of(client), NotSentError)


async def test_a_wrong_certificate_behind_the_proxy(certificates: Certificates):
    """The tunnel changes nothing: not sent, and fatal."""
    async with (
        proxying() as proxy,
        fault_server(tls=certificates.elsewhere) as server,
        quick_client(server.origin, certificates.trusting, proxy=proxy.url) as client,
    ):
        result = await outcome_of(client)
    assert isinstance(result, NotSentError)
    assert "certificate" in str(result)
    assert not server.requests
