"""
The real wire: aiohttp, stripped of everything that could spend money twice.

No redirects, no cookies, no environment, no compression, bounded answers; the key is
added for one origin only, in the moment of sending, and taken away again, so that it
stands in no exception. Nothing is retried here: whether to send again is decided
above, from what this module reports.
"""

from __future__ import annotations

import logging
import ssl as ssl_module
from base64 import b64encode
from collections.abc import Mapping
from typing import Any
from weakref import WeakSet

import aiohttp
from aiohttp import ClientRequest, ClientResponse, hdrs
from yarl import URL

from aivideo_async.models.wire import Exchange, Fault, FaultKind, WireRequest
from aivideo_async.transport.base import Timeouts
from aivideo_async.transport.guard import (
    MarkedBody,
    UncleanConnectionError,
    guard_works,
)
from aivideo_async.transport.secret import Secret
from aivideo_async.transport.watchdog import Limit, Watchdog

__all__ = ["HTTPTransport"]

log = logging.getLogger("aivideo_async")

LARGEST_ANSWER = 1 << 20
"""Bytes; a task object is about 1 KiB, so a MiB is somebody else's answer."""
KEEP_ALIVE = 4.0
"""Seconds; short, so that a create rarely meets a connection the server is closing."""
_KEPT_HEADERS = ("retry-after", "date", "location", "content-type")
_UNREACHABLE = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)
_UNTRUSTED = (
    aiohttp.ClientConnectorCertificateError,
    aiohttp.ServerFingerprintMismatch,
)


class HTTPTransport:
    """
    One pool of connections to one origin, with one key.

    Args:
        base_url: Where the API is; the key goes to no other origin.
        key: The API key.
        timeouts: For each exchange.
        max_connections: How many may be open at once.
        user_agent: How we introduce ourselves.
        proxy: The proxy on the way, or None.
        ssl: A context of your own, or None for the system's certificates.
    """

    def __init__(
        self,
        base_url: URL,
        key: Secret,
        *,
        timeouts: Timeouts,
        max_connections: int,
        user_agent: str,
        proxy: URL | None = None,
        ssl: ssl_module.SSLContext | None = None,
    ) -> None:
        self._base = str(base_url).rstrip("/")
        self._key = key
        self._timeouts = timeouts
        self._limit = max_connections
        self._user_agent = user_agent
        # The password travels apart, so that no error shows it with the URL.
        self._proxy_headers = _credentials(proxy)
        self._proxy = proxy.with_user(None) if proxy is not None else None
        self._ssl = ssl
        self._request_class = _request_class(base_url.origin(), key)
        self._session: aiohttp.ClientSession | None = None
        self._watchdog: Watchdog | None = None

    async def exchange(self, request: WireRequest) -> Exchange:
        """
        Send *request* once and describe what happened.

        Never raises, except CancelledError; then ``request.sent`` still tells.
        """
        answer = _Answer()
        fault: Fault | None = None
        try:
            await self._converse(request, answer)
        except Exception as error:  # noqa: BLE001  (described instead of raised)
            fault = self._describe(error, request, answer)
        if fault is None and answer.payload is not None and not answer.payload.written:
            fault = Fault(FaultKind.BROKEN, "answered before the request was read")
        return Exchange(
            sent=request.sent,
            status=answer.status,
            headers=answer.headers,
            body=self._key.redact_bytes(b"".join(answer.chunks)),
            error=fault,
        )

    async def aclose(self) -> None:
        """Close every connection; idempotent."""
        session, self._session = self._session, None
        if self._watchdog is not None:
            self._watchdog.stop()
        if session is not None:
            await session.close()

    async def _converse(self, request: WireRequest, answer: _Answer) -> None:
        session = self._session or self._open()
        assert self._watchdog is not None  # noqa: S101  (made with the session)
        with Limit(self._watchdog) as limit:
            if request.body is None:
                request.sent = True  # a look: whether it left hardly matters
                limit.news(self._timeouts.connect)
            else:
                answer.payload = MarkedBody(request, limit.news)
            response = await session.request(
                request.method,
                URL(self._base + request.path, encoded=True),
                data=answer.payload,
                allow_redirects=False,
                proxy=self._proxy,
                proxy_headers=self._proxy_headers,
            )
            limit.news()
            try:
                _refuse_stray(request, answer)
                answer.status = response.status
                answer.headers = self._kept(response.headers)
                await _read(response, answer, limit)
            finally:
                if response.connection is not None:  # it was not read to its end
                    response.close()

    def _kept(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Return the headers that say something to us, without the key."""
        return {n: self._key.redact(headers[n]) for n in _KEPT_HEADERS if n in headers}

    def _open(self) -> aiohttp.ClientSession:
        self._watchdog = Watchdog(self._timeouts)
        clean = guard_works()
        if not clean:
            log.warning(
                "aiohttp %s hides what the connection guard looks at: each request "
                "now opens a connection of its own, which is safe and slow.",
                aiohttp.__version__,
            )
        connector = aiohttp.TCPConnector(
            limit=self._limit,
            ssl=True if self._ssl is None else self._ssl,
            **({"keepalive_timeout": KEEP_ALIVE} if clean else {"force_close": True}),
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            request_class=self._request_class,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            timeout=aiohttp.ClientTimeout(
                total=None, sock_connect=self._timeouts.connect
            ),
            headers={
                hdrs.USER_AGENT: self._user_agent,
                hdrs.ACCEPT: "application/json",
                hdrs.ACCEPT_ENCODING: "identity",
            },
        )
        return self._session

    def _describe(
        self, error: Exception, request: WireRequest, answer: _Answer
    ) -> Fault:
        """Turn an exception into words; nothing may be concluded from its class."""
        if answer.payload is not None and answer.payload.refused is not None:
            return Fault(answer.payload.refused, "closed before it was used")
        if request.body is None and isinstance(error, _UNREACHABLE):
            request.sent = False
        detail = self._key.redact(f"{type(error).__name__}: {error}".rstrip(": "))
        if isinstance(error, _AnswerTooLargeError):
            return Fault(FaultKind.TOO_LARGE, f"more than {LARGEST_ANSWER:,} bytes")
        if isinstance(error, _UNTRUSTED):
            return Fault(FaultKind.CERTIFICATE, detail)
        if isinstance(error, TimeoutError):
            return Fault(FaultKind.TIMEOUT, detail)
        if isinstance(error, _UNREACHABLE):
            return Fault(FaultKind.CONNECT, detail)
        return Fault(FaultKind.BROKEN, detail)


def _refuse_stray(request: WireRequest, answer: _Answer) -> None:
    """Refuse an answer that was there before the first byte of the request left."""
    if answer.payload is not None and not request.sent:
        answer.payload.refused = FaultKind.UNCLEAN
        raise UncleanConnectionError


class _AnswerTooLargeError(Exception):
    pass


class _Answer:
    """What has arrived so far, kept outside the conversation that may break."""

    def __init__(self) -> None:
        self.payload: MarkedBody | None = None
        self.status: int | None = None
        self.headers: Mapping[str, str] = {}
        self.chunks: list[bytes] = []


async def _read(response: ClientResponse, answer: _Answer, limit: Limit) -> None:
    size = 0
    while chunk := await response.content.readany():
        size += len(chunk)
        if size > LARGEST_ANSWER:
            raise _AnswerTooLargeError
        answer.chunks.append(chunk)
        limit.news()


def _credentials(proxy: URL | None) -> dict[str, str] | None:
    if proxy is None or proxy.user is None:
        return None
    pair = f"{proxy.user}:{proxy.password or ''}".encode()
    return {hdrs.PROXY_AUTHORIZATION: f"Basic {b64encode(pair).decode()}"}


def _request_class(origin: URL, key: Secret) -> type[ClientRequest]:
    """Make the request class that adds the key, for *origin* only, while sending."""
    seen: WeakSet[Any] = WeakSet()

    class Request(ClientRequest):
        async def send(self, conn: Any) -> ClientResponse:
            reused = conn.protocol in seen
            if not reused:
                seen.add(conn.protocol)
            if isinstance(self.body, MarkedBody):
                self.body.reused = reused
            if self.url.origin() == origin:
                self.headers[hdrs.AUTHORIZATION] = f"Bearer {key.reveal()}"
            try:
                return await super().send(conn)
            finally:
                # From here on an exception may carry the headers; not the key.
                self.headers.popall(hdrs.AUTHORIZATION, None)

    return Request
