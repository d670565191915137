"""
Strike at every turn of the loop: the same story again and again, cut one turn later.

A trial runs on a loop of its own whose clock jumps. It arms the strike with what is to
happen, and disarms it when the call that is to be hit is over; then there is no later
turn to try. A strike may fall between two turns, or into a turn just before or just
after its timers.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

import pytest

from tests.warp import WarpLoop

__all__ = ["Strike", "at_every_turn", "moments"]

moments = pytest.mark.parametrize(
    "moment", ["between", "before-timers", "after-timers"]
)
"""Where in a turn the strike falls."""

NEXT_TO = 1e-10
"""Seconds; timers that close fall into the same turn, in their order."""


class Strike:
    """
    What happens at the chosen turn, counted from `arm`.

    Args:
        turn: Which turn.
        moment: Where in that turn.

    Attributes:
        late: Whether the call was over before.
    """

    def __init__(self, turn: int, moment: str) -> None:
        self._turn = turn
        self._shift = {"before-timers": -NEXT_TO, "after-timers": NEXT_TO}.get(moment)
        self._action: Callable[[], object] | None = None
        self._left = -1
        self.late = False

    def arm(self, action: Callable[[], object]) -> None:
        """Count from here, then do *action*."""
        self._action, self._left = action, self._turn

    def disarm(self) -> None:
        """Note that the call is over."""
        self.late = self._action is not None
        self._action = None

    def tick(self, loop: StrikingLoop) -> None:
        """Note that a turn begins."""
        self._left -= 1
        if self._left == -1 and self._shift is None:
            self._strike()
        elif self._left == -1:
            loop.call_at(loop.next_timer() + (self._shift or 0.0), self._strike)

    def _strike(self) -> None:
        action, self._action = self._action, None
        if action is not None:
            action()


class StrikingLoop(WarpLoop):
    """A loop that tells its strike of every turn."""

    def __init__(self, strike: Strike) -> None:
        super().__init__()
        self._strike = strike

    def next_timer(self) -> float:
        """The clock of the coming turn: it jumps if nothing else is to be done."""
        timers: list[asyncio.TimerHandle] = self._scheduled  # type: ignore[attr-defined]
        idle = not self._ready  # type: ignore[attr-defined]
        return timers[0].when() if idle and timers else self.time()

    def _run_once(self) -> None:
        self._strike.tick(self)
        super()._run_once()  # type: ignore[misc]


def at_every_turn(
    trial: Callable[[Strike], Coroutine[Any, Any, None]], moment: str
) -> int:
    """Run *trial* with the strike at the first turn, the second, …; return how many."""
    complaints: list[dict[str, Any]] = []

    async def watched(strike: Strike) -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: complaints.append(context))
        await trial(strike)
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert not left, f"left behind: {left}"

    for turn in itertools.count():
        strike = Strike(turn, moment)
        try:
            with asyncio.Runner(loop_factory=partial(StrikingLoop, strike)) as runner:
                runner.run(watched(strike))
        except BaseException as error:
            error.add_note(f"The strike fell {moment} at turn {turn}.")
            raise
        if strike.late:
            break
    gc.collect()
    assert not complaints
    return turn
