"""
The words of one HTTP exchange, shared by those who send, judge and emulate it.

`WireRequest` goes in, `Exchange` comes out, and an exchange that broke carries a
`Fault` instead of an exception: an exception would lose the `sent` mark, which is
the only sound proof that nothing was charged.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from attrs import define, field, frozen

from aivideo_async.models.text import printable

__all__ = ["Evidence", "Exchange", "Fault", "FaultKind", "WireRequest", "printable"]


class FaultKind(StrEnum):
    """Why an exchange has no complete answer."""

    CONNECT = "no connection"
    CERTIFICATE = "certificate refused"
    UNCLEAN = "pooled connection was not clean"
    BROKEN = "connection or answer broke"
    TIMEOUT = "timeout"
    TOO_LARGE = "answer too large"
    CANCELLED = "cancelled"


@frozen
class Fault:
    """
    What broke an exchange.

    Attributes:
        kind: The class of the fault.
        detail: The underlying error in its own words, for people.
    """

    kind: FaultKind
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.kind.value}: {self.detail}" if self.detail else self.kind.value


@define
class WireRequest:
    """
    One HTTP request to the API's origin.

    Attributes:
        method: ``GET`` or ``POST``.
        path: The path with its query, starting with ``/v1``.
        body: The exact bytes of a JSON body, or None.
        sent: Set by the transport in the instant in which the first byte is handed
            over. It can be read after the exchange, also after a cancelled one.
    """

    method: str
    path: str
    body: bytes | None = field(default=None, repr=False)
    sent: bool = False


@frozen
class Exchange:
    """
    What one HTTP exchange left behind; complete if `error` is None.

    Attributes:
        sent: Whether at least one byte of the request was handed over.
        status: The HTTP status, or None when no status line arrived.
        headers: The answer's headers, names in lower case.
        body: The bytes that arrived, possibly fewer than promised.
        error: What broke the exchange, or None.
    """

    sent: bool
    status: int | None = None
    headers: Mapping[str, str] = field(factory=dict)
    body: bytes = b""
    error: Fault | None = None


@frozen
class Evidence:
    """
    What is known about a request whose outcome is not.

    Attributes:
        status: The HTTP status, or None when no status line arrived.
        body: The first 2 KiB of the answer, made printable.
        fault: What broke the exchange, in words; empty if nothing did.
        reason: Why this leaves the outcome unknown.
    """

    status: int | None = None
    body: str = ""
    fault: str = ""
    reason: str = ""
