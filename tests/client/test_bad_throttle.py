"""A throttle that breaks must cost no paid id: it is somebody else's code."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from aivideo_async import AsyncClient, Emulator, GptImage2, LocalThrottle
from aivideo_async.emulator import EmulatorTransport
from tests.warp import warped


class Raising(LocalThrottle):
    """A throttle of which one verb raises, once."""

    def __init__(self, verb: str) -> None:
        super().__init__(rate=100)
        self._verb = verb

    def _once(self, verb: str) -> None:
        if verb == self._verb:
            self._verb = ""
            raise ConnectionError("Redis is gone")

    def when(self, now: float) -> float:
        """Raise, or answer."""
        self._once("when")
        return super().when(now)

    def sent(self, now: float) -> int:
        """Raise, or answer."""
        self._once("sent")
        return super().sent(now)

    def ok(self, now: float, token: int, limited: bool = True) -> None:
        """Raise, or take note."""
        self._once("ok")
        super().ok(now, token, limited)


@warped
@pytest.mark.parametrize("verb", ["when", "sent", "ok"])
async def test_a_throttle_that_raises_loses_nothing(verb: str, caplog: Any):
    """The task is bought once and returned; the log tells of the throttle."""
    emulator = Emulator(speed=1)
    client = AsyncClient(transport=EmulatorTransport(emulator), throttle=Raising(verb))
    async with client:
        with caplog.at_level(logging.ERROR, "aivideo_async"):
            task = await client.generate(GptImage2("a mug"))
    assert [task.id] == [charge.task_id for charge in emulator.ledger.charges]
    assert "The throttle raised" in caplog.text
    emulator.ledger.assert_clean()


@warped
async def test_a_throttle_that_raises_spoils_no_stats():
    """They can be asked for at any time; nothing is sent for a second."""
    transport = EmulatorTransport(Emulator())
    async with AsyncClient(transport=transport, throttle=Raising("when")) as client:
        assert 1.0 == client.stats().held_for
        assert client.stats().held_for <= 0.01


@warped
async def test_a_hold_shows_in_the_stats():
    """Whoever wonders why nothing happens can see for how long."""
    throttle = LocalThrottle(rate=100)
    client = AsyncClient(transport=EmulatorTransport(Emulator()), throttle=throttle)
    async with client:
        assert 0.0 == client.stats().held_for
        throttle.reject(0.0, throttle.sent(0.0), 30.0)
        assert 29.0 <= client.stats().held_for <= 32.0
