"""What a client was made of, and what it makes of that."""

from __future__ import annotations

import platform
from decimal import Decimal
from ssl import SSLContext
from typing import TYPE_CHECKING

from aiohttp import __version__ as aiohttp_version
from attrs import field, frozen
from yarl import URL

from aivideo_async._version import __version__
from aivideo_async.client.options import check_kind, check_port
from aivideo_async.journal import Journal
from aivideo_async.models.prices import Prices
from aivideo_async.policy.polling import Polling
from aivideo_async.policy.retry import RetryPolicy
from aivideo_async.throttle import Throttle
from aivideo_async.transport.base import Timeouts
from aivideo_async.transport.http import HTTPTransport
from aivideo_async.transport.origin import is_loopback
from aivideo_async.transport.secret import Secret

if TYPE_CHECKING:
    from aivideo_async.downloads import Downloader

__all__ = ["Setup"]

USER_AGENT = (
    f"aivideo-async/{__version__} "
    f"(python/{platform.python_version()}; aiohttp/{aiohttp_version})"
)


@frozen(kw_only=True)
class Setup:
    """What a client was made of, all of it checked."""

    base_url: URL
    proxy: URL | None = field(repr=False)  # it may hold a password
    ssl: SSLContext | None
    throttle: Throttle
    polling: Polling
    retry: RetryPolicy
    timeouts: Timeouts
    max_in_flight: int
    max_connections: int
    max_credits: Decimal | None
    prices: Prices
    journal: Journal | None

    def __attrs_post_init__(self) -> None:
        if self.ssl is not None:
            check_kind("ssl", self.ssl, SSLContext, "an ssl.SSLContext, or None")
        check_kind("retry", self.retry, RetryPolicy, "a RetryPolicy(…)")
        check_kind("timeouts", self.timeouts, Timeouts, "Timeouts(total=…)")
        check_port("polling", self.polling, "pass Backoff(…)", "schedule")
        verbs = ("when", "sent", "ok", "reject", "lost", "subscribe", "unsubscribe")
        check_port("throttle", self.throttle, "pass LocalThrottle(…)", *verbs)

    def wire(self, key: Secret) -> HTTPTransport:
        """Make the real wire to the API."""
        return HTTPTransport(
            self.base_url,
            key,
            timeouts=self.timeouts,
            max_connections=self.max_connections,
            user_agent=USER_AGENT,
            proxy=self.proxy,
            ssl=self.ssl,
        )

    def downloader(self) -> Downloader:
        """Make what saves files; on a loopback API it may fetch from the API itself."""
        from aivideo_async.downloads import Downloader

        own = self.base_url.origin() if is_loopback(self.base_url) else None
        return Downloader(
            own_origin=own, proxy=self.proxy, ssl=self.ssl, user_agent=USER_AGENT
        )
