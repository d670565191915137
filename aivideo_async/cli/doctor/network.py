"""
Checks of the way to the service: name, connection, TLS, and its clock.

It speaks HTTP by hand, because a client hides exactly these steps. One HEAD request
is sent, without the key.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from attrs import define, field
from yarl import URL

from aivideo_async.cli.doctor.findings import Finding, ok, problem, warning
from aivideo_async.cli.exits import Exit
from aivideo_async.transport.origin import proxy_for

__all__ = ["check_network"]

PATIENCE = 10.0  # seconds for each step
SKEW = 30.0  # seconds

REMEDIES = {
    "DNS": "check the network and the name",
    "TCP": "check the network and the firewall",
    "TLS": "check this machine's clock and certificates, and who is in between",
    "Clock": "try again",
}

Step = Callable[[], Awaitable[Finding]]


async def check_network(address: URL) -> AsyncIterator[Finding]:
    """Go step by step to *address*, and take the times; the first problem ends it."""
    if proxy_for(address) is not None:
        return  # it is the proxy that resolves and connects
    probe = Probe(address.host or "", address.port or 443)
    steps = {"DNS": probe.resolve, "TCP": probe.connect, "TLS": probe.encrypt}
    if address.scheme == "http":
        del steps["TLS"]
    steps["Clock"] = probe.read_clock
    try:
        for name, step in steps.items():
            yield (found := await taken(name, step))
            if found.code:
                return
    finally:
        await probe.close()


async def taken(name: str, step: Step) -> Finding:
    """Take a *step*, within a time."""
    try:
        async with asyncio.timeout(PATIENCE):
            return await step()
    except TimeoutError:
        text = f"no answer within {PATIENCE:.0f} s"
    except OSError as error:
        text = error.strerror or type(error).__name__
    return problem(name, text, REMEDIES[name], Exit.TRY_LATER)


@define
class Probe:
    """One connection, made by hand."""

    host: str
    port: int
    _reader: asyncio.StreamReader = field(init=False)
    _writer: asyncio.StreamWriter | None = field(default=None, init=False)

    async def resolve(self) -> Finding:
        """Look the name up."""
        loop, begun = asyncio.get_running_loop(), now()
        found = await loop.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        return ok("DNS", f"{self.host} is {found[0][4][0]}, {since(begun)}")

    async def connect(self) -> Finding:
        """Connect."""
        begun = now()
        self._reader, self._writer = await asyncio.open_connection(self.host, self.port)
        return ok("TCP", f"port {self.port} is open, {since(begun)}")

    async def encrypt(self) -> Finding:
        """Shake hands, and check the certificate."""
        begun = now()
        if self._writer is not None:
            context = ssl.create_default_context()
            await self._writer.start_tls(context, server_hostname=self.host)
        return ok("TLS", f"the certificate is valid, {since(begun)}")

    async def read_clock(self) -> Finding:
        """Ask for the time, to compare."""
        if self._writer is not None:
            request = (
                f"HEAD / HTTP/1.1\r\nHost: {self.host}\r\nConnection: close\r\n\r\n"
            )
            self._writer.write(request.encode("ascii"))
        head = await self._reader.read(65536)
        return compared(head, datetime.now(UTC))

    async def close(self) -> None:
        """Hang up."""
        if self._writer is not None:
            self._writer.close()
            with suppress(OSError, TimeoutError):
                async with asyncio.timeout(1):
                    await self._writer.wait_closed()


def compared(head: bytes, here: datetime) -> Finding:
    """Compare the Date header in *head* with the time *here*."""
    for line in head.decode("latin-1").split("\r\n"):
        name, _, value = line.partition(":")
        if name.lower() == "date":
            with suppress(ValueError):
                skew = (here - parsedate_to_datetime(value.strip())).total_seconds()
                return skewed(skew)
    return ok("Clock", "the service tells no time to compare with")


def skewed(seconds: float) -> Finding:
    """Judge by how much this machine's clock is ahead."""
    if abs(seconds) <= SKEW:
        return ok("Clock", f"within {max(1, round(abs(seconds)))} s of the service's")
    way = "ahead of" if seconds > 0 else "behind"
    return warning(
        "Clock",
        f"{abs(seconds):,.0f} s {way} the service's",
        "set this machine's clock: a wrong one breaks TLS and hides what is late",
    )


def now() -> float:
    """Return the loop's time."""
    return asyncio.get_running_loop().time()


def since(begun: float) -> str:
    """Write how long ago *begun* is."""
    return f"{(now() - begun) * 1000:.0f} ms"
