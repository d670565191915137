"""Why a file could not be fetched; it never leaves this room."""

from __future__ import annotations

__all__ = ["ExpiredError", "FetchError"]


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
