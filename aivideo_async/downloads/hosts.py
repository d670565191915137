"""
GET from file hosts: every hop of a redirect is checked, and no host is told anything.

The sessions are not those of the API: no API key, no cookies, no environment. Texts
show URLs without their query, which may be a signature.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import aiohttp
from yarl import URL

from aivideo_async.downloads.errors import FetchError
from aivideo_async.downloads.guard import (
    loopback_origin,
    loopback_socket,
    public_socket,
    refusal,
    same_origin,
)
from aivideo_async.downloads.media import BrokenMediaError
from aivideo_async.models.wire import printable

__all__ = ["Hosts", "explained", "read_url", "shown"]

_BUFFER = 256 * 1024  # bytes that aiohttp holds of one file, before it stops reading
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MAX_HOPS = 3
_CONNECT_SECONDS = 10.0


class Hosts:
    """
    Opens answers of file hosts; makes its connections when they are first needed.

    How many at once, and for how long, is for whoever asks to bound.

    Args:
        own_origin: The API's origin; it may be local if it is loopback.
        proxy: The URL of an HTTP proxy for everything. The guard then sees URLs only.
        ssl_context: Instead of aiohttp's own TLS settings.
        user_agent: What the hosts see.

    Example:
        >>> import asyncio
        >>> asyncio.run(Hosts(user_agent="shop/1.0").aclose())
    """

    def __init__(
        self,
        *,
        own_origin: URL | None = None,
        proxy: str | URL | None = None,
        ssl_context: ssl.SSLContext | None = None,
        user_agent: str,
    ) -> None:
        self._own = loopback_origin(own_origin)
        self._proxy = proxy
        self._ssl = ssl_context
        self._user_agent = user_agent
        self._sessions: dict[bool, aiohttp.ClientSession] = {}
        self._closed = False

    async def get(self, url: URL, headers: Mapping[str, str]) -> aiohttp.ClientResponse:
        """GET *url*, following a few redirects, each checked like the first URL."""
        for _ in range(1 + _MAX_HOPS):
            response = await self._hop(url, headers)
            target = response.headers.get("Location")
            if target is None or response.status not in _REDIRECTS:
                return response
            response.release()
            url = url.join(read_url(target))
        raise FetchError(f"{shown(url)} is more than {_MAX_HOPS} redirects away")

    async def aclose(self) -> None:
        """Close the connections; downloads under way fail."""
        self._closed = True
        for session in self._sessions.values():
            await session.close()

    async def _hop(
        self, url: URL, headers: Mapping[str, str]
    ) -> aiohttp.ClientResponse:
        if reason := refusal(url, self._own):
            raise FetchError(f"{shown(url)} {reason}, so it is not fetched")
        with explained(url):
            return await self._session(url).get(
                url, headers=headers, allow_redirects=False
            )

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
                limit=0,
                ssl=self._ssl or True,
                # With a proxy the only connects are to the proxy, which may be local.
                socket_factory=None if self._proxy else guard,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": self._user_agent, "Accept-Encoding": "identity"},
            proxy=self._proxy,
            read_bufsize=_BUFFER,
            timeout=aiohttp.ClientTimeout(sock_connect=_CONNECT_SECONDS),
            trust_env=False,
        )


def read_url(text: str) -> URL:
    """Read a URL and leave its quoting as it is: a signature may depend on it."""
    try:
        url = URL(text, encoded=text.isascii() and text.isprintable())
        url.port, url.host  # noqa: B018  (reading them checks them)
    except ValueError:
        raise FetchError("its URL is malformed, so it is not fetched") from None
    return url


def shown(url: URL) -> str:
    """Return *url* for people: without what may be secret in it."""
    if not url.host:
        return "its URL"
    return printable(f"{url.scheme}://{url.host_port_subcomponent}{url.raw_path}", 300)


@contextmanager
def explained(url: URL) -> Iterator[None]:
    """
    Turn aiohttp's errors, some of which show the whole URL, into ours.

    It raises RuntimeError when its session is closed under it, and UnicodeError for a
    host name that DNS cannot hold.
    """
    try:
        yield
    except BrokenMediaError as error:
        raise FetchError(f"{shown(url)} sent {error}", transient=True) from None
    except (aiohttp.ClientError, RuntimeError, UnicodeError) as error:
        raise FetchError(
            f"{shown(url)} could not be fetched ({_words(error)})",
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
