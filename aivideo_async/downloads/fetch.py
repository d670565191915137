"""
One URL into one file: redirects, limits, and another attempt where it may help.

The session that fetches is its own: no API key, no cookies, no environment. So there is
nothing that a file host could be told. A GET of a file costs nothing, so unlike a
create it may be repeated: after a broken connection, a cut-off file, a 429 or a 5xx.

Rules: every hop of a redirect is checked by the guard; received bytes are counted, not
promised ones; texts show URLs without their query, which may be a signature.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import aiohttp
from attrs import frozen
from yarl import URL

from aivideo_async.downloads.files import PartFile, in_thread
from aivideo_async.downloads.guard import (
    loopback_origin,
    loopback_socket,
    public_socket,
    refusal,
    same_origin,
)
from aivideo_async.downloads.media import BrokenMediaError
from aivideo_async.models.wire import printable
from aivideo_async.policy.retry import read_retry_after

__all__ = ["ExpiredError", "FetchError", "Fetcher", "Limits"]

T = TypeVar("T")

_CHUNK = 256 * 1024  # bytes per trip to a thread
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_EXPIRED = frozenset({401, 403, 404, 410})
_BUSY = frozenset({408, 425, 429})
_MAX_HOPS = 3
_CONNECT_SECONDS = 10.0
_LONGEST_PAUSE = 30.0


@frozen(kw_only=True)
class Limits:
    """
    What one file may take.

    Attributes:
        max_bytes: The largest file. It only keeps a broken host from filling the disk:
            ten minutes of 1080p video, the longest result that is documented, is
            smaller; memory holds about 1 MiB of a file, whatever its size.
        stall: Seconds without a single byte after which an attempt is given up.
        total: Seconds after which an attempt is given up however it goes, so that a
            trickle of bytes cannot hold its place for ever.
        attempts: Attempts in all.
        pause: Seconds before the second attempt; doubled before each further one. A
            Retry-After counts instead, up to 30 seconds.

    Example:
        >>> Limits(attempts=1).stall
        60.0
    """

    max_bytes: int = 1024**3
    stall: float = 60.0
    total: float = 1800.0
    attempts: int = 3
    pause: float = 0.5


class FetchError(Exception):
    """
    Why a file could not be fetched, in words for people.

    Attributes:
        transient: Whether another attempt may help.
        retry_after: Seconds that the host asks to wait before it.
    """

    def __init__(
        self, what: str, *, transient: bool = False, retry_after: float | None = None
    ) -> None:
        super().__init__(what)
        self.transient = transient
        self.retry_after = retry_after


class ExpiredError(FetchError):
    """The host does not serve this URL, or does so no longer."""


class Fetcher:
    """
    Fetches URLs into files, a few at a time.

    Args:
        own_origin: The API's origin; it may be local if it is loopback.
        proxy: The URL of an HTTP proxy for everything. The guard then sees URLs only.
        ssl_context: Instead of aiohttp's own TLS settings.
        user_agent: What the hosts see.
        parallel: How many files are fetched at once.
        limits: What one file may take.

    Example:
        >>> fetcher = Fetcher(user_agent="shop/1.0", parallel=2)
        >>> asyncio.run(fetcher.aclose())
    """

    def __init__(
        self,
        *,
        own_origin: URL | None = None,
        proxy: str | URL | None = None,
        ssl_context: ssl.SSLContext | None = None,
        user_agent: str,
        parallel: int,
        limits: Limits | None = None,
    ) -> None:
        self._own = loopback_origin(own_origin)
        self._proxy = proxy
        self._ssl = ssl_context
        self._user_agent = user_agent
        self._slots = asyncio.Semaphore(parallel)
        self._limits = limits or Limits()
        self._sessions: dict[bool, aiohttp.ClientSession] = {}
        self._closed = False

    async def fetch(self, url: str, folder: Path, stem: str) -> Path:
        """
        Save *url* as *stem* in *folder* and return its path.

        Raises:
            ExpiredError: The host does not serve it (401, 403, 404, 410).
            FetchError: Anything else; the folder holds nothing new.
        """
        attempt = 1
        while True:
            try:
                async with self._slots:
                    return await self._attempt(_parsed(url), PartFile(folder, stem))
            except FetchError as error:
                if not error.transient or attempt == self._limits.attempts:
                    raise
                pause = error.retry_after or self._limits.pause * 2 ** (attempt - 1)
            await asyncio.sleep(min(pause, _LONGEST_PAUSE))
            attempt += 1

    async def aclose(self) -> None:
        """Close the connections; downloads under way fail."""
        self._closed = True
        for session in self._sessions.values():
            await session.close()

    # --- one attempt ---------------------------------------------------------------

    async def _attempt(self, url: URL, part: PartFile) -> Path:
        seconds = self._limits.total
        try:
            async with asyncio.timeout(seconds), await self._get(url) as response:
                _check_status(response)
                return await self._save(response, part)
        except TimeoutError:
            raise FetchError(f"{_shown(url)} took over {seconds:g} seconds") from None

    async def _get(self, url: URL) -> aiohttp.ClientResponse:
        """GET *url*, following a few redirects, each checked like the first URL."""
        for _ in range(1 + _MAX_HOPS):
            response = await self._hop(url)
            target = response.headers.get("Location")
            if target is None or response.status not in _REDIRECTS:
                return response
            response.release()
            url = url.join(_parsed(target))
        raise FetchError(f"{_shown(url)} is more than {_MAX_HOPS} redirects away")

    async def _hop(self, url: URL) -> aiohttp.ClientResponse:
        if reason := refusal(url, self._own):
            raise FetchError(f"{_shown(url)} {reason}, so it is not fetched")
        with _explained(url):
            return await self._session(url).get(url, allow_redirects=False)

    async def _save(self, response: aiohttp.ClientResponse, part: PartFile) -> Path:
        try:
            with _explained(response.url):
                await _on_disk(part, part.open)
                await self._stream(response, part)
                return await _on_disk(part, part.commit)
        except BaseException:
            await in_thread(part.discard)
            raise

    async def _stream(self, response: aiohttp.ClientResponse, part: PartFile) -> None:
        """Write the body to *part* in large chunks; compressed ones count unpacked."""
        most, received, buffer = self._limits.max_bytes, 0, bytearray()
        while data := await response.content.readany():
            received += len(data)
            if received > most:
                raise FetchError(f"{_shown(response.url)} is larger than {most} bytes")
            buffer += data
            if len(buffer) >= _CHUNK:
                await _on_disk(part, part.write, buffer)
                buffer.clear()
        await _on_disk(part, part.write, buffer)

    # --- sessions: one for the public, one for the API's own loopback origin ----------

    def _session(self, url: URL) -> aiohttp.ClientSession:
        if self._closed:
            raise FetchError("the client was closed")
        is_own = self._own is not None and same_origin(url, self._own)
        if is_own not in self._sessions:
            self._sessions[is_own] = self._new_session(is_own)
        return self._sessions[is_own]

    def _new_session(self, is_own: bool) -> aiohttp.ClientSession:
        guard = loopback_socket if is_own else public_socket
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=0,  # the slots bound it
                ssl=self._ssl or True,
                # With a proxy the only connects are to the proxy, which may be local.
                socket_factory=None if self._proxy else guard,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": self._user_agent, "Accept-Encoding": "identity"},
            proxy=self._proxy,
            read_bufsize=_CHUNK,
            timeout=aiohttp.ClientTimeout(
                sock_connect=_CONNECT_SECONDS, sock_read=self._limits.stall
            ),
            trust_env=False,
        )


async def _on_disk(part: PartFile, step: Callable[..., T], *args: object) -> T:
    """Run a *step* of *part* in a thread; what the disk refuses ends the fetch."""
    try:
        return await in_thread(step, *args)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise FetchError(f"writing to {part.folder} failed ({reason})") from error


def _parsed(text: str) -> URL:
    """Read a URL and leave its quoting as it is: a signature may depend on it."""
    try:
        return URL(text, encoded=text.isascii() and text.isprintable())
    except ValueError:
        raise FetchError("its URL is malformed, so it is not fetched") from None


def _shown(url: URL) -> str:
    if not url.host:
        return "its URL"
    return printable(f"{url.scheme}://{url.host_port_subcomponent}{url.raw_path}", 300)


def _check_status(response: aiohttp.ClientResponse) -> None:
    status = response.status
    if status == 200:
        return
    what = f"{_shown(response.url)} answered {status}"
    if status in _EXPIRED:
        raise ExpiredError(what)
    raise FetchError(
        what,
        transient=status in _BUSY or status >= 500,
        retry_after=read_retry_after(response.headers, datetime.now(UTC)),
    )


@contextmanager
def _explained(url: URL) -> Iterator[None]:
    """
    Turn aiohttp's errors, some of which show the whole URL, into ours.

    It raises RuntimeError when its session is closed under it, and UnicodeError for a
    host name that DNS cannot hold.
    """
    try:
        yield
    except BrokenMediaError as error:
        raise FetchError(f"{_shown(url)} sent {error}", transient=True) from None
    except (aiohttp.ClientError, RuntimeError, UnicodeError) as error:
        raise FetchError(
            f"{_shown(url)} could not be fetched ({_words(error)})",
            transient=not _is_final(error),
        ) from None


def _words(error: Exception) -> str:
    if isinstance(error, aiohttp.ClientConnectorError):
        return printable(str(error.os_error))
    if isinstance(error, aiohttp.ClientResponseError):
        return printable(error.message)
    return printable(str(error)) or type(error).__name__


def _is_final(error: Exception) -> bool:
    """Tell whether every attempt ends so: a bad name or certificate, or the guard."""
    if isinstance(error, aiohttp.ClientConnectorError):
        error = error.os_error
    return isinstance(
        error, PermissionError | ssl.SSLCertVerificationError | UnicodeError
    )
