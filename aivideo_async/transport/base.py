"""
The port that every wire fits: one method, and it does not raise.

An exception would lose the `sent` mark, so an exchange that breaks is described, not
thrown. The real wire is `aivideo_async.transport.http`, the emulator has one in memory.
"""

from __future__ import annotations

from typing import Protocol

from attrs import Attribute, field, frozen

from aivideo_async.models.numbers import check_number
from aivideo_async.models.wire import Exchange, WireRequest

__all__ = ["Timeouts", "Transport"]


def _positive(instance: object, attribute: Attribute[float], value: float) -> None:
    check_number(f"Timeouts.{attribute.name}", value, above=True)


@frozen(kw_only=True)
class Timeouts:
    """
    How long one HTTP exchange may take, in seconds; it never limits the task.

    They are long on purpose: giving up on a create early does not stop it, it only
    makes its outcome unknown.

    Args:
        connect: To reach the server, TLS included.
        read: Without news once the request is out.
        total: For the whole exchange; also how long ``aclose()`` waits for creates.

    Example:
        >>> Timeouts(read=30).total
        120.0
    """

    connect: float = field(default=10.0, validator=_positive)
    read: float = field(default=60.0, validator=_positive)
    total: float = field(default=120.0, validator=_positive)


class Transport(Protocol):
    """Carries one request to the API and brings back what is left of the answer."""

    async def exchange(self, request: WireRequest) -> Exchange:
        """
        Send *request* once and describe what happened.

        ``request.sent`` is set in the instant in which its first byte is handed over.
        Never raises, except CancelledError; then ``request.sent`` still tells.
        """

    async def aclose(self) -> None:
        """Close every connection; idempotent."""
