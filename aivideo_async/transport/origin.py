"""
Where the key may go: one origin, checked once, and the proxy on the way there.

https only, except on this machine itself; no user info; with or without ``/v1``.
"""

from __future__ import annotations

import ipaddress
import logging
from urllib.request import getproxies, proxy_bypass

from yarl import URL

from aivideo_async.errors import ConfigurationError

__all__ = ["is_loopback", "proxy_for", "read_base_url", "read_proxy"]

log = logging.getLogger("aivideo_async")


def read_base_url(text: str) -> URL:
    """
    Read a base URL, given with or without its final ``/v1``.

    Raises:
        ConfigurationError: It is no absolute URL, is plain http to another machine,
            or carries a user, a query or a fragment.

    Example:
        >>> read_base_url("https://api.aivideoapi.ai/v1/")
        URL('https://api.aivideoapi.ai')
    """
    try:
        url = URL(text.strip())
        origin = url.origin()
    except ValueError:
        raise ConfigurationError(
            f"base_url={text!r} is not an absolute URL: use one like "
            "'https://api.aivideoapi.ai'."
        ) from None
    if url.user is not None or url.password is not None:
        raise ConfigurationError(
            "base_url carries a user or password: remove it; the key has its own "
            "argument."
        )
    if url.query_string or url.fragment:
        raise ConfigurationError("base_url carries a query or a fragment: remove it.")
    if url.scheme != "https" and not (url.scheme == "http" and is_loopback(url)):
        raise ConfigurationError(
            f"base_url={text!r} would send the key unencrypted: use https. Plain http "
            "is for this machine alone (localhost, 127.0.0.1, ::1)."
        )
    prefix = url.raw_path.rstrip("/").removesuffix("/v1")
    return origin.with_path(prefix, encoded=True) if prefix else origin


def is_loopback(url: URL) -> bool:
    """Tell whether *url* names this machine by a literal address or ``localhost``."""
    host = url.host or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def proxy_for(url: URL) -> URL | None:
    """
    Read from the environment the proxy towards *url*, or None.

    This is done once per client: aiohttp's own ``trust_env`` reads it anew for every
    request, at 2.7 times the CPU.
    """
    if is_loopback(url) or proxy_bypass(url.host or ""):
        return None
    proxies = getproxies()
    text = proxies.get(url.scheme) or proxies.get("all")
    if not text:
        return None
    try:
        return read_proxy(text if "://" in text else f"http://{text}")
    except ConfigurationError as error:
        log.warning("Ignoring the proxy of the environment. %s", error)
        return None


def read_proxy(text: str) -> URL:
    """
    Read the URL of a proxy.

    Raises:
        ConfigurationError: It is not the URL of an http(s) proxy.
    """
    try:
        proxy = URL(text)
    except ValueError:
        proxy = URL()
    if proxy.scheme not in ("http", "https") or not proxy.host:
        kind = proxy.scheme or "nameless"  # the text itself may hold a password
        raise ConfigurationError(
            f"A {kind} proxy does not work: give the URL of an http(s) proxy, such as "
            "'http://proxy.example:3128'."
        )
    return proxy
