"""How much of many downloads has arrived, in one figure."""

from __future__ import annotations

from aivideo_async import DownloadProgress

__all__ = ["Arrivals"]

MEGABYTE = 1_000_000


class Arrivals:
    """
    Adds up what every file has received: the ``on_progress`` of many downloads.

    Example:
        >>> arrivals = Arrivals()
        >>> for index in (0, 1):
        ...     arrivals(DownloadProgress(task_id="t", index=index, received=2_500_000, total=None))
        >>> str(arrivals)
        '5.0 MB'
    """

    def __init__(self) -> None:
        self._received: dict[tuple[str, int], int] = {}

    def __call__(self, progress: DownloadProgress) -> None:
        """Note how far one file is."""
        self._received[progress.task_id, progress.index] = progress.received

    def __bool__(self) -> bool:
        """Whether anything has begun to arrive."""
        return bool(self._received)

    def __str__(self) -> str:
        return f"{sum(self._received.values()) / MEGABYTE:,.1f} MB"
