"""A task inside the service: pending, then processing, then one of two ends."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from attrs import frozen

from aivideo_async.emulator.acts import Course
from aivideo_async.emulator.intake import Order
from aivideo_async.emulator.pictures import Picture, picture_size
from aivideo_async.models.money import from_milli

__all__ = ["PENDING_SHARE", "Job", "picture_for"]

PENDING_SHARE = 0.15
"""How much of its duration a task is pending, before it is processing."""


@frozen
class Job:
    """
    A task inside the service; where it stands follows from the time alone.

    Attributes:
        id: The service's id.
        model: Which model makes it.
        variant: The name of the model behind the model.
        millicredits: What it cost.
        created: When it was created, in seconds of the loop.
        begun: When it is processing.
        ended: When it is final; infinite if it never is.
        seconds: How long it takes at real speed.
        course: What becomes of it.
        file: The path of what it makes.
        picture: What that shows, and the prompt.
    """

    id: str
    model: str
    variant: str
    millicredits: int
    created: float
    begun: float
    ended: float
    seconds: float
    course: Course
    file: str
    picture: Picture

    @property
    def credits(self) -> Decimal:
        """What it cost, in credits."""
        return from_milli(self.millicredits)

    @property
    def doomed(self) -> bool:
        """Whether it fails in the end."""
        return self.course.fails is not None

    @property
    def ends(self) -> bool:
        """Whether it is ever final."""
        return self.ended < math.inf

    @property
    def metadata(self) -> Mapping[str, Any]:
        """What its finished output reports."""
        return {"model": self.variant, "costTime": round(self.seconds)}

    def completed(self, now: float) -> bool:
        """Whether its files are there."""
        return now >= self.ended and not self.doomed

    def status(self, now: float) -> str:
        """Return the service's word for where it stands."""
        if now < self.begun:
            return "pending"
        if now < self.ended:
            return "processing"
        return "failed" if self.doomed else "completed"


def picture_for(order: Order, seed: int) -> Picture:
    """Return the picture that *order* asks for."""
    values = order.input
    ratio, tier = values.get("aspect_ratio") or "auto", values.get("resolution") or "1k"
    width, height = picture_size(ratio, tier)
    return Picture(order.prompt, width, height, seed, order.edits)
