"""
Where a result may be fetched from: any public https host, and nothing private.

Output URLs come from the service and redirects from its file hosts, so a forged one
could make a server read its own network (SSRF). Two checks, because each sees what the
other cannot:

- `refusal` reads the URL before each hop, redirects included.
- `public_socket` checks each address in the instant of the connect. A name may resolve
  to anything, and to something else a second later; and a checking resolver would never
  be asked about an address that stands in the URL itself.

The one exception is the API's own origin when it is loopback: the emulator. Its
connections go through `loopback_socket`. Behind a proxy only `refusal` works: it is the
proxy that resolves names and connects.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from aiohttp import AddrInfoType
from yarl import URL

__all__ = [
    "is_public",
    "loopback_origin",
    "loopback_socket",
    "public_socket",
    "refusal",
    "same_origin",
]

Address = IPv4Address | IPv6Address

_GLOBAL_UNICAST = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")
_LOCAL_DOMAINS = ("localhost", "local", "internal", "home.arpa")


def is_public(address: Address) -> bool:
    """
    Tell whether *address* lies in the public internet, also when it is wrapped in IPv6.

    Example:
        >>> is_public(ip_address("::ffff:127.0.0.1"))
        False
    """
    inner = _unwrapped(address)
    if isinstance(inner, IPv6Address) and inner not in _GLOBAL_UNICAST:
        return False
    return inner.is_global and not inner.is_multicast


def is_loopback(address: Address) -> bool:
    """Tell whether *address* is this machine, also when it is wrapped in IPv6."""
    return _unwrapped(address).is_loopback


def _unwrapped(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 one leads to, or *address* itself."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(address.packed[-4:])
    return address.ipv4_mapped or address.sixtofour or address


def _literal(host: str) -> Address | None:
    """Read a host that is an address, also in the old forms 127.1, 2130706433, 0x7f.1."""
    try:
        return ip_address(host)
    except ValueError:
        pass
    try:
        return IPv4Address(socket.inet_aton(host))
    except OSError:
        return None


def loopback_origin(url: URL | None) -> URL | None:
    """Return the origin of *url* if its host is this machine by name or address."""
    if url is None or not url.host:
        return None
    address = _literal(url.host)
    is_here = url.host == "localhost" if address is None else is_loopback(address)
    return url.origin() if is_here else None


def same_origin(one: URL, other: URL) -> bool:
    """Tell whether scheme, host and port are the same."""
    return (one.scheme, one.host, one.port) == (other.scheme, other.host, other.port)


def refusal(url: URL, own: URL | None) -> str | None:
    """
    Say why *url* may not be fetched, or None if it may as far as its text tells.

    Args:
        url: The URL of the next hop.
        own: The API's own loopback origin, if it has one; it alone may be http and
            local.

    Example:
        >>> refusal(URL("https://2130706433/a.png"), None)
        'is a private address'
    """
    host = (url.raw_host or "").rstrip(".")
    if not host:
        return "is not a URL with a host"
    if url.raw_user is not None or url.raw_password is not None:
        return "carries a user name or a password"
    if own is not None and same_origin(url, own):
        return None
    if url.scheme != "https":
        return "is not https"
    address = _literal(host)
    if address is None:
        return "is a name of a local network" if _is_local_name(host) else None
    return None if is_public(address) else "is a private address"


def _is_local_name(host: str) -> bool:
    return "." not in host or host.lower().endswith(
        tuple(f".{domain}" for domain in _LOCAL_DOMAINS)
    )


def public_socket(info: AddrInfoType) -> socket.socket:
    """Open a socket towards a public address; PermissionError for any other."""
    return _checked_socket(info, is_public, "public")


def loopback_socket(info: AddrInfoType) -> socket.socket:
    """Open a socket towards this machine; PermissionError for any other address."""
    return _checked_socket(info, is_loopback, "loopback")


def _checked_socket(
    info: AddrInfoType, allowed: Callable[[Address], bool], kind: str
) -> socket.socket:
    family, type_, protocol, _, where = info
    address = ip_address(where[0])
    if not allowed(address):
        raise PermissionError(
            errno.EACCES, f"connecting to {address} refused: not a {kind} address"
        )
    return socket.socket(family, type_, protocol)
