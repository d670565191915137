"""A task inside the service: pending, then processing, then one of two ends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import frozen

from aivideo_async.emulator.intake import Order
from aivideo_async.emulator.pictures import Picture, picture_size

__all__ = ["Job", "picture_for"]

PENDING_SHARE = 0.15
"""How much of its duration a task is pending, before it is processing."""


@frozen
class Job:
    """
    A task inside the service; where it stands follows from the time alone.

    Attributes:
        id: The service's id.
        model: Which model makes it.
        created: When it was created, in seconds of the loop.
        ended: When it is final.
        doomed: Whether it fails then.
        file: The path of what it makes.
        picture: What that shows.
        metadata: What its finished output reports.
    """

    id: str
    model: str
    created: float
    ended: float
    doomed: bool
    file: str
    picture: Picture
    metadata: Mapping[str, Any]

    def completed(self, now: float) -> bool:
        """Whether its files are there."""
        return now >= self.ended and not self.doomed

    def status(self, now: float) -> str:
        """Return the service's word for where it stands."""
        if now < self.created + PENDING_SHARE * (self.ended - self.created):
            return "pending"
        if now < self.ended:
            return "processing"
        return "failed" if self.doomed else "completed"


def picture_for(order: Order, seed: int) -> Picture:
    """Return the picture that *order* asks for."""
    values = order.input
    ratio, tier = values.get("aspect_ratio") or "auto", values.get("resolution") or "1k"
    width, height = picture_size(ratio, tier)
    return Picture(values.get("prompt") or "", width, height, seed, order.edits)
