"""How far a download is, told to whoever asked, and never at the download's cost."""

from __future__ import annotations

import logging
from collections.abc import Callable

from attrs import define, field, frozen

__all__ = ["DownloadProgress", "Meter", "OnProgress"]

log = logging.getLogger("aivideo_async")

_EVERY = 0.1  # seconds: as often as an eye can follow


@frozen(kw_only=True)
class DownloadProgress:
    """
    How much of one file has arrived.

    Attributes:
        task_id: The task whose file it is.
        index: The file's place in ``task.output.urls``, from 0.
        received: Bytes that are here. It falls back to 0 when a broken download has to
            start over, because its host cannot continue it.
        total: Bytes of the whole file, or None while the host does not say.
        done: Whether the file is in its folder, whole and under its final name.

    Example:
        >>> DownloadProgress(task_id="t-1", index=0, received=512, total=2048).done
        False
    """

    task_id: str
    index: int
    received: int
    total: int | None
    done: bool = False


OnProgress = Callable[[DownloadProgress], None]


@define
class Meter:
    """
    Tells *listener* of one file: at its start, ten times a second, and when it is done.

    A listener that raises is logged and told no more; the download goes on.
    """

    listener: OnProgress | None
    task_id: str
    index: int
    _due: float = field(default=0.0, init=False)

    def show(self, received: int, total: int | None, now: float) -> None:
        """Tell how far it is, unless that was told less than a tenth of a second ago."""
        if now >= self._due:
            self._due = now + _EVERY
            self._tell(received, total, done=False)

    def finish(self, size: int) -> None:
        """Tell that the whole file is there."""
        self._tell(size, size, done=True)

    def _tell(self, received: int, total: int | None, *, done: bool) -> None:
        if self.listener is None:
            return
        progress = DownloadProgress(
            task_id=self.task_id,
            index=self.index,
            received=received,
            total=total,
            done=done,
        )
        try:
            self.listener(progress)
        except Exception:
            log.exception("on_progress raised and is not called again for this file")
            self.listener = None
